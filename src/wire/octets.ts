/** Reading and writing big-endian numbers in octets. Nothing is checked: callers have done that once. */

/** Unsigned 16 bits at `off`. */
export function u16(b: Uint8Array, off: number): number {
  return (b[off] << 8) | b[off + 1];
}

/** Unsigned 32 bits at `off`. */
export function u32(b: Uint8Array, off: number): number {
  return ((b[off] << 24) | (b[off + 1] << 16) | (b[off + 2] << 8) | b[off + 3]) >>> 0;
}

/**
 * The same 32 bits, signed. For bit arithmetic on the packet path: it is a small integer to V8, while an
 * unsigned one above 2^31 is boxed whenever a call is not inlined.
 */
export function i32(b: Uint8Array, off: number): number {
  return (b[off] << 24) | (b[off + 1] << 16) | (b[off + 2] << 8) | b[off + 3];
}

/** Writes 16 bits at `off`. */
export function put16(b: Uint8Array, off: number, value: number): void {
  b[off] = value >>> 8;
  b[off + 1] = value;
}

/** Writes 32 bits at `off`. */
export function put32(b: Uint8Array, off: number, value: number): void {
  b[off] = value >>> 24;
  b[off + 1] = value >>> 16;
  b[off + 2] = value >>> 8;
  b[off + 3] = value;
}

/** Copies `n` octets inside or between arrays; small `n`, so no view is made. */
export function copy(from: Uint8Array, fromOff: number, to: Uint8Array, toOff: number, n: number): void {
  for (let i = 0; i < n; i++) to[toOff + i] = from[fromOff + i];
}

/** True when `n` octets at both places are the same. */
export function same(a: Uint8Array, aOff: number, b: Uint8Array, bOff: number, n: number): boolean {
  for (let i = 0; i < n; i++) if (a[aOff + i] !== b[bOff + i]) return false;
  return true;
}
