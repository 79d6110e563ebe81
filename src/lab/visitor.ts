/** What a source address tells about the way a visitor came. */
import { Endpoint } from '../core/endpoint.js';
import { recognise, type ShownTunnel } from '../mapping/recognise.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../wire/address.js';

/** A visitor of the web server. Keys stay as they are: `/json` prints them. */
export interface Visitor {
  readonly address: string;
  /** What the address shows: nothing tells 6rd from native IPv6. */
  readonly tunnel: ShownTunnel | 'native' | 'ipv4';
  /** The IPv4 address that the IPv6 address carries; null when it carries none. */
  readonly ipv4: string | null;
  /** The UDP port that a Teredo address carries. */
  readonly port: number | null;
}

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
  const tunnel = recognise(b, 0, endpoint);
  if (tunnel === null) return { tunnel: 'native', ipv4: null, port: null };
  // Protocol 41 has no ports, and no Teredo client has port 0.
  return { tunnel, ipv4: formatIpv4(endpoint.addr), port: endpoint.port === 0 ? null : endpoint.port };
}
