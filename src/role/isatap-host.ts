/**
 * ISATAP host, RFC 5214: addresses that carry the IPv4 address of this node, behind prefixes that
 * routers of the site advertise when they are asked.
 *
 * A packet goes straight to a destination on the link, else by the best route or default router there
 * is (`NextHops`); the tunnel interface has no next hops, so they are chosen here. A source has to be
 * an ISATAP address of this host: no router or neighbour would accept another one from here (section
 * 7.3). What arrives comes from a neighbour whose address says so, or from a potential router.
 *
 * A peer is asked whether it is there before the first packet goes to it (section 8.4). A router is
 * not: it has just answered a solicitation. After that both are watched (`NeighborCache`), and when a
 * router fails, the next best one takes its place while all are solicited anew.
 *
 * Of the potential router list `MAX_ROUTERS` members are used, and trusted; the rest is left out.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { hasIsatapId, ISATAP_PREFIX_LEN, isatapBits } from '../mapping/isatap.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC, isLinkLocal6, isMulticast6, totalLen6 } from '../wire/ipv6.js';
import {
  ALL_NODES,
  ALL_ROUTERS,
  discoveryType,
  isRouterSolicitation,
  readRouterAdvertisement,
  writeRouterSolicitation,
} from '../wire/ndisc.js';
import { isNeighborAdvertisement, isSolicited, TARGET } from '../wire/neighbor.js';
import { same } from '../wire/octets.js';
import { AdvertisedLink, NOTHING_LEARNED, saysTheSame, shortestLifetime } from './advertised-link.js';
import { IsatapLink, type IsatapNode } from './isatap-link.js';
import { NeighborCache, Rank } from './neighbor-cache.js';
import { NextHops } from './next-hops.js';
import { type Heritage, type Learned, NO_HERITAGE, Outer, type Role, type Speaker, TransmitTo } from './role.js';
import { MIN_INTERVAL, RouterSolicitations } from './router-solicitations.js';

/** Members of the potential router list that are used. */
export const MAX_ROUTERS = 16;

/** How a host is set up. */
export interface IsatapHostOptions extends IsatapNode {
  /** IPv4 addresses of the potential router list. */
  readonly potentialRouters: readonly number[];
  /** Least time between two periodic solicitations of a router: MinRouterSolicitInterval, RFC 5214 section 8.3.4. */
  readonly solicitInterval?: Millis;
  /** True in the one thread that solicits routers and neighbours; the others send by what it learned. */
  readonly speaks: boolean;
  /** What that thread has learned; null as long as that is nothing. */
  readonly learned: Learned | null;
  /** Of the role before this one. */
  readonly before: Heritage;
}

/** The packet goes to its destination itself, not to a router. */
const DIRECT = -1;

/** An ISATAP host. */
export class IsatapHost implements Role, Speaker {
  errorSource: Uint8Array;
  carrierErrorSource: Uint8Array;
  readonly speaker: Speaker = this;
  readonly peers = 0;
  learned: Learned | null;
  readonly #link: IsatapLink;
  /** The potential router list, as `Endpoint.bits`. */
  readonly #members: Int32Array;
  /** null in a thread that does not speak. */
  readonly #neighbors: NeighborCache | null;
  readonly #solicitations: RouterSolicitations;
  readonly #advertised = new AdvertisedLink();
  #hops = new NextHops(NOTHING_LEARNED);
  /** Which of `#hops` the packet that was routed last goes by; `DIRECT`: none. */
  #via = DIRECT;
  readonly #target = new Endpoint();
  readonly #outer = new Outer();
  /** One bit a member: those that do not fail as next hops. */
  #reachable = 0;
  #expiry: Millis = Number.POSITIVE_INFINITY;

