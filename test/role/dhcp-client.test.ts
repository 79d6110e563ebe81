import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BACKOFF_SPREAD, INFORM_INTERVAL, MAX_START_DELAY, MIN_INTERVAL } from '../../src/role/dhcp-client.js';
import { formatIpv4, formatPrefix6, parsePrefix6 } from '../../src/wire/address.js';
import { DhcpType } from '../../src/wire/dhcp4.js';
import { seeded } from '../chance.js';
import { ACK, INFORM_ACK, INFORM_XID, OFFER, XID } from '../wire/dnsmasq.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';
import { toHex } from '../wire/vectors.js';
import {
  ADDRESS,
  BROADCAST,
  Exchange,
  OPTION_212,
  OTHER_SERVER,
  type Reply,
  replyPacket,
  SERVER,
  type Sent,
  scripted,
} from './dhcp-exchange.js';

const { discover, offer, request, ack, nak, release, inform } = DhcpType;
const FOREVER = Number.POSITIVE_INFINITY;
const names = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

/** When, what, and to whom: seconds since the start, rounded down. */
const timetable = (sent: readonly Sent[], from = 1000) =>
  sent.map(({ at, type, destination }) => `${Math.floor((at - from) / 1000)} ${names[type]} ${formatIpv4(destination)}`);
const gaps = (sent: readonly Sent[]) => sent.slice(1).map(({ at }, i) => at - sent[i].at);
const optionsOf = ({ options }: Sent) => Object.fromEntries(Array.from(options, ([code, octets]) => [code, toHex(octets)]));

test('a conversation with dnsmasq, as it was captured, ends with its lease', () => {
  const it = new Exchange(scripted(0, XID), {}, 5000);
  it.until(5000);
  expect(it.receive(OFFER)).toBe('consumed');
  expect(it.client.lease).toBe(null);
  expect(it.last).toMatchObject({ type: request, xid: XID, destination: BROADCAST });
  expect(it.receive(ACK)).toBe('consumed');
  expect(it.client.lease).toEqual({
    address: ADDRESS,
    assigned: true,
    prefixLen: 16,
    router: SERVER,
    server: SERVER,
    sixRd: { ipv4MaskLen: 8, prefix: parsePrefix6('2001:db8::/32'), borderRelays: [0x0a000001] },
    sixRdFault: null,
    until: 605_000,
  });
  expect(it.receive(ACK)).toBe('malformed_dhcp');
});

test('dnsmasq answers an INFORM with options alone: a lease that nobody assigned and that does not end', () => {
  const it = new Exchange(scripted(0, INFORM_XID), { inform: 0x0a646402 });
  it.until(1000);
  expect(it.receive(INFORM_ACK)).toBe('consumed');
  expect(it.client.lease).toMatchObject({ address: 0x0a646402, assigned: false, prefixLen: 16, server: SERVER, until: FOREVER });
  expect(it.client.lease?.sixRd?.borderRelays).toEqual([0x0a000001]);
});

