/** The plan of a whole node: what its tunnels want, its identity, and the addresses of its DHCPv4 leases. */
import { formatIpv4, formatIpv6 } from '../wire/address.js';
import { LEASE_ROUTE_METRIC, type PlanStep } from './plan.js';
import type { DhcpSpec, NodeSpec, TunnelSpec } from './spec.js';
import { linkLocalOf, stepsOf } from './technologies.js';

/** The steps for every lease, and every tunnel that is up, with `configure` set, in order. */
export function hostPlan(node: NodeSpec): PlanStep[] {
  const tunnels = node.tunnels.filter((tunnel) => tunnel.configure && tunnel.down === null);
  const steps: PlanStep[] = [...node.dhcp.flatMap(leaseSteps), ...tunnels.flatMap(tunnelSteps)];
  if (node.identity !== null && tunnels.length > 0) {
    steps.push({ kind: 'address', interface: tunnels[0].interface, address: formatIpv6(node.identity), len: 128, deprecated: false });
  }
  return steps;
}

/** Address and default route of a lease; after DHCPINFORM there is nothing to set. */
function leaseSteps({ interface: device, configure, lease }: DhcpSpec): PlanStep[] {
  if (!configure || lease === null || !lease.assigned) return [];
  const steps: PlanStep[] = [
    { kind: 'address', interface: device, address: formatIpv4(lease.address), len: lease.prefixLen, deprecated: false },
  ];
  if (lease.router !== null) {
    steps.push({ kind: 'route', to: '0.0.0.0/0', via: formatIpv4(lease.router), interface: device, metric: LEASE_ROUTE_METRIC });
  }
  return steps;
}

function tunnelSteps(tunnel: TunnelSpec): PlanStep[] {
  const device = tunnel.interface;
  return [
    { kind: 'link', interface: device, mtu: tunnel.mtu },
    ...tunnel.assign.map(
      (addr): PlanStep => ({ kind: 'address', interface: device, address: formatIpv4(addr), len: 32, deprecated: false }),
    ),
    { kind: 'address', interface: device, address: formatIpv6(linkLocalOf(tunnel)), len: 64, deprecated: false },
    ...stepsOf(tunnel),
  ];
}
