import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import type { EventName } from '../../src/sim/trace.js';
import { checksum } from '../../src/wire/checksum.js';
import { Reassembly4 } from '../../src/wire/fragment4.js';
import { DF, MF, writeIpv4 } from '../../src/wire/ipv4.js';
import { put16, u32 } from '../../src/wire/octets.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { type Chain, chain } from './worlds.js';

const MID = parseAddress('10.0.1.254');
const NEAR = parseAddress('10.0.1.1');
const STRANGER = '10.0.1.9';

interface Fields {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: number;
  readonly ttl?: number;
  readonly flags?: number;
  readonly data?: Uint8Array;
}

/** An IPv4 packet; by default UDP from the stranger on the left to the far host. */
function ipv4({
  from = STRANGER,
  to = '10.0.2.1',
  protocol = 17,
  ttl = 64,
  flags = 0,
  data = new Uint8Array(32).fill(0xa5),
}: Fields): Uint8Array {
  const b = new Uint8Array(20 + data.length);
  writeIpv4(b, 0, b.length, 0, flags, ttl, protocol, u32(parseAddress(from), 0), u32(parseAddress(to), 0));
  b.set(data, 20);
  return b;
}

/** An ICMP message of `type` and `code`. */
function icmp(type: number, code = 0, body = new Uint8Array(12).fill(7)): Uint8Array {
  const b = new Uint8Array(4 + body.length);
  b.set([type, code]);
  b.set(body, 4);
  put16(b, 2, checksum(b, 0, b.length));
  return b;
}

