/**
 * What a tunnel's role decides: whether a packet may pass, now, and between which endpoints.
 *
 * A mapping says where, a role says whether now, a carrier says in what. A role owns no socket,
 * clock or random source; every method takes `now`, which never decreases. After each call drain
 * the speaker's `pollTransmit`, then arm one timer at `nextTimeout()`; extra wake-ups are harmless.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import type { Prefix6 } from '../wire/address.js';
import type { RouterPreference } from '../wire/ndisc.js';

/** What carries a packet: filled by `encapsulate`, read by `decapsulate`. Reused. */
export class Outer {
  /** This node's end. */
  readonly local = new Endpoint();
  /** The other end. */
  readonly remote = new Endpoint();
  /** By which of the tunnel's sockets, where it has sockets of its own. */
  socket = 0;
  /** `decapsulate`: all that the carrier brought, `b[payload..payloadEnd)`. In UDP there may be headers in front of the inner packet, and trailers behind it. */
  payload = 0;
  payloadEnd = 0;
  /** `decapsulate`: first octet of the inner packet. */
  packet = 0;
  /** `decapsulate`: the outer type of service; 0 where it is not known. */
  tos = 0;
}

/** Where a transmission that the tunnel or its role originates goes. */
export const TransmitTo = {
  nowhere: 0,
  /** Into the tunnel device, as if it had arrived. */
  ipv6: 1,
  /** Through the carrier, `out.remote` saying to which endpoint. From a role: an inner packet of its own; in UDP the whole payload, `out.socket` saying by which socket. */
  carrier: 2,
  /** From a role: a packet that it had answered with `Verdict.hold`, to be judged again. */
  released: 3,
  /** From a role: a packet that it had held and gives up, its next hop being unreachable. Its source is told. */
  undeliverable: 4,
  /** From a role: an inner packet that had arrived and was answered with `Verdict.hold`, and is taken now. */
  admitted: 5,
  /** From a role: one that had arrived and is given up, its sender not being there: `untrusted_peer`. */
  dismissed: 6,
  /** LAN 0; LAN n is `lan + n`. */
  lan: 7,
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

/** A router that advertised itself in the tunnel. */
export interface LearnedRouter {
  /** Its link-local address, sixteen octets. */
  readonly address: Uint8Array;
  readonly preference: RouterPreference;
  /** End of its lifetime as a default router. */
  readonly until: Millis;
  /** False: it does not answer (any more), and is used only where no other one does. */
  readonly reachable: boolean;
}

/** A prefix that a router advertised in the tunnel, RFC 4861 section 4.6.2. */
export interface LearnedPrefix {
  readonly prefix: Prefix6;
  readonly onLink: boolean;
  /** This node has an address of its own under it. */
  readonly autonomous: boolean;
  /** False: addresses under it are deprecated. */
  readonly preferred: boolean;
  readonly validUntil: Millis;
  readonly preferredUntil: Millis;
}

/** A route that a router advertised in the tunnel, RFC 4191 section 2.3. */
export interface LearnedRoute {
  readonly prefix: Prefix6;
  /** Link-local address of the router, sixteen octets. */
  readonly router: Uint8Array;
  readonly preference: RouterPreference;
  readonly until: Millis;
}

/** A UDP endpoint, for people: an unsigned 32-bit number and a port. */
export interface EndpointText {
  readonly addr: number;
  readonly port: number;
}

/** How far a Teredo client is, RFC 4380 section 5.2.1. */
export type QualificationState = 'qualifying' | 'qualified' | 'off-line';

/** What a Teredo client can tell of the NAT in front of it; RFC 5991 section 3.2 merges cone and restricted. */
export type TeredoNat = 'none' | 'cone or restricted' | 'symmetric';

/** What a Teredo client has found out, RFC 4380 section 5.2. */
export interface Qualification {
  readonly state: QualificationState;
  /** Its Teredo address, sixteen octets; null until it is qualified. */
  readonly address: Uint8Array | null;
  /** IPv4 address of the server that it uses or asks; null: none yet. */
  readonly server: number | null;
  /** What its server sees. */
  readonly mapped: EndpointText | null;
  /** Where its gateway leads to it, if that is elsewhere: RFC 6081 section 5.3.3. */
  readonly gateway: EndpointText | null;
  /** Its own end of the service port. */
  readonly localPort: number;
  readonly nat: TeredoNat | null;
  /** Seconds between two words with the server that keep the mapping alive. */
  readonly refreshSeconds: number;
  /** The last reason why it did not work, a sentence for people; null: none yet. */
  readonly failure: string | null;
}

/** What a host has learned from the routers in its tunnel: immutable, a new object whenever something changed. */
export interface Learned {
  /** Default routers, the one in use first. */
  readonly routers: readonly LearnedRouter[];
  readonly prefixes: readonly LearnedPrefix[];
  readonly routes: readonly LearnedRoute[];
  /** Octets; 0: no router named one. */
  readonly mtu: number;
  /** Of a Teredo client, whose router is its server; null in other tunnels. */
  readonly teredo: Qualification | null;
}

/** What outlives a role: handed to the one that follows on the same tunnel. */
export interface Heritage {
  /** What LANs were told and may still believe: the follower withdraws what it does not confirm. */
  readonly lans: readonly AdvertisedLan[];
  /** null in roles that learn nothing. */
  readonly learned: Learned | null;
  /** IPv4 address of the border relay that was found to be there; null in roles that look for none. */
  readonly relay: number | null;
}

/** The heritage of nobody. */
export const NO_HERITAGE: Heritage = { lans: [], learned: null, relay: null };

/** What a role says of its own accord, to LANs, routers and neighbours, and when. */
export interface Speaker {
  /** Takes a packet from LAN `lan`: a router solicitation. `Verdict.consumed` or a drop reason. */
  fromLan(lan: number, frame: Frame, now: Millis): number;
  heritage(now: Millis): Heritage;
  /** What was learned so far: the same object until it changes. null: nothing is ever learned. */
  readonly learned: Learned | null;
  /** Peers that it keeps state of; 0 in a role that keeps none. */
  readonly peers: number;
  /** An ICMPv4 error about a packet of this tunnel says that nobody may be at `ep` any more. It may be forged: a reason to ask, no more. */
  suspect(ep: Endpoint): void;
  /** The tunnel stops, except on the LANs named: whoever was told of it is to be told that it is gone. */
  withdraw(now: Millis, except: readonly string[]): void;
  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void;
  /** When `handleTimeout` is due; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis;
  /** Writes the next transmission into `out` and says where it goes (`TransmitTo`); `nowhere` when there is none. */
  pollTransmit(out: Frame, now: Millis): number;
}

/** A sans-IO role. Packets it is shown are whole IPv6 packets; lengths were checked before. */
export interface Role {
  /** Source of an ICMPv6 error that goes to an IPv6 neighbour of this node, sixteen octets. */
  readonly errorSource: Uint8Array;
  /** Source of an ICMPv6 error that goes out through the carrier: one that the far end's checks accept. */
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker;
  /**
   * Judges the IPv6 packet at `b[off..)` on its way into the tunnel and fills `outer`.
   * `Drop.none` to forward, `Verdict.hold` when it has kept a copy, or a drop reason. Has no effect on a drop.
   */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** The same for a packet that is only quoted: nothing is kept, and nobody is asked whether the next hop is there. */
  route(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** Judges the inner packet at `b[off..)` that came between the endpoints of `outer`. `Drop.none`, `Verdict.consumed`, `Verdict.hold` when it has kept a copy, or a drop reason. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number;
  /** True when either address of the packet belongs to this tunnel's domain: it wins where tunnels share an address. */
  claims(b: Uint8Array, off: number): boolean;
  /** True when the address at `b[off..)` is one that the role gave this node. */
  isOwn(b: Uint8Array, off: number): boolean;
}

/** The speaker of a role that only judges. */
export const SILENT: Speaker = {
  learned: null,
  peers: 0,
  fromLan: () => Drop.destination_mismatch,
  heritage: () => NO_HERITAGE,
  suspect: () => {},
  withdraw: () => {},
  handleTimeout: () => {},
  nextTimeout: () => Number.POSITIVE_INFINITY,
  pollTransmit: () => TransmitTo.nowhere,
};
