/**
 * Reads of a descriptor that gives one packet a time, into buffers: what was read stays where it is until they are used
 * anew.
 */
import { type Arena, arenaStride } from './arena.js';
import { fateOf } from './fate.js';
import { Errno, errno, read, SystemError } from './libc.js';
import { Operation, Ring } from './ring.js';

/**
 * Packets that have come one after the other before more of them are read a call. One that finds nothing costs a ring
 * four times what it gains with one that does: it is for a queue that does not get empty.
 */
const PERSISTENT = 256;

/** Buffers in a row, and what is in them. */
export class ReadBuffers {
  /** Packets that are there. */
  count = 0;
  /** Of each: where in the arena it begins, and how many octets it has. */
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  /** Octets that are kept free in front of a packet, and that it may have. */
  readonly #before: number;
  readonly #room: number;
  readonly #start: number;
  readonly #stride: number;
  #used = 0;

  /** `count` buffers, each with `before` octets free in front of a packet of at most `room`. */
  constructor(arena: Arena, count: number, before: number, room: number) {
    this.#before = before;
    this.#room = room;
    this.#stride = arenaStride(before + room);
    this.#start = arena.alloc(count * this.#stride);
    this.offsets = new Int32Array(count);
    this.lengths = new Int32Array(count);
  }

  /** Octets that a packet may have. */
  get room(): number {
    return this.#room;
  }

  /** Buffers that are free. */
  get free(): number {
    return this.offsets.length - this.#used;
  }

  /** Forgets what is there. */
  clear(): void {
    this.count = 0;
    this.#used = 0;
  }

  /** Where a packet goes that is read into the `i`-th of the free buffers. */
  at(i: number): number {
    return this.#start + (this.#used + i) * this.#stride + this.#before;
  }

  /** There are `octets` octets in the `i`-th of the free buffers. */
  keep(i: number, octets: number): void {
    this.offsets[this.count] = this.at(i);
    this.lengths[this.count] = octets;
    this.count++;
  }

  /** The first `n` of the free buffers are free no more. */
  use(n: number): void {
    this.#used += n;
  }
}

/** Does reads. */
export interface Reader {
  /** True once the device was deleted. */
  readonly gone: boolean;
  /** Reads some packets into free buffers. False when nothing more waits, or no buffer is free. */
  read(buffers: ReadBuffers): boolean;
  /** Packets are long at the moment: few are to lie in the processor's cache at a time. */
  slowDown(): void;
}

/** Many reads a call, as long as packets wait; else one. */
export class ReadRing implements Reader {
  readonly #fd: number;
  readonly #ring: Ring;
  readonly #loop: ReadLoop;
  #isGone = false;
  /** Packets since the last time that nothing waited. */
  #row = 0;

  /** For the non-blocking `fd`, at most `count` reads a call. Throws `SystemError` where the kernel has no such ring, or does not let us have one. */
  constructor(arena: Arena, fd: number, count: number) {
    this.#fd = fd;
    this.#ring = new Ring(arena, fd, count);
    this.#loop = new ReadLoop(arena, fd);
  }

  get gone(): boolean {
    return this.#isGone || this.#loop.gone;
  }

  read(buffers: ReadBuffers): boolean {
    const before = buffers.count;
    const waits = this.#row < PERSISTENT ? this.#loop.read(buffers) : this.#readMany(buffers);
    this.#row = waits ? this.#row + buffers.count - before : 0;
    return waits;
  }

  slowDown(): void {
    this.#row = 0;
  }

  #readMany(buffers: ReadBuffers): boolean {
    const ring = this.#ring;
    const wanted = Math.min(buffers.free, ring.entries);
    if (wanted === 0) return false;
    for (let i = 0; i < wanted; i++) ring.lay(i, Operation.read, buffers.at(i), buffers.room);
    const taken = ring.run(wanted);
    const before = buffers.count;
    // One that finds nothing may be followed by one that does.
    for (let i = 0; i < taken; i++) {
      const result = ring.results[i];
      if (result < 0) this.#isGone ||= isGone(-result, this.#fd);
      else buffers.keep(i, result);
    }
    buffers.use(taken);
    return buffers.count - before === wanted;
  }
}

/** One read a call: where there is no `ReadRing`. */
export class ReadLoop implements Reader {
  gone = false;
  readonly #fd: number;
  readonly #base: number;

  constructor(arena: Arena, fd: number) {
    this.#fd = fd;
    this.#base = arena.base;
  }

  read(buffers: ReadBuffers): boolean {
    if (buffers.free === 0) return false;
    const octets = read(this.#fd, this.#base + buffers.at(0), buffers.room);
    if (octets < 0) {
      this.gone ||= isGone(errno(), this.#fd);
      return false;
    }
    buffers.keep(0, octets);
    buffers.use(1);
    return true;
  }

  slowDown(): void {}
}

/** Whether `error` says that the device was deleted. Throws `SystemError` for what only a mistake of ours causes. */
function isGone(error: number, fd: number): boolean {
  fateOf(error, 'read', fd);
  return error === Errno.EBADFD;
}

/** The faster reader where the kernel has it, see `writerFor`. */
export function readerFor(arena: Arena, fd: number, count: number): Reader {
  try {
    return new ReadRing(arena, fd, count);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return new ReadLoop(arena, fd);
  }
}
