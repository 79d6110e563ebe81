import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../src/sim/address.js';
import { echoRequest } from '../../src/sim/echo.js';
import { fragmentHeader6, fragments6, REASSEMBLY_TIMEOUT6, Reassembly6 } from '../../src/sim/fragment6.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';
import { hex, toHex } from './worlds.js';

const SOURCE = parseAddress('2001:db8::1');
const DESTINATION = parseAddress('2001:db8::2');
const ADDRESSES = `20010db8000000000000000000000001 20010db8000000000000000000000002`;

const request = (size: number): Uint8Array => echoRequest(SOURCE, DESTINATION, 64, 0x1234, 1, size);

test('RFC 8200 section 4.5: headers, offsets and flags of two fragments, octet for octet', () => {
  // 1280 octets hold 1232 of data, a multiple of eight; the other 16 go into the second fragment.
  const [first, second, ...more] = fragments6(request(1240), 1280, 0xdeadbeef);
  expect(more).toEqual([]);
  expect(toHex(first.subarray(0, 56))).toBe(
    toHex(hex(`6000000004d8 2c 40 ${ADDRESSES} 3a 00 0001 deadbeef`)) + toHex(request(1240).subarray(40, 48)),
  );
  expect(toHex(second)).toBe(toHex(hex(`600000000018 2c 40 ${ADDRESSES} 3a 00 04d0 deadbeef`)) + toHex(request(1240).subarray(-16)));
});

test.skipIf(tsharkMissing !== null)(
  `tshark puts fragments together and finds the checksum of the whole right${tsharkMissing === null ? '' : ` (skipped: ${tsharkMissing})`}`,
  () => {
    const fragments = fragments6(request(4000), 1280, 7);
    expect(fragments.every(({ length }) => length <= 1280)).toBe(true);
    const seen = dissect(fragments, ['ipv6.reassembled.length', 'icmpv6.checksum.status']);
    expect(seen.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(seen.at(-1)?.fields).toEqual(['4008', '1']);
  },
);

test('fragments in any order, some of them twice, make the packet again, and nothing is made before the last one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1300, max: 9000 }),
      fc.integer({ min: 1280, max: 1500 }),
      fc.infiniteStream(fc.nat(1000)),
      (size, mtu, chance) => {
        const packet = request(size);
        const fragments = fragments6(packet, mtu, 9);
        fc.pre(fragments.length > 1);
        const order = [...fragments, fragments[0]]
          .map((fragment) => ({ fragment, at: chance.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ fragment }) => fragment);
        const reassembly = new Reassembly6();
        const missing = new Set(fragments);
        for (const fragment of order) {
          const before = missing.size;
          missing.delete(fragment);
          const whole = reassembly.add(fragment, fragmentHeader6(fragment), 0);
          if (missing.size === 0 && before === 1) expect(toHex(whole ?? new Uint8Array(0))).toBe(toHex(packet));
          else expect(whole).toBe(null);
        }
      },
    ),
    { seed: 4, numRuns: 100 },
  );
});

/** A fragment of 2001:db8::1 to ::2: `offset` and data in octets. */
function fragment(offset: number, data: Uint8Array, more: boolean, id = 5): Uint8Array {
  const b = new Uint8Array(48 + data.length);
  b.set(hex(`6000000000002c40 ${ADDRESSES} 3b00`));
  const length = 8 + data.length;
  b.set([length >>> 8, length], 4);
  b.set([offset >>> 8, offset | Number(more), 0, 0, 0, id], 42);
  b.set(data, 48);
  return b;
}

const octets = (n: number): Uint8Array => new Uint8Array(n).fill(0xa5);
const add = (reassembly: Reassembly6, b: Uint8Array, now = 0): Uint8Array | null => reassembly.add(b, fragmentHeader6(b), now);

