/** What the service says of itself: `status --json`, `/api/v1/status` and the numbers behind `/metrics`. */

import type { Millis } from '../core/clock.js';
import { DIRECTIONS, Direction, drops, ICMP_KINDS, type IcmpKindName, icmpEvents, NODE_SLOT, octets, packets } from '../core/counters.js';
import { DROPS, type DropName } from '../core/drop.js';
import type { NodeSpec, TunnelSpec } from '../engine/spec.js';
import { addressesOf } from '../engine/technologies.js';
import { formatIpv4, formatIpv6 } from '../wire/address.js';
import type { FastPathView } from './fast-path-place.js';
import { type Details, detailsOf } from './status-details.js';

/** What the service is doing as a whole. */
export type ServiceState = 'starting' | 'running' | 'draining' | 'stopping';

/** What a status is read from; the service keeps it up to date. */
export interface ServiceView {
  readonly name: string;
  readonly version: string;
  readonly state: ServiceState;
  /** Seconds since the process began. */
  readonly uptime: number;
  /** Now, on the clock of the times in `node`. */
  readonly now: Millis;
  readonly node: NodeSpec;
  /** Packet threads. */
  readonly workers: number;
  /** Counter rows: one a packet thread, and one of what never reached them. */
  readonly rows: readonly Float64Array[];
  readonly fastpath: FastPathView;
}

/** Inner IPv6 packets that went through. */
export interface Traffic {
  readonly packets: number;
  readonly octets: number;
}

/** What the fast path does with a tunnel: its part of what went through, or why it has none. */
export type FastTunnelStatus =
  | { readonly offloaded: true; readonly encapsulated: Traffic; readonly decapsulated: Traffic }
  | { readonly offloaded: false; readonly reason: string };

/** The fast path as a whole. */
export interface FastPathStatus {
  /** `native`, `generic` or `off`. */
  readonly mode: string;
  readonly interfaces: readonly string[];
  /** It stays when the service ends; absent: it does not. */
  readonly stays?: boolean;
  /** Why it is not all that it could be. */
  readonly reason?: string;
  /** Frames that it left to the host and its packet threads, by reason; there where it runs. */
  readonly passed?: Readonly<Record<string, number>>;
}

/** Packets dropped, by reason; reasons that never came up are left out. */
export type Dropped = Readonly<Partial<Record<DropName, number>>>;

/** One tunnel, with what its technology adds. */
export interface TunnelStatus extends Details {
  readonly name: string;
  readonly type: string;
  readonly role: string;
  readonly state: 'up' | 'down';
  /** Why it is down. */
  readonly down?: string;
  /** null: it has none. */
  readonly interface: string | null;
  /** Outer source; null while it is down for want of one. */
  readonly local: string | null;
  /** Further IPv4 addresses on which it decapsulates. */
  readonly accept: readonly string[];
  /** The node's own IPv6 address in the tunnel. */
  readonly address?: string;
  readonly mtu: number;
  readonly encapsulated: Traffic;
  readonly decapsulated: Traffic;
  readonly dropped: Dropped;
  /** ICMP errors, by kind; kinds that never came up are left out. */
  readonly icmp: Readonly<Partial<Record<IcmpKindName, number>>>;
  /** Where there is a fast path. */
  readonly fastpath?: FastTunnelStatus;
}

/** The whole service. */
export interface Status {
  readonly node: string;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly state: ServiceState;
  /** Packet threads. */
  readonly workers: number;
  readonly tunnels: readonly TunnelStatus[];
  /** Packets that reached the node and none of its tunnels. */
  readonly dropped: Dropped;
  readonly fastpath: FastPathStatus;
}

/** Reads the status now. */
export function readStatus(now: ServiceView): Status {
  // Looked at once: all of it is of one moment.
  const view = { ...now };
  return {
    node: view.name,
    version: view.version,
    uptimeSeconds: Math.floor(view.uptime),
    state: view.state,
    workers: view.workers,
    tunnels: view.node.tunnels.map((tunnel) => tunnelStatus(tunnel, view)),
    dropped: dropped(view.rows, NODE_SLOT),
    fastpath: fastPathStatus(view.fastpath),
  };
}

