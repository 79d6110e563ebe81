import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateLimit } from '../../src/policy/rate-limit.js';

/** When tokens were had, of those asked for at `waits` after one another. */
function taken(rate: number, start: number, waits: readonly number[]): number[] {
  const limit = new RateLimit(rate);
  const had: number[] = [];
  let now = start;
  for (const wait of waits) {
    now += wait;
    if (limit.take(now)) had.push(now);
  }
  return had;
}

const rates = fc.constantFrom(1, 2, 9, 10, 100, 1000, 1_000_000);
const waits = fc.array(fc.oneof(fc.constant(0), fc.nat(3), fc.nat(2000)), { minLength: 1, maxLength: 300 });

test('over no interval is more granted than a burst and the rate', () => {
  fc.assert(
    fc.property(rates, fc.nat(1e9), waits, (rate, start, steps) => {
      const had = taken(rate, start, steps);
      const burst = Math.max(1, rate / 10);
      for (let i = 0; i < had.length; i++) {
        for (let j = i; j < had.length; j++) expect(j - i + 1).toBeLessThanOrEqual(burst + ((had[j] - had[i]) * rate) / 1000 + 1e-6);
      }
    }),
  );
});

test('whoever asks steadily gets what the rate is', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 10, 100, 1000), fc.nat(1e9), (rate, start) => {
      const had = taken(rate, start, Array<number>(20_000).fill(1));
      expect(had.length).toBeGreaterThanOrEqual(rate * 20 - 1);
      expect(had.length).toBeLessThanOrEqual(rate * 20 + Math.max(1, rate / 10));
    }),
    { numRuns: 20 },
  );
});

test('a long silence earns one burst and no more', () => {
  expect(taken(100, 0, [1e9, ...Array<number>(50).fill(0)])).toHaveLength(10);
});

test('a rate of 0 grants nothing, ever', () => {
  expect(taken(0, 0, Array<number>(1000).fill(1000))).toEqual([]);
});

test('the first is granted at once, whatever the clock says', () => {
  for (const start of [0, 1, 1e9]) expect(taken(1, start, [0])).toEqual([start]);
});

test('what is kept in reserve is there for whoever asks without one, and the rate is still the rate', () => {
  const limit = new RateLimit(100);
  let [plain, modest] = [0, 0];
  for (let now = 0; now < 10_000; now += 10) {
    for (let i = 0; i < 5; i++) if (limit.take(now, 5)) modest++;
    if (now % 40 === 0 && limit.take(now)) plain++;
  }
  expect(plain).toBe(250);
  expect(modest).toBeGreaterThan(740);
  expect(plain + modest).toBeLessThanOrEqual(10 + 1000);
});
