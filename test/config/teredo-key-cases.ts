/** The keys of Teredo. */
import { type KeyCase, keyOf, only, tunnel } from './documents.js';

const client = (line: string) => tunnel('teredo', 'client', ...(keyOf(line) === 'server' ? [] : ['server = "192.0.2.1"']), line);
const relay = (line: string) => tunnel('teredo', 'relay', line);
/** The other half of a key is there. */
const secure = (line: string) => client(`${line}\n${keyOf(line) === 'secret' ? 'identifier = "pc"' : 'secret = "12345678"'}`);
const server = (line: string) => tunnel('teredo', 'server', 'local = "192.0.2.1"', 'secondary = "192.0.2.2"', line);
const known = (line: string) =>
  server(`[[tunnel.client]]\n${line}\n${keyOf(line) === 'secret' ? 'identifier = "pc"' : 'secret = "12345678"'}`);

const octets = (text: string) => new TextEncoder().encode(text);
const OCTETS = 'octets: text, or "0x" and hexadecimal digits';
const IDENTIFIERS: KeyCase['right'] = [
  ['"つなぎ"', octets('つなぎ')],
  ['"0x00ff"', Uint8Array.of(0, 255)],
  [`"${'i'.repeat(255)}"`, octets('i'.repeat(255))],
];
const WRONG_IDENTIFIERS: KeyCase['wrong'] = [
  ['""', `has 0 octets; expected 1 to 255 ${OCTETS}`],
  ['"0x"', `has 0 octets; expected 1 to 255 ${OCTETS}`],
  ['"0x123"', `is no whole number of octets in hexadecimal; expected 1 to 255 ${OCTETS}`],
  [`"${'i'.repeat(256)}"`, `has 256 octets; expected 1 to 255 ${OCTETS}`],
];
const SECRETS: KeyCase['right'] = [
  ['"12345678"', octets('12345678')],
  ['"0x000102030405FEff"', Uint8Array.of(0, 1, 2, 3, 4, 5, 254, 255)],
];
/** A secret is never repeated. */
const WRONG_SECRETS: KeyCase['wrong'] = [
  ['"1234567"', `has 7 octets; expected 8 to 255 ${OCTETS}`],
  ['"0x00010203040506"', `has 7 octets; expected 8 to 255 ${OCTETS}`],
];

const SERVER = 'an IPv4 address or a DNS name such as "teredo.example.org"';

