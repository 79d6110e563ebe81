import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { hasIsatapId, Isatap, isUniversal } from '../../src/mapping/isatap.js';
import { formatIpv6, parseIpv4, parseIpv6 } from '../../src/wire/address.js';

const octets = (text: string) => parseIpv6(text) ?? expect.fail(text);
const ipv4 = (text: string) => parseIpv4(text) ?? expect.fail(text);
const LINK_LOCAL = octets('fe80::').slice(0, 8);
const SITE = octets('2001:db8:0:1::').slice(0, 8);

/** RFC 5214 section 6.1; the first is the example of its predecessor, the fourth Microsoft's. */
test.each([
  ['10.40.1.29', false, 'fe80::5efe:a28:11d', '2001:db8:0:1:0:5efe:a28:11d'],
  ['192.0.2.42', false, 'fe80::5efe:c000:22a', '2001:db8:0:1:0:5efe:c000:22a'],
  ['192.0.2.42', true, 'fe80::200:5efe:c000:22a', '2001:db8:0:1:200:5efe:c000:22a'],
  ['131.107.71.209', true, 'fe80::200:5efe:836b:47d1', '2001:db8:0:1:200:5efe:836b:47d1'],
])('%s with u = %s is %s and %s, both ways', (text, unique, linkLocal, global) => {
  for (const [prefix, expected] of [
    [LINK_LOCAL, linkLocal],
    [SITE, global],
  ] as const) {
    const mapping = new Isatap(prefix, () => unique);
    const b = new Uint8Array(20).fill(0xa5);
    const ep = new Endpoint();
    ep.addr = ipv4(text);
    mapping.addressFor(ep, b, 2);
    expect([formatIpv6(b, 2), b[1], b[18]]).toEqual([expected, 0xa5, 0xa5]);

    ep.addr = 0;
    ep.port = 9;
    expect([mapping.endpointOf(octets(expected), 0, ep), ep.addr, ep.port]).toEqual([true, ipv4(text), 0]);
    expect(isUniversal(octets(expected), 0)).toBe(unique);
  }
});

test('an ISATAP identifier behind an off-link prefix is no ISATAP address, RFC 5214 section 3', () => {
  expect(new Isatap(SITE, () => false).endpointOf(octets('3fff::5efe:c000:205'), 0, new Endpoint())).toBe(false);
});

test('only the u bit is free: any other octet of the mark makes a plain identifier', () => {
  fc.assert(
    fc.property(fc.nat(31), (bit) => {
      const b = octets('2001:db8:0:1:0:5efe:c000:22a');
      b[8 + (bit >>> 3)] ^= 0x80 >>> (bit & 7);
      return hasIsatapId(b, 0) === (bit === 6);
    }),
    { numRuns: 200 },
  );
});
