/** What all tunnels of one node share, made once from its snapshot. */
import { OwnAddresses, OwnAddresses6 } from '../policy/own-addresses.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import type { NodeSpec } from './spec.js';
import { addressesOf, domainsOf } from './technologies.js';

/** The node as its tunnels see it. */
export class NodeContext {
  /** Endpoints of 6to4 and Teredo: globally reachable ones. */
  readonly endpoints: EndpointPolicy;
  /** Endpoints of 6rd and ISATAP: any unicast ones. */
  readonly unicast: EndpointPolicy;
  readonly own: OwnAddresses;
  readonly identity: Uint8Array | null;
  /** An IPv6 address of the host outside its tunnels; null when it has none. */
  readonly native: Uint8Array | null;
  /** The node's IPv6 addresses, those of tunnels aside. */
  readonly own6: OwnAddresses6;

  constructor(spec: NodeSpec) {
    this.endpoints = new EndpointPolicy(spec.allowIpv4, spec.broadcasts);
    this.unicast = EndpointPolicy.unicast(spec.allowIpv4, spec.broadcasts);
    this.identity = spec.identity;
    this.native = spec.ownIpv6[0] ?? null;
    const native = spec.identity === null ? spec.ownIpv6 : [spec.identity, ...spec.ownIpv6];
    this.own6 = new OwnAddresses6(native);
    const own6 = new OwnAddresses6([...native, ...spec.tunnels.flatMap(addressesOf)]);
    this.own = new OwnAddresses(spec.ownIpv4, spec.tunnels.flatMap(domainsOf), own6);
  }
}
