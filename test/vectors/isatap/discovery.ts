/** RFC 4861 sections 6 and 7 over ISATAP: who solicits, who advertises, who is believed; frames 41 and 42 of the shared capture. */
import type { DropName } from '../../../src/core/drop.js';
import { packet } from '../../wire/vectors.js';
import { echoRequest, ipv4 } from '../compose.js';
import {
  AUTONOMOUS,
  type DiscoveryHeader,
  EMPTY_OPTION,
  FROM_ROUTER,
  linkLayerOption,
  mtuOption,
  neighborAdvertisement,
  neighborSolicitation,
  ON_LINK,
  prefixOption,
  redirect,
  routeOption,
  routerAdvertisement,
  routerSolicitation,
  SOLICITED,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { advertised, HEARD, HOST, host, PEER, PREFIX, ROUTER, router, SECOND, STRANGER, WEB } from './nodes.js';

const ALL_NODES = 'ff02::1';
const ALL_ROUTERS = 'ff02::2';
/** Longest wait of a router before it answers, RFC 4861 section 10: MAX_RA_DELAY_TIME. */
const RA_DELAY = 500;
/** Longest wait of a host before it asks, RFC 4861 section 10: MAX_RTR_SOLICITATION_DELAY. */
const RS_DELAY = 1000;

const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };
const alone = host().replace(`, "${SECOND.v4}"`, '');
const solicitation = (src: string = HOST.local, dst: string = ALL_ROUTERS) => routerSolicitation({ src, dst });

const asking: readonly VectorCase[] = [
  {
    name: 'f41-a-host-solicits-its-router-and-f42-is-its-answer',
    rfc: 'RFC 5214 8.3.4',
    rows: ['ISAH-05', 'ISAH-06', 'ISAH-11', 'ISA-01', 'ISA-02', 'ISA-15', 'ENC-50'],
    config: alone,
    now: RS_DELAY,
    from: 'v4',
    in: packet('isatap_ra'),
    consumed: true,
    says: [{ to: 'v4', octets: packet('isatap_rs') }],
  },
  {
    name: 'a-host-solicits-each-member-of-its-list-by-itself',
    rfc: 'RFC 5214 8.3.4',
    rows: ['ISAH-01', 'ISAH-05'],
    config: host().replace(`"${ROUTER.v4}", `, ''),
    now: RS_DELAY,
    from: 'v4',
    in: ipv4(toHost, advertised(HOST.local)),
    drop: 'not_potential_router',
    says: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: SECOND.v4 }, solicitation()) }],
  },
  {
    name: 'a-host-that-nobody-answers-solicits-three-times',
    rfc: 'RFC 4861 6.3.7',
    rows: ['ISAH-06', 'ISAH-08'],
    config: alone,
    now: 100_000,
    from: 'v4',
    in: ipv4(toHost, advertised(HOST.local)),
    consumed: true,
    says: [1, 2, 3].map(() => ({ to: 'v4' as const, octets: ipv4(toRouter, solicitation()) })),
  },
  {
    name: 'a-host-that-was-answered-solicits-no-more-for-a-while',
    rfc: 'RFC 5214 8.3.4',
    rows: ['ISAH-07', 'ISAH-08'],
    config: alone,
    state: [{ now: RS_DELAY, from: 'v4', in: ipv4(toHost, advertised(HOST.local)) }],
    now: 120_000,
    from: 'v4',
    in: ipv4(toHost, advertised(HOST.local)),
    consumed: true,
    says: [{ to: 'v4', octets: ipv4(toRouter, solicitation()) }],
  },
];

/** What the router answers. */
const answer = (to: string, v4: string = HOST.v4, lifetime = 1800, mtu = 1280) => ({
  to: 'v4' as const,
  octets: ipv4({ src: ROUTER.v4, dst: v4 }, advertised(to, lifetime, mtu)),
  within: RA_DELAY,
});

