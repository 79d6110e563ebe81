import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIpv6 } from '../../src/wire/address.js';
import { Icmp6, mayAnswer6, writeIcmp6Error } from '../../src/wire/icmp6.js';
import { hopLimit6, isIpv6, MIN_MTU, nextHeader6, totalLen6, writeIpv6 } from '../../src/wire/ipv6.js';
import { fenced, octetsOf, referenceChecksum, u32s, written } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, packet, vectors } from './vectors.js';

const octets = (text: string) => parseIpv6(text) ?? expect.fail(text);
const HOST = octets('2002:c000:22a::1');
const WEB = octets('3fff:0:1::80');

/** An IPv6 packet whose extension headers and payload are `payload`. */
function packet6(next: number, payload: readonly number[], source = HOST, destination = WEB): Uint8Array {
  const b = new Uint8Array(40 + payload.length);
  writeIpv6(b, 0, payload.length, next, 64);
  b.set(source, 8);
  b.set(destination, 24);
  b.set(payload, 40);
  return b;
}

const mayAnswer = (b: Uint8Array) => mayAnswer6(fenced(b, 0, b.length), 0, b.length);

test('RFC 4443 section 2.4 e: of all ICMPv6 types, errors and redirects are not answered', () => {
  const answered = Array.from({ length: 256 }, (_, type) => type).filter((type) => mayAnswer(packet6(58, [type, 0, 0, 0])));
  expect(answered).toEqual(Array.from({ length: 128 }, (_, i) => 128 + i).filter((type) => type !== Icmp6.redirect));
});

test.each([
  ['UDP', packet6(17, [0, 0]), true],
  ['no next header', packet6(59, []), true],
  ['an error behind destination options', packet6(60, [58, 0, 1, 4, 0, 0, 0, 0, 3, 0, 0, 0]), false],
  ['an echo request behind destination options', packet6(60, [58, 0, 1, 4, 0, 0, 0, 0, 128, 0, 0, 0]), true],
  ['an error in a first fragment', packet6(44, [58, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0]), false],
  ['ICMPv6 in a later fragment: its type is elsewhere', packet6(44, [58, 0, 0, 8, 0, 0, 0, 1, 128, 0, 0, 0]), false],
  ['UDP in a later fragment', packet6(44, [17, 0, 0, 8, 0, 0, 0, 1, 128, 0, 0, 0]), true],
  ['ICMPv6 without a type', packet6(58, []), false],
  ['an extension header that is cut', packet6(60, [58, 1, 0, 0, 0, 0, 0, 0, 128]), false],
  ['an unspecified source', packet6(17, [], octets('::')), false],
  ['a multicast source', packet6(17, [], octets('ff0e::1')), false],
  ['a multicast destination', packet6(17, [], HOST, octets('ff0e::1')), false],
  ['a loopback source', packet6(17, [], octets('::1')), true],
])('%s', (_, b, expected) => {
  expect(mayAnswer(b)).toBe(expected);
});

test('what follows the packet is not looked at', () => {
  const b = Uint8Array.of(...packet6(58, []), 128);
  expect(mayAnswer6(b, 0, 40)).toBe(false);
});

test('any octets: an answer, and nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(120), fc.integer({ min: 40, max: 120 }), fc.constantFrom(0, 17, 43, 44, 51, 58, 60), (b, end, next) => {
      b[6] = next;
      expect(typeof mayAnswer6(fenced(b, 0, end), 0, end)).toBe('boolean');
    }),
    { numRuns: 2_000 },
  );
});

test('packet too big and address unreachable are written as the shared vectors have them', () => {
  const tooBig = hex(vectors.icmp_translation.icmp6_ptb_for_1400_byte_packet);
  const big = new Uint8Array(1400).fill(0xa5);
  big.set(tooBig.subarray(48));
  expect(written(1280, (out, at) => writeIcmp6Error(out, at, tooBig, 8, Icmp6.tooBig, 0, 1280, big, 0, 1400))).toEqual(tooBig);

  const unreachable = hex(vectors.icmp_translation.icmp6_addr_unreachable_from_3_1);
  const quoted = packet('icmp4_host_unreachable').subarray(48);
  const b = written(unreachable.length, (out, at) =>
    writeIcmp6Error(out, at, unreachable, 8, Icmp6.unreachable, 3, 0, quoted, 0, quoted.length),
  );
  expect(b).toEqual(unreachable);
});

