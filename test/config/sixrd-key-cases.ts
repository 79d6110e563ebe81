/** The keys of 6rd. */
import { expect } from 'vitest';
import { quote } from '../../src/config/problem.js';
import { parsePrefix6 } from '../../src/wire/address.js';
import { CUSTOMER, DOMAIN, type KeyCase, keyOf, only, tunnel } from './documents.js';

const prefix6 = (text: string) => parsePrefix6(text) ?? expect.fail(text);
const customer = (line: string) => tunnel('6rd', 'customer-edge', ...CUSTOMER.filter((other) => keyOf(other) !== keyOf(line)), line);
const borderRelay = (line: string) => tunnel('6rd', 'border-relay', 'local = "10.0.0.1"', ...DOMAIN, line);
const bareCustomer = (line: string) => tunnel('6rd', 'customer-edge', line);

export const SIXRD_KEYS: readonly KeyCase[] = [
  {
    key: 'tunnel.role',
    document: (line) => `[[tunnel]]\ntype = "6rd"\nlocal = "10.9.9.9"\n${line}\n${DOMAIN.join('\n')}`,
    get: (config) => only(config, '6rd').role,
    right: [['"border-relay"', 'border-relay']],
    wrong: [['"relay"', '"relay" is unknown; expected "customer-edge" or "border-relay"']],
  },
  {
    key: 'tunnel.dscp',
    document: customer,
    get: (config) => only(config, '6rd').dscp,
    right: [['46', 46]],
    wrong: [['64', '64 is too large; expected 0 to 63, or "copy"']],
  },
  {
    key: 'tunnel.prefix',
    document: customer,
    get: (config) => only(config, '6rd').parameters?.prefix,
    right: [
      ['"2001:db8::/32"', prefix6('2001:db8::/32')],
      ['"3fff:b10::/28"', prefix6('3fff:b10::/28')],
      ['"2001:db8::/31"', prefix6('2001:db8::/31')],
      ['"fd00::/8"', prefix6('fd00::/8')],
    ],
    wrong: [
      ...['2001:db8::', '2001:db8::/129', '2001:db8::/032', '10.0.0.0/8', '2001:db8::/32/8', '/32'].map((text): [string, string] => [
        `"${text}"`,
        `"${text}" is no IPv6 prefix; expected a global unicast IPv6 prefix such as "2001:db8::/32"`,
      ]),
      [
        '"2001:db8::1/32"',
        '"2001:db8::1/32" has bits set behind its length; expected a global unicast IPv6 prefix such as "2001:db8::/32"',
      ],
      ...['::/0', '::/1', 'fe80::/32', 'ff0e::/16', 'fe00::/8', '64:ff9b::/96'].map((text): [string, string] => [
        `"${text}"`,
        `"${text}" is no prefix of global unicast addresses; expected a global unicast IPv6 prefix such as "2001:db8::/32"`,
      ]),
    ],
  },
  {
    key: 'tunnel.ipv4-mask-length',
    document: (line) => tunnel('6rd', 'customer-edge', 'prefix = "2001:db8::/32"', 'border-relays = ["10.0.0.1"]', line),
    get: (config) => only(config, '6rd').parameters?.ipv4MaskLen,
    right: [
      ['0', 0],
      ['32', 32],
    ],
    wrong: [
      ['33', '33 is too large; expected 0 to 32 (RFC 5969 section 7.1.1)'],
      ['-1', '-1 is too small; expected 0 to 32 (RFC 5969 section 7.1.1)'],
    ],
  },
  {
    key: 'tunnel.ipv4-prefix',
    document: customer,
    get: (config) => only(config, '6rd').parameters?.common,
    right: [['"10.0.0.0/8"', 0x0a000000]],
    wrong: [
      ['"10.0.0.0"', '10.0.0.0/32 is no /8; expected the 8 bits that all customer edges share'],
      ['"10.0.0.0/7"', '10.0.0.0/7 is no /8; expected the 8 bits that all customer edges share'],
      [
        '"10.0.0.1/8"',
        '"10.0.0.1/8" has bits set behind its length: "10.0.0.0/8" is the prefix; expected an IPv4 prefix such as "10.0.0.0/8"',
      ],
      ['"2001:db8::/32"', '"2001:db8::/32" is no IPv4 prefix; expected an IPv4 prefix such as "10.0.0.0/8"'],
    ],
  },
  {
    key: 'tunnel.border-relays',
    document: customer,
    get: (config) => only(config, '6rd').parameters?.borderRelays,
    right: [
      ['["10.0.0.1"]', [0x0a000001]],
      ['["192.88.99.201", "10.0.0.1"]', [0xc05863c9, 0x0a000001]],
    ],
    wrong: [
      ['[]', 'has 0 elements; expected a list of 1 to 59, each an IPv4 address such as "192.88.99.1"'],
      [`[${'"10.0.0.1",'.repeat(60)}]`, 'has 60 elements; expected a list of 1 to 59, each an IPv4 address such as "192.88.99.1"'],
      ['"10.0.0.1"', '"10.0.0.1" is a string; expected a list of 1 to 59, each an IPv4 address such as "192.88.99.1"'],
    ],
  },
  {
    key: 'tunnel.option-212',
    document: bareCustomer,
    get: (config) => only(config, '6rd').parameters,
    right: [
      // RFC 5969 section 7.1.1, and a prefix with bits set behind its length, which a receiver does not look at.
      ...['d416082020010db80000000000000000000000000a000001', 'D416082020010DB8FFFFFFFFFFFFFFFFFFFFFFFF0A000001'].map(
        (hex): [string, unknown] => [
          `"${hex}"`,
          { prefix: prefix6('2001:db8::/32'), ipv4MaskLen: 8, common: null, borderRelays: [0x0a000001] },
        ],
      ),
      [
        '"d41a002020010db8000000000000000000000000c0000201c0000202"',
        { prefix: prefix6('2001:db8::/32'), ipv4MaskLen: 0, common: null, borderRelays: [0xc0000201, 0xc0000202] },
      ],
    ],
    wrong: (
      [
        ['d416212020010db80000000000000000000000000a000001', 'is invalid: IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)'],
        [
          'd416006420010db80000000000000000000000000a000001',
          'is invalid: 6rdPrefixLen 100 and 32 bits of IPv4: expected at most 128 together (RFC 5969 section 7.1.1)',
        ],
        [
          'd412082020010db8000000000000000000000000',
          'is invalid: length 18: expected at least 22, with one border relay (RFC 5969 section 7.1.1)',
        ],
        [
          'd415082020010db80000000000000000000000000a0000',
          'is invalid: length 21: expected at least 22, with one border relay (RFC 5969 section 7.1.1)',
        ],
        [
          'd417082020010db80000000000000000000000000a00000100',
          'is invalid: length 23: expected 18 and 4 for each border relay, nothing behind (RFC 5969 section 7.1.1)',
        ],
        [
          'd416082020010db80000000000000000000000000a00000100',
          'is invalid: length 22: expected 23, the octets that follow (RFC 5969 section 7.1.1)',
        ],
        ['d5', 'is invalid: 1 octets: expected code, length and what they announce (RFC 5969 section 7.1.1)'],
        [
          'd416002820010db80000000000000000000000000a000001',
          'is invalid: 6rdPrefixLen 40 with all 32 bits of IPv4: expected a prefix of 32 bits or less (RFC 5969 section 11)',
        ],
        ['d4160', 'is no whole number of octets in hexadecimal'],
        ['', 'is no whole number of octets in hexadecimal'],
        ['d4:16', 'is no whole number of octets in hexadecimal'],
      ] as const
    ).map(([hex, fault]): [string, string] => [
      `"${hex}"`,
      `${quote(hex)} ${fault}; expected the 6rd option in hexadecimal, code and length included (RFC 5969 section 7.1.1)`,
    ]),
  },
  {
    key: 'tunnel.dhcp-interface',
    document: bareCustomer,
    get: (config) => [only(config, '6rd').dhcpInterface, only(config, '6rd').parameters],
    right: [['"eth0"', ['eth0', null]]],
    wrong: [
      ['"a/b"', '"a/b" is no interface name; expected an interface name: 1 to 15 letters, digits, ".", "_" and "-"'],
      ['"tun6rd"', '"tun6rd" is the interface of a tunnel; expected the interface towards the provider'],
    ],
  },
  {
    key: 'tunnel.hub-and-spoke',
    document: customer,
    get: (config) => only(config, '6rd').hubAndSpoke,
    right: [['true', true]],
    wrong: [['1', '1 is a number; expected true or false']],
  },
  {
    key: 'tunnel.anycast',
    document: borderRelay,
    get: (config) => only(config, '6rd').anycast,
    right: [['true', true]],
    wrong: [['"on"', '"on" is a string; expected true or false']],
  },
];
