/**
 * What an IPv6 address shows of itself: the automatic tunnel that its owner lives behind, and the IPv4
 * endpoint of that one. Nothing tells a 6rd address from a native one: who knows 6rd domains asks them first.
 */
import type { Endpoint } from '../core/endpoint.js';
import { hasIsatapId, isatapIpv4 } from './isatap.js';
import type { Mapping } from './mapping.js';
import { sixToFour } from './sixrd.js';
import { Teredo } from './teredo.js';

/** The tunnels that an address shows. */
export type ShownTunnel = '6to4' | 'teredo' | 'isatap';

const anyTeredo = new Teredo();

/** ISATAP addresses behind whatever prefix: which ones are on link, only their own site knows. */
const anyIsatap: Pick<Mapping, 'endpointOf'> = {
  endpointOf(b, off, ep) {
    // Multicast addresses and those that start with 000 have no interface identifier, RFC 4291 section 2.5.1.
    if (b[off] === 0xff || b[off] >>> 5 === 0 || !hasIsatapId(b, off)) return false;
    ep.addr = isatapIpv4(b, off);
    ep.port = 0;
    return true;
  },
};

/** A prefix tells more than an interface identifier, so ISATAP comes last. */
const SHOWN: readonly (readonly [tunnel: ShownTunnel, mapping: Pick<Mapping, 'endpointOf'>])[] = [
  ['6to4', sixToFour],
  ['teredo', anyTeredo],
  ['isatap', anyIsatap],
];

/** The tunnel that the address at `b[off..off+16)` shows, its endpoint in `ep`; null: none, `ep` is not touched. */
export function recognise(b: Uint8Array, off: number, ep: Endpoint): ShownTunnel | null {
  for (const [tunnel, mapping] of SHOWN) if (mapping.endpointOf(b, off, ep)) return tunnel;
  return null;
}
