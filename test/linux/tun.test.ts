import { userInfo } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { openProtocol41, Protocol41Port } from '../../src/linux/protocol41.js';
import { addTunQueue, openTun, TunPort } from '../../src/linux/tun.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { writeIpv4 } from '../../src/wire/ipv4.js';
import { IPv4Host, IPv6Link } from './far-end.js';
import { Cable, describeInNamespaces, ip, Namespace } from './namespace.js';

const BATCH = 64;
const ROOM = HEADROOM + 2048;
const LOOPBACK = parseIpv4('127.0.0.1') ?? 0;
/** An IPv6 packet without payload of `octets` octets, from 2001:db8::`flow` to ff02::1. */
function packet(octets: number, flow = 1): Uint8Array {
  const b = new Uint8Array(octets);
  b.set([0x60, 0, 0, 0, (octets - 40) >>> 8, octets - 40, 59, 64, 0x20, 0x01, 0x0d, 0xb8]);
  b[23] = flow;
  b.set([0xff, 0x02], 24);
  b[39] = 1;
  return b;
}

describeInNamespaces('a TUN device', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  function namespace(): Namespace {
    const made = new Namespace();
    undo.push(() => made.close());
    return made;
  }

  function device(where: Namespace, queues: number): number[] {
    const fds = where.run(() => openTun('tlx0', { queues }));
    undo.push(() => fds.forEach(close));
    where.run(() => ip('link set dev tlx0 mtu 1480 up'));
    return fds;
  }

  test('every packet comes out of one of its queues, one that was opened later too', () => {
    const where = namespace();
    const fds = device(where, 2);
    fds.push(where.run(() => addTunQueue('tlx0')));
    const arena = new Arena(2 << 20);
    const ports = fds.map((fd) => new TunPort(arena, fd, BATCH, ROOM, { trains: false }));
    const far = where.run(() => new IPv6Link('tlx0', null));
    undo.push(() => far.close());
    for (let flow = 0; flow < 100; flow++) far.send(packet(60, flow));
    const got: number[] = [];
    for (const port of ports)
      for (let n = port.receive(); n > 0; n = port.receive()) got.push(...port.batch.slice(0, n).map(({ b, off }) => b[off + 23]));
    expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, flow) => flow));
  });

  test('belongs to the user who made it: no other may add a queue to it', () => {
    const where = namespace();
    device(where, 1);
    const [link] = JSON.parse(where.run(() => ip('-json -details link show dev tlx0')));
    expect(link.linkinfo.info_data.user).toBe(userInfo().username);
  });

  test('leaves with its last queue', () => {
    const where = namespace();
    const [first, second] = where.run(() => openTun('tlx0', { queues: 2 }));
    close(first);
    expect(where.run(() => ip('-o link show dev tlx0'))).toContain('tlx0');
    close(second);
    expect(where.run(() => ip('-o link show'))).not.toContain('tlx0');
  });

  test('that was deleted is known to be gone, refuses every frame, and is polled no more', () => {
    const where = namespace();
    const [fd] = device(where, 1);
    const arena = new Arena(1 << 20);
    const port = new TunPort(arena, fd, BATCH, ROOM, { trains: false });
    const poller = new Poller(arena, [fd]);
    expect([port.receive(), port.gone]).toEqual([0, false]);
    where.run(() => ip('link delete dev tlx0'));
    expect([port.receive(), port.gone]).toEqual([0, true]);
    port.batch[0].fill(packet(60), 0, 60);
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.tunnel_down]);
    expect([poller.wait(0), poller.ready(0)]).toEqual([1, true]);
    poller.forget(0);
    expect([poller.wait(0), poller.ready(0)]).toEqual([0, false]);
  });

  test('gives frames that go on through a socket with a header in front, no octet copied', () => {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => cable.close());
    const [fd] = device(cable.a, 1);
    const raw = cable.a.run(() => openProtocol41({ worker: 0, workers: 1, key: 1 }));
    undo.push(() => close(raw));
    const arena = new Arena(2 << 20);
    const tun = new TunPort(arena, fd, BATCH, ROOM, { trains: false });
    const carrier = new Protocol41Port(arena, raw, 8, ROOM);
    const inside = cable.a.run(() => new IPv6Link('tlx0', null));
    const outside = cable.b.run(() => new IPv4Host(41, { withHeader: false }));
    undo.push(
      () => inside.close(),
      () => outside.close(),
    );
    const packets = Array.from({ length: 20 }, (_, i) => packet(60 + i, i));
    for (const each of packets) inside.send(each);
    expect(tun.receive()).toBe(20);
    const to = parseIpv4('192.0.2.2') ?? 0;
    for (const frame of tun.batch.slice(0, 20)) {
      const at = frame.push(20);
      writeIpv4(frame.b, at, frame.end - at, 0, 0, 64, 41, parseIpv4('192.0.2.1') ?? 0, to);
      frame.remote.addr = to;
    }
    expect(carrier.send(tun.batch, 20)).toBe(20);
    expect(outside.take().map((each) => each.slice(20))).toEqual(packets);
  });

  test('carries a hundred thousand packets each way, and its carrier too, with nothing on the heap for any of them', () => {
    const where = namespace();
    const [fd] = device(where, 1);
    const raw = where.run(() => openProtocol41({ worker: 0, workers: 1, key: 1 }));
    undo.push(() => close(raw));
    const arena = new Arena(2 << 20);
    const tun = new TunPort(arena, fd, BATCH, ROOM, { trains: false });
    const carrier = new Protocol41Port(arena, raw, BATCH, ROOM);
    const inside = where.run(() => new IPv6Link('tlx0', null));
    undo.push(() => inside.close());
    const frames = arena.makeBatch(BATCH, ROOM);
    for (const frame of frames) frame.fill(packet(104), 0, 104);
    const one = packet(104);

    /** One batch through every call of both ports: out of the TUN device, into the socket, out of it, back into the device. */
    const round = (): number => {
      const n = tun.receive();
      tun.send(frames, BATCH);
      for (let i = 0; i < BATCH; i++) {
        const at = frames[i].push(20);
        writeIpv4(frames[i].b, at, frames[i].end - at, 0, 0, 64, 41, LOOPBACK, LOOPBACK);
        frames[i].remote.addr = LOOPBACK;
      }
      carrier.send(frames, BATCH);
      for (let i = 0; i < BATCH; i++) frames[i].pull(20);
      return n + carrier.receive();
    };
    const heap = (): number => process.memoryUsage().heapUsed;
    const rounds = (n: number): number => {
      let received = 0;
      for (let i = 0; i < n; i++) received += round();
      return received;
    };
    for (let i = 0; i < BATCH; i++) inside.send(one);
    expect(rounds(1)).toBe(2 * BATCH);
    rounds(300);
    const before = heap();
    const received = rounds(1563);
    const grown = heap() - before;
    expect(received).toBe(1563 * BATCH);
    // One number on the heap is 16 octets; what the runtime does besides is some 100 kB in all.
    expect(grown / received).toBeLessThan(8);
  });
});
