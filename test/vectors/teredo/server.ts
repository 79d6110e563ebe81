/** RFC 4380 section 5.3: what a server answers, what it passes on, and each of its checks; frames 1 to 18, 22 and 23 of the shared capture. */
import type { DropName } from '../../../src/core/drop.js';
import { packet } from '../../wire/vectors.js';
import { datagram, echoReply, echoRequest, filler, hex, icmp6, ipv6, join, Next, udp6 } from '../compose.js';
import {
  AUTONOMOUS,
  linkLayerOption,
  malformations,
  mtuOption,
  neighborSolicitation,
  prefixOption,
  routerAdvertisement,
  routerSolicitation,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { bubble, nonceHeader, origin, payloadOf, signed, teredo } from './messages.js';
import {
  CLIENT,
  CLIENT_LOCAL,
  ELSEWHERE,
  FOREIGN_PEER,
  IDENTIFIER,
  MAPPED,
  OTHER_SOCKET,
  PEER,
  PEER_AT,
  PRIMARY,
  RELAY,
  RELAY_AT,
  SECRET,
  SERVER,
  SERVER_LOCAL,
  secure,
  server,
  WEB,
} from './nodes.js';

const ALL_ROUTERS = 'ff02::2';
const NONCE = '0123456789abcdef';
const SYMMETRIC = '192.0.2.45:40001';
const toClient = (octets: Uint8Array) => [{ to: 'v4' as const, octets }];
const solicitation = (src = CLIENT_LOCAL, dst = ALL_ROUTERS) => routerSolicitation({ src, dst });
const fromClient = (payload: Uint8Array) => datagram(MAPPED, SERVER, payload);

/** What the server says to a client, RFC 4380 section 5.3.2. */
const advertisement = (to = CLIENT_LOCAL): Uint8Array =>
  routerAdvertisement(
    { src: SERVER_LOCAL, dst: to },
    { lifetime: 0xffff },
    prefixOption('2001:0:4136:e378::', AUTONOMOUS, 0xffffffff, 0xffffffff),
    mtuOption(1280),
  );

/** A frame by which the server is asked, and the frame that is its answer. */
const asked: readonly VectorCase[] = (
  [
    [
      'f1-a-server-answers-a-solicitation-with-f5',
      'teredo_rs_plain',
      'teredo_ra_origin',
      'RFC 4380 5.3.2',
      'SV-05 SV-16 SV-17 SV-18 SV-25 EN-03 EN-19 EN-20 EN-22 AD-02 AD-10',
    ],
    [
      'f2-a-server-gives-the-nonce-back-in-f6',
      'teredo_rs_auth_nonce',
      'teredo_ra_auth_origin',
      'RFC 4380 5.3.2',
      'SV-20 SV-24 EN-04 EN-05',
    ],
    [
      'f3-a-server-answers-a-cone-flag-by-its-other-address-with-f9',
      'teredo_rs_cone_auth_nonce',
      'teredo_ra_cone_reply',
      'RFC 5991 3.2',
      'SV-19 SV-26',
    ],
    [
      'f12-a-server-passes-on-a-bubble-as-f13',
      'teredo_indirect_bubble',
      'teredo_indirect_bubble_forwarded',
      'RFC 4380 5.3.1',
      'SV-06 SV-13 SV-14 SV-28 EN-17',
    ],
    [
      'f17-a-server-passes-on-the-bubble-of-a-relay-as-f18',
      'teredo_relay_bubble',
      'teredo_relay_bubble_forwarded',
      'RFC 4380 5.3.1',
      'SV-07 SV-13 SV-14',
    ],
  ] as const
).map(([name, question, answer, rfc, rows]) => ({
  name,
  rfc,
  rows: rows.split(' ').map((row) => `TRDO-${row}`),
  config: server(),
  from: 'v4',
  in: packet(question),
  consumed: true,
  answers: toClient(packet(answer)),
}));

const answering: readonly VectorCase[] = [
  {
    name: 'f10-a-server-answers-by-its-secondary-address-with-the-prefix-of-the-primary-one',
    rfc: 'RFC 4380 5.3.2',
    rows: ['TRDO-SV-20', 'TRDO-SV-21'],
    config: server(),
    from: 'v4',
    in: datagram(SYMMETRIC, OTHER_SOCKET, join(nonceHeader('fedcba9876543210'), payloadOf('teredo_rs_plain'))),
    consumed: true,
    answers: toClient(packet('teredo_ra_symmetric')),
  },
  {
    name: 'teredo-server-answers-a-cone-flag-at-its-secondary-address-by-its-primary-one',
    rfc: 'RFC 4380 5.3.2',
    rows: ['TRDO-SV-19'],
    config: server(),
    from: 'v4',
    in: datagram(MAPPED, OTHER_SOCKET, payloadOf('teredo_rs_cone_auth_nonce')),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, payloadOf('teredo_ra_cone_reply'))),
  },
  {
    name: 'teredo-server-answers-a-windows-client',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-05'],
    config: server(),
    from: 'v4',
    in: fromClient(solicitation('fe80::ffff:ffff:fffd')),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, join(origin(MAPPED), advertisement('fe80::ffff:ffff:fffd')))),
  },
  {
    name: 'teredo-server-answers-a-solicitation-with-an-option',
    rfc: 'RFC 4861 6.1.1',
    rows: ['TRDO-SV-05'],
    config: server(),
    from: 'v4',
    in: fromClient(routerSolicitation({ src: CLIENT_LOCAL, dst: ALL_ROUTERS }, linkLayerOption(1))),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, join(origin(MAPPED), advertisement()))),
  },
  {
    name: 'teredo-server-does-not-believe-an-origin-indication',
    rfc: 'RFC 4380 5.3.2',
    rows: ['TRDO-SV-16'],
    config: server(),
    from: 'v4',
    in: fromClient(join(origin('203.0.113.66:666'), solicitation())),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, join(origin(MAPPED), advertisement()))),
  },
  {
    name: 'teredo-server-steps-over-an-identifier-and-a-value-of-255-octets',
    rfc: 'RFC 4380 5.1.1',
    rows: ['TRDO-EN-06', 'TRDO-SV-24'],
    config: server(),
    from: 'v4',
    in: fromClient(join(hex('0001ffff'), filler(510), hex(`${NONCE}00`), solicitation())),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, join(nonceHeader(NONCE), origin(MAPPED), advertisement()))),
  },
  {
    name: 'teredo-server-answers-an-echo-request-to-itself',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-09'],
    config: server(),
    from: 'v4',
    in: fromClient(echoRequest({ src: CLIENT, dst: SERVER_LOCAL })),
    consumed: true,
    answers: toClient(datagram(SERVER, MAPPED, echoReply({ src: SERVER_LOCAL, dst: CLIENT }))),
  },
];

