/**
 * The counters that all packet threads write and the main thread reads.
 *
 * One row a thread, each with one writer, in shared memory: nothing is sent and nothing is locked.
 */
import { COUNTER_ROW_LEN, Counters } from '../core/counters.js';

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
