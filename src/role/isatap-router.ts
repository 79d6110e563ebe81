/**
 * ISATAP router, RFC 5214: between a site whose IPv4 network is its link, and the rest of IPv6.
 *
 * It tells hosts of its /64 and of itself when they ask, and never otherwise (section 8.2). From them
 * it takes what carries their outer source, nothing from other routers; to them goes what is for an
 * ISATAP address under the prefix. What one host sends to another through it comes back into the link:
 * hosts that were told of the prefix by a router that does not call it on-link live by that.
 *
 * It watches nobody's reachability (section 8.4 leaves that to hosts), so it has no state but who is
 * to be answered, and every thread of a node answers what it hears itself.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { ISATAP_PREFIX_LEN } from '../mapping/isatap.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC, isLinkLocal6, totalLen6 } from '../wire/ipv6.js';
import {
  ALL_ROUTERS,
  discoveryType,
  isRouterAdvertisement,
  isRouterSolicitation,
  type RouterAdvertisement,
  writeRouterAdvertisement,
} from '../wire/ndisc.js';
import { isNeighborAdvertisement } from '../wire/neighbor.js';
import { same } from '../wire/octets.js';
import { IsatapLink, type IsatapNode } from './isatap-link.js';
import { type Heritage, NO_HERITAGE, type Outer, type Role, type Speaker, TransmitTo } from './role.js';
import { SolicitedAdvertisements } from './solicited-advertisements.js';

/** Seconds for which addresses under the prefix stay valid: AdvValidLifetime of RFC 4861 section 6.2.1. */
export const VALID_LIFETIME = 2_592_000;
/** Seconds for which they are preferred: AdvPreferredLifetime. */
export const PREFERRED_LIFETIME = 604_800;
/** What hosts put into their packets: AdvCurHopLimit. */
const HOP_LIMIT = 64;

/** How a router is set up; `local` is the address that hosts have in their potential router list. */
export interface IsatapRouterOptions extends IsatapNode {
  /** The eight octets of the on-link /64. */
  readonly prefix: Uint8Array;
  /** Seconds for which hosts may use it as a default router; 0: not at all. */
  readonly routerLifetime: number;
}

/** An ISATAP router. */
export class IsatapRouter implements Role, Speaker {
  readonly errorSource: Uint8Array;
  readonly carrierErrorSource: Uint8Array;
  readonly learned = null;
  readonly peers = 0;
  readonly speaker: Speaker = this;
  readonly #link: IsatapLink;
  readonly #waiting: SolicitedAdvertisements;
  readonly #solicitor = new Uint8Array(ADDRESS_LEN);
  readonly #advertisement: RouterAdvertisement;

