/** The campus of `topology/isatap.ts`, and a larger one, lived through in memory with the real engine. */
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, SIZE6 } from '../../src/sim/address.js';
import { checkPath, relaysInUse } from '../../src/sim/path-check.js';
import { SeededRandom } from '../../src/sim/random.js';
import { World } from '../../src/sim/world.js';
import { isatapCampus } from '../../src/topology/isatap.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';
import { checksum6 } from '../../src/wire/checksum.js';
import { Icmp4, writeIcmp4Error } from '../../src/wire/icmp4.js';
import { Icmp6 } from '../../src/wire/icmp6.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { IPV6_LEN, IPV6_SRC, NextHeader } from '../../src/wire/ipv6.js';
import { put16, put32, u32 } from '../../src/wire/octets.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { resolve } from './resolve.js';
import { addressOf, dropped, forged, kinds, node, outers, sentOver, tunnelled, worldOf } from './worlds.js';

const SETTLED = 10_000;
const LIBRARY = '2001:db8:15a:1:0:5efe:ac10:10a';
const LABORATORY = '2001:db8:15a:1:0:5efe:ac10:114';
const WEB = '2001:db8:80::80';
const [HONGO, KOMABA] = ['172.16.1.1', '172.16.1.2'];
const MINUTE = 60_000;

function settled(topology: Topology = isatapCampus, seed = 1): World {
  const world = new World(topology, { resolve, seed });
  world.run(SETTLED);
  return world;
}

/** Neighbor discovery on the campus: `now type source -> destination`, by outer addresses, from packet `since` on. */
function discovery(world: World, type: number, since = 0): string[] {
  return tunnelled(world, 'campus', since)
    .filter((b) => b[IPV4_LEN + 6] === NextHeader.icmp6 && b[IPV4_LEN + IPV6_LEN] === type)
    .map((b) => `${formatAddress(b.slice(12, 16))} > ${formatAddress(b.slice(16, 20))}`);
}

/** The default routers that the daemon of a host knows, by their IPv4 addresses, the one in use first. */
function routersOf(world: World, host: string): string[] {
  const [tunnel] = world.daemon(host).node?.tunnels ?? [];
  if (tunnel?.type !== 'isatap') throw new Error(`${host} has no ISATAP`);
  return tunnel.learned?.routers.map(({ address }) => formatAddress(address.slice(12))) ?? [];
}

/** Kinds of answers to a long ping, without those that follow one of the same kind. */
function phases(world: World, count: number): string[] {
  const answers = world.ping('library', 'web', { count, interval: 1000 }).map(({ kind }) => (kind === 'reply' ? 'reply' : 'none'));
  return answers.filter((kind, i) => kind !== answers[i - 1]);
}

