import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpv6, formatPrefix6, parseIpv6, parsePrefix6 } from '../../src/wire/address.js';
import {
  type AdvertisedRoute,
  ALL_NODES,
  ALL_ROUTERS,
  discoveryType,
  INFINITE_LIFETIME,
  isRouterAdvertisement,
  isRouterSolicitation,
  MISPLACED,
  type RouterAdvertisement,
  readRouterAdvertisement,
  writeRouterAdvertisement,
  writeRouterSolicitation,
} from '../../src/wire/ndisc.js';
import { fenced, octetsOf, referenceChecksum, u16s, u32s, written } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, packet, toHex } from './vectors.js';

const octets = (text: string) => parseIpv6(text) ?? expect.fail(text);
const prefix = (text: string) => parsePrefix6(text) ?? expect.fail(text);
const ROUTER = octets('fe80::1');

/** Adjusts payload length and ICMPv6 checksum of a message, with other arithmetic than ours. */
function seal(b: Uint8Array): Uint8Array {
  const len = b.length - 40;
  b.set([len >>> 8, len], 4);
  b[42] = b[43] = 0;
  const sum = referenceChecksum(b.subarray(8, 40), Uint8Array.of(0, 0, len >>> 8, len, 0, 0, 0, 58), b.subarray(40));
  b.set([sum >>> 8, sum], 42);
  return b;
}

/** A router solicitation with options as hex. */
function solicitation(options = '', source = octets('fe80::2')): Uint8Array {
  const b = Uint8Array.of(0x60, 0, 0, 0, 0, 0, 58, 255, ...source, ...ALL_ROUTERS, 133, 0, 0, 0, 0, 0, 0, 0, ...hex(options));
  return seal(b);
}

const isSolicitation = (b: Uint8Array) => isRouterSolicitation(fenced(b, 0, b.length), 0, b.length);
const isAdvertisement = (b: Uint8Array) => isRouterAdvertisement(fenced(b, 0, b.length), 0, b.length);

const LINK_ADDRESS = '0101020000000001';

test('the groups are those of RFC 4291 section 2.7.1', () => {
  expect([formatIpv6(ALL_NODES), formatIpv6(ALL_ROUTERS)]).toEqual(['ff02::1', 'ff02::2']);
});

test.each([
  ['no options', solicitation(), true],
  ['a source link-layer address', solicitation(LINK_ADDRESS), true],
  ['an unknown option of two units', solicitation(`fe02${'a5'.repeat(14)}`), true],
  ['no source address', solicitation('', octets('::')), true],
  ['no source address, and an unknown option', solicitation('fe01a5a5a5a5a5a5', octets('::')), true],
  ['no source address, yet a link-layer address', solicitation(LINK_ADDRESS, octets('::')), false],
  ['no source address, yet a link-layer address further on', solicitation(`fe01a5a5a5a5a5a5${LINK_ADDRESS}`, octets('::')), false],
  ['an option of length 0', solicitation('fe00a5a5a5a5a5a5'), false],
  ['an option of length 0 behind a good one', solicitation(`${LINK_ADDRESS}fe00a5a5a5a5a5a5`), false],
  ['an option that is longer than the packet', solicitation('fe02a5a5a5a5a5a5'), false],
  ['half an option', solicitation('fe01a5a5'), false],
  ['one octet of an option', solicitation('fe'), false],
])('a solicitation with %s', (_, b, expected) => {
  expect(isSolicitation(b)).toBe(expected);
});

test('the solicitations of the shared vectors are valid: an ISATAP host asks, and a Teredo client', () => {
  for (const b of [packet('isatap_rs').subarray(20), packet('teredo_rs_plain').subarray(28)]) expect(isSolicitation(b)).toBe(true);
});

test('the advertisements of the shared vectors are read as they are described', () => {
  expect(readRouterAdvertisement(packet('isatap_ra'), 20, 116)).toEqual({
    source: octets('fe80::5efe:c000:201'),
    destination: octets('fe80::5efe:c000:205'),
    hopLimit: 0,
    preference: 'medium',
    routerLifetime: 1800,
    mtu: 1280,
    prefixes: [
      {
        prefix: prefix('2001:db8:0:1::/64'),
        validLifetime: INFINITE_LIFETIME,
        preferredLifetime: INFINITE_LIFETIME,
        onLink: false,
        autonomous: true,
      },
    ],
    routes: [],
  });
  const teredo = readRouterAdvertisement(packet('teredo_ra_origin'), 36, 132);
  expect(teredo?.prefixes.map((p) => formatPrefix6(p.prefix))).toEqual(['2001:0:4136:e378::/64']);
});

