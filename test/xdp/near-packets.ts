/**
 * Packets that a node nearly forwards: put together from what its tunnels expect, each field seldom something else, so
 * that a good part is forwarded and most others fail one check alone. Shrinks to the plainest packet that fails.
 */
import fc from 'fast-check';
import { Endpoint } from '../../src/core/endpoint.js';
import type { NodeSpec, TunnelSpec } from '../../src/engine/spec.js';
import { domainsOf, socketsOf } from '../../src/engine/technologies.js';
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

/** A client of Teredo. */
export interface Client {
  /** Sixteen octets. */
  readonly octets: Uint8Array;
  readonly endpoint: number;
  readonly port: number;
}

/** Another host in one of the tunnels: what its address carries, and where its packets go. */
interface Member extends Client {
  readonly local: number;
  /** UDP port at which its packets arrive; 0: by protocol 41. */
  readonly localPort: number;
}

/** Hosts in the tunnels of protocol 41. */
function members(spec: NodeSpec): fc.Arbitrary<Member> {
  const tunnels = spec.tunnels.filter((tunnel) => socketsOf(tunnel).length === 0);
  const places = tunnels.flatMap((tunnel) => mappingsOf(tunnel).map((mapping) => ({ mapping, tunnel })));
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
      return { octets, endpoint, port: 0, local: tunnel.local[local % Math.max(1, tunnel.local.length)] ?? 0, localPort: 0 };
    });
}

/** Clients of Teredo: those given, and seldom others. */
function teredoMembers(spec: NodeSpec, clients: readonly Client[]): fc.Arbitrary<Member> {
  const [{ local, port: localPort }] = spec.tunnels.flatMap(socketsOf);
  const stranger = fc.record({ flags: u16s, port: u16s, endpoint: u32s }).map(({ flags, port, endpoint }) => ({
    octets: Uint8Array.of(0x20, 1, 0, 0, ...address('203.0.113.9'), ...be16(flags), ...be16(~port & 0xffff), ...be32(~endpoint >>> 0)),
    endpoint,
    port,
  }));
  return fc
    .oneof({ weight: 19, arbitrary: fc.constantFrom(...clients) }, { weight: 1, arbitrary: stranger })
    .map((client) => ({ ...client, local, localPort }));
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

const udpHead = fc.record({
  lengthError: mostly(0, fc.integer({ min: -9, max: 9 })),
  checksum: fc.oneof(
    { weight: 16, arbitrary: fc.constant('right') },
    { weight: 3, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: u16s },
  ),
});

type UdpHead = typeof udpHead extends fc.Arbitrary<infer T> ? T : never;

/** A datagram between two endpoints. */
function datagram(head: UdpHead, from: Client, to: number, toPort: number, payload: Uint8Array): Uint8Array {
  const len = (8 + payload.length + head.lengthError) & 0xffff;
  const b = join(Uint8Array.of(...be16(from.port), ...be16(toPort), ...be16(len), 0, 0), payload);
  const pseudo = Uint8Array.of(...be32(from.endpoint), ...be32(to), 0, Next.udp, ...be16(len));
  const right = referenceChecksum(pseudo, b) || 0xffff;
  b.set(be16(head.checksum === 'right' ? right : head.checksum === 'none' ? 0 : right ^ Number(head.checksum)), 6);
  return b;
}

/** Where each upper layer has its checksum, and how long its header is. */
const CHECKSUMS = new Map<number, readonly [at: number, least: number]>([
  [Next.tcp, [16, 20]],
  [Next.udp, [6, 8]],
  [Next.icmp6, [2, 4]],
]);

/** The sum over the upper layer of an IPv6 packet and its pseudo header: 0 when its checksum is right. */
export function upperSum(packet: Uint8Array): number {
  const body = packet.subarray(40, 40 + packet[4] * 256 + packet[5]);
  return referenceChecksum(packet.subarray(8, 40), Uint8Array.of(...be32(body.length), 0, 0, 0, packet[6]), body);
}

/** Writes the checksum of the upper layer, where there is one. */
function seal(packet: Uint8Array): Uint8Array {
  const [at, least] = CHECKSUMS.get(packet[6]) ?? [0, Number.POSITIVE_INFINITY];
  if (packet.length < 40 + least) return packet;
  packet.set([0, 0], 40 + at);
  packet.set(be16(upperSum(packet) || 0xffff), 40 + at);
  return packet;
}

/** Packets for the node of `spec`, which knows `clients` of Teredo. */
export function nearPackets(spec: NodeSpec, clients: readonly Client[] = []): fc.Arbitrary<NearPacket> {
  const locals = spec.tunnels.flatMap(({ local }) => local);
  const member = clients.length === 0 ? members(spec) : teredoMembers(spec, clients);
  const other = fc.oneof({ weight: 15, arbitrary: native }, { weight: 1, arbitrary: member.map(({ octets }) => octets) });
  const isSealed = clients.length === 0 ? fc.constant(false) : mostly(true, fc.constant(false));
  const inward = fc
    .record({ member, other })
    .chain(({ member, other }) =>
      fc.record({
        source: mostly(member.octets, native),
        other: fc.constant(other),
        from: mostly(member.endpoint, fc.constantFrom(...ENDPOINTS, ...spec.ownIpv4)),
        port: mostly(member.port, u16s),
        to: mostly(member.local, fc.constantFrom(...locals, ...ENDPOINTS)),
        toPort: mostly(member.localPort, u16s),
        head: innerHead,
        upper,
        isSealed,
        udpHead,
        outerHead,
        accidents,
      }),
    )
    .map((p) => {
      const bare = inner(p.head, p.source, p.other, p.upper);
      const packet = p.isSealed ? seal(bare) : bare;
      const isUdp = clients.length > 0;
      const from = { octets: p.source, endpoint: p.from, port: p.port };
      const carried = isUdp ? datagram(p.udpHead, from, p.to, p.toPort, packet) : packet;
      const head = isUdp && p.outerHead.protocol === Next.ipv6 ? { ...p.outerHead, protocol: Next.udp } : p.outerHead;
      return { from: 'v4' as const, octets: suffer(outer(head, p.from, p.to, carried), p.accidents) };
    });
  const outward = fc.record({ member, other, head: innerHead, upper, isSealed, accidents }).map((p) => {
    const bare = inner(p.head, p.other, p.member.octets, p.upper);
    return { from: 'v6' as const, octets: suffer(p.isSealed ? seal(bare) : bare, p.accidents) };
  });
  return fc.oneof(inward, outward);
}
