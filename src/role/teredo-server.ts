/**
 * Teredo server, RFC 4380 section 5.3: tells clients what their NAT makes of them, and helps them to meet.
 *
 *   a client's router solicitation            -> a router advertisement
 *   a bubble or ICMPv6 message, to a client   -> that client's NAT, with its sender's endpoint in front
 *   one of a client's, to native IPv6         -> the IPv6 stack of this host
 *
 * It passes on nothing else, and never more than one packet for one: it keeps no state of any client. What it passes on
 * is as small as those messages are, from one source no faster than a rate; so nobody has a use for it as a relay.
 * The checks are numbered as those of section 5.3.1.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { isCone, Teredo, teredoServer } from '../mapping/teredo.js';
import { SourceRateLimit } from '../policy/source-rate-limit.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import { update16 } from '../wire/checksum.js';
import { ICMP6_LEN, Icmp6 } from '../wire/icmp6.js';
import {
  ADDRESS_LEN,
  IPV6_DST,
  IPV6_LEN,
  IPV6_SRC,
  isLinkLocal6,
  isMulticast6,
  NextHeader,
  nextHeader6,
  setHopLimit6,
  totalLen6,
} from '../wire/ipv6.js';
import { ALL_ROUTERS, discoveryType, isRouterSolicitation } from '../wire/ndisc.js';
import { copy, put16, same, u16 } from '../wire/octets.js';
import { isBubble, writeOrigin } from '../wire/teredo.js';
import { type Outer, type Role, SILENT, type Speaker, TransmitTo } from './role.js';
import { MAX_ADVERTISEMENT, TeredoAdvertisement } from './teredo-advertisement.js';
import type { TeredoKey, TeredoNode } from './teredo-node.js';
import { TeredoOutbox } from './teredo-outbox.js';

/** How a server is set up. Its sockets: the primary address, and the secondary one if it has one. */
export interface TeredoServerOptions extends TeredoNode {
  /** Whom it serves: who has one of these keys; none: everybody. */
  readonly keys: readonly TeredoKey[];
}

/** Octets, trailers included, of what is passed on: a bubble with every trailer there is has 76, a connectivity test 56 and some data. */
export const MAX_PASSED_ON = 128;
/** Packets a second that one IPv4 address may have answered or passed on: thirty thousand clients behind one NAT. */
export const SOURCE_RATE = 1_000;
/** Packets that wait for their socket. */
export const MAX_WAITING = 256;
const ECHO_HOP_LIMIT = 64;

/** A Teredo server. */
export class TeredoServer implements Role {
  readonly errorSource: Uint8Array;
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker;
  readonly #node: TeredoNode;
  /** The primary address, which its clients' addresses carry; unsigned. */
  readonly #primary: number;
  readonly #mapping: Teredo;
  readonly #advertisement: TeredoAdvertisement;
  readonly #rate: SourceRateLimit;
  readonly #outbox = new TeredoOutbox(MAX_WAITING, MAX_ADVERTISEMENT);
  readonly #source = new Endpoint();
  readonly #target = new Endpoint();

