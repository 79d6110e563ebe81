/** RFC 5969 sections 4, 5, 7 and 8: who sends what to whom; the frames of the shared capture. */
import { packet } from '../../wire/vectors.js';
import { echoReply, echoRequest, hex, innerOf, ipv4, ipv6, join, Next } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { EXAMPLE, edge, HOME, NEIGHBOR, node, RELAY, relay, tunnel, tunnelBy, WEB } from './nodes.js';

const ANYCAST = relay('anycast = true');
const fromWeb = echoReply({ src: WEB, dst: HOME.v6 });
const toNeighbor = echoRequest({ src: HOME.v6, dst: NEIGHBOR.v6 });

/** Frames 35 to 40 of the shared capture, sent and received. */
const frames: readonly VectorCase[] = [
  {
    name: 'f35-customer-edge-to-border-relay-leaves',
    rfc: 'RFC 5969 7.1.1',
    rows: ['6RD-10', '6RD-11', '6RD-12', '6RDCE-16', 'ENC-01'],
    config: edge(),
    from: 'v6',
    in: innerOf('6rd_ce_to_br'),
    out: packet('6rd_ce_to_br'),
  },
  {
    name: 'f35-customer-edge-to-border-relay-arrives',
    rfc: 'RFC 5969 9.2',
    rows: ['6RD-11', '6RD-16', '6RDBR-04'],
    config: relay(),
    from: 'v4',
    in: packet('6rd_ce_to_br'),
    out: innerOf('6rd_ce_to_br'),
  },
  {
    name: 'f36-customer-edge-to-customer-edge-leaves',
    rfc: 'RFC 5969 7.1.1',
    rows: ['6RD-09', '6RD-11'],
    config: edge(),
    from: 'v6',
    in: innerOf('6rd_ce_to_ce'),
    out: packet('6rd_ce_to_ce'),
  },
  {
    name: 'f36-customer-edge-to-customer-edge-arrives',
    rfc: 'RFC 5969 9.2',
    rows: ['6RD-11', '6RD-16'],
    config: node(tunnel('customer-edge', NEIGHBOR.v4, EXAMPLE)),
    from: 'v4',
    in: packet('6rd_ce_to_ce'),
    out: innerOf('6rd_ce_to_ce'),
  },
  {
    name: 'f37-border-relay-to-customer-edge-leaves',
    rfc: 'RFC 5969 7.2',
    rows: ['6RD-09', '6RD-11', '6RDBR-02'],
    config: relay(),
    from: 'v6',
    in: innerOf('6rd_br_to_ce'),
    out: packet('6rd_br_to_ce'),
  },
  {
    name: 'f37-border-relay-to-customer-edge-arrives',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-13', '6RD-11'],
    config: edge(),
    from: 'v4',
    in: packet('6rd_br_to_ce'),
    out: innerOf('6rd_br_to_ce'),
  },
  {
    name: 'f38-an-anycast-border-relay-sets-df',
    rfc: 'RFC 5969 9.1',
    rows: ['6RDBR-02', '6RDBR-03'],
    config: ANYCAST,
    from: 'v6',
    in: innerOf('6rd_br_anycast_df'),
    out: packet('6rd_br_anycast_df'),
  },
  {
    name: 'f38-what-an-anycast-border-relay-sent-arrives',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-13'],
    config: edge(),
    from: 'v4',
    in: packet('6rd_br_anycast_df'),
    out: innerOf('6rd_br_anycast_df'),
  },
  {
    name: 'f39-a-probe-arrives-at-the-border-relay',
    rfc: 'RFC 5969 8',
    rows: ['6RDBR-07', '6RDCE-17'],
    config: relay(),
    from: 'v4',
    in: packet('6rd_br_probe'),
    out: innerOf('6rd_br_probe'),
  },
  {
    name: 'f40-a-probe-leaves-the-border-relay-as-any-other-packet',
    rfc: 'RFC 5969 8',
    rows: ['6RDBR-07', '6RDCE-17'],
    config: relay(),
    from: 'v6',
    in: innerOf('6rd_br_probe_back'),
    out: packet('6rd_br_probe_back'),
  },
  {
    // It went out by itself, so nobody waits for it: what comes from here does not come back here.
    name: 'f40-an-answer-to-no-probe-is-a-loop',
    rfc: 'RFC 5969 12',
    rows: ['6RDCE-17', 'SEC-05'],
    config: edge(),
    from: 'v4',
    in: packet('6rd_br_probe_back'),
    drop: 'loop',
  },
];

