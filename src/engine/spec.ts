/**
 * What the engine is built from: one immutable, clonable snapshot of a node with its tunnels.
 *
 * `daemon/resolve.ts` makes it from the configuration and the facts of the host (addresses, default
 * route); the simulator makes the same from its own world. Everything is a number, octets or a name.
 */
import type { Millis } from '../core/clock.js';
import type { Lease } from '../role/dhcp-client.js';
import type { Learned } from '../role/role.js';
import type { PortMapping, TeredoKey, TeredoServers } from '../role/teredo-node.js';
import type { Prefix4, Prefix6 } from '../wire/address.js';

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
  /** Interfaces on which the node asks a DHCPv4 server. */
  readonly dhcp: readonly DhcpSpec[];
}

/** An interface on which the node is a DHCPv4 client, for the tunnel that wants its lease. */
export interface DhcpSpec {
  readonly interface: string;
  /** MAC address, six octets. */
  readonly mac: Uint8Array;
  readonly hostName: string;
  /** IPv4 address that the interface has from elsewhere: only options are asked for, by DHCPINFORM. null: an address is asked for, too. */
  readonly inform: number | null;
  /** Where its drops are counted: the slot of the tunnel. */
  readonly slot: number;
  /** Whether the daemon gives the interface the address of the lease and its default route. */
  readonly configure: boolean;
  /** The lease that the node works by. */
  readonly lease: Lease | null;
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
  /** MAC address, six octets, of each interface that is up and has one. */
  readonly mac: ReadonlyMap<string, Uint8Array>;
  /** Whether the host forwards IPv6 between its interfaces. */
  readonly forwards6: boolean;
  /** What the node has found out by asking. */
  readonly found: Findings;
}

/** What a node finds out by asking others, beside the state of its host. */
export interface Findings {
  /** DHCPv4 leases by interface. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** What routers advertised in a tunnel, by its name. */
  readonly learned: ReadonlyMap<string, Learned>;
  /** IPv4 addresses of names, sorted; a name that is not here has not been answered yet. */
  readonly names: ReadonlyMap<string, readonly number[]>;
  /** What gateways lead to tunnels, by the name of the tunnel; one that is not here has not been answered yet. */
  readonly portMappings: ReadonlyMap<string, PortMapping>;
}

/** Nothing has been found out yet. */
export const NO_FINDINGS: Findings = { leases: new Map(), learned: new Map(), names: new Map(), portMappings: new Map() };

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
  /** Name of the TUN device; null: it has none, what leaves it goes to the IPv6 stack of the host. */
  readonly interface: string | null;
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
  /** True: DF is set whatever the size, as an anycast source asks for (RFC 5969 section 9.1). */
  readonly dontFragment: boolean;
  /** Bound of ICMPv6 errors originated by the tunnel, a second. */
  readonly icmpRate: number;
  /** LANs behind it; none unless it is a router. */
  readonly lans: readonly LanSpec[];
  /** What its owner thread has learned from routers, for the others and for the host; null as long as that is nothing. */
  readonly learned: Learned | null;
}

/** 6to4, RFC 3056. */
export interface SixToFourSpec extends TunnelCommon {
  readonly type: '6to4';
  readonly role: 'host' | 'router' | 'relay';
  /** IPv4 address of the relay for destinations outside 2002::/16; null for the relay itself, or none. */
  readonly relay: number | null;
  /** Interface identifier of the node's own address, eight octets. */
  readonly interfaceId: Uint8Array;
}

/** The parameters that all nodes of a 6rd domain share, RFC 5969 section 7. */
export interface SixRdDomain {
  readonly prefix: Prefix6;
  /** IPv4MaskLen, 0..32. */
  readonly ipv4MaskLen: number;
  /** Any IPv4 address of a customer edge: its first `ipv4MaskLen` bits are those that all have in common. */
  readonly common: number;
}

/** 6rd, RFC 5969. */
export interface SixRdSpec extends TunnelCommon {
  readonly type: '6rd';
  readonly role: 'customer-edge' | 'border-relay';
  /** null while it is not known: the tunnel is down. */
  readonly domain: SixRdDomain | null;
  /** Customer edge: its border relays, the most wanted first. */
  readonly relays: readonly number[];
  /** Customer edge: of several border relays, one that answers is found and used. In one packet thread: answers come to any. */
  readonly probesRelays: boolean;
  /** Customer edge: other customer edges are reached through the border relay too, RFC 7084 6RD-3. */
  readonly hubAndSpoke: boolean;
  /** Customer edge: end of the IPv4 lease, and with it of what LANs are told. `Infinity`: not known. */
  readonly leaseUntil: Millis;
}

/** ISATAP, RFC 5214. */
export interface IsatapSpec extends TunnelCommon {
  readonly type: 'isatap';
  readonly role: 'host' | 'router';
  /** Host: the potential router list, sorted. */
  readonly potentialRouters: readonly number[];
  /** Router: the eight octets of the on-link /64 that it advertises; null in a host, which learns them. */
  readonly prefix: Uint8Array | null;
  /** Router: seconds for which it is a default router; 0: it is none. */
  readonly routerLifetime: number;
}

/** A UDP socket that a tunnel wants. */
export interface SocketSpec {
  /** IPv4 address that it is bound to. */
  readonly local: number;
  /** 0: any. */
  readonly port: number;
  /** A multicast group, which it hears on the interface with the address `local`, and nothing else; absent: it hears what is sent to `local`. */
  readonly group?: number;
  /** True: the gateway is to be asked to lead a port of its own to it. */
  readonly led?: boolean;
}

/** Teredo, RFC 4380. */
export interface TeredoSpec extends TunnelCommon {
  readonly type: 'teredo';
  readonly role: 'client' | 'server' | 'relay';
  /** The first four octets of every address, a signed 32-bit number: 2001:0. */
  readonly prefix: number;
  /** UDP port of the service; 0: any, in a client. */
  readonly port: number;
  /** Client: the most wanted first. */
  readonly servers: readonly TeredoServers[];
  /** Server: its other IPv4 address; null in other roles. */
  readonly secondary: number | null;
  /** Keys: of the clients a server takes (none: of everybody), or the client's own. */
  readonly keys: readonly TeredoKey[];
  /** Client: milliseconds between two words with the server, RFC 4380 section 5.2. */
  readonly refreshInterval: Millis;
  /** Client: whether it finds out that they may be more, RFC 4380 section 5.2.7. */
  readonly searchesInterval: boolean;
  /** Client: the subnet where it looks for others, RFC 4380 section 5.2.8; null: nowhere. */
  readonly lan: Prefix4 | null;
  /** Client: what its gateway leads to it; null: that is not asked for. */
  readonly portMapping: PortMapping | 'awaited' | null;
  /** Most peers that a client or relay keeps state of. */
  readonly maxPeers: number;
}

/** Every kind of tunnel. */
export type TunnelSpec = SixToFourSpec | SixRdSpec | IsatapSpec | TeredoSpec;

/** True when two snapshots, or parts of them, say the same: compared by value, octets included. */
export function sameSpec(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => key in b && sameSpec((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
