/** Strangers on every link who send anything at all: nothing throws, and every packet is accounted for. */
import { expect, test } from 'vitest';
import { DIRECTIONS, Direction, drops, IcmpKind, icmpEvents, NODE_SLOT, packets } from '../../src/core/counters.js';
import { DROPS } from '../../src/core/drop.js';
import { parseAddress } from '../../src/sim/address.js';
import type { Daemon } from '../../src/sim/daemon.js';
import { SeededRandom } from '../../src/sim/random.js';
import { World } from '../../src/sim/world.js';
import { tunnelledInternet } from '../../src/topology/internet.js';
import { sixToFourInternet } from '../../src/topology/sixtofour.js';
import { checksum } from '../../src/wire/checksum.js';
import { put16 } from '../../src/wire/octets.js';
import { resolve } from './resolve.js';

const PACKETS = 50_000;
const GROUPS = ['ff02::1', 'ff02::2', '224.0.0.1'].map(parseAddress);

/** Packets of every kind that the network itself sends, to be spoilt. */
function specimens(world: World): Uint8Array[] {
  world.run(5000);
  for (const { from, to } of world.topology.paths)
    for (const size of [8, 1400, 3000]) world.ping(from, to, { size, count: 2, interval: 50 });
  world.traceRoute('pc', 'web');
  world.ping('host', '2002:c633:6477::1');
  return [...world.links.values()].flatMap((link) => link.packets());
}

/** Random octets that may look like a packet, or a specimen with some octets changed, cut or grown; sometimes with its header checksum put right. */
function spoil(random: SeededRandom, specimens: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.1)) {
    const b = new Uint8Array(random.below(200));
    random.fill(b);
    if (b.length > 0 && random.chance(0.8)) b[0] = random.chance(0.5) ? 0x40 | (b[0] & 15) : 0x60;
    return b;
  }
  const from = specimens[random.below(specimens.length)];
  const b = new Uint8Array(random.chance(0.2) ? random.below(from.length + 20) : from.length);
  random.fill(b);
  b.set(from.subarray(0, b.length));
  // Headers are where it hurts: most changes go there.
  for (let n = random.below(5); n > 0 && b.length > 0; n--)
    b[random.below(Math.min(b.length, random.chance(0.8) ? 80 : b.length))] = random.word();
  if (b.length >= 20 && b[0] === 0x45 && random.chance(0.8)) {
    put16(b, 10, 0);
    put16(b, 10, checksum(b, 0, 20));
  }
  return b;
}

/** What the engine of a daemon says that it was given. */
function counted({ counters: { row } }: Daemon): number {
  let sum = 0;
  for (const slot of [0, NODE_SLOT]) {
    for (const direction of DIRECTIONS) {
      sum += packets([row], slot, Direction[direction]);
      for (const { code } of DROPS) sum += drops([row], slot, Direction[direction], code);
    }
  }
  return sum;
}

test.each([
  ['6to4', sixToFourInternet],
  ['6to4, 6rd and ISATAP', tunnelledInternet],
] as const)(`%s: of ${PACKETS} random and spoilt packets none does harm, and each one ends in exactly one way`, (_, topology) => {
  const world = new World(topology, { resolve, seed: 1 });
  const known = specimens(world);
  const probes = [...world.links.keys()].map((link) => world.probe(link));
  const addresses = [...world.hosts.values()].flatMap((host) =>
    [...host.interfaces.values()].flatMap((on) => on.addresses.map(({ addr }) => addr)),
  );
  const random = new SeededRandom(99);
  for (let i = 0; i < PACKETS; i++) {
    const probe = probes[random.below(probes.length)];
    const packet = spoil(random, known);
    const targets = random.chance(0.1) ? GROUPS : addresses;
    probe.send(packet, targets[random.below(targets.length)]);
    if (i % 8 === 0) world.advance(random.below(30));
    if (i % 1000 === 0) expect(world.unaccounted()).toBe(0);
  }
  world.advance(200_000);
  expect(world.unaccounted()).toBe(0);
  expect([...world.links.values()].map((link) => link.onItsWay)).toEqual([...world.links.values()].map(() => 0));
  expect(world.trace.count('injected')).toBe(PACKETS);

  // The network still works: nothing was poisoned that a stranger on the link could not poison anywhere.
  for (const { from, to } of topology.paths.filter((path) => path.from !== 'pc' && path.to !== 'pc')) {
    const kinds = world.ping(from, to, { count: 3 }).map(({ kind }) => kind);
    expect([from, to, kinds.includes('reply')]).toEqual([from, to, true]);
  }
});

test('a relay counts every packet that it was given: sent on, or dropped for one reason', () => {
  const world = new World(sixToFourInternet, { resolve, seed: 1 });
  const known = specimens(world);
  const relay = world.host('otemachi');
  const probes = ['ix-otemachi', 'core-otemachi'].map((link) => world.probe(link));
  const addresses = [...relay.interfaces.values()].flatMap((on) => on.addresses.map(({ addr }) => addr));
  const random = new SeededRandom(5);
  for (let i = 0; i < PACKETS / 4; i++) {
    probes[i % 2].send(spoil(random, known), addresses[random.below(addresses.length)]);
    world.advance(1);
  }
  world.advance(100_000);
  const { account } = relay;
  // What was copied is ICMP errors, which the engine counts elsewhere.
  expect(counted(world.daemon('otemachi'))).toBe(account.count('to_daemon') - account.count('copied'));
  const row = world.daemon('otemachi').counters.row;
  const reasons = DROPS.filter(({ code }) => drops([row], 0, Direction.decapsulate, code) > 0).map(({ name }) => name);
  expect(reasons).toEqual(expect.arrayContaining(['truncated', 'not_ipv6', 'source_mismatch', 'hop_limit']));
  expect(icmpEvents([row], 0, IcmpKind.sent_time_exceeded)).toBeGreaterThan(0);
});
