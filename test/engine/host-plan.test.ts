import { expect, test } from 'vitest';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { DhcpSpec, NodeSpec } from '../../src/engine/spec.js';
import type { Lease } from '../../src/role/dhcp-lease.js';
import { parseIpv4 } from '../../src/wire/address.js';

const ip4 = (text: string): number => parseIpv4(text) ?? expect.fail(text);
const LEASE: Lease = {
  address: ip4('10.1.2.50'),
  assigned: true,
  prefixLen: 24,
  router: ip4('10.1.2.1'),
  server: null,
  sixRd: null,
  sixRdFault: null,
  until: Number.POSITIVE_INFINITY,
};
const DHCP: DhcpSpec = { interface: 'eth0', mac: new Uint8Array(6), hostName: '', inform: null, slot: 0, configure: true, lease: LEASE };
const NODE: NodeSpec = {
  identity: null,
  ownIpv4: [LEASE.address, ip4('192.168.1.1')],
  ownIpv6: [],
  broadcasts: [ip4('192.168.1.255')],
  allowIpv4: [],
  tunnels: [],
  dhcp: [],
};
const plan = (lease: Partial<Lease> | null, dhcp: Partial<DhcpSpec> = {}) =>
  hostPlan({ ...NODE, dhcp: [{ ...DHCP, lease: lease === null ? null : { ...LEASE, ...lease }, ...dhcp }] });

const ADDRESS = { kind: 'address', interface: 'eth0', address: '10.1.2.50', len: 24, deprecated: false };

test('a lease gives its interface an address and the IPv4 default route', () => {
  expect(plan({})).toEqual([ADDRESS, { kind: 'route', to: '0.0.0.0/0', via: '10.1.2.1', interface: 'eth0', metric: 1025 }]);
  expect(plan({ router: null })).toEqual([ADDRESS]);
});

test('nothing is set without a lease, after DHCPINFORM, and where the host is not to be configured', () => {
  expect([plan(null), plan({ assigned: false }), plan({}, { configure: false })]).toEqual([[], [], []]);
});

test.each([
  ['the address of the lease', '10.1.2.50'],
  ['the broadcast address of its subnet', '10.1.2.255'],
  ['another address of this host', '192.168.1.1'],
  ['a broadcast address of another subnet', '192.168.1.255'],
])('a router that is %s is none: the kernel would refuse the whole plan', (_, router) => {
  expect(plan({ router: ip4(router) })).toEqual([ADDRESS]);
});

test('a router outside the subnet of the lease is on the link all the same, as hosting providers have it', () => {
  expect(plan({ prefixLen: 32, router: ip4('10.0.0.1') })).toHaveLength(2);
  expect(plan({ prefixLen: 31, router: ip4('10.1.2.51') })).toHaveLength(2);
});
