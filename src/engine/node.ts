/** What all tunnels of one node share, made once from its snapshot. */
import { OwnAddresses } from '../policy/own-addresses.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { same } from '../wire/octets.js';
import type { NodeSpec } from './spec.js';

/** The node as its tunnels see it. */
export class NodeContext {
  readonly endpoints: EndpointPolicy;
  readonly own: OwnAddresses;
  readonly identity: Uint8Array | null;
  readonly #ownIpv6: readonly Uint8Array[];

  constructor(spec: NodeSpec) {
    this.endpoints = new EndpointPolicy(spec.allowIpv4, spec.broadcasts);
    this.own = new OwnAddresses(spec.ownIpv4);
    this.identity = spec.identity;
    this.#ownIpv6 = spec.identity === null ? spec.ownIpv6 : [spec.identity, ...spec.ownIpv6];
  }

  /** True when the IPv6 address at `b[off..)` is this node's, tunnels aside. */
  isOwn(b: Uint8Array, off: number): boolean {
    const own = this.#ownIpv6;
    for (let i = 0; i < own.length; i++) if (same(own[i], 0, b, off, 16)) return true;
    return false;
  }
}
