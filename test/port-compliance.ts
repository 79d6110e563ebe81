/**
 * The contract of `engine/port.ts` as tests, for whoever implements it: `linux/` and `sim/` run the same.
 *
 * A bench holds one port and the far end of its link. The suite puts octets on the far end and reads
 * what reaches it, so that the port is never compared with itself.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Drop } from '../src/core/drop.js';
import { type Frame, HEADROOM } from '../src/core/frame.js';
import type { Port, PortKind, UdpPort } from '../src/engine/port.js';
import { checksum } from '../src/wire/checksum.js';

/** A port, by its kind; an outlet is of kind ipv6 and sends only. */
export type Subject = PortKind | 'outlet';

/** A port, the far end of its link, and what the suite has to know of the world around. */
export interface PortBench {
  readonly port: Port;
  /** Frames that the port can send and that are not its own: more than its batch, `HEADROOM` + 4000 octets each at least. */
  readonly frames: readonly Frame[];
  /** Largest IPv4 or IPv6 packet that the link takes whole, octets. */
  readonly mtu: number;
  /** IPv4 address of the port's end, and of the far end. */
  readonly here: number;
  readonly there: number;
  /** An IPv4 address that the port's end has no route to; an outlet has one to 2001:db8:1::/48, and to nothing else of IPv6. */
  readonly nowhere: number;
  /** Sends a whole packet from the far end; one larger than the link in fragments. */
  inject(packet: Uint8Array): void;
  /** What reached the far end since the last call, in order; fragments put together. */
  collect(): Uint8Array[];
  /** Lets the world go on until something arrives somewhere, or some milliseconds have passed. */
  step(): void | Promise<void>;
  /** Takes the port's interface down. */
  takeDown(): void;
  close(): void | Promise<void>;
}

/** Steps after which what has not arrived is lost. */
const PATIENCE = 200;
/** Packets of a run: several batches, less than any queue holds. */
const MANY = 150;
const DIRT = 0xa5;

const IPV6_LEN = 40;
const IPV4_LEN = 20;
const UDP_LEN = 8;
const ICMP6 = 58;
const NONE = 59;
/** The port of UDP at the far end; what comes from there comes from this and those above. */
const FAR_PORT = 40_000;
/** Third group of an IPv6 destination that an outlet has a route to, and of one that it has none to. */
const ROUTED = 1;
const UNROUTED = 2;

/** How packets of one kind look, as the wire has them. Written out here: the code under test has no part in it. */
interface Traffic {
  /** Sizes that the kind has, octets. */
  readonly least: number;
  readonly most: (bench: PortBench) => number;
  /** Octets of headers that the host takes off, and puts in front: the port has no part in them. 0 where there is no such. */
  readonly hostHeaders?: number;
  /** A packet of `octets` octets as it comes over the link to the port, and one as it leaves; null: there is none. */
  readonly inbound: ((bench: PortBench, octets: number, seed: number) => Uint8Array) | null;
  readonly outbound: ((bench: PortBench, octets: number, seed: number) => Uint8Array) | null;
}

const TRAFFIC: Record<Subject, Traffic> = {
  ipv6: { least: IPV6_LEN, most: (bench) => bench.mtu, inbound: plainIpv6, outbound: plainIpv6 },
  outlet: {
    least: IPV6_LEN,
    most: (bench) => bench.mtu,
    inbound: null,
    outbound: (_bench, octets, seed) => routedIpv6(ROUTED, octets, seed),
  },
  'protocol-41': {
    least: IPV4_LEN + IPV6_LEN,
    most: (bench) => bench.mtu,
    inbound: (bench, octets, seed) => ipv4(41, bench.there, bench.here, octets, seed),
    outbound: (bench, octets, seed) => ipv4(41, bench.here, bench.there, octets, seed),
  },
  udp: {
    least: IPV4_LEN + UDP_LEN,
    most: (bench) => bench.mtu,
    hostHeaders: IPV4_LEN + UDP_LEN,
    inbound: (bench, octets, seed) => datagram([FAR_PORT + seed, portOf(bench)], bench.there, bench.here, octets, seed),
    outbound: (bench, octets, seed) => datagram([portOf(bench), FAR_PORT], bench.here, bench.there, octets, seed),
  },
  icmp4: {
    least: 48,
    most: () => 576,
    inbound: (bench, octets, seed) => icmp4([3, 11, 12][seed % 3], bench.there, bench.here, octets, seed),
    outbound: null,
  },
  lan: {
    least: IPV6_LEN + 8,
    most: (bench) => bench.mtu,
    inbound: (_bench, octets, seed) => ipv6(ICMP6, 133, octets, seed),
    outbound: (_bench, octets, seed) => ipv6(ICMP6, 134, octets, seed),
  },
  dhcp4: {
    least: IPV4_LEN + 8,
    most: (bench) => bench.mtu,
    inbound: (bench, octets, seed) => udp4([67, 68], bench.there, bench.here, octets, seed),
    outbound: (bench, octets, seed) => udp4([68, 67], bench.here, bench.there, octets, seed),
  },
};

