import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Layer, layersOf } from '../../src/cli/packet-layers.js';
import { checksum } from '../../src/wire/checksum.js';
import { put16 } from '../../src/wire/octets.js';
import { LinkType, PcapReader, pcapHeader, pcapRecord } from '../../src/wire/pcap.js';
import { address, be32, icmp6, ipv4 } from '../vectors/compose.js';
import { ACK, INFORM_ACK, OFFER } from '../wire/dnsmasq.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { capture } from '../wire/vectors.js';
import { invoke } from './invoke.js';

const CAPTURE = fileURLToPath(new URL('../../vectors/shared/tunnel-vectors.pcap', import.meta.url));
let folder: string;
let config: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-decode-'));
  config = join(folder, 'host.toml');
  const allow = 'allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
  writeFileSync(config, `[[tunnel]]\nname = "home"\ntype = "6to4"\nrole = "host"\nlocal = "192.0.2.42"\nmtu = 1480\n[policy]\n${allow}\n`);
});

afterAll(() => rmSync(folder, { recursive: true }));

const octets = (...parts: readonly (readonly number[])[]) => Uint8Array.from(parts.flat());

/** Every layer, those that are quoted included. */
const flat = (layers: readonly Layer[]): Layer[] => layers.flatMap((layer) => [layer, ...flat(layer.about ?? [])]);

test('addresses, lengths and ICMP types are what tshark reads, through every carrier and quotation', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const fields = [
    'ip.src',
    'ip.dst',
    'ipv6.src',
    'ipv6.dst',
    'ip.ttl',
    'ipv6.hlim',
    'icmp.type',
    'icmpv6.type',
    'udp.port',
    'frame.number',
  ];
  const theirs = dissectFile(capture, fields);
  const of = (layers: readonly Layer[], protocol: string, key: keyof Layer) =>
    layers.filter((layer) => layer.protocol === protocol).map((layer) => layer[key]);
  let compared = 0;
  for (const [i, packet] of [...new PcapReader(capture)].entries()) {
    const layers = flat(layersOf(packet));
    // What tshark finds inside UDP and TCP is not looked at here.
    if (layers.some(({ protocol }) => protocol === 'udp' || protocol === 'tcp')) continue;
    const ours = [
      of(layers, 'ipv4', 'source'),
      of(layers, 'ipv4', 'destination'),
      of(layers, 'ipv6', 'source'),
      of(layers, 'ipv6', 'destination'),
      of(layers, 'ipv4', 'ttl'),
      of(layers, 'ipv6', 'hopLimit'),
      of(layers, 'icmp', 'type'),
      of(layers, 'icmpv6', 'type'),
    ].map((values) => values.filter((value) => value !== undefined).join(','));
    // A quoted IPv6 header that is cut has no addresses for us, and some for tshark.
    if (layers.some(({ malformed }) => malformed === true)) continue;
    expect([i + 1, ...ours]).toEqual([i + 1, ...theirs[i].fields.slice(0, 8)]);
    compared++;
  }
  expect(compared).toBeGreaterThan(15);
});

test('with a configuration each packet has a verdict, or a reason why there is none', async () => {
  const { status, out, err } = await invoke('decode', CAPTURE, '--config', config, '--json');
  expect([status, err, out.length]).toEqual([0, [], 57]);
  const packets = out.map((line) => JSON.parse(line));
  const verdicts = [1, 26, 27, 29, 32, 33, 35].map((number) => {
    const { tunnel, verdict, why, reason, rfc, answers } = packets[number - 1];
    return { number, tunnel, verdict, why, reason, rfc, answers };
  });
  expect(verdicts).toEqual([
    { number: 1, verdict: null, why: 'no business of a tunnel' },
    { number: 26, verdict: null, why: 'sent by this node' },
    { number: 27, tunnel: 'home', verdict: 'forward', answers: 0 },
    { number: 29, tunnel: 'home', verdict: 'forward', answers: 0 },
    { number: 32, tunnel: 'home', verdict: 'consumed', answers: 0 },
    { number: 33, tunnel: 'home', verdict: 'consumed', answers: 1 },
    { number: 35, tunnel: null, verdict: 'drop', reason: 'not_local', rfc: 'RFC 4213 3.6', answers: 0 },
  ]);
});

