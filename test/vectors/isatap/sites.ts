/** RFC 5214 section 7: who sends what to whom, and who may; frames 43 to 45 of the shared capture, and the neighbours that confirm. */
import type { DropName } from '../../../src/core/drop.js';
import { packet, vectors } from '../../wire/vectors.js';
import { echoReply, echoRequest, icmp4Error, innerOf, ipv4, timeExceeded6, tooBig6, udp6, unreachable6 } from '../compose.js';
import {
  AUTONOMOUS,
  neighborAdvertisement,
  neighborSolicitation,
  prefixOption,
  routerAdvertisement,
  SOLICITED,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { advertised, config, HEARD, HOST, host, IDENTITY, PEER, PREFIX, ROUTER, router, SECOND, STRANGER, WEB } from './nodes.js';

const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };
const toPeer = { src: HOST.v4, dst: PEER.v4 };
const fromPeer = { src: PEER.v4, dst: HOST.v4 };
const toWeb = echoRequest({ src: HOST.v6, dst: WEB });
const fromWeb = echoReply({ src: WEB, dst: HOST.v6 });

/** The host asks whether `target` is there, RFC 4861 section 7.3.3: nothing is resolved, so its link-local address will do. */
const asks = (target: string) => ({
  to: 'v4' as const,
  octets: ipv4(toPeer, neighborSolicitation({ src: HOST.local, dst: target }, target)),
});
/** The answer to that. */
const confirms = (target: string) => ipv4(fromPeer, neighborAdvertisement({ src: target, dst: HOST.local }, target, SOLICITED));
const f43 = { from: 'v6' as const, in: innerOf('isatap_host_to_host') };
/** Half a second after it has heard its router. */
const later = { ...f43, now: 500 };

const frames: readonly VectorCase[] = [
  {
    name: 'f43-waits-until-the-neighbour-is-known-to-be-there',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'SEC-08'],
    config: host(),
    state: HEARD,
    ...f43,
    held: true,
    answers: [asks(PEER.v6)],
  },
  {
    name: 'f43-leaves-when-the-neighbour-answers',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'SEC-08'],
    config: host(),
    state: [...HEARD, later],
    now: 500,
    from: 'v4',
    in: confirms(PEER.v6),
    consumed: true,
    answers: [{ to: 'v4', octets: packet('isatap_host_to_host') }],
  },
  {
    name: 'f43-leaves-at-once-when-the-neighbour-has-answered',
    rfc: 'RFC 5214 7.1',
    rows: ['ISA-07', 'ISAH-13', 'ISA-01', 'ISA-04'],
    config: host(),
    state: [...HEARD, later, { now: 500, from: 'v4', in: confirms(PEER.v6) }],
    now: 500,
    ...f43,
    out: packet('isatap_host_to_host'),
  },
  {
    name: 'f43-arrives',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-10'],
    config: host().replace(HOST.v4, PEER.v4),
    state: [{ from: 'v4', in: ipv4({ src: ROUTER.v4, dst: PEER.v4 }, advertised(PEER.local)) }],
    from: 'v4',
    in: packet('isatap_host_to_host'),
    out: innerOf('isatap_host_to_host'),
  },
  {
    name: 'f44-leaves-for-the-router',
    rfc: 'RFC 5214 7.1',
    rows: ['ISAH-12', 'ISA-07'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: innerOf('isatap_host_to_router'),
    out: packet('isatap_host_to_router'),
  },
  {
    name: 'f44-arrives-at-the-router',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-10'],
    config: router(),
    from: 'v4',
    in: packet('isatap_host_to_router'),
    out: innerOf('isatap_host_to_router'),
  },
  {
    name: 'f45-a-destination-that-embeds-the-router-does-not-become-a-second-turn',
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-05', 'SEC-12', 'ISAR-08'],
    config: config('router', '198.51.100.1', 'prefix = "2001:db8:15:1::/64"'),
    from: 'v4',
    in: packet('loop_packet1'),
    drop: 'loop',
  },
];

