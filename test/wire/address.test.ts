import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { Address4, Address6 } from 'ip-address';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import {
  formatIpv4,
  formatIpv6,
  formatPrefix4,
  formatPrefix6,
  in4,
  in6,
  mask4,
  parseIpv4,
  parseIpv6,
  parsePrefix4,
  parsePrefix6,
} from '../../src/wire/address.js';
import { octetsOf, u32s } from './octet-arrays.js';
import { toHex } from './vectors.js';

/** Sixteen octets, with the runs of zeros that make `::` interesting. */
const addresses = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(0xffff), fc.constant(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255])));

const dotted = fc.array(fc.oneof(fc.nat(255), fc.nat(999)), { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));

/** Groups, with `::` or an IPv4 tail put in, or both: often an address, often nearly one. */
const nearAddresses = fc
  .record({
    groups: fc.array(
      fc.nat(0xffff).map((group) => group.toString(16)),
      { maxLength: 9 },
    ),
    gap: fc.option(fc.nat(8)),
    tail: fc.option(dotted, { freq: 3 }),
  })
  .map(({ groups, gap, tail }) => {
    const parts = tail === null ? groups : [...groups, tail];
    return gap === null ? parts.join(':') : `${parts.slice(0, gap).join(':')}::${parts.slice(gap).join(':')}`;
  });

/** One character put in, taken out, or exchanged. */
const mutation = fc.record({
  at: fc.nat(45),
  kind: fc.constantFrom('insert', 'delete', 'replace'),
  char: fc.constantFrom(...'0123456789abcdefABCDEFgGxX:.-+ []\n\u0660'),
});

/** Addresses with up to three mutations. */
const nearTexts = fc
  .tuple(
    fc.oneof(
      nearAddresses,
      dotted,
      addresses.map((b) => formatIpv6(b)),
    ),
    fc.array(mutation, { maxLength: 3 }),
  )
  .map(([text, mutations]) =>
    mutations.reduce((t, { at, kind, char }) => {
      const cut = at % (t.length + 1);
      return t.slice(0, cut) + (kind === 'delete' ? '' : char) + t.slice(kind === 'insert' ? cut : cut + 1);
    }, text),
  );

test('what node:net calls an IPv6 address is read, and nothing else', () => {
  fc.assert(
    fc.property(nearTexts, (text) => {
      expect([text, parseIpv6(text) !== null]).toEqual([text, isIPv6(text)]);
    }),
    { numRuns: 5_000 },
  );
});

test('what node:net calls an IPv4 address is read, and nothing else', () => {
  fc.assert(
    fc.property(nearTexts, (text) => {
      expect([text, parseIpv4(text) !== null]).toEqual([text, isIPv4(text)]);
    }),
    { numRuns: 5_000 },
  );
});

test('what is read is what ipaddr.js and ip-address read', () => {
  let read = 0;
  fc.assert(
    fc.property(nearTexts, (text) => {
      const b = parseIpv6(text);
      if (b !== null) {
        // ipaddr.js takes ::192.0.2.1 for ::ffff:192.0.2.1, RFC 4291 section 2.5.5 does not.
        if (!/^::[0-9.]+$/.test(text)) expect([text, [...b]]).toEqual([text, ipaddr.IPv6.parse(text).toByteArray()]);
        expect([text, BigInt(`0x${toHex(b)}`)]).toEqual([text, new Address6(text).bigInt()]);
        read++;
      }
      const addr = parseIpv4(text);
      if (addr !== null) {
        expect([text, formatIpv4(addr)]).toEqual([text, ipaddr.IPv4.parse(text).toString()]);
        expect([text, BigInt(addr)]).toEqual([text, new Address4(text).bigInt()]);
      }
    }),
    { numRuns: 5_000 },
  );
  expect(read).toBeGreaterThan(500);
});

