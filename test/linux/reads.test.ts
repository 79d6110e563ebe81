import { afterEach, expect, test } from 'vitest';
import { Arena } from '../../src/linux/arena.js';
import { close } from '../../src/linux/libc.js';
import { ReadBuffers, type Reader, ReadLoop, ReadRing } from '../../src/linux/reads.js';
import { openTun } from '../../src/linux/tun.js';
import { IPv6Link } from './far-end.js';
import { describeInNamespaces, ip, Namespace } from './namespace.js';

const BUFFERS = 16;
/** Packets that make a queue worth more than one read a call. */
const MANY = 400;
const ROOM = 2048;
/** Octets free in front of a packet; what the kernel says of it comes before the packet. */
const BEFORE = 100;
const SAID = 10;

/** An IPv6 packet of 40 octets and more, for all nodes on the link, that begins and ends with what `number` makes it. */
function packet(number: number): Uint8Array {
  const b = new Uint8Array(41 + (number % 7));
  b.set([0x60, 0, 0, number, 0, b.length - 40, 59, 64, 0x20, 0x01, 0x0d, 0xb8]);
  b.set([0xff, 0x02], 24);
  b[b.length - 1] = number;
  return b;
}

const READERS: readonly (readonly [name: string, make: (arena: Arena, fd: number) => Reader])[] = [
  ['many a call', (arena, fd) => new ReadRing(arena, fd, BUFFERS)],
  ['one a call', (arena, fd) => new ReadLoop(arena, fd)],
];

for (const [name, make] of READERS) {
  describeInNamespaces(`reads, ${name}`, () => {
    const undo: (() => void)[] = [];
    afterEach(() => {
      for (const step of undo.splice(0).reverse()) step();
    });

    function device() {
      const namespace = new Namespace();
      undo.push(() => namespace.close());
      const [fd] = namespace.run(() => openTun('tlx0', { queues: 1 }));
      undo.push(() => close(fd));
      namespace.run(() => ip('link set dev tlx0 mtu 1500 up'));
      const far = namespace.run(() => new IPv6Link('tlx0', null));
      undo.push(() => far.close());
      const arena = new Arena(1 << 20);
      undo.push(() => arena.unmap());
      return { namespace, far, arena, reader: make(arena, fd), buffers: new ReadBuffers(arena, BUFFERS, BEFORE, ROOM) };
    }

    test('take packets in their order, until none waits or no buffer is free, and the rest after that', () => {
      const { far, arena, reader, buffers } = device();
      let next = 0;
      let expected = 0;
      for (const waiting of [0, 1, 2, 3, BUFFERS - 1, BUFFERS, BUFFERS + 1, MANY, MANY - 1, 1, 0, BUFFERS]) {
        for (let i = 0; i < waiting; i++) far.send(packet(next++ & 0xff));
        for (let rounds = 0; rounds <= MANY / BUFFERS; rounds++) {
          buffers.clear();
          arena.b.fill(0xa5); // what is in front of packets and behind them is not to be touched
          while (reader.read(buffers)) {}
          for (let i = 0; i < buffers.count; i++) {
            const at = buffers.offsets[i];
            const sent = packet(expected++ & 0xff);
            expect(buffers.lengths[i]).toBe(SAID + sent.length);
            expect(arena.b.slice(at + SAID, at + SAID + sent.length)).toEqual(sent);
            expect([arena.b[at - 1], arena.b[at + SAID + sent.length]]).toEqual([0xa5, 0xa5]);
          }
          expect(buffers.count).toBeLessThanOrEqual(BUFFERS);
        }
        expect(expected).toBe(next);
      }
      expect(reader.gone).toBe(false);
    });

    test('read nothing where no buffer is free, however many packets wait', () => {
      const { far, reader, buffers } = device();
      for (let i = 0; i < MANY + 1; i++) far.send(packet(1));
      for (let taken = 0; taken < MANY; taken += BUFFERS) {
        buffers.clear();
        while (buffers.free > 0) expect(reader.read(buffers)).toBe(true);
      }
      buffers.clear();
      buffers.use(BUFFERS);
      expect([reader.read(buffers), buffers.count]).toEqual([false, 0]);
      buffers.clear();
      reader.read(buffers);
      expect(buffers.count).toBe(1);
    });

    test('know when the device was deleted', () => {
      const { namespace, reader, buffers } = device();
      namespace.run(() => ip('link delete dev tlx0'));
      expect([reader.read(buffers), buffers.count, reader.gone]).toEqual([false, 0, true]);
    });
  });
}
