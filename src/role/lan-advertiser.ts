/**
 * Router advertisements on one LAN behind a tunnel, RFC 4861 section 6.2, with RFC 6343 section 4.1:
 * router preference low, MTU option no larger than the tunnel's, prefixes that die with their tunnel.
 *
 * When the IPv4 address changes, so does the prefix: the old one goes on being advertised with
 * lifetime 0, for as long as some host may still believe in it (RFC 3056 section 2).
 */
import type { Millis } from '../core/clock.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import type { Prefix6 } from '../wire/address.js';
import { type AdvertisedPrefix, ALL_NODES, writeRouterAdvertisement } from '../wire/ndisc.js';
import { same } from '../wire/octets.js';
import { chanceWithin } from './chance.js';
import type { AdvertisedLan } from './role.js';

/** Longest time between unsolicited advertisements. RFC 4861: MaxRtrAdvInterval, 4..1800 s. */
export const MAX_INTERVAL: Millis = 200_000;
/** Shortest time between unsolicited advertisements. RFC 4861: MinRtrAdvInterval, a third of the maximum. */
export const MIN_INTERVAL: Millis = 66_000;
/** Time between the first advertisements. RFC 4861 section 10: MAX_INITIAL_RTR_ADVERT_INTERVAL. */
export const INITIAL_INTERVAL: Millis = 16_000;
/** How many first advertisements there are. RFC 4861 section 10: MAX_INITIAL_RTR_ADVERTISEMENTS. */
export const INITIAL_COUNT = 3;
/** Least time between two multicast advertisements. RFC 4861 section 10: MIN_DELAY_BETWEEN_RAS. */
export const MIN_DELAY: Millis = 3_000;
/** Longest time that a solicitation waits for its answer. RFC 4861 section 10: MAX_RA_DELAY_TIME. */
export const MAX_ANSWER_DELAY: Millis = 500;
/** Seconds for which this router is a default router: three times the longest interval. */
export const ROUTER_LIFETIME = 600;
/** Seconds for which addresses of the prefix stay valid: short, since the IPv4 address may change at any time. */
export const VALID_LIFETIME = 1800;
/** Seconds for which they are preferred. */
export const PREFERRED_LIFETIME = 900;
/** Milliseconds in a second. */
const SECOND: Millis = 1000;
/** Old prefixes that are withdrawn at a time; an older one has been withdrawn already. */
const MAX_WITHDRAWN = 4;

/** A LAN as it is advertised. */
export interface LanToAdvertise {
  readonly interface: string;
  /** Link-local address of the interface, sixteen octets. */
  readonly linkLocal: Uint8Array;
  /** Its /64; null while the tunnel is down. */
  readonly prefix: Prefix6 | null;
  /** Octets. */
  readonly mtu: number;
  /** No address under the prefix may outlive this; `Infinity`: no such end is known. */
  readonly until: Millis;
}

/** One LAN. See role.ts for the calling contract. */
export class LanAdvertiser {
  readonly #interface: string;
  readonly #linkLocal: Uint8Array;
  readonly #mtu: number;
  readonly #until: Millis;
  readonly #random: Random;
  #prefix: Prefix6 | null;
  /** Prefixes that hosts may still use, and when the last of them has forgotten. */
  #withdrawn: AdvertisedLan[] = [];
  /** End of what was last advertised for the present prefix. */
  #believedUntil: Millis = 0;
  #initialLeft = INITIAL_COUNT;
  #next: Millis = Number.POSITIVE_INFINITY;
  #last: Millis = Number.NEGATIVE_INFINITY;
  #due = false;

