import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DF,
  dst4,
  fragment4,
  headerLen4,
  IPV4_LEN,
  identification4,
  isIpv4,
  MF,
  protocol4,
  src4,
  tos4,
  totalLen4,
  ttl4,
  writeIpv4,
} from '../../src/wire/ipv4.js';
import { fenced, octetsOf, referenceChecksum, u16s, u32s, written } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, packet, vectors } from './vectors.js';

test('a packet of the shared vectors is read as it is described', () => {
  const b = Uint8Array.of(0xa5, 0xa5, ...packet('6to4_tos_ecn'));
  expect(isIpv4(b, 2, b.length)).toBe(true);
  expect({
    header: headerLen4(b, 2),
    total: totalLen4(b, 2),
    tos: tos4(b, 2),
    id: identification4(b, 2),
    fragment: fragment4(b, 2),
    ttl: ttl4(b, 2),
    protocol: protocol4(b, 2),
    source: src4(b, 2),
    destination: dst4(b, 2),
  }).toEqual({
    header: 20,
    total: 76,
    tos: 0xba,
    id: 0x1234,
    fragment: 0,
    ttl: 64,
    protocol: 41,
    source: 0xc000022a,
    destination: 0xc6336407,
  });
});

test('every packet of the shared vectors is whole, and no proper prefix of one is', () => {
  for (const { name, hex: text } of vectors.packets) {
    const b = hex(text);
    for (let end = 0; end < b.length; end++) expect([name, end, isIpv4(b, 0, end)]).toEqual([name, end, false]);
    expect([name, isIpv4(b, 0, b.length)]).toEqual([name, true]);
  }
});

test.each([
  ['version 6', (b: Uint8Array) => b.fill(0x65, 0, 1)],
  ['a header of 16 octets', (b: Uint8Array) => b.fill(0x44, 0, 1)],
  ['a header longer than the packet', (b: Uint8Array) => b.fill(0, 2, 3).fill(20, 3, 4).fill(0x46, 0, 1)],
  ['a total length shorter than the header', (b: Uint8Array) => b.fill(0, 2, 3).fill(19, 3, 4)],
  ['a total length of zero', (b: Uint8Array) => b.fill(0, 2, 4)],
  ['a total length beyond the end', (b: Uint8Array) => b.fill(77, 3, 4)],
])('%s is refused', (_, spoil) => {
  expect(isIpv4(spoil(packet('6to4_peer')), 0, 76)).toBe(false);
});

test('any octets: a packet that is accepted lies inside, and nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(90), fc.nat(20), fc.nat(90), fc.boolean(), (b, off, end, likely) => {
      if (likely) b.set([0x45 + (b[off] & 3), 0, 0, b[off + 3] & 0x7f], off);
      if (end < off || !isIpv4(fenced(b, off, end), off, end)) return;
      expect(headerLen4(b, off)).toBeGreaterThanOrEqual(IPV4_LEN);
      expect(totalLen4(b, off)).toBeGreaterThanOrEqual(headerLen4(b, off));
      expect(off + totalLen4(b, off)).toBeLessThanOrEqual(end);
    }),
    { numRuns: 2_000 },
  );
});

const headers = fc.record({
  totalLen: u16s,
  tos: fc.nat(255),
  flags: fc.constantFrom(0, DF, MF, MF | 185, DF | MF | 0x1fff),
  ttl: fc.nat(255),
  protocol: fc.nat(255),
  source: u32s,
  destination: u32s,
});

test('a header is written over dirt as RFC 791 draws it, with a right checksum', () => {
  fc.assert(
    fc.property(headers, (h) => {
      const b = written(IPV4_LEN, (out, at) => {
        writeIpv4(out, at, h.totalLen, h.tos, h.flags, h.ttl, h.protocol, h.source, h.destination);
        return at + IPV4_LEN;
      });
      const view = new DataView(b.buffer);
      expect([
        b[0],
        b[1],
        view.getUint16(2),
        view.getUint16(4),
        view.getUint16(6),
        b[8],
        b[9],
        view.getUint32(12),
        view.getUint32(16),
      ]).toEqual([0x45, h.tos, h.totalLen, 0, h.flags, h.ttl, h.protocol, h.source, h.destination]);
      expect(referenceChecksum(b)).toBe(0);
    }),
  );
});

test('a checksum keeps its carries: of 65536 headers that differ in one word, all are right', () => {
  const b = new Uint8Array(IPV4_LEN);
  const wrong: number[] = [];
  for (let word = 0; word <= 0xffff; word++) {
    writeIpv4(b, 0, 0xffff, 0xff, 0x4000, 255, 255, 0xffffffff, (0xffff0000 | word) >>> 0);
    let sum = 0;
    for (let i = 0; i < IPV4_LEN; i += 2) sum += b[i] * 256 + b[i + 1];
    if (sum % 0xffff !== 0) wrong.push(word);
  }
  expect(wrong).toEqual([]);
});

test('tshark reads written headers without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const b = new Uint8Array(60).fill(0xa5);
  b.set(packet('6to4_peer').subarray(20, 60), 20);
  b[24] = b[25] = 0; // no payload
  b[26] = 59; // no next header
  writeIpv4(b, 0, 60, 0xb8, DF, 63, 41, 0xc000022a, 0xc0586301);
  const [seen] = dissect([b], ['ip.src', 'ip.dst', 'ip.ttl', 'ip.dsfield', 'ip.flags.df', 'ip.proto', 'ip.len']);
  expect(seen).toEqual({ fields: ['192.0.2.42', '192.88.99.1', '63', '0xb8', '1', '41', '60'], complaints: [] });
});
