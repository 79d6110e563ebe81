/**
 * Virtual time: a binary heap of events. What is due earlier happens earlier; what is due at the same
 * time happens in the order in which it was asked for. Nothing else decides the order.
 */
import type { Millis } from '../core/clock.js';
import { SimulationError } from './simulation-error.js';

/** Events that one `run` may take unless told otherwise: minutes of a busy world. */
const DEFAULT_EVENT_BUDGET = 20_000_000;

/** Something that will happen. */
export interface Appointment {
  readonly at: Millis;
  /** Place in the order of asking. */
  readonly order: number;
  /** null once it is cancelled. */
  action: (() => void) | null;
}

/** The clock of a world. */
export class Scheduler {
  readonly #heap: Appointment[] = [];
  readonly #budget: number;
  #now: Millis = 0;
  #order = 0;

  /** `budget` is the number of events that one `run` may take. */
  constructor(budget = DEFAULT_EVENT_BUDGET) {
    this.#budget = budget;
  }

  /** Virtual milliseconds since the world began. */
  get now(): Millis {
    return this.#now;
  }

  /** When the next event is due; `Infinity` when nothing is awaited. */
  get next(): Millis {
    return this.#heap.length === 0 ? Infinity : this.#heap[0].at;
  }

  /** Lets `action` happen at `when`, or now if that is past. Setting the `action` of the result to null cancels it. */
  at(when: Millis, action: () => void): Appointment {
    const appointment: Appointment = { at: Math.max(when, this.#now), order: this.#order++, action };
    this.#push(appointment);
    return appointment;
  }

  /** Lets `action` happen `delay` milliseconds from now. */
  after(delay: Millis, action: () => void): Appointment {
    return this.at(this.#now + delay, action);
  }

  /**
   * Lets everything happen that is due until `until`, which is the time afterwards; returns the number of events.
   * Ends early once `done` answers true. Throws `event_budget` when the world does not come to rest.
   */
  run(until: Millis, done: () => boolean = never): number {
    const began = this.#now;
    let events = 0;
    while (this.next <= until) {
      if (done()) return events;
      if (events === this.#budget) {
        throw new SimulationError(
          'event_budget',
          `${events} events between ${began} ms and ${this.#now} ms, ${until} ms not reached: packets multiply, or the budget is too small`,
        );
      }
      const appointment = this.#pop();
      if (appointment.action === null) continue;
      this.#now = appointment.at;
      appointment.action();
      events++;
    }
    if (!done() && until > this.#now) this.#now = until;
    return events;
  }

  #push(appointment: Appointment): void {
    const heap = this.#heap;
    let i = heap.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(heap[parent], appointment)) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = appointment;
  }

  #pop(): Appointment {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (isBefore(last, heap[child])) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Appointment, b: Appointment): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function never(): boolean {
  return false;
}
