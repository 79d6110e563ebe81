import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Frame, HEADROOM, makeBatch } from '../../src/core/frame.js';

test('a packet is copied in behind the headroom, whatever was there, and nothing else changes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(9), fc.integer({ min: -300, max: 300 }), (packet, slot, moved) => {
      const b = new Uint8Array(slot + HEADROOM + 60 + 5).fill(0xa5);
      const frame = new Frame(b, slot, slot + HEADROOM + 60);
      frame.off += moved;
      frame.end += 2 * moved;
      expect(frame.fill(Uint8Array.of(1, ...packet, 2), 1, 1 + packet.length)).toBe(true);
      expect([frame.off, frame.end, frame.len]).toEqual([slot + HEADROOM, slot + HEADROOM + packet.length, packet.length]);
      expect(b.slice(frame.off, frame.end)).toEqual(packet);
      expect([...b.subarray(0, frame.off), ...b.subarray(frame.end)].every((octet) => octet === 0xa5)).toBe(true);
    }),
  );
});

test('a packet that does not fit is refused, and the frame keeps what it had', () => {
  const b = new Uint8Array(HEADROOM + 20).fill(0xa5);
  const frame = new Frame(b, 0, HEADROOM + 10);
  frame.fill(Uint8Array.of(1, 2, 3), 0, 3);
  const before = b.slice();
  expect(frame.fill(new Uint8Array(11), 0, 11)).toBe(false);
  expect([frame.off, frame.end, b]).toEqual([HEADROOM, HEADROOM + 3, before]);
  expect(frame.fill(new Uint8Array(10), 0, 10)).toBe(true);
});

test('a packet may be copied from elsewhere in the same memory, overlapping its new place', () => {
  const b = Uint8Array.from({ length: 2 * HEADROOM }, (_, i) => i);
  const frame = new Frame(b, 0, b.length);
  const expected = b.slice(HEADROOM - 8, HEADROOM + 24);
  expect(frame.fill(b, HEADROOM - 8, HEADROOM + 24)).toBe(true);
  expect(b.slice(frame.off, frame.end)).toEqual(expected);
});

test('headers are pushed in front and pulled again without the packet moving', () => {
  const frame = new Frame(new Uint8Array(HEADROOM + 50), 0, HEADROOM + 50);
  frame.fill(Uint8Array.of(9, 8, 7), 0, 3);
  expect([frame.push(20), frame.off, frame.len]).toEqual([HEADROOM - 20, HEADROOM - 20, 23]);
  frame.pull(21);
  expect([frame.off, frame.len, frame.b[frame.off]]).toEqual([HEADROOM + 1, 2, 8]);
  frame.clear();
  expect([frame.off, frame.end, frame.len]).toEqual([HEADROOM, HEADROOM, 0]);
});

test('the frames of a batch share memory and never overlap', () => {
  const batch = makeBatch(4, HEADROOM + 32);
  for (const [i, frame] of batch.entries()) {
    expect(frame.b).toBe(batch[0].b);
    expect([frame.slot, frame.limit]).toEqual([i * (HEADROOM + 32), (i + 1) * (HEADROOM + 32)]);
    expect(frame.fill(new Uint8Array(32).fill(i + 1), 0, 32)).toBe(true);
    frame.b.fill(i + 1, frame.slot, frame.off);
  }
  expect([...batch[0].b]).toEqual(batch.flatMap((_, i) => new Array(HEADROOM + 32).fill(i + 1)));
  expect(makeBatch(0, 10)).toEqual([]);
});
