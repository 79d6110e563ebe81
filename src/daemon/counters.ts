/**
 * The counters that all packet threads write and the main thread reads.
 *
 * One row a thread, each with one writer, in shared memory: nothing is sent and nothing is locked.
 */
import { COUNTER_ROW_LEN, Counters, Direction, NODE_SLOT } from '../core/counters.js';
import { Drop } from '../core/drop.js';

/** Shared memory for the rows of `workers` threads, zeroed. */
export function allocateRows(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTER_ROW_LEN * Float64Array.BYTES_PER_ELEMENT);
}

/** Every row of the shared memory, in the order of the threads. */
export function rowsOf(memory: SharedArrayBuffer): Float64Array[] {
  const octets = COUNTER_ROW_LEN * Float64Array.BYTES_PER_ELEMENT;
  return Array.from({ length: memory.byteLength / octets }, (_, i) => new Float64Array(memory, i * octets, COUNTER_ROW_LEN));
}

/**
 * What the kernel drops before a packet thread sees it, added to a row of the main thread's own whenever somebody reads.
 * It stands with the node: which tunnel a packet was for, nobody has looked.
 */
export class OverflowCounter {
  readonly row = new Float64Array(COUNTER_ROW_LEN);
  readonly #counters = new Counters(this.row);
  readonly #read: () => ReadonlyMap<unknown, number>;
  #before: ReadonlyMap<unknown, number> = new Map();

  /** `read`: packets that each socket, by its key, had no room for so far, modulo 2^32. */
  constructor(read: () => ReadonlyMap<unknown, number>) {
    this.#read = read;
  }

  /** Brings the row up to date. */
  update(): void {
    const now = this.#read();
    for (const [socket, count] of now) {
      const more = (count - (this.#before.get(socket) ?? 0)) >>> 0;
      this.#counters.droppedMany(NODE_SLOT, Direction.decapsulate, Drop.queue_full, more);
    }
    this.#before = now;
  }
}

/** The writer of one thread's row. */
export function writerOf(memory: SharedArrayBuffer, worker: number): Counters {
  return new Counters(rowsOf(memory)[worker]);
}
