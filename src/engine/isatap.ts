/** ISATAP, RFC 5214: how its tunnels are put together. */
import { ISATAP_LINK_LOCAL, ISATAP_PREFIX_LEN, Isatap } from '../mapping/isatap.js';
import { addressOf } from '../mapping/mapping.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { IsatapHost } from '../role/isatap-host.js';
import { IsatapRouter } from '../role/isatap-router.js';
import { formatIpv6, formatPrefix6, in6, type Prefix6, prefix6At } from '../wire/address.js';
import { addressStep, DEFAULT_ROUTE_METRIC, PREFIX_ROUTE_METRIC, routeStep } from './plan.js';
import type { IsatapSpec } from './spec.js';
import type { Technology } from './technology.js';

const registry = new EndpointPolicy([]);

/** Whether an IPv4 address is known to be globally unique, whatever a lab allows: the u bit, RFC 5214 section 6.1. */
export function isUnique(addr: number): boolean {
  return !registry.special(addr);
}

/** The address of `local` under the eight octets of `prefix`. */
function addressUnder(prefix: Uint8Array, local: number): Uint8Array {
  return addressOf(new Isatap(prefix, isUnique), local);
}

/** The on-link prefixes under which hosts of the tunnel have addresses. */
function prefixesOf({ prefix, learned }: IsatapSpec): readonly { readonly octets: Uint8Array; readonly preferred: boolean }[] {
  if (prefix !== null) return [{ octets: prefix, preferred: true }];
  const autonomous = learned?.prefixes.filter((one) => one.autonomous && one.prefix.len === 8 * ISATAP_PREFIX_LEN) ?? [];
  return autonomous.map((one) => ({ octets: one.prefix.addr.subarray(0, ISATAP_PREFIX_LEN), preferred: one.preferred }));
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

  sources: (spec) => isatap.addresses(spec).map((addr) => ({ addr, len: 128 })),

  linkLocal: (spec) => addressUnder(ISATAP_LINK_LOCAL, spec.local[0]),

  domains: (spec) => prefixesOf(spec).map(({ octets }) => new Isatap(octets, isUnique)),

  fastPath: (spec) => ({
    patterns: prefixesOf(spec).map(({ octets }) => new Isatap(octets, isUnique).pattern),
    endpoints: 'unicast',
    obstacle: spec.role === 'router' ? null : 'a host chooses among routers, and watches its neighbors',
  }),

  sockets: () => [],

  steps(spec, device, native) {
    const addresses = prefixesOf(spec).map(({ octets, preferred }) =>
      addressStep(device, formatIpv6(addressUnder(octets, spec.local[0])), 128, !preferred),
    );
    const { prefix, learned } = spec;
    // Which router a packet goes to is chosen by the role: the host sees one way into the tunnel.
    const own = prefix === null ? [] : [prefix6At(prefix, 0, 8 * ISATAP_PREFIX_LEN, ISATAP_PREFIX_LEN)];
    const onLink = learned?.prefixes.filter((one) => one.onLink).map((one) => one.prefix) ?? [];
    const routes = learned?.routes.map((one) => one.prefix) ?? [];
    // A route that has a native address of this host in it would be a default route by another name, one that native IPv6 loses to.
    const leadsAway = (to: Prefix6) => native.some((address) => in6(address, 0, to));
    return [
      ...addresses,
      ...own.map((one) => routeStep(formatPrefix6(one), device, PREFIX_ROUTE_METRIC)),
      ...[...onLink, ...routes].filter((one) => !leadsAway(one)).map((one) => routeStep(formatPrefix6(one), device, DEFAULT_ROUTE_METRIC)),
      ...(learned !== null && learned.routers.length > 0 ? [routeStep('default', device, DEFAULT_ROUTE_METRIC)] : []),
    ];
  },
};
