import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketQueue } from '../../src/sim/packet-queue.js';

test('first in, first out; what comes when it is full is refused and wakes nobody', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 100 }), (limit, pushes) => {
      let woken = 0;
      const queue = new PacketQueue(limit, () => {
        woken++;
      });
      const model: Uint8Array[] = [];
      let taken = 0;
      for (const [i, isPush] of pushes.entries()) {
        const packet = Uint8Array.of(i);
        if (isPush) {
          const hasRoom = model.length < limit;
          expect(queue.push(packet)).toBe(hasRoom);
          if (hasRoom) model.push(packet);
          taken += Number(hasRoom);
        } else {
          expect(queue.shift()).toBe(model.shift() ?? null);
        }
        expect([queue.length, woken]).toEqual([model.length, taken]);
      }
    }),
    { seed: 8 },
  );
});
