/** The packets that are sent in a measurement, as hex with their Ethernet header. */
import { Endpoint } from '../src/core/endpoint.js';
import { sixToFour } from '../src/mapping/sixrd.js';
import { parseIpv4, parseIpv6 } from '../src/wire/address.js';
import { checksum6 } from '../src/wire/checksum.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../src/wire/ipv4.js';
import { IPV6_DST, IPV6_LEN, IPV6_SRC, writeIpv6 } from '../src/wire/ipv6.js';
import { put16 } from '../src/wire/octets.js';
import { ADDRESS } from './network.js';

const ETHERNET_LEN = 14;
const UDP = 17;
const UDP_LEN = 8;

/** A packet of one measurement. */
export type PacketKind = 'discarded' | 'ipv6' | 'to-6to4' | 'from-6to4';

/** The packet, inner length `octets`, addressed to `mac` on the node's first cable. */
export function packet(kind: PacketKind, octets: number, mac: string): string {
  const [source, destination] = inner(kind);
  const outer = kind === 'from-6to4' ? IPV4_LEN : 0;
  const b = new Uint8Array(ETHERNET_LEN + outer + octets);
  mac.split(':').forEach((octet, i) => {
    b[i] = Number.parseInt(octet, 16);
  });
  b.set([2, 0, 0, 0, 0, 1], 6);
  put16(b, 12, outer > 0 ? 0x0800 : 0x86dd);
  if (outer > 0) writeIpv4(b, ETHERNET_LEN, outer + octets, 0, 0, 64, Protocol.ipv6, ipv4(ADDRESS.siteAtSource), ipv4('192.88.99.1'));
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

function inner(kind: PacketKind): [source: Uint8Array, destination: Uint8Array] {
  switch (kind) {
    case 'discarded':
      return [ipv6(ADDRESS.source6), ipv6(ADDRESS.nowhere)];
    case 'ipv6':
      return [ipv6(ADDRESS.source6), ipv6(ADDRESS.web)];
    case 'to-6to4':
      return [ipv6(ADDRESS.source6), site(ADDRESS.siteAtSink)];
    case 'from-6to4':
      return [site(ADDRESS.siteAtSource), ipv6(ADDRESS.web)];
  }
}

function site(address: string): Uint8Array {
  const b = new Uint8Array(16);
  const endpoint = new Endpoint();
  endpoint.addr = ipv4(address);
  sixToFour.addressFor(endpoint, b, 0);
  b[15] = 1;
  return b;
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
