/** Teredo clients in a world of NATs: RFC 4380 and RFC 6081 as they play together. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { SeededRandom } from '../../src/sim/random.js';
import { formatIpv6 } from '../../src/wire/address.js';
import { toHex } from '../vectors/compose.js';
import { type Datagram, DELAY, FIGURE_1, type Home, innerAt, KINDS, type Kind, TeredoWorld, WEB } from './teredo-world.js';

const NAMES = Object.keys(KINDS) as Kind[];
const CONES: readonly Kind[] = ['cone', 'address-restricted', 'port-restricted'];
const ECHO_REPLY = 129;
/** Where nobody is. */
const ABSENT = '2001:0:4136:e378:0:b1df:3fff:fdf0';

const replies = (home: Home) => home.delivered.filter((packet) => packet[40] === ECHO_REPLY).length;
/** Bubbles that a host sent, by what they are. */
function bubbles(sent: readonly Datagram[]) {
  const all = sent.filter(({ payload }) => payload[innerAt(payload) + 6] === 59 && innerAt(payload) === 0);
  const indirect = all.filter(({ to }) => to.port === 3544);
  return { indirect, direct: all.filter(({ to }) => to.port !== 3544) };
}

describe('a native host', () => {
  test.each([...CONES, null])('is reached from behind a %s NAT in the first ping', (kind) => {
    const world = new TeredoWorld();
    const home = world.home('home', kind);
    world.settle();
    const start = world.now;
    home.ping(WEB);
    world.run(start + 20 * DELAY);
    expect([replies(home), home.undeliverable.length]).toEqual([1, 0]);
    home.ping(WEB);
    world.run(start + 40 * DELAY);
    expect(replies(home)).toBe(2);
  });

  test.each(NAMES.filter((kind) => !CONES.includes(kind)))(
    'that only a strict relay leads to is given up behind a %s NAT after 8 s',
    (kind) => {
      const world = new TeredoWorld();
      const home = world.home('home', kind);
      world.settle();
      home.ping(WEB);
      world.run(world.now + 7_999);
      expect(home.undeliverable).toHaveLength(0);
      world.run(world.now + 1);
      expect([replies(home), home.undeliverable.length]).toEqual([0, 1]);
    },
  );
});

describe('two clients behind one NAT', () => {
  test.each(NAMES)('find each other on the LAN, though the %s NAT does not hairpin', (kind) => {
    const world = new TeredoWorld();
    const gateway = world.gateway('192.0.2.99', kind, { hairpins: false });
    const a = world.behind(gateway, 'a', '192.168.9.2');
    const b = world.behind(gateway, 'b', '192.168.9.3');
    world.settle();
    const start = world.now;
    expect(a.ping(b.address)).toBe(Verdict.hold);
    world.run(start + 2_000);
    expect([b.delivered.length, replies(a)]).toEqual([1, 1]);
    const data = world.sent.filter(({ payload }) => payload[6] === 58 && payload[40] >= 128 && payload[40] < 130);
    expect(new Set(data.map(({ to }) => to.addr))).toEqual(new Set([a.addr, b.addr]));
  });

  test.each(CONES)('reach each other, if the %s NAT hairpins', (kind) => {
    const world = new TeredoWorld();
    const gateway = world.gateway('192.0.2.99', kind, { hairpins: true });
    const a = world.behind(gateway, 'a', '192.168.9.2');
    const b = world.behind(gateway, 'b', '192.168.9.3');
    world.settle();
    a.ping(b.address);
    world.run(world.now + 2_000);
    expect(replies(a)).toBe(1);
  });
});

describe.each(NAMES)('behind a %s NAT', (first) => {
  test.each(NAMES)('and a %s NAT, both begin at once', (second) => {
    const meets = (from: Kind, to: Kind) => {
      const world = new TeredoWorld(3);
      const a = world.home('a', from);
      const b = world.home('b', to);
      world.settle();
      a.ping(b.address);
      world.run(world.now + 10_000);
      return replies(a) === 1;
    };
    const world = new TeredoWorld(3);
    const a = world.home('a', first);
    const b = world.home('b', second);
    world.settle();
    a.ping(b.address);
    b.ping(a.address);
    world.run(world.now + 10_000);
    const connects = meets(first, second) && meets(second, first);
    if (connects) expect([replies(a), replies(b)]).toEqual([1, 1]);
    expect([replies(a) + a.undeliverable.length, replies(b) + b.undeliverable.length]).toEqual([1, 1]);
  });
});

