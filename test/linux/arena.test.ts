import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena, arenaStride } from '../../src/linux/arena.js';
import { close, open, read, readInto, SystemError } from '../../src/linux/libc.js';
import { Ring } from '../../src/linux/ring.js';

test('what is taken is aligned, apart from everything else, inside, and zero', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.constantFrom(1, 8, 64, 4096)), { maxLength: 20 }), (wanted) => {
      const arena = new Arena(1 << 20);
      let free = 0;
      for (const [octets, align] of wanted) {
        const at = arena.alloc(octets, align);
        expect([at % align, at >= free, at + octets <= arena.b.length]).toEqual([0, true, true]);
        free = at + octets;
      }
      expect(arena.b.every((octet) => octet === 0)).toBe(true);
      arena.unmap();
    }),
    { numRuns: 30, seed: 7 },
  );
});

test('an arena that is used up says how much was wanted of how little', () => {
  const arena = new Arena(4096);
  arena.alloc(4000);
  expect(() => arena.alloc(100)).toThrow('alloc(100 octets of 64): ENOMEM');
  expect(() => new Arena(2 ** 40)).toThrow(SystemError);
  arena.unmap();
});

test('addresses are small integers to V8, over several arenas, and name the octets that the array shows', () => {
  const arenas = [new Arena(64 << 20), new Arena(64 << 20), new Arena(1 << 20)];
  const zero = open('/dev/zero', 0);
  for (const arena of arenas) {
    expect(arena.base + arena.b.length).toBeLessThanOrEqual(2 ** 31);
    arena.view.setUint32(8, 0x01020304, true);
    expect([arena.words[2], ...arena.b.subarray(8, 12), read(zero, arena.base + 8, 3)]).toEqual([0x01020304, 4, 3, 2, 1, 3]);
    expect([...arena.b.subarray(8, 12)]).toEqual([0, 0, 0, 1]);
  }
  close(zero);
  for (const arena of arenas) arena.unmap();
});

test('frames have their room, do not overlap, and their heads spread over the sets of a cache', () => {
  const arena = new Arena(2 << 20);
  for (const room of [128, 2048, 4096, 65664]) {
    const frames = arena.makeBatch(8, room);
    expect(frames.every((frame) => frame.limit - frame.slot === room && frame.b === arena.b)).toBe(true);
    expect(frames.every((frame, i) => i === 0 || frame.slot - frames[i - 1].slot === arenaStride(room))).toBe(true);
    expect(arenaStride(room)).toBeGreaterThanOrEqual(room);
    expect(new Set(frames.map((frame) => frame.slot % 4096)).size).toBe(8);
  }
  arena.unmap();
});

test('an arena leaves no memory and no descriptor behind, that of its rings included', () => {
  const mappings = (): number =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('10000000-') || line.includes('io_uring')).length;
  const before = [readdirSync('/proc/self/fd').length, mappings()];
  const arena = new Arena(1 << 20);
  try {
    new Ring(arena, 1, 64);
  } catch (error) {
    expect(error).toBeInstanceOf(SystemError); // a kernel without rings has none to leave behind
  }
  arena.unmap();
  expect([readdirSync('/proc/self/fd').length, mappings()]).toEqual(before);
});

test('there is no ring for a descriptor that may wait', () => {
  const arena = new Arena(1 << 20);
  const fd = open('/proc/version', 0);
  try {
    // Where there are no rings at all it is another error.
    expect(() => new Ring(arena, fd, 4)).toThrow(/RWF_NOWAIT\): EOPNOTSUPP|io_uring_setup/);
  } finally {
    close(fd);
    arena.unmap();
  }
});

test('an error names the call, what it was called with, and the error', () => {
  const error = new SystemError('bind', 'eth0', 19, 'plug it in');
  expect([error.message, error.call, error.what, error.code]).toEqual(['bind(eth0): ENODEV; plug it in', 'bind', 'eth0', 'ENODEV']);
  expect(new SystemError('read', 'x', 9999).code).toBe('errno 9999');
  expect(readInto(-1, new Uint8Array(1), 1)).toBe(-1);
});
