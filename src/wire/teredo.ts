/**
 * What Teredo puts into UDP, RFC 4380 section 5.1.1: up to two headers, in this order, and an IPv6 packet.
 *
 *   | authentication | origin indication | IPv6 packet | trailers, see teredo-trailers.ts |
 *
 *   authentication                                                    origin indication
 *    0               1               2               3                 0               2
 *   |            0x0001             | identifier len|   value len   | |    0x0000     |     ~port     |
 *   | client identifier ...         | authentication value ...      | |         ~IPv4 address         |
 *   |                     nonce, eight octets                       |
 *   | confirmation  |
 *
 * The origin indication is how a server tells which endpoint it saw. Its fields are inverted, as they are in Teredo
 * addresses, so that a NAT which rewrites addresses found in payloads leaves them alone.
 *
 * `readTeredo` is the only place where bounds are tested; what it says lies within the payload.
 */
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, isIpv6, NextHeader, nextHeader6, totalLen6, writeIpv6 } from './ipv6.js';
import { copy, i32, put16, put32, u16 } from './octets.js';

/** UDP port of servers, RFC 4380 section 2.7. */
export const TEREDO_PORT = 3544;
/** 224.0.0.253, where clients of one link look for each other, RFC 4380 section 2.17. */
export const TEREDO_DISCOVERY_GROUP = 0xe00000fd;
/** Octets in an origin indication. */
export const ORIGIN_LEN = 8;
/** Octets in a nonce. */
export const NONCE_LEN = 8;
/** Octets in an authentication header without client identifier and value. */
export const NONCE_HEADER_LEN = 13;
/** Octets in an authentication value: HMAC-SHA1, RFC 4380 section 5.2.2. */
export const HMAC_LEN = 20;
/** Octets in a bubble. */
export const BUBBLE_LEN = IPV6_LEN;
/** Of bubbles; no RFC asks for one. */
export const BUBBLE_HOP_LIMIT = 255;
/** Of bubbles to the discovery group, RFC 4380 section 5.2.8. */
export const DISCOVERY_HOP_LIMIT = 1;

/**
 * HMAC-SHA1 (RFC 2104) of `b[off..end)`: writes `HMAC_LEN` octets to `out[outOff..)`. Whoever has a cryptographic
 * library passes one in; `out` may be `b`.
 */
export type Hmac = (key: Uint8Array, b: Uint8Array, off: number, end: number, out: Uint8Array, outOff: number) => void;

const AUTHENTICATION = 0x0001;
const ORIGIN = 0x0000;
const MARK_LEN = 2;
const IDENTIFIER_LEN = 2;
const VALUE_LEN = 3;
const IDENTIFIER = 4;
/** Octets from port to end of an endpoint. */
const INVERTED_LEN = 6;
const NOWHERE = -1;

/** Where the parts of a payload are, offsets in its array. Reused, never allocated per packet. */
export class TeredoMessage {
  /** The client identifier, `b[identifier..value)`, behind four octets of header; -1: there is no authentication header. */
  identifier = NOWHERE;
  /** The authentication value, `b[value..nonce)`. */
  value = NOWHERE;
  /** The nonce, `NONCE_LEN` octets. */
  nonce = NOWHERE;
  /** One octet: 0, or other than 0 when the client has to get a new key. */
  confirmation = NOWHERE;
  /** The origin indication, for {@link readOrigin}; -1: there is none. */
  origin = NOWHERE;
  /** The IPv6 packet, `b[packet..packetEnd)`: whole, and at least its header. Trailers follow it. */
  packet = 0;
  packetEnd = 0;
}

/**
 * Reads the UDP payload `b[off..end)` into `into`. Returns `Drop.none`; `malformed_teredo` when a header is cut, there
 * twice or out of order, or when something else than an IPv6 packet follows; `truncated` when that packet is cut.
 * `into` then says nothing.
 */
export function readTeredo(b: Uint8Array, off: number, end: number, into: TeredoMessage): number {
  let at = off;
  if (hasMark(b, at, end, AUTHENTICATION)) {
    if (end - at < IDENTIFIER) return Drop.malformed_teredo;
    into.identifier = at + IDENTIFIER;
    into.value = into.identifier + b[at + IDENTIFIER_LEN];
    into.nonce = into.value + b[at + VALUE_LEN];
    into.confirmation = into.nonce + NONCE_LEN;
    at = into.confirmation + 1;
  } else {
    into.identifier = into.value = into.nonce = into.confirmation = NOWHERE;
  }
  into.origin = NOWHERE;
  if (hasMark(b, at, end, ORIGIN)) {
    into.origin = at;
    at += ORIGIN_LEN;
  }
  // A header that leaves the payload ends behind it.
  if (at >= end || b[at] >>> 4 !== 6) return Drop.malformed_teredo;
  if (!isIpv6(b, at, end)) return Drop.truncated;
  into.packet = at;
  into.packetEnd = at + totalLen6(b, at);
  return Drop.none;
}