/** A capture of IPv4 and IPv6 packets without link headers. */
const captured = (...packets: readonly Uint8Array[]) => {
  const file = join(folder, 'packets.pcap');
  writeFileSync(file, Buffer.concat([pcapHeader(LinkType.raw), ...packets.map((b, i) => pcapRecord(i, b, 0, b.length))]));
  return file;
};

test('neighbor discovery in a tunnel is told in a line: F41, F42 and what a host and a router then ask', async () => {
  const { out } = await invoke('decode', CAPTURE);
  expect(out.slice(40, 42).map((line) => line.replace(/^.*icmpv6 /, ''))).toEqual([
    'router solicitation',
    'router advertisement mtu 1280 for 1800 s (medium) prefix 2001:db8:0:1::/64 autonomous for ever (preferred ever)',
  ]);
  const ends = { src: 'fe80::5efe:c000:205', dst: 'fe80::5efe:c000:201', hopLimit: 255 };
  const target = address('fe80::5efe:c000:201');
  const route = octets([24, 2, 28, 0x08], be32(0xffffffff), [...address('3fff:a00::').subarray(0, 8)]);
  const mtu = octets([5, 1, 0, 0], be32(1280));
  const packets = [
    icmp6(ends, 135, 0, octets([0, 0, 0, 0], [...target])),
    icmp6(ends, 136, 0, octets([0x60, 0, 0, 0], [...target])),
    icmp6({ ...ends, hopLimit: 254 }, 135, 0, octets([0, 0, 0, 0], [...target])),
    icmp6(ends, 134, 0, octets([64, 0, 0, 0], be32(0), be32(0), [...mtu], [...route])),
  ];
  const lines = (await invoke('decode', captured(...packets.map((b) => ipv4({ src: '192.0.2.5', dst: '192.0.2.1' }, b))))).out;
  expect(lines.map((line) => line.replace(/^.*icmpv6 /, ''))).toEqual([
    'neighbor solicitation for fe80::5efe:c000:201',
    'neighbor advertisement of fe80::5efe:c000:201 solicited',
    'neighbor solicitation malformed',
    'router advertisement mtu 1280 no default router route 3fff:a00::/28 for ever (high)',
  ]);
});

test('what routers advertise and what a DHCPv4 server leases is what tshark reads', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const prefix = ['prefix', 'prefix.length', 'prefix.flag.l', 'prefix.flag.a', 'prefix.valid_lifetime', 'prefix.preferred_lifetime'];
  const router = ['icmpv6.nd.ra.router_lifetime', 'icmpv6.opt.mtu', ...prefix.map((name) => `icmpv6.opt.${name}`)];
  const sixRd = ['ipv4_mask_len', 'prefix_len', 'prefix', 'border_relay_ip'].map((name) => `dhcp.option.6RD.${name}`);
  const theirs = dissectFile(capture, [...router, 'dhcp.ip.your', ...sixRd]);
  const compared: string[] = [];
  for (const [i, packet] of [...new PcapReader(capture)].entries()) {
    const layer = layersOf(packet).find(({ protocol, prefixes }) => protocol === 'dhcp' || prefixes !== undefined);
    if (layer === undefined) continue;
    const { name = '', prefixes = [], routerLifetime, mtu, address: leased, sixRd: domain } = layer;
    const ours = [
      [routerLifetime, mtu],
      prefixes.flatMap((one) => one.prefix.split('/')),
      prefixes.flatMap(({ onLink, autonomous }) => [Number(onLink), Number(autonomous)]),
      prefixes.flatMap(({ validLifetime, preferredLifetime }) => [validLifetime ?? 0xffffffff, preferredLifetime ?? 0xffffffff]),
      [leased, domain?.ipv4MaskLength, ...(domain?.prefix.split('/').reverse() ?? []), ...(domain?.borderRelays ?? [])],
    ].flat();
    const read = theirs[i].fields.filter((field) => field !== '');
    expect([name, ours.filter((value) => value !== undefined).map(String)]).toEqual([name, read]);
    compared.push(name);
  }
  // Six of Teredo servers, one of an ISATAP router.
  expect(compared).toEqual([...Array(7).fill('router advertisement'), 'ACK']);
});

