/**
 * The engine alone: a `Pipeline` between ports that cost nothing, the same packets over and over.
 *
 *   npx tsx bench/engine.ts [packets a round] [rounds]
 *
 * One JSON line a way through it: nanoseconds of processor time a packet (median, least and most of the rounds), octets that the
 * heap grew by a packet in the quietest round, and garbage collections while packets flowed. `test/engine/allocation.test.ts` holds
 * the last two at nothing. A way that does not forward what it is given is an error, not a figure.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { Counters, Direction, packets as packetsIn } from '../src/core/counters.js';
import { Drop } from '../src/core/drop.js';
import { type Frame, HEADROOM, makeBatch } from '../src/core/frame.js';
import { Pipeline, type Ports } from '../src/engine/pipeline.js';
import type { Port, PortKind, UdpPort } from '../src/engine/port.js';
import type { SocketSpec } from '../src/engine/spec.js';
import { socketsOf } from '../src/engine/technologies.js';
import { src4 } from '../src/wire/ipv4.js';
import { echoRequest, ipv4, udp6 } from '../test/vectors/compose.js';
import {
  AUTONOMOUS,
  neighborAdvertisement,
  ON_LINK,
  prefixOption,
  routerAdvertisement,
  SOLICITED,
} from '../test/vectors/neighbor-discovery.js';
import { nodeOf } from '../test/vectors/node.js';

const BATCH = 64;
const OCTETS = 104;
const IPV4_LEN = 20;

/** A port that always has a batch of the same packets, and takes everything. */
class TirelessPort implements Port {
  readonly kind: PortKind;
  readonly batch: Frame[];
  readonly #ends = new Uint32Array(BATCH);
  /** Packets in a batch; 0: it has none. */
  #size = 0;

  constructor(kind: PortKind) {
    this.kind = kind;
    this.batch = makeBatch(BATCH, HEADROOM + 2048);
  }

  /** From now on these packets wait, over and over, `size` at a time. */
  hold(packets: readonly Uint8Array[], size = BATCH): void {
    this.#size = packets.length === 0 ? 0 : size;
    if (packets.length === 0) return;
    for (const [i, frame] of this.batch.entries()) {
      const packet = packets[i % packets.length];
      frame.fill(packet, 0, packet.length);
      this.#ends[i] = frame.end;
    }
  }

  receive(): number {
    const { batch } = this;
    const size = this.#size;
    for (let i = 0; i < size; i++) {
      const frame = batch[i];
      frame.off = frame.slot + HEADROOM;
      frame.end = this.#ends[i];
    }
    return size;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) frames[i].fate = Drop.none;
    return n;
  }
}

/** A socket of UDP that always has a batch of the same payloads. Packets are held as `ipv4` around the payload: their source, and the port of `from`, are where they come from. */
class TirelessUdpPort extends TirelessPort implements UdpPort {
  declare readonly kind: 'udp';
  readonly localPort: number;
  readonly #from: number;

  constructor({ port }: SocketSpec, from: number) {
    super('udp');
    this.localPort = port;
    this.#from = from;
  }

  override hold(packets: readonly Uint8Array[], size = BATCH): void {
    super.hold(
      packets.map((packet) => packet.subarray(IPV4_LEN)),
      size,
    );
    for (const [i, frame] of this.batch.entries()) {
      if (packets.length > 0) frame.remote.addr = src4(packets[i % packets.length], 0);
      frame.remote.port = this.#from;
    }
  }
}

/** A way through the engine. */
interface Way {
  readonly name: string;
  /** The lines of a `[[tunnel]]`. */
  readonly tunnel: readonly string[];
  /** UDP port that packets at its sockets come from. */
  readonly port?: number;
  /** What waits at the protocol 41 socket. */
  readonly fromV4?: readonly Uint8Array[];
  /** What waits at the device. */
  readonly fromV6?: readonly Uint8Array[];
  /** What came to the socket before, while the device had the same packets as later. */
  readonly before?: readonly Uint8Array[];
  /** True: every packet is dropped. False: every one is forwarded. */
  readonly refused?: boolean;
}

const WEB = '3fff:0:1::80';

/** The `[[tunnel]]` of a node. */
const node = (type: string, role: string, local: string, ...lines: readonly string[]): readonly string[] => [
  `type = "${type}"`,
  `role = "${role}"`,
  `local = "${local}"`,
  ...lines,
];

