/** ISATAP routers against RFC 5214, RFC 4861 and RFC 6324, in virtual time. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { Isatap } from '../../src/mapping/isatap.js';
import { OwnAddresses, OwnAddresses6 } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { IsatapRouter, type IsatapRouterOptions } from '../../src/role/isatap-router.js';
import { NO_HERITAGE, TransmitTo } from '../../src/role/role.js';
import { MAX_WAITING } from '../../src/role/solicited-advertisements.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { address, be32, toHex } from '../vectors/compose.js';
import { referenceChecksum } from '../wire/octet-arrays.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';
import { packet } from '../wire/vectors.js';
import {
  advertisement,
  Driver,
  echo,
  global,
  HOST,
  ip,
  isatap,
  linkLocal,
  Nd,
  neighborAdvertisement,
  neighborSolicitation,
  PEER,
  ROUTER,
  redirect,
  routerSolicitation,
  SECOND,
  SITE,
  WEB,
} from './isatap-campus.js';

const PUBLIC = '203.0.113.9';

/** The router of the campus; it owns a private and a public address besides. */
function router(more: Partial<IsatapRouterOptions> = {}, random = seeded(1)): Driver<IsatapRouter> {
  const prefix = address(`${SITE}::`).slice(0, 8);
  const own = [ROUTER, '10.9.9.9', PUBLIC].map(ip);
  const own6 = new OwnAddresses6([address(global(ROUTER))]);
  const options: IsatapRouterOptions = {
    local: ip(ROUTER),
    own: new OwnAddresses(own, [new Isatap(prefix, () => false)], own6),
    endpoints: EndpointPolicy.unicast([], [ip('192.0.2.255')]),
    identity: null,
    prefix,
    unique: () => false,
    routerLifetime: 1800,
    mtu: 1280,
    ...more,
  };
  return new Driver(new IsatapRouter(options, random));
}

