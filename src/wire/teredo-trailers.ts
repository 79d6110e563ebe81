/**
 * Trailers of Teredo packets, RFC 6081 section 4: what clients tell each other behind an IPv6 packet.
 *
 *    0               1               2
 *   |     type      | length of value |  value ...
 *
 *   0x01 nonce                4 octets
 *   0x03 alternate addresses  2 reserved, then one to four of IPv4 address (4) and port (2), none of them inverted
 *   0x04 neighbor discovery   0 solicitation or 1 advertisement, 3 reserved
 *   0x05 random port          2 octets, not inverted; 0x02 in the IANA table of the same RFC (sections 4.5 and 9)
 *
 * The two highest bits of a type say what becomes of a packet whose receiver does not know it: 01 discards it, the
 * others pass over the trailer. A trailer that is cut ends the list, and those in front of it count (section 5.1.2).
 */
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import { isUnicast4 } from './address.js';
import { copy, i32, put16, put32, u16 } from './octets.js';

/** Types that are written and read. */
const Trailer = { nonce: 0x01, registeredRandomPort: 0x02, alternateAddresses: 0x03, neighborDiscovery: 0x04, randomPort: 0x05 } as const;

/** What a neighbor discovery trailer says: an answer is wanted, or this is one. RFC 6081 section 4.4. */
export const Discovery = { solicitation: 0, advertisement: 1 } as const;

/** Octets in the value of a nonce trailer. */
export const TRAILER_NONCE_LEN = 4;
/** Octets in a nonce trailer. */
export const NONCE_TRAILER_LEN = 6;
/** Octets in a neighbor discovery trailer. */
export const DISCOVERY_TRAILER_LEN = 6;
/** Octets in a random port trailer. */
export const RANDOM_PORT_TRAILER_LEN = 4;
/** Most entries of an alternate address trailer: more would have one bubble make its receiver send many. */
export const MOST_ALTERNATES = 4;

const HEAD_LEN = 2;
const RESERVED_LEN = 2;
const ALTERNATE_LEN = 6;
const DISCOVERY_LEN = 4;
const PORT_LEN = 2;
/** The two highest bits of types that not to know discards the packet. */
const DISCARD = 0b01;
const NOWHERE = -1;
const MALFORMED = -1;

/** What the trailers of a packet say. Of a type that is there twice, the first counts. Reused, never allocated per packet. */
export class TeredoTrailers {
  /** Whether a random port of type 0x02 is read as one of type 0x05: nobody sends it but those who read the IANA table only. */
  readonly takesRegisteredPort: boolean;
  /** Offset of the nonce, `TRAILER_NONCE_LEN` octets; -1: none. */
  nonce = NOWHERE;
  /** Entries at `alternates`, 1 to 4; 0: none; -1: the list is malformed, and so is an indirect bubble that carries it. */
  alternateCount = 0;
  /** Offset of the first entry, for {@link readAlternate}. */
  alternates = NOWHERE;
  /** See {@link Discovery}; -1: none. */
  discovery = NOWHERE;
  /** The port, 1..65535; 0: none. */
  randomPort = 0;

  constructor(takesRegisteredPort = false) {
    this.takesRegisteredPort = takesRegisteredPort;
  }
}

/**
 * Reads `b[off..end)`, all that is behind an IPv6 packet, into `into`, in at most one step for two octets. Returns
 * `Drop.none`, or `malformed_teredo` when an unknown trailer discards the packet. A known one whose value has another
 * length than it should is passed over, as one of an unknown type 00 is.
 */
export function readTrailers(b: Uint8Array, off: number, end: number, into: TeredoTrailers): number {
  into.nonce = into.alternates = into.discovery = NOWHERE;
  into.alternateCount = into.randomPort = 0;
  let at = off;
  while (end - at >= HEAD_LEN) {
    const type = b[at];
    const len = b[at + 1];
    at += HEAD_LEN;
    if (len > end - at) break;
    if (type >>> 6 === DISCARD) return Drop.malformed_teredo;
    take(b, at, type, len, into);
    at += len;
  }
  return Drop.none;
}

