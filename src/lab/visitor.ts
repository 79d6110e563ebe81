/** What a source address tells about the way a visitor came. */
import { Endpoint } from '../core/endpoint.js';
import { hasIsatapId, isatapIpv4 } from '../mapping/isatap.js';
import { sixToFour } from '../mapping/sixrd.js';
import { Teredo } from '../mapping/teredo.js';
import type { TunnelName } from '../topology/topology.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../wire/address.js';

/** A visitor of the web server. Keys stay as they are: `/json` prints them. */
export interface Visitor {
  readonly address: string;
  /** What the address shows: nothing tells 6rd from native IPv6. */
  readonly tunnel: Exclude<TunnelName, '6rd'> | 'ipv4';
  /** The IPv4 address that the IPv6 address carries; null when it carries none. */
  readonly ipv4: string | null;
  /** The UDP port that a Teredo address carries. */
  readonly port: number | null;
}

const teredo = new Teredo();
const MAPPED = /^::ffff:(.+)$/i;

/** Reads the source address of a connection, with or without a zone; null for what is no address. */
export function visitorOf(text: string): Visitor | null {
  const [address] = text.split('%');
  const ipv4 = MAPPED.exec(address)?.[1] ?? address;
  if (parseIpv4(ipv4) !== null) return { address: ipv4, tunnel: 'ipv4', ipv4: null, port: null };
  const b = parseIpv6(address);
  return b === null ? null : { address: formatIpv6(b), ...wayOf(b) };
}

function wayOf(b: Uint8Array): Omit<Visitor, 'address'> {
  const endpoint = new Endpoint();
  if (sixToFour.endpointOf(b, 0, endpoint)) return { tunnel: '6to4', ipv4: formatIpv4(endpoint.addr), port: null };
  if (teredo.endpointOf(b, 0, endpoint)) return { tunnel: 'teredo', ipv4: formatIpv4(endpoint.addr), port: endpoint.port };
  if (hasIsatapId(b, 0)) return { tunnel: 'isatap', ipv4: formatIpv4(isatapIpv4(b, 0)), port: null };
  return { tunnel: 'native', ipv4: null, port: null };
}
