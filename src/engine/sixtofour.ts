/** 6to4, RFC 3056: how its tunnels are put together. */
import { sixToFour as domain, SIXTOFOUR_PREFIX } from '../mapping/sixrd.js';
import { SixToFourRelay } from '../role/sixtofour-relay.js';
import { SixToFourSite } from '../role/sixtofour-site.js';
import { formatIpv6, formatPrefix6 } from '../wire/address.js';
import { addressStep, DEFAULT_ROUTE_METRIC, type PlanStep, PREFIX_ROUTE_METRIC, routeStep } from './plan.js';
import { delegatedPrefix, ipv4LinkLocal, lanSpeaker, lanSteps, NO_ID, siteAddress, unassignedRoute } from './site.js';
import type { SixToFourSpec } from './spec.js';
import type { Technology } from './technology.js';

/** See {@link Technology}. */
export const sixToFour: Technology<SixToFourSpec> = {
  role(spec, context) {
    const { endpoints, own, identity } = context.node;
    const common = { domain, endpoints, own, identity, local: spec.local, addresses: sixToFour.addresses(spec) };
    if (spec.role === 'relay') return new SixToFourRelay(common);
    return new SixToFourSite({ ...common, relay: spec.relay }, lanSpeaker(domain, spec, Number.POSITIVE_INFINITY, context));
  },

  addresses: (spec) => spec.local.map((local) => siteAddress(domain, local, 0, spec.interfaceId)),

  sources: (spec) => spec.local.map((local) => delegatedPrefix(domain, local)),

  linkLocal: (spec) => ipv4LinkLocal(spec.local[0]),

  // Anybody can tell what a 6to4 address carries.
  domains: () => [],

  fastPath: ({ role }) => ({
    patterns: [domain.pattern],
    endpoints: 'registry',
    obstacle: role === 'relay' ? null : `a ${role} is an end of its traffic, and no relay`,
  }),

  sockets: () => [],

  steps(spec, device) {
    const steps: PlanStep[] = [];
    for (const local of spec.local) {
      const own = formatIpv6(siteAddress(domain, local, 0, spec.interfaceId));
      steps.push(addressStep(device, own, 128));
      steps.push(unassignedRoute(formatPrefix6(delegatedPrefix(domain, local))));
    }
    // All of 2002::/16 is on link: sites reach each other without the relay, RFC 3056 section 5.3.
    steps.push(routeStep(formatPrefix6(SIXTOFOUR_PREFIX), device, PREFIX_ROUTE_METRIC));
    steps.push(...lanSteps(domain, spec.local[0], spec.lans));
    if (spec.relay !== null) {
      const via = formatIpv6(siteAddress(domain, spec.relay, 0, NO_ID));
      steps.push(routeStep('default', device, DEFAULT_ROUTE_METRIC, via));
    }
    return steps;
  },
};
