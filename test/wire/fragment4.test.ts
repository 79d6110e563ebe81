import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fragmentCount4, REASSEMBLY_TIMEOUT, Reassembly4, writeFragment4 } from '../../src/wire/fragment4.js';
import { DF, fragment4, headerLen4, identification4, isIpv4, MF, totalLen4, writeIpv4 } from '../../src/wire/ipv4.js';
import { put16 } from '../../src/wire/octets.js';
import { referenceChecksum, u16s } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, toHex } from './vectors.js';

/** A datagram with options (whole words, as hex) and `len` octets of payload that count up. */
function datagram(len: number, options = '', tos = 0): Uint8Array {
  const header = 20 + options.length / 2;
  const b = new Uint8Array(header + len);
  writeIpv4(b, 0, b.length, tos, 0, 64, 41, 0xc000022a, 0xc0586301);
  b[0] = 0x40 | (header / 4);
  b.set(hex(options), 20);
  for (let i = 0; i < len; i++) b[header + i] = i * 7 + (i >>> 8);
  return seal(b);
}

/** Writes the header checksum with other arithmetic than ours. */
function seal(b: Uint8Array): Uint8Array {
  put16(b, 10, 0);
  put16(b, 10, referenceChecksum(b.subarray(0, headerLen4(b, 0))));
  return b;
}

/** All fragments of `b`, each written over dirt with nothing outside changed. */
function fragments(b: Uint8Array, mtu: number, id: number): Uint8Array[] {
  return Array.from({ length: fragmentCount4(b.length, headerLen4(b, 0), mtu) }, (_, index) => {
    const out = new Uint8Array(mtu + b.length + 20).fill(0xa5);
    const end = writeFragment4(out, 5, b, 0, mtu, id, index);
    expect([...out.subarray(0, 5), ...out.subarray(end)].every((octet) => octet === 0xa5)).toBe(true);
    return out.slice(5, end);
  });
}

/** Octets `from` to `to` of the payload of a datagram, as a fragment. */
function piece(b: Uint8Array, from: number, to: number, more: boolean, id = 1): Uint8Array {
  const fragment = Uint8Array.of(...b.subarray(0, 20), ...b.subarray(20 + from, 20 + to));
  put16(fragment, 2, fragment.length);
  put16(fragment, 4, id);
  put16(fragment, 6, (more ? MF : 0) | (from / 8));
  return seal(fragment);
}

/** What `reassembly` makes of packets that come one after the other at `now`. */
function add(reassembly: Reassembly4, packets: readonly Uint8Array[], now = 0): (string | null)[] {
  return packets.map((b) => {
    const dirty = Uint8Array.of(0xa5, 0xa5, ...b, 0xa5);
    const whole = reassembly.add(dirty, 2, 2 + b.length, now);
    return whole === null ? null : toHex(whole);
  });
}

/** The datagram as it is after its journey: identification `id`, no flags. */
function arrived(b: Uint8Array, id: number): Uint8Array {
  const copy = b.slice();
  put16(copy, 4, id);
  return seal(copy);
}

// No options; no-operations; with an end; copied and uncopied ones with an end; an uncopied one that is longer.
const optionWords = fc.constantFrom('', '01010101', '0101010100000000', '9404000007070400000000aa', '4408050000000000');

const cases = fc.record({
  len: fc.oneof(fc.nat(100), fc.nat(3000)),
  options: optionWords,
  mtu: fc.integer({ min: 68, max: 1500 }),
  id: u16s,
});