const answering: readonly VectorCase[] = [
  {
    name: 'isatap-router-answers-f41-to-the-one-who-asked',
    rfc: 'RFC 5214 8.2',
    rows: ['ISAR-01', 'ISAR-02', 'ISAR-03', 'ISAR-05', 'ISAR-11', 'ISA-15', 'ENC-50'],
    config: router(),
    from: 'v4',
    in: packet('isatap_rs'),
    consumed: true,
    answers: [answer(HOST.local)],
  },
  {
    name: 'isatap-router-answers-a-solicitation-to-its-own-address',
    rfc: 'RFC 4861 6.1.1',
    rows: ['ISAR-03'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, solicitation(HOST.local, ROUTER.local)),
    consumed: true,
    answers: [answer(HOST.local)],
  },
  {
    name: 'isatap-router-answers-a-host-that-sets-the-u-bit',
    rfc: 'RFC 5214 6.1',
    rows: ['ISA-03', 'ISAR-01'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, solicitation(HOST.universalLocal)),
    consumed: true,
    answers: [answer(HOST.universalLocal)],
  },
  {
    name: 'isatap-router-answers-a-solicitation-with-options',
    rfc: 'RFC 4861 6.1.1',
    rows: ['ISAR-04', 'ENC-50'],
    config: router(),
    from: 'v4',
    in: ipv4(
      toRouter,
      routerSolicitation({ src: HOST.local, dst: ALL_ROUTERS }, linkLayerOption(1), Uint8Array.of(14, 1, 0, 0, 0, 0, 0, 0)),
    ),
    consumed: true,
    answers: [answer(HOST.local)],
  },
  {
    name: 'isatap-router-that-is-no-default-router-says-so',
    rfc: 'RFC 6324 3.2.4.1',
    rows: ['ISAR-05'],
    config: router('router-lifetime = 0'),
    from: 'v4',
    in: packet('isatap_rs'),
    consumed: true,
    answers: [answer(HOST.local, HOST.v4, 0)],
  },
  {
    name: 'isatap-router-says-its-mtu',
    rfc: 'RFC 4861 6.2.1',
    rows: ['ISAR-05'],
    config: router('mtu = 1400'),
    from: 'v4',
    in: packet('isatap_rs'),
    consumed: true,
    answers: [answer(HOST.local, HOST.v4, 1800, 1400)],
  },
  {
    name: 'isatap-router-that-nobody-asks-says-nothing',
    rfc: 'RFC 5214 8.3.4',
    rows: ['ISAR-06'],
    config: router(),
    now: 3_600_000,
    from: 'v4',
    in: ipv4(toRouter, routerSolicitation({ src: HOST.local, dst: ALL_ROUTERS, hopLimit: 254 })),
    drop: 'malformed_nd',
  },
];

/** Every way in which a message of its kind is none, RFC 4861 sections 6.1.1, 6.1.2, 7.1.1 and 7.1.2. */
function malformations(
  fixedLen: number,
): readonly (readonly [name: string, header: Partial<DiscoveryHeader>, options: readonly Uint8Array[]])[] {
  return [
    ['a-hop-limit-of-254', { hopLimit: 254 }, []],
    ['a-wrong-checksum', { spoil: 1 }, []],
    ['a-code-of-1', { code: 1 }, []],
    ['an-octet-too-few', { cut: fixedLen - 1 }, []],
    ['an-option-without-octets', {}, [EMPTY_OPTION]],
    ['half-an-option', {}, [Uint8Array.of(14, 2, 0, 0, 0, 0, 0, 0)]],
  ];
}

const malformedSolicitations: readonly VectorCase[] = malformations(8).map(([name, header, options]) => ({
  name: `isatap-router-receives-a-solicitation-with-${name}`,
  rfc: 'RFC 4861 6.1.1',
  rows: ['ISAR-04', ...(name.includes('hop-limit') || name.includes('checksum') ? ['ISA-15'] : [])],
  config: router(),
  from: 'v4',
  in: ipv4(toRouter, routerSolicitation({ src: HOST.local, dst: ALL_ROUTERS, ...header }, ...options)),
  drop: 'malformed_nd',
}));

