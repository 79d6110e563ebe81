/**
 * Packets that wait until their next hop is known to be there, RFC 4861 section 7.2.2 and RFC 4380 section 5.4.1: a
 * bounded pool, made once. A neighbour has at most `MAX_PER_NEIGHBOR` of them. RFC 4861 would give up the oldest of
 * them for a new one; here the new one is refused, so that each packet that is lost is lost once, with
 * a verdict of its own.
 *
 * Every place is in one chain: of a neighbour, of those whose fate is settled, or of the free ones. So nothing here
 * takes longer when there are many.
 */
import type { Frame } from '../core/frame.js';
import { copy } from '../wire/octets.js';
import { TransmitTo } from './role.js';

/** Packets that are held at a time, if nothing else is said. */
export const MAX_HELD = 64;
/** Of these, for one neighbour. */
export const MAX_PER_NEIGHBOR = 3;

const NONE = -1;

/** See the head of the file. A neighbour is a number of the caller's, 0 or more; a column is as long as the greatest of them. */
export class HeldPackets {
  readonly #room: number;
  readonly #octets: Uint8Array;
  readonly #len: Int32Array;
  /** What is to become of it (`TransmitTo`), once that is settled. */
  readonly #fate: Uint8Array;
  /** The place behind it in its chain. */
  readonly #next: Int32Array;
  /** By neighbour, the place of its oldest packet. */
  #first = new Int32Array();
  #free = 0;
  #settledFirst = NONE;
  #settledLast = NONE;
  #count = 0;

  /** `room`: octets that a packet may have; `places`: packets that are held at a time. */
  constructor(room: number, places: number = MAX_HELD) {
    this.#room = room;
    this.#octets = new Uint8Array(places * room);
    this.#len = new Int32Array(places);
    this.#fate = new Uint8Array(places);
    this.#next = Int32Array.from({ length: places }, (_, place) => (place + 1 < places ? place + 1 : NONE));
  }

  /** Packets that are held. */
  get count(): number {
    return this.#count;
  }

  /** True when a packet of `len` octets can be held at all, however many there are. */
  takes(len: number): boolean {
    return len <= this.#room;
  }

  /** Keeps a copy of the packet at `b[off..off+len)`, which is not too long; false when there are too many already. */
  keep(neighbor: number, b: Uint8Array, off: number, len: number): boolean {
    if (neighbor >= this.#first.length) this.#meet(neighbor);
    const place = this.#free;
    if (place === NONE) return false;
    let last = NONE;
    let waiting = 0;
    for (let i = this.#first[neighbor]; i !== NONE; i = this.#next[i]) {
      last = i;
      waiting++;
    }
    if (waiting === MAX_PER_NEIGHBOR) return false;
    this.#free = this.#next[place];
    this.#next[place] = NONE;
    if (last === NONE) this.#first[neighbor] = place;
    else this.#next[last] = place;
    copy(b, off, this.#octets, place * this.#room, len);
    this.#len[place] = len;
    this.#count++;
    return true;
  }

  /** Says what becomes of all that wait for `neighbor`: `TransmitTo.released` or `undeliverable`. */
  settle(neighbor: number, fate: number): void {
    if (neighbor >= this.#first.length) return;
    const first = this.#first[neighbor];
    if (first === NONE) return;
    this.#first[neighbor] = NONE;
    if (this.#settledLast === NONE) this.#settledFirst = first;
    else this.#next[this.#settledLast] = first;
    for (let i = first; i !== NONE; i = this.#next[i]) {
      this.#fate[i] = fate;
      this.#settledLast = i;
    }
  }

  /** Says so of all that wait for anybody. */
  settleAll(fate: number): void {
    for (let neighbor = 0; neighbor < this.#first.length; neighbor++) this.settle(neighbor, fate);
  }

  /** Moves the packet whose fate has been settled the longest into `out`, and says what that is; `TransmitTo.nowhere` when there is none. */
  poll(out: Frame): number {
    const place = this.#settledFirst;
    if (place === NONE) return TransmitTo.nowhere;
    this.#settledFirst = this.#next[place];
    if (this.#settledFirst === NONE) this.#settledLast = NONE;
    this.#next[place] = this.#free;
    this.#free = place;
    this.#count--;
    out.fill(this.#octets, place * this.#room, place * this.#room + this.#len[place]);
    return this.#fate[place];
  }

  /** Makes the column of neighbours long enough for one that is new. */
  #meet(neighbor: number): void {
    const first = new Int32Array(2 ** Math.ceil(Math.log2(neighbor + 1))).fill(NONE);
    first.set(this.#first);
    this.#first = first;
  }
}