test('the advertisements of the shared vectors are written to the octet', () => {
  for (const [name, off] of [
    ['isatap_ra', 20],
    ['teredo_ra_origin', 36],
  ] as const) {
    const expected = packet(name).slice(off);
    const ra = readRouterAdvertisement(expected, 0, expected.length) ?? expect.fail(name);
    expect([name, toHex(written(expected.length, (out, at) => writeRouterAdvertisement(out, at, ra)))]).toEqual([name, toHex(expected)]);
  }
});

test('the solicitation of the shared vectors is written to the octet', () => {
  const expected = packet('isatap_rs').slice(20);
  const b = written(expected.length, (out, at) => writeRouterSolicitation(out, at, octets('fe80::5efe:c000:205'), ALL_ROUTERS));
  expect(toHex(b)).toBe(toHex(expected));
});

test('every cut, and every changed bit of what the rules and the checksum cover, is refused', () => {
  const messages = [
    [solicitation(LINK_ADDRESS), isSolicitation],
    [packet('isatap_ra').slice(20), isAdvertisement],
  ] as const;
  for (const [b, valid] of messages) {
    for (let end = 0; end < b.length; end++) expect([end, valid(b.slice(0, end))]).toEqual([end, false]);
    for (let bit = 0; bit < 8 * b.length; bit++) {
      const covered = bit < 4 || bit >= 32; // traffic class and flow label are anyone's
      const broken = b.slice();
      broken[bit >>> 3] ^= 0x80 >>> (bit & 7);
      expect([bit, valid(broken)]).toEqual([bit, !covered]);
    }
  }
});

test.each([
  ['hop limit 254: it came from beyond the link', (b: Uint8Array) => b.fill(254, 7, 8)],
  ['another next header', (b: Uint8Array) => b.fill(17, 6, 7)],
  ['code 1', (b: Uint8Array) => b.fill(1, 41, 42)],
  ['the other type', (b: Uint8Array) => b.fill(b[40] ^ 133 ^ 134, 40, 41)],
])('%s is refused, with a right checksum', (_, spoil) => {
  expect(isSolicitation(seal(spoil(solicitation())))).toBe(false);
  expect(isAdvertisement(seal(spoil(packet('isatap_ra').slice(20))))).toBe(false);
});

test('RFC 4861 section 6.1.2: an advertisement shorter than 16 octets, or from no link-local address, is refused', () => {
  const b = packet('isatap_ra').slice(20);
  expect(isAdvertisement(seal(b.slice(0, 56)))).toBe(true);
  expect(isAdvertisement(seal(b.slice(0, 55)))).toBe(false);
  expect(isAdvertisement(seal(b.slice(0, 48)))).toBe(false);
  b.set(octets('2001:db8::1'), 8);
  expect(isAdvertisement(seal(b))).toBe(false);
  expect(readRouterAdvertisement(b, 0, b.length)).toBe(null);
});

test('a packet that ends before its type or code is refused without reading them', () => {
  for (let len = 0; len < 8; len++) {
    const b = solicitation().slice(0, 40 + len);
    b[5] = len;
    expect([len, isSolicitation(b), isAdvertisement(b)]).toEqual([len, false, false]);
  }
});

test('octets after the packet are no options', () => {
  const b = Uint8Array.of(...solicitation(LINK_ADDRESS), 0, 0, 0, 0);
  expect(isRouterSolicitation(b, 0, b.length)).toBe(true);
});

test('any octets, sealed or not: an answer, and nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(120), fc.integer({ min: 48, max: 120 }), fc.constantFrom(133, 134), fc.boolean(), (noise, end, type, sealed) => {
      const b = noise.slice(0, end);
      b.set([0x60], 0);
      b.set([58, 255, 0xfe, 0x80], 6);
      b.set([type, 0], 40);
      if (sealed) seal(b);
      expect(typeof isSolicitation(b)).toBe('boolean');
      if (isAdvertisement(b)) expect(readRouterAdvertisement(b, 0, b.length)).not.toBe(null);
    }),
    { numRuns: 5_000 },
  );
});

