import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checksum6 } from '../../src/wire/checksum.js';
import { IPV6_LEN, IPV6_SRC } from '../../src/wire/ipv6.js';
import { put16, put32, u16 } from '../../src/wire/octets.js';
import { HEADERS_ROOM, SegmentCutter, SegmentJoiner } from '../../src/wire/segments.js';
import { TCP, TCP_CHECKSUM, TCP_FLAGS, TCP_LEN, TcpFlag } from '../../src/wire/tcp.js';

/** Where packets lie: none at an even distance to any other. */
const STRIDE = 3001;
const PLACES = 70;
/** Where a train lies, and where headers may. */
const TRAIN = PLACES * STRIDE;
const HEADERS = TRAIN + 0x11000;
const { ack, psh, fin, syn, cwr, ece } = TcpFlag;

/** For comparing: of arrays that are not the same vitest has a lot to say, an octet at a time. */
const hex = (packets: readonly Uint8Array[]): string[] => packets.map((each) => Buffer.from(each).toString('hex'));

function memory() {
  const b = new Uint8Array(HEADERS + 2 * HEADERS_ROOM).fill(0xa5);
  return { b, view: new DataView(b.buffer) };
}

/** What a segment is made of. */
interface Segment {
  readonly sequence: number;
  readonly flags: number;
  readonly options: readonly number[];
  readonly payload: readonly number[];
}

/** A segment as its sender makes it, with the checksum of `checksum6`, which is checked against others in its own test. */
function segment({ sequence, flags, options, payload }: Segment): Uint8Array {
  const tcp = [0x04, 0xd2, 0x00, 0x50, 0, 0, 0, 0, 0, 0, 0, 1, (TCP_LEN + options.length) << 2, flags, 0x20, 0x00, 0, 0, 0, 0];
  const b = new Uint8Array([0x60, 0x12, 0x34, 0x56, 0, 0, TCP, 64, ...new Array(32).fill(0), ...tcp, ...options, ...payload]);
  b.set([0x20, 0x01, 0x0d, 0xb8, 1], IPV6_SRC);
  b.set([0x20, 0x01, 0x0d, 0xb8, 2], IPV6_SRC + 16);
  put16(b, 4, b.length - IPV6_LEN);
  put32(b, IPV6_LEN + 4, sequence);
  put16(b, IPV6_LEN + TCP_CHECKSUM, checksum6(b, IPV6_SRC, TCP, IPV6_LEN, b.length));
  return b;
}

/** The segments of one stream, as a sender cuts it: by RFC 9293 section 3.8.3, nothing of our code. */
function stream({
  octets,
  size,
  sequence,
  last,
  first,
  all = 0,
  options,
}: {
  readonly octets: number;
  readonly size: number;
  readonly sequence: number;
  readonly last: number;
  readonly first: number;
  readonly all?: number;
  readonly options: readonly number[];
}): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let at = 0; at < octets; at += size) {
    const payload = Array.from({ length: Math.min(size, octets - at) }, (_, i) => ((at + i) * 7919) & 0xff);
    const flags = ack | all | (at === 0 ? first : 0) | (at + size >= octets ? last : 0);
    segments.push(segment({ sequence: (sequence + at) >>> 0, flags, options, payload }));
  }
  return segments;
}

/** Ones' complement sum of the pseudo-header alone, as it stands in a packet that is to be cut. */
function partial(b: Uint8Array, len: number): number {
  let sum = len + TCP;
  for (let i = IPV6_SRC; i < IPV6_LEN; i += 2) sum += u16(b, i);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return sum;
}

/** The train of a stream as the kernel gives it. */
function train(segments: readonly Uint8Array[], headersLen: number): Uint8Array {
  const [first, last] = [segments[0], segments[segments.length - 1]];
  const b = new Uint8Array([...first.subarray(0, headersLen), ...segments.flatMap((each) => [...each.subarray(headersLen)])]);
  b[IPV6_LEN + TCP_FLAGS] |= last[IPV6_LEN + TCP_FLAGS];
  put16(b, 4, b.length - IPV6_LEN);
  put16(b, IPV6_LEN + TCP_CHECKSUM, partial(b, b.length - IPV6_LEN));
  return b;
}

