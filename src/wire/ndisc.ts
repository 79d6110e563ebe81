/**
 * Router solicitations and advertisements, RFC 4861 sections 4.1, 4.2 and 4.6, with the router
 * preference and the route option of RFC 4191 section 2. Functions here work on whole IPv6 packets.
 *
 *   solicitation                            advertisement
 *   |  133  |   0   |   checksum    |       |  134  |   0   |   checksum    |  0
 *   |            reserved           |       | limit | flags |   lifetime    |  4
 *   | options ...                           |        reachable time         |  8
 *                                           |     retransmission timer      | 12
 *                                           | options ...                     16
 *
 * Link-layer address options are never written: a tunnel has none, and a LAN resolves addresses
 * without them.
 */
import { type Prefix6, prefix6At } from './address.js';
import { checksum6 } from './checksum.js';
import { isExtension, upperLayer, upperProtocol } from './extension.js';
import { Icmp6 } from './icmp6.js';
import {
  ADDRESS_LEN,
  hopLimit6,
  IPV6_DST,
  IPV6_LEN,
  IPV6_SRC,
  isIpv6,
  isLinkLocal6,
  isUnspecified6,
  NextHeader,
  nextHeader6,
  totalLen6,
  writeIpv6,
} from './ipv6.js';
import { copy, put16, put32, u16, u32 } from './octets.js';

/** ff02::1, all nodes of a link. */
export const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
/** ff02::2, all routers of a link. */
export const ALL_ROUTERS = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);

/** A lifetime that never ends, seconds. */
export const INFINITE_LIFETIME = 0xffffffff;

/** How much a host should want this router as its default, RFC 4191 section 2.1. */
export type RouterPreference = 'high' | 'medium' | 'low';

/** A prefix information option, RFC 4861 section 4.6.2. */
export interface AdvertisedPrefix {
  readonly prefix: Prefix6;
  /** Seconds. */
  readonly validLifetime: number;
  /** Seconds, at most `validLifetime`; 0 deprecates the addresses under it. */
  readonly preferredLifetime: number;
  /** Addresses under the prefix are reached without a router. */
  readonly onLink: boolean;
  /** Hosts make addresses of their own under it. */
  readonly autonomous: boolean;
}

/** A route information option, RFC 4191 section 2.3. */
export interface AdvertisedRoute {
  /** What the router leads to; of length 0: it speaks of the router as a default router. */
  readonly prefix: Prefix6;
  readonly preference: RouterPreference;
  /** Seconds; 0: the route is gone. */
  readonly lifetime: number;
}

/** A router advertisement. */
export interface RouterAdvertisement {
  /** Link-local address of the router, sixteen octets. */
  readonly source: Uint8Array;
  /** Sixteen octets. */
  readonly destination: Uint8Array;
  /** What hosts put into their packets, 1..255; 0: unspecified. */
  readonly hopLimit: number;
  readonly preference: RouterPreference;
  /** Seconds, 0..65535; 0: no default router (any more). */
  readonly routerLifetime: number;
  /** Octets; 0: no MTU option. */
  readonly mtu: number;
  readonly prefixes: readonly AdvertisedPrefix[];
  readonly routes: readonly AdvertisedRoute[];
}

const HOP_LIMIT = 255;
const SOLICITATION_LEN = 8;
const ADVERTISEMENT_LEN = 16;

/** Types of options. */
export const Option = { sourceLinkLayer: 1, prefix: 3, mtu: 5, route: 24 } as const;
/** Option lengths count in this many octets. */
const UNIT = 8;
const PREFIX_OPTION_LEN = 32;
const MTU_OPTION_LEN = 8;
/** Octets of a route option before its prefix, which is written as far as it is not zero. */
const ROUTE_HEAD_LEN = 8;
const ON_LINK = 0x80;
const AUTONOMOUS = 0x40;

/** Bits 4 and 3 of the flags; 2, reserved, is read as medium in an advertisement, and spoils a route. */
const PREFERENCES: readonly RouterPreference[] = ['medium', 'high', 'medium', 'low'];
const RESERVED_PREFERENCE = 2;
const PREFERENCE_BITS: Record<RouterPreference, number> = { medium: 0x00, high: 0x08, low: 0x18 };

/**
 * True when `b[off..end)` is a valid router solicitation, RFC 4861 section 6.1.1: hop limit 255, right
 * checksum, whole options, and no link-layer address of a sender that has no address yet.
 */
export function isRouterSolicitation(b: Uint8Array, off: number, end: number): boolean {
  if (!isMessage(b, off, end, Icmp6.routerSolicitation, SOLICITATION_LEN)) return false;
  const first = off + IPV6_LEN + SOLICITATION_LEN;
  const last = off + totalLen6(b, off);
  return !isUnspecified6(b, off + IPV6_SRC) || findOption(b, first, last, Option.sourceLinkLayer) < 0;
}

/** True when `b[off..end)` is a valid router advertisement, RFC 4861 section 6.1.2. */
export function isRouterAdvertisement(b: Uint8Array, off: number, end: number): boolean {
  return isMessage(b, off, end, Icmp6.routerAdvertisement, ADVERTISEMENT_LEN) && isLinkLocal6(b, off + IPV6_SRC);
}

