/** RFC 3056, 3068, 6343: who sends what to whom; the frames of the shared capture. */
import { packet } from '../../wire/vectors.js';
import { address, echoReply, echoRequest, innerOf, ipv4, ipv6, join, Next } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { ANYCAST, config, manyTunnels, PEER, RELAY, SITE, WEB } from './nodes.js';

/** A frame of the shared capture, sent and received. */
const frames: readonly VectorCase[] = [
  {
    name: 'f25-site-to-site-leaves',
    rfc: 'RFC 3056 5.3',
    rows: ['6TO4-08', '6TO4-09', '6TO4-12', 'ENC-01'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: innerOf('6to4_peer'),
    out: packet('6to4_peer'),
  },
  {
    name: 'f25-site-to-site-arrives',
    rfc: 'RFC 3056 5.3',
    rows: ['6TO4-13'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: packet('6to4_peer'),
    out: innerOf('6to4_peer'),
  },
  {
    name: 'f26-site-to-relay-leaves',
    rfc: 'RFC 3056 5.3',
    rows: ['6TO4-10', '6TO4-14'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: innerOf('6to4_to_relay'),
    out: packet('6to4_to_relay'),
  },
  {
    name: 'f26-site-to-relay-arrives',
    rfc: 'RFC 3056 5.2.1',
    rows: ['6RLY-10', '6CHK-09'],
    config: ANYCAST,
    from: 'v4',
    in: packet('6to4_to_relay'),
    out: innerOf('6to4_to_relay'),
  },
  {
    name: 'f27-relay-to-site-leaves-from-the-anycast-address',
    rfc: 'RFC 6343 4.4',
    rows: ['6RLY-06'],
    config: ANYCAST,
    from: 'v6',
    in: innerOf('6to4_from_relay'),
    out: packet('6to4_from_relay'),
  },
  {
    name: 'f27-relay-to-site-arrives',
    rfc: 'RFC 7526 6',
    rows: ['6TO4-32', '6TO4-33', '6CHK-20'],
    config: config('host', SITE.v4),
    from: 'v4',
    in: packet('6to4_from_relay'),
    out: innerOf('6to4_from_relay'),
  },
  {
    name: 'f28-a-probe-of-the-relay-arrives-with-hop-limit-1',
    rfc: 'RFC 6343 4.4',
    rows: ['6RLY-05', '6TO4-31'],
    config: ANYCAST,
    from: 'v4',
    in: packet('6to4_relay_probe'),
    out: innerOf('6to4_relay_probe'),
  },
  {
    name: 'f29-the-answer-of-the-relay-leaves-from-the-address-that-was-asked',
    rfc: 'RFC 6343 4.4',
    rows: ['6RLY-05', '6RLY-06'],
    config: ANYCAST,
    from: 'v6',
    in: innerOf('6to4_relay_probe_reply'),
    out: packet('6to4_relay_probe_reply'),
  },
  {
    name: 'f29-the-answer-of-the-relay-arrives',
    rfc: 'RFC 3964 5.2',
    rows: ['6TO4-31', '6CHK-08'],
    config: config('host', SITE.v4),
    from: 'v4',
    in: packet('6to4_relay_probe_reply'),
    out: innerOf('6to4_relay_probe_reply'),
  },
  {
    name: 'f30-traffic-class-copied-whole',
    rfc: 'RFC 6040 4.1',
    rows: ['ENC-33'],
    config: config('host', SITE.v4, 'dscp = "copy"', 'ecn = "normal"'),
    from: 'v6',
    in: innerOf('6to4_tos_ecn'),
    out: packet('6to4_tos_ecn'),
  },
  {
    name: 'f31-padding-is-cut',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-05'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: packet('6to4_padded'),
    out: innerOf('6to4_padded'),
  },
  {
    name: 'f45-a-source-that-embeds-the-relay-does-not-become-a-second-turn',
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-04', 'SEC-12'],
    config: config('relay', '203.0.113.3'),
    from: 'v6',
    in: innerOf('loop_packet1'),
    drop: 'loop',
  },
];

const native = (dst: string) => echoRequest({ src: WEB, dst });
const isatap = (v4: string) => ipv6({ src: SITE.v6, dst: `2001:db8:15:1:200:5efe:${v4}` }, Next.none, new Uint8Array(8));
const teredo = (inverted: string) => ipv6({ src: SITE.v6, dst: `2001:0:4136:e378:8000:63bf:${inverted}` }, Next.none, new Uint8Array(8));

/** RFC 6324: what would come back. */
const loops: readonly VectorCase[] = (
  [
    ['a-destination-that-embeds-it-as-isatap', isatap('203.0.113.1'), 'loop', 'SEC-05'],
    ['a-destination-that-embeds-its-anycast-address-as-isatap', isatap(RELAY.v4), 'loop', 'SEC-05'],
    ['a-destination-that-embeds-it-as-teredo', teredo('34ff:8efe'), 'loop', 'SEC-05'],
    ['a-destination-that-embeds-another-node-as-isatap', isatap('203.0.113.2'), null, 'SEC-05'],
    ['a-destination-that-embeds-a-private-address-as-isatap', isatap('10.0.0.1'), null, 'SEC-07'],
  ] as const
).map(([name, inner, drop, row]) => ({
  name: `relay-receives-${name}`,
  rfc: 'RFC 6324 3.3',
  rows: [row],
  config: ANYCAST,
  from: 'v4',
  in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, inner),
  ...(drop === null ? { out: inner } : { drop }),
}));

const ownSources: readonly VectorCase[] = [
  {
    name: 'host-receives-its-own-outer-source',
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-05', 'ENC-42'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: PEER.v4 }, echoRequest({ src: PEER.v6, dst: PEER.v6 })),
    drop: 'loop',
  },
  {
    name: 'host-receives-its-own-site-prefix-from-outside',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-46'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: PEER.v4 }, echoRequest({ src: '2002:c633:6407:5::9', dst: PEER.v6 })),
    drop: 'source_mismatch',
  },
  {
    name: 'host-receives-its-own-identity-as-a-source',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-46'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: PEER.v4 }, echoRequest({ src: '2001:db8:b000::1', dst: PEER.v6 })),
    drop: 'loop',
  },
  {
    name: 'host-sends-to-itself',
    rfc: 'RFC 3964 5.1',
    rows: ['6CHK-03'],
    config: config('host', PEER.v4),
    from: 'v6',
    in: echoRequest({ src: PEER.v6, dst: '2002:c633:6407:5::9' }),
    drop: 'loop',
  },
];

const relays: readonly VectorCase[] = [
  {
    name: 'host-receives-from-a-relay-that-it-does-not-use',
    rfc: 'RFC 3964 2',
    rows: ['6TO4-32'],
    config: config('host', SITE.v4, `relay = "${RELAY.v4}"`),
    from: 'v4',
    in: ipv4({ src: '203.0.113.200', dst: SITE.v4 }, native(SITE.v6)),
    out: native(SITE.v6),
  },
  {
    name: 'host-sends-to-a-site-directly-though-it-has-a-relay',
    rfc: 'RFC 3056 5.3',
    rows: ['6TO4-09', '6TO4-11'],
    config: config('host', SITE.v4, 'relay = "203.0.113.200"'),
    from: 'v6',
    in: echoRequest({ src: SITE.v6, dst: PEER.v6 }),
    out: ipv4({ src: SITE.v4, dst: PEER.v4 }, echoRequest({ src: SITE.v6, dst: PEER.v6 })),
  },
  {
    name: 'host-sends-to-its-unicast-relay',
    rfc: 'RFC 3056 5.3',
    rows: ['6TO4-10'],
    config: config('host', SITE.v4, 'relay = "203.0.113.200"'),
    from: 'v6',
    in: echoRequest({ src: SITE.v6, dst: WEB }),
    out: ipv4({ src: SITE.v4, dst: '203.0.113.200' }, echoRequest({ src: SITE.v6, dst: WEB })),
  },
  {
    name: 'host-without-a-relay-reaches-sites-only',
    rfc: 'RFC 7526 5',
    rows: ['6TO4-06'],
    config: config('host', SITE.v4, 'relay = "none"'),
    from: 'v6',
    in: echoRequest({ src: SITE.v6, dst: WEB }),
    drop: 'no_endpoint',
  },
  {
    name: 'relay-receives-on-its-unicast-address-as-on-the-anycast-one',
    rfc: 'RFC 3068 4.2',
    rows: ['6RLY-04'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.unicast }, echoRequest({ src: SITE.v6, dst: WEB })),
    out: echoRequest({ src: SITE.v6, dst: WEB }),
  },
  {
    name: 'relay-answers-from-its-unicast-address-what-came-to-that',
    rfc: 'RFC 3068 4.2',
    rows: ['6RLY-04', '6RLY-09'],
    config: ANYCAST,
    from: 'v6',
    in: echoReply({ src: RELAY.unicast6, dst: SITE.v6 }),
    out: ipv4({ src: RELAY.unicast, dst: SITE.v4 }, echoReply({ src: RELAY.unicast6, dst: SITE.v6 })),
  },
  {
    name: 'relay-takes-a-probe-of-its-unicast-address',
    rfc: 'RFC 3068 4.4',
    rows: ['6RLY-04', '6RLY-09'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.unicast }, echoRequest({ src: SITE.v6, dst: RELAY.unicast6, hopLimit: 1 })),
    out: echoRequest({ src: SITE.v6, dst: RELAY.unicast6, hopLimit: 1 }),
  },
  {
    name: 'relay-takes-nothing-for-its-anycast-address-on-the-unicast-one',
    rfc: 'RFC 3964 5.2',
    rows: ['6CHK-07'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.unicast }, echoRequest({ src: SITE.v6, dst: RELAY.v6 })),
    drop: 'destination_mismatch',
  },
  {
    name: 'relay-that-sends-from-its-unicast-address',
    rfc: 'RFC 6343 4.5',
    rows: ['6RLY-06'],
    config: config('relay', RELAY.unicast, `accept = ["${RELAY.v4}"]`),
    from: 'v6',
    in: native(SITE.v6),
    out: ipv4({ src: RELAY.unicast, dst: SITE.v4 }, native(SITE.v6)),
  },
  {
    name: 'relay-carries-traffic-of-whoever-it-is',
    rfc: 'RFC 6343 3',
    rows: ['6RLY-10'],
    config: ANYCAST,
    from: 'v6',
    in: echoRequest({ src: '2a00:1450:4001:81b::200e', dst: SITE.v6 }),
    out: ipv4({ src: RELAY.v4, dst: SITE.v4 }, echoRequest({ src: '2a00:1450:4001:81b::200e', dst: SITE.v6 })),
  },
  {
    name: 'relay-carries-nothing-from-site-to-site',
    rfc: 'RFC 3964 3.2',
    rows: ['6RLY-12'],
    config: ANYCAST,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: RELAY.v4 }, echoRequest({ src: SITE.v6, dst: PEER.v6 })),
    drop: 'destination_mismatch',
  },
  {
    name: 'relay-sends-nothing-of-a-site-that-is-not-its-own',
    rfc: 'RFC 3964 5.1',
    rows: ['6RLY-12', '6CHK-02'],
    config: ANYCAST,
    from: 'v6',
    in: echoRequest({ src: SITE.v6, dst: PEER.v6 }),
    drop: 'source_mismatch',
  },
];