describe('router advertisements', () => {
  test('F41, F42: whoever asks is answered within half a second, by itself, and nobody else ever', () => {
    const driver = router();
    expect(driver.receive(HOST, packet('isatap_rs').slice(20), ROUTER)).toBe(Verdict.consumed);
    expect(driver.sent).toEqual([]);
    driver.until(1_500);
    const [ra] = driver.take();
    // As in the capture, but for what RFC 4861 section 6.2.1 gives for a hop limit, lifetimes and an on-link flag.
    const expected = packet('isatap_ra').slice(20);
    expected[44] = 64;
    expected.set([0xc0, ...be32(2_592_000), ...be32(604_800)], 40 + 16 + 3);
    expected.set([0, 0], 42);
    const sum = referenceChecksum(expected.subarray(8, 40), Uint8Array.of(0, 0, 0, 56, 0, 0, 0, 58), expected.subarray(40));
    expected.set([sum >>> 8, sum & 255], 42);
    expect([ra.to, ra.remote, toHex(ra.octets)]).toEqual([TransmitTo.carrier, HOST, toHex(expected)]);
    driver.until(100 * 3_600_000);
    expect(driver.sent).toEqual([]);
  });

  test('ISAR-11: the delay is 0 to 0.5 s, by chance', () => {
    const driver = router();
    const delays = Array.from({ length: 40 }, () => {
      const asked = driver.now;
      driver.receive(HOST, routerSolicitation(linkLocal(HOST)), ROUTER);
      driver.pass(1_000);
      return driver.take()[0].at - asked;
    });
    expect([Math.min(...delays) < 50, Math.max(...delays) > 450, Math.max(...delays) <= 500]).toEqual([true, true, true]);
  });

  test.each([
    ['ISAR-03: to all routers', HOST, routerSolicitation(linkLocal(HOST)), Verdict.consumed],
    ['ISAR-03: to the router itself', HOST, routerSolicitation(linkLocal(HOST), linkLocal(ROUTER)), Verdict.consumed],
    ['from a global address', HOST, routerSolicitation(global(HOST)), Verdict.consumed],
    ['to another router', HOST, routerSolicitation(linkLocal(HOST), linkLocal(SECOND)), Drop.destination_mismatch],
    ['to all nodes', HOST, routerSolicitation(linkLocal(HOST), 'ff02::1'), Drop.destination_mismatch],
    ['ISAR-04: in another’s name', PEER, routerSolicitation(linkLocal(HOST)), Drop.source_mismatch],
    ['ISAR-04: hop limit 254', HOST, routerSolicitation(linkLocal(HOST), 'ff02::2', 254), Drop.malformed_nd],
    ['ISAR-04: code 1', HOST, routerSolicitation(linkLocal(HOST), 'ff02::2', 255, 1), Drop.malformed_nd],
    ['from no address', HOST, routerSolicitation('::'), Drop.special_ipv6],
    ['from a native address', HOST, routerSolicitation(WEB), Drop.not_potential_router],
  ])('%s', (_, from, octets, verdict) => {
    const driver = router();
    expect(driver.receive(from, octets, ROUTER)).toBe(verdict);
    driver.until(2_000);
    expect(driver.take(Nd.ra).map(({ remote, dst }) => [remote, dst])).toEqual(
      verdict === Verdict.consumed ? [[HOST, formatIpv6(octets, 8)]] : [],
    );
  });

  test('a router that is no default router says so, and still tells of the prefix', () => {
    const driver = router({ routerLifetime: 0, mtu: 1400 });
    driver.receive(HOST, routerSolicitation(linkLocal(HOST)), ROUTER);
    driver.until(2_000);
    const { octets } = driver.sent[0];
    expect([octets[46], octets[47], octets.length, toHex(octets.slice(-4))]).toEqual([0, 0, 96, '00000578']);
  });

  test('whoever asks, and however often: one answer each in half a second, no more than there are places, and every place is given back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(40)), { maxLength: 700 }), fc.nat(), (asks, seed) => {
        const driver = router({}, seeded(seed));
        const waiting = new Map<string, number>();
        driver.answer = ({ remote, at }) => {
          expect(at - (waiting.get(remote) ?? Number.NEGATIVE_INFINITY)).toBeLessThanOrEqual(500);
          waiting.delete(remote);
        };
        for (const [who, wait] of asks) {
          const from = formatIpv4(ip('198.18.0.1') + who);
          const verdict = driver.receive(from, routerSolicitation(linkLocal(from)), ROUTER);
          expect(verdict).toBe(waiting.has(from) || waiting.size < MAX_WAITING ? Verdict.consumed : Drop.queue_full);
          if (verdict === Verdict.consumed && !waiting.has(from)) waiting.set(from, driver.now);
          if (wait > 35) driver.pass(wait);
        }
        driver.pass(500);
        expect([waiting.size, driver.role.nextTimeout()]).toEqual([0, Number.POSITIVE_INFINITY]);
      }),
      { numRuns: 30, seed: 5214 },
    );
  });

  test('whoever waits keeps the time that chance gave it, whoever is answered before', () => {
    const delays = [100, 400, 250];
    let turn = 0;
    const random = (into: Uint8Array) => into.set(be32(Math.floor((delays[turn++] / 500) * 2 ** 32)));
    const driver = router({}, random);
    const askers = [HOST, PEER, '192.0.2.7'];
    for (const from of askers) driver.receive(from, routerSolicitation(linkLocal(from)), ROUTER);
    driver.until(2_000);
    expect(driver.take().map(({ at, remote }) => [Math.round(at - 1000), remote])).toEqual([
      [100, HOST],
      [250, '192.0.2.7'],
      [400, PEER],
    ]);
  });

  test('with all places taken a solicitation is refused', () => {
    const driver = router();
    const ask = (i: number) => {
      const from = formatIpv4(ip('198.18.0.1') + i);
      return driver.receive(from, routerSolicitation(linkLocal(from)), ROUTER);
    };
    const verdicts = Array.from({ length: MAX_WAITING + 1 }, (_, i) => ask(i));
    expect([verdicts.slice(0, -1).every((v) => v === Verdict.consumed), verdicts.at(-1)]).toEqual([true, Drop.queue_full]);
    driver.role.withdraw();
    expect([driver.role.nextTimeout(), driver.role.heritage()]).toEqual([Number.POSITIVE_INFINITY, NO_HERITAGE]);
  });

  test('tshark has no complaint', (ctx) => {
    if (tsharkMissing !== null) ctx.skip(tsharkMissing);
    const driver = router();
    driver.receive(HOST, routerSolicitation(linkLocal(HOST)), ROUTER);
    driver.receive(HOST, neighborSolicitation(linkLocal(HOST), linkLocal(ROUTER)), ROUTER);
    driver.until(2_000);
    const complaints = dissect(
      driver.sent.map(({ octets }) => octets),
      ['ipv6.dst'],
    ).map((one) => one.complaints);
    expect(complaints).toEqual([[], []]);
  });
});

