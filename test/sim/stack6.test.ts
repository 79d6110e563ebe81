import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import { PATH_MTU_LIFETIME } from '../../src/sim/path-mtu-cache.js';
import type { EventName } from '../../src/sim/trace.js';
import { checksum6 } from '../../src/wire/checksum.js';
import { put16, u32 } from '../../src/wire/octets.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { type Chain, chain } from './worlds.js';

const MID = parseAddress('2001:db8:1::ff');
const NEAR = parseAddress('2001:db8:1::1');
const STRANGER = '2001:db8:1::9';
const ALL_NODES = parseAddress('ff02::1');

interface Fields {
  readonly from?: string;
  readonly to?: string;
  readonly next?: number;
  readonly hopLimit?: number;
  readonly data?: Uint8Array;
}

/** An IPv6 packet; by default UDP from the stranger on the left to the far host. */
function ipv6({
  from = STRANGER,
  to = '2001:db8:2::1',
  next = 17,
  hopLimit = 64,
  data = new Uint8Array(32).fill(0xa5),
}: Fields): Uint8Array {
  const b = new Uint8Array(40 + data.length);
  b.set([0x6a, 0xbc, 0xde, 0xf0, data.length >>> 8, data.length, next, hopLimit]);
  b.set(parseAddress(from), 8);
  b.set(parseAddress(to), 24);
  b.set(data, 40);
  return b;
}

/** The same with an ICMPv6 message, checksum included. */
function icmp6(fields: Fields, type: number, code = 0, body = new Uint8Array(12).fill(7)): Uint8Array {
  const message = new Uint8Array(4 + body.length);
  message.set([type, code]);
  message.set(body, 4);
  const b = ipv6({ ...fields, next: 58, data: message });
  put16(b, 42, checksum6(b, 8, 58, 40, b.length));
  return b;
}

/** Puts an extension header of 8 octets before the payload. */
function extended(packet: Uint8Array, type: number, octets: readonly number[]): Uint8Array {
  const b = new Uint8Array(packet.length + 8);
  b.set(packet.subarray(0, 40));
  put16(b, 4, b.length - 40);
  b[6] = type;
  b.set([packet[6], ...octets], 40);
  b.set(packet.subarray(40), 48);
  return b;
}

function changed(packet: Uint8Array, at: number, octet: number): Uint8Array {
  const b = packet.slice();
  b[at] = octet;
  return b;
}

/** Sends one packet from the left to `nextHop` and lets a second pass; returns what came back to the stranger. */
function send({ world, left }: Chain, packet: Uint8Array, nextHop = MID): Uint8Array[] {
  left.received.length = 0;
  left.send(packet, nextHop);
  world.advance(1000);
  expect(world.unaccounted()).toBe(0);
  return left.received.slice();
}

const sourceOf = (packet: Uint8Array): string => formatAddress(packet.slice(8, 24));
const destinationOf = (packet: Uint8Array): string => formatAddress(packet.slice(24, 40));
const SENT = ipv6({});

