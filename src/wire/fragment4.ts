/**
 * IPv4 fragmentation and reassembly, RFC 791 section 3.2. On Linux the kernel does both; this is for
 * ports that have no kernel: the simulator's hosts and routers.
 *
 * Every fragment has the header length of the packet. Options without the copied flag (RFC 791
 * section 3.1) become "no operation" in all fragments but the first.
 */
import { checksum } from './checksum.js';
import { dst4, fragment4, headerLen4, identification4, MF, protocol4, src4, tos4, totalLen4 } from './ipv4.js';
import { copy, put16 } from './octets.js';

/** Fragment offsets count in this many octets. */
const UNIT = 8;
/** The fragment offset in the flags word. */
const OFFSET_MASK = 0x1fff;
const MAX_DATAGRAM = 65535;

const Ipv4Option = { end: 0, noOperation: 1, copied: 0x80 } as const;
const OPTIONS = 20;

/** How many fragments of at most `mtu` octets a packet becomes: 1 when it fits, 0 when a header and 8 octets do not. */
export function fragmentCount4(totalLen: number, headerLen: number, mtu: number): number {
  if (totalLen <= mtu) return 1;
  const room = dataRoom(headerLen, mtu);
  return room < UNIT ? 0 : Math.ceil((totalLen - headerLen) / room);
}

/**
 * Writes fragment `index` of the packet at `b[off..)` (which has passed `isIpv4`, and may be a fragment
 * itself) at `out[at..)` with the identification `id`, and returns its end. DF is the caller's to obey:
 * it is clear in what is written. `out` is not `b`.
 */
export function writeFragment4(out: Uint8Array, at: number, b: Uint8Array, off: number, mtu: number, id: number, index: number): number {
  const header = headerLen4(b, off);
  const data = totalLen4(b, off) - header;
  const room = header + data <= mtu ? data : dataRoom(header, mtu);
  const from = index * room;
  const len = Math.min(room, data - from);
  const flags = fragment4(b, off);
  const more = from + len < data ? MF : flags & MF;
  copy(b, off, out, at, header);
  if (index > 0) blankUncopiedOptions(out, at + OPTIONS, at + header);
  put16(out, at + 2, header + len);
  put16(out, at + 4, id);
  put16(out, at + 6, more | ((flags & OFFSET_MASK) + from / UNIT));
  writeChecksum(out, at, header);
  copy(b, off + header + from, out, at + header, len);
  return at + header + len;
}

/** Octets of data in every fragment but the last. */
function dataRoom(headerLen: number, mtu: number): number {
  return Math.floor((mtu - headerLen) / UNIT) * UNIT;
}

/** Overwrites options that only the first fragment has; stops where options are malformed. */
function blankUncopiedOptions(b: Uint8Array, at: number, end: number): void {
  let option = at;
  while (option < end && b[option] !== Ipv4Option.end) {
    const len = optionLen4(b, option, end);
    if (len > end - option) return;
    if ((b[option] & Ipv4Option.copied) === 0) b.fill(Ipv4Option.noOperation, option, option + len);
    option += len;
  }
}

/** Octets in the option at `option`; more than there are when it is malformed. */
function optionLen4(b: Uint8Array, option: number, end: number): number {
  if (b[option] === Ipv4Option.noOperation) return 1;
  const len = option + 1 < end ? b[option + 1] : 0;
  return len < 2 ? Number.POSITIVE_INFINITY : len;
}

function writeChecksum(b: Uint8Array, off: number, headerLen: number): void {
  put16(b, off + 10, 0);
  put16(b, off + 10, checksum(b, off, off + headerLen));
}

/** How long fragments wait for the rest, milliseconds; RFC 1122 section 3.3.2 asks for a fixed time, this is what Linux takes. */
export const REASSEMBLY_TIMEOUT = 30_000;

/** Data of one fragment: octets `from` to `to` of the datagram's payload. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array;
}

/** A datagram that waits for fragments. */
interface Waiting {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly id: number;
  readonly deadline: number;
  /** In order, none overlapping. Null: this datagram is lost, and what else comes of it is refused. */
  pieces: Piece[] | null;
  /** Octets in `pieces`. */
  held: number;
  /** Octets of payload; Infinity until the last fragment came. */
  len: number;
  /** Header of the first fragment; empty until it came. */
  header: Uint8Array;
  /** A fragment came with "congestion experienced", which the datagram keeps: RFC 3168 section 5.3. */
  congestion: boolean;
}

