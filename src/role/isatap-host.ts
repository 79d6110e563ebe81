/**
 * ISATAP host, RFC 5214: addresses that carry the IPv4 address of this node, behind prefixes that
 * routers of the site advertise when they are asked.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import type { OwnAddresses } from '../policy/own-addresses.js';
import type { EndpointPolicy } from '../policy/special-addresses.js';
import { type Heritage, type Learned, NO_HERITAGE, type Outer, type Role, type Speaker, TransmitTo } from './role.js';

/** How a host is set up. */
export interface IsatapHostOptions {
  /** Outer source; null while the tunnel is down. */
  readonly local: number | null;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Which IPv4 addresses may be endpoints: any unicast one. */
  readonly endpoints: EndpointPolicy;
  /** `node.identity`, or null. */
  readonly identity: Uint8Array | null;
  /** IPv4 addresses of the potential router list. */
  readonly potentialRouters: readonly number[];
  /** Whether an IPv4 address is known to be globally unique: the u bit of addresses that carry it. */
  readonly unique: (addr: number) => boolean;
  /** MTU of the tunnel, octets: what a packet that is held may have. */
  readonly mtu: number;
  /** True in the one thread that solicits routers and neighbours; the others send by what it learned. */
  readonly speaks: boolean;
  /** What that thread has learned, for the others; null as long as that is nothing. */
  readonly learned: Learned | null;
  /** Of the role before this one. */
  readonly before: Heritage;
}

/** An ISATAP host. */
export class IsatapHost implements Role, Speaker {
  errorSource: Uint8Array = new Uint8Array(16);
  carrierErrorSource: Uint8Array = new Uint8Array(16);
  learned: Learned | null = null;
  readonly speaker: Speaker = this;

  constructor(_options: IsatapHostOptions, _random: Random, _now: Millis) {}

  /** See {@link Role}. */
  encapsulate(_b: Uint8Array, _off: number, _outer: Outer, _now: Millis): number {
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

  /** A host has no LANs. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Speaker}. */
  heritage(_now: Millis): Heritage {
    return NO_HERITAGE;
  }

  /** See {@link Speaker}. */
  withdraw(_now: Millis): void {}

  /** See {@link Speaker}. */
  handleTimeout(_now: Millis): void {}

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return Number.POSITIVE_INFINITY;
  }

  /** See {@link Speaker}. */
  pollTransmit(_out: Frame, _now: Millis): number {
    return TransmitTo.nowhere;
  }
}
