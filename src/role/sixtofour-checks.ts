/**
 * What every 6to4 node checks of every packet, RFC 3964 section 5: all of it, in both directions,
 * since a node cannot know in which role a packet meets it.
 */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import { sixToFour } from '../mapping/sixrd.js';
import { OwnAddresses } from '../policy/own-addresses.js';
import { type EndpointPolicy, specialIpv6 } from '../policy/special-addresses.js';
import { IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import type { Outer } from './role.js';

/** What a check needs to know of its node. */
export interface SixToFourNode {
  /** Which IPv4 addresses may be endpoints. */
  readonly endpoints: EndpointPolicy;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Addresses on which the tunnel decapsulates; the first is its usual outer source. */
  readonly local: readonly number[];
}

/** The answers; results are read from `source` and `destination` after a call of `read`. */
export class SixToFourChecks {
  readonly node: SixToFourNode;
  /** The IPv4 endpoint in the inner source, when `sourceIs6to4`. */
  readonly source = new Endpoint();
  /** The IPv4 endpoint in the inner destination, when `destinationIs6to4`. */
  readonly destination = new Endpoint();
  sourceIs6to4 = false;
  destinationIs6to4 = false;
  readonly #locals: OwnAddresses;

  constructor(node: SixToFourNode) {
    this.node = node;
    this.#locals = new OwnAddresses(node.local);
  }

  /** True when the tunnel decapsulates what is sent to the address of `ep`. */
  isLocal(ep: Endpoint): boolean {
    return this.#locals.has(ep);
  }

  /** Reads both addresses of the inner packet and applies sections 5.3.1 and 5.3.2 to them and to what they carry. */
  read(b: Uint8Array, off: number): number {
    if (specialIpv6(b, off + IPV6_SRC) || specialIpv6(b, off + IPV6_DST)) return Drop.special_ipv6;
    this.sourceIs6to4 = sixToFour.endpointOf(b, off + IPV6_SRC, this.source);
    this.destinationIs6to4 = sixToFour.endpointOf(b, off + IPV6_DST, this.destination);
    const { endpoints } = this.node;
    if (this.sourceIs6to4 && endpoints.refuses(this.source)) return Drop.special_ipv4;
    if (this.destinationIs6to4 && endpoints.refuses(this.destination)) return Drop.special_ipv4;
    return Drop.none;
  }

  /** Section 5.2, what it asks of every packet that arrived between the endpoints of `outer`; then `read`'s results are valid. */
  arrived(b: Uint8Array, off: number, outer: Outer): number {
    if (this.node.endpoints.refuses(outer.remote)) return Drop.special_ipv4;
    // Our own address as the outer source: our own packet came back, or a forger wants it to.
    if (this.node.own.has(outer.remote)) return Drop.loop;
    const verdict = this.read(b, off);
    if (verdict !== Drop.none) return verdict;
    if (this.sourceIs6to4 && this.source.bits !== outer.remote.bits) return Drop.source_mismatch;
    if (this.destinationIs6to4 && this.destination.bits !== outer.local.bits) return Drop.destination_mismatch;
    return Drop.none;
  }
}
