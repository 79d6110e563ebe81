/**
 * What is asked of the gateway for a tunnel: that what comes to a port of its own is led to the tunnel's, whoever sends it
 * (RFC 6081 section 5.3). By PCP, which is one question; by NAT-PMP, its ancestor; or by UPnP, which is what most homes have.
 */
import type { EndpointText } from '../role/role.js';
import type { PortMapping } from '../role/teredo-node.js';
import { formatIpv4 } from '../wire/address.js';
import { reasonOf } from './failure.js';
import { mapByPcp, unmapByPcp } from './pcp-client.js';
import { mapByUpnp, unmapByUpnp } from './upnp.js';

/** How a gateway is asked. */
export type GatewayProtocol = NonNullable<PortMapping['by']>;

/** Whose port is to be reached, and by whom. */
export interface MappingWish {
  /** Unsigned. */
  readonly gateway: number;
  /** The tunnel's end: where the gateway is to lead to, and where it is asked from. */
  readonly local: EndpointText;
  /** Twelve octets that nobody else knows; the same as long as the mapping is wanted. */
  readonly nonce: Uint8Array;
}

/** What the gateway does. */
export interface MappingGrant {
  readonly by: GatewayProtocol;
  readonly external: EndpointText;
  /** Seconds until it ends; `Infinity`: it has no end. */
  readonly lifetime: number;
}

/** How a mapping is got, and given back. Both take some seconds at most, and end at once when `signal` is aborted. */
export interface Gateway {
  /** Asks for it, or for more of it. Rejects with the reason why there is none. */
  map(wish: MappingWish, signal: AbortSignal): Promise<MappingGrant>;
  /** Gives it back. Rejects when the gateway does not say that it has it. */
  unmap(wish: MappingWish, grant: MappingGrant, signal: AbortSignal): Promise<void>;
}

/** The gateways that there are. */
export const gateway: Gateway = {
  async map(wish, signal) {
    const refusals: string[] = [];
    for (const ask of [mapByPcp, mapByUpnp]) {
      try {
        return await ask(wish, signal);
      } catch (thrown) {
        refusals.push(reasonOf(thrown));
      }
    }
    throw new Error(`gateway ${formatIpv4(wish.gateway)} ${refusals.join(', and ')}`);
  },

  unmap(wish, grant, signal) {
    return grant.by === 'upnp' ? unmapByUpnp(wish, grant, signal) : unmapByPcp(wish, grant, signal);
  },
};
