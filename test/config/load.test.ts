import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatProblem, loadConfig, MOST_OCTETS, parseConfig } from '../../src/config/load.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import { LEAST, problems, valid } from './documents.js';

test('a node with one tunnel and nothing else has defaults', () => {
  expect({ ...valid(LEAST), tunnels: [] }).toEqual({
    workers: 1,
    node: { name: null, identity: null, control: '/run/tsunagi/control.sock', state: '/var/lib/tsunagi' },
    tunnels: [],
    policy: { allowIpv4: [] },
    fastpath: { mode: 'auto', interfaces: [], persist: false },
    http: null,
  });
});

test.each(['', '# nothing\n', 'workers = 2', 'tunnel = []'])('a file without a tunnel is none: %j', (toml) => {
  expect(problems(toml)).toEqual(['1:1: tunnel: no [[tunnel]]; expected at least one']);
});

test('the example of the contract is read in full', () => {
  const config = valid(`
workers = 1                                   # packet threads

[node]
name     = "otemachi-1"                       # default: the host name
identity = "2001:db8:0:b000:192:88:99:1"      # source of the ICMPv6 errors this node originates: how users see which relay they are on
control  = "/run/tsunagi/control.sock"
state    = "/var/lib/tsunagi"

[[tunnel]]
name      = "relay"                           # unique; the label in logs, metrics, status. Default "<type>-<role>"
type      = "6to4"                            # 6to4 | 6rd | isatap | teredo
role      = "relay"
interface = "tun6to4"                         # the TUN device that is made (a Teredo server has none)
local     = "192.88.99.1"                     # outer source; what is sent to it is decapsulated.
accept    = ["203.0.113.1"]                   # further local IPv4 addresses that are decapsulated
mtu       = 1480                              # of the tunnel interface, 1280..65515; default 1280 (RFC 4213 3.2.1)
ttl       = 64                                # outer
dscp      = 0                                 # outer: 0..63 or "copy"
configure = true                              # addresses, link, routes are set by the daemon; false: only the device

[policy]
allow-ipv4 = []                               # special-purpose IPv4 ranges to accept as tunnel endpoints all the same (labs, carriers)

[fastpath]
mode       = "auto"                           # auto | native | generic | off
interfaces = ["eth0", "eth1"]
persist    = true                              # it goes on while the service is stopped, killed or upgraded

[http]
listen = "127.0.0.1:6404"                     # status page, JSON API, /metrics; absent: none
`);
  expect(config).toEqual({
    workers: 1,
    node: {
      name: 'otemachi-1',
      identity: Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xb0, 0, 0x01, 0x92, 0, 0x88, 0, 0x99, 0, 1),
      control: '/run/tsunagi/control.sock',
      state: '/var/lib/tsunagi',
    },
    tunnels: [
      {
        name: 'relay',
        type: '6to4',
        role: 'relay',
        interface: 'tun6to4',
        local: 0xc0586301,
        accept: [0xcb007101],
        mtu: 1480,
        ttl: 64,
        dscp: 0,
        ecn: 'compatibility',
        pathMtuDiscovery: false,
        icmpRate: 1000,
        configure: true,
        domain: null,
        dhcpInterface: null,
        relay: null,
        interfaceId: 'linux',
        lans: [],
      },
    ],
    policy: { allowIpv4: [] },
    fastpath: { mode: 'auto', interfaces: ['eth0', 'eth1'], persist: true },
    http: { listen: { host: '127.0.0.1', port: 6404 } },
  });
});

test.each(TOPOLOGIES)('every daemon of the network $name has a valid configuration', ({ nodes }) => {
  const daemons = nodes.flatMap(({ daemon }) => daemon ?? []);
  expect(daemons.map((toml) => valid(toml).tunnels.length)).toEqual(daemons.map(() => 1));
});

test.each(['native', 'generic'])('a fast path that must be had in mode %s has interfaces', (mode) => {
  const expected = `3:1: fastpath.mode: "${mode}" is of no use on no interface; expected fastpath.interfaces to name some`;
  expect(problems(`[fastpath]\ninterfaces = []\nmode = "${mode}"\n${LEAST}`)).toEqual([expected]);
  expect(problems(`[fastpath]\ninterfaces = [7]\nmode = "${mode}"\n${LEAST}`)).toHaveLength(1);
});

test('an element of a list is refused where it stands', () => {
  expect(problems(`[policy]\nallow-ipv4 = ["10.0.0.0/8",\n  "192.0.2.1/24", "10.0.0.0/33"]\n${LEAST}`)).toEqual([
    '3:3: policy.allow-ipv4[1]: "192.0.2.1/24" has bits set behind its length: "192.0.2.0/24" is the prefix; expected an IPv4 prefix such as "198.51.100.0/24"',
    '3:19: policy.allow-ipv4[2]: "10.0.0.0/33" is no IPv4 prefix; expected an IPv4 prefix such as "198.51.100.0/24"',
  ]);
});

