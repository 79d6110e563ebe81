/** RFC 5214 section 8 and RFC 4861 section 6: who asks for routers, and who is answered; frames 41 and 42 of the shared capture. */
import { packet } from '../../wire/vectors.js';
import { ipv4 } from '../compose.js';
import { linkLayerOption, malformations, routerSolicitation } from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { advertised, HOST, host, ROUTER, router, SECOND, STRANGER, WEB } from './nodes.js';

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

/** All of them. */
export const solicitations: readonly VectorCase[] = [...asking, ...answering, ...malformedSolicitations, ...refusedSolicitations];
