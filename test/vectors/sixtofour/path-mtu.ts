/** RFC 4213 sections 3.2 and 3.4: MTU of the tunnel, path MTU, and ICMPv4 errors about outer packets. */

import { packet, vectors } from '../../wire/vectors.js';
import { hex, icmp4Error, ipv4, join, tooBig6, udp6, unreachable6 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { config, HOP, IDENTITY, PEER, RELAY, SITE, WEB } from './nodes.js';

const toPeer = (octets: number) => udp6({ src: SITE.v6, dst: PEER.v6 }, octets);
const outer = (inner: Uint8Array, flags = 0) => ipv4({ src: SITE.v4, dst: PEER.v4, flags }, inner);
const DF = 0x4000;

/** Static: a packet goes with DF clear, or is too big for the device. */
const staticMtu: readonly VectorCase[] = (
  [
    ['the-default', [], 1280, ['ENC-10', 'ENC-12', '6TO4-15', '6RLY-18']],
    ['1400', ['mtu = 1400'], 1400, ['ENC-11', 'ENC-12']],
    ['1480', ['mtu = 1480'], 1480, ['ENC-09', 'ENC-11', 'ENC-12']],
  ] as const
).flatMap(([name, lines, mtu, rows]): VectorCase[] => [
  {
    name: `host-sends-as-much-as-a-static-mtu-of-${name}-takes`,
    rfc: 'RFC 4213 3.2.1',
    rows,
    config: config('host', SITE.v4, ...lines),
    from: 'v6',
    in: toPeer(mtu),
    out: outer(toPeer(mtu)),
  },
  {
    name: `host-sends-one-octet-more-than-a-static-mtu-of-${name}`,
    rfc: 'RFC 4213 3.2.1',
    rows: [...rows, 'ENC-18', 'ENC-27'],
    config: config('host', SITE.v4, ...lines),
    from: 'v6',
    in: toPeer(mtu + 1),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, mtu, toPeer(mtu + 1)) }],
  },
]);

const dynamic = (...lines: string[]) => config('host', SITE.v4, 'mtu = 1480', 'path-mtu-discovery = true', ...lines);
/** A router on the way has no room for a packet of 1500 octets: its next hop takes `mtu`. */
const needed = (mtu: number, about = outer(toPeer(1480), DF), quoted = 28) =>
  icmp4Error({ src: HOP, dst: SITE.v4 }, 3, 4, mtu, about, quoted);
const taught = (mtu: number) => [{ from: 'v4' as const, in: needed(mtu) }];

/** The cases of the shared vectors; a path of 1500 octets is what the device was given, the others are learned. */
const ROW_OF = (pathMtu: number, fits: boolean) => {
  if (pathMtu - 20 < 1280) return fits ? 'ENC-15' : 'ENC-14';
  return fits ? 'ENC-17' : 'ENC-16';
};
const dynamicMtu: readonly VectorCase[] = vectors.icmp_translation.cases.map(({ v4_path_mtu: path, packet: octets, action }) => {
  const tooBig = /^ptb (\d+)$/.exec(action);
  const inner = toPeer(octets);
  return {
    name: `path-of-${path}-${tooBig === null ? 'takes' : 'refuses'}-${octets}-octets`,
    rfc: 'RFC 4213 3.2.2',
    rows: [ROW_OF(path, tooBig === null), ...(tooBig === null ? ['6RLY-16'] : ['ENC-18'])],
    config: dynamic(),
    ...(path < 1500 && { state: taught(path) }),
    now: 1000,
    from: 'v6',
    in: inner,
    ...(tooBig === null
      ? { out: outer(inner, action === 'encapsulate DF=1' ? DF : 0) }
      : { drop: 'too_big', answers: [{ to: 'v6', octets: tooBig6(IDENTITY, Number(tooBig[1]), inner) }] }),
  };
});

/** After a first error, what becomes of a packet of `octets`. */
function after(
  name: string,
  rows: readonly string[],
  rfc: string,
  errors: readonly Uint8Array[],
  octets: number,
  mtu: number | null,
  more: { now?: number; lines?: readonly string[]; df?: boolean } = {},
): VectorCase {
  const inner = toPeer(octets);
  return {
    name,
    rfc,
    rows,
    config: dynamic(...(more.lines ?? [])),
    state: errors.map((b) => ({ from: 'v4', in: b })),
    now: more.now ?? 1000,
    from: 'v6',
    in: inner,
    ...(mtu === null
      ? { out: outer(inner, more.df === false ? 0 : DF) }
      : { drop: 'too_big' as const, answers: [{ to: 'v6' as const, octets: tooBig6(IDENTITY, mtu, inner) }] }),
  };
}

