import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FRAGMENTATION_NEEDED,
  ICMP4_LEN,
  Icmp4,
  icmp4Code,
  icmp4Type,
  isIcmp4Error,
  nextHopMtu4,
  plateauMtu,
  quoted4,
  writeIcmp4Error,
} from '../../src/wire/icmp4.js';
import { dst4, IPV4_LEN, isIpv4, protocol4, src4, totalLen4, writeIpv4 } from '../../src/wire/ipv4.js';
import { fenced, octetsOf, referenceChecksum, u32s, written } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { packet } from './vectors.js';

/** Writes the ICMP checksum of the packet that starts at octet 20 with other arithmetic than ours. */
function seal(b: Uint8Array): Uint8Array {
  b[22] = b[23] = 0;
  const sum = referenceChecksum(b.subarray(20));
  b[22] = sum >>> 8;
  b[23] = sum;
  return b;
}

test.each([
  ['icmp4_frag_needed', 3, 4, 1300, 48],
  ['icmp4_host_unreachable', 3, 1, 0, 48],
  ['icmp4_host_unreachable_short', 3, 1, 0, 8],
])('%s is read: type %i code %i, MTU %i, quoting %i octets of payload', (name, type, code, mtu, quotedPayload) => {
  const b = packet(name);
  expect(isIcmp4Error(b, 20, b.length)).toBe(true);
  expect([icmp4Type(b, 20), icmp4Code(b, 20), nextHopMtu4(b, 20)]).toEqual([type, code, mtu]);
  const quoted = quoted4(20);
  expect([src4(b, quoted), dst4(b, quoted), protocol4(b, quoted)]).toEqual([0xc000022a, 0xc0586301, 41]);
  expect(b.length - quoted - IPV4_LEN).toBe(quotedPayload);
});

test('every prefix that cuts the quoted header is refused, and so is every changed bit before a new checksum', () => {
  const b = packet('icmp4_frag_needed');
  for (let end = 20; end < 20 + ICMP4_LEN + IPV4_LEN; end++) {
    const cut = end < 24 ? b.slice(0, end) : seal(b.slice(0, end));
    expect([end, isIcmp4Error(fenced(cut, 20, end), 20, end)]).toEqual([end, false]);
  }
  for (let bit = 160; bit < 8 * b.length; bit++) {
    const broken = b.slice();
    broken[bit >>> 3] ^= 0x80 >>> (bit & 7);
    expect([bit, isIcmp4Error(broken, 20, b.length)]).toEqual([bit, false]);
  }
});

test('of all types, only 3, 11 and 12 are errors about a packet', () => {
  const b = packet('icmp4_host_unreachable');
  const errors = Array.from({ length: 256 }, (_, type) => type).filter((type) => {
    b[20] = type;
    return isIcmp4Error(seal(b), 20, b.length);
  });
  expect(errors).toEqual([Icmp4.unreachable, Icmp4.timeExceeded, Icmp4.parameterProblem]);
});

test.each([
  ['version 6', 0x65],
  ['a header of 16 octets', 0x44],
  ['a header longer than what is quoted', 0x48],
])('a quoted packet with %s is refused', (_, first) => {
  const b = packet('icmp4_host_unreachable_short');
  b[28] = first;
  expect(isIcmp4Error(seal(b), 20, b.length)).toBe(false);
});

test('a quoted header with options is a whole one', () => {
  const b = packet('icmp4_host_unreachable_short');
  b[28] = 0x47; // 28 octets, all there is
  expect(isIcmp4Error(seal(b), 20, b.length)).toBe(true);
});

test('any octets: nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(64), fc.nat(64), fc.boolean(), (b, end, likely) => {
      if (likely) b.set([3, 4], 0);
      if (likely) b[8] = 0x40 | (b[8] & 15);
      expect(typeof isIcmp4Error(fenced(b, 0, end), 0, end)).toBe('boolean');
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [65535, 32000],
  [32000, 17914],
  [17914, 8166],
  [8166, 4352],
  [4352, 2002],
  [2002, 1492],
  [1500, 1492],
  [1492, 1006],
  [1006, 508],
  [508, 296],
  [296, 68],
  [68, 68],
  [20, 68],
])('RFC 1191 section 7.1: a packet of %i octets that did not fit is next tried with %i', (len, mtu) => {
  expect(plateauMtu(len)).toBe(mtu);
});

