/**
 * 6to4 relay: between 2002::/16 and the rest of IPv6, RFC 3056 section 5.2, RFC 3068, RFC 6343.
 *
 * Stateless, so any number of relays may share one anycast address. Each owns, besides, a unicast
 * address that is treated the same (RFC 3068 section 4.2); what is sent from the 6to4 address of
 * one of them leaves from that one, everything else from the first. A relay is for whoever is not in 6to4: sites
 * reach each other without it, and what pretends to need it is dropped (RFC 3964 section 3.2).
 */
import { Drop } from '../core/drop.js';
import { IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import { arrivedBySixToFour, type DomainMember, DomainRole } from './domain-checks.js';
import { type Outer, SILENT } from './role.js';

/** A 6to4 relay. */
export class SixToFourRelay extends DomainRole {
  readonly carrierErrorSource: Uint8Array;
  readonly speaker = SILENT;
  /** The usual outer source, as `Endpoint.bits`. */
  readonly #local: number;

  constructor(options: DomainMember) {
    super(options);
    this.#local = (options.local[0] ?? 0) | 0;
    // A native source passes the checks of every site, from any relay (RFC 3964 section 5.2).
    this.carrierErrorSource = this.errorSource;
  }

  /** See {@link Role}; RFC 3964 section 5.1: native to 6to4. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    const verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.destinationInside) return Drop.no_endpoint;
    if (checks.node.own.has(checks.destination)) return Drop.loop;
    if (checks.sourceInside) {
      if (!checks.isLocal(checks.source)) return Drop.source_mismatch;
      outer.local.bits = checks.source.bits;
    } else {
      if (checks.node.own.carriedBy(b, off + IPV6_SRC)) return Drop.loop;
      outer.local.bits = this.#local;
    }
    outer.remote.bits = checks.destination.bits;
    return Drop.none;
  }

  /** See {@link Role}; RFC 3964 section 5.2: 6to4 to native, or to this relay. */
  decapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    const verdict = arrivedBySixToFour(checks, b, off, outer);
    if (verdict !== Drop.none || checks.destinationInside) return verdict;
    if (!checks.sourceInside) return Drop.source_mismatch;
    return checks.node.own.carriedBy(b, off + IPV6_DST) ? Drop.loop : Drop.none;
  }
}