function tunnelStatus(tunnel: TunnelSpec, view: ServiceView): TunnelStatus {
  const rows = [...view.rows, view.fastpath.row];
  const [local, ...accept] = tunnel.local.map(formatIpv4);
  const [address] = addressesOf(tunnel).map((own) => formatIpv6(own));
  return {
    name: tunnel.name,
    type: tunnel.type,
    role: tunnel.role,
    state: tunnel.down === null ? 'up' : 'down',
    ...(tunnel.down !== null && { down: tunnel.down }),
    interface: tunnel.interface,
    local: local ?? null,
    accept,
    ...(address !== undefined && { address }),
    mtu: tunnel.mtu,
    encapsulated: traffic(rows, tunnel.slot, Direction.encapsulate),
    decapsulated: traffic(rows, tunnel.slot, Direction.decapsulate),
    dropped: dropped(rows, tunnel.slot),
    icmp: counted(ICMP_KINDS.map((name, kind) => [name, icmpEvents(rows, tunnel.slot, kind)])),
    ...fastTunnelStatus(tunnel, view.fastpath),
    ...detailsOf(tunnel, view),
  };
}

/** What of the traffic of a tunnel took which path. */
export interface PathTraffic {
  /** As in `/metrics`. */
  readonly path: 'xdp' | 'worker';
  readonly encapsulated: Traffic;
  readonly decapsulated: Traffic;
}

/** The traffic of a tunnel by path: its counts are of all paths, and the fast path, where it has the tunnel, says which are its own. */
export function trafficByPath({ encapsulated, decapsulated, fastpath }: TunnelStatus): PathTraffic[] {
  if (fastpath?.offloaded !== true) return [{ path: 'worker', encapsulated, decapsulated }];
  const rest = (all: Traffic, fast: Traffic): Traffic => ({ packets: all.packets - fast.packets, octets: all.octets - fast.octets });
  return [
    { path: 'xdp', encapsulated: fastpath.encapsulated, decapsulated: fastpath.decapsulated },
    { path: 'worker', encapsulated: rest(encapsulated, fastpath.encapsulated), decapsulated: rest(decapsulated, fastpath.decapsulated) },
  ];
}

function fastPathStatus({ mode, interfaces, stays, reason, passed }: FastPathView): FastPathStatus {
  return {
    mode,
    interfaces,
    ...(stays && { stays }),
    ...(reason !== null && { reason }),
    ...(mode !== 'off' && { passed: Object.fromEntries(passed) }),
  };
}

function fastTunnelStatus({ name, slot }: TunnelSpec, { mode, tunnels, row }: FastPathView): Pick<TunnelStatus, 'fastpath'> {
  const known = tunnels.find((tunnel) => tunnel.name === name);
  if (mode === 'off' || known === undefined) return {};
  if (known.obstacle !== null) return { fastpath: { offloaded: false, reason: known.obstacle } };
  const [encapsulated, decapsulated] = DIRECTIONS.map((way) => traffic([row], slot, Direction[way]));
  return { fastpath: { offloaded: true, encapsulated, decapsulated } };
}

function traffic(rows: readonly Float64Array[], slot: number, direction: number): Traffic {
  return { packets: packets(rows, slot, direction), octets: octets(rows, slot, direction) };
}

function dropped(rows: readonly Float64Array[], slot: number): Dropped {
  return counted(DROPS.map(({ name, code }) => [name, DIRECTIONS.reduce((sum, way) => sum + drops(rows, slot, Direction[way], code), 0)]));
}

function counted<K extends string>(entries: readonly (readonly [K, number])[]): Partial<Record<K, number>> {
  return Object.fromEntries(entries.filter(([, n]) => n > 0)) as Partial<Record<K, number>>;
}