const other = ipv4({ src: SITE.v4, dst: RELAY.v4, flags: DF }, udp6({ src: SITE.v6, dst: WEB }, 1480));
const learning: readonly VectorCase[] = [
  after('path-mtu-is-of-one-endpoint-only', ['ENC-13'], 'RFC 4213 3.2.2', [needed(1400, other)], 1480, null),
  after('path-mtu-is-never-raised-by-an-error', ['ENC-19'], 'RFC 1191 3', [needed(1400), needed(1480)], 1381, 1380),
  after('path-mtu-is-lowered-by-a-second-error', ['ENC-19'], 'RFC 1191 3', [needed(1480), needed(1400)], 1381, 1380),
  after('path-mtu-holds-until-ten-minutes-are-over', ['ENC-20'], 'RFC 1191 6.3', [needed(1400)], 1381, 1380, { now: 599_999 }),
  after('path-mtu-is-forgotten-after-ten-minutes', ['ENC-20'], 'RFC 1191 6.3', [needed(1400)], 1381, null, { now: 600_000 }),
  after('path-mtu-of-0-falls-back-to-the-next-plateau', ['ENC-21'], 'RFC 1191 7.1', [needed(0)], 1480, 1472),
  after('path-mtu-of-0-about-a-small-packet-is-no-mtu-of-0', ['ENC-21'], 'RFC 1191 7.1', [needed(0, outer(toPeer(60)))], 1280, null, {
    df: false,
  }),
  after('path-mtu-of-68-still-carries-1280-octets', ['ENC-15', 'ENC-18'], 'RFC 4213 3.2.2', [needed(1)], 1280, null, { df: false }),
  after(
    'path-mtu-about-another-source-is-not-learned',
    ['ENC-22'],
    'RFC 4213 3.4',
    [needed(1400, ipv4({ src: '192.0.2.43', dst: PEER.v4, flags: DF }, toPeer(1480)))],
    1480,
    null,
  ),
  after(
    'path-mtu-about-another-protocol-is-not-learned',
    ['ENC-22'],
    'RFC 4213 3.4',
    [needed(1400, ipv4({ src: SITE.v4, dst: PEER.v4, protocol: 17, flags: DF }, toPeer(1480)))],
    1480,
    null,
  ),
  after('path-mtu-from-an-error-with-a-wrong-checksum-is-not-learned', ['ENC-22'], 'RFC 792', [needed(1400).with(22, 0xa5)], 1480, null),
  {
    name: 'static-mtu-learns-nothing',
    rfc: 'RFC 4213 3.2.1',
    rows: ['ENC-12'],
    config: config('host', SITE.v4, 'mtu = 1480'),
    state: taught(1300),
    now: 1000,
    from: 'v6',
    in: toPeer(1480),
    out: outer(toPeer(1480)),
  },
];

/** The router of the shared vectors: its errors come from its LAN address. */
const ROUTER6 = '2002:c000:22a:1::1';
const ROUTER = dynamic().replace('role = "host"', 'role = "router"').replace(IDENTITY, ROUTER6);
const f32 = packet('icmp4_frag_needed');
const quotedBy = (frame: string) => {
  const b = packet(frame);
  return b.slice(48, 48 + 40 + b[52] * 256 + b[53]);
};
/** The packet of 1400 octets of which the shared vectors have the answer: that answer without its own 48 octets, made whole with zeros. */
const f32Inner = join(hex(vectors.icmp_translation.icmp6_ptb_for_1400_byte_packet).slice(48), new Uint8Array(1400 - 1232));

