/** The provider of `topology/sixrd.ts`, and larger ones, lived through in memory with the real engine. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { echoRequest } from '../../src/sim/echo.js';
import { checkPath, relaysInUse } from '../../src/sim/path-check.js';
import { World } from '../../src/sim/world.js';
import { sixRdProvider } from '../../src/topology/sixrd.js';
import type { Topology, TopologyLink, TopologyNode } from '../../src/topology/topology.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { u32 } from '../../src/wire/octets.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { resolve } from './resolve.js';
import { addressOf, configured, dropped, hex, kinds, node, outers, router, sentOver, toHex, tunnelled, worldOf } from './worlds.js';

const SETTLED = 5000;
const ANYCAST = '10.0.0.1';
const PC = '3fff:a00:1020:3001:0:ff:fe00:0';
const WEB = '2001:db8:80::80';
const DF = 0x40;

function settled(topology: Topology = sixRdProvider, seed = 1): World {
  const world = new World(topology, { resolve, seed });
  world.run(SETTLED);
  return world;
}

/** An echo request in a tunnel packet. */
function forged(outer: readonly [string, string], inner: readonly [string, string]): Uint8Array {
  const request = echoRequest(parseAddress(inner[0]), parseAddress(inner[1]), 64, 0x5969, 1, 8);
  const packet = new Uint8Array(IPV4_LEN + request.length);
  packet.set(request, IPV4_LEN);
  const [source, destination] = outer.map((text) => u32(parseAddress(text), 0));
  writeIpv4(packet, 0, packet.length, 0, 0, 64, Protocol.ipv6, source, destination);
  return packet;
}

describe('paths', () => {
  test('every promised path works, out by one relay and back by the other, homes directly', () => {
    const world = settled();
    const found = sixRdProvider.paths.map((path) => {
      const { sent, received, roundTrip, relays, works } = checkPath(world, path);
      expect([received, works]).toEqual([sent, true]);
      return [path.from, path.to, roundTrip?.median, relays.map((relay) => relay.node).join()];
    });
    expect(found).toEqual([
      ['pc', 'web', 2 + 1 + 1 + 1 + (1 + 4 + 1 + 2), 'ueno'],
      ['meguro', 'web', 3 + 1 + 1 + 1 + (1 + 4 + 1 + 3), 'ueno'],
      ['pc', 'tv', 2 * (2 + 3), ''],
      ['web', 'tv', 1 + 4 + 1 + 3 + (3 + 1 + 1 + 1), 'shinagawa'],
    ]);
    expect(world.unaccounted()).toBe(0);
  });

  test('a home that was told by hand and one that has option 212 are in the same domain', () => {
    const world = settled();
    const [byHand, byOption] = ['asakusa', 'meguro'].map((home) => world.daemon(home).node?.tunnels[0]);
    if (byHand?.type !== '6rd' || byOption?.type !== '6rd') throw new Error('no 6rd');
    const known = ({ domain, relays }: typeof byHand): unknown => [domain?.prefix, domain?.ipv4MaskLen, relays];
    expect(known(byOption)).toEqual(known(byHand));
    expect([addressOf(world, 'pc'), addressOf(world, 'tv')]).toEqual([PC, '3fff:a00:4050:6001:0:ff:fe04:0']);
  });

  test('home to home goes straight between the two, never by a relay (RFC 5969 section 9.2)', () => {
    const world = settled();
    const before = {
      access: sentOver(world, 'access-meguro'),
      ueno: sentOver(world, 'pop-ueno'),
      shinagawa: sentOver(world, 'pop-shinagawa'),
    };
    expect(kinds(world, 'pc', 'tv', { count: 2 })).toBe('reply reply');
    expect([sentOver(world, 'pop-ueno'), sentOver(world, 'pop-shinagawa')]).toEqual([before.ueno, before.shinagawa]);
    const there = { source: '10.1.2.3', destination: '10.4.5.6' };
    const back = { source: '10.4.5.6', destination: '10.1.2.3' };
    expect(outers(world, 'access-meguro', before.access)).toEqual([there, back, there, back]);
  });

  test('with hub and spoke it goes by the relay, both ways (RFC 7084 6RD-3)', () => {
    const world = settled(configured(sixRdProvider, 'hub-and-spoke = true', 'asakusa', 'meguro'));
    const before = sentOver(world, 'access-meguro');
    expect(kinds(world, 'pc', 'tv', { count: 2 })).toBe('reply reply');
    const there = { source: ANYCAST, destination: '10.4.5.6' };
    const back = { source: '10.4.5.6', destination: ANYCAST };
    expect(outers(world, 'access-meguro', before)).toEqual([there, back, there, back]);
    expect(relaysInUse(world, { from: 'pc', to: 'tv' }).map((relay) => relay.node)).toEqual(['ueno']);
    expect(checkPath(world, sixRdProvider.paths[0]).works).toBe(true);
  });

  test('a trace names the relay in use, by its identity', () => {
    const world = settled();
    expect(world.traceRoute('pc', 'web').map(({ from }) => (from === null ? '*' : formatAddress(from)))).toEqual([
      '3fff:a00:1020:3001::1',
      '2001:db8:0:b000:10::1',
      '2001:db8:6:4::1', // its answer goes by Shinagawa
      WEB,
    ]);
  });
});

