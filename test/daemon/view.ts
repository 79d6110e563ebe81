/** A service as the daemon's readers see it, for tests: two tunnels, two packet threads. */
import { Counters } from '../../src/core/counters.js';
import { allocateRows, rowsOf } from '../../src/daemon/counters.js';
import type { ServiceView } from '../../src/daemon/status.js';
import type { NodeSpec, SixToFourSpec } from '../../src/engine/spec.js';

const relay: SixToFourSpec = {
  name: 'relay',
  slot: 0,
  type: '6to4',
  role: 'relay',
  interface: 'tun6to4',
  local: [0xc0586301, 0xcb007101],
  assign: [0xc0586301],
  down: null,
  configure: true,
  mtu: 1480,
  ttl: 64,
  dscp: 0,
  ecn: 'compatibility',
  pathMtuDiscovery: false,
  icmpRate: 10,
  relay: null,
  interfaceId: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
  lans: [],
};

/** A relay that is up and a host that is down. */
export const node: NodeSpec = {
  identity: null,
  ownIpv4: [],
  ownIpv6: [],
  broadcasts: [],
  allowIpv4: [],
  tunnels: [
    relay,
    { ...relay, name: 'home', slot: 7, role: 'host', interface: 'tun1', local: [], assign: [], down: 'no IPv4 default route', mtu: 1280 },
  ],
};

/** The view and the writers of its two rows. */
export function makeView(over: Partial<ServiceView> = {}): { view: ServiceView; writers: Counters[] } {
  const rows = rowsOf(allocateRows(2));
  return {
    view: { name: 'otemachi-1', version: '0.1.0', state: 'running', uptime: 12.9, node, rows, ...over },
    writers: rows.map((row) => new Counters(row)),
  };
}
