/**
 * What the routers of a tunnel have advertised, until it runs out: default routers, prefixes, routes,
 * MTU. RFC 4861 section 6.3.4, RFC 4862 section 5.5.3, RFC 4191 section 3.
 *
 * Prefixes are /64s only: nothing else leaves room for an ISATAP identifier. How long a prefix is on
 * link and how long addresses under it are valid are two things, and only the latter has the two-hour
 * rule. All numbers are bounded; what comes beyond them is not taken.
 */
import type { Millis } from '../core/clock.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import type { Prefix6 } from '../wire/address.js';
import { MIN_MTU } from '../wire/ipv6.js';
import { type AdvertisedPrefix, INFINITE_LIFETIME, type RouterAdvertisement, type RouterPreference } from '../wire/ndisc.js';
import { same, u32 } from '../wire/octets.js';
import type { Learned, LearnedPrefix, LearnedRoute, LearnedRouter } from './role.js';

/** Prefixes that are kept. */
export const MAX_PREFIXES = 16;
/** Routes that are kept. */
export const MAX_ROUTES = 64;
/** What nobody can shorten addresses below without authentication: two hours, RFC 4862 section 5.5.3 e. */
export const TWO_HOURS: Millis = 7_200_000;
/** The largest MTU of an IPv4 tunnel, octets. */
const MAX_MTU = 65_515;
/** Times that differ by no more say the same to a reader. */
const SAME_TIME: Millis = 60_000;

/** The link prefix of an ISATAP interface, bits. */
const LINK_PREFIX_LEN = 64;

interface Prefix {
  readonly prefix: Prefix6;
  onLinkUntil: Millis;
  /** Of addresses of this node under it. */
  validUntil: Millis;
  preferredUntil: Millis;
}

/** The order of preferences: the lower, the better. */
export const PREFERENCE: Record<RouterPreference, number> = { high: 0, medium: 1, low: 2 };

/** Nothing has been heard yet. */
export const NOTHING_LEARNED: Learned = { routers: [], prefixes: [], routes: [], mtu: 0, teredo: null };

/** See the head of the file. Routers are told apart by a number of the caller's: their endpoints. */
export class AdvertisedLink {
  readonly #routers = new Map<number, LearnedRouter>();
  #prefixes: Prefix[] = [];
  #routes: { readonly from: number; readonly route: LearnedRoute }[] = [];
  #mtu = 0;

