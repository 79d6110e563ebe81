/**
 * IPv6 header, RFC 8200 section 3.
 *
 *   |Ver 6 | traffic class |              flow label                |  0
 *   |       payload length        |  next header  |   hop limit     |  4
 *   |                  source address (16 octets)                   |  8
 *   |               destination address (16 octets)                 | 24
 *
 * `isIpv6` is the only place where bounds are tested; after it no accessor can fail.
 */
import { put16, u16, u32 } from './octets.js';

/** Octets in the header. */
export const IPV6_LEN = 40;
/** Offset of the source address. */
export const IPV6_SRC = 8;
/** Offset of the destination address. */
export const IPV6_DST = 24;
/** Octets in an address. */
export const ADDRESS_LEN = 16;
/** `::`, no address at all. */
export const UNSPECIFIED: Uint8Array = new Uint8Array(ADDRESS_LEN);
/** The smallest MTU of an IPv6 link, RFC 8200 section 5. */
export const MIN_MTU = 1280;

/** Next header values that tunnels look at. */
export const NextHeader = { hopByHop: 0, routing: 43, fragment: 44, icmp6: 58, none: 59, destination: 60 } as const;

/** True when `b[off..end)` starts with a whole IPv6 packet; octets after it may follow (padding, trailers). */
export function isIpv6(b: Uint8Array, off: number, end: number): boolean {
  return end - off >= IPV6_LEN && b[off] >>> 4 === 6 && end - off >= IPV6_LEN + u16(b, off + 4);
}

/** Octets in the packet, header included. */
export function totalLen6(b: Uint8Array, off: number): number {
  return IPV6_LEN + u16(b, off + 4);
}

/** Traffic class: DSCP in the upper six bits, ECN in the lower two. */
export function trafficClass6(b: Uint8Array, off: number): number {
  return ((b[off] & 0x0f) << 4) | (b[off + 1] >>> 4);
}

/** Replaces the ECN field, the two lowest bits of the traffic class. */
export function setEcn6(b: Uint8Array, off: number, ecn: number): void {
  b[off + 1] = (b[off + 1] & 0xcf) | (ecn << 4);
}

/** Type of the header that follows. */
export function nextHeader6(b: Uint8Array, off: number): number {
  return b[off + 6];
}

/** Hop limit. */
export function hopLimit6(b: Uint8Array, off: number): number {
  return b[off + 7];
}

/** Replaces the hop limit. */
export function setHopLimit6(b: Uint8Array, off: number, hopLimit: number): void {
  b[off + 7] = hopLimit;
}

/** True when the address at `off` is `::`. */
export function isUnspecified6(b: Uint8Array, off: number): boolean {
  return (u32(b, off) | u32(b, off + 4) | u32(b, off + 8) | u32(b, off + 12)) === 0;
}

/** True when the address at `off` lies in ff00::/8. */
export function isMulticast6(b: Uint8Array, off: number): boolean {
  return b[off] === 0xff;
}

/** True when the address at `off` lies in fe80::/10. */
export function isLinkLocal6(b: Uint8Array, off: number): boolean {
  return b[off] === 0xfe && (b[off + 1] & 0xc0) === 0x80;
}

/** Writes version, traffic class 0, flow label 0 and the fields given at `off`; addresses are the caller's to write. */
export function writeIpv6(b: Uint8Array, off: number, payloadLen: number, nextHeader: number, hopLimit: number): void {
  b[off] = 0x60;
  b[off + 1] = 0;
  b[off + 2] = 0;
  b[off + 3] = 0;
  put16(b, off + 4, payloadLen);
  b[off + 6] = nextHeader;
  b[off + 7] = hopLimit;
}
