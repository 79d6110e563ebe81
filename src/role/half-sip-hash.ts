/**
 * HalfSipHash-1-3 of an IPv6 address: a hash for tables whose keys an attacker chooses. Without the key nobody can
 * find addresses that share a place, so no chain grows long. Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012, on 32-bit words, with one round a word and three at the end, as Linux has it for its own tables
 * (`hsiphash`, lib/siphash.c).
 */
import type { Random } from '../core/random.js';

/** What sixteen octets add to the last word of the message, which carries its length. */
const LENGTH = 16 << 24;

/** The hash under one key. */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** Draws a key of 64 bits. */
  constructor(random: Random) {
    const octets = new Uint8Array(8);
    random(octets);
    this.#k0 = word(octets, 0);
    this.#k1 = word(octets, 4);
  }

  /** The hash of the sixteen octets at `b[off..)`: a signed 32-bit number. */
  of(b: Uint8Array, off: number): number {
    const k0 = this.#k0;
    const k1 = this.#k1;
    let v0 = k0;
    let v1 = k1;
    let v2 = k0 ^ 0x6c796765;
    let v3 = k1 ^ 0x74656462;
    // Four words, the length, three rounds more: the state lives in registers only as long as this is one loop.
    for (let round = 0; round < 8; round++) {
      const m = round < 4 ? word(b, off + 4 * round) : round === 4 ? LENGTH : 0;
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
      if (round === 4) v2 ^= 0xff;
    }
    return v1 ^ v3;
  }
}

/** Four octets, the lowest first, as SipHash reads them. */
function word(b: Uint8Array, off: number): number {
  return b[off] | (b[off + 1] << 8) | (b[off + 2] << 16) | (b[off + 3] << 24);
}