test('fragments are whole packets no longer than the MTU, whose payloads in order are the payload', () => {
  fc.assert(
    fc.property(cases, ({ len, options, mtu, id }) => {
      const b = datagram(len, options);
      const header = headerLen4(b, 0);
      const parts = fragments(b, mtu, id);
      let next = 0;
      for (const [i, part] of parts.entries()) {
        expect(isIpv4(part, 0, part.length) && totalLen4(part, 0) === part.length && part.length <= mtu).toBe(true);
        expect(referenceChecksum(part.subarray(0, headerLen4(part, 0)))).toBe(0);
        expect([headerLen4(part, 0), identification4(part, 0)]).toEqual([header, id]);
        expect(fragment4(part, 0)).toBe((i < parts.length - 1 ? MF : 0) | (next / 8));
        expect(part.subarray(header)).toEqual(b.subarray(header + next, header + next + part.length - header));
        next += part.length - header;
      }
      expect(next).toBe(len);
      // No fragment is shorter than it must be: all but the last are within 8 octets of the MTU.
      expect(parts.slice(0, -1).every((part) => part.length > mtu - 8)).toBe(true);
    }),
  );
});

test.each([
  [1500, 20, 1500, 1],
  [1501, 20, 1500, 2],
  [1520, 20, 1500, 2],
  [1260 + 20, 20, 576, 3],
  [65535, 20, 1500, 45],
  [65535, 60, 68, 8185],
  [100, 20, 28, 10],
  [100, 20, 27, 0],
  [100, 60, 67, 0],
])('%i octets with a header of %i over an MTU of %i make %i fragments', (total, header, mtu, count) => {
  expect(fragmentCount4(total, header, mtu)).toBe(count);
});

test('RFC 791 section 3.1: options without the copied flag are in the first fragment only', () => {
  // Router alert (copied), record route (not copied), end of options.
  const [first, second] = fragments(datagram(100, '940400000707040000000000'), 96, 9);
  expect(toHex(first.subarray(20, 32))).toBe('940400000707040000000000');
  expect(toHex(second.subarray(20, 32))).toBe('940400000101010101010100');
});

test.each(['0700000000000000', '07ff000000000000', '0101010101010107', '0701000000000000'])(
  'malformed options %s do no harm',
  (options) => {
    const [, second] = fragments(datagram(100, options), 92, 9);
    expect(toHex(second.subarray(20, 28))).toBe(options);
  },
);

test('fragments of fragments still make the datagram', () => {
  fc.assert(
    fc.property(cases, fc.integer({ min: 68, max: 1500 }), ({ len, options, mtu, id }, narrow) => {
      const b = datagram(len, options);
      const narrower = fragments(b, mtu, id).flatMap((part) => fragments(part, narrow, identification4(part, 0)));
      const whole = narrower.length === 1 ? narrower[0] : add(new Reassembly4(), narrower).at(-1);
      expect(typeof whole === 'string' ? whole : toHex(whole ?? expect.fail())).toBe(toHex(arrived(b, id)));
    }),
  );
});

test('in any order, repeated or not, fragments make the datagram once', () => {
  fc.assert(
    fc.property(cases, fc.infiniteStream(fc.nat()), ({ len, options, mtu, id }, picks) => {
      const b = datagram(len, options);
      const parts = fragments(b, mtu, id);
      fc.pre(parts.length > 1);
      const waiting = [...parts];
      const order: Uint8Array[] = [];
      while (waiting.length > 0) {
        order.push(...waiting.splice(picks.next().value % waiting.length, 1));
        // A repeated fragment, which must not complete anything.
        if (waiting.length > 0 && picks.next().value % 4 === 0) order.push(order[picks.next().value % order.length]);
      }
      const whole = add(new Reassembly4(), order);
      expect(whole.slice(0, -1).every((result) => result === null)).toBe(true);
      expect(whole.at(-1)).toBe(toHex(arrived(b, id)));
    }),
  );
});

test('a datagram that was made is forgotten: its fragments, sent again, make it again', () => {
  const b = datagram(48);
  const [first, second] = [piece(b, 0, 24, true), piece(b, 24, 48, false)];
  const whole = toHex(arrived(b, 1));
  expect(add(new Reassembly4(), [first, second, second, first])).toEqual([null, whole, null, whole]);
});

