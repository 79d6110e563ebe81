/**
 * The engine alone: a `Pipeline` between ports that cost nothing, the same packets over and over.
 *
 *   npx tsx bench/engine.ts [packets a round] [rounds]
 *
 * One JSON line a way through it: nanoseconds of processor time a packet (median, least and most of the rounds), octets that the
 * heap grew by a packet, and garbage collections while packets flowed. `test/engine/allocation.test.ts` holds
 * the last two at nothing.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { Counters } from '../src/core/counters.js';
import { Drop } from '../src/core/drop.js';
import { type Frame, HEADROOM, makeBatch } from '../src/core/frame.js';
import { Pipeline, type Ports } from '../src/engine/pipeline.js';
import type { Port, PortKind } from '../src/engine/port.js';
import { echoRequest, ipv4, udp6 } from '../test/vectors/compose.js';
import { nodeOf } from '../test/vectors/node.js';

const BATCH = 64;
const OCTETS = 104;

/** A port that always has a batch of the same packets, and takes everything. */
class TirelessPort implements Port {
  readonly kind: PortKind;
  readonly batch: Frame[];
  readonly #packets: readonly Uint8Array[];
  readonly #ends: Uint32Array;

  constructor(kind: PortKind, packets: readonly Uint8Array[]) {
    this.kind = kind;
    this.batch = makeBatch(BATCH, HEADROOM + 2048);
    this.#packets = packets;
    this.#ends = new Uint32Array(BATCH);
    this.refill();
  }

  /** Puts the packets into the slots anew. */
  refill(): void {
    if (this.#packets.length === 0) return;
    for (const [i, frame] of this.batch.entries()) {
      const packet = this.#packets[i % this.#packets.length];
      frame.fill(packet, 0, packet.length);
      this.#ends[i] = frame.end;
    }
  }

  receive(): number {
    if (this.#packets.length === 0) return 0;
    const { batch } = this;
    for (let i = 0; i < BATCH; i++) {
      const frame = batch[i];
      frame.off = frame.slot + HEADROOM;
      frame.end = this.#ends[i];
    }
    return BATCH;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) frames[i].fate = Drop.none;
    return n;
  }
}

/** A way through the engine. */
interface Way {
  readonly name: string;
  readonly role: 'host' | 'router' | 'relay';
  readonly local: string;
  /** Further lines of the tunnel. */
  readonly lines?: readonly string[];
  /** What waits at the protocol 41 socket. */
  readonly fromV4?: readonly Uint8Array[];
  /** What waits at the device. */
  readonly fromV6?: readonly Uint8Array[];
}

const SITE = { v4: '192.0.2.42', v6: '2002:c000:22a::1' };
const PEER = { v4: '198.51.100.7', v6: '2002:c633:6407::1' };
const WEB = '3fff:0:1::80';
const RELAY = '192.88.99.1';
const out = udp6({ src: SITE.v6, dst: WEB }, OCTETS);
const back = udp6({ src: WEB, dst: SITE.v6 }, OCTETS);
const toPeer = udp6({ src: SITE.v6, dst: PEER.v6 }, OCTETS);

/** One packet for each reason that is given without an answer. */
const REFUSED = [
  ipv4({ src: '203.0.113.66', dst: PEER.v4 }, toPeer),
  ipv4({ src: '10.1.1.1', dst: PEER.v4 }, toPeer),
  ipv4({ src: SITE.v4, dst: PEER.v4 }, echoRequest({ src: SITE.v6, dst: 'ff02::1' })),
  ipv4({ src: SITE.v4, dst: PEER.v4 }, out),
  ipv4({ src: SITE.v4, dst: PEER.v4, tos: 3 }, toPeer),
  ipv4({ src: PEER.v4, dst: PEER.v4 }, toPeer),
  ipv4({ src: SITE.v4, dst: '198.51.100.8' }, toPeer),
  ipv4({ src: SITE.v4, dst: PEER.v4 }, toPeer.slice(0, 60)),
  ipv4({ src: SITE.v4, dst: PEER.v4, version: 5 }, toPeer),
];

const WAYS: readonly Way[] = [
  { name: 'relay, native to 6to4', role: 'relay', local: RELAY, fromV6: [back] },
  { name: 'relay, 6to4 to native', role: 'relay', local: RELAY, fromV4: [ipv4({ src: SITE.v4, dst: RELAY }, out)] },
  { name: 'host, to a site', role: 'host', local: SITE.v4, fromV6: [toPeer] },
  { name: 'host, to its relay, path MTU discovered', role: 'host', local: SITE.v4, lines: ['path-mtu-discovery = true'], fromV6: [out] },
  { name: 'host, from a site', role: 'host', local: PEER.v4, fromV4: [ipv4({ src: SITE.v4, dst: PEER.v4 }, toPeer)] },
  { name: 'host, from a relay', role: 'host', local: SITE.v4, fromV4: [ipv4({ src: RELAY, dst: SITE.v4, tos: 2 }, back)] },
  { name: 'host, refused', role: 'host', local: PEER.v4, fromV4: REFUSED },
];

/** A pipeline with that way's packets at its ports. */
function pipelineOf({ role, local, lines = [], fromV4 = [], fromV6 = [] }: Way): Pipeline {
  const tunnel = ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...lines];
  const node = nodeOf([...tunnel, '[policy]', 'allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]'].join('\n'));
  const ports: Ports = {
    protocol41: new TirelessPort('protocol-41', fromV4),
    icmp4: null,
    tunnels: new Map([[node.tunnels[0].interface, new TirelessPort('ipv6', fromV6)]]),
    lans: new Map(),
    makeBatch,
  };
  const pipeline = new Pipeline({ counters: new Counters(), random: () => {}, owner: true });
  pipeline.configure(node, ports, 0);
  return pipeline;
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
  const pipeline = pipelineOf(way);
  const times = new Float64Array(rounds);
  const round = (): number => {
    const before = process.cpuUsage();
    const now = performance.now();
    let handled = 0;
    while (handled < packets) handled += pipeline.step(now);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / handled;
  };
  for (let i = 0; i < 3; i++) round();
  await nextTurn();
  collections = 0;
  const before = getHeapStatistics().used_heap_size;
  for (let i = 0; i < rounds; i++) times[i] = round();
  const grown = getHeapStatistics().used_heap_size - before;
  await nextTurn();
  const sorted = times.toSorted();
  const nanoseconds = { median: sorted[rounds >>> 1], least: sorted[0], most: sorted[rounds - 1] };
  return { name: way.name, nanoseconds, octetsPerPacket: grown / (packets * rounds), collections };
}

const [packets = '1000000', rounds = '5', only = ''] = process.argv.slice(2);
for (const way of WAYS.filter(({ name }) => name.includes(only))) {
  console.log(JSON.stringify(await measure(way, Number(packets), Number(rounds))));
}
observer.disconnect();
