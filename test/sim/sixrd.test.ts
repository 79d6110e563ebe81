/** The provider of `topology/sixrd.ts`, lived through in memory with the real engine. */
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { checkPath, relaysInUse } from '../../src/sim/path-check.js';
import { World } from '../../src/sim/world.js';
import { sixRdProvider } from '../../src/topology/sixrd.js';
import type { Topology } from '../../src/topology/topology.js';
import { readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { resolve } from './resolve.js';
import { addressOf, configured, dropped, forged, hex, kinds, outers, sentOver, toHex, tunnelled } from './worlds.js';

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
