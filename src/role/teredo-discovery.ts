/**
 * Teredo clients of one subnet find each other, RFC 4380 section 5.2.8: each says where it is, by multicast, now and then
 * and whenever it looks for one of the others.
 *
 *   | IPv4, time to live 1, to 224.0.0.253 | UDP, from the service port to 3544 | bubble to ff02::1, hop limit 1 |
 *
 * Whoever else is on the subnet may say that he is a client. He is believed only what he could have by being there: that
 * of the clients behind the own NAT, whose address his carries, one is where he is.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { RateLimit } from '../policy/rate-limit.js';
import { in4, type Prefix4 } from '../wire/address.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC } from '../wire/ipv6.js';
import { ALL_NODES } from '../wire/ndisc.js';
import { same } from '../wire/octets.js';
import { DISCOVERY_HOP_LIMIT, isBubble, TEREDO_DISCOVERY_GROUP, TEREDO_PORT, writeBubble } from '../wire/teredo.js';
import { chanceWithin } from './chance.js';
import type { TeredoAddresses } from './teredo-addresses.js';
import type { TeredoNode } from './teredo-node.js';

/** Between two times that a client says where it is, by chance. */
export const LEAST_SILENCE: Millis = 200_000;
export const MOST_SILENCE: Millis = 300_000;
/** In a second, of those that are looked for. */
const ANNOUNCEMENTS = 2;
/** How long it is believed, RFC 4380 section 5.2.4. */
export const NEARBY_TIME: Millis = 600_000;

/** Where others are looked for. */
export interface DiscoveryOptions {
  /** The subnet of the service port. */
  readonly lan: Prefix4;
  /** The socket that hears the group, and nothing else, by its number among those of the tunnel. */
  readonly socket: number;
}

/** See the head of the file. */
export class TeredoDiscovery {
  readonly #node: TeredoNode;
  readonly #addresses: TeredoAddresses;
  readonly #lan: Prefix4;
  readonly #announcements = new RateLimit(ANNOUNCEMENTS);
  #isDue = false;
  #next: Millis = Number.POSITIVE_INFINITY;

  constructor({ lan }: DiscoveryOptions, node: TeredoNode, addresses: TeredoAddresses) {
    this.#lan = lan;
    this.#node = node;
    this.#addresses = addresses;
  }

  /** The client has an address that it did not have before: the others are told at once. */
  begin(now: Millis): void {
    this.#say(now);
  }

  /** It has none any more. */
  end(): void {
    this.#isDue = false;
    this.#next = Number.POSITIVE_INFINITY;
  }

  /** One of the others is looked for, and has to know who looks. */
  announce(now: Millis): void {
    if (this.#announcements.take(now)) this.#say(now);
  }

  /**
   * Judges the packet at `b[off..)`, which was sent to the group from `from`; `mapped` is where the own NAT is. `Drop.none`: it
   * says where another client is; `Verdict.consumed`: it is what this one has said itself; or a drop reason.
   */
  judge(b: Uint8Array, off: number, from: Endpoint, mapped: number): number {
    if (!isBubble(b, off) || !same(b, off + IPV6_DST, ALL_NODES, 0, ADDRESS_LEN)) return Drop.destination_mismatch;
    if (this.#node.own.has(from)) return Verdict.consumed;
    if (!this.#addresses.has(b, off + IPV6_SRC)) return Drop.source_mismatch;
    const refusal = this.#addresses.refusal(b, off + IPV6_SRC);
    if (refusal !== Drop.none) return refusal;
    return from.port !== 0 && in4(from.addr, this.#lan) && this.#addresses.embedded.addr === mapped ? Drop.none : Drop.untrusted_peer;
  }

  /** Writes what is to be said of the client with the address `own` into `out`; false when there is nothing. */
  poll(out: Frame, own: Uint8Array): boolean {
    if (!this.#isDue) return false;
    this.#isDue = false;
    out.clear();
    out.end = writeBubble(out.b, out.off, own, 0, ALL_NODES, 0, DISCOVERY_HOP_LIMIT);
    out.remote.addr = TEREDO_DISCOVERY_GROUP;
    out.remote.port = TEREDO_PORT;
    out.socket = 0;
    return true;
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now >= this.#next) this.#say(now);
  }

  /** When `handleTimeout` is due; `Infinity` while there is nothing to say. */
  nextTimeout(): Millis {
    return this.#next;
  }

  #say(now: Millis): void {
    this.#isDue = true;
    this.#next = now + chanceWithin(this.#node.random, LEAST_SILENCE, MOST_SILENCE);
  }
}
