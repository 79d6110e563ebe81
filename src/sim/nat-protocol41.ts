/**
 * Protocol 41 at a NAT or firewall, RFC 6343 section 3: there are no ports to tell inside hosts apart by, so it is
 * blocked, led to one host, or let back in from those whom a host inside has sent to.
 */
import type { Millis } from '../core/clock.js';

/** `blocked`, `stateful`, or the address of the one host inside that has it all. */
export type Protocol41Mode = 'blocked' | 'stateful' | { readonly host: number };

/** Who inside speaks with a remote address. */
interface Session {
  readonly inside: number;
  readonly last: Millis;
}

/** The protocol 41 of one NAT. Addresses are unsigned. */
export class Protocol41Gate {
  readonly #mode: Protocol41Mode;
  readonly #timeout: Millis;
  readonly #limit: number;
  /** By remote address: the first host inside that sends to it has it until it falls silent. */
  readonly #sessions = new Map<number, Session>();

  /** A session lives for `timeout` after its last packet out; there are at most `limit`. */
  constructor(mode: Protocol41Mode, timeout: Millis, limit: number) {
    this.#mode = mode;
    this.#timeout = timeout;
    this.#limit = limit;
  }

  /** Whether `inside` may send to `remote`. */
  admits(inside: number, remote: number, now: Millis): boolean {
    if (this.#mode === 'blocked') return false;
    if (this.#mode !== 'stateful') return inside === this.#mode.host;
    const session = this.#live(remote, now);
    if (session === null ? this.#sessions.size >= this.#limit : session.inside !== inside) return false;
    this.#sessions.set(remote, { inside, last: now });
    return true;
  }

  /** The host inside that gets what `remote` sends; null when nobody does. */
  receiver(remote: number, now: Millis): number | null {
    if (this.#mode === 'blocked') return null;
    return this.#mode === 'stateful' ? (this.#live(remote, now)?.inside ?? null) : this.#mode.host;
  }

  /** Forgets who has sent to whom. */
  forget(): void {
    this.#sessions.clear();
  }

  #live(remote: number, now: Millis): Session | null {
    const session = this.#sessions.get(remote);
    if (session === undefined) return null;
    if (now < session.last + this.#timeout) return session;
    this.#sessions.delete(remote);
    return null;
  }
}
