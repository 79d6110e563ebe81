/**
 * Addresses of those whom the configuration names, kept current: potential routers of ISATAP (RFC 5214 section 8.3.2),
 * servers of Teredo.
 *
 *   answered       again after the time to live, at most an hour
 *   no such name   asked once more soon; what is said twice is believed, and asked again ever more rarely
 *   no answer      asked again ever more rarely; the last addresses stay
 *
 * A time to live of 0 asks for a refresh before each use. Names would then be asked for as fast as
 * solicitations go out; they are asked for every `MIN_REFRESH` instead.
 */
import { askAddresses, type NameAnswer, type NameQuestion } from './dns.js';
import { reasonOf } from './failure.js';

/** PrlRefreshInterval of RFC 5214 section 8.3.1, milliseconds. */
export const MAX_REFRESH = 3_600_000;
/** Milliseconds between a question that was answered and the next for the same name, at least. */
export const MIN_REFRESH = 10_000;
/** Milliseconds before a question that was not answered is asked again: doubled each time, up to the longest. */
export const RETRY = { first: 5_000, longest: 300_000 } as const;
/** Chance lengthens each of those waits by up to this part, so that the hosts of a site do not ask a server together that comes back. */
export const SPREAD = 0.1;

/** Who is told. */
export interface WatchedNamesListener {
  /** A name has these addresses now, and had others, or none that were known. */
  changed(name: string, addresses: readonly number[]): void;
  /** A name cannot be asked for; said once, until it can. */
  failed(name: string, reason: string): void;
}

/** The names that are watched. */
export class WatchedNames {
  readonly #listener: WatchedNamesListener;
  readonly #ask: (name: string) => NameQuestion;
  readonly #random: () => number;
  readonly #watches = new Map<string, Watch>();

  /** `random`: 0 to 1. */
  constructor(listener: WatchedNamesListener, ask: (name: string) => NameQuestion = askAddresses, random: () => number = Math.random) {
    this.#listener = listener;
    this.#ask = ask;
    this.#random = random;
  }

  /** Watches these names from now on, and no others. A name that is new is asked for at once. */
  watch(names: ReadonlySet<string>): void {
    for (const [name, watch] of [...this.#watches]) {
      if (names.has(name)) continue;
      watch.stop();
      this.#watches.delete(name);
    }
    for (const name of names) {
      if (!this.#watches.has(name)) this.#watches.set(name, new Watch(name, this.#listener, this.#ask, this.#random));
    }
  }

  /** The addresses are of no use any more: every name is asked for as soon as may be. */
  refresh(): void {
    for (const watch of this.#watches.values()) watch.refresh();
  }

  /** Ends it: nobody is told anything any more. */
  stop(): void {
    this.watch(new Set());
  }
}

class Watch {
  readonly #name: string;
  readonly #listener: WatchedNamesListener;
  readonly #ask: (name: string) => NameQuestion;
  readonly #random: () => number;
  /** null: never answered. */
  #addresses: readonly number[] | null = null;
  /** How often in a row the name was denied, or not answered. */
  #denials = 0;
  #failures = 0;
  #question: NameQuestion | null = null;
  #timer: NodeJS.Timeout | null = null;
  #askedAt = 0;

  constructor(name: string, listener: WatchedNamesListener, ask: (name: string) => NameQuestion, random: () => number) {
    this.#name = name;
    this.#listener = listener;
    this.#ask = ask;
    this.#random = random;
    this.#askNow();
  }

  refresh(): void {
    if (this.#question === null) this.#askIn(Math.max(0, this.#askedAt + MIN_REFRESH - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer ?? undefined);
    const question = this.#question;
    this.#question = null;
    question?.cancel();
  }

  #askIn(milliseconds: number): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = setTimeout(() => this.#askNow(), milliseconds);
  }

  #askNow(): void {
    this.#askedAt = performance.now();
    const question = this.#ask(this.#name);
    this.#question = question;
    // A question that was given up is not the present one any more.
    const settled = (settle: () => void): void => {
      if (this.#question !== question) return;
      this.#question = null;
      settle();
    };
    question.answer.then(
      (answer) => settled(() => this.#answered(answer)),
      (thrown: unknown) => settled(() => this.#failed(reasonOf(thrown))),
    );
  }

  #answered({ addresses, ttl }: NameAnswer): void {
    this.#failures = 0;
    this.#denials = addresses.length === 0 ? this.#denials + 1 : 0;
    const unconfirmed = this.#denials === 1 && this.#addresses !== null && this.#addresses.length > 0;
    if (!unconfirmed) this.#become(addresses);
    this.#askIn(this.#denials > 0 ? this.#backOff(this.#denials) : Math.min(Math.max(1000 * ttl, MIN_REFRESH), MAX_REFRESH));
  }

  #failed(reason: string): void {
    this.#failures++;
    if (this.#failures === 1) this.#listener.failed(this.#name, reason);
    this.#askIn(this.#backOff(this.#failures));
  }

  #become(addresses: readonly number[]): void {
    const before = this.#addresses;
    this.#addresses = addresses;
    if (before === null || before.join() !== addresses.join()) this.#listener.changed(this.#name, addresses);
  }

  /** The wait after the `n`-th failure in a row. */
  #backOff(n: number): number {
    return Math.min(RETRY.first * 2 ** (n - 1), RETRY.longest) * (1 + SPREAD * this.#random());
  }
}
