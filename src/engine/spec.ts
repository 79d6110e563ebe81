/**
 * What the engine is built from: one immutable, clonable snapshot of a node with its tunnels.
 *
 * `daemon/resolve.ts` makes it from the configuration and the facts of the host (addresses, default
 * route); the simulator makes the same from its own world. Everything is a number, octets or a name.
 */
import type { Prefix4 } from '../wire/address.js';

/** One node. */
export interface NodeSpec {
  /** Source of the ICMPv6 errors that this node originates, sixteen octets; null: each tunnel's own address. */
  readonly identity: Uint8Array | null;
  /** Every IPv4 address of the node, for the loop checks of RFC 6324. */
  readonly ownIpv4: readonly number[];
  /** IPv6 addresses of the node's interfaces, sixteen octets each: a packet for one of them ends here. */
  readonly ownIpv6: readonly Uint8Array[];
  /** Directed broadcast addresses of the node's own subnets, RFC 3964 section 5.3.1. */
  readonly broadcasts: readonly number[];
  /** Special-purpose ranges that are accepted as endpoints all the same (`policy.allow-ipv4`). */
  readonly allowIpv4: readonly Prefix4[];
  readonly tunnels: readonly TunnelSpec[];
}

/** An IPv4 address of the host. */
export interface HostAddress4 {
  readonly addr: number;
  /** Prefix length of its subnet, 0..32. */
  readonly len: number;
  readonly interface: string;
}

/** What the configuration needs to know of the host: read by `linux/`, made up by the simulator. */
export interface HostFacts {
  /** The default of `node.name`. */
  readonly hostName: string;
  /** Addresses of interfaces that are up, those of the node's own TUN devices left out. */
  readonly ipv4: readonly HostAddress4[];
  /** IPv6 addresses of interfaces that are up, sixteen octets each, link-local ones and the node's own TUN devices left out. */
  readonly ipv6: readonly Uint8Array[];
  /** Source address that the IPv4 default route chooses; null without such a route. */
  readonly defaultSource: number | null;
  /** Link-local IPv6 address, sixteen octets, of each interface that is up and has one. */
  readonly linkLocal: ReadonlyMap<string, Uint8Array>;
  /** Whether the host forwards IPv6 between its interfaces. */
  readonly forwards6: boolean;
}

/** A LAN behind a 6to4 router or customer edge: one /64 of the delegated prefix. */
export interface LanSpec {
  readonly interface: string;
  /** Number of the /64 in the delegated prefix: the SLA ID. */
  readonly subnet: number;
  /** Link-local address of the interface, sixteen octets: the source of advertisements. */
  readonly linkLocal: Uint8Array;
}

/** What all tunnels have. */
export interface TunnelCommon {
  /** Unique; the label in logs, metrics and status. */
  readonly name: string;
  /** Place in the counter rows, 0..MAX_TUNNELS-1; kept over reloads. */
  readonly slot: number;
  /** Name of the TUN device. */
  readonly interface: string;
  /** IPv4 addresses on which it decapsulates; the first is the outer source. Empty: the tunnel is down. */
  readonly local: readonly number[];
  /** Those of `local` that the host does not have: the daemon puts them on the TUN device, so that they leave with it. */
  readonly assign: readonly number[];
  /** Why the tunnel is down, for people; null when it is up. */
  readonly down: string | null;
  /** Whether addresses, link and routes are set by the daemon. */
  readonly configure: boolean;
  /** MTU of the tunnel interface, octets. */
  readonly mtu: number;
  /** Outer time to live. */
  readonly ttl: number;
  /** Outer DSCP 0..63, or copied from the inner packet (RFC 2983). */
  readonly dscp: number | 'copy';
  /** RFC 6040 section 4.3: `compatibility` clears the outer ECN, `normal` copies the inner one. */
  readonly ecn: 'compatibility' | 'normal';
  /** True: dynamic tunnel MTU with DF set, RFC 4213 section 3.2.2. False: static, DF clear. */
  readonly pathMtuDiscovery: boolean;
  /** Bound of ICMPv6 errors originated by the tunnel, a second. */
  readonly icmpRate: number;
}

/** 6to4, RFC 3056. */
export interface SixToFourSpec extends TunnelCommon {
  readonly type: '6to4';
  readonly role: 'host' | 'router' | 'relay';
  /** IPv4 address of the relay for destinations outside 2002::/16; null for the relay itself, or none. */
  readonly relay: number | null;
  /** Interface identifier of the node's own address, eight octets. */
  readonly interfaceId: Uint8Array;
  /** Router only. */
  readonly lans: readonly LanSpec[];
}

/** Every kind of tunnel. */
export type TunnelSpec = SixToFourSpec;

/** True when two snapshots, or parts of them, say the same: compared by value, octets included. */
export function sameSpec(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => key in b && sameSpec((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
