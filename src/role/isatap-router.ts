/**
 * ISATAP router, RFC 5214: between a site whose IPv4 network is its link, and the rest of IPv6.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import type { OwnAddresses } from '../policy/own-addresses.js';
import type { EndpointPolicy } from '../policy/special-addresses.js';
import { type Heritage, NO_HERITAGE, type Outer, type Role, type Speaker, TransmitTo } from './role.js';

/** How a router is set up. */
export interface IsatapRouterOptions {
  /** Outer source, the address that hosts have in their potential router list; null while the tunnel is down. */
  readonly local: number | null;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Which IPv4 addresses may be endpoints: any unicast one. */
  readonly endpoints: EndpointPolicy;
  /** `node.identity`, or null. */
  readonly identity: Uint8Array | null;
  /** The eight octets of the on-link /64. */
  readonly prefix: Uint8Array;
  /** Whether an IPv4 address is known to be globally unique: the u bit of addresses that carry it. */
  readonly unique: (addr: number) => boolean;
  /** Seconds for which hosts may use it as a default router; 0: not at all. */
  readonly routerLifetime: number;
  /** MTU that hosts are told, octets. */
  readonly mtu: number;
}

/** An ISATAP router. */
export class IsatapRouter implements Role, Speaker {
  readonly errorSource: Uint8Array = new Uint8Array(16);
  readonly carrierErrorSource: Uint8Array = new Uint8Array(16);
  readonly learned = null;
  readonly speaker: Speaker = this;

  constructor(_options: IsatapRouterOptions, _random: Random) {}

  /** See {@link Role}. */
  encapsulate(_b: Uint8Array, _off: number, _outer: Outer): number {
    return Drop.no_endpoint;
  }

  /** See {@link Role}. */
  decapsulate(_b: Uint8Array, _off: number, _outer: Outer, _now: Millis): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Role}. */
  claims(_b: Uint8Array, _off: number): boolean {
    return false;
  }

  /** See {@link Role}. */
  isOwn(_b: Uint8Array, _off: number): boolean {
    return false;
  }

  /** A router in a tunnel has no LANs of its own making. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Speaker}. */
  heritage(): Heritage {
    return NO_HERITAGE;
  }

  /** See {@link Speaker}. */
  withdraw(): void {}

  /** See {@link Speaker}. */
  handleTimeout(): void {}

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return Number.POSITIVE_INFINITY;
  }

  /** See {@link Speaker}. */
  pollTransmit(_out: Frame, _now: Millis): number {
    return TransmitTo.nowhere;
  }
}
