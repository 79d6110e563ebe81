import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Address6 } from 'ip-address';
import { expect, test } from 'vitest';
import { decodeAddress } from '../../src/cli/address-fields.js';
import { SixRd } from '../../src/mapping/sixrd.js';
import { formatIpv6 } from '../../src/wire/address.js';
import { vectors } from '../wire/vectors.js';
import { invoke } from './invoke.js';

const decode = async (...args: string[]) => {
  const { status, out, err } = await invoke('address', 'decode', '--json', ...args);
  expect([status, err]).toEqual([0, []]);
  return out.map((line) => JSON.parse(line));
};

test('the example of the contract, to the letter', async () => {
  const { out } = await invoke('address', 'decode', '--json', '2001:0:4136:e378:8000:63bf:3fff:fdd2');
  expect(out).toEqual([
    '{"address":"2001:0:4136:e378:8000:63bf:3fff:fdd2","type":"teredo","server":"65.54.227.120","flags":"0x8000","cone":true,"port":40000,"ipv4":"192.0.2.45"}',
  ]);
});

/** Addresses of RFC 3056, RFC 4380, RFC 5214 and their neighbours. */
test.each([
  ['2002:c000:22a::1', { type: '6to4', ipv4: '192.0.2.42', prefix: '2002:c000:22a::/48', subnet: 0, interfaceId: '::1' }],
  [
    '2002:C058:6301:ffff::c058:6301',
    { type: '6to4', ipv4: '192.88.99.1', prefix: '2002:c058:6301::/48', subnet: 65535, interfaceId: '::c058:6301' },
  ],
  [
    '2001:0:4136:e378:3cf1:63bf:3fff:fdd2',
    { type: 'teredo', server: '65.54.227.120', flags: '0x3cf1', cone: false, port: 40000, ipv4: '192.0.2.45' },
  ],
  ['fe80::5efe:10.40.1.29', { type: 'isatap', ipv4: '10.40.1.29', globalId: false, prefix: 'fe80::/64' }],
  ['2001:db8:0:1:200:5efe:836b:47d1', { type: 'isatap', ipv4: '131.107.71.209', globalId: true, prefix: '2001:db8:0:1::/64' }],
  ['2002:c000:22a:1:0:5efe:c000:205', { type: '6to4', ipv4: '192.0.2.42', subnet: 1, interfaceId: '::5efe:c000:205' }],
  ['2001:db8::1', { type: 'native' }],
  ['3ffe:831f:4136:e378:8000:63bf:3fff:fdd2', { type: 'native' }],
  ['::ffff:192.0.2.1', { type: 'native' }],
])('%s', async (address, fields) => {
  expect(await decode(address)).toMatchObject([fields]);
});

test('several addresses make one object a line, in their order', async () => {
  expect((await decode('2001:db8::1', '2002:c000:22a::1', '::1')).map(({ address, type }) => [address, type])).toEqual([
    ['2001:db8::1', 'native'],
    ['2002:c000:22a::1', '6to4'],
    ['::1', 'native'],
  ]);
});

/** RFC 5969 section 7.1.1 and the sizes of its section 11. */
test.each([
  ['2001:db8::/32', '8', '10.100.100.1', '2001:db8:6464:100::/56', '10.0.0.0', 0x100 - 1],
  ['2001:db8::/32', '0', '192.0.2.42', '2001:db8:c000:22a::/64', '0.0.0.0', undefined],
  ['3fff:b10::/28', '4', '203.0.113.77', '3fff:b1b:71:4d00::/56', '192.0.0.0', 0xff],
  ['2001:db8::/31', '11', '10.161.2.3', '2001:db8:1020:3000::/52', '10.160.0.0', 0xfff],
])('6rd %s, mask %s: %s has %s, both ways', async (prefix, mask, ipv4, delegated, common, lastSubnet) => {
  const domain = ['--prefix', prefix, '--ipv4-mask-length', mask];
  expect(await invoke('address', 'encode', '6rd', '--json', ...domain, ipv4)).toEqual({
    status: 0,
    out: [`{"type":"6rd","prefix":"${delegated}"}`],
    err: [],
  });
  const last = delegated.replace(/::\/\d+$/, '').split(':');
  if (lastSubnet !== undefined) last[3] = (Number.parseInt(last[3], 16) + lastSubnet).toString(16);
  expect(await decode(...domain, '--ipv4-common', common, `${last.join(':')}::9`)).toEqual([
    {
      address: `${last.join(':')}::9`,
      type: '6rd',
      ipv4,
      prefix: delegated,
      ...(lastSubnet !== undefined && { subnet: lastSubnet }),
      interfaceId: '::9',
    },
  ]);
});