const ECN = 3;

/** Reassembles the datagrams of one host, bounded in number, size and time. Allocates. */
export class Reassembly4 {
  readonly #most: number;
  /** Oldest first. */
  #waiting: Waiting[] = [];

  /** Holds `most` datagrams of at most 65535 octets; one more pushes out the oldest. */
  constructor(most = 64) {
    this.#most = most;
  }

  /**
   * Takes the packet at `b[off..end)`, which has passed `isIpv4`, at `now` milliseconds. Returns a copy
   * of the whole datagram once nothing is missing (at once when it is no fragment), null until then.
   * A fragment that came before is ignored; one that overlaps another, or contradicts the length,
   * loses the datagram, and the rest of it until the time is over.
   */
  add(b: Uint8Array, off: number, end: number, now: number): Uint8Array | null {
    const flags = fragment4(b, off);
    const more = (flags & MF) !== 0;
    const from = (flags & OFFSET_MASK) * UNIT;
    const last = Math.min(end, off + totalLen4(b, off));
    if (!more && from === 0) return b.slice(off, last);

    const header = headerLen4(b, off);
    const data = b.slice(off + header, last);
    if (data.length === 0 || (more && data.length % UNIT !== 0)) return null;

    this.#waiting = this.#waiting.filter((w) => now < w.deadline);
    const waiting = this.#find(b, off) ?? this.#open(b, off, now);
    if (from === 0) waiting.header = b.slice(off, off + header);
    if ((tos4(b, off) & ECN) === ECN) waiting.congestion = true;
    admit(waiting, { from, to: from + data.length, data }, more);
    if (waiting.pieces === null || waiting.held !== waiting.len) return null;
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    return join(waiting, waiting.pieces);
  }

  #find(b: Uint8Array, off: number): Waiting | undefined {
    return this.#waiting.find(
      (w) =>
        w.id === identification4(b, off) && w.source === src4(b, off) && w.destination === dst4(b, off) && w.protocol === protocol4(b, off),
    );
  }

  #open(b: Uint8Array, off: number, now: number): Waiting {
    const waiting: Waiting = {
      source: src4(b, off),
      destination: dst4(b, off),
      protocol: protocol4(b, off),
      id: identification4(b, off),
      deadline: now + REASSEMBLY_TIMEOUT,
      pieces: [],
      held: 0,
      len: Number.POSITIVE_INFINITY,
      header: new Uint8Array(0),
      congestion: false,
    };
    if (this.#waiting.length >= this.#most) this.#waiting.shift();
    this.#waiting.push(waiting);
    return waiting;
  }
}

/** Puts `piece` in its place among the others, or loses the datagram. */
function admit(waiting: Waiting, piece: Piece, more: boolean): void {
  const pieces = waiting.pieces;
  if (pieces === null) return;
  let at = pieces.length;
  while (at > 0 && pieces[at - 1].from >= piece.from) at--;
  const repeats = at < pieces.length && pieces[at].from === piece.from && pieces[at].to === piece.to;
  if (repeats) return;
  const overlaps = (at > 0 && pieces[at - 1].to > piece.from) || (at < pieces.length && pieces[at].from < piece.to);
  const isLast = at === pieces.length;
  const furthest = isLast ? piece.to : pieces[pieces.length - 1].to;
  const contradicts = piece.to > waiting.len || (!more && !isLast);
  if (overlaps || contradicts || waiting.header.length + furthest > MAX_DATAGRAM) {
    waiting.pieces = null;
    return;
  }
  if (!more) waiting.len = piece.to;
  waiting.held += piece.to - piece.from;
  pieces.splice(at, 0, piece);
}

/** The datagram that `pieces`, which lack nothing, make. */
function join(waiting: Waiting, pieces: readonly Piece[]): Uint8Array {
  const header = waiting.header.length;
  const datagram = new Uint8Array(header + waiting.len);
  datagram.set(waiting.header);
  for (const piece of pieces) datagram.set(piece.data, header + piece.from);
  if (waiting.congestion) datagram[1] |= ECN;
  put16(datagram, 2, datagram.length);
  put16(datagram, 6, 0);
  writeChecksum(datagram, 0, header);
  return datagram;
}
