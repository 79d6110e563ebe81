import { expect, test } from 'vitest';
import { Direction, IcmpKind, NODE_SLOT } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { readStatus } from '../../src/daemon/status.js';
import type { Lease } from '../../src/role/dhcp-lease.js';
import { campus, edge, fastPath, makeView, mapped, node, roamer, unmapped } from './view.js';

test('the status adds the rows of all packet threads and leaves out what never came up', () => {
  const { view, writers } = makeView();
  writers[0].forwarded(0, Direction.encapsulate, 104);
  writers[1].forwarded(0, Direction.encapsulate, 60);
  writers[1].forwarded(0, Direction.decapsulate, 1280);
  writers[0].dropped(0, Direction.encapsulate, Drop.hop_limit);
  writers[1].dropped(0, Direction.decapsulate, Drop.hop_limit);
  writers[1].dropped(NODE_SLOT, Direction.decapsulate, Drop.not_local);
  writers[0].icmp(0, IcmpKind.sent_time_exceeded);

  expect(readStatus(view)).toEqual({
    node: 'otemachi-1',
    version: '0.1.0',
    uptimeSeconds: 12,
    state: 'running',
    workers: 2,
    tunnels: [
      {
        name: 'relay',
        type: '6to4',
        role: 'relay',
        state: 'up',
        interface: 'tun6to4',
        local: '192.88.99.1',
        accept: ['203.0.113.1'],
        address: '2002:c058:6301::1',
        mtu: 1480,
        encapsulated: { packets: 2, octets: 164 },
        decapsulated: { packets: 1, octets: 1280 },
        dropped: { hop_limit: 2 },
        icmp: { sent_time_exceeded: 1 },
      },
      {
        name: 'home',
        type: '6to4',
        role: 'host',
        state: 'down',
        down: 'no IPv4 default route',
        interface: 'tun1',
        local: null,
        accept: [],
        mtu: 1280,
        encapsulated: { packets: 0, octets: 0 },
        decapsulated: { packets: 0, octets: 0 },
        dropped: {},
        icmp: {},
      },
    ],
    dropped: { not_local: 1 },
    fastpath: { mode: 'off', interfaces: [], reason: 'fastpath.interfaces names no interface' },
  });
});

test('what went by the fast path is in the sums, and its part is told, or why a tunnel has none', () => {
  const { view, writers } = makeView({ fastpath: fastPath() });
  writers[0].forwarded(0, Direction.encapsulate, 104);
  const { fastpath, tunnels } = readStatus(view);
  expect(fastpath).toEqual({
    mode: 'native',
    interfaces: ['eth0', 'eth1'],
    stays: true,
    reason: 'eth2: there is no such interface',
    passed: { hop_limit: 1 },
  });
  expect(tunnels[0]).toMatchObject({
    encapsulated: { packets: 4, octets: 404 },
    decapsulated: { packets: 2, octets: 200 },
    fastpath: { offloaded: true, encapsulated: { packets: 3, octets: 300 }, decapsulated: { packets: 2, octets: 200 } },
  });
  expect(tunnels[1].fastpath).toEqual({ offloaded: false, reason: 'the tunnel is down' });
});

test('a fast path that was switched off leaves its counts in the sums, and says no more of tunnels', () => {
  const { fastpath, tunnels } = readStatus(
    makeView({ fastpath: { ...fastPath(), mode: 'off', stays: false, reason: 'fastpath.mode is "off"' } }).view,
  );
  expect(fastpath).toEqual({ mode: 'off', interfaces: ['eth0', 'eth1'], reason: 'fastpath.mode is "off"' });
  expect(tunnels[0]).toMatchObject({ encapsulated: { packets: 3, octets: 300 } });
  expect(tunnels[0]).not.toHaveProperty('fastpath');
});

test('a customer edge says its domain, what is its own, and how long its lease lasts', () => {
  const lease = {
    address: 0x0a646401,
    assigned: true,
    prefixLen: 16,
    router: null,
    server: 0x0a640001,
    sixRd: null,
    sixRdFault: null,
    until: 1_090_400,
  } satisfies Lease;
  const dhcp = { interface: 'eth0', mac: new Uint8Array(6), hostName: 'home', inform: null, slot: edge.slot, configure: true, lease };
  const status = (over: Partial<typeof edge>, lend: Partial<Lease> | null) => {
    const leases = [{ ...dhcp, lease: lend === null ? null : { ...lease, ...lend } }];
    const { view } = makeView({ node: { ...node, dhcp: leases, tunnels: [{ ...edge, ...over }] } });
    return readStatus(view).tunnels[0];
  };
  expect(status({}, {})).toMatchObject({
    local: '10.100.100.1',
    address: '2001:db8:6464:100::1',
    sixRd: {
      prefix: '2001:db8::/32',
      ipv4MaskLength: 8,
      delegatedPrefix: '2001:db8:6464:100::/56',
      borderRelays: ['10.0.0.1', '10.0.0.2'],
      lease: { interface: 'eth0', assigned: true, address: '10.100.100.1', server: '10.100.0.1', untilSeconds: 90 },
    },
  });
  expect(status({}, { until: Number.POSITIVE_INFINITY }).sixRd?.lease).not.toHaveProperty('untilSeconds');
  const down = { domain: null, local: [], relays: [], down: 'the lease on eth0 has no 6rd option' };
  expect(status(down, null).sixRd).toEqual({ borderRelays: [] });
  expect(status(down, { sixRdFault: 'length 21' }).sixRd?.lease).toMatchObject({ fault: 'length 21' });
});

