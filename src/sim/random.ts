/**
 * Seeded chance: xoshiro128** (Blackman and Vigna), its state filled by splitmix32 from the seed.
 *
 * Everything in a world that has a chance of its own gets a stream of its own (`stream(name)`), so that
 * one more link or daemon does not change what happens on the others.
 */
import type { Random } from '../core/random.js';

/** A sequence that its seed decides. Not for secrets. */
export class SeededRandom {
  readonly #seed: number;
  readonly #state = new Uint32Array(4);

  /** Only the low 32 bits of `seed` count. */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let z = this.#seed;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let word = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
      this.#state[i] = word ^ (word >>> 16);
    }
  }

  /** Starts from a given state of four words, not all zero: for comparison with the published sequence. */
  static fromState(state: readonly [number, number, number, number]): SeededRandom {
    const random = new SeededRandom(0);
    random.#state.set(state);
    return random;
  }

  /** A sequence of its own for whoever is called `name`; the same for the same seed and name. */
  stream(name: string): SeededRandom {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new SeededRandom(hash);
  }

  /** The next 32 bits. */
  word(): number {
    const s = this.#state;
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  /** An integer 0..`bound`-1. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** True with probability `share`; draws nothing for a share of 0. */
  chance(share: number): boolean {
    return share > 0 && this.fraction() < share;
  }

  /** Fills octets, as the engine asks for them. */
  readonly fill: Random = (into) => {
    for (let i = 0; i < into.length; i += 4) {
      const word = this.word();
      for (let k = 0; k < 4 && i + k < into.length; k++) into[i + k] = word >>> (8 * k);
    }
  };
}

function rotate(x: number, n: number): number {
  return ((x << n) | (x >>> (32 - n))) >>> 0;
}
