/**
 * What a node's tunnels want of its host: link state, addresses and routes, as data.
 *
 * `linux/` turns each step into an iproute2 command and its undoing, the simulator applies it to its
 * own hosts, `export iproute2` prints it. Order matters: a step may need the ones before it.
 */

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
  /** True: it is answered on, and not chosen as a source where there is another (preferred lifetime 0). */
  readonly deprecated: boolean;
}

/** A route, IPv6 or IPv4. */
export interface RouteStep {
  readonly kind: 'route';
  /** `prefix/length`, or `default`: all of IPv6. */
  readonly to: string;
  /** `prefix/length`: it is for packets from there alone, and wins over one that is for all. Absent: it is for all. */
  readonly from?: string;
  /** Next hop; null: on link. */
  readonly via: string | null;
  /** null: unreachable, packets are refused. */
  readonly interface: string | null;
  /** Lower wins. */
  readonly metric: number;
}

/** One thing that the host is to do. */
export type PlanStep = LinkStep | AddressStep | RouteStep;

/** An address of `len` bits on an interface. `deprecated`: see {@link AddressStep}. */
export function addressStep(device: string, address: string, len: number, deprecated = false): AddressStep {
  return { kind: 'address', interface: device, address, len, deprecated };
}

/** A route through an interface, null: unreachable. `via`: its next hop, null: on link. */
export function routeStep(to: string, device: string | null, metric: number, via: string | null = null): RouteStep {
  return { kind: 'route', to, via, interface: device, metric };
}

/** Metric of the default route into a tunnel, and of what routers in it advertise: native IPv6, where there is any, wins. */
export const DEFAULT_ROUTE_METRIC = 1029;
/** Metric of a route to a tunnel's own prefix. One that somebody has set for the same, by the kernel's metric of 1024, is another route: it wins, and is not replaced. */
export const PREFIX_ROUTE_METRIC = 1025;
/** Metric of an IPv4 default route by DHCPv4: it loses to a static one, and to that of another client (systemd-networkd gives 1024), and replaces neither. */
export const LEASE_ROUTE_METRIC = 1025;