test('a packet that is no fragment comes back at once, DF or not, without what follows it', () => {
  for (const flags of [0, DF]) {
    const b = datagram(30);
    put16(b, 6, flags);
    expect(add(new Reassembly4(), [seal(b)])).toEqual([toHex(b)]);
    const padded = Uint8Array.of(...b, 1, 2, 3);
    expect(new Reassembly4().add(padded, 0, padded.length, 0)).toEqual(b);
  }
});

test('fragments of different datagrams are not mixed: source, destination, protocol and identification all count', () => {
  const b = datagram(48);
  const second = piece(b, 24, 48, false);
  for (const [at, what] of [
    [15, 'source'],
    [19, 'destination'],
    [9, 'protocol'],
    [5, 'identification'],
  ] as const) {
    const other = second.slice();
    other[at] ^= 1;
    const results = add(new Reassembly4(), [piece(b, 0, 24, true), seal(other), second]);
    expect([what, ...results]).toEqual([what, null, null, toHex(arrived(b, 1))]);
  }
});

const LONG = datagram(96);

test.each([
  ['one that begins inside another', [piece(LONG, 0, 48, true), piece(LONG, 40, 96, false)]],
  ['one that reaches into another', [piece(LONG, 48, 96, false), piece(LONG, 0, 56, true)]],
  ['one inside another', [piece(LONG, 0, 96, true), piece(LONG, 8, 16, true)]],
  ['one around another', [piece(LONG, 8, 16, true), piece(LONG, 0, 96, true)]],
  ['one with the same start and more', [piece(LONG, 0, 16, true), piece(LONG, 0, 24, true)]],
  ['a second end before the first', [piece(LONG, 48, 96, false), piece(LONG, 8, 24, false)]],
  ['a second end after the first', [piece(LONG, 8, 48, false), piece(LONG, 48, 96, false)]],
  ['octets beyond the end', [piece(LONG, 8, 48, false), piece(LONG, 48, 96, true)]],
  ['an end before octets that came', [piece(LONG, 48, 96, true), piece(LONG, 8, 48, false)]],
])('%s loses the datagram, and what else comes of it', (_, broken) => {
  const reassembly = new Reassembly4();
  const good = [piece(LONG, 0, 8, true), piece(LONG, 8, 96, false)];
  expect(add(reassembly, [...broken, ...good])).toEqual(new Array(broken.length + 2).fill(null));
  // Until the time is over; other datagrams are not touched.
  expect(add(reassembly, [piece(LONG, 0, 8, true, 2), piece(LONG, 8, 96, false, 2)])).toEqual([null, toHex(arrived(LONG, 2))]);
  expect(add(reassembly, good, REASSEMBLY_TIMEOUT)).toEqual([null, toHex(arrived(LONG, 1))]);
});

test('fragments without octets, or that do not end on 8 octets, are ignored', () => {
  const odd = piece(LONG, 0, 44, true);
  const empty = piece(LONG, 96, 96, false);
  const good = [piece(LONG, 0, 8, true), piece(LONG, 8, 96, false)];
  expect(add(new Reassembly4(), [odd, empty, ...good])).toEqual([null, null, null, toHex(arrived(LONG, 1))]);
});

test('a datagram of more than 65535 octets is never made; one of 65535 is', () => {
  const data = new Uint8Array(65515);
  const most = datagram(65515);
  const ends = (len: number) => {
    const last = piece(LONG, 0, len % 8, false);
    put16(last, 6, Math.floor(len / 8));
    return seal(last);
  };
  const first = Uint8Array.of(...most.subarray(0, 20), ...data.subarray(0, 65512));
  put16(first, 2, first.length);
  put16(first, 4, 1);
  put16(first, 6, MF);
  seal(first);
  const lengths = (...packets: Uint8Array[]) => {
    const reassembly = new Reassembly4();
    return packets.map((b) => reassembly.add(b, 0, b.length, 0)?.length);
  };
  expect(lengths(first, ends(65515))).toEqual([undefined, 65535]);
  expect(lengths(first, ends(65516))).toEqual([undefined, undefined]);
  // The header of the first fragment counts, whenever it comes.
  expect(lengths(ends(65516), first)).toEqual([undefined, undefined]);
});

