/** What all tunnels of one node share: what its own addresses are, and which ones may be endpoints. */
import { OwnAddresses, OwnAddresses6 } from '../policy/own-addresses.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { type NodeSpec, sameSpec } from './spec.js';
import { addressesOf, domainsOf } from './technologies.js';

/** The node as its tunnels see it. Its addresses and subnets may become others under them; all else is for life. */
export class NodeContext {
  /** Endpoints of 6to4: globally reachable ones. */
  readonly endpoints: EndpointPolicy;
  /** Endpoints of Teredo: those, but for relays of 6to4. */
  readonly teredo: EndpointPolicy;
  /** Endpoints of 6rd and ISATAP: any unicast ones. */
  readonly unicast: EndpointPolicy;
  readonly own = new OwnAddresses([]);
  readonly identity: Uint8Array | null;
  /** An IPv6 address of the host outside its tunnels, the same for as long as the host has it; null when it has none. */
  readonly native: Uint8Array | null;
  readonly #fixed: unknown;
  #own6 = new OwnAddresses6([]);

  constructor(spec: NodeSpec) {
    this.endpoints = new EndpointPolicy(spec.allowIpv4);
    this.teredo = EndpointPolicy.teredo(spec.allowIpv4);
    this.unicast = EndpointPolicy.unicast(spec.allowIpv4);
    this.identity = spec.identity;
    this.native = spec.ownIpv6[0] ?? null;
    this.#fixed = fixedOf(spec);
    this.become(spec);
  }

  /** The node's IPv6 addresses, those of tunnels aside. */
  get own6(): OwnAddresses6 {
    return this.#own6;
  }

  /** True when this context can become that of `spec`. */
  suits(spec: NodeSpec): boolean {
    return sameSpec(this.#fixed, fixedOf(spec)) && (this.identity !== null || this.#hasNative(spec));
  }

  /** Takes the addresses and subnets of `spec`, which it suits. */
  become(spec: NodeSpec): void {
    for (const policy of [this.endpoints, this.teredo, this.unicast]) policy.become(spec.broadcasts);
    const native = spec.identity === null ? spec.ownIpv6 : [spec.identity, ...spec.ownIpv6];
    this.#own6 = new OwnAddresses6(native);
    const all6 = new OwnAddresses6([...native, ...spec.tunnels.flatMap(addressesOf)]);
    this.own.become(spec.ownIpv4, spec.tunnels.flatMap(domainsOf), all6);
  }

  /** Whether `native` is still one of the host's addresses, or it still has none. */
  #hasNative({ ownIpv6 }: NodeSpec): boolean {
    return this.native === null ? ownIpv6.length === 0 : ownIpv6.some((address) => sameSpec(address, this.native));
  }
}

/** What roles are built with: another one makes them anew. */
function fixedOf({ identity, allowIpv4 }: NodeSpec): unknown {
  return { identity, allowIpv4 };
}