test('RFC 2131 table 5: what each message says, and to whom', () => {
  const it = new Exchange();
  it.untilSent();
  const parameters = { 12: toHex(new TextEncoder().encode('home-1')), 55: '0103d43a3b' };
  expect(it.last).toMatchObject({ type: discover, broadcast: true, source: 0, destination: BROADCAST, ciaddr: 0, secs: 0 });
  expect(optionsOf(it.last)).toEqual({ 53: '01', ...parameters });
  it.untilSent();
  expect([it.last.type, it.last.secs]).toEqual([discover, 4]);
  it.until(it.now + 2000);

  it.answer(offer);
  expect(it.last).toMatchObject({ type: request, broadcast: true, source: 0, destination: BROADCAST, ciaddr: 0, secs: 4 });
  expect(it.last.xid).toBe(it.sent[0].xid);
  expect(optionsOf(it.last)).toEqual({ 53: '03', 50: '0a646401', 54: '0a640001', ...parameters });

  it.answer(ack);
  it.untilSent();
  expect(it.last).toMatchObject({ type: request, broadcast: false, source: ADDRESS, destination: SERVER, ciaddr: ADDRESS, secs: 0 });
  expect(optionsOf(it.last)).toEqual({ 53: '03', ...parameters });
  while (it.untilSent().destination === SERVER) expect(it.sent.length).toBeLessThan(20);
  expect(it.last).toMatchObject({ type: request, broadcast: false, source: ADDRESS, ciaddr: ADDRESS, secs: 1307 });
  expect(optionsOf(it.last)).toEqual({ 53: '03', ...parameters });

  it.release();
  expect(it.last).toMatchObject({ type: release, broadcast: false, source: ADDRESS, destination: SERVER, ciaddr: ADDRESS, secs: 0 });
  expect(optionsOf(it.last)).toEqual({ 53: '07', 54: '0a640001' });

  const other = new Exchange(seeded(1), { inform: ADDRESS, hostName: '' });
  expect(other.untilSent()).toMatchObject({ type: inform, broadcast: false, source: ADDRESS, destination: BROADCAST, ciaddr: ADDRESS });
  expect(optionsOf(other.last)).toEqual({ 53: '08', 55: '0103d4' });
});

test('a search keeps its transaction through every message, each try at a renewal has one of its own', () => {
  const it = new Exchange(seeded(3));
  it.untilSent();
  it.untilSent();
  it.bind();
  const searching = it.sent.slice();
  const { until } = it.client.lease ?? expect.fail('no lease');
  it.until(until + 2000);
  expect(searching.map(({ type }) => type)).toEqual([discover, discover, discover, request]);
  expect(new Set(searching.map(({ xid }) => xid)).size).toBe(1);
  const later = it.sent.slice(searching.length);
  expect(later.length).toBeGreaterThan(8);
  expect(new Set([searching[0], ...later].map(({ xid }) => xid)).size).toBe(later.length + 1);
});

test.each(['', 'otemachi 1', '-a', 'a.', 'é', 'a'.repeat(64), 'a\0b'])('the host name %j is none, and is not sent', (hostName) => {
  expect(new Exchange(seeded(1), { hostName }).untilSent().options.has(12)).toBe(false);
});

test('tshark decodes every message and has no complaint', { timeout: 60_000 }, (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const it = new Exchange().bind();
  it.untilSent();
  while (it.untilSent().destination === SERVER) expect(it.sent.length).toBeLessThan(20);
  it.release();
  const informing = new Exchange(seeded(1), { inform: ADDRESS });
  const packets = [it.sent[0], it.sent[1], it.sent[2], it.sent.at(-2) ?? it.last, it.last, informing.untilSent()];
  const fields = ['dhcp.option.dhcp', 'dhcp.ip.client', 'dhcp.flags.bc', 'dhcp.option.requested_ip_address', 'dhcp.option.dhcp_server_id'];
  const asked = ['dhcp.option.request_list_item', 'dhcp.option.hostname', 'ip.ttl', 'frame.len', 'dhcp.hw.mac_addr'];
  const [lease, site] = ['1,3,212,58,59', '1,3,212'];
  const rest = ['64', '328', '02:00:00:00:00:01'];
  const seen = dissect(
    packets.map(({ octets }) => octets),
    [...fields, ...asked],
  ).map(({ fields: values, complaints }) => [...values.map((value) => value.replace('True', '1').replace('False', '0')), ...complaints]);
  expect(seen).toEqual([
    ['1', '0.0.0.0', '1', '', '', lease, 'home-1', ...rest],
    ['3', '0.0.0.0', '1', '10.100.100.1', '10.100.0.1', lease, 'home-1', ...rest],
    ['3', '10.100.100.1', '0', '', '', lease, 'home-1', ...rest],
    ['3', '10.100.100.1', '0', '', '', lease, 'home-1', ...rest],
    ['7', '10.100.100.1', '0', '', '10.100.0.1', '', '', ...rest],
    ['8', '10.100.100.1', '0', '', '', site, 'home-1', ...rest],
  ]);
});

