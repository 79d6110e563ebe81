/** What the status says of a tunnel beside what all tunnels have: by its technology. */
import type { Millis } from '../core/clock.js';
import { peers } from '../core/counters.js';
import { delegatedPrefix } from '../engine/site.js';
import type { DhcpSpec, IsatapSpec, NodeSpec, SixRdSpec, TeredoSpec, TunnelSpec } from '../engine/spec.js';
import { teredoPrefix } from '../engine/teredo.js';
import { SixRd } from '../mapping/sixrd.js';
import type { PortMapping } from '../role/teredo-node.js';
import { formatIpv4, formatIpv6, formatPrefix6 } from '../wire/address.js';
import { formatEndpoint, untilSeconds } from './findings.js';

/** The DHCPv4 lease that a tunnel works by. */
export interface LeaseStatus {
  readonly interface: string;
  /** False: the interface had its address already, and only the options are from the server. */
  readonly assigned: boolean;
  readonly address: string;
  readonly server?: string;
  /** Seconds until it ends; absent: no end is known. */
  readonly untilSeconds?: number;
  /** Why its 6rd option is ignored. */
  readonly fault?: string;
}

/** A 6rd tunnel: its domain, as far as it is known. */
export interface SixRdStatus {
  readonly prefix?: string;
  readonly ipv4MaskLength?: number;
  /** Customer edge, while it is up: what is its own. */
  readonly delegatedPrefix?: string;
  /** Customer edge: the most wanted first. */
  readonly borderRelays?: readonly string[];
  readonly lease?: LeaseStatus;
}

/** A router that an ISATAP host has learned. */
export interface RouterStatus {
  readonly address: string;
  readonly preference: string;
  /** False: it does not answer, and is used only where no other one does. */
  readonly reachable: boolean;
  /** Seconds until its lifetime ends; absent: it does not. */
  readonly untilSeconds?: number;
}

/** A prefix that an ISATAP host has learned, or that an ISATAP router advertises. */
export interface PrefixStatus {
  readonly prefix: string;
  /** False: addresses under it are deprecated. */
  readonly preferred: boolean;
  /** Seconds until addresses under it are invalid; absent: they stay. */
  readonly untilSeconds?: number;
}

/** An ISATAP tunnel. */
export interface IsatapStatus {
  /** Host. */
  readonly potentialRouters?: readonly string[];
  /** Host: default routers, the one in use first. */
  readonly routers?: readonly RouterStatus[];
  readonly prefixes: readonly PrefixStatus[];
  /** Router: seconds for which hosts take it as a default router; 0: not at all. */
  readonly routerLifetime?: number;
}

/** A port that a gateway was asked for. */
export interface PortMappingStatus {
  readonly state: 'awaited' | 'mapped' | 'none';
  /** `pcp`, `nat-pmp` or `upnp`. */
  readonly by?: string;
  readonly gateway?: string;
  /** Address and port outside; not there unless it is mapped. */
  readonly external?: string;
  /** Why there is none. */
  readonly failure?: string;
}

/** A Teredo client. */
export interface TeredoClientStatus {
  readonly state: 'qualifying' | 'qualified' | 'off-line';
  /** The server that it uses or asks; null: none yet. */
  readonly server: string | null;
  /** Its IPv4 address and port as the server sees them; null: it has none yet. */
  readonly mapped: string | null;
  /** The NAT in front of it, as far as it can tell: `none`, `cone or restricted`, `symmetric`; null: it cannot. */
  readonly nat: string | null;
  /** null until it is qualified. */
  readonly address: string | null;
  /** UDP port of the service; not there until it is known. */
  readonly localPort?: number;
  /** What came of asking the gateway for a port; not there where it is not asked. */
  readonly portMapping?: PortMappingStatus;
  /** Seconds between two words with the server. */
  readonly refreshSeconds: number;
  /** The last reason why it did not work, a sentence; not there while there was none. */
  readonly failure?: string;
  readonly peers: number;
}

/** A Teredo server, which keeps no state of anybody. */
export interface TeredoServerStatus {
  readonly prefix: string;
  readonly secondary: string;
  readonly port: number;
  /** In secure mode only known clients are served. */
  readonly secure: boolean;
}

/** A Teredo relay. */
export interface TeredoRelayStatus {
  readonly prefix: string;
  /** 0: any. */
  readonly port: number;
  readonly peers: number;
}

/** A Teredo tunnel, by its role. */
export type TeredoStatus = TeredoClientStatus | TeredoServerStatus | TeredoRelayStatus;

/** At most one of them. */
export interface Details {
  readonly sixRd?: SixRdStatus;
  readonly isatap?: IsatapStatus;
  readonly teredo?: TeredoStatus;
}

/** What details are read from, beside the tunnel. */
export interface Moment {
  readonly node: NodeSpec;
  /** Times are counted from here. */
  readonly now: Millis;
  /** Counter rows. */
  readonly rows: readonly Float64Array[];
}

