/** RFC 5214 section 7 and RFC 6324 section 3.3 at a router: what goes into the site, what comes out of it, and what would come back. */
import { echoReply, echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { config, HOST, IDENTITY, PREFIX, ROUTER, router, STRANGER, WEB } from './nodes.js';

const PUBLIC = { v4: '203.0.113.1', hex: 'cb00:7101', inverted: '34ff:8efe' } as const;
const publicRouter = config('router', PUBLIC.v4, `prefix = "${PREFIX}/64"`);
const foreign = [
  ['its-own-address-as-6to4', `2002:${PUBLIC.hex}::9`, 'loop', 'SEC-05'],
  ['its-own-address-as-isatap-elsewhere', `3fff:15:0:1:200:5efe:${PUBLIC.hex}`, 'loop', 'SEC-05'],
  ['its-own-address-as-teredo', `2001:0:4136:e378:8000:63bf:${PUBLIC.inverted}`, 'loop', 'SEC-05'],
  ['another-address-as-6to4', '2002:cb00:7102::9', null, 'SEC-05'],
  ['another-address-as-isatap-elsewhere', '3fff:15:0:1:200:5efe:cb00:7102', null, 'SEC-05'],
  ['a-private-address-as-isatap-elsewhere', '3fff:15:0:1:0:5efe:a00:1', null, 'SEC-07'],
] as const;

/** All of them. */
export const routers: readonly VectorCase[] = [
  ...(
    [
      ['to-a-host', HOST.v6, HOST.v4, 'ISA-07'],
      ['to-a-host-with-the-u-bit', HOST.universal, HOST.v4, 'ISA-03'],
      ['to-a-host-in-a-private-network', `${PREFIX.slice(0, -1)}0:5efe:a28:11d`, '10.40.1.29', 'ISA-02'],
      ['to-a-host-in-a-public-network', `${PREFIX.slice(0, -1)}200:5efe:836b:47d1`, '131.107.71.209', 'ISA-02'],
    ] as const
  ).map(
    ([name, dst, v4, row]): VectorCase => ({
      name: `isatap-router-sends-${name}`,
      rfc: 'RFC 5214 7.1',
      rows: [row, 'ISAR-07', 'ISAR-08'],
      config: router(),
      from: 'v6',
      in: echoRequest({ src: WEB, dst }),
      out: ipv4({ src: ROUTER.v4, dst: v4 }, echoRequest({ src: WEB, dst })),
    }),
  ),
  ...(
    [
      ['to-a-native-identifier-in-its-prefix', WEB, `${PREFIX}1234`, 'no_endpoint', 'ISAR-08'],
      ['beyond-its-prefix', WEB, '3fff:0:9::1', 'no_endpoint', 'ISAR-08'],
      ['to-an-isatap-address-of-another-site', WEB, `3fff:15::5efe:${HOST.hex}`, 'no_endpoint', 'ISAR-08'],
      ['to-its-own-address-with-the-u-bit', WEB, ROUTER.universal, 'loop', 'ISAR-08'],
      ['to-an-embedded-group', WEB, `${PREFIX.slice(0, -1)}0:5efe:e000:1`, 'special_ipv4', 'ISA-08'],
      ['to-an-embedded-loopback-address', WEB, `${PREFIX.slice(0, -1)}0:5efe:7f00:1`, 'special_ipv4', 'ISA-07'],
      ['to-an-embedded-6to4-relay', WEB, `${PREFIX.slice(0, -1)}0:5efe:c058:6301`, 'special_ipv4', 'SEC-10'],
      ['to-a-group', WEB, 'ff05::2', 'special_ipv6', 'ISA-08'],
    ] as const
  ).map(
    ([name, src, dst, drop, row]): VectorCase => ({
      name: `isatap-router-sends-${name}`,
      rfc: 'RFC 5214 7.1',
      rows: [row],
      config: router(),
      from: 'v6',
      in: echoRequest({ src, dst }),
      drop,
    }),
  ),
  ...(
    [
      ['from-a-host-in-another-name', STRANGER.v4, HOST.v6, WEB, 'source_mismatch', 'ISA-10'],
      ['from-a-native-source', HOST.v4, '3fff:0:9::1', WEB, 'not_potential_router', 'ISA-10'],
      ['from-an-off-link-prefix', HOST.v4, `3fff:15::5efe:${HOST.hex}`, WEB, 'not_potential_router', 'ISA-11'],
      ['for-itself', HOST.v4, HOST.v6, ROUTER.v6, null, 'ISA-10'],
      ['for-its-link-local-address', HOST.v4, HOST.local, ROUTER.local, null, 'ISA-10'],
      ['for-its-identity', HOST.v4, HOST.v6, IDENTITY, null, 'ISA-10'],
      ['for-a-group', HOST.v4, HOST.v6, 'ff05::2', 'special_ipv6', 'ISA-08'],
      ['from-its-own-outer-address', ROUTER.v4, ROUTER.v6, WEB, 'loop', 'SEC-05'],
      ['from-a-6to4-relay', '192.88.99.1', HOST.v6, WEB, 'special_ipv4', 'SEC-10'],
    ] as const
  ).map(([name, outer, src, dst, drop, row]): VectorCase => {
    const inner = echoRequest({ src, dst });
    return {
      name: `isatap-router-receives-${name}`,
      rfc: 'RFC 5214 7.3',
      rows: [row],
      config: router(),
      from: 'v4',
      in: ipv4({ src: outer, dst: ROUTER.v4 }, inner),
      ...(drop === null ? { out: inner } : { drop }),
    };
  }),
  ...foreign.flatMap(([name, carrier, drop, row]): VectorCase[] => {
    const out = echoRequest({ src: HOST.v6, dst: carrier });
    const back = echoReply({ src: carrier, dst: HOST.v6 });
    return [
      {
        name: `isatap-router-receives-for-${name}`,
        rfc: 'RFC 6324 3.3',
        rows: [row, 'ISAR-08'],
        config: publicRouter,
        from: 'v4',
        in: ipv4({ src: HOST.v4, dst: PUBLIC.v4 }, out),
        ...(drop === null ? { out } : { drop }),
      },
      {
        name: `isatap-router-sends-from-${name}`,
        rfc: 'RFC 6324 3.3',
        rows: [row === 'SEC-05' ? 'SEC-04' : row, 'ISAR-08'],
        config: publicRouter,
        from: 'v6',
        in: back,
        ...(drop === null ? { out: ipv4({ src: PUBLIC.v4, dst: HOST.v4 }, back) } : { drop }),
      },
    ];
  }),
];
