/**
 * What a node would do with one packet, and why. Nothing is worked out here: the packet goes through
 * a `Pipeline` as any packet does, between ports in memory, and the answer is read from what was
 * counted and what was sent. So it is the truth, state included: what one packet teaches (a path MTU,
 * a rate that is used up) holds for the next.
 *
 * It has no LANs to speak to, and chance is always 0: what a node puts off by chance it says at once. Cold: it allocates.
 */
import type { Millis } from '../core/clock.js';
import { Counters, clearSlot, Direction, drops, ICMP_KINDS, IcmpKind, icmpEvents, NODE_SLOT, packets } from '../core/counters.js';
import { DROPS, Drop, type DropName } from '../core/drop.js';
import { type Flows, NO_FLOWS } from '../core/flows.js';
import { type Frame, HEADROOM, makeBatch } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { dst4, isIpv4, Protocol, protocol4, src4 } from '../wire/ipv4.js';
import { IPV6_LEN } from '../wire/ipv6.js';
import { datagram4, isUdp4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../wire/udp.js';
import { Pipeline, type Ports } from './pipeline.js';
import type { Port, PortKind, UdpPort } from './port.js';
import type { NodeSpec, SocketSpec } from './spec.js';
import { socketsOf } from './technologies.js';

/** A side of the node: IPv4, or the IPv6 beyond its tunnel devices. */
export type Side = 'v4' | 'v6';

/** A packet that the node originates because of another: an ICMP error. */
export interface Answer {
  readonly to: Side;
  /** The whole packet as its port gets it, an outer header included. */
  readonly octets: Uint8Array;
}

/** What becomes of one packet. */
export interface Explanation {
  /** The tunnel that judged it; null when it was none's. */
  readonly tunnel: string | null;
  readonly verdict: 'forward' | 'hold' | 'consumed' | 'drop';
  /** Why it is dropped; null when it is not. */
  readonly reason: DropName | null;
  /** RFC and section that ask for the check that dropped it; null when it is not. */
  readonly rfc: string | null;
  /** The packet as it leaves on the other side; null when it does not. */
  readonly out: Uint8Array | null;
  readonly answers: readonly Answer[];
}

/** A node that can be asked. */
export class Explainer {
  readonly #counters = new Counters();
  readonly #pipeline: Pipeline;
  readonly #sent: Answer[] = [];
  readonly #protocol41 = new MemoryPort('protocol-41', 'v4', this.#sent);
  readonly #icmp4 = new MemoryPort('icmp4', 'v4', this.#sent);
  readonly #udp: ReadonlyMap<string, readonly MemoryUdpPort[]>;
  /** Devices by the names of their tunnels, in the order of the node. */
  readonly #devices: ReadonlyMap<string, MemoryPort>;
  /** Whose counts stand in each slot that is used; null: nobody's. */
  readonly #names: ReadonlyMap<number, string | null>;
  #now: Millis;

  /** `now`: when the node starts. `flowsOf`: see {@link PipelineOptions}. */
  constructor(node: NodeSpec, now: Millis = 0, flowsOf: (slot: number) => Flows = () => NO_FLOWS) {
    this.#now = now;
    this.#pipeline = new Pipeline({ counters: this.#counters, random: noChance, owner: true, news: () => {}, flowsOf });
    this.#devices = new Map(node.tunnels.map(({ name }) => [name, new MemoryPort('ipv6', 'v6', this.#sent)]));
    this.#names = new Map<number, string | null>([...node.tunnels.map(({ slot, name }) => [slot, name] as const), [NODE_SLOT, null]]);
    const tunnels = new Map(node.tunnels.map((tunnel, i) => [tunnel.interface ?? '', [...this.#devices.values()][i]]));
    this.#udp = new Map(
      node.tunnels.map((tunnel) => [tunnel.name, socketsOf(tunnel).map((socket, i) => new MemoryUdpPort(socket, i, this.#sent))]),
    );
    const ports: Ports = {
      protocol41: this.#protocol41,
      icmp4: this.#icmp4,
      tunnels,
      udp: this.#udp,
      outlet: new MemoryPort('ipv6', 'v6', this.#sent),
      lans: new Map(),
      dhcp4: new Map(),
      makeBatch,
    };
    this.#pipeline.configure(node, ports, now);
    // What it has to say at once is said, and told by the first `pass`.
    this.#pipeline.step(now);
  }

  /**
   * Shows the node the packet `octets` at `now`. From `v4`: any IPv4 packet that the host receives. From
   * `v6`: what is routed into the device of `tunnel`, or of the first tunnel there is; throws a RangeError
   * when there is no such tunnel.
   */
  explain(from: Side, octets: Uint8Array, now: Millis, tunnel?: string): Explanation {
    const port = from === 'v4' ? this.#hearing(octets) : this.#device(tunnel);
    this.pass(now);
    port.offer(octets);
    this.#pipeline.step(now);
    const { slot, verdict, reason } = this.#outcome(from, port.fate);
    this.#forget();
    const answers = this.#sent.splice(0);
    const out = verdict === 'forward' ? answers.shift() : undefined;
    return {
      tunnel: this.#names.get(slot) ?? null,
      verdict,
      reason: reason?.name ?? null,
      rfc: reason?.rfc ?? null,
      out: out?.octets ?? null,
      answers,
    };
  }

  /**
   * Lets time pass until `now`, as it does before a packet is shown: timers run when they are due. Returns what the node
   * sends of its own accord. Of a long time the end is left out: no more than `MAX_TIMERS` are waited for.
   */
  pass(now: Millis): readonly Answer[] {
    const pipeline = this.#pipeline;
    for (let i = 0; i < MAX_TIMERS && pipeline.nextTimeout() <= now; i++) {
      this.#now = Math.max(this.#now, pipeline.nextTimeout());
      pipeline.step(this.#now);
    }
    this.#now = now;
    this.#forget();
    return this.#sent.splice(0);
  }

  #forget(): void {
    for (const used of this.#names.keys()) clearSlot(this.#counters.row, used);
  }

  /** The socket that such a packet would come to. */
  #hearing(octets: Uint8Array): MemoryPort {
    if (isUdp4(octets, 0, octets.length)) {
      const sockets = [...this.#udp.values()].flat();
      return sockets.find((socket) => socket.hears(octets)) ?? this.#protocol41;
    }
    const isIcmp4 = isIpv4(octets, 0, octets.length) && protocol4(octets, 0) === Protocol.icmp;
    return isIcmp4 ? this.#icmp4 : this.#protocol41;
  }

  #device(tunnel: string | undefined): MemoryPort {
    const names = [...this.#devices.keys()];
    const device = this.#devices.get(tunnel ?? names[0]);
    if (device === undefined) throw new RangeError(`no tunnel ${tunnel ?? 'at all'}: expected ${names.join(', ') || 'one'}`);
    return device;
  }

  /**
   * What was counted of a packet from `from`: one that is forwarded or dropped is in one cell, one that is held or consumed
   * in none, and its `fate` says which. What is counted the other way was released by it, and goes with its answers.
   */
  #outcome(from: Side, fate: number) {
    const rows = [this.#counters.row];
    const direction = from === 'v4' ? Direction.decapsulate : Direction.encapsulate;
    for (const slot of this.#names.keys()) {
      if (packets(rows, slot, direction) > 0) return { slot, verdict: 'forward' as const };
      const reason = DROPS.find(({ code }) => drops(rows, slot, direction, code) > 0);
      if (reason !== undefined) return { slot, verdict: 'drop' as const, reason };
    }
    const concerned = (slot: number) => ICMP_KINDS.some((kind) => icmpEvents(rows, slot, IcmpKind[kind]) > 0);
    const slot = [...this.#names.keys()].find(concerned) ?? NODE_SLOT;
    return { slot, verdict: fate === Verdict.hold ? ('hold' as const) : ('consumed' as const) };
  }
}

/** Timers that run before a packet is shown, at most; a node has few, and each comes back. */
const MAX_TIMERS = 1_000;
/** Octets of the largest packet: an IPv6 header and all the payload that it can speak of. */
const MAX_PACKET = IPV6_LEN + 0xffff;

/** A port that is handed one packet at a time and keeps copies of what it is to send. */
class MemoryPort implements Port {
  readonly kind: PortKind;
  readonly batch = makeBatch(1, HEADROOM + MAX_PACKET);
  readonly #to: Side;
  readonly #sent: Answer[];
  #waiting = 0;

  constructor(kind: PortKind, to: Side, sent: Answer[]) {
    this.kind = kind;
    this.#to = to;
    this.#sent = sent;
  }

  /** What became of the packet that was handed over last, if it was not sent on. */
  get fate(): number {
    return this.batch[0].fate;
  }

  /** Hands over a packet; octets that no length field can reach are left out. */
  offer(octets: Uint8Array): void {
    const [frame] = this.batch;
    frame.fill(octets, 0, Math.min(octets.length, MAX_PACKET));
    frame.fate = Drop.none;
    if (isIpv4(octets, 0, octets.length)) frame.remote.addr = src4(octets, 0);
    this.#waiting = 1;
  }

  receive(): number {
    const n = this.#waiting;
    this.#waiting = 0;
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) {
      const { b, off, end } = frames[i];
      frames[i].fate = Drop.none;
      this.#sent.push({ to: this.#to, octets: b.slice(off, end) });
    }
    return n;
  }
}

/** First port of sockets that may have any. */
const ANY_PORT = 49_152;

/** A socket that is handed whole packets, and keeps whole packets. */
class MemoryUdpPort extends MemoryPort implements UdpPort {
  declare readonly kind: 'udp';
  readonly localPort: number;
  readonly #local: number;
  /** What is sent to it has this destination. */
  readonly #heard: number;
  readonly #sent: Answer[];

  constructor({ local, port, group = local }: SocketSpec, place: number, sent: Answer[]) {
    super('udp', 'v4', sent);
    this.#local = local;
    this.#heard = group;
    this.#sent = sent;
    this.localPort = port === 0 ? ANY_PORT + place : port;
  }

  /** True when the datagram in the whole IPv4 packet `octets` is for this socket. */
  hears(octets: Uint8Array): boolean {
    return dst4(octets, 0) === this.#heard && udpDestination(octets, udpOffset4(octets, 0)) === this.localPort;
  }

  override offer(octets: Uint8Array): void {
    const udp = udpOffset4(octets, 0);
    super.offer(octets.subarray(udp + UDP_LEN, udp + udpLen(octets, udp)));
    const [{ remote }] = this.batch;
    remote.addr = src4(octets, 0);
    remote.port = udpSource(octets, udp);
  }

  override send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) {
      frames[i].fate = Drop.none;
      this.#sent.push({ to: 'v4', octets: datagram4(frames[i], this.#local, this.localPort) });
    }
    return n;
  }
}

/** Every number that could have come up: the lowest. */
function noChance(into: Uint8Array): void {
  into.fill(0);
}