test.each([
  ['0.0.0.0/0', '0.0.0.0/8'],
  ['0.1.2.0/24', '0.0.0.0/8'],
  ['127.0.0.1', '127.0.0.0/8'],
  ['192.0.0.0/2', '224.0.0.0/4'],
  ['239.255.0.0/16', '224.0.0.0/4'],
  ['240.0.0.0/4', '255.255.255.255/32'],
  ['255.255.255.255', '255.255.255.255/32'],
])('no endpoint can be in %s, whatever a lab allows: RFC 3964 section 5.3.1', (range, held) => {
  expect(problems(`[policy]\nallow-ipv4 = ["${range}"]\n${LEAST}`)).toEqual([
    `2:15: policy.allow-ipv4[0]: "${range}" holds addresses of ${held}, which are no unicast ones; expected an IPv4 prefix such as "198.51.100.0/24"`,
  ]);
});

test('a lab may allow the rest of the reserved addresses', () => {
  expect(
    problems(`[policy]\nallow-ipv4 = ["240.0.0.0/5", "1.0.0.0/8", "126.0.0.0/8", "128.0.0.0/2", "255.255.255.254"]\n${LEAST}`),
  ).toEqual([]);
});

test.each([
  ['[[tunnel]]\nmtuu = 1480\ntype = "6to4"\nrole = "host"', '2:1: tunnel[0].mtuu: unknown key; expected "mtu", the nearest known key'],
  [
    '[[tunnel]]\ntype = "6to4"\nrole = "host"\ninterface_id = "linux"',
    '4:1: tunnel[0].interface_id: unknown key; expected "interface-id", the nearest known key',
  ],
  [`[nodes]\n${LEAST}`, '1:1: nodes: unknown key; expected "node", the nearest known key'],
  [`[[tunnels]]\ntype = "6to4"\n${LEAST}`, '1:1: tunnels: unknown key; expected "tunnel", the nearest known key'],
  [`[node]\nidentiyt = "::"\n${LEAST}`, '2:1: node.identiyt: unknown key; expected "identity", the nearest known key'],
  [`[policy]\nallow-ipv6 = []\n${LEAST}`, '2:1: policy.allow-ipv6: unknown key; expected "allow-ipv4", the nearest known key'],
  [`"a\\nb".c = 1\n${LEAST}`, '1:1: "a\\nb": unknown key; expected "node", the nearest known key'],
  [`__proto__ = 1\n${LEAST}`, '1:1: __proto__: unknown key; expected "policy", the nearest known key'],
  [`constructor = 1\n${LEAST}`, '1:1: constructor: unknown key; expected "fastpath", the nearest known key'],
])('an unknown key names the nearest known one: %j', (toml, problem) => {
  expect(problems(toml)).toEqual([problem]);
});

test.each([
  [`node = 5\n${LEAST}`, '1:1: node: 5 is a number; expected a table'],
  ['[tunnel]\ntype = "6to4"', '1:1: tunnel: is a table; expected [[tunnel]]'],
  ['tunnel = ["6to4"]', '1:11: tunnel[0]: "6to4" is a string; expected a table'],
  [
    '[[tunnel]]\ntype = "6to4"\nrole = "router"\nlan = { interface = "lan0", subnet = 1 }',
    '4:1: tunnel[0].lan: is a table; expected [[tunnel.lan]]',
  ],
  [`[[node]]\n${LEAST}`, '1:1: node: is an array; expected a table'],
])('a table in the wrong shape is refused: %j', (toml, problem) => {
  expect(problems(toml)).toEqual([problem]);
});

test('keys without a default are asked for, at the table that lacks them', () => {
  expect(problems('[[tunnel]]\n\n[[tunnel]]\ntype = "6to4"\n[[tunnel]]\ntype = "6to4"\nrole = "router"\n[[tunnel.lan]]\n')).toEqual([
    '1:1: tunnel[0].type: is missing; expected "6to4", "6rd", "isatap" or "teredo"',
    '1:1: tunnel[0].role: is missing; expected a role of the type',
    '3:1: tunnel[1].role: is missing; expected "host", "router" or "relay"',
    '8:1: tunnel[2].lan[0].interface: is missing; expected an interface name: 1 to 15 letters, digits, ".", "_" and "-"',
    '8:1: tunnel[2].lan[0].subnet: is missing; expected 0 to 65535',
  ]);
});

test('a relay has to say its local address', () => {
  expect(problems('[[tunnel]]\ntype = "6to4"\nrole = "relay"')).toEqual([
    '1:1: tunnel[0].local: is missing: role "relay" has no default for it',
  ]);
});

