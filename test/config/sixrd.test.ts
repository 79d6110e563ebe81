import { expect, test } from 'vitest';
import { CUSTOMER, DOMAIN, only, problems, tunnel, valid } from './documents.js';

const customer = (...lines: string[]) => tunnel('6rd', 'customer-edge', ...lines);
const borderRelay = (...lines: string[]) => tunnel('6rd', 'border-relay', 'local = "10.0.0.1"', ...lines);
const lan = (name: string, subnet: number) => `[[tunnel.lan]]\ninterface = "${name}"\nsubnet = ${subnet}`;

const CUSTOMER_WAYS = '"prefix", "ipv4-mask-length" and "border-relays"; or "option-212"; or "dhcp-interface"';
const OPTION = 'option-212 = "d416082020010db80000000000000000000000000a000001"';

test('a customer edge is what RFC 5969 section 7.1.1 configures', () => {
  expect(only(valid(customer(...CUSTOMER, lan('lan0', 255))), '6rd')).toMatchObject({
    name: '6rd-customer-edge',
    interface: 'tun6rd',
    local: null,
    dscp: 'copy',
    parameters: { ipv4MaskLen: 8, common: null, borderRelays: [0x0a000001] },
    dhcpInterface: null,
    hubAndSpoke: false,
    anycast: false,
    lans: [{ interface: 'lan0', subnet: 255 }],
  });
});

test('a border relay has the same parameters, and needs no border relay', () => {
  const byKeys = only(valid(borderRelay(...DOMAIN)), '6rd').parameters;
  expect(byKeys?.borderRelays).toEqual([]);
  expect(only(valid(borderRelay(OPTION)), '6rd').parameters).toEqual(byKeys);
});

test('a border relay whose address lies outside the domain names the common prefix', () => {
  const outside = tunnel('6rd', 'border-relay', 'local = "192.88.99.201"', 'ipv4-prefix = "10.0.0.0/8"', 'anycast = true', ...DOMAIN);
  expect(only(valid(outside), '6rd')).toMatchObject({ local: 0xc05863c9, anycast: true, parameters: { common: 0x0a000000 } });
});

test('a border relay has to say its local address', () => {
  expect(problems(tunnel('6rd', 'border-relay', ...DOMAIN))).toEqual([
    '1:1: tunnel[0].local: is missing: role "border-relay" has no default for it',
  ]);
});

test.each([
  [customer(), ['1:1: tunnel[0].prefix'], CUSTOMER_WAYS],
  [customer(DOMAIN[0]), ['1:1: tunnel[0].ipv4-mask-length', '1:1: tunnel[0].border-relays'], CUSTOMER_WAYS],
  [customer(CUSTOMER[2]), ['1:1: tunnel[0].prefix', '1:1: tunnel[0].ipv4-mask-length'], CUSTOMER_WAYS],
  [borderRelay(), ['1:1: tunnel[0].prefix'], '"prefix" and "ipv4-mask-length"; or "option-212"'],
  [borderRelay(DOMAIN[1]), ['1:1: tunnel[0].prefix'], '"prefix" and "ipv4-mask-length"; or "option-212"'],
])('parameters are asked for, and the ways to say them named: %j', (toml, keys, ways) => {
  expect(problems(toml)).toEqual(keys.map((key) => `${key}: is missing, and nothing else says it; expected ${ways}`));
});

test('parameters are said in one way', () => {
  expect(problems(customer(...CUSTOMER, OPTION))).toEqual([
    '4:1: tunnel[0].prefix: stands beside "option-212", which says it already; expected one of the two',
    '5:1: tunnel[0].ipv4-mask-length: stands beside "option-212", which says it already; expected one of the two',
    '6:1: tunnel[0].border-relays: stands beside "option-212", which says it already; expected one of the two',
  ]);
  expect(problems(customer('local = "10.1.1.1"', OPTION, 'ipv4-prefix = "10.0.0.0/8"', 'dhcp-interface = "eth0"'))).toEqual([
    '4:1: tunnel[0].local: stands beside "dhcp-interface", which says it already; expected one of the two',
    '5:1: tunnel[0].option-212: stands beside "dhcp-interface", which says it already; expected one of the two',
    '6:1: tunnel[0].ipv4-prefix: stands beside "dhcp-interface", which says it already; expected one of the two',
  ]);
});

