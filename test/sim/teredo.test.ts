/** Homes behind NATs, a server and a relay, lived through in memory with the real engine. */
import { describe, expect, test } from 'vitest';
import { checkPath } from '../../src/sim/path-check.js';
import { World } from '../../src/sim/world.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import { resolve } from './resolve.js';
import { addressOf, dropped, found, kinds } from './worlds.js';

const QUALIFIED = 5_000;
const REFRESH = 30_000;
const HOMES = ['kanda', 'ebisu', 'tabata', 'mejiro'];
/** Within which a daemon acts on what it has found out. */
const REACTION_TIME = 100;

function settled(seed = 1): World {
  const world = new World(teredoInternet, { resolve, seed });
  world.run(QUALIFIED);
  return world;
}

describe('paths', () => {
  test('every promised path works', () => {
    const world = settled();
    for (const path of teredoInternet.paths) {
      const { sent, received, works } = checkPath(world, path);
      expect([path.title.en, received, works]).toEqual([path.title.en, sent, true]);
    }
  });

  test('a client is qualified three round trips after its start, and knows its NAT', () => {
    const world = new World(teredoInternet, { resolve });
    // To the server and back in 6 ms: 2 ms to the access link, 1 ms to the server.
    world.run(3 * 6 + REACTION_TIME);
    const homes = HOMES.map((name) => [name, found(world, name).state, found(world, name).nat]);
    expect(homes).toEqual([
      ['kanda', 'qualified', 'cone or restricted'],
      ['ebisu', 'qualified', 'cone or restricted'],
      ['tabata', 'qualified', 'cone or restricted'],
      ['mejiro', 'qualified', 'symmetric'],
    ]);
  });

  test('the web reaches a client that nobody has spoken to, once the client has asked whether it is there', () => {
    const world = settled();
    for (const name of HOMES) expect([name, kinds(world, 'web', name, { count: 3 })]).toEqual([name, 'reply reply reply']);
    expect(dropped(world, 'kanda', 'decapsulate')).toEqual({});
  });
});

describe('faults', () => {
  test('a NAT that forgets its mappings: the client has its new address within a refresh interval, and is reached by it', () => {
    const world = settled();
    for (const name of HOMES) {
      const before = found(world, name);
      world.host(`nat-${name}`).nat?.forget();
      world.advance(REFRESH + REACTION_TIME);
      const after = found(world, name);
      expect([name, after.state, after.address]).not.toEqual([name, after.state, before.address]);
      expect([name, after.state, kinds(world, name, 'web')]).toEqual([name, 'qualified', 'reply']);
    }
  });

  test('a server that dies and comes back: clients are off line, say why, and recover by themselves', () => {
    const world = settled();
    world.daemon('mita').kill();
    world.advance(3 * REFRESH);
    const kanda = found(world, 'kanda');
    expect([kanda.state, kanda.address]).toEqual(['off-line', null]);
    expect(kanda.failure).toContain('198.51.100.1');
    expect(addressOf(world, 'kanda')).toBe('');
    world.daemon('mita').start();
    // Off line a client asks at a slow pace, and ever slower.
    world.advance(10 * REFRESH);
    for (const name of HOMES) expect([name, found(world, name).state, kinds(world, name, 'web')]).toEqual([name, 'qualified', 'reply']);
  });

  test('a relay that is started anew is found again', () => {
    const world = settled();
    for (const name of HOMES) expect([name, kinds(world, name, 'web')]).toEqual([name, 'reply']);
    world.daemon('shinjuku').kill();
    world.advance(1000);
    world.daemon('shinjuku').start();
    world.advance(REFRESH);
    for (const name of HOMES) expect([name, kinds(world, name, 'web')]).toEqual([name, 'reply']);
  });

  test('nothing is left of a client that stops', () => {
    const world = settled();
    world.daemon('kanda').stop();
    expect([addressOf(world, 'kanda'), world.host('kanda').interfaces.size, world.host('kanda').readers.udp.size]).toEqual(['', 1, 0]);
  });
});

test('a day: every client keeps its address, and the NATs their mappings', { timeout: 60_000 }, () => {
  const world = settled();
  const before = HOMES.map((name) => found(world, name).address);
  world.advance(86_400_000);
  expect(HOMES.map((name) => found(world, name).address)).toEqual(before);
  expect(HOMES.map((name) => kinds(world, name, 'web'))).toEqual(HOMES.map(() => 'reply'));
});