const two = manyTunnels(['host', SITE.v4], ['relay', PEER.v4]);
const shared = manyTunnels(['host', PEER.v4], ['relay', PEER.v4]);
const severalTunnels: readonly VectorCase[] = [
  {
    name: 'two-tunnels-a-packet-goes-to-the-one-whose-address-it-was-sent-to',
    rfc: 'RFC 3964 6.1',
    rows: ['SEC-01', 'SEC-02'],
    config: two,
    from: 'v4',
    in: ipv4({ src: '203.0.113.5', dst: PEER.v4 }, echoRequest({ src: '2002:cb00:7105::1', dst: WEB })),
    out: echoRequest({ src: '2002:cb00:7105::1', dst: WEB }),
  },
  {
    name: 'two-tunnels-each-keeps-its-own-checks',
    rfc: 'RFC 3964 6.1',
    rows: ['SEC-02'],
    config: two,
    from: 'v4',
    in: ipv4({ src: '203.0.113.5', dst: SITE.v4 }, echoRequest({ src: '2002:cb00:7105::1', dst: WEB })),
    drop: 'destination_mismatch',
  },
  {
    name: 'two-tunnels-on-one-address-the-second-takes-what-the-first-refuses',
    rfc: 'RFC 5214 7.3',
    rows: ['SEC-03'],
    config: shared,
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: PEER.v4 }, echoRequest({ src: SITE.v6, dst: WEB })),
    out: echoRequest({ src: SITE.v6, dst: WEB }),
  },
  {
    name: 'two-tunnels-on-one-address-what-both-refuse-is-dropped',
    rfc: 'RFC 5214 7.3',
    rows: ['SEC-03'],
    config: shared,
    from: 'v4',
    in: ipv4({ src: '203.0.113.66', dst: PEER.v4 }, echoRequest({ src: SITE.v6, dst: WEB })),
    drop: 'source_mismatch',
  },
  {
    name: 'site-of-two-prefixes-sends-each-from-its-own-address',
    rfc: 'RFC 3056 5.6',
    rows: ['6TO4-17', '6TO4-12'],
    config: config('router', SITE.v4, `accept = ["${PEER.v4}"]`),
    from: 'v6',
    in: echoRequest({ src: '2002:c633:6407:5::9', dst: '2002:cb00:7105::1' }),
    out: ipv4({ src: PEER.v4, dst: '203.0.113.5' }, echoRequest({ src: '2002:c633:6407:5::9', dst: '2002:cb00:7105::1' })),
  },
  {
    name: 'site-of-two-prefixes-receives-each-at-its-own-address',
    rfc: 'RFC 3964 5.2',
    rows: ['6TO4-17', '6CHK-07'],
    config: config('router', SITE.v4, `accept = ["${PEER.v4}"]`),
    from: 'v4',
    in: ipv4({ src: '203.0.113.5', dst: SITE.v4 }, echoRequest({ src: '2002:cb00:7105::1', dst: PEER.v6 })),
    drop: 'destination_mismatch',
  },
];

