import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commonBits } from '../../src/sim/address.js';
import type { Interface } from '../../src/sim/interface.js';
import { type Route, RouteTable } from '../../src/sim/routing.js';

const interfaceThat = (isUp: boolean): Interface => ({ isUp }) as Interface;
const UP = interfaceThat(true);
const DOWN = interfaceThat(false);
const NOW = 1000;

/** Addresses of few different octets, so that prefixes overlap. */
const address = (size: number) =>
  fc.array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: size, maxLength: size }).map((octets) => Uint8Array.from(octets));

const subnet = (size: number) => fc.record({ addr: address(size), len: fc.oneof(fc.nat(8 * size), fc.constantFrom(0, 8, 16, 8 * size)) });

const route = (size: number): fc.Arbitrary<Route> =>
  fc
    .record({
      to: subnet(size),
      from: fc.option(subnet(size), { nil: null, freq: 3 }),
      via: fc.constant(null),
      interface: fc.constantFrom(UP, UP, UP, DOWN, null),
      metric: fc.nat(3),
      until: fc.constantFrom(Infinity, Infinity, NOW + 1, NOW),
    })
    .map(({ from, ...rest }) => (from === null ? rest : { ...rest, from }));

/** The obvious model: look at every route, keep the best. */
function slowLookup(routes: readonly Route[], addr: Uint8Array, source: Uint8Array | null): Route | null {
  const rank = ({ from, metric }: Route): number => (from === undefined ? 10 : 0) + metric;
  let best: Route | null = null;
  for (const candidate of routes) {
    if (candidate.until <= NOW || candidate.interface === DOWN) continue;
    if (commonBits(candidate.to.addr, addr, 0) < candidate.to.len) continue;
    const { from } = candidate;
    if (from !== undefined && (source === null || commonBits(from.addr, source, 0) < from.len)) continue;
    const isBetter = best === null || candidate.to.len > best.to.len || (candidate.to.len === best.to.len && rank(candidate) < rank(best));
    if (isBetter) best = candidate;
  }
  return best;
}

for (const size of [4, 16]) {
  test(`the table finds what a look at every route finds, for addresses of ${size} octets`, () => {
    fc.assert(
      fc.property(
        fc.array(route(size), { maxLength: 30 }),
        fc.array(fc.tuple(address(size), address(size)), { maxLength: 20 }),
        fc.nat(30),
        (routes, pairs, gone) => {
          const table = new RouteTable(size);
          for (const one of routes) table.add(one);
          const agrees = (known: readonly Route[]): void => {
            for (const [addr, source] of pairs) {
              expect(table.lookup(addr, 0, NOW)).toBe(slowLookup(known, addr, null));
              expect(table.lookup(Uint8Array.of(...source, ...addr), size, NOW, 0)).toBe(slowLookup(known, addr, source));
            }
          };
          agrees(routes);

          const left = routes.filter((_, i) => i !== gone);
          table.remove((one) => one === routes[gone]);
          agrees(left);
          expect(table.routes().length).toBe(left.length);
        },
      ),
      { seed: 2, numRuns: 300 },
    );
  });
}