/** Check 2: nothing but bubbles and ICMPv6. */
const notRelayed: readonly VectorCase[] = (
  [
    ['udp', udp6({ src: CLIENT, dst: PEER })],
    ['tcp', ipv6({ src: CLIENT, dst: PEER }, Next.tcp, new Uint8Array(20))],
    ['ipv6-in-ipv6', ipv6({ src: CLIENT, dst: PEER }, Next.ipv6, bubble(CLIENT, PEER))],
    ['a-bubble-with-a-payload', ipv6({ src: CLIENT, dst: PEER }, Next.none, new Uint8Array(8))],
    ['two-octets-of-icmpv6', ipv6({ src: CLIENT, dst: PEER }, Next.icmp6, new Uint8Array(2))],
    [
      'icmpv6-behind-a-hop-by-hop-header',
      ipv6({ src: CLIENT, dst: PEER }, Next.hopByHop, join(hex('3a00010400000000'), new Uint8Array(8))),
    ],
    ['a-fragment', ipv6({ src: CLIENT, dst: PEER }, Next.fragment, join(hex('3a00000100000000'), new Uint8Array(8)))],
  ] as const
).map(([name, inner]) => ({
  name: `teredo-server-receives-${name}`,
  rfc: 'RFC 4380 5.3.1',
  rows: ['TRDO-SV-03'],
  config: server(),
  from: 'v4',
  in: fromClient(inner),
  drop: 'not_relayed',
}));