describe('into the site', () => {
  const driver = router();

  test.each([
    ['from the web to a host', WEB, global(HOST), Drop.none],
    ['to a host with the other u bit', WEB, `${SITE}:200:5efe:c000:205`, Drop.none],
    ['from a host to another, back into the link', global(PEER), global(HOST), Drop.none],
    ['from itself, link-local', linkLocal(ROUTER), linkLocal(HOST), Drop.none],
    ['from itself', global(ROUTER), global(HOST), Drop.none],
    ['from its link-local address to a global one', linkLocal(ROUTER), global(HOST), Drop.none],
    ['ISAR-08: to no ISATAP address', WEB, `${SITE}::1`, Drop.no_endpoint],
    ['ISAR-08: to an identifier behind another prefix', WEB, isatap('3fff:0:0:1', HOST), Drop.no_endpoint],
    ['to a group', WEB, 'ff02::1', Drop.special_ipv6],
    ['to a link-local address from elsewhere', WEB, linkLocal(HOST), Drop.special_ipv6],
    ['to a link-local address that carries nothing', linkLocal(ROUTER), 'fe80::1', Drop.special_ipv6],
    ['from no address', '::', global(HOST), Drop.special_ipv6],
    ['from another’s link-local address', linkLocal(HOST), global(HOST), Drop.special_ipv6],
    ['to itself', WEB, global(ROUTER), Drop.loop],
    ['to its private address', WEB, isatap(SITE, '10.9.9.9'), Drop.loop],
    ['to an embedded group', WEB, isatap(SITE, '224.0.0.1'), Drop.special_ipv4],
    ['to the broadcast address of its subnet', WEB, isatap(SITE, '192.0.2.255'), Drop.special_ipv4],
    ['SEC-04: from its own 6to4 address', '2002:cb00:7109::1', global(HOST), Drop.loop],
    ['SEC-04: from its own address behind another ISATAP prefix', isatap('3fff:0:0:1', PUBLIC), global(HOST), Drop.loop],
    ['SEC-04: from its own address as Teredo', '2001:0:101:101:8000:63bf:34ff:8ef6', global(HOST), Drop.loop],
    ['SEC-07: from its private address behind a foreign prefix', isatap('3fff:0:0:1', '10.9.9.9'), global(HOST), Drop.none],
  ])('%s', (_, src, dst, verdict) => {
    expect(driver.send(echo(src, dst))).toBe(verdict);
    if (verdict === Drop.none) expect([driver.remote, formatIpv4(driver.outer.local.addr)]).toEqual([HOST, ROUTER]);
  });
});

