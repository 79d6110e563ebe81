/**
 * The peers of a Teredo client or relay, RFC 4380 section 5.2: by their whole IPv6 address, where they are reached,
 * whether that is trusted, when something last came and went, and how often they were asked by bubbles.
 *
 * A peer is a number, the same from `take` to `remove`. What is known of it stands in columns, typed arrays that grow
 * in steps: a caller reads a column anew after each `take`. The table has places for `capacity` peers, and finds them
 * by a hash that nobody can foresee.
 *
 * When it is full, a new peer takes the place of one that is not in use: neither usable (trusted, and heard within
 * `SILENCE`) nor just being asked. A hand goes round the places, so it is the one that has stood the longest, and
 * a flood of newcomers drives out each other. Strangers, who came by themselves, are as many as whoever sends wants,
 * and stay in use as long as he sends on: so one of them gives way to a peer that the node itself looks for, never the
 * other way round. With nobody to give way in `STEPS` places there is no place.
 */
import type { Millis } from '../core/clock.js';
import { type Flows, NO_FLOWS } from '../core/flows.js';
import type { Random } from '../core/random.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { copy } from '../wire/octets.js';
import { HalfSipHash, littleEndian } from './half-sip-hash.js';

/** Flag: what comes from its endpoint is from it. */
export const PEER_TRUSTED = 0x01;
/** Flag: its role is asking it, and holds packets or timers for it: it is not driven out. A role has few of these, and soon ends it. */
export const PEER_ASKED = 0x04;
/** Flag: nobody here looked for it, it came by itself. The other five bits are the role's. */
export const PEER_STRANGER = 0x40;

/** A peer that was not heard for so long is asked again, RFC 4380 section 5.2.4. */
export const SILENCE: Millis = 30_000;
/** Least time between a transmission to a peer and a bubble to it, RFC 4380 section 5.2.6. */
export const BUBBLE_SPACING: Millis = 2_000;
/** Bubbles that a peer leaves without a direct answer, ... */
export const MAX_BUBBLES = 4;
/** ... within this time, before it gets no more: RFC 4380 section 5.2.6. */
export const BUBBLE_WINDOW: Millis = 300_000;

/**
 * Wrong nonces that are compared with one that a peer was told, which has four octets: RFC 6081 section 4.2. Who sees no
 * bubbles guesses, as often as he likes; who has heard the right one seldom is behind so many.
 */
export const MAX_GUESSES = 255;

/** Places of a new table. */
const FIRST_PLACES = 256;
/** Places that are looked at for one to give way. */
const STEPS = 1024;
const NOBODY = -1;
/** A bucket in 32-bit words, as many as a line of the processor's cache has: records, one word free, and their addresses behind. */
const BUCKET_WORDS = 16;
const RECORDS = 3;
const ADDRESSES = 4;
const ADDRESS_WORDS = ADDRESS_LEN / 4;
/** Records for each peer that there may be, at least. */
const ROOM = 1.25;
/** Bits of a record that say which peer; the others spare a look at the addresses of most that are not meant. */
const PEER_BITS = 0xffffff;

/** See the head of the file. */
export class TeredoPeers {
  readonly capacity: number;
  readonly #hash: HalfSipHash;
  readonly #flows: Flows;
  #count = 0;
  /** Places that were ever taken: all of them are, or are in the chain of free ones. */
  #used = 0;
  /** The first free place among those used; each leads to the next by `#remoteBits`. */
  #free = NOBODY;
  /** The place that is looked at next for one to give way. */
  #hand = 0;
  /**
   * Buckets by hash, of three records and their addresses. A record, which is known by where its word is, is 1 + the peer,
   * above `PEER_BITS` some bits of its hash; or 0, in one of five at least. Who finds a bucket full goes to the next. All
   * that most lookups need is in one line, so they wait for memory once. There are as many as are ever needed, for to
   * move them into a longer array would stop the thread for long: memory that nobody has written to yet costs nothing.
   */
  readonly #records: Int32Array;
  /** The same, by octets. */
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  /** Of the number of a bucket, and of a word. */
  readonly #mask: number;
  readonly #wordMask: number;
  /** The hash of the address that was looked for last. */
  #sought = 0;
  /** Which record is whose. */
  #recordOf = new Int32Array();
  #remoteBits = new Int32Array();
  #remotePort = new Uint16Array();
  #socket = new Uint8Array();
  #flags = new Uint8Array();
  #lastReceived = new Float64Array();
  #lastSent = new Float64Array();
  /** When the last `MAX_BUBBLES` bubbles went, the oldest first. */
  #bubbles = new Float64Array();

