/**
 * RFC 5969 section 9: the outer header of 6rd, its MTU, and ICMP. What RFC 4213 asks of every tunnel is shown by 6to4
 * already; here is one packet for each of its checks.
 */

import { echoReply, echoRequest, icmp4Error, ipv4, timeExceeded6, tooBig6, udp6, unreachable6 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { edge, HOME, IDENTITY, NEIGHBOR, RELAY, relay, WEB } from './nodes.js';

const DF = 0x4000;
const up = { src: HOME.v4, dst: RELAY.v4 };
const down = { src: RELAY.v4, dst: HOME.v4 };
const toWeb = (octets: number) => udp6({ src: HOME.v6, dst: WEB }, octets);
const toHome = (octets: number) => udp6({ src: WEB, dst: HOME.v6 }, octets);

/** DSCP 46 and ECT(0), inside. */
const marked = echoRequest({ src: HOME.v6, dst: WEB, trafficClass: 0xba, flowLabel: 0xabcde });
const outerFields: readonly VectorCase[] = (
  [
    ['with-the-defaults', ['6RD-13', 'ENC-12', 'ENC-35'], [], { tos: 0xb8 }],
    ['with-its-whole-traffic-class', ['6RD-13', 'ENC-33'], ['ecn = "normal"'], { tos: 0xba }],
    ['with-a-dscp-of-0', ['6RD-13'], ['dscp = 0'], { tos: 0 }],
    ['with-a-dscp-of-10', ['6RD-13'], ['dscp = 10'], { tos: 10 << 2 }],
    ['with-a-dscp-of-0-and-ecn-copied', ['6RD-13', 'ENC-33'], ['dscp = 0', 'ecn = "normal"'], { tos: 0x02 }],
    ['with-a-ttl-of-9', ['ENC-30'], ['ttl = 9'], { tos: 0xb8, ttl: 9 }],
  ] as const
).map(([name, rows, lines, fields]) => ({
  name: `customer-edge-sends-${name}`,
  rfc: 'RFC 5969 9',
  rows,
  config: edge(...lines),
  from: 'v6',
  in: marked,
  out: ipv4({ ...up, ...fields }, marked),
}));

const ecn = (inside: number) => echoReply({ src: WEB, dst: HOME.v6, trafficClass: (10 << 2) | inside });
const congestion: readonly VectorCase[] = (
  [
    ['ce-outside-and-ect-inside', 2, 3, 3],
    ['ect1-outside-and-ect0-inside', 2, 1, 1],
    ['ect0-outside-and-not-ect-inside', 0, 2, 0],
    ['ce-outside-and-not-ect-inside', 0, 3, null],
  ] as const
).map(([name, inside, outside, becomes]) => ({
  name: `customer-edge-receives-${name}`,
  rfc: 'RFC 6040 4.2',
  rows: [becomes === null ? 'ENC-37' : 'ENC-36'],
  config: edge(),
  from: 'v4',
  in: ipv4({ ...down, tos: (46 << 2) | outside }, ecn(inside)),
  ...(becomes === null ? { drop: 'ecn_congestion' as const } : { out: ecn(becomes) }),
}));

const mtu: readonly VectorCase[] = [
  {
    name: 'customer-edge-sends-1280-octets',
    rfc: 'RFC 5969 9.1',
    rows: ['6RD-14', 'ENC-10'],
    config: edge(),
    from: 'v6',
    in: toWeb(1280),
    out: ipv4(up, toWeb(1280)),
  },
  {
    name: 'customer-edge-sends-1281-octets',
    rfc: 'RFC 5969 9.1',
    rows: ['6RD-14', 'ENC-10'],
    config: edge(),
    from: 'v6',
    in: toWeb(1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1280, toWeb(1281)) }],
  },
  {
    name: 'customer-edge-of-a-managed-network-sends-1480-octets',
    rfc: 'RFC 5969 9.1',
    rows: ['6RD-14', 'ENC-11'],
    config: edge('mtu = 1480'),
    from: 'v6',
    in: toWeb(1480),
    out: ipv4(up, toWeb(1480)),
  },
  {
    name: 'customer-edge-that-discovers-path-mtus-sets-df',
    rfc: 'RFC 4213 3.2.2',
    rows: ['6RD-15', 'ENC-17'],
    config: edge('mtu = 1480', 'path-mtu-discovery = true'),
    from: 'v6',
    in: toWeb(1480),
    out: ipv4({ ...up, flags: DF }, toWeb(1480)),
  },
  {
    name: 'customer-edge-that-discovers-path-mtus-tells-what-fits',
    rfc: 'RFC 4213 3.4',
    rows: ['6RD-12', '6RD-15', 'ENC-19'],
    config: edge('mtu = 1480', 'path-mtu-discovery = true'),
    state: [{ from: 'v4', in: icmp4Error({ src: '10.1.1.1', dst: HOME.v4 }, 3, 4, 1400, ipv4({ ...up, flags: DF }, toWeb(1480)), 28) }],
    from: 'v6',
    in: toWeb(1400),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1380, toWeb(1400)) }],
  },
  {
    name: 'anycast-border-relay-sends-1280-octets-with-df',
    rfc: 'RFC 5969 9.1',
    rows: ['6RDBR-03'],
    config: relay('anycast = true'),
    from: 'v6',
    in: toHome(1280),
    out: ipv4({ ...down, flags: DF }, toHome(1280)),
  },
  {
    name: 'anycast-border-relay-tells-a-native-sender-what-fits',
    rfc: 'RFC 5969 9.1',
    rows: ['6RDBR-03', '6RD-14'],
    config: relay('anycast = true'),
    from: 'v6',
    in: toHome(1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1280, toHome(1281)) }],
  },
  {
    name: 'anycast-border-relay-hears-of-a-small-path-and-learns-nothing',
    rfc: 'RFC 5969 9.1',
    rows: ['6RD-15', '6RDBR-03', '6RDBR-04'],
    config: relay('anycast = true', 'mtu = 1480'),
    state: [{ from: 'v4', in: icmp4Error({ src: '10.1.1.1', dst: RELAY.v4 }, 3, 4, 1300, ipv4({ ...down, flags: DF }, toHome(1480)), 28) }],
    from: 'v6',
    in: toHome(1480),
    out: ipv4({ ...down, flags: DF }, toHome(1480)),
  },
];