/** Check 3: where nobody can be answered. */
const fromNowhere: readonly VectorCase[] = (
  [
    ['this-network', '0.0.0.1'],
    ['a-private-address-of-10', '10.0.0.1'],
    ['shared-space', '100.64.0.1'],
    ['loopback', '127.0.0.1'],
    ['a-link-local-address', '169.254.1.1'],
    ['the-first-private-address-of-172', '172.16.0.0'],
    ['the-last-private-address-of-172', '172.31.255.255'],
    ['a-private-address-of-192', '192.168.0.1'],
    ['a-6to4-relay', '192.88.99.1'],
    ['the-discovery-group', '224.0.0.253'],
    ['the-last-group', '239.255.255.255'],
    ['reserved-space', '240.0.0.1'],
    ['the-limited-broadcast-address', '255.255.255.255'],
    ['the-broadcast-address-of-its-subnet', '65.54.227.255'],
  ] as const
).map(([name, src]) => ({
  name: `teredo-server-receives-a-solicitation-from-${name}`,
  rfc: 'RFC 4380 5.3.1',
  rows: ['TRDO-SV-04', 'TRDO-SV-22', name === 'reserved-space' || name === 'shared-space' ? 'TRDO-AD-13' : 'TRDO-AD-12'],
  config: server(),
  from: 'v4',
  in: datagram(`${src}:40000`, SERVER, solicitation()),
  drop: 'special_ipv4',
}));

const fromThere: readonly VectorCase[] = (
  [
    ['before-172-16', '172.15.255.255'],
    ['after-172-31', '172.32.0.0'],
    ['before-192-88-99', '192.88.98.255'],
  ] as const
).map(([name, src]) => ({
  name: `teredo-server-answers-a-solicitation-from-${name}`,
  rfc: 'RFC 4380 5.2.4',
  rows: ['TRDO-AD-12'],
  config: server(),
  from: 'v4',
  in: datagram(`${src}:40000`, SERVER, solicitation()),
  consumed: true,
  answers: toClient(datagram(SERVER, `${src}:40000`, join(origin(`${src}:40000`), advertisement()))),
}));

const fromNobody: readonly VectorCase[] = (
  [
    ['port-0', `${MAPPED.split(':')[0]}:0`, 'no_endpoint', 'TRDO-SV-22'],
    ['itself', SERVER, 'loop', 'TRDO-SV-08'],
    ['its-other-address', OTHER_SOCKET, 'loop', 'TRDO-SV-08'],
    ['documentation-space-that-is-not-allowed', MAPPED, 'special_ipv4', 'TRDO-SV-04'],
  ] as const
).map(([name, src, drop, row]) => ({
  name: `teredo-server-receives-a-solicitation-from-${name}`,
  rfc: 'RFC 4380 5.3.1',
  rows: [row],
  config: name.startsWith('documentation') ? server().replace('"192.0.2.0/24", ', '') : server(),
  from: 'v4',
  in: datagram(src, SERVER, solicitation()),
  drop,
}));