const translation: readonly VectorCase[] = [
  {
    name: 'fragmentation-needed-is-consumed-and-not-passed-on',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-19', '6TO4-26'],
    config: ROUTER,
    from: 'v4',
    in: f32,
    consumed: true,
  },
  {
    name: 'after-fragmentation-needed-the-next-large-packet-is-answered',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-19', 'ENC-27'],
    config: ROUTER,
    state: [{ from: 'v4', in: f32 }],
    now: 1000,
    from: 'v6',
    in: f32Inner,
    drop: 'too_big',
    answers: [{ to: 'v6', octets: hex(vectors.icmp_translation.icmp6_ptb_for_1400_byte_packet) }],
  },
  {
    name: 'host-unreachable-becomes-address-unreachable',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-23', '6TO4-26'],
    config: ROUTER,
    from: 'v4',
    in: packet('icmp4_host_unreachable'),
    consumed: true,
    answers: [{ to: 'v6', octets: hex(vectors.icmp_translation.icmp6_addr_unreachable_from_3_1) }],
  },
  {
    name: 'host-unreachable-with-eight-octets-goes-no-further',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-24', '6TO4-26'],
    config: ROUTER,
    from: 'v4',
    in: packet('icmp4_host_unreachable_short'),
    consumed: true,
  },
  ...(
    [
      ['net-unreachable', 3, 0, true],
      ['administratively-prohibited', 3, 13, true],
      ['time-exceeded', 11, 0, true],
      ['reassembly-time-exceeded', 11, 1, true],
      ['parameter-problem', 12, 0, true],
      ['protocol-unreachable', 3, 2, false],
      ['source-quench', 4, 0, false],
      ['an-echo-request', 8, 0, false],
    ] as const
  ).map(([name, type, code, translated]): VectorCase => {
    const inner = quotedBy('icmp4_host_unreachable');
    return {
      name: translated ? `${name}-becomes-address-unreachable` : `${name}-goes-no-further`,
      rfc: 'RFC 4213 3.4',
      rows: ['ENC-23'],
      config: ROUTER,
      from: 'v4',
      in: icmp4Error({ src: HOP, dst: SITE.v4 }, type, code, 0, ipv4({ src: SITE.v4, dst: RELAY.v4 }, inner)),
      consumed: true,
      ...(translated && { answers: [{ to: 'v6' as const, octets: unreachable6(ROUTER6, inner) }] }),
    };
  }),
  ...(
    [
      ['another-source', { src: '192.0.2.43', dst: RELAY.v4 }, udp6({ src: SITE.v6, dst: WEB })],
      ['another-protocol', { src: SITE.v4, dst: RELAY.v4, protocol: 4 }, udp6({ src: SITE.v6, dst: WEB })],
      ['an-endpoint-that-the-inner-packet-does-not-lead-to', { src: SITE.v4, dst: PEER.v4 }, udp6({ src: SITE.v6, dst: WEB })],
      ['an-inner-source-that-is-not-ours', { src: SITE.v4, dst: RELAY.v4 }, udp6({ src: PEER.v6, dst: WEB })],
      ['the-middle-of-a-packet', { src: SITE.v4, dst: RELAY.v4, flags: 6 }, udp6({ src: SITE.v6, dst: WEB })],
      ['an-icmpv6-error', { src: SITE.v4, dst: RELAY.v4 }, unreachable6(SITE.v6, udp6({ src: WEB, dst: SITE.v6 }))],
    ] as const
  ).map(
    ([name, header, inner]): VectorCase => ({
      name: `an-error-about-${name}-goes-no-further`,
      rfc: name === 'an-icmpv6-error' ? 'RFC 4443 2.4' : 'RFC 4213 3.4',
      rows: [name === 'an-icmpv6-error' ? 'ENC-26' : 'ENC-22'],
      config: ROUTER,
      from: 'v4',
      in: icmp4Error({ src: HOP, dst: SITE.v4 }, 3, 1, 0, ipv4(header, inner)),
      consumed: true,
    }),
  ),
];

const RELAYED = udp6({ src: WEB, dst: SITE.v6 }, 1400);
const atTheRelay: readonly VectorCase[] = [
  {
    name: 'relay-passes-host-unreachable-on-to-a-native-sender',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-23'],
    config: config('relay', RELAY.v4),
    from: 'v4',
    in: icmp4Error({ src: HOP, dst: RELAY.v4 }, 3, 1, 0, ipv4({ src: RELAY.v4, dst: SITE.v4 }, RELAYED.slice(0, 200))),
    consumed: true,
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, RELAYED.slice(0, 200)) }],
  },
  {
    name: 'relay-tells-a-native-sender-what-fits',
    rfc: 'RFC 4213 3.2',
    rows: ['6RLY-16', 'ENC-27'],
    config: config('relay', RELAY.v4),
    from: 'v6',
    in: RELAYED,
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1280, RELAYED) }],
  },
];

/** All of them. */
export const pathMtu: readonly VectorCase[] = [...staticMtu, ...dynamicMtu, ...learning, ...translation, ...atTheRelay];
