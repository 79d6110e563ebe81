import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { type Frame, HEADROOM } from '../../src/core/frame.js';
import { Arena, arenaStride } from '../../src/linux/arena.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { UdpSender } from '../../src/linux/udp-sender.js';
import { withoutUdpTrains } from '../../src/linux/udp-trains.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { Cable, describeInNamespaces, ip, Namespace } from './namespace.js';

const HERE = parseIpv4('192.0.2.1') ?? 0;
const THERE = parseIpv4('192.0.2.2') ?? 0;
const PORT = 3545;
const OTHER_PORT = 3546;
const BATCH = 16;
/** Frames that are sent at a time. */
const SPARE = 150;
const ROOM = HEADROOM + 65_536;
const SMALL_ROOM = HEADROOM + 2048;
/** Waits of 10 ms after which what has not come is lost. */
const PATIENCE = 20;

/** Of a payload: how many octets, and to which port. */
interface Payload {
  readonly octets: number;
  readonly port: number;
}

describeInNamespaces('trains of UDP', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).reverse()) step();
  });

  function open(namespace: Cable['a'], address: number, port: number, trains: boolean) {
    const fd = namespace.run(() => openUdp(address, port, { ttl: 64 }));
    const arena = new Arena(BATCH * arenaStride(ROOM) + SPARE * arenaStride(SMALL_ROOM) + (1 << 20));
    undo.push(
      () => close(fd),
      () => arena.unmap(),
    );
    return { fd, arena, port: new UdpSocketPort(arena, fd, BATCH, ROOM, { trains }), frames: arena.makeBatch(SPARE, SMALL_ROOM) };
  }

  function cable(): Cable {
    const made = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => made.close());
    return made;
  }

  /** A payload that begins with its number. */
  function load(frame: Frame, number: number, { octets, port }: Payload, to = THERE): void {
    frame.clear();
    frame.end = frame.off + octets;
    frame.b.fill(0xa5, frame.off, frame.end);
    if (octets > 0) frame.b[frame.off] = number;
    frame.remote.addr = to;
    frame.remote.port = port;
    frame.fate = 99;
  }

  /** What has come, as number and length of each payload, until `n` have come or no more come. */
  function arrived({ port, arena, fd }: ReturnType<typeof open>, n: number): [number: number, octets: number][] {
    const poller = new Poller(arena, [fd]);
    const all: [number, number][] = [];
    for (let idle = 0; idle < PATIENCE && all.length < n; ) {
      const got = port.receive();
      for (const frame of port.batch.slice(0, got)) all.push([frame.len === 0 ? -1 : frame.b[frame.off], frame.len]);
      if (got > 0) continue;
      poller.wait(10);
      idle++;
    }
    return all;
  }

  /** Pieces that have left by tlxa so far: a train is one. */
  const pieces = ({ a }: Cable): number =>
    a.run(() => Number(/ tlxa:.*/.exec(readFileSync('/proc/net/dev', 'utf8').replaceAll('\n', ' \n'))?.[0].split(/\s+/)[11]));

  test('come as the payloads that were sent, whole and in order, whatever their sizes and ports, and whoever of both knows trains', () => {
    const wire = cable();
    const here = [true, false].map((trains, i) => open(wire.a, HERE, PORT + 10 + i, trains));
    const far = [true, false].map((trains, i) => open(wire.b, THERE, PORT + i, trains));
    const payload = fc.record({
      octets: fc.constantFrom(0, 1, 60, 600, 600, 600, 1280, 1280, 1280),
      port: fc.constantFrom(PORT, OTHER_PORT),
    });
    const run = fc.record({ payload, times: fc.integer({ min: 1, max: 70 }) });
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 8 }), fc.nat(1), (runs, sender) => {
        const payloads = runs.flatMap((each) => new Array<Payload>(each.times).fill(each.payload)).slice(0, SPARE);
        const { port, frames } = here[sender];
        payloads.forEach((each, i) => {
          load(frames[i], i, each);
        });
        expect(port.send(frames, payloads.length)).toBe(payloads.length);
        expect(frames.slice(0, payloads.length).every(({ fate }) => fate === Drop.none)).toBe(true);
        far.forEach((each, i) => {
          const sent = payloads.flatMap((p, k) => (p.port === PORT + i ? [[p.octets === 0 ? -1 : k, p.octets]] : []));
          expect(arrived(each, sent.length)).toEqual(sent);
        });
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('cross the cable in one piece of at most 64 payloads, the last of which may be shorter', () => {
    const wire = cable();
    const { fd, arena, frames } = open(wire.a, HERE, PORT, true);
    const far = open(wire.b, THERE, PORT, true);
    const sender = new UdpSender(arena, fd, SPARE, { trains: true });
    const left = (payloads: readonly Payload[]): number => {
      const before = pieces(wire);
      payloads.forEach((each, i) => {
        load(frames[i], i, each);
      });
      expect(sender.send(frames, payloads.length)).toBe(payloads.length);
      expect(arrived(far, payloads.length)).toHaveLength(payloads.length);
      return pieces(wire) - before;
    };
    const of = (octets: number, times: number): Payload[] => new Array<Payload>(times).fill({ octets, port: PORT });
    left(of(100, 1)); // neighbours ask for each other
    expect(left(of(100, 64))).toBe(1);
    expect(left(of(100, 130))).toBe(3);
    expect(left(of(1280, 52))).toBe(2); // one octet less than 51.2 of them is a datagram
    expect(left([...of(100, 3), ...of(60, 1)])).toBe(1);
    expect(left([...of(100, 3), ...of(60, 2)])).toBe(2);
    expect(left([...of(60, 1), ...of(100, 3)])).toBe(2);
  });

  test('to one address that the host has no way to cost nobody else a train', () => {
    const wire = cable();
    wire.a.run(() => ip('route add blackhole 203.0.113.1'));
    const { fd, arena, frames } = open(wire.a, HERE, PORT, true);
    const far = open(wire.b, THERE, PORT, true);
    const sender = new UdpSender(arena, fd, SPARE, { trains: true });
    const payload = { octets: 500, port: PORT };
    for (let i = 0; i < 9; i++) load(frames[i], i, payload, i >= 3 && i < 6 ? (parseIpv4('203.0.113.1') ?? 0) : THERE);
    const { longest } = sender;
    expect(sender.send(frames, 9)).toBe(9);
    expect(frames.slice(0, 9).map(({ fate }) => fate)).toEqual([0, 0, 0, Drop.no_route, Drop.no_route, Drop.no_route, 0, 0, 0]);
    expect(arrived(far, 6)).toEqual([0, 1, 2, 6, 7, 8].map((i) => [i, 500]));
    expect(sender.longest).toBe(longest);
  });

  test('of payloads that the device takes in fragments only are given up, those of smaller ones are not', () => {
    const wire = cable();
    wire.a.run(() => ip('link set dev tlxa mtu 1000'));
    const { fd, arena, frames } = open(wire.a, HERE, PORT, true);
    const far = open(wire.b, THERE, PORT, true);
    const sender = new UdpSender(arena, fd, SPARE, { trains: true });
    for (const octets of [1280, 1280, 900]) {
      for (let i = 0; i < 10; i++) load(frames[i], i, { octets, port: PORT });
      const before = pieces(wire);
      expect(sender.send(frames, 10)).toBe(10);
      expect(frames.slice(0, 10).every(({ fate }) => fate === Drop.none)).toBe(true);
      expect(arrived(far, 10)).toEqual(Array.from({ length: 10 }, (_, i) => [i, octets]));
      expect(sender.longest).toBe(1279);
      if (octets === 900) expect(pieces(wire) - before).toBe(1);
    }
  });

  test('carry a hundred thousand payloads with nothing on the heap for any of them', () => {
    const here = open(cable().a, HERE, PORT, true);
    const { port, frames } = here;
    for (let i = 0; i < BATCH; i++) load(frames[i], i, { octets: 1280, port: PORT }, HERE);
    const rounds = (n: number): number => {
      let received = 0;
      for (let i = 0; i < n; i++) {
        port.send(frames, BATCH);
        received += port.receive();
      }
      return received;
    };
    rounds(1200);
    const before = process.memoryUsage().heapUsed;
    const received = rounds(6250);
    const grown = process.memoryUsage().heapUsed - before;
    expect(received).toBe(6250 * BATCH);
    // One number on the heap is 16 octets; what the runtime does besides is some 100 kB in all.
    expect(grown / received).toBeLessThan(8);
  });
});

describeInNamespaces('whether the kernel has trains', () => {
  test('is found out over the loopback; where that is down, nobody knows', () => {
    const namespace = new Namespace();
    try {
      expect(namespace.run(withoutUdpTrains)).toBeNull();
      namespace.run(() => ip('link set dev lo down'));
      expect(namespace.run(withoutUdpTrains)).toMatch(/loopback/);
    } finally {
      namespace.close();
    }
  });
});
