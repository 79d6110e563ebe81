/** A question over UDP, asked until somebody answers. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `ask`, and again after each of `waits` milliseconds, until `answer` resolves with something; null when it has not by
 * then. Rejects as `answer` does, and when `signal` is aborted.
 */
export async function askRepeatedly<T>(
  ask: () => void,
  answer: Promise<T>,
  waits: readonly number[],
  signal: AbortSignal,
): Promise<T | null> {
  const over = new AbortController();
  const either = { signal: AbortSignal.any([over.signal, signal]) };
  try {
    for (const wait of waits) {
      signal.throwIfAborted();
      ask();
      const first = await Promise.race([answer, sleep(wait, null, either).catch(() => null)]);
      if (first !== null) return first;
    }
    return null;
  } finally {
    over.abort();
  }
}