/** Octets that `writeRouterSolicitation` writes. */
export const ROUTER_SOLICITATION_LEN = IPV6_LEN + SOLICITATION_LEN;

/** Writes a router solicitation from `source` to `destination` with its IPv6 header at `at`, and returns its end. */
export function writeRouterSolicitation(out: Uint8Array, at: number, source: Uint8Array, destination: Uint8Array): number {
  put32(out, at + IPV6_LEN + 4, 0);
  return writeMessage(out, at, at + ROUTER_SOLICITATION_LEN, Icmp6.routerSolicitation, source, 0, destination, 0);
}

/** Writes a router advertisement with its IPv6 header at `at` and returns its end: 56 octets, 32 a prefix, 8 to 24 a route, 8 for the MTU. */
export function writeRouterAdvertisement(out: Uint8Array, at: number, ra: RouterAdvertisement): number {
  const icmp = at + IPV6_LEN;
  out[icmp + 4] = ra.hopLimit;
  // RFC 4191 section 2.2: a router that is no default router has no preference as one.
  out[icmp + 5] = ra.routerLifetime === 0 ? 0 : PREFERENCE_BITS[ra.preference];
  put16(out, icmp + 6, ra.routerLifetime);
  put32(out, icmp + 8, 0);
  put32(out, icmp + 12, 0);
  let end = icmp + ADVERTISEMENT_LEN;
  for (const prefix of ra.prefixes) end = writePrefix(out, end, prefix);
  for (const route of ra.routes) end = writeRoute(out, end, route);
  if (ra.mtu !== 0) end = writeMtu(out, end, ra.mtu);
  return writeMessage(out, at, end, Icmp6.routerAdvertisement, ra.source, 0, ra.destination, 0);
}

/** Reads a router advertisement; null for anything else. Options of a wrong length and unknown ones are passed over. Allocates. */
export function readRouterAdvertisement(b: Uint8Array, off: number, end: number): RouterAdvertisement | null {
  if (!isRouterAdvertisement(b, off, end)) return null;
  const icmp = off + IPV6_LEN;
  const last = off + totalLen6(b, off);
  const prefixes: AdvertisedPrefix[] = [];
  const routes: AdvertisedRoute[] = [];
  let mtu = 0;
  for (let option = icmp + ADVERTISEMENT_LEN; option < last; option += optionLen(b, option)) {
    const len = optionLen(b, option);
    if (b[option] === Option.mtu && len === MTU_OPTION_LEN) mtu = u32(b, option + 4);
    if (b[option] === Option.prefix && len === PREFIX_OPTION_LEN && b[option + 2] <= 128) prefixes.push(readPrefix(b, option));
    if (b[option] === Option.route && isRoute(b, option, len)) routes.push(readRoute(b, option, len));
  }
  const routerLifetime = u16(b, icmp + 6);
  return {
    source: b.slice(off + IPV6_SRC, off + IPV6_SRC + ADDRESS_LEN),
    destination: b.slice(off + IPV6_DST, off + IPV6_DST + ADDRESS_LEN),
    hopLimit: b[icmp + 4],
    preference: routerLifetime === 0 ? 'medium' : PREFERENCES[(b[icmp + 5] >>> 3) & 3],
    routerLifetime,
    mtu,
    prefixes,
    routes,
  };
}

/** The type of a neighbor discovery message that is not where RFC 6980 wants it: behind an extension header, or in a fragment. */
export const MISPLACED = -1;

/**
 * Which neighbor discovery message the IPv6 packet at `b[off..end)` is: its ICMPv6 type, 133 to 137; 0 for anything
 * else; `MISPLACED`, which no receiver may take (RFC 6980 section 5). Says nothing of its validity.
 */
export function discoveryType(b: Uint8Array, off: number, end: number): number {
  const next = nextHeader6(b, off);
  if (next === NextHeader.icmp6) return end > off + IPV6_LEN && isDiscoveryType(b[off + IPV6_LEN]) ? b[off + IPV6_LEN] : 0;
  if (!isExtension(next) || upperProtocol(b, off, end) !== NextHeader.icmp6) return 0;
  const upper = upperLayer(b, off, end);
  return upper < end && isDiscoveryType(b[upper]) ? MISPLACED : 0;
}

function isDiscoveryType(type: number): boolean {
  return type >= Icmp6.routerSolicitation && type <= Icmp6.redirect;
}

/**
 * What RFC 4861 sections 6.1 and 7.1 ask of every message: hop limit 255, code 0, right checksum, `fixedLen` octets,
 * whole options. After it options can be walked by their lengths up to the packet's end.
 */
export function isMessage(b: Uint8Array, off: number, end: number, type: number, fixedLen: number): boolean {
  if (!isIpv6(b, off, end) || nextHeader6(b, off) !== NextHeader.icmp6 || hopLimit6(b, off) !== HOP_LIMIT) return false;
  const icmp = off + IPV6_LEN;
  const last = off + totalLen6(b, off);
  if (last - icmp < fixedLen || b[icmp] !== type || b[icmp + 1] !== 0) return false;
  return checksum6(b, off + IPV6_SRC, NextHeader.icmp6, icmp, last) === 0 && areOptions(b, icmp + fixedLen, last);
}

