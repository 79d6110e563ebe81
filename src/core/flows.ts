/**
 * Who forwards packets of trusted peers without their tunnel: a fast path. It is told where a peer is, forwards for as
 * long as it hears the peer itself (RFC 4380 section 5.2.4), and hands over everything else, so that nobody need know
 * whether there is one. It may forget a peer, or have no room for it: then its packets come to the tunnel.
 */
import type { Millis } from './clock.js';
import type { Endpoint } from './endpoint.js';

/** See the head of the file. The address of a peer is the sixteen octets at `b[off..)`. */
export interface Flows {
  /** The peer was heard at `now`: packets go to `at`, and come from there. Also tells anew what was told. */
  open(b: Uint8Array, off: number, at: Endpoint, now: Millis): void;
  /** Packets of the peer are for the tunnel again. */
  close(b: Uint8Array, off: number): void;
  /** When a packet from the peer was last forwarded without the tunnel, or it was opened; `-Infinity`: it is not known. */
  heard(b: Uint8Array, off: number): Millis;
  /** Forgets all peers. */
  clear(): void;
}

/** There is no fast path. */
export const NO_FLOWS: Flows = { open() {}, close() {}, heard: () => Number.NEGATIVE_INFINITY, clear() {} };
