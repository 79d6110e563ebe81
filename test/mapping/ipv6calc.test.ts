/** The mappings against ipv6calc, which has its own arithmetic for all four technologies. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { Isatap } from '../../src/mapping/isatap.js';
import type { Mapping } from '../../src/mapping/mapping.js';
import { SixRd, sixToFour } from '../../src/mapping/sixrd.js';
import { Teredo, teredoServer } from '../../src/mapping/teredo.js';
import { formatIpv4, formatIpv6, formatPrefix4, formatPrefix6, mask4, parseIpv6, parsePrefix6 } from '../../src/wire/address.js';
import { octetsOf, u16s, u32s } from '../wire/octet-arrays.js';

const missing = spawnSync('ipv6calc', ['--version']).status === 0 ? null : 'ipv6calc is not installed';

/** What it prints; `lines` are addresses, where it takes many at once. */
function ipv6calc(args: readonly string[], lines: readonly string[]): string {
  const { stdout } = spawnSync('ipv6calc', ['-q', ...args], { input: lines.map((line) => `${line}\n`).join(''), encoding: 'utf8' });
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
  const sample = fc.sample(hosts, { numRuns: 300, seed: SEED });
  const theirs = ipv6calc(['-I', 'ipv4addr', '-A', 'conv6to4', '-O', 'ipv6addr'], sample.map(formatIpv4)).trim().split('\n');
  expect(theirs).toHaveLength(sample.length);
  for (const [i, addr] of sample.entries()) {
    const prefix = theirs[i].replace(/\/.*/, '');
    expect(formatIpv6(addressFor(sixToFour, addr))).toBe(formatIpv6(parseIpv6(prefix) ?? expect.fail(theirs[i])));
  }
  const infos = showInfo(sample.map((addr) => formatIpv6(addressFor(sixToFour, addr))));
  expect(infos.map((info) => ipv4Of(info, '6TO4'))).toEqual(sample.map(formatIpv4));
});

test('6rd delegated prefixes are those that ipv6calc computes, at odd prefix and mask lengths too', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const domains = fc
    .record({ octets: octetsOf(16), len: fc.integer({ min: 3, max: 64 }), maskLen: fc.integer({ min: 1, max: 31 }), common: hosts })
    .filter(({ len, maskLen }) => len + 32 - maskLen <= 64); // it takes no longer ones
  for (const { octets, len, maskLen, common } of fc.sample(domains, { numRuns: 25, seed: SEED })) {
    octets[0] = 0x20 | (octets[0] & 0x1f);
    const addr = octets.map((octet, i) => octet & (0xff00 >>> Math.min(8, Math.max(0, len - 8 * i))));
    const domain = new SixRd({ addr, len }, maskLen, common);
    const shared = formatPrefix4({ addr: (common & mask4(maskLen)) >>> 0, len: maskLen });
    const args = ['-A', '6rd_local_prefix', '--6rd_prefix', formatPrefix6({ addr, len }), '--6rd_relay_prefix', shared];
    for (const noise of fc.sample(u32s, { numRuns: 4, seed: SEED + len })) {
      const v4 = ((common & mask4(maskLen)) | (noise & ~mask4(maskLen))) >>> 0;
      const asked = [...args, formatIpv4(v4)];
      const theirs = parsePrefix6(ipv6calc(asked, []).trim()) ?? expect.fail(asked.join(' '));
      const ours = formatPrefix6({ addr: addressFor(domain, v4), len: domain.delegatedLen });
      expect([asked.join(' '), ours]).toEqual([asked.join(' '), formatPrefix6(theirs)]);
    }
  }
});

test('ISATAP addresses are recognised by ipv6calc, with the IPv4 address that was written', (ctx) => {
  if (missing !== null) ctx.skip(missing);
  const sample = fc.sample(hosts, { numRuns: 200, seed: SEED });
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
  const sample = fc.sample(clients, { numRuns: 200, seed: SEED });
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
