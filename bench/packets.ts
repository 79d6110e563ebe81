/** The packets that are sent in a measurement, as hex with their Ethernet header. */
import { Endpoint } from '../src/core/endpoint.js';
import { Isatap } from '../src/mapping/isatap.js';
import type { Mapping } from '../src/mapping/mapping.js';
import { SixRd, sixToFour } from '../src/mapping/sixrd.js';
import { type Prefix6, parseIpv4, parseIpv6, parsePrefix6 } from '../src/wire/address.js';
import { checksum6 } from '../src/wire/checksum.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../src/wire/ipv4.js';
import { IPV6_DST, IPV6_LEN, IPV6_SRC, writeIpv6 } from '../src/wire/ipv6.js';
import { put16 } from '../src/wire/octets.js';
import { ADDRESS } from './network.js';

const ETHERNET_LEN = 14;
const UDP = 17;
const UDP_LEN = 8;

/** What the tunnels of the node are told by, beside their type; `local` is sent to. */
export const TUNNELS = {
  '6to4': { local: '192.88.99.1' },
  '6rd': { local: ADDRESS.nodeSource4, prefix: '3fff:b00::/28', ipv4MaskLength: 8, ipv4Prefix: '192.0.0.0/8' },
  isatap: { local: ADDRESS.nodeSource4, prefix: '2001:db8:15a::/64' },
} as const;

/** A tunnel that is measured. */
export type TunnelType = keyof typeof TUNNELS;
/** A packet of one measurement: in no tunnel, on its way into one, or out of it. */
export type PacketKind = 'discarded' | 'ipv6' | `${'to' | 'from'}-${TunnelType}`;

const MAPPINGS: Record<TunnelType, Mapping> = {
  '6to4': sixToFour,
  '6rd': new SixRd(prefix6(TUNNELS['6rd'].prefix), TUNNELS['6rd'].ipv4MaskLength, ipv4(ADDRESS.siteAtSink)),
  isatap: new Isatap(prefix6(TUNNELS.isatap.prefix).addr.subarray(0, 8), () => false),
};

/** The packet, inner length `octets`, addressed to `mac` on the node's first cable. */
export function packet(kind: PacketKind, octets: number, mac: string): string {
  const { source, destination, carrier } = ENDS[kind];
  const outer = carrier === null ? 0 : IPV4_LEN;
  const b = new Uint8Array(ETHERNET_LEN + outer + octets);
  mac.split(':').forEach((octet, i) => {
    b[i] = Number.parseInt(octet, 16);
  });
  b.set([2, 0, 0, 0, 0, 1], 6);
  put16(b, 12, outer > 0 ? 0x0800 : 0x86dd);
  if (carrier !== null) writeIpv4(b, ETHERNET_LEN, outer + octets, 0, 0, 64, Protocol.ipv6, ipv4(ADDRESS.siteAtSource), ipv4(carrier));
  const at = ETHERNET_LEN + outer;
  writeIpv6(b, at, octets - IPV6_LEN, UDP, 64);
  b.set(source, at + IPV6_SRC);
  b.set(destination, at + IPV6_DST);
  const udp = at + IPV6_LEN;
  put16(b, udp, 5000);
  put16(b, udp + 2, 9);
  put16(b, udp + 4, octets - IPV6_LEN);
  put16(b, udp + 6, 0);
  for (let i = udp + UDP_LEN; i < b.length; i++) b[i] = i;
  put16(b, udp + 6, checksum6(b, at + IPV6_SRC, UDP, udp, b.length));
  return Buffer.from(b).toString('hex');
}

/** Addresses of a packet; `carrier` is the outer destination, null without an outer header. */
interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly carrier: string | null;
}

const ENDS: Record<PacketKind, Ends> = {
  discarded: { source: ipv6(ADDRESS.source6), destination: ipv6(ADDRESS.nowhere), carrier: null },
  ipv6: { source: ipv6(ADDRESS.source6), destination: ipv6(ADDRESS.web), carrier: null },
  ...endsOf('6to4'),
  ...endsOf('6rd'),
  ...endsOf('isatap'),
};

/** Both ways of one tunnel. */
function endsOf<T extends TunnelType>(type: T): Record<`${'to' | 'from'}-${T}`, Ends> {
  const member = (address: string) => {
    const b = new Uint8Array(16);
    const endpoint = new Endpoint();
    endpoint.addr = ipv4(address);
    MAPPINGS[type].addressFor(endpoint, b, 0);
    // The first host of a site; an ISATAP host has its identifier already.
    if (b.subarray(8).every((octet) => octet === 0)) b[15] = 1;
    return b;
  };
  return {
    [`to-${type}`]: { source: ipv6(ADDRESS.source6), destination: member(ADDRESS.siteAtSink), carrier: null },
    [`from-${type}`]: { source: member(ADDRESS.siteAtSource), destination: ipv6(ADDRESS.web), carrier: TUNNELS[type].local },
  } as Record<`${'to' | 'from'}-${T}`, Ends>;
}

function prefix6(text: string): Prefix6 {
  const prefix = parsePrefix6(text);
  if (prefix === null) throw new RangeError(`${text}: no IPv6 prefix`);
  return prefix;
}

function ipv4(text: string): number {
  const addr = parseIpv4(text);
  if (addr === null) throw new RangeError(`${text}: no IPv4 address`);
  return addr;
}

function ipv6(text: string): Uint8Array {
  const b = parseIpv6(text);
  if (b === null) throw new RangeError(`${text}: no IPv6 address`);
  return b;
}