describe('on the wire', () => {
  test('a ping from a home is RFC 5969, octet for octet', () => {
    const world = settled();
    const before = sentOver(world, 'access-asakusa');
    world.ping('asakusa', 'web', { size: 4 });
    const [request] = tunnelled(world, 'access-asakusa', before);
    const addresses = '3fff0a00102030000000000000000001 20010db8008000000000000000000080';
    expect(toHex(request.subarray(0, 4))).toBe('45000048');
    expect(toHex(request.subarray(6, 10))).toBe('00004029');
    expect(toHex(request.subarray(12, 20))).toBe('0a0102030a000001');
    expect(toHex(request.subarray(20, 60))).toBe(toHex(hex(`60000000000c3a40 ${addresses}`)));
  });

  test('an anycast relay sets DF on what it sends, and a home does not (RFC 5969 section 9.1)', () => {
    const world = settled();
    kinds(world, 'pc', 'web', { count: 3, size: 1400 });
    const packets = tunnelled(world, 'access-asakusa');
    const flags = (source: string): unknown => [
      ...new Set(packets.filter((b) => formatAddress(b.slice(12, 16)) === source).map((b) => b[6] & DF)),
    ];
    expect([flags(ANYCAST), flags('10.1.2.3')]).toEqual([[DF], [0]]);
  });

  test.skipIf(tsharkMissing !== null)(
    `tshark complains of nothing, on any link${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const world = settled();
      for (const path of sixRdProvider.paths) checkPath(world, path, { count: 2, size: 1440 });
      let seen = 0;
      for (const link of world.links.keys()) {
        const packets = dissectFile(world.capture(link), ['frame.number'], ['"Time To Live" only 1']);
        expect([link, packets.flatMap(({ complaints }) => complaints)]).toEqual([link, []]);
        seen += packets.length;
      }
      expect(seen).toBeGreaterThan(100);
    },
  );
});

describe('anycast relays', () => {
  test('that change in the middle of a flow, both ways, lose nothing of it', () => {
    const world = settled();
    const began = world.now;
    const [tokyo, core6] = [world.host('tokyo'), world.host('core6')];
    /** Ways that win over those of the topology: out by Shinagawa, back by Ueno. */
    const swap = (): void => {
      tokyo.addRoute(parseSubnet('10.0.0.1/32'), parseAddress('203.0.113.13'), 50);
      core6.addRoute(parseSubnet('3fff:a00::/28'), parseAddress('2001:db8:6:3::2'), 50);
    };
    const swapBack = (): void => {
      for (const routes of [tokyo.routes4, core6.routes6]) routes.remove(({ metric }) => metric === 50);
    };
    for (let i = 1; i < 20; i++) world.at(began + 500 * i, i % 2 === 1 ? swap : swapBack);
    const answers = world.ping('pc', 'web', { count: 1000, interval: 10, size: 1200 });
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['reply']));
    for (const relay of ['pop-ueno', 'pop-shinagawa']) expect(outers(world, relay).length, relay).toBeGreaterThan(800);
    expect(world.unaccounted()).toBe(0);
  });

  test('of which one dies, and its routes with it, leave the other', () => {
    const world = settled();
    world.daemon('ueno').kill();
    expect(kinds(world, 'pc', 'web')).not.toContain('reply');
    world.setInterface('tokyo', 'eth2', false);
    world.setInterface('core6', 'eth0', false);
    expect(kinds(world, 'pc', 'web', { count: 3 })).toBe('reply reply reply');
    expect(relaysInUse(world, { from: 'pc', to: 'web' }).map((relay) => relay.node)).toEqual(['shinagawa']);
  });
});

describe('a home', () => {
  test('has one LAN of its delegated prefix, and refuses the rest, which does not come back by the default route', () => {
    const world = settled();
    const nowhere = '3fff:a00:1020:3099::1';
    for (const from of ['pc', 'tv', 'web']) {
      const before = sentOver(world, 'access-asakusa');
      expect([from, kinds(world, from, nowhere)]).toEqual([from, 'unreachable']);
      const requests = outers(world, 'access-asakusa', before).filter(({ destination }) => destination === '10.1.2.3');
      expect([from, requests.length]).toEqual([from, from === 'pc' ? 0 : 1]);
    }
  });

  test('whose IPv4 address changes renumbers its LAN within two seconds; no stale address stays preferred', () => {
    const world = settled();
    expect(addressOf(world, 'pc')).toBe(PC);
    world.renumber('asakusa', 'eth0', '10.1.2.3/24', '10.1.2.99/24');
    world.advance(2000);
    const after = '3fff:a00:1026:3001:0:ff:fe00:0';
    const addresses = world
      .host('pc')
      .interface('eth0')
      .addresses.filter(({ addr }) => addr[0] === 0x3f)
      .map(({ addr, preferredUntil }) => [formatAddress(addr), preferredUntil > world.now]);
    expect(addresses).toEqual([
      [PC, false],
      [after, true],
    ]);
    const [last] = world
      .link('lan-asakusa')
      .packets()
      .flatMap((b) => readRouterAdvertisement(b, 0, b.length) ?? [])
      .slice(-1);
    expect(last.prefixes.map(({ prefix, preferredLifetime }) => [formatAddress(prefix.addr), preferredLifetime > 0])).toEqual(
      expect.arrayContaining([
        ['3fff:a00:1020:3001::', false],
        ['3fff:a00:1026:3001::', true],
      ]),
    );
    expect([kinds(world, 'pc', 'web'), kinds(world, 'web', 'pc'), kinds(world, 'tv', 'pc')]).toEqual(['reply', 'reply', 'reply']);
    expect(kinds(world, 'web', PC)).not.toBe('reply');
    const stale = world
      .host('asakusa')
      .routes6.routes()
      .filter(({ to }) => formatAddress(to.addr).startsWith('3fff:a00:1020'));
    expect(stale).toEqual([]);
  });

  test('that stops takes its prefix back from its LAN', () => {
    const world = settled();
    world.daemon('asakusa').stop();
    world.advance(100);
    expect(kinds(world, 'pc', 'web')).toBe('not_sent');
    expect(
      world
        .host('asakusa')
        .routes6.routes()
        .every(({ interface: out }) => out !== null),
    ).toBe(true);
    world.daemon('asakusa').start();
    world.advance(SETTLED);
    expect(kinds(world, 'pc', 'web')).toBe('reply');
  });
});

/** Who sends what, to whom, and what becomes of it: RFC 5969 section 12. */
describe('a stranger in the provider’s network', () => {
  const TV = '3fff:a00:4050:6001:0:ff:fe04:0';
  test.each([
    ['ueno', 'a home that it is not', ['10.9.9.9', ANYCAST], [PC, WEB], 'source_mismatch'],
    ['ueno', 'a home of the same last three octets in another network', ['11.1.2.3', ANYCAST], [PC, WEB], 'source_mismatch'],
    ['ueno', 'somebody outside the domain', ['10.9.9.9', ANYCAST], ['2001:db8:99::1', WEB], 'source_mismatch'],
    ['ueno', 'nobody', ['10.1.2.3', ANYCAST], ['::', WEB], 'special_ipv6'],
    ['ueno', 'the loopback network', ['127.0.0.1', ANYCAST], [PC, WEB], null],
    ['ueno', 'a home, to the unicast address of the relay', ['10.1.2.3', '203.0.113.9'], [PC, WEB], null],
    ['asakusa', 'the Internet, without being a relay', ['10.9.9.9', '10.1.2.3'], [WEB, PC], 'source_mismatch'],
    ['asakusa', 'another home', ['10.9.9.9', '10.1.2.3'], [TV, PC], 'source_mismatch'],
    ['asakusa', 'a relay, for another home', [ANYCAST, '10.1.2.3'], [WEB, TV], 'destination_mismatch'],
    ['asakusa', 'a relay, for the Internet', [ANYCAST, '10.1.2.3'], [WEB, '2001:db8:99::1'], 'destination_mismatch'],
  ] as const)('at %s in the name of %s gets nothing through', (victim, _, outer, inner, reason) => {
    const world = settled();
    const [link, nextHop] = victim === 'ueno' ? ['pop-ueno', '203.0.113.9'] : ['access-asakusa', '10.1.2.3'];
    const answered = world.host('web').account.count('delivered');
    world.probe(link).send(forged(outer, inner), parseAddress(nextHop));
    world.advance(1000);
    expect(dropped(world, victim, 'decapsulate')).toEqual(reason === null ? {} : { [reason]: 1 });
    expect(world.host('web').account.count('delivered')).toBe(answered);
    expect(world.unaccounted()).toBe(0);
  });
});

describe('sizes', () => {
  test('a ping of 1400 octets is answered everywhere in one packet', () => {
    const world = settled();
    for (const { from, to } of sixRdProvider.paths) expect([from, to, kinds(world, from, to, { size: 1400 })]).toEqual([from, to, 'reply']);
    expect(world.trace.count('fragment')).toBe(0);
  });

  test('what is larger than the tunnel is told so, and then comes in fragments', () => {
    const world = settled();
    expect(kinds(world, 'web', 'tv', { count: 3, size: 3000, interval: 100 })).toBe('too_big reply reply');
  });
});

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
