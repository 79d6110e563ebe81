/** Echo requests from one host to an address, and what came back: `ping` and `traceroute`. */
import type { Millis } from '../core/clock.js';
import type { Address } from './address.js';
import type { EchoAnswer } from './echo.js';
import type { Host } from './host.js';
import type { Scheduler } from './scheduler.js';

/** How to ping. */
export interface PingOptions {
  /** Requests. Default 1. */
  readonly count?: number;
  /** Octets of data in each. Default 56. */
  readonly size?: number;
  /** Default 64. */
  readonly hopLimit?: number;
  /** Time from one request to the next. Default 1000. */
  readonly interval?: Millis;
  /** How long the last answer is waited for. Default 2000. */
  readonly timeout?: Millis;
}

/** What became of one request. */
export interface PingResult {
  /** From 1. */
  readonly sequence: number;
  /** `not_sent`: the host has no route, or no address to send from. */
  readonly kind: EchoAnswer['kind'] | 'no_answer' | 'not_sent';
  /** Who answered; null when nobody did. */
  readonly from: Address | null;
  /** From request to answer; null when there was none. */
  readonly roundTrip: Millis | null;
}

const DEFAULTS: Required<PingOptions> = { count: 1, size: 56, hopLimit: 64, interval: 1000, timeout: 2000 };

/** Pings, and lets virtual time pass until everything is answered or the last answer is overdue. */
export function ping(scheduler: Scheduler, from: Host, to: Address, options: PingOptions = {}): PingResult[] {
  const { count, size, hopLimit, interval, timeout } = { ...DEFAULTS, ...options };
  const sentAt = new Map<number, Millis>();
  const answers = new Map<number, EchoAnswer>();
  const notSent = new Set<number>();
  const id = from.listen((answer) => {
    if (sentAt.has(answer.sequence) && !answers.has(answer.sequence)) answers.set(answer.sequence, answer);
  });
  const begin = scheduler.now;
  for (let i = 0; i < count; i++) {
    scheduler.at(begin + i * interval, () => {
      const sequence = i + 1;
      sentAt.set(sequence, scheduler.now);
      if (!from.echo(to, id, sequence, size, hopLimit)) notSent.add(sequence);
    });
  }
  scheduler.run(begin + (count - 1) * interval + timeout, () => answers.size + notSent.size === count);
  from.ignore(id);
  return Array.from({ length: count }, (_, i) => resultOf(i + 1, answers.get(i + 1), sentAt.get(i + 1) ?? begin, notSent.has(i + 1)));
}

function resultOf(sequence: number, answer: EchoAnswer | undefined, sentAt: Millis, notSent: boolean): PingResult {
  if (answer === undefined) return { sequence, kind: notSent ? 'not_sent' : 'no_answer', from: null, roundTrip: null };
  return { sequence, kind: answer.kind, from: answer.from, roundTrip: answer.at - sentAt };
}

/** Farthest hop that a trace asks. */
const MOST_HOPS = 30;
/** Requests to one hop before it is passed over. */
const TRIES = 8;

/** The hops from a host to an address, one result for each hop limit, the last one being what ended the trace. */
export function traceRoute(scheduler: Scheduler, from: Host, to: Address): PingResult[] {
  const hops: PingResult[] = [];
  for (let hopLimit = 1; hopLimit <= MOST_HOPS; hopLimit++) {
    let hop: PingResult | null = null;
    for (let i = 0; i < TRIES && (hop === null || hop.kind === 'no_answer'); i++) [hop] = ping(scheduler, from, to, { hopLimit });
    if (hop === null) break;
    hops.push(hop);
    if (hop.kind !== 'time_exceeded' && hop.kind !== 'no_answer') break;
  }
  return hops;
}