  /** Takes over what an earlier one knew, as far as `routerOf` knows the router: the number of one by its address, or null. */
  inherit(learned: Learned, routerOf: (address: Uint8Array) => number | null, now: Millis): void {
    for (const router of learned.routers) {
      const from = routerOf(router.address);
      if (from !== null) this.#routers.set(from, router);
    }
    for (const route of learned.routes) {
      const from = routerOf(route.router);
      if (from !== null) this.#routes.push({ from, route });
    }
    this.#prefixes = learned.prefixes.map(({ prefix, onLink, autonomous, validUntil, preferredUntil }) => ({
      prefix,
      onLinkUntil: onLink ? validUntil : now,
      validUntil: autonomous ? validUntil : now,
      preferredUntil: autonomous ? preferredUntil : now,
    }));
    this.#mtu = learned.mtu;
    this.expire(now);
  }

  /** Takes a valid advertisement of router `from`. */
  learn(ra: RouterAdvertisement, from: number, now: Millis): void {
    // A route to everything speaks of the default router, and better than the header does: RFC 4191 section 3.1.
    const whole = ra.routes.find(({ prefix }) => prefix.len === 0);
    const until = after(now, whole?.lifetime ?? ra.routerLifetime);
    this.#routers.delete(from);
    if (until > now)
      this.#routers.set(from, { address: ra.source, preference: whole?.preference ?? ra.preference, until, reachable: true });
    for (const prefix of ra.prefixes) this.#learnPrefix(prefix, now);
    for (const { prefix, preference, lifetime } of ra.routes) {
      if (prefix.len === 0 || specialIpv6(prefix.addr, 0)) continue;
      const route: LearnedRoute = { prefix, router: ra.source, preference, until: after(now, lifetime) };
      this.#routes = this.#routes.filter((old) => old.from !== from || !samePrefix(old.route.prefix, prefix));
      if (lifetime > 0 && this.#routes.length < MAX_ROUTES) this.#routes.push({ from, route });
    }
    if (ra.mtu >= MIN_MTU && ra.mtu <= MAX_MTU) this.#mtu = ra.mtu;
    this.expire(now);
  }

  /** Drops what has run out. */
  expire(now: Millis): void {
    for (const [from, { until }] of this.#routers) if (until <= now) this.#routers.delete(from);
    this.#prefixes = this.#prefixes.filter(({ onLinkUntil, validUntil }) => onLinkUntil > now || validUntil > now);
    this.#routes = this.#routes.filter(({ route }) => route.until > now);
  }

  /** When something runs out next, or an address becomes deprecated; `Infinity`: never. */
  nextExpiry(now: Millis): Millis {
    const times = [
      ...[...this.#routers.values()].map(({ until }) => until),
      ...this.#prefixes.flatMap(({ onLinkUntil, validUntil, preferredUntil }) => [onLinkUntil, validUntil, preferredUntil]),
      ...this.#routes.map(({ route }) => route.until),
    ];
    return Math.min(Number.POSITIVE_INFINITY, ...times.filter((time) => time > now));
  }

  /** Numbers of the default routers. */
  routers(): readonly number[] {
    return [...this.#routers.keys()];
  }

  /** All of it as others read it; routers for which `isReachable` answers true come first. */
  snapshot(isReachable: (router: number) => boolean, now: Millis): Learned {
    const routers = Array.from(this.#routers, ([from, router]) => ({ ...router, reachable: isReachable(from) }));
    return {
      routers: routers.sort((a, b) => Number(b.reachable) - Number(a.reachable) || inOrder(a, b)),
      prefixes: this.#prefixes.map(({ prefix, onLinkUntil, validUntil, preferredUntil }): LearnedPrefix => {
        const autonomous = validUntil > now;
        return {
          prefix,
          onLink: onLinkUntil > now,
          autonomous,
          preferred: preferredUntil > now,
          validUntil: autonomous ? validUntil : onLinkUntil,
          preferredUntil,
        };
      }),
      routes: this.#routes.map(({ route }) => route),
      mtu: this.#mtu,
      teredo: null,
    };
  }

  #learnPrefix(advertised: AdvertisedPrefix, now: Millis): void {
    const { prefix, onLink, autonomous, validLifetime, preferredLifetime } = advertised;
    if (prefix.len !== LINK_PREFIX_LEN || specialIpv6(prefix.addr, 0)) return;
    let known = this.#prefixes.find((one) => samePrefix(one.prefix, prefix));
    if (known === undefined) {
      if (this.#prefixes.length === MAX_PREFIXES) return;
      known = { prefix, onLinkUntil: now, validUntil: now, preferredUntil: now };
      this.#prefixes.push(known);
    }
    if (onLink) known.onLinkUntil = after(now, validLifetime);
    if (!autonomous || preferredLifetime > validLifetime) return;
    const valid = after(now, validLifetime);
    const left = known.validUntil - now;
    if (left <= 0 || valid - now > TWO_HOURS || valid > known.validUntil) known.validUntil = valid;
    else if (left > TWO_HOURS) known.validUntil = now + TWO_HOURS;
    known.preferredUntil = after(now, preferredLifetime);
  }
}

/** The order of routers while all are there: as they want to be preferred, then by their addresses. Negative, 0, or positive. */
function inOrder(a: LearnedRouter, b: LearnedRouter): number {
  return PREFERENCE[a.preference] - PREFERENCE[b.preference] || u32(a.address, 12) - u32(b.address, 12);
}

/** The shortest lifetime in an advertisement; `Infinity` when nothing in it ends. */
export function shortestLifetime(ra: RouterAdvertisement): Millis {
  const seconds = [
    ra.routerLifetime,
    ...ra.prefixes.flatMap(({ validLifetime, preferredLifetime }) => [validLifetime, preferredLifetime]),
    ...ra.routes.map(({ lifetime }) => lifetime),
  ];
  return Math.min(Number.POSITIVE_INFINITY, ...seconds.filter((s) => s > 0).map((s) => after(0, s)));
}

/** True when a reader of `a` needs not be told of `b`: the same but for times that differ by less than a minute. */
export function saysTheSame(a: Learned, b: Learned): boolean {
  return (
    a.mtu === b.mtu &&
    alike(a.routers, b.routers, sameRouter) &&
    alike(a.prefixes, b.prefixes, samePrefixInformation) &&
    alike(a.routes, b.routes, sameRoute)
  );
}

function sameRouter(x: LearnedRouter, y: LearnedRouter): boolean {
  const sameFlags = x.preference === y.preference && x.reachable === y.reachable;
  return sameFlags && sameAddress(x.address, y.address) && near(x.until, y.until);
}

function samePrefixInformation(x: LearnedPrefix, y: LearnedPrefix): boolean {
  const sameFlags = x.onLink === y.onLink && x.autonomous === y.autonomous && x.preferred === y.preferred;
  return sameFlags && samePrefix(x.prefix, y.prefix) && near(x.validUntil, y.validUntil) && near(x.preferredUntil, y.preferredUntil);
}

function sameRoute(x: LearnedRoute, y: LearnedRoute): boolean {
  const sameWay = samePrefix(x.prefix, y.prefix) && sameAddress(x.router, y.router);
  return sameWay && x.preference === y.preference && near(x.until, y.until);
}

function alike<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  return a.length === b.length && a.every((x, i) => same(x, b[i]));
}

function near(a: Millis, b: Millis): boolean {
  return a === b || Math.abs(a - b) <= SAME_TIME;
}

function samePrefix(a: Prefix6, b: Prefix6): boolean {
  return a.len === b.len && sameAddress(a.addr, b.addr);
}

function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return same(a, 0, b, 0, 16);
}

/** The end of a lifetime of `seconds`. */
function after(now: Millis, seconds: number): Millis {
  return seconds === INFINITE_LIFETIME ? Number.POSITIVE_INFINITY : now + seconds * 1000;
}
