import { expect, test } from 'vitest';
import { Direction, NODE_SLOT, packets } from '../../src/core/counters.js';
import { allocateRows, rowsOf, Slots, writerOf } from '../../src/daemon/counters.js';

test('a tunnel keeps its place while it lives, and a new one gets a place that nobody has', () => {
  const slots = new Slots();
  expect([...slots.assign(['a', 'b'])]).toEqual([
    ['a', 0],
    ['b', 1],
  ]);
  expect(slots.assign(['b', 'c']).get('c'), 'a may still run').toBe(2);
  slots.keep(['b', 'c']);
  expect(Object.fromEntries(slots.assign(['b', 'c', 'd']))).toEqual({ b: 1, c: 2, d: 0 });
});

test('readers see what each thread writes into its own row, added', () => {
  const memory = allocateRows(2);
  for (const worker of [0, 1, 1]) writerOf(memory, worker).forwarded(3, Direction.decapsulate, 40);
  expect(rowsOf(memory).map((row) => packets([row], 3, Direction.decapsulate))).toEqual([1, 2]);
  expect(packets(rowsOf(memory), 3, Direction.decapsulate)).toBe(3);
});

test('tunnels beyond the rows are refused, and the place of the node itself is never given away', () => {
  const slots = new Slots();
  const names = Array.from({ length: NODE_SLOT }, (_, i) => `t${i}`);
  expect(Math.max(...slots.assign(names).values())).toBe(NODE_SLOT - 1);
  expect(() => slots.assign([...names, 'one-more'])).toThrow('no room for tunnel "one-more": a node has at most 63 tunnels');
});
