/** The Internet checksum, RFC 1071: a 16-bit ones' complement sum over big-endian words. */
import { put16, u16 } from './octets.js';

/**
 * Adds the words of `b[off..end)` to `sum`; an odd last octet counts as the high half of a word.
 * A sum is exact up to 2^53: no carry is lost, however much is added before `fold`.
 */
export function addWords(sum: number, b: Uint8Array, off: number, end: number): number {
  let i = off;
  for (; i + 1 < end; i += 2) sum += (b[i] << 8) | b[i + 1];
  if (i < end) sum += b[i] << 8;
  return sum;
}

/** The same, of what `view` shows: four octets a step, for long payloads. `end - off` is at most 2^17. */
export function addWords32(sum: number, view: DataView, off: number, end: number): number {
  let high = 0;
  let low = 0;
  let i = off;
  for (; i + 16 <= end; i += 16) {
    const a = view.getInt32(i);
    const b = view.getInt32(i + 4);
    const c = view.getInt32(i + 8);
    const d = view.getInt32(i + 12);
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
  }
  for (; i + 2 <= end; i += 2) low += view.getUint16(i);
  if (i < end) low += view.getUint8(i) << 8;
  return sum + (high >>> 0) + (low >>> 0);
}

/** Folds the carries of `sum` and inverts it: the 16 bits that go into a header. */
export function fold(sum: number): number {
  let s = sum;
  while (s > 0xffff) s = Math.floor(s / 0x10000) + (s & 0xffff); // not >>>, which forgets what is above 2^32
  return s ^ 0xffff;
}

/** Checksum of `b[off..end)`. Zero over a header that holds its own checksum means "correct". */
export function checksum(b: Uint8Array, off: number, end: number): number {
  return fold(addWords(0, b, off, end));
}

/**
 * Checksum of an upper-layer packet `b[off..end)` under its IPv6 pseudo-header, RFC 8200 section 8.1.
 * `addresses` is where the 32 octets of source and destination are in `b`.
 */
export function checksum6(b: Uint8Array, addresses: number, nextHeader: number, off: number, end: number): number {
  const len = end - off;
  return fold(addWords(addWords(0, b, addresses, addresses + 32) + (len >>> 16) + (len & 0xffff) + nextHeader, b, off, end));
}

/** Completes the checksum in the word at `at`, which holds the sum of a pseudo-header, over `b[off..end)`. Nothing happens where that word is not whole. */
export function completeChecksum(b: Uint8Array, view: DataView, off: number, at: number, end: number): void {
  if (at + 2 > end || off > at) return;
  const sum = fold(addWords32(0, view, off, end));
  put16(b, at, sum === 0 ? 0xffff : sum); // to UDP, zero says that there is none (RFC 8200 section 8.1)
}

/** The checksum after one 16-bit word changed from `before` to `after`, RFC 1624 equation 3. */
export function update16(sum: number, before: number, after: number): number {
  return fold((sum ^ 0xffff) + (before ^ 0xffff) + after);
}

/** True when the IPv4 header of `len` octets at `off` sums up. */
export function ipv4ChecksumOk(b: Uint8Array, off: number, len: number): boolean {
  let sum = 0;
  for (let i = off; i < off + len; i += 2) sum += u16(b, i);
  return fold(sum) === 0;
}
