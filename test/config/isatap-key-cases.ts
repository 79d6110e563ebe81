/** The keys of ISATAP. */
import { type KeyCase, keyOf, only, tunnel } from './documents.js';

const host = (line: string) => tunnel('isatap', 'host', line);
const router = (line: string) => tunnel('isatap', 'router', ...(keyOf(line) === 'prefix' ? [] : ['prefix = "2001:db8::/64"']), line);

export const ISATAP_KEYS: readonly KeyCase[] = [
  {
    key: 'tunnel.role',
    document: (line) => `[[tunnel]]\ntype = "isatap"\n${line}`,
    get: (config) => only(config, 'isatap').role,
    right: [['"host"', 'host']],
    wrong: [['"relay"', '"relay" is unknown; expected "host" or "router"']],
  },
  {
    key: 'tunnel.potential-routers',
    document: host,
    get: (config) => only(config, 'isatap').potentialRouters,
    right: [
      ['["10.0.0.1"]', [0x0a000001]],
      [
        '["ISATAP.Campus.test", "isatap.", "a-b_c.example", "xn--p8jwa3g.jp"]',
        ['isatap.campus.test', 'isatap.', 'a-b_c.example', 'xn--p8jwa3g.jp'],
      ],
      [`["${'a.'.repeat(126)}b"]`, [`${'a.'.repeat(126)}b`]],
    ],
    wrong: [
      ['[]', 'has 0 elements; expected a list of 1 to 16, each an IPv4 address or a DNS name such as "isatap.example.org"'],
      ['"isatap"', '"isatap" is a string; expected a list of 1 to 16, each an IPv4 address or a DNS name such as "isatap.example.org"'],
    ],
  },
  {
    key: 'tunnel.prefix',
    document: router,
    get: (config) => only(config, 'isatap').prefix,
    right: [
      ['"2001:db8:0:1::/64"', Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1)],
      // A 6to4 site may have ISATAP inside.
      ['"2002:c000:201:1::/64"', Uint8Array.of(0x20, 2, 0xc0, 0, 2, 1, 0, 1)],
    ],
    wrong: (
      [
        ['2001:db8::/63', 'is no /64'],
        ['2001:db8::/65', 'is no /64'],
        ['2001:db8::', 'is no IPv6 prefix'],
        ['2001:db8::1/64', 'has bits set behind its length'],
        ['fe80::/64', 'is no prefix of global unicast addresses'],
        ['ff02::/64', 'is no prefix of global unicast addresses'],
        ['::/64', 'is no prefix of global unicast addresses'],
      ] as const
    ).map(([text, fault]): [string, string] => [
      `"${text}"`,
      `"${text}" ${fault}; expected a global unicast IPv6 /64 such as "2001:db8:0:1::/64" (RFC 5214 section 6.1)`,
    ]),
  },
  {
    key: 'tunnel.router-lifetime',
    document: router,
    get: (config) => only(config, 'isatap').routerLifetime,
    right: [
      ['0', 0],
      ['9000', 9000],
    ],
    wrong: [
      ['9001', '9001 is too large; expected 0 to 9000'],
      ['-1', '-1 is too small; expected 0 to 9000'],
    ],
  },
];
