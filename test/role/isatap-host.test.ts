/** ISATAP hosts against RFC 5214, RFC 4861, RFC 4862 and RFC 4191, in virtual time. */
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { NO_HERITAGE, TransmitTo } from '../../src/role/role.js';
import { formatIpv6, formatPrefix6 } from '../../src/wire/address.js';
import { address, icmp6, toHex, udp6 } from '../vectors/compose.js';
import { packet, vectors } from '../wire/vectors.js';
import {
  advertisement,
  Campus,
  echo,
  global,
  HOST,
  hostOf,
  ip,
  isatap,
  linkLocal,
  mtuOption,
  Nd,
  neighborAdvertisement,
  neighborSolicitation,
  PEER,
  prefixOption,
  ROUTER,
  redirect,
  routeOption,
  routerSolicitation,
  SECOND,
  SITE,
  WEB,
} from './isatap-campus.js';

const HOUR = 3_600_000;
const own = (campus: Campus, text: string) => campus.role.isOwn(address(text), 0);
const routersOf = (campus: Campus) => campus.learned.routers.map((router) => formatIpv6(router.address));
const prefixesOf = (campus: Campus) => campus.learned.prefixes.map(({ prefix }) => formatPrefix6(prefix));

describe('the frames of the shared vectors', () => {
  test('F41, F42: a router solicitation to the octet, and what the answer teaches', () => {
    const campus = new Campus({ potentialRouters: [ip(ROUTER)] });
    campus.routers.clear();
    campus.pass(1_000);
    const [rs] = campus.take();
    expect([rs.to, rs.remote, toHex(rs.octets)]).toEqual([TransmitTo.carrier, ROUTER, toHex(packet('isatap_rs').subarray(20))]);
    expect(campus.receive(ROUTER, packet('isatap_ra').slice(20))).toBe(Verdict.consumed);
    expect(own(campus, global(HOST))).toBe(true);
    const { routers, prefixes, mtu } = campus.learned;
    expect(routers).toEqual([
      { address: address(linkLocal(ROUTER)), preference: 'medium', until: campus.now + 1_800_000, reachable: true },
    ]);
    expect(prefixes).toMatchObject([{ onLink: false, autonomous: true, preferred: true, validUntil: Number.POSITIVE_INFINITY }]);
    expect(mtu).toBe(1280);
  });

  test('F43, F44: a neighbour on the link is reached straight, the rest of IPv6 over the router', () => {
    const campus = Campus.settled();
    expect(campus.reach(packet('isatap_host_to_host').slice(20))).toBe(PEER);
    expect(campus.reach(packet('isatap_host_to_router').slice(20))).toBe(ROUTER);
  });

  test('the accept and drop table', () => {
    const rows = vectors.decap_checks.filter(({ mechanism }) => mechanism === 'isatap');
    expect(rows).toHaveLength(6);
    for (const { v4src, v6src, why } of rows) {
      // The table's subject is the source; two of its rows are for the addresses of others.
      const local = v4src === HOST ? PEER : HOST;
      const campus = Campus.settled({ local: ip(local), own: new OwnAddresses([ip(local)]), potentialRouters: [ip(ROUTER)] });
      campus.receive(ROUTER, advertisement(ROUTER, [prefixOption()], { dst: linkLocal(local) }));
      const accepted = ['embedded match, u=0', 'embedded match, u=1 must be accepted too', 'router in PRL forwards any source'];
      const verdict = campus.receive(v4src, echo(v6src, global(local)));
      expect([why, verdict === Drop.none]).toEqual([why, accepted.includes(why)]);
    }
  });
});

