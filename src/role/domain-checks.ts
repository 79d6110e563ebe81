/**
 * What 6to4 and 6rd nodes ask of every packet: who is in the domain, and whether its endpoints can be ones.
 * RFC 3964 section 5 for 6to4, RFC 5969 section 9.2 and 12 for 6rd; all of it in both directions, since
 * a node cannot know in which role a packet meets it.
 */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { SixRd } from '../mapping/sixrd.js';
import { OwnAddresses, OwnAddresses6 } from '../policy/own-addresses.js';
import { type EndpointPolicy, specialIpv6 } from '../policy/special-addresses.js';
import { IPV6_DST, IPV6_SRC, UNSPECIFIED } from '../wire/ipv6.js';
import type { Outer, Role, Speaker } from './role.js';

/** What a check needs to know of its node. */
export interface DomainNode {
  readonly domain: SixRd;
  /** Which IPv4 addresses may be endpoints. */
  readonly endpoints: EndpointPolicy;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Addresses on which the tunnel decapsulates; the first is its usual outer source. */
  readonly local: readonly number[];
}

/** The answers; results are read from the fields after a call of `read`. */
export class DomainChecks {
  readonly node: DomainNode;
  /** The IPv4 endpoint in the inner source, when `sourceInside`. */
  readonly source = new Endpoint();
  /** The IPv4 endpoint in the inner destination, when `destinationInside`. */
  readonly destination = new Endpoint();
  sourceInside = false;
  destinationInside = false;
  readonly #locals: OwnAddresses;

  constructor(node: DomainNode) {
    this.node = node;
    this.#locals = new OwnAddresses(node.local);
  }

  /** True when the tunnel decapsulates what is sent to the address of `ep`. */
  isLocal(ep: Endpoint): boolean {
    return this.#locals.has(ep);
  }

  /** True when either address of the packet at `b[off..)` is in the domain. */
  claims(b: Uint8Array, off: number): boolean {
    const { domain } = this.node;
    return domain.endpointOf(b, off + IPV6_SRC, this.source) || domain.endpointOf(b, off + IPV6_DST, this.destination);
  }

  /** Reads both addresses of the inner packet and judges them and what they carry: RFC 3964 sections 5.3.1 and 5.3.2. */
  read(b: Uint8Array, off: number): number {
    if (specialIpv6(b, off + IPV6_SRC) || specialIpv6(b, off + IPV6_DST)) return Drop.special_ipv6;
    const { domain, endpoints } = this.node;
    this.sourceInside = domain.endpointOf(b, off + IPV6_SRC, this.source);
    this.destinationInside = domain.endpointOf(b, off + IPV6_DST, this.destination);
    if (this.sourceInside && endpoints.refuses(this.source)) return Drop.special_ipv4;
    if (this.destinationInside && endpoints.refuses(this.destination)) return Drop.special_ipv4;
    return Drop.none;
  }

  /** Judges the outer source of a packet that arrived. */
  sender(outer: Outer): number {
    if (this.node.endpoints.refuses(outer.remote)) return Drop.special_ipv4;
    // Our own address as the outer source: our own packet came back, or a forger wants it to.
    return this.node.own.has(outer.remote) ? Drop.loop : Drop.none;
  }
}

/** How a node of a domain is set up. */
export interface DomainMember extends DomainNode {
  /** The node's own addresses in the domain, the usual one first; none while the tunnel is down, or where its IPv4 address lies outside. */
  readonly addresses: readonly Uint8Array[];
  /** `node.identity`, or another source of its ICMPv6 errors; null: its own in the domain. */
  readonly identity: Uint8Array | null;
}

/** What the roles of 6to4 and 6rd have in common: all but what they let pass. */
export abstract class DomainRole implements Role {
  readonly errorSource: Uint8Array;
  abstract readonly carrierErrorSource: Uint8Array;
  abstract readonly speaker: Speaker;
  protected readonly checks: DomainChecks;
  readonly #own6: OwnAddresses6;

  constructor(member: DomainMember) {
    this.checks = new DomainChecks(member);
    this.#own6 = new OwnAddresses6(member.addresses);
    this.errorSource = member.identity ?? member.addresses[0] ?? UNSPECIFIED;
  }

  /** See {@link Role}. */
  abstract encapsulate(b: Uint8Array, off: number, outer: Outer): number;

  /** See {@link Role}. */
  abstract decapsulate(b: Uint8Array, off: number, outer: Outer): number;

  /** See {@link Role}: nothing is held, so it is all that `encapsulate` does. */
  route(b: Uint8Array, off: number, outer: Outer): number {
    return this.encapsulate(b, off, outer);
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.checks.claims(b, off);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#own6.has(b, off);
  }
}

/**
 * Judges a 6to4 packet that arrived, whoever receives it, RFC 3964 section 5.2: an address that is in 6to4 carries
 * its outer endpoint, so what one site sends to another comes from that site, and never by a relay.
 */
export function arrivedBySixToFour(checks: DomainChecks, b: Uint8Array, off: number, outer: Outer): number {
  let verdict = checks.sender(outer);
  if (verdict === Drop.none) verdict = checks.read(b, off);
  if (verdict !== Drop.none) return verdict;
  if (checks.sourceInside && checks.source.bits !== outer.remote.bits) return Drop.source_mismatch;
  if (checks.destinationInside && checks.destination.bits !== outer.local.bits) return Drop.destination_mismatch;
  return Drop.none;
}