test('a role takes its own keys only', () => {
  const relay =
    '[[tunnel]]\ntype = "6to4"\nrole = "relay"\nlocal = "192.88.99.1"\nrelay = "none"\ninterface-id = "linux"\n[[tunnel.lan]]\ninterface = "lan0"\nsubnet = 1';
  expect(problems(relay)).toEqual([
    '5:1: tunnel[0].relay: is no key of role "relay"; expected it with role "host" or "router" only',
    '6:1: tunnel[0].interface-id: is no key of role "relay"; expected it with role "host" or "router" only',
    '7:1: tunnel[0].lan: is no key of role "relay"; expected it with role "router" only',
  ]);
  expect(problems('[[tunnel]]\ntype = "6to4"\nrole = "host"\nlan = []')).toEqual([
    '4:1: tunnel[0].lan: is no key of role "host"; expected it with role "router" only',
  ]);
});

test('of a tunnel whose type is unknown, the keys that all share are judged and the rest is not', () => {
  expect(problems('[[tunnel]]\ntype = "ayiya"\nrole = "client"\nserver = "192.0.2.1"\nttl = 0')).toEqual([
    '2:1: tunnel[0].type: "ayiya" is unknown; expected "6to4", "6rd", "isatap" or "teredo"',
    '5:1: tunnel[0].ttl: 0 is too small; expected 1 to 255',
  ]);
});

/** A tunnel of role host with its own `local`, so that nothing is shared, and further lines. */
const host = (n: number, ...lines: string[]) =>
  ['[[tunnel]]', 'type = "6to4"', 'role = "host"', `local = "9.9.9.${n}"`, ...lines, ''].join('\n');

test('tunnels without names are named for type and role, devices for the type, and a name in the file is left alone', () => {
  const config = valid(
    host(1, 'interface = "tun6to4-2"') + host(2, 'name = "b"') + host(3, 'name = "c"') + host(4, 'name = "d"', 'interface = "x"'),
  );
  expect(config.tunnels.map((tunnel) => [tunnel.name, tunnel.interface])).toEqual([
    ['6to4-host', 'tun6to4-2'],
    ['b', 'tun6to4'],
    ['c', 'tun6to4-3'],
    ['d', 'x'],
  ]);
});

test('names and devices are unique, given ones and defaults alike', () => {
  expect(problems(host(1, 'interface = "x"') + host(2, 'name = "b"', 'interface = "x"') + host(3))).toEqual([
    '11:1: tunnel[1].interface: "x" is the interface of tunnel[0] too; expected one of its own',
    '12:1: tunnel[2].name: "6to4-host" is the name of tunnel[0] too; expected one of its own',
  ]);
});

test('tunnels that share an address are warned of, and work', () => {
  const { config, problems: found } = parseConfig(host(1, 'accept = ["9.9.9.2"]') + host(2, 'name = "b"'), 't.toml');
  expect(found.map(formatProblem)).toEqual([
    't.toml:9:1: warning: tunnel[1].local: shares 9.9.9.2 with tunnel[0]; expected an address for each (RFC 3964 section 6.1)',
  ]);
  expect(config?.tunnels.length).toBe(2);

  const without = '[[tunnel]]\ntype = "6to4"\nrole = "host"\n';
  expect(problems(`${without}${without}name = "b"`)).toEqual([
    '4:1: warning: tunnel[1].local: shares the address of the default route with tunnel[0]; expected an address for each (RFC 3964 section 6.1)',
  ]);
});

test('a relay that is the tunnel itself would loop', () => {
  expect(problems(host(1, 'accept = ["9.9.9.2"]', 'relay = "9.9.9.2"'))).toEqual([
    '6:1: tunnel[0].relay: is an address of the tunnel itself; expected the address of another node, or "none"',
  ]);
});

test('LANs of one tunnel have subnets of their own, and are not tunnels', () => {
  const lans = ['lan0', 'lan1', 'tun6to4'].map((name, i) => `[[tunnel.lan]]\ninterface = "${name}"\nsubnet = ${i % 2}\n`);
  const router = (n: number) => `[[tunnel]]\nname = "r${n}"\ntype = "6to4"\nrole = "router"\nlocal = "9.9.9.${n}"\n`;
  expect(problems(`${router(1)}${lans.join('')}${router(2)}${lans[0]}`)).toEqual([
    '13:1: tunnel[0].lan[2].interface: "tun6to4" is the interface of a tunnel; expected the interface of a LAN',
    '14:1: tunnel[0].lan[2].subnet: 0 is the subnet of another LAN; expected one of its own',
  ]);
});

test('63 tunnels are the most, the last row of the counters being the node', () => {
  const many = (n: number) => Array.from({ length: n }, (_, i) => host(i, `name = "t${i}"`)).join('');
  expect(valid(many(63)).tunnels.length).toBe(63);
  expect(problems(many(64))).toEqual(['316:1: tunnel[63]: 64 tunnels are too many; expected at most 63']);
});

