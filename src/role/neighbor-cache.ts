/**
 * Neighbours in a tunnel and whether they are there: neighbor unreachability detection, RFC 4861
 * section 7.3, with the first confirmation of RFC 5214 section 8.4.
 *
 *   nobody -packet-> INCOMPLETE -answer-> REACHABLE -time-> STALE -packet-> DELAY -time-> PROBE
 *                        |  ^                 ^------------- answer -----------------------'
 *              no answer v  | packet, later                         no answer |
 *                         FAILED <--------------------------------------------'
 *
 * An address carries its endpoint, so there is nothing to resolve: INCOMPLETE means that nobody has
 * answered there yet. What is sent meanwhile is held. A neighbour is kept by its IPv4 endpoint; it is
 * asked about the inner address that a packet was last sent to.
 *
 * The table has a fixed size, and a flood of new destinations cannot drive out who is in use: those
 * that never answered have `MAX_UNCONFIRMED` places between them, where a new one takes the place of
 * the one that failed the longest ago; and of the others only one to which nothing was sent for `IN_USE` gives way.
 * With no place left a packet is refused.
 *
 * Reachable time and retransmission timer are the constants of RFC 4861 section 10; what a router
 * advertises of them is not taken: the link is the whole IPv4 network, which no router can know.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { ADDRESS_LEN, totalLen6 } from '../wire/ipv6.js';
import { writeNeighborSolicitation } from '../wire/neighbor.js';
import { copy } from '../wire/octets.js';
import { chanceWithin } from './chance.js';
import { HeldPackets } from './held-packets.js';
import { TransmitTo } from './role.js';

/** Neighbours that are known at a time. */
export const MAX_NEIGHBORS = 1024;
/** Of these, ones that have not answered, or not any more. */
export const MAX_UNCONFIRMED = 256;
/** A neighbour to which something was sent within this time is in use. */
export const IN_USE: Millis = 60_000;
/** RFC 4861 section 10: REACHABLE_TIME, MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR. */
export const REACHABLE_TIME: Millis = 30_000;
export const MIN_RANDOM_FACTOR = 0.5;
export const MAX_RANDOM_FACTOR = 1.5;
/** RFC 4861 section 10: RETRANS_TIMER. */
export const RETRANS_TIMER: Millis = 1_000;
/** RFC 4861 section 10: DELAY_FIRST_PROBE_TIME. */
export const DELAY_FIRST_PROBE_TIME: Millis = 5_000;
/** RFC 4861 section 10: MAX_UNICAST_SOLICIT. */
export const MAX_UNICAST_SOLICIT = 3;
/** How long packets to a neighbour that failed are refused before it is asked anew. */
export const RETRY_DELAY: Millis = 10_000;

const State = { incomplete: 1, reachable: 2, stale: 3, delay: 4, probe: 5, failed: 6 } as const;

/** How good a next hop is, for the choice between routers, RFC 4861 section 6.3.6: more is better. */
export const Rank = {
  /** It did not answer, and is not to be asked again yet. */
  failed: 0,
  /** It did not answer, and may be asked again. */
  retry: 1,
  /** Nobody knows. */
  unknown: 2,
  /** It answered, and nothing says that it is gone. */
  reachable: 3,
} as const;

const NOBODY = -1;
const BUCKETS = 1024;
const BUCKET_SHIFT = 22;

/** See the head of the file. */
export class NeighborCache {
  readonly #random: Random;
  readonly #held: HeldPackets;
  /** By place. Endpoints as `Endpoint.bits`; a state of 0 is a free place. */
  readonly #bits = new Int32Array(MAX_NEIGHBORS);
  readonly #state = new Uint8Array(MAX_NEIGHBORS);
  readonly #targets = new Uint8Array(MAX_NEIGHBORS * ADDRESS_LEN);
  /** When something was last sent there, or learned from there. */
  readonly #used = new Float64Array(MAX_NEIGHBORS);
  /** End of REACHABLE, or of the time in which FAILED refuses. */
  readonly #until = new Float64Array(MAX_NEIGHBORS);
  /** When the timer of INCOMPLETE, DELAY or PROBE goes off. */
  readonly #deadline = new Float64Array(MAX_NEIGHBORS).fill(Number.POSITIVE_INFINITY);
  readonly #asked = new Uint8Array(MAX_NEIGHBORS);
  /** 1: a solicitation is to be sent. */
  readonly #due = new Uint8Array(MAX_NEIGHBORS);
  #dueCount = 0;
  #dueCursor = 0;
  #unconfirmed = 0;
  /** Chains of places by the hash of their endpoints. */
  readonly #first = new Int16Array(BUCKETS).fill(NOBODY);
  readonly #following = new Int16Array(MAX_NEIGHBORS);
  /** No timer goes off before. */
  #next: Millis = Number.POSITIVE_INFINITY;