/** The first of the project's option vectors. */
const OPTION = 'd416082020010db80000000000000000000000000a000001';

test('what a provider hands out by DHCPv4 says as much as its parameters, however the octets are set apart', async () => {
  const colons = OPTION.replace(/..(?=.)/g, '$&:');
  for (const text of [OPTION, colons, colons.replaceAll(':', ' ').toUpperCase()]) {
    const encoded = await invoke('address', 'encode', '6rd', '--option-212', text, '10.100.100.1');
    expect(encoded).toEqual({ status: 0, out: ['2001:db8:6464:100::/56'], err: [] });
    expect(await decode('--option-212', text, '--ipv4-common', '10.0.0.1', '2001:db8:6464:102::9')).toMatchObject([
      { type: '6rd', ipv4: '10.100.100.1', prefix: '2001:db8:6464:100::/56', subnet: 2 },
    ]);
  }
});

test.each(vectors['6rd_option212'].filter((row) => 'br' in row))('option 212 of $6rdPrefix, mask $IPv4MaskLen is $hex', async (row) => {
  const args = ['--prefix', row['6rdPrefix'] ?? '', '--ipv4-mask-length', String(row.IPv4MaskLen), ...(row.br ?? [])];
  const { status, out } = await invoke('address', 'encode', 'option-212', '--json', ...args);
  const dnsmasq = `dhcp-option=212,${row.hex.slice(4).replace(/..(?=.)/g, '$&:')}`;
  expect([status, out.map((line) => JSON.parse(line))]).toEqual([0, [{ type: 'option-212', option: row.hex, dnsmasq }]]);
  expect((await invoke('address', 'encode', 'option-212', ...args)).out).toEqual([`${row.hex}\n${dnsmasq}`]);
});

