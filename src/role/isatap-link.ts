/**
 * This node's end of an ISATAP link, RFC 5214: its addresses there, which others are on the link, and
 * what host and router alike check of what arrives (section 7.3).
 */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { hasIsatapId, ISATAP_LINK_LOCAL, Isatap } from '../mapping/isatap.js';
import { addressOf } from '../mapping/mapping.js';
import { type OwnAddresses, OwnAddresses6 } from '../policy/own-addresses.js';
import { type EndpointPolicy, specialIpv6 } from '../policy/special-addresses.js';
import { Icmp6 } from '../wire/icmp6.js';
import { IPV6_SRC, isLinkLocal6 } from '../wire/ipv6.js';
import { isMessage } from '../wire/ndisc.js';
import { isNeighborSolicitation, TARGET } from '../wire/neighbor.js';
import { NeighborAnswers } from './neighbor-answers.js';
import type { Outer } from './role.js';

/** What hosts and routers are set up with alike. */
export interface IsatapNode {
  /** Outer source; null while the tunnel is down. */
  readonly local: number | null;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Which IPv4 addresses may be endpoints: any unicast one. */
  readonly endpoints: EndpointPolicy;
  /** `node.identity`, or null. */
  readonly identity: Uint8Array | null;
  /** Whether an IPv4 address is known to be globally unique: the u bit of addresses that carry it. */
  readonly unique: (addr: number) => boolean;
  /** MTU of the tunnel, octets. */
  readonly mtu: number;
}

/** Octets of a redirect before its options, RFC 4861 section 4.5. */
const REDIRECT_LEN = 40;

/** See the head of the file. */
export class IsatapLink {
  readonly node: IsatapNode;
  /** The outer source, as `Endpoint.bits`; meaningless while the tunnel is down. */
  readonly local: number;
  /** The link-local address, sixteen octets. */
  readonly linkLocal: Uint8Array;
  /** The other addresses, sixteen octets each. */
  addresses: readonly Uint8Array[] = [];
  readonly #linkLocals: Isatap;
  readonly #answers: NeighborAnswers;
  readonly #carried = new Endpoint();
  #onLink: readonly Isatap[] = [];
  #own6: OwnAddresses6;

  constructor(node: IsatapNode, isRouter: boolean) {
    this.node = node;
    this.local = (node.local ?? 0) | 0;
    this.#linkLocals = new Isatap(ISATAP_LINK_LOCAL, node.unique);
    this.#answers = new NeighborAnswers(isRouter);
    this.linkLocal = addressOf(this.#linkLocals, this.local);
    this.#own6 = new OwnAddresses6([]);
    this.configure([], []);
  }

  /** Prefixes, eight octets each: `onLink` ones whose addresses are neighbours, `autonomous` ones under which this node has an address. */
  configure(onLink: readonly Uint8Array[], autonomous: readonly Uint8Array[]): void {
    const mapping = (prefix: Uint8Array) => new Isatap(prefix, this.node.unique);
    // Those that are met most stand first.
    this.#onLink = [...onLink.map(mapping), this.#linkLocals];
    this.addresses = this.node.local === null ? [] : autonomous.map((prefix) => addressOf(mapping(prefix), this.local));
    this.#own6 = new OwnAddresses6(this.node.local === null ? [] : [...this.addresses, this.linkLocal]);
  }

  /** True when the address at `b[off..)` is one of this node's on the link. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#own6.has(b, off);
  }

  /** Reads the endpoint of a neighbour: of an ISATAP address under fe80::/64 or an on-link prefix (section 3); false for any other address. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean {
    if (!hasIsatapId(b, off)) return false;
    const onLink = this.#onLink;
    for (let i = 0; i < onLink.length; i++) if (onLink[i].endpointOf(b, off, ep)) return true;
    return false;
  }

  /** True when the address at `b[off..)` is a neighbour's, or would be. */
  isOnLink(b: Uint8Array, off: number): boolean {
    return this.endpointOf(b, off, this.#carried);
  }

  /** Why nothing may be sent to `ep`: `Drop.none` when it may. */
  refuses(ep: Endpoint): number {
    if (this.node.endpoints.refuses(ep)) return Drop.special_ipv4;
    return this.node.own.has(ep) ? Drop.loop : Drop.none;
  }

  /**
   * Section 7.3, of the packet at `b[off..)` that came between the endpoints of `outer`: `Drop.none` when its source is an address
   * on the link that carries the outer source; `not_potential_router` when it is none on the link, which only a
   * router may send. A link-local source never comes from another link, not even over a router.
   */
  sender(b: Uint8Array, off: number, outer: Outer): number {
    const refused = this.refuses(outer.remote);
    if (refused !== Drop.none) return refused;
    if (this.endpointOf(b, off + IPV6_SRC, this.#carried))
      return this.#carried.bits === outer.remote.bits ? Drop.none : Drop.source_mismatch;
    return specialIpv6(b, off + IPV6_SRC) ? Drop.special_ipv6 : Drop.not_potential_router;
  }

  /**
   * Takes a neighbor discovery message, of ICMPv6 type `type`, in which host and router see the same: a neighbor
   * solicitation is answered. A redirect teaches nothing: a neighbour's endpoint is in its address, and a better
   * router is known by its own advertisements. Everything else is malformed.
   */
  discover(type: number, b: Uint8Array, off: number, end: number, outer: Outer): number {
    if (type === Icmp6.redirect)
      return isMessage(b, off, end, type, REDIRECT_LEN) && isLinkLocal6(b, off + IPV6_SRC) ? Verdict.consumed : Drop.malformed_nd;
    if (type !== Icmp6.neighborSolicitation || !isNeighborSolicitation(b, off, end)) return Drop.malformed_nd;
    if (!this.isOwn(b, off + TARGET)) return Drop.destination_mismatch;
    return this.#answers.take(b, off, outer.remote) ? Verdict.consumed : Drop.queue_full;
  }

  /** Writes the next answer to a neighbour into `out`, its endpoint into `out.remote`; false when there is none. */
  pollAnswer(out: Frame): boolean {
    return this.#answers.poll(out);
  }
}