const advertisements: fc.Arbitrary<RouterAdvertisement> = fc.record({
  source: octetsOf(14).map((rest) => Uint8Array.of(0xfe, 0x80, ...rest)),
  destination: fc.oneof(fc.constant(ALL_NODES), octetsOf(16)),
  hopLimit: fc.nat(255),
  preference: fc.constantFrom('high', 'medium', 'low'),
  routerLifetime: fc.oneof(
    fc.constant(1800),
    u16s.filter((seconds) => seconds > 0),
  ),
  mtu: fc.oneof(fc.constant(0), u32s),
  prefixes: fc.array(
    fc.record({
      prefix: fc.tuple(octetsOf(16), fc.nat(128)).map(([b, len]) => ({
        addr: b.map((octet, i) => octet & (0xff00 >>> Math.min(8, Math.max(0, len - 8 * i)))),
        len,
      })),
      validLifetime: u32s,
      preferredLifetime: u32s,
      onLink: fc.boolean(),
      autonomous: fc.boolean(),
    }),
    { maxLength: 5 },
  ),
  routes: fc.array(
    fc.record({
      prefix: fc.tuple(octetsOf(16), fc.nat(128)).map(([b, len]) => ({
        addr: b.map((octet, i) => octet & (0xff00 >>> Math.min(8, Math.max(0, len - 8 * i)))),
        len,
      })),
      preference: fc.constantFrom('high', 'medium', 'low'),
      lifetime: u32s,
    }),
    { maxLength: 3 },
  ),
});

/** Octets of a route option, RFC 4191 section 2.3. */
const routeOctets = ({ prefix: { len } }: AdvertisedRoute) => (len === 0 ? 8 : len <= 64 ? 16 : 24);

test('what is written is a valid advertisement and is read back, whatever it says', () => {
  fc.assert(
    fc.property(advertisements, (ra) => {
      const len = 56 + (ra.mtu === 0 ? 0 : 8) + 32 * ra.prefixes.length + ra.routes.reduce((sum, route) => sum + routeOctets(route), 0);
      const b = written(len, (out, at) => writeRouterAdvertisement(out, at, ra));
      expect(isAdvertisement(b)).toBe(true);
      expect(readRouterAdvertisement(b, 0, b.length)).toEqual(ra);
    }),
  );
});

const WITHDRAWN: RouterAdvertisement = {
  source: ROUTER,
  destination: ALL_NODES,
  hopLimit: 64,
  preference: 'low',
  routerLifetime: 0,
  mtu: 1280,
  prefixes: [{ prefix: prefix('2002:c000:22a:1::/64'), validLifetime: 7200, preferredLifetime: 0, onLink: true, autonomous: true }],
  routes: [],
};

test('RFC 4191 section 2.2: with a router lifetime of 0 no preference is written, and none is read', () => {
  const b = new Uint8Array(96);
  writeRouterAdvertisement(b, 0, WITHDRAWN);
  expect(b[45]).toBe(0);
  b[45] = 0x18;
  expect(readRouterAdvertisement(seal(b), 0, b.length)?.preference).toBe('medium');
});

test.each([
  [0b01, 'high'],
  [0b00, 'medium'],
  [0b11, 'low'],
  [0b10, 'medium'],
])('RFC 4191 section 2.1: preference bits %i are read as %s', (bits, name) => {
  const b = new Uint8Array(96);
  writeRouterAdvertisement(b, 0, { ...WITHDRAWN, routerLifetime: 9 });
  b[45] = (b[45] & ~0x18) | (bits << 3);
  expect(readRouterAdvertisement(seal(b), 0, b.length)?.preference).toBe(name);
});

test('options of a wrong length and prefixes longer than an address are passed over; bits after a prefix are not read', () => {
  const start = packet('isatap_ra').slice(20, 76);
  const options = [
    '0502 0000 00000500 a5a5a5a5a5a5a5a5', // an MTU of two units
    `0303 4040 ${'a5'.repeat(20)}`, // a prefix of three units
    `0304 81c0 0000000a 00000005 00000000 ${'20'.repeat(16)}`, // 129 bits
    `0304 34c0 0000000a 00000005 00000000 ${'ff'.repeat(16)}`, // 52 bits
    'c801 a5a5a5a5a5a5', // unknown
  ];
  const b = seal(Uint8Array.of(...start, ...hex(options.join('').replaceAll(' ', ''))));
  const ra = readRouterAdvertisement(b, 0, b.length) ?? expect.fail();
  expect([ra.mtu, ra.prefixes.map((p) => formatPrefix6(p.prefix))]).toEqual([0, ['ffff:ffff:ffff:f000::/52']]);
});

/** An advertisement of one router with the options that hex says. */
function advertising(options: string): RouterAdvertisement {
  const b = seal(Uint8Array.of(...packet('isatap_ra').slice(20, 76), ...hex(options.replaceAll(' ', ''))));
  return readRouterAdvertisement(b, 0, b.length) ?? expect.fail();
}

