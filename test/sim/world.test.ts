import { describe, expect, test } from 'vitest';
import { addressKey, formatAddress, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { EVENT_NAMES, effectOf, meaningOf, Trace } from '../../src/sim/trace.js';
import { World } from '../../src/sim/world.js';
import type { TopologyNode } from '../../src/topology/topology.js';
import { resolve } from './resolve.js';
import { chain, node, router, topologyOf, worldOf } from './worlds.js';

const ALLOW = '[policy]\nallow-ipv4 = ["100.64.0.0/10", "203.0.113.0/24"]\n';

describe('a world that cannot be', () => {
  const lan = [{ name: 'lan' }];
  test.each<[string, readonly TopologyNode[], string, RegExp]>([
    ['an interface on a link that is not there', [node('a', { eth0: ['wan'] })], 'bad_topology', /a: interface "eth0" is on link "wan"/],
    [
      'a next hop on no subnet',
      [node('a', { eth0: ['lan', '192.0.2.1/24'] }, { default4: '198.51.100.1' })],
      'bad_topology',
      /next hop 198\.51\.100\.1 is on no subnet/,
    ],
    [
      'a route that mixes families',
      [node('a', { eth0: ['lan', '192.0.2.1/24'] }, { default6: '192.0.2.2' })],
      'bad_topology',
      /mixes families/,
    ],
    ['an address that is none', [node('a', { eth0: ['lan', '192.0.2.256/24'] })], 'bad_address', /"192\.0\.2\.256"/],
    ['a prefix length that is none', [node('a', { eth0: ['lan', '192.0.2.1/33'] })], 'bad_address', /length of 0 to 32/],
    ['an address without length', [node('a', { eth0: ['lan', '192.0.2.1'] })], 'bad_address', /expected address\/length/],
    [
      'an interface that configures itself and is not there',
      [node('a', { eth0: ['lan'] }, {}, { autoconfigures: ['eth1'] })],
      'no_such_name',
      /a has no interface "eth1"/,
    ],
  ])('is refused with the value that was wrong: %s', (_what, nodes, code, message) => {
    expect(() => worldOf(nodes, lan)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('names that are not there are refused with those that are', () => {
    const { world } = chain();
    expect(() => world.link('middle')).toThrow('no link "middle": expected one of left, right');
    expect(() => world.ping('nobody', 'far')).toThrow('no node "nobody": expected one of near, mid, far');
    expect(() => world.daemon('far')).toThrow('no daemon on node "far"');
  });
});

describe('a trace', () => {
  test('says of every event what it does and what it means', () => {
    for (const event of EVENT_NAMES)
      expect([event, [-1, 0, 1].includes(effectOf(event)), meaningOf(event).length > 10]).toEqual([event, true, true]);
  });

  test('has a digest that depends on order, place, time, event and octets', () => {
    const digest = (...steps: ((at: { now: number }, trace: Trace) => void)[]): string => {
      const clock = { now: 0 };
      const trace = new Trace(clock);
      for (const step of steps) step(clock, trace);
      return trace.digest();
    };
    const accounts = (trace: Trace) => [trace.account('a'), trace.account('b')];
    const all = [
      digest(),
      digest((_, trace) => accounts(trace)[0].note('lost')),
      digest((_, trace) => accounts(trace)[1].note('lost')),
      digest((_, trace) => accounts(trace)[0].note('down')),
      digest((_, trace) => accounts(trace)[0].note('lost', Uint8Array.of(1))),
      digest((_, trace) => accounts(trace)[0].note('lost', Uint8Array.of(1, 0))),
      digest((clock, trace) => {
        clock.now = 0.001;
        accounts(trace)[0].note('lost');
      }),
      digest((_, trace) => {
        const [a] = accounts(trace);
        a.note('lost');
        a.note('down');
      }),
      digest((_, trace) => {
        const [a] = accounts(trace);
        a.note('down');
        a.note('lost');
      }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

test('keys of addresses are equal exactly where the bits up to the length are', () => {
  const a = parseAddress('2001:db8:ffff::1');
  const b = parseAddress('2001:db8:ff00::2');
  const equal = Array.from({ length: 129 }, (_, len) => addressKey(a, 0, 16, len) === addressKey(b, 0, 16, len));
  expect([equal.lastIndexOf(true), equal.indexOf(false)]).toEqual([40, 41]);
});

test('an interface that is down sends nothing and owns no address; of two on one subnet each has its route', () => {
  const world = worldOf(
    [node('a', { eth0: ['lan', '192.0.2.1/24'], eth1: ['lan', '192.0.2.2/24'] }), node('b', { eth0: ['lan', '192.0.2.3/24'] })],
    [{ name: 'lan' }],
  );
  const host = world.host('a');
  const [eth0, eth1] = [host.interface('eth0'), host.interface('eth1')];
  const b = parseAddress('192.0.2.3');
  const wayOut = (): string | undefined => host.routes4.lookup(b, 0, world.now)?.interface?.name;
  expect(wayOut()).toBe('eth0');
  eth0.isUp = false;
  expect([eth0.send(new Uint8Array(20), b), wayOut(), host.ownerOf(parseAddress('192.0.2.1'), 0, 4)]).toEqual(['down', 'eth1', null]);
  expect(world.ping('b', '192.0.2.1')[0].kind).toBe('unreachable');
  eth0.isUp = true;
  host.release(eth1, parseAddress('192.0.2.2'));
  expect(wayOut()).toBe('eth0');
  host.release(eth0, parseAddress('192.0.2.1'));
  expect(wayOut()).toBe(undefined);
});

test('two hosts that loop a packet between them stop when its hop limit is used up', () => {
  const world = worldOf(
    [
      router('a', { eth0: ['lan', '2001:db8::1/64'] }, { default6: '2001:db8::2' }),
      router('b', { eth0: ['lan', '2001:db8::2/64'] }, { default6: '2001:db8::1' }),
    ],
    [{ name: 'lan', delay: 1 }],
  );
  const [{ kind, roundTrip }] = world.ping('a', '2001:db8:1::1', { hopLimit: 10 });
  expect([kind, roundTrip, world.link('lan').packets().length]).toEqual(['time_exceeded', 10, 10]);
});

test('a world in which packets multiply is given up with its budget', () => {
  const { world } = chain();
  const small = new World(
    topologyOf(
      [node('a', { eth0: ['lan', '2001:db8::1/64'] }), node('b', { eth0: ['lan', '2001:db8::2/64'] })],
      [{ name: 'lan', duplicate: 1 } as { name: string }],
    ),
    {
      resolve,
      eventBudget: 5,
    },
  );
  expect(() => small.ping('a', 'b', { count: 10, interval: 0 })).toThrow(expect.objectContaining({ code: 'event_budget' }));
  expect(world.ping('near', 'far')[0].kind).toBe('reply');
});

test('a thousand 6to4 hosts reach the web and each other, in seconds', () => {
  const CITIES = 10;
  const HOSTS = 100;
  const links = [
    { name: 'backbone', delay: 5 },
    { name: 'server', delay: 1 },
  ];
  const nodes: TopologyNode[] = [];
  const cities = Array.from({ length: CITIES }, (_, city) => city);
  const routes = (except: number): Record<string, string> =>
    Object.fromEntries(cities.filter((city) => city !== except).map((city) => [`100.64.${city}.0/24`, `203.0.113.${10 + city}`]));
  for (const city of cities) {
    links.push({ name: `city${city}`, delay: 1 });
    nodes.push(
      router(
        `router${city}`,
        { eth0: [`city${city}`, `100.64.${city}.1/24`], eth1: ['backbone', `203.0.113.${10 + city}/24`] },
        { ...routes(city), '192.88.99.0/24': '203.0.113.1' },
      ),
    );
    for (let host = 0; host < HOSTS; host++) {
      const daemon = `[[tunnel]]\ntype = "6to4"\nrole = "host"\nmtu = 1480\n${ALLOW}`;
      nodes.push(
        node(
          `host${city}-${host}`,
          { eth0: [`city${city}`, `100.64.${city}.${10 + host}/24`] },
          { default4: `100.64.${city}.1` },
          { daemon },
        ),
      );
    }
  }
  const relay = `[node]\nidentity = "2001:db8:1::1"\n[[tunnel]]\ntype = "6to4"\nrole = "relay"\nlocal = "192.88.99.1"\nmtu = 1480\n${ALLOW}`;
  nodes.push(
    node('relay', { eth0: ['backbone', '203.0.113.1/24'], eth1: ['server', '2001:db8::1/64'] }, routes(-1), {
      forwards: true,
      daemon: relay,
    }),
    node('web', { eth0: ['server', '2001:db8::80/64'] }, { default6: '2001:db8::1' }),
  );

  const began = performance.now();
  const world = worldOf(nodes, links);
  const answers = new Map<string, number>();
  for (let i = 0; i < CITIES * HOSTS; i++) {
    const host = `host${i % CITIES}-${Math.floor(i / CITIES)}`;
    const other = `host${(i + 3) % CITIES}-${(i * 7 + 1) % HOSTS}`;
    for (const to of ['web', other]) {
      const [{ kind }] = world.ping(host, to);
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
  }
  expect([...answers]).toEqual([['reply', 2 * CITIES * HOSTS]]);
  expect(world.unaccounted()).toBe(0);
  // Two to three seconds on two cores of 2025; far more is a fault in the simulator, not a slow machine.
  expect(performance.now() - began).toBeLessThan(30_000);
});

test('subnets are read as operators write them', () => {
  const read = (text: string): string => {
    const { addr, len } = parseSubnet(text);
    return `${formatAddress(addr)}/${len}`;
  };
  expect(['192.0.2.1/24', '2001:db8::1/64', 'default4', 'default6'].map(read)).toEqual([
    '192.0.2.1/24',
    '2001:db8::1/64',
    '0.0.0.0/0',
    '::/0',
  ]);
});