describe('what it sends', () => {
  const campus = Campus.settled();
  campus.peers.clear();

  test.each([
    ['from its global address to the web', global(HOST), WEB, Drop.none],
    ['from a native address', '2001:db8:77::1', WEB, Drop.source_mismatch],
    ['from the address of a peer', global(PEER), WEB, Drop.source_mismatch],
    ['from its identifier with the other u bit', `${SITE}:200:5efe:c000:205`, WEB, Drop.source_mismatch],
    ['from its identifier behind another prefix', isatap('3fff:0:0:1', HOST), WEB, Drop.source_mismatch],
    ['from no address', '::', WEB, Drop.special_ipv6],
    ['from a group', 'ff02::1', WEB, Drop.special_ipv6],
    ['from its link-local address to the web', linkLocal(HOST), WEB, Drop.special_ipv6],
    ['to a group', global(HOST), 'ff02::1', Drop.special_ipv6],
    ['to a global group', global(HOST), 'ff0e::1', Drop.special_ipv6],
    ['to a link-local address that carries nothing', linkLocal(HOST), 'fe80::1', Drop.special_ipv6],
    ['to itself', global(HOST), `${SITE}:200:5efe:c000:205`, Drop.loop],
    ['to another of its IPv4 addresses', global(HOST), isatap(SITE, '10.9.9.9'), Drop.loop],
    ['to an embedded group', global(HOST), isatap(SITE, '224.0.0.1'), Drop.special_ipv4],
    ['to the broadcast address of its subnet', global(HOST), isatap(SITE, '192.0.2.255'), Drop.special_ipv4],
    ['to a neighbour that is not known yet', global(HOST), isatap(SITE, '192.0.2.7'), Verdict.hold],
    ['to an address on the link that carries nothing', global(HOST), `${SITE}::1`, Drop.none],
    ['to an ISATAP identifier behind another prefix', global(HOST), isatap('3fff:0:0:1', PEER), Drop.none],
  ])('%s', (_, src, dst, verdict) => {
    expect(campus.send(echo(src, dst))).toBe(verdict);
    if (verdict === Drop.none) expect(campus.remote).toBe(ROUTER);
  });

  test('without a router there is nowhere to go', () => {
    const alone = new Campus();
    alone.routers.clear();
    expect(alone.send(echo(linkLocal(HOST), linkLocal(PEER)))).toBe(Verdict.hold);
    alone.receive(ROUTER, advertisement(ROUTER, undefined, { lifetime: 0 }));
    expect(alone.send(echo(global(HOST), WEB))).toBe(Drop.no_endpoint);
  });

  test('a tunnel that is down sends and takes nothing', () => {
    const down = new Campus({ local: null });
    down.pass(HOUR);
    expect([down.send(echo(global(HOST), WEB)), down.receive(ROUTER, advertisement(ROUTER)), down.sent]).toEqual([
      Drop.tunnel_down,
      Drop.tunnel_down,
      [],
    ]);
  });
});

