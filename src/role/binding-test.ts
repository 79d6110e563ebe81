/**
 * One question to a STUN server: a Binding Request that is repeated as RFC 3489 section 9.3 has it, nine times in 9.5 s,
 * until it is answered or given up. RFC 8489 section 6.2.1 begins with half a second and ends after forty; half of the
 * tests of a NAT are over only when nobody has answered, and somebody is waiting for the result.
 */
import type { Millis } from '../core/clock.js';
import type { Random } from '../core/random.js';
import { put32, same } from '../wire/octets.js';
import { STUN_COOKIE, type StunEndpoint, TRANSACTION_LEN } from '../wire/stun.js';

/** Waits after each transmission: the last one is for an answer only. */
export const WAITS: readonly Millis[] = [100, 200, 400, 800, 1600, 1600, 1600, 1600, 1600];
/** Time until a question is given up, where no wake-up comes late. */
export const PATIENCE: Millis = WAITS.reduce((sum, wait) => sum + wait, 0);

/** What to ask. */
export interface BindingQuestion {
  /** The socket that it is sent from. */
  readonly socket: number;
  readonly to: StunEndpoint;
  /** Where an answer has to come from. */
  readonly answersFrom: StunEndpoint;
  /** Bits of `Change`. */
  readonly change: number;
  /** The port that the answer is to go to; absent: that of `socket`. */
  readonly responsePort?: number;
}

/** A question under way. `refused`: the server says that it does not do that, or does not do it. */
export class BindingTest {
  readonly question: BindingQuestion;
  readonly transaction: Uint8Array;
  outcome: 'pending' | 'answered' | 'refused' | 'silent' = 'pending';
  /** The sender as the server saw it, once answered. */
  mapped: StunEndpoint | null = null;
  #sent = 0;
  #due: Millis;

  /** Is to be sent at once. The transaction id is what keeps strangers from answering. */
  constructor(question: BindingQuestion, random: Random, now: Millis) {
    this.question = question;
    this.transaction = new Uint8Array(TRANSACTION_LEN);
    random(this.transaction);
    put32(this.transaction, 0, STUN_COOKIE);
    this.#due = now;
  }

  /** When it is to be sent again, or given up; `Infinity` when it is over. */
  get due(): Millis {
    return this.outcome === 'pending' ? this.#due : Number.POSITIVE_INFINITY;
  }

  /** True: it is to be sent now, and is taken to have been. */
  takeTransmission(now: Millis): boolean {
    if (now < this.due || this.#sent === WAITS.length) return false;
    this.#due = now + WAITS[this.#sent++];
    return true;
  }

  /** Gives it up when its time is over. */
  handleTimeout(now: Millis): void {
    if (now >= this.due && this.#sent === WAITS.length) this.outcome = 'silent';
  }

  /** Whether a message with that transaction id is about this question. */
  has(transaction: Uint8Array): boolean {
    return same(this.transaction, 0, transaction, 0, TRANSACTION_LEN);
  }
}
