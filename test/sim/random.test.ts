import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/sim/random.js';

const take = (n: number, random: SeededRandom): number[] => Array.from({ length: n }, () => random.word());

test('from the state 1, 2, 3, 4 come the words of the reference implementation of xoshiro128** 1.1', () => {
  expect(take(10, SeededRandom.fromState([1, 2, 3, 4]))).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ]);
});

test('the same seed gives the same words, another seed others, and no seed is stuck', () => {
  expect(take(100, new SeededRandom(7))).toEqual(take(100, new SeededRandom(7)));
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => new SeededRandom(seed).word()));
  expect(firsts.size).toBe(1000);
  expect(new Set(take(1000, new SeededRandom(0))).size).toBeGreaterThan(990);
});

test('a stream depends on its name and the seed, not on what was drawn before', () => {
  const drawn = new SeededRandom(7);
  drawn.word();
  expect(take(10, drawn.stream('link a'))).toEqual(take(10, new SeededRandom(7).stream('link a')));
  expect(take(10, drawn.stream('link a'))).not.toEqual(take(10, drawn.stream('link b')));
  expect(take(10, drawn.stream('link a'))).not.toEqual(take(10, new SeededRandom(8).stream('link a')));
});

test('octets are filled whole, whatever the length, and every value occurs about as often', () => {
  for (let n = 0; n < 9; n++) {
    const b = new Uint8Array(n + 2).fill(0xa5);
    new SeededRandom(3).fill(b.subarray(1, 1 + n));
    expect([b[0], b[n + 1]]).toEqual([0xa5, 0xa5]);
  }
  const b = new Uint8Array(256 * 1000);
  new SeededRandom(3).fill(b);
  const counts = new Float64Array(256);
  for (const octet of b) counts[octet]++;
  // Chi square with 255 degrees of freedom: 330.5 is exceeded once in a thousand seeds.
  expect(counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(330.5);
});

test('a share of 0 never happens and draws nothing, a share of 1 always happens', () => {
  const random = new SeededRandom(9);
  expect(Array.from({ length: 100 }, () => random.chance(0)).some(Boolean)).toBe(false);
  expect(random.word()).toBe(new SeededRandom(9).word());
  expect(Array.from({ length: 100 }, () => random.chance(1)).every(Boolean)).toBe(true);
});

test('integers below a bound are all reached and never exceed it', () => {
  const random = new SeededRandom(11);
  const drawn = Array.from({ length: 1000 }, () => random.below(7));
  expect([...new Set(drawn)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
