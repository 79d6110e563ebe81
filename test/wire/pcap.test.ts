import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EtherType, LinkType, PcapError, PcapReader, pcapHeader, pcapRecord } from '../../src/wire/pcap.js';
import { dissectFile, tsharkMissing } from './tshark.js';
import { capture, hex, packet, toHex, vectors } from './vectors.js';

/** Packets of a capture, as hex, with what was said about them. */
function read(file: Uint8Array): { time: number; etherType: number; packet: string }[] {
  return [...new PcapReader(file)].map((p) => ({ time: p.time, etherType: p.etherType, packet: toHex(p.b.subarray(p.off, p.end)) }));
}

/** One file of those parts. */
const file = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** What reading `b` complains about. */
function complaint(b: Uint8Array): { offset: number; message: string } | null {
  try {
    read(b);
    return null;
  } catch (error) {
    if (!(error instanceof PcapError)) throw error;
    return { offset: error.offset, message: error.message };
  }
}

/** A capture with one record, in the byte order and unit that a machine or program may write. */
function foreignFile(littleEndian: boolean, nanoseconds: boolean, linkType: number, frame: Uint8Array): Uint8Array {
  const b = new Uint8Array(40 + frame.length);
  const view = new DataView(b.buffer);
  view.setUint32(0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  view.setUint32(16, 65535, littleEndian);
  view.setUint32(20, linkType, littleEndian);
  view.setUint32(24, 1_700_000_000, littleEndian);
  view.setUint32(28, nanoseconds ? 250_000_500 : 250_000, littleEndian);
  view.setUint32(32, frame.length, littleEndian);
  view.setUint32(36, 9000, littleEndian);
  b.set(frame, 40);
  return b;
}

test('the shared capture holds the shared packets, a second apart', () => {
  expect(new PcapReader(capture).linkType).toBe(LinkType.ipv4);
  expect(read(capture)).toEqual(
    vectors.packets.map((p, i) => ({ time: 1_700_000_000_000 + 1000 * i, etherType: EtherType.ipv4, packet: p.hex })),
  );
});

test('what is written is read back: packets, times to the microsecond', () => {
  const records = fc.array(fc.record({ time: fc.double({ min: 0, max: 4e12, noNaN: true }), b: fc.uint8Array({ maxLength: 80 }) }));
  fc.assert(
    fc.property(records, fc.constantFrom(LinkType.raw, LinkType.ipv4, LinkType.ipv6), (given, linkType) => {
      const b = file(pcapHeader(linkType), ...given.map((r) => pcapRecord(r.time, Uint8Array.of(1, ...r.b, 2), 1, 1 + r.b.length)));
      const seen = [...new PcapReader(b)];
      expect(seen.map((p) => p.b.slice(p.off, p.end))).toEqual(given.map((r) => r.b));
      for (const [i, p] of seen.entries()) {
        expect(Math.abs(p.time - given[i].time)).toBeLessThanOrEqual(0.001);
        expect(p.linkType).toBe(linkType);
      }
    }),
  );
});

test('both byte orders and both units of time are read', () => {
  const ip = packet('6to4_peer');
  for (const littleEndian of [false, true]) {
    for (const nanoseconds of [false, true]) {
      const [seen] = [...new PcapReader(foreignFile(littleEndian, nanoseconds, LinkType.raw, ip))];
      expect(seen.time).toBeCloseTo(nanoseconds ? 1_700_000_000_250.0005 : 1_700_000_000_250, 3);
      expect(seen.b.slice(seen.off, seen.end)).toEqual(ip);
    }
  }
});

const IP4 = packet('6to4_peer');
const IP6 = IP4.subarray(20);
const MACS = '020000000001020000000002';
const COOKED = '0000 0001 0006 020000000001 0000'.replaceAll(' ', '');
/** Protocol, reserved, interface index, ARPHRD, packet type, address length, address. */
const COOKED2 = (type: string) => `${type} 0000 00000002 0001 00 06 0200000000010000`.replaceAll(' ', '');

test.each([
  ['raw IPv4', LinkType.raw, '', IP4, EtherType.ipv4],
  ['raw IPv6', LinkType.raw, '', IP6, EtherType.ipv6],
  ['raw, neither version', LinkType.raw, '', hex('5500'), 0],
  ['IPv4 link type', LinkType.ipv4, '', IP4, EtherType.ipv4],
  ['IPv6 link type', LinkType.ipv6, '', IP6, EtherType.ipv6],
  ['Ethernet, IPv4', LinkType.ethernet, `${MACS}0800`, IP4, EtherType.ipv4],
  ['Ethernet, IPv6', LinkType.ethernet, `${MACS}86dd`, IP6, EtherType.ipv6],
  ['Ethernet, ARP', LinkType.ethernet, `${MACS}0806`, hex('0001080006040001'), 0x0806],
  ['Ethernet, a VLAN tag', LinkType.ethernet, `${MACS}8100006486dd`, IP6, EtherType.ipv6],
  ['Ethernet, two VLAN tags', LinkType.ethernet, `${MACS}88a8006481000064 0800`.replaceAll(' ', ''), IP4, EtherType.ipv4],
  ['Linux cooked', LinkType.linuxCooked, `${COOKED}86dd`, IP6, EtherType.ipv6],
  ['Linux cooked, a VLAN tag', LinkType.linuxCooked, `${COOKED}810000640800`, IP4, EtherType.ipv4],
  ['Linux cooked, version 2', LinkType.linuxCooked2, COOKED2('0800'), IP4, EtherType.ipv4],
])('%s: the network-layer packet is found', (_, linkType, header, ip, etherType) => {
  const frame = file(hex(header), ip);
  expect(read(foreignFile(true, false, linkType, frame))).toEqual([{ time: 1_700_000_000_250, etherType, packet: toHex(ip) }]);
  // Cut anywhere in the link header it has no packet; nothing after it is taken for one.
  for (let len = 0; len < header.length / 2; len++) {
    const cut = file(foreignFile(true, false, linkType, frame.subarray(0, len)), pcapRecordLittle(frame));
    expect(read(cut)[0]).toEqual({ time: 1_700_000_000_250, etherType: 0, packet: '' });
  }
});

/** A record in the other byte order. */
function pcapRecordLittle(frame: Uint8Array): Uint8Array {
  return foreignFile(true, false, 1, frame).subarray(24);
}

test('the frame check sequence bits of the link type do not make it unknown', () => {
  const b = foreignFile(false, false, 0x54000065, IP4);
  expect(new PcapReader(b).linkType).toBe(LinkType.raw);
});

test.each([
  ['an empty file', new Uint8Array(0), 0, 'the file has 0 octets, expected a header of 24'],
  ['half a header', pcapHeader(101).subarray(0, 23), 0, 'the file has 23 octets, expected a header of 24'],
  ['pcapng', file(hex('0a0d0d0a'), new Uint8Array(40)), 0, 'editcap -F pcap'],
  ['gzip', file(hex('1f8b0800'), new Uint8Array(40)), 0, 'gunzip'],
  ['text', new Uint8Array(Buffer.from('[[tunnel]]\ntype = "6to4"\n')), 0, 'magic number 0x5b5b7475, expected 0xa1b2c3d4 or 0xa1b23c4d'],
  ['a format of 1993', file(hex('a1b2c3d40001'), new Uint8Array(18)), 4, 'format version 1, expected 2'],
  ['USB', pcapHeader(189), 20, 'link type 189, expected one of 1, 101, 113, 228, 229, 276'],
  ['half a record header', file(pcapHeader(101), new Uint8Array(15)), 24, 'a record header is cut: 15 octets of 16'],
  ['a cut packet', file(pcapHeader(101), pcapRecord(0, IP4, 0, 76)).subarray(0, 115), 24, 'a packet of 76 octets is cut: 75 are left'],
  [
    'a length of 4 GiB',
    file(pcapHeader(101), hex('00000000 00000000 ffffffff ffffffff'.replaceAll(' ', ''))),
    24,
    'a packet of 4294967295 octets is cut: 0 are left',
  ],
])('%s is refused with what is wrong and where', (_, b, offset, message) => {
  expect(complaint(b)).toEqual({ offset, message: expect.stringContaining(`capture file, octet ${offset}: `) });
  expect(complaint(b)?.message).toContain(message);
});

test('packets before a cut are read', () => {
  const b = file(pcapHeader(101), pcapRecord(5, IP4, 0, 76), pcapRecord(6, IP4, 0, 76).subarray(0, 20));
  const packets = new PcapReader(b)[Symbol.iterator]();
  expect(packets.next().value).toMatchObject({ time: 5, end: 116 });
  expect(() => packets.next()).toThrow('capture file, octet 116: a packet of 76 octets is cut: 4 are left');
});

test('any octets: packets inside the file, or a complaint', () => {
  const heads = fc.constantFrom(LinkType.ethernet, LinkType.raw, LinkType.linuxCooked, LinkType.linuxCooked2).map(pcapHeader);
  const lengths = fc.array(fc.nat(40), { maxLength: 6 });
  fc.assert(
    fc.property(fc.option(heads), lengths, fc.uint8Array({ maxLength: 300 }), (head, lens, noise) => {
      let at = 0;
      for (const len of lens) {
        noise.set([0, 0, 0, len].slice(0, Math.max(0, noise.length - at - 8)), Math.min(at + 8, noise.length));
        at += 16 + len;
      }
      const b = head === null ? noise : file(head, noise);
      try {
        for (const p of new PcapReader(b)) expect(p.off <= p.end && p.end <= b.length).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(PcapError);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a file that begins inside a larger array is read', () => {
  const larger = file(new Uint8Array(3), capture, new Uint8Array(5));
  expect(read(larger.subarray(3, 3 + capture.length)).length).toBe(vectors.packets.length);
});

test('tshark reads what is written: times, link type, packets', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const b = file(pcapHeader(LinkType.raw), pcapRecord(1_700_000_000_123.457, IP4, 0, 76), pcapRecord(1_700_000_001_000, IP6, 0, 56));
  const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'frame.protocols'];
  expect(dissectFile(b, fields)).toEqual([
    { fields: ['1700000000.123457000', '76', '76', 'raw:ip:ipv6:icmpv6:data'], complaints: [] },
    { fields: ['1700000001.000000000', '56', '56', 'raw:ipv6:icmpv6:data'], complaints: [] },
  ]);
});

test('what editcap makes of a capture is read', (ctx) => {
  if (spawnSync('editcap', ['--version']).status !== 0) ctx.skip('editcap is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-editcap-'));
  try {
    const given = join(folder, 'given.pcap');
    const made = join(folder, 'made.pcap');
    writeFileSync(given, capture);
    for (const format of ['pcap', 'nsecpcap']) {
      expect(spawnSync('editcap', ['-F', format, given, made]).status).toBe(0);
      expect([format, read(readFileSync(made))]).toEqual([format, read(capture)]);
    }
    expect(spawnSync('editcap', ['-F', 'pcapng', given, made]).status).toBe(0);
    expect(complaint(readFileSync(made))?.message).toContain('pcapng');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
