/**
 * Neighbor solicitations and advertisements, RFC 4861 sections 4.3 and 4.4. Functions here work on
 * whole IPv6 packets.
 *
 *   |  135 or 136   |       0       |           checksum            |  0
 *   |R S O in 136   |                  reserved                     |  4
 *   |                target address (16 octets)                     |  8
 *   | options ...                                                     24
 *
 * Link-layer address options are never written, nor looked for: in a tunnel addresses carry them
 * (RFC 4213 section 3.8).
 */
import { Icmp6 } from './icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, isMulticast6, isUnspecified6, totalLen6 } from './ipv6.js';
import { findOption, isMessage, Option, writeMessage } from './ndisc.js';
import { copy, i32, put32 } from './octets.js';

/** Octets from the start of the IPv6 packet to the target address. */
export const TARGET = IPV6_LEN + 8;
/** Octets that either writer writes. */
export const NEIGHBOR_MESSAGE_LEN = TARGET + ADDRESS_LEN;

/** Octets of a message before its options. */
const FIXED_LEN = NEIGHBOR_MESSAGE_LEN - IPV6_LEN;
const FLAGS = IPV6_LEN + 4;
const ROUTER = 0x80;
const SOLICITED = 0x40;

/**
 * True when `b[off..end)` is a valid neighbor solicitation, RFC 4861 section 7.1.1. From no address at all it asks
 * whether an address is taken: then to the solicited-node group of its target, and without a link-layer address.
 */
export function isNeighborSolicitation(b: Uint8Array, off: number, end: number): boolean {
  if (!isMessage(b, off, end, Icmp6.neighborSolicitation, FIXED_LEN) || isMulticast6(b, off + TARGET)) return false;
  if (!isUnspecified6(b, off + IPV6_SRC)) return true;
  const options = off + NEIGHBOR_MESSAGE_LEN;
  return isSolicitedNode(b, off + IPV6_DST) && findOption(b, options, off + totalLen6(b, off), Option.sourceLinkLayer) < 0;
}

/** True when `b[off..end)` is a valid neighbor advertisement, RFC 4861 section 7.1.2. */
export function isNeighborAdvertisement(b: Uint8Array, off: number, end: number): boolean {
  if (!isMessage(b, off, end, Icmp6.neighborAdvertisement, FIXED_LEN) || isMulticast6(b, off + TARGET)) return false;
  return !isMulticast6(b, off + IPV6_DST) || !isSolicited(b, off);
}

/** The S flag of the neighbor advertisement at `off`: it answers a solicitation, so the way there and back works. */
export function isSolicited(b: Uint8Array, off: number): boolean {
  return (b[off + FLAGS] & SOLICITED) !== 0;
}

/**
 * Writes a unicast neighbor solicitation, to the very address that it asks about (RFC 4861 section 7.3.3), with its
 * IPv6 header at `at`, and returns its end. The target is the sixteen octets at `target[targetOff..)`.
 */
export function writeNeighborSolicitation(out: Uint8Array, at: number, source: Uint8Array, target: Uint8Array, targetOff: number): number {
  put32(out, at + FLAGS, 0);
  copy(target, targetOff, out, at + TARGET, ADDRESS_LEN);
  return writeMessage(out, at, at + NEIGHBOR_MESSAGE_LEN, Icmp6.neighborSolicitation, source, 0, target, targetOff);
}

/**
 * Writes the answer to a solicitation: a solicited neighbor advertisement from its target (the sixteen octets at
 * `target[targetOff..)`) to whoever asked, with its IPv6 header at `at`; returns its end. RFC 4861 section 7.2.4: it has no
 * link-layer address, so there is none to override.
 */
export function writeNeighborAdvertisement(
  out: Uint8Array,
  at: number,
  target: Uint8Array,
  targetOff: number,
  destination: Uint8Array,
  destinationOff: number,
  isRouter: boolean,
): number {
  put32(out, at + FLAGS, ((isRouter ? ROUTER : 0) | SOLICITED) << 24);
  copy(target, targetOff, out, at + TARGET, ADDRESS_LEN);
  return writeMessage(out, at, at + NEIGHBOR_MESSAGE_LEN, Icmp6.neighborAdvertisement, target, targetOff, destination, destinationOff);
}

/** True when the address at `b[off..)` is in ff02::1:ff00:0/104, RFC 4291 section 2.7.1. */
function isSolicitedNode(b: Uint8Array, off: number): boolean {
  return i32(b, off) === (0xff020000 | 0) && i32(b, off + 4) === 0 && i32(b, off + 8) === 1 && b[off + 12] === 0xff;
}