describe('what it receives', () => {
  const behind = (next: number, inner: Uint8Array) => {
    const b = Uint8Array.of(...inner.slice(0, 40), inner[6], 0, 1, 4, 0, 0, 0, 0, ...inner.slice(40));
    b[6] = next;
    b[5] += 8;
    return b;
  };

  test.each([
    ['from a peer', PEER, echo(global(PEER), global(HOST)), Drop.none],
    ['from a peer with the other u bit', PEER, echo(`${SITE}:200:5efe:c000:206`, global(HOST)), Drop.none],
    ['from a peer, link-local', PEER, echo(linkLocal(PEER), linkLocal(HOST)), Drop.none],
    ['from the web over a router', ROUTER, echo(WEB, global(HOST)), Drop.none],
    ['from a peer over a router', ROUTER, echo(global(PEER), global(HOST)), Drop.none],
    ['from the web over somebody', PEER, echo(WEB, global(HOST)), Drop.not_potential_router],
    [
      'RFC 5214 section 3: an identifier behind a foreign prefix',
      PEER,
      echo(isatap('3fff:0:0:1', PEER), global(HOST)),
      Drop.not_potential_router,
    ],
    ['a peer that pretends to be another', PEER, echo(isatap(SITE, '192.0.2.9'), global(HOST)), Drop.source_mismatch],
    ['a link-local source of another, over a router', ROUTER, echo(linkLocal(PEER), linkLocal(HOST)), Drop.source_mismatch],
    ['a link-local source that carries nothing', PEER, echo('fe80::1', linkLocal(HOST)), Drop.special_ipv6],
    ['no source, over a router', ROUTER, echo('::', global(HOST)), Drop.special_ipv6],
    ['loopback, over a router', ROUTER, echo('::1', global(HOST)), Drop.special_ipv6],
    ['a mapped source, over a router', ROUTER, echo('::ffff:192.0.2.1', global(HOST)), Drop.special_ipv6],
    ['from its own address', HOST, echo(global(HOST), global(HOST)), Drop.loop],
    ['from another of its addresses', '10.9.9.9', echo(isatap(SITE, '10.9.9.9'), global(HOST)), Drop.loop],
    ['from a group', '224.0.0.1', echo(isatap(SITE, '224.0.0.1'), global(HOST)), Drop.special_ipv4],
    ['for a peer', ROUTER, echo(WEB, global(PEER)), Drop.destination_mismatch],
    ['for another link-local address', PEER, echo(linkLocal(PEER), linkLocal(ROUTER)), Drop.destination_mismatch],
    ['for the web', ROUTER, echo(WEB, WEB), Drop.destination_mismatch],
    ['for a group', PEER, echo(linkLocal(PEER), 'ff02::1'), Drop.special_ipv6],
    ['RFC 4861 section 6.1.1: a router solicitation', PEER, routerSolicitation(linkLocal(PEER)), Drop.destination_mismatch],
    ['a router solicitation from beyond the link', PEER, routerSolicitation(linkLocal(PEER), 'ff02::2', 254), Drop.malformed_nd],
    ['a redirect', ROUTER, redirect(linkLocal(ROUTER), global(HOST)), Verdict.consumed],
    ['a redirect from no link-local address', ROUTER, redirect(global(ROUTER), global(HOST)), Drop.malformed_nd],
    ['a neighbor solicitation', PEER, neighborSolicitation(linkLocal(PEER), global(HOST)), Verdict.consumed],
    ['a neighbor solicitation for another', PEER, neighborSolicitation(linkLocal(PEER), global(PEER)), Drop.destination_mismatch],
    ['a neighbor advertisement', PEER, neighborAdvertisement(linkLocal(PEER), linkLocal(HOST)), Verdict.consumed],
    ['a neighbor advertisement for another', PEER, neighborAdvertisement(linkLocal(PEER), linkLocal(ROUTER)), Drop.destination_mismatch],
    ['RFC 6980: an advertisement behind an extension header', ROUTER, behind(60, advertisement(ROUTER)), Drop.malformed_nd],
    ['data behind an extension header', PEER, behind(60, udp6({ src: global(PEER), dst: global(HOST) })), Drop.none],
    ['ISAH-09: an advertisement of somebody', PEER, advertisement(PEER), Drop.not_potential_router],
    [
      'ISAH-09: an advertisement in a router’s name',
      '192.0.2.99',
      advertisement('192.0.2.99', [], { src: linkLocal(ROUTER) }),
      Drop.source_mismatch,
    ],
    ['an advertisement of a router in another’s name', ROUTER, advertisement(ROUTER, [], { src: linkLocal(SECOND) }), Drop.source_mismatch],
    ['an advertisement from a global address', ROUTER, advertisement(ROUTER, [], { src: global(ROUTER) }), Drop.malformed_nd],
    ['ISAH-10: hop limit 254', ROUTER, advertisement(ROUTER, [], { hopLimit: 254 }), Drop.malformed_nd],
    ['ISAH-10: code 1', ROUTER, advertisement(ROUTER, [], { code: 1 }), Drop.malformed_nd],
    ['ISAH-10: an option of length 0', ROUTER, advertisement(ROUTER, [Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)]), Drop.malformed_nd],
    [
      'ISAH-10: 15 octets',
      ROUTER,
      icmp6({ src: linkLocal(ROUTER), dst: linkLocal(HOST), hopLimit: 255 }, 134, 0, new Uint8Array(11)),
      Drop.malformed_nd,
    ],
    ['an advertisement for somebody else', ROUTER, advertisement(ROUTER, [], { dst: linkLocal(PEER) }), Drop.destination_mismatch],
    ['an advertisement for all', ROUTER, advertisement(ROUTER, undefined, { dst: 'ff02::1' }), Verdict.consumed],
    ['an advertisement for its link-local address', ROUTER, advertisement(ROUTER), Verdict.consumed],
  ])('%s', (_, from, octets, verdict) => {
    const campus = Campus.settled();
    const before = campus.learned;
    expect(campus.receive(from, octets)).toBe(verdict);
    expect(campus.learned).toBe(before);
  });

  test('ENC-49, ENC-50: a neighbor solicitation is answered, to the octet, whoever owns the thread', () => {
    for (const speaks of [true, false]) {
      const campus = Campus.settled({ speaks, learned: Campus.settled().learned });
      for (const [target, dst] of [
        [global(HOST), global(HOST)],
        [linkLocal(HOST), 'ff02::1:ff00:205'],
      ]) {
        expect(campus.receive(PEER, neighborSolicitation(global(PEER), target, dst))).toBe(Verdict.consumed);
        const [na] = campus.take();
        expect([na.to, na.remote, toHex(na.octets)]).toEqual([
          TransmitTo.carrier,
          PEER,
          toHex(neighborAdvertisement(target, global(PEER))),
        ]);
      }
    }
  });

  test('claims what is between addresses of the link, and what is for its own', () => {
    const { role } = Campus.settled();
    const claims = (src: string, dst: string) => role.claims(echo(src, dst), 0);
    expect([claims(global(PEER), WEB), claims(WEB, global(HOST)), claims(linkLocal(PEER), 'ff02::2')]).toEqual([true, true, true]);
    expect([claims(WEB, WEB), claims(isatap('3fff:0:0:1', PEER), WEB), claims('2002:c000:206::1', WEB)]).toEqual([false, false, false]);
  });
});