describe('paths', () => {
  test('every promised path works, over a router or directly, in the time that its links take', () => {
    const world = settled();
    const found = isatapCampus.paths.map((path) => {
      const { sent, received, roundTrip, relays, works } = checkPath(world, path);
      expect([received, works]).toEqual([sent, true]);
      return [path.from, path.to, roundTrip?.median, relays.map((relay) => relay.node).join()];
    });
    expect(found).toEqual([
      ['library', 'web', 2 * (1 + 1 + 1), 'hongo'],
      ['library', 'laboratory', 2 * 1, ''],
      ['web', 'laboratory', 2 * (1 + 1 + 1), 'hongo'],
    ]);
    expect(world.unaccounted()).toBe(0);
  });

  test('a host has the address that its IPv4 address makes, with the u bit clear for a private one (RFC 5214 section 6.1)', () => {
    const world = settled();
    expect([addressOf(world, 'library'), addressOf(world, 'laboratory')]).toEqual([LIBRARY, LABORATORY]);
  });

  test('host to host is direct, confirmed by one solicitation each way, and needs no router (RFC 5214 section 8.4)', () => {
    const world = settled();
    for (const router of ['hongo', 'komaba']) world.setInterface(router, 'eth0', false);
    const before = sentOver(world, 'campus');
    expect(kinds(world, 'library', 'laboratory', { count: 5, interval: 200 })).toBe('reply reply reply reply reply');
    const ends = new Set(outers(world, 'campus', before).map(({ source, destination }) => `${source} > ${destination}`));
    expect([...ends].sort()).toEqual(['172.16.1.10 > 172.16.1.20', '172.16.1.20 > 172.16.1.10']);
    expect(discovery(world, Icmp6.neighborSolicitation, before).length).toBeLessThanOrEqual(2);
  });

  test.skipIf(tsharkMissing !== null)(
    `tshark complains of nothing, on any link${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const world = settled();
      for (const path of isatapCampus.paths) checkPath(world, path, { count: 2, size: 1440 });
      let seen = 0;
      for (const link of world.links.keys()) {
        const packets = dissectFile(world.capture(link), ['frame.number'], ['"Time To Live" only 1']);
        expect([link, packets.flatMap(({ complaints }) => complaints)]).toEqual([link, []]);
        seen += packets.length;
      }
      expect(seen).toBeGreaterThan(60);
    },
  );
});

describe('router discovery', () => {
  test('asks every potential router, once, within a second; they answer the solicitor alone (RFC 5214 section 8.3.4)', () => {
    const world = new World(isatapCampus, { resolve });
    world.run(2000); // a second, half of one for the answer, and what it takes to act on it
    const asked = (host: string): string[] => [HONGO, KOMABA].map((router) => `${host} > ${router}`);
    const told = (host: string): string[] => [HONGO, KOMABA].map((router) => `${router} > ${host}`);
    expect(discovery(world, Icmp6.routerSolicitation).sort()).toEqual([...asked('172.16.1.10'), ...asked('172.16.1.20')].sort());
    expect(discovery(world, Icmp6.routerAdvertisement).sort()).toEqual([...told('172.16.1.10'), ...told('172.16.1.20')].sort());
    expect([addressOf(world, 'library'), routersOf(world, 'library').sort()]).toEqual([LIBRARY, [HONGO, KOMABA]]);
  });

  test('asks again before anything runs out, and not often: a day without a moment of doubt', () => {
    const world = settled();
    const began = sentOver(world, 'campus');
    for (let hour = 0; hour < 24; hour++) {
      world.advance(60 * MINUTE);
      expect([hour, kinds(world, 'library', 'web'), addressOf(world, 'library')]).toEqual([hour, 'reply', LIBRARY]);
    }
    // A router lives for 1800 s, and is asked no more than every 120 s.
    const asked = discovery(world, Icmp6.routerSolicitation, began).filter((line) => line === `172.16.1.10 > ${HONGO}`).length;
    expect(asked).toBeGreaterThanOrEqual(48);
    expect(asked).toBeLessThanOrEqual(720);
  });

  test('a host that starts before its routers finds them when they come', () => {
    const world = new World(isatapCampus, { resolve });
    for (const router of ['hongo', 'komaba']) world.daemon(router).stop();
    world.run(5 * MINUTE);
    expect([kinds(world, 'library', 'web'), routersOf(world, 'library')]).toEqual(['not_sent', []]);
    for (const router of ['hongo', 'komaba']) world.daemon(router).start();
    world.advance(5 * MINUTE);
    expect(kinds(world, 'library', 'web')).toBe('reply');
  });
});

describe('a router dies', () => {
  test('and the other takes over within a minute; flows go on', () => {
    const world = settled();
    expect(kinds(world, 'library', 'web', { count: 3 })).toBe('reply reply reply');
    world.daemon('hongo').kill();
    world.setInterface('hongo', 'eth0', false);
    world.setInterface('core6', 'eth0', false);
    expect(phases(world, 60)).toEqual(['none', 'reply']);
    expect(relaysInUse(world, { from: 'library', to: 'web' }).map((relay) => relay.node)).toEqual(['komaba']);
    expect(addressOf(world, 'library')).toBe(LIBRARY);
    expect(world.unaccounted()).toBe(0);
  });

  test('if both do, there is no way out once their lifetimes end, and again when one is back', () => {
    const world = settled();
    for (const router of ['hongo', 'komaba']) world.setInterface(router, 'eth0', false);
    world.advance(31 * MINUTE);
    expect([kinds(world, 'library', 'web'), routersOf(world, 'library')]).toEqual(['not_sent', []]);
    expect(kinds(world, 'library', 'laboratory')).toBe('reply');
    world.setInterface('komaba', 'eth0', true);
    world.setInterface('core6', 'eth0', false);
    world.advance(10 * MINUTE);
    expect(kinds(world, 'library', 'web', { count: 3 })).toBe('reply reply reply');
  });
});

test('a router that is taken from the list is left at once, and one that is added is found (RFC 5214 section 8.3.2)', () => {
  let list = '["172.16.1.1"]';
  const world = new World(isatapCampus, {
    resolve: (toml, host) => (facts, slots) =>
      resolve(toml.replace(/^potential-routers = .*$/m, `potential-routers = ${list}`), host)(facts, slots),
  });
  world.run(SETTLED);
  expect([routersOf(world, 'library'), kinds(world, 'library', 'web')]).toEqual([[HONGO], 'reply']);
  list = '["172.16.1.2"]';
  world.daemon('library').reload();
  world.advance(SETTLED);
  const before = sentOver(world, 'campus');
  expect([routersOf(world, 'library'), addressOf(world, 'library')]).toEqual([[KOMABA], LIBRARY]);
  world.setInterface('core6', 'eth0', false);
  expect(kinds(world, 'library', 'web', { count: 3, interval: 10 })).toBe('reply reply reply');
  expect(outers(world, 'campus', before).filter(({ destination }) => destination === HONGO)).toEqual([]);
});

test('a host whose IPv4 address changes has another IPv6 address, and reaches everybody', () => {
  const world = settled();
  world.renumber('library', 'eth0', '172.16.1.10/24', '172.16.1.77/24');
  world.advance(SETTLED);
  expect(addressOf(world, 'library')).toBe('2001:db8:15a:1:0:5efe:ac10:14d');
  expect([kinds(world, 'library', 'web'), kinds(world, 'web', 'library'), kinds(world, 'laboratory', 'library')]).toEqual([
    'reply',
    'reply',
    'reply',
  ]);
  const stale = world.host('library').ownerOf(parseAddress(LIBRARY), 0, SIZE6);
  expect(stale).toBe(null);
});

test('a peer that is gone is said to be unreachable, and is reached again when it is back', () => {
  const world = settled();
  expect(kinds(world, 'library', 'laboratory')).toBe('reply');
  // Its machine is there, and says at most that it does not speak protocol 41: that may be forged, and means nothing.
  world.daemon('laboratory').kill();
  const answers = world.ping('library', LABORATORY, { count: 120, timeout: 10_000 });
  // Reachable for 45 s at most, a delay of 5 s, three probes of a second.
  const doubt = answers.findIndex(({ kind }) => kind !== 'no_answer');
  expect(doubt).toBeGreaterThan(5);
  expect(doubt).toBeLessThanOrEqual(45 + 5 + 3 + 1);
  expect(new Set(answers.slice(doubt).map(({ kind }) => kind))).toEqual(new Set(['unreachable', 'no_answer']));
  expect(answers.slice(doubt).filter(({ kind }) => kind === 'unreachable').length).toBeGreaterThan(40);
  expect(dropped(world, 'library', 'encapsulate').neighbor_unreachable).toBeGreaterThan(40);
  world.daemon('laboratory').start();
  world.advance(30_000);
  expect(kinds(world, 'library', LABORATORY, { count: 10 }).endsWith('reply reply')).toBe(true);
  expect(world.unaccounted()).toBe(0);
});

describe('a stranger on the campus', () => {
  const STRANGER = '172.16.1.66';

  /** A router advertisement for 2001:db8:bad::/64 in a tunnel packet, as `change` makes it. */
  function advertisement(outer: string, source: string, change: (b: Uint8Array) => void = () => {}): Uint8Array {
    const world = settled();
    const real = tunnelled(world, 'campus').find(
      (b) => b[IPV4_LEN + IPV6_LEN] === Icmp6.routerAdvertisement && formatAddress(b.slice(16, 20)) === '172.16.1.10',
    );
    if (real === undefined) throw new Error('no advertisement');
    const b = real.slice();
    b.set(parseAddress(source), IPV4_LEN + IPV6_SRC);
    const prefix = b.findIndex((octet, i) => i > IPV4_LEN + IPV6_LEN && octet === 3 && b[i + 1] === 4);
    put32(b, prefix + 20, 0x0bad0000);
    const icmp = IPV4_LEN + IPV6_LEN;
    put16(b, icmp + 2, 0);
    put16(b, icmp + 2, checksum6(b, IPV4_LEN + IPV6_SRC, NextHeader.icmp6, icmp, b.length));
    change(b);
    writeIpv4(b, 0, b.length, 0, 0, 64, Protocol.ipv6, u32(parseAddress(outer), 0), u32(parseAddress('172.16.1.10'), 0));
    return b;
  }

  const of = (ipv4: string): string => {
    const [a, b, c, d] = parseAddress(ipv4);
    return `fe80::5efe:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  };

  test.each([
    ['from outside the list', STRANGER, of(STRANGER), undefined, 'not_potential_router'],
    ['in the name of a router, from elsewhere', STRANGER, of(HONGO), undefined, 'source_mismatch'],
    ['from a router, in the name of another', HONGO, of(KOMABA), undefined, 'source_mismatch'],
    ['that passed a router: hop limit 254', HONGO, of(HONGO), (b: Uint8Array) => b.fill(254, IPV4_LEN + 7, IPV4_LEN + 8), 'malformed_nd'],
    [
      'with a wrong checksum',
      HONGO,
      of(HONGO),
      (b: Uint8Array) => b.fill(b[IPV4_LEN + 42] ^ 1, IPV4_LEN + 42, IPV4_LEN + 43),
      'malformed_nd',
    ],
  ] as const)('has no router advertisement believed that is %s', (_, outer, source, change, reason) => {
    const world = settled();
    const known = JSON.stringify(world.daemon('library').node);
    world.probe('campus').send(advertisement(outer, source, change), parseAddress('172.16.1.10'));
    world.advance(1000);
    const drops = dropped(world, 'library', 'decapsulate');
    expect(Object.keys(drops)).toHaveLength(1);
    expect(drops).toEqual({ [reason]: 1 });
    expect(JSON.stringify(world.daemon('library').node)).toBe(known);
    expect(kinds(world, 'library', 'web')).toBe('reply');
  });

  test('cannot speak for a host, nor for the Internet', () => {
    const world = settled();
    const probe = world.probe('campus');
    const send = (outer: string, source: string, destination: string, to: string): void =>
      probe.send(forged([outer, to], [source, destination]), parseAddress(to));
    send(STRANGER, LABORATORY, LIBRARY, '172.16.1.10');
    send(STRANGER, WEB, LIBRARY, '172.16.1.10');
    send(STRANGER, LIBRARY, WEB, HONGO);
    send(STRANGER, '2001:db8:99::1', WEB, HONGO);
    const served = world.host('web').account.count('delivered');
    world.advance(1000);
    expect(Object.values(dropped(world, 'library', 'decapsulate')).reduce((sum, n) => sum + n, 0)).toBe(2);
    expect(Object.values(dropped(world, 'hongo', 'decapsulate')).reduce((sum, n) => sum + n, 0)).toBe(2);
    expect(dropped(world, 'library', 'decapsulate')).toEqual({ source_mismatch: 1, not_potential_router: 1 });
    expect(world.host('web').account.count('delivered')).toBe(served);
  });

  test('cannot have a host send a packet by quoting it in an ICMPv4 error', () => {
    const world = settled();
    const probe = world.probe('campus');
    probe.claim(parseAddress(STRANGER));
    const quoted = forged(['172.16.1.10', STRANGER], [LIBRARY, '2001:db8:15a:1:0:5efe:ac10:142']);
    const error = new Uint8Array(576);
    const end = writeIcmp4Error(error, 0, u32(parseAddress(STRANGER), 0), Icmp4.unreachable, 1, 0, quoted, 0, quoted.length);
    probe.send(error.slice(0, end), parseAddress('172.16.1.10'));
    world.advance(SETTLED);
    expect(probe.received.filter((b) => b[9] === Protocol.ipv6)).toEqual([]);
  });

  test('finds that what is in the /64, and no host of it, is refused by the router (RFC 6324 section 3.3)', () => {
    const world = settled();
    const before = sentOver(world, 'campus');
    kinds(world, 'web', '2001:db8:15a:1::1234');
    expect(dropped(world, 'hongo', 'encapsulate')).toMatchObject({ no_endpoint: 1 });
    expect(outers(world, 'campus', before)).toEqual([]);
  });
});

