/**
 * The idea everything hangs on: in an automatic tunnel the IPv6 address carries the IPv4 endpoint.
 * Reading it forwards finds where a packet goes; reading it backwards is the anti-spoofing check.
 */
import type { Endpoint } from '../core/endpoint.js';

/** How one automatic tunnel writes an IPv4 endpoint into an IPv6 address. Pure; holds configuration only. */
export interface Mapping {
  /** Reads the endpoint carried by the address at b[off..off+16) into `ep`; false outside the domain. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean;
  /** Writes the 16-octet address, or zero-filled prefix, that belongs to `ep`. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void;
}
