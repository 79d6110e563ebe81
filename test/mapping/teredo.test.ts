import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { TEREDO_CONE, Teredo, teredoFlags, teredoServer } from '../../src/mapping/teredo.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/wire/address.js';

const octets = (text: string) => parseIpv6(text) ?? expect.fail(text);
const ipv4 = (text: string) => parseIpv4(text) ?? expect.fail(text);

/** The classic example with and without the cone flag, RFC 5991 flags, and the clients of RFC 6081 figures 2 and 3. */
test.each([
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', '65.54.227.120', 0x8000, '192.0.2.45', 40000],
  ['2001:0:4136:e378:0:63bf:3fff:fdd2', '65.54.227.120', 0x0000, '192.0.2.45', 40000],
  ['2001:0:4136:e378:3cf1:63bf:3fff:fdd2', '65.54.227.120', 0x3cf1, '192.0.2.45', 40000],
  ['2001:0:cb00:7178:0:efff:3fff:fdfe', '203.0.113.120', 0x0000, '192.0.2.1', 4096],
  ['2001:0:c633:6476:0:dfff:3fff:fdf5', '198.51.100.118', 0x0000, '192.0.2.10', 8192],
  ['2001:0:cb00:7178:0:f000:39cc:9b89', '203.0.113.120', 0x0000, '198.51.100.118', 4095],
  ['2001:0:cb00:7178:0:efff:39cc:9b89', '203.0.113.120', 0x0000, '198.51.100.118', 4096],
])('%s: server %s, flags %i, client %s:%i, both ways', (text, server, flags, client, port) => {
  const ep = new Endpoint();
  const given = octets(text);
  expect(new Teredo().endpointOf(given, 0, ep)).toBe(true);
  expect([formatIpv4(ep.addr), ep.port, formatIpv4(teredoServer(given, 0)), teredoFlags(given, 0)]).toEqual([client, port, server, flags]);

  const b = new Uint8Array(20).fill(0xa5);
  new Teredo(ipv4(server), flags).addressFor(ep, b, 2);
  expect([formatIpv6(b, 2), b[1], b[18]]).toEqual([text, 0xa5, 0xa5]);
});

test('the cone flag is the highest one', () => {
  expect(teredoFlags(octets('2001:0:4136:e378:8000:63bf:3fff:fdd2'), 0) & TEREDO_CONE).toBe(TEREDO_CONE);
});

test('an address outside the prefix is no Teredo address: not the retired 3ffe:831f::/32, not the rest of 2001::/23', () => {
  const endpoint = new Endpoint();
  for (const text of ['3ffe:831f:4136:e378:8000:63bf:3fff:fdd2', '2001:1::1', '2001:db8::1', '2003::']) {
    expect([text, new Teredo().endpointOf(octets(text), 0, endpoint)]).toEqual([text, false]);
  }
});

test('every endpoint comes back from its address, for any server and flags', () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const u16 = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(u32, u16, u32, u16, (server, flags, addr, port) => {
      const mapping = new Teredo(server, flags);
      const b = new Uint8Array(16).fill(0xa5);
      const ep = new Endpoint();
      ep.addr = addr;
      ep.port = port;
      mapping.addressFor(ep, b, 0);
      ep.addr = ep.port = 0x5a;
      expect([mapping.endpointOf(b, 0, ep), ep.addr, ep.port, teredoServer(b, 0), teredoFlags(b, 0)]).toEqual([
        true,
        addr,
        port,
        server,
        flags,
      ]);
    }),
  );
});
