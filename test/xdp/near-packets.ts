/**
 * Packets that a node nearly forwards: put together from what its tunnels expect, each field seldom something else, so
 * that a good part is forwarded and most others fail one check alone. Shrinks to the plainest packet that fails.
 */
import fc from 'fast-check';
import { Endpoint } from '../../src/core/endpoint.js';
import type { NodeSpec, TunnelSpec } from '../../src/engine/spec.js';
import { domainsOf } from '../../src/engine/technologies.js';
import { addressOf, type Mapping } from '../../src/mapping/mapping.js';
import { sixToFour } from '../../src/mapping/sixrd.js';
import { address, be16, be32, join, Next } from '../vectors/compose.js';
import { octetsOf, referenceChecksum, u16s, u32s } from '../wire/octet-arrays.js';

/** A packet and the side on which it arrives. */
export interface NearPacket {
  readonly from: 'v4' | 'v6';
  readonly octets: Uint8Array;
}

/** IPv4 addresses at which policies decide. */
const ENDPOINTS = [
  ...['203.0.113.5', '198.51.100.9', '192.0.2.77', '8.8.4.4', '10.9.8.7', '172.16.0.1', '192.168.1.1', '100.64.0.1', '169.254.1.1'],
  ...['127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '192.88.99.1', '192.0.0.9', '192.0.0.1', '198.18.0.1', '192.0.2.255'],
].map((text) => Buffer.from(address(text)).readUInt32BE());
/** IPv6 addresses at which they decide. */
const OTHERS = [
  ...['2a00:1450::1', '3fff:0:1::80', '2001:200::8', '2002:c000:204::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ...['2620:1::5efe:c000:201', '2620:1::200:5efe:c000:201', '2001:db8:1::1', 'fe80::1', 'ff02::1', '::1', '::', 'fc00::1'],
  ...['64:ff9b::808:808', '100::1', '::ffff:192.0.2.1', '4000::1', '1fff::1', '2003::1', '2001:1::1'],
].map(address);
const NATIVE = ['2a00:1450:4001::200e', '2600:9000::53', '3fff:0:1::80', '2404:6800::1'].map(address);

/** `usual`, and once in twenty times what `other` makes. */
function mostly<T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 19, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}

/** The mapping of a tunnel: anybody knows that of 6to4. */
function mappingsOf(spec: TunnelSpec): readonly Mapping[] {
  const own = domainsOf(spec);
  return own.length > 0 ? own : [sixToFour];
}

const native = fc.oneof(
  { weight: 17, arbitrary: fc.constantFrom(...NATIVE) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(0x20, 0x24, 0x3f), octetsOf(15)).map(([first, rest]) => Uint8Array.of(first, ...rest)) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHERS) },
);

/** Addresses of other hosts in the tunnels of `spec`, with the endpoint that each carries. */
function members(spec: NodeSpec): fc.Arbitrary<{ readonly octets: Uint8Array; readonly endpoint: number; readonly local: number }> {
  const places = spec.tunnels.flatMap((tunnel) => mappingsOf(tunnel).map((mapping) => ({ mapping, tunnel })));
  const endpoints = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...ENDPOINTS.slice(0, 5)) },
    { weight: 2, arbitrary: u32s },
    { weight: 1, arbitrary: fc.constantFrom(...ENDPOINTS, ...spec.ownIpv4, ...spec.broadcasts) },
  );
  return fc
    .record({ place: fc.constantFrom(...places), wanted: endpoints, rest: octetsOf(16), local: fc.nat(7), isBare: fc.boolean() })
    .map(({ place: { mapping, tunnel }, wanted, rest, local, isBare }) => {
      const octets = addressOf(mapping, wanted);
      const carried = new Endpoint();
      mapping.endpointOf(octets, 0, carried);
      const endpoint = carried.addr;
      // What the address has beside prefix and endpoint is free; a bit that is not shows, and is put back.
      for (let i = 15; i >= 0 && !isBare; i--) {
        const kept = octets[i];
        octets[i] ^= rest[i];
        if (!mapping.endpointOf(octets, 0, carried) || carried.addr !== endpoint) octets[i] = kept;
      }
      return { octets, endpoint, local: tunnel.local[local % Math.max(1, tunnel.local.length)] ?? 0 };
    });
}

/** An upper layer: 8 octets are enough for every header that is looked at. */
const upper = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constantFrom<number>(Next.tcp, Next.udp), fc.uint8Array({ minLength: 8, maxLength: 40 })) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(mostly(128, fc.integer({ min: 125, max: 145 })), fc.uint8Array({ minLength: 7, maxLength: 40 }))
      .map(([type, rest]): [number, Uint8Array] => [Next.icmp6, Uint8Array.of(type, ...rest)]),
  },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ minLength: 0, maxLength: 40 })) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom<number>(Next.udp),
      fc.integer({ min: 1200, max: 1500 }).map((n) => new Uint8Array(n)),
    ),
  },
);