const streams = fc.record({
  octets: fc.integer({ min: 1, max: 12_000 }),
  size: fc.integer({ min: 500, max: 1400 }),
  sequence: fc.oneof(fc.nat(0xffffffff), fc.constant(0xfffffff0)),
  last: fc.constantFrom(0, psh, fin, psh | fin),
  first: fc.constant(0),
  options: fc.constantFrom([], [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], new Array(40).fill(1)),
});

describe('a train is cut into', () => {
  /** All segments of the packet `whole`, each at a place of its own; the first takes that of the train when `inPlace`. */
  function cut(whole: Uint8Array, upper: number, size: number, inPlace: boolean): Uint8Array[] {
    const { b, view } = memory();
    const cutter = new SegmentCutter({ b, view }, HEADERS);
    b.set(whole, TRAIN);
    expect(cutter.begin(TRAIN, TRAIN + whole.length, upper, size)).toBe(true);
    const segments: Uint8Array[] = [];
    for (let i = 0; cutter.left > 0; i++) {
      const at = inPlace ? TRAIN : (i % PLACES) * STRIDE;
      segments.push(b.slice(at, cutter.cut(at)));
    }
    return segments;
  }

  test('the segments that its sender would have sent, in place or elsewhere', () => {
    fc.assert(
      fc.property(streams, fc.constantFrom(0, cwr), fc.constantFrom(0, ece), fc.boolean(), (each, first, all, inPlace) => {
        const sent = stream({ ...each, first, all });
        const whole = train(sent, IPV6_LEN + TCP_LEN + each.options.length);
        expect(hex(cut(whole, IPV6_LEN, each.size, inPlace))).toEqual(hex(sent));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('nothing when it is none: no room for a header, one that is too short or longer than the packet, no size, no payload', () => {
    const { b, view } = memory();
    const cutter = new SegmentCutter({ b, view }, HEADERS);
    const [whole] = stream({ octets: 900, size: 900, sequence: 1, last: 0, first: 0, options: [] });
    b.set(whole, TRAIN);
    const begin = (end: number, upper: number, size: number): boolean => cutter.begin(TRAIN, TRAIN + end, upper, size);
    expect(begin(whole.length, IPV6_LEN, 300)).toBe(true);
    expect(begin(whole.length, IPV6_LEN, 0)).toBe(false);
    expect(begin(whole.length, 0, 300)).toBe(false);
    expect(begin(whole.length, HEADERS_ROOM, 300)).toBe(false);
    for (let end = 0; end <= IPV6_LEN + TCP_LEN; end++) expect(begin(end, IPV6_LEN, 300)).toBe(false);
    for (let words = 0; words < 5; words++) {
      b[TRAIN + IPV6_LEN + 12] = words << 4;
      expect(begin(whole.length, IPV6_LEN, 300)).toBe(false);
    }
  });
});

describe('segments are joined', () => {
  /** Joins packets as far as they go: the trains, each as it would be written, with how many packets are in it. */
  function join(packets: readonly Uint8Array[]): { whole: Uint8Array; count: number; size: number }[] {
    const { b, view } = memory();
    const joiner = new SegmentJoiner({ b, view });
    packets.forEach((packet, i) => {
      b.set(packet, i * STRIDE);
    });
    const before = b.slice(0, TRAIN);
    const trains: { whole: Uint8Array; count: number; size: number }[] = [];
    for (let i = 0; i < packets.length; ) {
      const first = i++;
      if (joiner.begin(first * STRIDE, first * STRIDE + packets[first].length))
        while (i < packets.length && joiner.join(i * STRIDE, i * STRIDE + packets[i].length)) i++;
      if (i === first + 1) {
        trains.push({ whole: packets[first], count: 1, size: 0 });
        continue;
      }
      const { headersLen, size } = joiner;
      const end = joiner.writeHeaders(HEADERS + 1);
      expect(end - HEADERS - 1).toBe(headersLen);
      const payload = packets.slice(first, i).flatMap((packet) => [...packet.subarray(headersLen)]);
      trains.push({ whole: new Uint8Array([...b.subarray(HEADERS + 1, end), ...payload]), count: i - first, size });
    }
    expect(Buffer.compare(b.subarray(0, TRAIN), before)).toBe(0);
    return trains;
  }

  test('to the train that they were cut from', () => {
    fc.assert(
      fc.property(streams, (each) => {
        const sent = stream(each);
        const [{ whole, count }, ...more] = join(sent);
        expect([more.length, count]).toEqual([0, sent.length]);
        if (count > 1) expect(hex([whole])).toEqual(hex([train(sent, IPV6_LEN + TCP_LEN + each.options.length)]));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('as they come, and cut again are what they were, whatever they are', () => {
    const headers = fc.record({
      size: fc.constantFrom(0, 100, 100, 100, 1208),
      gap: fc.constantFrom(0, 0, 0, 0, 1),
      flags: fc.constantFrom(ack, ack, ack, ack, ack | psh, ack | fin, ack | cwr, ack | ece, syn, ack | TcpFlag.rst, ack | TcpFlag.urg),
      options: fc.constantFrom([], [], [], [1, 1, 1, 1]),
      damage: fc.option(fc.record({ at: fc.nat(400), bit: fc.nat(7), mend: fc.boolean() }), { freq: 8 }),
      cutTo: fc.constantFrom(1 << 20, 1 << 20, 1 << 20, 60, 50),
    });
    fc.assert(
      fc.property(fc.array(headers, { maxLength: 40 }), (made) => {
        let sequence = 5;
        const packets = made.map(({ size, gap, flags, options, damage, cutTo }) => {
          sequence += gap;
          const packet = segment({ sequence, flags, options, payload: new Array(size).fill(size & 0xff) });
          sequence += size;
          if (damage === null) return packet.slice(0, cutTo);
          packet[damage.at % packet.length] ^= 1 << damage.bit;
          if (damage.mend) {
            put16(packet, IPV6_LEN + TCP_CHECKSUM, 0);
            put16(packet, IPV6_LEN + TCP_CHECKSUM, checksum6(packet, IPV6_SRC, TCP, IPV6_LEN, packet.length));
          }
          return packet.slice(0, cutTo);
        });
        const { b, view } = memory();
        const cutter = new SegmentCutter({ b, view }, HEADERS);
        const again = join(packets).flatMap(({ whole, count, size }) => {
          if (count === 1) return [whole];
          b.set(whole, TRAIN);
          expect(cutter.begin(TRAIN, TRAIN + whole.length, IPV6_LEN, size)).toBe(true);
          const segments: Uint8Array[] = [];
          while (cutter.left > 0) segments.push(b.slice(0, cutter.cut(0)));
          return segments;
        });
        expect(hex(again)).toEqual(hex(packets));
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test('no further than a packet can be long', () => {
    const sent = stream({ octets: 70 * 1208, size: 1208, sequence: 9, last: psh, first: 0, options: [] });
    expect(join(sent).map(({ count }) => count)).toEqual([54, 16]);
  });

  test('never with one whose checksum is wrong: it stays as it is, first, in the middle or last', () => {
    for (const wrong of [0, 3, 9]) {
      const sent = stream({ octets: 10_000, size: 1000, sequence: 9, last: 0, first: 0, options: [] });
      sent[wrong][sent[wrong].length - 1] ^= 1;
      const trains = join(sent);
      expect(trains.filter(({ count }) => count === 1).map(({ whole }) => whole)).toEqual([sent[wrong]]);
      expect(trains).toHaveLength(wrong === 3 ? 3 : 2);
    }
  });

  test('only when all that a train has once is the same: any other octet of the headers keeps them apart', () => {
    const [first, second] = stream({ octets: 200, size: 100, sequence: 9, last: 0, first: 0, options: [1, 1, 1, 1] });
    expect(join([first, second])).toHaveLength(1);
    for (let at = 0; at < IPV6_LEN + TCP_LEN + 4; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const other = second.slice();
        other[at] ^= 1 << bit;
        put16(other, IPV6_LEN + TCP_CHECKSUM, 0);
        put16(other, IPV6_LEN + TCP_CHECKSUM, checksum6(other, IPV6_SRC, TCP, IPV6_LEN, other.length));
        const isLast = at === IPV6_LEN + TCP_FLAGS && ((1 << bit) & (psh | fin)) !== 0;
        const isSum = at === IPV6_LEN + TCP_CHECKSUM || at === IPV6_LEN + TCP_CHECKSUM + 1;
        expect([at, bit, join([first, other]).length]).toEqual([at, bit, isLast || isSum ? 1 : 2]);
      }
    }
  });
});
