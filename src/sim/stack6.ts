/**
 * IPv6 of a simulated host, RFC 8200, RFC 4443, RFC 8201: it forwards, answers echo requests, sends
 * errors, keeps path MTUs, fragments what it originates, reassembles what is for it, and lets interfaces
 * configure themselves.
 *
 *   receive -> whole? -> ours? --yes--> reassemble -> ICMPv6
 *                             '--no---> forward ------------------.
 *   originate -> route -> path MTU, fragments ---------------------'-> next hop
 *
 * Inside, every step answers with how the packet ended; it is counted, and its source told, in one place.
 */
import { checksum6 } from '../wire/checksum.js';
import { asksForSourceRouting, upperLayer, upperProtocol } from '../wire/extension.js';
import { ICMP6_LEN, Icmp6, mayAnswer6, writeIcmp6Error } from '../wire/icmp6.js';
import { Protocol } from '../wire/ipv4.js';
import {
  ADDRESS_LEN,
  hopLimit6,
  IPV6_DST,
  IPV6_LEN,
  IPV6_SRC,
  isIpv6,
  isLinkLocal6,
  isMulticast6,
  isUnspecified6,
  MIN_MTU,
  NextHeader,
  totalLen6,
} from '../wire/ipv6.js';
import { ALL_NODES, ALL_ROUTERS, readRouterAdvertisement } from '../wire/ndisc.js';
import { copy, put16, u32 } from '../wire/octets.js';
import { isLoopback, SIZE6, sameAddress } from './address.js';
import { ECHO_LEN, type EchoAnswer, echoId, echoSequence, quotedEcho6 } from './echo.js';
import { fragmentHeader6, fragments6, Reassembly6 } from './fragment6.js';
import type { Host } from './host.js';
import type { Interface } from './interface.js';
import { PathMtuCache } from './path-mtu-cache.js';
import type { Ending, EventName } from './trace.js';

const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
/** Hop limit of what a host originates. */
const DEFAULT_HOP_LIMIT = 64;
const TCP = 6;

/** Type and code of the error about a packet that ended so; nobody is told of other endings. */
const ERRORS: Partial<Record<EventName, readonly [type: number, code: number]>> = {
  hop_limit: [Icmp6.timeExceeded, 0],
  no_route: [Icmp6.unreachable, 0],
  no_neighbour: [Icmp6.unreachable, 3],
  no_port: [Icmp6.unreachable, 4],
  no_protocol: [Icmp6.parameterProblem, 1],
  too_big: [Icmp6.tooBig, 0],
};

/** What an error says to who sent an echo request. */
const ANSWERS: Readonly<Record<number, EchoAnswer['kind']>> = {
  [Icmp6.timeExceeded]: 'time_exceeded',
  [Icmp6.unreachable]: 'unreachable',
  [Icmp6.tooBig]: 'too_big',
};

/** The IPv6 half of a host. */
export class Stack6 {
  readonly #host: Host;
  readonly #reassembly = new Reassembly6();
  readonly #pathMtu = new PathMtuCache();
  #identification: number;

  constructor(host: Host) {
    this.#host = host;
    this.#identification = host.random.word();
  }

  /** Takes a packet that arrived on `from`. */
  receive(from: Interface, packet: Uint8Array): void {
    const ending = this.#judge(from, packet);
    if (ending === null) return;
    this.#host.account.note(ending);
    this.#tell(packet, ending, from);
  }

  /** Sends a packet of the host's own, one without extension headers, where its route says; a link-local one by `out`. */
  originate(packet: Uint8Array, out: Interface | null = null): void {
    const { account } = this.#host;
    account.note('originated');
    const isOnLink = isLinkLocal6(packet, IPV6_DST) || isMulticast6(packet, IPV6_DST);
    const own = this.#host.ownerOf(packet, IPV6_DST, SIZE6);
    let ending: Ending;
    if (own !== null) ending = this.#deliver(own, packet);
    else if (isOnLink && out !== null) ending = out.send(packet, packet.subarray(IPV6_DST, IPV6_LEN));
    else ending = this.#route(packet);
    if (ending === null) return;
    account.note(ending);
    if (ending === 'no_neighbour') this.#tell(packet, ending, out);
  }

  /** Sends a packet that a program on this host passes on for somebody else, as its route says. Answers with its end where the host knows it at once. */
  output(packet: Uint8Array): Ending {
    const own = this.#host.ownerOf(packet, IPV6_DST, SIZE6);
    const ending = own === null ? this.#route(packet) : this.#deliver(own, packet);
    if (ending !== null) this.#host.account.note(ending);
    return ending;
  }

