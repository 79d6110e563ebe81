/**
 * How long a NAT keeps a mapping that nobody uses: RFC 5780 section 4.6.
 *
 *   socket i        request ---> server ---> answer: our endpoint P, and from now on nothing
 *                   ... a wait of its own ...
 *   last socket     request with RESPONSE-PORT = port of P ---> server ---> answer to P
 *                   it comes in on socket i: the mapping is alive; nowhere, or on the last socket: it is gone
 *
 *   control --wait 0 is alive--> doubling waits --the first that is gone--> between the last two --...--> RESOLUTION
 *
 * A binary search would take one wait after another; here several mappings wait side by side, so that a round costs the
 * time of its longest wait and leaves a seventh of what was open. Each round tries its ends again: where they answer
 * otherwise than before, the NAT does not keep to one time (it is busy, or looks at its clock now and then), and what was
 * seen is the verdict. See {@link NatTest} for how to drive it.
 */
import type { Millis } from '../core/clock.js';
import type { Random } from '../core/random.js';
import { readStun, type StunEndpoint, type StunMessage, StunType, writeBindingRequest } from '../wire/stun.js';
import { type BindingQuestion, BindingTest } from './binding-test.js';
import type { NatDatagram, NatTest } from './nat-test.js';

/** Mappings that wait side by side. */
export const TRIALS = 8;
/** Sockets that the caller opens: one for each of them, and the last one to ask from. */
export const LIFETIME_SOCKETS = TRIALS + 1;
/** What is left open at the end, at most. */
export const RESOLUTION: Millis = 1_000;

const ASKER = TRIALS;

/** What was found. None of it holds for good: a NAT that is busy may forget earlier (RFC 5780 section 4.6). */
export interface NatLifetime {
  readonly server: StunEndpoint;
  /** A mapping was alive after this time without traffic; null: it cannot be told. */
  readonly atLeast: Millis | null;
  /** One was gone after this time; null: none ever was, or it cannot be told. */
  readonly below: Millis | null;
  /** Why it cannot be told; a sentence each. */
  readonly notes: readonly string[];
}

/** One mapping: made, left alone for a while, and asked for. */
class Trial {
  readonly wait: Millis;
  /** What makes the mapping. */
  readonly opening: BindingTest;
  /** What looks for it; null: it is not time yet. */
  asking: BindingTest | null = null;
  /** `odd`: the server does not do what it is asked. */
  outcome: 'pending' | 'alive' | 'gone' | 'odd' = 'pending';
  #rested: Millis = Number.POSITIVE_INFINITY;

  constructor(wait: Millis, opening: BindingTest) {
    this.wait = wait;
    this.opening = opening;
  }