describe('out of the site', () => {
  test.each([
    ['from a host to the web', HOST, echo(global(HOST), WEB), Drop.none],
    ['from a host with the other u bit', HOST, echo(`${SITE}:200:5efe:c000:205`, WEB), Drop.none],
    ['from a host to another', HOST, echo(global(HOST), global(PEER)), Drop.none],
    ['from a host to the router', HOST, echo(global(HOST), global(ROUTER)), Drop.none],
    ['from a host to the router, link-local', HOST, echo(linkLocal(HOST), linkLocal(ROUTER)), Drop.none],
    ['from a host in another’s name', HOST, echo(global(PEER), WEB), Drop.source_mismatch],
    ['a link-local source in another’s name', HOST, echo(linkLocal(PEER), linkLocal(ROUTER)), Drop.source_mismatch],
    ['from a native address', HOST, echo(WEB, '3fff::1'), Drop.not_potential_router],
    ['ISA-11: an identifier behind a foreign prefix', HOST, echo(isatap('3fff:0:0:1', HOST), WEB), Drop.not_potential_router],
    ['from another router: it is none of the list of a router', SECOND, echo(WEB, global(HOST)), Drop.not_potential_router],
    ['from loopback', HOST, echo('::1', WEB), Drop.special_ipv6],
    ['a link-local source to the web', HOST, echo(linkLocal(HOST), WEB), Drop.special_ipv6],
    ['to another link-local address', HOST, echo(linkLocal(HOST), linkLocal(PEER)), Drop.destination_mismatch],
    ['to a group', HOST, echo(linkLocal(HOST), 'ff02::1'), Drop.special_ipv6],
    ['to loopback', HOST, echo(global(HOST), '::1'), Drop.special_ipv6],
    ['from the router’s own address', ROUTER, echo(global(ROUTER), WEB), Drop.loop],
    ['from a group', '224.0.0.1', echo(isatap(SITE, '224.0.0.1'), WEB), Drop.special_ipv4],
    ['SEC-05: to its own 6to4 address', HOST, echo(global(HOST), '2002:cb00:7109::1'), Drop.loop],
    ['SEC-05: to itself with the other u bit', HOST, echo(global(HOST), `${SITE}:200:5efe:c000:201`), Drop.loop],
    ['SEC-05: to its private address under its prefix', HOST, echo(global(HOST), isatap(SITE, '10.9.9.9')), Drop.loop],
    ['a router advertisement of another', SECOND, advertisement(SECOND, [], { dst: 'ff02::1' }), Verdict.consumed],
    ['a malformed one', SECOND, advertisement(SECOND, [], { dst: 'ff02::1', code: 1 }), Drop.malformed_nd],
    ['a redirect', SECOND, redirect(linkLocal(SECOND), linkLocal(ROUTER)), Verdict.consumed],
    ['a neighbor advertisement', HOST, neighborAdvertisement(linkLocal(HOST), linkLocal(ROUTER)), Verdict.consumed],
    ['a malformed one of these', HOST, neighborAdvertisement(linkLocal(HOST), linkLocal(ROUTER), 0x40, 'ff02::1'), Drop.malformed_nd],
    ['a neighbor solicitation for another', HOST, neighborSolicitation(linkLocal(HOST), linkLocal(PEER)), Drop.destination_mismatch],
  ])('%s', (_, from, octets, verdict) => {
    const driver = router();
    expect(driver.receive(from, octets, ROUTER)).toBe(verdict);
    driver.until(2_000);
    expect(driver.sent).toEqual([]);
  });

  test('F45: the attack of RFC 6324 from a 6to4 relay to an ISATAP router dies here', () => {
    const [attacked, relay] = ['198.51.100.1', '203.0.113.3'];
    const prefix = address('2001:db8:15:1::').slice(0, 8);
    const own = new OwnAddresses([ip(attacked)]);
    const driver = router({ local: ip(attacked), own, prefix });
    expect(driver.receive(relay, packet('loop_packet1').slice(20), attacked)).toBe(Drop.loop);
    // What it would have to tunnel to begin with.
    expect(driver.send(echo(`2002:${'c633:6401'}::1`, '2001:db8:15:1:200:5efe:cb00:7103'))).toBe(Drop.loop);
  });

  test('ENC-49: a neighbor solicitation is answered, to the octet, by a router that says so', () => {
    const driver = router();
    expect(driver.receive(HOST, neighborSolicitation(linkLocal(HOST), linkLocal(ROUTER)), ROUTER)).toBe(Verdict.consumed);
    const [na] = driver.take();
    expect([na.to, na.remote, toHex(na.octets)]).toEqual([
      TransmitTo.carrier,
      HOST,
      toHex(neighborAdvertisement(linkLocal(ROUTER), linkLocal(HOST), 0xc0)),
    ]);
  });
});

test('its addresses, its errors, and what it claims', () => {
  const { role } = router();
  const own = [global(ROUTER), linkLocal(ROUTER), global(HOST), `${SITE}:200:5efe:c000:201`].map((text) => role.isOwn(address(text), 0));
  expect(own).toEqual([true, true, false, false]);
  expect([role.errorSource, role.carrierErrorSource].map((b) => formatIpv6(b))).toEqual([global(ROUTER), global(ROUTER)]);
  const identity = address('2001:db8::99');
  expect(router({ identity }).role.carrierErrorSource).toBe(identity);
  const claims = (src: string, dst: string) => role.claims(echo(src, dst), 0);
  expect([claims(global(HOST), WEB), claims(WEB, global(HOST)), claims(linkLocal(HOST), 'ff02::2'), claims(WEB, WEB)]).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('a tunnel that is down sends and takes nothing', () => {
  const down = router({ local: null });
  expect([down.send(echo(WEB, global(HOST))), down.receive(HOST, routerSolicitation(linkLocal(HOST)), ROUTER)]).toEqual([
    Drop.tunnel_down,
    Drop.tunnel_down,
  ]);
});
