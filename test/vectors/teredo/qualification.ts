/** RFC 4380 sections 5.2.1, 5.2.2 and 5.2.5: how a client finds out what its address is, and whom it believes; frames 2 and 4 to 10. */
import type { DropName } from '../../../src/core/drop.js';
import { datagram, echoRequest, join } from '../compose.js';
import {
  AUTONOMOUS,
  malformations,
  mtuOption,
  neighborSolicitation,
  prefixOption,
  routerAdvertisement,
  routerSolicitation,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { nonceHeader, origin, payloadOf, signed, ZEROS } from './messages.js';
import {
  advertised,
  CLIENT,
  CLIENT_LOCAL,
  client,
  ELSEWHERE,
  IDENTIFIER,
  INSIDE,
  MAPPED,
  OTHER_SOCKET,
  PRIMARY,
  QUALIFIED,
  SECRET,
  SERVER,
  SERVER_LOCAL,
  secureClient,
  WEB,
} from './nodes.js';

const solicitation = routerSolicitation({ src: CLIENT_LOCAL, dst: 'ff02::2' });
/** What the client asks either address of its server. */
const asks = (server: string) => ({ to: 'v4' as const, octets: datagram(INSIDE, server, join(nonceHeader(), solicitation)) });
const primary = asks(SERVER);
const secondary = asks(OTHER_SOCKET);
const answer = (from: string, payload: Uint8Array) => datagram(from, INSIDE, payload);
/** Something that changes nothing. */
const STRAY = { from: 'v4' as const, in: datagram(SERVER, INSIDE, new Uint8Array(0)), drop: 'malformed_teredo' as const };

const asking: readonly VectorCase[] = [
  {
    name: 'f2-a-client-solicits-its-server-and-f6-is-its-answer',
    rfc: 'RFC 4380 5.2.1',
    rows: ['TRDO-CL-05', 'TRDO-CL-06', 'TRDO-CL-09', 'TRDO-CL-12', 'TRDO-CL-21', 'TRDO-CL-22', 'TRDO-AD-09', 'TRDO-EN-01', 'TRDO-EN-04'],
    config: client(),
    chance: 0,
    from: 'v4',
    in: answer(SERVER, join(nonceHeader(), payloadOf('teredo_ra_origin'))),
    consumed: true,
    says: [primary],
  },
  {
    name: 'teredo-client-that-was-answered-solicits-the-secondary-address',
    rfc: 'RFC 4380 5.2.1',
    rows: ['TRDO-CL-14', 'TRDO-CL-16'],
    config: client(),
    chance: 0,
    state: [QUALIFIED[0]],
    from: 'v4',
    in: advertised(OTHER_SOCKET),
    consumed: true,
    says: [primary, secondary],
  },
  {
    name: 'teredo-client-that-nobody-answers-solicits-three-times',
    rfc: 'RFC 4380 5.2.1',
    rows: ['TRDO-CL-07', 'TRDO-CL-19'],
    config: client(),
    chance: 0,
    now: 71_999,
    ...STRAY,
    says: [primary, primary, primary],
  },
  {
    name: 'teredo-client-that-nobody-answers-begins-anew-after-a-minute',
    rfc: 'RFC 4380 5.2.1',
    rows: ['TRDO-CL-19'],
    config: client(),
    chance: 0,
    now: 72_000,
    ...STRAY,
    says: [primary, primary, primary, primary],
  },
  {
    name: 'teredo-client-asks-its-next-server-when-the-first-one-is-silent',
    rfc: 'RFC 4380 7.3.5',
    rows: ['TRDO-CL-65'],
    config: client().replace(`server = "${PRIMARY}"`, `server = ["${PRIMARY}", "${ELSEWHERE}"]`),
    chance: 0,
    now: 12_000,
    ...STRAY,
    says: [primary, primary, primary, asks(`${ELSEWHERE}:3544`)],
  },
  {
    name: 'teredo-client-that-its-secondary-address-does-not-answer-does-not-qualify',
    rfc: 'RFC 4380 5.2.1',
    rows: ['TRDO-CL-17'],
    config: client(),
    chance: 0,
    state: [QUALIFIED[0]],
    now: 20_000,
    from: 'v4',
    in: datagram(SERVER, INSIDE, echoRequest({ src: WEB, dst: CLIENT })),
    drop: 'tunnel_down',
    says: [primary, secondary, secondary, secondary],
  },
  {
    name: 'teredo-client-keeps-its-mapping-when-its-server-was-silent',
    rfc: 'RFC 4380 5.2.5',
    rows: ['TRDO-CL-51', 'TRDO-CL-52'],
    config: client(),
    chance: 0,
    state: QUALIFIED,
    now: 22_500,
    from: 'v4',
    in: advertised(SERVER),
    consumed: true,
    says: [primary, secondary, primary],
  },
  {
    name: 'teredo-client-leaves-its-server-alone-for-less-than-that',
    rfc: 'RFC 4380 5.2.5',
    rows: ['TRDO-CL-52'],
    config: client(),
    chance: 0,
    state: QUALIFIED,
    now: 22_499,
    ...STRAY,
    says: [primary, secondary],
  },
  {
    name: 'teredo-client-asks-more-often-behind-a-nat-that-forgets-soon',
    rfc: 'RFC 4380 5.2',
    rows: ['TRDO-CL-52'],
    config: client('refresh-interval = 8'),
    chance: 0,
    state: QUALIFIED,
    now: 6000,
    ...STRAY,
    says: [primary, secondary, primary],
  },
];

/** An answer of the primary address that is none: without its authentication, which goes in front. */
const options = [prefixOption('2001:0:4136:e378::', AUTONOMOUS, 0xffffffff, 0xffffffff), mtuOption(1280)];
const plain = (src = SERVER_LOCAL, dst = CLIENT_LOCAL, ...more: readonly Uint8Array[]) =>
  routerAdvertisement({ src, dst }, { lifetime: 0xffff }, ...options, ...more);
const withPrefixes = (...prefixes: readonly Uint8Array[]) =>
  routerAdvertisement({ src: SERVER_LOCAL, dst: CLIENT_LOCAL }, { lifetime: 0xffff }, ...prefixes);
const seen = origin(MAPPED);
const prefix = (text: string, len = 64) => prefixOption(text, AUTONOMOUS, 0xffffffff, 0xffffffff, len);

const believed: readonly VectorCase[] = (
  [
    ['without-an-origin-indication', SERVER, join(nonceHeader(), plain()), 'malformed_teredo', 'CL-09'],
    ['without-a-prefix', SERVER, join(nonceHeader(), seen, withPrefixes(mtuOption(1280))), 'malformed_nd', 'CL-09'],
    [
      'with-two-prefixes',
      SERVER,
      join(nonceHeader(), seen, plain(SERVER_LOCAL, CLIENT_LOCAL, prefix('2001:0:4136:e378::'))),
      'malformed_nd',
      'CL-09',
    ],
    [
      'for-another-link-local-address',
      SERVER,
      join(nonceHeader(), seen, plain(SERVER_LOCAL, 'fe80::63bf:3fff:fdd2')),
      'destination_mismatch',
      'CL-09',
    ],
    ['for-all-nodes', SERVER, join(nonceHeader(), seen, plain(SERVER_LOCAL, 'ff02::1')), 'destination_mismatch', 'CL-09'],
    [
      'with-the-prefix-of-another-server',
      SERVER,
      join(nonceHeader(), seen, withPrefixes(prefix('2001:0:cb00:7178::'))),
      'foreign_server',
      'CL-10',
    ],
    [
      'with-the-prefix-of-its-secondary-address',
      SERVER,
      join(nonceHeader(), seen, withPrefixes(prefix('2001:0:4136:e379::'))),
      'foreign_server',
      'CL-10',
    ],
    ['with-a-native-prefix', SERVER, join(nonceHeader(), seen, withPrefixes(prefix('3fff:0:1::'))), 'foreign_server', 'CL-10'],
    ['with-the-old-prefix', SERVER, join(nonceHeader(), seen, withPrefixes(prefix('3ffe:831f:4136:e378::'))), 'foreign_server', 'AD-11'],
    ['with-a-prefix-of-32-bits', SERVER, join(nonceHeader(), seen, withPrefixes(prefix('2001::', 32))), 'foreign_server', 'CL-10'],
    ['from-a-global-address', SERVER, join(nonceHeader(), seen, plain(WEB)), 'malformed_nd', 'CL-11'],
    ['with-another-nonce', SERVER, join(nonceHeader('0000000000000001'), seen, plain()), 'nonce_mismatch', 'CL-20'],
    ['without-its-nonce', SERVER, join(seen, plain()), 'unauthenticated', 'CL-25'],
    ['from-the-secondary-address', OTHER_SOCKET, join(nonceHeader(), seen, plain()), 'foreign_server', 'CL-14'],
    ['from-another-port', '65.54.227.120:3545', join(nonceHeader(), seen, plain()), 'foreign_server', 'CL-14'],
    ['from-a-stranger', '203.0.113.120:3544', join(nonceHeader(), seen, plain()), 'foreign_server', 'CL-10'],
    ['that-sees-it-at-a-private-address', SERVER, join(nonceHeader(), origin('10.0.0.1:40000'), plain()), 'special_ipv4', 'AD-08'],
    ['that-sees-it-at-loopback', SERVER, join(nonceHeader(), origin('127.0.0.1:40000'), plain()), 'special_ipv4', 'AD-08'],
    ['that-sees-it-at-a-6to4-relay', SERVER, join(nonceHeader(), origin('192.88.99.1:40000'), plain()), 'special_ipv4', 'AD-12'],
    ['that-sees-it-at-a-group', SERVER, join(nonceHeader(), origin('224.0.0.1:40000'), plain()), 'special_ipv4', 'AD-08'],
    ['that-sees-it-at-port-0', SERVER, join(nonceHeader(), origin('192.0.2.45:0'), plain()), 'malformed_teredo', 'CL-12'],
  ] as const
).map(([name, from, payload, drop, row]) => ({
  name: `teredo-client-receives-an-advertisement-${name}`,
  rfc: row === 'CL-20' || row === 'CL-25' ? 'RFC 4380 5.2.2' : 'RFC 4380 5.2.1',
  rows: [`TRDO-${row}`],
  config: client(),
  chance: 0,
  from: 'v4',
  in: answer(from, payload),
  drop: drop as DropName,
  says: [primary],
}));

const discovery: readonly VectorCase[] = [
  ...malformations(16).map(([name, header, more]) => ({
    name: `teredo-client-receives-an-advertisement-with-${name}`,
    rfc: 'RFC 4861 6.1.2',
    rows: ['TRDO-CL-11'],
    config: client(),
    chance: 0 as const,
    from: 'v4' as const,
    in: answer(
      SERVER,
      join(
        nonceHeader(),
        seen,
        routerAdvertisement({ src: SERVER_LOCAL, dst: CLIENT_LOCAL, ...header }, { lifetime: 0xffff }, ...options, ...more),
      ),
    ),
    drop: 'malformed_nd' as const,
  })),
  {
    name: 'teredo-client-receives-an-answer-twice',
    rfc: 'RFC 4380 5.2.2',
    rows: ['TRDO-CL-20'],
    config: client(),
    chance: 0,
    state: QUALIFIED,
    from: 'v4',
    in: advertised(OTHER_SOCKET),
    drop: 'nonce_mismatch',
  },
  {
    name: 'teredo-client-receives-a-solicitation',
    rfc: 'RFC 4861 6.1.1',
    rows: ['TRDO-CL-63'],
    config: client(),
    chance: 0,
    state: QUALIFIED,
    from: 'v4',
    in: answer(SERVER, solicitation),
    drop: 'malformed_nd',
  },
  {
    name: 'teredo-client-receives-a-neighbor-solicitation',
    rfc: 'RFC 4861 7.1.1',
    rows: ['TRDO-CL-63'],
    config: client(),
    chance: 0,
    state: QUALIFIED,
    from: 'v4',
    in: answer(SERVER, neighborSolicitation({ src: WEB, dst: CLIENT }, CLIENT)),
    drop: 'malformed_nd',
  },
];

/** Secure mode: F4 is answered by F7, and by nothing else. */
const asksSigned = { to: 'v4' as const, octets: datagram(INSIDE, SERVER, signed(IDENTIFIER, SECRET, solicitation)) };
const origined = payloadOf('teredo_ra_origin');
const secureMode: readonly VectorCase[] = [
  {
    name: 'f4-a-client-in-secure-mode-signs-and-takes-f7',
    rfc: 'RFC 4380 5.2.2',
    rows: ['TRDO-CL-02', 'TRDO-CL-23'],
    config: secureClient(),
    chance: 0,
    from: 'v4',
    in: answer(SERVER, signed(IDENTIFIER, SECRET, origined)),
    consumed: true,
    says: [asksSigned],
  },
  {
    name: 'f8-a-client-whose-key-is-refused-asks-that-server-no-more-for-a-while',
    rfc: 'RFC 4380 5.2.2',
    rows: ['TRDO-CL-22'],
    config: secureClient(),
    chance: 0,
    state: [{ from: 'v4', in: answer(SERVER, signed(IDENTIFIER, SECRET, origined, ZEROS, 1)) }],
    now: 59_999,
    ...STRAY,
    says: [asksSigned],
  },
  ...(
    [
      ['f5', origined, 'unauthenticated', 'CL-25'],
      ['f6', join(nonceHeader(), origined), 'unauthenticated', 'CL-25'],
      ['f7-with-another-nonce', signed(IDENTIFIER, SECRET, origined, '0000000000000001'), 'nonce_mismatch', 'CL-20'],
      ['f7-by-another-key', signed(IDENTIFIER, `${SECRET}s`, origined), 'unauthenticated', 'CL-23'],
      ['f7-with-another-identifier', signed('client-8', SECRET, origined), 'unauthenticated', 'CL-24'],
      ['f7-without-an-identifier', signed('', SECRET, origined), 'unauthenticated', 'CL-24'],
      ['f7-with-another-origin', altered(signed(IDENTIFIER, SECRET, origined)), 'unauthenticated', 'CL-23'],
    ] as const
  ).map(([name, payload, drop, row]) => ({
    name: `teredo-client-in-secure-mode-receives-${name}`,
    rfc: 'RFC 4380 5.2.2',
    rows: [`TRDO-${row}`],
    config: secureClient(),
    chance: 0 as const,
    from: 'v4' as const,
    in: answer(SERVER, payload),
    drop: drop as DropName,
  })),
];

/** A signed answer whose origin indication names another port. */
function altered(payload: Uint8Array): Uint8Array {
  const at = payload.length - origined.length + 3;
  return payload.with(at, payload[at] ^ 1);
}

/** All of them. */
export const qualifications: readonly VectorCase[] = [...asking, ...believed, ...discovery, ...secureMode];