/** Octets that look like chance and are the same for the same seed. */
function noise(octets: number, seed: number): Uint8Array {
  const b = new Uint8Array(octets);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < octets; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    b[i] = state >>> 24;
  }
  return b;
}

function plainIpv6(_bench: PortBench, octets: number, seed: number): Uint8Array {
  return ipv6(NONE, seed & 0xff, octets, seed);
}

/** From a global address to ff02::2 or ff02::1:ffXX:XXXX, with the first octet after the header given. */
function ipv6(nextHeader: number, first: number, octets: number, seed: number): Uint8Array {
  const b = noise(octets, seed);
  const payload = octets - IPV6_LEN;
  b.set([0x60, 0, 0, 0, payload >>> 8, payload & 0xff, nextHeader, 255]);
  b.set([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, seed >>> 8, seed & 0xff], 8);
  b.set([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, nextHeader === ICMP6 ? 2 : 1], 24);
  if (octets > IPV6_LEN) b[IPV6_LEN] = first;
  return b;
}

/** From nobody of this host to 2001:db8:GROUP::2. */
function routedIpv6(group: number, octets: number, seed: number): Uint8Array {
  const b = ipv6(NONE, seed & 0xff, octets, seed);
  b.set([0x20, 0x01, 0x0d, 0xb8, 0, group, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 24);
  return b;
}

function portOf({ port }: PortBench): number {
  return (port as UdpPort).localPort;
}

function ipv4(protocol: number, from: number, to: number, octets: number, seed: number, flags = 0): Uint8Array {
  const b = noise(octets, seed);
  b.set([0x45, 0, octets >>> 8, octets & 0xff, 0, 0, flags, 0, 64, protocol, 0, 0]);
  b.set([from >>> 24, from >>> 16, from >>> 8, from, to >>> 24, to >>> 16, to >>> 8, to], 12);
  putChecksum(b, 10, 0, IPV4_LEN);
  return b;
}

/** Without a checksum, which RFC 768 allows. */
function udp4(ports: readonly [source: number, destination: number], from: number, to: number, octets: number, seed: number): Uint8Array {
  const b = ipv4(17, from, to, octets, seed);
  const len = octets - IPV4_LEN;
  b.set([0, ports[0], 0, ports[1], len >>> 8, len & 0xff, 0, 0], IPV4_LEN);
  return b;
}

/** With a checksum. */
function datagram(
  ports: readonly [source: number, destination: number],
  from: number,
  to: number,
  octets: number,
  seed: number,
): Uint8Array {
  const b = udp4([0, 0], from, to, octets, seed);
  b.set([ports[0] >>> 8, ports[0], ports[1] >>> 8, ports[1]], IPV4_LEN);
  const sum = udpChecksum(b) || 0xffff;
  b.set([sum >>> 8, sum], IPV4_LEN + 6);
  return b;
}

/** What the checksum field of a datagram has to be, with 0 in its place; 0 where it is right already. RFC 768: addresses, 17 and length before the datagram. */
function udpChecksum(packet: Uint8Array): number {
  const len = packet.length - IPV4_LEN;
  const b = new Uint8Array(12 + len);
  b.set(packet.subarray(12, 20));
  b.set([0, 17, len >>> 8, len & 0xff], 8);
  b.set(packet.subarray(IPV4_LEN), 12);
  return checksum(b, 0, b.length);
}

function icmp4(type: number, from: number, to: number, octets: number, seed: number): Uint8Array {
  const b = ipv4(1, from, to, octets, seed);
  b.set([type, 1, 0, 0, 0, 0, 0, 0], IPV4_LEN);
  b.set(ipv4(41, to, from, IPV4_LEN, 0), IPV4_LEN + 8);
  putChecksum(b, IPV4_LEN + 2, IPV4_LEN, octets);
  return b;
}

function putChecksum(b: Uint8Array, at: number, from: number, end: number): void {
  b.fill(0, at, at + 2);
  const sum = checksum(b, from, end);
  b.set([sum >>> 8, sum], at);
}

/** What of a packet has to arrive: all but the identification, which whoever sends it chooses, and the checksum over that, which has to be right. */
function essence(kind: Subject, packet: Uint8Array): string {
  const b = packet.slice();
  if (kind === 'protocol-41' || kind === 'icmp4' || kind === 'dhcp4' || kind === 'udp') {
    expect(checksum(b, 0, IPV4_LEN), 'header checksum').toBe(0);
    b.fill(0, 4, 6);
    b.fill(0, 10, 12);
  }
  if (kind === 'udp') expect([udpChecksum(b), b[IPV4_LEN + 6] | b[IPV4_LEN + 7]], 'UDP checksum').toEqual([0, expect.toSatisfy(Boolean)]);
  return hex(b);
}

function hex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}

