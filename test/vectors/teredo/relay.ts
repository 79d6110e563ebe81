/** RFC 4380 section 5.4: what a relay sends to clients, and takes from them; frames 17, 19 and 20 of the shared capture. */
import type { DropName } from '../../../src/core/drop.js';
import { packet } from '../../wire/vectors.js';
import { datagram, echoReply, echoRequest, hex, ipv4, ipv6, join, Next, timeExceeded6, tooBig6, udp6 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { bubble, nonceTrailer, payloadOf, teredo } from './messages.js';
import {
  relays as both,
  CLIENT,
  ELSEWHERE,
  FOREIGN_PEER,
  HIDDEN_RELAY_AT,
  hiddenRelay,
  MAPPED,
  PEER,
  PEER_AT,
  PRIMARY,
  RELAY,
  RELAY_AT,
  relay,
  SERVER,
  WEB,
} from './nodes.js';

const SYMMETRIC = '192.0.2.45:40001';
const fromClient = (payload: Uint8Array, from = MAPPED) => datagram(from, RELAY_AT, payload);
const toClient = (payload: Uint8Array, to = MAPPED) => datagram(RELAY_AT, to, payload);
/** The relay asks a client, by its server, for a bubble: F17, with a nonce for clients of RFC 6081. */
const asks = (dst = CLIENT, by = SERVER) => ({
  to: 'v4' as const,
  octets: datagram(RELAY_AT, by, join(bubble(RELAY, dst), nonceTrailer())),
});
const request = echoRequest({ src: WEB, dst: CLIENT });
const reply = echoReply({ src: CLIENT, dst: WEB });
const waiting = { from: 'v6' as const, in: request };
/** The client has opened its NAT. */
const OPENED = [{ from: 'v4' as const, in: packet('teredo_client_opens_relay') }];

const meeting: readonly VectorCase[] = [
  {
    name: 'f17-a-relay-asks-a-client-for-a-bubble',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-06', 'TRDO-RL-08', 'TRDO-RL-16', 'TRDO-EN-11', 'TRDO-EN-18'],
    config: relay(),
    chance: 0,
    ...waiting,
    held: true,
    answers: [asks()],
  },
  {
    name: 'f19-opens-the-way-for-what-waits-at-a-relay',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-04', 'TRDO-RL-08', 'TRDO-RL-12'],
    config: relay(),
    state: [waiting],
    from: 'v4',
    in: packet('teredo_client_opens_relay'),
    consumed: true,
    answers: [{ to: 'v4', octets: toClient(request) }],
  },
  {
    name: 'f20-a-relay-sends-straight-to-a-client-that-it-has-heard',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-04', 'TRDO-RL-14', 'TRDO-EN-20'],
    config: relay(),
    state: OPENED,
    from: 'v6',
    in: payloadOf('teredo_ping_reply'),
    out: packet('teredo_ping_reply'),
  },
  {
    name: 'teredo-relay-asks-once-for-several-packets',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-08'],
    config: relay(),
    state: [waiting],
    ...waiting,
    held: true,
  },
  {
    name: 'teredo-relay-holds-three-packets-and-no-fourth',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-08'],
    config: relay(),
    state: [waiting, waiting, waiting],
    ...waiting,
    drop: 'queue_full',
  },
  {
    name: 'teredo-relay-waits-for-eight-seconds',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-06'],
    config: relay(),
    state: [waiting],
    now: 7999,
    ...waiting,
    held: true,
  },
  {
    name: 'teredo-relay-gives-up-after-eight-seconds-and-asks-anew',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-07'],
    config: relay(),
    chance: 0,
    state: [waiting],
    now: 8000,
    ...waiting,
    held: true,
    answers: [asks()],
  },
  {
    name: 'teredo-relay-does-not-believe-the-cone-flag',
    rfc: 'RFC 5991 3.2',
    rows: ['TRDO-RL-05'],
    config: relay(),
    chance: 0,
    from: 'v6',
    in: echoRequest({ src: WEB, dst: teredo(PRIMARY, MAPPED, 0x8000) }),
    held: true,
    answers: [asks(teredo(PRIMARY, MAPPED, 0x8000))],
  },
  {
    name: 'teredo-relay-asks-the-client-of-another-server-by-that-one',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-06'],
    config: relay(),
    chance: 0,
    from: 'v6',
    in: echoRequest({ src: WEB, dst: FOREIGN_PEER }),
    held: true,
    answers: [asks(FOREIGN_PEER, `${ELSEWHERE}:3544`)],
  },
  {
    name: 'teredo-relay-takes-addresses-that-differ-in-their-flags-for-two-clients',
    rfc: 'RFC 5991 3.1',
    rows: ['TRDO-AD-07'],
    config: relay(),
    chance: 0,
    state: OPENED,
    from: 'v6',
    in: echoRequest({ src: WEB, dst: teredo(PRIMARY, MAPPED, 0x3cf1) }),
    held: true,
    answers: [asks(teredo(PRIMARY, MAPPED, 0x3cf1))],
  },
  {
    name: 'teredo-relay-trusts-a-client-that-it-heard-less-than-thirty-seconds-ago',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-04'],
    config: relay(),
    state: OPENED,
    now: 29_999,
    ...waiting,
    out: toClient(request),
  },
  {
    name: 'teredo-relay-asks-a-client-that-was-silent-for-thirty-seconds',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-06'],
    config: relay(),
    chance: 0,
    state: OPENED,
    now: 30_000,
    ...waiting,
    held: true,
    answers: [asks()],
  },
  {
    name: 'teredo-relay-is-kept-open-by-data-as-by-bubbles',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-12'],
    config: relay(),
    state: [...OPENED, { now: 20_000, from: 'v4', in: fromClient(reply) }],
    now: 45_000,
    ...waiting,
    out: toClient(request),
  },
];

/** A client behind a symmetric NAT has shown the nonce, RFC 6081 section 5.2.4: it is where it did so. */
const shown = (trailers: Uint8Array = nonceTrailer()) => ({
  from: 'v4' as const,
  in: fromClient(join(bubble(CLIENT, RELAY), trailers), SYMMETRIC),
});
const nonces: readonly VectorCase[] = [
  ...(
    [
      ['the-nonce', nonceTrailer(), 'RL-10'],
      ['the-nonce-behind-a-trailer-that-is-passed-over', join(hex('8102ffff0b00c100'), nonceTrailer()), 'EN-09'],
      ['the-nonce-in-front-of-half-a-trailer', join(nonceTrailer(), hex('0502c8')), 'EN-10'],
    ] as const
  ).map(([name, trailers, row]) => ({
    name: `teredo-relay-receives-a-bubble-from-elsewhere-with-${name}`,
    rfc: 'RFC 6081 5.2.4.4',
    rows: [`TRDO-${row}`],
    config: relay(),
    chance: 0 as const,
    state: [waiting],
    ...shown(trailers),
    consumed: true as const,
    answers: [{ to: 'v4' as const, octets: toClient(request, SYMMETRIC) }],
  })),
  {
    name: 'teredo-relay-receives-data-from-where-a-client-has-shown-the-nonce',
    rfc: 'RFC 6081 5.2.4.4',
    rows: ['TRDO-RL-10'],
    config: relay(),
    chance: 0,
    state: [waiting, shown()],
    from: 'v4',
    in: fromClient(reply, SYMMETRIC),
    out: reply,
  },
  {
    name: 'teredo-relay-sends-to-where-a-client-has-shown-the-nonce',
    rfc: 'RFC 6081 5.2.4.4',
    rows: ['TRDO-RL-04'],
    config: relay(),
    chance: 0,
    state: [waiting, shown()],
    now: 29_999,
    ...waiting,
    out: toClient(request, SYMMETRIC),
  },
  {
    name: 'teredo-relay-receives-data-from-elsewhere-than-where-a-client-has-shown-the-nonce',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-10'],
    config: relay(),
    chance: 0,
    state: [waiting, shown()],
    from: 'v4',
    in: fromClient(reply, '192.0.2.45:40002'),
    drop: 'source_mismatch',
  },
  {
    name: 'teredo-relay-receives-data-instead-of-the-nonce',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-11'],
    config: relay(),
    chance: 0,
    state: [waiting],
    from: 'v4',
    in: fromClient(join(reply, nonceTrailer()), SYMMETRIC),
    drop: 'source_mismatch',
  },
  {
    name: 'teredo-relay-receives-a-nonce-that-it-has-sent-to-nobody',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-10'],
    config: relay(),
    chance: 0,
    ...shown(),
    drop: 'source_mismatch',
  },
  {
    name: 'teredo-relay-receives-the-nonce-after-it-has-given-up',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-07'],
    config: relay(),
    chance: 0,
    state: [waiting],
    now: 8000,
    ...shown(),
    drop: 'source_mismatch',
  },
];

/** A relay behind a NAT, and one that has another tunnel beside it. */
const situated: readonly VectorCase[] = [
  {
    name: 'teredo-relay-behind-a-nat-asks-by-a-pair-of-bubbles',
    rfc: 'RFC 4380 5.4.1',
    rows: ['TRDO-RL-09'],
    config: hiddenRelay(),
    chance: 0,
    ...waiting,
    held: true,
    answers: [
      { to: 'v4', octets: datagram(HIDDEN_RELAY_AT, SERVER, join(bubble(RELAY, CLIENT), nonceTrailer())) },
      { to: 'v4', octets: datagram(HIDDEN_RELAY_AT, MAPPED, bubble(RELAY, CLIENT)) },
    ],
  },
  ...(
    [
      ['of-a-client-for-a-6to4-site', CLIENT, '2002:c000:201::1', null],
      ['of-a-client-for-itself-in-6to4', CLIENT, '2002:cb00:71c8::9', 'loop'],
      ['of-a-client-for-itself-in-isatap', CLIENT, '3fff:15::200:5efe:cb00:71c8', 'loop'],
    ] as const
  ).map(([name, src, dst, drop]) => ({
    name: `teredo-and-6to4-relay-receives-data-${name}`,
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-05', 'TRDO-RL-18'],
    config: both(),
    from: 'v4' as const,
    in: fromClient(echoRequest({ src, dst })),
    ...(drop === null ? { out: echoRequest({ src, dst }) } : { drop: drop as DropName }),
  })),
  ...(
    [
      ['of-a-6to4-site-for-a-client', '2002:c000:201::1', CLIENT, null],
      ['of-a-6to4-site-for-itself-in-teredo', '2002:c000:201::1', teredo(PRIMARY, RELAY_AT), 'loop'],
      ['of-a-6to4-site-for-itself-at-another-port-and-server', '2002:c000:201::1', teredo(ELSEWHERE, '203.0.113.200:9'), 'loop'],
    ] as const
  ).map(([name, src, dst, drop]) => ({
    name: `teredo-and-6to4-relay-receives-data-${name}`,
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-05', 'TRDO-RL-18'],
    config: both(),
    from: 'v4' as const,
    in: ipv4({ src: '192.0.2.1', dst: '203.0.113.200' }, echoRequest({ src, dst })),
    ...(drop === null ? { out: echoRequest({ src, dst }) } : { drop: drop as DropName }),
  })),
  {
    name: 'teredo-and-6to4-relay-sends-data-of-itself-in-6to4-for-a-client',
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-04', 'TRDO-RL-18'],
    config: both(),
    from: 'v6',
    in: echoRequest({ src: '2002:cb00:71c8::9', dst: CLIENT }),
    drop: 'loop',
  },
];

/** To whom nothing goes, by both ends. */
const refusedV6: readonly VectorCase[] = (
  [
    ['for-a-native-address', WEB, '3fff:0:2::1', 'no_endpoint', 'RL-02'],
    ['for-an-address-of-the-old-prefix', WEB, '3ffe:831f:4136:e378:0:63bf:3fff:fdd2', 'no_endpoint', 'AD-11'],
    ['for-a-client-at-port-0', WEB, teredo(PRIMARY, '192.0.2.45:0'), 'no_endpoint', 'RL-03'],
    ['for-a-client-at-a-private-address', WEB, teredo(PRIMARY, '10.0.0.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-172-16-0-0', WEB, teredo(PRIMARY, '172.16.0.0:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-172-31-255-255', WEB, teredo(PRIMARY, '172.31.255.255:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-192-168', WEB, teredo(PRIMARY, '192.168.0.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-in-shared-space', WEB, teredo(PRIMARY, '100.64.0.1:40000'), 'special_ipv4', 'AD-13'],
    ['for-a-client-at-a-link-local-address', WEB, teredo(PRIMARY, '169.254.1.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-a-6to4-relay', WEB, teredo(PRIMARY, '192.88.99.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-whose-server-is-a-6to4-relay', WEB, teredo('192.88.99.1', MAPPED), 'special_ipv4', 'CL-45'],
    ['for-a-client-at-loopback', WEB, teredo(PRIMARY, '127.0.0.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-this-network', WEB, teredo(PRIMARY, '0.0.0.1:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-the-discovery-group', WEB, teredo(PRIMARY, '224.0.0.253:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-in-reserved-space', WEB, teredo(PRIMARY, '240.0.0.1:40000'), 'special_ipv4', 'AD-13'],
    ['for-a-client-at-the-limited-broadcast-address', WEB, teredo(PRIMARY, '255.255.255.255:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-at-the-broadcast-address-of-its-subnet', WEB, teredo(PRIMARY, '203.0.113.255:40000'), 'special_ipv4', 'RL-03'],
    ['for-a-client-whose-server-is-at-loopback', WEB, teredo('127.0.0.1', MAPPED), 'special_ipv4', 'CL-45'],
    ['for-a-client-whose-server-is-at-a-private-address', WEB, teredo('10.0.0.1', MAPPED), 'special_ipv4', 'CL-45'],
    ['for-a-client-whose-server-is-a-group', WEB, teredo('224.0.0.253', MAPPED), 'special_ipv4', 'CL-45'],
    ['for-a-client-at-the-relay', WEB, teredo(PRIMARY, RELAY_AT), 'loop', 'RL-18'],
    ['for-a-client-at-another-port-of-the-relay', WEB, teredo(PRIMARY, '203.0.113.200:3544'), 'loop', 'RL-18'],
    ['from-its-own-6to4-address', '2002:cb00:71c8::1', CLIENT, 'loop', 'RL-18'],
    ['from-another-client', PEER, CLIENT, 'source_mismatch', 'RL-13'],
    ['from-no-address', '::', CLIENT, 'special_ipv6', 'RL-02'],
    ['from-a-link-local-address', 'fe80::1', CLIENT, 'special_ipv6', 'RL-02'],
    ['from-a-group', 'ff02::1', CLIENT, 'special_ipv6', 'RL-02'],
    ['for-a-group', WEB, 'ff02::1', 'special_ipv6', 'RL-02'],
  ] as const
).map(([name, src, dst, drop, row]) => ({
  name: `teredo-relay-sends-${name}`,
  rfc: drop === 'loop' ? 'RFC 6324 3.3' : 'RFC 4380 5.4.1',
  rows: [`TRDO-${row}`],
  config: relay(),
  from: 'v6',
  in: echoRequest({ src, dst }),
  drop,
}));

/** From whom nothing is taken: the outer source, and both inner ends. */
const refusedV4: readonly VectorCase[] = (
  [
    ['from-another-address-than-its-own', '198.51.100.45:40000', CLIENT, WEB, 'source_mismatch', 'RL-10'],
    ['from-another-port-than-its-own', SYMMETRIC, CLIENT, WEB, 'source_mismatch', 'RL-10'],
    ['from-a-port-that-is-not-inverted', MAPPED, '2001:0:4136:e378:0:9c40:3fff:fdd2', WEB, 'source_mismatch', 'RL-10'],
    ['from-a-native-address', MAPPED, WEB, RELAY, 'source_mismatch', 'RL-10'],
    ['from-a-link-local-address', MAPPED, 'fe80::63bf:3fff:fdd2', WEB, 'source_mismatch', 'RL-10'],
    ['from-a-group', MAPPED, 'ff02::1', WEB, 'source_mismatch', 'EN-23'],
    ['from-no-address', MAPPED, '::', WEB, 'source_mismatch', 'RL-10'],
    ['from-an-address-of-the-old-prefix', MAPPED, '3ffe:831f:4136:e378:0:63bf:3fff:fdd2', WEB, 'source_mismatch', 'AD-11'],
    ['from-itself', RELAY_AT, teredo(PRIMARY, RELAY_AT), WEB, 'loop', 'RL-18'],
    ['from-another-port-of-its-own', '203.0.113.200:40000', teredo(PRIMARY, '203.0.113.200:40000'), WEB, 'loop', 'RL-18'],
    ['for-another-client', MAPPED, CLIENT, PEER, 'destination_mismatch', 'RL-13'],
    ['for-itself-as-a-client', MAPPED, CLIENT, teredo(PRIMARY, RELAY_AT), 'destination_mismatch', 'RL-13'],
    ['for-its-own-6to4-address', MAPPED, CLIENT, '2002:cb00:71c8::1', 'loop', 'RL-18'],
    ['for-its-own-isatap-address', MAPPED, CLIENT, '3fff:15::5efe:cb00:71c8', 'loop', 'RL-18'],
    ['for-no-address', MAPPED, CLIENT, '::', 'special_ipv6', 'RL-13'],
    ['for-loopback', MAPPED, CLIENT, '::1', 'special_ipv6', 'RL-13'],
    ['for-a-link-local-address', MAPPED, CLIENT, 'fe80::1', 'special_ipv6', 'RL-13'],
    ['for-a-site-local-address', MAPPED, CLIENT, 'fec0::1', 'special_ipv6', 'RL-13'],
    ['for-all-nodes', MAPPED, CLIENT, 'ff02::1', 'special_ipv6', 'CL-64'],
    ['for-a-group-of-the-whole-world', MAPPED, CLIENT, 'ff0e::101', 'special_ipv6', 'CL-64'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => ({
  name: `teredo-relay-receives-${name}`,
  rfc: drop === 'loop' ? 'RFC 6324 3.3' : 'RFC 4380 5.4.2',
  rows: [`TRDO-${row}`],
  config: relay(),
  from: 'v4',
  in: fromClient(echoRequest({ src, dst }), outer),
  drop,
}));

/** Clients at addresses that nobody has. */
const fromNowhere: readonly VectorCase[] = [
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.1.1',
  '172.16.0.0',
  '172.31.255.255',
  '192.168.0.1',
  '192.88.99.1',
  '224.0.0.253',
  '240.0.0.1',
  '203.0.113.255',
].map((addr) => ({
  name: `teredo-relay-receives-from-a-client-at-${addr.replaceAll('.', '-')}`,
  rfc: 'RFC 4380 5.2.4',
  rows: [addr.startsWith('100') || addr.startsWith('240') ? 'TRDO-AD-13' : 'TRDO-AD-12'],
  config: relay(),
  from: 'v4',
  in: fromClient(echoRequest({ src: teredo(PRIMARY, `${addr}:40000`), dst: WEB }), `${addr}:40000`),
  drop: 'special_ipv4',
}));

/** What is taken of a client that is where its address says. */
const taken: readonly VectorCase[] = (
  [
    ['from-a-client', CLIENT, MAPPED, 'RL-10'],
    ['from-a-client-of-another-server', FOREIGN_PEER, PEER_AT, 'RL-10'],
    ['from-a-client-with-random-flags', PEER, PEER_AT, 'SV-30'],
    ['from-a-client-with-all-flags', teredo(PRIMARY, MAPPED, 0xffff), MAPPED, 'AD-03'],
  ] as const
).map(([name, src, outer, row]) => ({
  name: `teredo-relay-receives-${name}`,
  rfc: 'RFC 4380 5.4.2',
  rows: [`TRDO-${row}`],
  config: relay(),
  from: 'v4',
  in: fromClient(echoRequest({ src, dst: WEB }), outer),
  out: echoRequest({ src, dst: WEB }),
}));

/** A bubble from a client that was asked, from where it is not: with trailers behind it. */
const elsewhere: readonly VectorCase[] = (
  [
    ['nothing', new Uint8Array(0), 'source_mismatch', 'RL-10'],
    ['another-nonce', nonceTrailer('deadbeef'), 'nonce_mismatch', 'RL-10'],
    ['half-a-nonce', hex('01040000'), 'source_mismatch', 'EN-10'],
    ['one-octet', hex('01'), 'source_mismatch', 'EN-10'],
    ['a-trailer-that-discards-the-packet', hex('4100'), 'malformed_teredo', 'EN-09'],
    ['another-nonce-behind-a-trailer-that-is-passed-over', join(hex('0b00'), nonceTrailer('deadbeef')), 'nonce_mismatch', 'EN-09'],
    [
      'another-nonce-behind-a-longer-trailer-that-is-passed-over',
      join(hex('8102ffff'), nonceTrailer('deadbeef')),
      'nonce_mismatch',
      'EN-08',
    ],
    ['another-nonce-behind-a-trailer-of-11', join(hex('c100'), nonceTrailer('deadbeef')), 'nonce_mismatch', 'EN-09'],
    ['another-nonce-in-front-of-half-a-trailer', join(nonceTrailer('deadbeef'), hex('0502')), 'nonce_mismatch', 'EN-10'],
    ['a-nonce-of-another-length', hex('0105deadbeef00'), 'source_mismatch', 'EN-11'],
  ] as const
).map(([name, trailers, drop, row]) => ({
  name: `teredo-relay-receives-a-bubble-from-elsewhere-with-${name}`,
  rfc: row.startsWith('EN') ? 'RFC 6081 5.1.2' : 'RFC 4380 5.4.2',
  rows: [`TRDO-${row}`],
  config: relay(),
  state: [waiting],
  from: 'v4',
  in: fromClient(join(bubble(CLIENT, RELAY), trailers), SYMMETRIC),
  drop: drop as DropName,
}));

const headers: readonly VectorCase[] = [
  {
    name: 'teredo-relay-receives-trailers-and-cuts-them-off',
    rfc: 'RFC 6081 4',
    rows: ['TRDO-EN-07'],
    config: relay(),
    from: 'v4',
    in: fromClient(join(reply, nonceTrailer('deadbeef'))),
    out: reply,
  },
  {
    name: 'teredo-relay-receives-a-bubble-of-a-client-that-it-did-not-ask',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-12', 'TRDO-EN-17'],
    config: relay(),
    from: 'v4',
    in: fromClient(bubble(CLIENT, RELAY)),
    consumed: true,
  },
  {
    name: 'teredo-relay-receives-hop-limit-1-and-answers-from-its-identity',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29'],
    config: relay(),
    from: 'v4',
    in: fromClient(udp6({ src: CLIENT, dst: WEB, hopLimit: 1 })),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: toClient(timeExceeded6(RELAY, udp6({ src: CLIENT, dst: WEB, hopLimit: 1 }))) }],
  },
  {
    name: 'teredo-relay-receives-its-own-identity-as-a-source',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-10'],
    config: relay(),
    from: 'v4',
    in: fromClient(echoRequest({ src: RELAY, dst: WEB })),
    drop: 'source_mismatch',
  },
  {
    name: 'teredo-relay-receives-a-routing-header-of-type-0',
    rfc: 'RFC 5095 3',
    rows: ['SEC-16'],
    config: relay(),
    from: 'v4',
    in: fromClient(ipv6({ src: CLIENT, dst: WEB }, Next.routing, join(hex('3b02000100000000'), new Uint8Array(16)))),
    drop: 'source_routing',
  },
  {
    name: 'teredo-relay-sends-1280-octets',
    rfc: 'RFC 4380 5.1.2',
    rows: ['TRDO-EN-19'],
    config: relay(),
    state: OPENED,
    from: 'v6',
    in: udp6({ src: WEB, dst: CLIENT }, 1280),
    out: toClient(udp6({ src: WEB, dst: CLIENT }, 1280)),
  },
  {
    name: 'teredo-relay-sends-1281-octets',
    rfc: 'RFC 4380 5.1.2',
    rows: ['TRDO-EN-19'],
    config: relay(),
    state: OPENED,
    from: 'v6',
    in: udp6({ src: WEB, dst: CLIENT }, 1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(RELAY, 1280, udp6({ src: WEB, dst: CLIENT }, 1281)) }],
  },
  {
    name: 'teredo-relay-sends-1281-octets-to-a-client-that-it-has-not-heard',
    rfc: 'RFC 4380 5.1.2',
    rows: ['TRDO-EN-19'],
    config: relay(),
    from: 'v6',
    in: udp6({ src: WEB, dst: CLIENT }, 1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(RELAY, 1280, udp6({ src: WEB, dst: CLIENT }, 1281)) }],
  },
  {
    name: 'teredo-relay-clears-the-outer-ecn',
    rfc: 'RFC 9601 6.1.3',
    rows: ['TRDO-EN-22'],
    config: relay(),
    state: OPENED,
    from: 'v6',
    in: udp6({ src: WEB, dst: CLIENT, trafficClass: 3 }),
    out: toClient(udp6({ src: WEB, dst: CLIENT, trafficClass: 3 })),
  },
  {
    name: 'teredo-relay-sends-a-packet-cut-by-one-octet',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-06'],
    config: relay(),
    from: 'v6',
    in: request.slice(0, -1),
    drop: 'truncated',
  },
  {
    name: 'teredo-relay-sends-an-ipv4-packet',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-07'],
    config: relay(),
    from: 'v6',
    in: packet('teredo_data'),
    drop: 'not_ipv6',
  },
  {
    name: 'f2-is-nothing-for-a-relay',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-10'],
    config: relay(),
    from: 'v4',
    in: fromClient(payloadOf('teredo_rs_auth_nonce')),
    drop: 'source_mismatch',
  },
  {
    name: 'f13-is-nothing-for-a-relay',
    rfc: 'RFC 4380 5.4.2',
    rows: ['TRDO-RL-10'],
    config: relay(),
    from: 'v4',
    in: datagram(SERVER, RELAY_AT, payloadOf('teredo_indirect_bubble_forwarded')),
    drop: 'source_mismatch',
  },
];

/** All of them. */
export const relays: readonly VectorCase[] = [
  ...meeting,
  ...nonces,
  ...situated,
  ...taken,
  ...refusedV6,
  ...refusedV4,
  ...fromNowhere,
  ...elsewhere,
  ...headers,
];