  /** `capacity`: most peers, 1 to 2^24 - 1. `flows`: who hears some of them, too. */
  constructor(capacity: number, random: Random, flows: Flows = NO_FLOWS) {
    this.capacity = capacity;
    this.#hash = new HalfSipHash(random);
    this.#flows = flows;
    const buckets = 2 ** Math.max(0, Math.ceil(Math.log2((ROOM * capacity) / RECORDS)));
    this.#mask = buckets - 1;
    this.#wordMask = buckets * BUCKET_WORDS - 1;
    this.#records = new Int32Array(buckets * BUCKET_WORDS);
    this.#octets = new Uint8Array(this.#records.buffer);
    this.#view = new DataView(this.#records.buffer);
    this.#grow(Math.min(capacity, FIRST_PLACES));
  }

  /** Peers there are. */
  get count(): number {
    return this.#count;
  }

  /** Addresses of the peers, see {@link address}. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** IPv4 addresses that they are reached at, as `Endpoint.bits`. 0 in a new peer. */
  get remoteBits(): Int32Array {
    return this.#remoteBits;
  }

  /** UDP ports that they are reached at. 0 in a new peer. */
  get remotePort(): Uint16Array {
    return this.#remotePort;
  }

  /** Numbers of the tunnel's sockets by which they are reached. 0 in a new peer. */
  get socket(): Uint8Array {
    return this.#socket;
  }

  /** `PEER_TRUSTED`, `PEER_ASKED`, `PEER_STRANGER` and five bits more. */
  get flags(): Uint8Array {
    return this.#flags;
  }

  /** When something last came from their endpoints, RFC 4380 section 5.2: last reception. */
  get lastReceived(): Float64Array {
    return this.#lastReceived;
  }

  /** When data or a bubble last went to them: last transmission. */
  get lastSent(): Float64Array {
    return this.#lastSent;
  }