/** Check 4: link-local sources, and RFC 4861 section 6.1.1. */
const solicitations: readonly VectorCase[] = [
  ...malformations(8).map(([name, header, options]) => ({
    name: `teredo-server-receives-a-solicitation-with-${name}`,
    rfc: 'RFC 4861 6.1.1',
    rows: ['TRDO-SV-05'],
    config: server(),
    from: 'v4' as const,
    in: fromClient(routerSolicitation({ src: CLIENT_LOCAL, dst: ALL_ROUTERS, ...header }, ...options)),
    // Half a header of ICMPv6 is no ICMPv6.
    drop: name === 'an-octet-too-few' ? ('not_relayed' as const) : ('malformed_nd' as const),
  })),
  ...(
    [
      ['a-solicitation-to-all-nodes', solicitation(CLIENT_LOCAL, 'ff02::1'), 'special_ipv6', 'SV-10'],
      ['a-solicitation-to-another-link-local-address', solicitation(CLIENT_LOCAL, 'fe80::1'), 'special_ipv6', 'SV-10'],
      [
        'an-advertisement-from-a-link-local-address',
        routerAdvertisement({ src: CLIENT_LOCAL, dst: ALL_ROUTERS }, {}),
        'not_relayed',
        'SV-08',
      ],
      ['an-echo-request-from-a-link-local-address', echoRequest({ src: CLIENT_LOCAL, dst: ALL_ROUTERS }), 'not_relayed', 'SV-08'],
      ['an-echo-request-from-a-link-local-address-to-a-native-one', echoRequest({ src: CLIENT_LOCAL, dst: WEB }), 'special_ipv6', 'SV-08'],
      ['a-bubble-to-all-routers', bubble(CLIENT_LOCAL, ALL_ROUTERS), 'not_relayed', 'SV-08'],
      ['a-solicitation-from-no-address', solicitation('::'), 'special_ipv6', 'SV-08'],
      ['a-solicitation-from-a-group', solicitation('ff02::1'), 'special_ipv6', 'EN-23'],
      ['a-solicitation-from-a-teredo-address', solicitation(CLIENT), 'special_ipv6', 'SV-10'],
    ] as const
  ).map(([name, inner, drop, row]) => ({
    name: `teredo-server-receives-${name}`,
    rfc: 'RFC 4380 5.3.1',
    rows: [`TRDO-${row}`],
    config: server(),
    from: 'v4' as const,
    in: fromClient(inner),
    drop: drop as DropName,
  })),
];

