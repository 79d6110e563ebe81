/** The keys of a node, those of every tunnel, and those of 6to4. */
import type { Config } from '../../src/config/config.js';
import { type KeyCase, LEAST, only } from './documents.js';

const first = (config: Config) => config.tunnels[0];

export const SHARED_KEYS: readonly KeyCase[] = [
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
    document: (line) => `${LEAST}[fastpath]\ninterfaces = ["eth0"]\n${line}\n`,
    get: (config) => config.fastpath.mode,
    right: [
      ['"auto"', 'auto'],
      ['"native"', 'native'],
      ['"generic"', 'generic'],
      ['"off"', 'off'],
    ],
    wrong: [
      ['"xdp"', '"xdp" is unknown; expected "auto", "native", "generic" or "off"'],
      ['false', 'false is a boolean; expected "auto", "native", "generic" or "off"'],
    ],
  },
  {
    key: 'fastpath.interfaces',
    get: (config) => config.fastpath.interfaces,
    right: [
      ['["eth0", "eth0.7"]', ['eth0', 'eth0.7']],
      ['[]', []],
    ],
    wrong: [['"eth0"', '"eth0" is a string; expected a list, each an interface name: 1 to 15 letters, digits, ".", "_" and "-"']],
  },
  {
    key: 'fastpath.persist',
    get: (config) => config.fastpath.persist,
    right: [
      ['true', true],
      ['false', false],
    ],
    wrong: [['"yes"', '"yes" is a string; expected true or false']],
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
      ['"6to5"', '"6to5" is unknown; expected "6to4", "6rd", "isatap" or "teredo"'],
      ['["6to4"]', 'is an array; expected "6to4", "6rd", "isatap" or "teredo"'],
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
    get: (config) => only(config, '6to4').relay,
    right: [
      ['"192.88.99.1"', 0xc0586301],
      ['"none"', null],
    ],
    wrong: [['"relay.example"', '"relay.example" is no IPv4 address; expected an IPv4 address such as "192.88.99.1", or "none"']],
  },
  {
    key: 'tunnel.interface-id',
    get: (config) => only(config, '6to4').interfaceId,
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