  constructor(options: IsatapHostOptions, random: Random, now: Millis) {
    const { endpoints, own, local, speaks } = options;
    const isUsable = (addr: number) => {
      this.#target.addr = addr;
      return !endpoints.refuses(this.#target) && !own.has(this.#target);
    };
    const members = local === null ? [] : options.potentialRouters.filter(isUsable).slice(0, MAX_ROUTERS);
    this.#members = Int32Array.from(members);
    this.#link = new IsatapLink(options, false);
    this.#neighbors = speaks && local !== null ? new NeighborCache(options.mtu, random) : null;
    this.#solicitations = new RouterSolicitations(speaks ? [...this.#members] : [], options.solicitInterval ?? MIN_INTERVAL, random, now);
    // The thread that speaks knows itself what it knows: what others were told by it is forgotten with it.
    const inherited = speaks ? (options.before.learned ?? (options.learned === null ? null : NOTHING_LEARNED)) : options.learned;
    // What is known already stays the same to whoever compares.
    this.learned = inherited !== null && options.learned !== null && saysTheSame(options.learned, inherited) ? options.learned : inherited;
    this.errorSource = this.#link.linkLocal;
    this.carrierErrorSource = this.#link.linkLocal;
    this.#use(inherited ?? NOTHING_LEARNED);
    if (this.#neighbors !== null && inherited !== null) this.#inherit(inherited, this.#neighbors, now);
  }

  /** See {@link Role}; RFC 4861 section 5.2. */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const verdict = this.route(b, off, outer, now);
    const neighbors = this.#neighbors;
    if (verdict !== Drop.none || neighbors === null) return verdict;
    if (this.#via === DIRECT) return neighbors.admit(outer.remote, b, off + IPV6_DST, b, off, now);
    return neighbors.admit(outer.remote, this.#hops.routers[this.#via], 0, b, off, now);
  }

  /** Judges as `encapsulate` does, and fills `outer`, but for whether the next hop is there; has no effect. */
  route(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const link = this.#link;
    if (link.node.local === null) return Drop.tunnel_down;
    if (!link.isOwn(b, off + IPV6_SRC)) return specialIpv6(b, off + IPV6_SRC) ? Drop.special_ipv6 : Drop.source_mismatch;
    const { remote } = outer;
    outer.local.bits = link.local;
    this.#via = DIRECT;
    if (link.endpointOf(b, off + IPV6_DST, remote)) return link.refuses(remote);
    // A link-local source means nothing beyond the link (RFC 4291 section 2.5.6), a group nothing in a tunnel without any.
    if (specialIpv6(b, off + IPV6_DST) || isLinkLocal6(b, off + IPV6_SRC)) return Drop.special_ipv6;
    const hop = this.#bestHop(b, off + IPV6_DST, now);
    if (hop < 0) return Drop.no_endpoint;
    this.#via = hop;
    remote.bits = this.#hops.endpoints[hop];
    return Drop.none;
  }

  /** See {@link Role}; RFC 5214 section 7.3. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const link = this.#link;
    if (link.node.local === null) return Drop.tunnel_down;
    const verdict = link.sender(b, off, outer);
    if (verdict !== Drop.none && !this.#isForwarded(verdict, b, off, outer)) return verdict;
    const end = off + totalLen6(b, off);
    const type = discoveryType(b, off, end);
    if (type !== 0) return this.#discover(type, b, off, end, outer, now);
    if (link.isOwn(b, off + IPV6_DST)) return Drop.none;
    return specialIpv6(b, off + IPV6_DST) && !isLinkLocal6(b, off + IPV6_DST) ? Drop.special_ipv6 : Drop.destination_mismatch;
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#link.isOnLink(b, off + IPV6_SRC) || this.#link.isOnLink(b, off + IPV6_DST) || this.isOwn(b, off + IPV6_DST);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#link.isOwn(b, off);
  }

  /** See {@link Speaker}; RFC 5214 section 7.2: it is asked soon if it is used. */
  suspect(ep: Endpoint): void {
    this.#neighbors?.suspect(ep.bits);
  }

  /** A host has no LANs. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Speaker}. */
  heritage(now: Millis): Heritage {
    const learned = this.#neighbors === null || this.learned === null ? this.learned : this.#snapshot(this.#neighbors, now);
    return { ...NO_HERITAGE, learned };
  }

  /** See {@link Speaker}: nobody is told, but what is held is given up. */
  withdraw(): void {
    this.#neighbors?.giveUp();
  }

  /** See {@link Speaker}. */
  handleTimeout(now: Millis): void {
    const neighbors = this.#neighbors;
    if (neighbors === null || now < this.nextTimeout()) return;
    this.#solicitations.handleTimeout(now);
    neighbors.handleTimeout(now);
    this.#watch(neighbors, now);
    if (now < this.#expiry) return;
    this.#advertised.expire(now);
    this.#changed(neighbors, now);
  }

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    if (this.#neighbors === null) return Number.POSITIVE_INFINITY;
    return Math.min(this.#expiry, this.#solicitations.nextTimeout(), this.#neighbors.nextTimeout());
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    if (this.#link.pollAnswer(out)) return TransmitTo.carrier;
    const neighbors = this.#neighbors;
    if (neighbors === null) return TransmitTo.nowhere;
    if (neighbors.pollSolicitation(out, this.#link.linkLocal)) return TransmitTo.carrier;
    if (this.#solicitations.poll(out.remote)) {
      out.clear();
      out.end = writeRouterSolicitation(out.b, out.off, this.#link.linkLocal, ALL_ROUTERS);
      return TransmitTo.carrier;
    }
    const fate = neighbors.pollHeld(out);
    // Its next hop failed; when there is another one by now, that one gets it.
    const isElsewhere =
      fate === TransmitTo.undeliverable &&
      this.route(out.b, out.off, this.#outer, now) === Drop.none &&
      neighbors.rank(this.#outer.remote.bits, now) === Rank.reachable;
    return isElsewhere ? TransmitTo.released : fate;
  }

  /** Which of `#hops` leads to the address at `b[off..)`: the first that is reachable, else the one that is most likely to be; -1: none does. */
  #bestHop(b: Uint8Array, off: number, now: Millis): number {
    const hops = this.#hops;
    const neighbors = this.#neighbors;
    let best = hops.match(b, off, 0);
    if (neighbors === null || best < 0) return best;
    let rank = neighbors.rank(hops.endpoints[best], now);
    for (let i = best; rank < Rank.reachable; ) {
      i = hops.match(b, off, i + 1);
      if (i < 0) break;
      const other = neighbors.rank(hops.endpoints[i], now);
      if (other > rank) {
        best = i;
        rank = other;
      }
    }
    return best;
  }

  /** True when a packet whose source does not carry its outer source, as `refused` says, came from a router that may have forwarded it. */
  #isForwarded(refused: number, b: Uint8Array, off: number, outer: Outer): boolean {
    if (refused !== Drop.not_potential_router && (refused !== Drop.source_mismatch || isLinkLocal6(b, off + IPV6_SRC))) return false;
    return this.#isMember(outer.remote);
  }

  #isMember({ bits }: Endpoint): boolean {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) if (members[i] === bits) return true;
    return false;
  }

  #discover(type: number, b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    if (type === Icmp6.routerAdvertisement) return this.#hearRouter(b, off, end, outer, now);
    if (type === Icmp6.neighborAdvertisement) return this.#hearNeighbor(b, off, end, outer, now);
    // To a host a solicitation for routers is for others: RFC 4861 section 6.1.1.
    if (type === Icmp6.routerSolicitation) return isRouterSolicitation(b, off, end) ? Drop.destination_mismatch : Drop.malformed_nd;
    return this.#link.discover(type, b, off, end, outer);
  }

  /** RFC 5214 section 8.3.3: from a potential router, whose link-local address carries its endpoint. */
  #hearRouter(b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    if (!this.#isMember(outer.remote)) return Drop.not_potential_router;
    const ra = readRouterAdvertisement(b, off, end);
    if (ra === null) return Drop.malformed_nd;
    if (!this.isOwn(b, off + IPV6_DST) && !same(b, off + IPV6_DST, ALL_NODES, 0, ADDRESS_LEN)) return Drop.destination_mismatch;
    const neighbors = this.#neighbors;
    if (neighbors === null) return Verdict.consumed;
    const { bits } = outer.remote;
    neighbors.heard(bits, ra.source, now);
    this.#solicitations.heard(bits, shortestLifetime(ra), now);
    this.#advertised.learn(ra, bits, now);
    this.#reachable = this.#reachableMembers(neighbors, now);
    this.#changed(neighbors, now);
    return Verdict.consumed;
  }

  #hearNeighbor(b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    if (!isNeighborAdvertisement(b, off, end)) return Drop.malformed_nd;
    if (!this.isOwn(b, off + IPV6_DST) && !isMulticast6(b, off + IPV6_DST)) return Drop.destination_mismatch;
    const neighbors = this.#neighbors;
    // Whoever speaks for another endpoint is not believed.
    if (neighbors === null || !hasIsatapId(b, off + TARGET) || isatapBits(b, off + TARGET) !== outer.remote.bits) return Verdict.consumed;
    neighbors.advertised(outer.remote.bits, isSolicited(b, off), now);
    this.#watch(neighbors, now);
    return Verdict.consumed;
  }

  /** Looks which routers have failed or come back since last time. */
  #watch(neighbors: NeighborCache, now: Millis): void {
    const before = this.#reachable;
    this.#reachable = this.#reachableMembers(neighbors, now);
    if (this.#reachable === before) return;
    if ((before & ~this.#reachable) !== 0) this.#solicitations.askAll(now);
    this.#changed(neighbors, now);
  }

  #reachableMembers(neighbors: NeighborCache, now: Millis): number {
    let mask = 0;
    for (let i = 0; i < this.#members.length; i++) if (neighbors.rank(this.#members[i], now) === Rank.reachable) mask |= 1 << i;
    return mask;
  }

  /**
   * Routers that are still potential ones, and what they said, are as good as heard: they are asked when their time comes.
   * One that had failed is asked at once. Of one that leads to some prefixes only nothing else is known than that it was heard.
   */
  #inherit(learned: Learned, neighbors: NeighborCache, now: Millis): void {
    const memberAt = (address: Uint8Array) => {
      this.#target.bits = isatapBits(address, 0);
      return this.#isMember(this.#target) ? this.#target.bits : null;
    };
    this.#advertised.inherit(learned, memberAt, now);
    for (const { address, reachable } of learned.routers) {
      const bits = memberAt(address);
      if (bits === null || !reachable) continue;
      neighbors.heard(bits, address, now);
      this.#solicitations.heard(bits, this.#advertised.nextExpiry(now) - now, now);
    }
    const isDefault = (address: Uint8Array) => learned.routers.some((router) => same(router.address, 0, address, 0, ADDRESS_LEN));
    for (const { router } of learned.routes) {
      const bits = isDefault(router) ? null : memberAt(router);
      if (bits === null) continue;
      neighbors.heard(bits, router, now);
      this.#solicitations.heard(bits, this.#advertised.nextExpiry(now) - now, now);
    }
    this.#reachable = this.#reachableMembers(neighbors, now);
    this.#changed(neighbors, now);
  }

  /** Something that was learned has changed, if only by a moment. */
  #changed(neighbors: NeighborCache, now: Millis): void {
    const present = this.#snapshot(neighbors, now);
    this.#expiry = this.#advertised.nextExpiry(now);
    this.#use(present);
    if (!saysTheSame(this.learned ?? NOTHING_LEARNED, present)) this.learned = present;
  }

  #snapshot(neighbors: NeighborCache, now: Millis): Learned {
    return this.#advertised.snapshot((bits) => neighbors.rank(bits, now) === Rank.reachable, now);
  }

  /** Lives by what `learned` says. */
  #use(learned: Learned): void {
    const { identity } = this.#link.node;
    const octets = ({ prefix }: { prefix: { addr: Uint8Array } }) => prefix.addr.slice(0, ISATAP_PREFIX_LEN);
    const autonomous = learned.prefixes.filter((one) => one.autonomous);
    const usualFirst = [...autonomous.filter((one) => one.preferred), ...autonomous.filter((one) => !one.preferred)];
    this.#link.configure(learned.prefixes.filter((one) => one.onLink).map(octets), usualFirst.map(octets));
    this.#hops = new NextHops(learned);
    // A foreign identity would not survive the checks of neighbours: the source must carry the outer source.
    this.carrierErrorSource = this.#link.addresses[0] ?? this.#link.linkLocal;
    this.errorSource = identity ?? this.carrierErrorSource;
  }
}