test('an error is written as the shared vectors have it', () => {
  for (const name of ['icmp4_frag_needed', 'icmp4_host_unreachable', 'icmp4_host_unreachable_short']) {
    const expected = packet(name);
    const quoted = expected.subarray(28);
    const parameter = name === 'icmp4_frag_needed' ? 1300 : 0;
    const code = parameter === 0 ? 1 : FRAGMENTATION_NEEDED;
    const b = written(expected.length, (out, at) =>
      writeIcmp4Error(out, at, src4(expected, 0), Icmp4.unreachable, code, parameter, quoted, 0, quoted.length),
    );
    expect([name, b.subarray(20)]).toEqual([name, expected.subarray(20)]);
    expect([src4(b, 0), dst4(b, 0), protocol4(b, 0), totalLen4(b, 0)]).toEqual([0xcb007109, 0xc000022a, 1, b.length]);
  }
});

test('an error is a whole packet of at most 576 octets, goes to the source, and quotes the packet from its start', () => {
  const lengths = fc.oneof(fc.integer({ min: 20, max: 60 }), fc.integer({ min: 540, max: 556 }), fc.integer({ min: 20, max: 1500 }));
  fc.assert(
    fc.property(lengths, u32s, u32s, u32s, fc.constantFrom(3, 11, 12), fc.nat(15), u32s, (len, from, to, source, type, code, parameter) => {
      const b = new Uint8Array(len + 6).fill(0xa5);
      writeIpv4(b, 3, len, 0, 0, 64, 17, from, to);
      const error = written(Math.min(576, 28 + len), (out, at) => writeIcmp4Error(out, at, source, type, code, parameter, b, 3, 3 + len));
      expect(isIpv4(error, 0, error.length) && totalLen4(error, 0) === error.length).toBe(true);
      expect([src4(error, 0), dst4(error, 0), icmp4Type(error, 20), icmp4Code(error, 20)]).toEqual([source, from, type, code]);
      expect(new DataView(error.buffer).getUint32(24)).toBe(parameter);
      expect([referenceChecksum(error.subarray(0, 20)), referenceChecksum(error.subarray(20))]).toEqual([0, 0]);
      expect(error.subarray(28)).toEqual(b.subarray(3, 3 + error.length - 28));
    }),
  );
});

test('an error may be written right before the packet that it quotes, in the same array', () => {
  const quoted = packet('6to4_peer');
  const b = new Uint8Array(200).fill(0xa5);
  b.set(quoted, 100);
  const apart = new Uint8Array(200);
  const end = writeIcmp4Error(apart, 0, 0x0a000001, 11, 0, 0, quoted, 0, quoted.length);
  expect(writeIcmp4Error(b, 72, 0x0a000001, 11, 0, 0, b, 100, 100 + quoted.length)).toBe(72 + end);
  expect(b.subarray(72, 72 + end)).toEqual(apart.subarray(0, end));
});

test('tshark reads written errors without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const quoted = packet('6to4_peer');
  const long = new Uint8Array(1400);
  writeIpv4(long, 0, 1400, 0, 0x4000, 64, 253, 0xc000022a, 0xc6336407);
  const errors = [
    [quoted, Icmp4.unreachable, FRAGMENTATION_NEEDED, 1280],
    [long, Icmp4.unreachable, 1, 0],
    [quoted, Icmp4.timeExceeded, 0, 0],
    [long, Icmp4.parameterProblem, 0, 0x08000000],
  ] as const;
  const packets = errors.map(([b, type, code, parameter]) => {
    const out = new Uint8Array(600).fill(0xa5);
    return out.slice(0, writeIcmp4Error(out, 0, 0xcb007109, type, code, parameter, b, 0, b.length));
  });
  expect(dissect(packets, ['icmp.type', 'icmp.code', 'icmp.mtu', 'ip.src', 'ip.dst'])).toEqual([
    { fields: ['3', '4', '1280', '203.0.113.9,192.0.2.42', '192.0.2.42,198.51.100.7'], complaints: [] },
    { fields: ['3', '1', '', '203.0.113.9,192.0.2.42', '192.0.2.42,198.51.100.7'], complaints: [] },
    { fields: ['11', '0', '', '203.0.113.9,192.0.2.42', '192.0.2.42,198.51.100.7'], complaints: [] },
    { fields: ['12', '0', '', '203.0.113.9,192.0.2.42', '192.0.2.42,198.51.100.7'], complaints: [] },
  ]);
});