function sixToFourWays(): Way[] {
  const site = { v4: '192.0.2.42', v6: '2002:c000:22a::1' };
  const peer = { v4: '198.51.100.7', v6: '2002:c633:6407::1' };
  const relay = '192.88.99.1';
  const out = udp6({ src: site.v6, dst: WEB }, OCTETS);
  const back = udp6({ src: WEB, dst: site.v6 }, OCTETS);
  const toPeer = udp6({ src: site.v6, dst: peer.v6 }, OCTETS);
  const host = node('6to4', 'host', site.v4);
  /** One packet for each reason that is given without an answer. */
  const refused = [
    ipv4({ src: '203.0.113.66', dst: peer.v4 }, toPeer),
    ipv4({ src: '10.1.1.1', dst: peer.v4 }, toPeer),
    ipv4({ src: site.v4, dst: peer.v4 }, echoRequest({ src: site.v6, dst: 'ff02::1' })),
    ipv4({ src: site.v4, dst: peer.v4 }, out),
    ipv4({ src: site.v4, dst: peer.v4, tos: 3 }, toPeer),
    ipv4({ src: peer.v4, dst: peer.v4 }, toPeer),
    ipv4({ src: site.v4, dst: '198.51.100.8' }, toPeer),
    ipv4({ src: site.v4, dst: peer.v4 }, toPeer.slice(0, 60)),
    ipv4({ src: site.v4, dst: peer.v4, version: 5 }, toPeer),
  ];
  return [
    { name: '6to4 relay, native to 6to4', tunnel: node('6to4', 'relay', relay), fromV6: [back] },
    { name: '6to4 relay, 6to4 to native', tunnel: node('6to4', 'relay', relay), fromV4: [ipv4({ src: site.v4, dst: relay }, out)] },
    { name: '6to4 host, to a site', tunnel: host, fromV6: [toPeer] },
    { name: '6to4 host, to its relay, path MTU discovered', tunnel: [...host, 'path-mtu-discovery = true'], fromV6: [out] },
    { name: '6to4 host, from a site', tunnel: node('6to4', 'host', peer.v4), fromV4: [ipv4({ src: site.v4, dst: peer.v4 }, toPeer)] },
    { name: '6to4 host, from a relay', tunnel: host, fromV4: [ipv4({ src: relay, dst: site.v4, tos: 2 }, back)] },
    { name: '6to4 host, refused', tunnel: node('6to4', 'host', peer.v4), fromV4: refused, refused: true },
  ];
}

function sixRdWays(): Way[] {
  const edge = { v4: '10.100.100.1', v6: '2001:db8:6464:100::1' };
  const other = { v4: '10.100.100.2', v6: '2001:db8:6464:200::1' };
  const relay = '10.0.0.1';
  const domain = ['prefix = "2001:db8::/32"', 'ipv4-mask-length = 8'];
  const customerEdge = node('6rd', 'customer-edge', edge.v4, ...domain, `border-relays = ["${relay}"]`);
  const borderRelay = node('6rd', 'border-relay', relay, ...domain);
  // A prefix that ends beyond the first word and within an octet; of 10.160.0.0/11 the last 21 bits follow.
  const odd = ['prefix = "2001:db8:ff00::/43"', 'ipv4-mask-length = 11'];
  const oddEdge = { v4: '10.161.2.3', v6: '2001:db8:ff01:203::1' };
  const out = udp6({ src: edge.v6, dst: WEB }, OCTETS);
  const back = udp6({ src: WEB, dst: edge.v6 }, OCTETS);
  const toOther = udp6({ src: edge.v6, dst: other.v6 }, OCTETS);
  const fromOther = udp6({ src: other.v6, dst: edge.v6 }, OCTETS);
  const refused = [
    ipv4({ src: '11.100.100.1', dst: relay }, out),
    ipv4({ src: '10.100.100.2', dst: relay }, out),
    ipv4({ src: edge.v4, dst: relay }, back),
    ipv4({ src: relay, dst: relay }, out),
    ipv4({ src: edge.v4, dst: relay }, udp6({ src: edge.v6, dst: '2001:db8:0:101::9' }, OCTETS)),
    ipv4({ src: edge.v4, dst: relay }, echoRequest({ src: edge.v6, dst: 'ff02::1' })),
  ];
  return [
    { name: '6rd customer edge, to its border relay', tunnel: customerEdge, fromV6: [out] },
    { name: '6rd customer edge, to another', tunnel: customerEdge, fromV6: [toOther] },
    { name: '6rd customer edge, from its border relay', tunnel: customerEdge, fromV4: [ipv4({ src: relay, dst: edge.v4 }, back)] },
    { name: '6rd customer edge, from another', tunnel: customerEdge, fromV4: [ipv4({ src: other.v4, dst: edge.v4 }, fromOther)] },
    { name: '6rd border relay, native to 6rd', tunnel: borderRelay, fromV6: [back] },
    { name: '6rd border relay, 6rd to native', tunnel: borderRelay, fromV4: [ipv4({ src: edge.v4, dst: relay }, out)] },
    {
      name: '6rd border relay, native to 6rd, odd lengths',
      tunnel: node('6rd', 'border-relay', '10.160.0.1', ...odd),
      fromV6: [udp6({ src: WEB, dst: oddEdge.v6 }, OCTETS)],
    },
    {
      name: '6rd border relay, 6rd to native, odd lengths',
      tunnel: node('6rd', 'border-relay', '10.160.0.1', ...odd),
      fromV4: [ipv4({ src: oddEdge.v4, dst: '10.160.0.1' }, udp6({ src: oddEdge.v6, dst: WEB }, OCTETS))],
    },
    { name: '6rd border relay, refused', tunnel: borderRelay, fromV4: refused, refused: true },
  ];
}

