import { expect, test } from 'vitest';
import { Direction, drops, NODE_SLOT, packets } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { allocateRows, OverflowCounter, rowsOf, writerOf } from '../../src/daemon/counters.js';

test('readers see what each thread writes into its own row, added', () => {
  const memory = allocateRows(2);
  for (const worker of [0, 1, 1]) writerOf(memory, worker).forwarded(3, Direction.decapsulate, 40);
  expect(rowsOf(memory).map((row) => packets([row], 3, Direction.decapsulate))).toEqual([1, 2]);
  expect(packets(rowsOf(memory), 3, Direction.decapsulate)).toBe(3);
});

test('what sockets had no room for is counted for the node, once, though the kernel counts modulo 2^32', () => {
  const [one, other, later] = [{}, {}, {}];
  let told = new Map([
    [one, 0],
    [other, 7],
  ]);
  const overflow = new OverflowCounter(() => told);
  const counted = () => {
    overflow.update();
    return drops([overflow.row], NODE_SLOT, Direction.decapsulate, Drop.queue_full);
  };
  expect([counted(), counted()]).toEqual([7, 7]);
  told = new Map([
    [one, 0xffffffff],
    [other, 7],
  ]);
  expect(counted()).toBe(7 + 0xffffffff);
  told = new Map([
    [other, 8],
    [one, 2],
  ]);
  expect(counted()).toBe(7 + 0xffffffff + 3 + 1);
  // A socket that is gone takes nothing back, and one in its place begins anew.
  told = new Map([[later, 5]]);
  expect(counted()).toBe(7 + 0xffffffff + 3 + 1 + 5);
});
