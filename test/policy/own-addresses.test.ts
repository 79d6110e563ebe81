import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { OwnAddresses, OwnAddresses6 } from '../../src/policy/own-addresses.js';
import { parseIpv4, parseIpv6 } from '../../src/wire/address.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);
const ip6 = (text: string) => parseIpv6(text) ?? expect.fail(text);
const own = (...texts: string[]) => new OwnAddresses(texts.map(ip));
const anyIpv4 = fc.integer({ min: 0, max: 0xffffffff });

test.each([
  ['2002:cb00:7103::1', '6to4, RFC 3056 section 2'],
  ['2002:cb00:7103:ffff:a:b:c:d', '6to4, whatever follows'],
  ['2001:db8:15:1:0:5efe:cb00:7103', 'ISATAP, RFC 5214 section 6.1, u bit clear'],
  ['2001:db8:15:1:200:5efe:cb00:7103', 'ISATAP, u bit set: the source of the loop in RFC 6324 section 2'],
  ['fe80::5efe:203.0.113.3', 'ISATAP, link-local'],
  ['2001:0:4136:e378:8000:63bf:34ff:8efc', 'Teredo, RFC 4380 section 4: address inverted'],
])('%s carries 203.0.113.3: %s', (address) => {
  expect(own('203.0.113.3').carriedBy(ip6(address), 0)).toBe(true);
  expect(own('198.51.100.9', '203.0.113.3').carriedBy(ip6(address), 0)).toBe(true);
  expect(own('203.0.113.4').carriedBy(ip6(address), 0)).toBe(false);
  expect(own().carriedBy(ip6(address), 0)).toBe(false);
});

test.each([
  ['2001:db8:cb00:7103::1', 'a 6rd address: it cannot be told without configuration, RFC 6324 section 4'],
  ['2001:db8::cb00:7103', 'the address alone in an interface identifier'],
  ['2001:db8::100:5efe:cb00:7103', 'an ISATAP identifier of a group'],
  ['2001:0:4136:e378:8000:63bf:cb00:7103', 'Teredo, address not inverted'],
  ['2001:1:4136:e378:8000:63bf:34ff:8efc', 'next to the Teredo prefix'],
  ['2003:cb00:7103::1', 'next to the 6to4 prefix'],
])('%s does not carry 203.0.113.3: %s', (address) => {
  expect(own('203.0.113.3').carriedBy(ip6(address), 0)).toBe(false);
});

test.each([
  '10.0.0.1',
  '10.255.255.254',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.255.254',
  '100.64.0.1',
  '100.127.255.254',
  '127.0.0.1',
  '169.254.255.254',
])('%s is in many networks at once: carried by a foreign address it says nothing, RFC 6324 section 3.3.1', (text) => {
  const isatap = ip6(`2001:db8:15:1:0:5efe:${text}`);
  const node = own('203.0.113.3', text);
  expect(node.carriedBy(isatap, 0)).toBe(false);
  expect(node.has(Object.assign(new Endpoint(), { addr: ip(text) }))).toBe(true);
});

test.each([
  '9.255.255.254',
  '11.0.0.1',
  '172.15.255.254',
  '172.32.0.1',
  '192.167.255.254',
  '192.169.0.1',
  '100.63.255.254',
  '100.128.0.1',
  '126.0.0.1',
  '128.0.0.1',
  '169.253.0.1',
  '169.255.0.1',
])('%s is nobody else’s', (text) => {
  expect(own(text).carriedBy(ip6(`2001:db8:15:1:0:5efe:${text}`), 0)).toBe(true);
});

test('an address carries exactly the IPv4 address that was written into it, at any offset of dirty octets', () => {
  fc.assert(
    fc.property(anyIpv4, anyIpv4, fc.nat(30), (carried, asked, off) => {
      const text = `${(carried >>> 16).toString(16)}:${(carried & 0xffff).toString(16)}`;
      const unique = isUnique(asked);
      const b = new Uint8Array(64).fill(0xa5);
      for (const address of [`2002:${text}::a5a5`, `3fff::200:5efe:${text}`]) {
        b.set(ip6(address), off);
        expect(new OwnAddresses([asked]).carriedBy(b, off)).toBe(unique && carried === asked);
        expect(new OwnAddresses([carried]).carriedBy(b, off)).toBe(isUnique(carried));
      }
    }),
  );
});

/** RFC 6890: what is neither private, shared, loopback nor link-local, by arithmetic on the octets. */
function isUnique(addr: number): boolean {
  const [a, b] = [addr >>> 24, (addr >>> 16) & 255];
  const shared = a === 100 && b >= 64 && b < 128;
  const privateUse = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
  return !(shared || privateUse || a === 127 || (a === 169 && b === 254));
}

test('an IPv6 address is own when all of its octets are', () => {
  const addresses = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 }), { maxLength: 4 });
  fc.assert(
    fc.property(addresses, fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 }), fc.nat(16), fc.nat(20), (own6, other, flip, off) => {
      const b = new Uint8Array(40).fill(0xa5);
      const has = (address: Uint8Array) => {
        b.set(address, off);
        return new OwnAddresses6(own6).has(b, off);
      };
      const texts = own6.map((address) => address.join());
      for (const address of own6) {
        expect(has(address)).toBe(true);
        const near = address.with(flip % 16, 2);
        expect(has(near)).toBe(false);
      }
      expect(has(other)).toBe(texts.includes(other.join()));
    }),
  );
});