function isatapWays(): Way[] {
  const router = { v4: '192.0.2.1', linkLocal: 'fe80::5efe:c000:201' };
  const here = { v4: '192.0.2.5', linkLocal: 'fe80::5efe:c000:205', v6: '2001:db8:0:1:0:5efe:c000:205' };
  const there = { v4: '192.0.2.6', linkLocal: 'fe80::5efe:c000:206', v6: '2001:db8:0:1:0:5efe:c000:206' };
  const isatapRouter = node('isatap', 'router', router.v4, 'prefix = "2001:db8:0:1::/64"');
  const host = node('isatap', 'host', here.v4, `potential-routers = ["${router.v4}"]`);
  const prefix = prefixOption('2001:db8:0:1::', ON_LINK | AUTONOMOUS, 86_400, 14_400);
  const advertisement = routerAdvertisement({ src: router.linkLocal, dst: here.linkLocal, hopLimit: 255 }, {}, prefix);
  const answer = ({ v4, linkLocal }: { v4: string; linkLocal: string }) =>
    ipv4({ src: v4, dst: here.v4 }, neighborAdvertisement({ src: linkLocal, dst: here.linkLocal, hopLimit: 255 }, linkLocal, SOLICITED));
  /** The host has heard its router, and had an answer from whom it sends to. */
  const before = [ipv4({ src: router.v4, dst: here.v4 }, advertisement), answer(router), answer(there)];
  const out = udp6({ src: here.v6, dst: WEB }, OCTETS);
  const back = udp6({ src: WEB, dst: here.v6 }, OCTETS);
  const toThere = udp6({ src: here.v6, dst: there.v6 }, OCTETS);
  const fromThere = udp6({ src: there.v6, dst: here.v6 }, OCTETS);
  const refused = [
    ipv4({ src: '192.0.2.99', dst: here.v4 }, back),
    ipv4({ src: '192.0.2.99', dst: here.v4 }, fromThere),
    ipv4({ src: '192.0.2.99', dst: here.v4 }, advertisement),
    ipv4({ src: here.v4, dst: here.v4 }, fromThere),
    ipv4({ src: there.v4, dst: here.v4 }, udp6({ src: there.v6, dst: there.v6 }, OCTETS)),
    ipv4({ src: there.v4, dst: here.v4 }, echoRequest({ src: there.v6, dst: 'ff02::1' })),
  ];
  return [
    { name: 'ISATAP router, native to a host', tunnel: isatapRouter, fromV6: [back] },
    { name: 'ISATAP router, from a host to native', tunnel: isatapRouter, fromV4: [ipv4({ src: here.v4, dst: router.v4 }, out)] },
    { name: 'ISATAP host, to its router', tunnel: host, before, fromV6: [out] },
    { name: 'ISATAP host, to another', tunnel: host, before, fromV6: [toThere] },
    { name: 'ISATAP host, from its router', tunnel: host, before, fromV4: [ipv4({ src: router.v4, dst: here.v4 }, back)] },
    { name: 'ISATAP host, from another', tunnel: host, before, fromV4: [ipv4({ src: there.v4, dst: here.v4 }, fromThere)] },
    { name: 'ISATAP host, refused', tunnel: host, before, fromV4: refused, refused: true },
  ];
}

const WAYS: readonly Way[] = [...sixToFourWays(), ...sixRdWays(), ...isatapWays(), ...teredoWays()];

