/** The packets that are sent in a measurement, as hex with their Ethernet header. */
import { Endpoint } from '../src/core/endpoint.js';
import { Isatap } from '../src/mapping/isatap.js';
import type { Mapping } from '../src/mapping/mapping.js';
import { SixRd, sixToFour } from '../src/mapping/sixrd.js';
import { Teredo } from '../src/mapping/teredo.js';
import { type Prefix6, parseIpv4, parseIpv6, parsePrefix6 } from '../src/wire/address.js';
import { checksum6 } from '../src/wire/checksum.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../src/wire/ipv4.js';
import { IPV6_DST, IPV6_LEN, IPV6_SRC, writeIpv6 } from '../src/wire/ipv6.js';
import { put16 } from '../src/wire/octets.js';
import { BUBBLE_HOP_LIMIT, BUBBLE_LEN, writeBubble } from '../src/wire/teredo.js';
import { UDP_LEN, writeUdp4 } from '../src/wire/udp.js';
import { ADDRESS } from './network.js';

const ETHERNET_LEN = 14;
/** Where the one Teredo client is seen, at its address. */
const CLIENT_PORT = 40_000;

/** What the tunnels of the node are told by, beside their type; `local` is sent to. */
export const TUNNELS = {
  '6to4': { local: '192.88.99.1' },
  '6rd': { local: ADDRESS.nodeSource4, prefix: '3fff:b00::/28', ipv4MaskLength: 8, ipv4Prefix: '192.0.0.0/8' },
  isatap: { local: ADDRESS.nodeSource4, prefix: '2001:db8:15a::/64' },
  teredo: { local: ADDRESS.nodeSource4, port: 3545 },
} as const;

/** A tunnel that is measured. */
export type TunnelType = keyof typeof TUNNELS;
/** A packet of one measurement: in no tunnel, on its way into one, or out of it; or the bubble by which a Teredo client answers a relay. */
export type PacketKind = 'discarded' | 'ipv6' | 'teredo-bubble' | `${'to' | 'from'}-${TunnelType}`;

const MAPPINGS: Record<TunnelType, Mapping> = {
  '6to4': sixToFour,
  '6rd': new SixRd(prefix6(TUNNELS['6rd'].prefix), TUNNELS['6rd'].ipv4MaskLength, ipv4(ADDRESS.siteAtSink)),
  isatap: new Isatap(prefix6(TUNNELS.isatap.prefix).addr.subarray(0, 8), () => false),
  // The server is the sink: what a relay has said by it has arrived there.
  teredo: new Teredo(ipv4(ADDRESS.sink4)),
};

/** The packet, inner length `octets` unless it is a bubble, addressed to `mac` on the node's first cable. */
export function packet(kind: PacketKind, octets: number, mac: string): string {
  const { source, destination, carrier } = ENDS[kind];
  const isBubble = kind === 'teredo-bubble';
  const udp = ETHERNET_LEN + IPV4_LEN;
  const inner = ETHERNET_LEN + (carrier === null ? 0 : IPV4_LEN) + (carrier?.ports == null ? 0 : UDP_LEN);
  const b = new Uint8Array(inner + (isBubble ? BUBBLE_LEN : octets));
  mac.split(':').forEach((octet, i) => {
    b[i] = Number.parseInt(octet, 16);
  });
  b.set([2, 0, 0, 0, 0, 1], 6);
  put16(b, 12, carrier !== null ? 0x0800 : 0x86dd);
  if (isBubble) writeBubble(b, inner, source, 0, destination, 0, BUBBLE_HOP_LIMIT);
  else writeDatagram(b, inner, source, destination);
  if (carrier === null) return Buffer.from(b).toString('hex');
  const { from, to, ports } = carrier;
  writeIpv4(b, ETHERNET_LEN, b.length - ETHERNET_LEN, 0, 0, 64, ports === null ? Protocol.ipv6 : Protocol.udp, ipv4(from), ipv4(to));
  if (ports !== null) writeUdp4(b, ETHERNET_LEN, udp, b.length, ...ports);
  return Buffer.from(b).toString('hex');
}

