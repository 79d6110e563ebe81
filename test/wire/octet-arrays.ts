/** Octets for property tests: dirty ones, random ones, and ones that tell on a reader that goes too far. */
import fc from 'fast-check';
import { expect } from 'vitest';

/** Any 16 bits. */
export const u16s = fc.integer({ min: 0, max: 0xffff });
/** Any 32 bits, unsigned. */
export const u32s = fc.integer({ min: 0, max: 0xffffffff });

/** Any `len` octets. */
export function octetsOf(len: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: len, maxLength: len });
}

/**
 * Runs `write(b, at)`, which returns the end of what it wrote, on arrays filled with 0xa5 and with
 * 0x5a: it sets every octet in between and none outside. Returns what was written.
 */
export function written(len: number, write: (b: Uint8Array, at: number) => number): Uint8Array {
  const [first, second] = [0xa5, 0x5a].map((dirt) => {
    const at = 7;
    const b = new Uint8Array(at + len + 9).fill(dirt);
    expect(write(b, at)).toBe(at + len);
    expect([...b.subarray(0, at), ...b.subarray(at + len)].every((octet) => octet === dirt)).toBe(true);
    return b.slice(at, at + len);
  });
  expect(second).toEqual(first);
  return first;
}

/** A view of `b` that throws when an octet outside `[off, end)` is read. */
export function fenced(b: Uint8Array, off: number, end: number): Uint8Array {
  return new Proxy(b, {
    get(target, key) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (Number.isNaN(index)) return Reflect.get(target, key, target);
      if (index < off || index >= end) throw new RangeError(`octet ${index} is read, outside ${off} to ${end}`);
      return target[index];
    },
  });
}

/** Ones' complement sum of 16-bit words by arithmetic modulo 65535 on one big number: RFC 1071 section 1 with another method. */
export function referenceChecksum(...parts: readonly Uint8Array[]): number {
  const even = parts.map((part) => Buffer.concat([part, Buffer.alloc(part.length & 1)]));
  const value = BigInt(`0x0${Buffer.concat(even).toString('hex')}`);
  const sum = value === 0n ? 0 : Number(value % 65535n) || 0xffff;
  return sum ^ 0xffff;
}