  #judge(from: Interface, arrived: Uint8Array): Ending {
    if (!isIpv6(arrived, 0, arrived.length)) return 'malformed';
    const total = totalLen6(arrived, 0);
    const packet = total === arrived.length ? arrived : arrived.slice(0, total);
    if (isMulticast6(packet, IPV6_SRC) || isLoopback(packet, IPV6_SRC, SIZE6)) return 'bad_source';
    if (isLoopback(packet, IPV6_DST, SIZE6) || isUnspecified6(packet, IPV6_DST)) return 'beyond_scope';
    if (this.#isLocal(packet, from)) return this.#deliver(from, packet);
    if (!this.#host.forwards || isMulticast6(packet, IPV6_DST)) return 'wrong_host';
    return this.#forward(packet);
  }

  #forward(packet: Uint8Array): Ending {
    const { account, routes6, now } = this.#host;
    if (isLinkLocal6(packet, IPV6_SRC) || isLinkLocal6(packet, IPV6_DST) || isUnspecified6(packet, IPV6_SRC)) return 'beyond_scope';
    if (hopLimit6(packet, 0) <= 1) return 'hop_limit';
    const route = routes6.lookup(packet, IPV6_DST, now, IPV6_SRC);
    if (route === null || route.interface === null) return 'no_route';
    if (packet.length > route.interface.mtu6) return 'too_big';
    const next = packet.slice();
    next[HOP_LIMIT]--;
    const ending = route.interface.send(next, route.via ?? next.subarray(IPV6_DST, IPV6_LEN));
    if (ending === null) account.note('forwarded');
    return ending;
  }

  /** Sends a packet of the host's own where its route says, in fragments where the path wants it. */
  #route(packet: Uint8Array): Ending {
    const { account, routes6, now } = this.#host;
    const route = routes6.lookup(packet, IPV6_DST, now, IPV6_SRC);
    if (route === null || route.interface === null) return 'no_route';
    const nextHop = route.via ?? packet.subarray(IPV6_DST, IPV6_LEN);
    const mtu = Math.min(route.interface.mtu6, this.#pathMtu.get(packet, IPV6_DST, now));
    if (packet.length <= mtu) return route.interface.send(packet, nextHop);
    if (mtu < MIN_MTU) return 'too_big';
    for (const fragment of fragments6(packet, mtu, this.#identification)) {
      account.note('fragment');
      const ending = route.interface.send(fragment, nextHop);
      if (ending !== null) account.note(ending);
    }
    this.#identification = (this.#identification + 1) >>> 0;
    return 'fragmented';
  }

  /** Takes a packet for this host. */
  #deliver(from: Interface, arrived: Uint8Array): Ending {
    const { account, now } = this.#host;
    if (asksForSourceRouting(arrived, 0, arrived.length)) return 'source_routing';
    let packet = arrived;
    const fragment = fragmentHeader6(arrived);
    if (fragment >= 0) {
      const whole = this.#reassembly.add(arrived, fragment, now);
      if (whole === null) return 'collected';
      account.note('collected');
      account.note('reassembled');
      packet = whole;
    }
    const upper = upperLayer(packet, 0, packet.length);
    const protocol = upperProtocol(packet, 0, packet.length);
    if (upper < 0 || protocol === NextHeader.fragment) return 'malformed';
    if (protocol === NextHeader.icmp6) return this.#deliverIcmp(from, packet, upper);
    if (protocol === NextHeader.none) return 'delivered';
    return protocol === Protocol.udp || protocol === TCP ? 'no_port' : 'no_protocol';
  }

