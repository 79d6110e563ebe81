/** A site of 6to4 or 6rd: addresses in the prefix that its IPv4 address makes, and its LANs. */
import { addressOf } from '../mapping/mapping.js';
import type { SixRd } from '../mapping/sixrd.js';
import { SILENT, type Speaker } from '../role/role.js';
import { SiteLans } from '../role/site-lans.js';
import { formatIpv6, type Prefix6 } from '../wire/address.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { put16, put32, u16 } from '../wire/octets.js';
import { type AddressStep, addressStep, PREFIX_ROUTE_METRIC, type RouteStep, routeStep } from './plan.js';
import type { LanSpec } from './spec.js';
import type { RoleContext } from './technology.js';

/** Bits in the prefix of a LAN. */
const LAN_LEN = 64;
/** Octets before the interface identifier, and offset of the lowest 16 bits of the subnet number. */
const ID = 8;
const SUBNET = 6;

/** The zero interface identifier: a prefix, and the subnet-router anycast address in it (RFC 4291 section 2.6.1). */
export const NO_ID: Uint8Array = new Uint8Array(8);
/** `::1`: a router's. */
export const ROUTER_ID: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

/** Writes the address of subnet `subnet` (16 bits) and interface identifier `id` (eight octets) in the prefix that `domain` delegates to `local`. */
export function siteAddress(domain: SixRd, local: number, subnet: number, id: Uint8Array): Uint8Array {
  const address = addressOf(domain, local);
  // A delegated prefix may reach into the last 16 bits of the /64: subnets are numbered in what it leaves.
  put16(address, SUBNET, u16(address, SUBNET) | subnet);
  // One that is longer than a /64 reaches into the identifier.
  for (let i = 0; i < id.length; i++) address[ID + i] |= id[i];
  return address;
}

/** The prefix that `domain` delegates to `local`. */
export function delegatedPrefix(domain: SixRd, local: number): Prefix6 {
  return { addr: siteAddress(domain, local, 0, NO_ID), len: domain.delegatedLen };
}

/** What of an own delegated prefix is in no LAN must not come back through the tunnel: RFC 5969 section 7.1.1. */
export function unassignedRoute(prefix: string): RouteStep {
  return routeStep(prefix, null, PREFIX_ROUTE_METRIC);
}

/** `::1` in the /64 of each LAN. */
export function lanSteps(domain: SixRd, local: number, lans: readonly LanSpec[]): AddressStep[] {
  return lans.map((lan) => addressStep(lan.interface, formatIpv6(siteAddress(domain, local, lan.subnet, ROUTER_ID)), LAN_LEN));
}

/** What is needed to tell LANs. */
interface SiteSpec {
  readonly local: readonly number[];
  readonly lans: readonly LanSpec[];
  readonly mtu: number;
}

/** The speaker of a site's LANs: in one thread of the node. `until`: end of its IPv4 lease. */
export function lanSpeaker(domain: SixRd, { local, lans, mtu }: SiteSpec, until: number, context: RoleContext): Speaker {
  if (!context.speaks) return SILENT;
  const prefixOf = ({ subnet }: LanSpec): Prefix6 | null =>
    local.length === 0 ? null : { addr: siteAddress(domain, local[0], subnet, NO_ID), len: LAN_LEN };
  const told = lans.map((lan) => ({ interface: lan.interface, linkLocal: lan.linkLocal, prefix: prefixOf(lan) }));
  return new SiteLans({ lans: told, mtu, until, before: context.before }, context.random, context.now);
}

/** `fe80::` and the IPv4 address of the tunnel, RFC 4213 section 3.7. */
export function ipv4LinkLocal(local: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_LEN);
  put16(address, 0, 0xfe80);
  put32(address, 12, local);
  return address;
}