describe('after a while', () => {
  test.each(NAMES)('a peer behind a %s NAT that forgets after a minute is reached again', (kind) => {
    const world = new TeredoWorld();
    const a = world.home('a', 'address-restricted', { timeout: 60_000 });
    const b = world.home('b', kind, { timeout: 60_000 });
    world.settle();
    for (let i = 1; i <= 4; i++) {
      a.ping(b.address);
      world.run(world.now + 9_000);
      expect([i, replies(a)]).toEqual([i, i]);
      world.run(world.now + 400_000);
    }
  });

  test.each(NAMES)('a NAT of kind %s that forgets everything is noticed within a refresh interval', (kind) => {
    const world = new TeredoWorld();
    const a = world.home('a', 'address-restricted');
    const b = world.home('b', kind);
    world.settle();
    const before = b.address;
    a.ping(before);
    world.run(world.now + 5_000);
    b.gateway?.table.forget();
    world.run(world.now + 30_000);
    expect(b.address).not.toBe(before);
    a.ping(b.address);
    world.run(world.now + 9_000);
    expect(replies(a)).toBe(2);
  });
});

describe('bubbles', () => {
  test.each([
    ['port-restricted', 'random symmetric'],
    ['random symmetric', 'random symmetric'],
    ['sequential symmetric', 'port-preserving symmetric'],
  ] as const)('between %s and %s, who cannot meet, are few however often they try', (first, second) => {
    const world = new TeredoWorld();
    const a = world.home('a', first);
    const b = world.home('b', second);
    world.settle();
    const start = world.now;
    for (let i = 0; i < 290; i++) {
      a.ping(b.address);
      b.ping(a.address);
      world.run(start + 1_000 * i);
    }
    for (const home of [a, b]) {
      const { indirect, direct } = bubbles(world.sent.filter(({ from }) => from === home.name));
      // Four of its own, and four that answer as many.
      expect(indirect.length).toBeLessThanOrEqual(8);
      // To the mapped port, a random port, an alternate address; and those of echo tests.
      expect(direct.length).toBeLessThanOrEqual(8 * 5);
      const times = indirect.map(({ at }) => at - start);
      expect(times.every((at) => at <= 9_000)).toBe(true);
    }
    expect(replies(a) + replies(b)).toBe(0);
  });

  test('to a peer that is not there: four pairs in any 300 s, two seconds apart', () => {
    const world = new TeredoWorld();
    const a = world.home('a', 'port-restricted');
    world.settle();
    const start = world.now;
    for (let i = 0; i < 1_200; i++) {
      a.ping(ABSENT);
      world.run(start + 1_000 * i);
    }
    const times = bubbles(world.sent).indirect.map(({ at }) => at - start);
    for (let i = 1; i < times.length; i++) expect(times[i] - times[i - 1]).toBeGreaterThanOrEqual(2_000);
    for (let i = 4; i < times.length; i++) expect(times[i] - times[i - 4]).toBeGreaterThanOrEqual(300_000);
    expect(times.length).toBeGreaterThanOrEqual(12);
  });

  test('are not allowed anew to whoever loses its server, and has its address again', () => {
    const world = new TeredoWorld();
    const a = world.home('a', 'port-restricted');
    world.settle();
    const { address } = a;
    const start = world.now;
    a.ping(ABSENT);
    world.run(start + 10_000);
    world.serverIsUp = false;
    world.run(start + 45_000);
    expect(a.role.learned.teredo?.state).not.toBe('qualified');
    world.serverIsUp = true;
    world.run(start + 60_000);
    expect([a.address, a.ping(ABSENT)]).toEqual([address, Drop.neighbor_unreachable]);
    world.run(start + 70_000);
    expect(bubbles(world.sent).indirect).toHaveLength(4);
  });

  test('do not multiply between two clients who get each of them twice', () => {
    const world = new TeredoWorld();
    const a = world.home('a', 'port-restricted');
    const b = world.home('b', 'address-restricted');
    world.settle();
    world.lags = () => [0, 3, 400];
    for (let i = 0; i < 4; i++) {
      a.ping(b.address);
      b.ping(a.address);
      world.run(world.now + 40_000);
    }
    const { indirect, direct } = bubbles(world.sent);
    expect(replies(a) > 0 && replies(b) > 0).toBe(true);
    expect(indirect.length + direct.length).toBeLessThan(200);
  });

  test('nor is anybody asked while there is no address', () => {
    const world = new TeredoWorld();
    const a = world.home('a', 'port-restricted');
    world.settle();
    const start = world.now;
    world.serverIsUp = false;
    const isQualified = () => a.role.learned.teredo?.state === 'qualified';
    while (isQualified() && world.now < start + 60_000) {
      a.ping(`2001:0:4136:e378:0:${(world.now % 0x8000).toString(16)}:3fff:fdf0`);
      world.run(world.now + 500);
    }
    expect([isQualified(), a.role.peers > 0]).toEqual([false, true]);
    world.sent.length = 0;
    world.run(world.now + 10_000);
    const { indirect, direct } = bubbles(world.sent);
    expect([indirect.length, direct.length]).toEqual([0, 0]);
  });
});

