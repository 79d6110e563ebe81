/** What of neighbours is kept: RFC 4861 section 7.3 by a model on maps, and the bounds that a flood must not break. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Endpoint } from '../../src/core/endpoint.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { MAX_HELD, MAX_PER_NEIGHBOR } from '../../src/role/held-packets.js';
import { IN_USE, MAX_NEIGHBORS, MAX_UNCONFIRMED, NeighborCache, Rank, RETRY_DELAY } from '../../src/role/neighbor-cache.js';
import { TransmitTo } from '../../src/role/role.js';
import { seeded } from '../chance.js';
import { address, udp6 } from '../vectors/compose.js';
import { global, HOST, ip, linkLocal } from './isatap-campus.js';

const ROOM = 1280;
const OFF = 5;
/** A neighbour to which nothing is sent, among many. */
const IDLE = 500;
const SOURCE = address(linkLocal(HOST));

/** A cache, and what becomes of what it is given. */
class Bench {
  now = 0;
  readonly cache = new NeighborCache(ROOM, seeded(1));
  readonly asked: number[] = [];
  readonly released: number[] = [];
  readonly returned: number[] = [];
  readonly #ep = new Endpoint();
  readonly #b = new Uint8Array(2048).fill(0xa5);
  readonly #out = makeBatch(1, HEADROOM + 2048)[0];

