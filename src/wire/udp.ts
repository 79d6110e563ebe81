/**
 * UDP over IPv4, RFC 768.
 *
 *    0               1               2               3
 *   |          source port          |       destination port        |  0
 *   |            length             |           checksum            |  4
 *   |                            payload                            |  8
 *
 * `ip` is the offset of the IPv4 header, `udp` that of the UDP header. After `isUdp4` no accessor can fail.
 */
import type { Frame } from '../core/frame.js';
import { addWords, fold, ipv4ChecksumOk } from './checksum.js';
import { fragment4, headerLen4, IPV4_DST, IPV4_LEN, IPV4_SRC, isIpv4, Protocol, protocol4, totalLen4, writeIpv4 } from './ipv4.js';
import { put16, u16 } from './octets.js';

/** Octets in a header. */
export const UDP_LEN = 8;

const DATAGRAM_TTL = 64;
/** To a group, whose first four bits are these: it goes no further than the link. */
const GROUP_TTL = 1;
const GROUP = 0xe;
/** More fragments, or an offset. */
const FRAGMENT = 0x3fff;

/**
 * True when `b[ip..end)` starts with an IPv4 packet, header checksum right and no fragment, that carries a whole
 * UDP datagram: its length lies within the packet, and its checksum is right or absent (0).
 *
 * The bare sum of the pseudo header counts as right, too: it is what the kernel leaves for a network card to complete,
 * and what a packet socket or a capture sees of a packet that came from this machine, as over a veth pair.
 */
export function isUdp4(b: Uint8Array, ip: number, end: number): boolean {
  if (!isIpv4(b, ip, end) || protocol4(b, ip) !== Protocol.udp || (fragment4(b, ip) & FRAGMENT) !== 0) return false;
  const udp = udpOffset4(b, ip);
  const room = ip + totalLen4(b, ip) - udp;
  if (room < UDP_LEN || !ipv4ChecksumOk(b, ip, udp - ip)) return false;
  const len = udpLen(b, udp);
  if (len < UDP_LEN || len > room) return false;
  const carried = u16(b, udp + 6);
  if (carried === 0) return true;
  const pseudo = pseudoSum(b, ip, len);
  return fold(addWords(pseudo, b, udp, udp + len)) === 0 || carried === (fold(pseudo) ^ 0xffff);
}

/** Offset of the UDP header behind the IPv4 header at `ip`. */
export function udpOffset4(b: Uint8Array, ip: number): number {
  return ip + headerLen4(b, ip);
}

/** Source port. */
export function udpSource(b: Uint8Array, udp: number): number {
  return u16(b, udp);
}

/** Destination port. */
export function udpDestination(b: Uint8Array, udp: number): number {
  return u16(b, udp + 2);
}

/** Octets in the datagram, its header included; the payload is `b[udp + UDP_LEN..udp + udpLen)`. */
export function udpLen(b: Uint8Array, udp: number): number {
  return u16(b, udp + 4);
}

/**
 * Writes the header of the datagram `b[udp..end)`, whose payload is there already, as are the addresses in the IPv4
 * header at `ip`. A checksum of 0 is sent as 0xffff: 0 says that there is none.
 */
export function writeUdp4(b: Uint8Array, ip: number, udp: number, end: number, source: number, destination: number): void {
  put16(b, udp, source);
  put16(b, udp + 2, destination);
  put16(b, udp + 4, end - udp);
  put16(b, udp + 6, 0);
  const sum = fold(addWords(pseudoSum(b, ip, end - udp), b, udp, end));
  put16(b, udp + 6, sum === 0 ? 0xffff : sum);
}

/** What a frame of payload and endpoint becomes on the wire: a whole IPv4 packet from `local` and `port`, TTL 64, to a group 1, no DF. Cold. */
export function datagram4({ b, off, end, remote }: Frame, local: number, port: number): Uint8Array {
  const packet = new Uint8Array(IPV4_LEN + UDP_LEN + end - off);
  packet.set(b.subarray(off, end), IPV4_LEN + UDP_LEN);
  const ttl = remote.addr >>> 28 === GROUP ? GROUP_TTL : DATAGRAM_TTL;
  writeIpv4(packet, 0, packet.length, 0, 0, ttl, Protocol.udp, local, remote.addr);
  writeUdp4(packet, 0, IPV4_LEN, packet.length, port, remote.port);
  return packet;
}

/** Sum over source, destination, protocol and length. */
function pseudoSum(b: Uint8Array, ip: number, len: number): number {
  return addWords(Protocol.udp + len, b, ip + IPV4_SRC, ip + IPV4_DST + 4);
}
