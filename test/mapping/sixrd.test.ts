import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { SIXTOFOUR_PREFIX, SixRd, sixToFour } from '../../src/mapping/sixrd.js';
import { formatIpv4, formatIpv6, formatPrefix6, parseIpv4, parseIpv6, parsePrefix6 } from '../../src/wire/address.js';
import { octetsOf, u32s, written } from '../wire/octet-arrays.js';
import { toHex, vectors } from '../wire/vectors.js';

const ipv4 = (text: string) => parseIpv4(text) ?? expect.fail(text);
const prefix6 = (text: string) => parsePrefix6(text) ?? expect.fail(text);

/** The delegated prefix of `addr`, as sixteen octets. */
function delegated(domain: SixRd, addr: number): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = addr;
  return written(16, (b, at) => {
    domain.addressFor(endpoint, b, at);
    return at + 16;
  });
}

/** The IPv4 address that `address` carries, which stands among dirt; null outside the domain. */
function carried(domain: SixRd, address: Uint8Array): number | null {
  const endpoint = new Endpoint();
  endpoint.port = 9;
  if (!domain.endpointOf(Uint8Array.of(0xa5, ...address, 0xa5), 1, endpoint)) return null;
  expect(endpoint.port).toBe(0);
  return endpoint.addr;
}

test.each(vectors['6to4_addresses'])('6to4: $v4 is $prefix ($use), both ways', ({ v4, prefix }) => {
  expect(formatPrefix6({ addr: delegated(sixToFour, ipv4(v4)), len: sixToFour.delegatedLen })).toBe(prefix);
  expect(carried(sixToFour, prefix6(prefix).addr)).toBe(ipv4(v4));
});

test.each(vectors['6rd_prefixes'])('6rd: $ce_v4 in $6rdPrefix with mask length $IPv4MaskLen is $delegated ($note), both ways', (row) => {
  const domain = new SixRd(prefix6(row['6rdPrefix']), row.IPv4MaskLen, ipv4(row.ce_v4));
  expect(formatPrefix6({ addr: delegated(domain, ipv4(row.ce_v4)), len: domain.delegatedLen })).toBe(row.delegated);
  expect(carried(domain, prefix6(row.delegated).addr)).toBe(ipv4(row.ce_v4));
});

/** Any domain there can be: 129 prefix lengths, 33 mask lengths, as far as both fit. */
const domains = fc
  .record({ octets: octetsOf(16), len: fc.nat(128), maskLen: fc.nat(32), common: u32s })
  .filter(({ len, maskLen }) => len + 32 - maskLen <= 128);

const LOW_128 = (1n << 128n) - 1n;
const big = (b: Uint8Array) => BigInt(`0x${toHex(b)}`);
const mask = (len: number) => (LOW_128 << BigInt(128 - len)) & LOW_128;
const bits = (n: bigint) => Uint8Array.from(Buffer.from(n.toString(16).padStart(32, '0'), 'hex'));

test('any domain: the delegated prefix is prefix, carried bits, zeros, by RFC 5969 section 4 on 128-bit numbers', () => {
  fc.assert(
    fc.property(domains, u32s, ({ octets, len, maskLen, common }, addr) => {
      const prefix = { addr: bits(big(octets) & mask(len)), len };
      const domain = new SixRd(prefix, maskLen, common);
      const suffix = BigInt(addr) & ((1n << BigInt(32 - maskLen)) - 1n);
      expect(domain.delegatedLen).toBe(len + 32 - maskLen);
      expect(big(delegated(domain, addr))).toBe(big(prefix.addr) | (suffix << BigInt(128 - domain.delegatedLen)));
    }),
    { numRuns: 2_000 },
  );
});

test('any domain: an address under a delegated prefix carries the shared bits and its own, whatever subnet and identifier', () => {
  fc.assert(
    fc.property(domains, u32s, octetsOf(16), ({ octets, len, maskLen, common }, addr, noise) => {
      const domain = new SixRd({ addr: bits(big(octets) & mask(len)), len }, maskLen, common);
      const site = big(delegated(domain, addr)) | (big(noise) & ~mask(domain.delegatedLen) & LOW_128);
      const own = 2n ** BigInt(32 - maskLen) - 1n;
      expect(BigInt(carried(domain, bits(site)) ?? expect.fail())).toBe((BigInt(common) & ~own & 0xffffffffn) | (BigInt(addr) & own));
    }),
    { numRuns: 2_000 },
  );
});

test('any domain: with one bit of the prefix changed an address is outside it, and the endpoint is not touched', () => {
  fc.assert(
    fc.property(domains, octetsOf(16), fc.nat(), ({ octets, len, maskLen, common }, noise, pick) => {
      fc.pre(len > 0);
      const domain = new SixRd({ addr: bits(big(octets) & mask(len)), len }, maskLen, common);
      const inside = (big(octets) & mask(len)) | (big(noise) & ~mask(len) & LOW_128);
      expect(carried(domain, bits(inside))).not.toBe(null);
      const endpoint = new Endpoint();
      endpoint.addr = 7;
      endpoint.port = 9;
      expect(domain.endpointOf(bits(inside ^ (1n << BigInt(127 - (pick % len)))), 0, endpoint)).toBe(false);
      expect([endpoint.addr, endpoint.port]).toEqual([7, 9]);
    }),
    { numRuns: 2_000 },
  );
});

test('bits after the prefix length of what is configured do not matter', () => {
  const clean = new SixRd(prefix6('2001:db8::/31'), 11, ipv4('10.160.0.0'));
  const dirty = new SixRd({ addr: parseIpv6('2001:db9:ffff::1') ?? expect.fail(), len: 31 }, 11, ipv4('10.191.255.255'));
  expect(formatIpv6(delegated(dirty, ipv4('10.161.2.3')))).toBe('2001:db8:1020:3000::');
  expect(carried(dirty, delegated(clean, ipv4('10.161.2.3')))).toBe(ipv4('10.161.2.3'));
});

test('RFC 3056 section 2: 6to4 is 2002::/16 with all 32 bits, and its neighbours are not', () => {
  expect([formatPrefix6(SIXTOFOUR_PREFIX), sixToFour.ipv4MaskLen, sixToFour.delegatedLen]).toEqual(['2002::/16', 0, 48]);
  expect(formatIpv4(carried(sixToFour, parseIpv6('2002:c000:204:ffff::1') ?? expect.fail()) ?? 0)).toBe('192.0.2.4');
  for (const text of ['2001:c000:204::1', '2003:c000:204::1', '2802:c000:204::1', '::ffff:192.0.2.4']) {
    expect([text, carried(sixToFour, parseIpv6(text) ?? expect.fail())]).toEqual([text, null]);
  }
});

test.each([
  ['2001:db8::/32', -1, 'IPv4MaskLen -1: expected 0 to 32'],
  ['2001:db8::/32', 33, 'IPv4MaskLen 33: expected 0 to 32'],
  ['2001:db8::/97', 0, 'prefix of 97 bits and 32 bits of IPv4: expected at most 128 together'],
  ['2001:db8::/128', 31, 'prefix of 128 bits and 1 bits of IPv4: expected at most 128 together'],
])('a domain of %s with mask length %i is refused: %s', (text, maskLen, message) => {
  expect(() => new SixRd(prefix6(text), maskLen)).toThrow(new RangeError(message));
});
