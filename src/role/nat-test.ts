/**
 * What tests of the NAT in front of this host have in common, whatever they ask and whom.
 *
 * A test owns no socket, clock or random source. Every method takes `now`, which never decreases. After each call drain
 * `pollTransmit`, then arm one timer at `nextTimeout()`; extra wake-ups are harmless.
 */
import type { Millis } from '../core/clock.js';
import { Endpoint } from '../core/endpoint.js';
import type { StunEndpoint } from '../wire/stun.js';

/** Octets of the longest question: a router solicitation behind a nonce has 61. */
const QUESTION_LEN = 64;

/** A datagram to be sent; reused by its owner. */
export class NatDatagram {
  /** From which socket. */
  socket = 0;
  readonly to = new Endpoint();
  readonly b = new Uint8Array(QUESTION_LEN);
  /** Octets in `b`. */
  end = 0;
}

/** One run of a test, which ends by itself. */
export interface NatTest<Verdict> {
  /** null until it is over. */
  readonly verdict: Verdict | null;
  /** Takes a datagram that came in on `socket` from `from`. False when it answers nothing that was asked. */
  handleDatagram(socket: number, b: Uint8Array, off: number, end: number, from: StunEndpoint, now: Millis): boolean;
  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void;
  /** When `handleTimeout` and `pollTransmit` are due; `Infinity` when the verdict is there. */
  nextTimeout(): Millis;
  /** Writes a due datagram into `out`; false when none is due. */
  pollTransmit(out: NatDatagram, now: Millis): boolean;
}
