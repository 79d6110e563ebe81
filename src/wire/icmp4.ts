/**
 * ICMPv4, RFC 792: the errors that come back about outer packets, RFC 1191 and RFC 1812 section 4.3.
 *
 *    0               1               2               3
 *   |     type      |     code      |           checksum            |  0
 *   |            parameter: unused, pointer, or next-hop MTU (low half)  4
 *   |            the IPv4 header of the packet in question          |  8
 *   |            and as much of what followed it as there is        |
 *
 * Offsets are octets from the ICMP header. After `isIcmp4Error` no accessor can fail.
 */
import { checksum } from './checksum.js';
import { headerLen4, IPV4_LEN, Protocol, src4, writeIpv4 } from './ipv4.js';
import { copy, put16, put32, u16 } from './octets.js';

/** Octets in front of the quoted packet. */
export const ICMP4_LEN = 8;

/** Types. */
export const Icmp4 = { echoReply: 0, unreachable: 3, echoRequest: 8, timeExceeded: 11, parameterProblem: 12 } as const;

/** Code of "destination unreachable" that carries a next-hop MTU: too big and DF set, RFC 1191 section 4. */
export const FRAGMENTATION_NEEDED = 4;

/** An error quotes as much of the packet as fits in this many octets in all, RFC 1812 section 4.3.2.3. */
const ERROR_MAX = 576;
/** Precedence "internetwork control", RFC 1812 section 4.3.2.5. */
const ERROR_TOS = 0xc0;
const ERROR_TTL = 64;

/**
 * True when `b[off..end)` is an ICMP error that says which packet it is about: type 3, 11 or 12,
 * checksum right, a whole IPv4 header quoted. What is quoted after that header may be cut anywhere.
 */
export function isIcmp4Error(b: Uint8Array, off: number, end: number): boolean {
  if (end - off < ICMP4_LEN + IPV4_LEN) return false;
  const type = b[off];
  if (type !== Icmp4.unreachable && type !== Icmp4.timeExceeded && type !== Icmp4.parameterProblem) return false;
  const quoted = off + ICMP4_LEN;
  if (b[quoted] >>> 4 !== 4) return false;
  const header = headerLen4(b, quoted);
  return header >= IPV4_LEN && header <= end - quoted && checksum(b, off, end) === 0;
}

/** Type. */
export function icmp4Type(b: Uint8Array, off: number): number {
  return b[off];
}

/** Code. */
export function icmp4Code(b: Uint8Array, off: number): number {
  return b[off + 1];
}

/** MTU of the hop that a packet was too big for, octets; 0 from routers older than RFC 1191: see {@link plateauMtu}. */
export function nextHopMtu4(b: Uint8Array, off: number): number {
  return u16(b, off + 6);
}

/** Offset of the quoted IPv4 header. */
export function quoted4(off: number): number {
  return off + ICMP4_LEN;
}

const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296] as const;
/** The smallest MTU of an IPv4 link, RFC 791 section 3.2. */
export const MIN_MTU4 = 68;

/** The next lower plateau for a packet of `totalLen` octets that did not fit, where the router names no MTU: RFC 1191 section 7.1. */
export function plateauMtu(totalLen: number): number {
  for (let i = 0; i < PLATEAUS.length; i++) if (PLATEAUS[i] < totalLen) return PLATEAUS[i];
  return MIN_MTU4;
}

/**
 * Writes a whole IPv4 packet at `out[at..)`: an ICMP error from `source` to the source of the IPv4
 * packet at `b[off..end)`, which it quotes. `parameter` is the 32 bits after the checksum.
 * Returns the end, at most 576 octets after `at`. `out` may be `b` at another place.
 */
export function writeIcmp4Error(
  out: Uint8Array,
  at: number,
  source: number,
  type: number,
  code: number,
  parameter: number,
  b: Uint8Array,
  off: number,
  end: number,
): number {
  const icmp = at + IPV4_LEN;
  const quote = Math.min(end - off, ERROR_MAX - IPV4_LEN - ICMP4_LEN);
  const last = icmp + ICMP4_LEN + quote;
  writeIpv4(out, at, last - at, ERROR_TOS, 0, ERROR_TTL, Protocol.icmp, source, src4(b, off));
  copy(b, off, out, icmp + ICMP4_LEN, quote);
  out[icmp] = type;
  out[icmp + 1] = code;
  put16(out, icmp + 2, 0);
  put32(out, icmp + 4, parameter);
  put16(out, icmp + 2, checksum(out, icmp, last));
  return last;
}
