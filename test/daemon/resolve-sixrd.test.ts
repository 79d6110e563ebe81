import { expect, test } from 'vitest';
import { withoutLeases } from '../../src/daemon/resolve.js';
import type { HostFacts, SixRdSpec } from '../../src/engine/spec.js';
import type { Lease } from '../../src/role/dhcp-client.js';
import { formatIpv4, parsePrefix6 } from '../../src/wire/address.js';
import { CUSTOMER, DOMAIN, tunnel } from '../config/documents.js';
import { address, HOST, ip, LINK_LOCAL, MAC, on } from './host.js';

const customer = (...lines: string[]) => tunnel('6rd', 'customer-edge', ...lines);
const borderRelay = (...lines: string[]) => tunnel('6rd', 'border-relay', ...lines);
const leased = (...lines: string[]) => customer('dhcp-interface = "eth0"', ...lines);
const lan = (subnet: number) => `[[tunnel.lan]]\ninterface = "lan0"\nsubnet = ${subnet}`;
const prefix6 = (text: string) => parsePrefix6(text) ?? expect.fail(text);

/** Behind a provider with private addresses. */
const HOME: Partial<HostFacts> = { ipv4: [address('10.1.2.3', 24)], defaultSource: ip('10.1.2.3') };
/** The interface has no address. */
const BARE: Partial<HostFacts> = { ipv4: [address('127.0.0.1', 8, 'lo')], defaultSource: null };

const LEASE: Lease = {
  address: ip('10.1.2.3'),
  assigned: true,
  prefixLen: 24,
  router: ip('10.1.2.1'),
  server: ip('10.1.2.1'),
  sixRd: { prefix: prefix6('2001:db8::/32'), ipv4MaskLen: 8, borderRelays: [ip('10.0.0.1'), ip('10.0.0.2')] },
  sixRdFault: null,
  until: 3_600_000,
};
const found = (lease: Partial<Lease>, name = 'eth0') => ({ ...HOST.found, leases: new Map([[name, { ...LEASE, ...lease }]]) });
const option = (prefix: string, ipv4MaskLen: number, borderRelays = [ip('10.0.0.1')]) => ({
  prefix: prefix6(prefix),
  ipv4MaskLen,
  borderRelays,
});
const first = (facts: Partial<HostFacts>, toml: string): SixRdSpec => {
  const [only] = on(facts, toml).tunnels;
  return only.type === '6rd' ? only : expect.fail(only.type);
};

test('6RD-11: a customer edge takes the private source address of its default route', () => {
  const { node, said } = on(HOME, customer(...CUSTOMER, lan(1)));
  expect(said).toEqual([]);
  expect(node.dhcp).toEqual([]);
  expect(node.tunnels).toEqual([
    {
      name: '6rd-customer-edge',
      slot: 0,
      type: '6rd',
      role: 'customer-edge',
      interface: 'tun6rd',
      local: [ip('10.1.2.3')],
      assign: [],
      down: null,
      configure: true,
      mtu: 1280,
      ttl: 64,
      dscp: 'copy',
      ecn: 'compatibility',
      pathMtuDiscovery: false,
      dontFragment: false,
      icmpRate: 1000,
      lans: [{ interface: 'lan0', subnet: 1, linkLocal: LINK_LOCAL }],
      domain: { prefix: prefix6('2001:db8::/32'), ipv4MaskLen: 8, common: ip('10.1.2.3') },
      relays: [ip('10.0.0.1')],
      probesRelays: false,
      hubAndSpoke: false,
      learned: null,
      leaseUntil: Infinity,
    },
  ]);
});

test('without a default route neither address nor domain is known, unless the file has them', () => {
  expect(first(BARE, customer(...CUSTOMER))).toMatchObject({
    down: 'no IPv4 default route',
    local: [],
    domain: null,
    relays: [ip('10.0.0.1')],
  });
  expect(first(BARE, customer(...CUSTOMER, 'ipv4-prefix = "10.0.0.0/8"'))).toMatchObject({
    down: 'no IPv4 default route',
    domain: { common: ip('10.0.0.0') },
  });
});

test('a customer edge whose address has not the common bits is down', () => {
  expect(first(HOME, customer(...CUSTOMER, 'ipv4-prefix = "11.0.0.0/8"'))).toMatchObject({
    down: '10.1.2.3 is outside ipv4-prefix 11.0.0.0/8',
    local: [],
  });
});