  constructor(options: TeredoServerOptions) {
    const { local, ports, prefix, keys, hmac, identity, random } = options;
    const service = new Endpoint();
    service.bits = local[0] ?? 0;
    service.port = ports[0] ?? 0;
    this.#node = options;
    this.#primary = service.addr;
    this.#mapping = new Teredo(0, 0, prefix);
    this.#advertisement = new TeredoAdvertisement(service, prefix, keys, hmac);
    this.#rate = new SourceRateLimit(SOURCE_RATE, random);
    this.errorSource = this.carrierErrorSource = identity ?? this.#advertisement.source;
    this.speaker = { ...SILENT, pollTransmit: (out) => this.#pollTransmit(out) };
  }

  /** See {@link Role}: there is no device from which anything could come. */
  encapsulate(): number {
    return Drop.no_endpoint;
  }

  /** See {@link Role}: what a server has to say to clients it says by itself. */
  route(): number {
    return Drop.no_endpoint;
  }

  /** See {@link Role}. `Drop.none`: for the IPv6 stack. Check 1 was made when the payload was read. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const { endpoints, own } = this.#node;
    const { remote } = outer;
    if (isMulticast6(b, off + IPV6_SRC)) return Drop.special_ipv6;
    // 2
    if (!isBubble(b, off) && !isIcmp6(b, off)) return Drop.not_relayed;
    // 3
    if (endpoints.refuses(remote)) return Drop.special_ipv4;
    if (remote.port === 0) return Drop.no_endpoint;
    // What a server seems to have sent to itself.
    if (remote.port === outer.local.port && own.has(remote)) return Drop.loop;
    // 4, and 6 for a relay without an address of its own: its bubbles come from a link-local one (Miredo's do).
    if (isLinkLocal6(b, off + IPV6_SRC)) {
      const isIntroduction = isBubble(b, off) && this.#isClient(b, off + IPV6_DST);
      return isIntroduction ? this.#passOn(b, off, outer, now) : this.#advertise(b, off, outer, now);
    }
    // 5
    if (this.#mapping.endpointOf(b, off + IPV6_SRC, this.#source)) {
      if (this.#source.bits !== remote.bits || this.#source.port !== remote.port) return Drop.source_mismatch;
      return same(b, off + IPV6_DST, this.#advertisement.source, 0, ADDRESS_LEN)
        ? this.#echo(b, off, outer, now)
        : this.#passOn(b, off, outer, now);
    }
    // 6
    if (specialIpv6(b, off + IPV6_SRC)) return Drop.special_ipv6;
    if (own.carriedBy(b, off + IPV6_SRC)) return Drop.loop;
    // 7
    return this.#isClient(b, off + IPV6_DST) ? this.#passOn(b, off, outer, now) : Drop.not_relayed;
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#mapping.has(b, off + IPV6_SRC) || this.#mapping.has(b, off + IPV6_DST);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return same(b, off, this.#advertisement.source, 0, ADDRESS_LEN);
  }

  /** Answers a router solicitation by the socket by which it came; by the other one if its cone flag asks for that: RFC 4380 section 5.3.2. */
  #advertise(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const end = off + totalLen6(b, off);
    if (!same(b, off + IPV6_DST, ALL_ROUTERS, 0, ADDRESS_LEN)) return Drop.special_ipv6;
    if (discoveryType(b, off, end) !== Icmp6.routerSolicitation) return Drop.not_relayed;
    if (!isRouterSolicitation(b, off, end)) return Drop.malformed_nd;
    const socket = isCone(b, off + IPV6_SRC) ? 1 - outer.socket : outer.socket;
    if (socket >= this.#node.local.length) return Drop.no_endpoint;
    if (!this.#rate.take(outer.remote, now)) return Drop.rate_limit;
    const refused = this.#advertisement.hear(b, outer);
    if (refused !== Drop.none) return refused;
    const at = this.#outbox.open(socket, outer.remote.bits, outer.remote.port);
    if (at < 0) return Drop.queue_full;
    this.#outbox.close(this.#advertisement.write(this.#outbox.b, at, b, outer.remote));
    return Verdict.consumed;
  }

  /** Answers an echo request to the server itself, the way it came. A wrong checksum stays one. */
  #echo(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const icmp = off + IPV6_LEN;
    const len = totalLen6(b, off);
    if (nextHeader6(b, off) !== NextHeader.icmp6 || u16(b, icmp) !== Icmp6.echoRequest << 8) return Drop.not_relayed;
    if (len > MAX_PASSED_ON) return Drop.too_big;
    if (!this.#rate.take(outer.remote, now)) return Drop.rate_limit;
    const outbox = this.#outbox;
    const at = outbox.open(outer.socket, outer.remote.bits, outer.remote.port);
    if (at < 0) return Drop.queue_full;
    copy(b, off, outbox.b, at, len);
    copy(b, off + IPV6_DST, outbox.b, at + IPV6_SRC, ADDRESS_LEN);
    copy(b, off + IPV6_SRC, outbox.b, at + IPV6_DST, ADDRESS_LEN);
    setHopLimit6(outbox.b, at, ECHO_HOP_LIMIT);
    put16(outbox.b, at + IPV6_LEN, Icmp6.echoReply << 8);
    put16(outbox.b, at + IPV6_LEN + 2, update16(u16(b, icmp + 2), Icmp6.echoRequest << 8, Icmp6.echoReply << 8));
    outbox.close(at + len);
    return Verdict.consumed;
  }

  /** Where a packet that was accepted goes. Neighbor discovery never leaves the link that it is for, RFC 4861 section 6.1. */
  #passOn(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const destination = off + IPV6_DST;
    if (specialIpv6(b, destination) || isUniqueLocal6(b, destination)) return Drop.special_ipv6;
    if (discoveryType(b, off, off + totalLen6(b, off)) !== 0) return Drop.malformed_nd;
    if (outer.payloadEnd - off > MAX_PASSED_ON) return Drop.too_big;
    if (this.#node.own.carriedBy(b, destination)) return Drop.loop;
    if (this.#mapping.endpointOf(b, destination, this.#target)) return this.#meet(b, off, outer, now);
    return this.#rate.take(outer.remote, now) ? Drop.none : Drop.rate_limit;
  }

  /** Passes on a packet to a Teredo client, trailers included, from the service address, and never anything that was in front of it. */
  #meet(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const target = this.#target;
    if (this.#node.endpoints.refuses(target)) return Drop.special_ipv4;
    if (target.port === 0) return Drop.no_endpoint;
    if (this.#node.own.has(target)) return Drop.loop;
    if (!this.#rate.take(outer.remote, now)) return Drop.rate_limit;
    const outbox = this.#outbox;
    const at = outbox.open(0, target.bits, target.port);
    if (at < 0) return Drop.queue_full;
    const packet = this.#isClient(b, off + IPV6_DST) ? writeOrigin(outbox.b, at, outer.remote) : at;
    const len = outer.payloadEnd - off;
    copy(b, off, outbox.b, packet, len);
    outbox.close(packet + len);
    return Verdict.consumed;
  }

  /** True when the address at `off` is one that this server's clients make. */
  #isClient(b: Uint8Array, off: number): boolean {
    return this.#mapping.has(b, off) && teredoServer(b, off) === this.#primary;
  }

  #pollTransmit(out: Frame): number {
    return this.#outbox.poll(out) ? TransmitTo.carrier : TransmitTo.nowhere;
  }
}

/** True for an ICMPv6 message with nothing between it and the IPv6 header. */
function isIcmp6(b: Uint8Array, off: number): boolean {
  return nextHeader6(b, off) === NextHeader.icmp6 && totalLen6(b, off) >= IPV6_LEN + ICMP6_LEN;
}

/** True when the address at `off` lies in fc00::/7: a site's own, which no stranger is let into. */
function isUniqueLocal6(b: Uint8Array, off: number): boolean {
  return b[off] >>> 1 === 0xfc >>> 1;
}
