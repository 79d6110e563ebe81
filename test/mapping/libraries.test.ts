/** The mappings against ip-address and ipaddr.js, which read tunnels out of addresses and count in bits of their own. */
import fc from 'fast-check';
import { Address4, Address6 } from 'ip-address';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { recognise } from '../../src/mapping/recognise.js';
import { SixRd, sixToFour } from '../../src/mapping/sixrd.js';
import { TEREDO_CONE, Teredo, teredoFlags, teredoServer } from '../../src/mapping/teredo.js';
import { formatIpv4, formatIpv6, formatPrefix6 } from '../../src/wire/address.js';
import { octetsOf, u16s, u32s } from '../wire/octet-arrays.js';
import { shownAddresses } from './shown-addresses.js';

const SEED = 20261124;

/** The address of that endpoint. */
function addressFor(mapping: SixRd | Teredo, addr: number, port = 0): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = addr;
  endpoint.port = port;
  const b = new Uint8Array(16).fill(0xa5);
  mapping.addressFor(endpoint, b, 0);
  return b;
}

test('6to4: the prefix of an IPv4 address, and the address in a prefix, are those of ip-address', () => {
  fc.assert(
    fc.property(u32s, octetsOf(10), (addr, noise) => {
      const b = addressFor(sixToFour, addr);
      expect(formatIpv6(b)).toBe(Address6.fromAddress4(formatIpv4(addr)).to6to4()?.correctForm());
      b.set(noise, 6);
      const endpoint = new Endpoint();
      expect(sixToFour.endpointOf(b, 0, endpoint)).toBe(true);
      expect(new Address6(formatIpv6(b)).inspect6to4()).toEqual({ prefix: '2002', gateway: formatIpv4(endpoint.addr) });
    }),
    { seed: SEED, numRuns: 3_000 },
  );
});

test('Teredo: server, flags, port and client are what ip-address inspects', () => {
  fc.assert(
    fc.property(u32s, u16s, u32s, u16s, (server, flags, addr, port) => {
      const b = addressFor(new Teredo(server, flags), addr, port);
      const theirs = new Address6(formatIpv6(b)).inspectTeredo();
      const endpoint = new Endpoint();
      expect(new Teredo().endpointOf(b, 0, endpoint)).toBe(true);
      expect({
        server4: formatIpv4(teredoServer(b, 0)),
        client4: formatIpv4(endpoint.addr),
        udpPort: String(endpoint.port),
        flags: teredoFlags(b, 0).toString(2).padStart(16, '0'),
        coneNat: (teredoFlags(b, 0) & TEREDO_CONE) !== 0,
      }).toEqual({
        server4: theirs.server4,
        client4: theirs.client4,
        udpPort: theirs.udpPort,
        flags: theirs.flags,
        coneNat: theirs.coneNat,
      });
    }),
    { seed: SEED, numRuns: 3_000 },
  );
});

/** Any 6rd domain; `ip-address` counts the bits. */
const domains = fc
  .record({ octets: octetsOf(16), len: fc.nat(128), maskLen: fc.nat(31), common: u32s })
  .filter(({ len, maskLen }) => len + 32 - maskLen <= 128);

test('6rd: the delegated prefix is the network that ip-address cuts off an address of the site, at any lengths', () => {
  fc.assert(
    fc.property(domains, u32s, octetsOf(16), ({ octets, len, maskLen, common }, addr, noise) => {
      const domain = new SixRd({ addr: network(octets, len), len }, maskLen, common);
      const delegated = addressFor(domain, addr);
      const site = delegated.map((octet, i) => octet | (noise[i] ^ network(noise, domain.delegatedLen)[i]));
      const theirs = new Address6(`${formatIpv6(site)}/${domain.delegatedLen}`);
      expect(formatIpv6(delegated)).toBe(theirs.startAddress().correctForm());
      expect(theirs.isInSubnet(new Address6(formatPrefix6(domain.prefix)))).toBe(true);
      const endpoint = new Endpoint();
      expect(domain.endpointOf(site, 0, endpoint)).toBe(true);
      const carried = theirs.getBitsBase2(len, domain.delegatedLen);
      expect(endpoint.addr.toString(2).padStart(32, '0')).toBe((common >>> 0).toString(2).padStart(32, '0').slice(0, maskLen) + carried);
    }),
    { seed: SEED, numRuns: 3_000 },
  );
});

test('6rd: the addresses of a domain are those that ip-address and ipaddr.js find in its prefix', () => {
  let inside = 0;
  fc.assert(
    fc.property(domains, fc.nat(128), octetsOf(16), ({ octets, len, maskLen, common }, kept, noise) => {
      const prefix = { addr: network(octets, len), len };
      const b = network(octets, kept).map((octet, i) => octet | (noise[i] ^ network(noise, kept)[i]));
      const isInside = new SixRd(prefix, maskLen, common).endpointOf(b, 0, new Endpoint());
      expect(isInside).toBe(new Address6(formatIpv6(b)).isInSubnet(new Address6(formatPrefix6(prefix))));
      expect(isInside).toBe(ipaddr.IPv6.parse(formatIpv6(b)).match(ipaddr.IPv6.parseCIDR(formatPrefix6(prefix))));
      if (isInside) inside++;
    }),
    { seed: SEED, numRuns: 3_000 },
  );
  expect(inside).toBeGreaterThan(500);
  expect(inside).toBeLessThan(2_500);
});

test('of any addresses, those show 6to4 or Teredo that both libraries class so, and those ISATAP that have its identifier', () => {
  const found = new Map<string | null, number>();
  fc.assert(
    fc.property(shownAddresses, (b) => {
      const theirs = new Address6(formatIpv6(b));
      // Neither library knows ISATAP: RFC 5214 section 6.1 in their bits.
      const hasId = !theirs.isMulticast() && theirs.getBitsBase2(0, 3) !== '000';
      const isIsatap = hasId && /^0[02]005efe$/.test(theirs.getBitsBase16(64, 96));
      const prefixed = theirs.is6to4() ? '6to4' : theirs.isTeredo() ? 'teredo' : null;
      const endpoint = new Endpoint();
      const shown = recognise(b, 0, endpoint);
      expect([theirs.address, shown]).toEqual([theirs.address, prefixed ?? (isIsatap ? 'isatap' : null)]);
      expect(ipaddr.fromByteArray([...b]).range() === prefixed).toBe(prefixed !== null);
      if (shown === 'isatap') expect(formatIpv4(endpoint.addr)).toBe(Address4.fromHex(theirs.getBitsBase16(96, 128)).correctForm());
      found.set(shown, (found.get(shown) ?? 0) + 1);
    }),
    { seed: SEED, numRuns: 5_000 },
  );
  expect(found.size).toBe(4);
  expect(Math.min(...found.values())).toBeGreaterThan(300);
});

/** The first `len` bits, by ip-address. */
function network(b: Uint8Array, len: number): Uint8Array {
  const start = new Address6(`${ipaddr.fromByteArray([...b]).toString()}/${len}`).startAddress();
  return Uint8Array.from(Buffer.from(start.bigInt().toString(16).padStart(32, '0'), 'hex'));
}
