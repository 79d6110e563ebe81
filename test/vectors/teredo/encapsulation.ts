/** RFC 4380 section 5.1.1: what is no Teredo message, for every role alike; and what the IPv4 stack hands to a socket. */
import type { DropName } from '../../../src/core/drop.js';
import { datagram, echoRequest, hex, ipv4, join } from '../compose.js';
import { routerSolicitation } from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { nonceHeader, origin } from './messages.js';
import { CLIENT, CLIENT_LOCAL, client, INSIDE, MAPPED, PEER_AT, RELAY_AT, relay, SERVER, server, WEB } from './nodes.js';

const NONCE = '0123456789abcdef';
const authentication = nonceHeader(NONCE);
const seen = origin(PEER_AT);

/** Payloads that are no messages, with `inner` in them where there is room for it. */
function malformed(inner: Uint8Array): readonly (readonly [name: string, drop: DropName, row: string, payload: Uint8Array])[] {
  const version = (nibble: number) => join(Uint8Array.of((nibble << 4) | (inner[0] & 15)), inner.slice(1));
  return [
    ['nothing', 'malformed_teredo', '02', new Uint8Array(0)],
    ['one-octet', 'malformed_teredo', '02', hex('00')],
    ['an-ipv4-packet', 'malformed_teredo', '02', ipv4({ src: '192.0.2.45', dst: '198.51.100.118' }, inner)],
    ['an-inner-version-of-5', 'malformed_teredo', '23', version(5)],
    ['an-inner-version-of-7', 'malformed_teredo', '23', version(7)],
    ['an-indicator-of-2', 'malformed_teredo', '02', join(hex('0002'), authentication.slice(2), inner)],
    ['an-indicator-of-256', 'malformed_teredo', '02', join(hex('0100'), authentication.slice(2), inner)],
    ['an-origin-indication-of-seven-octets', 'malformed_teredo', '03', seen.slice(0, 7)],
    ['an-origin-indication-and-nothing', 'malformed_teredo', '03', seen],
    ['two-origin-indications', 'malformed_teredo', '06', join(seen, seen, inner)],
    ['two-authentications', 'malformed_teredo', '06', join(authentication, authentication, inner)],
    ['an-origin-indication-before-an-authentication', 'malformed_teredo', '05', join(seen, authentication, inner)],
    ['an-authentication-between-two-origin-indications', 'malformed_teredo', '06', join(seen, authentication, seen, inner)],
    ['an-authentication-of-three-octets', 'malformed_teredo', '04', authentication.slice(0, 3)],
    ['an-authentication-that-ends-in-its-nonce', 'malformed_teredo', '04', authentication.slice(0, 11)],
    ['an-authentication-without-its-confirmation', 'malformed_teredo', '04', authentication.slice(0, 12)],
    ['an-authentication-and-nothing', 'malformed_teredo', '04', authentication],
    ['an-identifier-beyond-the-end', 'malformed_teredo', '06', join(hex(`0001ff00${NONCE}00`), inner)],
    ['a-value-beyond-the-end', 'malformed_teredo', '06', join(hex(`000100ff${NONCE}00`), inner)],
    ['an-identifier-one-octet-too-long', 'malformed_teredo', '06', join(hex(`00010100${NONCE}00`), inner)],
    ['one-octet-of-ipv6', 'truncated', '23', inner.slice(0, 1)],
    ['an-ipv6-header-cut-by-one-octet', 'truncated', '23', inner.slice(0, 39)],
    ['a-packet-cut-by-one-octet', 'truncated', '07', inner.slice(0, -1)],
    ['both-headers-and-half-an-ipv6-header', 'truncated', '23', join(authentication, seen, inner.slice(0, 20))],
  ];
}

const solicitation = routerSolicitation({ src: CLIENT_LOCAL, dst: 'ff02::2' });
const data = echoRequest({ src: CLIENT, dst: WEB });

/** Who is shown them: the role, its configuration, both ends, and a packet that it would have a use for. */
const SHOWN = [
  ['server', server(), MAPPED, SERVER, solicitation],
  ['relay', relay(), MAPPED, RELAY_AT, data],
  ['client', client(), SERVER, INSIDE, echoRequest({ src: WEB, dst: CLIENT })],
] as const;

const messages: readonly VectorCase[] = SHOWN.flatMap(([role, config, from, to, inner]) =>
  malformed(inner).map(([name, drop, row, payload]) => ({
    name: `teredo-${role}-receives-${name}`,
    rfc: role === 'server' ? 'RFC 4380 5.3.1' : 'RFC 4380 5.1.1',
    rows: [`TRDO-EN-${row}`, ...(role === 'server' ? ['TRDO-SV-02'] : [])],
    config,
    from: 'v4',
    in: datagram(from, to, payload),
    drop,
  })),
);

const datagrams: readonly VectorCase[] = [
  {
    name: 'teredo-relay-receives-a-datagram-without-a-checksum',
    rfc: 'RFC 768',
    rows: ['TRDO-EN-21'],
    config: relay(),
    from: 'v4',
    in: datagram(MAPPED, RELAY_AT, data, { checksum: 0 }),
    out: data,
  },
  ...(
    [
      ['a-wrong-udp-checksum', datagram(MAPPED, RELAY_AT, data, { checksum: 1 }), 'RFC 1122 4.1.3.4', 'TRDO-EN-21'],
      ['a-udp-length-beyond-the-end', datagram(MAPPED, RELAY_AT, data, { udpLen: 9 + data.length }), 'RFC 768', 'TRDO-EN-21'],
      ['a-datagram-for-another-port', datagram(MAPPED, RELAY_AT.replace('3545', '3544'), data), 'RFC 4380 5.4', 'TRDO-RL-16'],
      ['a-datagram-for-another-host', datagram(MAPPED, '203.0.113.201:3545', data), 'RFC 4380 5.4', 'TRDO-RL-16'],
      ['the-first-fragment-of-a-datagram', datagram(MAPPED, RELAY_AT, data, { flags: 0x2000 }), 'RFC 791 3.2', 'TRDO-EN-20'],
      ['protocol-41', ipv4({ src: '192.0.2.45', dst: '203.0.113.200' }, data), 'RFC 4380 5.1.1', 'TRDO-EN-02'],
    ] as const
  ).map(([name, octets, rfc, row]) => ({
    name: `teredo-relay-receives-${name}`,
    rfc,
    rows: [row],
    config: relay(),
    from: 'v4' as const,
    in: octets,
    drop: 'not_local' as const,
  })),
];

/** All of them. */
export const encapsulation: readonly VectorCase[] = [...messages, ...datagrams];