test('the time is over 30 seconds after the first fragment, whatever came later', () => {
  const reassembly = new Reassembly4();
  const [first, second, third] = [piece(LONG, 0, 8, true), piece(LONG, 8, 16, true), piece(LONG, 16, 96, false)];
  expect(add(reassembly, [first], 1000)).toEqual([null]);
  expect(add(reassembly, [second], 30_999)).toEqual([null]);
  expect(add(reassembly, [third], 31_000)).toEqual([null]);
  const punctual = new Reassembly4();
  expect(add(punctual, [first, second], 1000)).toEqual([null, null]);
  expect(add(punctual, [third], 30_999)).toEqual([toHex(arrived(LONG, 1))]);
});

test('one datagram more than it holds pushes out the oldest, and only that', () => {
  const reassembly = new Reassembly4(3);
  for (let id = 1; id <= 4; id++) add(reassembly, [piece(LONG, 0, 8, true, id)]);
  const results = [4, 3, 2].map((id) => add(reassembly, [piece(LONG, 8, 96, false, id)]));
  expect(results).toEqual([4, 3, 2].map((id) => [toHex(arrived(LONG, id))]));
  expect(add(reassembly, [piece(LONG, 8, 96, false, 1)])).toEqual([null]);
});

test("RFC 3168 section 5.3: congestion that one fragment met is the datagram's", () => {
  const ect = datagram(96, '', 0b10);
  const [first, second] = [piece(ect, 0, 8, true), piece(ect, 8, 96, false)];
  second[1] |= 3;
  const expected = arrived(ect, 1);
  expected[1] |= 3;
  expect(add(new Reassembly4(), [first, seal(second)])).toEqual([null, toHex(seal(expected))]);
});

test('any valid headers and any octets: what comes out is a whole datagram, and little is held', () => {
  const streams = fc.array(fc.record({ flags: u16s, len: fc.nat(60), id: fc.nat(2), dt: fc.nat(9000), ihl: fc.nat(3) }), { maxLength: 60 });
  fc.assert(
    fc.property(streams, (stream) => {
      const reassembly = new Reassembly4(2);
      let now = 0;
      for (const { flags, len, id, dt, ihl } of stream) {
        const b = datagram(len, '01010101'.repeat(ihl));
        put16(b, 4, id);
        put16(b, 6, flags & (MF | DF | 0x0007));
        now += dt;
        const whole = reassembly.add(seal(b), 0, b.length, now);
        if (whole === null) continue;
        expect(isIpv4(whole, 0, whole.length) && totalLen4(whole, 0) === whole.length).toBe(true);
        expect(referenceChecksum(whole.subarray(0, headerLen4(whole, 0)))).toBe(0);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('tshark reassembles written fragments without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  // An ICMP echo request, so that the whole has a checksum of its own.
  const echo = datagram(2000);
  echo[9] = 1;
  echo.set([8, 0, 0, 0, 0, 1, 0, 1], 20);
  put16(echo, 22, referenceChecksum(echo.subarray(20)));
  const seen = dissect(fragments(seal(echo), 576, 0x1234), [
    'ip.frag_offset',
    'ip.flags.mf',
    'ip.reassembled.length',
    'icmp.checksum.status',
  ]);
  expect(seen).toEqual([
    { fields: ['0', '1', '', ''], complaints: [] },
    { fields: ['69', '1', '', ''], complaints: [] },
    { fields: ['138', '1', '', ''], complaints: [] },
    { fields: ['207', '0', '2000', '1'], complaints: [] },
  ]);
});
