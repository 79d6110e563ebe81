/** ISATAP, RFC 5214: how its tunnels are put together. */
import { Endpoint } from '../core/endpoint.js';
import { Isatap } from '../mapping/isatap.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { IsatapHost } from '../role/isatap-host.js';
import { IsatapRouter } from '../role/isatap-router.js';
import { formatIpv6, formatPrefix6, in6, type Prefix6, prefix6At } from '../wire/address.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { DEFAULT_ROUTE_METRIC, type PlanStep, PREFIX_ROUTE_METRIC } from './plan.js';
import type { IsatapSpec } from './spec.js';
import type { Technology } from './technology.js';

/** Octets of an on-link prefix. */
const PREFIX = 8;
/** fe80::/64. */
const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0);

const registry = new EndpointPolicy([]);

/** Whether an IPv4 address is known to be globally unique, whatever a lab allows: the u bit, RFC 5214 section 6.1. */
export function isUnique(addr: number): boolean {
  return !registry.special(addr);
}

/** The address of `local` under the eight octets of `prefix`. */
function addressUnder(prefix: Uint8Array, local: number): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = local;
  const address = new Uint8Array(ADDRESS_LEN);
  new Isatap(prefix, isUnique).addressFor(endpoint, address, 0);
  return address;
}

/** The on-link prefixes under which hosts of the tunnel have addresses. */
function prefixesOf({ prefix, learned }: IsatapSpec): readonly { readonly octets: Uint8Array; readonly preferred: boolean }[] {
  if (prefix !== null) return [{ octets: prefix, preferred: true }];
  const autonomous = learned?.prefixes.filter((one) => one.autonomous && one.prefix.len === 8 * PREFIX) ?? [];
  return autonomous.map((one) => ({ octets: one.prefix.addr.subarray(0, PREFIX), preferred: one.preferred }));
}

/** See {@link Technology}. */
export const isatap: Technology<IsatapSpec> = {
  role(spec, { node, random, speaks, before, now }) {
    const { unicast: endpoints, own, identity } = node;
    const common = { local: spec.local[0] ?? null, own, endpoints, identity, unique: isUnique, mtu: spec.mtu };
    if (spec.prefix !== null) return new IsatapRouter({ ...common, prefix: spec.prefix, routerLifetime: spec.routerLifetime }, random);
    return new IsatapHost({ ...common, potentialRouters: spec.potentialRouters, learned: spec.learned, speaks, before }, random, now);
  },

  addresses: (spec) => spec.local.slice(0, 1).flatMap((local) => prefixesOf(spec).map(({ octets }) => addressUnder(octets, local))),

  linkLocal: (spec) => addressUnder(LINK_LOCAL, spec.local[0]),

  domains: (spec) => prefixesOf(spec).map(({ octets }) => new Isatap(octets, isUnique)),

  steps(spec, native) {
    const device = spec.interface;
    const route = (to: string, metric: number): PlanStep => ({ kind: 'route', to, via: null, interface: device, metric });
    const addresses = prefixesOf(spec).map(({ octets, preferred }): PlanStep => {
      const address = formatIpv6(addressUnder(octets, spec.local[0]));
      return { kind: 'address', interface: device, address, len: 128, deprecated: !preferred };
    });
    const { prefix, learned } = spec;
    // Which router a packet goes to is chosen by the role: the host sees one way into the tunnel.
    const own = prefix === null ? [] : [prefix6At(prefix, 0, 8 * PREFIX, PREFIX)];
    const onLink = learned?.prefixes.filter((one) => one.onLink).map((one) => one.prefix) ?? [];
    const routes = learned?.routes.map((one) => one.prefix) ?? [];
    // A route that has a native address of this host in it would be a default route by another name, one that native IPv6 loses to.
    const leadsAway = (to: Prefix6) => native.some((address) => in6(address, 0, to));
    return [
      ...addresses,
      ...own.map((one) => route(formatPrefix6(one), PREFIX_ROUTE_METRIC)),
      ...[...onLink, ...routes].filter((one) => !leadsAway(one)).map((one) => route(formatPrefix6(one), DEFAULT_ROUTE_METRIC)),
      ...(learned !== null && learned.routers.length > 0 ? [route('default', DEFAULT_ROUTE_METRIC)] : []),
    ];
  },
};
