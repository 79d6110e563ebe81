/** 6rd domains of every shape and size, in memory with the real engine. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import type { TopologyLink, TopologyNode } from '../../src/topology/topology.js';
import { addressOf, dropped, forged, kinds, node, outers, router, sentOver, worldOf } from './worlds.js';

const SETTLED = 5000;
const WEB = '2001:db8:80::80';

test('one relay serves several domains, each with its own prefix and its own check', () => {
  const edge = (prefix: string, relay: string): string =>
    `[[tunnel]]\ntype = "6rd"\nrole = "customer-edge"\nprefix = "${prefix}"\nipv4-mask-length = 16\nborder-relays = ["${relay}"]`;
  const relay = ['3fff:a00::/33 10.1.0.1', '3fff:b00::/47 10.2.0.1']
    .map((line, i) => {
      const [prefix, local] = line.split(' ');
      const keys = `name = "domain${i}"\ntype = "6rd"\nrole = "border-relay"\nprefix = "${prefix}"\nipv4-mask-length = 16\nlocal = "${local}"`;
      return `[[tunnel]]\n${keys}`;
    })
    .join('\n');
  const world = worldOf(
    [
      node('one', { eth0: ['net', '10.1.2.3/8'] }, { default4: '10.1.0.1' }, { daemon: edge('3fff:a00::/33', '10.1.0.1') }),
      node('two', { eth0: ['net', '10.2.2.3/8'] }, { default4: '10.1.0.1' }, { daemon: edge('3fff:b00::/47', '10.2.0.1') }),
      node(
        'relay',
        { eth0: ['net', '10.1.0.1/8', '10.2.0.1/8'], eth1: ['server', '2001:db8:80::1/64'] },
        {},
        { forwards: true, daemon: relay },
      ),
      node('web', { eth0: ['server', '2001:db8:80::80/64'] }, { default6: '2001:db8:80::1' }),
    ],
    [{ name: 'net', delay: 1 }, { name: 'server' }],
  );
  world.run(SETTLED);
  // 33 bits, then 02.03: one bit to the right of where people would look.
  expect([addressOf(world, 'one'), addressOf(world, 'two')]).toEqual(['3fff:a00:101:8000::1', '3fff:b00:0:406::1']);
  for (const [from, to] of [
    ['one', 'web'],
    ['two', 'web'],
    ['one', 'two'],
    ['web', 'two'],
  ] as const)
    expect([from, to, kinds(world, from, to)]).toEqual([from, to, 'reply']);
  // A member of the one domain cannot speak in the name of a member of the other.
  const probe = world.probe('net');
  probe.send(forged(['10.1.2.3', '10.1.0.1'], [addressOf(world, 'two'), WEB]), parseAddress('10.1.0.1'));
  world.advance(1000);
  expect(dropped(world, 'relay', 'decapsulate')).toEqual({ source_mismatch: 1 });
});

/** A domain with two customer edges, addresses as numbers. Its border relay is in the domain only by chance. */
const domains = fc
  .record({
    maskLen: fc.integer({ min: 0, max: 28 }),
    prefix: fc.bigInt({ min: 0n, max: (1n << 44n) - 1n }),
    low: fc.nat(0xffffff),
    apart: fc.nat(),
  })
  .chain(({ maskLen, prefix, low, apart }) =>
    // With all of IPv4 in the address the prefix is 32 bits at most, RFC 5969 section 11.
    fc.record({ maskLen: fc.constant(maskLen), prefixLen: fc.integer({ min: 20, max: maskLen === 0 ? 32 : 64 }) }).map(({ prefixLen }) => {
      const one = 0x0a000000 + (low === 0 || low === 0xffffff ? 1 : low);
      const free = Math.min(0xffffff, 2 ** (32 - maskLen) - 1);
      const two = (one ^ (1 + (apart % free))) >>> 0;
      return { maskLen, prefixLen, prefix: (0x3fff0n << 108n) | (prefix << 64n), one, two };
    }),
  )
  .filter(({ two }) => two > 0x0a000000 && two < 0x0afffffe);