test('the 6rd domains of a configuration tell their addresses, with the bits that all customers share', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-address-'));
  const config = join(folder, 'node.toml');
  writeFileSync(
    config,
    `
    [[tunnel]]
    type = "6rd"
    role = "customer-edge"
    local = "10.200.1.1"
    prefix = "2001:db8::/32"
    ipv4-mask-length = 8
    border-relays = ["10.0.0.1"]
    [[tunnel]]
    type = "6rd"
    role = "border-relay"
    local = "192.88.99.201"
    anycast = true
    prefix = "3fff:b10::/28"
    ipv4-mask-length = 4
    ipv4-prefix = "192.0.0.0/4"
    [[tunnel]]
    name = "leased"
    type = "6rd"
    role = "customer-edge"
    dhcp-interface = "wan0"
    [[tunnel]]
    type = "6to4"
    role = "relay"
    local = "192.88.99.1"
    `,
  );
  try {
    const found = await decode('--config', config, '2001:db8:6464:100::1', '3fff:b1b:71:4d00::1', '2002:c000:22a::1', '2001:dead::1');
    expect(found.map(({ type, ipv4 }) => [type, ipv4])).toEqual([
      ['6rd', '10.100.100.1'],
      ['6rd', '203.0.113.77'],
      ['6to4', '192.0.2.42'],
      ['native', undefined],
    ]);
    const named = ['--prefix', '2001:dead::/32', '--ipv4-mask-length', '16', '--ipv4-common', '10.7.0.0'];
    expect(await decode('--config', config, ...named, '2001:dead:102::1', '2001:db8:6464:100::1')).toMatchObject([
      { type: '6rd', ipv4: '10.7.1.2', prefix: '2001:dead:102::/48' },
      { type: '6rd', ipv4: '10.100.100.1' },
    ]);
    writeFileSync(config, 'wrokers = 1\n');
    expect(await invoke('address', 'decode', '--config', config, '::1')).toMatchObject({ status: 3, out: [] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a delegated prefix longer than a /64 is written, with a warning, RFC 5969 section 4', async () => {
  const encoded = await invoke('address', 'encode', '6rd', '--prefix', '2001:db8::/48', '--ipv4-mask-length', '8', '10.1.2.3');
  expect(encoded).toEqual({
    status: 0,
    out: ['2001:db8:0:102:300::/72'],
    err: ['warning: hosts cannot autoconfigure under a /72: it is longer than a /64 (RFC 5969 section 4)'],
  });
});

test('a subnet number of more than 32 bits is exact, and one that a double cannot hold is left out', async () => {
  const domain = (prefix: string) => ['--prefix', prefix, '--ipv4-mask-length', '24', '--ipv4-common', '10.0.0.0'];
  const [decoded] = await decode(...domain('2400::/16'), '2400:5ab:cdef:1234::1');
  expect(decoded).toMatchObject({ type: '6rd', ipv4: '10.0.0.5', prefix: '2400:500::/24', subnet: 0xabcdef1234 });
  const [wide] = await decode('--prefix', '::/0', '--ipv4-mask-length', '24', '2400:5ab:cdef:1234::1');
  expect(wide).toEqual({ address: '2400:5ab:cdef:1234::1', type: '6rd', ipv4: '0.0.0.36', prefix: '2400::/8', interfaceId: '::1' });
});

test('prefix, subnet and interface identifier of a 6rd address are the bits that ip-address counts, in any domain', () => {
  const octets = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const domains = fc.record({ prefix: octets, len: fc.nat(96), maskLen: fc.nat(32) });
  fc.assert(
    fc.property(domains, octets, ({ prefix, len, maskLen }, noise) => {
      const domain = new SixRd({ addr: prefix, len }, maskLen);
      const address = noise.slice();
      for (let bit = 0; bit < len; bit++) {
        const mask = 0x80 >>> (bit & 7);
        address[bit >>> 3] = (address[bit >>> 3] & ~mask) | (prefix[bit >>> 3] & mask);
      }
      const theirs = new Address6(`${formatIpv6(address)}/${domain.delegatedLen}`);
      const subnetBits = 64 - domain.delegatedLen;
      expect(decodeAddress(address, [domain])).toMatchObject({
        type: '6rd',
        prefix: `${theirs.startAddress().correctForm()}/${domain.delegatedLen}`,
        interfaceId: Address6.fromBigInt(theirs.getBits(64, 128)).correctForm(),
        ...(subnetBits > 0 && subnetBits <= 53 && { subnet: Number(theirs.getBits(domain.delegatedLen, 64)) }),
      });
    }),
    { seed: 6404, numRuns: 2_000 },
  );
});

test.each([
  [['6to4', '192.0.2.42'], '{"type":"6to4","prefix":"2002:c000:22a::/48"}'],
  [['isatap', '10.40.1.29'], '{"type":"isatap","address":"fe80::5efe:a28:11d"}'],
  [['isatap', '131.107.71.209'], '{"type":"isatap","address":"fe80::200:5efe:836b:47d1"}'],
  [['isatap', '--prefix', '2001:db8:0:1::/64', '192.0.2.42'], '{"type":"isatap","address":"2001:db8:0:1:0:5efe:c000:22a"}'],
  [
    ['teredo', '--server', '65.54.227.120', '--port', '40000', '--flags', '0x8000', '192.0.2.45'],
    '{"type":"teredo","address":"2001:0:4136:e378:8000:63bf:3fff:fdd2"}',
  ],
  [
    ['teredo', '--server', '203.0.113.120', '--port', '4096', '192.0.2.1'],
    '{"type":"teredo","address":"2001:0:cb00:7178:0:efff:3fff:fdfe"}',
  ],
])('encode %j', async (args, line) => {
  expect(await invoke('address', 'encode', ...args, '--json')).toEqual({ status: 0, out: [line], err: [] });
  const value = Object.values(JSON.parse(line))[1];
  expect((await invoke('address', 'encode', ...args)).out, 'without --json, the bare text').toEqual([value]);
});

test('without --json every field has a line of its own', async () => {
  expect((await invoke('address', 'decode', '2002:c000:22a:7::1', '::1')).out).toEqual([
    '2002:c000:22a:7::1\n  type         6to4\n  ipv4         192.0.2.42\n  prefix       2002:c000:22a::/48\n  subnet       7\n  interfaceId  ::1',
    '\n::1\n  type  native',
  ]);
});

test.each([
  [['decode', 'fe80::1%eth0'], 'Expected an IPv6 address'],
  [['decode', '192.0.2.1'], 'Expected an IPv6 address'],
  [['decode', '2002::1/48'], 'Expected an IPv6 address'],
  [['decode', '--prefix', '2001:db8::/32', '::1'], '--prefix needs --ipv4-mask-length'],
  [['encode', '6to4', '192.0.2.256'], 'Expected an IPv4 address'],
  [['encode', '6to4', '010.0.0.1'], 'Expected an IPv4 address'],
  [['decode', '--ipv4-mask-length', '8', '::1'], '--ipv4-mask-length needs --prefix'],
  [['decode', '--prefix', '2001:db8::/33', '--ipv4-mask-length', '0', '::1'], 'expected a prefix of 32 bits or less (RFC 5969 section 11)'],
  [['decode', '--option-212', 'd416', '::1'], 'length 22: expected 0, the octets that follow (RFC 5969 section 7.1.1)'],
  [['decode', '--option-212', 'd4160', '::1'], 'Expected hexadecimal octets.'],
  [['decode', '--option-212', OPTION, '--prefix', '2001:db8::/32', '::1'], "cannot be used with option '--prefix <prefix>'"],
  [['encode', '6rd', '192.0.2.1'], 'expected --prefix and --ipv4-mask-length, or --option-212'],
  [['encode', '6rd', '--option-212', OPTION, '--ipv4-mask-length', '8', '10.0.0.1'], 'cannot be used with'],
  [['encode', '6rd', '--prefix', '2001:db8::/33', '--ipv4-mask-length', '0', '192.0.2.1'], 'expected a prefix of 32 bits or less'],
  [['encode', 'option-212', '--prefix', '2001:db8::/33', '--ipv4-mask-length', '0', '192.0.2.1'], 'expected a prefix of 32 bits or less'],
  [['encode', 'option-212', '--prefix', '2001:db8::/32', '--ipv4-mask-length', '8'], "missing required argument 'relay'"],
  [['encode', 'option-212', '--prefix', '2001:db8::/32', '--ipv4-mask-length', '8', '224.0.0.1'], 'border relay 224.0.0.1'],
  [
    ['encode', 'option-212', '--prefix', '2001:db8::/32', '--ipv4-mask-length', '8', ...Array<string>(60).fill('10.0.0.1')],
    '60 border relays: expected at most 59',
  ],
  [['encode', '6rd', '--prefix', '2001:db8::1/32', '--ipv4-mask-length', '0', '192.0.2.1'], 'Expected an IPv6 prefix'],
  [['encode', '6rd', '--prefix', '2001:db8::/100', '--ipv4-mask-length', '0', '192.0.2.1'], 'expected at most 128 together'],
  [['encode', '6rd', '--prefix', '2001:db8::/32', '--ipv4-mask-length', '33', '192.0.2.1'], 'Expected a whole number from 0 to 32.'],
  [['encode', 'isatap', '--prefix', '2001:db8::/48', '192.0.2.1'], '--prefix 2001:db8::/48: expected a /64'],
  [['encode', 'teredo', '--server', '192.0.2.1', '--port', '65536', '192.0.2.1'], 'Expected a whole number from 1 to 65535.'],
  [
    ['encode', 'teredo', '--server', '192.0.2.1', '--port', '1', '--flags', '0x10000', '192.0.2.1'],
    'Expected a whole number from 0 to 65535.',
  ],
])('%j is refused: %s', async (args, what) => {
  const { status, out, err } = await invoke('address', ...args);
  expect([status, out, err.join('\n')]).toEqual([2, [], expect.stringContaining(what)]);
});

test('any text at all is an address or wrong usage, never a crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), async (text) => {
      const { status, err } = await invoke('address', 'decode', '--json', '--', text);
      expect([0, 2]).toContain(status);
      expect(err.join('\n')).not.toMatch(/at .*\.ts:/);
    }),
    { seed: 6404, numRuns: 200 },
  );
});