/** A packet to a neighbour that nobody has heard of yet. */
const first = (dst: string, src: string = HOST.v6) => echoRequest({ src, dst });
const neighbours: readonly VectorCase[] = [
  {
    name: 'isatap-host-asks-for-a-link-local-neighbour-before-it-has-a-router',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'ISA-01'],
    config: host(),
    from: 'v6',
    in: first(PEER.local, HOST.local),
    held: true,
    answers: [asks(PEER.local)],
  },
  {
    name: 'isatap-host-asks-for-a-neighbour-with-the-u-bit',
    rfc: 'RFC 5214 6.1',
    rows: ['ISA-03', 'ISAH-13'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: first(PEER.universal),
    held: true,
    answers: [asks(PEER.universal)],
  },
  {
    name: 'isatap-host-holds-three-packets-and-no-fourth',
    rfc: 'RFC 4861 7.2.2',
    rows: ['SEC-08'],
    config: host(),
    state: [...HEARD, later, later, later],
    now: 500,
    ...f43,
    drop: 'queue_full',
  },
  {
    name: 'isatap-host-gives-up-a-neighbour-that-does-not-answer',
    rfc: 'RFC 4861 7.2.2',
    rows: ['SEC-08', 'ISAH-14'],
    config: host(),
    state: [...HEARD, later],
    now: 5000,
    ...f43,
    drop: 'neighbor_unreachable',
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, f43.in) }],
  },
  {
    name: 'isatap-host-reaches-the-address-of-another-host-by-the-router-while-nothing-is-on-link',
    rfc: 'RFC 5942 4',
    rows: ['ISA-11', 'ISAH-13'],
    config: host(),
    state: [{ from: 'v4', in: packet('isatap_ra') }],
    ...f43,
    out: ipv4(toRouter, innerOf('isatap_host_to_host')),
  },
  {
    name: 'isatap-host-reaches-an-isatap-address-of-another-site-by-the-router',
    rfc: 'RFC 5214 3',
    rows: ['ISA-11', 'ISAH-12'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: first(`3fff:15::5efe:${PEER.hex}`),
    out: ipv4(toRouter, first(`3fff:15::5efe:${PEER.hex}`)),
  },
];