/** Reads the origin indication at `at`: the endpoint that a server saw. */
export function readOrigin(b: Uint8Array, at: number, ep: Endpoint): void {
  readInverted(b, at + MARK_LEN, ep);
}

/** Writes an origin indication at `at` and returns its end. */
export function writeOrigin(out: Uint8Array, at: number, ep: Endpoint): number {
  put16(out, at, ORIGIN);
  return writeInverted(out, at + MARK_LEN, ep);
}

/** Reads six octets, port and IPv4 address inverted, as they stand in origin indications and Teredo addresses. */
export function readInverted(b: Uint8Array, off: number, ep: Endpoint): void {
  ep.port = u16(b, off) ^ 0xffff;
  ep.bits = ~i32(b, off + 2);
}

/** Writes an endpoint as {@link readInverted} reads it, and returns its end. */
export function writeInverted(out: Uint8Array, off: number, ep: Endpoint): number {
  put16(out, off, ~ep.port);
  put32(out, off + 2, ~ep.bits);
  return off + INVERTED_LEN;
}

/**
 * Writes an authentication header without client identifier and value at `at`, and returns its end, `NONCE_HEADER_LEN`
 * on: without a key only the nonce protects. Its octets are at `nonce[nonceOff..)`.
 */
export function writeNonceHeader(out: Uint8Array, at: number, nonce: Uint8Array, nonceOff: number): number {
  put16(out, at, AUTHENTICATION);
  out[at + IDENTIFIER_LEN] = out[at + VALUE_LEN] = 0;
  return writeNonce(out, at + IDENTIFIER, nonce, nonceOff, 0);
}

/**
 * Writes an authentication header at `at` and returns its end, `NONCE_HEADER_LEN + identifierLen + HMAC_LEN` on. Its
 * value is left to {@link sign}, once all that follows is there. The identifier has at most 255 octets.
 */
export function writeAuthentication(
  out: Uint8Array,
  at: number,
  identifier: Uint8Array,
  identifierOff: number,
  identifierLen: number,
  nonce: Uint8Array,
  nonceOff: number,
  confirmation: number,
): number {
  put16(out, at, AUTHENTICATION);
  out[at + IDENTIFIER_LEN] = identifierLen;
  out[at + VALUE_LEN] = HMAC_LEN;
  copy(identifier, identifierOff, out, at + IDENTIFIER, identifierLen);
  const value = at + IDENTIFIER + identifierLen;
  return writeNonce(out, value + HMAC_LEN, nonce, nonceOff, confirmation);
}

/**
 * Computes the value of the header that {@link writeAuthentication} has written at `at`. RFC 4380 section 5.2.2: over
 * nonce, confirmation, origin indication and IPv6 packet, which ends at `end`; identifier and lengths are not covered.
 */
export function sign(b: Uint8Array, at: number, end: number, hmac: Hmac, key: Uint8Array): void {
  const value = at + IDENTIFIER + b[at + IDENTIFIER_LEN];
  hmac(key, b, value + HMAC_LEN, end, b, value);
}

/**
 * True when the message has an authentication value and `key` made it. `room` holds `HMAC_LEN` octets and is
 * overwritten. Takes as long for a value that is nearly right as for any other of its length.
 */
export function isAuthentic(b: Uint8Array, message: TeredoMessage, hmac: Hmac, key: Uint8Array, room: Uint8Array): boolean {
  if (message.nonce - message.value !== HMAC_LEN) return false;
  hmac(key, b, message.nonce, message.packetEnd, room, 0);
  let difference = 0;
  for (let i = 0; i < HMAC_LEN; i++) difference |= room[i] ^ b[message.value + i];
  return difference === 0;
}

/** True when the whole IPv6 packet at `off` is a bubble: a header and nothing behind it, RFC 4380 section 2.8. */
export function isBubble(b: Uint8Array, off: number): boolean {
  return nextHeader6(b, off) === NextHeader.none && totalLen6(b, off) === BUBBLE_LEN;
}

/** Writes a bubble at `at`, its addresses from sixteen octets each, and returns its end, `BUBBLE_LEN` on. */
export function writeBubble(
  out: Uint8Array,
  at: number,
  source: Uint8Array,
  sourceOff: number,
  destination: Uint8Array,
  destinationOff: number,
  hopLimit: number,
): number {
  copy(source, sourceOff, out, at + IPV6_SRC, ADDRESS_LEN);
  copy(destination, destinationOff, out, at + IPV6_DST, ADDRESS_LEN);
  writeIpv6(out, at, 0, NextHeader.none, hopLimit);
  return at + BUBBLE_LEN;
}

function hasMark(b: Uint8Array, at: number, end: number, mark: number): boolean {
  return end - at >= MARK_LEN && u16(b, at) === mark;
}

/** Writes nonce and confirmation, and returns their end. */
function writeNonce(out: Uint8Array, at: number, nonce: Uint8Array, nonceOff: number, confirmation: number): number {
  copy(nonce, nonceOff, out, at, NONCE_LEN);
  out[at + NONCE_LEN] = confirmation;
  return at + NONCE_LEN + 1;
}