  /** A packet to neighbour `n`, with a number of its own. */
  send(n: number, mark = 0): number {
    this.#b.set(udp6({ src: global(HOST), dst: '2001:db8:0:1:0:5efe:a00:0' }, 64, [mark, n & 0xffff]), OFF);
    this.#ep.addr = ip('10.0.0.0') + n;
    const verdict = this.cache.admit(this.#ep, this.#b, OFF + 24, this.#b, OFF, this.now);
    this.drain();
    return verdict;
  }

  answers(n: number, solicited = true): void {
    this.cache.advertised((ip('10.0.0.0') + n) | 0, solicited, this.now);
    this.drain();
  }

  rank(n: number): number {
    return this.cache.rank((ip('10.0.0.0') + n) | 0, this.now);
  }

  /** A neighbour that answers. */
  greet(n: number): void {
    this.send(n);
    this.answers(n);
  }

  drain(): void {
    while (this.cache.pollSolicitation(this.#out, SOURCE)) this.asked.push(this.#out.remote.addr - ip('10.0.0.0'));
    for (;;) {
      const fate = this.cache.pollHeld(this.#out);
      if (fate === TransmitTo.nowhere) return;
      (fate === TransmitTo.released ? this.released : this.returned).push(
        (this.#out.b[this.#out.off + 40] << 8) | this.#out.b[this.#out.off + 41],
      );
    }
  }

  until(time: number): void {
    for (let i = 0; this.cache.nextTimeout() <= time; i++) {
      expect(i).toBeLessThan(10_000);
      this.now = Math.max(this.now, this.cache.nextTimeout());
      this.cache.handleTimeout(this.now);
      this.drain();
      expect(this.cache.nextTimeout()).toBeGreaterThan(this.now);
    }
    this.now = time;
  }
}

describe('a flood of new destinations', () => {
  test('takes no more than its places, and costs nobody who answers anything', () => {
    const bench = new Bench();
    const friends = Array.from({ length: MAX_NEIGHBORS - MAX_UNCONFIRMED }, (_, i) => i);
    for (const n of friends) bench.greet(n);
    bench.asked.length = 0;
    const verdicts = Array.from({ length: 5_000 }, (_, i) => bench.send(10_000 + i));
    // Held packets run out first: a neighbour is not asked for a packet that cannot be kept.
    expect([verdicts.filter((v) => v === Verdict.hold).length, verdicts.filter((v) => v === Drop.queue_full).length]).toEqual([
      MAX_HELD,
      5_000 - MAX_HELD,
    ]);
    expect(bench.asked).toHaveLength(MAX_HELD);
    expect(friends.every((n) => bench.send(n) === Drop.none)).toBe(true);
  });

  test('over time: those that failed give way to new ones, the oldest first, and nobody else does', () => {
    const bench = new Bench();
    // Endpoints anywhere, so that some share a chain of the table.
    const anywhere = fc.sample(fc.nat(0xffffff), { numRuns: 2_000, seed: 1 });
    const endpoints = [...new Set(anywhere)];
    const friends = endpoints.slice(0, 700);
    const strangers = endpoints.slice(700);
    for (const n of friends) bench.greet(n);
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < MAX_HELD; i++) expect(bench.send(strangers[round * MAX_HELD + i])).toBe(Verdict.hold);
      bench.until(bench.now + 3_000);
      expect(bench.send(friends[0])).toBe(Drop.none);
      bench.answers(friends[0]);
    }
    const known = Array.from({ length: 12 * MAX_HELD }, (_, i) => bench.rank(strangers[i]) !== Rank.unknown);
    expect(known.filter(Boolean).length).toBe(MAX_UNCONFIRMED);
    expect(known.lastIndexOf(false)).toBe(12 * MAX_HELD - MAX_UNCONFIRMED - 1);
    expect(friends.every((n) => bench.rank(n) === Rank.reachable)).toBe(true);
  });

  test('with every place in use a newcomer is refused; one that was idle for a minute gives way, whoever is in use does not', () => {
    const bench = new Bench();
    for (let n = 0; n < MAX_NEIGHBORS; n++) bench.greet(n);
    expect(bench.send(5000)).toBe(Drop.queue_full);
    bench.until(IN_USE - 1);
    for (let n = 0; n < MAX_NEIGHBORS; n++) if (n !== IDLE) bench.send(n);
    expect(bench.send(5000)).toBe(Drop.queue_full);
    bench.until(IN_USE);
    expect(bench.send(5000)).toBe(Verdict.hold);
    expect([bench.rank(IDLE), bench.rank(0), bench.rank(MAX_NEIGHBORS - 1)]).toEqual([Rank.unknown, Rank.reachable, Rank.reachable]);
  });
});

/** What may happen next. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), n: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), n: fc.nat(5), solicited: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('suspect' as const), n: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(1500), fc.nat(60_000)) }) },
);

test('whatever happens: each packet that was held comes back once and in order, or still waits for somebody who is being asked', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const bench = new Bench();
      const waiting = new Map<number, number[]>();
      const heldBy = (n: number) => waiting.get(n) ?? [];
      let mark = 0;
      for (const s of steps) {
        const rank = 'n' in s ? bench.rank(s.n) : Rank.unknown;
        if (s.kind === 'wait') bench.until(bench.now + s.ms);
        if (s.kind === 'answer') bench.answers(s.n, s.solicited);
        if (s.kind === 'suspect') bench.cache.suspect((ip('10.0.0.0') + s.n) | 0);
        if (s.kind === 'send') {
          const verdict = bench.send(s.n, ++mark);
          if (rank === Rank.reachable) expect(verdict).toBe(Drop.none);
          else if (rank === Rank.failed) expect(verdict).toBe(Drop.neighbor_unreachable);
          else expect(verdict).toBe(heldBy(s.n).length < MAX_PER_NEIGHBOR ? Verdict.hold : Drop.queue_full);
          if (verdict === Verdict.hold) waiting.set(s.n, [...heldBy(s.n), mark]);
        }
        for (const [from, list] of [
          ['answer', bench.released],
          ['wait', bench.returned],
        ] as const) {
          if (list.length > 0) expect(s.kind).toBe(from);
          for (const one of list.splice(0)) {
            const owner = [...waiting].find(([, marks]) => marks[0] === one);
            expect(owner).toBeDefined();
            if (owner !== undefined) waiting.set(owner[0], owner[1].slice(1));
          }
        }
        // What waits, waits for somebody who is being asked.
        for (const [n, marks] of waiting) if (marks.length > 0) expect(bench.rank(n)).toBe(Rank.unknown);
        bench.asked.length = 0;
      }
      bench.until(bench.now + 60_000);
      const left = [...waiting.values()].flat().sort((a, b) => a - b);
      expect(bench.returned.sort((a, b) => a - b)).toEqual(left);
      expect(bench.cache.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    }),
    { numRuns: 300, seed: 4861 },
  );
});

test('somebody who never answers is asked three times in thirteen seconds, however much is sent', () => {
  const bench = new Bench();
  for (let i = 0; i < 130; i++) {
    bench.send(1, i);
    bench.until(bench.now + 100);
  }
  expect(bench.asked.length).toBe(3);
  expect(RETRY_DELAY).toBe(10_000);
});

test('timers of several neighbours keep their own time', () => {
  const bench = new Bench();
  const asked: [number, number][] = [];
  for (const [at, n] of [
    [0, 1],
    [300, 2],
    [600, 3],
  ]) {
    bench.until(at);
    bench.send(n);
  }
  bench.asked.length = 0;
  for (let t = 600; t < 5_000; t += 100) {
    bench.until(t);
    for (const n of bench.asked.splice(0)) asked.push([t, n]);
  }
  expect(asked).toEqual([
    [1000, 1],
    [1300, 2],
    [1600, 3],
    [2000, 1],
    [2300, 2],
    [2600, 3],
  ]);
});

test('RFC 4861 section 7.2.5: an advertisement that nobody asked for lets packets go, but is no proof: the neighbour is asked 5 s later', () => {
  const bench = new Bench();
  bench.send(1, 7);
  bench.until(500);
  bench.answers(1, false);
  expect(bench.released).toHaveLength(1);
  bench.asked.length = 0;
  bench.until(10_000);
  expect(bench.asked).toEqual([]);
  expect(bench.send(1)).toBe(Drop.none);
  bench.until(14_999);
  expect(bench.asked).toEqual([]);
  bench.until(15_000);
  expect(bench.asked).toEqual([1]);
  bench.answers(1, false);
  bench.until(18_000);
  expect(bench.rank(1)).toBe(Rank.failed);
});
