/**
 * ICMPv6, RFC 4443: the errors that a tunnel originates.
 *
 *    0               1               2               3
 *   |     type      |     code      |           checksum            |  0
 *   |            parameter: unused, MTU, or pointer                 |  4
 *   |            as much of the packet in question as fits          |  8
 *
 * The IPv6 packet in question has passed `isIpv6`.
 */
import { checksum6 } from './checksum.js';
import { upperLayer, upperProtocol } from './extension.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, isMulticast6, isUnspecified6, MIN_MTU, NextHeader, writeIpv6 } from './ipv6.js';
import { copy, put16, put32 } from './octets.js';

/** Octets in front of the quoted packet. */
export const ICMP6_LEN = 8;

/** Types. */
export const Icmp6 = {
  unreachable: 1,
  tooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
} as const;

/** Types below this are errors, RFC 4443 section 2.1. */
const FIRST_INFORMATIONAL = 128;
const ERROR_HOP_LIMIT = 64;

/**
 * True when an error may be sent about the packet at `b[off..end)`, RFC 4443 section 2.4 e: it is no
 * ICMPv6 error or redirect itself, one node sent it, and to one node. Where extension headers cannot
 * be walked, or hide an ICMPv6 type in another fragment, the answer is no. Its exceptions for
 * multicast destinations are not made: no tunnel carries those.
 */
export function mayAnswer6(b: Uint8Array, off: number, end: number): boolean {
  if (isUnspecified6(b, off + IPV6_SRC) || isMulticast6(b, off + IPV6_SRC) || isMulticast6(b, off + IPV6_DST)) return false;
  const upper = upperLayer(b, off, end);
  if (upper < 0) return false;
  const protocol = upperProtocol(b, off, end);
  if (protocol === NextHeader.fragment) return b[upper] !== NextHeader.icmp6;
  if (protocol !== NextHeader.icmp6) return true;
  return upper < end && b[upper] >= FIRST_INFORMATIONAL && b[upper] !== Icmp6.redirect;
}

/**
 * Writes a whole IPv6 packet at `out[at..)`: an ICMPv6 error from the address at
 * `source[sourceOff..+16)` to the source of the IPv6 packet at `b[off..end)`, which it quotes.
 * `parameter` is the 32 bits after the checksum. Returns the end, at most 1280 octets after `at`
 * (RFC 4443 section 2.4 c). `out` may be `b` at another place.
 */
export function writeIcmp6Error(
  out: Uint8Array,
  at: number,
  source: Uint8Array,
  sourceOff: number,
  type: number,
  code: number,
  parameter: number,
  b: Uint8Array,
  off: number,
  end: number,
): number {
  const icmp = at + IPV6_LEN;
  const quote = Math.min(end - off, MIN_MTU - IPV6_LEN - ICMP6_LEN);
  const last = icmp + ICMP6_LEN + quote;
  writeIpv6(out, at, last - icmp, NextHeader.icmp6, ERROR_HOP_LIMIT);
  copy(source, sourceOff, out, at + IPV6_SRC, ADDRESS_LEN);
  copy(b, off + IPV6_SRC, out, at + IPV6_DST, ADDRESS_LEN);
  copy(b, off, out, icmp + ICMP6_LEN, quote);
  out[icmp] = type;
  out[icmp + 1] = code;
  put16(out, icmp + 2, 0);
  put32(out, icmp + 4, parameter);
  put16(out, icmp + 2, checksum6(out, at + IPV6_SRC, NextHeader.icmp6, icmp, last));
  return last;
}
