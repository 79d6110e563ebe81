import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  COUNTER_ROW_LEN,
  Counters,
  clearSlot,
  DIRECTIONS,
  Direction,
  drops,
  ICMP_KINDS,
  IcmpKind,
  icmpEvents,
  MAX_TUNNELS,
  NODE_SLOT,
  octets,
  packets,
} from '../../src/core/counters.js';
import { DROP_SLOTS } from '../../src/core/drop.js';

/** Every cell of a tunnel: how it is raised by one, and how it is read. */
function cells(slot: number): { raise: (c: Counters) => void; read: (rows: readonly Float64Array[]) => number }[] {
  const both = [Direction.encapsulate, Direction.decapsulate];
  const reasons = Array.from({ length: DROP_SLOTS }, (_, reason) => reason);
  return [
    ...both.flatMap((direction) =>
      reasons.map((reason) => ({
        raise: (c: Counters) => c.dropped(slot, direction, reason),
        read: (rows: readonly Float64Array[]) => drops(rows, slot, direction, reason),
      })),
    ),
    ...ICMP_KINDS.map((kind) => ({
      raise: (c: Counters) => c.icmp(slot, IcmpKind[kind]),
      read: (rows: readonly Float64Array[]) => icmpEvents(rows, slot, IcmpKind[kind]),
    })),
    ...both.map((direction) => ({
      raise: (c: Counters) => c.forwarded(slot, direction, 1),
      read: (rows: readonly Float64Array[]) => packets(rows, slot, direction),
    })),
    ...both.map((direction) => ({
      raise: () => {}, // with its packet
      read: (rows: readonly Float64Array[]) => octets(rows, slot, direction),
    })),
  ];
}

test('every counter of every tunnel is a cell of its own, inside the row', () => {
  const counters = new Counters();
  const all = Array.from({ length: MAX_TUNNELS }, (_, slot) => cells(slot)).flat();
  for (const cell of all) cell.raise(counters);
  for (const cell of all) expect(cell.read([counters.row])).toBe(1);
  expect(counters.row.reduce((sum, value) => sum + value, 0)).toBe(all.length);
  expect([counters.row.length, NODE_SLOT]).toEqual([COUNTER_ROW_LEN, MAX_TUNNELS - 1]);
});

test('a forwarded packet counts once, with its octets, in its own direction', () => {
  fc.assert(
    fc.property(fc.nat(NODE_SLOT), fc.array(fc.tuple(fc.nat(1), fc.nat(65535)), { maxLength: 20 }), (slot, stream) => {
      const counters = new Counters();
      for (const [direction, len] of stream) counters.forwarded(slot, direction, len);
      for (const direction of [0, 1]) {
        const own = stream.filter(([which]) => which === direction);
        expect(packets([counters.row], slot, direction)).toBe(own.length);
        expect(octets([counters.row], slot, direction)).toBe(own.reduce((sum, [, len]) => sum + len, 0));
      }
    }),
  );
});

test('readers add the rows of all threads', () => {
  const rows = [1, 2, 3].map((n) => {
    const counters = new Counters();
    for (let i = 0; i < n; i++) counters.dropped(5, Direction.decapsulate, 9);
    return counters.row;
  });
  expect([drops(rows, 5, Direction.decapsulate, 9), drops([], 5, Direction.decapsulate, 9)]).toEqual([6, 0]);
});

test('a slot that is cleared is zero, and its neighbours are not touched', () => {
  const counters = new Counters(new Float64Array(COUNTER_ROW_LEN).fill(7));
  clearSlot(counters.row, 5);
  for (const slot of [4, 5, 6]) {
    for (const cell of cells(slot)) expect([slot, cell.read([counters.row])]).toEqual([slot, slot === 5 ? 0 : 7]);
  }
});

test('directions are named in the order of their numbers', () => {
  expect(DIRECTIONS.map((name) => Direction[name])).toEqual([0, 1]);
});
