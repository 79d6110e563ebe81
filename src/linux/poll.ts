/** Waiting for any of a fixed list of descriptors, poll(2), with its array in the arena. */
import type { Arena } from './arena.js';
import { Errno, errno, poll, SystemError } from './libc.js';

/** struct pollfd. */
const POLLFD_LEN = 8;
const EVENTS = 4;
const REVENTS = 6;
const POLLIN = 1;
/** What the kernel reports unasked: an error waits, the other end is gone, no such descriptor. */
const POLLNVAL = 0x20;

const FOREVER = -1;
const LONGEST = 0x7fffffff;

/** The descriptors that one thread waits for; number `i` is the i-th of the list it was made with. */
export class Poller {
  readonly #view: DataView;
  readonly #at: number;
  readonly #address: number;
  readonly #count: number;

  constructor(arena: Arena, fds: readonly number[]) {
    this.#view = arena.view;
    this.#count = fds.length;
    this.#at = arena.alloc(fds.length * POLLFD_LEN);
    this.#address = arena.base + this.#at;
    fds.forEach((fd, i) => {
      this.#view.setInt32(this.#at + i * POLLFD_LEN, fd, true);
      this.#view.setInt16(this.#at + i * POLLFD_LEN + EVENTS, POLLIN, true);
    });
  }

  /**
   * Waits until a descriptor is ready, at most `timeoutMs` milliseconds (rounded up; `Infinity`: for
   * ever). Returns how many are ready; 0 when time is over or a signal came.
   */
  wait(timeoutMs: number): number {
    const timeout = timeoutMs === Number.POSITIVE_INFINITY ? FOREVER : Math.min(Math.max(Math.ceil(timeoutMs), 0), LONGEST);
    const ready = poll(this.#address, this.#count, timeout);
    if (ready < 0 && errno() !== Errno.EINTR) throw new SystemError('poll', `${this.#count} descriptors`, errno());
    return Math.max(ready, 0);
  }

  /** True when, at the last `wait`, something waited in number `i`: a packet, or an error that its `receive` clears. */
  ready(i: number): boolean {
    const events = this.#view.getInt16(this.#at + i * POLLFD_LEN + REVENTS, true);
    return events !== 0 && (events & POLLNVAL) === 0;
  }

  /** Asks for number `i` no more: it is gone, and would be ready for ever. */
  forget(i: number): void {
    this.#view.setInt32(this.#at + i * POLLFD_LEN, -1, true);
  }
}
