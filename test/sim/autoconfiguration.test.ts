import { describe, expect, test } from 'vitest';
import { formatAddress, inSubnet, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { MAX_SOLICITATIONS, SHORTEST_LIFETIME, SOLICITATION_INTERVAL } from '../../src/sim/autoconfiguration.js';
import { INFINITE_LIFETIME, type RouterAdvertisement, writeRouterAdvertisement } from '../../src/wire/ndisc.js';
import { PcapReader } from '../../src/wire/pcap.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { node, worldOf } from './worlds.js';

const ROUTER = parseAddress('fe80::9');
const ALL_NODES = parseAddress('ff02::1');
const OWN = 'ff:fe00:0';
const HOUR = 3600;

interface Prefix {
  readonly prefix?: string;
  readonly valid?: number;
  readonly preferred?: number;
  readonly autonomous?: boolean;
  readonly onLink?: boolean;
}

/** An advertisement; lifetimes in seconds. */
function advertisement(prefixes: readonly Prefix[], more: Partial<RouterAdvertisement> = {}): Uint8Array {
  const packet = new Uint8Array(1000);
  const end = writeRouterAdvertisement(packet, 0, {
    source: ROUTER,
    destination: ALL_NODES,
    hopLimit: 64,
    preference: 'medium',
    routerLifetime: 1800,
    mtu: 0,
    routes: [],
    prefixes: prefixes.map(({ prefix = '2001:db8:1::/64', valid = 4 * HOUR, preferred = valid, autonomous = true, onLink = true }) => ({
      prefix: parseSubnet(prefix),
      validLifetime: valid,
      preferredLifetime: preferred,
      autonomous,
      onLink,
    })),
    ...more,
  });
  return packet.slice(0, end);
}

/** A host that configures itself, and a stranger that plays its router. */
function bench() {
  const world = worldOf([node('pc', { eth0: ['lan'] }, {}, { autoconfigures: ['eth0'] })], [{ name: 'lan' }]);
  const router = world.probe('lan');
  router.claim(ROUTER);
  const host = world.host('pc');
  return {
    world,
    host,
    router,
    tell(packet: Uint8Array): void {
      router.send(packet, ALL_NODES);
      world.advance(1);
    },
    /** Its global addresses, deprecated ones marked. */
    addresses(): string[] {
      return host
        .interface('eth0')
        .addresses.filter(({ addr, validUntil }) => !inSubnet(parseSubnet('fe80::/10'), addr, 0) && validUntil > world.now)
        .map(({ addr, preferredUntil }) => formatAddress(addr) + (preferredUntil > world.now ? '' : ' deprecated'));
    },
    /** Milliseconds that its first global address stays valid. */
    validity(): number {
      const address = host.interface('eth0').addresses.find(({ addr }) => addr[0] === 0x20);
      return Math.round((address?.validUntil ?? world.now) - world.now);
    },
    defaultRouter(): string | null {
      const via = host.routes6.lookup(parseAddress('2001:db8:ffff::1'), 0, world.now)?.via ?? null;
      return via === null ? null : formatAddress(via);
    },
  };
}

describe('solicitations', () => {
  test(`are sent ${MAX_SOLICITATIONS} times to all routers while none answers, and again when the interface comes up`, () => {
    const { world } = bench();
    world.run(100_000);
    world.setInterface('pc', 'eth0', false);
    world.run(100_500);
    world.setInterface('pc', 'eth0', true);
    world.run(100_600);
    const sent = [...new PcapReader(world.capture('lan'))];
    expect(sent.map(({ time }) => time)).toEqual([0, SOLICITATION_INTERVAL, 2 * SOLICITATION_INTERVAL, 100_500]);
    // Solicitation from the link-local address, hop limit 255, eight octets, no options: RFC 4861 section 4.1.
    expect(
      sent.map(({ b, off, end }) =>
        Buffer.from(b.subarray(off, end))
          .toString('hex')
          .replace(/8500..../, '8500sum '),
      ),
    ).toEqual(Array.from(sent, () => `6000000000083afffe80000000000000000000fffe000000ff0200000000000000000000000000028500sum 00000000`));
  });

  test('end with the first advertisement of a default router', () => {
    const { world, tell } = bench();
    world.run(10);
    tell(advertisement([], { routerLifetime: 0 }));
    world.run(SOLICITATION_INTERVAL + 10);
    tell(advertisement([]));
    world.run(100_000);
    expect(world.host('pc').account.count('originated')).toBe(2);
  });

  test.skipIf(tsharkMissing !== null)(
    `are no cause for complaint to tshark${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const { world } = bench();
      world.run(1);
      expect(dissectFile(world.capture('lan'), ['icmpv6.type'])).toEqual([{ fields: ['133'], complaints: [] }]);
    },
  );
});

describe('advertisements', () => {
  test('give an address of prefix and interface identifier, a route to the prefix, a default route, and work', () => {
    const { tell, addresses, defaultRouter, world } = bench();
    tell(advertisement([{}]));
    expect(addresses()).toEqual([`2001:db8:1::${OWN}`]);
    expect(defaultRouter()).toBe('fe80::9');
    expect(world.ping('pc', '2001:db8:1::77')[0].kind).toBe('unreachable');
    expect(world.ping('pc', '2001:db8:2::77')[0].kind).toBe('no_answer');
  });

  test('of a new prefix give a second address; the old one, deprecated with lifetime 0, is no source any more', () => {
    const { tell, addresses, host, world } = bench();
    tell(advertisement([{ prefix: '2001:db8:1::/64' }]));
    tell(advertisement([{ prefix: '2001:db8:1::/64', valid: 0 }, { prefix: '2001:db8:2::/64' }]));
    expect(addresses()).toEqual([`2001:db8:1::${OWN} deprecated`, `2001:db8:2::${OWN}`]);
    const source = host.sourceTowards(parseAddress('2001:db8:1::5'), 0, 16, host.routes6);
    expect(formatAddress(source ?? new Uint8Array(16))).toBe(`2001:db8:2::${OWN}`);
    expect(formatAddress(world.addressOf('pc') ?? new Uint8Array(16))).toBe(`2001:db8:2::${OWN}`);
  });

  test('lose their effect in time: first the address is deprecated, then it and the routes are gone', () => {
    const { world, tell, addresses, defaultRouter } = bench();
    tell(advertisement([{ valid: 1000, preferred: 600 }], { routerLifetime: 800 }));
    const seen = [599, 601, 801, 1001].map((seconds) => {
      world.run(seconds * 1000);
      return [addresses(), defaultRouter()];
    });
    expect(seen).toEqual([
      [[`2001:db8:1::${OWN}`], 'fe80::9'],
      [[`2001:db8:1::${OWN} deprecated`], 'fe80::9'],
      [[`2001:db8:1::${OWN} deprecated`], null],
      [[], null],
    ]);
    expect(world.ping('pc', '2001:db8:1::77')[0].kind).toBe('not_sent');
  });

  test.each([
    ['a longer lifetime than what remains', 3 * HOUR, 4 * HOUR, 4 * HOUR],
    ['more than two hours, less than remains', 4 * HOUR, 3 * HOUR, 3 * HOUR],
    ['less than two hours, where more remains', 4 * HOUR, HOUR, 2 * HOUR],
    ['nothing, where more than two hours remain', 4 * HOUR, 0, 2 * HOUR],
    ['nothing, where less than two hours remain', HOUR, 0, HOUR],
    ['less than remains, both below two hours', HOUR, 600, HOUR],
    ['no end', HOUR, INFINITE_LIFETIME, Infinity],
  ])('RFC 4862 section 5.5.3 e: %s (%d s, then %d s) leaves %d s', (_case, first, then, left) => {
    const { tell, validity } = bench();
    tell(advertisement([{ valid: first }]));
    const passed = 1;
    tell(advertisement([{ valid: then }]));
    // The second advertisement comes a millisecond after the first, and we look a millisecond later.
    const isFresh = left === then || left * 1000 === SHORTEST_LIFETIME;
    expect(validity()).toBe(left * 1000 - passed - (isFresh ? 0 : 1));
  });

  test('with router lifetime 0 take the default route away, of that router only', () => {
    const { tell, defaultRouter } = bench();
    const other = parseAddress('fe80::8');
    tell(advertisement([]));
    tell(advertisement([], { source: other, preference: 'low' }));
    expect(defaultRouter()).toBe('fe80::9');
    tell(advertisement([], { routerLifetime: 0 }));
    expect(defaultRouter()).toBe('fe80::8');
    tell(advertisement([], { preference: 'low' }));
    tell(advertisement([], { source: other, preference: 'high' }));
    expect(defaultRouter()).toBe('fe80::8');
  });

  test('set the MTU where the option is not below 1280 and not above that of the link', () => {
    const { tell, host } = bench();
    const mtus = [1279, 1501, 9000, 1280, 1500].map((mtu) => {
      tell(advertisement([], { mtu }));
      return host.interface('eth0').mtu6;
    });
    expect(mtus).toEqual([1500, 1500, 1500, 1280, 1500]);
  });

  test.each<[string, Prefix]>([
    ['is not autonomous', { autonomous: false }],
    ['has 63 bits', { prefix: '2001:db8:0:2::/63' }],
    ['is link-local', { prefix: 'fe80::/64' }],
    ['is preferred for longer than it is valid', { valid: 100, preferred: 101 }],
    ['has no lifetime from the beginning', { valid: 0 }],
  ])('make no address of a prefix that %s', (_what, prefix) => {
    const { tell, addresses, host } = bench();
    tell(advertisement([prefix]));
    expect([addresses(), host.interface('eth0').addresses.length]).toEqual([[], 1]);
  });

  test('are not believed from farther than the link, nor from a global address', () => {
    const { tell, addresses } = bench();
    const far = advertisement([{}]);
    far[7] = 254;
    tell(far);
    tell(advertisement([{}], { source: parseAddress('2001:db8:1::1') }));
    expect(addresses()).toEqual([]);
  });

  test('of a thousand prefixes make no more than sixteen addresses and 32 routes, until those have expired', () => {
    const { world, tell, host, addresses } = bench();
    for (let i = 0; i < 1000; i++) tell(advertisement([{ prefix: `2001:db8:${i.toString(16)}::/64` }]));
    expect(host.interface('eth0').addresses.length).toBe(16);
    expect(host.routes6.routes().length).toBeLessThan(40);
    world.run(5 * HOUR * 1000);
    tell(advertisement([{ prefix: '2001:db8:ffff::/64' }]));
    expect(addresses()).toEqual([`2001:db8:ffff::${OWN}`]);
  });
});