/** A header with one option word: no operation, four times. */
function withOptions(packet: Uint8Array): Uint8Array {
  const b = new Uint8Array(packet.length + 4);
  b.set(packet.subarray(0, 20));
  b.set([1, 1, 1, 1], 20);
  b.set(packet.subarray(20), 24);
  b[0] = 0x46;
  put16(b, 2, b.length);
  put16(b, 10, 0);
  put16(b, 10, checksum(b, 0, 24));
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

const SENT = ipv4({});

describe('a router', () => {
  test.each<[string, Uint8Array, EventName, readonly [type: number, code: number, parameter: number]]>([
    ['whose time to live is used up', ipv4({ ttl: 1 }), 'hop_limit', [11, 0, 0]],
    ['whose time to live was never any', ipv4({ ttl: 0 }), 'hop_limit', [11, 0, 0]],
    ['for a network without a route', ipv4({ to: '172.16.0.1' }), 'no_route', [3, 0, 0]],
    ['for a host that is not there', ipv4({ to: '10.0.2.77' }), 'no_neighbour', [3, 1, 0]],
    ['of a protocol that it does not speak', ipv4({ to: '10.0.1.254', protocol: 41 }), 'no_protocol', [3, 2, 0]],
    ['for a port where nobody listens, UDP', ipv4({ to: '10.0.1.254' }), 'no_port', [3, 3, 0]],
    ['for a port where nobody listens, TCP', ipv4({ to: '10.0.2.254', protocol: 6 }), 'no_port', [3, 3, 0]],
    ['that is too big and must not be fragmented', ipv4({ flags: DF, data: new Uint8Array(600) }), 'too_big', [3, 4, 576]],
  ])('tells the source of a packet %s', (_what, packet, ending, [type, code, parameter]) => {
    const bench = chain(576);
    const answers = send(bench, packet);
    expect(bench.world.host('mid').account.count(ending)).toBe(1);
    expect(answers.length).toBe(1);
    const [error] = answers;
    expect([formatAddress(error.slice(12, 16)), formatAddress(error.slice(16, 20)), error[9]]).toEqual(['10.0.1.254', STRANGER, 1]);
    expect([error[20], error[21], u32(error, 24)]).toEqual([type, code, parameter]);
    expect([checksum(error, 0, 20), checksum(error, 20, error.length)]).toEqual([0, 0]);
    // RFC 1812 section 4.3.2.3: as much of the packet as fits in 576 octets, unchanged.
    expect(Buffer.from(error.subarray(28)).equals(packet.subarray(0, 576 - 28))).toBe(true);
  });

  test.each<[string, Uint8Array, EventName]>([
    ['cut short', SENT.subarray(0, 51), 'malformed'],
    ['of 19 octets', SENT.subarray(0, 19), 'malformed'],
    ['with a header of 16 octets', changed(SENT, 0, 0x44), 'malformed'],
    ['with a wrong header checksum', changed(SENT, 8, 63), 'bad_checksum'],
    ['from a group', ipv4({ from: '224.0.0.1' }), 'bad_source'],
    ['from a loopback address', ipv4({ from: '127.0.0.1' }), 'bad_source'],
    ['from nobody', ipv4({ from: '0.0.0.0' }), 'bad_source'],
    ['from the limited broadcast address', ipv4({ from: '255.255.255.255' }), 'bad_source'],
    ['for a group', ipv4({ to: '224.0.0.5' }), 'wrong_host'],
    ['for a loopback address', ipv4({ to: '127.0.0.1' }), 'beyond_scope'],
    ['from a link-local address', ipv4({ from: '169.254.1.1' }), 'beyond_scope'],
    ['about an error', ipv4({ ttl: 1, protocol: 1, data: icmp(3, 1) }), 'hop_limit'],
    ['that is a later fragment', ipv4({ ttl: 1, flags: 5 }), 'hop_limit'],
    ['for everybody on its own link', ipv4({ to: '10.0.1.255' }), 'no_port'],
    ['for everybody on another link of the router', ipv4({ to: '10.0.2.255' }), 'no_neighbour'],
  ])('tells nobody of a packet %s', (_what, packet, ending) => {
    const bench = chain();
    expect(send(bench, packet)).toEqual([]);
    expect(bench.world.host('mid').account.count(ending)).toBe(1);
    expect(bench.right.received).toEqual([]);
  });

  test('passes a packet on with its time to live one less, the checksum right, and nothing else changed', () => {
    const bench = chain();
    for (const packet of [ipv4({ to: '10.0.2.9' }), withOptions(ipv4({ to: '10.0.2.9' }))]) {
      bench.right.received.length = 0;
      send(bench, packet);
      const [arrived] = bench.right.received;
      const header = (packet[0] & 15) * 4;
      expect([arrived[8], checksum(arrived, 0, header)]).toEqual([63, 0]);
      const restored = arrived.slice();
      restored[8] = 64;
      restored.set(packet.subarray(10, 12), 10);
      expect(restored).toEqual(packet);
    }
  });

  test('cuts what comes after the end of the packet', () => {
    const bench = chain();
    const packet = ipv4({ to: '10.0.2.9' });
    send(bench, Uint8Array.of(...packet, 1, 2, 3));
    expect(bench.right.received.map(({ length }) => length)).toEqual([packet.length]);
  });

  test('fragments for a smaller link; the fragments make the packet again', () => {
    const bench = chain(576);
    const packet = ipv4({ to: '10.0.2.9', data: Uint8Array.from({ length: 1400 }, (_, i) => i) });
    put16(packet, 4, 0x1234);
    put16(packet, 10, 0);
    put16(packet, 10, checksum(packet, 0, 20));
    send(bench, packet);
    const fragments = bench.right.received;
    expect(fragments.map((b) => [b.length, (b[6] << 8) | b[7], checksum(b, 0, 20)])).toEqual([
      [572, MF, 0],
      [572, MF | (552 / 8), 0],
      [316, 1104 / 8, 0],
    ]);
    const reassembly = new Reassembly4();
    const whole = fragments.map((b) => reassembly.add(b, 0, b.length, 0)).at(-1);
    expect(whole?.subarray(20)).toEqual(packet.subarray(20));
  });

  test('that does not forward keeps what is for others', () => {
    const bench = chain();
    expect(send(bench, ipv4({}), NEAR)).toEqual([]);
    expect(bench.world.host('near').account.count('wrong_host')).toBe(1);
  });
});

describe('a host', () => {
  test('answers an echo request, with options or in fragments too, and one to a broadcast address not', () => {
    const bench = chain();
    const body = Uint8Array.from({ length: 60 }, (_, i) => i);
    const request = ipv4({ to: '10.0.1.1', protocol: 1, ttl: 3, data: icmp(8, 0, body) });
    const [plain] = send(bench, request, NEAR);
    expect([plain[8], plain[20], formatAddress(plain.slice(12, 16)), formatAddress(plain.slice(16, 20))]).toEqual([
      64,
      0,
      '10.0.1.1',
      STRANGER,
    ]);
    expect([plain.subarray(24), checksum(plain, 0, 20), checksum(plain, 20, plain.length)]).toEqual([body, 0, 0]);

    const [optioned] = send(bench, withOptions(request), NEAR);
    expect([optioned[0], checksum(optioned, 24, optioned.length), optioned[24]]).toEqual([0x46, 0, 0]);

    const message = icmp(8, 0, body);
    const first = ipv4({ to: '10.0.1.1', protocol: 1, flags: MF, data: message.subarray(0, 32) });
    const second = ipv4({ to: '10.0.1.1', protocol: 1, flags: 4, data: message.subarray(32) });
    expect(send(bench, second, NEAR)).toEqual([]);
    const [whole] = send(bench, first, NEAR);
    expect([whole.subarray(24), (whole[6] << 8) | whole[7]]).toEqual([body, 0]);

    expect(send(bench, ipv4({ to: '10.0.1.255', protocol: 1, data: message }), NEAR)).toEqual([]);
  });

  test('takes no ICMP message with a wrong checksum, and none that is shorter than its header', () => {
    const bench = chain();
    const account = bench.world.host('near').account;
    expect(send(bench, ipv4({ to: '10.0.1.1', protocol: 1, data: changed(icmp(8), 5, 0) }), NEAR)).toEqual([]);
    expect(send(bench, ipv4({ to: '10.0.1.1', protocol: 1, data: icmp(8).subarray(0, 7) }), NEAR)).toEqual([]);
    expect([account.count('bad_checksum'), account.count('malformed')]).toEqual([1, 1]);
  });

  test('pings: by whom and after how long it is answered', () => {
    const { world } = chain();
    const ping = (to: string, hopLimit = 64): unknown[] => {
      const [{ kind, from, roundTrip }] = world.ping('near', to, { hopLimit });
      return [kind, from === null ? null : formatAddress(from), roundTrip];
    };
    expect(ping('10.0.2.1')).toEqual(['reply', '10.0.2.1', 4]);
    expect(ping('10.0.1.254')).toEqual(['reply', '10.0.1.254', 2]);
    expect(ping('10.0.1.1')).toEqual(['reply', '10.0.1.1', 0]);
    expect(ping('10.0.2.1', 1)).toEqual(['time_exceeded', '10.0.1.254', 2]);
    expect(ping('172.16.0.1')).toEqual(['unreachable', '10.0.1.254', 2]);
    expect(ping('10.0.1.77')).toEqual(['unreachable', '10.0.1.1', 0]);
    expect(ping('10.0.2.9')).toEqual(['no_answer', null, null]);
  });

  test.skipIf(tsharkMissing !== null)(
    `sends nothing that tshark complains of${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
    () => {
      const bench = chain(576);
      bench.world.ping('near', '10.0.2.1', { count: 3, size: 1400, interval: 10 });
      bench.world.ping('near', '172.16.0.1', { size: 1400 });
      bench.world.ping('near', '10.0.2.1', { hopLimit: 1 });
      send(bench, ipv4({ to: '10.0.1.254', protocol: 41, data: new Uint8Array(0) }));
      for (const link of ['left', 'right']) {
        const seen = dissectFile(bench.world.capture(link), ['ip.dst', 'icmp.type'], ['"Time To Live" only 1']);
        expect(seen.flatMap(({ complaints }) => complaints)).toEqual([]);
        expect(seen.length).toBeGreaterThan(8);
      }
    },
  );
});
