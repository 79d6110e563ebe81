/** The mappings against ipv6calc, which has its own arithmetic for all four technologies. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { Isatap } from '../../src/mapping/isatap.js';
import type { Mapping } from '../../src/mapping/mapping.js';
import { recognise } from '../../src/mapping/recognise.js';
import { SixRd, sixToFour } from '../../src/mapping/sixrd.js';
import { Teredo, teredoServer } from '../../src/mapping/teredo.js';
import {
  formatIpv4,
  formatIpv6,
  formatPrefix4,
  formatPrefix6,
  mask4,
  type Prefix6,
  parseIpv4,
  parseIpv6,
  parsePrefix6,
} from '../../src/wire/address.js';
import { octetsOf, u16s, u32s } from '../wire/octet-arrays.js';
import { shownAddresses } from './shown-addresses.js';

const missing = spawnSync('ipv6calc', ['--version']).status === 0 ? null : 'ipv6calc is not installed';

/** What it prints; `lines` are addresses, where it takes many at once. */
function ipv6calc(args: readonly string[], lines: readonly string[]): string {
  const input = lines.map((line) => `${line}\n`).join('');
  const { stdout } = spawnSync('ipv6calc', ['-q', ...args], { input, encoding: 'utf8', maxBuffer: 64 << 20 });
  return stdout;
}

/** What ipv6calc knows of each address, as its tokens. */
function showInfo(addresses: readonly string[]): Map<string, string>[] {
  const text = ipv6calc(['-i', '-m', '-I', 'ipv6addr'], addresses);
  return text
    .split(/^(?=IPV6=)/m)
    .filter((block) => block.startsWith('IPV6='))
    .map((block) => new Map(block.split('\n').map((line) => [line.replace(/=.*/, ''), line.replace(/^[^=]*=/, '')] as const)));
}

/** The IPv4 address that ipv6calc found for `role`. */
function ipv4Of(info: Map<string, string>, role: string): string | undefined {
  const [token] = [...info].find(([name, value]) => name.startsWith('IPV4_SOURCE[') && value === role) ?? [];
  return token?.slice('IPV4_SOURCE['.length, -1);
}

/** The address of `addr` and `port` under `mapping`. */
function addressFor(mapping: Mapping, addr: number, port = 0): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = addr;
  endpoint.port = port;
  const b = new Uint8Array(16).fill(0xa5);
  mapping.addressFor(endpoint, b, 0);
  return b;
}

/** IPv4 addresses that ipv6calc has an opinion on; it calls 0.0.0.0 and the like invalid. */
const hosts = u32s.filter((addr) => addr >>> 24 > 0 && addr >>> 24 < 224);
const SEED = 20261124;

test('6to4 prefixes are those that ipv6calc computes, and it reads the IPv4 address back', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const sample = fc.sample(hosts, { numRuns: 2_000, seed: SEED });
  const theirs = ipv6calc(['-I', 'ipv4addr', '-A', 'conv6to4', '-O', 'ipv6addr'], sample.map(formatIpv4)).trim().split('\n');
  expect(theirs).toHaveLength(sample.length);
  for (const [i, addr] of sample.entries()) {
    const prefix = theirs[i].replace(/\/.*/, '');
    expect(formatIpv6(addressFor(sixToFour, addr))).toBe(formatIpv6(parseIpv6(prefix) ?? expect.fail(theirs[i])));
  }
  const infos = showInfo(sample.map((addr) => formatIpv6(addressFor(sixToFour, addr))));
  expect(infos.map((info) => ipv4Of(info, '6TO4'))).toEqual(sample.map(formatIpv4));
});

/** A 6rd prefix of `len` bits out of global unicast space, as far as it reaches. */
function prefixOf(len: number, octets: Uint8Array): Prefix6 {
  const addr = Uint8Array.of(0x20 | (octets[0] & 0x1f), ...octets.subarray(1));
  return { addr: addr.map((octet, i) => octet & (0xff00 >>> Math.min(8, Math.max(0, len - 8 * i)))), len };
}

test('6rd delegated prefixes are those that ipv6calc computes, at every prefix length that it takes', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  let compared = 0;
  // It takes no IPv4MaskLen of 0 or 32, nothing longer than /64, and of several lines only the first: it appends to what it has written.
  for (let len = 3; len <= 63; len++) {
    const cases = fc.record({ octets: octetsOf(16), maskLen: fc.integer({ min: Math.max(1, len - 32), max: 31 }), addr: hosts });
    for (const { octets, maskLen, addr } of fc.sample(cases, { numRuns: 6, seed: SEED + len })) {
      const prefix = prefixOf(len, octets);
      const domain = new SixRd(prefix, maskLen, addr);
      const shared = formatPrefix4({ addr: (addr & mask4(maskLen)) >>> 0, len: maskLen });
      const asked = ['-A', '6rd_local_prefix', '--6rd_prefix', formatPrefix6(prefix), '--6rd_relay_prefix', shared, formatIpv4(addr)];
      const theirs = parsePrefix6(ipv6calc(asked, []).trim()) ?? expect.fail(asked.join(' '));
      const ours = formatPrefix6({ addr: addressFor(domain, addr), len: domain.delegatedLen });
      expect([asked.join(' '), ours]).toEqual([asked.join(' '), formatPrefix6(theirs)]);
      compared++;
    }
  }
  expect(compared).toBe(366);
});