test('RFC 2131 section 4.1: to silence it repeats itself after 4, 8, 16, 32, 64 s, and every 64 s from then on', () => {
  const it = new Exchange();
  it.until(400_000);
  expect(timetable(it.sent)).toEqual([0, 4, 12, 28, 60, 124, 188, 252, 316, 380].map((at) => `${at} DISCOVER 255.255.255.255`));
});

test('whatever chance says, it starts within a second, and each wait is within a second of its mean', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(null, ADDRESS), (seed, address) => {
      const it = new Exchange(seeded(seed), { inform: address });
      it.until(300_000);
      expect(it.sent[0].at).toBeLessThanOrEqual(1000 + MAX_START_DELAY);
      for (const [i, gap] of gaps(it.sent).entries())
        expect(Math.abs(gap - Math.min(4000 * 2 ** i, 64_000))).toBeLessThanOrEqual(BACKOFF_SPREAD);
    }),
    { numRuns: 50 },
  );
  const starts = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => new Exchange(seeded(seed)).untilSent().at);
  expect(new Set(starts).size).toBe(8);
});

test('a REQUEST that is not answered is repeated four times; then the search starts over', () => {
  const it = new Exchange();
  it.untilSent();
  it.answer(offer);
  it.until(200_000);
  const [to, at] = ['255.255.255.255', [0, 4, 12, 28, 60]];
  expect(timetable(it.sent)).toEqual([
    `0 DISCOVER ${to}`,
    ...at.map((second) => `${second} REQUEST ${to}`),
    `125 DISCOVER ${to}`,
    `129 DISCOVER ${to}`,
    `137 DISCOVER ${to}`,
    `153 DISCOVER ${to}`,
    `185 DISCOVER ${to}`,
  ]);
  expect(it.sent[6].xid).not.toBe(it.sent[5].xid);
});

test('RFC 2131 section 4.4.5: renewal at T1 and after half the time to T2, rebinding likewise to the end; then no lease', () => {
  const it = new Exchange().bind();
  const { until } = it.client.lease ?? expect.fail('no lease');
  it.until(until - 1);
  expect(it.client.lease?.until).toBe(until);
  it.until(until);
  expect(it.client.lease).toBe(null);
  it.until(until + 1000);
  // T1 and T2 of an hour are 1800 and 3150 s, a thirty-second sooner by chance.
  const [server, all] = ['10.100.0.1', '255.255.255.255'];
  expect(timetable(it.sent, it.sent[0].at)).toEqual([
    `0 DISCOVER ${all}`,
    `0 REQUEST ${all}`,
    ...[1743, 2397, 2724, 2888, 2969, 3029].map((at) => `${at} REQUEST ${server}`),
    ...[3051, 3325, 3462, 3531, 3591].map((at) => `${at} REQUEST ${all}`),
    `3600 DISCOVER ${all}`,
  ]);
});

test.each([
  ['as the server says', { 58: 100, 59: 200 }, 100, 200],
  ['T1 by itself', { 58: 100 }, 100, 3150],
  ['T2 by itself', { 59: 2000 }, 1800, 2000],
  ['T1 behind T2', { 58: 200, 59: 100 }, 1800, 3150],
  ['both the same', { 58: 200, 59: 200 }, 1800, 3150],
  ['T1 behind the usual T2', { 58: 3200 }, 1800, 3150],
  ['T2 at the end', { 58: 100, 59: 3600 }, 1800, 3150],
  ['T1 of 0', { 58: 0, 59: 100 }, 1800, 3150],
  ['both infinite', { 58: 0xffffffff, 59: 0xffffffff }, 1800, 3150],
  ['of a wrong length', { 58: '0064', 59: '00000000c8' }, 1800, 3150],
])('T1 and T2: %s', (_, options, t1, t2) => {
  const it = new Exchange().bind(options);
  const start = it.last.at;
  it.until(start + 3_600_000);
  const renewals = it.sent.filter(({ ciaddr }) => ciaddr !== 0);
  const rebinding = renewals.find(({ destination }) => destination === BROADCAST);
  for (const [sent, seconds] of [
    [renewals[0], t1],
    [rebinding, t2],
  ] as const)
    expect(Math.abs((sent?.at ?? 0) - start - (seconds * 1000 * 31) / 32)).toBeLessThan(1);
});

