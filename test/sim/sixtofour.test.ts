/** The 6to4 internet of `topology/sixtofour.ts`, lived through in memory with the real engine. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { checkPath, relaysInUse } from '../../src/sim/path-check.js';
import { World } from '../../src/sim/world.js';
import { sixToFourInternet } from '../../src/topology/sixtofour.js';
import type { Topology } from '../../src/topology/topology.js';
import { readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { resolve } from './resolve.js';
import { addressOf, configured, hex, kinds, outers, sentOver, toHex } from './worlds.js';

const SETTLED = 5000;
const IDENTITIES = { otemachi: '2001:db8:0:b000:192:88:99:1', dojima: '2001:db8:0:b000:192:88:99:2' };
const ANYCAST = '192.88.99.1';
const HOST = '2002:c000:20a::1';

function settled(topology: Topology = sixToFourInternet, seed = 1): World {
  const world = new World(topology, { resolve, seed });
  world.run(SETTLED);
  return world;
}

const hashOf = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');
const hops = (world: World, from: string, to: string): string[] =>
  world.traceRoute(from, to).map((hop) => (hop.from === null ? '*' : formatAddress(hop.from)));

describe('paths', () => {
  test('every promised path works, in the time that its links take, over the relay that is nearest', () => {
    const world = settled();
    const found = sixToFourInternet.paths.map((path) => {
      const { sent, received, roundTrip, relays, works } = checkPath(world, path);
      expect([received, roundTrip?.min, works]).toEqual([sent, roundTrip?.max, true]);
      return [path.from, path.to, roundTrip?.median, relays.map(({ node }) => node).join()];
    });
    expect(found).toEqual([
      ['host', 'web', 2 * (2 + 1 + 1 + 1), 'otemachi'],
      // Out by Dojima, back by Otemachi and the backbone.
      ['pc', 'web', 2 + 1 + 9 + 1 + (1 + 1 + 1 + 8 + 2), 'dojima'],
      ['home', 'web', 2 + 1 + 9 + 1 + (1 + 1 + 1 + 8 + 2), 'dojima'],
      ['host', 'pc', 2 * (2 + 8 + 2), ''],
      ['pc', 'host', 2 * (2 + 8 + 2), ''],
      ['web', 'host', 2 * (2 + 1 + 1 + 1), 'otemachi'],
      ['web', 'pc', 2 + 1 + 9 + 1 + (1 + 1 + 1 + 8 + 2), 'otemachi'],
    ]);
    expect(world.unaccounted()).toBe(0);
  });

  test('a path over a relay that promised to need none does not work, nor the other way round', () => {
    const world = settled();
    const verdicts = sixToFourInternet.paths.map((path) => checkPath(world, { ...path, relayed: !path.relayed }, { count: 1 }).works);
    expect(verdicts).toEqual(sixToFourInternet.paths.map(() => false));
  });

  test('site to site goes straight between the two, never by a relay', () => {
    const world = settled();
    const before = {
      backbone: sentOver(world, 'backbone'),
      otemachi: sentOver(world, 'ix-otemachi'),
      dojima: sentOver(world, 'ix-dojima'),
    };
    expect(kinds(world, 'host', 'pc', { count: 3 })).toBe('reply reply reply');
    expect([sentOver(world, 'ix-otemachi'), sentOver(world, 'ix-dojima')]).toEqual([before.otemachi, before.dojima]);
    const there = { source: '192.0.2.10', destination: '198.51.100.10' };
    const back = { source: '198.51.100.10', destination: '192.0.2.10' };
    expect(outers(world, 'backbone', before.backbone)).toEqual([there, back, there, back, there, back]);
  });

  test('each city is served by the relay next to it, under the same address; answers come from any relay', () => {
    const world = settled();
    expect([kinds(world, 'host', 'web'), kinds(world, 'pc', 'web')]).toEqual(['reply', 'reply']);
    expect(outers(world, 'ix-otemachi')).toEqual([
      { source: '192.0.2.10', destination: ANYCAST },
      { source: ANYCAST, destination: '192.0.2.10' },
      { source: ANYCAST, destination: '198.51.100.10' },
    ]);
    expect(outers(world, 'ix-dojima')).toEqual([{ source: '198.51.100.10', destination: ANYCAST }]);
  });

  test('the first hop of a trace says which relay is in use', () => {
    const world = settled();
    expect(hops(world, 'host', 'web')).toEqual([IDENTITIES.otemachi, '2001:db8:6:1::1', '2001:db8:80::80']);
    expect(hops(world, 'home', 'web')).toEqual([IDENTITIES.dojima, expect.any(String), '2001:db8:80::80']);
    expect(hops(world, 'pc', 'web').slice(0, 2)).toEqual(['2002:c633:640a:1::1', IDENTITIES.dojima]);
    expect(relaysInUse(world, { from: 'host', to: 'web' })).toEqual([{ node: 'otemachi', address: IDENTITIES.otemachi }]);
  });

  test('both relays answer to their own unicast address, and to the anycast one', () => {
    const world = settled();
    for (const [from, relay] of [
      ['host', '2002:cb00:7105::'],
      ['home', '2002:cb00:7101::'],
      ['host', '2002:c058:6301::'],
      ['home', '2002:c058:6301::'],
    ]) {
      expect([from, relay, kinds(world, from, relay)]).toEqual([from, relay, 'reply']);
    }
  });

  test('what is in none of a site’s LANs is refused by the site, and does not go back into the tunnel', () => {
    const world = settled();
    expect(kinds(world, 'pc', '2002:c633:640a:99::1')).toBe('unreachable');
    expect(kinds(world, 'host', '2002:c633:640a:99::1')).toBe('unreachable');
    expect(outers(world, 'access-osaka').filter(({ source }) => source === '192.0.2.10').length).toBe(1);
  });
});

describe('on the wire', () => {
  test('a ping from the host to the web is RFC 3056, octet for octet', () => {
    const world = settled();
    world.ping('host', 'web', { size: 4 });
    const [request] = world.link('access-tokyo').packets();
    const addresses = '2002c000020a00000000000000000001 20010db8008000000000000000000080';
    const inner = hex(`60000000000c3a40 ${addresses} 8000ffff 0001 0001 01020304`);
    const outer = hex('4500004800000000 4029 0000 c000020a c0586301');
    expect(toHex(request.subarray(20, 42))).toBe(toHex(inner.subarray(0, 22)));
    expect(toHex(request.subarray(64))).toBe(toHex(inner.subarray(44)));
    // Identification and checksums are the sender's choice, and tshark's business.
    const head = request.slice(0, 20);
    head.fill(0, 4, 6);
    head.fill(0, 10, 12);
    expect(toHex(head)).toBe(toHex(outer));
  });

  test.skipIf(tsharkMissing !== null)(
    `tshark complains of nothing, on any link${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const world = settled();
      for (const path of sixToFourInternet.paths) checkPath(world, path, { count: 2, size: 1440 });
      let packets = 0;
      for (const link of world.links.keys()) {
        const seen = dissectFile(world.capture(link), ['frame.number'], ['"Time To Live" only 1']);
        expect([link, seen.flatMap(({ complaints }) => complaints)]).toEqual([link, []]);
        packets += seen.length;
      }
      expect(packets).toBeGreaterThan(200);
    },
  );
});

describe('sizes', () => {
  test('a ping of 1400 octets is answered everywhere, in one packet, no fragment among the outer ones', () => {
    const world = settled();
    for (const { from, to } of sixToFourInternet.paths)
      expect([from, to, kinds(world, from, to, { size: 1400 })]).toEqual([from, to, 'reply']);
    expect(world.trace.count('fragment')).toBe(0);
  });

  test('larger than the tunnel: the source on the tunnel fragments by itself, the one far away is told and then does', () => {
    const world = settled();
    expect(kinds(world, 'host', 'web', { count: 2, size: 1440 })).toBe('no_answer reply');
    expect(kinds(world, 'web', 'pc', { count: 3, size: 3000, interval: 100 })).toBe('too_big reply reply');
    expect(world.unaccounted()).toBe(0);
  });

  test('an IPv4 link smaller than the tunnel fragments what is outside, and the relay gets it whole', () => {
    const world = settled();
    for (const [node, on] of [
      ['tokyo', 'eth2'],
      ['otemachi', 'eth0'],
    ]) {
      world.host(node).interface(on).mtu = 600;
    }
    world.impair('ix-otemachi', { mtu: 600 });
    expect(kinds(world, 'host', 'web', { count: 3, size: 1400 })).toBe('reply reply reply');
    // 1468 octets over 600 are three fragments, each way.
    expect(world.host('tokyo').account.count('fragment')).toBe(9);
    expect(world.host('otemachi').account.counts()).toMatchObject({ fragment: 9, collected: 9, reassembled: 3 });

    // RFC 6864 section 4.2: only packets of different identification survive when their fragments mix.
    world.impair('ix-otemachi', { reorder: 0.5 });
    const answers = world.ping('host', 'web', { count: 100, size: 1400, interval: 1 });
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['reply']));
    const sent = world.link('access-tokyo').packets();
    expect(new Set(sent.map((b) => (b[4] << 8) | b[5])).size).toBeGreaterThan(100);
    expect(world.unaccounted()).toBe(0);
  });

  test('with path MTU discovery the tunnel learns from the router, and tells its own sources the smaller MTU', () => {
    const world = settled(configured(sixToFourInternet, 'path-mtu-discovery = true', 'host'));
    for (const [node, on] of [
      ['tokyo', 'eth2'],
      ['otemachi', 'eth0'],
    ]) {
      world.host(node).interface(on).mtu = 1400;
    }
    world.impair('ix-otemachi', { mtu: 1400 });
    // Lost and learned; refused with Packet Too Big; then the host fragments to 1380.
    expect(kinds(world, 'host', 'web', { count: 4, size: 1400, interval: 3000 })).toBe('no_answer too_big reply reply');
    expect(world.host('tokyo').account.count('too_big')).toBe(1);
  });
});

describe('bad links', () => {
  test('reordering and duplication of whole packets and of fragments lose nothing', () => {
    const world = settled();
    for (const link of world.links.values()) link.impair({ reorder: 0.3, duplicate: 0.2 });
    const answers = world.ping('pc', 'web', { count: 300, size: 3000, interval: 20, timeout: 10_000 }).slice(2);
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['reply']));
    expect(world.unaccounted()).toBe(0);
  });

  test('loss on one link is the loss of the path, no more and no less', () => {
    const world = settled();
    world.impair('access-tokyo', { loss: 0.1 });
    const answers = world.ping('host', 'web', { count: 2000, interval: 10, timeout: 5000 });
    const share = answers.filter(({ kind }) => kind === 'reply').length / 2000;
    // Twice over a link that loses a tenth: 0.81, five standard deviations around.
    expect(Math.abs(share - 0.81)).toBeLessThan(5 * Math.sqrt((0.81 * 0.19) / 2000));
    expect(world.unaccounted()).toBe(0);
  });
});

describe('a relay dies', () => {
  test('and takes only its own traffic with it; with its routes withdrawn the other relay takes over, and gives back', () => {
    const world = settled();
    // The way by which anycast traffic goes when the nearest relay is not announced.
    world.host('tokyo').addRoute(parseSubnet('192.88.99.0/24'), parseAddress('203.0.113.254'), 200);
    const otemachi = (isUp: boolean): void => {
      world.setInterface('tokyo', 'eth2', isUp);
      world.setInterface('core6', 'eth0', isUp);
    };

    world.daemon('otemachi').kill();
    const served = world.host('web').account.count('delivered');
    expect(kinds(world, 'host', 'web')).not.toContain('reply');
    // The machine is still there, but nobody on it reads protocol 41 any more.
    expect(kinds(world, 'host', '2002:cb00:7101::')).toBe('no_answer');
    expect(world.host('otemachi').account.count('no_protocol')).toBe(1);
    expect([kinds(world, 'host', 'pc'), kinds(world, 'pc', 'host')]).toEqual(['reply', 'reply']);
    expect(world.host('web').account.count('delivered')).toBe(served);

    otemachi(false);
    world.advance(1000);
    expect([kinds(world, 'host', 'web'), kinds(world, 'pc', 'web'), kinds(world, 'web', 'host')]).toEqual(['reply', 'reply', 'reply']);
    expect(relaysInUse(world, { from: 'host', to: 'web' })).toEqual([{ node: 'dojima', address: IDENTITIES.dojima }]);

    world.daemon('otemachi').start();
    otemachi(true);
    world.advance(1000);
    expect(kinds(world, 'host', 'web')).toBe('reply');
    expect(relaysInUse(world, { from: 'host', to: 'web' }).map(({ node }) => node)).toEqual(['otemachi']);
    expect(world.unaccounted()).toBe(0);
  });
});

describe('a home', () => {
  const OLD_PREFIX = '2002:c633:640a:1::/64';
  const renumber = (world: World): void => world.renumber('home', 'eth0', '198.51.100.10/24', '198.51.100.20/24');
  const suffix = 'ff:fe04:0';

  test('tells its LAN of its prefix, with the MTU of the tunnel and low preference, and nothing upstream', () => {
    const world = settled();
    const [last] = world
      .link('home-lan')
      .packets()
      .flatMap((b) => readRouterAdvertisement(b, 0, b.length) ?? [])
      .slice(-1);
    expect(last).toMatchObject({ mtu: 1480, preference: 'low' });
    expect(last.prefixes.map(({ prefix }) => `${formatAddress(prefix.addr)}/${prefix.len}`)).toEqual([OLD_PREFIX]);
    expect(world.host('pc').interface('eth0').mtu6).toBe(1480);
    expect(
      world
        .link('access-osaka')
        .packets()
        .filter((b) => b[0] >>> 4 === 6),
    ).toEqual([]);
  });

  test('whose IPv4 address changes renumbers its PC within two seconds; the old address stays, deprecated', () => {
    const world = settled();
    const before = addressOf(world, 'pc');
    expect(before).toBe(`2002:c633:640a:1:0:${suffix}`);
    renumber(world);
    world.advance(2000);
    const after = `2002:c633:6414:1:0:${suffix}`;
    expect(addressOf(world, 'pc')).toBe(after);
    const addresses = world
      .host('pc')
      .interface('eth0')
      .addresses.filter(({ addr }) => addr[0] === 0x20);
    expect(
      addresses.map(({ addr, preferredUntil, validUntil }) => [formatAddress(addr), preferredUntil > world.now, validUntil > world.now]),
    ).toEqual([
      [before, false, true],
      [after, true, true],
    ]);
    const last = world
      .link('home-lan')
      .packets()
      .flatMap((b) => readRouterAdvertisement(b, 0, b.length) ?? [])
      .at(-1);
    const lifetimes = last?.prefixes.map(({ prefix, preferredLifetime }) => [formatAddress(prefix.addr), preferredLifetime > 0]);
    expect(Object.fromEntries(lifetimes ?? [])).toEqual({ '2002:c633:6414:1::': true, '2002:c633:640a:1::': false });

    expect([kinds(world, 'pc', 'web'), kinds(world, 'web', 'pc'), kinds(world, 'host', 'pc')]).toEqual(['reply', 'reply', 'reply']);
    expect(kinds(world, 'web', before)).not.toBe('reply');
    expect(
      world
        .host('home')
        .routes6.routes()
        .some(({ to }) => formatAddress(to.addr).startsWith('2002:c633:640a')),
    ).toBe(false);
  });

  test('whose router stops in good order is no default router any more, at once', () => {
    const world = settled();
    world.daemon('home').stop();
    world.advance(100);
    expect(kinds(world, 'pc', 'web')).toBe('not_sent');
    expect(world.host('home').interfaces.has('tun6to4')).toBe(false);
    expect(world.host('home').interface('lan0').addresses.length).toBe(1);
    expect(
      world
        .host('home')
        .routes6.routes()
        .every(({ to, interface: out }) => to.len === 64 && out !== null),
    ).toBe(true);

    world.daemon('home').start();
    world.advance(5000);
    expect(kinds(world, 'pc', 'web')).toBe('reply');
  });

  test('whose router is killed and started again after its address has changed leaves nothing of the old one behind, and takes it back from its LAN', () => {
    const world = settled();
    world.daemon('home').kill();
    renumber(world);
    world.advance(1000);
    expect(
      world
        .host('home')
        .interface('lan0')
        .addresses.map(({ addr }) => formatAddress(addr)),
    ).toContain('2002:c633:640a:1::1');
    world.daemon('home').start();
    world.advance(5000);
    expect(
      world
        .host('home')
        .interface('lan0')
        .addresses.map(({ addr }) => formatAddress(addr))
        .slice(1),
    ).toEqual(['2002:c633:6414:1::1']);
    expect(
      world
        .host('home')
        .routes6.routes()
        .some(({ to }) => formatAddress(to.addr).startsWith('2002:c633:640a')),
    ).toBe(false);
    // RFC 9096: what a LAN was told is remembered beyond the life of the process.
    expect(addressOf(world, 'pc')).toBe(`2002:c633:6414:1:0:${suffix}`);
    expect(kinds(world, 'pc', 'web')).toBe('reply');
  });
});

describe('a host', () => {
  test('whose interface goes down has no tunnel, and has it again within two seconds of coming up', () => {
    const world = settled();
    world.setInterface('host', 'eth0', false);
    world.advance(500);
    expect(kinds(world, 'host', 'web')).toBe('not_sent');
    expect(world.daemon('host').node?.tunnels[0].down).not.toBe(null);
    world.setInterface('host', 'eth0', true);
    world.advance(2000);
    expect([kinds(world, 'host', 'web'), kinds(world, 'web', HOST)]).toEqual(['reply', 'reply']);
  });

  test('whose relay is unreachable hears so as an ICMPv6 error', () => {
    const world = settled();
    world.setInterface('tokyo', 'eth2', false);
    const [{ kind, from }] = world.ping('host', 'web');
    expect([kind, from === null ? null : formatAddress(from)]).toEqual(['unreachable', HOST]);
  });
});

describe('one seed, one life', () => {
  /** Faults, loss, everything that has chance in it. */
  function life(seed: number): string[] {
    const world = settled(sixToFourInternet, seed);
    for (const link of world.links.values()) link.impair({ loss: 0.05, reorder: 0.1, duplicate: 0.05 });
    for (const { from, to } of sixToFourInternet.paths) world.ping(from, to, { count: 20, size: 1500, interval: 30 });
    world.renumber('home', 'eth0', '198.51.100.10/24', '198.51.100.20/24');
    world.daemon('dojima').kill();
    world.advance(1_000_000);
    expect(world.unaccounted()).toBe(0);
    return [world.digest(), ...[...world.links.keys()].map((link) => hashOf(world.capture(link)))];
  }

  test('one more island in the sea changes nothing on the others', () => {
    const [host] = sixToFourInternet.nodes;
    const island = { ...host, name: 'island', interfaces: [{ name: 'eth0', link: 'sea', addresses: ['192.0.2.10/24'] }] };
    const larger = {
      ...sixToFourInternet,
      nodes: [...sixToFourInternet.nodes, island],
      links: [...sixToFourInternet.links, { name: 'sea' }],
    };
    const captures = (topology: Topology): string[] => {
      const world = new World(topology, { resolve, seed: 3 });
      for (const { name } of sixToFourInternet.links) world.impair(name, { loss: 0.05, reorder: 0.1 });
      world.run(2_000_000);
      for (const size of [56, 1600]) world.ping('host', 'pc', { count: 50, size, interval: 10 });
      return sixToFourInternet.links.map(({ name }) => hashOf(world.capture(name)));
    };
    expect(captures(larger)).toEqual(captures(sixToFourInternet));
  });

  test('the same seed is the same run, octet for octet, in digest and captures; another seed is another run', () => {
    const first = life(7);
    expect(life(7)).toEqual(first);
    expect(life(8)[0]).not.toBe(first[0]);
  });
});
