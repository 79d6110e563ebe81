/** A token bucket, RFC 4443 section 2.4 f: bounds what a node originates however many packets provoke it. */
import type { Millis } from '../core/clock.js';

/** Allows `rate` events a second, and a burst of a tenth of that (at least one). */
export class RateLimit {
  readonly #rate: number;
  /** Tokens that are saved at most. */
  readonly burst: number;
  #tokens: number;
  #since: Millis = 0;

  /** `rate`: events a second; 0 allows none. */
  constructor(rate: number) {
    this.#rate = rate;
    this.burst = rate === 0 ? 0 : Math.max(1, rate / 10);
    this.#tokens = this.burst;
  }

  /** Takes one token; false when there is none, or fewer than `reserve` would be left. */
  take(now: Millis, reserve = 0): boolean {
    const earned = ((now - this.#since) * this.#rate) / 1000;
    this.#since = now;
    this.#tokens = Math.min(this.burst, this.#tokens + earned);
    if (this.#tokens < 1 + reserve) return false;
    this.#tokens--;
    return true;
  }
}
