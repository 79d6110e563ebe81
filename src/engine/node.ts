/** What all tunnels of one node share, made once from its snapshot. */
import { OwnAddresses, OwnAddresses6 } from '../policy/own-addresses.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import type { NodeSpec } from './spec.js';

/** The node as its tunnels see it. */
export class NodeContext {
  readonly endpoints: EndpointPolicy;
  readonly own: OwnAddresses;
  readonly identity: Uint8Array | null;
  /** The node's IPv6 addresses, those of tunnels aside. */
  readonly own6: OwnAddresses6;

  constructor(spec: NodeSpec) {
    this.endpoints = new EndpointPolicy(spec.allowIpv4, spec.broadcasts);
    this.own = new OwnAddresses(spec.ownIpv4);
    this.identity = spec.identity;
    this.own6 = new OwnAddresses6(spec.identity === null ? spec.ownIpv6 : [spec.identity, ...spec.ownIpv6]);
  }
}