const refusedSolicitations: readonly VectorCase[] = (
  [
    ['in-another-name', STRANGER.v4, HOST.local, ALL_ROUTERS, 'source_mismatch', 'ISAR-04'],
    ['in-the-name-of-the-router', HOST.v4, ROUTER.local, ALL_ROUTERS, 'source_mismatch', 'ISAR-04'],
    ['from-a-link-local-address-of-another-kind', HOST.v4, 'fe80::1', ALL_ROUTERS, 'special_ipv6', 'ISA-10'],
    ['from-no-address', HOST.v4, '::', ALL_ROUTERS, 'special_ipv6', 'ISA-10'],
    ['from-a-native-address', HOST.v4, WEB, ALL_ROUTERS, 'not_potential_router', 'ISA-10'],
    ['from-an-off-link-address', HOST.v4, `3fff:15::5efe:${HOST.hex}`, ALL_ROUTERS, 'not_potential_router', 'ISA-11'],
    ['for-another-router', HOST.v4, HOST.local, SECOND.local, 'destination_mismatch', 'ISAR-03'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => ({
  name: `isatap-router-receives-a-solicitation-${name}`,
  rfc: 'RFC 5214 7.3',
  rows: [row],
  config: router(),
  from: 'v4',
  in: ipv4({ src: outer, dst: ROUTER.v4 }, routerSolicitation({ src, dst })),
  drop,
}));

const plain = (header: Partial<DiscoveryHeader> = {}, ...options: readonly Uint8Array[]) =>
  routerAdvertisement(
    { src: ROUTER.local, dst: HOST.local, ...header },
    { hopLimit: 64 },
    prefixOption(PREFIX, ON_LINK | AUTONOMOUS, 86_400, 14_400),
    ...options,
  );

const malformedAdvertisements: readonly VectorCase[] = [
  ...malformations(16),
  ['a-source-that-is-no-link-local-address', { src: ROUTER.v6 }, []] as const,
].map(([name, header, options]) => ({
  name: `isatap-host-receives-an-advertisement-with-${name}`,
  rfc: 'RFC 4861 6.1.2',
  rows: ['ISAH-10', ...(name.includes('hop-limit') || name.includes('checksum') ? ['ISA-15'] : [])],
  config: host(),
  from: 'v4',
  in: ipv4(toHost, plain(header, ...options)),
  drop: 'malformed_nd',
}));

const advertisements: readonly VectorCase[] = (
  [
    ['from-its-router', ROUTER.v4, ROUTER.local, HOST.local, null, 'ISAH-09'],
    ['from-its-second-router', SECOND.v4, SECOND.local, HOST.local, null, 'ISAH-09'],
    ['from-its-router-with-the-u-bit', ROUTER.v4, ROUTER.universalLocal, HOST.local, null, 'ISA-03'],
    ['from-its-router-to-all-nodes', ROUTER.v4, ROUTER.local, ALL_NODES, null, 'ISAH-09'],
    ['from-somebody-in-no-list', STRANGER.v4, STRANGER.local, HOST.local, 'not_potential_router', 'ISAH-09'],
    ['from-somebody-in-the-name-of-its-router', STRANGER.v4, ROUTER.local, HOST.local, 'source_mismatch', 'ISAH-09'],
    ['from-its-router-in-the-name-of-the-second', ROUTER.v4, SECOND.local, HOST.local, 'source_mismatch', 'ISAH-09'],
    ['from-its-router-for-another-host', ROUTER.v4, ROUTER.local, PEER.local, 'destination_mismatch', 'ISAH-09'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => ({
  name: `isatap-host-receives-an-advertisement-${name}`,
  rfc: 'RFC 5214 8.3.3',
  rows: [row],
  config: host(),
  from: 'v4',
  in: ipv4({ src: outer, dst: HOST.v4 }, plain({ src, dst })),
  ...(drop === null ? { consumed: true as const } : { drop }),
}));

/** What a host has learned shows in what it does with the next packet. */
const learned = (options: readonly Uint8Array[], lifetime = 1800) => [
  {
    from: 'v4' as const,
    in: ipv4(toHost, routerAdvertisement({ src: ROUTER.local, dst: HOST.local }, { hopLimit: 64, lifetime }, ...options)),
  },
];
const onLink = (len: number, flags = ON_LINK | AUTONOMOUS) => prefixOption(PREFIX, flags, 86_400, 14_400, len);
const toWeb = echoRequest({ src: HOST.v6, dst: WEB });
const routed = ipv4(toRouter, toWeb);
const learning: readonly VectorCase[] = (
  [
    ['f42', [prefixOption(PREFIX, AUTONOMOUS, 0xffffffff, 0xffffffff), mtuOption(1280)], 1800, true, ['ISAH-11', 'ISAH-12']],
    ['a-prefix-that-is-no-64', [onLink(63)], 1800, false, ['ISAH-11']],
    ['a-prefix-that-is-not-autonomous', [onLink(64, ON_LINK)], 1800, false, ['ISAH-11']],
    ['no-default-router', [onLink(64)], 0, false, ['ISAH-12']],
    ['a-route-that-leads-there', [onLink(64), routeOption('3fff::', 20, 1800)], 0, true, ['ISAH-12']],
    ['a-route-that-leads-elsewhere', [onLink(64), routeOption('3fff:8000::', 20, 1800)], 0, false, ['ISAH-12']],
    ['an-option-that-it-does-not-know', [onLink(64), Uint8Array.of(14, 1, 0, 0, 0, 0, 0, 0)], 1800, true, ['ISAH-10']],
    ['a-link-layer-address', [onLink(64), linkLayerOption(1)], 1800, true, ['ENC-50']],
  ] as const
).map(([name, options, lifetime, passes, rows]) => ({
  name: `isatap-host-that-has-learned-${name}-sends-to-the-web`,
  rfc: name.includes('route-') ? 'RFC 4191 3.1' : name.includes('prefix') ? 'RFC 4862 5.5.3' : 'RFC 4861 6.3.4',
  rows,
  config: host(),
  state: learned(options, lifetime),
  from: 'v6',
  in: toWeb,
  ...(passes ? { out: routed } : { drop: name.includes('prefix') ? ('source_mismatch' as const) : ('no_endpoint' as const) }),
}));

const expiring: readonly VectorCase[] = (
  [
    ['until-its-lifetime-is-over', 29_999, true],
    ['no-longer-than-its-lifetime', 30_000, false],
  ] as const
).map(([name, now, passes]) => ({
  name: `isatap-host-uses-a-router-${name}`,
  rfc: 'RFC 4861 6.3.5',
  rows: ['ISAH-12'],
  config: host(),
  state: learned([onLink(64)], 30),
  now,
  from: 'v6',
  in: toWeb,
  ...(passes ? { out: routed } : { drop: 'no_endpoint' as const }),
}));

/** Who is asked whether it is there says so, whatever it is. */
const advertisement = (of: string, to: string, flags: number) => neighborAdvertisement({ src: of, dst: to }, of, SOLICITED | flags);
const neighbors: readonly VectorCase[] = [
  {
    name: 'isatap-host-answers-a-neighbor-solicitation',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ENC-50', 'ISA-15'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.local, PEER.local, 0)) }],
  },
  {
    name: 'isatap-host-answers-its-router',
    rfc: 'RFC 4213 3.8',
    rows: ['ENC-49'],
    config: host(),
    from: 'v4',
    in: ipv4(toHost, neighborSolicitation({ src: ROUTER.local, dst: HOST.local }, HOST.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4(toRouter, advertisement(HOST.local, ROUTER.local, 0)) }],
  },
  {
    name: 'isatap-host-answers-for-its-learned-address',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ISAH-11'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.v6, dst: HOST.v6 }, HOST.v6)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.v6, PEER.v6, 0)) }],
  },
  {
    name: 'isatap-host-ignores-the-link-layer-address-of-who-asks',
    rfc: 'RFC 4213 3.8',
    rows: ['ENC-50'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local, linkLayerOption(1))),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.local, PEER.local, 0)) }],
  },
  {
    name: 'isatap-router-answers-a-neighbor-solicitation-as-a-router',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ENC-50'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, neighborSolicitation({ src: HOST.local, dst: ROUTER.local }, ROUTER.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4(toHost, advertisement(ROUTER.local, HOST.local, FROM_ROUTER)) }],
  },
  {
    name: 'isatap-host-hears-an-advertisement-that-it-did-not-ask-for',
    rfc: 'RFC 4861 7.2.5',
    rows: ['ISAH-14'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborAdvertisement({ src: PEER.local, dst: HOST.local }, PEER.local, 0)),
    consumed: true,
  },
  {
    name: 'isatap-router-hears-an-advertisement-that-it-did-not-ask-for',
    rfc: 'RFC 4861 7.2.5',
    rows: ['ISAR-07'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, neighborAdvertisement({ src: HOST.local, dst: ROUTER.local }, HOST.local, 0)),
    consumed: true,
  },
];

