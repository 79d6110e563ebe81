/** Writes to one descriptor, write(2), or gathered from several places of an arena, writev(2): what is to be written, and what became of it. */
import { Drop } from '../core/drop.js';
import type { Arena } from './arena.js';
import { FULL, fateOf } from './fate.js';
import { errno, SystemError, write, writev } from './libc.js';
import { IOVEC_LEN, pointIovec } from './mmsg.js';
import { Operation, Ring } from './ring.js';

/** A list of writes, used again and again. */
export class Writes {
  /** How many there are. */
  count = 0;
  /** Of each: offset in the arena of its octets, or of its iovecs; how many there are of either, and which of both. */
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  readonly areGathered: Uint8Array;
  /** Of each that was handled: `Drop.none`, or why it was refused. */
  readonly fates: Int32Array;
  readonly #arena: Arena;
  readonly #iovecs: number;
  #nextIovec = 0;

  /** `count`: writes at most; `pieces`: places that they are gathered from, in all. */
  constructor(arena: Arena, count: number, pieces: number) {
    this.#arena = arena;
    this.#iovecs = arena.alloc(pieces * IOVEC_LEN);
    this.offsets = new Int32Array(count);
    this.lengths = new Int32Array(count);
    this.areGathered = new Uint8Array(count);
    this.fates = new Int32Array(count);
  }

  /** Forgets them all. */
  clear(): void {
    this.count = 0;
    this.#nextIovec = this.#iovecs;
  }

  /** Adds a write of `octets` octets from `offset` of the arena. */
  add(offset: number, octets: number): void {
    this.offsets[this.count] = offset;
    this.lengths[this.count] = octets;
    this.areGathered[this.count] = 0;
    this.count++;
  }

  /** Begins a write that is gathered, with `octets` octets from `offset` of the arena. */
  begin(offset: number, octets: number): void {
    this.offsets[this.count] = this.#nextIovec;
    this.lengths[this.count] = 0;
    this.areGathered[this.count] = 1;
    this.count++;
    this.gather(offset, octets);
  }

  /** Goes on with the write that was begun last. */
  gather(offset: number, octets: number): void {
    pointIovec(this.#arena, this.#nextIovec, offset, octets);
    this.#nextIovec += IOVEC_LEN;
    this.lengths[this.count - 1]++;
  }
}

/** Does writes. */
export interface Writer {
  /** Does all of `writes` in order, and says in `fates` what became of them. Returns how many were handled: fewer when there is no room. */
  write(writes: Writes): number;
}

/** Many writes a call. */
export class WriteRing implements Writer {
  readonly #fd: number;
  readonly #ring: Ring;

  /** For the non-blocking `fd`, `count` writes a call. Throws `SystemError` where the kernel has no such ring, or does not let us have one. */
  constructor(arena: Arena, fd: number, count: number) {
    this.#fd = fd;
    this.#ring = new Ring(arena, fd, count);
  }

  /** A full queue refuses single ones (`queue_full`): those behind them may have been taken. */
  write(writes: Writes): number {
    let handled = 0;
    while (handled < writes.count) {
      const count = Math.min(writes.count - handled, this.#ring.entries);
      const taken = this.#write(writes, handled, count);
      handled += taken;
      if (taken < count) break;
    }
    return handled;
  }

  #write(writes: Writes, from: number, count: number): number {
    const ring = this.#ring;
    for (let i = 0; i < count; i++) {
      const operation = writes.areGathered[from + i] === 1 ? Operation.writev : Operation.write;
      ring.lay(i, operation, writes.offsets[from + i], writes.lengths[from + i]);
    }
    const taken = ring.run(count);
    for (let i = 0; i < taken; i++) {
      const result = ring.results[i];
      const fate = result < 0 ? fateOf(-result, 'write through ring', this.#fd) : Drop.none;
      writes.fates[from + i] = fate === FULL ? Drop.queue_full : fate;
    }
    return taken;
  }
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
      const call = writes.areGathered[i] === 1 ? writev : write;
      const written = call(this.#fd, this.#base + writes.offsets[i], writes.lengths[i]);
      const fate = written < 0 ? fateOf(errno(), 'write', this.#fd) : Drop.none;
      if (fate === FULL) return i;
      writes.fates[i] = fate;
    }
    return writes.count;
  }
}

/** The faster writer where the kernel has it: containers often forbid io_uring, and kernels before 6.1 lack what it takes. */
export function writerFor(arena: Arena, fd: number, count: number): Writer {
  try {
    return new WriteRing(arena, fd, count);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return new WriteLoop(arena, fd);
  }
}