  #deliverIcmp(from: Interface, packet: Uint8Array, icmp: number): Ending {
    const end = packet.length;
    if (end - icmp < ICMP6_LEN) return 'malformed';
    if (checksum6(packet, IPV6_SRC, NextHeader.icmp6, icmp, end) !== 0) return 'bad_checksum';
    const type = packet[icmp];
    if (type === Icmp6.echoRequest) this.#reply(from, packet, icmp);
    else if (type === Icmp6.echoReply) this.#hear(packet, icmp, 'reply', end - icmp - ECHO_LEN);
    else if (type === Icmp6.routerAdvertisement) this.#hearAdvertisement(from, packet);
    else if (type < Icmp6.echoRequest) this.#hearError(packet, icmp);
    return 'delivered';
  }

  #hearAdvertisement(from: Interface, packet: Uint8Array): void {
    const advertisement = readRouterAdvertisement(packet, 0, packet.length);
    if (advertisement !== null) this.#host.autoconfigurations.get(from.name)?.hear(advertisement);
  }

  /** Takes an error about a packet of this host; others are forged. */
  #hearError(packet: Uint8Array, icmp: number): void {
    const type = packet[icmp];
    const quoted = icmp + ICMP6_LEN;
    if (packet.length - quoted < IPV6_LEN || this.#host.ownerOf(packet, quoted + IPV6_SRC, SIZE6) === null) return;
    if (type === Icmp6.tooBig) this.#pathMtu.learn(packet, quoted + IPV6_DST, u32(packet, icmp + 4), this.#host.now);
    const echo = quotedEcho6(packet, quoted, packet.length);
    if (echo >= 0) this.#hear(packet, echo, ANSWERS[type] ?? 'other_error', 0);
  }

  #hear(packet: Uint8Array, echo: number, kind: EchoAnswer['kind'], size: number): void {
    const from = packet.slice(IPV6_SRC, IPV6_SRC + ADDRESS_LEN);
    this.#host.heard(echoId(packet, echo), { sequence: echoSequence(packet, echo), kind, from, at: this.#host.now, size });
  }

  /** Answers an echo request, RFC 4443 section 4.2; one that was sent to a group from the address that fits. */
  #reply(from: Interface, request: Uint8Array, icmp: number): void {
    if (isUnspecified6(request, IPV6_SRC)) return;
    const source = isMulticast6(request, IPV6_DST)
      ? this.#host.sourceOn(from, request, IPV6_SRC, SIZE6)
      : request.subarray(IPV6_DST, IPV6_LEN);
    if (source === null) return;
    const reply = new Uint8Array(IPV6_LEN + request.length - icmp);
    reply.set(request.subarray(0, IPV6_LEN));
    reply.set(request.subarray(icmp), IPV6_LEN);
    put16(reply, 4, reply.length - IPV6_LEN);
    reply[NEXT_HEADER] = NextHeader.icmp6;
    reply[HOP_LIMIT] = DEFAULT_HOP_LIMIT;
    copy(source, 0, reply, IPV6_SRC, ADDRESS_LEN);
    copy(request, IPV6_SRC, reply, IPV6_DST, ADDRESS_LEN);
    reply[IPV6_LEN] = Icmp6.echoReply;
    put16(reply, IPV6_LEN + 2, 0);
    put16(reply, IPV6_LEN + 2, checksum6(reply, IPV6_SRC, NextHeader.icmp6, IPV6_LEN, reply.length));
    this.originate(reply, from);
  }

  /**
   * Tells the source of `packet` how it ended, where there is an error for that and it is allowed, RFC 4443 section 2.4 e;
   * a link-local source by `from`.
   */
  #tell(packet: Uint8Array, ending: EventName, from: Interface | null): void {
    const error = ERRORS[ending];
    const end = totalLen6(packet, 0);
    if (error === undefined || !mayAnswer6(packet, 0, end)) return;
    const parameter = this.#parameter(packet, end, ending);
    const isOnLink = from !== null && isLinkLocal6(packet, IPV6_SRC);
    const source = isOnLink
      ? this.#host.sourceOn(from, packet, IPV6_SRC, SIZE6)
      : this.#host.sourceTowards(packet, IPV6_SRC, SIZE6, this.#host.routes6);
    if (source === null || parameter < 0) return;
    const message = new Uint8Array(MIN_MTU);
    const last = writeIcmp6Error(message, 0, source, 0, error[0], error[1], parameter, packet, 0, end);
    this.originate(message.slice(0, last), from);
  }

  /** The 32 bits that an error carries; -1 where the host keeps silent: it points at the next header of plain packets only. */
  #parameter(packet: Uint8Array, end: number, ending: EventName): number {
    const { routes6, now } = this.#host;
    if (ending === 'too_big') return routes6.lookup(packet, IPV6_DST, now, IPV6_SRC)?.interface?.mtu6 ?? MIN_MTU;
    if (ending === 'no_protocol') return upperLayer(packet, 0, end) === IPV6_LEN ? NEXT_HEADER : -1;
    return 0;
  }

  /** True when the packet is for this host: link-local addresses count on their own link only. */
  #isLocal(packet: Uint8Array, from: Interface): boolean {
    if (isMulticast6(packet, IPV6_DST)) return this.#isMember(packet, from);
    if (isLinkLocal6(packet, IPV6_DST)) return from.has(packet, IPV6_DST, SIZE6, this.#host.now);
    return this.#host.ownerOf(packet, IPV6_DST, SIZE6) !== null;
  }

  /** True when the packet is for a group that this host is in: all nodes, all routers, or the solicited-node group of an address. */
  #isMember(packet: Uint8Array, from: Interface): boolean {
    if (sameAddress(ALL_NODES, packet, IPV6_DST)) return true;
    if (sameAddress(ALL_ROUTERS, packet, IPV6_DST)) return this.#host.forwards;
    return from.addresses.some(({ addr }) => addr.length === SIZE6 && isSolicitedNode(packet, IPV6_DST, addr));
  }
}

/** True when the address at `b[off..)` is ff02::1:ff00:0 with the last 24 bits of `addr`, RFC 4291 section 2.7.1. */
function isSolicitedNode(b: Uint8Array, off: number, addr: Uint8Array): boolean {
  const group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, addr[13], addr[14], addr[15]];
  return group.every((octet, i) => b[off + i] === octet);
}
