/**
 * Stateless address autoconfiguration of one interface: solicits routers (RFC 4861 section 6.3.7),
 * and makes addresses and a default route from what they advertise (RFC 4862 section 5.5, RFC 4191).
 *
 * Duplicate address detection is left out: interface identifiers of a world are unique.
 */
import type { Millis } from '../core/clock.js';
import { checksum6 } from '../wire/checksum.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, MIN_MTU, NextHeader, writeIpv6 } from '../wire/ipv6.js';
import { type AdvertisedPrefix, ALL_ROUTERS, INFINITE_LIFETIME, type RouterAdvertisement, type RouterPreference } from '../wire/ndisc.js';
import { copy, put16 } from '../wire/octets.js';
import { type Address, commonBits, isLinkLocal, SIZE6, type Subnet, sameAddress } from './address.js';
import type { Host } from './host.js';
import type { Interface } from './interface.js';
import type { Appointment } from './scheduler.js';

/** Time between solicitations, RFC 4861 section 10. */
export const SOLICITATION_INTERVAL: Millis = 4_000;
/** Solicitations that are sent while no router answers, RFC 4861 section 10. */
export const MAX_SOLICITATIONS = 3;
/** A lifetime is shortened by an advertisement, which may be forged, to no less than this: RFC 4862 section 5.5.3 e. */
export const SHORTEST_LIFETIME: Millis = 7_200_000;
const HOP_LIMIT = 255;
const SOLICITATION_LEN = 8;
/** Bits of prefix and identifier that make an address. */
const PREFIX_LEN = 64;
/** Metrics of default routes by preference; native routes of the world have lower ones, tunnels higher. */
const METRICS: Record<RouterPreference, number> = { high: 512, medium: 1024, low: 2048 };
/** Addresses that one interface has, and routes that it learns; what is advertised beyond them is ignored. */
const MOST_ADDRESSES = 16;
const MOST_ROUTES = 32;

/** One interface that configures itself. */
export class Autoconfiguration {
  readonly #host: Host;
  readonly #interface: Interface;
  #solicitations = 0;
  #next: Appointment | null = null;

  constructor(host: Host, on: Interface) {
    this.#host = host;
    this.#interface = on;
  }

  /** Begins to ask for routers: at start, and when the interface comes up again. */
  start(): void {
    this.stop();
    this.#solicitations = 0;
    this.#next = this.#host.scheduler.after(0, () => this.#solicit());
  }

  /** Asks no more. */
  stop(): void {
    if (this.#next !== null) this.#next.action = null;
    this.#next = null;
  }

  /** Takes a valid advertisement. */
  hear(ra: RouterAdvertisement): void {
    if (ra.routerLifetime > 0) this.stop();
    this.#forget();
    this.#setDefaultRoute(ra);
    if (ra.mtu >= MIN_MTU && ra.mtu <= this.#interface.mtu) this.#interface.advertisedMtu = ra.mtu;
    for (const prefix of ra.prefixes) this.#setPrefix(prefix);
  }

  #solicit(): void {
    const source = this.#interface.linkLocal;
    if (source === null || !this.#interface.isUp) return;
    this.#host.stack6.originate(routerSolicitation(source), this.#interface);
    this.#solicitations++;
    this.#next = this.#solicitations < MAX_SOLICITATIONS ? this.#host.scheduler.after(SOLICITATION_INTERVAL, () => this.#solicit()) : null;
  }

  #setDefaultRoute({ source, routerLifetime, preference }: RouterAdvertisement): void {
    const { routes6, now } = this.#host;
    routes6.remove(
      (route) => route.to.len === 0 && route.interface === this.#interface && route.via !== null && sameAddress(route.via, source, 0),
    );
    if (routerLifetime > 0) this.#learn({ addr: new Uint8Array(SIZE6), len: 0 }, source, METRICS[preference], now + routerLifetime * 1000);
  }

  #setPrefix(advertised: AdvertisedPrefix): void {
    const { prefix, onLink, autonomous, validLifetime, preferredLifetime } = advertised;
    const { routes6, now } = this.#host;
    if (isLinkLocal(prefix.addr, 0, SIZE6)) return;
    if (onLink) {
      routes6.remove((route) => route.via === null && route.interface === this.#interface && isSame(route.to, prefix));
      const until = now + milliseconds(validLifetime);
      if (until > now) this.#learn(prefix, null, METRICS.medium, until);
    }
    if (!autonomous || prefix.len !== PREFIX_LEN || preferredLifetime > validLifetime) return;
    const old = this.#interface.addresses.find(({ addr }) => addr.length === SIZE6 && commonBits(addr, prefix.addr, 0) >= PREFIX_LEN);
    const remaining = old === undefined ? 0 : Math.max(0, old.validUntil - now);
    const valid = this.#believed(milliseconds(validLifetime), remaining);
    if (valid === 0 || (old === undefined && this.#interface.addresses.length >= MOST_ADDRESSES)) return;
    this.#interface.assign({
      addr: old?.addr ?? this.#address(prefix.addr),
      len: PREFIX_LEN,
      preferredUntil: now + Math.min(milliseconds(preferredLifetime), valid),
      validUntil: now + valid,
    });
  }

  /** Removes what has expired, so that it takes no place. */
  #forget(): void {
    const { routes6, now } = this.#host;
    routes6.remove((route) => route.until <= now);
    const expired = this.#interface.addresses.filter(({ validUntil }) => validUntil <= now);
    for (const { addr } of expired) this.#interface.release(addr);
  }

  #learn(to: Subnet, via: Address | null, metric: number, until: Millis): void {
    const { routes6 } = this.#host;
    const learned = routes6.routes().filter((route) => route.interface === this.#interface && route.metric >= METRICS.high);
    if (learned.length < MOST_ROUTES) routes6.add({ to, via, interface: this.#interface, metric, until });
  }

  /** How long an address stays valid that was advertised with `lifetime` and has `remaining` left. */
  #believed(lifetime: Millis, remaining: Millis): Millis {
    if (lifetime > SHORTEST_LIFETIME || lifetime > remaining) return lifetime;
    return Math.min(remaining, SHORTEST_LIFETIME);
  }

  /** The prefix with the identifier of the interface's link-local address. */
  #address(prefix: Uint8Array): Uint8Array {
    const addr = prefix.slice();
    const own = this.#interface.linkLocal;
    if (own !== null) copy(own, 8, addr, 8, 8);
    return addr;
  }
}

/** A router solicitation without options, RFC 4861 section 4.1. */
export function routerSolicitation(source: Uint8Array): Uint8Array {
  const packet = new Uint8Array(IPV6_LEN + SOLICITATION_LEN);
  writeIpv6(packet, 0, SOLICITATION_LEN, NextHeader.icmp6, HOP_LIMIT);
  copy(source, 0, packet, IPV6_SRC, ADDRESS_LEN);
  copy(ALL_ROUTERS, 0, packet, IPV6_DST, ADDRESS_LEN);
  packet[IPV6_LEN] = Icmp6.routerSolicitation;
  put16(packet, IPV6_LEN + 2, checksum6(packet, IPV6_SRC, NextHeader.icmp6, IPV6_LEN, packet.length));
  return packet;
}

function milliseconds(seconds: number): Millis {
  return seconds === INFINITE_LIFETIME ? Infinity : seconds * 1000;
}

function isSame(a: { addr: Uint8Array; len: number }, b: { addr: Uint8Array; len: number }): boolean {
  return a.len === b.len && commonBits(a.addr, b.addr, 0) >= a.len;
}