const malformedNeighbors: readonly VectorCase[] = [
  ...[...malformations(24), ['a-group-as-its-target', {}, []] as const].map(
    ([name, header, options]): VectorCase => ({
      name: `isatap-host-receives-a-neighbor-solicitation-with-${name}`,
      rfc: 'RFC 4861 7.1.1',
      rows: ['ISA-15'],
      config: host(),
      from: 'v4',
      in: ipv4(
        { src: PEER.v4, dst: HOST.v4 },
        neighborSolicitation({ src: PEER.local, dst: HOST.local, ...header }, name.includes('group') ? ALL_NODES : HOST.local, ...options),
      ),
      drop: 'malformed_nd',
    }),
  ),
  ...[...malformations(24), ['a-group-as-its-target', {}, []] as const].map(
    ([name, header, options]): VectorCase => ({
      name: `isatap-host-receives-a-neighbor-advertisement-with-${name}`,
      rfc: 'RFC 4861 7.1.2',
      rows: ['ISA-15'],
      config: host(),
      from: 'v4',
      in: ipv4(
        { src: PEER.v4, dst: HOST.v4 },
        neighborAdvertisement(
          { src: PEER.local, dst: HOST.local, ...header },
          name.includes('group') ? ALL_NODES : PEER.local,
          SOLICITED,
          ...options,
        ),
      ),
      drop: 'malformed_nd',
    }),
  ),
];