describe('a router', () => {
  test.each<[string, Uint8Array, EventName, readonly [type: number, code: number, parameter: number]]>([
    ['whose hop limit is used up', ipv6({ hopLimit: 1 }), 'hop_limit', [3, 0, 0]],
    ['whose hop limit was never any', ipv6({ hopLimit: 0 }), 'hop_limit', [3, 0, 0]],
    ['without a route', ipv6({ to: '2001:db8:9::1' }), 'no_route', [1, 0, 0]],
    ['for a host that is not there', ipv6({ to: '2001:db8:2::77' }), 'no_neighbour', [1, 3, 0]],
    ['for a port where nobody listens', ipv6({ to: '2001:db8:1::ff' }), 'no_port', [1, 4, 0]],
    ['of a protocol that it does not speak', ipv6({ to: '2001:db8:1::ff', next: 41 }), 'no_protocol', [4, 1, 6]],
    ['that is too big', ipv6({ data: new Uint8Array(1300) }), 'too_big', [2, 0, 1280]],
    ['that is too big by one octet', ipv6({ data: new Uint8Array(1241) }), 'too_big', [2, 0, 1280]],
  ])('tells the source of a packet %s', (_what, packet, ending, [type, code, parameter]) => {
    const bench = chain(1280);
    const answers = send(bench, packet);
    expect(bench.world.host('mid').account.count(ending)).toBe(1);
    expect(answers.length).toBe(1);
    const [error] = answers;
    expect([sourceOf(error), destinationOf(error), error[6]]).toEqual(['2001:db8:1::ff', STRANGER, 58]);
    expect([error[40], error[41], u32(error, 44)]).toEqual([type, code, parameter]);
    expect(checksum6(error, 8, 58, 40, error.length)).toBe(0);
    // RFC 4443 section 2.4 c: as much of the packet as fits in 1280 octets, unchanged.
    expect(Buffer.from(error.subarray(48)).equals(packet.subarray(0, 1280 - 48))).toBe(true);
  });

  test.each<[string, Uint8Array, EventName]>([
    ['cut short', SENT.subarray(0, 71), 'malformed'],
    ['of 39 octets', SENT.subarray(0, 39), 'malformed'],
    ['of version 7', changed(SENT, 0, 0x70), 'malformed'],
    ['from a group', ipv6({ from: 'ff02::1' }), 'bad_source'],
    ['from the loopback address', ipv6({ from: '::1' }), 'bad_source'],
    ['from nobody', ipv6({ from: '::' }), 'beyond_scope'],
    ['from a link-local address', ipv6({ from: 'fe80::1' }), 'beyond_scope'],
    ['for a link-local address that is not its own', ipv6({ to: 'fe80::1' }), 'beyond_scope'],
    ['for the loopback address', ipv6({ to: '::1' }), 'beyond_scope'],
    ['for a group that it is not in', ipv6({ to: 'ff0e::1' }), 'wrong_host'],
    ['about an error', icmp6({ hopLimit: 1 }, 1), 'hop_limit'],
    ['about a redirect', icmp6({ hopLimit: 1 }, 137), 'hop_limit'],
    [
      'with segments left in a type 0 routing header, for itself',
      extended(ipv6({ to: '2001:db8:1::ff' }), 43, [0, 0, 1, 0, 0, 0, 0]),
      'source_routing',
    ],
    [
      'of an unknown protocol behind an extension header',
      extended(ipv6({ to: '2001:db8:1::ff', next: 41 }), 60, [0, 1, 4, 0, 0, 0, 0]),
      'no_protocol',
    ],
  ])('tells nobody of a packet %s', (_what, packet, ending) => {
    const bench = chain();
    expect(send(bench, packet)).toEqual([]);
    expect(bench.world.host('mid').account.count(ending)).toBe(1);
    expect(bench.right.received).toEqual([]);
  });

  test('passes a packet on with its hop limit one less and nothing else changed', () => {
    const bench = chain();
    const packet = extended(ipv6({ to: '2001:db8:2::9' }), 43, [0, 0, 1, 0, 0, 0, 0]);
    send(bench, packet);
    expect(bench.right.received).toEqual([changed(packet, 7, 63)]);
  });

  test('goes by the MTU of its interface where that of the link is larger', () => {
    const bench = chain();
    bench.world.host('mid').interface('eth1').mtu = 1400;
    const sizes = [1400, 1401].map((octets) =>
      send(bench, ipv6({ to: '2001:db8:2::9', data: new Uint8Array(octets - 40) })).map((b) => u32(b, 44)),
    );
    expect([sizes, bench.right.received.map(({ length }) => length)]).toEqual([[[], [1400]], [1400]]);
  });

  test('cuts what comes after the end of the packet', () => {
    const bench = chain();
    const packet = ipv6({ to: '2001:db8:2::9' });
    send(bench, Uint8Array.of(...packet, 1, 2, 3));
    expect(bench.right.received.map(({ length }) => length)).toEqual([packet.length]);
  });

  test('that does not forward keeps what is for others', () => {
    const bench = chain();
    expect(send(bench, SENT, NEAR)).toEqual([]);
    expect(bench.world.host('near').account.count('wrong_host')).toBe(1);
  });
});

