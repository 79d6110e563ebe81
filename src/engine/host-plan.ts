/** The plan of a whole node: what its tunnels want, its identity, and the addresses of its DHCPv4 leases. */

import type { Lease } from '../role/dhcp-lease.js';
import { formatIpv4, formatIpv6, formatPrefix6, mask4 } from '../wire/address.js';
import { addressStep, LEASE_ROUTE_METRIC, type PlanStep, type RouteStep, routeStep } from './plan.js';
import type { DhcpSpec, NodeSpec, TunnelSpec } from './spec.js';
import { linkLocalOf, sourcesOf, stepsOf } from './technologies.js';

/** The steps for every lease, and every tunnel that is up, with `configure` set, in order. */
export function hostPlan(node: NodeSpec): PlanStep[] {
  const tunnels = node.tunnels.filter((tunnel) => tunnel.configure && tunnel.down === null);
  const steps: PlanStep[] = [...node.dhcp.flatMap((dhcp) => leaseSteps(dhcp, node)), ...separate(tunnels, node.ownIpv6)];
  const device = tunnels.find((tunnel) => tunnel.interface !== null)?.interface ?? null;
  if (node.identity !== null && device !== null) steps.push(addressStep(device, formatIpv6(node.identity), 128));
  return steps;
}

/** Address and default route of a lease; after DHCPINFORM there is nothing to set. */
function leaseSteps({ interface: device, configure, lease }: DhcpSpec, node: NodeSpec): PlanStep[] {
  if (!configure || lease === null || !lease.assigned) return [];
  const steps: PlanStep[] = [addressStep(device, formatIpv4(lease.address), lease.prefixLen)];
  if (lease.router !== null && isNeighbor(lease.router, lease, node)) {
    steps.push(routeStep('0.0.0.0/0', device, LEASE_ROUTE_METRIC, formatIpv4(lease.router)));
  }
  return steps;
}

/** A server may name anything as the router. This host itself, or a broadcast, is no next hop: the kernel refuses it, and with it all of a plan. */
function isNeighbor(router: number, { address, prefixLen }: Lease, { ownIpv4, broadcasts }: NodeSpec): boolean {
  const isBroadcast = prefixLen <= 30 && router === (address | ~mask4(prefixLen)) >>> 0;
  return router !== address && !isBroadcast && !ownIpv4.includes(router) && !broadcasts.includes(router);
}

/**
 * What the tunnels want, and more where several want the default route: of two such routes the later one holds, and
 * would take packets that come from an address of the other tunnel, whose far end would refuse them. So each also has one
 * that is for what comes from its own addresses. Of the default route alone: for any other prefix Linux forgets, where there
 * is one by source, the one for everybody else.
 */
function separate(tunnels: readonly TunnelSpec[], native: readonly Uint8Array[]): PlanStep[] {
  const wanted = tunnels.map((tunnel) => ({ tunnel, steps: tunnelSteps(tunnel, native) }));
  const routes = wanted.flatMap(({ steps }) => steps.filter((step) => step.kind === 'route'));
  const isShared = (route: RouteStep) =>
    route.to === 'default' && routes.filter(({ to, metric }) => to === route.to && metric === route.metric).length > 1;
  return wanted.flatMap(({ tunnel, steps }) => {
    const shared = steps.filter((step) => step.kind === 'route').filter(isShared);
    return [...steps, ...shared.flatMap((route) => sourcesOf(tunnel).map((from) => ({ ...route, from: formatPrefix6(from) })))];
  });
}

function tunnelSteps(tunnel: TunnelSpec, native: readonly Uint8Array[]): PlanStep[] {
  const device = tunnel.interface;
  if (device === null) return [];
  return [
    { kind: 'link', interface: device, mtu: tunnel.mtu },
    ...tunnel.assign.map((addr) => addressStep(device, formatIpv4(addr), 32)),
    addressStep(device, formatIpv6(linkLocalOf(tunnel)), 64),
    ...stepsOf(tunnel, device, native),
  ];
}
