/** RFC 5969 section 9.2 and RFC 7084 6RD-5: the tables of the shared vectors, and what they leave out. RFC 6324: what would come back. */
import type { DropName } from '../../../src/core/drop.js';
import { vectors } from '../../wire/vectors.js';
import { echoReply, echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { addressIn, type Domain, edge, HOME, NEIGHBOR, node, PUBLIC, publicRelay, RELAY, relay, tunnel, WEB } from './nodes.js';

/** By the `why` of a row of `decap_checks`. */
const RECEIVED: Readonly<Record<string, readonly [name: string, drop: DropName | null, ...rows: string[]]>> = {
  good: ['a-customer', null, '6RD-16', '6RDBR-04'],
  'spoofed inner source': ['a-forged-customer', 'source_mismatch', '6RD-16', '6RDBR-06', 'ENC-42', 'SEC-15'],
  'inner source outside domain': ['a-source-outside-the-domain', 'source_mismatch', '6RDBR-05'],
  'same low 24 bits, wrong common prefix': ['the-same-24-bits-in-another-8', 'source_mismatch', '6RD-17', '6RDBR-06'],
  'reachability probe': ['a-probe', null, '6RDBR-07', '6RDCE-17'],
  'from BR': ['its-border-relay', null, '6RDCE-13'],
  'CE to CE': ['another-customer-edge', null, '6RD-16', 'ENC-42'],
  'spoofed CE': ['a-forged-customer-edge', 'source_mismatch', '6RD-16', 'SEC-15'],
  'native source not via BR': ['a-native-source-from-no-border-relay', 'source_mismatch', '6RDCE-15'],
  'destination outside own delegated prefix': ['what-is-for-another', 'destination_mismatch', '6RDCE-14'],
};

const table: readonly VectorCase[] = vectors.decap_checks
  .filter(({ mechanism }) => mechanism === '6rd')
  .map(({ why, v4src, v4dst, v6src, v6dst }) => {
    const [name, drop, ...rows] = RECEIVED[why];
    const isRelay = v4dst === RELAY.v4;
    const inner = echoRequest({ src: v6src, dst: v6dst });
    return {
      name: `${isRelay ? 'border-relay' : 'customer-edge'}-receives-${name}`,
      rfc: 'RFC 5969 9.2',
      rows,
      config: isRelay ? relay() : edge(),
      from: 'v4',
      in: ipv4({ src: v4src, dst: v4dst }, inner),
      ...(drop === null ? { out: inner } : { drop }),
    };
  });

/** What arrives at the customer edge besides. */
const arriving: readonly VectorCase[] = (
  [
    ['its-own-outer-source', HOME.v4, HOME.v6, 'loop', 'RFC 6324 3.3', 'SEC-05', 'ENC-42'],
    ['its-own-prefix-from-its-border-relay', RELAY.v4, '2001:db8:6464:1aa::9', 'loop', 'RFC 4213 3.6', 'ENC-46', 'SEC-05'],
    ['its-own-prefix-from-another', NEIGHBOR.v4, '2001:db8:6464:1aa::9', 'source_mismatch', 'RFC 5969 9.2', '6RD-16'],
    ['the-border-relay-itself', RELAY.v4, RELAY.v6, null, 'RFC 5969 9.2', '6RDCE-13'],
    ['another-by-way-of-its-border-relay', RELAY.v4, NEIGHBOR.v6, null, 'RFC 5969 9.2', '6RDCE-13', '6RDCE-10'],
    ['another-low-bits-in-another-8', '11.100.100.2', NEIGHBOR.v6, 'source_mismatch', 'RFC 5969 9.2', '6RD-17'],
    ['a-6to4-relay', '192.88.99.1', WEB, 'special_ipv4', 'RFC 5969 12', 'SEC-10'],
    ['a-link-local-source', RELAY.v4, 'fe80::a00:1', 'special_ipv6', 'RFC 5969 9', '6RD-19'],
    ['a-group-as-a-source', RELAY.v4, 'ff02::1', 'special_ipv6', 'RFC 4213 3.6', 'ENC-45'],
    ['a-loopback-source', RELAY.v4, '::1', 'special_ipv6', 'RFC 4213 3.6', 'ENC-45'],
    ['a-mapped-source', RELAY.v4, '::ffff:10.0.0.1', 'special_ipv6', 'RFC 4213 3.6', 'ENC-45'],
  ] as const
).map(([name, outer, src, drop, rfc, ...rows]) => {
  const inner = echoRequest({ src, dst: HOME.v6 });
  return {
    name: `customer-edge-receives-${name}`,
    rfc,
    rows,
    config: edge(),
    from: 'v4',
    in: ipv4({ src: outer, dst: HOME.v4 }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

const atOddDestinations: readonly VectorCase[] = (
  [
    ['a-link-local-destination', 'fe80::a64:6401', '6RD-19'],
    ['a-group', 'ff02::1', '6RD-19'],
  ] as const
).map(([name, dst, row]) => ({
  name: `customer-edge-receives-for-${name}`,
  rfc: 'RFC 5969 9',
  rows: [row],
  config: edge(),
  from: 'v4',
  in: ipv4({ src: NEIGHBOR.v4, dst: HOME.v4 }, echoRequest({ src: NEIGHBOR.v6, dst })),
  drop: 'special_ipv6',
}));

/** What is routed into the customer edge's device. */
const leaving: readonly VectorCase[] = (
  [
    ['from-a-native-address', WEB, '3fff:0:2::1', 'source_mismatch'],
    ['from-a-native-address-to-another-customer-edge', WEB, NEIGHBOR.v6, 'source_mismatch'],
    ['from-6to4', '2002:c000:22a::1', WEB, 'source_mismatch'],
    ['from-the-prefix-of-another', NEIGHBOR.v6, WEB, 'source_mismatch'],
    ['from-the-subnet-before-its-prefix', '2001:db8:6464:ff::9', WEB, 'source_mismatch'],
    ['from-the-last-subnet-of-its-prefix', '2001:db8:6464:1ff::9', WEB, null],
    ['to-itself', HOME.v6, '2001:db8:6464:1aa::9', 'loop'],
    ['from-a-link-local-address', 'fe80::a64:6401', WEB, 'special_ipv6'],
    ['to-a-link-local-address', HOME.v6, 'fe80::a00:1', 'special_ipv6'],
    ['to-a-group', HOME.v6, 'ff05::2', 'special_ipv6'],
  ] as const
).map(([name, src, dst, drop]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `customer-edge-sends-${name}`,
    rfc: drop === 'special_ipv6' ? 'RFC 5969 9' : drop === 'loop' ? 'RFC 5969 7.1.1' : 'RFC 7084 4.4.1',
    rows: [drop === 'special_ipv6' ? '6RD-19' : drop === 'loop' ? '6RDBR-11' : '6RDCE-18'],
    config: edge(),
    from: 'v6',
    in: inner,
    ...(drop === null ? { out: ipv4({ src: HOME.v4, dst: RELAY.v4 }, inner) } : { drop }),
  };
});

const atTheRelay: readonly VectorCase[] = [
  {
    name: 'border-relay-sends-nothing-beyond-its-domain',
    rfc: 'RFC 5969 7.2',
    rows: ['6RD-09'],
    config: relay(),
    from: 'v6',
    in: echoRequest({ src: HOME.v6, dst: WEB }),
    drop: 'no_endpoint',
  },
  {
    name: 'border-relay-receives-from-a-6to4-relay',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-09', 'SEC-10'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: '192.88.99.1', dst: RELAY.v4 }, echoRequest({ src: HOME.v6, dst: WEB })),
    drop: 'special_ipv4',
  },
  {
    name: 'border-relay-receives-its-own-outer-source',
    rfc: 'RFC 6324 3.3',
    rows: ['ENC-42', 'SEC-05'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: RELAY.v4, dst: RELAY.v4 }, echoRequest({ src: RELAY.v6, dst: WEB })),
    drop: 'loop',
  },
  {
    name: 'border-relay-receives-from-outside-its-domain',
    rfc: 'RFC 5969 12',
    rows: ['6RDBR-10'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: '198.51.100.7', dst: RELAY.v4 }, echoRequest({ src: '2001:db8:3364:700::1', dst: WEB })),
    drop: 'source_mismatch',
  },
  {
    name: 'border-relay-receives-a-link-local-source',
    rfc: 'RFC 5969 9',
    rows: ['6RD-19'],
    config: relay(),
    from: 'v4',
    in: ipv4({ src: HOME.v4, dst: RELAY.v4 }, echoRequest({ src: 'fe80::a64:6401', dst: WEB })),
    drop: 'special_ipv6',
  },
];

/** With all 32 bits embedded, anything can stand there: what is no unicast address, and whose broadcast address it is. */
const WHOLE: Domain = { prefix: '2001:db8::/32', maskLen: 0, relay: '192.0.2.1' };
const RELAY0 = node(tunnel('border-relay', '192.0.2.1', WHOLE));
const EDGE0 = node(tunnel('customer-edge', '192.0.2.42', WHOLE));
const NO_ENDPOINTS = {
  'this-network': '0.1.2.3',
  'the-unspecified-address': '0.0.0.0',
  loopback: '127.0.0.1',
  'a-group': '224.0.0.1',
  reserved: '240.0.0.1',
  'limited-broadcast': '255.255.255.255',
  'its-own-broadcast-address': '192.0.2.255',
  'a-6to4-relay': '192.88.99.1',
} as const;
/** A customer of a provider may have any of these. */
const ENDPOINTS = {
  'private-10': '10.9.8.7',
  'private-172': '172.16.5.9',
  'private-192': '192.168.1.1',
  'shared-space': '100.64.0.9',
  benchmarking: '198.18.0.1',
  'a-documentation-range': '203.0.113.9',
  'a-public-address': '8.8.8.8',
} as const;

const embedded: readonly VectorCase[] = [
  ...Object.entries(NO_ENDPOINTS).flatMap(([name, v4]): VectorCase[] => [
    {
      name: `border-relay-sends-to-embedded-${name}`,
      rfc: 'RFC 6324 3.3',
      rows: ['6RDBR-11', ...(name === 'a-6to4-relay' ? ['6RDBR-09'] : [])],
      config: RELAY0,
      from: 'v6',
      in: echoRequest({ src: WEB, dst: addressIn(WHOLE, v4) }),
      drop: 'special_ipv4',
    },
    {
      name: `customer-edge-sends-to-embedded-${name}`,
      rfc: 'RFC 6324 3.3',
      rows: ['6RDBR-11'],
      config: EDGE0,
      from: 'v6',
      in: echoRequest({ src: addressIn(WHOLE, '192.0.2.42'), dst: addressIn(WHOLE, v4) }),
      drop: 'special_ipv4',
    },
    {
      name: `border-relay-receives-embedded-${name}-as-a-source`,
      rfc: 'RFC 6324 3.3',
      rows: ['6RDBR-11', '6RD-16'],
      config: RELAY0,
      from: 'v4',
      in: ipv4({ src: '192.0.2.42', dst: '192.0.2.1' }, echoRequest({ src: addressIn(WHOLE, v4), dst: WEB })),
      drop: 'special_ipv4',
    },
  ]),
  ...Object.entries(ENDPOINTS).flatMap(([name, v4]): VectorCase[] => {
    const out = echoRequest({ src: WEB, dst: addressIn(WHOLE, v4) });
    const back = echoReply({ src: addressIn(WHOLE, v4), dst: WEB });
    return [
      {
        name: `border-relay-sends-to-a-customer-edge-in-${name}`,
        rfc: 'RFC 5969 7.1',
        rows: ['6RD-11'],
        config: RELAY0,
        from: 'v6',
        in: out,
        out: ipv4({ src: '192.0.2.1', dst: v4 }, out),
      },
      {
        name: `border-relay-receives-from-a-customer-edge-in-${name}`,
        rfc: 'RFC 5969 7.1',
        rows: ['6RD-11', '6RD-16'],
        config: RELAY0,
        from: 'v4',
        in: ipv4({ src: v4, dst: '192.0.2.1' }, back),
        out: back,
      },
    ];
  }),
];

const isatap = (v4: string) => `3fff:15:0:1:200:5efe:${v4}`;
const isatapLocal = (v4: string) => `3fff:15:0:1:0:5efe:${v4}`;
const teredo = (inverted: string) => `2001:0:4136:e378:8000:63bf:${inverted}`;
/** Addresses that carry the border relay's own IPv4 address, and some that only look like it. */
const CARRIERS: readonly (readonly [name: string, address: string, drop: 'loop' | null, row: string])[] = [
  ['its-own-address-as-6to4', `2002:${PUBLIC.hex}::9`, 'loop', 'SEC-05'],
  ['its-own-address-as-isatap', isatap(PUBLIC.hex), 'loop', 'SEC-05'],
  ['its-own-address-as-isatap-without-the-u-bit', isatapLocal(PUBLIC.hex), 'loop', 'SEC-05'],
  ['its-own-address-as-teredo', teredo(PUBLIC.inverted), 'loop', 'SEC-05'],
  ['another-address-as-6to4', '2002:cb00:7102::9', null, 'SEC-05'],
  ['another-address-as-isatap', isatap('cb00:7102'), null, 'SEC-05'],
  ['another-address-as-teredo', teredo('34ff:8efd'), null, 'SEC-05'],
  ['a-private-address-as-isatap', isatapLocal('a64:6401'), null, 'SEC-07'],
];
const loops: readonly VectorCase[] = CARRIERS.flatMap(([name, carrier, drop, row]): VectorCase[] => {
  const arriving = echoRequest({ src: HOME.v6, dst: carrier });
  const leaving = echoReply({ src: carrier, dst: HOME.v6 });
  return [
    {
      name: `border-relay-receives-for-${name}`,
      rfc: 'RFC 6324 3.3',
      rows: [row],
      config: publicRelay(),
      from: 'v4',
      in: ipv4({ src: HOME.v4, dst: PUBLIC.v4 }, arriving),
      ...(drop === null ? { out: arriving } : { drop }),
    },
    {
      name: `border-relay-sends-from-${name}`,
      rfc: 'RFC 6324 3.3',
      rows: [row === 'SEC-05' ? 'SEC-04' : row],
      config: publicRelay(),
      from: 'v6',
      in: leaving,
      ...(drop === null ? { out: ipv4({ src: PUBLIC.v4, dst: HOME.v4 }, leaving) } : { drop }),
    },
  ];
});

/** All of them. */
export const checks: readonly VectorCase[] = [
  ...table,
  ...arriving,
  ...atOddDestinations,
  ...leaving,
  ...atTheRelay,
  ...embedded,
  ...loops,
];