test('in any domain, of whatever lengths, an address is prefix and IPv4 bits, and everybody reaches everybody', () => {
  const text4 = (addr: number): string => [24, 16, 8, 0].map((shift) => (addr >>> shift) & 255).join('.');
  const text6 = (addr: bigint): string =>
    formatAddress(Uint8Array.from({ length: 16 }, (_, i) => Number((addr >> BigInt(120 - 8 * i)) & 255n)));
  fc.assert(
    fc.property(domains, ({ maskLen, prefixLen, prefix, one, two }) => {
      const carried = 32 - maskLen;
      const top = (prefix >> BigInt(128 - prefixLen)) << BigInt(128 - prefixLen);
      const delegated = (addr: number): bigint =>
        top | ((BigInt(addr) & ((1n << BigInt(carried)) - 1n)) << BigInt(128 - prefixLen - carried));
      const keys = `prefix = "${text6(top)}/${prefixLen}"\nipv4-mask-length = ${maskLen}`;
      const common = text4(maskLen === 0 ? 0 : ((one >>> (32 - maskLen)) << (32 - maskLen)) >>> 0);
      const edge = `[[tunnel]]\ntype = "6rd"\nrole = "customer-edge"\n${keys}\nborder-relays = ["10.255.255.254"]`;
      const relay = `[[tunnel]]\ntype = "6rd"\nrole = "border-relay"\nlocal = "10.255.255.254"\n${keys}\nipv4-prefix = "${common}/${maskLen}"`;
      const world = worldOf(
        [
          node('one', { eth0: ['net', `${text4(one)}/8`] }, { default4: '10.255.255.254' }, { daemon: edge }),
          node('two', { eth0: ['net', `${text4(two)}/8`] }, { default4: '10.255.255.254' }, { daemon: edge }),
          node(
            'relay',
            { eth0: ['net', '10.255.255.254/8'], eth1: ['server', '2001:db8:80::1/64'] },
            {},
            { forwards: true, daemon: relay },
          ),
          node('web', { eth0: ['server', '2001:db8:80::80/64'] }, { default6: '2001:db8:80::1' }),
        ],
        [{ name: 'net', delay: 1 }, { name: 'server' }],
      );
      world.run(SETTLED);
      expect([addressOf(world, 'one'), addressOf(world, 'two')]).toEqual([text6(delegated(one) | 1n), text6(delegated(two) | 1n)]);
      const before = sentOver(world, 'net');
      expect([kinds(world, 'one', 'web'), kinds(world, 'web', 'two'), kinds(world, 'one', 'two')]).toEqual(['reply', 'reply', 'reply']);
      expect(outers(world, 'net', before).at(-1)).toEqual({ source: text4(two), destination: text4(one) });
    }),
    { seed: 5969, numRuns: 200 },
  );
});

test('a thousand customer edges on one border relay all reach the web, and one another directly', () => {
  const EDGES = 1000;
  const CITIES = 10;
  const links: TopologyLink[] = [
    { name: 'pop', delay: 1 },
    { name: 'server', delay: 1 },
  ];
  const cities = Array.from({ length: CITIES }, (_, city) => city);
  const access = (city: number): string => `city${city}`;
  links.push(...cities.map((city) => ({ name: access(city), delay: 1 })));
  const edge = `[[tunnel]]\ntype = "6rd"\nrole = "customer-edge"\nprefix = "3fff:a00::/28"\nipv4-mask-length = 8\nborder-relays = ["10.0.0.1"]\nmtu = 1480`;
  const nodes: TopologyNode[] = cities.map((city) =>
    router(
      `router${city}`,
      { eth0: [access(city), `10.${city}.16.1/20`], eth1: ['pop', `10.255.0.${10 + city}/24`] },
      {
        '10.0.0.1/32': '10.255.0.1',
        ...Object.fromEntries(cities.filter((other) => other !== city).map((other) => [`10.${other}.16.0/20`, `10.255.0.${10 + other}`])),
      },
    ),
  );
  for (let i = 0; i < EDGES; i++) {
    const city = i % CITIES;
    const home = Math.floor(i / CITIES);
    nodes.push(
      node(`home${i}`, { eth0: [access(city), `10.${city}.17.${10 + home}/20`] }, { default4: `10.${city}.16.1` }, { daemon: edge }),
    );
  }
  nodes.push(
    node(
      'relay',
      { eth0: ['pop', '10.255.0.1/24'], eth1: ['server', '2001:db8:80::1/64'] },
      Object.fromEntries(cities.map((city) => [`10.${city}.16.0/20`, `10.255.0.${10 + city}`])),
      {
        forwards: true,
        daemon: `[[tunnel]]\ntype = "6rd"\nrole = "border-relay"\nprefix = "3fff:a00::/28"\nipv4-mask-length = 8\nlocal = "10.0.0.1"\nanycast = true\nmtu = 1480`,
      },
    ),
    node('web', { eth0: ['server', '2001:db8:80::80/64'] }, { default6: '2001:db8:80::1' }),
  );
  const began = performance.now();
  const world = worldOf(nodes, links);
  const answers = new Map<string, number>();
  for (let i = 0; i < EDGES; i++) {
    for (const to of ['web', `home${(i * 7 + 3) % EDGES}`]) {
      if (to === `home${i}`) continue;
      const [{ kind }] = world.ping(`home${i}`, to);
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
  }
  expect([...answers.keys()]).toEqual(['reply']);
  expect(dropped(world, 'relay', 'decapsulate')).toEqual({});
  expect(world.unaccounted()).toBe(0);
  // A few seconds on two cores of 2025; far more is a fault in the simulator, not a slow machine.
  expect(performance.now() - began).toBeLessThan(45_000);
});
