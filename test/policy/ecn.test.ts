import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { mergeEcn } from '../../src/policy/ecn.js';
import { octetsOf } from '../wire/octet-arrays.js';
import { type EcnName, vectors } from '../wire/vectors.js';

const BITS: Readonly<Record<EcnName, number>> = { 'Not-ECT': 0, 'ECT(1)': 1, 'ECT(0)': 2, CE: 3 };
const NAMES = Object.keys(BITS) as EcnName[];
const cells = NAMES.flatMap((inner) => NAMES.map((outer) => [inner, outer, vectors.ecn_decap_6040[inner][outer]] as const));

/** The two bits in an IPv6 header: the last of the traffic class. */
const ecnOf = (b: Uint8Array, off: number) => (b[off + 1] >>> 4) & 3;

describe('RFC 6040 section 4.2', () => {
  test.each(cells)('%s inside %s becomes %s', (inner, outer, outgoing) => {
    fc.assert(
      fc.property(octetsOf(60), fc.nat(20), fc.integer({ min: 0, max: 63 }), (b, off, dscp) => {
        b[off + 1] = (b[off + 1] & 0xcf) | (BITS[inner] << 4);
        const before = b.slice();
        const verdict = mergeEcn(b, off, (dscp << 2) | BITS[outer]);
        expect(verdict).toBe(outgoing === 'drop' ? Drop.ecn_congestion : Drop.none);
        expect(ecnOf(b, off)).toBe(outgoing === 'drop' ? BITS[inner] : BITS[outgoing]);
        b[off + 1] = before[off + 1];
        expect(b).toEqual(before);
      }),
      { numRuns: 20 },
    );
  });

  test('the table of the shared vectors has sixteen cells', () => {
    expect(cells).toHaveLength(16);
  });

  test('congestion is never hidden: where either field says it, it is passed on or the packet is dropped', () => {
    for (const [inner, outer, outgoing] of cells) if (inner === 'CE' || outer === 'CE') expect(['CE', 'drop']).toContain(outgoing);
  });
});