test('chance brings T1 and T2 forward by a sixteenth at most, and spreads them', () => {
  const offsets = Array.from({ length: 50 }, (_, seed) => {
    const it = new Exchange(seeded(seed)).bind();
    const start = it.last.at;
    return it.untilSent().at - start;
  });
  for (const offset of offsets) {
    expect(offset).toBeGreaterThanOrEqual((1_800_000 * 15) / 16);
    expect(offset).toBeLessThanOrEqual(1_800_000);
  }
  expect(Math.max(...offsets) - Math.min(...offsets)).toBeGreaterThan(80_000);
});

test('a renewal counts from the REQUEST that it answers, and makes a new lease with a new end', () => {
  const it = new Exchange().bind();
  const first = it.client.lease ?? expect.fail('no lease');
  it.untilSent();
  const { at } = it.untilSent();
  it.until(at + 5000);
  expect(it.answer(ack)).toBe('consumed');
  expect(it.client.lease).toEqual({ ...first, until: at + 3_600_000 });
  it.until(at + 3_500_000);
  expect(it.client.lease).not.toBe(null);
});

test('a lease counts from the first REQUEST, not from a repetition that may not be what was answered', () => {
  const it = new Exchange();
  it.untilSent();
  it.answer(offer);
  const { at } = it.last;
  it.untilSent();
  it.untilSent();
  expect(it.answer(ack)).toBe('consumed');
  expect(it.client.lease?.until).toBe(at + 3_600_000);
});

test('while rebinding any server may answer, which is then the one that is asked', () => {
  const it = new Exchange().bind();
  it.untilSent();
  expect(it.answer(ack, { 54: OTHER_SERVER })).toBe('malformed_dhcp');
  while (it.untilSent().destination === SERVER) expect(it.sent.length).toBeLessThan(20);
  expect(it.answer(ack, { 54: BROADCAST })).toBe('malformed_dhcp');
  expect(it.answer(ack, { 54: OTHER_SERVER })).toBe('consumed');
  expect(it.client.lease?.server).toBe(OTHER_SERVER);
  expect(it.untilSent().destination).toBe(OTHER_SERVER);
});

test('an ACK with another address is a lease of that address', () => {
  const it = new Exchange().bind();
  it.untilSent();
  expect(it.answer(ack, {}, { yiaddr: ADDRESS + 1 })).toBe('consumed');
  expect(it.client.lease?.address).toBe(ADDRESS + 1);
  expect(it.untilSent()).toMatchObject({ source: ADDRESS + 1, ciaddr: ADDRESS + 1 });
});

test('a NAK ends the lease at once, and the search begins when the least time between messages is over', () => {
  for (const stage of ['renewing', 'rebinding']) {
    const it = new Exchange().bind();
    it.untilSent();
    while (stage === 'rebinding' && it.last.destination === SERVER) it.untilSent();
    const { at } = it.last;
    expect(it.answer(nak, { 54: stage === 'rebinding' ? OTHER_SERVER : SERVER })).toBe('consumed');
    expect(it.client.lease).toBe(null);
    expect(it.untilSent()).toMatchObject({ type: discover, ciaddr: 0, source: 0 });
    expect(Math.floor((it.last.at - at) / 100)).toBe(40);
  }
});

