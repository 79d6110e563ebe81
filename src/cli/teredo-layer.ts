/** What Teredo puts into UDP around an IPv6 packet, RFC 4380 section 5.1.1 and RFC 6081 section 4: for `decode`. */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import { recognise } from '../mapping/recognise.js';
import { formatIpv4 } from '../wire/address.js';
import { IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import { u32 } from '../wire/octets.js';
import { isBubble, NONCE_LEN, readOrigin, readTeredo, TEREDO_PORT, TeredoMessage } from '../wire/teredo.js';
import { Discovery, readAlternate, readTrailers, TeredoTrailers } from '../wire/teredo-trailers.js';
import { isUdp4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../wire/udp.js';

/** Keys stay as they are, they are read by programs. Endpoints are `address:port`. */
export interface TeredoFields {
  /** `bubble` where the packet is one. */
  readonly name?: string;
  /** The endpoint that a server saw. */
  readonly origin?: string;
  /** Of an authentication header: its nonce in hexadecimal, and whether there is a value that a key made. */
  readonly authentication?: { readonly nonce: string; readonly signed: boolean; readonly confirmation: number };
  /** What the trailers say. */
  readonly trailers?: {
    /** Hexadecimal. */
    readonly nonce?: string;
    readonly alternateAddresses?: readonly string[];
    readonly neighborDiscovery?: 'solicitation' | 'advertisement';
    readonly randomPort?: number;
  };
}

/** A layer of its own, and where the IPv6 packet in it is. */
export interface TeredoPart {
  readonly layer: { readonly protocol: 'teredo'; readonly malformed?: true } & TeredoFields;
  /** Offsets; null: there is none that is whole. */
  readonly packet: { readonly off: number; readonly end: number } | null;
}

/**
 * Teredo in the UDP datagram of the IPv4 packet at `b[ip..end)`; null when there is none: neither of its ports is a
 * server's, and no address of the IPv6 packet in it is a Teredo address.
 */
export function teredoPart(b: Uint8Array, ip: number, end: number): TeredoPart | null {
  if (!isUdp4(b, ip, end)) return null;
  const udp = udpOffset4(b, ip);
  const payloadEnd = udp + udpLen(b, udp);
  const byPort = udpSource(b, udp) === TEREDO_PORT || udpDestination(b, udp) === TEREDO_PORT;
  const message = new TeredoMessage();
  if (readTeredo(b, udp + UDP_LEN, payloadEnd, message) !== Drop.none)
    return byPort ? { layer: { protocol: 'teredo', malformed: true }, packet: null } : null;
  const { packet: off, packetEnd } = message;
  if (!byPort && !isTeredo(b, off + IPV6_SRC) && !isTeredo(b, off + IPV6_DST)) return null;
  const layer = {
    protocol: 'teredo' as const,
    ...(isBubble(b, off) && { name: 'bubble' }),
    ...headerFields(b, message),
    ...trailerFields(b, packetEnd, payloadEnd),
  };
  return { layer, packet: { off, end: packetEnd } };
}

/** The same for people, as words of one line. */
export function teredoWords({ origin, authentication, trailers }: TeredoFields): string[] {
  return [
    ...(authentication === undefined ? [] : [`nonce ${authentication.nonce}${authentication.signed ? ' signed' : ''}`]),
    ...(origin === undefined ? [] : [`origin ${origin}`]),
    ...(trailers?.nonce === undefined ? [] : [`trailer nonce ${trailers.nonce}`]),
    ...(trailers?.alternateAddresses === undefined ? [] : [`alternate ${trailers.alternateAddresses.join(' ')}`]),
    ...(trailers?.neighborDiscovery === undefined ? [] : [trailers.neighborDiscovery]),
    ...(trailers?.randomPort === undefined ? [] : [`random port ${trailers.randomPort}`]),
  ];
}

function headerFields(b: Uint8Array, { identifier, value, nonce, confirmation, origin }: TeredoMessage): TeredoFields {
  const seen = new Endpoint();
  if (origin >= 0) readOrigin(b, origin, seen);
  return {
    ...(identifier >= 0 && {
      authentication: { nonce: hex(b, nonce, NONCE_LEN), signed: nonce > value, confirmation: b[confirmation] },
    }),
    ...(origin >= 0 && { origin: text(seen) }),
  };
}

function trailerFields(b: Uint8Array, off: number, end: number): TeredoFields & { readonly malformed?: true } {
  if (off === end) return {};
  const read = new TeredoTrailers();
  if (readTrailers(b, off, end, read) !== Drop.none) return { malformed: true };
  const alternates = Array.from({ length: Math.max(0, read.alternateCount) }, (_, i) => {
    const endpoint = new Endpoint();
    readAlternate(b, read.alternates, i, endpoint);
    return text(endpoint);
  });
  const trailers = {
    ...(read.nonce >= 0 && { nonce: u32(b, read.nonce).toString(16).padStart(8, '0') }),
    ...(alternates.length > 0 && { alternateAddresses: alternates }),
    ...(read.discovery >= 0 && {
      neighborDiscovery: read.discovery === Discovery.solicitation ? ('solicitation' as const) : ('advertisement' as const),
    }),
    ...(read.randomPort > 0 && { randomPort: read.randomPort }),
  };
  return Object.keys(trailers).length === 0 ? {} : { trailers };
}

function isTeredo(b: Uint8Array, off: number): boolean {
  return recognise(b, off, new Endpoint()) === 'teredo';
}

function text({ addr, port }: Endpoint): string {
  return `${formatIpv4(addr)}:${port}`;
}

function hex(b: Uint8Array, off: number, len: number): string {
  return Array.from(b.subarray(off, off + len), (octet) => octet.toString(16).padStart(2, '0')).join('');
}
