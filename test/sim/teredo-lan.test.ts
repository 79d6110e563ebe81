/** Teredo clients that find each other on a LAN, RFC 4380 section 5.2.8, lived through in memory. */
import { expect, test } from 'vitest';
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import { World } from '../../src/sim/world.js';
import { PCS, teredoLan } from '../teredo-lan.js';
import { resolve } from './resolve.js';
import { dropped, found, kinds, sentOver } from './worlds.js';

const QUALIFIED = 1_000;
const [FIRST, SECOND] = PCS;

/** Multicasts on the LAN so far, as source and time to live. */
function announcements(world: World): string[] {
  const groups = world
    .link('home')
    .packets()
    .filter((packet) => packet[0] >>> 4 === 4 && packet[16] === 224);
  return groups.map((packet) => `${packet.slice(12, 16).join('.')} ${packet[8]}`);
}

/** The same network; the second PC comes later than the first. */
function settled(keys = 'local-discovery = true', nat?: ConeName): World {
  const world = new World(teredoLan(keys, nat), { resolve });
  world.run(QUALIFIED);
  world.daemon(SECOND).stop();
  world.daemon(SECOND).start();
  world.advance(QUALIFIED);
  return world;
}

test('TRDO-CL-40, 34: who has heard another reaches it without a word to the server or through the NAT', () => {
  const world = settled();
  const before = sentOver(world, 'access');
  expect(kinds(world, FIRST, SECOND, { count: 3 })).toBe('reply reply reply');
  expect(sentOver(world, 'access')).toBe(before);
  expect(dropped(world, FIRST, 'encapsulate')).toEqual({});
});

test.each(Object.keys(NAT_KINDS) as ConeName[])('behind a %s NAT, too', (nat) => {
  const world = settled('local-discovery = true', nat);
  const before = sentOver(world, 'access');
  expect([kinds(world, FIRST, SECOND), sentOver(world, 'access')]).toEqual(['reply', before]);
});

test('TRDO-CL-33: who was not there when the other spoke is reached all the same, and answers', () => {
  const world = settled();
  expect(kinds(world, SECOND, FIRST, { count: 3 })).toBe('reply reply reply');
});

test('TRDO-CL-60: each speaks when it has its address, and every 200 to 300 s; what it says stays on the link', () => {
  const world = settled();
  world.advance(3_600_000);
  const said = announcements(world);
  expect(new Set(said)).toEqual(new Set(['192.168.1.2 1', '192.168.1.3 1']));
  // Once and once more for who began twice; an hour holds 12 to 18 intervals.
  expect(said.length).toBeGreaterThanOrEqual(3 + 2 * 11);
  expect(said.length).toBeLessThanOrEqual(3 + 2 * 18);
  expect(
    world
      .link('access')
      .packets()
      .filter((packet) => packet[16] === 224),
  ).toEqual([]);
});

test('nobody is told anything unless it is asked for', () => {
  const world = settled('');
  expect(announcements(world)).toEqual([]);
  expect(found(world, FIRST).state).toBe('qualified');
  expect(kinds(world, FIRST, SECOND, { count: 3 })).toBe('reply reply reply');
});
