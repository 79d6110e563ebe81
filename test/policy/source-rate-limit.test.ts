import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { SourceRateLimit } from '../../src/policy/source-rate-limit.js';
import { seeded } from '../chance.js';

const RATE = 1_000;
const BURST = RATE / 10;

function at(addr: number): Endpoint {
  const ep = new Endpoint();
  ep.addr = addr;
  return ep;
}

/** Addresses, of `count` neighbours of `first`, that are answered at time 0. */
function answered(limit: SourceRateLimit, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i).filter((addr) => limit.take(at(addr), 0));
}

test('a source gets its burst and its rate, whatever its port', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(1e6), fc.nat(0xffff), (addr, seed, port) => {
      const limit = new SourceRateLimit(RATE, seeded(seed));
      let had = 0;
      for (let ms = 0; ms < 500; ms++)
        for (let i = 0; i < 3; i++) {
          const source = at(addr);
          source.port = port + ms;
          if (limit.take(source, ms)) had++;
        }
      expect(had).toBeGreaterThanOrEqual(499);
      expect(had).toBeLessThanOrEqual(BURST + 499);
    }),
    { numRuns: 20 },
  );
});

test('one flood silences one in some thousand others, and which ones is known only to who knows the key', () => {
  const flooded = 0xcb007109;
  const silenced = [1, 2, 3, 4, 5, 6].map((seed) => {
    const limit = new SourceRateLimit(RATE, seeded(seed));
    for (let i = 0; i < 2 * BURST; i++) limit.take(at(flooded), 0);
    const heard = new Set(answered(limit, 0x08000000, 20_000));
    return Array.from({ length: 20_000 }, (_, i) => 0x08000000 + i).filter((addr) => !heard.has(addr));
  });
  for (const those of silenced) expect(those.length).toBeLessThan(40);
  const [first, ...others] = silenced;
  for (const those of others) expect(those.filter((addr) => first.includes(addr)).length).toBeLessThan(4);
});

test('sources spread evenly over the buckets: neighbours, and every 256th address', () => {
  for (const stride of [1, 256, 65536]) {
    const limit = new SourceRateLimit(10, seeded(7));
    // A burst of one: of 4096 sources thrown into 4096 buckets about 63 in a hundred meet an empty one.
    const heard = Array.from({ length: 4096 }, (_, i) => (0x0b000000 + i * stride) >>> 0).filter((addr) => limit.take(at(addr), 0));
    expect(heard.length).toBeGreaterThan(0.5 * 4096);
  }
});
