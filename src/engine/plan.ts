/**
 * What a node's tunnels want of its host: link state, addresses and routes, as data.
 *
 * `linux/` turns each step into an iproute2 command and its undoing, the simulator applies it to its
 * own hosts, `export iproute2` prints it. Order matters: a step may need the ones before it.
 */
import { Endpoint } from '../core/endpoint.js';
import { SIXTOFOUR_PREFIX, sixToFour } from '../mapping/sixrd.js';
import { formatIpv4, formatIpv6, formatPrefix6 } from '../wire/address.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { put16, put32 } from '../wire/octets.js';
import type { NodeSpec, SixToFourSpec, TunnelSpec } from './spec.js';

/** Sets the MTU of a TUN device, and brings it up. */
export interface LinkStep {
  readonly kind: 'link';
  readonly interface: string;
  /** Octets. */
  readonly mtu: number;
}

/** Gives an interface an address, IPv4 or IPv6. */
export interface AddressStep {
  readonly kind: 'address';
  readonly interface: string;
  readonly address: string;
  /** Prefix length, bits. */
  readonly len: number;
}

/** An IPv6 route. */
export interface RouteStep {
  readonly kind: 'route';
  /** `prefix/length` or `default`. */
  readonly to: string;
  /** Next hop; null: on link. */
  readonly via: string | null;
  /** null: unreachable, packets are refused. */
  readonly interface: string | null;
  /** Lower wins. */
  readonly metric: number;
}

/** One thing that the host is to do. */
export type PlanStep = LinkStep | AddressStep | RouteStep;

/** Metric of the default route into a tunnel: native IPv6, where there is any, wins. */
export const DEFAULT_ROUTE_METRIC = 1029;
/** Metric of a route to a tunnel's own prefix: what the kernel gives a route without one. */
export const PREFIX_ROUTE_METRIC = 1024;

/** The steps for every tunnel that is up and has `configure` set, in order. */
export function hostPlan(node: NodeSpec): PlanStep[] {
  const steps: PlanStep[] = [];
  for (const tunnel of node.tunnels) {
    if (!tunnel.configure || tunnel.down !== null) continue;
    steps.push({ kind: 'link', interface: tunnel.interface, mtu: tunnel.mtu });
    for (const addr of tunnel.assign) steps.push({ kind: 'address', interface: tunnel.interface, address: formatIpv4(addr), len: 32 });
    steps.push({ kind: 'address', interface: tunnel.interface, address: formatIpv6(tunnelLinkLocal(tunnel)), len: 64 });
    steps.push(...sixToFourSteps(tunnel));
  }
  const first = node.tunnels.find((tunnel) => tunnel.configure && tunnel.down === null);
  if (node.identity !== null && first !== undefined) {
    steps.push({ kind: 'address', interface: first.interface, address: formatIpv6(node.identity), len: 128 });
  }
  return steps;
}

/** `fe80::` and the IPv4 address of the tunnel, RFC 4213 section 3.7. */
function tunnelLinkLocal(tunnel: TunnelSpec): Uint8Array {
  const address = new Uint8Array(ADDRESS_LEN);
  put16(address, 0, 0xfe80);
  put32(address, 12, tunnel.local[0]);
  return address;
}

/** Writes the address of subnet `subnet` and interface identifier `id` (eight octets) in the 6to4 prefix of `local`. */
export function sixToFourAddress(local: number, subnet: number, id: Uint8Array): Uint8Array {
  const address = new Uint8Array(ADDRESS_LEN);
  const endpoint = new Endpoint();
  endpoint.addr = local;
  sixToFour.addressFor(endpoint, address, 0);
  put16(address, 6, subnet);
  address.set(id, 8);
  return address;
}

const LAN_ROUTER_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

function sixToFourSteps(tunnel: SixToFourSpec): PlanStep[] {
  const device = tunnel.interface;
  const steps: PlanStep[] = [];
  for (const local of tunnel.local) {
    const own = formatIpv6(sixToFourAddress(local, 0, tunnel.interfaceId));
    const site = { addr: sixToFourAddress(local, 0, new Uint8Array(8)), len: sixToFour.delegatedLen };
    steps.push({ kind: 'address', interface: device, address: own, len: 128 });
    // What of an own /48 is in no LAN must not come back through the tunnel.
    steps.push({ kind: 'route', to: formatPrefix6(site), via: null, interface: null, metric: PREFIX_ROUTE_METRIC });
  }
  // All of 2002::/16 is on link: sites reach each other without the relay, RFC 3056 section 5.3.
  steps.push({ kind: 'route', to: formatPrefix6(SIXTOFOUR_PREFIX), via: null, interface: device, metric: PREFIX_ROUTE_METRIC });
  const local = tunnel.local[0];
  for (const lan of tunnel.lans) {
    steps.push({
      kind: 'address',
      interface: lan.interface,
      address: formatIpv6(sixToFourAddress(local, lan.subnet, LAN_ROUTER_ID)),
      len: 64,
    });
  }
  if (tunnel.relay !== null) {
    const via = formatIpv6(sixToFourAddress(tunnel.relay, 0, new Uint8Array(8)));
    steps.push({ kind: 'route', to: 'default', via, interface: device, metric: DEFAULT_ROUTE_METRIC });
  }
  return steps;
}
