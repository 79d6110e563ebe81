import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { formatProblem, loadConfig, MOST_OCTETS, parseConfig } from '../../src/config/load.js';
import { configurationKeys } from '../../src/config/reference.js';
import { sixToFourInternet } from '../../src/topology/sixtofour.js';

/** The configuration of `toml`, which has to be valid. */
function valid(toml: string): Config {
  const { config, problems } = parseConfig(toml, 't.toml');
  expect(problems.map(formatProblem)).toEqual([]);
  if (config === null) throw new Error('no configuration, and no problem either');
  return config;
}

/** Every problem of `toml` as a line, without the name of the file. */
function problems(toml: string): string[] {
  return parseConfig(toml, 't.toml').problems.map((problem) => formatProblem(problem).replace('t.toml:', ''));
}

/** A valid document around one key, whose line is line 1 of its table. */
function around(key: string, value: string): string {
  const name = key.slice(key.lastIndexOf('.') + 1);
  const line = `${name} = ${value}\n`;
  const role = (given: string, type = '6to4') =>
    [['type', type], ['role', given], ...(given === 'relay' ? [['local', '192.88.99.1']] : [])]
      .filter(([other]) => other !== name)
      .map(([other, text]) => `${other} = "${text}"\n`)
      .join('');
  if (key.startsWith('tunnel.lan.')) {
    const other = name === 'interface' ? 'subnet = 1\n' : 'interface = "lan0"\n';
    return `[[tunnel]]\n${role('router')}[[tunnel.lan]]\n${line}${other}`;
  }
  if (key.startsWith('tunnel.')) return `[[tunnel]]\n${line}${role('host')}`;
  return key.includes('.') ? `[${key.slice(0, key.indexOf('.'))}]\n${line}` : line;
}

test('an empty file is a node with defaults and no tunnel', () => {
  expect(valid('')).toEqual({
    workers: 1,
    node: { name: null, identity: null, control: '/run/tsunagi/control.sock', state: '/var/lib/tsunagi' },
    tunnels: [],
    policy: { allowIpv4: [] },
    fastpath: { mode: 'auto', interfaces: [] },
    http: null,
  });
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
        relay: null,
        interfaceId: 'linux',
        lans: [],
      },
    ],
    policy: { allowIpv4: [] },
    fastpath: { mode: 'auto', interfaces: ['eth0', 'eth1'] },
    http: { listen: { host: '127.0.0.1', port: 6404 } },
  });
});

test('every daemon of the 6to4 internet has a valid configuration', () => {
  const daemons = sixToFourInternet.nodes.flatMap(({ daemon }) => daemon ?? []);
  expect(daemons.map((toml) => valid(toml).tunnels.length)).toEqual(daemons.map(() => 1));
});

