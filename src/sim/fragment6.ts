/**
 * IPv6 fragmentation by the source and reassembly by the destination, RFC 8200 section 4.5.
 *
 *   | IPv6 header | extensions up to here | fragment header | piece of the rest |
 *                                         | next | 0 | offset, 0, M | identification |
 */
import type { Millis } from '../core/clock.js';
import { MAX_EXTENSIONS } from '../wire/extension.js';
import { IPV6_LEN, IPV6_SRC, NextHeader, nextHeader6, totalLen6 } from '../wire/ipv6.js';
import { put16, put32, u16 } from '../wire/octets.js';
import { addressKey, SIZE6 } from './address.js';

/** Octets in a fragment header. */
const FRAGMENT_LEN = 8;
const UNIT = 8;
const MORE = 1;
const OFFSET_MASK = 0xfff8;
const NEXT_HEADER = 6;
/** Octets that a payload length can say. */
const MAX_PAYLOAD = 65535;
/** How long fragments wait for the rest, RFC 8200 section 4.5. */
export const REASSEMBLY_TIMEOUT6: Millis = 60_000;

/** Offset of the fragment header of the packet `b`, which has passed `isIpv6`; -1 when there is none. */
export function fragmentHeader6(b: Uint8Array): number {
  const end = totalLen6(b, 0);
  let next = nextHeader6(b, 0);
  let at = IPV6_LEN;
  for (let n = 0; n < MAX_EXTENSIONS && end - at >= UNIT; n++) {
    if (next === NextHeader.fragment) return at;
    if (next !== NextHeader.hopByHop && next !== NextHeader.routing && next !== NextHeader.destination) return -1;
    next = b[at];
    at += (b[at + 1] + 1) * UNIT;
  }
  return -1;
}

/** Cuts a packet without extension headers into fragments of at most `mtu` octets. */
export function fragments6(packet: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const room = Math.floor((mtu - IPV6_LEN - FRAGMENT_LEN) / UNIT) * UNIT;
  const fragments: Uint8Array[] = [];
  for (let from = IPV6_LEN; from < packet.length; from += room) {
    const piece = packet.subarray(from, from + room);
    const fragment = new Uint8Array(IPV6_LEN + FRAGMENT_LEN + piece.length);
    fragment.set(packet.subarray(0, IPV6_LEN));
    put16(fragment, 4, FRAGMENT_LEN + piece.length);
    fragment[NEXT_HEADER] = NextHeader.fragment;
    fragment[IPV6_LEN] = nextHeader6(packet, 0);
    put16(fragment, IPV6_LEN + 2, (from - IPV6_LEN) | (from + room < packet.length ? MORE : 0));
    put32(fragment, IPV6_LEN + 4, id);
    fragment.set(piece, IPV6_LEN + FRAGMENT_LEN);
    fragments.push(fragment);
  }
  return fragments;
}

interface Piece {
  readonly from: number;
  readonly data: Uint8Array;
}

/** A packet that waits for fragments. */
interface Waiting {
  readonly deadline: Millis;
  /** In order. Null: lost, and what else comes of it is refused. */
  pieces: Piece[] | null;
  /** Octets after the fragment header; `Infinity` until the last fragment came. */
  len: number;
  held: number;
  /** Headers up to the fragment header, from the first fragment, with the type of what follows in their last "next header"; null until it came. */
  headers: Uint8Array | null;
}

/** Reassembles the packets of one host. Bounded in number, size and time. */
export class Reassembly6 {
  readonly #most: number;
  readonly #waiting = new Map<string, Waiting>();

  /** Holds `most` packets; one more pushes out the oldest. */
  constructor(most = 64) {
    this.#most = most;
  }

  /**
   * Takes `fragment`, whose fragment header is at `at`; returns the whole packet once nothing is
   * missing, null until then. Fragments that overlap lose the packet (RFC 5722), exact repeats do not.
   */
  add(fragment: Uint8Array, at: number, now: Millis): Uint8Array | null {
    const data = fragment.subarray(at + FRAGMENT_LEN);
    const from = u16(fragment, at + 2) & OFFSET_MASK;
    const more = (fragment[at + 3] & MORE) !== 0;
    if (more && (data.length % UNIT !== 0 || data.length === 0)) return null;
    // A packet in one fragment has nothing to do with others of its identification, RFC 6946.
    if (!more && from === 0) return join(headersBefore(fragment, at), [{ from, data }], data.length);

    for (const [key, waiting] of this.#waiting) if (waiting.deadline <= now) this.#waiting.delete(key);
    const key = addressKey(fragment, IPV6_SRC, 2 * SIZE6) + addressKey(fragment, at + 4, 4);
    const waiting = this.#waiting.get(key) ?? this.#open(key, now);
    if (from === 0) waiting.headers ??= headersBefore(fragment, at);
    admit(waiting, { from, data }, more);
    if (waiting.pieces === null || waiting.headers === null || waiting.held !== waiting.len) return null;
    this.#waiting.delete(key);
    if (waiting.headers.length - IPV6_LEN + waiting.len > MAX_PAYLOAD) return null;
    return join(waiting.headers, waiting.pieces, waiting.len);
  }

  #open(key: string, now: Millis): Waiting {
    const waiting: Waiting = { deadline: now + REASSEMBLY_TIMEOUT6, pieces: [], len: Infinity, held: 0, headers: null };
    if (this.#waiting.size >= this.#most) for (const oldest of this.#waiting.keys()) if (this.#waiting.delete(oldest)) break;
    this.#waiting.set(key, waiting);
    return waiting;
  }
}

function admit(waiting: Waiting, piece: Piece, more: boolean): void {
  const { pieces } = waiting;
  if (pieces === null) return;
  const end = piece.from + piece.data.length;
  let at = pieces.length;
  while (at > 0 && pieces[at - 1].from >= piece.from) at--;
  const next = pieces.at(at);
  if (next !== undefined && next.from === piece.from && next.data.length === piece.data.length) return;
  const previous = at === 0 ? undefined : pieces[at - 1];
  const overlaps = (previous !== undefined && previous.from + previous.data.length > piece.from) || (next !== undefined && next.from < end);
  const contradicts = end > waiting.len || (!more && (waiting.len !== Infinity || next !== undefined));
  if (overlaps || contradicts) {
    waiting.pieces = null;
    return;
  }
  if (!more) waiting.len = end;
  waiting.held += piece.data.length;
  pieces.splice(at, 0, piece);
}

/** The headers before the fragment header at `at`, linked to what follows it. */
function headersBefore(fragment: Uint8Array, at: number): Uint8Array {
  const headers = fragment.slice(0, at);
  let link = NEXT_HEADER;
  for (let header = IPV6_LEN; header < at; header += (fragment[header + 1] + 1) * UNIT) link = header;
  headers[link] = fragment[at];
  return headers;
}

function join(headers: Uint8Array, pieces: readonly Piece[], len: number): Uint8Array {
  const packet = new Uint8Array(headers.length + len);
  packet.set(headers);
  put16(packet, 4, packet.length - IPV6_LEN);
  for (const { from, data } of pieces) packet.set(data, headers.length + from);
  return packet;
}