  constructor(options: IsatapRouterOptions, random: Random) {
    const { prefix, routerLifetime, mtu, identity } = options;
    this.#link = new IsatapLink(options, true);
    this.#link.configure([prefix], [prefix]);
    this.#waiting = new SolicitedAdvertisements(random);
    this.errorSource = identity ?? this.#link.addresses[0] ?? this.#link.linkLocal;
    // A host takes any source from a router in its list (section 7.3).
    this.carrierErrorSource = this.errorSource;
    const addr = new Uint8Array(ADDRESS_LEN);
    addr.set(prefix);
    this.#advertisement = {
      source: this.#link.linkLocal,
      destination: this.#solicitor,
      hopLimit: HOP_LIMIT,
      preference: 'medium',
      routerLifetime,
      mtu,
      prefixes: [
        {
          prefix: { addr, len: 8 * ISATAP_PREFIX_LEN },
          validLifetime: VALID_LIFETIME,
          preferredLifetime: PREFERRED_LIFETIME,
          onLink: true,
          autonomous: true,
        },
      ],
      routes: [],
    };
  }

  /** See {@link Role}: from native IPv6, or from a host to another one, into the site. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const link = this.#link;
    if (link.node.local === null) return Drop.tunnel_down;
    if (specialIpv6(b, off + IPV6_SRC) && !link.isOwn(b, off + IPV6_SRC)) return Drop.special_ipv6;
    if (!link.endpointOf(b, off + IPV6_DST, outer.remote)) return specialIpv6(b, off + IPV6_DST) ? Drop.special_ipv6 : Drop.no_endpoint;
    const refused = link.refuses(outer.remote);
    if (refused !== Drop.none) return refused;
    // To a link-local address only this node itself sends.
    if (isLinkLocal6(b, off + IPV6_DST) && !link.isOwn(b, off + IPV6_SRC)) return Drop.special_ipv6;
    // RFC 6324 section 3.3.
    if (!isLinkLocal6(b, off + IPV6_SRC) && link.node.own.carriedBy(b, off + IPV6_SRC)) return Drop.loop;
    outer.local.bits = link.local;
    return Drop.none;
  }

  /** See {@link Role}; RFC 5214 section 7.3. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const link = this.#link;
    if (link.node.local === null) return Drop.tunnel_down;
    const verdict = link.sender(b, off, outer);
    if (verdict !== Drop.none) return verdict;
    const end = off + totalLen6(b, off);
    const type = discoveryType(b, off, end);
    if (type !== 0) return this.#discover(type, b, off, end, outer, now);
    if (specialIpv6(b, off + IPV6_DST) || isLinkLocal6(b, off + IPV6_SRC)) return this.#onLinkOnly(b, off);
    return link.node.own.carriedBy(b, off + IPV6_DST) ? Drop.loop : Drop.none;
  }

  /** See {@link Role}. */
  route(b: Uint8Array, off: number, outer: Outer): number {
    return this.encapsulate(b, off, outer);
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#link.isOnLink(b, off + IPV6_SRC) || this.#link.isOnLink(b, off + IPV6_DST);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#link.isOwn(b, off);
  }

  /** What is behind a router it need not tell. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Speaker}. */
  heritage(): Heritage {
    return NO_HERITAGE;
  }

  /** See {@link Speaker}: a router watches nobody. */
  suspect(): void {}

  /** See {@link Speaker}: hosts find out by asking. */
  withdraw(): void {
    this.#waiting.clear();
  }

  /** Nothing to do: what is due is written when it is asked for. */
  handleTimeout(): void {}

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return this.#waiting.nextTimeout();
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    if (this.#link.pollAnswer(out)) return TransmitTo.carrier;
    if (!this.#waiting.poll(this.#solicitor, out.remote, now)) return TransmitTo.nowhere;
    out.clear();
    out.end = writeRouterAdvertisement(out.b, out.off, this.#advertisement);
    return TransmitTo.carrier;
  }

  /** Judges a packet that may not leave the link, one of its ends being link-local or worse: it is for this node, or it is dropped. */
  #onLinkOnly(b: Uint8Array, off: number): number {
    if (this.isOwn(b, off + IPV6_DST)) return Drop.none;
    return isLinkLocal6(b, off + IPV6_DST) ? Drop.destination_mismatch : Drop.special_ipv6;
  }

  #discover(type: number, b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    if (type === Icmp6.routerSolicitation) return this.#hearSolicitation(b, off, end, outer, now);
    // Other routers and hosts may say what they like: nothing here depends on it.
    if (type === Icmp6.routerAdvertisement) return isRouterAdvertisement(b, off, end) ? Verdict.consumed : Drop.malformed_nd;
    if (type === Icmp6.neighborAdvertisement) return isNeighborAdvertisement(b, off, end) ? Verdict.consumed : Drop.malformed_nd;
    return this.#link.discover(type, b, off, end, outer);
  }

  #hearSolicitation(b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    if (!isRouterSolicitation(b, off, end)) return Drop.malformed_nd;
    const isForRouter = same(b, off + IPV6_DST, ALL_ROUTERS, 0, ADDRESS_LEN) || this.isOwn(b, off + IPV6_DST);
    if (!isForRouter) return Drop.destination_mismatch;
    return this.#waiting.take(b, off + IPV6_SRC, outer.remote, now) ? Verdict.consumed : Drop.queue_full;
  }
}
