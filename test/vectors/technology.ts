/** One technology's part of the suite, as data. */
import type { DropName } from '../../src/core/drop.js';
import type { VectorCase } from './vector.js';

export interface Technology {
  /** Its folder under `vectors/`. */
  readonly folder: string;
  readonly cases: readonly VectorCase[];
  /** Every reason that its nodes give of themselves; the others are other technologies', the ports', or the LANs'. */
  readonly reasons: readonly DropName[];
  /** Rows that ask for a refusal: each is shown by a packet that is dropped. */
  readonly refusals: readonly string[];
  /** Rows that ask for what others might refuse: each is shown by a packet that passes. */
  readonly permissions: readonly string[];
  /** What tshark remarks on, and is meant. */
  readonly remarks: readonly string[];
}

/** `group`-01 and so on, `count` of them, but those with the numbers `except`. */
export function rowsOf(group: string, count: number, except: readonly number[] = []): string[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1).filter((n) => !except.includes(n));
  return numbers.map((n) => `${group}-${String(n).padStart(2, '0')}`);
}
