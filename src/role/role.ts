/**
 * What a tunnel's role decides: whether a packet may pass, now, and between which endpoints.
 *
 * A mapping says where, a role says whether now, a carrier says in what. A role owns no socket,
 * clock or random source; every method takes `now`, which never decreases. After each call drain
 * `pollTransmit`, then arm one timer at `nextTimeout()`; extra wake-ups are harmless.
 */
import type { Millis } from '../core/clock.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';

/** The outer endpoints of a packet: filled by `encapsulate`, read by `decapsulate`. Reused. */
export class Outer {
  /** This node's end. */
  readonly local = new Endpoint();
  /** The other end. */
  readonly remote = new Endpoint();
}

/** Where a transmission that the role originates goes. */
export const TransmitTo = {
  nowhere: 0,
  /** Into the tunnel device, as if it had arrived. */
  ipv6: 1,
  /** Through the carrier: an inner packet that the tunnel encapsulates as usual. */
  carrier: 2,
  /** LAN 0; LAN n is `lan + n`. */
  lan: 3,
} as const;

/** A sans-IO role. */
export interface Role {
  /**
   * Judges the IPv6 packet at `b[off..)` on its way into the tunnel and fills `outer`.
   * `Drop.none` to forward, `Verdict.hold`, or a drop reason. Has no effect on a drop.
   */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** Judges the inner packet at `b[off..)` that came between the endpoints of `outer`. `Drop.none`, `Verdict.consumed`, or a drop reason. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** True when either address of the packet belongs to this tunnel's domain: it wins where tunnels share an address. */
  claims(b: Uint8Array, off: number): boolean;
  /** True when a packet for the address at `b[off..)` ends at this node rather than being forwarded. */
  isOwn(b: Uint8Array, off: number): boolean;
  /** Takes a packet from LAN `lan`: a router solicitation. */
  fromLan(lan: number, frame: Frame, now: Millis): number;
  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void;
  /** When `handleTimeout` is due; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis;
  /** Writes the next transmission into `out` and says where it goes (`TransmitTo`); `nowhere` when there is none. */
  pollTransmit(out: Frame, now: Millis): number;
}
