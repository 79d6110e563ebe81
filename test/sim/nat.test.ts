import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NAT_BEHAVIOURS, NAT_KINDS, type NatKind, PORT_ALLOCATIONS } from '../../src/core/nat.js';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import { Nat } from '../../src/sim/nat.js';
import type { EventName } from '../../src/sim/trace.js';
import { checksum } from '../../src/wire/checksum.js';
import { writeIcmp4Error } from '../../src/wire/icmp4.js';
import { DF, IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { put16, u16, u32 } from '../../src/wire/octets.js';
import { isUdp4, UDP_LEN } from '../../src/wire/udp.js';
import { type Endpoint, INSIDE_HOSTS, OUTSIDE_HOSTS, OUTSIDE_ROUTER, observe } from '../nat-behaviour.js';
import { destinationOf, NatBench, number, sourceOf, udp } from './nat-bench.js';
import { router, worldOf } from './worlds.js';

const CONE = NAT_KINDS['full-cone'];
const RESTRICTED = NAT_KINDS['port-restricted-cone'];

const inside = (port: number, address: string = INSIDE_HOSTS.one): Endpoint => ({ address, port });
const outside = (port: number, address: string = OUTSIDE_HOSTS.A): Endpoint => ({ address, port });
const isSound = (b: Uint8Array): boolean => checksum(b, 0, IPV4_LEN) === 0 && (b[9] !== Protocol.udp || isUdp4(b, 0, b.length));

describe('RFC 4787: mapping and filtering are settings of their own, and are seen as what they are', () => {
  const kinds = NAT_BEHAVIOURS.flatMap((mapping) =>
    NAT_BEHAVIOURS.flatMap((filtering) => PORT_ALLOCATIONS.map((ports): NatKind => ({ mapping, filtering, ports }))),
  );
  test.each(kinds)('$mapping mapping, $filtering filtering, $ports ports', async (kind) => {
    expect(await observe(new NatBench({ ...kind, hairpin: false }))).toEqual({
      mapping: kind.mapping,
      filtering: kind.filtering,
      ports: kind.ports === 'preserving' ? 'preserved' : 'changed',
      hairpin: 'none',
      isClean: true,
    });
  });

  test.each(kinds.filter(({ mapping }) => mapping === 'endpoint-independent'))(
    'hairpins with the outside source, behind $filtering filtering and with $ports ports',
    async (kind) => {
      expect(await observe(new NatBench(kind))).toMatchObject({ hairpin: 'both-ways', isClean: true });
    },
  );

  test('and the same seed makes the same NAT', async () => {
    const lives = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const bench = new NatBench(NAT_KINDS.symmetric, { seed });
        await observe(bench);
        return bench.world.digest();
      }),
    );
    expect(lives[0]).toBe(lives[1]);
    expect(lives[0]).not.toBe(lives[2]);
  });
});

