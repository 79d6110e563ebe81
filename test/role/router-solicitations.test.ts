import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { MAX_REFRESH, MAX_SOLICITATIONS, MIN_INTERVAL, RouterSolicitations } from '../../src/role/router-solicitations.js';
import { seeded } from '../chance.js';

const MEMBERS = [1, 2, 3];

/** What may happen to a member, or to all. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('heard' as const),
    who: fc.constantFrom(...MEMBERS),
    lifetime: fc.constantFrom(1_000, 300_000, Number.POSITIVE_INFINITY),
  }),
  fc.constant({ kind: 'lost' as const }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(6_000), fc.nat(130_000), fc.nat(4_000_000)) }),
);

test('ISAH-08: whatever is heard, and however often a router is lost, no member is asked more than three times in the least interval, and each at least once in the longest', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const machine = new RouterSolicitations(MEMBERS, MIN_INTERVAL, seeded(seed), 0);
      const ep = new Endpoint();
      const sent = new Map<number, number[]>(MEMBERS.map((who) => [who, []]));
      let now = 0;
      const drain = () => {
        for (let i = 0; machine.poll(ep); i++) {
          expect(i).toBeLessThan(MEMBERS.length);
          sent.get(ep.bits)?.push(now);
        }
      };
      for (const s of steps) {
        if (s.kind === 'heard') machine.heard(s.who, s.lifetime, now);
        if (s.kind === 'lost') machine.askAll(now);
        if (s.kind === 'wait') {
          const until = now + s.ms;
          for (let i = 0; machine.nextTimeout() <= until; i++) {
            expect(i).toBeLessThan(1_000);
            now = Math.max(now, machine.nextTimeout());
            machine.handleTimeout(now);
            drain();
            expect(machine.nextTimeout()).toBeGreaterThan(now);
          }
          now = until;
        }
        drain();
      }
      for (const at of sent.values()) {
        for (let i = MAX_SOLICITATIONS; i < at.length; i++) expect(at[i] - at[i - MAX_SOLICITATIONS]).toBeGreaterThanOrEqual(MIN_INTERVAL);
        for (let i = 1; i < at.length; i++) expect(at[i] - at[i - 1]).toBeLessThanOrEqual(now);
        if (now > MAX_REFRESH) expect(at.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 400, seed: 5214 },
  );
});

test('when a router is lost, those that were not asked lately are asked within a second', () => {
  const machine = new RouterSolicitations([1], MIN_INTERVAL, seeded(1), 0);
  const ep = new Endpoint();
  machine.handleTimeout(1_000);
  expect(machine.poll(ep)).toBe(true);
  machine.heard(1, Number.POSITIVE_INFINITY, 1_000);
  machine.askAll(100_000);
  expect(machine.nextTimeout()).toBeGreaterThanOrEqual(121_000);
  machine.askAll(121_000);
  expect(machine.nextTimeout()).toBeLessThanOrEqual(122_000);
});