describe('router solicitations', () => {
  const times = (campus: Campus, router: string) => campus.sent.filter((s) => s.type === Nd.rs && s.remote === router).map(({ at }) => at);
  const gaps = (at: readonly number[]) => at.slice(1).map((t, i) => t - at[i]);

  test.each([1, 2, 3, 4, 5])(
    'ISAH-06, ISAH-08: nobody answers: three within 0..1 s and 4 s apart, then one in 120 s or more (seed %i)',
    (seed) => {
      const campus = new Campus({}, seed);
      campus.routers.clear();
      campus.until(1000 + HOUR);
      for (const router of [ROUTER, SECOND]) {
        const at = times(campus, router);
        expect(at[0]).toBeGreaterThanOrEqual(1000);
        expect(at[0]).toBeLessThanOrEqual(2000);
        expect(gaps(at).slice(0, 2)).toEqual([4000, 4000]);
        for (const gap of gaps(at).slice(2)) {
          expect(gap).toBeGreaterThanOrEqual(120_000);
          expect(gap).toBeLessThanOrEqual(132_000);
        }
        expect(at.length).toBeGreaterThan(27);
      }
    },
  );

  test.each([
    ['router lifetime', 1800, [prefixOption()], 900, 1080],
    ['prefix lifetime', 1800, [prefixOption({ valid: 1000 })], 500, 600],
    ['preferred lifetime', 1800, [prefixOption({ preferred: 600 })], 300, 360],
    ['route lifetime', 1800, [routeOption('3fff::', 20, 800)], 400, 480],
    ['lifetime of 100 s, not before 120 s', 1800, [prefixOption({ valid: 100 })], 120, 120],
    ['day, within an hour', 9000, [prefixOption({ valid: 86_400 })], 3600, 5400],
    ['week at most an hour', 0, [prefixOption({ valid: 604_800 })], 1800, 2160],
  ])('ISAH-07: a %s is refreshed when half of it is over', (_, lifetime, options, least, most) => {
    const campus = new Campus({ potentialRouters: [ip(ROUTER)] });
    campus.answer = ({ type }) => {
      if (type === Nd.rs) campus.receive(ROUTER, advertisement(ROUTER, options, { lifetime }));
    };
    campus.until(1000 + 4 * HOUR);
    const all = gaps(times(campus, ROUTER));
    expect(all.length).toBeGreaterThanOrEqual(2);
    const cap = Math.min(most, 2160);
    for (const gap of all) {
      expect(gap).toBeGreaterThanOrEqual(Math.min(least, 1800) * 1000);
      expect(gap).toBeLessThanOrEqual(cap * 1000);
    }
  });

  test('seeds part hosts that start together', () => {
    const first = (seed: number) => {
      const campus = new Campus({}, seed);
      campus.until(2000);
      return times(campus, ROUTER)[0];
    };
    expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map(first)).size).toBeGreaterThan(6);
  });

  test('of a hundred potential routers sixteen are asked and trusted; refused ones, and the node itself, are not', () => {
    const many = Array.from({ length: 100 }, (_, i) => ip('192.0.2.100') + i);
    const campus = new Campus({ potentialRouters: [ip(HOST), ip('224.0.0.1'), ...many] });
    campus.until(2000);
    expect(
      campus
        .take(Nd.rs)
        .map(({ remote }) => remote)
        .sort(),
    ).toEqual(Array.from({ length: 16 }, (_, i) => `192.0.2.${100 + i}`));
    expect(campus.receive('192.0.2.115', advertisement('192.0.2.115'))).toBe(Verdict.consumed);
    expect(campus.receive('192.0.2.116', advertisement('192.0.2.116'))).toBe(Drop.not_potential_router);
  });

  test('a thread that does not speak says nothing, learns nothing, and sends by what it was told', () => {
    const { learned } = Campus.settled();
    const campus = new Campus({ speaks: false, learned });
    campus.until(1000 + HOUR);
    expect(campus.sent).toEqual([]);
    expect([campus.send(echo(global(HOST), WEB)), campus.remote]).toEqual([Drop.none, ROUTER]);
    expect([campus.send(echo(global(HOST), global(PEER))), campus.remote]).toEqual([Drop.none, PEER]);
    expect(campus.receive(ROUTER, advertisement(ROUTER, [prefixOption({ prefix: '2001:db8:0:9' })]))).toBe(Verdict.consumed);
    expect(campus.learned).toBe(learned);
  });
});