test('of several border relays one that answers is looked for, where one thread hears all answers', () => {
  const several = customer(...DOMAIN, 'border-relays = ["10.0.0.1", "10.0.0.2"]');
  expect(first(HOME, several)).toMatchObject({ relays: ['10.0.0.1', '10.0.0.2'].map(ip), probesRelays: true });
  expect(first(HOME, `workers = 2\n${several}`)).toMatchObject({ probesRelays: false });
});

test.each([
  ['0.1.2.3', 'this network (RFC 791)'],
  ['127.0.0.1', 'loopback (RFC 1122)'],
  ['192.88.99.7', '6to4 relay anycast (RFC 5969 section 12)'],
  ['224.0.0.1', 'multicast (RFC 5771)'],
  ['240.0.0.1', 'reserved, and limited broadcast (RFC 1112, RFC 919)'],
])('%s is no address of a customer edge: written, an error; found, a tunnel that is down', (text, range) => {
  const facts = { ipv4: [address(text, 32)], defaultSource: ip(text) };
  const written = on(facts, customer(`local = "${text}"`, ...CUSTOMER));
  expect([written.tunnels[0].down, written.said]).toEqual([
    `${text} is ${range}`,
    [`4:1: tunnel[0].local: ${text} is ${range}; expected a unicast address`],
  ]);
  expect(on(facts, customer(...CUSTOMER))).toMatchObject({ said: [], tunnels: [{ down: `${text} is ${range}`, local: [] }] });
});

test.each(['10.0.0.5', '100.64.1.1', '169.254.9.9', '172.31.0.1', '192.168.0.1', '198.18.0.1', '203.0.113.1', '8.8.8.8'])(
  'RFC 5969 section 7.1: %s may be one',
  (text) => {
    expect(first({ ipv4: [address(text, 32)], defaultSource: ip(text) }, customer(...CUSTOMER))).toMatchObject({
      down: null,
      local: [ip(text)],
    });
  },
);

test('a border relay that is no unicast address is an error at its own place, a broadcast address bad luck', () => {
  const relays = 'border-relays = ["192.88.99.201", "127.0.0.1", "10.1.2.255"]';
  expect(on(HOME, customer(...DOMAIN, relays))).toMatchObject({
    said: ['6:35: tunnel[0].border-relays[1]: 127.0.0.1 is loopback (RFC 1122); expected a unicast address'],
    tunnels: [{ down: '127.0.0.1 is loopback (RFC 1122)' }],
  });
  expect(on(HOME, customer(...DOMAIN, 'border-relays = ["10.1.2.255"]'))).toMatchObject({
    said: [],
    tunnels: [{ down: '10.1.2.255 is a broadcast address of this host' }],
  });
});

test('6RDBR-12: early border relays had 192.88.99.201', () => {
  const relay = borderRelay('local = "192.88.99.201"', 'anycast = true', 'ipv4-prefix = "10.0.0.0/8"', ...DOMAIN);
  expect(on(HOME, relay)).toMatchObject({
    said: [],
    tunnels: [{ down: null, local: [ip('192.88.99.201')], domain: { common: ip('10.0.0.0') } }],
  });
  expect(on(HOME, customer(...DOMAIN, 'border-relays = ["192.88.99.201"]'))).toMatchObject({ said: [], tunnels: [{ down: null }] });
});

test('6RDBR-03: an anycast border relay brings its address with it, and sets DF', () => {
  const relay = (...lines: string[]) => first(HOME, borderRelay('local = "10.0.0.1"', ...DOMAIN, ...lines));
  expect(relay('anycast = true')).toMatchObject({ down: null, local: [ip('10.0.0.1')], assign: [ip('10.0.0.1')], dontFragment: true });
  expect(relay()).toMatchObject({ down: '10.0.0.1 is on no interface', local: [], assign: [], dontFragment: false });
});

test('a default address that is a border relay of the domain is no customer edge', () => {
  expect(first({ ipv4: [address('10.0.0.1', 24)], defaultSource: ip('10.0.0.1') }, customer(...CUSTOMER))).toMatchObject({
    down: 'border relay 10.0.0.1 is this host itself',
  });
});

test('who forwards wants a host that does: a border relay, and a customer edge with LANs', () => {
  const warning = 'this host does not forward IPv6; expected `sysctl -w net.ipv6.conf.all.forwarding=1`';
  const facts = { ...HOME, forwards6: false };
  expect(on(facts, customer(...CUSTOMER)).said).toEqual([]);
  expect(on(facts, customer(...CUSTOMER, lan(1))).said).toEqual([`3:1: warning: tunnel[0].role: ${warning}`]);
  expect(on(facts, borderRelay('local = "10.1.2.3"', ...DOMAIN)).said).toEqual([`3:1: warning: tunnel[0].role: ${warning}`]);
});