test('what neither ipaddr.js nor ip-address calls an address is none', () => {
  fc.assert(
    fc.property(nearTexts, (text) => {
      if (!ipaddr.IPv6.isValid(text) && !Address6.isValid(text)) expect([text, parseIpv6(text)]).toEqual([text, null]);
      if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !Address4.isValid(text)) expect([text, parseIpv4(text)]).toEqual([text, null]);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', 'section 4.2.1: shortened as much as possible'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 'section 4.2.2: not for one group'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', 'section 4.2.3: the longest run'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 'section 4.2.3: the first of equals'],
  ['2001:0DB8::00AA', '2001:db8::aa', 'sections 4.1 and 4.3: no leading zeros, lower case'],
  ['0:0:0:0:0:ffff:c000:201', '::ffff:192.0.2.1', 'section 5: mixed for a well-known prefix'],
  ['::c000:201', '::c000:201', 'section 5: not mixed where IPv4 cannot be told'],
  ['::', '::', 'all zeros'],
  ['1::', '1::', 'a run at the end'],
  ['::1', '::1', 'a run at the start'],
])('RFC 5952: %s is written %s (%s)', (given, expected) => {
  expect(formatIpv6(parseIpv6(given) ?? expect.fail(given))).toBe(expected);
});

test('any address is written as ipaddr.js, ip-address and WHATWG URLs write it, and read back', () => {
  const mapped = parsePrefix6('::ffff:0:0/96') ?? expect.fail();
  fc.assert(
    fc.property(fc.oneof(addresses, octetsOf(16)), fc.nat(9), (address, off) => {
      const b = Uint8Array.of(...new Uint8Array(off).fill(0xa5), ...address, 0xa5);
      const text = formatIpv6(b, off);
      expect(parseIpv6(text)).toEqual(address);
      if (in6(address, 0, mapped)) return;
      const others = ipaddr.fromByteArray([...address]) as ipaddr.IPv6;
      expect(text).toBe(others.toRFC5952String());
      expect(text).toBe(new Address6(others.toNormalizedString()).correctForm());
      expect(`[${text}]`).toBe(new URL(`http://[${others.toNormalizedString()}]/`).hostname);
    }),
    { numRuns: 2_000 },
  );
});

test('any address is written as inet_ntop writes it, but for IPv4-compatible ones, whose notation went with them (RFC 4291 section 2.5.5.1)', () => {
  const mapped = parsePrefix6('::ffff:0:0/96') ?? expect.fail();
  const compatible = parsePrefix6('::/96') ?? expect.fail();
  const wellKnown = fc.tuple(fc.constantFrom(mapped, compatible), octetsOf(4)).map(([{ addr }, ipv4]) => {
    const b = addr.slice();
    b.set(ipv4, 12);
    return b;
  });
  fc.assert(
    fc.property(fc.oneof(addresses, wellKnown), (address) => {
      const text = formatIpv6(address);
      const hexadecimal = new Address6(ipaddr.fromByteArray([...address]).toString());
      // RFC 5952 section 5 recommends the mixed notation for mapped addresses, which both libraries write in hexadecimal.
      expect(text).toBe(in6(address, 0, mapped) ? hexadecimal.to4in6() : hexadecimal.correctForm());
      if (!in6(address, 0, compatible)) expect(text).toBe(new SocketAddress({ address: text, family: 'ipv6' }).address);
    }),
    { numRuns: 2_000 },
  );
});

test('IPv4 addresses are written and read back', () => {
  fc.assert(
    fc.property(u32s, (addr) => {
      const text = formatIpv4(addr);
      expect(text).toBe(Address4.fromBigInt(BigInt(addr)).correctForm());
      expect(parseIpv4(text)).toBe(addr);
    }),
  );
});

test('an IPv4 address lies in the prefixes that ipaddr.js says it lies in', () => {
  fc.assert(
    fc.property(u32s, fc.nat(32), fc.nat(32), u32s, (network, len, kept, noise) => {
      const prefix = { addr: (network & mask4(len)) >>> 0, len };
      const addr = ((network & mask4(kept)) | (noise & ~mask4(kept))) >>> 0;
      const theirs = ipaddr.IPv4.parse(formatIpv4(addr)).match(ipaddr.IPv4.parseCIDR(formatPrefix4(prefix)));
      expect(in4(addr, prefix)).toBe(theirs);
      expect(mask4(len)).toBe(Number(BigInt.asUintN(32, -1n << BigInt(32 - len))));
    }),
    { numRuns: 2_000 },
  );
});

test('an IPv6 address lies in the prefixes that ipaddr.js and ip-address say it lies in', () => {
  fc.assert(
    fc.property(octetsOf(16), fc.nat(128), fc.nat(128), octetsOf(16), (network, len, kept, noise) => {
      const prefix = { addr: cut(network, len), len };
      const address = cut(network, kept).map((octet, i) => octet | (noise[i] ^ cut(noise, kept)[i]));
      const b = Uint8Array.of(0xa5, ...address);
      expect(in6(b, 1, prefix)).toBe(ipaddr.IPv6.parse(formatIpv6(address)).match(ipaddr.IPv6.parseCIDR(formatPrefix6(prefix))));
      expect(in6(b, 1, prefix)).toBe(new Address6(formatIpv6(address)).isInSubnet(new Address6(formatPrefix6(prefix))));
    }),
    { numRuns: 2_000 },
  );
});

test('prefixes are written and read back, an address alone being its own prefix', () => {
  fc.assert(
    fc.property(u32s, fc.nat(32), octetsOf(16), fc.nat(128), (addr, len4, octets, len6) => {
      const prefix4 = { addr: (addr & mask4(len4)) >>> 0, len: len4 };
      const prefix6 = { addr: cut(octets, len6), len: len6 };
      expect(parsePrefix4(formatPrefix4(prefix4))).toEqual(prefix4);
      expect(parsePrefix6(formatPrefix6(prefix6))).toEqual(prefix6);
      expect(parsePrefix4(formatIpv4(addr))).toEqual({ addr, len: 32 });
      expect(parsePrefix6(formatIpv6(octets))).toEqual({ addr: octets, len: 128 });
    }),
  );
});

test('a prefix with host bits is refused, wherever they are', () => {
  fc.assert(
    fc.property(u32s, fc.nat(31), octetsOf(16), fc.nat(127), fc.nat(127), (addr, len4, octets, len6, pick) => {
      const host4 = ((addr & mask4(len4)) | (0x80000000 >>> (len4 + (pick % (32 - len4))))) >>> 0;
      expect(parsePrefix4(`${formatIpv4(host4)}/${len4}`)).toBe(null);
      const host6 = cut(octets, len6);
      const bit = len6 + (pick % (128 - len6));
      host6[bit >>> 3] |= 0x80 >>> (bit & 7);
      expect(parsePrefix6(`${formatIpv6(host6)}/${len6}`)).toBe(null);
    }),
  );
});

test.each([
  '',
  '/',
  '/0',
  '0/0',
  '::',
  '1.2.3.4/',
  '1.2.3.4/33',
  '1.2.3.4/032',
  '1.2.3.4/+8',
  '1.2.3.4/8/8',
  '0.0.0.0/-0',
  '0.0.0.0/1e1',
  ' 0.0.0.0/0',
])('"%s" is no IPv4 prefix', (text) => {
  expect(parsePrefix4(text)).toBe(null);
});

test.each(['', '/', '/0', '0.0.0.0/0', '::/', '::/129', '::/00', '::/ 0', '::/0/0', '::%lo/0', '2001:db8::1/64', '::1.2.3/96'])(
  '"%s" is no IPv6 prefix',
  (text) => {
    expect(parsePrefix6(text)).toBe(null);
  },
);

/** The first `len` bits of sixteen octets, the rest zero. */
function cut(b: Uint8Array, len: number): Uint8Array {
  const value = BigInt(`0x${toHex(b)}`) & (((1n << BigInt(len)) - 1n) << BigInt(128 - len));
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(32, '0'), 'hex'));
}