describe('what it learns', () => {
  /** A host of one router that has said this. */
  const told = (options: readonly Uint8Array[], lifetime = 1800) => {
    const campus = new Campus({ potentialRouters: [ip(ROUTER)] });
    campus.routers.clear();
    campus.receive(ROUTER, advertisement(ROUTER, options, { lifetime }));
    return campus;
  };
  const tell = (campus: Campus, options: readonly Uint8Array[], lifetime = 1800) =>
    campus.receive(ROUTER, advertisement(ROUTER, options, { lifetime }));

  test('an MTU of 1280 to 65515, and of no other size', () => {
    const mtu = (octets: number) => told([mtuOption(1400), mtuOption(octets)]).learned.mtu;
    expect([mtu(1280), mtu(1279), mtu(65_515), mtu(65_516), mtu(0)]).toEqual([1280, 0, 65_515, 0, 0]);
    const campus = told([mtuOption(1400)]);
    tell(campus, []);
    expect(campus.learned.mtu).toBe(1400);
  });

  test.each([
    ['of 63 bits', { len: 63 }],
    ['of 48 bits', { len: 48 }],
    ['that is link-local', { prefix: 'fe80:0:0:0' }],
    ['that is a group', { prefix: 'ff0e:0:0:1' }],
    ['that is mapped', { prefix: '0:0:0:0' }],
    ['that ended', { valid: 0, preferred: 0 }],
    ['with no flag', { flags: 0 }],
  ])('no prefix %s', (_, option) => {
    expect(prefixesOf(told([prefixOption(option)]))).toEqual([]);
  });

  test('RFC 4862 section 5.5.3 c: a prefix that is preferred longer than valid makes no address', () => {
    const campus = told([prefixOption({ valid: 100, preferred: 101 })]);
    expect([own(campus, global(HOST)), campus.learned.prefixes[0].onLink]).toEqual([false, true]);
  });

  test.each([
    ['fe80::', 10],
    ['ff00::', 8],
    ['::', 1],
    ['::1', 128],
    ['::ffff:0:0', 96],
  ])('a route to %s/%d is none: nothing there is reached through a tunnel', (prefix, len) => {
    const { routes } = told([prefixOption(), routeOption(prefix, len, 1800), routeOption('3fff:1::', 32, 1800)]).learned;
    expect(routes.map((route) => formatPrefix6(route.prefix))).toEqual(['3fff:1::/32']);
  });

  test('no more than 16 prefixes and 64 routes', () => {
    const prefixes = Array.from({ length: 20 }, (_, i) => prefixOption({ prefix: `2001:db8:0:${i + 1}` }));
    const routes = Array.from({ length: 70 }, (_, i) => routeOption(`3fff:${i}::`, 32, 1800));
    const campus = told([...prefixes, ...routes]);
    expect([campus.learned.prefixes.length, campus.learned.routes.length]).toEqual([16, 64]);
  });

  test('RFC 4862 section 5.5.3 e: what is left of an address cannot be cut below two hours, though its prefix leaves the link at once', () => {
    const campus = told([prefixOption({ valid: 4 * 3600, preferred: 3600 })]);
    const left = () => ((campus.learned.prefixes[0]?.validUntil ?? campus.now) - campus.now) / 1000;
    expect(left()).toBe(4 * 3600);
    tell(campus, [prefixOption({ valid: 3 * 3600, preferred: 3600 })]);
    expect(left()).toBe(3 * 3600);
    tell(campus, [prefixOption({ valid: 60, preferred: 0 })]);
    expect([left(), campus.learned.prefixes[0].preferred]).toEqual([7200, false]);
    campus.pass(HOUR);
    tell(campus, [prefixOption({ valid: 60, preferred: 0 })]);
    expect(left()).toBe(3600);
    tell(campus, [prefixOption({ valid: 0, preferred: 0 })]);
    expect([left(), campus.learned.prefixes[0].onLink, own(campus, global(HOST))]).toEqual([3600, false, true]);
    tell(campus, [prefixOption({ valid: 5400, preferred: 5400 })]);
    expect(left()).toBe(5400);
    tell(campus, [prefixOption({ valid: 3 * 3600, preferred: 1 })]);
    expect(left()).toBe(3 * 3600);
  });

  test('an address is deprecated and gone, a router is gone, when their time is over, and readers are told each time', () => {
    const campus = told([prefixOption({ valid: 300, preferred: 200 }), routeOption('3fff::', 20, 150)], 100);
    const seen = [campus.learned];
    for (const [at, routers, routes, preferred, addresses] of [
      [99, 1, 1, true, true],
      [100, 0, 1, true, true],
      [150, 0, 0, true, true],
      [200, 0, 0, false, true],
      [300, 0, 0, undefined, false],
    ] as const) {
      campus.until(1000 + at * 1000);
      const { learned } = campus;
      expect([at, learned.routers.length, learned.routes.length, learned.prefixes[0]?.preferred, own(campus, global(HOST))]).toEqual([
        at,
        routers,
        routes,
        preferred,
        addresses,
      ]);
      if (at !== 99) expect(seen.includes(learned)).toBe(false);
      seen.push(learned);
    }
  });

  test('what only moves by less than a minute is no news; more than that is', () => {
    const campus = told([prefixOption()]);
    const { learned } = campus;
    campus.pass(59_000);
    tell(campus, [prefixOption()]);
    expect(campus.learned).toBe(learned);
    campus.pass(2_000);
    tell(campus, [prefixOption()]);
    expect(campus.learned).not.toBe(learned);
    expect(campus.learned.routers[0].until).toBe(campus.now + 1_800_000);
  });

  test('yet it lives by the moment: a router that says 50 s instead of 100 s is gone after 50', () => {
    const campus = told([], 100);
    tell(campus, [], 50);
    expect(campus.learned.routers).toHaveLength(1);
    campus.pass(50_000);
    expect(campus.learned.routers).toHaveLength(0);
  });

  test('the longest route, then the preferred one; a route to everything speaks of the default router (RFC 4191 section 3.1)', () => {
    const campus = new Campus();
    const says = (router: string, flags: number, ...options: Uint8Array[]) =>
      campus.receive(router, advertisement(router, [prefixOption(), ...options], { flags }));
    const ways = () => ['3fff:0:1::80', '3fff:0:2::80', '2001:db8:77::1'].map((dst) => campus.reach(echo(global(HOST), dst)));
    says(ROUTER, 0);
    says(SECOND, 0x18, routeOption('3fff:0:1::', 48, 1800));
    expect(ways()).toEqual([SECOND, ROUTER, ROUTER]);
    says(ROUTER, 0, routeOption('3fff:0:1::', 48, 1800, 0x08), routeOption('3fff:0:2::', 47, 1800));
    expect(ways()).toEqual([ROUTER, ROUTER, ROUTER]);
    says(SECOND, 0x08);
    expect(ways()).toEqual([ROUTER, ROUTER, SECOND]);
    says(SECOND, 0x08, routeOption('::', 0, 1800, 0x18), routeOption('3fff:0:1::', 48, 0));
    expect(ways()).toEqual([ROUTER, ROUTER, ROUTER]);
    says(ROUTER, 0, routeOption('::', 0, 0), routeOption('3fff:0:1::', 48, 0), routeOption('3fff:0:2::', 47, 0));
    expect(ways()).toEqual([SECOND, SECOND, SECOND]);
    expect([routersOf(campus), campus.learned.routes]).toEqual([[linkLocal(SECOND)], []]);
  });

  test('errors come from the address that is used, or from the identity where the carrier does not matter', () => {
    const campus = new Campus({ identity: address('2001:db8::99') });
    expect(formatIpv6(campus.role.carrierErrorSource)).toBe(linkLocal(HOST));
    const deprecated = prefixOption({ prefix: '2001:db8:0:9', preferred: 0 });
    campus.receive(ROUTER, advertisement(ROUTER, [deprecated, prefixOption()]));
    expect([formatIpv6(campus.role.carrierErrorSource), formatIpv6(campus.role.errorSource)]).toEqual([global(HOST), '2001:db8::99']);
  });
});

