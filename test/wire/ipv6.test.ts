import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIpv6 } from '../../src/wire/address.js';
import {
  hopLimit6,
  IPV6_LEN,
  isIpv6,
  isLinkLocal6,
  isMulticast6,
  isUnspecified6,
  nextHeader6,
  setEcn6,
  totalLen6,
  trafficClass6,
  writeIpv6,
} from '../../src/wire/ipv6.js';
import { fenced, octetsOf, u16s } from './octet-arrays.js';
import { packet } from './vectors.js';

/** The IPv6 packet of a protocol-41 vector. */
const inner = (name: string) => packet(name).slice(20);

test('a packet of the shared vectors is read as it is described', () => {
  const b = Uint8Array.of(0xa5, ...inner('6to4_tos_ecn'));
  expect(isIpv6(b, 1, b.length)).toBe(true);
  expect([totalLen6(b, 1), trafficClass6(b, 1), nextHeader6(b, 1), hopLimit6(b, 1)]).toEqual([56, 0xba, 58, 64]);
});

test('no proper prefix of a packet is one, and octets after it are allowed', () => {
  const b = inner('6to4_padded');
  for (let end = 0; end < 56; end++) expect([end, isIpv6(b, 0, end)]).toEqual([end, false]);
  for (let end = 56; end <= 60; end++) expect([end, isIpv6(b, 0, end)]).toEqual([end, true]);
});

test('every other version is refused', () => {
  const b = inner('6to4_peer');
  for (let version = 0; version < 16; version++) {
    b[0] = version << 4;
    expect([version, isIpv6(b, 0, b.length)]).toEqual([version, version === 6]);
  }
});

test('any octets: a packet that is accepted lies inside, and nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(90), fc.nat(20), fc.nat(90), fc.boolean(), (b, off, end, likely) => {
      if (likely) b.set([0x60, 0, 0, 0, 0, b[off + 5] & 0x3f], off);
      if (end < off || !isIpv6(fenced(b, off, end), off, end)) return;
      expect(off + totalLen6(b, off)).toBeLessThanOrEqual(end);
    }),
    { numRuns: 2_000 },
  );
});

test('a header is written over dirt, the addresses left to the caller', () => {
  fc.assert(
    fc.property(u16s, fc.nat(255), fc.nat(255), fc.nat(255), (payloadLen, next, limit, dirt) => {
      const b = new Uint8Array(60).fill(dirt);
      writeIpv6(b, 5, payloadLen, next, limit);
      expect([...b.subarray(5, 13)]).toEqual([0x60, 0, 0, 0, payloadLen >>> 8, payloadLen & 255, next, limit]);
      expect([...b.subarray(0, 5), ...b.subarray(13)].every((octet) => octet === dirt)).toBe(true);
      expect([totalLen6(b, 5), nextHeader6(b, 5), hopLimit6(b, 5)]).toEqual([IPV6_LEN + payloadLen, next, limit]);
    }),
  );
});

test('the ECN field is the last two bits of the traffic class, and nothing else changes with it', () => {
  fc.assert(
    fc.property(octetsOf(8), fc.nat(3), (b, ecn) => {
      const before = (b[0] << 24) | (b[1] << 16) | (b[2] << 8) | b[3];
      const after = b.slice();
      setEcn6(after, 0, ecn);
      const now = (after[0] << 24) | (after[1] << 16) | (after[2] << 8) | after[3];
      // RFC 8200 section 3: traffic class in bits 4 to 11; ECN are its last two (RFC 3168 section 5).
      expect(now).toBe((before & ~0x00300000) | (ecn << 20));
      expect(trafficClass6(after, 0)).toBe((now >>> 20) & 0xff);
      expect(after.subarray(4)).toEqual(b.subarray(4));
    }),
  );
});

test.each([
  ['::', 'unspecified'],
  ['::1', ''],
  ['1::', ''],
  ['0:0:1::', ''],
  ['0:0:0:0:1::', ''],
  ['::1:0:0', ''],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', ''],
  ['fe7f::1', ''],
  ['fd80::', ''],
  ['ff02::1', 'multicast'],
  ['ff00::', 'multicast'],
  ['feff::', ''],
])('%s is "%s"', (text, kind) => {
  const b = Uint8Array.of(0xa5, ...(parseIpv6(text) ?? expect.fail(text)), 0xa5);
  const kinds = [isUnspecified6(b, 1) && 'unspecified', isLinkLocal6(b, 1) && 'link-local', isMulticast6(b, 1) && 'multicast'];
  expect(kinds.filter(Boolean).join()).toBe(kind);
});