const hub = edge('hub-and-spoke = true');
const parameters: readonly VectorCase[] = [
  {
    name: 'customer-edge-with-hub-and-spoke-sends-everything-to-the-border-relay',
    rfc: 'RFC 7084 4.4.1',
    rows: ['6RDCE-10'],
    config: hub,
    from: 'v6',
    in: innerOf('6rd_ce_to_ce'),
    out: ipv4({ src: HOME.v4, dst: RELAY.v4 }, innerOf('6rd_ce_to_ce')),
  },
  {
    name: 'customer-edge-with-hub-and-spoke-receives-others-from-the-border-relay',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-10', '6RDCE-13'],
    config: hub,
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: HOME.v4 }, echoReply({ src: NEIGHBOR.v6, dst: HOME.v6 })),
    out: echoReply({ src: NEIGHBOR.v6, dst: HOME.v6 }),
  },
  {
    name: 'customer-edge-with-hub-and-spoke-still-receives-from-others',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-10', '6RD-16'],
    config: hub,
    from: 'v4',
    in: ipv4({ src: NEIGHBOR.v4, dst: HOME.v4 }, echoReply({ src: NEIGHBOR.v6, dst: HOME.v6 })),
    out: echoReply({ src: NEIGHBOR.v6, dst: HOME.v6 }),
  },
  {
    name: 'border-relay-takes-from-one-customer-edge-what-is-for-another',
    rfc: 'RFC 7084 4.4.1',
    rows: ['6RDCE-10', '6RDBR-04'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: HOME.v4, dst: RELAY.v4 }, toNeighbor),
    out: toNeighbor,
  },
  {
    name: 'border-relay-sends-to-one-customer-edge-what-came-from-another',
    rfc: 'RFC 7084 4.4.1',
    rows: ['6RDCE-10', '6RDBR-04'],
    config: relay(),
    from: 'v6',
    in: toNeighbor,
    out: ipv4({ src: RELAY.v4, dst: NEIGHBOR.v4 }, toNeighbor),
  },
  {
    name: 'customer-edge-by-option-212-ignores-what-follows-the-prefix',
    rfc: 'RFC 5969 7.1.1',
    rows: ['6RDCE-03', '6RDCE-04'],
    config: node(tunnelBy('customer-edge', HOME.v4, 'option-212 = "d416082020010db8ffffffffffffffffffffffff0a000001"')),
    from: 'v6',
    in: innerOf('6rd_ce_to_br'),
    out: packet('6rd_ce_to_br'),
  },
  {
    name: 'border-relay-by-option-212-is-one-of-the-same-domain',
    rfc: 'RFC 5969 7.2',
    rows: ['6RD-01', '6RDBR-01'],
    config: node(tunnelBy('border-relay', RELAY.v4, 'option-212 = "d416082020010db80000000000000000000000000a000001"')),
    from: 'v6',
    in: innerOf('6rd_br_to_ce'),
    out: packet('6rd_br_to_ce'),
  },
];

const OPTION = node(tunnelBy('customer-edge', '192.0.2.42', 'option-212 = "d41a002020010db8000000000000000000000000c0000201c0000202"'));
const twice = '2001:db8:c000:22a::1';
const severalRelays: readonly VectorCase[] = [
  {
    name: 'customer-edge-with-two-border-relays-sends-to-the-first',
    rfc: 'RFC 5969 7.1.1',
    rows: ['6RDCE-06'],
    config: OPTION,
    from: 'v6',
    in: echoRequest({ src: twice, dst: WEB }),
    out: ipv4({ src: '192.0.2.42', dst: '192.0.2.1' }, echoRequest({ src: twice, dst: WEB })),
  },
  ...['192.0.2.1', '192.0.2.2'].map(
    (from, i): VectorCase => ({
      name: `customer-edge-with-two-border-relays-receives-from-the-${['first', 'second'][i]}`,
      rfc: 'RFC 5969 9.2',
      rows: ['6RDCE-06', '6RDCE-13'],
      config: OPTION,
      from: 'v4',
      in: ipv4({ src: from, dst: '192.0.2.42' }, echoReply({ src: WEB, dst: twice })),
      out: echoReply({ src: WEB, dst: twice }),
    }),
  ),
  {
    name: 'customer-edge-with-two-border-relays-trusts-no-third',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-15'],
    config: OPTION,
    from: 'v4',
    in: ipv4({ src: '192.0.2.3', dst: '192.0.2.42' }, echoReply({ src: WEB, dst: twice })),
    drop: 'source_mismatch',
  },
];