describe('neighbours', () => {
  test('ISAH-14: the first packets to a peer wait for its answer, then leave in order', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    const packets = [64, 65, 1280].map((octets) => udp6({ src: global(HOST), dst: global(PEER) }, octets));
    expect(packets.map((octets) => campus.send(octets))).toEqual([Verdict.hold, Verdict.hold, Verdict.hold]);
    expect(campus.send(packets[0])).toBe(Drop.queue_full);
    const [ns] = campus.take();
    expect([ns.remote, toHex(ns.octets)]).toEqual([PEER, toHex(neighborSolicitation(linkLocal(HOST), global(PEER)))]);
    expect(campus.receive(PEER, neighborAdvertisement(global(PEER), linkLocal(HOST)))).toBe(Verdict.consumed);
    expect(campus.take().map(({ to, octets }) => [to, toHex(octets)])).toEqual(packets.map((p) => [TransmitTo.released, toHex(p)]));
    expect([campus.send(packets[0]), campus.remote]).toEqual([Drop.none, PEER]);
  });

  test('RFC 4861 section 7.2.2: three solicitations a second apart, then its packets come back, and more are refused until it may be asked again', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    const began = campus.now;
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Verdict.hold);
    campus.pass(3_000);
    const sent = campus.take();
    expect(sent.filter(({ type }) => type === Nd.ns).map(({ at }) => at - began)).toEqual([0, 1000, 2000]);
    expect(sent.at(-1)).toMatchObject({ at: began + 3000, to: TransmitTo.undeliverable });
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Drop.neighbor_unreachable);
    campus.pass(9_999);
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Drop.neighbor_unreachable);
    campus.pass(1);
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Verdict.hold);
    expect(campus.take(Nd.ns)).toHaveLength(1);
  });

  test('a late answer of a peer that failed is welcome', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    campus.send(echo(global(HOST), global(PEER)));
    campus.pass(4_000);
    campus.receive(PEER, neighborAdvertisement(global(PEER), linkLocal(HOST)));
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Drop.none);
  });

  test.each([1, 2, 3, 4])(
    'a peer that is used is asked again 15 to 45 s after its answer and 5 s of delay; one that is not is left alone (seed %i)',
    (seed) => {
      const campus = Campus.settled({}, seed);
      campus.reach(echo(global(HOST), global(PEER)));
      const began = campus.now;
      for (let i = 0; i < 60; i++) {
        campus.pass(1_000);
        expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Drop.none);
      }
      const asked = campus.take(Nd.ns).filter(({ remote }) => remote === PEER);
      expect(asked[0].at - began).toBeGreaterThanOrEqual(20_000);
      expect(asked[0].at - began).toBeLessThanOrEqual(51_000);
      campus.pass(HOUR / 2);
      expect(campus.take(Nd.ns).filter(({ remote }) => remote === PEER).length).toBeLessThanOrEqual(1);
    },
  );

  test('whoever speaks for another endpoint is not believed', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    campus.send(echo(global(HOST), global(PEER)));
    campus.receive('192.0.2.9', neighborAdvertisement(isatap(SITE, '192.0.2.9'), linkLocal(HOST), 0x40, global(PEER)));
    campus.receive(PEER, neighborAdvertisement(global(PEER), linkLocal(HOST), 0x40, isatap(SITE, '192.0.2.9')));
    expect(campus.send(echo(global(HOST), global(PEER)))).toBe(Verdict.hold);
  });

  test('ENC-25: an error about its outer packets makes a peer that is used suspect: it is asked within 5 s', () => {
    const campus = Campus.settled();
    campus.reach(echo(global(HOST), global(PEER)));
    campus.outer.remote.addr = ip(PEER);
    campus.role.suspect(campus.outer.remote);
    campus.send(echo(global(HOST), global(PEER)));
    campus.take();
    campus.pass(5_000);
    expect(campus.take(Nd.ns).map(({ remote }) => remote)).toEqual([PEER]);
  });

  test('a packet that is too long for the tunnel is not kept: the tunnel says so', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    expect(campus.send(udp6({ src: global(HOST), dst: global(PEER) }, 1281))).toBe(Drop.none);
    expect(campus.take()).toEqual([]);
  });

  test('what is held is given up when the tunnel stops', () => {
    const campus = Campus.settled();
    campus.peers.clear();
    campus.send(echo(global(HOST), global(PEER)));
    campus.take();
    campus.role.withdraw();
    campus.drain();
    expect(campus.take().map(({ to }) => to)).toEqual([TransmitTo.undeliverable]);
  });

  test('`route` judges alike and has no effect', () => {
    const campus = Campus.settled();
    const octets = echo(global(HOST), global(PEER));
    expect([campus.role.route(octets, 0, campus.outer, campus.now), campus.remote]).toEqual([Drop.none, PEER]);
    campus.drain();
    expect([campus.take(), campus.role.nextTimeout() > campus.now]).toEqual([[], true]);
  });
});