describe('on any network', () => {
  const kind = fc.constantFrom(...NAMES);
  const fault = fc.record({
    loss: fc.integer({ min: 0, max: 40 }),
    lag: fc.integer({ min: 0, max: 3_000 }),
    twice: fc.integer({ min: 0, max: 30 }),
  });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('ping' as const), from: fc.nat(2), to: fc.nat(3) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60_000 }) }),
    fc.record({ kind: fc.constant('forget' as const), home: fc.nat(2) }),
  );

  const well = { loss: 0, lag: 0, twice: 0 };
  const pause = { kind: 'wait', ms: 1 } as const;
  /** Where one of the two remembered too much of the other. */
  const FOUND: readonly [[Kind, Kind, Kind], typeof well, (typeof step extends fc.Arbitrary<infer S> ? S : never)[], number][] = [
    [['port-preserving symmetric', 'sequential symmetric', 'cone'], well, [{ kind: 'ping', from: 0, to: 1 }, pause], 0],
    [['port-preserving symmetric', 'port-restricted', 'cone'], well, [{ kind: 'ping', from: 0, to: 1 }, pause], 0],
    [['sequential symmetric', 'port-restricted', 'cone'], well, [{ kind: 'ping', from: 1, to: 0 }, pause], 0],
  ];

  test('packets reach only whom they are for, nobody is asked without end, and what waits has an end', () => {
    fc.assert(
      fc.property(
        fc.tuple(kind, kind, kind),
        fault,
        fc.array(step, { minLength: 3, maxLength: 25 }),
        fc.nat(1e6),
        (kinds, faults, steps, seed) => {
          const world = new TeredoWorld(seed);
          const homes = kinds.map((name, i) => world.home(`h${i}`, name));
          world.settle();
          const random = new SeededRandom(seed);
          world.loses = () => random.below(100) < faults.loss;
          world.lags = () =>
            random.below(100) < faults.twice
              ? [random.below(faults.lag + 1), random.below(faults.lag + 1)]
              : [random.below(faults.lag + 1)];
          let pings = 0;
          for (const action of steps) {
            if (action.kind === 'wait') world.run(world.now + action.ms);
            if (action.kind === 'forget') homes[action.home].gateway?.table.forget();
            const states = homes.map(({ role }) => role.learned.teredo);
            if (action.kind !== 'ping' || states[action.from]?.state !== 'qualified') continue;
            const to = action.to === 3 ? WEB : (states[action.to]?.address ?? null);
            if (to === null || action.to === action.from) continue;
            const verdict = homes[action.from].ping(typeof to === 'string' ? to : formatIpv6(to));
            if (verdict === Verdict.hold) pings++;
          }
          // Whatever waited is sent or given up 8 s later, and all fall silent but for the maintenance of their mapping.
          world.run(world.now + 30_000);
          for (const home of homes) {
            expect(home.undeliverable.length).toBeLessThanOrEqual(pings);
            expect(home.role.nextTimeout()).toBeLessThan(Number.POSITIVE_INFINITY);
            expect(home.role.nextTimeout()).toBeGreaterThanOrEqual(world.now);
          }
          // Once the network is well and the NATs have forgotten, all is as if nothing had been.
          world.loses = () => false;
          world.lags = () => [0];
          world.run(world.now + 700_000);
          const [a, b] = homes;
          const before = replies(a);
          a.ping(b.address);
          world.run(world.now + 10_000);
          // A NAT that has restarted does not preserve the ports that it had given before, and is another kind of NAT.
          const hasChanged = kinds.some(
            (name, i) => name === 'port-preserving symmetric' && steps.some((action) => action.kind === 'forget' && action.home === i),
          );
          if (!hasChanged) expect([kinds, replies(a) - before]).toEqual([kinds, FIGURE_1[kinds[0]][NAMES.indexOf(kinds[1])] ? 1 : 0]);
          for (const home of homes) {
            const { indirect } = bubbles(world.sent.filter(({ from }) => from === home.name));
            const peerOf = ({ payload }: Datagram) => toHex(payload.subarray(24, 40));
            for (const peer of new Set(indirect.map(peerOf))) {
              const times = indirect.filter((bubble) => peerOf(bubble) === peer);
              // Four of its own, and as many that answer, between two times that the peer is heard; 30 s pass before it is asked again.
              for (let i = 12; i < times.length; i++) expect(times[i].at - times[i - 12].at).toBeGreaterThan(8_000);
            }
          }
        },
      ),
      { seed: 4380, numRuns: 150, examples: [...FOUND] },
    );
  });
});
