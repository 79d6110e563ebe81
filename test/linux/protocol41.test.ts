import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { type Frame, HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { close, int32, must, SO, SOL, setsockopt } from '../../src/linux/libc.js';
import { overflowOf } from '../../src/linux/overflow.js';
import { Poller } from '../../src/linux/poll.js';
import { openProtocol41, Protocol41Port } from '../../src/linux/protocol41.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { checksum } from '../../src/wire/checksum.js';
import { FRAGMENTATION_NEEDED, Icmp4, writeIcmp4Error } from '../../src/wire/icmp4.js';
import { dst4, fragment4, identification4, Protocol, src4, tos4, totalLen4, ttl4, writeIpv4 } from '../../src/wire/ipv4.js';
import { type FarEnd, IPv4Host, Tap } from './far-end.js';
import { Cable, describeInNamespaces, ip } from './namespace.js';

const HERE = parseIpv4('192.0.2.1') ?? 0;
const THERE = parseIpv4('192.0.2.2') ?? 0;
const BATCH = 64;
const KEY = 0x9e3779b1;
const ROOM = HEADROOM + 4096;
const ETHERNET_LEN = 14;
const ETH_P_IP = 0x0800;
const MF = 0x2000;

describeInNamespaces('protocol 41 on a cable', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  function cable(): Cable {
    const made = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => made.close());
    return made;
  }

  function portIn({ a }: Cable, worker = 0, workers = 1, key = KEY): { port: Protocol41Port; arena: Arena; fd: number } {
    const fd = a.run(() => openProtocol41({ worker, workers, key }));
    undo.push(() => close(fd));
    const arena = new Arena(4 << 20);
    return { port: new Protocol41Port(arena, fd, BATCH, ROOM), arena, fd };
  }

  function farEnd<T extends FarEnd>({ b }: Cable, open: () => T): T {
    const far = b.run(open);
    undo.push(() => far.close());
    return far;
  }

  /** An outer packet of `octets` octets in `frame`, its inner octets counting up. */
  function outer(frame: Frame, octets: number, to = THERE, tos = 0, ttl = 64): void {
    frame.clear();
    frame.end = frame.off + octets;
    for (let i = 0; i < octets; i++) frame.b[frame.off + i] = i;
    writeIpv4(frame.b, frame.off, octets, tos, 0, ttl, 41, HERE, to);
    frame.remote.addr = to;
  }

  async function arrived(fd: number, arena: Arena, take: () => Uint8Array[], n: number): Promise<Uint8Array[]> {
    const poller = new Poller(arena, [fd]);
    const packets = take();
    for (let i = 0; i < 100 && packets.length < n; i++) {
      poller.wait(10);
      packets.push(...take());
    }
    return packets;
  }

  test('fragments keep source, time to live and traffic class, share one identification that is not 0, and are whole units', async () => {
    const wire = cable();
    const { port, arena } = portIn(wire);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    outer(port.batch[0], 3000, THERE, 0xb9, 7);
    outer(port.batch[1], 1501, THERE, 0x02, 255);
    expect([port.send(port.batch, 2), port.batch[0].fate, port.batch[1].fate]).toEqual([2, Drop.none, Drop.none]);

    const packets = (await arrived(tap.fd, arena, () => tap.take(), 5)).map((frame) => frame.subarray(ETHERNET_LEN));
    expect(
      packets.map((b) => [totalLen4(b, 0), fragment4(b, 0), ttl4(b, 0), tos4(b, 0), src4(b, 0), dst4(b, 0), checksum(b, 0, 20)]),
    ).toEqual([
      [1500, MF, 7, 0xb9, HERE, THERE, 0],
      [1500, MF | 185, 7, 0xb9, HERE, THERE, 0],
      [40, 370, 7, 0xb9, HERE, THERE, 0],
      [1500, MF, 255, 0x02, HERE, THERE, 0],
      [21, 185, 255, 0x02, HERE, THERE, 0],
    ]);
    const ids = packets.map((b) => identification4(b, 0));
    expect([new Set(ids.slice(0, 3)).size, new Set(ids.slice(3)).size]).toEqual([1, 1]);
    expect(ids).not.toContain(0);
    expect(ids[0]).not.toBe(ids[3]);
  });

  test('a packet after one that was fragmented is sent with its own header again', async () => {
    const wire = cable();
    const { port, arena } = portIn(wire);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    outer(port.batch[0], 1600, THERE, 0, 9);
    outer(port.batch[1], 100, THERE, 0x04, 8);
    expect(port.send(port.batch, 2)).toBe(2);
    const packets = (await arrived(tap.fd, arena, () => tap.take(), 3)).map((frame) => frame.subarray(ETHERNET_LEN));
    expect(packets.map((b) => [totalLen4(b, 0), ttl4(b, 0), tos4(b, 0)])).toEqual([
      [1500, 9, 0],
      [120, 9, 0],
      [100, 8, 4],
    ]);
  });

  test('an ICMP error about a path MTU, which anybody can forge, has no packet cut', async () => {
    const wire = cable();
    const { port, arena } = portIn(wire);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    const forger = farEnd(wire, () => new IPv4Host(Protocol.icmp, { withHeader: true }));
    outer(port.batch[0], 100);
    outer(port.batch[1], 1400);
    const error = new Uint8Array(576);
    const { b, off, end } = port.batch[0];
    const last = writeIcmp4Error(error, 0, THERE, Icmp4.unreachable, FRAGMENTATION_NEEDED, 552, b, off, end);
    forger.send(error.subarray(0, last));
    expect(port.send(port.batch.slice(1), 1)).toBe(1);
    const packets = (await arrived(tap.fd, arena, () => tap.take(), 1)).map((frame) => frame.subarray(ETHERNET_LEN));
    expect(packets.map((packet) => totalLen4(packet, 0))).toEqual([1400]);
  });

  test('a source that the host does not have is sent from all the same, whole or in fragments', async () => {
    const wire = cable();
    const { port, arena } = portIn(wire);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    wire.a.run(() => ip('address add 192.0.2.9/24 dev tlxa'));
    wire.a.run(() => ip('address delete 192.0.2.1/24 dev tlxa'));
    wire.a.run(() => ip('address replace 192.0.2.9/24 dev tlxa'));
    outer(port.batch[0], 100);
    outer(port.batch[1], 1600);
    expect([port.send(port.batch, 2), port.batch[0].fate, port.batch[1].fate]).toEqual([2, Drop.none, Drop.none]);
    const packets = (await arrived(tap.fd, arena, () => tap.take(), 3)).map((frame) => frame.subarray(ETHERNET_LEN));
    expect(packets.map((b) => src4(b, 0))).toEqual([HERE, HERE, HERE]);
  });

  test('what routes forbid has the fate of its kind, whole or in fragments', () => {
    const wire = cable();
    const { port } = portIn(wire);
    const routes = ['unreachable', 'blackhole', 'prohibit', 'throw'].map((type, i) => {
      const to = `203.0.113.${i + 1}`;
      wire.a.run(() => ip(`route add ${type} ${to}`));
      return parseIpv4(to) ?? 0;
    });
    for (const [i, to] of [...routes, ...routes].entries()) outer(port.batch[i], i < routes.length ? 100 : 1600, to);
    expect(port.send(port.batch, 8)).toBe(8);
    const expected = [Drop.no_route, Drop.no_route, Drop.send_refused, Drop.no_route];
    expect(port.batch.slice(0, 8).map((frame) => frame.fate)).toEqual([...expected, ...expected]);
  });

  test('packets for neighbours that do not answer keep nobody else from sending', ({ skip }) => {
    const { port, fd } = portIn(cable());
    const mayForce = setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, int32(8 << 20), 4) === 0;
    skip(!mayForce, 'needs CAP_NET_ADMIN of the host, to exceed its limit of socket buffers');
    for (let neighbour = 3; neighbour < 120; neighbour++) {
      for (let burst = 0; burst < 2; burst++) {
        for (const frame of port.batch) outer(frame, 1400, parseIpv4(`192.0.2.${neighbour}`) ?? 0);
        port.send(port.batch, BATCH);
      }
    }
    outer(port.batch[0], 1400);
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.none]);
  });

  test('a socket that is full handles what it took, and leaves the rest to the caller', () => {
    const { port, fd } = portIn(cable());
    must(setsockopt(fd, SOL.SOCKET, SO.SNDBUF, int32(4096), 4), 'setsockopt', 'SO_SNDBUF');
    // Packets for a neighbour that does not answer wait in the socket's buffer for an answer.
    for (const frame of port.batch) {
      outer(frame, 1000, parseIpv4('192.0.2.77') ?? 0);
      frame.fate = 99;
    }
    const handled = port.send(port.batch, BATCH);
    expect(handled).toBeGreaterThan(0);
    expect(handled).toBeLessThan(BATCH);
    expect(port.batch.map((frame) => frame.fate)).toEqual(port.batch.map((_, i) => (i < handled ? Drop.none : 99)));
  });

  test('an outer header that lies about itself is refused as truncated', () => {
    const { port } = portIn(cable());
    outer(port.batch[0], 24);
    port.batch[0].b[port.batch[0].off] = 0x4f;
    port.batch[1].clear();
    port.batch[1].remote.addr = THERE;
    expect(port.send(port.batch, 2)).toBe(2);
    expect([port.batch[0].fate, port.batch[1].fate]).toEqual([Drop.truncated, Drop.truncated]);
  });

  test('packets that the socket has no room for are told by the kernel, each once', () => {
    const wire = cable();
    const far = farEnd(wire, () => new IPv4Host(41, { withHeader: true }));
    const { port, fd } = portIn(wire);
    expect(overflowOf(fd)).toBe(0);
    const packet = new Uint8Array(60);
    writeIpv4(packet, 0, 60, 0, 0, 64, 41, THERE, HERE);
    // Enough for any buffer that a host without CAP_NET_ADMIN leaves us, and for the one that we ask for.
    const sent = 40_000;
    for (let i = 0; i < sent; i++) far.send(packet);
    let received = 0;
    for (let n = port.receive(); n > 0; n = port.receive()) received += n;
    expect(received).toBeGreaterThan(1000);
    expect(received + overflowOf(fd)).toBe(sent);
  });

  test.each([0x9e3779b1, 0x61c88647, 0xdeadbeef, 0x00010001])(
    'every packet goes to one of several workers, always the same one for a source, and each has its share, by the key %i',
    (key) => {
      const wire = cable();
      const far = farEnd(wire, () => new IPv4Host(41, { withHeader: true }));
      const workers = [0, 1, 2].map((worker) => portIn(wire, worker, 3, key));
      const sources = Array.from({ length: 60 }, (_, i) => 0xc0000264 + i);
      for (let round = 0; round < 2; round++) {
        for (const source of sources) {
          const packet = new Uint8Array(60);
          writeIpv4(packet, 0, 60, 0, 0, 64, 41, source, HERE);
          far.send(packet);
        }
      }
      const got = workers.map(({ port }) => {
        const from: number[] = [];
        for (let n = port.receive(); n > 0; n = port.receive()) from.push(...port.batch.slice(0, n).map((frame) => frame.remote.addr));
        return from;
      });
      expect(got.flat().sort()).toEqual([...sources, ...sources].sort());
      for (const from of got) {
        expect(from.length).toBe(2 * new Set(from).size);
        expect(from.length).toBeGreaterThan(sources.length / 4);
      }
    },
  );

  test('neighbour discovery goes to the first worker whatever its outer source, and nothing else does', () => {
    const wire = cable();
    const far = farEnd(wire, () => new IPv4Host(41, { withHeader: true }));
    const source = sourceOf(wire, 2);
    const workers = [0, 1, 2].map((worker) => portIn(wire, worker, 3).port);
    /** Next header, hop limit and ICMPv6 type of the inner packet, and octets of the outer one. */
    const cases: readonly (readonly [next: number, hops: number, type: number, octets: number, worker: number])[] = [
      ...[133, 134, 135, 136, 137].map((type) => [58, 255, type, 64, 0] as const),
      [58, 255, 135, 61, 0],
      [58, 255, 135, 60, 2],
      [58, 255, 132, 64, 2],
      [58, 255, 138, 64, 2],
      [58, 254, 135, 64, 2],
      [17, 255, 135, 64, 2],
      [58, 255, 135, 28, 2],
    ];
    for (const [next, hops, type, octets] of cases) {
      const packet = new Uint8Array(octets).fill(0xa5);
      writeIpv4(packet, 0, octets, 0, 0, 64, 41, source, HERE);
      packet.set([next, hops], 26);
      if (octets > 60) packet[60] = type;
      far.send(packet);
    }
    const got = workers.map((port) => port.batch.slice(0, port.receive()).map((frame) => frame.len));
    expect(got).toEqual([0, 1, 2].map((worker) => cases.filter(([, , , , to]) => to === worker).map(([, , , octets]) => octets)));
  });

  /** A source whose packets fall to worker `worker` of three. */
  function sourceOf(wire: Cable, worker: number): number {
    const far = farEnd(wire, () => new IPv4Host(41, { withHeader: true }));
    const { port } = portIn(wire, worker, 3);
    for (let source = 0xc0000264; source < 0xc0000300; source++) {
      const packet = new Uint8Array(60);
      writeIpv4(packet, 0, 60, 0, 0, 64, 41, source, HERE);
      far.send(packet);
      if (port.receive() > 0) return source;
    }
    return expect.fail(`no source falls to worker ${worker}`);
  }

  test('a packet larger than the frame has the octets that fit, so that its length gives it away', async () => {
    const wire = cable();
    const fd = wire.a.run(() => openProtocol41({ worker: 0, workers: 1, key: 1 }));
    undo.push(() => close(fd));
    const arena = new Arena(1 << 20);
    const port = new Protocol41Port(arena, fd, 4, HEADROOM + 100);
    const far = farEnd(wire, () => new IPv4Host(41, { withHeader: false }));
    const packet = new Uint8Array(400).fill(0xa5);
    writeIpv4(packet, 0, 400, 0, 0, 64, 41, THERE, HERE);
    far.send(packet);
    new Poller(arena, [fd]).wait(1000);
    expect([port.receive(), port.batch[0].len, port.batch[0].end <= port.batch[0].limit]).toEqual([1, 100, true]);
    expect(totalLen4(port.batch[0].b, port.batch[0].off)).toBe(400);
  });
});
