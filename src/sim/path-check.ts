/** Checks the paths that a topology promises: reachable, how fast, over which relay. */
import type { Millis } from '../core/clock.js';
import type { TopologyPath } from '../topology/topology.js';
import { formatAddress } from './address.js';
import type { PingOptions } from './ping.js';
import type { World } from './world.js';

/** Requests for one path. */
const PATH_REQUESTS = 5;

/** What was found on one path. */
export interface PathReport {
  readonly path: TopologyPath;
  readonly sent: number;
  readonly received: number;
  /** Round-trip times in milliseconds; null when nothing came back. */
  readonly roundTrip: { readonly min: Millis; readonly median: Millis; readonly max: Millis } | null;
  /** The relay that carries packets in the direction of the path; null when none does. */
  readonly relay: { readonly node: string; readonly address: string } | null;
  /** True: reachable, over a relay exactly where the topology says so. */
  readonly works: boolean;
}

/** Pings along a path and finds the relay in use. */
export function checkPath(world: World, path: TopologyPath, options: PingOptions = {}): PathReport {
  const results = world.ping(path.from, path.to, { count: PATH_REQUESTS, interval: 100, ...options });
  const times = results.flatMap(({ kind, roundTrip }) => (kind === 'reply' && roundTrip !== null ? [roundTrip] : [])).sort((a, b) => a - b);
  const relay = times.length === 0 ? null : relayInUse(world, path);
  return {
    path,
    sent: results.length,
    received: times.length,
    roundTrip: times.length === 0 ? null : { min: times[0], median: times[times.length >> 1], max: times[times.length - 1] },
    relay,
    works: times.length > 0 && (relay !== null) === path.relayed,
  };
}

/** The first hop that is a relay: it says so itself, by the error that it sends when the hop limit ends there. */
export function relayInUse(world: World, { from, to }: { readonly from: string; readonly to: string }): PathReport['relay'] {
  for (const hop of world.traceRoute(from, to)) {
    const node = hop.kind === 'time_exceeded' && hop.from !== null ? world.nodeOf(hop.from) : null;
    if (node !== null && hop.from !== null && isRelay(world, node)) return { node, address: formatAddress(hop.from) };
  }
  return null;
}

function isRelay(world: World, node: string): boolean {
  return world.daemons.get(node)?.node?.tunnels.some((tunnel) => tunnel.role === 'relay') ?? false;
}