  /** Where in `octets` the address of the peer is, until the next `take` or `remove`. */
  address(peer: number): number {
    return addressOf(this.#recordOf[peer]);
  }

  /** The peer with the address at `b[off..)`; -1: there is none. */
  find(b: Uint8Array, off: number): number {
    return (this.#records[this.#search(b, off)] & PEER_BITS) - 1;
  }

  /**
   * The same, made if there is none: not trusted, nothing heard or sent for `SILENCE` (RFC 4380 section 5.2.3), and with
   * `flags`, which are 0 or `PEER_STRANGER`. -1: there is no place.
   */
  take(b: Uint8Array, off: number, now: Millis, flags = 0): number {
    const known = this.#records[this.#search(b, off)];
    if (known !== 0) return (known & PEER_BITS) - 1;
    const peer = this.#place(now, flags);
    if (peer === NOBODY) return NOBODY;
    this.#count++;
    // Another peer may have gone, and with it the record that was found be one too far.
    const record = this.#search(b, off);
    this.#put(record, (this.#sought & ~PEER_BITS) | (peer + 1), b, off);
    this.#remoteBits[peer] = this.#remotePort[peer] = this.#socket[peer] = 0;
    this.#flags[peer] = flags;
    this.#lastReceived[peer] = this.#lastSent[peer] = now - SILENCE;
    for (let i = 0; i < MAX_BUBBLES; i++) this.#bubbles[peer * MAX_BUBBLES + i] = Number.NEGATIVE_INFINITY;
    return peer;
  }

  /** Forgets a peer. Its number may be another's by the next `take`. */
  remove(peer: number): void {
    this.#unlink(peer);
    this.#flags[peer] = 0;
    this.#remoteBits[peer] = this.#free;
    this.#free = peer;
  }

  /** Whether data may go straight to the endpoint of the peer: it is trusted, and was heard within `SILENCE`. */
  isUsable(peer: number, now: Millis): boolean {
    if ((this.#flags[peer] & PEER_TRUSTED) === 0) return false;
    const received = this.#lastReceived;
    if (now - received[peer] < SILENCE) return true;
    // What is forwarded without its role nobody has told this table of.
    received[peer] = Math.max(received[peer], this.#flows.heard(this.#octets, this.address(peer)));
    return now - received[peer] < SILENCE;
  }

  /**
   * Whether a bubble, or a pair of a direct and an indirect one, may go to the peer: nothing went there within
   * `BUBBLE_SPACING`, and fewer than `MAX_BUBBLES` within `BUBBLE_WINDOW` are without a direct answer.
   */
  mayBubble(peer: number, now: Millis): boolean {
    if (now - this.#lastSent[peer] < BUBBLE_SPACING) return false;
    const oldest = this.#bubbles[peer * MAX_BUBBLES];
    return now - oldest >= BUBBLE_WINDOW || oldest <= this.#lastReceived[peer];
  }

  /** A bubble or a pair of them goes to the peer: also its last transmission. */
  bubbled(peer: number, now: Millis): void {
    const first = peer * MAX_BUBBLES;
    this.#bubbles.copyWithin(first, first + 1, first + MAX_BUBBLES);
    this.#bubbles[first + MAX_BUBBLES - 1] = now;
    this.#lastSent[peer] = now;
  }

  /** A place that is free, becomes free, or is new, for a peer with `flags`; -1: none. */
  #place(now: Millis, flags: number): number {
    const free = this.#free;
    if (free !== NOBODY) {
      this.#free = this.#remoteBits[free];
      return free;
    }
    if (this.#used === this.capacity) return this.#driveOut(now, flags);
    if (this.#used === this.#flags.length) this.#grow(Math.min(this.capacity, 2 * this.#used));
    return this.#used++;
  }

  /** The place of the first peer, from the hand on, that gives way to one with `flags`, free now; -1: none within `STEPS`. All places are taken. */
  #driveOut(now: Millis, flags: number): number {
    let stranger = NOBODY;
    for (let step = Math.min(STEPS, this.capacity); step > 0; step--) {
      const peer = this.#hand;
      this.#hand = peer + 1 === this.capacity ? 0 : peer + 1;
      if ((this.#flags[peer] & PEER_ASKED) !== 0) continue;
      if (this.isUsable(peer, now)) {
        if (stranger === NOBODY && (this.#flags[peer] & ~flags & PEER_STRANGER) !== 0) stranger = peer;
        continue;
      }
      this.#unlink(peer);
      return peer;
    }
    if (stranger === NOBODY) return NOBODY;
    this.#flows.close(this.#octets, this.address(stranger));
    this.#unlink(stranger);
    return stranger;
  }

  /** The record of the address at `b[off..)`, or the free one where it would be; its hash is in `#sought` then. */
  #search(b: Uint8Array, off: number): number {
    const records = this.#records;
    const view = this.#view;
    const mask = this.#mask;
    const w0 = littleEndian(b, off);
    const w1 = littleEndian(b, off + 4);
    const w2 = littleEndian(b, off + 8);
    const w3 = littleEndian(b, off + 12);
    const hash = this.#hash.of(w0, w1, w2, w3);
    this.#sought = hash;
    for (let bucket = hash & mask; ; bucket = (bucket + 1) & mask) {
      const first = bucket * BUCKET_WORDS;
      for (let record = first; record < first + RECORDS; record++) {
        const taken = records[record];
        if (taken === 0) return record;
        if (((taken ^ hash) & ~PEER_BITS) !== 0) continue;
        const at = addressOf(record);
        if (view.getInt32(at + 12, true) !== w3 || view.getInt32(at + 8, true) !== w2) continue;
        if (view.getInt32(at + 4, true) === w1 && view.getInt32(at, true) === w0) return record;
      }
    }
  }

  /** Puts what `taken` says into a record, with the address at `b[off..)`. */
  #put(record: number, taken: number, b: Uint8Array, off: number): void {
    this.#records[record] = taken;
    this.#recordOf[(taken & PEER_BITS) - 1] = record;
    copy(b, off, this.#octets, addressOf(record), ADDRESS_LEN);
  }

  /** Takes a peer out of the records, and moves up those behind it that were pushed away by it: none is lost. */
  #unlink(peer: number): void {
    const records = this.#records;
    const mask = this.#wordMask;
    let hole = this.#recordOf[peer];
    for (let record = behind(hole) & mask; records[record] !== 0; record = behind(record) & mask) {
      const home = (this.#hashAt(addressOf(record)) & this.#mask) * BUCKET_WORDS;
      // It stands where it belongs, or is nearer to it than the hole.
      if (((record - home) & mask) < ((record - hole) & mask)) continue;
      this.#put(hole, records[record], this.#octets, addressOf(record));
      hole = record;
    }
    records[hole] = 0;
    this.#count--;
  }

  #hashAt(at: number): number {
    const octets = this.#octets;
    return this.#hash.of(
      littleEndian(octets, at),
      littleEndian(octets, at + 4),
      littleEndian(octets, at + 8),
      littleEndian(octets, at + 12),
    );
  }

  /** Makes the columns long enough for `places` peers. */
  #grow(places: number): void {
    this.#recordOf = grown(this.#recordOf, new Int32Array(places));
    this.#remoteBits = grown(this.#remoteBits, new Int32Array(places));
    this.#remotePort = grown(this.#remotePort, new Uint16Array(places));
    this.#socket = grown(this.#socket, new Uint8Array(places));
    this.#flags = grown(this.#flags, new Uint8Array(places));
    this.#lastReceived = grown(this.#lastReceived, new Float64Array(places));
    this.#lastSent = grown(this.#lastSent, new Float64Array(places));
    this.#bubbles = grown(this.#bubbles, new Float64Array(places * MAX_BUBBLES));
  }
}

/** Offset of the address of a record. */
function addressOf(record: number): number {
  return 4 * ((record & -BUCKET_WORDS) + ADDRESSES + (record & (BUCKET_WORDS - 1)) * ADDRESS_WORDS);
}

/** The record that follows, in the same bucket or the next; behind the last one of all, one too many. */
function behind(record: number): number {
  return (record & (BUCKET_WORDS - 1)) === RECORDS - 1 ? record + BUCKET_WORDS - RECORDS + 1 : record + 1;
}

/** `into`, beginning with what is in `from`. */
function grown<T extends Uint8Array | Uint16Array | Int32Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
