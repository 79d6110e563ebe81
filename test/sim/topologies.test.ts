/** Every network that comes with the product, in memory: what it promises, it keeps. */
import { expect, test } from 'vitest';
import { checkPath } from '../../src/sim/path-check.js';
import { World } from '../../src/sim/world.js';
import { tunnelledInternet } from '../../src/topology/internet.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import type { Topology } from '../../src/topology/topology.js';
import { resolve } from './resolve.js';

function settled(topology: Topology, seed = 1): World {
  const world = new World(topology, { resolve, seed });
  world.run(10_000);
  return world;
}

test.each(TOPOLOGIES.map((topology) => [topology.name, topology] as const))(
  '%s: every promised path works, large packets too',
  (_, topology) => {
    const world = settled(topology);
    for (const path of topology.paths) {
      expect([path.from, path.to, checkPath(world, path).works]).toEqual([path.from, path.to, true]);
      // One may be lost to find out what fits (RFC 8201); then all arrive.
      checkPath(world, path, { size: 1400 });
      expect([path.from, path.to, checkPath(world, path, { size: 1400 }).received]).toEqual([path.from, path.to, 5]);
    }
    expect(world.unaccounted()).toBe(0);
  },
);

test.each(TOPOLOGIES.map((topology) => [topology.name, topology] as const))('%s: one seed, one life', (_, topology) => {
  const life = (seed: number): string => {
    const world = settled(topology, seed);
    for (const link of world.links.values()) link.impair({ loss: 0.05, reorder: 0.1, duplicate: 0.05 });
    for (const { from, to } of topology.paths) world.ping(from, to, { count: 20, size: 1500, interval: 30 });
    world.advance(1_000_000);
    expect(world.unaccounted()).toBe(0);
    return world.digest();
  };
  expect(life(7)).toBe(life(7));
  expect(life(8)).not.toBe(life(7));
});

test('what goes from one tunnel into another takes a relay of each, in order', () => {
  const world = settled(tunnelledInternet);
  const found = tunnelledInternet.paths.map((path) => {
    const { relays } = checkPath(world, path);
    return [path.from, path.to, relays.map(({ node }) => node).join(' ')];
  });
  expect(found).toEqual([
    ['pc', 'web', 'ueno'],
    ['library', 'web', 'hongo'],
    ['pc', 'library', 'ueno hongo'],
    ['library', 'pc', 'hongo ueno'],
    ['host', 'pc', 'otemachi ueno'],
    ['library', 'host', 'hongo otemachi'],
  ]);
});
