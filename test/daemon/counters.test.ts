import { expect, test } from 'vitest';
import { Direction, packets } from '../../src/core/counters.js';
import { allocateRows, rowsOf, writerOf } from '../../src/daemon/counters.js';

test('readers see what each thread writes into its own row, added', () => {
  const memory = allocateRows(2);
  for (const worker of [0, 1, 1]) writerOf(memory, worker).forwarded(3, Direction.decapsulate, 40);
  expect(rowsOf(memory).map((row) => packets([row], 3, Direction.decapsulate))).toEqual([1, 2]);
  expect(packets(rowsOf(memory), 3, Direction.decapsulate)).toBe(3);
});