function octetsOf(frame: Frame): Uint8Array {
  return frame.b.slice(frame.off, frame.end);
}

/** Fills frames from a dirty start, as a packet that had `pushed` octets of header put in front. */
function load(frames: readonly Frame[], packets: readonly Uint8Array[], to: number, pushed = 0): void {
  packets.forEach((packet, i) => {
    const frame = frames[i];
    frame.b.fill(DIRT, frame.slot, frame.limit);
    frame.clear();
    frame.push(pushed);
    frame.b.set(packet, frame.off);
    frame.end = frame.off + packet.length;
    frame.remote.addr = to;
    frame.remote.port = FAR_PORT;
    frame.fate = DIRT;
  });
}

/** Declares the suite for a port of `kind`. `make` builds a fresh bench a test; `skip` says why it cannot, null when it can. */
export function portCompliance(name: string, kind: Subject, make: () => PortBench | Promise<PortBench>, skip: string | null = null): void {
  const traffic = TRAFFIC[kind];
  const { inbound, outbound, hostHeaders = 0 } = traffic;
  /** What of a packet on the link the port has. */
  const within = (packet: Uint8Array): Uint8Array => packet.subarray(hostHeaders);
  /** What has to be received of it, and what has been. */
  const expected = (packet: Uint8Array): string => (hostHeaders === 0 ? essence(kind, packet) : hex(within(packet)));
  const got = (received: Uint8Array): string => (hostHeaders === 0 ? essence(kind, received) : hex(received));

  describe(`${name} keeps the contract of a port of kind ${kind}`, () => {
    if (skip !== null) {
      test('all of it', (context) => context.skip(skip));
      return;
    }
    const open: PortBench[] = [];
    const bench = async (): Promise<PortBench> => {
      const made = await make();
      open.push(made);
      for (const frame of made.port.batch) frame.b.fill(DIRT, frame.slot, frame.limit);
      return made;
    };
    afterEach(async () => {
      for (const made of open.splice(0)) await made.close();
    });

    /** Receives until `n` packets have come; never more than a batch a call. */
    async function receive({ port, step }: PortBench, n: number): Promise<Uint8Array[]> {
      const packets: Uint8Array[] = [];
      for (let i = 0; i < PATIENCE && packets.length < n; i++) {
        const got = port.receive();
        expect(got).toBeLessThanOrEqual(port.batch.length);
        for (const frame of port.batch.slice(0, got)) {
          expect(frame.off).toBe(frame.slot + HEADROOM);
          packets.push(octetsOf(frame));
          frame.pull(20); // as who takes a header off, and leaves the frame like that
        }
        if (got === 0) await step();
      }
      return packets;
    }

    /** Waits at the far end until `n` packets have come. */
    async function collected({ collect, step }: PortBench, n: number): Promise<Uint8Array[]> {
      const packets = collect();
      for (let i = 0; i < PATIENCE && packets.length < n; i++) {
        await step();
        packets.push(...collect());
      }
      return packets;
    }

    function sizes(made: PortBench): fc.Arbitrary<number[]> {
      return fc.array(fc.integer({ min: traffic.least, max: traffic.most(made) }), { minLength: 1, maxLength: MANY });
    }

    test('it says what it is, and has frames to receive into', async () => {
      const { port } = await bench();
      expect(port.kind).toBe(kind === 'outlet' ? 'ipv6' : kind);
      expect(port.batch.length > 0).toBe(inbound !== null);
    });

    test('where nothing waits, nothing is received', async () => {
      const { port } = await bench();
      expect([port.receive(), port.receive()]).toEqual([0, 0]);
    });

    if (inbound !== null) {
      test('what arrives is received octet for octet, in order, with all of its headroom', async () => {
        const made = await bench();
        await fc.assert(
          fc.asyncProperty(sizes(made), async (lengths) => {
            const packets = lengths.map((octets, i) => inbound(made, octets, i));
            packets.forEach(made.inject);
            const received = await receive(made, packets.length);
            expect(received.map(got)).toEqual(packets.map(expected));
          }),
          { numRuns: 20, seed: 41 },
        );
      });

      test('more than a batch takes several calls, and nothing is lost between them', async () => {
        const made = await bench();
        const packets = Array.from({ length: Math.min(MANY, 2 * made.port.batch.length + 1) }, (_, i) => inbound(made, traffic.least, i));
        packets.forEach(made.inject);
        const received = await receive(made, packets.length);
        expect(received.map(got)).toEqual(packets.map(expected));
        expect(made.port.receive()).toBe(0);
      });

      test('a received frame keeps its octets until the next call, whatever arrives', async () => {
        const made = await bench();
        const first = inbound(made, traffic.least + 8, 1);
        made.inject(first);
        let n = 0;
        for (let i = 0; i < PATIENCE && n === 0; i++) {
          await made.step();
          n = made.port.receive();
        }
        expect(n).toBe(1);
        for (let i = 2; i < 12; i++) made.inject(inbound(made, traffic.least + 16, i));
        await made.step();
        expect(got(octetsOf(made.port.batch[0]))).toBe(expected(first));
      });
    }

    if (outbound === null) {
      test('it takes nothing to send', async () => {
        const made = await bench();
        load(made.frames, [new Uint8Array(traffic.least)], made.there);
        expect(made.port.send(made.frames, 1)).toBe(0);
      });
    } else {
      test('what is sent arrives octet for octet, in order, and is accounted for', async () => {
        const made = await bench();
        await fc.assert(
          fc.asyncProperty(sizes(made), fc.integer({ min: 0, max: HEADROOM }), async (lengths, pushed) => {
            const packets = lengths.slice(0, made.frames.length).map((octets, i) => outbound(made, octets, i));
            load(made.frames, packets.map(within), made.there, pushed);
            expect(made.port.send(made.frames, packets.length)).toBe(packets.length);
            expect(made.frames.slice(0, packets.length).every((frame) => frame.fate === Drop.none)).toBe(true);
            const arrived = await collected(made, packets.length);
            expect(arrived.map((packet) => essence(kind, packet))).toEqual(packets.map((packet) => essence(kind, packet)));
          }),
          { numRuns: 20, seed: 42 },
        );
      });

      test('more frames than its own batch has are sent in one call', async () => {
        const made = await bench();
        expect(made.frames.length).toBeGreaterThan(made.port.batch.length);
        const packets = made.frames.map((_, i) => outbound(made, traffic.least, i));
        load(made.frames, packets.map(within), made.there);
        expect(made.port.send(made.frames, packets.length)).toBe(packets.length);
        const arrived = await collected(made, packets.length);
        expect(arrived.map((packet) => essence(kind, packet))).toEqual(packets.map((packet) => essence(kind, packet)));
      });

      test('of no frames, none is sent', async () => {
        const made = await bench();
        load(made.frames, [outbound(made, traffic.least, 1)], made.there);
        expect(made.port.send(made.frames, 0)).toBe(0);
        await made.step();
        expect([made.collect(), made.frames[0].fate]).toEqual([[], DIRT]);
      });
    }

    if (kind === 'ipv6' || kind === 'lan') {
      test('an interface that is down refuses every frame with tunnel_down', async () => {
        const made = await bench();
        if (outbound === null) return;
        const packets = made.frames.map((_, i) => outbound(made, traffic.least, i));
        load(made.frames, packets, made.there);
        for (let i = 0; i < 3; i++) expect(made.port.send(made.frames, packets.length)).toBe(packets.length);
        made.takeDown();
        expect(made.port.send(made.frames, 2)).toBe(2);
        expect(made.frames.slice(0, 2).map((frame) => frame.fate)).toEqual([Drop.tunnel_down, Drop.tunnel_down]);
        expect(made.port.receive()).toBe(0);
      });
    }

    if (kind === 'ipv6') {
      test('a frame without a header is refused as truncated, and those beside it arrive', async () => {
        const made = await bench();
        const packets = [plainIpv6(made, 40, 1), new Uint8Array(0), plainIpv6(made, 99, 2)];
        load(made.frames, packets, 0);
        expect(made.port.send(made.frames, 3)).toBe(3);
        expect(made.frames.slice(0, 3).map((frame) => frame.fate)).toEqual([Drop.none, Drop.truncated, Drop.none]);
        expect((await collected(made, 2)).map((packet) => packet.length)).toEqual([40, 99]);
      });
    }

    if (inbound !== null && (kind === 'protocol-41' || kind === 'icmp4' || kind === 'udp')) {
      test('`remote.addr` is the outer source', async () => {
        const made = await bench();
        made.inject(inbound(made, traffic.least, 1));
        expect(await receive(made, 1)).toHaveLength(1);
        expect(made.port.batch[0].remote.addr).toBe(made.there);
      });
    }

    if (inbound !== null && outbound !== null && (kind === 'protocol-41' || kind === 'udp')) {
      test('what is larger than the link arrives whole, both ways', async () => {
        const made = await bench();
        const lengths = [made.mtu + 1, made.mtu + 20, 2 * made.mtu, 100];
        const inwards = lengths.map((octets, i) => inbound(made, octets, i));
        inwards.forEach(made.inject);
        const received = await receive(made, inwards.length);
        expect(received.map(got)).toEqual(inwards.map(expected));

        const outwards = lengths.map((octets, i) => outbound(made, octets, i));
        load(made.frames, outwards.map(within), made.there);
        expect(made.port.send(made.frames, outwards.length)).toBe(outwards.length);
        expect(made.frames.slice(0, outwards.length).map((frame) => frame.fate)).toEqual(outwards.map(() => Drop.none));
        const arrived = await collected(made, outwards.length);
        expect(arrived.map((packet) => essence(kind, packet))).toEqual(outwards.map((packet) => essence(kind, packet)));
      });

      test('where there is no route, large or small, the frame is refused with no_route, and those beside it arrive', async () => {
        const made = await bench();
        const lost = outbound({ ...made, there: made.nowhere }, 100, 1);
        const largeLost = outbound({ ...made, there: made.nowhere }, made.mtu + 100, 2);
        const sent = outbound(made, 100, 3);
        load(made.frames, [sent, lost, largeLost, sent].map(within), made.there);
        made.frames[1].remote.addr = made.nowhere;
        made.frames[2].remote.addr = made.nowhere;
        expect(made.port.send(made.frames, 4)).toBe(4);
        expect(made.frames.slice(0, 4).map((frame) => frame.fate)).toEqual([Drop.none, Drop.no_route, Drop.no_route, Drop.none]);
        expect((await collected(made, 2)).map((packet) => essence(kind, packet))).toEqual([essence(kind, sent), essence(kind, sent)]);
      });
    }

    if (kind === 'protocol-41') {
      test('what is larger than the link and must not be fragmented is too_big, and those beside it arrive', async () => {
        const made = await bench();
        const before = made.frames.map((_, i) => ipv4(41, made.here, made.there, 100, i));
        load(made.frames, before, made.there);
        expect(made.port.send(made.frames, before.length)).toBe(before.length);
        expect(await collected(made, before.length)).toHaveLength(before.length);

        const whole = ipv4(41, made.here, made.there, made.mtu, 1, 0x40);
        const large = ipv4(41, made.here, made.there, made.mtu + 1, 2, 0x40);
        load(made.frames, [large, whole, large, large, whole], made.there);
        expect(made.port.send(made.frames, 5)).toBe(5);
        expect(made.frames.slice(0, 5).map((frame) => frame.fate)).toEqual([
          Drop.too_big,
          Drop.none,
          Drop.too_big,
          Drop.too_big,
          Drop.none,
        ]);
        expect((await collected(made, 2)).map((packet) => essence(kind, packet))).toEqual([essence(kind, whole), essence(kind, whole)]);
        await made.step();
        expect(made.collect()).toEqual([]);
      });
    }

    if (kind === 'udp') {
      test('`remote` is the source of each datagram, address and port, among others of its batch and in one round after the other', async () => {
        const made = await bench();
        const rounds = [[1, 0xffff, 3544, 3544, 40_000], [2, 3], [4, 3544, 5], [6]];
        for (const ports of rounds) {
          for (const [i, port] of ports.entries()) made.inject(datagram([port, portOf(made)], made.there, made.here, 100, i));
          const seen: unknown[] = [];
          for (let i = 0; i < PATIENCE && seen.length < ports.length; i++) {
            for (const { remote } of made.port.batch.slice(0, made.port.receive())) seen.push([remote.addr, remote.port]);
            await made.step();
          }
          expect(seen).toEqual(ports.map((port) => [made.there, port]));
        }
      });

      test('it is bound to a port, and what comes for another is not its', async () => {
        const made = await bench();
        const port = portOf(made);
        expect([Number.isInteger(port), port > 0, port < 0x10000]).toEqual([true, true, true]);
        made.inject(datagram([FAR_PORT, port ^ 1], made.there, made.here, 100, 1));
        made.inject(datagram([FAR_PORT, port], made.there, made.here, 101, 2));
        expect((await receive(made, 1)).map((payload) => payload.length)).toEqual([101 - hostHeaders]);
        await made.step();
        expect(made.port.receive()).toBe(0);
      });

      test('a datagram with a wrong checksum does not come; one with none does, and an empty one', async () => {
        const made = await bench();
        const wrong = datagram([FAR_PORT, portOf(made)], made.there, made.here, 100, 1);
        wrong[99] ^= 1;
        const none = datagram([FAR_PORT, portOf(made)], made.there, made.here, 101, 2);
        none.fill(0, IPV4_LEN + 6, IPV4_LEN + 8);
        const empty = datagram([FAR_PORT, portOf(made)], made.there, made.here, hostHeaders, 3);
        for (const packet of [wrong, none, wrong, empty]) made.inject(packet);
        expect((await receive(made, 2)).map(hex)).toEqual([hex(within(none)), '']);
        await made.step();
        expect(made.port.receive()).toBe(0);
      });
    }

    if (kind === 'outlet') {
      test('an outlet never receives', async () => {
        const made = await bench();
        load(made.frames, [routedIpv6(ROUTED, 100, 1)], 0);
        expect([made.port.send(made.frames, 1), made.port.receive()]).toEqual([1, 0]);
        await collected(made, 1);
        expect(made.port.receive()).toBe(0);
      });

      test('what goes nowhere, is no packet or is larger than the link has the fate of its kind, and those beside it arrive', async () => {
        const made = await bench();
        const sent = [routedIpv6(ROUTED, 40, 1), routedIpv6(ROUTED, made.mtu, 2)];
        const refused = [routedIpv6(UNROUTED, 100, 3), new Uint8Array(0), routedIpv6(ROUTED, made.mtu + 1, 4)];
        load(made.frames, [sent[0], ...refused, sent[1]], 0);
        expect(made.port.send(made.frames, 5)).toBe(5);
        expect(made.frames.slice(0, 5).map((frame) => frame.fate)).toEqual([
          Drop.none,
          Drop.no_route,
          Drop.truncated,
          Drop.too_big,
          Drop.none,
        ]);
        expect((await collected(made, 2)).map(hex)).toEqual(sent.map(hex));
      });
    }

    if (kind === 'icmp4') {
      test('only errors are received: echo and timestamps are not', async () => {
        const made = await bench();
        for (const type of [0, 8, 3, 13, 11, 14, 12]) made.inject(icmp4(type, made.there, made.here, 60, type));
        const received = await receive(made, 3);
        for (let i = 0; i < 3; i++) await made.step();
        expect(received.map((packet) => packet[IPV4_LEN])).toEqual([3, 11, 12]);
        expect(made.port.receive()).toBe(0);
      });
    }

    if (kind === 'lan') {
      test('only router solicitations are received: no other ICMPv6, no other protocol', async () => {
        const made = await bench();
        for (const type of [128, 134, 135, 133]) made.inject(ipv6(ICMP6, type, 64, type));
        made.inject(ipv6(17, 133, 64, 1));
        made.inject(ipv6(ICMP6, 133, 72, 2));
        const received = await receive(made, 2);
        for (let i = 0; i < 3; i++) await made.step();
        expect(received.map((packet) => [packet[6], packet[IPV6_LEN], packet.length])).toEqual([
          [ICMP6, 133, 64],
          [ICMP6, 133, 72],
        ]);
        expect(made.port.receive()).toBe(0);
      });
    }
  });
}
