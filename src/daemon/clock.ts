/**
 * The clock of all threads. `performance.now()` counts from the start of each thread, so that what one
 * thread says of the future means nothing to another; this counts from one moment for all of them.
 */
import type { Millis } from '../core/clock.js';

/** Both read CLOCK_MONOTONIC: what is between them does not change. */
const ZERO = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Now: milliseconds, monotonic. */
export function monotonicNow(): Millis {
  return performance.now() + ZERO;
}
