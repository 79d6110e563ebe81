import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena, arenaStride } from '../../src/linux/arena.js';
import { AF, close, must, SOCK, sendto, socket } from '../../src/linux/libc.js';
import { openTun, TunPort, takeTunTrains } from '../../src/linux/tun.js';
import { openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { checksum6 } from '../../src/wire/checksum.js';
import { IPV6_DST, IPV6_LEN, IPV6_SRC } from '../../src/wire/ipv6.js';
import { put16, put32 } from '../../src/wire/octets.js';
import { TCP, TCP_CHECKSUM, TCP_LEN, TcpFlag } from '../../src/wire/tcp.js';
import { describeInNamespaces, ip, Namespace } from './namespace.js';

/** Frames that a port hands over at a time: a train needs several times as many. */
const BATCH = 16;
const ROOM = HEADROOM + 65_535;
/** Frames that are sent at a time. */
const SPARE = 150;
const SMALL_ROOM = HEADROOM + 2048;
const MTU = 1500;
const FAR = [0x20, 0x01, 0x0d, 0xb8, 0, 2] as const;
const NEAR = [0x20, 0x01, 0x0d, 0xb8, 0, 1] as const;
const HOP_LIMIT = 64;
const UDP = 17;
const LOOPBACK = 0x7f000001;

/** One stream's segments, one behind the other: `damaged` is the one whose checksum is wrong. */
interface Stream {
  readonly size: number;
  readonly octets: number;
  readonly sequence: number;
  readonly port: number;
  readonly damaged: number | null;
}

function segmentsOf({ size, octets, sequence, port, damaged }: Stream): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < octets && packets.length < SPARE; at += size) {
    const len = Math.min(size, octets - at);
    const b = new Uint8Array(IPV6_LEN + TCP_LEN + len).map((_, i) => (at + i) * 31);
    b.set([0x60, 0, 0, 0, 0, 0, TCP, HOP_LIMIT]);
    put16(b, 4, b.length - IPV6_LEN);
    b.fill(0, IPV6_SRC, IPV6_LEN + TCP_LEN);
    b.set(NEAR, IPV6_SRC);
    b.set(FAR, IPV6_DST);
    put16(b, IPV6_LEN, port);
    put32(b, IPV6_LEN + 4, (sequence + at) >>> 0);
    b[IPV6_LEN + 12] = TCP_LEN << 2;
    b[IPV6_LEN + 13] = TcpFlag.ack | (at + size >= octets ? TcpFlag.psh : 0);
    put16(b, IPV6_LEN + TCP_CHECKSUM, checksum6(b, IPV6_SRC, TCP, IPV6_LEN, b.length) ^ (packets.length === damaged ? 0x100 : 0));
    packets.push(b);
  }
  return packets;
}

const streams = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 100, max: MTU - IPV6_LEN - TCP_LEN })),
  octets: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 40_000 })),
  sequence: fc.nat(0xffffffff),
  port: fc.constantFrom(80, 443),
  damaged: fc.option(fc.nat(30), { freq: 2 }),
});

const hex = (packets: readonly Uint8Array[]): string[] => packets.map((each) => Buffer.from(each).toString('hex'));

