/** Which pairs of NATs Teredo gets through: RFC 6081 section 3, figure 1. */
import { describe, expect, test } from 'vitest';
import { FIGURE_1, KINDS, type Kind, TeredoWorld } from './teredo-world.js';

const NAMES = Object.keys(KINDS) as Kind[];

describe.each(NAMES)('a client behind a %s NAT begins', (first) => {
  test.each(NAMES.map((second, i) => [second, FIGURE_1[first][i]] as const))('with one behind a %s NAT: %s', (second, connects) => {
    const world = new TeredoWorld(7);
    const a = world.home('a', first);
    const b = world.home('b', second);
    world.settle();
    const start = world.now;
    a.ping(b.address);
    world.run(start + 20_000);
    const replies = a.delivered.filter((packet) => packet[40] === 129).length;
    expect([b.delivered.length, replies, a.undeliverable.length]).toEqual(connects ? [1, 1, 0] : [0, 0, 1]);
  });
});