export const TEREDO_KEYS: readonly KeyCase[] = [
  {
    key: 'tunnel.role',
    document: (line) => `[[tunnel]]\ntype = "teredo"\n${line}`,
    get: (config) => only(config, 'teredo').role,
    right: [['"relay"', 'relay']],
    wrong: [['"host"', '"host" is unknown; expected "client", "server" or "relay"']],
  },
  {
    key: 'tunnel.server',
    document: client,
    get: (config) => only(config, 'teredo').servers,
    right: [
      ['"192.0.2.1"', [{ primary: 0xc0000201, secondary: 0xc0000202 }]],
      ['"Teredo.example.org"', ['teredo.example.org']],
      ['["192.0.2.1", "teredo"]', [{ primary: 0xc0000201, secondary: 0xc0000202 }, 'teredo']],
      [
        '["192.0.2.255", "10.0.0.1"]',
        [
          { primary: 0xc00002ff, secondary: 0xc0000300 },
          { primary: 0x0a000001, secondary: 0x0a000002 },
        ],
      ],
    ],
    wrong: [
      ['[]', `has 0 elements; expected ${SERVER}, or a list of 1 to 8`],
      ['"192.0.2"', `"192.0.2" is neither an IPv4 address nor a DNS name; expected ${SERVER}`],
      ['7', `7 is a number; expected ${SERVER}`],
    ],
  },
  {
    key: 'tunnel.secondary',
    document: client,
    get: (config) => only(config, 'teredo').servers,
    right: [
      ['"192.0.2.9"', [{ primary: 0xc0000201, secondary: 0xc0000209 }]],
      ['["192.0.2.9"]', [{ primary: 0xc0000201, secondary: 0xc0000209 }]],
    ],
    wrong: [['"192.0.2"', '"192.0.2" is no IPv4 address; expected an IPv4 address such as "192.88.99.1"']],
  },
  {
    key: 'tunnel.port',
    document: client,
    get: (config) => only(config, 'teredo').port,
    right: [
      ['0', 0],
      ['65535', 65535],
    ],
    wrong: [['65536', '65536 is too large; expected 0 to 65535']],
  },
  {
    key: 'tunnel.refresh-interval',
    document: client,
    get: (config) => [only(config, 'teredo').refreshInterval, only(config, 'teredo').searchesInterval],
    right: [
      ['5', [5, false]],
      ['300', [300, false]],
      ['"auto"', [30, true]],
    ],
    wrong: [
      ['4', '4 is too small; expected 5 to 300, or "auto"'],
      ['301', '301 is too large; expected 5 to 300, or "auto"'],
      ['"30"', '"30" is a string; expected 5 to 300, or "auto"'],
    ],
  },
  {
    key: 'tunnel.local-discovery',
    document: client,
    get: (config) => only(config, 'teredo').localDiscovery,
    right: [
      ['true', true],
      ['false', false],
    ],
    wrong: [['"yes"', '"yes" is a string; expected true or false']],
  },
  {
    key: 'tunnel.port-mapping',
    document: client,
    get: (config) => only(config, 'teredo').portMapping,
    right: [
      ['true', true],
      ['false', false],
    ],
    wrong: [['1', '1 is a number; expected true or false']],
  },
  {
    key: 'tunnel.identifier',
    document: secure,
    get: (config) => only(config, 'teredo').keys[0].identifier,
    right: IDENTIFIERS,
    wrong: WRONG_IDENTIFIERS,
  },
  {
    key: 'tunnel.secret',
    document: secure,
    get: (config) => only(config, 'teredo').keys[0].secret,
    right: SECRETS,
    wrong: WRONG_SECRETS,
  },
  {
    key: 'tunnel.client.identifier',
    document: known,
    get: (config) => only(config, 'teredo').keys[0].identifier,
    right: IDENTIFIERS,
    wrong: WRONG_IDENTIFIERS,
  },
  {
    key: 'tunnel.client.secret',
    document: known,
    get: (config) => only(config, 'teredo').keys[0].secret,
    right: SECRETS,
    wrong: WRONG_SECRETS,
  },
  {
    key: 'tunnel.max-peers',
    document: relay,
    get: (config) => only(config, 'teredo').maxPeers,
    right: [
      ['1', 1],
      ['1000000', 1_000_000],
    ],
    wrong: [
      ['0', '0 is too small; expected 1 to 1000000'],
      ['1000001', '1000001 is too large; expected 1 to 1000000'],
    ],
  },
  {
    key: 'tunnel.prefix',
    document: relay,
    get: (config) => only(config, 'teredo').prefix,
    right: [['"3fff:1::/32"', { addr: Uint8Array.of(0x3f, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), len: 32 }]],
    wrong: (
      [
        ['2001::/31', 'is no /32'],
        ['2001::/33', 'is no /32'],
        ['2001:0:1::/32', 'has bits set behind its length'],
        ['fe80::/32', 'is no prefix of global unicast addresses'],
      ] as const
    ).map(([text, fault]): [string, string] => [
      `"${text}"`,
      `"${text}" ${fault}; expected a global unicast IPv6 /32 such as "2001::/32" (RFC 4380 section 4)`,
    ]),
  },
  {
    key: 'tunnel.mtu',
    document: relay,
    get: (config) => only(config, 'teredo').mtu,
    right: [['1280', 1280]],
    wrong: [['1480', '1480 is too large; expected 1280 (RFC 4380 section 5.1.2)']],
  },
  {
    key: 'tunnel.dscp',
    document: relay,
    get: (config) => only(config, 'teredo').dscp,
    right: [['46', 46]],
    wrong: [['"copy"', '"copy" is a string; expected 0 to 63']],
  },
  ...(['accept', 'ecn', 'path-mtu-discovery'] as const).map(
    (key): KeyCase => ({
      key: `tunnel.${key}`,
      document: relay,
      get: () => null,
      right: [],
      wrong: ['[]', '"192.0.2.1"', '"compatibility"', 'false', 'true'].map((toml): [string, string] => [
        toml,
        'is no key of this type of tunnel; expected no value',
      ]),
    }),
  ),
];
