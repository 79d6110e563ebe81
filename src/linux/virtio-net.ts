/**
 * What the kernel says of a packet beside it, and is told: struct virtio_net_hdr, in front of each packet of a TUN device.
 *
 *   0 flags  1 kind of train  2 octets of headers  4 octets of payload in a segment  6 checksum from  8 checksum at   (10 octets)
 *
 * Numbers of 16 bits are little-endian; offsets count from the beginning of the packet, that of the checksum's place from
 * where it begins to count.
 */
import { IPV6_LEN } from '../wire/ipv6.js';
import { put16 } from '../wire/octets.js';
import { TCP_CHECKSUM } from '../wire/tcp.js';

/** Octets in the header. */
export const VNET_LEN = 10;

const FLAGS = 0;
const TRAIN = 1;
const HEADERS = 2;
const SIZE = 4;
const FROM = 6;
const AT = 8;

/** The checksum is to be completed: in its place is the sum of the pseudo-header. */
const NEEDS_CHECKSUM = 1;
const TCP6 = 4;
/** Beside the kind: the first segment says that the window was reduced. */
const ECN = 0x80;

/** True when the packet behind the header at `off` is one as it would be on a link. */
export function isPlain(b: Uint8Array, off: number): boolean {
  return (b[off + FLAGS] & NEEDS_CHECKSUM) === 0 && b[off + TRAIN] === 0;
}

/** True when the packet is a train of TCP over IPv6. */
export function isTcp6Train(b: Uint8Array, off: number): boolean {
  return (b[off + TRAIN] & ~ECN) === TCP6;
}

/** Octets of payload in each segment of a train but the last. */
export function segmentSize(b: Uint8Array, off: number): number {
  return b[off + SIZE] | (b[off + SIZE + 1] << 8);
}

/** Where the checksum begins to count, from the beginning of the packet. */
export function checksumFrom(b: Uint8Array, off: number): number {
  return b[off + FROM] | (b[off + FROM + 1] << 8);
}

/** Where its place is, from where it begins to count. */
export function checksumAt(b: Uint8Array, off: number): number {
  return b[off + AT] | (b[off + AT + 1] << 8);
}

/** Writes the header of a packet that is as it would be on a link. */
export function writePlain(b: Uint8Array, off: number): void {
  for (let i = off; i < off + VNET_LEN; i++) b[i] = 0;
}

/** Writes the header of a train of TCP over IPv6 without extension headers: `headersLen` octets of headers, `size` of payload in each segment. */
export function writeTcp6Train(b: Uint8Array, off: number, headersLen: number, size: number): void {
  b[off + FLAGS] = NEEDS_CHECKSUM;
  b[off + TRAIN] = TCP6;
  put16(b, off + HEADERS, swap(headersLen));
  put16(b, off + SIZE, swap(size));
  put16(b, off + FROM, swap(IPV6_LEN));
  put16(b, off + AT, swap(TCP_CHECKSUM));
}

function swap(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