const innerHead = fc.record({
  version: mostly(6, fc.nat(15)),
  traffic: fc.nat(255),
  flow: fc.nat(0xfffff),
  lengthError: mostly(0, fc.integer({ min: -60, max: 60 })),
  hopLimit: mostly(64, fc.constantFrom(0, 1, 2, 255)),
});

type InnerHead = typeof innerHead extends fc.Arbitrary<infer T> ? T : never;

function inner(head: InnerHead, source: Uint8Array, destination: Uint8Array, [next, body]: readonly [number, Uint8Array]): Uint8Array {
  return join(
    Uint8Array.of(...be32(((head.version << 28) | (head.traffic << 20) | head.flow) >>> 0)),
    Uint8Array.of(...be16((body.length + head.lengthError) & 0xffff), next, head.hopLimit),
    source,
    destination,
    body,
  );
}

const outerHead = fc.record({
  version: mostly(0x45, fc.nat(255)),
  tos: fc.nat(255),
  lengthError: mostly(0, fc.integer({ min: -60, max: 60 })),
  identification: u16s,
  fragment: fc.oneof({ weight: 19, arbitrary: fc.constantFrom(0, 0x4000) }, { weight: 1, arbitrary: u16s }),
  ttl: fc.nat(255),
  protocol: mostly<number>(Next.ipv6, fc.nat(255)),
  checksumError: mostly(0, u16s),
  options: mostly(new Uint8Array(0), octetsOf(4)),
});

type OuterHead = typeof outerHead extends fc.Arbitrary<infer T> ? T : never;

function outer(head: OuterHead, source: number, destination: number, payload: Uint8Array): Uint8Array {
  const length = 20 + head.options.length + payload.length + head.lengthError;
  const b = Uint8Array.of(
    ...[(head.version + head.options.length / 4) & 255, head.tos, ...be16(length & 0xffff), ...be16(head.identification)],
    ...[...be16(head.fragment), head.ttl, head.protocol, 0, 0, ...be32(source), ...be32(destination), ...head.options],
  );
  b.set(be16(referenceChecksum(b) ^ head.checksumError), 10);
  return join(b, payload);
}

/** What happens to a packet on its way: octets behind it, octets lost, octets changed. */
const accidents = fc.record({
  padding: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(30) }),
  lost: mostly(0, fc.nat(70)),
  changes: mostly<[at: number, value: number][]>([], fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { minLength: 1, maxLength: 3 })),
});

type Accidents = typeof accidents extends fc.Arbitrary<infer T> ? T : never;

function suffer(packet: Uint8Array, { padding, lost, changes }: Accidents): Uint8Array {
  const octets = join(packet.subarray(0, Math.max(0, packet.length - lost)), new Uint8Array(padding).fill(0xa5));
  for (const [at, value] of changes) if (at < octets.length) octets[at] = value;
  return octets;
}

/** Packets for the node of `spec`. */
export function nearPackets(spec: NodeSpec): fc.Arbitrary<NearPacket> {
  const locals = spec.tunnels.flatMap(({ local }) => local);
  const member = members(spec);
  const inward = fc
    .record({ member, other: fc.oneof({ weight: 15, arbitrary: native }, { weight: 1, arbitrary: member.map(({ octets }) => octets) }) })
    .chain(({ member: { octets, endpoint, local }, other }) =>
      fc.record({
        source: mostly(octets, native),
        other: fc.constant(other),
        from: mostly(endpoint, fc.constantFrom(...ENDPOINTS, ...spec.ownIpv4)),
        to: mostly(local, fc.constantFrom(...locals, ...ENDPOINTS)),
        head: innerHead,
        upper,
        outerHead,
        accidents,
      }),
    )
    .map((p) => ({
      from: 'v4' as const,
      octets: suffer(outer(p.outerHead, p.from, p.to, inner(p.head, p.source, p.other, p.upper)), p.accidents),
    }));
  const outward = fc
    .record({
      member,
      other: fc.oneof({ weight: 15, arbitrary: native }, { weight: 1, arbitrary: member.map(({ octets }) => octets) }),
      head: innerHead,
      upper,
      accidents,
    })
    .map((p) => ({ from: 'v6' as const, octets: suffer(inner(p.head, p.other, p.member.octets, p.upper), p.accidents) }));
  return fc.oneof(inward, outward);
}
