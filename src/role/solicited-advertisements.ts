/**
 * Router advertisements that were asked for and wait for their moment: each goes to whoever asked,
 * after a delay of 0..0.5 s (RFC 4861 section 6.2.6), and to nobody else (RFC 5214 section 8.2).
 *
 * An endpoint has one place, however often it asks; with all places taken a solicitation is refused,
 * so that no more than `MAX_WAITING` advertisements leave in half a second. Hosts ask again.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Random } from '../core/random.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { copy } from '../wire/octets.js';
import { chanceWithin } from './chance.js';

/** Solicitors that wait at a time. */
export const MAX_WAITING = 256;
/** RFC 4861 section 10: MAX_RA_DELAY_TIME. */
export const MAX_RA_DELAY_TIME: Millis = 500;

/** See the head of the file. */
export class SolicitedAdvertisements {
  readonly #random: Random;
  /** As `Endpoint.bits`; the first `#count` places are taken. */
  readonly #endpoints = new Int32Array(MAX_WAITING);
  readonly #solicitors = new Uint8Array(MAX_WAITING * ADDRESS_LEN);
  readonly #due = new Float64Array(MAX_WAITING);
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The address at `b[off..)`, at `from`, asks; false when too many wait. */
  take(b: Uint8Array, off: number, from: Endpoint, now: Millis): boolean {
    let at = 0;
    while (at < this.#count && this.#endpoints[at] !== from.bits) at++;
    if (at === MAX_WAITING) return false;
    copy(b, off, this.#solicitors, at * ADDRESS_LEN, ADDRESS_LEN);
    if (at < this.#count) return true;
    this.#endpoints[at] = from.bits;
    this.#due[at] = now + chanceWithin(this.#random, 0, MAX_RA_DELAY_TIME);
    this.#count++;
    return true;
  }

  /** When the next one is due; `Infinity` when nobody waits. */
  nextTimeout(): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#count; i++) if (this.#due[i] < next) next = this.#due[i];
    return next;
  }

  /** Takes the next solicitor whose time has come: its address into `solicitor`, its endpoint into `to`. False when there is none. */
  poll(solicitor: Uint8Array, to: Endpoint, now: Millis): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (this.#due[i] > now) continue;
      copy(this.#solicitors, i * ADDRESS_LEN, solicitor, 0, ADDRESS_LEN);
      to.bits = this.#endpoints[i];
      this.#count--;
      copy(this.#solicitors, this.#count * ADDRESS_LEN, this.#solicitors, i * ADDRESS_LEN, ADDRESS_LEN);
      this.#endpoints[i] = this.#endpoints[this.#count];
      this.#due[i] = this.#due[this.#count];
      return true;
    }
    return false;
  }

  /** Nobody waits any more. */
  clear(): void {
    this.#count = 0;
  }
}
