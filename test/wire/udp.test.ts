import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { isUdp4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource, writeUdp4 } from '../../src/wire/udp.js';
import { OFFER } from './dnsmasq.js';
import { fenced, octetsOf, referenceChecksum, u16s, u32s, written } from './octet-arrays.js';
import { packet, vectors } from './vectors.js';

const isUdp = (b: Uint8Array) => isUdp4(fenced(b, 0, b.length), 0, b.length);

/** A datagram in an IPv4 packet, by our writers. */
function datagram(source: number, destination: number, ports: readonly [number, number], payload: Uint8Array): Uint8Array {
  const len = 20 + UDP_LEN + payload.length;
  return written(len, (b, at) => {
    writeIpv4(b, at, len, 0, 0, 64, Protocol.udp, source, destination);
    b.set(payload, at + 20 + UDP_LEN);
    writeUdp4(b, at, at + 20, at + len, ...ports);
    return at + len;
  });
}

/** A copy with other octets at `at`, and the IPv4 header's checksum right again. */
function changed(b: Uint8Array, at: number, ...octets: number[]): Uint8Array {
  const copy = b.slice();
  copy.set(octets, at);
  copy.set([0, 0], 10);
  const sum = referenceChecksum(copy.subarray(0, (copy[0] & 15) * 4));
  copy.set([sum >>> 8, sum], 10);
  return copy;
}

test('every UDP datagram of the shared vectors is taken, and nothing else of them', () => {
  for (const { name } of vectors.packets) {
    const b = packet(name);
    expect([name, isUdp(b)]).toEqual([name, b[0] === 0x45 && b[9] === 17]);
  }
});

test('the ports and lengths of the shared DHCPACK are those of its description', () => {
  const b = packet('dhcp_ack_6rd');
  const udp = udpOffset4(b, 0);
  expect([udp, udpSource(b, udp), udpDestination(b, udp), udpLen(b, udp)]).toEqual([20, 67, 68, 288]);
});

test('a checksum is that of RFC 768 by other arithmetic, and 0 is sent as ffff', () => {
  fc.assert(
    fc.property(u32s, u32s, u16s, u16s, fc.uint8Array({ maxLength: 41 }), (source, destination, from, to, payload) => {
      const b = datagram(source, destination, [from, to], payload);
      const sum = referenceChecksum(
        b.subarray(12, 20),
        Uint8Array.of(0, 17, 0, UDP_LEN + payload.length),
        b.subarray(20, 26),
        b.subarray(28),
      );
      expect((b[26] << 8) | b[27]).toBe(sum || 0xffff);
      expect([udpSource(b, 20), udpDestination(b, 20), udpLen(b, 20)]).toEqual([from, to, UDP_LEN + payload.length]);
      expect(isUdp(b)).toBe(true);
    }),
  );
  // 0.0.0.0 to 0.0.0.0, 17 + 10 + 10 octets, and a payload that brings the words to ffff.
  expect([...datagram(0, 0, [0, 0], Uint8Array.of(0xff, 0xda)).subarray(26, 28)]).toEqual([0xff, 0xff]);
});

test('a datagram without a checksum is taken, RFC 768', () => {
  expect(isUdp(changed(packet('dhcp_ack_6rd'), 26, 0, 0))).toBe(true);
});

test('dnsmasq over a veth pair leaves the sum of the pseudo header for a checksum: that is taken, its neighbours are not', () => {
  expect(isUdp(OFFER)).toBe(true);
  expect(referenceChecksum(OFFER.subarray(12, 20), Uint8Array.of(0, 17), OFFER.subarray(24, 26)) ^ 0xffff).toBe(0x0bb4);
  for (const octet of [0xb3, 0xb5]) expect(isUdp(changed(OFFER, 27, octet))).toBe(false);
});

test('every cut, and every changed bit that a checksum covers, is refused', () => {
  const b = packet('dhcp_ack_6rd');
  for (let end = 0; end < b.length; end++) expect([end, isUdp(b.slice(0, end))]).toEqual([end, false]);
  for (let bit = 0; bit < 8 * b.length; bit++) {
    const broken = b.slice();
    broken[bit >>> 3] ^= 0x80 >>> (bit & 7);
    expect([bit, isUdp(broken)]).toEqual([bit, false]);
  }
});

test.each([
  ['with a length of 7', (b: Uint8Array) => changed(b, 24, 0, 7, 0, 0), false],
  ['with a length of 8: no payload', (b: Uint8Array) => changed(b, 24, 0, 8, 0, 0), true],
  ['with a length up to the end of the packet', (b: Uint8Array) => changed(b, 24, 0, 12, 0, 0), true],
  ['with a length of one more', (b: Uint8Array) => changed(b, 24, 0, 13, 0, 0), false],
  ['that is a first fragment', (b: Uint8Array) => changed(b, 6, 0x20, 0), false],
  ['that is a last fragment', (b: Uint8Array) => changed(b, 6, 0, 1), false],
  ['that must not be fragmented', (b: Uint8Array) => changed(b, 6, 0x40, 0), true],
  ['of another protocol', (b: Uint8Array) => changed(b, 9, 6), false],
  ['with a wrong IPv4 checksum', (b: Uint8Array) => Uint8Array.from(b, (octet, i) => (i === 11 ? octet ^ 1 : octet)), false],
])('a datagram %s', (_, change, expected) => {
  expect(isUdp(change(datagram(0x0a000001, 0x0a000002, [67, 68], Uint8Array.of(1, 2, 3, 4))))).toBe(expected);
});

test('behind IPv4 options, and in front of octets that are not of the packet, a datagram is found', () => {
  const plain = datagram(0x0a000001, 0x0a000002, [67, 68], Uint8Array.of(1, 2, 3, 4));
  const b = changed(Uint8Array.of(...plain.subarray(0, 20), 1, 1, 1, 0, ...plain.subarray(20)), 0, 0x46, 0, 0, 36);
  expect(isUdp(b)).toBe(true);
  expect(udpOffset4(b, 0)).toBe(24);
  expect(isUdp4(Uint8Array.of(...plain, 0xa5, 0xa5), 0, plain.length + 2)).toBe(true);
});

test('a packet that ends within its UDP header is refused, and nothing behind it is looked at', () => {
  const whole = datagram(0x0a000001, 0x0a000002, [67, 68], Uint8Array.of(1, 2, 3, 4));
  for (let len = 20; len < 28; len++) {
    const b = changed(whole, 2, 0, len);
    expect([len, isUdp4(fenced(b, 0, len), 0, b.length)]).toEqual([len, false]);
  }
});

test('no octets make it fail, or look outside them', () => {
  fc.assert(
    fc.property(octetsOf(60), fc.nat(60), (b, end) => {
      expect(isUdp4(fenced(b, 0, end), 0, end)).toBe(false);
    }),
  );
});
