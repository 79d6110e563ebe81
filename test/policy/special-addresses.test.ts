import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeIpv6, EndpointPolicy, SPECIAL_IPV4, SPECIAL_IPV6, specialIpv6 } from '../../src/policy/special-addresses.js';
import {
  formatIpv4,
  formatIpv6,
  formatPrefix4,
  formatPrefix6,
  type Prefix4,
  parseIpv4,
  parseIpv6,
  parsePrefix4,
  parsePrefix6,
} from '../../src/wire/address.js';
import { octetsOf, u32s } from '../wire/octet-arrays.js';
import { IPV4_REGISTRY, IPV6_REGISTRY } from './iana.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);
const prefix4 = (text: string) => parsePrefix4(text) ?? expect.fail(text);
const prefix6 = (text: string) => parsePrefix6(text) ?? expect.fail(text);
const strict = new EndpointPolicy([]);

/** Membership by big numbers: slow, obvious. */
const inBlock = (value: bigint, base: bigint, len: number, bits: number) => value >> BigInt(bits - len) === base >> BigInt(bits - len);
const number4 = (text: string) => BigInt(ip(text));
const number6 = (b: Uint8Array) => BigInt(`0x${Buffer.from(b).toString('hex')}`);

/** What the contract says of an IPv4 address: IANA's registry, multicast, and the 6to4 relay prefix, which passes. */
function refusedByContract(addr: number): boolean {
  if (inBlock(BigInt(addr), number4('192.88.99.0'), 24, 32)) return false;
  if (inBlock(BigInt(addr), number4('224.0.0.0'), 4, 32)) return true;
  const holding = IPV4_REGISTRY.map(([block, reachable]) => ({ base: block.split('/')[0], len: Number(block.split('/')[1]), reachable }))
    .filter(({ base, len }) => inBlock(BigInt(addr), number4(base), len, 32))
    .sort((a, b) => b.len - a.len);
  return holding[0]?.reachable === false;
}

/** Addresses at both ends of each range, and next to them. */
const edges4 = [...IPV4_REGISTRY.map(([block]) => block), '224.0.0.0/4'].flatMap((block) => {
  const { addr, len } = prefix4(block);
  const last = addr + 2 ** (32 - len) - 1;
  return [addr, addr + 1, last - 1, last, addr - 1, last + 1].filter((edge) => edge >= 0 && edge <= 0xffffffff).map((edge) => edge >>> 0);
});
const addresses4 = fc.oneof(u32s, fc.constantFrom(...edges4));

