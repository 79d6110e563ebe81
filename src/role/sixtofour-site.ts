/**
 * 6to4 host and router: one site, RFC 3056 section 5, whose /48 its IPv4 address makes.
 *
 * To another site a packet goes straight, never by the relay, whatever the routing table says
 * (section 5.3); to the rest of IPv6 it goes to the relay. What comes back may come from any relay
 * (RFC 3964 section 2): only the destination ties it to this site. A router is a host with LANs.
 */
import { Drop } from '../core/drop.js';
import { UNSPECIFIED } from '../wire/ipv6.js';
import { arrivedBySixToFour, type DomainMember, DomainRole } from './domain-checks.js';
import type { Outer, Speaker } from './role.js';

/** How a site is set up. */
export interface SiteOptions extends DomainMember {
  /** The relay for destinations outside 2002::/16; null: none. */
  readonly relay: number | null;
}

/** A 6to4 site. */
export class SixToFourSite extends DomainRole {
  /** A foreign identity would not survive the checks of other sites: the source must carry the outer source. */
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker;
  /** As `Endpoint.bits`. */
  readonly #relay: number | null;

  /** `speaker`: of the LANs behind it. */
  constructor(options: SiteOptions, speaker: Speaker) {
    super(options);
    this.speaker = speaker;
    this.#relay = options.relay === null ? null : options.relay | 0;
    this.carrierErrorSource = options.addresses[0] ?? UNSPECIFIED;
  }

  /** See {@link Role}; RFC 3964 section 5.1. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
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
    const verdict = arrivedBySixToFour(this.checks, b, off, outer);
    if (verdict !== Drop.none) return verdict;
    return this.checks.destinationInside ? Drop.none : Drop.destination_mismatch;
  }
}