test('a DHCPv4 message is told in a line, with the 6rd option as a customer edge takes it', async () => {
  expect((await invoke('decode', CAPTURE)).out[45]).toBe(
    '  46  10.0.0.254 > 10.100.100.1 | udp 67 > 68 | dhcp ACK 10.100.100.1 by 10.0.0.254 for 3600 s 6rd 2001:db8::/32 mask 8 via 10.0.0.1',
  );
  const spoilt = ACK.slice();
  spoilt[spoilt.findIndex((octet, i) => octet === 212 && spoilt[i + 1] === 22) + 2] = 33;
  put16(spoilt, 26, 0);
  const lines = (await invoke('decode', captured(OFFER, INFORM_ACK, spoilt))).out;
  expect(lines.map((line) => line.replace(/^.*dhcp /, ''))).toEqual([
    'OFFER 10.100.100.1 by 10.100.0.1 for 600 s 6rd 2001:db8::/32 mask 8 via 10.0.0.1',
    'ACK 10.100.100.2 by 10.100.0.1 6rd 2001:db8::/32 mask 8 via 10.0.0.1',
    'ACK 10.100.100.1 by 10.100.0.1 for 600 s 6rd option ignored: IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)',
  ]);
});

test('the node of a configuration tells 6rd addresses, and says what an ISATAP host would do with what its router says', async () => {
  const file = join(folder, 'providers.toml');
  const ce =
    '[[tunnel]]\ntype = "6rd"\nrole = "customer-edge"\nlocal = "10.100.100.1"\nprefix = "2001:db8::/32"\nipv4-mask-length = 8\nborder-relays = ["10.0.0.1"]\n';
  const host = '[[tunnel]]\ntype = "isatap"\nrole = "host"\nlocal = "192.0.2.5"\npotential-routers = ["192.0.2.1"]\n';
  writeFileSync(file, `${ce}${host}`);
  const { status, out, err } = await invoke('decode', CAPTURE, '--config', file);
  expect([status, err]).toEqual([0, []]);
  expect([36, 41].map((i) => out[i])).toEqual([
    '  37  10.0.0.1 > 10.100.100.1 | 3fff:0:1::80 > 2001:db8:6464:100::1 (10.100.100.1) | icmpv6 echo reply\n      -> forward by 6rd-customer-edge',
    expect.stringMatching(/ \\| icmpv6 router advertisement mtu 1280 .*\n {6}-> consumed/),
  ]);
});

test('a tunnel that waits for what only its host can find out is named, as every packet for it is dropped', async () => {
  const file = join(folder, 'leased.toml');
  writeFileSync(file, '[[tunnel]]\nname = "home"\ntype = "6rd"\nrole = "customer-edge"\ndhcp-interface = "nowhere0"\n');
  const { status, out, err } = await invoke('decode', CAPTURE, '--config', file);
  expect([status, err]).toEqual([0, [expect.stringMatching(/^tunnel home would be down here and now, and takes no packet: .*nowhere0/)]]);
  expect(out[36]).toContain('-> drop not_local');
});

test('without --json a packet is a line, and its verdict the line below', async () => {
  const { out } = await invoke('decode', CAPTURE, '--config', config);
  expect(out.slice(32, 35)).toEqual([
    '  33  203.0.113.9 > 192.0.2.42 | icmp destination unreachable about [192.0.2.42 > 192.88.99.1 | 2002:c000:22a::1 (192.0.2.42) > 3fff:0:1::80 | icmpv6 echo request]\n      -> consumed by home and answer',
    '  34  203.0.113.9 > 192.0.2.42 | icmp destination unreachable about [192.0.2.42 > 192.88.99.1 | ipv6 malformed]\n      -> consumed by home',
    '  35  10.100.100.1 > 10.0.0.1 | 2001:db8:6464:100::1 > 3fff:0:1::80 | icmpv6 echo request\n      -> drop not_local (RFC 4213 3.6)',
  ]);
  expect((await invoke('decode', CAPTURE)).out[34]).toBe(
    '  35  10.100.100.1 > 10.0.0.1 | 2001:db8:6464:100::1 > 3fff:0:1::80 | icmpv6 echo request',
  );
});