/** Reads entry `index` of the list at `alternates`: another endpoint of the sender, unicast, its port not 0. */
export function readAlternate(b: Uint8Array, alternates: number, index: number, ep: Endpoint): void {
  const at = alternates + index * ALTERNATE_LEN;
  ep.read(b, at);
  ep.port = u16(b, at + 4);
}

/** Writes a nonce trailer, its value from `nonce[nonceOff..)`, at `at`, and returns its end. */
export function writeNonceTrailer(out: Uint8Array, at: number, nonce: Uint8Array, nonceOff: number): number {
  const value = writeHead(out, at, Trailer.nonce, TRAILER_NONCE_LEN);
  copy(nonce, nonceOff, out, value, TRAILER_NONCE_LEN);
  return value + TRAILER_NONCE_LEN;
}

/** Writes an alternate address trailer with one to four endpoints at `at`, and returns its end. */
export function writeAlternateAddresses(out: Uint8Array, at: number, endpoints: readonly Endpoint[]): number {
  const value = writeHead(out, at, Trailer.alternateAddresses, RESERVED_LEN + endpoints.length * ALTERNATE_LEN);
  put16(out, value, 0);
  let entry = value + RESERVED_LEN;
  for (let i = 0; i < endpoints.length; i++) {
    put32(out, entry, endpoints[i].bits);
    put16(out, entry + 4, endpoints[i].port);
    entry += ALTERNATE_LEN;
  }
  return entry;
}

/** Writes a neighbor discovery trailer, see {@link Discovery}, at `at`, and returns its end. */
export function writeDiscoveryTrailer(out: Uint8Array, at: number, discovery: number): number {
  const value = writeHead(out, at, Trailer.neighborDiscovery, DISCOVERY_LEN);
  put32(out, value, discovery << 24);
  return value + DISCOVERY_LEN;
}

/** Writes a random port trailer at `at`, and returns its end. */
export function writeRandomPort(out: Uint8Array, at: number, port: number): number {
  const value = writeHead(out, at, Trailer.randomPort, PORT_LEN);
  put16(out, value, port);
  return value + PORT_LEN;
}

/** Takes the value `b[at..at + len)` of a trailer whose type the receiver may not know. */
function take(b: Uint8Array, at: number, type: number, len: number, into: TeredoTrailers): void {
  switch (type) {
    case Trailer.nonce:
      if (len === TRAILER_NONCE_LEN && into.nonce === NOWHERE) into.nonce = at;
      break;
    case Trailer.alternateAddresses:
      if (into.alternateCount === 0) {
        into.alternates = at + RESERVED_LEN;
        into.alternateCount = countAlternates(b, at + RESERVED_LEN, len - RESERVED_LEN);
      }
      break;
    case Trailer.neighborDiscovery:
      if (len === DISCOVERY_LEN && b[at] <= Discovery.advertisement && into.discovery === NOWHERE) into.discovery = b[at];
      break;
    case Trailer.registeredRandomPort:
      if (into.takesRegisteredPort) takePort(b, at, len, into);
      break;
    case Trailer.randomPort:
      takePort(b, at, len, into);
      break;
  }
}

function takePort(b: Uint8Array, at: number, len: number, into: TeredoTrailers): void {
  if (len === PORT_LEN && into.randomPort === 0) into.randomPort = u16(b, at);
}

/** How many entries the list `b[at..at + len)` has; -1 when it has none, too many, a part of one, or a wrong one. */
function countAlternates(b: Uint8Array, at: number, len: number): number {
  if (len < ALTERNATE_LEN || len > MOST_ALTERNATES * ALTERNATE_LEN || len % ALTERNATE_LEN !== 0) return MALFORMED;
  for (let entry = at; entry < at + len; entry += ALTERNATE_LEN) {
    if (!isUnicast4(i32(b, entry)) || u16(b, entry + 4) === 0) return MALFORMED;
  }
  return len / ALTERNATE_LEN;
}

/** Writes type and length, and returns where the value begins. */
function writeHead(out: Uint8Array, at: number, type: number, len: number): number {
  out[at] = type;
  out[at + 1] = len;
  return at + HEAD_LEN;
}