describe('failover', () => {
  test('the router in use dies: within 53 s of the first packet in vain another one is used, and both are solicited', () => {
    const campus = Campus.settled();
    expect(campus.reach(echo(global(HOST), WEB))).toBe(ROUTER);
    campus.pass(HOUR / 4);
    campus.routers.delete(ROUTER);
    campus.peers.delete(ROUTER);
    campus.take();
    const died = campus.now;
    while (campus.reach(echo(global(HOST), WEB)) !== SECOND) {
      campus.pass(500);
      expect(campus.now - died).toBeLessThan(53_500);
    }
    expect(routersOf(campus)).toEqual([linkLocal(SECOND), linkLocal(ROUTER)]);
    campus.pass(1_000);
    expect(new Set(campus.take(Nd.rs).map(({ remote }) => remote))).toEqual(new Set([ROUTER, SECOND]));

    campus.routers.add(ROUTER);
    campus.peers.add(ROUTER);
    campus.pass(132_000);
    expect(campus.reach(echo(global(HOST), WEB))).toBe(ROUTER);
  });

  test('all routers are gone: packets wait, come back, and are refused; and when one is back it is found by what is sent', () => {
    const campus = Campus.settled({ potentialRouters: [ip(ROUTER)] });
    campus.routers.clear();
    campus.peers.clear();
    const verdicts = new Set<number | string>();
    for (let i = 0; i < 90; i++) {
      campus.pass(1_000);
      verdicts.add(campus.reach(echo(global(HOST), WEB)));
    }
    expect(verdicts).toEqual(new Set([ROUTER, Drop.neighbor_unreachable, Verdict.hold]));
    campus.peers.add(ROUTER);
    const back = campus.now;
    while (campus.reach(echo(global(HOST), WEB)) !== ROUTER) {
      campus.pass(500);
      expect(campus.now - back).toBeLessThan(14_000);
    }
  });

  test('RFC 4191 section 3.2: a route by a router that failed gives way to a shorter one by a router that is there', () => {
    const campus = new Campus();
    campus.options = (router) => (router === SECOND ? [prefixOption(), routeOption('3fff::', 20, 1800)] : [prefixOption()]);
    campus.pass(1_000);
    expect(campus.reach(echo(global(HOST), WEB))).toBe(SECOND);
    campus.routers.delete(SECOND);
    campus.peers.delete(SECOND);
    const died = campus.now;
    while (campus.reach(echo(global(HOST), WEB)) !== ROUTER) {
      campus.pass(500);
      expect(campus.now - died).toBeLessThan(53_500);
    }
  });

  test('what waited for a router that failed goes to one that lives', () => {
    const campus = Campus.settled({ potentialRouters: [ip(ROUTER), ip(SECOND)] });
    campus.routers.clear();
    campus.peers.clear();
    let held = 0;
    for (let i = 0; i < 90 && held === 0; i++) {
      campus.pass(1_000);
      if (campus.send(echo(global(HOST), WEB)) === Verdict.hold) held++;
    }
    expect(held).toBe(1);
    campus.take();
    campus.receive(SECOND, advertisement(SECOND));
    campus.pass(3_000);
    const released = campus.take().filter(({ to }) => to === TransmitTo.released);
    expect(released).toHaveLength(1);
    expect(campus.reach(released[0].octets)).toBe(SECOND);
  });
});