test('a role takes its own keys only', () => {
  const foreign = ['border-relays = ["10.0.0.2"]', 'hub-and-spoke = true', 'dhcp-interface = "eth0"', 'lan = []'];
  expect(problems(borderRelay(...foreign))).toEqual([
    '4:1: tunnel[0].local: stands beside "dhcp-interface", which says it already; expected one of the two',
    '5:1: tunnel[0].border-relays: is no key of role "border-relay"; expected it with role "customer-edge" only',
    '5:1: tunnel[0].border-relays: stands beside "dhcp-interface", which says it already; expected one of the two',
    '6:1: tunnel[0].hub-and-spoke: is no key of role "border-relay"; expected it with role "customer-edge" only',
    '7:1: tunnel[0].dhcp-interface: is no key of role "border-relay"; expected it with role "customer-edge" only',
    '8:1: tunnel[0].lan: is no key of role "border-relay"; expected it with role "customer-edge" only',
  ]);
  expect(problems(customer(...CUSTOMER, 'anycast = true'))).toEqual([
    '7:1: tunnel[0].anycast: is no key of role "customer-edge"; expected it with role "border-relay" only',
  ]);
});

const shape = (prefix: string, maskLen: number) => borderRelay(`prefix = "${prefix}"`, `ipv4-mask-length = ${maskLen}`);

test.each([
  ['2001:db8::/32', 8],
  ['2001:db8::/32', 0],
  ['3fff:b10::/28', 4],
  ['2001:db8::/31', 11],
  ['2001:db8:1234::/48', 24],
  ['2001:db8:1:2::/64', 32],
])('RFC 5969 section 4: %s with %i common bits delegates a /64 or shorter', (prefix, maskLen) => {
  expect(problems(shape(prefix, maskLen))).toEqual([]);
});

test.each([
  [
    '2001:db8::/97',
    0,
    '6:1: tunnel[0].ipv4-mask-length: 97 bits of prefix and 32 bits of IPv4 are 129; expected at most 128 together (RFC 5969 section 7.1.1)',
  ],
  [
    '2001:db8::/128',
    31,
    '6:1: tunnel[0].ipv4-mask-length: 128 bits of prefix and 1 bits of IPv4 are 129; expected at most 128 together (RFC 5969 section 7.1.1)',
  ],
  [
    '2001:db8::/40',
    0,
    '5:1: tunnel[0].prefix: a /40 leaves no room for all 32 bits of IPv4; expected a /32 or shorter (RFC 5969 section 11)',
  ],
  [
    '2001:db8::/33',
    0,
    '5:1: tunnel[0].prefix: a /33 leaves no room for all 32 bits of IPv4; expected a /32 or shorter (RFC 5969 section 11)',
  ],
  [
    '2001:db8::/40',
    7,
    '5:1: warning: tunnel[0].prefix: a customer edge gets a /65, too long for a LAN; expected a delegated prefix of /64 or shorter (RFC 5969 section 4)',
  ],
  [
    '2001:db8::/128',
    32,
    '5:1: warning: tunnel[0].prefix: a customer edge gets a /128, too long for a LAN; expected a delegated prefix of /64 or shorter (RFC 5969 section 4)',
  ],
  [
    '2002:c000:201::/48',
    24,
    '5:1: tunnel[0].prefix: 2002:c000:201::/48 overlaps 2002::/16 (6to4, RFC 3056 section 2); expected a prefix of the provider (RFC 5969 section 4)',
  ],
  [
    '2000::/4',
    24,
    '5:1: tunnel[0].prefix: 2000::/4 overlaps 2002::/16 (6to4, RFC 3056 section 2); expected a prefix of the provider (RFC 5969 section 4)',
  ],
  [
    '2001::/24',
    8,
    '5:1: tunnel[0].prefix: 2001::/24 overlaps 2001::/32 (Teredo, RFC 4380 section 2.6); expected a prefix of the provider (RFC 5969 section 4)',
  ],
])('%s with %i common bits is judged', (prefix, maskLen, problem) => {
  expect(problems(shape(prefix, maskLen))).toEqual([problem]);
});