/** For each key: values that are right, and what they become; values that are wrong, and what is said of them. */
const first = (config: Config) => config.tunnels[0];
const KEYS: readonly {
  readonly key: string;
  readonly get: (config: Config) => unknown;
  readonly right: readonly (readonly [toml: string, value: unknown])[];
  readonly wrong: readonly (readonly [toml: string, message: string])[];
}[] = [
  {
    key: 'workers',
    get: (config) => config.workers,
    right: [
      ['1', 1],
      ['64', 64],
    ],
    wrong: [
      ['0', '0 is too small; expected 1 to 64'],
      ['65', '65 is too large; expected 1 to 64'],
      ['1.5', '1.5 is no whole number; expected 1 to 64'],
      ['nan', 'NaN is no whole number; expected 1 to 64'],
      ['[1]', 'is an array; expected 1 to 64'],
      ['1979-05-27', 'is a date; expected 1 to 64'],
    ],
  },
  {
    key: 'node.name',
    get: (config) => config.node.name,
    right: [
      ['"otemachi-1"', 'otemachi-1'],
      [`"${'n'.repeat(64)}"`, 'n'.repeat(64)],
    ],
    wrong: [
      ['""', '"" is no name; expected 1 to 64 letters, digits, ".", "_" and "-", a letter or digit first'],
      ['"大手町"', '"大手町" is no name; expected 1 to 64 letters, digits, ".", "_" and "-", a letter or digit first'],
    ],
  },
  {
    key: 'node.identity',
    get: (config) => config.node.identity,
    right: [
      ['"2001:db8::1"', Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
      ['"fd00::1"', Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
    ],
    wrong: ['::', '::1', '::ffff:192.0.2.1', '::192.0.2.1', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1', 'ff0e::1']
      .map((address): [string, string] => [
        `"${address}"`,
        `"${address}" is no global unicast address; expected a global unicast IPv6 address such as "2001:db8::1"`,
      ])
      .concat([['"192.0.2.1"', '"192.0.2.1" is no IPv6 address; expected a global unicast IPv6 address such as "2001:db8::1"']]),
  },
  {
    key: 'node.control',
    get: (config) => config.node.control,
    right: [[`"/${'s'.repeat(106)}"`, `/${'s'.repeat(106)}`]],
    wrong: [
      ['"control.sock"', '"control.sock" is not absolute; expected an absolute path of at most 107 octets'],
      [`"/${'つ'.repeat(36)}"`, `"/${'つ'.repeat(36)}" is too long, or holds a NUL; expected an absolute path of at most 107 octets`],
      ['"/a\\u0000b"', '"/a\\u0000b" is too long, or holds a NUL; expected an absolute path of at most 107 octets'],
    ],
  },
  {
    key: 'node.state',
    get: (config) => config.node.state,
    right: [['"/srv/tsunagi"', '/srv/tsunagi']],
    wrong: [['7', '7 is a number; expected an absolute path of at most 4095 octets']],
  },
  {
    key: 'policy.allow-ipv4',
    get: (config) => config.policy.allowIpv4,
    right: [
      [
        '["192.0.2.0/24", "10.0.0.1"]',
        [
          { addr: 0xc0000200, len: 24 },
          { addr: 0x0a000001, len: 32 },
        ],
      ],
      ['[]', []],
    ],
    wrong: [
      ['"10.0.0.0/8"', '"10.0.0.0/8" is a string; expected a list, each an IPv4 prefix such as "198.51.100.0/24"'],
      ['true', 'true is a boolean; expected a list, each an IPv4 prefix such as "198.51.100.0/24"'],
    ],
  },
  {
    key: 'fastpath.mode',
    get: (config) => config.fastpath.mode,
    right: [
      ['"auto"', 'auto'],
      ['"off"', 'off'],
    ],
    wrong: [
      ['"native"', '"native" is not in this version; expected "auto" or "off"'],
      ['"generic"', '"generic" is not in this version; expected "auto" or "off"'],
      ['"xdp"', '"xdp" is unknown; expected "auto" or "off"'],
      ['false', 'false is a boolean; expected "auto" or "off"'],
    ],
  },
  {
    key: 'fastpath.interfaces',
    get: (config) => config.fastpath.interfaces,
    right: [['["eth0"]', ['eth0']]],
    wrong: [['"eth0"', '"eth0" is a string; expected a list, each an interface name: 1 to 15 letters, digits, ".", "_" and "-"']],
  },
  {
    key: 'http.listen',
    get: (config) => config.http?.listen,
    right: [
      ['"127.0.0.1:6404"', { host: '127.0.0.1', port: 6404 }],
      ['"[::1]:0"', { host: '::1', port: 0 }],
      ['"localhost:65535"', { host: 'localhost', port: 65535 }],
    ],
    wrong: ['6404', ':6404', '127.0.0.1', '127.0.0.1:65536', '::1:6404', '[127.0.0.1]:80', 'example.org:80', '[::1]', '127.0.0.1:-1'].map(
      (text): [string, string] => [
        `"${text}"`,
        `"${text}" is no address and port; expected an address and port such as "127.0.0.1:6404" or "[::1]:6404"`,
      ],
    ),
  },
  {
    key: 'tunnel.name',
    get: (config) => first(config).name,
    right: [['"relay.1"', 'relay.1']],
    wrong: [['"a b"', '"a b" is no name; expected 1 to 64 letters, digits, ".", "_" and "-", a letter or digit first']],
  },
  {
    key: 'tunnel.type',
    get: (config) => first(config).type,
    right: [['"6to4"', '6to4']],
    wrong: [
      ['"6rd"', '"6rd" is not in this version; expected "6to4"'],
      ['"isatap"', '"isatap" is not in this version; expected "6to4"'],
      ['"teredo"', '"teredo" is not in this version; expected "6to4"'],
      ['"6to5"', '"6to5" is unknown; expected "6to4"'],
      ['["6to4"]', 'is an array; expected "6to4"'],
    ],
  },
  {
    key: 'tunnel.role',
    get: (config) => first(config).role,
    right: [
      ['"host"', 'host'],
      ['"router"', 'router'],
    ],
    wrong: [
      ['"client"', '"client" is unknown; expected "host", "router" or "relay"'],
      ['2', '2 is a number; expected "host", "router" or "relay"'],
    ],
  },
  {
    key: 'tunnel.interface',
    get: (config) => first(config).interface,
    right: [
      ['"abcdefghijklmno"', 'abcdefghijklmno'],
      ['"t"', 't'],
    ],
    wrong: [
      ['"abcdefghijklmnop"', '"abcdefghijklmnop" is too long; expected an interface name: 1 to 15 letters, digits, ".", "_" and "-"'],
      ...['', '.', '..', 'tun%d', 'a/b', 'a b', 'a:1', '-t', 'all', 'default', 'つなぎ'].map((name): [string, string] => [
        `"${name}"`,
        `"${name}" is no interface name; expected an interface name: 1 to 15 letters, digits, ".", "_" and "-"`,
      ]),
    ],
  },
  {
    key: 'tunnel.local',
    get: (config) => first(config).local,
    right: [['"255.255.255.255"', 0xffffffff]],
    wrong: ['192.0.2', '192.0.2.256', '192.0.2.01', '192.0.2.1/24', '::1', 'example.org'].map((text): [string, string] => [
      `"${text}"`,
      `"${text}" is no IPv4 address; expected an IPv4 address such as "192.88.99.1"`,
    ]),
  },
  {
    key: 'tunnel.accept',
    get: (config) => first(config).accept,
    right: [['["8.8.8.8", "9.9.9.9"]', [0x08080808, 0x09090909]]],
    wrong: [['"8.8.8.8"', '"8.8.8.8" is a string; expected a list, each an IPv4 address such as "192.88.99.1"']],
  },
  {
    key: 'tunnel.mtu',
    get: (config) => first(config).mtu,
    right: [
      ['1280', 1280],
      ['65515', 65515],
      ['0x5c8', 1480],
    ],
    wrong: [
      ['1279', '1279 is too small; expected 1280 to 65515'],
      ['65516', '65516 is too large; expected 1280 to 65515'],
      ['"1280"', '"1280" is a string; expected 1280 to 65515'],
      ['inf', 'Infinity is no whole number; expected 1280 to 65515'],
    ],
  },
  {
    key: 'tunnel.path-mtu-discovery',
    get: (config) => first(config).pathMtuDiscovery,
    right: [['true', true]],
    wrong: [['"yes"', '"yes" is a string; expected true or false']],
  },
  {
    key: 'tunnel.ttl',
    get: (config) => first(config).ttl,
    right: [
      ['1', 1],
      ['255', 255],
    ],
    wrong: [
      ['0', '0 is too small; expected 1 to 255'],
      ['256', '256 is too large; expected 1 to 255'],
    ],
  },
  {
    key: 'tunnel.dscp',
    get: (config) => first(config).dscp,
    right: [
      ['0', 0],
      ['63', 63],
      ['"copy"', 'copy'],
    ],
    wrong: [
      ['-1', '-1 is too small; expected 0 to 63, or "copy"'],
      ['64', '64 is too large; expected 0 to 63, or "copy"'],
      ['"cs6"', '"cs6" is a string; expected 0 to 63, or "copy"'],
      ['{ a = 1 }', 'is a table; expected 0 to 63, or "copy"'],
    ],
  },
  {
    key: 'tunnel.ecn',
    get: (config) => first(config).ecn,
    right: [
      ['"normal"', 'normal'],
      ['"compatibility"', 'compatibility'],
    ],
    wrong: [['"on"', '"on" is unknown; expected "compatibility" or "normal"']],
  },
  {
    key: 'tunnel.icmp-rate',
    get: (config) => first(config).icmpRate,
    right: [
      ['0', 0],
      ['1_000_000', 1_000_000],
    ],
    wrong: [
      ['-1', '-1 is too small; expected 0 to 1000000'],
      ['1000001', '1000001 is too large; expected 0 to 1000000'],
    ],
  },
  {
    key: 'tunnel.configure',
    get: (config) => first(config).configure,
    right: [['false', false]],
    wrong: [['0', '0 is a number; expected true or false']],
  },
  {
    key: 'tunnel.relay',
    get: (config) => first(config).relay,
    right: [
      ['"192.88.99.1"', 0xc0586301],
      ['"none"', null],
    ],
    wrong: [['"relay.example"', '"relay.example" is no IPv4 address; expected an IPv4 address such as "192.88.99.1", or "none"']],
  },
  {
    key: 'tunnel.interface-id',
    get: (config) => first(config).interfaceId,
    right: [
      ['"linux"', 'linux'],
      ['"windows"', 'windows'],
      ['"200:5efe:C000:0201"', Uint8Array.of(0x02, 0, 0x5e, 0xfe, 0xc0, 0, 2, 1)],
    ],
    wrong: ['0:0:0:0', '1:2:3', '1:2:3:4:5', '::1', '12345:0:0:1', 'macos'].map((text): [string, string] => [
      `"${text}"`,
      `"${text}" is no interface identifier; expected "linux", "windows", or an interface identifier such as "0:0:0:1"`,
    ]),
  },
  {
    key: 'tunnel.lan.interface',
    get: (config) => first(config).lans[0].interface,
    right: [['"br-lan.10"', 'br-lan.10']],
    wrong: [['""', '"" is no interface name; expected an interface name: 1 to 15 letters, digits, ".", "_" and "-"']],
  },
  {
    key: 'tunnel.lan.subnet',
    get: (config) => first(config).lans[0].subnet,
    right: [
      ['0', 0],
      ['65535', 65535],
    ],
    wrong: [
      ['65536', '65536 is too large; expected 0 to 65535'],
      ['-1', '-1 is too small; expected 0 to 65535'],
    ],
  },
];

describe.each(KEYS)('$key', ({ key, get, right, wrong }) => {
  test.each(right)('%s is read', (toml, value) => {
    expect(get(valid(around(key, toml)))).toEqual(value);
  });

  test.each(wrong)('%s is refused', (toml, message) => {
    const document = around(key, toml);
    const line = document.split('\n').findIndex((text) => text.startsWith(`${key.slice(key.lastIndexOf('.') + 1)} = `)) + 1;
    const path = key.replace('tunnel.lan.', 'tunnel.lan[0].').replace('tunnel.', 'tunnel[0].');
    expect(problems(document)).toEqual([`${line}:1: ${path}: ${message}`]);
    expect(parseConfig(document, 't.toml').config).toBeNull();
  });
});

test('the keys tried above are all there are', () => {
  expect(KEYS.map(({ key }) => key).sort()).toEqual(
    configurationKeys()
      .map(({ path }) => path)
      .sort(),
  );
});

test('an element of a list is refused where it stands', () => {
  expect(problems('[policy]\nallow-ipv4 = ["10.0.0.0/8",\n  "192.0.2.1/24", "10.0.0.0/33"]')).toEqual([
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
  expect(problems(`[policy]\nallow-ipv4 = ["${range}"]`)).toEqual([
    `2:15: policy.allow-ipv4[0]: "${range}" holds addresses of ${held}, which are no unicast ones; expected an IPv4 prefix such as "198.51.100.0/24"`,
  ]);
});

test('a lab may allow the rest of the reserved addresses', () => {
  expect(problems('[policy]\nallow-ipv4 = ["240.0.0.0/5", "1.0.0.0/8", "126.0.0.0/8", "128.0.0.0/2", "255.255.255.254"]')).toEqual([]);
});

test.each([
  ['[[tunnel]]\nmtuu = 1480\ntype = "6to4"\nrole = "host"', '2:1: tunnel[0].mtuu: unknown key; expected "mtu", the nearest known key'],
  [
    '[[tunnel]]\ntype = "6to4"\nrole = "host"\ninterface_id = "linux"',
    '4:1: tunnel[0].interface_id: unknown key; expected "interface-id", the nearest known key',
  ],
  ['[nodes]', '1:1: nodes: unknown key; expected "node", the nearest known key'],
  ['[[tunnels]]\ntype = "6to4"', '1:1: tunnels: unknown key; expected "tunnel", the nearest known key'],
  ['[node]\nidentiyt = "::"', '2:1: node.identiyt: unknown key; expected "identity", the nearest known key'],
  ['[policy]\nallow-ipv6 = []', '2:1: policy.allow-ipv6: unknown key; expected "allow-ipv4", the nearest known key'],
  ['"a\\nb".c = 1', '1:1: "a\\nb": unknown key; expected "node", the nearest known key'],
  ['__proto__ = 1', '1:1: __proto__: unknown key; expected "policy", the nearest known key'],
  ['constructor = 1', '1:1: constructor: unknown key; expected "fastpath", the nearest known key'],
])('an unknown key names the nearest known one: %j', (toml, problem) => {
  expect(problems(toml)).toEqual([problem]);
});

test.each([
  ['node = 5', '1:1: node: 5 is a number; expected a table'],
  ['[tunnel]\ntype = "6to4"', '1:1: tunnel: is a table; expected [[tunnel]]'],
  ['tunnel = ["6to4"]', '1:11: tunnel[0]: "6to4" is a string; expected a table'],
  [
    '[[tunnel]]\ntype = "6to4"\nrole = "router"\nlan = { interface = "lan0", subnet = 1 }',
    '4:1: tunnel[0].lan: is a table; expected [[tunnel.lan]]',
  ],
  ['[[node]]', '1:1: node: is an array; expected a table'],
])('a table in the wrong shape is refused: %j', (toml, problem) => {
  expect(problems(toml)).toEqual([problem]);
});

test('keys without a default are asked for, at the table that lacks them', () => {
  expect(problems('[[tunnel]]\n\n[[tunnel]]\ntype = "6to4"\n[[tunnel]]\ntype = "6to4"\nrole = "router"\n[[tunnel.lan]]\n')).toEqual([
    '1:1: tunnel[0].type: is missing; expected "6to4"',
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

test('of a tunnel whose type is still to come, the keys that all share are judged and the rest is not', () => {
  expect(problems('[[tunnel]]\ntype = "6rd"\nrole = "border-relay"\nprefix = "2001:db8::/32"\nttl = 0')).toEqual([
    '2:1: tunnel[0].type: "6rd" is not in this version; expected "6to4"',
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
    expect(load('good.toml', '\ufeffworkers = 2 # つなぎ\r\n')).toMatchObject({ config: { workers: 2 }, said: [] });
  });

  test('that is not there, or is a directory, is said so', () => {
    expect(load('absent.toml')).toEqual({ config: null, said: ['absent.toml:1:1: cannot be read: no such file'] });
    expect(load('.')).toMatchObject({ config: null, said: [expect.stringContaining('cannot be read: it is a directory')] });
  });

  test('larger than 1 MiB is not read to its end', () => {
    expect(load('full.toml', `#${' '.repeat(MOST_OCTETS - 1)}`).said).toEqual([]);
    expect(load('large.toml', `#${' '.repeat(MOST_OCTETS)}`).said).toEqual([
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
