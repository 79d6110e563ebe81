/** An ISATAP host on any campus: routers that come and go, packets that are lost, octets that are changed. By chance, from seeds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DROPS, Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { MAX_HELD } from '../../src/role/held-packets.js';
import { type Learned, Outer, TransmitTo } from '../../src/role/role.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { udp6 } from '../vectors/compose.js';
import { octetsOf } from '../wire/octet-arrays.js';
import {
  advertisement,
  answerTo,
  Campus,
  Driver,
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

const THIRD = '192.0.2.3';
const ROUTERS = [ROUTER, SECOND, THIRD];
const PEERS = [PEER, '192.0.2.7', '192.0.2.8'];
const DESTINATIONS = [WEB, '2001:db8:77::1', ...PEERS.map(global), ...PEERS.map(linkLocal)];

/** What may happen next. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), dst: fc.constantFrom(...DESTINATIONS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const), who: fc.constantFrom(...ROUTERS, ...PEERS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), share: fc.constantFrom(0, 0, 0.3, 0.7) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('list' as const), list: fc.subarray(ROUTERS) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      who: fc.constantFrom(...ROUTERS, PEER),
      lifetime: fc.constantFrom(0, 30, 1800, 9000),
      flags: fc.constantFrom(0, 0x08, 0x18),
      options: fc.subarray([
        prefixOption(),
        prefixOption({ valid: 10 }),
        prefixOption({ prefix: '2001:db8:0:2', valid: 300, preferred: 100 }),
        routeOption('2001:db8:77::', 48, 600, 0x08),
        routeOption('2001:db8:77::', 48, 0),
        mtuOption(1400),
      ]),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(3_000), fc.nat(100_000), fc.nat(2_000_000)) }),
  },
);

test('on any campus: nothing goes where it should not, nothing is held for ever, nobody is asked too often, no timer is in the past', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      let list = ROUTERS;
      const alive = new Set([...ROUTERS, ...PEERS]);
      let loss = 0;
      let chance = seed;
      const isLost = () => {
        chance = (Math.imul(chance, 1664525) + 1013904223) >>> 0;
        return chance / 2 ** 32 < loss;
      };
      let held = 0;
      let begun = new Map<string, number[]>();
      const watch = (driver: Driver<ReturnType<typeof hostOf>>) => {
        driver.answer = ({ to, type, remote, octets, at, dst }) => {
          if (to === TransmitTo.released || to === TransmitTo.undeliverable) {
            held--;
            return;
          }
          expect(to).toBe(TransmitTo.carrier);
          expect(formatIpv6(octets, 8).endsWith(linkLocal(HOST).slice(6))).toBe(true);
          if (type === Nd.rs) {
            expect([list.includes(remote), dst]).toEqual([true, 'ff02::2']);
            begun.set(remote, [...(begun.get(remote) ?? []), at]);
          } else if (type === Nd.ns) expect([isatap(SITE, remote), linkLocal(remote), isatap('2001:db8:0:2', remote)]).toContain(dst);
          else expect(type).toBe(Nd.na);
          if (!alive.has(remote) || isLost()) return;
          if (type === Nd.rs && ROUTERS.includes(remote)) driver.receive(remote, advertisement(remote));
          if (type === Nd.ns) driver.receive(remote, answerTo(octets));
        };
      };
      let driver = new Driver(hostOf({ potentialRouters: list.map(ip) }, seed));
      watch(driver);

      for (const s of steps) {
        if (s.kind === 'turn') alive.has(s.who) ? alive.delete(s.who) : alive.add(s.who);
        if (s.kind === 'lose') loss = s.share;
        if (s.kind === 'wait') driver.pass(s.ms);
        if (s.kind === 'say') {
          const verdict = driver.receive(s.who, advertisement(s.who, s.options, { lifetime: s.lifetime, flags: s.flags }));
          expect(verdict).toBe(list.includes(s.who) ? Verdict.consumed : Drop.not_potential_router);
        }
        if (s.kind === 'list') {
          list = s.list;
          driver.role.withdraw();
          driver.drain();
          const before = driver.role.heritage(driver.now);
          const { now } = driver;
          driver = new Driver(hostOf({ potentialRouters: list.map(ip), before }, seed, now));
          driver.now = now;
          begun = new Map();
          watch(driver);
        }
        if (s.kind === 'send') {
          const src = s.dst.startsWith('fe80') ? linkLocal(HOST) : global(HOST);
          const verdict = driver.role.encapsulate(echo(src, s.dst), 0, driver.outer, driver.now);
          const carried = PEERS.find(
            (peer) => s.dst === linkLocal(peer) || (s.dst === global(peer) && hasPrefix(driver.role.learned ?? NOTHING)),
          );
          if (verdict === Drop.none || verdict === Verdict.hold) expect(carried === undefined ? list : [carried]).toContain(driver.remote);
          else expect([Drop.no_endpoint, Drop.neighbor_unreachable, Drop.queue_full, Drop.source_mismatch]).toContain(verdict);
          if (verdict === Verdict.hold) held++;
          driver.drain();
        }
        expect(held).toBeGreaterThanOrEqual(0);
        expect(held).toBeLessThanOrEqual(MAX_HELD);
        const learned = driver.role.learned ?? NOTHING;
        for (const { until } of learned.routers) expect(until).toBeGreaterThan(driver.now - 60_001);
        expect(learned.routers.every((router) => list.some((one) => formatIpv6(router.address) === linkLocal(one)))).toBe(true);
        expect(driver.role.nextTimeout()).toBeGreaterThan(driver.now);
      }
      driver.pass(4_000);
      expect(held).toBe(0);
      for (const at of begun.values()) for (const [i, t] of at.entries()) if (i >= 3) expect(t - at[i - 3]).toBeGreaterThanOrEqual(8_000);

      // Whatever was, when all is well again the web is reached over the routers there are.
      for (const one of ROUTERS) alive.add(one);
      loss = 0;
      driver.pass(160_000);
      for (const router of list) driver.receive(router, advertisement(router));
      if (list.length > 0) expect([driver.send(echo(global(HOST), WEB)), list.includes(driver.remote)]).toEqual([Drop.none, true]);
    }),
    { numRuns: 150, seed: 5214 },
  );
});

const NOTHING: Learned = { routers: [], prefixes: [], routes: [], mtu: 0, teredo: null };
const hasPrefix = (learned: { prefixes: readonly { onLink: boolean; prefix: { addr: Uint8Array } }[] }) =>
  learned.prefixes.some(({ onLink, prefix }) => onLink && formatIpv6(prefix.addr) === `${SITE}::`);

test('whichever router dies, and however many: while one lives, packets reach it within 54 s, and stay there', () => {
  fc.assert(
    fc.property(
      fc.subarray(ROUTERS, { minLength: 1, maxLength: 2 }),
      fc.integer({ min: 0, max: 400_000 }),
      fc.nat(),
      (dying, wait, seed) => {
        const campus = new Campus({ potentialRouters: ROUTERS.map(ip) }, seed);
        for (const router of ROUTERS) campus.routers.add(router).add(router);
        for (const router of ROUTERS) campus.peers.add(router);
        campus.pass(wait + 2_000);
        const living = ROUTERS.filter((router) => !dying.includes(router));
        for (const router of dying) {
          campus.routers.delete(router);
          campus.peers.delete(router);
        }
        const died = campus.now;
        let since = Number.POSITIVE_INFINITY;
        while (campus.now < died + 200_000) {
          const way = campus.reach(echo(global(HOST), WEB));
          if (living.includes(String(way))) since = Math.min(since, campus.now);
          else since = Number.POSITIVE_INFINITY;
          campus.take();
          campus.pass(1_000);
        }
        // Each that died may have been the one in use in turn: REACHABLE, DELAY and PROBE of the first, DELAY and PROBE of the next.
        expect(since - died).toBeLessThanOrEqual(54_000 + 9_000 * (dying.length - 1));
      },
    ),
    { numRuns: 25, seed: 4861 },
  );
});

/** Packets that a host meets. */
const MET = [
  advertisement(ROUTER, [prefixOption(), routeOption('3fff::', 20, 600), mtuOption(1400)]),
  neighborSolicitation(linkLocal(PEER), global(HOST)),
  neighborAdvertisement(linkLocal(PEER), linkLocal(HOST)),
  routerSolicitation(linkLocal(PEER)),
  redirect(linkLocal(ROUTER), linkLocal(HOST)),
  udp6({ src: global(PEER), dst: global(HOST) }, 64),
  udp6({ src: global(HOST), dst: global(PEER) }, 64),
  udp6({ src: WEB, dst: global(HOST) }, 64),
];

