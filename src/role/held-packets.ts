/**
 * Packets that wait until their next hop is known to be there, RFC 4861 section 7.2.2: a bounded pool,
 * made once. A neighbour has at most `MAX_PER_NEIGHBOR` of them. RFC 4861 would give up the oldest of
 * them for a new one; here the new one is refused, so that each packet that is lost is lost once, with
 * a verdict of its own.
 */
import type { Frame } from '../core/frame.js';
import { copy } from '../wire/octets.js';
import { TransmitTo } from './role.js';

/** Packets that are held at a time. */
export const MAX_HELD = 64;
/** Of these, for one neighbour. */
export const MAX_PER_NEIGHBOR = 3;

/** A slot that nobody uses. */
const FREE = -1;

/** See the head of the file. A neighbour is a number of the caller's, 0 or more. */
export class HeldPackets {
  readonly #room: number;
  readonly #octets: Uint8Array;
  readonly #neighbor = new Int32Array(MAX_HELD).fill(FREE);
  readonly #len = new Int32Array(MAX_HELD);
  /** What is to become of it (`TransmitTo`); `nowhere` while that is open. */
  readonly #fate = new Uint8Array(MAX_HELD);
  /** Arrival, for first in, first out. */
  readonly #order = new Float64Array(MAX_HELD);
  #arrivals = 0;
  #settled = 0;

  /** `room`: octets that a packet may have. */
  constructor(room: number) {
    this.#room = room;
    this.#octets = new Uint8Array(MAX_HELD * room);
  }

  /** True when a packet of `len` octets can be held at all, however many there are. */
  takes(len: number): boolean {
    return len <= this.#room;
  }

  /** Keeps a copy of the packet at `b[off..off+len)`, which is not too long; false when there are too many already. */
  keep(neighbor: number, b: Uint8Array, off: number, len: number): boolean {
    let free = FREE;
    let waiting = 0;
    for (let i = 0; i < MAX_HELD; i++) {
      if (this.#neighbor[i] === FREE) free = i;
      else if (this.#neighbor[i] === neighbor) waiting++;
    }
    if (free === FREE || waiting === MAX_PER_NEIGHBOR) return false;
    copy(b, off, this.#octets, free * this.#room, len);
    this.#neighbor[free] = neighbor;
    this.#len[free] = len;
    this.#fate[free] = TransmitTo.nowhere;
    this.#order[free] = this.#arrivals++;
    return true;
  }

  /** Says what becomes of all that wait for `neighbor`: `TransmitTo.released` or `undeliverable`. */
  settle(neighbor: number, fate: number): void {
    for (let i = 0; i < MAX_HELD; i++) if (this.#neighbor[i] === neighbor) this.#settle(i, fate);
  }

  /** Says so of all that wait for anybody. */
  settleAll(fate: number): void {
    for (let i = 0; i < MAX_HELD; i++) if (this.#neighbor[i] !== FREE) this.#settle(i, fate);
  }

  /** Moves the oldest packet whose fate is settled into `out`, and says what that is; `TransmitTo.nowhere` when there is none. */
  poll(out: Frame): number {
    if (this.#settled === 0) return TransmitTo.nowhere;
    let oldest = FREE;
    for (let i = 0; i < MAX_HELD; i++) {
      if (this.#neighbor[i] === FREE || this.#fate[i] === TransmitTo.nowhere) continue;
      if (oldest === FREE || this.#order[i] < this.#order[oldest]) oldest = i;
    }
    this.#settled--;
    this.#neighbor[oldest] = FREE;
    out.fill(this.#octets, oldest * this.#room, oldest * this.#room + this.#len[oldest]);
    return this.#fate[oldest];
  }

  #settle(i: number, fate: number): void {
    if (this.#fate[i] !== TransmitTo.nowhere) return;
    this.#fate[i] = fate;
    this.#settled++;
  }
}