test('a border relay says its domain alone', () => {
  const { view } = makeView({ node: { ...node, tunnels: [{ ...edge, role: 'border-relay', relays: [] }] } });
  expect(readStatus(view).tunnels[0].sixRd).toEqual({ prefix: '2001:db8::/32', ipv4MaskLength: 8 });
});

test('an ISATAP host says whom it asks and what it has learned, a router what it advertises', () => {
  const of = (over: Partial<typeof campus>) =>
    readStatus(makeView({ node: { ...node, tunnels: [{ ...campus, ...over }] } }).view).tunnels[0];
  expect(of({})).toMatchObject({
    address: '2001:db8:0:1:0:5efe:c000:205',
    isatap: {
      potentialRouters: ['192.0.2.1', '192.0.2.2'],
      routers: [
        { address: 'fe80::5efe:c000:201', preference: 'high', untilSeconds: 1800 },
        { address: 'fe80::5efe:c000:202', preference: 'medium', untilSeconds: 0 },
      ],
      prefixes: [
        { prefix: '2001:db8:0:1::/64', preferred: true },
        { prefix: '2001:db8:0:2::/64', preferred: false, untilSeconds: 60 },
      ],
    },
  });
  expect(of({ learned: null }).isatap).toEqual({ potentialRouters: ['192.0.2.1', '192.0.2.2'], routers: [], prefixes: [] });
  const prefix = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1);
  expect(of({ role: 'router', prefix, learned: null, potentialRouters: [], routerLifetime: 1800 }).isatap).toEqual({
    prefixes: [{ prefix: '2001:db8:0:1::/64', preferred: true }],
    routerLifetime: 1800,
  });
});

test('a Teredo client says what its server sees, what it makes of the NAT, and why it failed last', () => {
  const of = (over: Partial<typeof roamer>) => {
    const { view, writers } = makeView({ node: { ...node, tunnels: [{ ...roamer, ...over }] } });
    writers[0].peers(roamer.slot, 7);
    return readStatus(view).tunnels[0];
  };
  expect(of({})).toMatchObject({
    interface: 'tunteredo',
    local: '192.168.1.2',
    address: '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    teredo: {
      state: 'qualified',
      server: '65.54.227.120',
      mapped: '192.0.2.45:40000',
      nat: 'cone or restricted',
      address: '2001:0:4136:e378:8000:63bf:3fff:fdd2',
      localPort: 40001,
      refreshSeconds: 30,
      failure: 'no answer from 65.54.227.120',
      peers: 7,
    },
  });
  const gateway = { by: 'upnp', gateway: '192.168.1.1' };
  expect(of({ portMapping: mapped }).teredo).toMatchObject({ portMapping: { state: 'mapped', ...gateway, external: '192.0.2.45:40001' } });
  expect(of({ portMapping: unmapped }).teredo).toMatchObject({ portMapping: { state: 'none', ...gateway, failure: unmapped.failure } });
  expect(of({ portMapping: 'awaited' }).teredo).toMatchObject({ portMapping: { state: 'awaited' } });
  const nothing = { server: null, mapped: null, nat: null, address: null, refreshSeconds: 30, peers: 7 };
  expect(of({ learned: null }).teredo).toEqual({ state: 'qualifying', ...nothing });
  expect(of({ learned: null }).address).toBeUndefined();
  expect(of({ learned: null, local: [], down: 'the host has native IPv6' }).teredo).toEqual({ state: 'off-line', ...nothing });
});

test('a Teredo server has no interface and no peers, a relay has both', () => {
  const of = (over: Partial<typeof roamer>) =>
    readStatus(makeView({ node: { ...node, tunnels: [{ ...roamer, learned: null, servers: [], ...over }] } }).view).tunnels[0];
  const server = { role: 'server', interface: null, port: 3544, secondary: 0x4136e379 } as const;
  expect(of(server)).toMatchObject({ interface: null });
  expect(of(server).teredo).toEqual({ prefix: '2001::/32', secondary: '65.54.227.121', port: 3544, secure: false });
  const keys = [{ identifier: Uint8Array.of(1), secret: new TextEncoder().encode('verysecret') }];
  expect(of({ ...server, keys }).teredo).toMatchObject({ secure: true });
  expect(JSON.stringify(of({ ...server, keys }))).not.toMatch(/secret"|118,101,114/);
  expect(of({ role: 'relay', port: 3545, prefix: 0x3fff0001 }).teredo).toEqual({ prefix: '3fff:1::/32', port: 3545, peers: 0 });
});
