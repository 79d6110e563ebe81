/**
 * 6to4 host and router: one site, RFC 3056 section 5, whose /48 its IPv4 address makes.
 *
 * To another site a packet goes straight, never by the relay, whatever the routing table says
 * (section 5.3); to the rest of IPv6 it goes to the relay. What comes back may come from any relay
 * (RFC 3964 section 2): only the destination ties it to this site. A router is a host with LANs.
 */
import { Drop } from '../core/drop.js';
import { OwnAddresses6 } from '../policy/own-addresses.js';
import { UNSPECIFIED } from '../wire/ipv6.js';
import { arrivedBySixToFour, DomainChecks, type DomainNode } from './domain-checks.js';
import type { Outer, Role, Speaker } from './role.js';

/** How a site is set up. */
export interface SiteOptions extends DomainNode {
  /** The relay for destinations outside 2002::/16; null: none. */
  readonly relay: number | null;
  /** The node's own addresses in its site prefixes, the usual one first; empty while the tunnel is down. */
  readonly addresses: readonly Uint8Array[];
  /** `node.identity`, or null. */
  readonly identity: Uint8Array | null;
}

/** A 6to4 site. */
export class SixToFourSite implements Role {
  readonly errorSource: Uint8Array;
  /** A foreign identity would not survive the checks of other sites: the source must carry the outer source. */
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker;
  readonly #checks: DomainChecks;
  /** As `Endpoint.bits`. */
  readonly #relay: number | null;
  readonly #own6: OwnAddresses6;

  /** `speaker`: of the LANs behind it. */
  constructor(options: SiteOptions, speaker: Speaker) {
    this.speaker = speaker;
    this.#checks = new DomainChecks(options);
    this.#relay = options.relay === null ? null : options.relay | 0;
    this.#own6 = new OwnAddresses6(options.addresses);
    this.carrierErrorSource = options.addresses[0] ?? UNSPECIFIED;
    this.errorSource = options.identity ?? this.carrierErrorSource;
  }

  /** See {@link Role}; RFC 3964 section 5.1. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.#checks;
    const verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.sourceInside || !checks.isLocal(checks.source)) return Drop.source_mismatch;
    outer.local.bits = checks.source.bits;
    if (checks.destinationInside) {
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
    const verdict = arrivedBySixToFour(this.#checks, b, off, outer);
    if (verdict !== Drop.none) return verdict;
    return this.#checks.destinationInside ? Drop.none : Drop.destination_mismatch;
  }

  /** See {@link Role}. */
  route(b: Uint8Array, off: number, outer: Outer): number {
    return this.encapsulate(b, off, outer);
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#checks.claims(b, off);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#own6.has(b, off);
  }
}