  get due(): Millis {
    if (this.outcome !== 'pending') return Number.POSITIVE_INFINITY;
    return Math.min(this.opening.due, this.#rested, this.asking?.due ?? Number.POSITIVE_INFINITY);
  }

  /** The mapping is made, and the wait begins. */
  rest(mapped: StunEndpoint, now: Millis): void {
    this.opening.outcome = 'answered';
    this.opening.mapped = mapped;
    this.#rested = now + this.wait;
  }

  /** The endpoint to look for, once its wait is over; null at any other time. */
  takeRested(now: Millis): StunEndpoint | null {
    if (now < this.#rested) return null;
    this.#rested = Number.POSITIVE_INFINITY;
    return this.opening.mapped;
  }
}

/** See the head of the file. */
export class NatLifetimeTest implements NatTest<NatLifetime> {
  readonly #server: StunEndpoint;
  readonly #longest: Millis;
  readonly #random: Random;
  /** Of this round, in the order of their sockets. */
  #trials: readonly Trial[];
  /** Of all rounds. */
  readonly #tried: Trial[] = [];
  #isControl = true;
  #verdict: NatLifetime | null = null;

  /** `longest`: the longest wait that is tried, above `RESOLUTION`. */
  constructor(server: StunEndpoint, longest: Millis, random: Random, now: Millis) {
    this.#server = server;
    this.#longest = longest;
    this.#random = random;
    this.#trials = this.#try([0], now);
  }

  get verdict(): NatLifetime | null {
    return this.#verdict;
  }

  /** The longest wait so far after which a mapping was alive. */
  get alive(): Millis {
    return Math.max(0, ...this.#waits('alive'));
  }

  /** The shortest one after which one was gone; `Infinity`: none was. */
  get gone(): Millis {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#waits('gone'));
  }

  handleDatagram(socket: number, b: Uint8Array, off: number, end: number, from: StunEndpoint, now: Millis): boolean {
    const message = readStun(b, off, end);
    if (message === null || this.#verdict !== null || !equals(from, this.#server)) return false;
    const taken = this.#trials.some((trial, i) => trial.outcome === 'pending' && this.#take(trial, i, socket, message, now));
    if (taken) this.#advance(now);
    return taken;
  }

  handleTimeout(now: Millis): void {
    if (this.#verdict !== null) return;
    for (const trial of this.#trials) {
      trial.opening.handleTimeout(now);
      trial.asking?.handleTimeout(now);
      if (trial.outcome !== 'pending') continue;
      if (trial.opening.outcome === 'silent') trial.outcome = 'odd';
      else if (trial.asking?.outcome === 'silent') trial.outcome = 'gone';
      const mapped = trial.takeRested(now);
      if (mapped !== null) trial.asking = this.#ask({ ...this.#plainly(ASKER), responsePort: mapped.port }, now);
    }
    this.#advance(now);
  }

  nextTimeout(): Millis {
    return this.#verdict === null ? Math.min(...this.#trials.map(({ due }) => due)) : Number.POSITIVE_INFINITY;
  }

  pollTransmit(out: NatDatagram, now: Millis): boolean {
    if (this.#verdict !== null) return false;
    const tests = this.#trials.flatMap(({ outcome, opening, asking }) => (outcome === 'pending' ? [asking ?? opening] : []));
    const test = tests.find((each) => each.takeTransmission(now));
    if (test === undefined) return false;
    const { socket, to, ...asked } = test.question;
    out.socket = socket;
    out.to.addr = to.addr;
    out.to.port = to.port;
    out.end = writeBindingRequest(out.b, 0, { ...asked, transaction: test.transaction });
    return true;
  }

  #take(trial: Trial, i: number, socket: number, { type, transaction, mapped, unknown }: StunMessage, now: Millis): boolean {
    const { opening, asking } = trial;
    const isAnswer = type === StunType.response && unknown.length === 0 && mapped !== null;
    if (opening.outcome === 'pending' && opening.has(transaction) && socket === i) {
      if (isAnswer) trial.rest(mapped, now);
      else trial.outcome = 'odd';
      return true;
    }
    if (asking === null || !asking.has(transaction) || (socket !== i && socket !== ASKER)) return false;
    if (socket === i) trial.outcome = 'alive';
    // The NAT may have given the endpoint that was free again to the socket that asks; or the server has not heard of the attribute.
    else trial.outcome = isAnswer && opening.mapped !== null && equals(mapped, opening.mapped) ? 'gone' : 'odd';
    return true;
  }

  /** Begins the next round when this one has nothing more to tell. */
  #advance(now: Millis): void {
    const { alive, gone } = this;
    const odd = this.#trials.find(({ outcome }) => outcome === 'odd');
    if (odd !== undefined || (this.#isControl && gone === 0)) this.#end({ atLeast: null, below: null, notes: [this.#objection(odd)] });
    else if (alive >= gone) this.#end(this.#fickle(alive, gone));
    else if (this.#trials.every(({ wait, outcome }) => outcome !== 'pending' || wait > gone)) this.#goOn(alive, gone, now);
  }

  #goOn(alive: Millis, gone: Millis, now: Millis): void {
    const isEndless = gone === Number.POSITIVE_INFINITY;
    if (this.#isControl)
      this.#trials = this.#try(
        spread((part) => this.#longest / 2 ** ((TRIALS - 1) * (1 - part))),
        now,
      );
    else if (isEndless || gone - alive <= RESOLUTION) this.#end({ atLeast: alive, below: isEndless ? null : gone, notes: [] });
    else
      this.#trials = this.#try(
        spread((part) => alive + (gone - alive) * part),
        now,
      );
    this.#isControl = false;
  }

  #end(verdict: Omit<NatLifetime, 'server'>): void {
    this.#verdict = { server: this.#server, ...verdict };
  }

  /** Why the server is of no use; without an `odd` trial, its first answer to another port did not come. */
  #objection(odd: Trial | undefined): string {
    if (odd === undefined) return NOWHERE;
    if (odd.opening.outcome !== 'answered') return SILENCE;
    return this.#isControl ? NO_RESPONSE_PORT : ODD;
  }

  /** The waits after which no mapping was gone, and those after which none was alive. */
  #fickle(alive: Millis, gone: Millis): Omit<NatLifetime, 'server'> {
    const below = Math.min(...this.#waits('gone').filter((wait) => wait > alive));
    return {
      atLeast: Math.max(0, ...this.#waits('alive').filter((wait) => wait < gone)),
      below: below === Number.POSITIVE_INFINITY ? null : below,
      notes: [FICKLE],
    };
  }

  #waits(outcome: Trial['outcome']): Millis[] {
    return this.#tried.flatMap((trial) => (trial.outcome === outcome ? [trial.wait] : []));
  }

  #try(waits: readonly Millis[], now: Millis): Trial[] {
    const trials = waits.map((wait, socket) => new Trial(wait, this.#ask(this.#plainly(socket), now)));
    this.#tried.push(...trials);
    return trials;
  }

  #plainly(socket: number): BindingQuestion {
    return { socket, to: this.#server, answersFrom: this.#server, change: 0 };
  }

  #ask(question: BindingQuestion, now: Millis): BindingTest {
    return new BindingTest(question, this.#random, now);
  }
}

const SILENCE = 'The server has not answered (any more), or not what was asked.';
const NO_RESPONSE_PORT = 'The server does not send its answer to another port (RESPONSE-PORT): it cannot be told.';
const NOWHERE =
  'An answer to another port of ours does not come, however early: the server does not send it (RESPONSE-PORT), or the NAT has several addresses.';
const ODD = 'The server does not do any more what it did before: it cannot be told.';
const FICKLE = 'One mapping was gone when another one was still alive after as long: the NAT does not keep to one time, or is busy.';

/** Waits for all trials, from `at(0)` to `at(1)`. */
function spread(at: (part: number) => Millis): Millis[] {
  return Array.from({ length: TRIALS }, (_, i) => Math.round(at(i / (TRIALS - 1))));
}

function equals(a: StunEndpoint, b: StunEndpoint): boolean {
  return a.addr === b.addr && a.port === b.port;
}