test('NAK after NAK slows the search down: 4, 8, 16, 32, 64, 64 s', () => {
  const it = new Exchange();
  for (let i = 0; i < 7; i++) {
    it.untilSent();
    it.answer(offer);
    expect(it.answer(nak)).toBe('consumed');
  }
  const searches = it.sent.filter(({ type }) => type === discover);
  expect(gaps(searches).map((gap) => Math.round(gap / 1000))).toEqual([4, 8, 16, 32, 64, 64]);
  it.bind();
  it.untilSent();
  it.answer(nak);
  const { at } = it.last;
  expect(Math.round((it.untilSent().at - at) / 1000)).toBe(4);
});

const refusals: readonly (readonly [string, Reply['options'], Partial<Reply>])[] = [
  ['of another transaction', {}, { xid: 1 }],
  ['for another host', {}, { mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }],
  ['that is a request', {}, { op: 1 }],
  ['for other hardware', {}, { htype: 6 }],
  ['for a longer hardware address', {}, { hlen: 16 }],
  ['for no hardware address', {}, { hlen: 0 }],
  ['to another port', {}, { port: 69 }],
  ['from no server', { 54: null }, {}],
  ['from half a server', { 54: '0a64' }, {}],
  ['without a lease time', { 51: null }, {}],
  ['with a lease time of 0', { 51: 0 }, {}],
  ['with a lease time of two octets', { 51: '0e10' }, {}],
  ['of 0.0.0.0', {}, { yiaddr: 0 }],
  ['of 127.0.0.1', {}, { yiaddr: 0x7f000001 }],
  ['of a multicast address', {}, { yiaddr: 0xe0000001 }],
  ['of the broadcast address', {}, { yiaddr: BROADCAST }],
];

test.each([...refusals, ['from a server without a unicast address', { 54: BROADCAST }, {}] as const])(
  'an OFFER %s is refused, and the next is taken',
  (_, options, rest) => {
    const it = new Exchange();
    it.untilSent();
    expect(it.answer(offer, options, rest)).toBe('malformed_dhcp');
    expect(it.sent.length).toBe(1);
    expect(it.answer(offer)).toBe('consumed');
  },
);

test.each([...refusals, ['from another server', { 54: OTHER_SERVER }, {}] as const])(
  'an ACK %s is refused, and the next is taken',
  (_, options, rest) => {
    const it = new Exchange();
    it.untilSent();
    it.answer(offer);
    expect(it.answer(ack, options, rest)).toBe('malformed_dhcp');
    expect(it.client.lease).toBe(null);
    expect(it.answer(ack)).toBe('consumed');
  },
);

test.each([...refusals.slice(0, 9), ['from another server', { 54: OTHER_SERVER }, {}] as const])(
  'a NAK %s is refused, and the lease comes all the same',
  (_, options, rest) => {
    const it = new Exchange();
    it.untilSent();
    it.answer(offer);
    expect(it.answer(nak, options, rest)).toBe('malformed_dhcp');
    expect(it.answer(ack)).toBe('consumed');
  },
);

test('in no state is taken what the state does not wait for', () => {
  const at = new Exchange();
  const judge = (it: Exchange) => names.map((_, type) => it.receive(replyPacket({ type, xid: it.sent.at(-1)?.xid ?? 0 })));
  const nothing = names.map(() => 'malformed_dhcp');
  expect(judge(at)).toEqual(nothing); // Nothing was asked.
  at.untilSent();
  expect(at.answer(ack)).toBe('malformed_dhcp');
  expect(at.answer(nak)).toBe('malformed_dhcp');
  at.answer(offer);
  expect(at.answer(offer)).toBe('malformed_dhcp'); // The first was taken.
  at.answer(ack);
  expect(judge(at)).toEqual(nothing);
  expect(at.client.lease).not.toBe(null);
  at.release();
  expect(judge(at)).toEqual(nothing);

  const informed = new Exchange(seeded(1), { inform: ADDRESS });
  informed.untilSent();
  expect(informed.answer(offer)).toBe('malformed_dhcp');
  expect(informed.answer(nak)).toBe('malformed_dhcp');
  expect(informed.answer(ack, { 51: null }, { yiaddr: 0 })).toBe('consumed');
  expect(judge(informed)).toEqual(nothing);
});

