/**
 * Packets put together from their fields, for vectors and engine tests. None of the project's own code
 * takes part: addresses are read by ipaddr.js, checksums are arithmetic modulo 65535, and each header is
 * written here once more, from the RFC.
 */
import ipaddr from 'ipaddr.js';
import { referenceChecksum } from '../wire/octet-arrays.js';
import { packet } from '../wire/vectors.js';

/** Octets of hex text; white space does not count. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

/** Hex text of octets. */
export function toHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}

/** The IPv6 packet in a frame of the shared capture. */
export function innerOf(frame: string): Uint8Array {
  const b = packet(frame);
  return b.slice(20, 60 + b[24] * 256 + b[25]);
}

/** Octets of an IPv4 or IPv6 address. */
export function address(text: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(text).toByteArray());
}

/** Big-endian 16 bits. */
export function be16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

/** Big-endian 32 bits. */
export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value)];
}

/** `octets` octets that are no packet: 0, 1, 2 and so on. */
export function filler(octets: number): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => i);
}

/** Protocol and next header numbers. */
export const Next = {
  hopByHop: 0,
  icmp4: 1,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  icmp6: 58,
  none: 59,
  destination: 60,
} as const;

/** An IPv4 header, RFC 791 section 3.1. Lengths are worked out unless they are given. */
export interface Ipv4Header {
  readonly src: string;
  readonly dst: string;
  readonly protocol?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly identification?: number;
  /** Flags and fragment offset: 0x4000 is DF, 0x2000 MF. */
  readonly flags?: number;
  /** Octets of options, a multiple of four. */
  readonly options?: Uint8Array;
  readonly version?: number;
  /** 32-bit words. */
  readonly headerLen?: number;
  readonly totalLen?: number;
}

/** An IPv4 packet; protocol 41 unless it is said. */
export function ipv4(header: Ipv4Header, payload: Uint8Array): Uint8Array {
  const options = header.options ?? new Uint8Array(0);
  const len = 20 + options.length;
  const b = Uint8Array.of(
    ((header.version ?? 4) << 4) | (header.headerLen ?? len / 4),
    header.tos ?? 0,
    ...be16(header.totalLen ?? len + payload.length),
    ...be16(header.identification ?? 0),
    ...be16(header.flags ?? 0),
    header.ttl ?? 64,
    header.protocol ?? Next.ipv6,
    ...[0, 0],
    ...address(header.src),
    ...address(header.dst),
    ...options,
  );
  b.set(be16(referenceChecksum(b)), 10);
  return join(b, payload);
}

/** A UDP datagram in an IPv4 packet, RFC 768; ends are `address:port`. `more` is of the IPv4 header, and its lengths. */
export function datagram(
  from: string,
  to: string,
  payload: Uint8Array,
  { checksum, udpLen = 8 + payload.length, ...more }: Partial<Ipv4Header> & { readonly checksum?: number; readonly udpLen?: number } = {},
): Uint8Array {
  const [src, source] = from.split(':');
  const [dst, destination] = to.split(':');
  const udp = join(Uint8Array.of(...be16(Number(source)), ...be16(Number(destination)), ...be16(udpLen), 0, 0), payload);
  const pseudo = Uint8Array.of(...address(src), ...address(dst), 0, Next.udp, ...be16(udpLen));
  udp.set(be16(checksum ?? (referenceChecksum(pseudo, udp) || 0xffff)), 6);
  return ipv4({ src, dst, protocol: Next.udp, ...more }, udp);
}

/** An IPv6 header, RFC 8200 section 3. */
export interface Ipv6Header {
  readonly src: string;
  readonly dst: string;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly version?: number;
  readonly payloadLen?: number;
}

/** An IPv6 packet. */
export function ipv6(header: Ipv6Header, next: number, payload: Uint8Array): Uint8Array {
  const first = (((header.version ?? 6) << 28) | ((header.trafficClass ?? 0) << 20) | (header.flowLabel ?? 0)) >>> 0;
  const b = Uint8Array.of(
    ...be32(first),
    ...be16(header.payloadLen ?? payload.length),
    next,
    header.hopLimit ?? 64,
    ...address(header.src),
    ...address(header.dst),
  );
  return join(b, payload);
}

/** An ICMPv6 message, RFC 4443 section 2.1: type, code, checksum, then `body`. */
export function icmp6(header: Ipv6Header, type: number, code: number, body: Uint8Array): Uint8Array {
  return ipv6(header, Next.icmp6, sealed6(header, Next.icmp6, join(Uint8Array.of(type, code, 0, 0), body), 2));
}

/** An echo request of `octets` octets in all, header included (RFC 4443 section 4.1). */
export function echoRequest(header: Ipv6Header, octets = 56): Uint8Array {
  return icmp6(header, 128, 0, join(Uint8Array.of(...be16(0x42), ...be16(1)), filler(octets - 48)));
}

/** An echo reply like it. */
export function echoReply(header: Ipv6Header, octets = 56): Uint8Array {
  return icmp6(header, 129, 0, join(Uint8Array.of(...be16(0x42), ...be16(1)), filler(octets - 48)));
}

/** A UDP datagram of `octets` octets in all, IPv6 header included. */
export function udp6(header: Ipv6Header, octets = 64, ports: readonly [from: number, to: number] = [2000, 2001]): Uint8Array {
  const len = octets - 40;
  const udp = join(Uint8Array.of(...be16(ports[0]), ...be16(ports[1]), ...be16(len), 0, 0), filler(len - 8));
  return ipv6(header, Next.udp, sealed6(header, Next.udp, udp, 6));
}

/** Destination unreachable, RFC 4443 section 3.1; code 3 is "address unreachable". */
export function unreachable6(from: string, about: Uint8Array, code = 3): Uint8Array {
  return error6(from, 1, code, 0, about);
}

/** Packet too big, RFC 4443 section 3.2. */
export function tooBig6(from: string, mtu: number, about: Uint8Array): Uint8Array {
  return error6(from, 2, 0, mtu, about);
}

/** Time exceeded, RFC 4443 section 3.3. */
export function timeExceeded6(from: string, about: Uint8Array): Uint8Array {
  return error6(from, 3, 0, 0, about);
}

/** An ICMPv6 error to the source of `about`, cut to 1280 octets in all (RFC 4443 section 2.4 c). */
function error6(src: string, type: number, code: number, parameter: number, about: Uint8Array): Uint8Array {
  const dst = ipaddr.fromByteArray([...about.subarray(8, 24)]).toString();
  return icmp6({ src, dst }, type, code, join(Uint8Array.of(...be32(parameter)), about.subarray(0, 1280 - 48)));
}

/** An ICMPv4 error, RFC 792, about an IPv4 packet of which `quoted` octets come back. */
export function icmp4Error(
  ends: { readonly src: string; readonly dst: string },
  type: number,
  code: number,
  parameter: number,
  about: Uint8Array,
  quoted = about.length,
): Uint8Array {
  const b = join(Uint8Array.of(type, code, 0, 0, ...be32(parameter)), about.subarray(0, quoted));
  b.set(be16(referenceChecksum(b)), 2);
  return ipv4({ ...ends, protocol: Next.icmp4 }, b);
}

/** All parts in a row. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** `b` with its checksum at `at`, under the pseudo-header of RFC 8200 section 8.1. */
function sealed6(header: Ipv6Header, next: number, b: Uint8Array, at: number): Uint8Array {
  const pseudo = Uint8Array.of(...address(header.src), ...address(header.dst), ...be32(b.length), 0, 0, 0, next);
  b.set(be16(referenceChecksum(pseudo, b) || 0xffff), at);
  return b;
}
