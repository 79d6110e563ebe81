/** RFC 5969 section 4: domains of any lengths, several on one node, and one beside 6to4. */
import { vectors } from '../../wire/vectors.js';
import { echoReply, echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { addressIn, type Domain, EXAMPLE, HOME, NEIGHBOR, node, RELAY, tunnel, WEB } from './nodes.js';

/** Every domain of the shared vectors but 6to4 as 6rd, which is nobody's own; the relay is outside where all bits are shared. */
const lengths: readonly VectorCase[] = vectors['6rd_prefixes']
  .filter((row) => row['6rdPrefix'] !== '2002::/16' && row.ce_v4 !== NEIGHBOR.v4 && row.ce_v4 !== RELAY.v4)
  .flatMap((row): VectorCase[] => {
    const [network, len] = row['6rdPrefix'].split('/');
    const carried = 32 - row.IPv4MaskLen;
    const domain: Domain = { prefix: row['6rdPrefix'], maskLen: row.IPv4MaskLen, relay: '192.0.2.1' };
    const name = `${network.replace(/:+$/, '').replaceAll(':', '-')}-${len}-and-${carried}-bits-of-ipv4`;
    const here = row.delegated.replace(/\/\d+$/, '1');
    const config = node(tunnel('customer-edge', row.ce_v4, domain));
    const native = echoRequest({ src: here, dst: WEB });
    const answer = echoReply({ src: WEB, dst: here });
    const alone: VectorCase[] = [
      {
        name: `customer-edge-of-${name}-sends-to-its-border-relay`,
        rfc: 'RFC 5969 4',
        rows: ['6RD-02', '6RD-03', '6RD-10'],
        config,
        from: 'v6',
        in: native,
        out: ipv4({ src: row.ce_v4, dst: domain.relay }, native),
      },
      {
        name: `customer-edge-of-${name}-receives-from-its-border-relay`,
        rfc: 'RFC 5969 9.2',
        rows: ['6RD-02', '6RDCE-13'],
        config,
        from: 'v4',
        in: ipv4({ src: domain.relay, dst: row.ce_v4 }, answer),
        out: answer,
      },
    ];
    if (carried === 0) return alone;
    // Another customer, as far away as the embedded bits allow, and a third one that is the second's neighbour.
    const other = flipped(row.ce_v4, carried, 0b01010101);
    const third = flipped(other, carried, 1);
    const there = addressIn(domain, other);
    const out = echoRequest({ src: here, dst: there });
    const back = echoReply({ src: there, dst: here });
    return [
      ...alone,
      {
        name: `customer-edge-of-${name}-sends-to-another`,
        rfc: 'RFC 5969 7.1.1',
        rows: ['6RD-03', '6RD-09'],
        config,
        from: 'v6',
        in: out,
        out: ipv4({ src: row.ce_v4, dst: other }, out),
      },
      {
        name: `customer-edge-of-${name}-receives-from-another`,
        rfc: 'RFC 5969 9.2',
        rows: ['6RD-03', '6RD-16'],
        config,
        from: 'v4',
        in: ipv4({ src: other, dst: row.ce_v4 }, back),
        out: back,
      },
      {
        name: `customer-edge-of-${name}-receives-what-another-did-not-send`,
        rfc: 'RFC 5969 9.2',
        rows: ['6RD-03', '6RD-16'],
        config,
        from: 'v4',
        in: ipv4({ src: third, dst: row.ce_v4 }, back),
        drop: 'source_mismatch',
      },
      {
        name: `customer-edge-of-${name}-receives-what-is-for-another`,
        rfc: 'RFC 5969 9.2',
        rows: ['6RD-03', '6RDCE-14'],
        config,
        from: 'v4',
        in: ipv4({ src: domain.relay, dst: row.ce_v4 }, echoReply({ src: WEB, dst: there })),
        drop: 'destination_mismatch',
      },
    ];
  });

/** `v4` with the bits of `pattern`, and its highest embedded bit, turned over. */
function flipped(v4: string, carried: number, pattern: number): string {
  const value = v4.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const other = (value ^ pattern ^ (carried > 8 ? 2 ** (carried - 1) : 0)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (other >>> shift) & 255).join('.');
}

/** Two domains on one node: each packet is of one, and each domain keeps its own checks. */
const OTHER: Domain = { prefix: '3fff:c00::/28', maskLen: 8, relay: RELAY.v4 };
const inOther = (v4: string) => addressIn(OTHER, v4);
const oneAddress = node(
  tunnel('border-relay', RELAY.v4, EXAMPLE, 'name = "first"'),
  tunnel('border-relay', RELAY.v4, OTHER, 'name = "second"'),
);
const twoAddresses = node(
  tunnel('border-relay', RELAY.v4, EXAMPLE, 'name = "first"'),
  tunnel('border-relay', '10.0.0.2', OTHER, 'name = "second"'),
);
const severalDomains: readonly VectorCase[] = (
  [
    ['the-first', oneAddress, RELAY.v4, HOME.v4, HOME.v6, WEB, null],
    ['the-second', oneAddress, RELAY.v4, HOME.v4, inOther(HOME.v4), WEB, null],
    ['the-second-in-another-name', oneAddress, RELAY.v4, NEIGHBOR.v4, inOther(HOME.v4), WEB, 'source_mismatch'],
    ['the-first-for-the-second', oneAddress, RELAY.v4, HOME.v4, HOME.v6, inOther(NEIGHBOR.v4), null],
    ['the-first-for-the-relay-in-the-second', oneAddress, RELAY.v4, HOME.v4, HOME.v6, addressIn(OTHER, RELAY.v4, 9n), 'loop'],
    ['the-second-at-its-address', twoAddresses, '10.0.0.2', HOME.v4, inOther(HOME.v4), WEB, null],
    ['the-first-at-the-address-of-the-second', twoAddresses, '10.0.0.2', HOME.v4, HOME.v6, WEB, 'source_mismatch'],
  ] as const
).map(([name, config, dst, outer, src, to, drop]) => {
  const inner = echoRequest({ src, dst: to });
  return {
    name: `border-relay-of-two-domains-receives-from-${name}`,
    rfc: 'RFC 5969 4',
    rows: [
      '6RD-08',
      ...(drop === 'loop' ? ['SEC-05'] : drop === null ? [] : ['SEC-02']),
      ...(config === oneAddress ? ['SEC-03'] : ['SEC-01']),
    ],
    config,
    from: 'v4',
    in: ipv4({ src: outer, dst }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

const toSecond = echoRequest({ src: inOther(NEIGHBOR.v4), dst: HOME.v6 });
const betweenDomains: readonly VectorCase[] = [
  {
    name: 'border-relay-of-two-domains-sends-from-the-second-to-the-first',
    rfc: 'RFC 5969 4',
    rows: ['6RD-08'],
    config: oneAddress,
    from: 'v6',
    in: toSecond,
    out: ipv4({ src: RELAY.v4, dst: HOME.v4 }, toSecond),
  },
  {
    name: 'border-relay-of-two-domains-sends-nothing-that-claims-to-come-from-itself-in-the-second',
    rfc: 'RFC 6324 3.3',
    rows: ['6RD-08', 'SEC-04'],
    config: oneAddress,
    from: 'v6',
    in: echoRequest({ src: addressIn(OTHER, RELAY.v4, 9n), dst: HOME.v6 }),
    drop: 'loop',
  },
  {
    name: 'customer-edge-of-two-domains-sends-by-the-first-from-the-first-only',
    rfc: 'RFC 7084 4.4.1',
    rows: ['6RD-08', '6RDCE-18'],
    config: node(
      tunnel('customer-edge', HOME.v4, EXAMPLE, 'name = "first"'),
      tunnel('customer-edge', NEIGHBOR.v4, OTHER, 'name = "second"'),
    ),
    from: 'v6',
    in: echoRequest({ src: inOther(NEIGHBOR.v4), dst: WEB }),
    drop: 'source_mismatch',
  },
];

const lines = ['[[tunnel]]', 'type = "6to4"', 'role = "relay"', 'name = "6to4"', 'local = "203.0.113.1"'];
const both = [
  node(tunnel('border-relay', '203.0.113.1', EXAMPLE, 'name = "6rd"', 'ipv4-prefix = "10.0.0.0/8"'), lines),
  '[policy]\nallow-ipv4 = ["192.0.2.0/24", "203.0.113.0/24"]\n',
].join('\n');
const beside6to4: readonly VectorCase[] = (
  [
    ['from-6rd', HOME.v4, HOME.v6, WEB, null],
    ['from-6to4', '192.0.2.42', '2002:c000:22a::1', WEB, null],
    ['from-6to4-for-6rd', '192.0.2.42', '2002:c000:22a::1', HOME.v6, null],
    ['from-6rd-for-6to4', HOME.v4, HOME.v6, '2002:c000:22a::1', null],
    ['from-6rd-for-itself-in-6to4', HOME.v4, HOME.v6, '2002:cb00:7101::9', 'loop'],
    ['from-neither', '192.0.2.42', WEB, HOME.v6, 'source_mismatch'],
    ['a-6to4-source-from-a-customer-edge', HOME.v4, '2002:c000:22a::1', WEB, 'special_ipv4'],
  ] as const
).map(([name, outer, src, dst, drop]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `border-relay-and-6to4-relay-receives-${name}`,
    rfc: 'RFC 5214 7.3',
    rows: [...(drop === 'loop' ? ['SEC-05'] : ['SEC-03']), '6RDBR-09'],
    config: both,
    from: 'v4',
    in: ipv4({ src: outer, dst: '203.0.113.1' }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

/** All of them. */
export const domains: readonly VectorCase[] = [...lengths, ...severalDomains, ...betweenDomains, ...beside6to4];
