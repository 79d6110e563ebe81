/** The LANs of a site behind a tunnel: what is advertised on each, and what is said when the tunnel goes. */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import type { Prefix6 } from '../wire/address.js';
import { isRouterSolicitation } from '../wire/ndisc.js';
import { LanAdvertiser } from './lan-advertiser.js';
import { type Heritage, NO_HERITAGE, type Speaker, TransmitTo } from './role.js';

/** A LAN and its /64; a null prefix while the tunnel is down. */
export interface SiteLan {
  readonly interface: string;
  /** Link-local address of the interface, sixteen octets. */
  readonly linkLocal: Uint8Array;
  readonly prefix: Prefix6 | null;
}

/** How LANs are told. */
export interface SiteLansOptions {
  readonly lans: readonly SiteLan[];
  /** MTU that LANs are told, octets. */
  readonly mtu: number;
  /** Nothing that LANs are told outlives this: the end of the IPv4 lease (RFC 5969 section 4). `Infinity`: not known. */
  readonly until: Millis;
  readonly before: Heritage;
}

/** See the head of the file. */
export class SiteLans implements Speaker {
  readonly learned = null;
  readonly peers = 0;
  readonly #lans: readonly LanAdvertiser[];
  readonly #names: readonly string[];

  constructor({ lans, mtu, until, before }: SiteLansOptions, random: Random, now: Millis) {
    this.#names = lans.map((lan) => lan.interface);
    this.#lans = lans.map((lan) => new LanAdvertiser({ ...lan, mtu, until }, before.lans, random, now));
  }

  /** See {@link Speaker}. */
  fromLan(lan: number, frame: Frame, now: Millis): number {
    if (!isRouterSolicitation(frame.b, frame.off, frame.end)) return Drop.malformed_nd;
    this.#lans[lan].handleSolicitation(now);
    return Verdict.consumed;
  }

  /** See {@link Speaker}. */
  heritage(now: Millis): Heritage {
    return { ...NO_HERITAGE, lans: this.#lans.flatMap((lan) => lan.advertised(now)) };
  }

  /** See {@link Speaker}: a site keeps no watch over endpoints. */
  suspect(): void {}

  /** See {@link Speaker}. */
  withdraw(now: Millis, except: readonly string[]): void {
    this.#lans.forEach((lan, i) => {
      if (!except.includes(this.#names[i])) lan.withdraw(now);
    });
  }

  /** See {@link Speaker}. */
  handleTimeout(now: Millis): void {
    for (const lan of this.#lans) lan.handleTimeout(now);
  }

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (const lan of this.#lans) next = Math.min(next, lan.nextTimeout());
    return next;
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    for (let i = 0; i < this.#lans.length; i++) if (this.#lans[i].pollTransmit(out, now)) return TransmitTo.lan + i;
    return TransmitTo.nowhere;
  }
}