test('a lease makes a customer edge: address, domain, border relays and end', () => {
  const { node, said } = on({ ...BARE, found: found({}) }, leased(lan(1)));
  expect(said).toEqual([]);
  expect(node.tunnels[0]).toMatchObject({
    down: null,
    local: [ip('10.1.2.3')],
    domain: { prefix: prefix6('2001:db8::/32'), ipv4MaskLen: 8, common: ip('10.1.2.3') },
    relays: ['10.0.0.1', '10.0.0.2'].map(ip),
    probesRelays: true,
    leaseUntil: 3_600_000,
    lans: [{ interface: 'lan0', subnet: 1 }],
  });
  expect(node.dhcp).toEqual([
    { interface: 'eth0', mac: MAC, hostName: 'host', inform: null, slot: 0, configure: true, lease: found({}).leases.get('eth0') },
  ]);
});

test('an address that was assigned is the host’s before any interface has it, and is not put on the TUN', () => {
  const { node } = on(
    { ...BARE, found: found({}) },
    leased() + borderRelay('local = "10.1.2.255"', 'anycast = true', 'prefix = "3fff::/32"', 'ipv4-mask-length = 8'),
  );
  expect(node.tunnels[0].assign).toEqual([]);
  expect(node.ownIpv4.map(formatIpv4)).toEqual(['127.0.0.1', '10.1.2.3']);
  expect(node.broadcasts.map(formatIpv4)).toEqual(['127.255.255.255', '10.1.2.255']);
  expect(node.tunnels[1].down).toBe('10.1.2.255 is a broadcast address of this host');
});

test('6RDCE-08: an interface that has an address only asks for options', () => {
  const informed = found({ assigned: false, until: Infinity });
  const { node } = on({ ...HOME, found: informed }, leased());
  expect(node.tunnels[0]).toMatchObject({ down: null, local: [ip('10.1.2.3')], leaseUntil: Infinity });
  expect(node.dhcp).toMatchObject([{ inform: ip('10.1.2.3'), lease: { assigned: false } }]);
  expect(on(HOME, leased()).node.dhcp).toMatchObject([{ inform: ip('10.1.2.3'), lease: null }]);
  expect(on({ ...BARE, found: informed }, leased()).tunnels[0].down).toBe('10.1.2.3 is on no interface');
});

test('while an address is assigned, what else is on the interface does not end the lease', () => {
  const ipv4 = [address('10.7.7.7', 24), address('10.1.2.3', 24)];
  expect(on({ ...BARE, ipv4, found: found({}) }, leased()).node.dhcp).toMatchObject([{ inform: null }]);
});

test('an address that the node has put on the interface is not taken for one from elsewhere when its lease ends', () => {
  const ipv4 = [address('127.0.0.1', 8, 'lo'), address('10.1.2.3', 24), address('10.1.2.3', 32, 'eth1')];
  const left = (lease: Partial<Lease>, ...lines: string[]) =>
    withoutLeases({ ...HOST, ipv4 }, on({ ...BARE, found: found(lease) }, leased(...lines)).node).ipv4;
  expect(left({})).toEqual([ipv4[0], ipv4[2]]);
  expect(on({ ...BARE, ipv4: left({}) }, leased()).node.dhcp).toMatchObject([{ inform: null, lease: null }]);
  expect(left({ address: ip('10.1.2.4') })).toEqual(ipv4);
  // It was there before, or somebody else has put it there.
  expect(left({ assigned: false })).toEqual(ipv4);
  expect(left({}, 'configure = false')).toEqual(ipv4);
});