function teredoWays(): Way[] {
  // 192.0.2.45, port 40000, by server 65.54.227.120.
  const client = { v4: '192.0.2.45', port: 40_000, v6: '2001:0:4136:e378:0:63bf:3fff:fdd2' };
  const [relay, server] = ['203.0.113.200', '65.54.227.120'];
  const teredoRelay = node('teredo', 'relay', relay);
  const teredoServer = node('teredo', 'server', server, 'secondary = "65.54.227.121"');
  const at = (packet: Uint8Array) => ipv4({ src: client.v4, dst: relay }, packet);
  const out = udp6({ src: client.v6, dst: WEB }, OCTETS);
  const back = udp6({ src: WEB, dst: client.v6 }, OCTETS);
  const refused = [
    ipv4({ src: '192.0.2.46', dst: relay }, out),
    ipv4({ src: '10.1.1.1', dst: relay }, out),
    at(back),
    at(udp6({ src: client.v6, dst: '2001:0:4136:e378:0:efff:39cc:9b89' }, OCTETS)),
    at(echoRequest({ src: client.v6, dst: 'ff02::1' })),
    at(out.slice(0, 60)),
  ];
  return [
    { name: 'Teredo relay, native to a client', tunnel: teredoRelay, port: client.port, before: [at(out)], fromV6: [back] },
    { name: 'Teredo relay, from a client to native', tunnel: teredoRelay, port: client.port, fromV4: [at(out)] },
    { name: 'Teredo relay, refused', tunnel: teredoRelay, port: client.port, fromV4: refused, refused: true },
    { name: 'Teredo server, refused', tunnel: teredoServer, port: client.port, fromV4: [at(out), ...refused], refused: true },
  ];
}

/** Milliseconds between two rounds; within one time stands still. Neighbours that have answered stay reachable for longer than a way takes. */
const ROUND_TIME = 100;

/** A pipeline with a way's packets at its ports. */
class Bench {
  readonly #way: Way;
  readonly #pipeline: Pipeline;
  readonly #counters = new Counters();
  readonly #slot: number;
  #now = 0;

  constructor(way: Way) {
    const { tunnel, port = 0, before = [], fromV4 = [], fromV6 = [] } = way;
    const spec = nodeOf(
      ['[[tunnel]]', ...tunnel, '[policy]', 'allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]'].join('\n'),
    );
    const sockets = socketsOf(spec.tunnels[0]).map((socket) => new TirelessUdpPort(socket, port));
    const protocol41 = new TirelessPort('protocol-41');
    const carrier = sockets[0] ?? protocol41;
    const device = new TirelessPort('ipv6');
    const ports: Ports = {
      protocol41,
      icmp4: null,
      tunnels: new Map([[spec.tunnels[0].interface ?? '', device]]),
      udp: new Map([[spec.tunnels[0].name, sockets]]),
      outlet: device,
      lans: new Map(),
      dhcp4: new Map(),
      makeBatch,
    };
    this.#way = way;
    this.#slot = spec.tunnels[0].slot;
    this.#pipeline = new Pipeline({ counters: this.#counters, random: () => {}, owner: true, news: () => {} });
    this.#pipeline.configure(spec, ports, 0);
    device.hold(fromV6);
    for (const packet of before) {
      carrier.hold([packet], 1);
      this.#pipeline.step(0);
    }
    carrier.hold(fromV4);
  }

  /** Moves at least `packets` packets; returns nanoseconds of processor time for each. */
  round(packets: number): number {
    this.#now += ROUND_TIME;
    const forwarded = this.#forwarded();
    const before = process.cpuUsage();
    let handled = 0;
    while (handled < packets) handled += this.#pipeline.step(this.#now);
    const { user, system } = process.cpuUsage(before);
    const expected = this.#way.refused === true ? 0 : handled;
    const count = this.#forwarded() - forwarded;
    if (count !== expected) throw new Error(`${this.#way.name}: ${count} of ${handled} packets were forwarded, expected ${expected}`);
    return ((user + system) * 1000) / handled;
  }

  #forwarded(): number {
    const rows = [this.#counters.row];
    return packetsIn(rows, this.#slot, Direction.encapsulate) + packetsIn(rows, this.#slot, Direction.decapsulate);
  }
}

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
observer.observe({ entryTypes: ['gc'] });

/** What is measured of one way. */
interface Result {
  readonly name: string;
  readonly nanoseconds: { readonly median: number; readonly least: number; readonly most: number };
  readonly octetsPerPacket: number;
  readonly collections: number;
}

async function measure(way: Way, packets: number, rounds: number): Promise<Result> {
  const bench = new Bench(way);
  const times = new Float64Array(rounds);
  for (let i = 0; i < 3; i++) bench.round(packets);
  await nextTurn();
  collections = 0;
  // The engine's own compiler allocates too, in some rounds; what a packet allocates is there in every one.
  let grown = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const before = getHeapStatistics().used_heap_size;
    times[i] = bench.round(packets);
    grown = Math.min(grown, Math.abs(getHeapStatistics().used_heap_size - before));
  }
  await nextTurn();
  const sorted = times.toSorted();
  const nanoseconds = { median: sorted[rounds >>> 1], least: sorted[0], most: sorted[rounds - 1] };
  return { name: way.name, nanoseconds, octetsPerPacket: grown / packets, collections };
}

const [packets = '1000000', rounds = '5', only = ''] = process.argv.slice(2);
for (const way of WAYS.filter(({ name }) => name.includes(only))) {
  console.log(JSON.stringify(await measure(way, Number(packets), Number(rounds))));
}
observer.disconnect();