/**
 * Puts the headers around the body of a message, which stands from its fifth octet on and ends at `end`: IPv6 header,
 * type, code, checksum. Addresses are the sixteen octets at the offsets given. Returns `end`.
 */
export function writeMessage(
  out: Uint8Array,
  at: number,
  end: number,
  type: number,
  source: Uint8Array,
  sourceOff: number,
  destination: Uint8Array,
  destinationOff: number,
): number {
  const icmp = at + IPV6_LEN;
  writeIpv6(out, at, end - icmp, NextHeader.icmp6, HOP_LIMIT);
  copy(source, sourceOff, out, at + IPV6_SRC, ADDRESS_LEN);
  copy(destination, destinationOff, out, at + IPV6_DST, ADDRESS_LEN);
  out[icmp] = type;
  out[icmp + 1] = 0;
  put16(out, icmp + 2, 0);
  put16(out, icmp + 2, checksum6(out, at + IPV6_SRC, NextHeader.icmp6, icmp, end));
  return end;
}

/** True when `b[at..end)` is a row of whole options, none of length 0. */
function areOptions(b: Uint8Array, at: number, end: number): boolean {
  let option = at;
  while (option < end) {
    if (end - option < UNIT || b[option + 1] === 0) return false;
    option += optionLen(b, option);
  }
  return option === end;
}

/** Offset of the first option of type `type` in a row of whole ones; -1 when there is none. */
export function findOption(b: Uint8Array, at: number, end: number, type: number): number {
  for (let option = at; option < end; option += optionLen(b, option)) if (b[option] === type) return option;
  return -1;
}

function optionLen(b: Uint8Array, option: number): number {
  return b[option + 1] * UNIT;
}

function writeMtu(out: Uint8Array, at: number, mtu: number): number {
  out[at] = Option.mtu;
  out[at + 1] = MTU_OPTION_LEN / UNIT;
  put16(out, at + 2, 0);
  put32(out, at + 4, mtu);
  return at + MTU_OPTION_LEN;
}

function writePrefix(out: Uint8Array, at: number, p: AdvertisedPrefix): number {
  out[at] = Option.prefix;
  out[at + 1] = PREFIX_OPTION_LEN / UNIT;
  out[at + 2] = p.prefix.len;
  out[at + 3] = (p.onLink ? ON_LINK : 0) | (p.autonomous ? AUTONOMOUS : 0);
  put32(out, at + 4, p.validLifetime);
  put32(out, at + 8, p.preferredLifetime);
  put32(out, at + 12, 0);
  copy(p.prefix.addr, 0, out, at + 16, ADDRESS_LEN);
  return at + PREFIX_OPTION_LEN;
}

function readPrefix(b: Uint8Array, option: number): AdvertisedPrefix {
  return {
    prefix: prefix6At(b, option + 16, b[option + 2]),
    validLifetime: u32(b, option + 4),
    preferredLifetime: u32(b, option + 8),
    onLink: (b[option + 3] & ON_LINK) !== 0,
    autonomous: (b[option + 3] & AUTONOMOUS) !== 0,
  };
}

/** Octets of a prefix that a route option has room for: none, half an address, or a whole one. */
function routePrefixLen(len: number): number {
  return len === 0 ? 0 : len <= 64 ? ADDRESS_LEN / 2 : ADDRESS_LEN;
}

/** True when the route option of `len` octets is one that RFC 4191 section 2.3 lets a host read. */
function isRoute(b: Uint8Array, option: number, len: number): boolean {
  const prefixLen = b[option + 2];
  if (len > ROUTE_HEAD_LEN + ADDRESS_LEN || prefixLen > 128) return false;
  return len >= ROUTE_HEAD_LEN + routePrefixLen(prefixLen) && ((b[option + 3] >>> 3) & 3) !== RESERVED_PREFERENCE;
}

function writeRoute(out: Uint8Array, at: number, route: AdvertisedRoute): number {
  const octets = routePrefixLen(route.prefix.len);
  out[at] = Option.route;
  out[at + 1] = (ROUTE_HEAD_LEN + octets) / UNIT;
  out[at + 2] = route.prefix.len;
  out[at + 3] = PREFERENCE_BITS[route.preference];
  put32(out, at + 4, route.lifetime);
  copy(route.prefix.addr, 0, out, at + ROUTE_HEAD_LEN, octets);
  return at + ROUTE_HEAD_LEN + octets;
}

function readRoute(b: Uint8Array, option: number, len: number): AdvertisedRoute {
  return {
    prefix: prefix6At(b, option + ROUTE_HEAD_LEN, b[option + 2], len - ROUTE_HEAD_LEN),
    preference: PREFERENCES[(b[option + 3] >>> 3) & 3],
    lifetime: u32(b, option + 4),
  };
}