describe('a host', () => {
  test('answers an echo request; behind extension headers, without them', () => {
    const bench = chain();
    const body = Uint8Array.from({ length: 60 }, (_, i) => i);
    const request = icmp6({ to: '2001:db8:1::1' }, 128, 0, body);
    for (const sent of [request, extended(request, 60, [0, 1, 4, 0, 0, 0, 0]), extended(request, 44, [0, 0, 0, 0, 0, 0, 9])]) {
      const [reply, ...more] = send(bench, sent, NEAR);
      expect([more, sourceOf(reply), destinationOf(reply), reply[6], reply[7], reply[40]]).toEqual([
        [],
        '2001:db8:1::1',
        STRANGER,
        58,
        64,
        129,
      ]);
      expect([reply.subarray(44), checksum6(reply, 8, 58, 40, reply.length)]).toEqual([body, 0]);
    }
  });

  test('answers an echo request to all nodes from its own address, to all routers only if it is one', () => {
    const bench = chain();
    expect(
      send(bench, icmp6({ to: 'ff02::1' }, 128), ALL_NODES)
        .map(sourceOf)
        .sort(),
    ).toEqual(['2001:db8:1::1', '2001:db8:1::ff']);
    expect(send(bench, icmp6({ to: 'ff02::2' }, 128), ALL_NODES).map(sourceOf)).toEqual(['2001:db8:1::ff']);
    expect(send(bench, icmp6({ to: 'ff02::1:ff00:1' }, 128), ALL_NODES).map(sourceOf)).toEqual(['2001:db8:1::1']);
  });

  test('has its link-local address on its own link only', () => {
    const bench = chain();
    const [left, right] = ['eth0', 'eth1'].map((name) => bench.world.host('mid').interface(name).linkLocal ?? new Uint8Array(16));
    bench.left.claim(parseAddress('fe80::9'));
    expect(send(bench, icmp6({ from: 'fe80::9', to: formatAddress(left) }, 128)).map(sourceOf)).toEqual([formatAddress(left)]);
    expect(send(bench, icmp6({ from: 'fe80::9', to: formatAddress(right) }, 128))).toEqual([]);
  });

  test('tells a neighbour of an error from its link-local address, by the link that it came by', () => {
    const { world, right } = chain();
    right.claim(parseAddress('fe80::9'));
    right.send(ipv6({ from: 'fe80::9', to: '2001:db8:2::ff' }), parseAddress('2001:db8:2::ff'));
    world.advance(100);
    const [error, ...more] = right.received;
    expect([more, sourceOf(error), destinationOf(error)]).toEqual([[], 'fe80::ff:fe01:1', 'fe80::9']);
    expect([error[40], error[41]]).toEqual([1, 4]);
  });

  test('takes no ICMPv6 message with a wrong checksum, and none that is shorter than its header', () => {
    const bench = chain();
    const account = bench.world.host('near').account;
    expect(send(bench, changed(icmp6({ to: '2001:db8:1::1' }, 128), 50, 0), NEAR)).toEqual([]);
    expect(send(bench, ipv6({ to: '2001:db8:1::1', next: 58, data: new Uint8Array(7) }), NEAR)).toEqual([]);
    expect([account.count('bad_checksum'), account.count('malformed')]).toEqual([1, 1]);
  });

  test('pings: by whom and after how long it is answered', () => {
    const { world } = chain();
    const ping = (to: string, hopLimit = 64): unknown[] => {
      const [{ kind, from, roundTrip }] = world.ping('near', to, { hopLimit });
      return [kind, from === null ? null : formatAddress(from), roundTrip];
    };
    expect(ping('far')).toEqual(['reply', '2001:db8:2::1', 4]);
    expect(ping('mid')).toEqual(['reply', '2001:db8:1::ff', 2]);
    expect(ping('near')).toEqual(['reply', '2001:db8:1::1', 0]);
    expect(ping('far', 1)).toEqual(['time_exceeded', '2001:db8:1::ff', 2]);
    expect(ping('2001:db8:9::1')).toEqual(['unreachable', '2001:db8:1::ff', 2]);
    expect(ping('2001:db8:1::77')).toEqual(['unreachable', '2001:db8:1::1', 0]);
    expect(ping('2001:db8:2::9')).toEqual(['no_answer', null, null]);
  });

  test('counts the first answer to a ping, whatever comes later', () => {
    const { world } = chain();
    const from = parseAddress('2001:db8:2::1');
    world.at(500, () => world.host('near').heard(1, { sequence: 1, kind: 'reply', from, at: 500, size: 56 }));
    const results = world.ping('near', 'far', { count: 2 });
    expect(results.map(({ kind, roundTrip }) => [kind, roundTrip])).toEqual([
      ['reply', 4],
      ['reply', 4],
    ]);
  });

  test('learns the MTU of a path from the error about its first large packet, keeps to it, and forgets in time', () => {
    const { world } = chain(1280);
    const kinds = (count: number): string[] => world.ping('near', 'far', { count, size: 1400, interval: 10 }).map(({ kind }) => kind);
    expect(kinds(3)).toEqual(['too_big', 'reply', 'reply']);
    world.advance(PATH_MTU_LIFETIME - 1000);
    expect(kinds(1)).toEqual(['reply']);
    world.advance(1000);
    expect(kinds(2)).toEqual(['too_big', 'reply']);
    expect(world.unaccounted()).toBe(0);
  });

  test('believes no Packet Too Big below 1280, and none about a packet that it cannot have sent', () => {
    const bench = chain();
    const quoted = (from: string): Uint8Array => icmp6({ from, to: '2001:db8:2::1' }, 128, 0, new Uint8Array(1300));
    for (const [from, mtu] of [
      ['2001:db8:1::1', 1279],
      ['2001:db8:1::7', 1280],
    ] as const) {
      const body = new Uint8Array(4 + 1000);
      put16(body, 2, mtu);
      body.set(quoted(from).subarray(0, 1000), 4);
      send(bench, icmp6({ to: '2001:db8:1::1' }, 2, 0, body), NEAR);
    }
    expect(bench.world.ping('near', 'far', { size: 1400 })[0].kind).toBe('reply');
    expect(bench.world.host('near').account.count('fragmented')).toBe(0);
  });

  test.skipIf(tsharkMissing !== null)(
    `sends nothing that tshark complains of${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const bench = chain(1280);
      bench.world.ping('near', 'far', { count: 3, size: 3000, interval: 10 });
      bench.world.ping('near', '2001:db8:9::1', { size: 1400 });
      bench.world.ping('near', 'far', { hopLimit: 1 });
      send(bench, ipv6({ to: '2001:db8:1::ff', next: 253 }));
      for (const link of ['left', 'right']) {
        const seen = dissectFile(bench.world.capture(link), ['ipv6.dst', 'icmpv6.type']);
        expect(seen.flatMap(({ complaints }) => complaints)).toEqual([]);
        expect(seen.length).toBeGreaterThan(8);
      }
    },
  );
});