describe('IPv4 endpoints', () => {
  test('the edges of every range of the registry are judged as the registry says', () => {
    const judged = edges4.map((addr) => [formatIpv4(addr), strict.special(addr)]);
    expect(judged).toEqual(edges4.map((addr) => [formatIpv4(addr), refusedByContract(addr)]));
  });

  test('and so is any other address', () => {
    fc.assert(
      fc.property(addresses4, (addr) => {
        expect(strict.special(addr)).toBe(refusedByContract(addr));
      }),
      { numRuns: 2000 },
    );
  });

  test('the first octets, all 256 of them, at both ends', () => {
    for (let octet = 0; octet < 256; octet++) {
      for (const addr of [octet * 2 ** 24, octet * 2 ** 24 + 0xffffff])
        expect([addr, strict.special(addr)]).toEqual([addr, refusedByContract(addr)]);
    }
  });

  test('the relay prefix of 6to4 passes, the anycast address of 6a44 in it too', () => {
    for (const text of ['192.88.99.0', '192.88.99.1', '192.88.99.2', '192.88.99.255']) expect(strict.special(ip(text))).toBe(false);
  });

  const prefixes = fc
    .tuple(u32s, fc.integer({ min: 0, max: 32 }))
    .map(([addr, len]): Prefix4 => ({ addr: len === 0 ? 0 : ((addr >>> (32 - len)) << (32 - len)) >>> 0, len }));
  const policies = fc.record({ allow: fc.array(prefixes, { maxLength: 4 }), broadcasts: fc.array(addresses4, { maxLength: 4 }) });

  test('an exception lets its range through and nothing else; a broadcast address of our own is refused all the same', () => {
    fc.assert(
      fc.property(policies, addresses4, fc.nat(9), ({ allow, broadcasts }, random, pick) => {
        const near = [random, ...allow.map(({ addr }) => addr), ...broadcasts];
        const addr = near[pick % near.length];
        const allowed = allow.some((p) => inBlock(BigInt(addr), BigInt(p.addr), p.len, 32));
        const expected = broadcasts.includes(addr) || (!allowed && refusedByContract(addr));
        const policy = new EndpointPolicy(allow, [addr, random]);
        policy.become(broadcasts);
        expect([new EndpointPolicy(allow, broadcasts).special(addr), policy.special(addr)]).toEqual([expected, expected]);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is refused is named, with the RFC; what is accepted is not', () => {
    fc.assert(
      fc.property(addresses4, (addr) => {
        expect(strict.describe(addr) !== null).toBe(refusedByContract(addr));
      }),
    );
    expect(strict.describe(ip('100.64.1.1'))).toMatchObject({ name: 'shared address space', rfc: 'RFC 6598' });
    expect(new EndpointPolicy([prefix4('100.64.0.0/10')]).describe(ip('100.64.1.1'))).toBeNull();
  });
});

describe('inner IPv6 addresses', () => {
  const refused = SPECIAL_IPV6.filter((range) => range.refused);

  /** RFC 3964 section 5.3.2 and RFC 6666. */
  const REFUSED: readonly (readonly [text: string, len: number])[] = [
    ['::', 16],
    ['100::', 64],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
  ];
  const refusedByRfc = (b: Uint8Array) =>
    REFUSED.some(([text, len]) => inBlock(number6(b), number6(parseIpv6(text) ?? new Uint8Array(16)), len, 128));

  const octets6 = (value: bigint) => Uint8Array.from(Buffer.from(BigInt.asUintN(128, value).toString(16).padStart(32, '0'), 'hex'));
  const edges6 = [...IPV6_REGISTRY.map(([block]) => block), ...REFUSED.map(([text, len]) => `${text}/${len}`)].flatMap((block) => {
    const { addr, len } = prefix6(block);
    const first = number6(addr);
    const last = first + (1n << BigInt(128 - len)) - 1n;
    return [first, first + 1n, last, first - 1n, last + 1n].map(octets6);
  });

  test('the edges of every range are judged as RFC 3964 section 5.3.2 says', () => {
    const judged = edges6.map((b) => [formatIpv6(b), specialIpv6(b, 0)]);
    expect(judged).toEqual(edges6.map((b) => [formatIpv6(b), refusedByRfc(b)]));
  });

  test('and so is any other address, at any offset, and as the table says', () => {
    const starts = fc.tuple(
      fc.constantFrom(0x00, 0x01, 0x02, 0x20, 0xfc, 0xfd, 0xfe, 0xff),
      fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xbf, 0xc0, 0xff),
      octetsOf(14),
    );
    const addresses6 = fc.oneof(
      octetsOf(16),
      starts.map(([a, b, rest]) => Uint8Array.of(a, b, ...rest)),
      fc.constantFrom(...edges6),
    );
    fc.assert(
      fc.property(addresses6, fc.nat(20), (address, off) => {
        const b = new Uint8Array(40).fill(0xa5);
        b.set(address, off);
        expect(specialIpv6(b, off)).toBe(refusedByRfc(address));
        expect(describeIpv6(b, off)?.refused === true).toBe(specialIpv6(b, off));
      }),
      { numRuns: 2000 },
    );
  });

  test('every refused range of the table is one that the RFC refuses', () => {
    for (const { prefix } of refused) expect([formatPrefix6(prefix), refusedByRfc(prefix.addr)]).toEqual([formatPrefix6(prefix), true]);
  });

  test('an ordinary address has no name, a special one has the most specific', () => {
    expect(describeIpv6(parseIpv6('2a00::1') ?? new Uint8Array(16))).toBeNull();
    expect(describeIpv6(parseIpv6('2001:0:1::') ?? new Uint8Array(16))?.name).toBe('Teredo');
    expect(describeIpv6(parseIpv6('::1') ?? new Uint8Array(16))?.name).toBe('loopback');
  });
});

describe('the tables', () => {
  test('name every block of the registries', () => {
    const ipv4 = SPECIAL_IPV4.map(({ prefix }) => formatPrefix4(prefix));
    const ipv6 = SPECIAL_IPV6.map(({ prefix }) => formatPrefix6(prefix));
    // Parts of a refused block that are refused as well need no row of their own; nor does 6a44, in the relay prefix.
    const covered = [
      '0.0.0.0/32',
      '192.0.0.0/29',
      '192.0.0.8/32',
      '192.0.0.170/32',
      '192.0.0.171/32',
      '192.88.99.2/32',
      '255.255.255.255/32',
    ];
    expect(IPV4_REGISTRY.map(([block]) => block).filter((block) => !ipv4.includes(block))).toEqual(covered);
    expect(IPV6_REGISTRY.map(([block]) => formatPrefix6(prefix6(block))).filter((block) => !ipv6.includes(block))).toEqual([]);
  });

  test('no row is hidden by one before it', () => {
    for (const [i, { prefix }] of SPECIAL_IPV4.entries()) {
      const hiding = SPECIAL_IPV4.slice(0, i).filter(
        (other) => other.prefix.len <= prefix.len && inBlock(BigInt(prefix.addr), BigInt(other.prefix.addr), other.prefix.len, 32),
      );
      expect([formatPrefix4(prefix), hiding]).toEqual([formatPrefix4(prefix), []]);
    }
    for (const [i, { prefix }] of SPECIAL_IPV6.entries()) {
      const hiding = SPECIAL_IPV6.slice(0, i).filter(
        (other) => other.prefix.len <= prefix.len && inBlock(number6(prefix.addr), number6(other.prefix.addr), other.prefix.len, 128),
      );
      expect([formatPrefix6(prefix), hiding]).toEqual([formatPrefix6(prefix), []]);
    }
  });
});
