/** A service as the daemon's readers see it, for tests: two tunnels, two packet threads. */
import { Counters, Direction } from '../../src/core/counters.js';
import { allocateRows, rowsOf } from '../../src/daemon/counters.js';
import { type FastPathView, NOT_ASKED_FOR, noFastPath } from '../../src/daemon/fast-path-place.js';
import type { ServiceView } from '../../src/daemon/status.js';
import type { IsatapSpec, NodeSpec, SixRdSpec, SixToFourSpec, TeredoSpec } from '../../src/engine/spec.js';
import type { PortMapping } from '../../src/role/teredo-node.js';
import { type Prefix6, parseIpv6 } from '../../src/wire/address.js';

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
  dontFragment: false,
  icmpRate: 10,
  relay: null,
  interfaceId: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
  lans: [],
  learned: null,
};

const prefix6 = (text: string, len: number): Prefix6 => ({ addr: parseIpv6(text) ?? new Uint8Array(16), len });
const { relay: _, interfaceId: __, ...common } = relay;

/** A customer edge that is up by a lease, RFC 5969 section 4's numbers. */
export const edge: SixRdSpec = {
  ...common,
  name: 'edge',
  slot: 3,
  type: '6rd',
  role: 'customer-edge',
  interface: 'tun6rd',
  local: [0x0a646401],
  assign: [],
  mtu: 1280,
  dscp: 'copy',
  domain: { prefix: prefix6('2001:db8::', 32), ipv4MaskLen: 8, common: 0x0a646401 },
  relays: [0x0a000001, 0x0a000002],
  probesRelays: true,
  hubAndSpoke: false,
  leaseUntil: 1_090_000,
};

/** An ISATAP host that has learned what there is to learn. */
export const campus: IsatapSpec = {
  ...common,
  name: 'campus',
  slot: 4,
  type: 'isatap',
  role: 'host',
  interface: 'tunisatap',
  local: [0xc0000205],
  assign: [],
  mtu: 1280,
  potentialRouters: [0xc0000201, 0xc0000202],
  prefix: null,
  routerLifetime: 0,
  learned: {
    routers: [
      { address: prefix6('fe80::5efe:c000:201', 128).addr, preference: 'high', until: 2_800_000, reachable: true },
      { address: prefix6('fe80::5efe:c000:202', 128).addr, preference: 'medium', until: 1_000_400, reachable: false },
    ],
    prefixes: [
      {
        prefix: prefix6('2001:db8:0:1::', 64),
        onLink: true,
        autonomous: true,
        preferred: true,
        validUntil: Number.POSITIVE_INFINITY,
        preferredUntil: 1_600_000,
      },
      { prefix: prefix6('2001:db8:0:2::', 64), onLink: true, autonomous: true, preferred: false, validUntil: 1_060_000, preferredUntil: 0 },
    ],
    routes: [],
    mtu: 0,
    teredo: null,
  },
};

/** A Teredo client that is qualified, after it was not. */
export const roamer: TeredoSpec = {
  ...common,
  name: 'roamer',
  slot: 5,
  type: 'teredo',
  role: 'client',
  interface: 'tunteredo',
  local: [0xc0a80102],
  assign: [],
  mtu: 1280,
  prefix: 0x20010000,
  port: 0,
  servers: [{ primary: 0x4136e378, secondary: 0x4136e379 }],
  secondary: null,
  keys: [],
  refreshInterval: 30_000,
  searchesInterval: false,
  lan: null,
  portMapping: null,
  maxPeers: 1000,
  learned: {
    routers: [],
    prefixes: [],
    routes: [],
    mtu: 0,
    teredo: {
      state: 'qualified',
      address: prefix6('2001:0:4136:e378:8000:63bf:3fff:fdd2', 128).addr,
      server: 0x4136e378,
      mapped: { addr: 0xc000022d, port: 40000 },
      localPort: 40001,
      nat: 'cone or restricted',
      gateway: null,
      refreshSeconds: 30,
      failure: 'no answer from 65.54.227.120',
    },
  },
};

/** What its gateway leads to it, and what one says that does not. */
export const mapped: PortMapping = {
  gateway: 0xc0a80101,
  local: { addr: 0xc0a80102, port: 40001 },
  by: 'upnp',
  external: { addr: 0xc000022d, port: 40001 },
  failure: null,
};
export const unmapped: PortMapping = { ...mapped, external: null, failure: 'gateway 192.168.1.1 does not answer by UPnP' };

/** A relay that is up and a host that is down. */
export const node: NodeSpec = {
  identity: null,
  ownIpv4: [],
  ownIpv6: [],
  broadcasts: [],
  allowIpv4: [],
  dhcp: [],
  tunnels: [
    relay,
    { ...relay, name: 'home', slot: 7, role: 'host', interface: 'tun1', local: [], assign: [], down: 'no IPv4 default route', mtu: 1280 },
  ],
};

/** A node whose status has every key: by a lease whose option is ignored, and as host and router. */
export const everyTechnology: NodeSpec = {
  ...node,
  dhcp: [
    {
      interface: 'eth0',
      mac: new Uint8Array(6),
      hostName: 'home',
      inform: null,
      slot: edge.slot,
      configure: true,
      lease: {
        address: edge.local[0],
        assigned: true,
        prefixLen: 16,
        router: null,
        server: 0x0a640001,
        sixRd: null,
        sixRdFault: 'length 21',
        until: 1_090_000,
      },
    },
  ],
  tunnels: [
    ...node.tunnels,
    edge,
    campus,
    { ...campus, role: 'router', prefix: Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1), learned: null, potentialRouters: [] },
    { ...roamer, portMapping: mapped },
    { ...roamer, name: 'walker', portMapping: unmapped },
    { ...roamer, name: 'server', role: 'server', interface: null, port: 3544, servers: [], secondary: 0x4136e379, learned: null },
  ],
};

/** A fast path on two interfaces, which stays when the service ends, and carries the first of the two tunnels: 3 packets of 300 octets out, 2 of 200 in, one left. */
export function fastPath(): FastPathView {
  const none = noFastPath('');
  const counters = new Counters(none.row);
  counters.forwardedSoFar(0, Direction.encapsulate, 3, 300);
  counters.forwardedSoFar(0, Direction.decapsulate, 2, 200);
  return {
    ...none,
    mode: 'native',
    interfaces: ['eth0', 'eth1'],
    stays: true,
    reason: 'eth2: there is no such interface',
    tunnels: [
      { name: 'relay', slot: 0, obstacle: null },
      { name: 'home', slot: 1, obstacle: 'the tunnel is down' },
    ],
    passed: new Map([['hop_limit', 1]]),
  };
}

/** The view and the writers of its two rows. */
export function makeView(over: Partial<ServiceView> = {}): { view: ServiceView; writers: Counters[] } {
  const rows = rowsOf(allocateRows(2));
  return {
    view: {
      name: 'otemachi-1',
      version: '0.1.0',
      state: 'running',
      uptime: 12.9,
      now: 1_000_000,
      workers: 2,
      node,
      rows,
      fastpath: noFastPath(NOT_ASKED_FOR),
      ...over,
    },
    writers: rows.map((row) => new Counters(row)),
  };
}
