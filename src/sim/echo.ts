/** Echo requests of either family, and who answered them: RFC 792, RFC 4443 section 4. */
import type { Millis } from '../core/clock.js';
import { checksum, checksum6 } from '../wire/checksum.js';
import { upperLayer } from '../wire/extension.js';
import { Icmp4 } from '../wire/icmp4.js';
import { Icmp6 } from '../wire/icmp6.js';
import { fragment4, headerLen4, IPV4_LEN, Protocol, protocol4, writeIpv4 } from '../wire/ipv4.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, NextHeader, writeIpv6 } from '../wire/ipv6.js';
import { copy, put16, u16, u32 } from '../wire/octets.js';
import { type Address, SIZE4 } from './address.js';

/** Octets in an echo header. */
export const ECHO_LEN = 8;

/** What a host heard about one of its echo requests. */
export interface EchoAnswer {
  readonly sequence: number;
  readonly kind: 'reply' | 'time_exceeded' | 'too_big' | 'unreachable' | 'other_error';
  /** Who says so. */
  readonly from: Address;
  readonly at: Millis;
  /** Octets of data that came back; 0 for errors. */
  readonly size: number;
}

/** Writes an echo request with `size` octets of data; the data counts up from `sequence`. */
export function echoRequest(
  source: Address,
  destination: Address,
  hopLimit: number,
  id: number,
  sequence: number,
  size: number,
): Uint8Array {
  const is4 = destination.length === SIZE4;
  const header = is4 ? IPV4_LEN : IPV6_LEN;
  const packet = new Uint8Array(header + ECHO_LEN + size);
  packet[header] = is4 ? Icmp4.echoRequest : Icmp6.echoRequest;
  put16(packet, header + 4, id);
  put16(packet, header + 6, sequence);
  for (let i = 0; i < size; i++) packet[header + ECHO_LEN + i] = sequence + i;
  if (is4) {
    writeIpv4(packet, 0, packet.length, 0, 0, hopLimit, Protocol.icmp, u32(source, 0), u32(destination, 0));
    put16(packet, header + 2, checksum(packet, header, packet.length));
  } else {
    writeIpv6(packet, 0, packet.length - header, NextHeader.icmp6, hopLimit);
    copy(source, 0, packet, IPV6_SRC, ADDRESS_LEN);
    copy(destination, 0, packet, IPV6_DST, ADDRESS_LEN);
    put16(packet, header + 2, checksum6(packet, IPV6_SRC, NextHeader.icmp6, header, packet.length));
  }
  return packet;
}

/** Offset of the echo request that the IPv4 packet at `b[off..end)`, cut anywhere, carries; -1 when it carries none. */
export function quotedEcho4(b: Uint8Array, off: number, end: number): number {
  if (end - off < IPV4_LEN || protocol4(b, off) !== Protocol.icmp || (fragment4(b, off) & 0x1fff) !== 0) return -1;
  const at = off + headerLen4(b, off);
  return at + ECHO_LEN <= end && b[at] === Icmp4.echoRequest ? at : -1;
}

/** Offset of the echo request that the IPv6 packet at `b[off..end)`, cut anywhere, carries; -1 when it carries none. */
export function quotedEcho6(b: Uint8Array, off: number, end: number): number {
  if (end - off < IPV6_LEN) return -1;
  const at = upperLayer(b, off, end);
  return at >= 0 && at + ECHO_LEN <= end && b[at] === Icmp6.echoRequest ? at : -1;
}

/** Identifier of the echo header at `at`. */
export function echoId(b: Uint8Array, at: number): number {
  return u16(b, at + 4);
}

/** Sequence number of the echo header at `at`. */
export function echoSequence(b: Uint8Array, at: number): number {
  return u16(b, at + 6);
}
