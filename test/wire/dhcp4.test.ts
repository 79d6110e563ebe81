import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpv4, isUnicast4, parseIpv4 } from '../../src/wire/address.js';
import {
  type ClientMessage,
  type DhcpMessage,
  DhcpOption,
  DhcpType,
  option32,
  readDhcp4,
  writeClientMessage,
} from '../../src/wire/dhcp4.js';
import { ACK, INFORM_ACK, INFORM_XID, OFFER, XID } from './dnsmasq.js';
import { octetsOf, written } from './octet-arrays.js';
import { hex, packet, toHex } from './vectors.js';

const MAC = hex('020000000001');
const address = (text: string) => parseIpv4(text) ?? expect.fail(text);

/** Reads `b` between octets that would be mistaken for ends of options, and between others: they make no difference. */
function read(b: Uint8Array): DhcpMessage | null {
  const [first, second] = [0xff, 0x00].map((dirt) => {
    const room = new Uint8Array(b.length + 600).fill(dirt);
    room.set(b, 300);
    return readDhcp4(room, 300, 300 + b.length);
  });
  expect(second).toEqual(first);
  return first;
}

const taken = (b: Uint8Array) => read(b) ?? expect.fail('no message');
/** Payload of a UDP datagram behind an IPv4 header without options. */
const payload = (b: Uint8Array) => b.slice(28);

/** A reply with these options, and these in `file` and `sname`; all hex. */
function reply(options: string, file = '', sname = ''): Uint8Array {
  const b = new Uint8Array(240 + options.length / 2).fill(0xa5);
  b.set([2, 1, 6], 0);
  b.set(hex(sname), 44);
  b.set(hex(file), 108);
  b.set(hex(`63825363${options}`), 236);
  return b;
}

const options = (b: Uint8Array) => Object.fromEntries(Array.from(taken(b).options, ([code, octets]) => [code, toHex(octets)]));

test('the shared DHCPACK is read as it is described', () => {
  const message = taken(payload(packet('dhcp_ack_6rd')));
  expect(message).toMatchObject({ type: DhcpType.ack, op: 2, htype: 1, xid: 0xdeadbeef, secs: 0, broadcast: false, ciaddr: 0, giaddr: 0 });
  expect([message.yiaddr, message.siaddr].map(formatIpv4)).toEqual(['10.100.100.1', '10.0.0.254']);
  expect(toHex(message.chaddr)).toBe('020000000001');
  expect(options(payload(packet('dhcp_ack_6rd')))).toEqual({
    51: '00000e10',
    53: '05',
    54: '0a0000fe',
    212: '082020010db80000000000000000000000000a000001',
  });
});

test('what dnsmasq sends is read', () => {
  for (const [b, type] of [
    [OFFER, DhcpType.offer],
    [ACK, DhcpType.ack],
  ] as const) {
    const message = taken(payload(b));
    expect(message).toMatchObject({ type, xid: XID, broadcast: true, yiaddr: address('10.100.100.1'), siaddr: address('10.100.0.1') });
    const { leaseTime, renewalTime, rebindingTime } = DhcpOption;
    expect([leaseTime, renewalTime, rebindingTime].map((code) => option32(message, code))).toEqual([600, 300, 525]);
  }
  const message = taken(payload(INFORM_ACK));
  expect(message).toMatchObject({ type: DhcpType.ack, xid: INFORM_XID, yiaddr: 0, ciaddr: address('10.100.100.2') });
  expect([...message.options.keys()]).toEqual([53, 54, 1, 28, 212, 3]);
});

test('every cut of a message is refused', () => {
  const b = payload(packet('dhcp_ack_6rd'));
  for (let end = 0; end < b.length; end++) expect([end, read(b.slice(0, end))]).toEqual([end, null]);
});

test.each([
  ['pads between options', reply('0000350105000033040000000100ff'), { 53: '05', 51: '00000001' }],
  ['octets behind the end', reply('350105ffa5a5a5'), { 53: '05' }],
  ['an option without octets', reply('3501053600ff'), { 53: '05', 54: '' }],
  ['a split option, RFC 3396', reply('d403082020350105d4022001ff'), { 53: '05', 212: '0820202001' }],
  ['options in file', reply('340101350105ff', '0104ffffff00ff'), { 52: '01', 53: '05', 1: 'ffffff00' }],
  ['options in sname', reply('340102350105ff', 'a5', '0104ffffff00ff'), { 52: '02', 53: '05', 1: 'ffffff00' }],
  ['the type in file', reply('340101ff', '350105ff'), { 52: '01', 53: '05' }],
  [
    'an option split over all three, in the order of RFC 3396 section 5',
    reply('340103350105d40101ff', 'd40102ff', '00d40103ff'),
    { 52: '03', 53: '05', 212: '010203' },
  ],
  ['file and sname that are not options', reply('350105ff', '0104ffffff00ff', '0104ffffff00ff'), { 53: '05' }],
  ['an overload in file, which overloads nothing', reply('340101350105ff', '340102ff', '0104ffffff00ff'), { 52: '0102', 53: '05' }],
])('%s: read', (_, b, expected) => {
  expect(options(b)).toEqual(expected);
});