const refusedNeighbors: readonly VectorCase[] = (
  [
    [
      'a-neighbor-solicitation-in-another-name',
      STRANGER.v4,
      neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local),
      'source_mismatch',
      'ISA-10',
    ],
    [
      'a-neighbor-solicitation-about-another',
      PEER.v4,
      neighborSolicitation({ src: PEER.local, dst: HOST.local }, SECOND.local),
      'destination_mismatch',
      'ENC-49',
    ],
    [
      'a-neighbor-advertisement-in-another-name',
      STRANGER.v4,
      neighborAdvertisement({ src: PEER.local, dst: HOST.local }, PEER.local, SOLICITED),
      'source_mismatch',
      'ISA-10',
    ],
    ['a-router-solicitation', PEER.v4, routerSolicitation({ src: PEER.local, dst: ALL_ROUTERS }), 'destination_mismatch', 'ISAH-16'],
  ] as const
).map(
  ([name, outer, inner, drop, row]): VectorCase => ({
    name: `isatap-host-receives-${name}`,
    rfc: row === 'ISAH-16' ? 'RFC 4861 6.1.1' : 'RFC 5214 7.3',
    rows: [row],
    config: host(),
    from: 'v4',
    in: ipv4({ src: outer, dst: HOST.v4 }, inner),
    drop: drop satisfies DropName,
  }),
);

const redirects: readonly VectorCase[] = [
  {
    name: 'isatap-host-learns-nothing-from-a-redirect',
    rfc: 'RFC 4861 8.3',
    rows: ['ISAH-13'],
    config: host(),
    state: [...HEARD, { from: 'v4', in: ipv4(toHost, redirect({ src: ROUTER.local, dst: HOST.v6 }, PEER.local, WEB)) }],
    from: 'v6',
    in: toWeb,
    out: routed,
  },
];

/** All of them. */
export const discovery: readonly VectorCase[] = [
  ...asking,
  ...answering,
  ...malformedSolicitations,
  ...refusedSolicitations,
  ...malformedAdvertisements,
  ...advertisements,
  ...learning,
  ...expiring,
  ...neighbors,
  ...malformedNeighbors,
  ...refusedNeighbors,
  ...redirects,
];