test('on links that lose, double and disorder, every host keeps its address and its way out', () => {
  const world = settled();
  world.impair('campus', { loss: 0.1, duplicate: 0.1, reorder: 0.2 });
  for (let i = 0; i < 12; i++) {
    world.advance(20 * MINUTE);
    expect([i, addressOf(world, 'library'), addressOf(world, 'laboratory')]).toEqual([i, LIBRARY, LABORATORY]);
    expect([i, kinds(world, 'library', 'web', { count: 20, interval: 200 }).includes('reply')]).toEqual([i, true]);
  }
  expect(world.unaccounted()).toBe(0);
});

test('a hundred hosts all find the router, the web, and one another', () => {
  const HOSTS = 100;
  const names = Array.from({ length: HOSTS }, (_, i) => `host${i}`);
  const daemon = '[[tunnel]]\ntype = "isatap"\nrole = "host"\npotential-routers = ["10.9.0.1"]\nmtu = 1480';
  const nodes: TopologyNode[] = names.map((name, i) =>
    node(name, { eth0: ['campus', `10.9.1.${10 + i}/16`] }, { default4: '10.9.0.1' }, { daemon }),
  );
  const router = '[[tunnel]]\ntype = "isatap"\nrole = "router"\nlocal = "10.9.0.1"\nprefix = "2001:db8:15a:1::/64"\nmtu = 1480';
  nodes.push(
    node('router', { eth0: ['campus', '10.9.0.1/16'], eth1: ['server', '2001:db8:80::1/64'] }, {}, { forwards: true, daemon: router }),
    node('web', { eth0: ['server', '2001:db8:80::80/64'] }, { default6: '2001:db8:80::1' }),
  );
  const began = performance.now();
  const world = worldOf(nodes, [
    { name: 'campus', delay: 1 },
    { name: 'server', delay: 1 },
  ]);
  world.run(SETTLED);
  const random = new SeededRandom(5214);
  const answers = new Map<string, number>();
  for (const from of names) {
    for (const to of ['web', ...Array.from({ length: 10 }, () => names[random.below(HOSTS)])]) {
      if (to === from) continue;
      const [{ kind }] = world.ping(from, to);
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
  }
  expect([...answers.keys()]).toEqual(['reply']);
  expect(discovery(world, Icmp6.routerAdvertisement).length).toBeLessThanOrEqual(3 * HOSTS);
  expect(world.unaccounted()).toBe(0);
  expect(performance.now() - began).toBeLessThan(30_000);
});