const ownAddresses: readonly VectorCase[] = [
  {
    name: 'customer-edge-receives-for-its-subnet-router-anycast-address',
    rfc: 'RFC 5969 5',
    rows: ['6RD-18'],
    config: edge(),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: HOME.v4 }, echoRequest({ src: WEB, dst: HOME.prefix })),
    out: echoRequest({ src: WEB, dst: HOME.prefix }),
  },
  {
    name: 'customer-edge-answers-from-its-subnet-router-anycast-address',
    rfc: 'RFC 5969 5',
    rows: ['6RD-18'],
    config: edge(),
    from: 'v6',
    in: echoReply({ src: HOME.prefix, dst: WEB }),
    out: ipv4({ src: HOME.v4, dst: RELAY.v4 }, echoReply({ src: HOME.prefix, dst: WEB })),
  },
  {
    name: 'customer-edge-receives-for-any-subnet-of-its-prefix',
    rfc: 'RFC 5969 4',
    rows: ['6RD-02', '6RDCE-14'],
    config: edge(),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: HOME.v4 }, echoRequest({ src: WEB, dst: '2001:db8:6464:1ff::9' })),
    out: echoRequest({ src: WEB, dst: '2001:db8:6464:1ff::9' }),
  },
  {
    name: 'customer-edge-receives-for-the-subnet-after-its-prefix',
    rfc: 'RFC 5969 9.2',
    rows: ['6RD-02', '6RDCE-14'],
    config: edge(),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: HOME.v4 }, echoRequest({ src: WEB, dst: '2001:db8:6464:200::9' })),
    drop: 'destination_mismatch',
  },
  {
    name: 'border-relay-receives-for-its-own-6rd-address',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-08'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: HOME.v4, dst: RELAY.v4 }, echoRequest({ src: HOME.v6, dst: RELAY.v6 })),
    out: echoRequest({ src: HOME.v6, dst: RELAY.v6 }),
  },
  {
    name: 'border-relay-receives-for-its-subnet-router-anycast-address',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-08', '6RD-18'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: HOME.v4, dst: RELAY.v4 }, echoRequest({ src: HOME.v6, dst: RELAY.prefix })),
    out: echoRequest({ src: HOME.v6, dst: RELAY.prefix }),
  },
  {
    name: 'border-relay-answers-from-its-subnet-router-anycast-address',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-08', '6RD-18'],
    config: relay(),
    from: 'v6',
    in: echoReply({ src: RELAY.prefix, dst: HOME.v6 }),
    out: ipv4({ src: RELAY.v4, dst: HOME.v4 }, echoReply({ src: RELAY.prefix, dst: HOME.v6 })),
  },
  {
    name: 'border-relay-receives-for-the-rest-of-its-own-prefix',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-08', '6RDBR-11', 'SEC-05'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: HOME.v4, dst: RELAY.v4 }, echoRequest({ src: HOME.v6, dst: '2001:db8:0:100::9' })),
    drop: 'loop',
  },
  {
    name: 'border-relay-sends-nothing-to-its-own-prefix',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-08', '6RDBR-11'],
    config: relay(),
    from: 'v6',
    in: echoRequest({ src: WEB, dst: '2001:db8:0:100::9' }),
    drop: 'loop',
  },
  {
    name: 'border-relay-at-192-88-99-201-is-no-6to4-relay',
    rfc: 'RFC 5569 3',
    rows: ['6RDBR-12'],
    config: node(tunnel('border-relay', '192.88.99.201', EXAMPLE, 'ipv4-prefix = "10.0.0.0/8"', 'anycast = true')),
    from: 'v6',
    in: fromWeb,
    out: ipv4({ src: '192.88.99.201', dst: HOME.v4, flags: 0x4000 }, fromWeb),
  },
];

/** Probes of a customer edge that asks several border relays, and what comes back that it did not send: a key that it never made. */
const forged = (hopLimit: number) =>
  ipv6({ src: twice, dst: twice, hopLimit }, Next.none, join(new Uint8Array(8).fill(0xa5), hex('00000000')));
const probes: readonly VectorCase[] = [
  {
    name: 'customer-edge-receives-a-forged-answer-to-a-probe',
    rfc: 'RFC 5969 8',
    rows: ['6RDCE-17'],
    config: OPTION,
    from: 'v4',
    in: ipv4({ src: '192.0.2.1', dst: '192.0.2.42' }, forged(63)),
    drop: 'nonce_mismatch',
  },
  {
    name: 'customer-edge-receives-an-answer-to-a-probe-that-no-router-has-forwarded',
    rfc: 'RFC 5969 8',
    rows: ['6RDCE-17'],
    config: OPTION,
    from: 'v4',
    in: ipv4({ src: '192.0.2.1', dst: '192.0.2.42' }, forged(64)),
    drop: 'loop',
  },
  {
    name: 'customer-edge-receives-an-answer-to-a-probe-from-somebody-else',
    rfc: 'RFC 5969 9.2',
    rows: ['6RDCE-17', '6RD-16'],
    config: OPTION,
    from: 'v4',
    in: ipv4({ src: '192.0.2.3', dst: '192.0.2.42' }, forged(63)),
    drop: 'source_mismatch',
  },
];

/** All of them. */
export const sites: readonly VectorCase[] = [...frames, ...parameters, ...severalRelays, ...ownAddresses, ...probes];
