/**
 * HalfSipHash-1-3 of an IPv6 address: a hash for tables whose keys an attacker chooses. Without the key nobody can
 * find addresses that share a place, so no chain grows long. Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012, on 32-bit words, with one round a word and three at the end, as Linux has it for its own tables
 * (`hsiphash`, lib/siphash.c).
 */
import type { Random } from '../core/random.js';

/** What sixteen octets add to the last word of the message, which carries its length. */
const LENGTH = 16 << 24;
/** Five words are taken in, and three rounds follow. */
const ROUNDS = 8;
const LAST = 4;

/** The hash under one key. */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** Draws a key of 64 bits. */
  constructor(random: Random) {
    const octets = new Uint8Array(8);
    random(octets);
    this.#k0 = littleEndian(octets, 0);
    this.#k1 = littleEndian(octets, 4);
  }

  /** The hash of sixteen octets, four words of them, the first octet of each the lowest: a signed 32-bit number. */
  of(w0: number, w1: number, w2: number, w3: number): number {
    const k0 = this.#k0;
    const k1 = this.#k1;
    let v0 = k0;
    let v1 = k1;
    let v2 = k0 ^ 0x6c796765;
    let v3 = k1 ^ 0x74656462;
    // One loop, so that all of it stays in registers: four words, the length, and three rounds of nothing.
    for (let round = 0; round < ROUNDS; round++) {
      const m = round === 0 ? w0 : round === 1 ? w1 : round === 2 ? w2 : round === 3 ? w3 : round === LAST ? LENGTH : 0;
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
      if (round === LAST) v2 ^= 0xff;
    }
    return v1 ^ v3;
  }
}

/** Four octets as SipHash reads them. */
export function littleEndian(b: Uint8Array, off: number): number {
  return b[off] | (b[off + 1] << 8) | (b[off + 2] << 16) | (b[off + 3] << 24);
}