/** Checks 5 to 7: whose packets are taken, by both ends, source, destination, and what is dropped for. */
const refused: readonly VectorCase[] = (
  [
    ['from-a-client-at-another-address', '198.51.100.45:40000', CLIENT, PEER, 'source_mismatch', 'SV-08'],
    ['from-a-client-at-another-port', SYMMETRIC, CLIENT, PEER, 'source_mismatch', 'SV-08'],
    ['from-a-client-whose-port-is-not-inverted', MAPPED, '2001:0:4136:e378:0:9c40:3fff:fdd2', PEER, 'source_mismatch', 'SV-08'],
    ['from-a-native-address-for-a-native-one', RELAY_AT, RELAY, WEB, 'not_relayed', 'SV-08'],
    ['from-a-native-address-for-a-client-of-another-server', RELAY_AT, RELAY, FOREIGN_PEER, 'not_relayed', 'SV-07'],
    ['from-an-address-of-the-old-prefix', MAPPED, '3ffe:831f:4136:e378:0:63bf:3fff:fdd2', WEB, 'not_relayed', 'AD-11'],
    ['from-loopback-for-a-client', RELAY_AT, '::1', CLIENT, 'special_ipv6', 'SV-08'],
    ['from-a-mapped-address-for-a-client', RELAY_AT, '::ffff:192.0.2.1', CLIENT, 'special_ipv6', 'SV-08'],
    ['from-a-site-local-address-for-a-client', RELAY_AT, 'fec0::1', CLIENT, 'special_ipv6', 'SV-08'],
    ['from-a-group-for-a-client', RELAY_AT, 'ff0e::1', CLIENT, 'special_ipv6', 'EN-23'],
    ['from-its-own-6to4-address-for-a-client', RELAY_AT, '2002:4136:e378::1', CLIENT, 'loop', 'SV-08'],
    ['for-no-address', MAPPED, CLIENT, '::', 'special_ipv6', 'SV-10'],
    ['for-loopback', MAPPED, CLIENT, '::1', 'special_ipv6', 'SV-10'],
    ['for-a-link-local-address', MAPPED, CLIENT, 'fe80::1', 'special_ipv6', 'SV-10'],
    ['for-a-site-local-address', MAPPED, CLIENT, 'fec0::1', 'special_ipv6', 'SV-10'],
    ['for-a-unique-local-address', MAPPED, CLIENT, 'fd00::1', 'special_ipv6', 'SV-10'],
    ['for-all-nodes', MAPPED, CLIENT, 'ff02::1', 'special_ipv6', 'SV-10'],
    ['for-a-group-of-the-whole-world', MAPPED, CLIENT, 'ff0e::101', 'special_ipv6', 'SV-10'],
    ['for-a-client-at-loopback', MAPPED, CLIENT, teredo(PRIMARY, '127.0.0.1:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-client-at-a-private-address', MAPPED, CLIENT, teredo(PRIMARY, '10.0.0.1:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-client-at-a-6to4-relay', MAPPED, CLIENT, teredo(PRIMARY, '192.88.99.1:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-client-in-shared-space', MAPPED, CLIENT, teredo(PRIMARY, '100.64.0.1:4096'), 'special_ipv4', 'AD-13'],
    ['for-a-client-at-a-group', MAPPED, CLIENT, teredo(PRIMARY, '224.0.0.253:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-client-at-the-broadcast-address', MAPPED, CLIENT, teredo(PRIMARY, '65.54.227.255:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-foreign-client-at-a-private-address', MAPPED, CLIENT, teredo(ELSEWHERE, '192.168.1.10:4096'), 'special_ipv4', 'SV-12'],
    ['for-a-client-at-port-0', MAPPED, CLIENT, teredo(PRIMARY, '198.51.100.118:0'), 'no_endpoint', 'SV-12'],
    ['for-a-client-that-is-the-server', MAPPED, CLIENT, teredo(PRIMARY, SERVER), 'loop', 'RL-18'],
    ['for-a-client-that-is-its-secondary-address', MAPPED, CLIENT, teredo(PRIMARY, OTHER_SOCKET), 'loop', 'RL-18'],
    ['for-a-foreign-client-that-is-the-server', MAPPED, CLIENT, teredo(ELSEWHERE, `${PRIMARY}:4096`), 'loop', 'RL-18'],
    ['for-its-own-6to4-address', MAPPED, CLIENT, '2002:4136:e378::1', 'loop', 'RL-18'],
  ] as const
).flatMap(([name, outer, src, dst, drop, row]) => [
  {
    name: `teredo-server-receives-an-echo-request-${name}`,
    rfc: drop === 'loop' ? 'RFC 6324 3.3' : 'RFC 4380 5.3.1',
    rows: [`TRDO-${row}`],
    config: server(),
    from: 'v4',
    in: datagram(outer, SERVER, echoRequest({ src, dst })),
    drop,
  },
]);

/** By whom, what, and the payload that leaves for whom. */
const passedOn: readonly VectorCase[] = (
  [
    ['a-bubble-of-a-client-with-random-flags', MAPPED, bubble(teredo(PRIMARY, MAPPED, 0x3cf1), PEER), PEER_AT, true, 'SV-30'],
    ['a-bubble-of-a-client-with-the-cone-flag', MAPPED, bubble(teredo(PRIMARY, MAPPED, 0x8000), PEER), PEER_AT, true, 'SV-06'],
    ['a-bubble-of-a-client-with-all-flags', MAPPED, bubble(teredo(PRIMARY, MAPPED, 0xffff), PEER), PEER_AT, true, 'AD-03'],
    ['a-bubble-of-a-client-of-another-server', PEER_AT, bubble(FOREIGN_PEER, CLIENT), MAPPED, true, 'SV-06'],
    ['a-bubble-for-a-client-of-another-server', MAPPED, bubble(CLIENT, FOREIGN_PEER), PEER_AT, false, 'SV-15'],
    ['an-echo-request-for-a-client', MAPPED, echoRequest({ src: CLIENT, dst: PEER }), PEER_AT, true, 'SV-06'],
    ['an-echo-request-of-a-relay', RELAY_AT, echoRequest({ src: WEB, dst: CLIENT }), MAPPED, true, 'SV-07'],
    ['a-bubble-from-the-link-local-address-of-a-relay', RELAY_AT, bubble('fe80::8000:f226:348e:ff37', CLIENT), MAPPED, true, 'SV-07'],
    ['the-trailers-of-f22', MAPPED, payloadOf('teredo_indirect_bubble_trailers'), PEER_AT, true, 'SV-06'],
    ['the-trailers-of-f23', MAPPED, payloadOf('teredo_indirect_bubble_hairpin'), PEER_AT, true, 'SV-06'],
    ['a-trailer-that-it-does-not-know', MAPPED, join(bubble(CLIENT, PEER), hex('4100')), PEER_AT, true, 'SV-06'],
  ] as const
).map(([name, from, payload, to, isClient, row]) => ({
  name: `teredo-server-passes-on-${name}`,
  rfc: 'RFC 4380 5.3.1',
  rows: [`TRDO-${row}`],
  config: server(),
  from: 'v4',
  in: datagram(from, SERVER, payload),
  consumed: true,
  answers: toClient(datagram(SERVER, to, isClient ? join(origin(from), payload) : payload)),
}));

const passing: readonly VectorCase[] = [
  {
    name: 'f16-a-server-passes-on-a-connectivity-test-to-native-ipv6',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-11', 'TRDO-CL-39'],
    config: server(),
    from: 'v4',
    in: packet('teredo_ping_test'),
    out: payloadOf('teredo_ping_test').with(7, 254),
  },
  {
    name: 'teredo-server-passes-on-by-its-primary-address-what-came-to-the-secondary-one',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-13'],
    config: server(),
    from: 'v4',
    in: datagram(MAPPED, OTHER_SOCKET, bubble(CLIENT, PEER)),
    consumed: true,
    answers: toClient(datagram(SERVER, PEER_AT, join(origin(MAPPED), bubble(CLIENT, PEER)))),
  },
  {
    name: 'teredo-server-replaces-the-headers-in-front-of-what-it-passes-on',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-14'],
    config: server(),
    from: 'v4',
    in: fromClient(join(nonceHeader(NONCE), origin('203.0.113.66:666'), bubble(CLIENT, PEER))),
    consumed: true,
    answers: toClient(datagram(SERVER, PEER_AT, join(origin(MAPPED), bubble(CLIENT, PEER)))),
  },
  {
    name: 'teredo-server-passes-on-128-octets',
    rfc: 'RFC 4380 7.4',
    rows: ['TRDO-SV-28'],
    config: server(),
    from: 'v4',
    in: fromClient(echoRequest({ src: CLIENT, dst: WEB }, 128)),
    out: echoRequest({ src: CLIENT, dst: WEB, hopLimit: 63 }, 128),
  },
  {
    name: 'teredo-server-receives-129-octets',
    rfc: 'RFC 4380 7.4',
    rows: ['TRDO-SV-28'],
    config: server(),
    from: 'v4',
    in: fromClient(echoRequest({ src: CLIENT, dst: WEB }, 129)),
    drop: 'too_big',
  },
  {
    name: 'teredo-server-receives-a-neighbor-solicitation-for-a-native-address',
    rfc: 'RFC 4861 7.1.1',
    rows: ['TRDO-SV-08'],
    config: server(),
    from: 'v4',
    in: fromClient(neighborSolicitation({ src: CLIENT, dst: WEB }, WEB)),
    drop: 'malformed_nd',
  },
];

/** Secure mode, RFC 4380 section 5.2.2: solicitations of who has the key. */
const name = new TextEncoder().encode(IDENTIFIER);
const f4 = payloadOf('teredo_rs_auth_hmac');
const VALUE = 4 + name.length;
const AFTER_VALUE = VALUE + 20;
const flipped = (at: number) => f4.with(at, f4[at] ^ 1);
const secureMode: readonly VectorCase[] = [
  {
    name: 'f4-a-server-in-secure-mode-signs-f7',
    rfc: 'RFC 4380 5.3.2',
    rows: ['TRDO-SV-23', 'TRDO-CL-23'],
    config: secure(),
    from: 'v4',
    in: packet('teredo_rs_auth_hmac'),
    consumed: true,
    answers: toClient(packet('teredo_ra_auth_hmac_origin')),
  },
  {
    name: 'teredo-server-in-secure-mode-passes-on-bubbles-of-anybody',
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-06'],
    config: secure(),
    from: 'v4',
    in: packet('teredo_indirect_bubble'),
    consumed: true,
    answers: toClient(packet('teredo_indirect_bubble_forwarded')),
  },
  ...(
    [
      ['no-authentication', payloadOf('teredo_rs_plain')],
      ['a-nonce-alone', payloadOf('teredo_rs_auth_nonce')],
      ['another-first-octet-of-the-value', flipped(VALUE)],
      ['another-last-octet-of-the-value', flipped(AFTER_VALUE - 1)],
      ['another-nonce', flipped(AFTER_VALUE)],
      ['another-confirmation', flipped(AFTER_VALUE + 8)],
      ['another-source', join(f4.slice(0, AFTER_VALUE + 9), solicitation('fe80::63bf:3f57:fef6'))],
      ['another-identifier', flipped(4)],
      ['a-shorter-identifier', signed(IDENTIFIER.slice(0, -1), SECRET, payloadOf('teredo_rs_plain'), NONCE)],
      ['another-key', signed(IDENTIFIER, `${SECRET}s`, payloadOf('teredo_rs_plain'), NONCE)],
      ['a-value-of-19-octets', join(f4.slice(0, 3), Uint8Array.of(19), f4.slice(4, AFTER_VALUE - 1), f4.slice(AFTER_VALUE))],
      ['a-value-without-an-identifier', signed('', SECRET, payloadOf('teredo_rs_plain'), NONCE)],
      ['an-origin-indication-that-is-not-signed', join(f4.slice(0, AFTER_VALUE + 9), origin(MAPPED), f4.slice(AFTER_VALUE + 9))],
    ] as const
  ).map(([what, payload]) => ({
    name: `teredo-server-in-secure-mode-receives-${what}`,
    rfc: 'RFC 4380 5.3.1',
    rows: ['TRDO-SV-05'],
    config: secure(),
    from: 'v4' as const,
    in: fromClient(payload),
    drop: 'unauthenticated' as const,
  })),
];

/** What a server or a client says, sent to the server by somebody else. */
const strays: readonly VectorCase[] = (
  [
    ['f5', 'teredo_ra_origin', MAPPED, 'special_ipv6'],
    ['f15', 'teredo_local_discovery', MAPPED, 'special_ipv6'],
    ['f19', 'teredo_client_opens_relay', PEER_AT, 'source_mismatch'],
    ['f20', 'teredo_ping_reply', SERVER, 'loop'],
    ['f21', 'teredo_data', PEER_AT, 'source_mismatch'],
    ['f24', 'teredo_direct_bubble_slr', RELAY_AT, 'source_mismatch'],
  ] as const
).map(([frame, of, from, drop]) => ({
  name: `${frame}-is-nothing-for-a-server`,
  rfc: 'RFC 4380 5.3.1',
  rows: ['TRDO-SV-08'],
  config: server(),
  from: 'v4',
  in: datagram(from, SERVER, payloadOf(of)),
  drop,
}));

const echoToItself: VectorCase = {
  name: 'teredo-server-receives-something-else-to-itself',
  rfc: 'RFC 4380 5.3.1',
  rows: ['TRDO-SV-09'],
  config: server(),
  from: 'v4',
  in: fromClient(icmp6({ src: CLIENT, dst: SERVER_LOCAL }, 129, 0, new Uint8Array(12))),
  drop: 'not_relayed',
};

/** All of them. */
export const servers: readonly VectorCase[] = [
  ...asked,
  ...answering,
  ...notRelayed,
  ...fromNowhere,
  ...fromThere,
  ...fromNobody,
  ...solicitations,
  ...refused,
  ...passedOn,
  ...passing,
  ...secureMode,
  ...strays,
  echoToItself,
];
