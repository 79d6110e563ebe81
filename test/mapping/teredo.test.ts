import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { drawTeredoFlags, isCone, TEREDO_CONE, Teredo, teredoFlags, teredoLinkLocal, teredoServer } from '../../src/mapping/teredo.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/wire/address.js';
import { vectors } from '../wire/vectors.js';

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

const LINK_LOCAL = vectors.teredo_link_local;

test.each([
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', true],
  [LINK_LOCAL.client_cone1, true],
  ['2001:0:4136:e378:7fff:63bf:3fff:fdd2', false],
  ['2001:0:4136:e378:3cf1:63bf:3fff:fdd2', false],
  [LINK_LOCAL.client_cone0, false],
])('%s has the cone flag: %s, whatever the others are', (text, expected) => {
  expect(isCone(octets(text), 0)).toBe(expected);
});

test.each([
  ['a client', LINK_LOCAL.client_cone0, LINK_LOCAL.client_local, 0],
  ['a client that asks as if behind a cone NAT', LINK_LOCAL.client_cone1, LINK_LOCAL.client_local, TEREDO_CONE],
  ['a server', LINK_LOCAL.server, '65.54.227.120:3544', TEREDO_CONE],
])('RFC 4380 section 4: the link-local address of %s', (_, text, local, flags) => {
  const [addr, port] = local.split(':');
  const ep = new Endpoint();
  ep.addr = ipv4(addr);
  ep.port = Number(port);
  const b = new Uint8Array(18).fill(0xa5);
  teredoLinkLocal(flags).addressFor(ep, b, 1);
  expect([formatIpv6(b, 1), b[0], b[17]]).toEqual([text, 0xa5, 0xa5]);
});

test('RFC 5991 section 3.1: of all random octets come all of 4096 flags, each as often, and no other bit', () => {
  const seen = new Map<number, number>();
  for (let chance = 0; chance <= 0xffff; chance++) {
    const flags = drawTeredoFlags((into) => {
      expect(into.length).toBe(2);
      into[0] = chance >>> 8;
      into[1] = chance;
    });
    seen.set(flags, (seen.get(flags) ?? 0) + 1);
  }
  expect(seen.size).toBe(4096);
  expect([...seen].every(([flags, times]) => (flags & 0xc300) === 0 && times === 16)).toBe(true);
});

test('an address outside the prefix is no Teredo address: not the retired 3ffe:831f::/32, not the rest of 2001::/23', () => {
  const endpoint = new Endpoint();
  for (const text of ['3ffe:831f:4136:e378:8000:63bf:3fff:fdd2', '2001:1::1', '2001:db8::1', '2003::']) {
    const b = octets(text);
    expect([text, new Teredo().has(b, 0), new Teredo().endpointOf(b, 0, endpoint)]).toEqual([text, false, false]);
  }
});

test('a prefix of its own makes and takes other addresses', () => {
  const lab = new Teredo(ipv4('65.54.227.120'), 0, 0x3fff0123);
  const ep = new Endpoint();
  const b = octets('3fff:123:4136:e378:0:63bf:3fff:fdd2');
  expect([lab.has(b, 0), new Teredo().has(b, 0), lab.endpointOf(b, 0, ep), ep.port]).toEqual([true, false, true, 40000]);
  lab.addressFor(ep, b.fill(0xa5), 0);
  expect(formatIpv6(b)).toBe('3fff:123:4136:e378:0:63bf:3fff:fdd2');
  const high = new Teredo(0, 0, 0xfd000000);
  expect([high.has(octets('fd00::1'), 0), high.has(octets('fd00:1::1'), 0)]).toEqual([true, false]);
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