describeInNamespaces('trains of TCP', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).reverse()) step();
  });

  /** A router between two TUN devices: tlx0 with `NEAR` behind it, tlx1 with `FAR`. */
  function router(trains: { readonly near: boolean; readonly far: boolean }) {
    const where = new Namespace();
    undo.push(() => where.close());
    return where.run(() => {
      for (const which of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv6/conf/${which}/disable_ipv6`, '0');
      writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
      const arena = new Arena(8 * BATCH * arenaStride(ROOM) + 2 * SPARE * arenaStride(SMALL_ROOM) + (1 << 20));
      undo.push(() => arena.unmap());
      const [near, far] = (['near', 'far'] as const).map((side, i) => {
        const [fd] = openTun(`tlx${i}`, { queues: 1 });
        if (trains[side]) takeTunTrains(fd);
        ip(`link set dev tlx${i} addrgenmode none mtu ${MTU} txqueuelen 1000`);
        ip(`link set dev tlx${i} up`);
        ip(`route add 2001:db8:${i + 1}::/48 dev tlx${i}`);
        undo.push(() => close(fd));
        return { port: new TunPort(arena, fd, BATCH, ROOM, { trains: trains[side] }), frames: arena.makeBatch(SPARE, SMALL_ROOM) };
      });
      return { where, near, far, arena };
    });
  }

  /** What comes out; but for what the host says to routers of multicast. */
  function take(port: TunPort): Uint8Array[] {
    const all: Uint8Array[] = [];
    for (let n = port.receive(); n > 0; n = port.receive())
      for (const { b, off, end } of port.batch.slice(0, n)) all.push(b.slice(off, end));
    return all.filter((b) => b[IPV6_DST] !== 0xff);
  }

  /** Packets that we have written into tlx0, as the kernel counts them: a train is one. */
  const written = (where: Namespace): number =>
    where.run(() => Number(/tlx0:\s*\d+\s+(\d+)/.exec(readFileSync('/proc/net/dev', 'utf8'))?.[1]));

  for (const far of [true, false]) {
    const cutter = far ? 'this port' : 'the kernel';
    test(`joined here, routed by the kernel and cut by ${cutter} are the segments that they were, the wrong ones too`, () => {
      const { near, far: other } = router({ near: true, far });
      fc.assert(
        fc.property(fc.array(streams, { minLength: 1, maxLength: 4 }), (each) => {
          const sent = each.flatMap(segmentsOf).slice(0, SPARE);
          sent.forEach((packet, i) => {
            near.frames[i].fill(packet, 0, packet.length);
          });
          expect(near.port.send(near.frames, sent.length)).toBe(sent.length);
          expect(near.frames.slice(0, sent.length).every(({ fate }) => fate === Drop.none)).toBe(true);
          for (const packet of sent) packet[7]--;
          expect(hex(take(other.port))).toEqual(hex(sent));
        }),
        { seed: 2, numRuns: 100 },
      );
    });
  }

  test('enter the kernel in one piece, and a segment whose checksum is wrong by itself', () => {
    const { where, near } = router({ near: true, far: true });
    const send = (stream: Stream): number => {
      const sent = segmentsOf(stream);
      sent.forEach((packet, i) => {
        near.frames[i].fill(packet, 0, packet.length);
      });
      const before = written(where);
      expect(near.port.send(near.frames, sent.length)).toBe(sent.length);
      return written(where) - before;
    };
    const stream = { size: 1000, octets: 12_500, sequence: 7, port: 80, damaged: null };
    expect(send(stream)).toBe(1);
    expect(send({ ...stream, damaged: 5 })).toBe(3);
    expect(send({ ...stream, octets: 1000 })).toBe(1);
  });

  test('are not made where nobody wants them', () => {
    const { where, near } = router({ near: false, far: false });
    const sent = segmentsOf({ size: 1000, octets: 12_500, sequence: 7, port: 80, damaged: null });
    sent.forEach((packet, i) => {
      near.frames[i].fill(packet, 0, packet.length);
    });
    const before = written(where);
    expect(near.port.send(near.frames, sent.length)).toBe(sent.length);
    expect(written(where) - before).toBe(13);
  });

  test('packets that came as one train of UDP enter the kernel as they were, joined or alone', () => {
    const { where, far, arena, near } = router({ near: true, far: true });
    const [from, to] = where.run(() => [openUdp(LOOPBACK, 0, { ttl: 1 }), openUdp(LOOPBACK, 0, { ttl: 1 })]);
    undo.push(
      () => close(from),
      () => close(to),
    );
    const [sender, receiver] = [from, to].map((fd) => new UdpSocketPort(arena, fd, BATCH, ROOM, { trains: true }));
    const size = 700;
    // Of two streams, one after the other, then by turns.
    const [one, other] = [80, 443].map((port) => segmentsOf({ size, octets: 7 * size, sequence: 7, port, damaged: null }));
    const sent = [...one.slice(0, 4), ...other.slice(0, 4), ...[4, 5, 6].flatMap((i) => [one[i], other[i]])];
    sent.forEach((packet, i) => {
      near.frames[i].fill(packet, 0, packet.length);
      near.frames[i].remote.addr = LOOPBACK;
      near.frames[i].remote.port = receiver.localPort;
    });
    expect(sender.send(near.frames, sent.length)).toBe(sent.length);
    expect(receiver.receive()).toBe(sent.length);
    expect(near.port.send(receiver.batch, sent.length)).toBe(sent.length);
    for (const packet of sent) packet[7]--;
    expect(hex(take(far.port))).toEqual(hex(sent));
  });

  test('the host leaves checksums of its own packets to the device: they are complete when they come out', () => {
    const { where, near } = router({ near: true, far: true });
    where.run(() => {
      ip('address add 2001:db8:2::1/128 dev tlx0 nodad');
      const fd = must(socket(AF.INET6, SOCK.DGRAM | SOCK.CLOEXEC, 0), 'socket', 'AF_INET6');
      const to = new Uint8Array(28);
      new DataView(to.buffer).setUint16(0, AF.INET6, true);
      put16(to, 2, 9);
      to.set(NEAR, 8);
      for (const octets of [0, 1, 999, 1400]) must(sendto(fd, new Uint8Array(octets).fill(0x5a), octets, 0, to, 28), 'sendto', 'NEAR');
      close(fd);
    });
    const packets = take(near.port);
    expect(packets.map(({ length }) => length - IPV6_LEN - 8)).toEqual([0, 1, 999, 1400]);
    for (const b of packets) expect([b[6], checksum6(b, IPV6_SRC, UDP, IPV6_LEN, b.length)]).toEqual([UDP, 0]);
  });

  test('carry a hundred thousand segments out of one device and into the other with nothing on the heap for any of them', () => {
    const { near, far } = router({ near: true, far: true });
    const sent = segmentsOf({ size: 1208, octets: 48 * 1208, sequence: 7, port: 80, damaged: null });
    sent.forEach((packet, i) => {
      near.frames[i].fill(packet, 0, packet.length);
    });
    const rounds = (n: number): number => {
      let received = 0;
      for (let i = 0; i < n; i++) {
        near.port.send(near.frames, sent.length);
        for (let k = far.port.receive(); k > 0; k = far.port.receive()) received += k;
      }
      return received;
    };
    rounds(400);
    const before = process.memoryUsage().heapUsed;
    const received = rounds(2100);
    const grown = process.memoryUsage().heapUsed - before;
    expect(received).toBeGreaterThanOrEqual(2100 * 48);
    // One number on the heap is 16 octets; what the runtime does besides is some 100 kB in all.
    expect(grown / received).toBeLessThan(8);
  });
});