test('an error is a whole packet of at most 1280 octets, goes to the source, and quotes the packet from its start', () => {
  const lengths = fc.oneof(fc.integer({ min: 40, max: 60 }), fc.integer({ min: 1225, max: 1240 }), fc.integer({ min: 40, max: 2000 }));
  fc.assert(
    fc.property(
      lengths,
      octetsOf(16),
      octetsOf(20),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(255),
      u32s,
      (len, from, source, type, code, parameter) => {
        const b = new Uint8Array(len + 6).fill(0xa5);
        b.set(packet6(17, [], from), 3);
        const error = written(Math.min(MIN_MTU, 48 + len), (out, at) =>
          writeIcmp6Error(out, at, source, 4, type, code, parameter, b, 3, 3 + len),
        );
        expect(isIpv6(error, 0, error.length) && totalLen6(error, 0) === error.length).toBe(true);
        expect([nextHeader6(error, 0), hopLimit6(error, 0)]).toEqual([58, 64]);
        expect([error.subarray(8, 24), error.subarray(24, 40)]).toEqual([source.subarray(4), from]);
        expect([error[40], error[41], new DataView(error.buffer).getUint32(44)]).toEqual([type, code, parameter]);
        const upper = error.subarray(40);
        const pseudo = Uint8Array.of(...error.subarray(8, 40), 0, 0, upper.length >>> 8, upper.length & 255, 0, 0, 0, 58);
        expect(referenceChecksum(pseudo, upper)).toBe(0);
        expect(error.subarray(48)).toEqual(b.subarray(3, 3 + error.length - 48));
        expect(mayAnswer6(error, 0, error.length)).toBe(false);
      },
    ),
  );
});

test('an error may be written right before the packet that it quotes, in the same array', () => {
  const quoted = packet('6to4_peer').subarray(20);
  const b = new Uint8Array(300).fill(0xa5);
  b.set(quoted, 148);
  const apart = new Uint8Array(300);
  const end = writeIcmp6Error(apart, 0, WEB, 0, Icmp6.timeExceeded, 0, 0, quoted, 0, quoted.length);
  expect(writeIcmp6Error(b, 100, WEB, 0, Icmp6.timeExceeded, 0, 0, b, 148, 148 + quoted.length)).toBe(100 + end);
  expect(b.subarray(100, 100 + end)).toEqual(apart.subarray(0, end));
});

test('tshark reads written errors without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const short = packet('6to4_peer').subarray(20);
  const long = packet6(59, []);
  const big = new Uint8Array(1400);
  big.set(long);
  big.set([1400 >> 8, 1360 & 255], 4);
  const errors = [
    [short, Icmp6.unreachable, 3, 0],
    [big, Icmp6.tooBig, 0, 1280],
    [short, Icmp6.timeExceeded, 0, 0],
    [short, Icmp6.parameterProblem, 1, 6],
  ] as const;
  const packets = errors.map(([b, type, code, parameter]) => {
    const out = new Uint8Array(1300).fill(0xa5);
    return out.slice(0, writeIcmp6Error(out, 0, WEB, 0, type, code, parameter, b, 0, b.length));
  });
  const seen = dissect(packets, ['icmpv6.type', 'icmpv6.code', 'icmpv6.mtu', 'icmpv6.pointer', 'ipv6.hlim', 'frame.len']);
  expect(seen).toEqual([
    { fields: ['1,128', '3,0', '', '', '64,64', '104'], complaints: [] },
    { fields: ['2', '0', '1280', '', '64,64', '1280'], complaints: [] },
    { fields: ['3,128', '0,0', '', '', '64,64', '104'], complaints: [] },
    { fields: ['4,128', '1,0', '', '6', '64,64', '104'], complaints: [] },
  ]);
});