test('an option is judged as the keys are', () => {
  expect(problems(borderRelay('option-212 = "d416083f20010db80000000000000000000000000a000001"'))).toEqual([
    '5:1: warning: tunnel[0].option-212: a customer edge gets a /87, too long for a LAN; expected a delegated prefix of /64 or shorter (RFC 5969 section 4)',
  ]);
  expect(problems(borderRelay('option-212 = "d41608102002000000000000000000000000000000000000"'))).toEqual([
    expect.stringContaining('border relay 0.0.0.0: expected a unicast address'),
  ]);
  expect(problems(borderRelay('option-212 = "d4160810200200000000000000000000000000000a000001"'))).toEqual([
    '5:1: tunnel[0].option-212: 2002::/16 overlaps 2002::/16 (6to4, RFC 3056 section 2); expected a prefix of the provider (RFC 5969 section 4)',
  ]);
  expect(problems(borderRelay(`option-212 = "d4160800${'00'.repeat(16)}0a000001"`))).toEqual([
    '5:1: tunnel[0].option-212: ::/0 is no prefix of global unicast addresses; expected a prefix of the provider (RFC 5969 section 4)',
  ]);
});

test('several domains are told apart by their prefixes: RFC 5969 section 4', () => {
  const second = (prefix: string) =>
    tunnel('6rd', 'border-relay', 'name = "b"', 'local = "10.0.0.2"', `prefix = "${prefix}"`, 'ipv4-mask-length = 12');
  expect(problems(borderRelay(...DOMAIN) + second('2001:db9::/32'))).toEqual([]);
  for (const prefix of ['2001:db8::/32', '2001:db8:ff00::/40', '2001:d00::/24']) {
    expect(problems(borderRelay(...DOMAIN) + second(prefix))).toEqual([
      `12:1: tunnel[1].prefix: ${prefix} overlaps 2001:db8::/32 of tunnel[0]; expected a domain of its own (RFC 5969 section 4)`,
    ]);
  }
});

test('an ISATAP prefix is not in the domain of another tunnel', () => {
  const campus = tunnel('isatap', 'router', 'local = "10.0.0.9"', 'prefix = "2001:db8:5:6::/64"');
  expect(problems(campus + borderRelay(...DOMAIN))).toEqual([
    '10:1: tunnel[1].prefix: 2001:db8::/32 overlaps 2001:db8:5:6::/64 of tunnel[0]; expected a domain of its own (RFC 5969 section 4)',
  ]);
  expect(problems(borderRelay(...DOMAIN) + campus)).toEqual([
    '11:1: tunnel[1].prefix: 2001:db8:5:6::/64 overlaps 2001:db8::/32 of tunnel[0]; expected a prefix of its own (RFC 5214 section 6.2)',
  ]);
});

test('two tunnels on one lease would be one domain twice', () => {
  const leased = (name: string) => customer(`name = "${name}"`, 'dhcp-interface = "eth0"');
  expect(problems(leased('a') + leased('b'))).toEqual([
    '10:1: tunnel[1].dhcp-interface: "eth0" is the dhcp-interface of tunnel[0] too; expected one of its own',
  ]);
});

test('the address of a lease is not that of the default route', () => {
  const leased = (name: string) => customer(`name = "${name}"`, `dhcp-interface = "${name}"`);
  expect(problems(leased('eth0') + leased('eth1') + tunnel('6to4', 'host'))).toEqual([]);
  expect(problems(customer(...CUSTOMER) + tunnel('6to4', 'host'))).toEqual([
    '7:1: warning: tunnel[1].local: shares the address of the default route with tunnel[0]; expected an address for each (RFC 3964 section 6.1)',
  ]);
});

test('a lease is asked for on an interface that is neither a tunnel nor a LAN', () => {
  const leased = customer('dhcp-interface = "lan0"', lan('lan0', 1));
  expect(problems(leased)).toEqual([
    '4:1: tunnel[0].dhcp-interface: "lan0" is a LAN of the tunnel; expected the interface towards the provider',
  ]);
});

test('a border relay is not the customer edge itself, and there once', () => {
  const own = ['local = "10.1.1.1"', 'accept = ["10.1.1.2"]'];
  expect(problems(customer(...own, ...DOMAIN, 'border-relays = ["10.0.0.1", "10.1.1.2", "10.0.0.1", "10.1.1.1"]'))).toEqual([
    '8:30: tunnel[0].border-relays[1]: 10.1.1.2 is an address of the tunnel itself; expected addresses of other nodes',
    '8:42: tunnel[0].border-relays[2]: 10.0.0.1 is in the list already; expected each once',
    '8:54: tunnel[0].border-relays[3]: 10.1.1.1 is an address of the tunnel itself; expected addresses of other nodes',
  ]);
  expect(problems(customer('local = "10.0.0.1"', OPTION))).toEqual([
    '5:1: tunnel[0].option-212: its border relay 10.0.0.1 is an address of the tunnel itself; expected addresses of other nodes',
  ]);
});