const routing = (type: number, left: number) =>
  ipv6({ src: SITE.v6, dst: PEER.v6 }, Next.routing, join(Uint8Array.of(Next.none, 2, type, left, 0, 0, 0, 0), address(WEB)));
const sourceRouting: readonly VectorCase[] = (
  [
    ['type-0-with-segments-left', 0, 1, 'source_routing'],
    ['type-0-with-none-left', 0, 0, null],
    ['type-2', 2, 1, null],
  ] as const
).flatMap(([name, type, left, drop]): VectorCase[] => [
  {
    name: `host-receives-a-routing-header-of-${name}`,
    rfc: 'RFC 6169 2.3.3',
    rows: ['SEC-16'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: ipv4({ src: SITE.v4, dst: PEER.v4 }, routing(type, left)),
    ...(drop === null ? { out: routing(type, left) } : { drop }),
  },
  {
    name: `host-sends-a-routing-header-of-${name}`,
    rfc: 'RFC 6169 2.3.3',
    rows: ['SEC-16'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: routing(type, left),
    ...(drop === null ? { out: ipv4({ src: SITE.v4, dst: PEER.v4 }, routing(type, left)) } : { drop }),
  },
]);

/** All of them. */
export const sites: readonly VectorCase[] = [...frames, ...loops, ...ownSources, ...relays, ...severalTunnels, ...sourceRouting];
