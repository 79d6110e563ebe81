/**
 * IPv4 header, RFC 791 section 3.1.
 *
 *    0                   1                   2                   3
 *   |Ver 4 | IHL  | DSCP    |ECN|          total length             |  0
 *   |       identification       |0 DF MF|    fragment offset       |  4
 *   |     TTL     |   protocol   |         header checksum          |  8
 *   |                        source address                         | 12
 *   |                     destination address                       | 16
 *
 * `isIpv4` is the only place where bounds are tested; after it no accessor can fail.
 */
import { put16, put32, u16, u32 } from './octets.js';

/** Octets in a header without options. */
export const IPV4_LEN = 20;
/** Offset of the source address. */
export const IPV4_SRC = 12;
/** Offset of the destination address. */
export const IPV4_DST = 16;

/** Protocol numbers that tunnels use. */
export const Protocol = { icmp: 1, udp: 17, ipv6: 41 } as const;

/** True when `b[off..end)` starts with a whole IPv4 packet: version, IHL and total length agree with the octets there are. */
export function isIpv4(b: Uint8Array, off: number, end: number): boolean {
  if (end - off < IPV4_LEN || b[off] >>> 4 !== 4) return false;
  const header = headerLen4(b, off);
  const total = u16(b, off + 2);
  return header >= IPV4_LEN && total >= header && total <= end - off;
}

/** Octets in the header with its options, from IHL. */
export function headerLen4(b: Uint8Array, off: number): number {
  return (b[off] & 0x0f) << 2;
}

/** Octets in the packet. */
export function totalLen4(b: Uint8Array, off: number): number {
  return u16(b, off + 2);
}

/** The old Type of Service octet: DSCP in the upper six bits, ECN in the lower two. */
export function tos4(b: Uint8Array, off: number): number {
  return b[off + 1];
}

/** Flags and fragment offset; 0x4000 is DF, 0x2000 MF, the rest counts 8-octet units. */
export function fragment4(b: Uint8Array, off: number): number {
  return u16(b, off + 6);
}

/** Identification. */
export function identification4(b: Uint8Array, off: number): number {
  return u16(b, off + 4);
}

/** Time to live. */
export function ttl4(b: Uint8Array, off: number): number {
  return b[off + 8];
}

/** Protocol of the payload. */
export function protocol4(b: Uint8Array, off: number): number {
  return b[off + 9];
}

/** Source address, unsigned 32 bits. */
export function src4(b: Uint8Array, off: number): number {
  return u32(b, off + IPV4_SRC);
}

/** Destination address, unsigned 32 bits. */
export function dst4(b: Uint8Array, off: number): number {
  return u32(b, off + IPV4_DST);
}

/** "Don't fragment" in the flags word. */
export const DF = 0x4000;
/** "More fragments" in the flags word. */
export const MF = 0x2000;

/**
 * Writes a header without options at `off`, every octet of it, checksum included.
 * The identification is 0: the IPv4 stack that sends the packet chooses it (RFC 6864 section 4.2).
 */
export function writeIpv4(
  b: Uint8Array,
  off: number,
  totalLen: number,
  tos: number,
  flags: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  b[off] = 0x45;
  b[off + 1] = tos;
  put16(b, off + 2, totalLen);
  put16(b, off + 4, 0);
  put16(b, off + 6, flags);
  b[off + 8] = ttl;
  b[off + 9] = protocol;
  put32(b, off + IPV4_SRC, source);
  put32(b, off + IPV4_DST, destination);
  const sum =
    0x4500 +
    tos +
    totalLen +
    flags +
    ((ttl << 8) | protocol) +
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff);
  // Ten words have carries below 2^4: two additions fold them, and no division is needed.
  const folded = (sum & 0xffff) + (sum >>> 16);
  put16(b, off + 10, ~(folded + (folded >>> 16)));
}
