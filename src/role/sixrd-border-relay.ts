/**
 * 6rd border relay, RFC 5969: between a provider's 6rd domain and the rest of IPv6.
 *
 * Stateless, so any number of relays may share one address and take any packet. It takes from a
 * customer edge what carries that one's address, all 32 bits of it (section 9.2), and sends into the
 * domain whatever is routed to it. What a customer edge sends to itself or to another one through the
 * relay comes back into the domain: probes (section 8) and hub and spoke live by that.
 */
import { Drop } from '../core/drop.js';
import { IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import { type DomainMember, DomainRole } from './domain-checks.js';
import { type Outer, SILENT } from './role.js';

/** A 6rd border relay. */
export class SixRdBorderRelay extends DomainRole {
  readonly carrierErrorSource: Uint8Array;
  readonly speaker = SILENT;
  /** The outer source, whatever is sent: with an anycast address no other will do (section 7.2). As `Endpoint.bits`. */
  readonly #local: number;

  constructor(options: DomainMember) {
    super(options);
    this.#local = (options.local[0] ?? 0) | 0;
    // A customer edge takes any source from its relay (section 9.2).
    this.carrierErrorSource = this.errorSource;
  }

  /** See {@link Role}: native, or back into the domain. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    const verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.destinationInside) return Drop.no_endpoint;
    const { own } = checks.node;
    if (own.has(checks.destination)) return Drop.loop;
    if (own.carriedBy(b, off + IPV6_SRC)) return Drop.loop;
    outer.local.bits = this.#local;
    outer.remote.bits = checks.destination.bits;
    return Drop.none;
  }

  /** See {@link Role}; RFC 5969 section 9.2. */
  decapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    let verdict = checks.sender(outer);
    if (verdict === Drop.none) verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.sourceInside || checks.source.bits !== outer.remote.bits) return Drop.source_mismatch;
    // The relay's own delegated prefix leads nowhere but to the relay (section 12), as does what embeds one of its addresses.
    return checks.node.own.carriedBy(b, off + IPV6_DST) ? Drop.loop : Drop.none;
  }
}