test.each([
  ['RFC 4191 section 2.3: a default route of one unit', '1801 0008 00000e10', '::/0 high 3600'],
  ['a default route of three', `1803 0000 00000e10 ${'a5'.repeat(16)}`, '::/0 medium 3600'],
  ['half an address', '1802 3018 ffffffff 20010db80001ffff', '2001:db8:1::/48 low 4294967295'],
  ['a short prefix in a whole address', `1803 2000 00000000 20010db8${'ff'.repeat(12)}`, '2001:db8::/32 medium 0'],
  ['a whole address', '1803 8000 00000001 20010db8000000000000000000000001', '2001:db8::1/128 medium 1'],
  ['65 bits in half an address', '1802 4100 00000001 20010db800010002', null],
  ['one bit in no octets', '1801 0100 00000001', null],
  ['129 bits', `1803 8100 00000001 ${'20'.repeat(16)}`, null],
  ['a reserved preference', '1801 0010 00000e10', null],
  ['four units', `1804 0000 00000e10 ${'a5'.repeat(24)}`, null],
])('a route option with %s', (_, options, expected) => {
  const { routes } = advertising(options);
  const text = routes.map(({ prefix: p, preference, lifetime }) => `${formatPrefix6(p)} ${preference} ${lifetime}`);
  expect(text).toEqual(expected === null ? [] : [expected]);
});

test('RFC 6980: a message behind an extension header or in a fragment is told from others, and from data', () => {
  const ra = packet('isatap_ra').slice(20);
  const behind = (next: number, header: string) => {
    const b = Uint8Array.of(...ra.slice(0, 40), ...hex(header.replaceAll(' ', '')), ...ra.slice(40));
    b[6] = next;
    b[5] = b.length - 40;
    return discoveryType(fenced(b, 0, b.length), 0, b.length);
  };
  expect(discoveryType(ra, 0, ra.length)).toBe(134);
  expect(behind(60, '3a00 010400000000')).toBe(MISPLACED);
  expect(behind(0, '3c00 010400000000 3a00 010400000000')).toBe(MISPLACED);
  expect(behind(44, '3a00 0001 a5a5a5a5')).toBe(MISPLACED);
  expect(behind(44, '3a00 0009 a5a5a5a5')).toBe(0); // a later fragment
  expect(behind(60, '1100 010400000000')).toBe(0); // UDP
  expect(behind(17, '')).toBe(0);
  for (const [type, answer] of [
    [128, 0],
    [132, 0],
    [133, 133],
    [137, 137],
    [138, 0],
  ]) {
    expect(discoveryType(ra.with(40, type), 0, ra.length)).toBe(answer);
  }
  const empty = ra.slice(0, 40).with(5, 0);
  expect(discoveryType(fenced(empty, 0, 40), 0, 40)).toBe(0);
});

test('tshark reads written advertisements without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const home: RouterAdvertisement = {
    ...WITHDRAWN,
    routerLifetime: 1800,
    prefixes: [
      { prefix: prefix('2002:c000:22a:1::/64'), validLifetime: 7200, preferredLifetime: 3600, onLink: true, autonomous: true },
      { prefix: prefix('2002:c000:204:1::/64'), validLifetime: INFINITE_LIFETIME, preferredLifetime: 0, onLink: false, autonomous: false },
    ],
  };
  const route = { prefix: prefix('2001:db8:7::/48'), preference: 'high' as const, lifetime: 3600 };
  const packets = [home, WITHDRAWN, { ...home, preference: 'high' as const, prefixes: [], mtu: 0, routes: [route] }].map((ra) => {
    const out = new Uint8Array(300).fill(0xa5);
    return out.slice(0, writeRouterAdvertisement(out, 0, ra));
  });
  const fields = [
    'icmpv6.type',
    'icmpv6.nd.ra.cur_hop_limit',
    'icmpv6.nd.ra.flag.prf',
    'icmpv6.nd.ra.router_lifetime',
    'icmpv6.opt.mtu',
    'icmpv6.opt.prefix',
    'icmpv6.opt.prefix.length',
    'icmpv6.opt.prefix.valid_lifetime',
    'icmpv6.opt.prefix.preferred_lifetime',
    'icmpv6.opt.prefix.flag.l',
    'icmpv6.opt.prefix.flag.a',
    'icmpv6.opt.route_info.flag.route_preference',
    'icmpv6.opt.route_lifetime',
    'ipv6.hlim',
  ];
  expect(dissect(packets, fields)).toEqual([
    {
      fields: [
        '134',
        '64',
        '3',
        '1800',
        '1280',
        '2002:c000:22a:1::,2002:c000:204:1::',
        '64,64',
        '7200,4294967295',
        '3600,0',
        '1,0',
        '1,0',
        '',
        '',
        '255',
      ],
      complaints: [],
    },
    { fields: ['134', '64', '0', '0', '1280', '2002:c000:22a:1::', '64', '7200', '0', '1', '1', '', '', '255'], complaints: [] },
    { fields: ['134', '64', '1', '1800', '', '2001:db8:7::', '48', '', '', '', '', '1', '3600', '255'], complaints: [] },
  ]);
});
