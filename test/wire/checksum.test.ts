import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addWords, addWords32, checksum, checksum6, completeChecksum, fold, ipv4ChecksumOk, update16 } from '../../src/wire/checksum.js';
import { put16 } from '../../src/wire/octets.js';
import { octetsOf, referenceChecksum, u16s } from './octet-arrays.js';
import { hex, vectors } from './vectors.js';

test('RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 sum up to ddf2', () => {
  expect(checksum(hex('0001f203f4f5f6f7'), 0, 8)).toBe(0xddf2 ^ 0xffff);
});

test('any octets: the same as arithmetic modulo 65535, an odd last octet being the high half of a word', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 99 }), fc.nat(5), (b, off) => {
      const from = Math.min(off, b.length);
      expect(checksum(b, from, b.length)).toBe(referenceChecksum(b.subarray(from)));
    }),
  );
});

test.each([65535, 65536, 131072, 131076, 1 << 20])('%i octets of ones keep every carry', (len) => {
  const b = new Uint8Array(len).fill(0xff);
  expect(checksum(b, 0, len)).toBe(referenceChecksum(b));
});

test('four octets a step come to the same, from wherever to wherever, up to the longest packet', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 99 }), fc.nat(5), fc.nat(1 << 20), (b, off, before) => {
      const from = Math.min(off, b.length);
      expect(addWords32(before, new DataView(b.buffer), from, b.length)).toBe(addWords(before, b, from, b.length));
    }),
  );
  for (const len of [65_535, 65_575, 1 << 17]) {
    const b = new Uint8Array(len).fill(0xff);
    expect(addWords32(0, new DataView(b.buffer), 0, len)).toBe(addWords(0, b, 0, len));
  }
});

test('a checksum is completed from the sum of the pseudo-header that is in its place, and is not zero', () => {
  fc.assert(
    fc.property(octetsOf(32), fc.constantFrom(6, 17), fc.uint8Array({ minLength: 8, maxLength: 70 }), (addresses, next, upper) => {
      const b = Uint8Array.of(0xa5, ...addresses, ...upper, 0xa5);
      const end = 33 + upper.length;
      put16(b, 39, fold(addWords(upper.length + next, b, 1, 33)) ^ 0xffff);
      completeChecksum(b, new DataView(b.buffer), 33, 39, end);
      expect([checksum6(b, 1, next, 33, end), b[end]]).toEqual([0, 0xa5]);
    }),
  );
  const nothing = new Uint8Array(8);
  put16(nothing, 0, 0xffff);
  completeChecksum(nothing, new DataView(nothing.buffer), 0, 6, 8);
  expect([...nothing.subarray(6)]).toEqual([0xff, 0xff]);
});

test('a checksum whose place is not whole, or before where it begins to count, is left alone', () => {
  for (const [off, at] of [
    [0, 7],
    [0, 8],
    [4, 2],
  ]) {
    const b = new Uint8Array(8).fill(0xa5);
    completeChecksum(b, new DataView(b.buffer), off, at, 8);
    expect([...b]).toEqual(new Array(8).fill(0xa5));
  }
});

test('a sum may be continued at every even octet', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(32), (b, cut) => {
      const at = Math.min(2 * cut, b.length & ~1);
      expect(fold(addWords(addWords(0, b, 0, at), b, at, b.length))).toBe(checksum(b, 0, b.length));
    }),
  );
});

test('under the IPv6 pseudo-header of RFC 8200 section 8.1', () => {
  fc.assert(
    fc.property(octetsOf(32), fc.nat(255), fc.uint8Array({ maxLength: 70 }), (addresses, next, upper) => {
      const length = Uint8Array.of(0, 0, 0, upper.length, 0, 0, 0, next);
      const b = Uint8Array.of(0xa5, ...addresses, ...upper, 0xa5);
      expect(checksum6(b, 1, next, 33, 33 + upper.length)).toBe(referenceChecksum(addresses, length, upper));
    }),
  );
});

test('RFC 1624 section 4: dd2f becomes 0000 when 5555 becomes 3285', () => {
  expect(update16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
});

test('an updated checksum is right wherever a word changed', () => {
  fc.assert(
    fc.property(octetsOf(20), fc.integer({ min: 1, max: 8 }), u16s, (b, word, after) => {
      b[0] = 0x45; // over all zeros, ffff and 0000 are both right
      put16(b, 18, 0);
      put16(b, 18, checksum(b, 0, 20));
      const before = (b[2 * word] << 8) | b[2 * word + 1];
      put16(b, 2 * word, after);
      put16(b, 18, update16((b[18] << 8) | b[19], before, after));
      expect(checksum(b, 0, 20)).toBe(0);
    }),
  );
});

test('every IPv4 header of the shared vectors sums up, and none with a changed bit', () => {
  for (const { name, hex: text } of vectors.packets) {
    const b = hex(text);
    const len = (b[0] & 15) << 2;
    expect([name, ipv4ChecksumOk(b, 0, len)]).toEqual([name, true]);
    for (let bit = 0; bit < 8 * len; bit++) {
      const broken = b.slice();
      broken[bit >>> 3] ^= 0x80 >>> (bit & 7);
      expect([name, bit, ipv4ChecksumOk(broken, 0, len)]).toEqual([name, bit, false]);
    }
  }
});
