/**
 * In what the packets of a tunnel cross IPv4: protocol 41, whose header the tunnel writes itself, or UDP, whose
 * headers are the business of its sockets.
 */
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Outer } from '../role/role.js';
import { fragment4, headerLen4, IPV4_DST, IPV4_LEN, IPV4_SRC, MF, Protocol, tos4, totalLen4, writeIpv4 } from '../wire/ipv4.js';
import { isIpv6, trafficClass6 } from '../wire/ipv6.js';
import { readTeredo, TeredoMessage } from '../wire/teredo.js';
import type { UdpPort } from './port.js';
import type { TunnelSpec } from './spec.js';

/** See the head of the file. */
export interface Carrier {
  /** Octets that `push` puts in front of an inner packet. */
  readonly headerLen: number;
  /** Reads what arrived in `frame` into `outer`. `Drop.none`, the inner packet being whole, or why there is none. */
  read(frame: Frame, outer: Outer): number;
  /** Readies the packet in `frame` for its way between the endpoints of `outer`. `flags`: of the outer header. */
  push(frame: Frame, outer: Outer, flags: number): void;
}

/** Where a fragment belongs, in the flags word. */
export const FRAGMENT_OFFSET = 0x1fff;
/** A packet with any of these bits in its flags word is a fragment. */
const FRAGMENT = MF | FRAGMENT_OFFSET;

/** IPv6 in IPv4, RFC 4213 section 3. */
export class Protocol41 implements Carrier {
  readonly headerLen = IPV4_LEN;
  readonly #ttl: number;
  readonly #fixedTos: number;
  readonly #dscpMask: number;
  readonly #ecnMask: number;

  constructor({ ttl, dscp, ecn }: TunnelSpec) {
    this.#ttl = ttl;
    this.#fixedTos = dscp === 'copy' ? 0 : dscp << 2;
    this.#dscpMask = dscp === 'copy' ? 0xfc : 0;
    this.#ecnMask = ecn === 'normal' ? 3 : 0;
  }

  read({ b, off }: Frame, outer: Outer): number {
    const inner = off + headerLen4(b, off);
    const end = off + totalLen4(b, off);
    if ((fragment4(b, off) & FRAGMENT) !== 0) return Drop.truncated;
    if (!isIpv6(b, inner, end)) return notIpv6(b, inner, end);
    outer.remote.read(b, off + IPV4_SRC);
    outer.local.read(b, off + IPV4_DST);
    outer.payload = outer.packet = inner;
    outer.payloadEnd = end;
    outer.tos = tos4(b, off);
    return Drop.none;
  }

  push(frame: Frame, outer: Outer, flags: number): void {
    const { b } = frame;
    const traffic = trafficClass6(b, frame.off);
    const tos = this.#fixedTos | (traffic & this.#dscpMask) | (traffic & this.#ecnMask);
    const at = frame.push(IPV4_LEN);
    writeIpv4(b, at, frame.end - at, tos, flags, this.#ttl, Protocol.ipv6, outer.local.bits, outer.remote.bits);
    frame.remote.bits = outer.remote.bits;
  }
}

/** UDP, RFC 4380 section 5.1. Sockets neither tell nor take an outer ECN: it is zero (RFC 9601 section 6.1.3). */
export class Udp implements Carrier {
  readonly headerLen = 0;
  readonly #local: Int32Array;
  readonly #ports: readonly UdpPort[];
  readonly #message = new TeredoMessage();

  /** `local`: the addresses that the sockets are bound to, as `Endpoint.bits`. */
  constructor(local: Int32Array, ports: readonly UdpPort[]) {
    this.#local = local;
    this.#ports = ports;
  }

  read(frame: Frame, outer: Outer): number {
    const message = this.#message;
    const verdict = readTeredo(frame.b, frame.off, frame.end, message);
    if (verdict !== Drop.none) return verdict;
    const { socket } = frame;
    outer.remote.bits = frame.remote.bits;
    outer.remote.port = frame.remote.port;
    outer.local.bits = this.#local[socket];
    outer.local.port = this.#ports[socket].localPort;
    outer.socket = socket;
    outer.payload = frame.off;
    outer.packet = message.packet;
    outer.payloadEnd = frame.end;
    outer.tos = 0;
    return Drop.none;
  }

  push(frame: Frame, outer: Outer): void {
    frame.remote.bits = outer.remote.bits;
    frame.remote.port = outer.remote.port;
    frame.socket = outer.socket;
  }
}

/** Why `b[off..end)` is no whole IPv6 packet. */
export function notIpv6(b: Uint8Array, off: number, end: number): number {
  return off < end && b[off] >>> 4 !== 6 ? Drop.not_ipv6 : Drop.truncated;
}