test('a lease that is over before it comes is none; one that ends as its renewal comes has ended', () => {
  const late = new Exchange();
  late.untilSent();
  late.answer(offer);
  late.until(late.now + 2000);
  expect(late.answer(ack, { 51: 2 })).toBe('malformed_dhcp');
  expect(late.client.lease).toBe(null);

  const it = new Exchange().bind();
  it.now = it.client.lease?.until ?? expect.fail('no lease');
  expect(it.answer(ack)).toBe('malformed_dhcp');
  expect(it.client.lease).toBe(null);
});

test.each([
  ['no mask', { 1: null }, { prefixLen: 32 }],
  ['a mask with a gap', { 1: 0xff00ff00 }, { prefixLen: 32 }],
  ['a mask of no bits', { 1: 0 }, { prefixLen: 32 }],
  ['a mask of one bit', { 1: 0x80000000 }, { prefixLen: 32 }],
  ['a mask of seven bits', { 1: 0xfe000000 }, { prefixLen: 32 }],
  ['a mask of eight bits', { 1: 0xff000000 }, { prefixLen: 8 }],
  ['a mask of all bits', { 1: 0xffffffff }, { prefixLen: 32 }],
  ['a mask of three octets', { 1: 'ffff00' }, { prefixLen: 32 }],
  ['no router', { 3: null }, { router: null }],
  ['two routers', { 3: '0a6400fe0a6400fd' }, { router: 0x0a6400fe }],
  ['a router and a half', { 3: '0a6400fe0a64' }, { router: null }],
  ['no octet of a router', { 3: '' }, { router: null }],
  ['a router that is none', { 3: BROADCAST }, { router: null }],
  ['no option 212', { 212: null }, { sixRd: null, sixRdFault: null }],
])('a lease with %s', (_, options, expected) => {
  expect(new Exchange().bind(options).client.lease).toMatchObject(expected);
});

test('an invalid option 212 is counted and explained, and the lease is taken without it', () => {
  const it = new Exchange();
  it.untilSent();
  const broken = { 212: OPTION_212.replace('0820', '2120') };
  expect(it.answer(offer, broken)).toBe('consumed');
  expect(it.answer(ack, broken)).toBe('malformed_option_212');
  expect(it.client.lease).toMatchObject({
    address: ADDRESS,
    sixRd: null,
    sixRdFault: 'IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)',
  });
  it.untilSent();
  expect(it.answer(ack)).toBe('consumed');
  expect(it.client.lease?.sixRdFault).toBe(null);
  expect(formatPrefix6(it.client.lease?.sixRd?.prefix ?? expect.fail('no 6rd'))).toBe('2001:db8::/32');
});

test('times beyond 2^31 milliseconds are times like others; infinite leases are not renewed', () => {
  const seconds = 0xfffffffe;
  const it = new Exchange(undefined, {}, 2 ** 41).bind({ 51: seconds });
  const { at } = it.last;
  expect(it.client.lease?.until).toBe(at + seconds * 1000);
  expect((it.client.nextTimeout() - at) / (seconds * 1000)).toBeCloseTo(31 / 64, 6);

  const forever = new Exchange().bind({ 51: 0xffffffff, 58: 10, 59: 20 });
  expect([forever.client.lease?.until, forever.client.nextTimeout()]).toEqual([FOREVER, FOREVER]);
  forever.until(1e12);
  expect(forever.sent.length).toBe(2);
  forever.release();
  expect(forever.last.type).toBe(release);
});

