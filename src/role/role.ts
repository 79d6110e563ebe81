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
import type { Prefix6 } from '../wire/address.js';

/** The outer endpoints of a packet: filled by `encapsulate`, read by `decapsulate`. Reused. */
export class Outer {
  /** This node's end. */
  readonly local = new Endpoint();
  /** The other end. */
  readonly remote = new Endpoint();
}

/** Where a transmission that the tunnel or its role originates goes. */
export const TransmitTo = {
  nowhere: 0,
  /** Into the tunnel device, as if it had arrived. */
  ipv6: 1,
  /** Through the carrier. From a role: an inner packet that the tunnel encapsulates as usual. */
  carrier: 2,
  /** LAN 0; LAN n is `lan + n`. */
  lan: 3,
} as const;

/** A prefix that a LAN was told about. */
export interface AdvertisedLan {
  /** Name of the LAN's interface. */
  readonly interface: string;
  readonly prefix: Prefix6;
  /** When the last advertised valid lifetime ends. */
  readonly until: Millis;
  /** When the LAN was last told anything. */
  readonly sent: Millis;
}

/** A sans-IO role. Packets it is shown are whole IPv6 headers at least; lengths were checked before. */
export interface Role {
  /** Source of an ICMPv6 error that goes to an IPv6 neighbour of this node, sixteen octets. */
  readonly errorSource: Uint8Array;
  /** Source of an ICMPv6 error that goes out through the carrier: one that the far end's checks accept. */
  readonly carrierErrorSource: Uint8Array;
  /**
   * Judges the IPv6 packet at `b[off..)` on its way into the tunnel and fills `outer`.
   * `Drop.none` to forward, `Verdict.hold`, or a drop reason. Has no effect on a drop.
   */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** Judges the inner packet at `b[off..)` that came between the endpoints of `outer`. `Drop.none`, `Verdict.consumed`, or a drop reason. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** True when either address of the packet belongs to this tunnel's domain: it wins where tunnels share an address. */
  claims(b: Uint8Array, off: number): boolean;
  /** True when the address at `b[off..)` is one that the role gave this node. */
  isOwn(b: Uint8Array, off: number): boolean;
  /** Takes a packet from LAN `lan`: a router solicitation. `Verdict.consumed` or a drop reason. */
  fromLan(lan: number, frame: Frame, now: Millis): number;
  /** What LANs were told and may still believe: the role that follows on this tunnel withdraws what it does not confirm. */
  advertised(now: Millis): readonly AdvertisedLan[];
  /** The tunnel stops, except on the LANs named: whoever was told of it is to be told that it is gone. */
  withdraw(now: Millis, except: readonly string[]): void;
  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void;
  /** When `handleTimeout` is due; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis;
  /** Writes the next transmission into `out` and says where it goes (`TransmitTo`); `nowhere` when there is none. */
  pollTransmit(out: Frame, now: Millis): number;
}