const errors: readonly VectorCase[] = [
  {
    name: 'customer-edge-hears-that-its-border-relay-is-unreachable',
    rfc: 'RFC 5969 9',
    rows: ['6RD-12', 'ENC-23'],
    config: edge(),
    from: 'v4',
    in: icmp4Error({ src: '10.1.1.1', dst: HOME.v4 }, 3, 1, 0, ipv4(up, marked)),
    consumed: true,
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, marked) }],
  },
  {
    name: 'border-relay-hears-that-a-customer-edge-is-unreachable',
    rfc: 'RFC 5969 9',
    rows: ['6RD-12', 'ENC-23'],
    config: relay(),
    from: 'v4',
    in: icmp4Error({ src: '10.1.1.1', dst: RELAY.v4 }, 3, 1, 0, ipv4(down, toHome(200))),
    consumed: true,
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, toHome(200)) }],
  },
  {
    name: 'border-relay-hears-of-a-packet-that-it-would-not-send',
    rfc: 'RFC 4213 3.4',
    rows: ['ENC-22'],
    config: relay(),
    from: 'v4',
    in: icmp4Error({ src: '10.1.1.1', dst: RELAY.v4 }, 3, 1, 0, ipv4({ src: RELAY.v4, dst: NEIGHBOR.v4 }, toHome(200))),
    consumed: true,
  },
];

