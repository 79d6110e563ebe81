/**
 * Writes to one descriptor, each gathered from several places of an arena, writev(2): what is to be written, and what
 * became of it.
 */
import { Drop } from '../core/drop.js';
import type { Arena } from './arena.js';
import { FULL, fateOf } from './fate.js';
import { errno, writev } from './libc.js';
import { IOVEC_LEN, pointIovec } from './mmsg.js';

/** A list of writes, used again and again. */
export class Writes {
  /** How many there are. */
  count = 0;
  /** Of each: where in the arena its iovecs are, and how many. */
  readonly iovecs: Int32Array;
  readonly pieces: Int32Array;
  /** Of each that was handled: `Drop.none`, or why it was refused. */
  readonly fates: Int32Array;
  readonly #arena: Arena;
  readonly #room: number;
  #next = 0;

  /** `count`: writes at most; `pieces`: places in all. */
  constructor(arena: Arena, count: number, pieces: number) {
    this.#arena = arena;
    this.#room = arena.alloc(pieces * IOVEC_LEN);
    this.iovecs = new Int32Array(count);
    this.pieces = new Int32Array(count);
    this.fates = new Int32Array(count);
  }

  /** Forgets them all. */
  clear(): void {
    this.count = 0;
    this.#next = this.#room;
  }

  /** Begins one with `octets` octets from `offset` of the arena. */
  begin(offset: number, octets: number): void {
    this.iovecs[this.count] = this.#next;
    this.pieces[this.count] = 0;
    this.count++;
    this.add(offset, octets);
  }

  /** Goes on with the one that was begun last. */
  add(offset: number, octets: number): void {
    pointIovec(this.#arena, this.#next, offset, octets);
    this.#next += IOVEC_LEN;
    this.pieces[this.count - 1]++;
  }
}

/** Does writes. */
export interface Writer {
  /** Does all of `writes` in order, and says in `fates` what became of them. Returns how many were handled: fewer when there is no room. */
  write(writes: Writes): number;
}

/** One write a call: where there is no `WriteRing`. */
export class WriteLoop implements Writer {
  readonly #fd: number;
  readonly #base: number;

  constructor(arena: Arena, fd: number) {
    this.#fd = fd;
    this.#base = arena.base;
  }

  write(writes: Writes): number {
    for (let i = 0; i < writes.count; i++) {
      const written = writev(this.#fd, this.#base + writes.iovecs[i], writes.pieces[i]);
      const fate = written < 0 ? fateOf(errno(), 'writev', this.#fd) : Drop.none;
      if (fate === FULL) return i;
      writes.fates[i] = fate;
    }
    return writes.count;
  }
}