test('any packet with any octets changed: a verdict of the list, both ways, and no exception', () => {
  const known = new Set<number>([...DROPS.map(({ code }) => code), Drop.none, Verdict.hold, Verdict.consumed]);
  const campus = Campus.settled();
  campus.answer = () => {};
  fc.assert(
    fc.property(
      fc.constantFrom(...MET),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
      fc.constantFrom(ROUTER, PEER, HOST, '224.0.0.1', '198.51.100.1'),
      octetsOf(8),
      (met, changes, from, tail) => {
        const b = Uint8Array.of(...met, ...tail);
        for (const [at, octet] of changes) if (at < b.length) b[at] = octet;
        // The engine has seen to it that the packet is whole.
        b[0] = (b[0] & 0x0f) | 0x60;
        if (40 + ((b[4] << 8) | b[5]) > b.length) b.set([0, b.length - 40], 4);
        expect([known.has(campus.receive(from, b)), known.has(campus.send(b))]).toEqual([true, true]);
        campus.take();
        campus.pass(50);
      },
    ),
    { numRuns: 4_000, seed: 1 },
  );
});

test('what is forwarded allocates nothing: the heap does not grow in 300000 packets each way, by a router, to a peer, and refused', () => {
  const campus = Campus.settled();
  campus.reach(echo(global(HOST), global(PEER)));
  campus.pass(1);
  const { role, now } = campus;
  const outer = new Outer();
  const out = [WEB, global(PEER)].map((dst) => udp6({ src: global(HOST), dst }, 104));
  const refused = [udp6({ src: WEB, dst: WEB }, 104), udp6({ src: global(HOST), dst: 'ff02::1' }, 104)];
  const back = [
    [PEER, udp6({ src: global(PEER), dst: global(HOST) }, 104)],
    [ROUTER, udp6({ src: WEB, dst: global(HOST) }, 104)],
    [PEER, udp6({ src: WEB, dst: global(HOST) }, 104)],
    [HOST, udp6({ src: global(PEER), dst: global(HOST) }, 104)],
  ] as const;
  const from = back.map(([remote]) => ip(remote) | 0);
  const local = ip(HOST) | 0;
  let sum = 0;
  const round = (n: number) => {
    for (let i = 0; i < n; i++) {
      sum += role.encapsulate(out[i & 1], 0, outer, now) + role.encapsulate(refused[i & 1], 0, outer, now);
      outer.remote.bits = from[i & 3];
      outer.local.bits = local;
      sum += role.decapsulate(back[i & 3][1], 0, outer, now);
    }
  };
  round(100_000);
  const before = process.memoryUsage().heapUsed;
  round(100_000);
  const grown = process.memoryUsage().heapUsed - before;
  // One object of 16 octets in ten packets would be half a million.
  expect(grown).toBeLessThan(300_000);
  expect([sum > 0, formatIpv4(outer.local.addr)]).toEqual([true, HOST]);
});