const spent = (src: string, dst: string) => udp6({ src, dst, hopLimit: 1 });
const lanHost = '2001:db8:6464:1aa::9';
const hopLimits: readonly VectorCase[] = [
  {
    name: 'border-relay-receives-hop-limit-1-and-answers-from-its-identity',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29'],
    config: relay(),
    from: 'v4',
    in: ipv4(up, spent(HOME.v6, WEB)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(down, timeExceeded6(IDENTITY, spent(HOME.v6, WEB))) }],
  },
  {
    name: 'border-relay-without-an-identity-answers-from-its-own-6rd-address',
    rfc: 'RFC 4443 2.2',
    rows: ['ENC-29'],
    config: relay().replace(/\[node\]\nidentity = .*\n/, ''),
    from: 'v4',
    in: ipv4(up, spent(HOME.v6, WEB)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(down, timeExceeded6(RELAY.v6, spent(HOME.v6, WEB))) }],
  },
  {
    name: 'anycast-border-relay-answers-hop-limit-1-with-df',
    rfc: 'RFC 5969 9.1',
    rows: ['6RDBR-02', '6RDBR-03', 'ENC-29'],
    config: relay('anycast = true'),
    from: 'v4',
    in: ipv4(up, spent(HOME.v6, WEB)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4({ ...down, flags: DF }, timeExceeded6(IDENTITY, spent(HOME.v6, WEB))) }],
  },
  {
    name: 'border-relay-returns-no-probe-with-hop-limit-1',
    rfc: 'RFC 5969 8',
    rows: ['6RDBR-07', 'ENC-29'],
    config: relay(),
    from: 'v4',
    in: ipv4(up, spent(HOME.v6, HOME.v6)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(down, timeExceeded6(IDENTITY, spent(HOME.v6, HOME.v6))) }],
  },
  {
    name: 'customer-edge-receives-hop-limit-1-for-its-lan-and-answers-by-way-of-its-border-relay',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29', '6RD-10', '6RDCE-18'],
    config: edge(),
    from: 'v4',
    in: ipv4(down, spent(WEB, lanHost)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(up, timeExceeded6(HOME.v6, spent(WEB, lanHost))) }],
  },
  {
    name: 'customer-edge-answers-hop-limit-1-of-another-customer-edge-straight',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29', '6RD-09'],
    config: edge(),
    from: 'v4',
    in: ipv4({ src: NEIGHBOR.v4, dst: HOME.v4 }, spent(NEIGHBOR.v6, lanHost)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4({ src: HOME.v4, dst: NEIGHBOR.v4 }, timeExceeded6(HOME.v6, spent(NEIGHBOR.v6, lanHost))) }],
  },
  {
    name: 'customer-edge-takes-hop-limit-1-for-itself',
    rfc: 'RFC 4213 3.3',
    rows: ['ENC-28'],
    config: edge(),
    from: 'v4',
    in: ipv4(down, spent(WEB, HOME.v6)),
    out: spent(WEB, HOME.v6),
  },
];

const whole = ipv4(up, echoRequest({ src: HOME.v6, dst: WEB }));
const malformed: readonly VectorCase[] = (
  [
    ['a-packet-cut-in-the-inner-header', 'truncated', 'ENC-06', ipv4(up, echoRequest({ src: HOME.v6, dst: WEB }).slice(0, 39))],
    ['ipv4-in-ipv4', 'not_ipv6', 'ENC-07', ipv4(up, whole)],
    ['a-first-fragment-only', 'truncated', 'ENC-39', ipv4({ ...up, flags: 0x2000 }, echoRequest({ src: HOME.v6, dst: WEB }))],
    ['a-packet-for-another-host', 'not_local', 'ENC-47', ipv4({ ...up, dst: '10.0.0.2' }, echoRequest({ src: HOME.v6, dst: WEB }))],
  ] as const
).map(([name, drop, row, b]) => ({
  name: `border-relay-receives-${name}`,
  rfc: 'RFC 4213 3.6',
  rows: [row],
  config: relay(),
  from: 'v4',
  in: b,
  drop,
}));

const notUp: VectorCase = {
  name: 'customer-edge-sends-while-it-has-no-ipv4-address',
  rfc: 'RFC 5969 9',
  rows: ['6RDCE-16'],
  config: edge().replace(/local = .*\n/, ''),
  from: 'v6',
  in: marked,
  drop: 'tunnel_down',
};

/** All of them. */
export const headers: readonly VectorCase[] = [...outerFields, ...congestion, ...mtu, ...errors, ...hopLimits, ...malformed, notUp];
