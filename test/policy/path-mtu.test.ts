import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { advertisedMtu, Fit, fitPath, PATH_MTU_LIFETIME, PathMtu } from '../../src/policy/path-mtu.js';
import { u32s } from '../wire/octet-arrays.js';
import { vectors } from '../wire/vectors.js';

const UNKNOWN = 1500;
const endpoint = (addr: number): Endpoint => Object.assign(new Endpoint(), { addr });
const get = (table: PathMtu, addr: number, now: number) => table.get(endpoint(addr), UNKNOWN, now);

/** What is heard: errors about few endpoints, so that they meet in the table, with time in between. */
const heard = fc.array(
  fc.record({ addr: fc.nat(5), mtu: fc.integer({ min: 0, max: 65535 }), wait: fc.oneof(fc.nat(1000), fc.nat(800_000)) }),
  {
    minLength: 1,
    maxLength: 60,
  },
);

describe('what is learned', () => {
  test('holds for ten minutes from when it was lowered, is never raised, and never below 68 (a slow model agrees)', () => {
    fc.assert(
      fc.property(heard, fc.nat(5), (errors, asked) => {
        const table = new PathMtu();
        const model = new Map<number, { mtu: number; until: number }>();
        let now = 0;
        for (const { addr, mtu, wait } of errors) {
          now += wait;
          const value = Math.max(68, mtu);
          const known = model.get(addr);
          if (known === undefined || known.until <= now || value < known.mtu) model.set(addr, { mtu: value, until: now + 600_000 });
          table.learn(addr, mtu, now);
          const expected = model.get(asked);
          expect(get(table, asked, now)).toBe(expected !== undefined && expected.until > now ? expected.mtu : UNKNOWN);
        }
      }),
    );
  });

  test('ends to the millisecond', () => {
    const table = new PathMtu();
    table.learn(7, 1400, 1000);
    expect([get(table, 7, 1000), get(table, 7, 1000 + PATH_MTU_LIFETIME - 1), get(table, 7, 1000 + PATH_MTU_LIFETIME)]).toEqual([
      1400,
      1400,
      UNKNOWN,
    ]);
  });

  test('concerns no other endpoint, whatever their addresses', () => {
    fc.assert(
      fc.property(fc.uniqueArray(u32s, { minLength: 2, maxLength: 3 }), fc.integer({ min: 68, max: 65535 }), ([a, b], mtu) => {
        const table = new PathMtu();
        table.learn(a, mtu, 0);
        expect([get(table, a, 1), get(table, b, 1)]).toEqual([mtu, UNKNOWN]);
      }),
    );
  });
});

describe('a flood of forged errors', () => {
  test('costs no more memory than the table has, and leaves what was learned last', () => {
    const table = new PathMtu();
    const flood = 100_000;
    for (let i = 0; i < flood; i++) table.learn(Math.imul(i, 0x01000193) >>> 0, 600, i);
    let kept = 0;
    for (let i = 0; i < flood; i++) if (get(table, Math.imul(i, 0x01000193) >>> 0, flood) !== UNKNOWN) kept++;
    expect(kept).toBeLessThanOrEqual(4096);
    expect(kept).toBeGreaterThan(3500);
    for (let i = flood - 100; i < flood; i++) expect(get(table, Math.imul(i, 0x01000193) >>> 0, flood)).toBe(600);
  });

  test('pushes out what ends soonest first, in its own row: of five that share one, the oldest is forgotten', () => {
    const row = [0, ...rowMatesOf(0)];
    const table = new PathMtu();
    row.forEach((addr, i) => {
      table.learn(addr, 1000 + i, i);
    });
    expect(row.map((addr) => get(table, addr, 10))).toEqual([UNKNOWN, 1001, 1002, 1003, 1004]);
  });
});

/** Four addresses that together push `addr` out of the table: each is the last of the fewest that do so with those found before. */
function rowMatesOf(addr: number): number[] {
  const found: number[] = [];
  while (found.length < 4) {
    const table = new PathMtu();
    table.learn(addr, 600, 0);
    for (const mate of found) table.learn(mate, 600, 1);
    let candidate = addr;
    while (get(table, addr, 1) !== UNKNOWN) {
      expect(candidate).toBeLessThan(100_000);
      table.learn(++candidate, 600, 1);
    }
    found.unshift(candidate);
  }
  return found;
}

describe('RFC 4213 section 3.2.2', () => {
  test.each(vectors.icmp_translation.cases)(
    'a path of $v4_path_mtu and a packet of $packet: $action',
    ({ v4_path_mtu: path, packet, action }) => {
      const fit = fitPath(packet, path);
      if (action.startsWith('ptb')) expect([fit, `ptb ${advertisedMtu(path)}`]).toEqual([Fit.tooBig, action]);
      else expect(fit).toBe(action.endsWith('DF=1') ? Fit.setDf : Fit.clearDf);
    },
  );

  test('a packet of up to 1280 octets goes over any path, and none is told less than 1280', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 1280 }), fc.integer({ min: 68, max: 65535 }), (len, path) => {
        expect(fitPath(len, path)).not.toBe(Fit.tooBig);
        expect(advertisedMtu(path)).toBeGreaterThanOrEqual(1280);
      }),
    );
  });

  test('what is told fits, and with DF set nothing exceeds the path', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 65575 }), fc.integer({ min: 68, max: 65535 }), (len, path) => {
        const fit = fitPath(len, path);
        if (fit === Fit.tooBig) expect(fitPath(advertisedMtu(path), path)).not.toBe(Fit.tooBig);
        if (fit === Fit.setDf) expect(len + 20).toBeLessThanOrEqual(path);
      }),
    );
  });
});
