/**
 * The counters that all packet threads write and the main thread reads.
 *
 * One row a thread, each with one writer, in shared memory: nothing is sent and nothing is locked.
 * A tunnel keeps its place in the rows ("slot") for as long as it lives, over reloads.
 */
import { COUNTER_ROW_LEN, Counters, NODE_SLOT } from '../core/counters.js';
import { Exit, Failure } from './failure.js';

/** Shared memory for the rows of `workers` threads, zeroed. */
export function allocateRows(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTER_ROW_LEN * Float64Array.BYTES_PER_ELEMENT);
}

/** Every row of the shared memory, in the order of the threads. */
export function rowsOf(memory: SharedArrayBuffer): Float64Array[] {
  const octets = COUNTER_ROW_LEN * Float64Array.BYTES_PER_ELEMENT;
  return Array.from({ length: memory.byteLength / octets }, (_, i) => new Float64Array(memory, i * octets, COUNTER_ROW_LEN));
}

/** The writer of one thread's row. */
export function writerOf(memory: SharedArrayBuffer, worker: number): Counters {
  return new Counters(rowsOf(memory)[worker]);
}

/** Which tunnel has which place in the rows. */
export class Slots {
  readonly #slots = new Map<string, number>();

  /**
   * Gives each tunnel its place: the one it has, or a free one. Nobody else loses a place until
   * `keep`, so that what still runs is not disturbed. Throws a Failure when no place is free.
   */
  assign(names: readonly string[]): ReadonlyMap<string, number> {
    const taken = new Set(this.#slots.values());
    for (const name of names) {
      if (this.#slots.has(name)) continue;
      let slot = 0;
      while (taken.has(slot)) slot++;
      if (slot >= NODE_SLOT) throw new Failure(Exit.configuration, `no room for tunnel "${name}": a node has at most ${NODE_SLOT} tunnels`);
      this.#slots.set(name, slot);
      taken.add(slot);
    }
    return this.#slots;
  }

  /** Frees the places of all other tunnels: call it when no thread uses them any more. */
  keep(names: readonly string[]): void {
    for (const name of [...this.#slots.keys()]) if (!names.includes(name)) this.#slots.delete(name);
  }
}
