/**
 * Small messages that wait to be sent: a ring, made once. What comes when it is full is lost, as it may be on any link;
 * whoever asked for it asks again.
 */
import type { Frame } from '../core/frame.js';

/** Messages that wait at a time, unless it is said: the bubbles that answer all that is received between two drains. */
const SLOTS = 512;
/** Octets of a message, unless it is said: a bubble with every trailer there is has 76. */
const ROOM = 96;

/** See the head of the file. */
export class TeredoOutbox {
  /** The memory that messages are written into. */
  readonly b: Uint8Array;
  readonly #slots: number;
  readonly #room: number;
  readonly #end: Int32Array;
  readonly #bits: Int32Array;
  readonly #port: Uint16Array;
  readonly #socket: Uint8Array;
  #first = 0;
  #count = 0;

  /** `slots` messages at most, of `room` octets each. */
  constructor(slots: number = SLOTS, room: number = ROOM) {
    this.b = new Uint8Array(slots * room);
    this.#slots = slots;
    this.#room = room;
    this.#end = new Int32Array(slots);
    this.#bits = new Int32Array(slots);
    this.#port = new Uint16Array(slots);
    this.#socket = new Uint8Array(slots);
  }

  /** Where in `b` the next message begins, which goes by `socket` to that endpoint; -1: the ring is full. {@link close} ends it. */
  open(socket: number, bits: number, port: number): number {
    if (this.#count === this.#slots) return -1;
    const slot = (this.#first + this.#count) % this.#slots;
    this.#bits[slot] = bits;
    this.#port[slot] = port;
    this.#socket[slot] = socket;
    return slot * this.#room;
  }

  /** The message that was opened ends before `b[end]`. */
  close(end: number): void {
    this.#end[(this.#first + this.#count) % this.#slots] = end;
    this.#count++;
  }

  /** Moves the oldest message into `out`; false when there is none. */
  poll(out: Frame): boolean {
    if (this.#count === 0) return false;
    const slot = this.#first;
    this.#first = (slot + 1) % this.#slots;
    this.#count--;
    out.fill(this.b, slot * this.#room, this.#end[slot]);
    out.remote.bits = this.#bits[slot];
    out.remote.port = this.#port[slot];
    out.socket = this.#socket[slot];
    return true;
  }
}
