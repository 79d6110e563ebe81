/**
 * A configuration that was read and found valid: immutable data, IPv4 addresses as unsigned 32-bit
 * numbers, IPv6 addresses as sixteen octets. `schema.ts` says what each key means to its reader.
 */
import type { Prefix4 } from '../wire/address.js';

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
  /** Name of the TUN device, unique. */
  readonly interface: string;
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

/** Every kind of tunnel; told apart by `type`. */
export type TunnelConfig = SixToFourConfig;