describe('the role that follows', () => {
  const follower = (before: Campus, more = {}) => new Campus({ before: before.role.heritage(before.now), ...more });

  test('has routers and addresses at once, and says no news; it asks when their time comes, not before', () => {
    const before = Campus.settled();
    const { learned } = before;
    const campus = follower(before);
    expect(campus.learned).toEqual(learned);
    expect(own(campus, global(HOST))).toBe(true);
    expect([campus.send(echo(global(HOST), WEB)), campus.remote]).toEqual([Drop.none, ROUTER]);
    campus.until(1000 + 800_000);
    expect(campus.take(Nd.rs)).toEqual([]);
    campus.until(1000 + 1_200_000);
    expect(campus.take(Nd.rs)).toHaveLength(2);
  });

  test('ISAH-15: a router that is no potential one any more is gone with its routes, and its word counts for nothing', () => {
    const before = new Campus();
    before.options = () => [prefixOption(), routeOption('3fff::', 20, 1800)];
    before.pass(1_000);
    expect(before.learned.routes).toHaveLength(2);
    const campus = follower(before, { potentialRouters: [ip(SECOND)] });
    expect([routersOf(campus), campus.learned.routes.length, prefixesOf(campus)]).toEqual([[linkLocal(SECOND)], 1, [`${SITE}::/64`]]);
    expect(campus.reach(echo(global(HOST), WEB))).toBe(SECOND);
    expect(campus.receive(ROUTER, advertisement(ROUTER))).toBe(Drop.not_potential_router);
  });

  test('a router that had failed is not believed in, and is asked at once, as it was about to be; the one in use is not', () => {
    const before = Campus.settled();
    before.routers.delete(ROUTER);
    before.peers.delete(ROUTER);
    while (before.reach(echo(global(HOST), WEB)) !== SECOND) before.pass(500);
    before.take();
    const campus = follower(before);
    campus.now = before.now;
    expect(routersOf(campus)).toEqual([linkLocal(SECOND), linkLocal(ROUTER)]);
    expect([campus.send(echo(global(HOST), WEB)), campus.remote]).toEqual([Drop.none, SECOND]);
    campus.pass(60_000);
    expect(new Set(campus.take(Nd.rs).map(({ remote }) => remote))).toEqual(new Set([ROUTER]));
  });

  test('a new potential router is asked within a second', () => {
    const campus = follower(Campus.settled(), { potentialRouters: [ip(ROUTER), ip(SECOND), ip('192.0.2.3')] });
    campus.pass(1_000);
    expect(campus.take(Nd.rs).map(({ remote }) => remote)).toEqual(['192.0.2.3']);
  });

  test('is known to whoever knew the one before: what its configuration says stays what it is', () => {
    const before = Campus.settled();
    const learned = structuredClone(before.learned);
    before.pass(30_000);
    before.receive(ROUTER, advertisement(ROUTER));
    expect(follower(before, { learned }).role.learned).toBe(learned);
    expect(hostOf().learned).toBe(null);
    expect(hostOf().heritage(0)).toEqual(NO_HERITAGE);
  });

  test('what ended meanwhile is not inherited; what others were told by a thread that is at another site by now is forgotten', () => {
    const before = Campus.settled();
    const learned = before.learned;
    const late = hostOf({ before: { ...NO_HERITAGE, learned } }, 1, 1000 + 10 * HOUR);
    expect(late.learned).toEqual({ routers: [], prefixes: [], routes: [], mtu: 0, teredo: null });
    const moved = hostOf({ learned });
    expect(moved.isOwn(address(global(HOST)), 0)).toBe(false);
    expect(moved.learned).toEqual({ routers: [], prefixes: [], routes: [], mtu: 0, teredo: null });
    expect(hostOf({ learned, speaks: false }).isOwn(address(global(HOST)), 0)).toBe(true);
  });
});