test('every problem is found in one pass, in the order of the file', () => {
  expect(
    problems(`workers = 0
[node]
naem = "x"
identity = "fe80::1"
[[tunnel]]
type = "6to4"
role = "relay"
mtu = 100
accept = ["9.9.9.1", "9.9.9.300"]
[[tunnel]]
name = "6to4-relay"
type = "6to4"
role = "router"
lan = [{ interface = "lan0", subnet = 1 }, { interface = "tun6to4", subnet = 1, vlan = 2 }]
[http]
listen = 6404
`),
  ).toEqual([
    '1:1: workers: 0 is too small; expected 1 to 64',
    '3:1: node.naem: unknown key; expected "name", the nearest known key',
    '4:1: node.identity: "fe80::1" is no global unicast address; expected a global unicast IPv6 address such as "2001:db8::1"',
    '5:1: tunnel[0].local: is missing: role "relay" has no default for it',
    '8:1: tunnel[0].mtu: 100 is too small; expected 1280 to 65515',
    '9:22: tunnel[0].accept[1]: "9.9.9.300" is no IPv4 address; expected an IPv4 address such as "192.88.99.1"',
    '11:1: tunnel[1].name: "6to4-relay" is the name of tunnel[0] too; expected one of its own',
    '14:46: tunnel[1].lan[1].interface: "tun6to4" is the interface of a tunnel; expected the interface of a LAN',
    '14:69: tunnel[1].lan[1].subnet: 1 is the subnet of another LAN; expected one of its own',
    '14:81: tunnel[1].lan[1].vlan: unknown key; expected "subnet", the nearest known key',
    '16:1: http.listen: 6404 is a number; expected an address and port such as "127.0.0.1:6404" or "[::1]:6404"',
  ]);
});

test.each([
  ['workers = ', 1, 11],
  ['[node]\nname = "a\nb"', 2, 10],
  ['workers = 1\nworkers = 2', 2, 1],
  ['a = 99999999999999999999', 1, 5],
  [`a = ${'['.repeat(40)}${']'.repeat(40)}`, 1, 37],
])('what is no TOML is refused where it goes wrong: %j', (toml, line, column) => {
  const { config, problems: found } = parseConfig(toml, 't.toml');
  expect(config).toBeNull();
  expect(found).toEqual([
    { severity: 'error', file: 't.toml', line, column, key: '', message: expect.stringMatching(/^[^\n]+$/), expected: 'TOML 1.0' },
  ]);
});

test('a finding that comes later is placed at its key too', () => {
  const { place } = parseConfig(host(1, 'accept = [ "9.9.9.2",', ' "10.0.0.1" ]'), 't.toml');
  expect(
    formatProblem(
      place({ severity: 'error', path: ['tunnel', 0, 'accept', 1], message: '10.0.0.1 is private use (RFC 1918)', expected: 'another' }),
    ),
  ).toBe('t.toml:6:2: tunnel[0].accept[1]: 10.0.0.1 is private use (RFC 1918); expected another');
});

describe('a file', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsunagi-config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const load = (name: string, content?: string | Uint8Array) => {
    const file = join(folder, name);
    if (content !== undefined) writeFileSync(file, content);
    const { config, problems: found } = loadConfig(file);
    return { config, said: found.map((problem) => formatProblem(problem).replace(`${folder}/`, '')) };
  };

  test('is read', () => {
    expect(load('good.toml', `\ufeffworkers = 2 # つなぎ\r\n${LEAST}`)).toMatchObject({ config: { workers: 2 }, said: [] });
  });

  test('that is not there, or is a directory, is said so', () => {
    expect(load('absent.toml')).toEqual({ config: null, said: ['absent.toml:1:1: cannot be read: no such file'] });
    expect(load('.')).toMatchObject({ config: null, said: [expect.stringContaining('cannot be read: it is a directory')] });
  });

  test('larger than 1 MiB is not read to its end', () => {
    expect(load('full.toml', `${LEAST}#${' '.repeat(MOST_OCTETS - LEAST.length - 1)}`).said).toEqual([]);
    expect(load('large.toml', `${LEAST}#${' '.repeat(MOST_OCTETS - LEAST.length)}`).said).toEqual([
      'large.toml:1:1: is larger than 1048576 octets; expected a configuration',
    ]);
    expect(loadConfig('/dev/zero').problems.map(({ message }) => message)).toEqual(['is larger than 1048576 octets']);
  });

  test('that is no UTF-8 is refused where it goes wrong', () => {
    expect(load('latin1.toml', Buffer.from('[node]\nname = "caf\xe9"\n', 'latin1')).said).toEqual([
      'latin1.toml:2:12: is not UTF-8; expected TOML 1.0',
    ]);
  });
});
