/**
 * A rate for each IPv4 source: whoever sends more than its share is not answered, and others are.
 *
 * In bounded memory: sources share token buckets, which of them being known to nobody outside, so that
 * a victim cannot be silenced by another address that was found to share its bucket.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Random } from '../core/random.js';
import { i32 } from '../wire/octets.js';
import { RateLimit } from './rate-limit.js';

const BUCKET_BITS = 12;
/** Token buckets; two sources share one with a chance of 1 to this. */
const BUCKETS = 2 ** BUCKET_BITS;
const KEYS = 3;

/** See the head of the file. */
export class SourceRateLimit {
  readonly #buckets: readonly RateLimit[];
  readonly #keys: Int32Array;

  /** `rate`: events a second and source, as of {@link RateLimit}. `random` draws the key of the hash, once. */
  constructor(rate: number, random: Random) {
    this.#buckets = Array.from({ length: BUCKETS }, () => new RateLimit(rate));
    const octets = new Uint8Array(4 * KEYS);
    random(octets);
    this.#keys = Int32Array.from({ length: KEYS }, (_, i) => i32(octets, 4 * i));
  }

  /** Takes one token of the address of `source`; false when there is none. */
  take(source: Endpoint, now: Millis): boolean {
    return this.#buckets[this.#bucketOf(source.bits)].take(now);
  }

  /** A keyed mix: xor and two odd multipliers, the upper bits folded down between them. */
  #bucketOf(bits: number): number {
    const keys = this.#keys;
    const mixed = Math.imul(bits ^ keys[0], keys[1] | 1);
    return Math.imul(mixed ^ (mixed >>> 15), keys[2] | 1) >>> (32 - BUCKET_BITS);
  }
}
