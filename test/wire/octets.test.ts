import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copy, put16, put32, same, u16, u32 } from '../../src/wire/octets.js';
import { octetsOf, u16s, u32s, written } from './octet-arrays.js';

test('numbers are read big-endian and unsigned, as DataView reads them', () => {
  fc.assert(
    fc.property(octetsOf(12), fc.nat(8), (b, off) => {
      const view = new DataView(b.buffer);
      expect([u16(b, off), u32(b, off)]).toEqual([view.getUint16(off), view.getUint32(off)]);
    }),
  );
});

test('numbers are written big-endian, over dirt, and nothing beside them', () => {
  fc.assert(
    fc.property(u16s, u32s, (short, long) => {
      const b = written(6, (out, at) => {
        put16(out, at, short);
        put32(out, at + 2, long);
        return at + 6;
      });
      const view = new DataView(b.buffer);
      expect([view.getUint16(0), view.getUint32(2)]).toEqual([short, long]);
    }),
  );
});

test('octets are copied between arrays, and towards the front of one', () => {
  fc.assert(
    fc.property(octetsOf(40), fc.nat(20), fc.nat(20), fc.nat(20), (b, from, to, n) => {
      const target = new Uint8Array(40);
      copy(b, from, target, to, n);
      expect(target.subarray(to, to + n)).toEqual(b.subarray(from, from + n));
      expect([...target.subarray(0, to), ...target.subarray(to + n)].every((octet) => octet === 0)).toBe(true);

      const inPlace = b.slice();
      const before = Math.min(from, to);
      copy(inPlace, Math.max(from, to), inPlace, before, n);
      expect(inPlace).toEqual(b.slice().copyWithin(before, Math.max(from, to), Math.max(from, to) + n));
    }),
  );
});

test('two places are the same only when every octet is', () => {
  fc.assert(
    fc.property(octetsOf(16), fc.nat(127), (b, bit) => {
      const other = Uint8Array.of(0xa5, ...b);
      expect(same(b, 0, other, 1, 16)).toBe(true);
      other[1 + (bit >>> 3)] ^= 0x80 >>> (bit & 7);
      expect(same(b, 0, other, 1, 16)).toBe(false);
      expect(same(b, 0, other, 1, bit >>> 3)).toBe(true);
    }),
  );
});