describe('ports', () => {
  test('a port that is taken is replaced by a free one of the same parity, RFC 4787 REQ-4', () => {
    const bench = new NatBench(CONE);
    const ports = [INSIDE_HOSTS.one, INSIDE_HOSTS.other].map((address) => bench.out(inside(40_001, address), outside(1))?.port);
    expect(ports).toEqual([40_001, 40_003]);
  });

  test.each(PORT_ALLOCATIONS)('%s: low ports stay low and high ones high, RFC 4787 REQ-3a', (ports) => {
    const bench = new NatBench({ ...CONE, ports });
    for (const port of [1, 137, 1023]) expect(bench.out(inside(port), outside(1))?.port).toBeLessThan(1024);
    for (const port of [1024, 5000, 65_535]) expect(bench.out(inside(port), outside(1))?.port).toBeGreaterThan(1023);
  });

  test.each([1, 2] as const)('sequential ones go up by %i, RFC 6081 section 2', (increment) => {
    const bench = new NatBench({ ...NAT_KINDS.symmetric, ports: 'sequential', increment });
    const ports = Array.from({ length: 5 }, (_, i) => bench.out(inside(40_000), outside(i + 1))?.port ?? 0);
    expect(ports.slice(1).map((port, i) => port - ports[i])).toEqual(Array(4).fill(increment));
  });

  test('a symmetric NAT preserves the port for the first destination only', () => {
    const bench = new NatBench({ ...NAT_KINDS.symmetric, ports: 'preserving' });
    expect([1, 2].map((port) => bench.out(inside(40_000), outside(port))?.port)).toEqual([40_000, 40_002]);
  });

  test('no two mappings ever share an outside port, and nobody gets what is for another one', () => {
    const kind = fc.record({
      mapping: fc.constantFrom(...NAT_BEHAVIOURS),
      filtering: fc.constantFrom(...NAT_BEHAVIOURS),
      ports: fc.constantFrom(...PORT_ALLOCATIONS),
    });
    const flow = fc.tuple(
      fc.constantFrom(...Object.values(INSIDE_HOSTS)),
      fc.integer({ min: 1020, max: 1030 }),
      fc.integer({ min: 1, max: 4 }),
    );
    fc.assert(
      fc.property(kind, fc.array(flow, { maxLength: 30 }), (options, flows) => {
        const bench = new NatBench(options);
        for (const [address, port, to] of flows) {
          const mapped = bench.out(inside(port, address), outside(to));
          if (mapped === null) throw new Error('nothing came out');
          const [answer] = bench.datagram(outside(to), mapped);
          expect(destinationOf(answer)).toEqual({ address, port });
          expect(isSound(answer)).toBe(true);
        }
        const ports = bench.nat.mappings().map((mapping) => mapping.outside.port);
        expect(new Set(ports).size).toBe(ports.length);
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

describe('time', () => {
  const life = { ...RESTRICTED, timeout: 5000 };

  test('a mapping that is not used is gone after its time, RFC 4787 REQ-5', () => {
    for (const [wait, arrives] of [
      [4990, 1],
      [5000, 0],
    ]) {
      const bench = new NatBench(life);
      const mapped = bench.out(inside(40_000), outside(1));
      bench.world.advance(wait - 1);
      expect(bench.datagram(outside(1), mapped ?? outside(0))).toHaveLength(arrives);
    }
  });

  test.each([
    [true, 1],
    [false, 0],
  ])('what comes in keeps it alive: %s, RFC 4787 REQ-6', (inboundRefresh, arrives) => {
    const bench = new NatBench({ ...life, inboundRefresh });
    const mapped = bench.out(inside(40_000), outside(1)) ?? outside(0);
    for (let i = 0; i < 2; i++) {
      bench.world.advance(3000);
      const got = bench.datagram(outside(1), mapped);
      expect(got).toHaveLength(i === 0 ? 1 : arrives);
    }
  });

  test('what goes out keeps the mapping alive, and each session by itself', () => {
    const bench = new NatBench(life);
    const mapped = bench.out(inside(40_000), outside(1)) ?? outside(0);
    bench.world.advance(3000);
    expect(bench.out(inside(40_000), outside(2))).toEqual(mapped);
    bench.world.advance(3000);
    expect(bench.datagram(outside(1), mapped)).toEqual([]);
    expect(bench.datagram(outside(2), mapped)).toHaveLength(1);
  });

  test('a restart forgets every mapping, and gives other ports', () => {
    for (const ports of PORT_ALLOCATIONS) {
      const bench = new NatBench({ ...CONE, ports });
      const before = bench.out(inside(40_000), outside(1)) ?? outside(0);
      bench.nat.forget();
      expect(bench.datagram(outside(1), before)).toEqual([]);
      const after = bench.out(inside(40_000), outside(1));
      expect(after).not.toEqual(before);
    }
  });

  test('the table tells who is in it, and since when', () => {
    const bench = new NatBench(RESTRICTED);
    bench.out(inside(40_000), outside(1));
    bench.out(inside(40_000), outside(2));
    const [mapping, ...others] = bench.nat.mappings();
    expect(others).toEqual([]);
    expect(mapping).toMatchObject({ inside: { port: 40_000 }, outside: { addr: number(OUTSIDE_ROUTER) }, made: 0 });
    expect(mapping.sessions.size).toBe(2);
  });
});

test('a full table refuses who is new, keeps who is there, and has room again when they are silent', () => {
  const bench = new NatBench({ ...RESTRICTED, limit: 8, timeout: 10_000 });
  for (let i = 0; i < 8; i++) expect(bench.out(inside(40_000 + i), outside(1))).not.toBeNull();
  expect(bench.out(inside(50_000), outside(1))).toBeNull();
  expect(bench.out(inside(40_000), outside(2))).toBeNull(); // a session more is too much as well
  expect(bench.out(inside(40_000), outside(1))).toEqual(outside(40_000, OUTSIDE_ROUTER));
  expect(bench.count('nat_full')).toBe(2);
  bench.world.advance(20_000);
  expect(bench.out(inside(50_000), outside(1))).not.toBeNull();
});

describe('a packet that passes', () => {
  test('has its time to live one less and sums that are right, RFC 3022 section 4.1', () => {
    const bench = new NatBench(CONE);
    const [out] = bench.datagram(inside(40_000), outside(1));
    expect([out[8], isSound(out), [...out.subarray(28)]]).toEqual([63, true, Array(16).fill(0xa5)]);
    const [back] = bench.datagram(outside(1), sourceOf(out));
    expect([back[8], isSound(back), destinationOf(back)]).toEqual([63, true, inside(40_000)]);
  });

  test('keeps a UDP checksum of zero', () => {
    const bench = new NatBench({ ...CONE, ports: 'random' });
    const sent = udp(inside(40_000), outside(1));
    put16(sent, 26, 0);
    const [out] = bench.pass(sent, true);
    expect([u16(out, 26), checksum(out, 0, IPV4_LEN)]).toEqual([0, 0]);
  });

  test('has a right UDP checksum whatever the addresses and ports are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }), (from, to) => {
        const bench = new NatBench({ ...CONE, ports: 'random' });
        const [out] = bench.datagram(inside(from), outside(to));
        expect(isSound(out) && u16(out, 26) !== 0).toBe(true);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('does not pass when its time to live is used up, and leaves no mapping', () => {
    const bench = new NatBench(CONE);
    const [error] = bench.datagram(inside(40_000), outside(1), 1);
    expect([error[9], error[20], formatAddress(error.slice(16, 20))]).toEqual([Protocol.icmp, 11, INSIDE_HOSTS.one]);
    expect(bench.nat.mappings()).toEqual([]);
  });

  test.each<[string, Endpoint, Endpoint, EventName]>([
    ['from outside for a port that nobody has', outside(1), outside(40_000, OUTSIDE_ROUTER), 'filtered'],
    ['from outside for an address inside', outside(1), inside(40_000), 'filtered'],
    ['from inside for the group of Teredo, RFC 4380 section 5.2.8', inside(40_000), outside(3544, '224.0.0.253'), 'wrong_host'],
  ])('is not one %s', (_what, from, to, ending) => {
    const bench = new NatBench(CONE);
    expect(bench.datagram(from, to)).toEqual([]);
    expect(bench.count(ending)).toBe(1);
  });

  test('is not TCP: nothing here speaks it', () => {
    const bench = new NatBench(CONE);
    const packet = udp(inside(1), outside(2));
    writeIpv4(packet, 0, packet.length, 0, 0, 64, 6, number(INSIDE_HOSTS.one), number(OUTSIDE_HOSTS.A));
    expect(bench.pass(packet, true)).toEqual([]);
    expect(bench.count('not_translated')).toBe(1);
  });
});

describe('ICMP, RFC 5508', () => {
  test('an echo request finds its way back, two hosts with one identifier apart', () => {
    const bench = new NatBench(NAT_KINDS.symmetric);
    expect(bench.world.ping('host', '203.0.113.80').map(({ kind }) => kind)).toEqual(['reply']);
    const answers = Object.values(INSIDE_HOSTS).map((address) => {
      const [request] = bench.pass(echo(8, address, OUTSIDE_HOSTS.A, 77), true);
      const [reply] = bench.pass(echo(0, OUTSIDE_HOSTS.A, OUTSIDE_ROUTER, u16(request, 24)), false);
      return [formatAddress(reply.slice(16, 20)), u16(reply, 24), checksum(reply, 20, reply.length)];
    });
    expect(answers).toEqual(Object.values(INSIDE_HOSTS).map((address) => [address, 77, 0]));
  });

  test('the router still answers for itself, on both sides', () => {
    const bench = new NatBench(CONE);
    expect(bench.world.ping('web', OUTSIDE_ROUTER).map(({ kind }) => kind)).toEqual(['reply']);
    expect(bench.world.ping('host', OUTSIDE_ROUTER).map(({ kind }) => kind)).toEqual(['reply']);
  });

  test('an error from anyone about what went out comes in with all that it quotes translated, and removes nothing', () => {
    const bench = new NatBench({ ...RESTRICTED, ports: 'random' });
    const [sent] = bench.datagram(inside(40_000), outside(1));
    const [error] = bench.pass(errorAbout(sent, OUTSIDE_HOSTS.B, 3, 4, 1400), false);
    expect(formatAddress(error.slice(12, 16))).toBe(OUTSIDE_HOSTS.B);
    expect(formatAddress(error.slice(16, 20))).toBe(INSIDE_HOSTS.one);
    expect([sourceOf(error, 28), destinationOf(error, 28)]).toEqual([inside(40_000), outside(1)]);
    expect([checksum(error, 0, 20), checksum(error, 20, error.length), checksum(error, 28, 48)]).toEqual([0, 0, 0]);
    expect([error[20], error[21], u32(error, 24)]).toEqual([3, 4, 1400]);
    expect(bench.nat.mappings()).toHaveLength(1);
    expect(bench.datagram(outside(1), sourceOf(sent))).toHaveLength(1);
  });

  test('an error about an echo request comes in translated too', () => {
    const bench = new NatBench(CONE);
    bench.pass(echo(8, INSIDE_HOSTS.one, OUTSIDE_HOSTS.A, 77), true);
    const [sent] = bench.pass(echo(8, INSIDE_HOSTS.other, OUTSIDE_HOSTS.A, 77), true);
    expect(u16(sent, 24)).not.toBe(77);
    const [error] = bench.pass(errorAbout(sent, OUTSIDE_HOSTS.B, 11, 0, 0), false);
    expect([formatAddress(error.slice(16, 20)), formatAddress(error.slice(40, 44)), u16(error, 52)]).toEqual([
      INSIDE_HOSTS.other,
      INSIDE_HOSTS.other,
      77,
    ]);
    expect(checksum(error, 48, error.length)).toBe(0);
  });

  test('an error from inside about what came in goes out translated', () => {
    const bench = new NatBench({ ...CONE, ports: 'random' });
    const mapped = bench.out(inside(40_000), outside(1)) ?? outside(0);
    const [arrived] = bench.datagram(outside(1), mapped);
    const [error] = bench.pass(errorAbout(arrived, INSIDE_HOSTS.one, 3, 3, 0), true);
    expect(formatAddress(error.slice(12, 16))).toBe(OUTSIDE_ROUTER);
    expect([sourceOf(error, 28), destinationOf(error, 28)]).toEqual([outside(1), mapped]);
    expect([checksum(error, 20, error.length), checksum(error, 28, 48)]).toEqual([0, 0]);
  });

  test.each([
    ['about a flow that there is none of', 0],
    ['that quotes no port', 4],
  ])('an error %s does not come in', (_what, cut) => {
    const bench = new NatBench(CONE);
    const forged = errorAbout(udp(outside(40_000, OUTSIDE_ROUTER), outside(1)), OUTSIDE_HOSTS.B, 3, 3, 0, IPV4_LEN + UDP_LEN - cut);
    expect(bench.pass(forged, false)).toEqual([]);
  });

  test('a packet that is too big for the next link is answered with its MTU, as it was sent, RFC 4787 REQ-13', () => {
    const bench = new NatBench(CONE, { netMtu: 1300 });
    const sent = udp(inside(40_000), outside(1), { flags: DF, size: 1400 });
    const [error] = bench.pass(sent, true);
    expect([error[20], error[21], u32(error, 24)]).toEqual([3, 4, 1300]);
    expect([...error.subarray(28, 28 + 40)]).toEqual([...sent.subarray(0, 40)]);
  });
});

describe('fragments, RFC 4787 REQ-14', () => {
  /** A datagram of 1308 octets of payload, as two packets. */
  function fragments(whole: Uint8Array): Uint8Array[] {
    const part = (from: number, to: number, flags: number): Uint8Array => {
      const b = new Uint8Array(IPV4_LEN + to - from);
      b.set(whole.subarray(0, IPV4_LEN));
      b.set(whole.subarray(IPV4_LEN + from, IPV4_LEN + to), IPV4_LEN);
      put16(b, 2, b.length);
      put16(b, 6, flags);
      put16(b, 10, 0);
      put16(b, 10, checksum(b, 0, IPV4_LEN));
      return b;
    };
    const size = whole.length - IPV4_LEN;
    return [part(0, 800, 0x2000), part(800, size, 100)];
  }

  test.each([
    ['in order', 0],
    ['the last one first', 1],
  ])('pass %s, in pieces again where the link is narrow', (_what, first) => {
    const bench = new NatBench(CONE, { netMtu: 1300 });
    const parts = fragments(udp(inside(40_000), outside(1), { size: 1308 }));
    expect(bench.pass(parts[first], true)).toEqual([]);
    const out = bench.pass(parts[1 - first], true);
    expect(out.map((b) => [sourceAddress(b), u16(b, 6) & 0x3fff])).toEqual([
      [OUTSIDE_ROUTER, 0x2000],
      [OUTSIDE_ROUTER, (out[0].length - 20) / 8],
    ]);
  });

  test('are dropped by a NAT that does not care for them', () => {
    const bench = new NatBench({ ...CONE, fragments: 'dropped' });
    for (const part of fragments(udp(inside(40_000), outside(1), { size: 1308 }))) expect(bench.pass(part, true)).toEqual([]);
    expect(bench.count('filtered')).toBe(2);
  });
});

describe('protocol 41, RFC 6343 section 3', () => {
  const relay = OUTSIDE_HOSTS.A;
  const out = (host: string = INSIDE_HOSTS.one): Uint8Array => carrier(host, relay);
  const back = (from: string = relay): Uint8Array => carrier(from, OUTSIDE_ROUTER);

  test('is blocked both ways when nothing is said', () => {
    const bench = new NatBench(CONE);
    expect([bench.pass(out(), true), bench.pass(back(), false)]).toEqual([[], []]);
    expect(bench.count('filtered')).toBe(2);
  });

  test('comes back from those who were sent to, to the first who did', () => {
    const bench = new NatBench({ ...CONE, protocol41: 'stateful' });
    expect(bench.pass(back(), false)).toEqual([]);
    expect(bench.pass(out(), true).map(sourceAddress)).toEqual([OUTSIDE_ROUTER]);
    expect(bench.pass(back(), false).map(destinationAddress)).toEqual([INSIDE_HOSTS.one]);
    expect(bench.pass(back(OUTSIDE_HOSTS.B), false)).toEqual([]);
    expect(bench.pass(out(INSIDE_HOSTS.other), true)).toEqual([]);
    bench.world.advance(300_000);
    expect(bench.pass(back(), false)).toEqual([]);
    expect(bench.pass(out(INSIDE_HOSTS.other), true)).toHaveLength(1);
  });

  test('is led to one host', () => {
    const bench = new NatBench({ ...CONE, protocol41: { host: number(INSIDE_HOSTS.other) } });
    expect(bench.pass(back(), false).map(destinationAddress)).toEqual([INSIDE_HOSTS.other]);
    expect([bench.pass(out(), true), bench.pass(out(INSIDE_HOSTS.other), true)].map(({ length }) => length)).toEqual([0, 1]);
  });
});

describe('a firewall without translation, RFC 3489 section 10.1', () => {
  test('lets in those who were sent to, under the addresses that everybody has', () => {
    const bench = new NatBench({ ...NAT_KINDS.symmetric, udp: 'filtered' });
    expect(bench.datagram(outside(1), inside(40_000))).toEqual([]);
    expect(bench.out(inside(40_000), outside(1))).toEqual(inside(40_000));
    expect(bench.datagram(outside(1), inside(40_000)).map((b) => destinationOf(b))).toEqual([inside(40_000)]);
    expect(bench.datagram(outside(2), inside(40_000))).toEqual([]);
  });

  test('that blocks UDP lets nothing out', () => {
    const bench = new NatBench({ ...CONE, udp: 'blocked' });
    expect(bench.datagram(inside(40_000), outside(1))).toEqual([]);
    expect(bench.world.ping('host', '203.0.113.80').map(({ kind }) => kind)).toEqual(['reply']);
  });
});

describe('several addresses outside, RFC 4787 REQ-2', () => {
  const addressesOf = (pooling: 'paired' | 'arbitrary'): Set<string>[] => {
    const bench = new NatBench({ ...CONE, pooling });
    return Object.values(INSIDE_HOSTS).map(
      (host) => new Set(Array.from({ length: 12 }, (_, i) => bench.out(inside(40_000 + i, host), outside(1))?.address ?? '')),
    );
  };
  test('a host has one of them for good', () => {
    expect(addressesOf('paired').map(({ size }) => size)).toEqual([1, 1]);
  });
  test('or any, where they are not paired: yet a mapping keeps its own', () => {
    expect(addressesOf('arbitrary').map(({ size }) => size)).toEqual([2, 2]);
    const bench = new NatBench({ ...CONE, pooling: 'arbitrary' });
    const seen = new Set(Array.from({ length: 12 }, (_, i) => bench.out(inside(40_000), outside(i + 1))?.address));
    expect(seen.size).toBe(1);
  });
});

test('two NATs one behind the other both let in who was sent to', () => {
  const world = worldOf(
    [
      router('home', { eth0: ['lan', '192.168.7.1/24'], eth1: ['carrier', '100.64.0.2/24'] }, { default4: '100.64.0.1' }),
      router('isp', { eth0: ['carrier', '100.64.0.1/24'], eth1: ['net', '203.0.113.1/24'] }),
    ],
    [{ name: 'lan' }, { name: 'carrier' }, { name: 'net' }],
  );
  for (const name of ['home', 'isp']) {
    const host = world.host(name);
    host.nat = new Nat(host, host.interface('eth0'), host.interface('eth1'), { ...RESTRICTED, ports: 'random' });
  }
  const [lan, net] = [world.probe('lan'), world.probe('net')];
  lan.claim(parseAddress(INSIDE_HOSTS.one));
  net.claim(parseAddress(OUTSIDE_HOSTS.A));
  lan.send(udp(inside(40_000), outside(1)), parseAddress('192.168.7.1'));
  world.advance(1);
  net.send(udp(outside(1), sourceOf(net.received[0])), parseAddress('203.0.113.1'));
  world.advance(1);
  expect(destinationOf(lan.received[0])).toEqual(inside(40_000));
  expect(lan.received[0][8]).toBe(62);
});

test('octets from nowhere do no harm, and every packet is accounted for', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 4 }), fc.boolean(), fc.nat(2), (changes, isInside, kind) => {
      const bench = new NatBench({ ...CONE, protocol41: 'stateful' });
      const mapped = bench.out(inside(40_000), outside(1)) ?? outside(0);
      const sent = udp(inside(40_000), outside(1));
      const packets = isInside
        ? [sent, echo(8, INSIDE_HOSTS.one, OUTSIDE_HOSTS.A, 1), errorAbout(sent, INSIDE_HOSTS.one, 3, 3, 0)]
        : [udp(outside(1), mapped), echo(0, OUTSIDE_HOSTS.A, OUTSIDE_ROUTER, 1), errorAbout(sent, OUTSIDE_HOSTS.A, 3, 3, 0)];
      const packet = packets[kind];
      for (const [at, octet] of changes) packet[at % packet.length] = octet;
      put16(packet, 10, 0);
      put16(packet, 10, checksum(packet, 0, IPV4_LEN));
      for (const got of bench.pass(packet, isInside)) expect(checksum(got, 0, (got[0] & 15) * 4)).toBe(0);
    }),
    { numRuns: 300, seed: 1 },
  );
});

const sourceAddress = (b: Uint8Array): string => formatAddress(b.slice(12, 16));
const destinationAddress = (b: Uint8Array): string => formatAddress(b.slice(16, 20));

function carrier(from: string, to: string): Uint8Array {
  const b = new Uint8Array(60).fill(0xa5);
  writeIpv4(b, 0, b.length, 0, 0, 64, Protocol.ipv6, number(from), number(to));
  return b;
}

/** An echo request (8) or reply (0). */
function echo(type: number, from: string, to: string, id: number): Uint8Array {
  const b = new Uint8Array(IPV4_LEN + 16);
  writeIpv4(b, 0, b.length, 0, 0, 64, Protocol.icmp, number(from), number(to));
  b[20] = type;
  put16(b, 24, id);
  put16(b, 22, checksum(b, 20, b.length));
  return b;
}

/** An ICMP error from `router` to the source of `packet`, of which it quotes `quote` octets. */
function errorAbout(packet: Uint8Array, from: string, type: number, code: number, parameter: number, quote = packet.length): Uint8Array {
  const b = new Uint8Array(576);
  return b.slice(0, writeIcmp4Error(b, 0, number(from), type, code, parameter, packet, 0, quote));
}

describe('NAT-25: a port that a host has asked the gateway for, RFC 6081 section 3.2', () => {
  const SYMMETRIC = NAT_KINDS.symmetric;
  const one = { addr: number(INSIDE_HOSTS.one), port: 40_000 };
  const other = { addr: number(INSIDE_HOSTS.other), port: 40_000 };
  /** Where a datagram from outside comes out; null: nowhere. */
  const arrival = (bench: NatBench, from: Endpoint, to: Endpoint): Endpoint | null => {
    const [packet] = bench.datagram(from, to);
    return packet === undefined ? null : destinationOf(packet);
  };

  test.each(Object.entries(NAT_KINDS))('%s: whoever sends there is let in, and what goes out is mapped as ever', (_, kind) => {
    const bench = new NatBench(kind);
    const led = bench.nat.lead(40_000, one);
    expect(led).toEqual({ addr: number(OUTSIDE_ROUTER), port: 40_000 });
    for (const from of [outside(1), outside(2, OUTSIDE_HOSTS.B)])
      expect(arrival(bench, from, outside(40_000, OUTSIDE_ROUTER))).toEqual(inside(40_000));
    const ports = [outside(1), outside(1, OUTSIDE_HOSTS.B)].map((to) => bench.out(inside(40_000), to)?.port);
    if (kind === SYMMETRIC) expect(new Set([...ports, 40_000]).size).toBe(3);
    else expect(ports).toEqual([40_000, 40_000]);
  });

  test('one host has it, until it gives it back', () => {
    const bench = new NatBench(SYMMETRIC);
    const led = bench.nat.lead(40_000, one) ?? expect.fail('refused');
    expect([bench.nat.lead(40_000, other), bench.nat.lead(40_000, one)]).toEqual([null, led]);
    bench.nat.unlead(led);
    expect(arrival(bench, outside(1), outside(40_000, OUTSIDE_ROUTER))).toBeNull();
    expect(bench.nat.lead(40_000, other)).toEqual(led);
  });

  test('a port that is somebody else’s by a mapping is refused, and one that is led is nobody else’s', () => {
    const bench = new NatBench(CONE);
    bench.out(inside(40_000, INSIDE_HOSTS.other), outside(1));
    expect(bench.nat.lead(40_000, one)).toBeNull();
    expect(bench.nat.lead(40_002, { ...one, port: 40_002 })).not.toBeNull();
    expect(bench.out(inside(40_002, INSIDE_HOSTS.other), outside(1))?.port).not.toBe(40_002);
  });

  test('a restart forgets it', () => {
    const bench = new NatBench(CONE);
    bench.nat.lead(40_000, one);
    bench.nat.forget();
    expect(arrival(bench, outside(1), outside(40_000, OUTSIDE_ROUTER))).toBeNull();
  });
});