const leaving: readonly VectorCase[] = (
  [
    ['from-a-native-address', '3fff:0:9::1', WEB, 'source_mismatch', 'RFC 5214 7.3', 'ISA-10'],
    ['from-the-address-of-another', PEER.v6, WEB, 'source_mismatch', 'RFC 5214 7.3', 'ISA-10'],
    ['to-itself', HOST.v6, HOST.universal, 'loop', 'RFC 6324 3.3', 'SEC-04'],
    ['to-a-group', HOST.v6, 'ff02::1', 'special_ipv6', 'RFC 5214 6.3', 'ISA-08'],
    ['to-a-wider-group', HOST.v6, 'ff05::2', 'special_ipv6', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-group', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:e000:1`, 'special_ipv4', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-loopback-address', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:7f00:1`, 'special_ipv4', 'RFC 5214 7.1', 'ISA-07'],
    ['to-the-embedded-broadcast-address', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:c000:2ff`, 'special_ipv4', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-6to4-relay', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:c058:6301`, 'special_ipv4', 'RFC 6324 3.2.3', 'SEC-10'],
  ] as const
).map(([name, src, dst, drop, rfc, row]) => ({
  name: `isatap-host-sends-${name}`,
  rfc,
  rows: [row],
  config: host(),
  state: HEARD,
  from: 'v6',
  in: echoRequest({ src, dst }),
  drop,
}));

const notYet: readonly VectorCase[] = [
  {
    name: 'isatap-host-sends-from-its-link-local-address-beyond-the-link',
    rfc: 'RFC 4291 2.5.6',
    rows: ['ISA-10'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: echoRequest({ src: HOST.local, dst: WEB }),
    drop: 'special_ipv6',
  },
  {
    name: 'isatap-host-without-a-prefix-takes-nothing-for-one',
    rfc: 'RFC 5214 3',
    rows: ['ISA-11'],
    config: host(),
    from: 'v4',
    in: ipv4(fromPeer, echoRequest({ src: PEER.v6, dst: HOST.v6 })),
    drop: 'not_potential_router',
  },
  {
    name: 'isatap-host-sends-while-it-has-no-ipv4-address',
    rfc: 'RFC 5214 6.2',
    rows: ['ISA-06'],
    config: host().replace(/local = .*\n/, ''),
    from: 'v6',
    in: toWeb,
    drop: 'tunnel_down',
  },
];

/** By the `why` of a row of `decap_checks`: who receives it, and what becomes of it. */
const RECEIVED: Readonly<Record<string, readonly [name: string, drop: DropName | null, ...rows: string[]]>> = {
  'embedded match, u=0': ['router-receives-from-one-host-what-is-for-another', null, 'ISA-10'],
  'embedded match, u=1 must be accepted too': ['router-receives-from-a-host-with-the-u-bit', null, 'ISA-03', 'ISA-10'],
  'router in PRL forwards any source': ['host-receives-what-its-router-forwards', null, 'ISA-10'],
  'not in PRL': ['host-receives-a-native-source-from-no-router', 'not_potential_router', 'ISA-10', 'ISA-12'],
  'embedded mismatch': ['host-receives-its-own-address-as-a-source', 'source_mismatch', 'ISA-10', 'ENC-42', 'SEC-15'],
  'rogue router link-local': ['host-receives-data-in-the-name-of-its-router', 'source_mismatch', 'ISA-10', 'ENC-42'],
};

const table: readonly VectorCase[] = vectors.decap_checks
  .filter(({ mechanism }) => mechanism === 'isatap')
  .map(({ why, v4src, v4dst, v6src, v6dst }) => {
    const [name, drop, ...rows] = RECEIVED[why];
    const inner = echoRequest({ src: v6src, dst: v6dst });
    return {
      name: `isatap-${name}`,
      rfc: 'RFC 5214 7.3',
      rows,
      ...(v4dst === ROUTER.v4 ? { config: router() } : { config: host(), state: HEARD }),
      from: 'v4',
      in: ipv4({ src: v4src, dst: v4dst }, inner),
      ...(drop === null ? { out: inner } : { drop }),
    };
  });

const arriving: readonly VectorCase[] = (
  [
    ['from-a-neighbour', PEER.v4, PEER.v6, HOST.v6, null, 'ISA-10'],
    ['from-a-neighbour-with-the-u-bit', PEER.v4, PEER.universal, HOST.v6, null, 'ISA-03'],
    ['from-a-link-local-neighbour', PEER.v4, PEER.local, HOST.local, null, 'ISA-10'],
    ['from-a-link-local-neighbour-with-the-u-bit', PEER.v4, PEER.universalLocal, HOST.local, null, 'ISA-03'],
    ['from-its-router-itself', ROUTER.v4, ROUTER.v6, HOST.v6, null, 'ISA-10'],
    ['from-its-second-router', SECOND.v4, WEB, HOST.v6, null, 'ISA-10'],
    ['from-its-router-what-a-neighbour-sent', ROUTER.v4, PEER.v6, HOST.v6, null, 'ISA-10'],
    ['from-a-neighbour-in-another-name', STRANGER.v4, PEER.v6, HOST.v6, 'source_mismatch', 'ISA-10'],
    ['from-a-neighbour-with-another-prefix', PEER.v4, `3fff:15::5efe:${PEER.hex}`, HOST.v6, 'not_potential_router', 'ISA-11'],
    ['from-a-native-identifier-in-the-prefix', PEER.v4, `${PREFIX}1234`, HOST.v6, 'not_potential_router', 'ISA-10'],
    ['for-a-neighbour', PEER.v4, PEER.v6, SECOND.v6, 'destination_mismatch', 'ISA-09'],
    ['for-its-own-address-with-the-other-u-bit', PEER.v4, PEER.v6, HOST.universal, 'destination_mismatch', 'ISA-03'],
    ['for-a-native-address-from-its-router', ROUTER.v4, WEB, '3fff:0:9::1', 'destination_mismatch', 'ISA-09'],
    ['for-a-group', PEER.v4, PEER.v6, 'ff02::1', 'special_ipv6', 'ISA-08'],
    ['from-its-own-outer-address', HOST.v4, HOST.v6, HOST.v6, 'loop', 'SEC-05'],
    ['from-a-6to4-relay', '192.88.99.1', WEB, HOST.v6, 'special_ipv4', 'SEC-10'],
    ['from-the-broadcast-address', '192.0.2.255', `${PREFIX.slice(0, -1)}0:5efe:c000:2ff`, HOST.v6, 'special_ipv4', 'ISA-08'],
    ['from-a-link-local-address-of-another-kind', PEER.v4, 'fe80::1', HOST.v6, 'special_ipv6', 'ISA-10'],
    ['from-its-router-with-a-loopback-source', ROUTER.v4, '::1', HOST.v6, 'special_ipv6', 'ENC-45'],
    ['from-its-router-with-a-group-as-a-source', ROUTER.v4, 'ff02::1', HOST.v6, 'special_ipv6', 'ENC-45'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `isatap-host-receives-${name}`,
    rfc: 'RFC 5214 7.3',
    rows: [row],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4({ src: outer, dst: HOST.v4 }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

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

const atTheRouter: readonly VectorCase[] = [
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

const spent = (src: string, dst: string) => udp6({ src, dst, hopLimit: 1 });
const large = (octets: number) => udp6({ src: HOST.v6, dst: WEB }, octets);
const errors: readonly VectorCase[] = [
  {
    name: 'isatap-router-receives-hop-limit-1-and-answers-from-its-identity',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, spent(HOST.v6, WEB)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(toHost, timeExceeded6(IDENTITY, spent(HOST.v6, WEB))) }],
  },
  {
    name: 'isatap-host-takes-hop-limit-1-for-itself',
    rfc: 'RFC 4213 3.3',
    rows: ['ENC-28'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4(toHost, spent(WEB, HOST.v6)),
    out: spent(WEB, HOST.v6),
  },
  {
    name: 'isatap-host-sends-1280-octets',
    rfc: 'RFC 4213 3.2.1',
    rows: ['ENC-10', 'ENC-12'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: large(1280),
    out: ipv4(toRouter, large(1280)),
  },
  {
    name: 'isatap-host-sends-1281-octets',
    rfc: 'RFC 4213 3.2.1',
    rows: ['ENC-10'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: large(1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1280, large(1281)) }],
  },
  {
    name: 'isatap-host-hears-that-its-router-is-unreachable',
    rfc: 'RFC 5214 7.2',
    rows: ['ENC-23', 'ISA-14'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: icmp4Error({ src: '192.0.2.9', dst: HOST.v4 }, 3, 1, 0, ipv4(toRouter, toWeb)),
    consumed: true,
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, toWeb) }],
  },
  {
    name: 'isatap-router-receives-ce-outside-and-not-ect-inside',
    rfc: 'RFC 6040 4.2',
    rows: ['ENC-37'],
    config: router(),
    from: 'v4',
    in: ipv4({ ...toRouter, tos: 3 }, toWeb),
    drop: 'ecn_congestion',
  },
  {
    name: 'isatap-router-receives-a-packet-cut-in-the-inner-header',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-06'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, toWeb.slice(0, 39)),
    drop: 'truncated',
  },
  {
    name: 'isatap-router-receives-ipv4-in-ipv4',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-07'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, ipv4(toRouter, toWeb)),
    drop: 'not_ipv6',
  },
  {
    name: 'isatap-router-receives-a-packet-for-another-host',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-09', 'ENC-47'],
    config: router(),
    from: 'v4',
    in: ipv4({ ...toRouter, dst: SECOND.v4 }, toWeb),
    drop: 'not_local',
  },
];

const sharing = [
  router('name = "isatap"'),
  '',
  '[[tunnel]]',
  'type = "6to4"',
  'role = "relay"',
  'name = "6to4"',
  `local = "${ROUTER.v4}"`,
  '',
  '[policy]',
  'allow-ipv4 = ["192.0.2.0/24"]',
].join('\n');
const beside6to4: readonly VectorCase[] = (
  [
    ['from-a-host', HOST.v4, HOST.v6, WEB, null, 'SEC-02'],
    ['from-6to4', HOST.v4, '2002:c000:205::1', WEB, null, 'SEC-03'],
    ['from-6to4-in-another-name', STRANGER.v4, '2002:c000:205::1', WEB, 'source_mismatch', 'SEC-03'],
    ['from-a-host-for-6to4', HOST.v4, HOST.v6, '2002:c000:206::1', null, 'SEC-02'],
    ['from-6to4-for-a-host', HOST.v4, '2002:c000:205::1', PEER.v6, null, 'SEC-02'],
    ['from-a-host-for-itself-in-6to4', HOST.v4, HOST.v6, '2002:c000:201::9', 'loop', 'SEC-05'],
    ['from-6to4-for-itself-in-isatap', HOST.v4, '2002:c000:205::1', ROUTER.universal, 'loop', 'SEC-05'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `isatap-router-and-6to4-relay-receives-${name}`,
    rfc: 'RFC 5214 7.3',
    rows: [row, 'ISA-12'],
    config: sharing,
    from: 'v4',
    in: ipv4({ src: outer, dst: ROUTER.v4 }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

/** A prefix that the router takes back: what was on link is not any more. */
const withdrawn: VectorCase = {
  name: 'isatap-host-forgets-that-a-prefix-is-on-link',
  rfc: 'RFC 4861 6.3.4',
  rows: ['ISA-11'],
  config: host(),
  state: [
    ...HEARD,
    {
      from: 'v4',
      in: ipv4(toHost, routerAdvertisement({ src: ROUTER.local, dst: HOST.local }, {}, prefixOption(PREFIX, 0x80 | AUTONOMOUS, 0, 0))),
    },
  ],
  ...f43,
  out: ipv4(toRouter, innerOf('isatap_host_to_host')),
};

/** All of them. */
export const sites: readonly VectorCase[] = [
  ...frames,
  ...neighbours,
  ...leaving,
  ...notYet,
  ...table,
  ...arriving,
  ...atTheRouter,
  ...errors,
  ...beside6to4,
  withdrawn,
  {
    name: 'isatap-host-receives-what-the-web-answers',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-10'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4(toHost, fromWeb),
    out: fromWeb,
  },
];