test.each([
  ['no options', reply('')],
  ['no end', reply('350105')],
  ['no end but pads', reply('3501050000')],
  ['a code alone at the end', reply('35010536')],
  ['an option one octet longer than the message', reply('350105d404080808')],
  ['an option that swallows the end', reply('350105d4030808ff')],
  ['no type', reply('330400000001ff')],
  ['two types', reply('350105350105ff')],
  ['a type of two octets', reply('35020505ff')],
  ['type 0', reply('350100ff')],
  ['type 9', reply('350109ff')],
  ['overload 4', reply('340104350105ff')],
  ['an overload of two octets', reply('34020101350105ff', 'ff')],
  ['file without its end', reply('340101350105ff', '00'.repeat(128), 'ff')],
  ['an option in file that reaches over its end', reply('340101350105ff', `${'00'.repeat(124)}d4040808`, 'ff')],
  ['sname without its end', reply('340102350105ff', 'ff', '00'.repeat(64))],
  ['another cookie', reply('350105ff').fill(0x64, 236, 237)],
  ['a hardware address of 17 octets', reply('350105ff').fill(17, 2, 3)],
])('%s: no message', (_, b) => {
  expect(read(b)).toBe(null);
});

test('a hardware address is as long as its length says', () => {
  for (const len of [0, 6, 16]) expect(taken(reply('350105ff').fill(len, 2, 3)).chaddr.length).toBe(len);
});

test('an option of 32 bits has four octets', () => {
  const message = taken(reply('350105330400000e10360300000e01050a0a0a0a0aff'));
  expect([51, 54, 1, 58].map((code) => option32(message, code))).toEqual([3600, null, null, null]);
});

test('a message of 64 kB of split options is joined in time', () => {
  const b = reply(`350105${'d40101'.repeat(21_000)}ff`);
  expect(taken(b).options.get(212)?.length).toBe(21_000);
});

test('random and mutated octets are read within their bounds, or refused', () => {
  const seeds = [payload(packet('dhcp_ack_6rd')), payload(OFFER), payload(INFORM_ACK), reply('340103350105ff', 'ff', 'ff')];
  const changes = fc.array(fc.tuple(fc.nat(330), fc.nat(255)), { maxLength: 8 });
  let whole = 0;
  fc.assert(
    fc.property(fc.constantFrom(...seeds), changes, fc.nat(340), (seed, some, end) => {
      const b = seed.slice();
      for (const [at, octet] of some) if (at < b.length) b[at] = octet;
      const message = read(b.subarray(0, Math.max(230, end)));
      if (message === null) return;
      whole++;
      expect(Array.from(message.options.values()).reduce((sum, octets) => sum + octets.length, 0)).toBeLessThan(b.length);
    }),
    { numRuns: 2000 },
  );
  expect(whole).toBeGreaterThan(10);
  fc.assert(fc.property(octetsOf(300), (b) => read(b) === null)); // None has the cookie.
});

const DISCOVER: ClientMessage = {
  type: DhcpType.discover,
  xid: 0x12345678,
  secs: 0x0102,
  broadcast: true,
  ciaddr: 0,
  mac: MAC,
  requestedAddress: null,
  server: null,
  parameters: [1, 3, 212],
  hostName: '',
};

test.each([
  ['DISCOVER', DISCOVER, '01010600 12345678 0102 8000 00000000', '350101 37030103d4 ff'],
  [
    'REQUEST, selecting',
    { ...DISCOVER, type: DhcpType.request, requestedAddress: 0x0a646401, server: 0x0a640001, hostName: 'home-1' },
    '01010600 12345678 0102 8000 00000000',
    '350103 32040a646401 36040a640001 0c06686f6d652d31 37030103d4 ff',
  ],
  [
    'REQUEST, renewing',
    { ...DISCOVER, type: DhcpType.request, broadcast: false, ciaddr: 0x0a646401 },
    '01010600 12345678 0102 0000 0a646401',
    '350103 37030103d4 ff',
  ],
  [
    'RELEASE',
    { ...DISCOVER, type: DhcpType.release, secs: 0, broadcast: false, ciaddr: 0xc0a80101, server: 0xffffff01, parameters: [] },
    '01010600 12345678 0000 0000 c0a80101',
    '350107 3604ffffff01 ff',
  ],
])('%s to the octet, whatever was there before: 300 octets, as relay agents want', (_, message, head, tail) => {
  const b = written(300, (out, at) => writeClientMessage(out, at, message));
  const octets = `${head}${'00'.repeat(12)}020000000001${'00'.repeat(10 + 192)}63825363${tail}`.replaceAll(' ', '');
  expect(toHex(b)).toBe(octets.padEnd(600, '0'));
});

test('the longest name makes a message longer than 300 octets, all of it written', () => {
  const name = 'a'.repeat(63);
  const message = { ...DISCOVER, type: DhcpType.request, requestedAddress: 1, server: 2, parameters: [1, 3, 212, 58, 59], hostName: name };
  const b = written(328, (out, at) => writeClientMessage(out, at, message));
  expect(toHex(b.subarray(240))).toBe(`3501033204000000013604000000020c3f${'61'.repeat(63)}37050103d43a3bff`);
});

test('hosts have addresses outside 0/8, 127/8 and everything from 224.0.0.0 on', () => {
  const hosts = ['1.0.0.0', '10.0.0.1', '126.255.255.255', '128.0.0.0', '169.254.1.1', '223.255.255.255'];
  const others = [
    '0.0.0.0',
    '0.255.255.255',
    '127.0.0.0',
    '127.255.255.255',
    '224.0.0.0',
    '239.255.255.255',
    '240.0.0.0',
    '255.255.255.255',
  ];
  expect(hosts.map((text) => isUnicast4(address(text)))).toEqual(hosts.map(() => true));
  expect(others.map((text) => isUnicast4(address(text)))).toEqual(others.map(() => false));
});