  /** `room`: octets that a packet may have to be held. */
  constructor(room: number, random: Random) {
    this.#random = random;
    this.#held = new HeldPackets(room);
  }

  /**
   * Judges the packet at `b[off..)`, whose next hop is the inner address at `target[targetOff..)` at `ep`: `Drop.none` to send it,
   * `Verdict.hold` when a copy was kept, or a drop reason. A packet that is too long to be held is not stopped: it is
   * too long for the tunnel.
   */
  admit(ep: Endpoint, target: Uint8Array, targetOff: number, b: Uint8Array, off: number, now: Millis): number {
    const i = this.#find(ep.bits);
    if (i === NOBODY) return this.#meet(ep.bits, target, targetOff, b, off, now);
    const state = this.#state[i];
    if (state === State.incomplete) return this.#hold(i, target, targetOff, b, off, now);
    if (state === State.failed) {
      return now < this.#until[i] ? Drop.neighbor_unreachable : this.#hold(i, target, targetOff, b, off, now);
    }
    this.#used[i] = now;
    if (state === State.stale || (state === State.reachable && now >= this.#until[i])) {
      this.#enter(i, State.delay);
      this.#schedule(i, now + DELAY_FIRST_PROBE_TIME);
    }
    return Drop.none;
  }

  /** How good the neighbour at `bits` is as a next hop: a `Rank`. */
  rank(bits: number, now: Millis): number {
    const i = this.#find(bits);
    if (i === NOBODY || this.#state[i] === State.incomplete) return Rank.unknown;
    if (this.#state[i] !== State.failed) return Rank.reachable;
    return now < this.#until[i] ? Rank.failed : Rank.retry;
  }

  /** The neighbour at `bits` has just shown that it is there, though not that it hears us well: a router advertised itself. */
  heard(bits: number, target: Uint8Array, now: Millis): void {
    let i = this.#find(bits);
    if (i === NOBODY) {
      i = this.#take(bits, State.stale, now);
      if (i === NOBODY) return;
    } else if (this.#state[i] !== State.incomplete && this.#state[i] !== State.failed) return;
    this.#used[i] = now;
    copy(target, 0, this.#targets, i * ADDRESS_LEN, ADDRESS_LEN);
    this.#answered(i, State.stale);
  }

  /** The neighbour at `bits` advertised itself, RFC 4861 section 7.2.5; `solicited`: it had been asked, so both ways work. */
  advertised(bits: number, solicited: boolean, now: Millis): void {
    const i = this.#find(bits);
    if (i === NOBODY) return;
    if (solicited) {
      this.#until[i] = now + REACHABLE_TIME * chanceWithin(this.#random, MIN_RANDOM_FACTOR, MAX_RANDOM_FACTOR);
      this.#answered(i, State.reachable);
    } else if (this.#state[i] === State.incomplete) this.#answered(i, State.stale);
  }

  /** Something, an ICMPv4 error for instance, says that the neighbour at `bits` may be gone: it is asked soon if it is used. */
  suspect(bits: number): void {
    const i = this.#find(bits);
    if (i !== NOBODY && this.#state[i] === State.reachable) this.#enter(i, State.stale);
  }

  /** All that is held is given up. */
  giveUp(): void {
    this.#held.settleAll(TransmitTo.undeliverable);
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now < this.#next) return;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MAX_NEIGHBORS; i++) {
      if (this.#deadline[i] <= now) this.#expire(i, now);
      if (this.#deadline[i] < next) next = this.#deadline[i];
    }
    this.#next = next;
  }

  /** When `handleTimeout` is due; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis {
    return this.#next;
  }

  /** Writes the next due solicitation, from `source`, into `out`, with its endpoint in `out.remote`; false when none is due. */
  pollSolicitation(out: Frame, source: Uint8Array): boolean {
    if (this.#dueCount === 0) return false;
    while (this.#due[this.#dueCursor] === 0) this.#dueCursor = (this.#dueCursor + 1) % MAX_NEIGHBORS;
    const i = this.#dueCursor;
    this.#undue(i);
    out.clear();
    out.end = writeNeighborSolicitation(out.b, out.off, source, this.#targets, i * ADDRESS_LEN);
    out.remote.bits = this.#bits[i];
    return true;
  }

  /** Moves the next packet that is not to be held any longer into `out`: `TransmitTo.released`, `undeliverable` or, when there is none, `nowhere`. */
  pollHeld(out: Frame): number {
    return this.#held.poll(out);
  }

  #meet(bits: number, target: Uint8Array, targetOff: number, b: Uint8Array, off: number, now: Millis): number {
    if (!this.#held.takes(totalLen6(b, off))) return Drop.none;
    const i = this.#take(bits, State.incomplete, now);
    if (i === NOBODY) return Drop.queue_full;
    if (!this.#held.keep(i, b, off, totalLen6(b, off))) {
      this.#forget(i);
      return Drop.queue_full;
    }
    this.#ask(i, target, targetOff, now);
    return Verdict.hold;
  }

  #hold(i: number, target: Uint8Array, targetOff: number, b: Uint8Array, off: number, now: Millis): number {
    const len = totalLen6(b, off);
    if (!this.#held.takes(len)) return Drop.none;
    if (!this.#held.keep(i, b, off, len)) return Drop.queue_full;
    this.#used[i] = now;
    if (this.#state[i] === State.failed) this.#ask(i, target, targetOff, now);
    else copy(target, targetOff, this.#targets, i * ADDRESS_LEN, ADDRESS_LEN);
    return Verdict.hold;
  }

  /** Begins to ask. */
  #ask(i: number, target: Uint8Array, targetOff: number, now: Millis): void {
    copy(target, targetOff, this.#targets, i * ADDRESS_LEN, ADDRESS_LEN);
    this.#enter(i, State.incomplete);
    this.#asked[i] = 0;
    this.#solicit(i, now);
  }

  #solicit(i: number, now: Millis): void {
    this.#asked[i]++;
    this.#dueCount += 1 - this.#due[i];
    this.#due[i] = 1;
    this.#schedule(i, now + RETRANS_TIMER);
  }

  #undue(i: number): void {
    this.#dueCount -= this.#due[i];
    this.#due[i] = 0;
  }

  #answered(i: number, state: number): void {
    this.#enter(i, state);
    this.#held.settle(i, TransmitTo.released);
  }

  /** The timer of place `i` goes off. */
  #expire(i: number, now: Millis): void {
    if (this.#state[i] === State.delay) {
      this.#enter(i, State.probe);
      this.#asked[i] = 0;
      this.#solicit(i, now);
    } else if (this.#asked[i] < MAX_UNICAST_SOLICIT) this.#solicit(i, now);
    else {
      this.#enter(i, State.failed);
      this.#until[i] = now + RETRY_DELAY;
      this.#held.settle(i, TransmitTo.undeliverable);
    }
  }

  /** Changes the state of place `i`; its timer and its solicitation are gone. */
  #enter(i: number, state: number): void {
    this.#unconfirmed += isUnconfirmed(state) - isUnconfirmed(this.#state[i]);
    this.#state[i] = state;
    this.#deadline[i] = Number.POSITIVE_INFINITY;
    this.#undue(i);
  }

  #schedule(i: number, at: Millis): void {
    this.#deadline[i] = at;
    if (at < this.#next) this.#next = at;
  }

  #find(bits: number): number {
    let i = this.#first[bucketOf(bits)];
    while (i !== NOBODY && this.#bits[i] !== bits) i = this.#following[i];
    return i;
  }

  /** A place for a newcomer, by the rules at the head of the file; `NOBODY` when there is none. */
  #take(bits: number, state: number, now: Millis): number {
    const isCrowded = isUnconfirmed(state) === 1 && this.#unconfirmed >= MAX_UNCONFIRMED;
    let i = isCrowded ? NOBODY : this.#state.indexOf(0);
    if (i === NOBODY) {
      i = this.#longestUnused(false, now);
      if (i === NOBODY && !isCrowded) i = this.#longestUnused(true, now - IN_USE);
      if (i === NOBODY) return NOBODY;
      this.#forget(i);
    }
    const bucket = bucketOf(bits);
    this.#bits[i] = bits;
    this.#used[i] = now;
    this.#following[i] = this.#first[bucket];
    this.#first[bucket] = i;
    this.#enter(i, state);
    return i;
  }

  /** The place that was last used the longest ago, at `since` or before: of those that answered, or of those that failed. */
  #longestUnused(answered: boolean, since: Millis): number {
    let found = NOBODY;
    for (let i = 0; i < MAX_NEIGHBORS; i++) {
      const counts = answered ? isUnconfirmed(this.#state[i]) === 0 : this.#state[i] === State.failed;
      if (counts && this.#used[i] <= since && (found === NOBODY || this.#used[i] < this.#used[found])) found = i;
    }
    return found;
  }

  #forget(i: number): void {
    const bucket = bucketOf(this.#bits[i]);
    if (this.#first[bucket] === i) this.#first[bucket] = this.#following[i];
    else {
      let before = this.#first[bucket];
      while (this.#following[before] !== i) before = this.#following[before];
      this.#following[before] = this.#following[i];
    }
    this.#enter(i, 0);
  }
}

/** 1 in the states of those that do not answer. */
function isUnconfirmed(state: number): number {
  return state === State.incomplete || state === State.failed ? 1 : 0;
}

function bucketOf(bits: number): number {
  return Math.imul(bits, 0x9e3779b1) >>> BUCKET_SHIFT;
}
