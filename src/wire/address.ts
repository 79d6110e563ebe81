/**
 * IPv4 and IPv6 addresses and prefixes as text. Text lives at the edges only: configuration,
 * command line, logs. Inside, IPv4 is an unsigned 32-bit number and IPv6 sixteen octets.
 *
 * IPv6 is written as RFC 5952 asks: lower case, no leading zeros, the longest run of zero groups
 * (two or more, the first of equals) as `::`. Mixed notation only for `::ffff:0:0/96` (section 5).
 */
import { put16, put32, u16, u32 } from './octets.js';

/** An IPv4 prefix. */
export interface Prefix4 {
  readonly addr: number;
  /** 0..32. */
  readonly len: number;
}

/** An IPv6 prefix. */
export interface Prefix6 {
  /** Sixteen octets; bits after `len` are zero. */
  readonly addr: Uint8Array;
  /** 0..128. */
  readonly len: number;
}

/** Reads four decimal octets; null for anything else, leading zeros included (they were octal once). */
export function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let addr = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return null;
    const octet = Number(part);
    if (octet > 255) return null;
    addr = addr * 256 + octet;
  }
  return addr;
}

/** `192.0.2.1` for 0xc0000201. */
export function formatIpv4(addr: number): string {
  return `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`;
}

/** Reads an IPv6 address without zone or prefix length into sixteen octets; null for anything else. */
export function parseIpv6(text: string): Uint8Array | null {
  let body = text;
  const tail = /^(.*:)([0-9]+\.[0-9.]+)$/.exec(text);
  if (tail !== null) {
    const v4 = parseIpv4(tail[2]);
    if (v4 === null) return null;
    body = `${tail[1]}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return null;
  const head = halves[0] === '' ? [] : halves[0].split(':');
  const rest = halves.length === 1 || halves[1] === '' ? [] : halves[1].split(':');
  const given = head.length + rest.length;
  if (halves.length === 1 ? given !== 8 : given > 7) return null;
  const groups = [...head, ...Array<string>(8 - given).fill('0'), ...rest];
  const b = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(groups[i])) return null;
    put16(b, 2 * i, Number.parseInt(groups[i], 16));
  }
  return b;
}

/** RFC 5952 text of the sixteen octets at `off`. */
export function formatIpv6(b: Uint8Array, off = 0): string {
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push(u16(b, off + 2 * i));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) return `::ffff:${formatIpv4(u32(b, off + 12))}`;
  let start = 0;
  let run = 0;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > run) {
      start = i;
      run = n;
    }
  }
  const hex = groups.map((g) => g.toString(16));
  if (run < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + run).join(':')}`;
}

/** Network mask of `len` bits, unsigned. */
export function mask4(len: number): number {
  return len === 0 ? 0 : (0xffffffff << (32 - len)) >>> 0;
}

/** The mask of the `word`-th 32 bits, counted from 0, of an IPv6 prefix of `len` bits; as `mask4`. */
export function mask6(len: number, word: number): number {
  return mask4(Math.min(32, Math.max(0, len - 32 * word)));
}

/** The prefix of `len` bits in the `octets` octets at `b[off..)`: a copy. Bits after it are somebody's mistake or secret: they become zero. */
export function prefix6At(b: Uint8Array, off: number, len: number, octets = 16): Prefix6 {
  const addr = new Uint8Array(16);
  addr.set(b.subarray(off, off + octets));
  for (let word = 0; word < 4; word++) put32(addr, 4 * word, u32(addr, 4 * word) & mask6(len, word));
  return { addr, len };
}

/** True when `addr` can be one host's on a link: not in 0/8, 127/8, 224/4 or 240/4 (RFC 1122 section 3.2.1.3, RFC 1112 section 4). */
export function isUnicast4(addr: number): boolean {
  const first = addr >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** True when `addr` lies in `prefix`. */
export function in4(addr: number, prefix: Prefix4): boolean {
  return ((addr ^ prefix.addr) & mask4(prefix.len)) === 0;
}

/** True when the address at `off` lies in `prefix`. */
export function in6(b: Uint8Array, off: number, prefix: Prefix6): boolean {
  const whole = prefix.len >>> 3;
  for (let i = 0; i < whole; i++) if (b[off + i] !== prefix.addr[i]) return false;
  const rest = prefix.len & 7;
  return rest === 0 || ((b[off + whole] ^ prefix.addr[whole]) & (0xff00 >>> rest) & 0xff) === 0;
}

/** Reads `a.b.c.d/len`, or an address alone as a /32; null for anything else, host bits included. */
export function parsePrefix4(text: string): Prefix4 | null {
  const [address, length, ...more] = text.split('/');
  const addr = parseIpv4(address);
  const len = length === undefined ? 32 : prefixLen(length, 32);
  if (addr === null || len === null || more.length > 0) return null;
  return (addr & ~mask4(len)) === 0 ? { addr, len } : null;
}

/** Reads `address/len`, or an address alone as a /128; null for anything else, host bits included. */
export function parsePrefix6(text: string): Prefix6 | null {
  const [address, length, ...more] = text.split('/');
  const addr = parseIpv6(address);
  const len = length === undefined ? 128 : prefixLen(length, 128);
  if (addr === null || len === null || more.length > 0) return null;
  for (let bit = len; bit < 128; bit++) if ((addr[bit >>> 3] & (0x80 >>> (bit & 7))) !== 0) return null;
  return { addr, len };
}

/** `a.b.c.d/len`. */
export function formatPrefix4(prefix: Prefix4): string {
  return `${formatIpv4(prefix.addr)}/${prefix.len}`;
}

/** `address/len`. */
export function formatPrefix6(prefix: Prefix6): string {
  return `${formatIpv6(prefix.addr)}/${prefix.len}`;
}

function prefixLen(text: string, most: number): number | null {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return null;
  const len = Number(text);
  return len <= most ? len : null;
}
