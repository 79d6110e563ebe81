/**
 * Who of the potential router list is solicited, and when: RFC 5214 section 8.3.4, RFC 4861 section
 * 6.3.7. Members are asked each by itself, in three situations:
 *
 *   it has not been heard yet, or a router failed    up to 3 times, 4 s apart, after a delay of 0..1 s
 *   it did not answer that                           once more every `interval`
 *   it answered                                      when half of its shortest lifetime is over, TIMER(i), as if unheard
 *
 * No sooner than `interval` (MinRouterSolicitInterval) after it began to be asked is a member asked
 * anew, whatever happens.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Random } from '../core/random.js';
import { chanceWithin } from './chance.js';

/** RFC 4861 section 10: MAX_RTR_SOLICITATION_DELAY. */
export const MAX_SOLICITATION_DELAY: Millis = 1_000;
/** RFC 4861 section 10: RTR_SOLICITATION_INTERVAL. */
export const SOLICITATION_INTERVAL: Millis = 4_000;
/** RFC 4861 section 10: MAX_RTR_SOLICITATIONS. */
export const MAX_SOLICITATIONS = 3;
/** RFC 5214 section 8.3.4: MinRouterSolicitInterval, by default. */
export const MIN_INTERVAL: Millis = 120_000;
/** A router is asked again after this time at the latest, however long its lifetimes: what it advertises may have changed. */
export const MAX_REFRESH: Millis = 3_600_000;

/** The part of a lifetime after which it is refreshed; by chance between the two, so that hosts that started together part. */
const REFRESH_FROM = 0.5;
const REFRESH_TO = 0.6;
/** Regular intervals vary by this factor. */
const SPREAD = 1.1;

interface Member {
  /** As `Endpoint.bits`. */
  readonly bits: number;
  /** Solicitations since it was last heard, up to `MAX_SOLICITATIONS`. */
  asked: number;
  /** When it began to be asked. */
  begun: Millis;
  next: Millis;
  due: boolean;
}

/** See the head of the file. */
export class RouterSolicitations {
  readonly #members: readonly Member[];
  readonly #interval: Millis;
  readonly #random: Random;
  #next: Millis = Number.POSITIVE_INFINITY;

  /** `members`: as `Endpoint.bits`; `interval`: the least time between two times that a member is asked without need. */
  constructor(members: readonly number[], interval: Millis, random: Random, now: Millis) {
    this.#interval = interval;
    this.#random = random;
    this.#members = members.map((bits) => ({
      bits,
      asked: 0,
      begun: Number.NEGATIVE_INFINITY,
      next: now + chanceWithin(random, 0, MAX_SOLICITATION_DELAY),
      due: false,
    }));
    this.#schedule();
  }

  /** The member at `bits` was heard; the shortest lifetime of what it said ends in `lifetime`. */
  heard(bits: number, lifetime: Millis, now: Millis): void {
    for (const member of this.#members) {
      if (member.bits !== bits) continue;
      member.asked = 0;
      member.due = false;
      const refresh = Math.min(lifetime, MAX_REFRESH) * chanceWithin(this.#random, REFRESH_FROM, REFRESH_TO);
      member.next = now + Math.max(refresh, this.#interval);
    }
    this.#schedule();
  }

  /** A router is lost: all are asked, but for those that were not long ago. */
  askAll(now: Millis): void {
    for (const member of this.#members) {
      if (now - member.begun < this.#interval) continue;
      member.asked = 0;
      member.next = Math.min(member.next, now + chanceWithin(this.#random, 0, MAX_SOLICITATION_DELAY));
    }
    this.#schedule();
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now < this.#next) return;
    for (const member of this.#members) if (member.next <= now) this.#ask(member, now);
    this.#schedule();
  }

  /** When `handleTimeout` is due; `Infinity` when there is nobody to ask. */
  nextTimeout(): Millis {
    return this.#next;
  }

  /** Takes the next member that is to be solicited into `ep`; false when there is none. */
  poll(ep: Endpoint): boolean {
    const member = this.#members.find(({ due }) => due);
    if (member === undefined) return false;
    member.due = false;
    ep.bits = member.bits;
    return true;
  }

  #ask(member: Member, now: Millis): void {
    if (member.asked === 0 || member.asked === MAX_SOLICITATIONS) member.begun = now;
    member.due = true;
    member.asked = Math.min(member.asked + 1, MAX_SOLICITATIONS);
    const isPatient = member.asked === MAX_SOLICITATIONS;
    member.next = now + (isPatient ? this.#interval * chanceWithin(this.#random, 1, SPREAD) : SOLICITATION_INTERVAL);
  }

  #schedule(): void {
    this.#next = Math.min(Number.POSITIVE_INFINITY, ...this.#members.map(({ next }) => next));
  }
}