/** Where a frame names a Teredo client: octets of its address, and of the outer port; 0 where there is none. */
export interface ClientPlaces {
  readonly address: number;
  readonly port: number;
}

/**
 * Has `frame` stand for any client: the low half of its number is its port, the rest random bits in its flags. Nobody
 * but the client would look at the checksum of the upper layer, which then is wrong; that of the outer UDP is left out.
 */
export function manyClients(frame: Uint8Array): ClientPlaces {
  const isTunnelled = frame[12] === 0x08 && frame[13] === 0x00;
  if (!isTunnelled) return { address: ETHERNET_LEN + IPV6_DST, port: 0 };
  const udp = ETHERNET_LEN + IPV4_LEN;
  put16(frame, udp + 6, 0);
  return { address: udp + UDP_LEN + IPV6_SRC, port: udp };
}

/** Address and port (as they are sent) of the client `number`, after those in `frame`. */
export function clientOctets(frame: Uint8Array, { address }: ClientPlaces, number: number): { address: Uint8Array; port: Uint8Array } {
  const octets = frame.slice(address, address + 16);
  const port = Uint8Array.of(number, number >> 8);
  octets[9] = number >> 16;
  octets.set([~port[0], ~port[1]], 10);
  return { address: octets, port };
}

/** Writes an IPv6 packet with UDP that fills the rest of `b`. */
function writeDatagram(b: Uint8Array, at: number, source: Uint8Array, destination: Uint8Array): void {
  const udp = at + IPV6_LEN;
  writeIpv6(b, at, b.length - udp, Protocol.udp, 64);
  b.set(source, at + IPV6_SRC);
  b.set(destination, at + IPV6_DST);
  put16(b, udp, 5000);
  put16(b, udp + 2, 9);
  put16(b, udp + 4, b.length - udp);
  put16(b, udp + 6, 0);
  for (let i = udp + UDP_LEN; i < b.length; i++) b[i] = i;
  put16(b, udp + 6, checksum6(b, at + IPV6_SRC, Protocol.udp, udp, b.length));
}

/** The outer header; `ports` of the UDP in it, null where IPv6 is its payload. */
interface Carrier {
  readonly from: string;
  readonly to: string;
  readonly ports: readonly [source: number, destination: number] | null;
}

/** Addresses of a packet; `carrier` is null without an outer header. */
interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly carrier: Carrier | null;
}

const TEREDO = endsOf('teredo', ADDRESS.siteAtSink, [CLIENT_PORT, TUNNELS.teredo.port]);

const ENDS: Record<PacketKind, Ends> = {
  discarded: { source: ipv6(ADDRESS.source6), destination: ipv6(ADDRESS.nowhere), carrier: null },
  ipv6: { source: ipv6(ADDRESS.source6), destination: ipv6(ADDRESS.web), carrier: null },
  ...endsOf('6to4'),
  ...endsOf('6rd'),
  ...endsOf('isatap'),
  // A relay has one client, in both directions: who has not been asked, not every relay lets speak.
  ...TEREDO,
  'teredo-bubble': TEREDO['from-teredo'],
};

/** Both ways of one tunnel; what comes out of it was sent by the site at `sender`, from and to `ports` if they are in UDP. */
function endsOf<T extends TunnelType>(
  type: T,
  sender: string = ADDRESS.siteAtSource,
  ports: Carrier['ports'] = null,
): Record<`${'to' | 'from'}-${T}`, Ends> {
  const member = (address: string) => {
    const b = new Uint8Array(16);
    const endpoint = new Endpoint();
    endpoint.addr = ipv4(address);
    endpoint.port = CLIENT_PORT;
    MAPPINGS[type].addressFor(endpoint, b, 0);
    // The first host of a site; an ISATAP host or Teredo client has its identifier already.
    if (b.subarray(8).every((octet) => octet === 0)) b[15] = 1;
    return b;
  };
  const carrier = { from: sender, to: TUNNELS[type].local, ports };
  return {
    [`to-${type}`]: { source: ipv6(ADDRESS.source6), destination: member(ADDRESS.siteAtSink), carrier: null },
    [`from-${type}`]: { source: member(sender), destination: ipv6(ADDRESS.web), carrier },
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