test('6rd addresses carry the bits that ipv6calc extracts, at every prefix and mask length that it takes', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const cases = fc.record({ octets: octetsOf(16), common: u32s, maskLen: fc.nat(32) });
  for (let len = 8; len <= 32; len++) {
    const sample = fc.sample(cases, { numRuns: 200, seed: SEED + len });
    const addresses = sample.map(({ octets }) => Uint8Array.of(0x20 | (octets[0] & 0x1f), ...octets.subarray(1)));
    const theirs = ipv6calc(
      ['-A', '6rd_extract_ipv4', '--6rd_prefixlength', String(len)],
      addresses.map((b) => formatIpv6(b)),
    );
    // It knows no IPv4MaskLen: what it prints are the 32 bits behind the prefix.
    const behind = theirs
      .trim()
      .split('\n')
      .map((line) => parseIpv4(line) ?? expect.fail(line));
    expect(behind).toHaveLength(sample.length);
    for (const [i, { octets, common, maskLen }] of sample.entries()) {
      const endpoint = new Endpoint();
      expect(new SixRd(prefixOf(len, octets), maskLen, common).endpointOf(addresses[i], 0, endpoint)).toBe(true);
      const carried = maskLen === 32 ? 0 : behind[i] >>> maskLen;
      expect([len, maskLen, endpoint.addr]).toEqual([len, maskLen, ((common & mask4(maskLen)) | carried) >>> 0]);
    }
  }
});

test('ISATAP addresses are recognised by ipv6calc, with the IPv4 address that was written', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const sample = fc.sample(hosts, { numRuns: 2_000, seed: SEED });
  const prefix = (parseIpv6('2001:db8:0:1::') ?? expect.fail()).slice(0, 8);
  for (const unique of [false, true]) {
    const infos = showInfo(sample.map((addr) => formatIpv6(addressFor(new Isatap(prefix, () => unique), addr))));
    expect(infos.map((info) => ipv4Of(info, 'ISATAP'))).toEqual(sample.map(formatIpv4));
    expect(new Set(infos.map((info) => info.get('IPV6_TYPE')?.includes('iid-isatap')))).toEqual(new Set([true]));
  }
});

test('Teredo addresses are read by ipv6calc as they were written, and its reading is ours', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const clients = fc.record({ server: hosts, flags: u16s, addr: hosts, port: fc.integer({ min: 1, max: 0xffff }) });
  const sample = fc.sample(clients, { numRuns: 2_000, seed: SEED });
  const addresses = sample.map(({ server, flags, addr, port }) => addressFor(new Teredo(server, flags), addr, port));
  const infos = showInfo(addresses.map((b) => formatIpv6(b)));
  expect(infos).toHaveLength(sample.length);
  for (const [i, info] of infos.entries()) {
    const endpoint = new Endpoint();
    expect(new Teredo().endpointOf(addresses[i], 0, endpoint)).toBe(true);
    expect([formatIpv4(endpoint.addr), String(endpoint.port), formatIpv4(teredoServer(addresses[i], 0))]).toEqual([
      ipv4Of(info, 'TEREDO-CLIENT'),
      info.get('TEREDO_PORT_CLIENT'),
      ipv4Of(info, 'TEREDO-SERVER'),
    ]);
    expect(endpoint).toMatchObject({ addr: sample[i].addr, port: sample[i].port });
  }
});

test('of any addresses, those show a tunnel that ipv6calc finds one in, and the same one', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  // It names what an identifier carries in global unicast and link-local addresses, and ends at 255.0.0.0/8, which no registry has.
  const named = shownAddresses
    .filter((b) => b[0] === 0x20 || (b[0] === 0xfe && b[1] === 0x80))
    .filter((b) => ![b[2], b[4], b[12], b[12] ^ 0xff].includes(0xff));
  const sample = fc.sample(named, { numRuns: 4_000, seed: SEED });
  const infos = showInfo(sample.map((b) => formatIpv6(b)));
  expect(infos).toHaveLength(sample.length);
  const found = new Set<string>();
  for (const [i, info] of infos.entries()) {
    const endpoint = new Endpoint();
    const shown = recognise(sample[i], 0, endpoint);
    found.add(shown ?? 'native');
    const theirs = [['6to4', '6TO4'] as const, ['teredo', 'TEREDO-CLIENT'] as const, ['isatap', 'ISATAP'] as const].find(
      ([, role]) => ipv4Of(info, role) !== undefined,
    );
    expect([formatIpv6(sample[i]), shown]).toEqual([formatIpv6(sample[i]), theirs?.[0] ?? null]);
    if (theirs !== undefined) expect([theirs[1], formatIpv4(endpoint.addr)]).toEqual([theirs[1], ipv4Of(info, theirs[1])]);
  }
  expect(found).toEqual(new Set(['6to4', 'teredo', 'isatap', 'native']));
});
