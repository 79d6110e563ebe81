/**
 * 6to4 host and router: one site, RFC 3056 section 5, whose /48 its IPv4 address makes.
 *
 * To another site a packet goes straight, never by the relay, whatever the routing table says
 * (section 5.3); to the rest of IPv6 it goes to the relay. What comes back may come from any relay
 * (RFC 3964 section 2): only the destination ties it to this site. A router is a host with LANs.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { sixToFour } from '../mapping/sixrd.js';
import { OwnAddresses6 } from '../policy/own-addresses.js';
import type { Prefix6 } from '../wire/address.js';
import { IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import { isRouterSolicitation } from '../wire/ndisc.js';
import { LanAdvertiser } from './lan-advertiser.js';
import { type AdvertisedLan, type Outer, type Role, TransmitTo } from './role.js';
import { SixToFourChecks, type SixToFourNode } from './sixtofour-checks.js';

/** A LAN and its /64; a null prefix while the tunnel is down. */
export interface SiteLan {
  readonly interface: string;
  readonly linkLocal: Uint8Array;
  readonly prefix: Prefix6 | null;
}

/** How a site is set up. */
export interface SiteOptions extends SixToFourNode {
  /** The relay for destinations outside 2002::/16; null: none. */
  readonly relay: number | null;
  /** The node's own addresses in its site prefixes, the usual one first; empty while the tunnel is down. */
  readonly addresses: readonly Uint8Array[];
  /** `node.identity`, or null. */
  readonly identity: Uint8Array | null;
  readonly lans: readonly SiteLan[];
  /** MTU that LANs are told, octets. */
  readonly mtu: number;
  /** What LANs were told by the role before this one. */
  readonly before: readonly AdvertisedLan[];
}

const UNSPECIFIED = new Uint8Array(16);

/** A 6to4 site. */
export class SixToFourSite implements Role {
  readonly errorSource: Uint8Array;
  /** A foreign identity would not survive the checks of other sites: the source must carry the outer source. */
  readonly carrierErrorSource: Uint8Array;
  readonly #checks: SixToFourChecks;
  /** As `Endpoint.bits`. */
  readonly #relay: number | null;
  readonly #own6: OwnAddresses6;
  readonly #lans: readonly LanAdvertiser[];
  readonly #lanNames: readonly string[];

  constructor(options: SiteOptions, random: Random, now: Millis) {
    this.#checks = new SixToFourChecks(options);
    this.#relay = options.relay === null ? null : options.relay | 0;
    this.#own6 = new OwnAddresses6(options.addresses);
    this.carrierErrorSource = options.addresses[0] ?? UNSPECIFIED;
    this.errorSource = options.identity ?? this.carrierErrorSource;
    this.#lanNames = options.lans.map((lan) => lan.interface);
    this.#lans = options.lans.map((lan) => new LanAdvertiser(lan, lan.prefix, options.mtu, options.before, random, now));
  }

  /** See {@link Role}; RFC 3964 section 5.1. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.#checks;
    const verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.sourceIs6to4 || !checks.isLocal(checks.source)) return Drop.source_mismatch;
    outer.local.bits = checks.source.bits;
    if (checks.destinationIs6to4) {
      if (checks.node.own.has(checks.destination)) return Drop.loop;
      outer.remote.bits = checks.destination.bits;
      return Drop.none;
    }
    if (this.#relay === null) return Drop.no_endpoint;
    outer.remote.bits = this.#relay;
    return Drop.none;
  }

  /** See {@link Role}; RFC 3964 section 5.2: nothing but the own prefix is received. */
  decapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const verdict = this.#checks.arrived(b, off, outer);
    if (verdict !== Drop.none) return verdict;
    return this.#checks.destinationIs6to4 ? Drop.none : Drop.destination_mismatch;
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    const { source, destination } = this.#checks;
    return sixToFour.endpointOf(b, off + IPV6_SRC, source) || sixToFour.endpointOf(b, off + IPV6_DST, destination);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#own6.has(b, off);
  }

  /** See {@link Role}. */
  fromLan(lan: number, frame: Frame, now: Millis): number {
    if (!isRouterSolicitation(frame.b, frame.off, frame.end)) return Drop.malformed_nd;
    this.#lans[lan].handleSolicitation(now);
    return Verdict.consumed;
  }

  /** See {@link Role}. */
  advertised(now: Millis): readonly AdvertisedLan[] {
    return this.#lans.flatMap((lan) => lan.advertised(now));
  }

  /** See {@link Role}. */
  withdraw(now: Millis, except: readonly string[]): void {
    this.#lans.forEach((lan, i) => {
      if (!except.includes(this.#lanNames[i])) lan.withdraw(now);
    });
  }

  /** See {@link Role}. */
  handleTimeout(now: Millis): void {
    for (const lan of this.#lans) lan.handleTimeout(now);
  }

  /** See {@link Role}. */
  nextTimeout(): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (const lan of this.#lans) next = Math.min(next, lan.nextTimeout());
    return next;
  }

  /** See {@link Role}. */
  pollTransmit(out: Frame, now: Millis): number {
    for (let i = 0; i < this.#lans.length; i++) if (this.#lans[i].pollTransmit(out, now)) return TransmitTo.lan + i;
    return TransmitTo.nowhere;
  }
}