test.each<[string, Partial<HostFacts>, string]>([
  ['there is no interface', { ...BARE, mac: new Map() }, 'eth0 is not there, or down'],
  ['it went down with its lease', { ...BARE, mac: new Map(), found: found({}) }, 'eth0 is not there, or down'],
  ['there is no lease', BARE, 'no DHCPv4 lease on eth0 yet'],
  ['there is one on another interface', { ...BARE, found: found({}, 'eth1') }, 'no DHCPv4 lease on eth0 yet'],
  ['it has no option', { ...BARE, found: found({ sixRd: null }) }, 'the lease on eth0 has no 6rd option'],
  [
    'its option is invalid',
    { ...BARE, found: found({ sixRd: null, sixRdFault: 'IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)' }) },
    'the lease on eth0: its 6rd option is invalid: IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)',
  ],
  [
    'its prefix is all there is',
    { ...BARE, found: found({ sixRd: option('::/0', 8) }) },
    'the lease on eth0: its 6rd option is invalid: ::/0 is no prefix of global unicast addresses',
  ],
  [
    'its prefix is link-local',
    { ...BARE, found: found({ sixRd: option('fe80::/16', 0) }) },
    'the lease on eth0: its 6rd option is invalid: fe80::/16 is no prefix of global unicast addresses',
  ],
  [
    'its prefix is that of 6to4',
    { ...BARE, found: found({ sixRd: option('2002::/16', 0) }) },
    'the lease on eth0: its 6rd option is invalid: 2002::/16 overlaps 2002::/16 (6to4, RFC 3056 section 2)',
  ],
  [
    'its border relay is this host',
    { ...BARE, found: found({ sixRd: option('2001:db8::/32', 8, [ip('10.0.0.1'), ip('10.1.2.3')]) }) },
    'border relay 10.1.2.3 is this host itself',
  ],
  ['its address is a loopback one', { ...BARE, found: found({ address: ip('127.0.0.9') }) }, '127.0.0.9 is loopback (RFC 1122)'],
])('a tunnel that waits for a lease says why: %s', (_why, facts, down) => {
  expect(on(facts, leased())).toMatchObject({ said: [], tunnels: [{ down, local: [] }] });
});

test('an option that the rest of the file contradicts is invalid too', () => {
  const facts = { ...BARE, found: found({}) };
  expect(on(facts, `[node]\nidentity = "2001:db8:1::1"\n${leased()}`).tunnels[0].down).toBe(
    'the lease on eth0: its 6rd option is invalid: 2001:db8::/32 has node.identity in it',
  );
  const other = borderRelay(
    'name = "other"',
    'local = "10.0.0.1"',
    'anycast = true',
    'prefix = "2001:db8:8000::/33"',
    'ipv4-mask-length = 8',
  );
  for (const toml of [leased() + other, other + leased()]) {
    const { tunnels } = on(facts, toml);
    expect(Object.fromEntries(tunnels.map(({ name, down }) => [name, down]))).toEqual({
      other: null,
      '6rd-customer-edge': 'the lease on eth0: its 6rd option is invalid: 2001:db8::/32 overlaps the prefix of tunnel other',
    });
    expect(tunnels.find(({ name }) => name !== 'other')).toMatchObject({ domain: null, relays: [] });
  }
});

test('of two leases with one domain the first tunnel has it', () => {
  const leases = new Map([
    ['eth0', LEASE],
    ['eth1', { ...LEASE, address: ip('10.7.7.7') }],
  ]);
  const mac = new Map([
    ['eth0', MAC],
    ['eth1', MAC],
  ]);
  const both = leased('name = "a"') + customer('name = "b"', 'dhcp-interface = "eth1"');
  expect(on({ ...BARE, mac, found: { ...HOST.found, leases } }, both).tunnels.map(({ down }) => down)).toEqual([
    null,
    'the lease on eth1: its 6rd option is invalid: 2001:db8::/32 overlaps the prefix of tunnel a',
  ]);
});

test('a LAN that the leased prefix has no /64 for is left out, and said to be', () => {
  const narrow = found({ sixRd: option('2001:db8::/32', 0) });
  expect(on({ ...BARE, found: narrow }, leased(lan(0)))).toMatchObject({ said: [], tunnels: [{ lans: [{ subnet: 0 }] }] });
  expect(on({ ...BARE, found: narrow }, leased(lan(1)))).toMatchObject({
    said: ['7:1: warning: tunnel[0].lan[0].subnet: "lan0" is left out: the delegated prefix has no subnet 1; expected 0 to 0'],
    tunnels: [{ down: null, lans: [] }],
  });
  expect(on({ ...BARE, found: found({ sixRd: option('2001:db8::/48', 8) }) }, leased(lan(0)))).toMatchObject({
    said: [
      '7:1: warning: tunnel[0].lan[0].subnet: "lan0" is left out: the delegated prefix has no subnet 0; expected a delegated prefix of /64 or shorter (RFC 5969 section 4)',
    ],
    tunnels: [{ down: null, lans: [] }],
  });
});

test('a client is counted in the row of its tunnel, and sets nothing where the tunnel may not', () => {
  const toml = tunnel('6to4', 'host', 'local = "8.8.8.8"') + leased('configure = false');
  expect(on({}, toml).node.dhcp).toMatchObject([{ interface: 'eth0', slot: 1, configure: false, hostName: 'host' }]);
  expect(on({ mac: new Map() }, toml).node.dhcp).toEqual([]);
});