test('RFC 5722: fragments that overlap lose the packet for good, an exact repeat does not', () => {
  const overlapping = new Reassembly6();
  add(overlapping, fragment(0, octets(16), true));
  add(overlapping, fragment(8, octets(16), true));
  expect(add(overlapping, fragment(16, octets(8), false))).toBe(null);

  // As many octets as the packet has, but a hole in it: the overlap must not fill that.
  const holed = new Reassembly6();
  add(holed, fragment(0, octets(16), true));
  add(holed, fragment(8, octets(16), true));
  expect(add(holed, fragment(32, octets(8), false))).toBe(null);

  const repeating = new Reassembly6();
  add(repeating, fragment(0, octets(16), true));
  add(repeating, fragment(0, octets(16), true));
  expect(add(repeating, fragment(16, octets(8), false))?.length).toBe(64);
});

test('two ends, data after the end, and a payload over 65535 octets lose the packet', () => {
  for (const [first, second] of [
    [fragment(16, octets(8), false), fragment(24, octets(8), false)],
    [fragment(16, octets(8), false), fragment(24, octets(8), true)],
    [fragment(24, octets(8), true), fragment(16, octets(8), false)],
    [fragment(65528, octets(16), false), fragment(0, octets(8), true)],
  ]) {
    const reassembly = new Reassembly6();
    add(reassembly, first);
    add(reassembly, second);
    for (let at = 0; at < 65536; at += 8) expect(add(reassembly, fragment(at, octets(8), true))).toBe(null);
  }
});

test('a packet in one fragment is whole at once, whatever waits under its identification', () => {
  const reassembly = new Reassembly6();
  add(reassembly, fragment(0, octets(16), true));
  expect(add(reassembly, fragment(0, octets(4), false))?.length).toBe(44);
  expect(add(reassembly, fragment(16, octets(8), false))?.length).toBe(64);
});

test('headers before the fragment header are kept, and linked to what followed it', () => {
  const data = octets(8);
  const b = new Uint8Array(64);
  b.set(hex(`600000000018 00 40 ${ADDRESSES} 2c00010400000000 3b00 0001 00000005`));
  b.set(data, 56);
  expect(fragmentHeader6(b)).toBe(48);
  const reassembly = new Reassembly6();
  add(reassembly, b);
  const whole = add(reassembly, fragment(8, data, false));
  expect(toHex(whole ?? new Uint8Array(0))).toBe(toHex(hex(`600000000018 00 40 ${ADDRESSES} 3b00010400000000`)) + 'a5'.repeat(16));
});

test('what waits is forgotten in time, and bounded in number: the oldest goes first', () => {
  const reassembly = new Reassembly6(3);
  for (let id = 1; id <= 4; id++) add(reassembly, fragment(0, octets(8), true, id));
  const ends = [4, 3, 2, 1].map((id) => add(reassembly, fragment(8, octets(8), false, id)) !== null);
  expect(ends).toEqual([true, true, true, false]);

  const late = new Reassembly6();
  add(late, fragment(0, octets(8), true), 0);
  expect(add(late, fragment(8, octets(8), false), REASSEMBLY_TIMEOUT6)).toBe(null);
});

test('any octets at all are taken without harm, and what comes out is a whole packet', () => {
  const mutation = fc.record({ at: fc.nat(200), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(7), fc.array(mutation, { maxLength: 4 })), { maxLength: 12 }), (list) => {
      const fragments = fragments6(request(2000), 400, 5);
      const reassembly = new Reassembly6();
      for (const [i, mutations] of list) {
        const b = fragments[i % fragments.length].slice();
        for (const { at, value } of mutations) b[at % b.length] = value;
        b[4] = (b.length - 40) >>> 8;
        b[5] = b.length - 40;
        const at = fragmentHeader6(b);
        const whole = at < 0 ? null : reassembly.add(b, at, 0);
        if (whole !== null) expect((whole[4] << 8) | whole[5]).toBe(whole.length - 40);
      }
    }),
    { seed: 5, numRuns: 1000 },
  );
});