test('an IPv6 packet goes into the tunnel that is named', async () => {
  const file = join(folder, 'v6.pcap');
  const packet = new Uint8Array(40);
  packet.set([0x60, 0, 0, 0, 0, 0, 59, 64, 0x20, 0x02, 192, 0, 2, 42]);
  packet.set([0x20, 0x02, 198, 51, 100, 7], 24);
  writeFileSync(file, Buffer.concat([pcapHeader(LinkType.raw), pcapRecord(0, packet, 0, 40)]));
  const lines = async (...args: string[]) =>
    (await invoke('decode', file, '--config', config, '--json', ...args)).out.map((line) => JSON.parse(line));
  expect(await lines('--tunnel', 'home')).toMatchObject([{ tunnel: 'home', verdict: 'forward' }]);
  expect(await lines()).toMatchObject([{ tunnel: 'home', verdict: 'forward' }]);
});

test('what cannot be read is said, with the status that belongs to it', async () => {
  writeFileSync(join(folder, 'text'), 'no capture at all, though long enough to be one');
  writeFileSync(join(folder, 'cut'), capture.subarray(0, 500));
  writeFileSync(join(folder, 'bad.toml'), 'wrokers = 1\n');
  const outcome = async (...args: string[]) => {
    const { status, err } = await invoke('decode', ...args);
    return [status, err.join('\n')];
  };
  expect(await outcome(join(folder, 'none'))).toEqual([1, expect.stringMatching(/none: no such file$/)]);
  expect(await outcome(folder)).toEqual([1, expect.stringContaining('it is a directory')]);
  expect(await outcome(join(folder, 'text'))).toEqual([1, expect.stringContaining('capture file, octet 0: ')]);
  expect(await outcome(join(folder, 'cut'))).toEqual([1, expect.stringContaining(' is cut: ')]);
  expect(await outcome(CAPTURE, '--config', join(folder, 'bad.toml'))).toEqual([3, expect.stringContaining('wrokers')]);
  expect(await outcome(CAPTURE, '--config', config, '--tunnel', 'away')).toEqual([2, expect.stringContaining('no such tunnel')]);
  expect(await outcome(CAPTURE, '--tunnel', 'home')).toEqual([2, expect.stringContaining('needs --config')]);
});

test('errors about errors about errors are read to a bounded depth', () => {
  let packet: Uint8Array = new Uint8Array(28);
  for (let i = 0; i < 40; i++) {
    const error = new Uint8Array(28 + packet.length);
    error.set([0x45, 0, error.length >>> 8, error.length, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 3, 1]);
    error.set(packet, 28);
    put16(error, 22, checksum(error, 20, error.length));
    packet = error;
  }
  const file = Buffer.concat([pcapHeader(LinkType.raw), pcapRecord(0, packet, 0, packet.length)]);
  const [captured] = new PcapReader(file);
  expect(flat(layersOf(captured)).map(({ protocol }) => protocol)).toEqual(['ipv4', 'icmp', 'ipv4', 'icmp', 'ipv4', 'icmp']);
});

test('any octets at all are layers that end, and never a crash', () => {
  const packets = [...new PcapReader(capture)].map(({ b, off, end }) => b.slice(off, end));
  const mutated = fc.tuple(fc.constantFrom(...packets), fc.nat(200), fc.nat(255), fc.nat(1500)).map(([packet, at, octet, cut]) => {
    const copy = packet.slice(0, cut);
    if (at < copy.length) copy[at] = octet;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), mutated), (octets) => {
      const file = Buffer.concat([pcapHeader(LinkType.raw), pcapRecord(0, octets, 0, octets.length)]);
      for (const packet of new PcapReader(file)) {
        const layers = flat(layersOf(packet));
        expect(layers.length).toBeGreaterThan(0);
        expect(layers.length).toBeLessThan(12);
      }
    }),
    { seed: 6404, numRuns: 5000 },
  );
});
