import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { type Frame, HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { close, int32, must, SO, SOL, setsockopt } from '../../src/linux/libc.js';
import { overflowOf } from '../../src/linux/overflow.js';
import { Poller } from '../../src/linux/poll.js';
import { boundPort, openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { checksum } from '../../src/wire/checksum.js';
import { FRAGMENTATION_NEEDED, Icmp4, writeIcmp4Error } from '../../src/wire/icmp4.js';
import { dst4, fragment4, identification4, Protocol, src4, tos4, totalLen4, ttl4, writeIpv4 } from '../../src/wire/ipv4.js';
import { writeUdp4 } from '../../src/wire/udp.js';
import { type FarEnd, IPv4Host, Tap } from './far-end.js';
import { Cable, describeInNamespaces, ip } from './namespace.js';

const HERE = parseIpv4('192.0.2.1') ?? 0;
const THERE = parseIpv4('192.0.2.2') ?? 0;
const TEREDO = 3544;
const FAR_PORT = 40_000;
const BATCH = 64;
const ROOM = HEADROOM + 65_536;
const ETHERNET_LEN = 14;
const ETH_P_IP = 0x0800;
const MF = 0x2000;
/** Octets of the headers of IPv4 and UDP. */
const HEADERS = 28;
const PORT_UNREACHABLE = 3;
/** Waits of 10 ms after which what has not come is lost. */
const PATIENCE = 30;

describeInNamespaces('UDP on a cable', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  function cable(): Cable {
    const made = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => made.close());
    return made;
  }

  function openIn({ a }: Cable, local: number | null, port: number, ttl = 64): number {
    const fd = a.run(() => openUdp(local, port, { ttl }));
    undo.push(() => close(fd));
    return fd;
  }

  function portIn(wire: Cable, local: number | null = HERE, ttl = 64): { port: UdpSocketPort; arena: Arena; fd: number } {
    const fd = openIn(wire, local, TEREDO, ttl);
    const arena = new Arena(BATCH * (ROOM + 256) + (1 << 20));
    undo.push(() => arena.unmap());
    return { port: new UdpSocketPort(arena, fd, BATCH, ROOM, { trains: true }), arena, fd };
  }

  function farEnd<T extends FarEnd>({ b }: Cable, open: () => T): T {
    const far = b.run(open);
    undo.push(() => far.close());
    return far;
  }

  /** A payload of `octets` octets in `frame`, for port 40000 of `to`. */
  function load(frame: Frame, octets: number, to = THERE, port = FAR_PORT): void {
    frame.clear();
    frame.end = frame.off + octets;
    frame.b.fill(0xa5, frame.off, frame.end);
    frame.remote.addr = to;
    frame.remote.port = port;
    frame.fate = 99;
  }

  /** A datagram from port 40000 there to port 3544 here. */
  function datagram(octets: number, to = HERE): Uint8Array {
    const packet = new Uint8Array(HEADERS + octets).fill(0xa5);
    writeIpv4(packet, 0, packet.length, 0, 0, 64, Protocol.udp, THERE, to);
    writeUdp4(packet, 0, 20, packet.length, FAR_PORT, TEREDO);
    return packet;
  }

  function arrived(tap: Tap, arena: Arena, n: number): Uint8Array[] {
    const poller = new Poller(arena, [tap.fd]);
    const frames = tap.take();
    for (let i = 0; i < 100 && frames.length < n; i++) {
      poller.wait(10);
      frames.push(...tap.take());
    }
    return frames.map((frame) => frame.subarray(ETHERNET_LEN));
  }

  /** Sizes of payloads, until `n` have come or no more come. */
  function received({ port, arena, fd }: { port: UdpSocketPort; arena: Arena; fd: number }, n: number): number[] {
    const poller = new Poller(arena, [fd]);
    const sizes: number[] = [];
    for (let idle = 0; idle < PATIENCE && sizes.length < n; ) {
      const got = port.receive();
      for (const frame of port.batch.slice(0, got)) sizes.push(frame.len);
      if (got > 0) continue;
      poller.wait(10);
      idle++;
    }
    return sizes;
  }

  test('DF and traffic class are clear, the time to live is as told; fragments share one identification that is not 0', () => {
    const wire = cable();
    const { port, arena } = portIn(wire, HERE, 9);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    load(port.batch[0], 1500 - HEADERS);
    load(port.batch[1], 1500 - HEADERS + 1);
    expect([port.send(port.batch, 2), port.batch[0].fate, port.batch[1].fate]).toEqual([2, Drop.none, Drop.none]);
    const packets = arrived(tap, arena, 3);
    expect(
      packets.map((b) => [totalLen4(b, 0), fragment4(b, 0), ttl4(b, 0), tos4(b, 0), src4(b, 0), dst4(b, 0), checksum(b, 0, 20)]),
    ).toEqual([
      [1500, 0, 9, 0, HERE, THERE, 0],
      [1500, MF, 9, 0, HERE, THERE, 0],
      [21, 185, 9, 0, HERE, THERE, 0],
    ]);
    const ids = packets.map((b) => identification4(b, 0));
    expect([ids[1] === ids[2], ids.includes(0), ids[0] === ids[1]]).toEqual([true, false, false]);
  });

  test('the largest payload of UDP is sent and received, and one octet more is too_big', () => {
    const wire = cable();
    const here = portIn(wire);
    const { port, arena } = here;
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    load(port.batch[0], 65_508);
    load(port.batch[1], 65_507);
    expect([port.send(port.batch, 2), port.batch[0].fate, port.batch[1].fate]).toEqual([2, Drop.too_big, Drop.none]);
    const octets = arrived(tap, arena, 45).reduce((sum, b) => sum + totalLen4(b, 0) - 20, 0);
    expect(octets).toBe(65_507 + 8);

    load(port.batch[0], 65_507, HERE, TEREDO);
    expect(port.send(port.batch, 1)).toBe(1);
    expect(received(here, 1)).toEqual([65_507]);
    expect(port.batch[0].remote).toMatchObject({ addr: HERE, port: TEREDO });
  });

  test('ICMP errors, which anybody can forge, neither stop the socket nor have a packet cut', () => {
    const wire = cable();
    const here = portIn(wire);
    const { port, arena } = here;
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    const forger = farEnd(wire, () => new IPv4Host(Protocol.icmp, { withHeader: true }));
    load(port.batch[0], 100);
    expect(port.send(port.batch, 1)).toBe(1);
    const [quoted] = arrived(tap, arena, 1);
    for (const [code, mtu] of [
      [PORT_UNREACHABLE, 0],
      [FRAGMENTATION_NEEDED, 552],
    ]) {
      const error = new Uint8Array(576);
      const last = writeIcmp4Error(error, 0, THERE, Icmp4.unreachable, code, mtu, quoted, 0, quoted.length);
      forger.send(error.subarray(0, last));
    }
    load(port.batch[0], 1400);
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.none]);
    expect(arrived(tap, arena, 1).map((b) => totalLen4(b, 0))).toEqual([1400 + HEADERS]);
    const far = farEnd(wire, () => new IPv4Host(Protocol.udp, { withHeader: true }));
    far.send(datagram(7));
    expect(received(here, 1)).toEqual([7]);
  });

  test('an address that the host does not have yet sends nothing until it comes, and then all, with no new socket', () => {
    const wire = cable();
    const LATER = parseIpv4('192.0.2.9') ?? 0;
    const here = portIn(wire, LATER);
    const { port, arena } = here;
    load(port.batch[0], 100);
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.no_route]);
    wire.a.run(() => ip('address add 192.0.2.9/24 dev tlxa'));
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.none]);
    expect(arrived(tap, arena, 1).map((b) => src4(b, 0))).toEqual([LATER]);
    farEnd(wire, () => new IPv4Host(Protocol.udp, { withHeader: true })).send(datagram(7, LATER));
    expect(received(here, 1)).toEqual([7]);
  });

  test('of any address of the host, the source is that of the way', () => {
    const wire = cable();
    const here = portIn(wire, null);
    const tap = farEnd(wire, () => new Tap('tlxb', ETH_P_IP));
    load(here.port.batch[0], 100);
    expect(here.port.send(here.port.batch, 1)).toBe(1);
    expect(arrived(tap, here.arena, 1).map((b) => src4(b, 0))).toEqual([HERE]);
  });

  test('a port is told once it is bound; one that is taken is not had twice, except for another address', () => {
    const wire = cable();
    const any = [openIn(wire, HERE, 0), openIn(wire, HERE, 0)].map(boundPort);
    expect([any.every((port) => port > 0), any[0] === any[1]]).toEqual([true, false]);
    expect(boundPort(openIn(wire, HERE, TEREDO))).toBe(TEREDO);
    expect(() => openIn(wire, HERE, TEREDO)).toThrow('bind(UDP port 3544): EADDRINUSE');
    expect(boundPort(openIn(wire, THERE, TEREDO))).toBe(TEREDO);
  });

  test('what routes forbid has the fate of its kind, and so has port 0 and a broadcast', () => {
    const wire = cable();
    const { port } = portIn(wire);
    const types = ['unreachable', 'blackhole', 'prohibit', 'throw'];
    types.forEach((type, i) => {
      const to = `203.0.113.${i + 1}`;
      wire.a.run(() => ip(`route add ${type} ${to}`));
      load(port.batch[i], 100, parseIpv4(to) ?? 0);
    });
    load(port.batch[4], 100, THERE, 0);
    load(port.batch[5], 100, 0xffffffff);
    load(port.batch[6], 100);
    expect(port.send(port.batch, 7)).toBe(7);
    const { no_route, send_refused, none } = Drop;
    expect(port.batch.slice(0, 7).map((frame) => frame.fate)).toEqual([
      no_route,
      no_route,
      send_refused,
      no_route,
      no_route,
      send_refused,
      none,
    ]);
  });

  test('a socket that is full handles what it took, and leaves the rest to the caller', () => {
    const { port, fd } = portIn(cable());
    must(setsockopt(fd, SOL.SOCKET, SO.SNDBUF, int32(4096), 4), 'setsockopt', 'SO_SNDBUF');
    // Packets for a neighbour that does not answer wait in the socket's buffer for an answer.
    // Each is longer than the one before, so that none goes with another.
    port.batch.forEach((frame, i) => {
      load(frame, 1000 + i, parseIpv4('192.0.2.77') ?? 0);
    });
    const handled = port.send(port.batch, BATCH);
    expect(handled).toBeGreaterThan(0);
    expect(handled).toBeLessThan(BATCH);
    expect(port.batch.map((frame) => frame.fate)).toEqual(port.batch.map((_, i) => (i < handled ? Drop.none : 99)));
  });

  test('datagrams that the socket has no room for are told by the kernel, each once', () => {
    const wire = cable();
    const far = farEnd(wire, () => new IPv4Host(Protocol.udp, { withHeader: true }));
    const here = portIn(wire);
    const { fd } = here;
    expect(overflowOf(fd)).toBe(0);
    const packet = datagram(40);
    const sent = 40_000;
    for (let i = 0; i < sent; i++) far.send(packet);
    const taken = received(here, sent).length;
    expect(taken).toBeGreaterThan(1000);
    expect(overflowOf(fd)).toBeGreaterThan(0);
    expect(taken + overflowOf(fd)).toBe(sent);
  });

  test('wrong checksums, in small datagrams and in large ones, neither come nor end a batch', () => {
    const wire = cable();
    const far = farEnd(wire, () => new IPv4Host(Protocol.udp, { withHeader: true }));
    const here = portIn(wire);
    for (const octets of [40, 1000, 41, 1001, 1002]) {
      const packet = datagram(octets);
      if (octets % 2 === 0) packet[packet.length - 1] ^= 1;
      far.send(packet);
    }
    expect(received(here, 2)).toEqual([41, 1001]);
  });

  test('a hundred thousand datagrams leave and come with nothing on the heap for any of them', () => {
    const { port, arena } = portIn(cable());
    const frames = arena.makeBatch(BATCH, HEADROOM + 104);
    for (const frame of frames) load(frame, 104, HERE, TEREDO);
    const rounds = (n: number): number => {
      let received = 0;
      for (let i = 0; i < n; i++) {
        port.send(frames, BATCH);
        received += port.receive();
      }
      return received;
    };
    rounds(300);
    const before = process.memoryUsage().heapUsed;
    const received = rounds(1563);
    const grown = process.memoryUsage().heapUsed - before;
    expect(received).toBeGreaterThan(1500 * BATCH);
    // One number on the heap is 16 octets; what the runtime does besides is some 100 kB in all.
    expect(grown / received).toBeLessThan(8);
  });
});
