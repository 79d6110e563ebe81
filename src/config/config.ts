/**
 * A configuration that was read and found valid: immutable data, IPv4 addresses as unsigned 32-bit
 * numbers, IPv6 addresses as sixteen octets. `schema.ts` says what each key means to its reader.
 */
import type { Prefix4, Prefix6 } from '../wire/address.js';

/** The whole file. */
export interface Config {
  /** Packet threads. */
  readonly workers: number;
  readonly node: NodeConfig;
  readonly tunnels: readonly TunnelConfig[];
  readonly policy: PolicyConfig;
  readonly fastpath: FastpathConfig;
  /** null: no HTTP. */
  readonly http: HttpConfig | null;
}

/** `[node]`. */
export interface NodeConfig {
  /** null: the host name. */
  readonly name: string | null;
  /** Source of the ICMPv6 errors of this node, sixteen octets; null: each tunnel's own address. */
  readonly identity: Uint8Array | null;
  /** Path of the control socket. */
  readonly control: string;
  /** Directory of what is kept over restarts. */
  readonly state: string;
}

/** `[policy]`. */
export interface PolicyConfig {
  /** Special-purpose ranges that are accepted as endpoints all the same. */
  readonly allowIpv4: readonly Prefix4[];
}

/** `[fastpath]`. */
export interface FastpathConfig {
  readonly mode: 'auto' | 'native' | 'generic' | 'off';
  readonly interfaces: readonly string[];
  /** It goes on when the service ends. */
  readonly persist: boolean;
}

/** `[http]`. */
export interface HttpConfig {
  readonly listen: {
    /** An address, without brackets, or `localhost`. */
    readonly host: string;
    /** 0: any free one. */
    readonly port: number;
  };
}

/** What every `[[tunnel]]` has. */
export interface TunnelCommonConfig {
  /** Unique. */
  readonly name: string;
  /** Name of the TUN device, unique; null: it has none. */
  readonly interface: string | null;
  /** Outer source; null: the source address of the IPv4 default route. */
  readonly local: number | null;
  /** Further addresses that are decapsulated. */
  readonly accept: readonly number[];
  /** Octets. */
  readonly mtu: number;
  /** Outer time to live. */
  readonly ttl: number;
  /** Outer DSCP. */
  readonly dscp: number | 'copy';
  /** RFC 6040 section 4.3. */
  readonly ecn: 'compatibility' | 'normal';
  /** True: dynamic tunnel MTU, RFC 4213 section 3.2.2. */
  readonly pathMtuDiscovery: boolean;
  /** ICMPv6 errors originated, a second. */
  readonly icmpRate: number;
  /** Whether the daemon sets addresses, link and routes. */
  readonly configure: boolean;
  /** The IPv6 prefix that no other tunnel of the node may have; null: there is none, or a lease says it. */
  readonly domain: Prefix6 | null;
  /** Where a DHCPv4 server is asked for what the file does not say; null: nowhere. */
  readonly dhcpInterface: string | null;
}

/** `[[tunnel.lan]]`. */
export interface LanConfig {
  readonly interface: string;
  /** Number of the /64: the SLA ID. */
  readonly subnet: number;
}

/** How a 6to4 node forms its own interface identifier: `::1`, `::<IPv4>`, or these eight octets. */
export type InterfaceIdConfig = 'linux' | 'windows' | Uint8Array;

/** A tunnel of type `6to4`. */
export interface SixToFourConfig extends TunnelCommonConfig {
  readonly type: '6to4';
  readonly role: 'host' | 'router' | 'relay';
  /** Relay for destinations outside 2002::/16; null: none (always so in a relay). */
  readonly relay: number | null;
  readonly interfaceId: InterfaceIdConfig;
  /** Router only. */
  readonly lans: readonly LanConfig[];
}

/** What every node of a 6rd domain knows, RFC 5969 section 7. */
export interface SixRdParameters {
  /** Global unicast; `prefix.len + 32 - ipv4MaskLen` is at most 128. */
  readonly prefix: Prefix6;
  /** Leading bits that all IPv4 addresses of the domain share, 0..32. */
  readonly ipv4MaskLen: number;
  /** An IPv4 address with those bits; null: `local` has them. */
  readonly common: number | null;
  /** At least one in a customer edge, the most wanted first; a border relay needs none. */
  readonly borderRelays: readonly number[];
}

/** A tunnel of type `6rd`. */
export interface SixRdConfig extends TunnelCommonConfig {
  readonly type: '6rd';
  readonly role: 'customer-edge' | 'border-relay';
  /** null exactly when there is a `dhcpInterface`: those of its lease, and so is `local`. */
  readonly parameters: SixRdParameters | null;
  /** Customer edge only. */
  readonly hubAndSpoke: boolean;
  /** Border relay only: several have its address. */
  readonly anycast: boolean;
  /** Customer edge only. */
  readonly lans: readonly LanConfig[];
}

/** A tunnel of type `isatap`. */
export interface IsatapConfig extends TunnelCommonConfig {
  readonly type: 'isatap';
  readonly role: 'host' | 'router';
  /** Host: IPv4 addresses, and DNS names in lower case; none in a router. */
  readonly potentialRouters: readonly (number | string)[];
  /** Router: the eight octets of its /64; null in a host. */
  readonly prefix: Uint8Array | null;
  /** Router: seconds for which it is a default router; 0: it is none. */
  readonly routerLifetime: number;
  /** None: its hosts are in the tunnel. */
  readonly lans: readonly LanConfig[];
}

/** A client in secure mode, RFC 4380 section 5.2.2. */
export interface TeredoKeyConfig {
  /** The client identifier, at most 255 octets. */
  readonly identifier: Uint8Array;
  readonly secret: Uint8Array;
}

/** The two IPv4 addresses of a server. */
export interface TeredoServerConfig {
  readonly primary: number;
  readonly secondary: number;
}

/** A tunnel of type `teredo`. */
export interface TeredoConfig extends TunnelCommonConfig {
  readonly type: 'teredo';
  readonly role: 'client' | 'server' | 'relay';
  /** The /32 of all addresses. */
  readonly prefix: Prefix6;
  /** UDP port of the service; 0: any that is free. */
  readonly port: number;
  /** Client: at least one, the most wanted first; or the name of some. */
  readonly servers: readonly (TeredoServerConfig | string)[];
  /** Server: its other IPv4 address; null in other roles. */
  readonly secondary: number | null;
  /** Server: clients that it knows, none: it takes everybody. Client: its own key, or none. */
  readonly keys: readonly TeredoKeyConfig[];
  /** Client: seconds between two words with its server. */
  readonly refreshInterval: number;
  /** Client: whether it finds out that they may be more. */
  readonly searchesInterval: boolean;
  /** Client: whether its gateway is asked to lead a port of its own to it. */
  readonly portMapping: boolean;
  /** Client: whether it looks for others on its subnet. */
  readonly localDiscovery: boolean;
  /** Client and relay: most peers that state is kept of. */
  readonly maxPeers: number;
  /** None: an address is of one host. */
  readonly lans: readonly LanConfig[];
}

/** Every kind of tunnel; told apart by `type`. */
export type TunnelConfig = SixToFourConfig | SixRdConfig | IsatapConfig | TeredoConfig;