  /** `before`: what LANs, this one among them, were told by earlier advertisers. */
  constructor(lan: LanToAdvertise, before: readonly AdvertisedLan[], random: Random, now: Millis) {
    const { prefix } = lan;
    this.#interface = lan.interface;
    this.#linkLocal = lan.linkLocal;
    this.#mtu = lan.mtu;
    this.#until = lan.until;
    this.#random = random;
    this.#prefix = prefix;
    for (const told of before) {
      if (told.interface !== lan.interface || told.until <= now) continue;
      this.#last = Math.max(this.#last, told.sent);
      if (prefix !== null && same(told.prefix.addr, 0, prefix.addr, 0, 16)) this.#believedUntil = told.until;
      else this.#withdrawn.push(told);
    }
    this.#withdrawn = this.#withdrawn.slice(-MAX_WITHDRAWN);
    if (prefix !== null || this.#withdrawn.length > 0) this.#next = Math.max(now, this.#last + MIN_DELAY);
  }

  /** What hosts on this LAN may believe at `now`. */
  advertised(now: Millis): AdvertisedLan[] {
    const told = this.#withdrawn.filter((old) => old.until > now).map((old) => ({ ...old, sent: this.#last }));
    if (this.#prefix !== null && this.#believedUntil > now)
      told.push({ interface: this.#interface, prefix: this.#prefix, until: this.#believedUntil, sent: this.#last });
    return told;
  }

  /** Takes a well-formed router solicitation. Answered by multicast, within bounds however many come. */
  handleSolicitation(now: Millis): void {
    if (this.#next === Number.POSITIVE_INFINITY) return;
    this.#next = Math.min(this.#next, Math.max(now + chanceWithin(this.#random, 0, MAX_ANSWER_DELAY), this.#last + MIN_DELAY));
  }

  /** The tunnel stops: one last advertisement, all lifetimes 0, and at once, since whoever sends it may be gone in a moment. */
  withdraw(now: Millis): void {
    this.#withdrawn = this.advertised(now);
    this.#prefix = null;
    this.#initialLeft = 0;
    this.#due = this.#withdrawn.length > 0;
    this.#next = Number.POSITIVE_INFINITY;
  }

  /** See role.ts. */
  handleTimeout(now: Millis): void {
    if (now < this.#next) return;
    this.#due = true;
    if (this.#initialLeft > 0) this.#initialLeft--;
    this.#withdrawn = this.#withdrawn.filter((old) => old.until > now);
    if (this.#prefix === null && this.#withdrawn.length === 0) this.#next = Number.POSITIVE_INFINITY;
    else this.#next = now + (this.#initialLeft > 0 ? INITIAL_INTERVAL : chanceWithin(this.#random, MIN_INTERVAL, MAX_INTERVAL));
  }

  /** See role.ts. */
  nextTimeout(): Millis {
    return this.#next;
  }

  /** Writes a due advertisement, a whole IPv6 packet, into `out`; false when none is due. */
  pollTransmit(out: Frame, now: Millis): boolean {
    if (!this.#due) return false;
    this.#due = false;
    this.#last = now;
    const prefixes: AdvertisedPrefix[] = this.#withdrawn.map(({ prefix }) => advertise(prefix, 0, 0));
    const left = this.#prefix === null ? 0 : Math.max(0, Math.floor((this.#until - now) / SECOND));
    if (this.#prefix !== null) {
      const valid = Math.min(VALID_LIFETIME, left);
      prefixes.push(advertise(this.#prefix, valid, Math.min(PREFERRED_LIFETIME, left)));
      // Hosts count from when they hear it: with a second for the way, what ends with its tunnel is still withdrawn in words.
      this.#believedUntil = Math.max(this.#believedUntil, now + (valid + 1) * SECOND);
    }
    out.clear();
    out.end = writeRouterAdvertisement(out.b, out.off, {
      source: this.#linkLocal,
      destination: ALL_NODES,
      hopLimit: 64,
      preference: 'low',
      routerLifetime: Math.min(ROUTER_LIFETIME, left),
      mtu: this.#mtu,
      prefixes,
      routes: [],
    });
    return true;
  }
}

function advertise(prefix: Prefix6, validLifetime: number, preferredLifetime: number): AdvertisedPrefix {
  return { prefix, validLifetime, preferredLifetime, onLink: true, autonomous: true };
}