test('INFORM is repeated every hour, or a sixteenth less; the lease is the same object until something in it changes', () => {
  const it = new Exchange(seeded(9), { inform: ADDRESS });
  const leases = new Set();
  const informed: number[] = [];
  for (const options of [{}, {}, { 212: null }, { 212: null }, {}]) {
    it.untilSent();
    expect(it.answer(ack, { 51: null, ...options }, { yiaddr: 0 })).toBe('consumed');
    expect(it.client.lease?.sixRd === null).toBe('212' in options);
    leases.add(it.client.lease);
    informed.push(it.now);
  }
  expect(leases.size).toBe(3);
  for (const [i, at] of informed.slice(1).entries()) {
    expect(at - informed[i]).toBeLessThanOrEqual(INFORM_INTERVAL);
    expect(at - informed[i]).toBeGreaterThanOrEqual((INFORM_INTERVAL * 15) / 16);
  }
  const { lease } = it.client;
  it.until(it.now + 100_000_000);
  expect(it.client.lease).toBe(lease);
  expect(it.sent.every(({ type }) => type === inform)).toBe(true);
  it.release();
  expect(it.last.type).toBe(inform);
});

test('an INFORM is answered by a server that does not name itself, too', () => {
  const it = new Exchange(seeded(1), { inform: ADDRESS });
  it.untilSent();
  expect(it.answer(ack, { 51: null, 54: null }, { yiaddr: 0 })).toBe('consumed');
  expect(it.client.lease).toMatchObject({ address: ADDRESS, server: null });
});

test('a release is sent once, and then the client is silent for good', () => {
  const it = new Exchange().bind();
  it.until(it.now + 500_000);
  it.client.release(it.now); // Not drained yet.
  it.release();
  it.release();
  it.until(it.now + 1e9);
  expect(it.sent.map(({ type }) => type)).toEqual([discover, request, release]);
  expect([it.client.lease, it.client.nextTimeout()]).toEqual([null, FOREVER]);
});

test('without a lease, or with one that is over, nothing is released', () => {
  const searching = new Exchange();
  searching.untilSent();
  searching.answer(offer);
  searching.release();
  const over = new Exchange().bind();
  over.now = over.client.lease?.until ?? expect.fail('no lease');
  over.release();
  for (const it of [searching, over]) {
    it.until(it.now + 1e6);
    expect(it.sent.map(({ type }) => type)).toEqual([discover, request]);
  }
});

test('a repetition that was due, but not sent before the answer came, is not sent', () => {
  for (const [type, address] of [
    [ack, null],
    [nak, null],
    [ack, ADDRESS],
  ] as const) {
    const it = new Exchange(seeded(1), { inform: address });
    it.untilSent();
    if (address === null) it.answer(offer);
    it.now = it.client.nextTimeout();
    it.client.handleTimeout(it.now);
    const before = it.sent.length;
    expect(it.answer(type)).toBe('consumed');
    expect(it.sent.length).toBe(before);
  }
});

test('a clock that leapt over T1 and T2 finds the client rebinding', () => {
  const it = new Exchange().bind();
  it.now += 3_500_000;
  it.until(it.now);
  expect(it.last).toMatchObject({ type: request, destination: BROADCAST, ciaddr: ADDRESS });
});

