import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asksForSourceRouting, MAX_EXTENSIONS, upperLayer, upperProtocol } from '../../src/wire/extension.js';
import { fenced, octetsOf } from './octet-arrays.js';

const HOP_BY_HOP = 0;
const TCP = 6;
const UDP = 17;
const ROUTING = 43;
const FRAGMENT = 44;
const ESP = 50;
const AUTHENTICATION = 51;
const NONE = 59;
const DESTINATION = 60;

/** An extension header of type `type`, without its first octet: that is the next one's type. */
interface Header {
  readonly type: number;
  readonly rest: readonly number[];
}

const padded = (n: number): number[] => [n, ...new Array<number>(6 + 8 * n).fill(0xa5)];
const options: fc.Arbitrary<Header> = fc.record({ type: fc.constantFrom(HOP_BY_HOP, DESTINATION), rest: fc.nat(3).map(padded) });
const authentication: fc.Arbitrary<Header> = fc
  .integer({ min: 0, max: 6 })
  .map((n) => ({ type: AUTHENTICATION, rest: [n, ...new Array<number>(6 + 4 * n).fill(0xa5)] }));
const routing = (type: number, left: number): Header => ({ type: ROUTING, rest: [2, type, left, ...new Array<number>(20).fill(0xa5)] });
const fragment = (offset: number, more: boolean): Header => ({
  type: FRAGMENT,
  rest: [0, offset >>> 5, ((offset & 31) << 3) | (more ? 1 : 0), 1, 2, 3, 4],
});

/** Headers that a walk passes. */
const passed = fc.oneof(
  options,
  authentication,
  fc.record({ type: fc.constantFrom(2, 3, 4), left: fc.nat(3) }).map(({ type, left }) => routing(type, left)),
  fc.constant(routing(0, 0)),
  fc.boolean().map((more) => fragment(0, more)),
);

/** An IPv6 packet with those headers, then `upper` of type `protocol`; payload length and addresses are 0xa5. */
function chain(headers: readonly Header[], protocol: number, upper: readonly number[]): Uint8Array {
  const b = [0x60, ...new Array<number>(39).fill(0xa5)];
  b[6] = headers[0]?.type ?? protocol;
  for (const [i, header] of headers.entries()) b.push(headers[i + 1]?.type ?? protocol, ...header.rest);
  return Uint8Array.from([...b, ...upper]);
}

const protocols = fc.constantFrom(TCP, UDP, 58, NONE, ESP, 4, 41, 135, 139, 140, 255);

test('the upper layer follows whatever extension headers there are', () => {
  fc.assert(
    fc.property(fc.array(passed, { maxLength: MAX_EXTENSIONS }), protocols, fc.nat(20), fc.nat(9), (headers, protocol, len, off) => {
      const packet = chain(headers, protocol, new Array<number>(len).fill(0xa5));
      const b = Uint8Array.of(...new Uint8Array(off).fill(0xa5), ...packet, 0xa5);
      const end = off + packet.length;
      const whole = fenced(b, off, end);
      expect([upperLayer(whole, off, end), upperProtocol(whole, off, end)]).toEqual([end - len, protocol]);
      expect(asksForSourceRouting(whole, off, end)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

test('a chain that is cut anywhere has no upper layer', () => {
  fc.assert(
    fc.property(fc.array(passed, { minLength: 1, maxLength: MAX_EXTENSIONS }), fc.nat(), (headers, pick) => {
      const b = chain(headers, UDP, []);
      const end = 40 + (pick % (b.length - 40));
      const cut = fenced(b, 0, end);
      expect([upperLayer(cut, 0, end), upperProtocol(cut, 0, end), asksForSourceRouting(cut, 0, end)]).toEqual([-1, -1, false]);
    }),
    { numRuns: 1_000 },
  );
});

test('a fragment that is not the first ends the walk at its fragment header', () => {
  fc.assert(
    fc.property(
      fc.array(passed, { maxLength: MAX_EXTENSIONS - 1 }),
      fc.integer({ min: 1, max: 0x1fff }),
      fc.boolean(),
      (before, offset, more) => {
        const b = chain([...before, fragment(offset, more)], ROUTING, [UDP, 0, 0, 1, 0, 0, 0, 0]);
        expect([upperLayer(b, 0, b.length), upperProtocol(b, 0, b.length)]).toEqual([b.length - 16, FRAGMENT]);
        expect(asksForSourceRouting(b, 0, b.length)).toBe(false);
      },
    ),
  );
});

test('RFC 5095: a type 0 routing header with segments left asks for source routing, wherever it stands', () => {
  fc.assert(
    fc.property(
      fc.array(passed, { maxLength: MAX_EXTENSIONS - 1 }),
      fc.integer({ min: 1, max: 255 }),
      fc.array(passed, { maxLength: 9 }),
      (before, left, after) => {
        const b = chain([...before, routing(0, left), ...after], UDP, []);
        expect(asksForSourceRouting(b, 0, b.length)).toBe(true);
        const headerEnd = 40 + 24 + before.reduce((len, header) => len + 1 + header.rest.length, 0);
        expect(asksForSourceRouting(fenced(b, 0, headerEnd), 0, headerEnd)).toBe(true);
      },
    ),
  );
});

test('a chain of more headers than are walked has no upper layer, and cannot hide source routing', () => {
  const row = new Array<Header>(MAX_EXTENSIONS).fill({ type: DESTINATION, rest: padded(0) });
  const longest = chain(row, UDP, []);
  expect([upperLayer(longest, 0, longest.length), asksForSourceRouting(longest, 0, longest.length)]).toEqual([longest.length, false]);
  for (const hidden of [[], [routing(0, 1)]]) {
    const longer = chain([...row, row[0], ...hidden], UDP, []);
    expect([upperLayer(longer, 0, longer.length), upperProtocol(longer, 0, longer.length)]).toEqual([-1, -1]);
    expect(asksForSourceRouting(longer, 0, longer.length)).toBe(true);
  }
});

test('any octets: the walk ends, inside the packet', () => {
  const types = fc.constantFrom(HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, UDP);
  fc.assert(
    fc.property(octetsOf(200), fc.array(types, { maxLength: 25 }), fc.integer({ min: 40, max: 200 }), (b, likely, end) => {
      b[6] = likely[0] ?? b[6];
      for (const [i, type] of likely.slice(1).entries()) b.set([type, 0], Math.min(40 + 8 * i, 198));
      const inside = fenced(b, 0, end);
      const at = upperLayer(inside, 0, end);
      expect(at === -1 || (at >= 40 && at <= end)).toBe(true);
      expect(upperProtocol(inside, 0, end) === -1).toBe(at === -1);
      asksForSourceRouting(inside, 0, end);
    }),
    { numRuns: 5_000 },
  );
});

test('a walk far inside an arena gives offsets into the arena', () => {
  const packet = chain([{ type: DESTINATION, rest: padded(1) }], UDP, [1, 2, 3]);
  const b = new Uint8Array(64 * 1024 * 1024);
  const off = b.length - packet.length;
  b.set(packet, off);
  expect([upperLayer(b, off, b.length), upperProtocol(b, off, b.length)]).toEqual([b.length - 3, UDP]);
});
