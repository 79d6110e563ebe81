/**
 * The idea everything hangs on: in an automatic tunnel the IPv6 address carries the IPv4 endpoint.
 * Reading it forwards finds where a packet goes; reading it backwards is the anti-spoofing check.
 */
import { Endpoint } from '../core/endpoint.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';

/** How one automatic tunnel writes an IPv4 endpoint into an IPv6 address. Pure; holds configuration only. */
export interface Mapping {
  /** Reads the endpoint carried by the address at b[off..off+16) into `ep`; false outside the domain. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean;
  /** Writes the 16-octet address, or zero-filled prefix, that belongs to `ep`. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void;
}

/** The address, or zero-filled prefix, that belongs to the IPv4 address `addr` and UDP port `port`: sixteen octets of its own. For cold paths. */
export function addressOf(mapping: Pick<Mapping, 'addressFor'>, addr: number, port = 0): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = addr;
  endpoint.port = port;
  const address = new Uint8Array(ADDRESS_LEN);
  mapping.addressFor(endpoint, address, 0);
  return address;
}