type Describe<S extends TunnelSpec> = (spec: S, moment: Moment) => Details;

const DESCRIBE: { readonly [T in TunnelSpec['type']]: Describe<Extract<TunnelSpec, { type: T }>> } = {
  '6to4': () => ({}),
  '6rd': (spec, moment) => ({ sixRd: sixRdStatus(spec, moment) }),
  isatap: (spec, { now }) => ({ isatap: isatapStatus(spec, now) }),
  teredo: (spec, moment) => ({ teredo: TEREDO[spec.role](spec, moment) }),
};

/** The details of one tunnel of the node, at a moment. */
export function detailsOf(spec: TunnelSpec, moment: Moment): Details {
  return (DESCRIBE[spec.type] as Describe<TunnelSpec>)(spec, moment);
}

function sixRdStatus({ domain, local, role, relays, slot }: SixRdSpec, { node, now }: Moment): SixRdStatus {
  const isEdge = role === 'customer-edge';
  const lease = node.dhcp.find((dhcp) => dhcp.slot === slot);
  return {
    ...(domain !== null && { prefix: formatPrefix6(domain.prefix), ipv4MaskLength: domain.ipv4MaskLen }),
    ...(domain !== null &&
      isEdge &&
      local.length > 0 && {
        delegatedPrefix: formatPrefix6(delegatedPrefix(new SixRd(domain.prefix, domain.ipv4MaskLen, domain.common), local[0])),
      }),
    ...(isEdge && { borderRelays: relays.map(formatIpv4) }),
    ...(lease !== undefined && leaseStatus(lease, now)),
  };
}

function leaseStatus({ interface: device, lease }: DhcpSpec, now: Millis): { readonly lease?: LeaseStatus } {
  if (lease === null) return {};
  return {
    lease: {
      interface: device,
      assigned: lease.assigned,
      address: formatIpv4(lease.address),
      ...(lease.server !== null && { server: formatIpv4(lease.server) }),
      ...untilSeconds(lease.until, now),
      ...(lease.sixRdFault !== null && { fault: lease.sixRdFault }),
    },
  };
}

function isatapStatus({ prefix, potentialRouters, learned, routerLifetime }: IsatapSpec, now: Millis): IsatapStatus {
  if (prefix !== null) {
    const addr = new Uint8Array(16);
    addr.set(prefix);
    return { prefixes: [{ prefix: formatPrefix6({ addr, len: 64 }), preferred: true }], routerLifetime };
  }
  const routers = learned?.routers ?? [];
  const prefixes = learned?.prefixes ?? [];
  return {
    potentialRouters: potentialRouters.map(formatIpv4),
    routers: routers.map(({ address, preference, reachable, until }) => {
      return { address: formatIpv6(address), preference, reachable, ...untilSeconds(until, now) };
    }),
    prefixes: prefixes.map((one) => ({
      prefix: formatPrefix6(one.prefix),
      preferred: one.preferred,
      ...untilSeconds(one.validUntil, now),
    })),
  };
}

const TEREDO: { readonly [R in TeredoSpec['role']]: (spec: TeredoSpec, moment: Moment) => TeredoStatus } = {
  client({ learned, down, refreshInterval, portMapping, slot }, { rows }) {
    const found = learned?.teredo ?? null;
    const { server = null, mapped = null, nat = null, address = null, failure = null } = found ?? {};
    return {
      state: found?.state ?? (down === null ? 'qualifying' : 'off-line'),
      server: server === null ? null : formatIpv4(server),
      mapped: mapped === null ? null : formatEndpoint(mapped),
      nat,
      address: address === null ? null : formatIpv6(address),
      ...(found !== null && { localPort: found.localPort }),
      ...(portMapping !== null && { portMapping: portMappingStatus(portMapping) }),
      refreshSeconds: found?.refreshSeconds ?? refreshInterval / 1000,
      ...(failure !== null && { failure }),
      peers: peers(rows, slot),
    };
  },

  server(spec) {
    const { secondary, port, keys } = spec;
    return { prefix: prefixText(spec), secondary: formatIpv4(secondary ?? 0), port, secure: keys.length > 0 };
  },

  relay(spec, { rows }) {
    return { prefix: prefixText(spec), port: spec.port, peers: peers(rows, spec.slot) };
  },
};

function portMappingStatus(mapping: PortMapping | 'awaited'): PortMappingStatus {
  if (mapping === 'awaited') return { state: mapping };
  const { by, gateway, external, failure } = mapping;
  return {
    state: external === null ? 'none' : 'mapped',
    ...(by !== null && { by }),
    ...(gateway !== null && { gateway: formatIpv4(gateway) }),
    ...(external !== null && { external: formatEndpoint(external) }),
    ...(failure !== null && { failure }),
  };
}

function prefixText(spec: TeredoSpec): string {
  return formatPrefix6(teredoPrefix(spec));
}
