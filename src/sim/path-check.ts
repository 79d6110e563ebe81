/** Checks the paths that a topology promises: reachable, how fast, over which relays. */
import type { Millis } from '../core/clock.js';
import type { TopologyPath } from '../topology/topology.js';
import { formatAddress } from './address.js';
import type { PingOptions } from './ping.js';
import type { World } from './world.js';

/** Requests for one path. */
const PATH_REQUESTS = 5;

/** A relay and the address by which it answered. */
export interface Hop {
  readonly node: string;
  readonly address: string;
}

/** What was found on one path. */
export interface PathReport {
  readonly path: TopologyPath;
  readonly sent: number;
  readonly received: number;
  /** Round-trip times in milliseconds; null when nothing came back. */
  readonly roundTrip: { readonly min: Millis; readonly median: Millis; readonly max: Millis } | null;
  /** The relays that carry packets in the direction of the path, in the order in which they do. */
  readonly relays: readonly Hop[];
  /** True: reachable, over relays exactly where the topology says so. */
  readonly works: boolean;
}

/** Pings along a path and finds the relays in use. */
export function checkPath(world: World, path: TopologyPath, options: PingOptions = {}): PathReport {
  const results = world.ping(path.from, path.to, { count: PATH_REQUESTS, interval: 100, ...options });
  const times = results.flatMap(({ kind, roundTrip }) => (kind === 'reply' && roundTrip !== null ? [roundTrip] : [])).sort((a, b) => a - b);
  const relays = times.length === 0 ? [] : relaysInUse(world, path);
  return {
    path,
    sent: results.length,
    received: times.length,
    roundTrip: times.length === 0 ? null : { min: times[0], median: times[times.length >> 1], max: times[times.length - 1] },
    relays,
    works: times.length > 0 && relays.length > 0 === path.relayed,
  };
}

/** The hops that are relays: each says so itself, by the error that it sends when the hop limit ends there. */
export function relaysInUse(world: World, { from, to }: { readonly from: string; readonly to: string }): Hop[] {
  const relays = world.topology.nodes.filter((node) => node.relays === true).map(({ name }) => name);
  return world.traceRoute(from, to).flatMap((hop) => {
    const node = hop.kind === 'time_exceeded' && hop.from !== null ? world.nodeOf(hop.from) : null;
    return node !== null && hop.from !== null && relays.includes(node) ? [{ node, address: formatAddress(hop.from) }] : [];
  });
}