/** What may happen next on the link. Answers are ordinary but for their times; without a type, they are what is waited for. */
const times = fc.record({
  51: fc.constantFrom(1, 2, 4, 8, 30, 600, 3600, 86_400, 0xfffffffe, 0xffffffff),
  58: fc.option(fc.constantFrom(0, 1, 5, 300, 0xffffffff)),
  59: fc.option(fc.constantFrom(0, 1, 6, 500, 0xffffffff)),
});
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        type: fc.constantFrom(null, null, null, offer, ack),
        times,
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('nak' as const), server: fc.constantFrom(SERVER, OTHER_SERVER) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(9000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(4_000_000) }) },
    { weight: 5, arbitrary: fc.constant({ kind: 'timer' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leap' as const), ms: fc.nat(4_000_000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('garbage' as const), octets: fc.uint8Array({ maxLength: 400 }) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'early' as const }) },
  ),
  { minLength: 20, maxLength: 80, size: 'max' },
);

test('on any network: never chatty, never with a lease that is over, never stuck', () => {
  const seen = { leases: 0, naks: 0, renewals: 0 };
  fc.assert(
    fc.property(steps, fc.nat(), fc.constantFrom(null, null, null, ADDRESS), (script, seed, address) => {
      const it = new Exchange(seeded(seed), { inform: address });
      for (const step of script) {
        if (step.kind === 'wait') it.until(it.now + step.ms);
        if (step.kind === 'timer' && it.client.nextTimeout() < FOREVER) it.until(it.client.nextTimeout());
        if (step.kind === 'leap') {
          it.now += step.ms;
          it.until(it.now);
        }
        if (step.kind === 'early') it.client.handleTimeout(it.now);
        if (step.kind === 'garbage') expect(it.receive(step.octets)).toBe('malformed_dhcp');
        if (it.sent.length === 0) continue;
        if (step.kind === 'nak' && it.answer(nak, { 54: step.server }) === 'consumed') {
          seen.naks++;
          expect(it.client.lease).toBe(null);
        }
        if (step.kind !== 'answer') continue;
        for (let i = 0; i < step.count; i++) {
          const asked = it.last;
          const before = it.client.lease;
          const type = step.type ?? (asked.type === discover ? offer : ack);
          const verdict = it.answer(type, step.times);
          if (type === offer || verdict !== 'consumed') expect([null, before]).toContain(it.client.lease);
          else {
            seen.leases++;
            if (asked.ciaddr !== 0) seen.renewals++;
            const end = step.times[51] === 0xffffffff || address !== null ? FOREVER : step.times[51] * 1000;
            expect(it.client.lease?.until).toBeLessThanOrEqual(asked.at + end);
          }
        }
      }
      const before = it.sent.length;
      const lastEnd = it.client.lease?.until ?? it.now;
      if (lastEnd < FOREVER) {
        it.until(lastEnd + 200_000);
        expect(it.sent.length).toBeGreaterThan(before);
        expect([it.client.lease, it.last.type === (address === null ? discover : inform)]).toEqual([null, true]);
      }
      for (const [i, to] of it.sent.slice(1).entries()) {
        const from = it.sent[i];
        if (from.type === discover && to.type === request) expect(to.options.has(50)).toBe(true);
        else expect(to.at).toBeGreaterThanOrEqual(from.at + MIN_INTERVAL);
      }
    }),
    { numRuns: 120 },
  );
  expect(Math.min(seen.leases, seen.naks, seen.renewals)).toBeGreaterThan(20);
});

test('a valid answer with any octets changed is refused, or is a lease that makes sense', () => {
  const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 6 });
  let taken = 0;
  fc.assert(
    fc.property(changes, fc.nat(400), fc.boolean(), (some, cut, whole) => {
      const it = new Exchange();
      it.untilSent();
      it.answer(offer);
      const b = replyPacket({ type: ack, xid: it.last.xid });
      for (const [at, octet] of some) if (at >= 28 && at < b.length) b[at] = octet;
      const verdict = it.receive(whole ? b : b.slice(0, cut));
      const { lease } = it.client;
      expect(verdict === 'malformed_dhcp').toBe(lease === null);
      if (lease === null) return;
      taken++;
      expect(lease.address >>> 24).toBeLessThan(224);
      expect(lease.sixRd === null || lease.sixRdFault === null).toBe(true);
      expect(verdict === 'malformed_option_212').toBe(lease.sixRdFault !== null);
    }),
    { numRuns: 1000 },
  );
  expect(taken).toBeGreaterThan(100);
});

test('a server that answers whatever it hears cannot make the client send more than two messages in three seconds', () => {
  const it = new Exchange(seeded(4));
  it.untilSent();
  for (let i = 0; i < 600; i++) {
    for (const type of [offer, ack, nak, offer, ack, nak]) for (let n = 0; n < 3; n++) it.answer(type, { 51: 1 });
    it.until(Math.min(it.client.nextTimeout(), it.now + 500));
  }
  expect(it.sent.length).toBeGreaterThan(10);
  for (let i = 2; i < it.sent.length; i++) expect(it.sent[i].at).toBeGreaterThanOrEqual(it.sent[i - 2].at + MIN_INTERVAL);
});
