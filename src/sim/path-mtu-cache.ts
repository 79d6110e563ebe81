/** What an IPv6 sender knows of the MTU of its paths, RFC 8201. */
import type { Millis } from '../core/clock.js';
import { MIN_MTU } from '../wire/ipv6.js';
import { addressKey, SIZE6 } from './address.js';

/** How long a value holds, RFC 8201 section 5.3 (recommended). */
export const PATH_MTU_LIFETIME: Millis = 600_000;
/** Destinations that are remembered; one more pushes out the oldest. */
const MOST_PATHS = 4096;

/** Path MTU by destination. */
export class PathMtuCache {
  readonly #paths = new Map<string, { readonly mtu: number; readonly until: Millis }>();

  /** A Packet Too Big said so about the address at `b[off..)`. Less than 1280 is not believed, and a value is never raised. */
  learn(b: Uint8Array, off: number, mtu: number, now: Millis): void {
    if (mtu < MIN_MTU || mtu >= this.get(b, off, now)) return;
    const key = addressKey(b, off, SIZE6);
    this.#paths.delete(key);
    if (this.#paths.size === MOST_PATHS) for (const oldest of this.#paths.keys()) if (this.#paths.delete(oldest)) break;
    this.#paths.set(key, { mtu, until: now + PATH_MTU_LIFETIME });
  }

  /** Octets; `Infinity` when nothing is known. */
  get(b: Uint8Array, off: number, now: Millis): number {
    const path = this.#paths.get(addressKey(b, off, SIZE6));
    return path === undefined || path.until <= now ? Infinity : path.mtu;
  }
}
