/**
 * 6rd customer edge, RFC 5969: one site, whose delegated prefix its IPv4 address makes.
 *
 * To another customer edge a packet goes straight, unless the provider wants hub and spoke (RFC 7084
 * 6RD-3); to the rest of IPv6 it goes to the border relay in use. What comes from one of the border
 * relays may have any inner source (section 9.2); all else has to come from the customer edge that
 * its source carries. Addresses outside the domain are not looked at: private ones are as good as any.
 */
import { Drop } from '../core/drop.js';
import { OwnAddresses } from '../policy/own-addresses.js';
import { UNSPECIFIED } from '../wire/ipv6.js';
import type { BorderRelayWatch } from './border-relay-watch.js';
import { type DomainMember, DomainRole } from './domain-checks.js';
import type { Outer } from './role.js';

/** How a customer edge is set up. */
export interface CustomerEdgeOptions extends DomainMember {
  /** IPv4 addresses of the border relays, the most wanted first; none only while the tunnel is down. */
  readonly relays: readonly number[];
  readonly hubAndSpoke: boolean;
}

/** A 6rd customer edge. */
export class SixRdCustomerEdge extends DomainRole {
  /** A foreign identity would not survive the checks of others: the source must carry the outer source. */
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: BorderRelayWatch;
  /** Border relays, as `Endpoint.bits`. */
  readonly #relays: Int32Array;
  readonly #trusted: OwnAddresses;
  readonly #hubAndSpoke: boolean;

  /** `watch` says which of `options.relays` is in use, and speaks for the LANs. */
  constructor(options: CustomerEdgeOptions, watch: BorderRelayWatch) {
    super(options);
    this.speaker = watch;
    this.#relays = Int32Array.from(options.relays);
    this.#trusted = new OwnAddresses(options.relays);
    this.#hubAndSpoke = options.hubAndSpoke;
    this.carrierErrorSource = options.addresses[0] ?? UNSPECIFIED;
  }

  /** See {@link Role}; RFC 5969 section 7.1.1, and RFC 7084 6RD-5: nothing leaves but from the delegated prefix. */
  encapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    const verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (!checks.sourceInside || !checks.isLocal(checks.source)) return Drop.source_mismatch;
    outer.local.bits = checks.source.bits;
    if (checks.destinationInside && checks.node.own.has(checks.destination)) return Drop.loop;
    outer.remote.bits = checks.destinationInside && !this.#hubAndSpoke ? checks.destination.bits : this.#relays[this.speaker.inUse];
    return Drop.none;
  }

  /** See {@link Role}; RFC 5969 section 9.2. */
  decapsulate(b: Uint8Array, off: number, outer: Outer): number {
    const checks = this.checks;
    const isFromRelay = this.#trusted.has(outer.remote);
    let verdict = isFromRelay ? Drop.none : checks.sender(outer);
    if (verdict === Drop.none) verdict = checks.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (isFromRelay) {
      if (checks.sourceInside && checks.isLocal(checks.source)) return this.speaker.hear(b, off);
    } else if (!checks.sourceInside || checks.source.bits !== outer.remote.bits) return Drop.source_mismatch;
    return checks.destinationInside && checks.destination.bits === outer.local.bits ? Drop.none : Drop.destination_mismatch;
  }
}
