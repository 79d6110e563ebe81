import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatKeyPath, formatProblem, nearest, type Problem, quote } from '../../src/config/problem.js';

const problem: Problem = {
  severity: 'error',
  file: 'tsunagi.toml',
  line: 12,
  column: 3,
  key: 'tunnel[1].mtu',
  message: '100 is too small',
  expected: '1280 to 65515',
};

test.each([
  [problem, 'tsunagi.toml:12:3: tunnel[1].mtu: 100 is too small; expected 1280 to 65515'],
  [{ ...problem, severity: 'warning' as const }, 'tsunagi.toml:12:3: warning: tunnel[1].mtu: 100 is too small; expected 1280 to 65515'],
  [{ ...problem, key: '', message: 'is a directory', expected: '' }, 'tsunagi.toml:12:3: is a directory'],
])('a problem is one line that editors can jump to', (given, line) => {
  expect(formatProblem(given)).toBe(line);
});

test.each([
  [['workers'], 'workers'],
  [['tunnel', 0, 'lan', 12, 'subnet'], 'tunnel[0].lan[12].subnet'],
  [['a.b', 'c d', ''], '"a.b"."c d".""'],
  [[], ''],
])('the path %j is %s', (path, text) => {
  expect(formatKeyPath(path)).toBe(text);
});

test('a quoted text is one line of bounded length without anything that steers a terminal or turns text around', () => {
  expect(quote('a\u001b[31m\u009b\u202eb\n"')).toBe('"a\\u001b[31m\\u009b\\u202eb\\n\\""');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const quoted = quote(text);
      expect(quoted).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      expect(quoted.length).toBeLessThanOrEqual(2 + 6 * 49);
    }),
  );
});

test.each([
  ['mtuu', ['name', 'mtu', 'ttl'], 'mtu'],
  ['lcoal', ['local', 'label'], 'local'],
  ['acept', ['configure', 'accept'], 'accept'],
  ['TTL', ['ttl'], 'ttl'],
  ['ab', ['cd', 'ba'], 'ba'],
  ['x', [], null],
])('nearest to %s in %j is %s', (word, known, answer) => {
  expect(nearest(word, known)).toBe(answer);
});

/** Edits between two words, straight from the definition. */
function distance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const shorter = distance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1);
  const best = Math.min(shorter, distance(a.slice(1), b) + 1, distance(a, b.slice(1)) + 1);
  return a[0] === b[1] && a[1] === b[0] && a.length > 1 && b.length > 1 ? Math.min(best, distance(a.slice(2), b.slice(2)) + 1) : best;
}

test('nearest is the word of the fewest edits, by the definition of edits', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  fc.assert(
    fc.property(word, fc.array(word, { minLength: 1, maxLength: 4 }), (given, known) => {
      const answer = nearest(given, known);
      expect(distance(given, answer ?? '')).toBe(Math.min(...known.map((candidate) => distance(given, candidate))));
    }),
  );
});
