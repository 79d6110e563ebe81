/** 6rd, RFC 5969: how its tunnels are put together. */
import { SixRd } from '../mapping/sixrd.js';
import { BorderRelayWatch } from '../role/border-relay-watch.js';
import { SixRdBorderRelay } from '../role/sixrd-border-relay.js';
import { SixRdCustomerEdge } from '../role/sixrd-customer-edge.js';
import { formatIpv6, formatPrefix6, in4 } from '../wire/address.js';
import { UNSPECIFIED } from '../wire/ipv6.js';
import { addressStep, DEFAULT_ROUTE_METRIC, type PlanStep, PREFIX_ROUTE_METRIC, routeStep } from './plan.js';
import { delegatedPrefix, ipv4LinkLocal, lanSpeaker, lanSteps, NO_ID, ROUTER_ID, siteAddress, unassignedRoute } from './site.js';
import type { SixRdSpec } from './spec.js';
import type { Technology } from './technology.js';

/** A domain without members, for a tunnel that does not know its own yet, and is down. */
const NOWHERE = new SixRd({ addr: new Uint8Array(16), len: 128 }, 32);

function domainOf({ domain }: SixRdSpec): SixRd {
  return domain === null ? NOWHERE : new SixRd(domain.prefix, domain.ipv4MaskLen, domain.common);
}

function isMember({ domain }: SixRdSpec, addr: number): boolean {
  return domain !== null && in4(addr, { addr: domain.common, len: domain.ipv4MaskLen });
}

/** The local addresses that are in the domain; an anycast border relay need not be. */
function members(spec: SixRdSpec): readonly number[] {
  return spec.local.filter((addr) => isMember(spec, addr));
}

/** A router's identifier and the subnet-router anycast one (RFC 5969 section 5), as far as the delegated prefix leaves room for them. */
function identifiers({ delegatedLen }: SixRd): readonly Uint8Array[] {
  return delegatedLen > 126 ? [NO_ID] : [ROUTER_ID, NO_ID];
}

/** See {@link Technology}. */
export const sixRd: Technology<SixRdSpec> = {
  role(spec, context) {
    const { unicast: endpoints, own, native, identity } = context.node;
    const domain = domainOf(spec);
    const addresses = sixRd.addresses(spec);
    const common = { domain, endpoints, own, local: spec.local, addresses };
    if (spec.role === 'border-relay')
      return new SixRdBorderRelay({ ...common, identity: identity ?? (addresses.length > 0 ? null : native) });
    const { relays, hubAndSpoke, leaseUntil } = spec;
    const lans = lanSpeaker(domain, spec, leaseUntil, context);
    const watched = spec.probesRelays && spec.local.length > 0 ? relays : relays.slice(0, 1);
    const watch = new BorderRelayWatch(watched, addresses[0] ?? UNSPECIFIED, lans, context.before.relay, context.random, context.now);
    return new SixRdCustomerEdge({ ...common, identity, relays, hubAndSpoke }, watch);
  },

  addresses(spec) {
    const domain = domainOf(spec);
    return members(spec).flatMap((local) => identifiers(domain).map((id) => siteAddress(domain, local, 0, id)));
  },

  sources: (spec) => members(spec).map((local) => delegatedPrefix(domainOf(spec), local)),

  linkLocal: (spec) => ipv4LinkLocal(spec.local[0]),

  domains: (spec) => (spec.domain === null ? [] : [domainOf(spec)]),

  fastPath: (spec) => ({
    patterns: spec.domain === null ? [] : [domainOf(spec).pattern],
    endpoints: 'unicast',
    obstacle: spec.role === 'border-relay' ? null : `a ${spec.role} is an end of its traffic, and no relay`,
  }),

  sockets: () => [],

  /** The routes of RFC 5969 section 7.1.1, and the subnet-router anycast address of section 5. */
  steps(spec, device) {
    const domain = domainOf(spec);
    const steps: PlanStep[] = [];
    for (const local of members(spec)) {
      for (const [i, id] of identifiers(domain).entries()) {
        steps.push(addressStep(device, formatIpv6(siteAddress(domain, local, 0, id)), 128, i > 0));
      }
      steps.push(unassignedRoute(formatPrefix6(delegatedPrefix(domain, local))));
    }
    if (!spec.hubAndSpoke) steps.push(routeStep(formatPrefix6(domain.prefix), device, PREFIX_ROUTE_METRIC));
    if (spec.role === 'border-relay') return steps;
    steps.push(...lanSteps(domain, spec.local[0], spec.lans));
    // The border relay's 6rd address is for people: it may lie outside the domain, and the device leads to it whatever is written here.
    const isNeighbor = !spec.hubAndSpoke && isMember(spec, spec.relays[0]);
    const via = isNeighbor ? formatIpv6(siteAddress(domain, spec.relays[0], 0, NO_ID)) : null;
    steps.push(routeStep('default', device, DEFAULT_ROUTE_METRIC, via));
    return steps;
  },
};
