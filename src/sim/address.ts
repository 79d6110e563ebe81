/**
 * Addresses of either family as octets in network order: 4 of them or 16; the number is the family.
 * Routing tables, interfaces and links of the simulator treat both alike.
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../wire/address.js';
import { put32, u16, u32 } from '../wire/octets.js';
import { SimulationError } from './simulation-error.js';

/** An IPv4 or IPv6 address. */
export type Address = Uint8Array;

/** Octets in an IPv4 address. */
export const SIZE4 = 4;
/** Octets in an IPv6 address. */
export const SIZE6 = 16;

/** An address with a prefix length; where a prefix is meant, the bits after `len` do not count. */
export interface Subnet {
  readonly addr: Address;
  /** Bits. */
  readonly len: number;
}

/** The address at `b[off..off+size)`, cut to `len` bits, as a key for maps: one character for 16 bits. */
export function addressKey(b: Uint8Array, off: number, size: number, len = 8 * size): string {
  // What most are asked for, many times a packet.
  if (len === 8 * SIZE4) return String.fromCharCode(u16(b, off), u16(b, off + 2));
  let key = '';
  for (let at = 0; 8 * at < len; at += 2) {
    const left = len - 8 * at;
    key += String.fromCharCode(left >= 16 ? u16(b, off + at) : u16(b, off + at) & (0xffff << (16 - left)));
  }
  return key;
}

/** True when the addresses are the same. */
export function sameAddress(a: Address, b: Uint8Array, off: number): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[off + i]) return false;
  return true;
}

/** Number of leading bits that the address has in common with the one at `b[off..)`. */
export function commonBits(a: Address, b: Uint8Array, off: number): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i] ^ b[off + i];
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return 8 * a.length;
}

/** True when the address at `b[off..)`, of the family of `subnet`, lies in it. */
export function inSubnet(subnet: Subnet, b: Uint8Array, off: number): boolean {
  return commonBits(subnet.addr, b, off) >= subnet.len;
}

/** True for IPv4 224.0.0.0/4 and IPv6 ff00::/8. */
export function isMulticast(b: Uint8Array, off: number, size: number): boolean {
  return size === SIZE4 ? b[off] >>> 4 === 14 : b[off] === 0xff;
}

/** True for IPv6 fe80::/10 and IPv4 169.254.0.0/16. */
export function isLinkLocal(b: Uint8Array, off: number, size: number): boolean {
  return size === SIZE4 ? u16(b, off) === 0xa9fe : b[off] === 0xfe && b[off + 1] >>> 6 === 2;
}

/** True for the loopback range of either family. */
export function isLoopback(b: Uint8Array, off: number, size: number): boolean {
  return size === SIZE4 ? b[off] === 127 : isNumber(b, off, 1);
}

/** True for 0.0.0.0 and ::. */
export function isUnspecified(b: Uint8Array, off: number, size: number): boolean {
  return size === SIZE4 ? u32(b, off) === 0 : isNumber(b, off, 0);
}

/** The octets of an IPv4 number. */
export function fromIpv4(addr: number): Address {
  const octets = new Uint8Array(SIZE4);
  put32(octets, 0, addr);
  return octets;
}

/** Reads an address as people write it. Throws `bad_address`. */
export function parseAddress(text: string): Address {
  const v4 = parseIpv4(text);
  const addr = v4 === null ? parseIpv6(text) : fromIpv4(v4);
  if (addr === null) throw new SimulationError('bad_address', `address "${text}": expected an IPv4 or IPv6 address`);
  return addr;
}

/** Reads `address/length`, `default4` or `default6`. Throws `bad_address`. */
export function parseSubnet(text: string): Subnet {
  if (text === 'default4') return { addr: new Uint8Array(SIZE4), len: 0 };
  if (text === 'default6' || text === 'default') return { addr: new Uint8Array(SIZE6), len: 0 };
  const [address, length, ...more] = text.split('/');
  const addr = parseAddress(address);
  const len = Number(length);
  if (!/^[0-9]{1,3}$/.test(length ?? '') || len > 8 * addr.length || more.length > 0) {
    throw new SimulationError('bad_address', `prefix "${text}": expected address/length with a length of 0 to ${8 * addr.length}`);
  }
  return { addr, len };
}

/** The address as people write it. */
export function formatAddress(addr: Address): string {
  return addr.length === SIZE4 ? formatIpv4(u32(addr, 0)) : formatIpv6(addr);
}

function isNumber(b: Uint8Array, off: number, low: number): boolean {
  return u32(b, off) === 0 && u32(b, off + 4) === 0 && u32(b, off + 8) === 0 && u32(b, off + 12) === low;
}