test('a border relay may be the one that the option names', () => {
  expect(problems(borderRelay(OPTION))).toEqual([]);
});

test('a customer edge has the common bits', () => {
  expect(problems(customer('local = "11.1.1.1"', ...CUSTOMER, 'ipv4-prefix = "10.0.0.0/8"'))).toEqual([
    '4:1: tunnel[0].local: 11.1.1.1 is outside ipv4-prefix 10.0.0.0/8; expected an address of the domain (RFC 5969 section 4)',
  ]);
  expect(problems(customer('local = "10.1.1.1"', ...CUSTOMER, 'ipv4-prefix = "10.0.0.0/9"'))).toEqual([
    '8:1: tunnel[0].ipv4-prefix: 10.0.0.0/9 is no /8; expected the 8 bits that all customer edges share',
  ]);
});

test('RFC 5969 section 12: a node whose identity is in a 6rd domain would send what is for itself into the tunnel', () => {
  const identity = (text: string) => `[node]\nidentity = "${text}"\n`;
  expect(problems(identity('2001:db8:64::1') + borderRelay(...DOMAIN))).toEqual([
    '2:1: node.identity: is inside the 6rd prefix 2001:db8::/32 of tunnel[0]: what is sent to it would go into the tunnel; expected an address outside it (RFC 5969 section 12)',
  ]);
  expect(problems(identity('2001:db9::1') + borderRelay(...DOMAIN))).toEqual([]);
});

test.each([
  ['2001:db8::/32', 8, 255, 256, 'a delegated prefix of /56 has no subnet 256; expected 0 to 255 (RFC 5969 section 4)'],
  ['2001:db8::/32', 0, 0, 1, 'a delegated prefix of /64 has no subnet 1; expected 0 to 0 (RFC 5969 section 4)'],
  ['2001:db8::/31', 11, 4095, 4096, 'a delegated prefix of /52 has no subnet 4096; expected 0 to 4095 (RFC 5969 section 4)'],
])('a LAN of %s with %i common bits is one of those that the delegated prefix has', (prefix, maskLen, last, beyond, problem) => {
  const site = (subnet: number) =>
    customer(`prefix = "${prefix}"`, `ipv4-mask-length = ${maskLen}`, 'border-relays = ["10.0.0.1"]', lan('lan0', subnet));
  expect(problems(site(last))).toEqual([]);
  expect(problems(site(beyond))).toEqual([`9:1: tunnel[0].lan[0].subnet: ${problem}`]);
});

test.each([
  [39, 6, 65],
  [48, 8, 72],
])('a delegated prefix that is longer than a /64 has no LAN at all: /%i with %i common bits', (len, maskLen, delegated) => {
  expect(
    problems(customer(`prefix = "2001:db8::/${len}"`, `ipv4-mask-length = ${maskLen}`, 'border-relays = ["10.0.0.1"]', lan('lan0', 0))),
  ).toEqual([
    `4:1: warning: tunnel[0].prefix: a customer edge gets a /${delegated}, too long for a LAN; expected a delegated prefix of /64 or shorter (RFC 5969 section 4)`,
    `9:1: tunnel[0].lan[0].subnet: a delegated prefix of /${delegated} has no subnet 0; expected no LAN (RFC 5969 section 4)`,
  ]);
});

test('LANs of a customer edge have subnets of their own, as those of a 6to4 router', () => {
  expect(problems(customer(...CUSTOMER, lan('lan0', 1), lan('tun6rd', 1)))).toEqual([
    '11:1: tunnel[0].lan[1].interface: "tun6rd" is the interface of a tunnel; expected the interface of a LAN',
    '12:1: tunnel[0].lan[1].subnet: 1 is the subnet of another LAN; expected one of its own',
  ]);
});

test('RFC 5969 section 9.1: path MTU discovery and an anycast address do not go together', () => {
  expect(problems(borderRelay(...DOMAIN, 'anycast = true', 'path-mtu-discovery = true'))).toEqual([
    '8:1: tunnel[0].path-mtu-discovery: cannot work with an anycast address: what an ICMP error tells, another relay may hear; expected false (RFC 5969 section 9.1)',
  ]);
  expect(problems(borderRelay(...DOMAIN, 'anycast = false', 'path-mtu-discovery = true'))).toEqual([]);
});
