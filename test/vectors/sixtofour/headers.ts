/** RFC 4213 sections 3.3, 3.5 and 3.6: the two headers, and what a decapsulator must not believe of them. */

import { packet } from '../../wire/vectors.js';
import { echoRequest, filler, hex, ipv4, ipv6, join, Next, timeExceeded6, udp6 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { ANYCAST, config, IDENTITY, PEER, RELAY, SITE, WEB } from './nodes.js';

const HOST = config('host', PEER.v4);
const ends = { src: SITE.v4, dst: PEER.v4 };
const inner = echoRequest({ src: SITE.v6, dst: PEER.v6 });
const outer = ipv4(ends, inner);

/** What arrives at 198.51.100.7 is refused as it stands. */
const malformed: readonly VectorCase[] = (
  [
    ['nothing', 'truncated', new Uint8Array(0)],
    ['half-an-ipv4-header', 'truncated', outer.slice(0, 19)],
    ['a-packet-cut-by-one-octet', 'truncated', outer.slice(0, -1)],
    ['a-packet-cut-in-the-inner-header', 'truncated', ipv4(ends, inner.slice(0, 39))],
    ['a-header-and-nothing-in-it', 'truncated', ipv4(ends, new Uint8Array(0))],
    ['an-inner-length-beyond-the-outer-one', 'truncated', ipv4({ ...ends, totalLen: outer.length - 1 }, inner)],
    ['an-inner-length-of-65535', 'truncated', ipv4(ends, ipv6({ src: SITE.v6, dst: PEER.v6, payloadLen: 65535 }, Next.none, filler(16)))],
    ['a-first-fragment', 'truncated', ipv4({ ...ends, flags: 0x2000 }, inner)],
    ['a-later-fragment', 'truncated', ipv4({ ...ends, flags: 0x0010 }, inner)],
    ['outer-version-5', 'bad_ipv4_header', ipv4({ ...ends, version: 5 }, inner)],
    ['ipv6-without-an-outer-header', 'bad_ipv4_header', inner],
    ['a-header-length-of-16', 'bad_ipv4_header', ipv4({ ...ends, headerLen: 4 }, inner)],
    ['a-header-longer-than-the-packet', 'bad_ipv4_header', ipv4({ ...ends, headerLen: 15, totalLen: 56 }, inner)],
    ['a-total-length-of-0', 'bad_ipv4_header', ipv4({ ...ends, totalLen: 0 }, inner)],
    ['inner-version-4', 'not_ipv6', ipv4(ends, outer)],
    ['inner-version-0', 'not_ipv6', ipv4(ends, ipv6({ src: SITE.v6, dst: PEER.v6, version: 0 }, Next.none, filler(8)))],
    ['inner-version-7', 'not_ipv6', ipv4(ends, ipv6({ src: SITE.v6, dst: PEER.v6, version: 7 }, Next.none, filler(8)))],
    ['another-protocol', 'not_local', ipv4({ ...ends, protocol: Next.udp }, inner)],
  ] as const
).map(([name, drop, b]) => ({
  name: `host-receives-${name}`,
  rfc: drop === 'bad_ipv4_header' ? 'RFC 791 3.1' : 'RFC 4213 3.6',
  rows: [drop === 'not_ipv6' ? 'ENC-07' : name.includes('fragment') ? 'ENC-39' : 'ENC-06'],
  config: HOST,
  from: 'v4',
  in: b,
  drop,
}));

/** What arrives there is read by its own lengths. */
const tolerated: readonly VectorCase[] = (
  [
    ['one-word-of-options', 'ENC-03', ipv4({ ...ends, options: hex('01010100') }, inner)],
    ['ten-words-of-options', 'ENC-03', ipv4({ ...ends, options: new Uint8Array(40).fill(1) }, inner)],
    ['padding-inside-the-total-length', 'ENC-05', ipv4(ends, join(inner, filler(4)))],
    ['padding-behind-the-total-length', 'ENC-05', join(outer, filler(6))],
    ['df-set', 'ENC-39', ipv4({ ...ends, flags: 0x4000 }, inner)],
    ['a-ttl-of-1', 'ENC-30', ipv4({ ...ends, ttl: 1 }, inner)],
  ] as const
).map(([name, row, b]) => ({
  name: `host-receives-${name}`,
  rfc: 'RFC 4213 3.6',
  rows: [row],
  config: HOST,
  from: 'v4',
  in: b,
  out: inner,
}));

const large = udp6({ src: SITE.v6, dst: PEER.v6 }, 1500);
const whole: readonly VectorCase[] = [
  {
    name: 'host-receives-1500-octets-in-1520',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-40', 'ENC-41'],
    config: HOST,
    from: 'v4',
    in: ipv4(ends, large),
    out: large,
  },
  {
    name: 'host-receives-an-inner-fragment',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-05'],
    config: HOST,
    from: 'v4',
    in: ipv4(ends, ipv6({ src: SITE.v6, dst: PEER.v6 }, Next.fragment, join(hex('3a00000100000042'), inner.slice(40, 48)))),
    out: ipv6({ src: SITE.v6, dst: PEER.v6 }, Next.fragment, join(hex('3a00000100000042'), inner.slice(40, 48))),
  },
];

/** To an IPv4 address that is none of the tunnel's. */
const elsewhere: readonly VectorCase[] = (
  [
    ['another-host', '198.51.100.8'],
    ['the-broadcast-address-of-its-subnet', '198.51.100.255'],
    ['limited-broadcast', '255.255.255.255'],
    ['a-group', '224.0.0.1'],
  ] as const
).map(([name, dst]) => ({
  name: `host-receives-a-packet-for-${name}`,
  rfc: 'RFC 4213 3.6',
  rows: ['ENC-47'],
  config: HOST,
  from: 'v4',
  in: ipv4({ src: SITE.v4, dst }, inner),
  drop: 'not_local',
}));

/** What leaves 192.0.2.42 for 198.51.100.7, by what the configuration says of the outer header. */
const marked = echoRequest({ src: SITE.v6, dst: PEER.v6, trafficClass: 0xba, flowLabel: 0xabcde });
const outerFields: readonly VectorCase[] = (
  [
    ['with-the-defaults', ['ENC-01', 'ENC-02', 'ENC-04', 'ENC-12', 'ENC-31', 'ENC-34', 'ENC-35', '6TO4-15'], [], {}],
    ['with-a-ttl-of-1', ['ENC-30'], ['ttl = 1'], { ttl: 1 }],
    ['with-a-ttl-of-255', ['ENC-30'], ['ttl = 255'], { ttl: 255 }],
    ['with-a-fixed-dscp', ['ENC-32'], ['dscp = 10'], { tos: 10 << 2 }],
    ['with-the-dscp-copied', ['ENC-32', 'ENC-34'], ['dscp = "copy"'], { tos: 0xb8 }],
    ['with-ecn-copied', ['ENC-33'], ['ecn = "normal"'], { tos: 0x02 }],
    ['with-dscp-and-ecn-copied', ['ENC-32', 'ENC-33'], ['dscp = "copy"', 'ecn = "normal"'], { tos: 0xba }],
  ] as const
).map(([name, rows, lines, fields]) => ({
  name: `host-sends-${name}`,
  rfc: 'RFC 4213 3.5',
  rows,
  config: config('host', SITE.v4, ...lines),
  from: 'v6',
  in: marked,
  out: ipv4({ src: SITE.v4, dst: PEER.v4, ...fields }, marked),
}));

const sentOddly: readonly VectorCase[] = [
  {
    name: 'host-sends-no-padding',
    rfc: 'RFC 4213 3.5',
    rows: ['ENC-04'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: join(marked, filler(7)),
    out: ipv4({ src: SITE.v4, dst: PEER.v4 }, marked),
  },
  {
    name: 'host-sends-a-cut-packet',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-06'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: marked.slice(0, -1),
    drop: 'truncated',
  },
  {
    name: 'host-sends-half-a-header',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-06'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: marked.slice(0, 39),
    drop: 'truncated',
  },
  {
    name: 'host-sends-ipv4-that-was-routed-into-its-device',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-52'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: ipv4({ src: SITE.v4, dst: PEER.v4 }, marked),
    drop: 'not_ipv6',
  },
  {
    name: 'host-sends-while-it-has-no-ipv4-address',
    rfc: 'RFC 3056 3',
    rows: ['6TO4-03'],
    config: '[[tunnel]]\ntype = "6to4"\nrole = "host"',
    from: 'v6',
    in: marked,
    drop: 'tunnel_down',
  },
];

/** Hop limits. The engine does not count down: the IPv6 stack beyond the device has done that, or will. */
const spent = udp6({ src: SITE.v6, dst: WEB, hopLimit: 1 });
const lanHost = '2002:c633:6407:1::9';
const hopLimits: readonly VectorCase[] = [
  ...[2, 64, 255].map((hopLimit): VectorCase => {
    const b = echoRequest({ src: SITE.v6, dst: WEB, hopLimit });
    return {
      name: `relay-receives-hop-limit-${hopLimit}-and-leaves-it-to-the-forwarder`,
      rfc: 'RFC 4213 3.3',
      rows: ['ENC-28'],
      config: ANYCAST,
      from: 'v4',
      in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, b),
      out: b,
    };
  }),
  ...[0, 1].map((hopLimit): VectorCase => {
    const b = udp6({ src: SITE.v6, dst: WEB, hopLimit });
    return {
      name: `relay-receives-hop-limit-${hopLimit}-and-answers-from-its-identity`,
      rfc: 'RFC 4443 3.3',
      rows: ['ENC-29'],
      config: ANYCAST,
      from: 'v4',
      in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, b),
      drop: 'hop_limit',
      answers: [{ to: 'v4', octets: ipv4({ src: RELAY.v4, dst: SITE.v4 }, timeExceeded6(IDENTITY, b)) }],
    };
  }),
  {
    name: 'relay-receives-a-long-packet-with-hop-limit-1-and-quotes-what-fits',
    rfc: 'RFC 4443 2.4',
    rows: ['ENC-27'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, udp6({ src: SITE.v6, dst: WEB, hopLimit: 1 }, 1480)),
    drop: 'hop_limit',
    answers: [
      {
        to: 'v4',
        octets: ipv4({ src: RELAY.v4, dst: SITE.v4 }, timeExceeded6(IDENTITY, udp6({ src: SITE.v6, dst: WEB, hopLimit: 1 }, 1480))),
      },
    ],
  },
  {
    name: 'relay-without-an-identity-answers-from-its-own-6to4-address',
    rfc: 'RFC 4443 2.2',
    rows: ['ENC-29'],
    config: ANYCAST.replace(/\[node\]\nidentity = .*\n/, ''),
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, spent),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4({ src: RELAY.v4, dst: SITE.v4 }, timeExceeded6(RELAY.v6, spent)) }],
  },
  {
    name: 'router-receives-hop-limit-1-for-its-lan-and-answers-from-its-own-site',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29'],
    config: config('router', PEER.v4),
    from: 'v4',
    in: ipv4(ends, udp6({ src: SITE.v6, dst: lanHost, hopLimit: 1 })),
    drop: 'hop_limit',
    answers: [
      { to: 'v4', octets: ipv4({ src: PEER.v4, dst: SITE.v4 }, timeExceeded6(PEER.v6, udp6({ src: SITE.v6, dst: lanHost, hopLimit: 1 }))) },
    ],
  },
  {
    name: 'router-answers-a-native-sender-by-way-of-the-relay',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29', '6TO4-10'],
    config: config('router', PEER.v4),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: PEER.v4 }, udp6({ src: WEB, dst: lanHost, hopLimit: 1 })),
    drop: 'hop_limit',
    answers: [
      { to: 'v4', octets: ipv4({ src: PEER.v4, dst: RELAY.v4 }, timeExceeded6(PEER.v6, udp6({ src: WEB, dst: lanHost, hopLimit: 1 }))) },
    ],
  },
  {
    name: 'relay-never-answers-an-icmpv6-error',
    rfc: 'RFC 4443 2.4',
    rows: ['ENC-26'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, timeExceeded6(SITE.v6, udp6({ src: WEB, dst: SITE.v6 })).with(7, 1)),
    drop: 'hop_limit',
  },
  {
    name: 'host-takes-hop-limit-1-for-itself',
    rfc: 'RFC 4213 3.3',
    rows: ['ENC-28'],
    config: HOST,
    from: 'v4',
    in: ipv4(ends, echoRequest({ src: SITE.v6, dst: PEER.v6, hopLimit: 1 })),
    out: echoRequest({ src: SITE.v6, dst: PEER.v6, hopLimit: 1 }),
  },
  {
    name: 'host-sends-hop-limit-1-as-it-is',
    rfc: 'RFC 6343 4.2.1',
    rows: ['ENC-28', '6TO4-31'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: packet('6to4_relay_probe').slice(20),
    out: ipv4({ src: SITE.v4, dst: RELAY.v4 }, packet('6to4_relay_probe').slice(20)),
  },
  {
    name: 'host-sends-no-packet-with-hop-limit-0',
    rfc: 'RFC 4213 3.3',
    rows: ['ENC-29'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: echoRequest({ src: SITE.v6, dst: PEER.v6, hopLimit: 0 }),
    drop: 'hop_limit',
  },
];

/** All of them. */
export const headers: readonly VectorCase[] = [
  ...malformed,
  ...tolerated,
  ...whole,
  ...elsewhere,
  ...outerFields,
  ...sentOddly,
  ...hopLimits,
];
