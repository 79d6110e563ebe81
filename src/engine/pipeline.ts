/**
 * One packet thread: ports on both sides, the tunnels between them, and the counting.
 *
 *   TUN of each tunnel --fromV6--> protocol 41
 *   protocol 41 --which tunnel?--fromV4--> its TUN
 *   UDP sockets of a tunnel        --fromV4--> its TUN, or the IPv6 stack of the host
 *   ICMPv4, LANs --> the tunnel they concern        timers --> pollTransmit --> any of the ports
 *   DHCPv4 --> the lease of an interface            leases, and what tunnels learn --> news
 *
 * Driven by whoever owns the ports: `step` until it returns 0, then sleep until a port has something
 * or `nextTimeout()`. The simulator and the worker drive the same object. Several threads share the
 * work of one node; one of them is the owner, and only it originates what must be said once.
 */
import type { Millis } from '../core/clock.js';
import { type Counters, clearSlot, Direction, NODE_SLOT } from '../core/counters.js';
import { Drop } from '../core/drop.js';
import { type Flows, NO_FLOWS } from '../core/flows.js';
import { type Frame, HEADROOM } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { type Learned, NO_HERITAGE, TransmitTo } from '../role/role.js';
import { IPV4_DST, IPV4_LEN, isIpv4, Protocol, protocol4 } from '../wire/ipv4.js';
import { IPV6_LEN } from '../wire/ipv6.js';
import { LanMemory, type ToldLans } from './lan-memory.js';
import { Leases } from './leases.js';
import type { News } from './news.js';
import { NodeContext } from './node.js';
import type { Port, UdpPort } from './port.js';
import { type NodeSpec, sameSpec, type TunnelSpec } from './spec.js';
import { Tunnel } from './tunnel.js';

/** What a packet thread reads and writes. Maps are by interface name where nothing else is said. */
export interface Ports {
  readonly protocol41: Port;
  /** ICMPv4 errors; null: none are heard. */
  readonly icmp4: Port | null;
  /** The TUN queue of each tunnel that has one. */
  readonly tunnels: ReadonlyMap<string, Port>;
  /** The sockets of each tunnel that has its own, by its name, in the order of `Technology.sockets`. */
  readonly udp: ReadonlyMap<string, readonly UdpPort[]>;
  /** The IPv6 stack of the host, for tunnels without an interface; null: there is no such tunnel. Send only. */
  readonly outlet: Port | null;
  /** LANs behind routers; the owner's only. */
  readonly lans: ReadonlyMap<string, Port>;
  /** Interfaces on which the node is a DHCPv4 client; the owner's only. */
  readonly dhcp4: ReadonlyMap<string, Port>;
  /** Makes frames in memory that the ports can send from. `room` in octets, headroom included. */
  makeBatch(count: number, room: number): Frame[];
}

/** What stays the same for the life of a thread. */
export interface PipelineOptions {
  readonly counters: Counters;
  readonly random: Random;
  /** True in exactly one thread of a node. */
  readonly owner: boolean;
  /** Hears what the owner finds out, between two packets; it must not call back. */
  readonly news: (news: News) => void;
  /** What LANs were told by the process before this one; the owner's only. */
  readonly told?: ToldLans;
  /** The fast path for peers of the tunnel at a place of the counter rows; absent: there is none. */
  readonly flowsOf?: (slot: number) => Flows;
}

/** Packets that one port may contribute to a step; more wait for the next, so that every port has its turn. */
const MAX_BATCH = 256;
/** From one word of what a tunnel has learned to the next, at least: whoever forges advertisements makes work for whoever is told. */
const TELL_GAP: Millis = 100;
/** Words that may come sooner after a silence: who has just started learns one thing after the other. */
const TELL_BURST = 4;
/** Transmissions of one tunnel in one step, at most. */
const MAX_TRANSMIT = 256;

/** Octets of a frame for what is originated: a packet that was held may be as long as any. */
const TRANSMIT_ROOM = HEADROOM + IPV4_LEN + IPV6_LEN + 0xffff;

/** A tunnel with its ports and what waits for them. */
interface Lane {
  readonly tunnel: Tunnel;
  readonly slot: number;
  readonly ipv6: Port;
  /** Sockets of the tunnel's own; none: it shares those of protocol 41. */
  readonly sockets: readonly UdpPort[];
  readonly lans: readonly (Port | null)[];
  /** Inner packets for the TUN, gathered from one batch. */
  readonly inbound: Frame[];
  inboundCount: number;
  /** What was last told of what the tunnel has learned. */
  told: Learned | null;
  /** When the next word may be said. */
  tellAt: Millis;
}

/** See the head of the file. */
export class Pipeline {
  readonly #counters: Counters;
  readonly #random: Random;
  readonly #owner: boolean;
  readonly #news: (news: News) => void;
  readonly #flowsOf: (slot: number) => Flows;
  readonly #leases: Leases;
  readonly #lanMemory: LanMemory;
  #ports: Ports | null = null;
  #context: NodeContext | null = null;
  #lanes: Lane[] = [];
  /** Those that protocol 41 carries. */
  #shared: readonly Lane[] = [];
  /** Names of the tunnels whose counts stand in each slot. */
  readonly #slots = new Map<number, string>();
  #outbound: Frame[] = [];
  #share: Frame[] = [];
  #transmit: Frame | null = null;

  constructor(options: PipelineOptions) {
    this.#counters = options.counters;
    this.#random = options.random;
    this.#owner = options.owner;
    this.#news = options.news;
    this.#flowsOf = options.flowsOf ?? (() => NO_FLOWS);
    this.#leases = new Leases(options.counters, options.random, options.news);
    this.#lanMemory = new LanMemory(options.told ?? new Map());
  }

  /**
   * Takes a snapshot and the ports it needs, at start and at every reload. A tunnel that did not
   * change keeps its state; LANs of one that did, or is gone, are told. The old ports must still be open.
   */
  configure(node: NodeSpec, ports: Ports, now: Millis): void {
    const known = this.#context?.suits(node) === true ? this.#context : null;
    known?.become(node);
    const context = known ?? new NodeContext(node);
    this.#context = context;
    const before = new Map(this.#lanes.map((lane) => [lane.tunnel.spec.name, lane]));
    const lanes: Lane[] = [];
    for (const spec of node.tunnels) {
      const old = before.get(spec.name);
      const kept = old !== undefined && known !== null && this.#isSame(spec, old.tunnel.spec);
      if (old !== undefined && !kept) this.#leave(old, spec, now);
      if (this.#slots.get(spec.slot) !== spec.name) clearSlot(this.#counters.row, spec.slot);
      this.#slots.set(spec.slot, spec.name);
      const tunnel = kept ? old.tunnel : this.#tunnel(spec, context, ports, old?.tunnel ?? null, now);
      lanes.push(this.#lane(tunnel, ports, old));
      before.delete(spec.name);
    }
    for (const gone of before.values()) this.#leave(gone, null, now);
    // Frames live in the memory of their ports, which goes with them.
    const transmit = this.#transmit !== null && ports === this.#ports ? this.#transmit : ports.makeBatch(1, TRANSMIT_ROOM)[0];
    // A lease that is given back leaves by its old port, which sends from memory of its own.
    if (this.#owner) this.#leases.configure(node.dhcp, ports.dhcp4, this.#transmit ?? transmit, now);
    this.#transmit = transmit;
    this.#outbound = new Array<Frame>(MAX_BATCH).fill(transmit);
    this.#share = new Array<Frame>(MAX_BATCH).fill(transmit);
    for (const lane of lanes) for (let i = 0; i < MAX_BATCH; i++) lane.inbound.push(transmit);
    this.#lanes = lanes;
    this.#shared = lanes.filter(({ sockets }) => sockets.length === 0);
    this.#ports = ports;
  }

  /** Moves what waits at every port by at most one batch each, and runs due timers. Returns the packets handled; 0: nothing waits. */
  step(now: Millis): number {
    const ports = this.#ports;
    if (ports === null) return 0;
    let handled = this.#fromV4(ports, now);
    for (let i = 0; i < this.#lanes.length; i++) {
      handled += this.#fromSockets(this.#lanes[i], now);
      handled += this.#fromV6(this.#lanes[i], ports, now);
    }
    if (ports.icmp4 !== null) handled += this.#fromIcmp4(ports.icmp4, now);
    for (let i = 0; i < this.#lanes.length; i++) {
      const lane = this.#lanes[i];
      handled += this.#fromLans(lane, now);
      lane.tunnel.handleTimeout(now);
      handled += this.#drain(lane, ports, now);
      this.#counters.peers(lane.slot, lane.tunnel.peers);
      this.#tellLearned(lane, now);
    }
    if (this.#transmit !== null) handled += this.#leases.step(this.#transmit, now);
    return handled;
  }

  /** When `step` has to be called though no port has anything; `Infinity`: never. */
  nextTimeout(): Millis {
    let next = this.#leases.nextTimeout();
    for (const { tunnel, told, tellAt } of this.#lanes) {
      next = Math.min(next, tunnel.nextTimeout());
      if (tunnel.learned !== told) next = Math.min(next, tellAt);
    }
    return next;
  }

  /** The node stops: LANs are told that their prefix is gone, at once, and leases are given back. */
  withdraw(now: Millis): void {
    for (const lane of this.#lanes) this.#leave(lane, null, now);
    if (this.#transmit !== null) this.#leases.withdraw(this.#transmit, now);
  }

  /** True when a tunnel need not be made anew. Of what its own role has learned the owner thread needs no telling. */
  #isSame(spec: TunnelSpec, old: TunnelSpec): boolean {
    return sameSpec(spec, this.#owner ? { ...old, learned: spec.learned } : old);
  }

  #tellLearned(lane: Lane, now: Millis): void {
    const { learned, spec } = lane.tunnel;
    if (learned === lane.told || now < lane.tellAt) return;
    lane.told = learned;
    lane.tellAt = Math.max(lane.tellAt, now - TELL_BURST * TELL_GAP) + TELL_GAP;
    if (this.#owner && learned !== null) this.#news({ kind: 'learned', tunnel: spec.name, learned });
  }

  /** Makes a tunnel, in place of `old`, with what that one leaves. */
  #tunnel(spec: TunnelSpec, node: NodeContext, ports: Ports, old: Tunnel | null, now: Millis): Tunnel {
    const inherited = old?.heritage(now) ?? NO_HERITAGE;
    // Another address may be at another site: its routers are others'.
    const learned = old !== null && sameSpec(spec.local, old.spec.local) ? inherited.learned : null;
    const before = { ...inherited, learned, lans: [...inherited.lans, ...this.#lanMemory.takeFor(spec)] };
    const sockets = ports.udp.get(spec.name) ?? [];
    const flows = this.#flowsOf(spec.slot);
    return new Tunnel(spec, this.#counters, { node, random: this.#random, speaks: this.#owner, sockets, flows, before, now });
  }

  #lane(tunnel: Tunnel, ports: Ports, old: Lane | undefined): Lane {
    const { spec } = tunnel;
    const ipv6 = spec.interface === null ? ports.outlet : ports.tunnels.get(spec.interface);
    if (ipv6 == null) throw new RangeError(`tunnel ${spec.name}: no port for interface ${spec.interface}`);
    const sockets = ports.udp.get(spec.name) ?? [];
    const lans = lanNames(spec).map((name) => ports.lans.get(name) ?? null);
    const { told, tellAt } = old ?? { told: null, tellAt: Number.NEGATIVE_INFINITY };
    return { tunnel, slot: spec.slot, ipv6, sockets, lans, inbound: [], inboundCount: 0, told, tellAt };
  }

  /** A tunnel goes, or changes into `next`: LANs that `next` does not serve are told. */
  #leave(lane: Lane, next: TunnelSpec | null, now: Millis): void {
    if (!this.#owner || this.#ports === null) return;
    lane.tunnel.withdraw(now, next === null ? [] : lanNames(next));
    this.#drain(lane, this.#ports, now);
  }

  #fromV4(ports: Ports, now: Millis): number {
    const { protocol41 } = ports;
    const n = protocol41.receive();
    for (let i = 0; i < n; i++) this.#decapsulate(protocol41.batch[i], now);
    if (n > 0) for (let i = 0; i < this.#shared.length; i++) this.#deliver(this.#shared[i]);
    return n;
  }

  /** Takes what waits at the sockets of one tunnel. */
  #fromSockets(lane: Lane, now: Millis): number {
    const { sockets, tunnel, slot } = lane;
    let handled = 0;
    for (let socket = 0; socket < sockets.length; socket++) {
      const port = sockets[socket];
      const n = port.receive();
      for (let i = 0; i < n; i++) {
        const frame = port.batch[i];
        frame.socket = socket;
        const verdict = tunnel.fromV4(frame, now);
        if (verdict >= Verdict.forward) settle(lane, frame, verdict);
        else this.#counters.dropped(slot, Direction.decapsulate, verdict);
      }
      if (n > 0) this.#deliver(lane);
      handled += n;
    }
    return handled;
  }

  #decapsulate(frame: Frame, now: Millis): void {
    const { b, off, end } = frame;
    const counters = this.#counters;
    if (!isIpv4(b, off, end)) {
      counters.dropped(NODE_SLOT, Direction.decapsulate, outerFault(frame));
      return;
    }
    const lane = protocol4(b, off) === Protocol.ipv6 ? this.#laneFor(frame) : null;
    if (lane === null) {
      counters.dropped(NODE_SLOT, Direction.decapsulate, Drop.not_local);
      return;
    }
    const verdict = lane.tunnel.fromV4(frame, now);
    if (verdict >= Verdict.forward) settle(lane, frame, verdict);
    else if (!refusesEnds(verdict) || !this.#tryOthers(lane, frame, now)) counters.dropped(lane.slot, Direction.decapsulate, verdict);
  }

  /** The tunnel that takes what is sent to the destination of `frame`: where several do, the one whose domain the packet is in (RFC 5214 section 7.3). */
  #laneFor(frame: Frame): Lane | null {
    const lanes = this.#shared;
    let first: Lane | null = null;
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[i];
      if (!lane.tunnel.isLocal(frame.b, frame.off + IPV4_DST)) continue;
      if (lanes.length === 1 || lane.tunnel.claims(frame)) return lane;
      first ??= lane;
    }
    return first;
  }

  /** Shows a packet whose ends `refused` does not accept to the other tunnels on its address (RFC 5214 section 7.3). True when one has counted or kept it. */
  #tryOthers(refused: Lane, frame: Frame, now: Millis): boolean {
    const lanes = this.#shared;
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[i];
      if (lane === refused || !lane.tunnel.isLocal(frame.b, frame.off + IPV4_DST)) continue;
      const verdict = lane.tunnel.fromV4(frame, now);
      if (refusesEnds(verdict)) continue;
      if (verdict < Verdict.forward) this.#counters.dropped(lane.slot, Direction.decapsulate, verdict);
      else settle(lane, frame, verdict);
      return true;
    }
    return false;
  }

  /** Hands the gathered inner packets to the TUN. */
  #deliver(lane: Lane): void {
    const n = lane.inboundCount;
    if (n === 0) return;
    const { inbound, slot } = lane;
    const counters = this.#counters;
    const handled = lane.ipv6.send(inbound, n);
    for (let i = 0; i < n; i++) {
      const { fate } = inbound[i];
      if (i >= handled) counters.dropped(slot, Direction.decapsulate, Drop.queue_full);
      else if (fate !== Drop.none) counters.dropped(slot, Direction.decapsulate, fate);
      else counters.forwarded(slot, Direction.decapsulate, inbound[i].end - inbound[i].off);
    }
    lane.inboundCount = 0;
  }

  #fromV6(lane: Lane, ports: Ports, now: Millis): number {
    const { tunnel, ipv6, slot } = lane;
    const counters = this.#counters;
    const outbound = this.#outbound;
    const n = ipv6.receive();
    let kept = 0;
    for (let i = 0; i < n; i++) {
      const frame = ipv6.batch[i];
      const verdict = tunnel.fromV6(frame, now);
      if (verdict === Verdict.forward) outbound[kept++] = frame;
      else if (verdict < Verdict.forward) counters.dropped(slot, Direction.encapsulate, verdict);
      else frame.fate = verdict;
    }
    if (kept > 0) this.#sendOn(lane, ports, kept, now);
    return n;
  }

  /** Sends the first `n` of the gathered outer packets of a tunnel, and counts them. */
  #sendOn(lane: Lane, ports: Ports, n: number, now: Millis): void {
    const { sockets } = lane;
    const outbound = this.#outbound;
    if (sockets.length === 0) this.#sendBy(ports.protocol41, lane, outbound, n, now);
    else if (sockets.length === 1) this.#sendBy(sockets[0], lane, outbound, n, now);
    else for (let socket = 0; socket < sockets.length; socket++) this.#sendShare(socket, lane, n, now);
  }

  /** Sends those of the gathered packets that go by one of several sockets. */
  #sendShare(socket: number, lane: Lane, n: number, now: Millis): void {
    const share = this.#share;
    let count = 0;
    for (let i = 0; i < n; i++) if (this.#outbound[i].socket === socket) share[count++] = this.#outbound[i];
    if (count > 0) this.#sendBy(lane.sockets[socket], lane, share, count, now);
  }

  #sendBy(port: Port, lane: Lane, frames: readonly Frame[], n: number, now: Millis): void {
    const { slot } = lane;
    const { headerLen } = lane.tunnel;
    const counters = this.#counters;
    const handled = port.send(frames, n);
    for (let i = 0; i < n; i++) {
      const frame = frames[i];
      if (i >= handled) counters.dropped(slot, Direction.encapsulate, Drop.queue_full);
      else if (frame.fate !== Drop.none) this.#refused(lane, frame, now);
      else counters.forwarded(slot, Direction.encapsulate, frame.end - frame.off - headerLen);
    }
  }

  #refused(lane: Lane, frame: Frame, now: Millis): void {
    this.#counters.dropped(lane.slot, Direction.encapsulate, frame.fate);
    if (frame.fate === Drop.too_big) lane.tunnel.refusedAsTooBig(frame, now);
  }

  #fromIcmp4(icmp4: Port, now: Millis): number {
    const n = icmp4.receive();
    for (let i = 0; i < n; i++) {
      const frame = icmp4.batch[i];
      if (!isIpv4(frame.b, frame.off, frame.end)) continue;
      // Errors about other traffic of this host come here too, and are none of a tunnel's business.
      for (let k = 0; k < this.#shared.length; k++) {
        const { tunnel } = this.#shared[k];
        if (tunnel.isLocal(frame.b, frame.off + IPV4_DST)) tunnel.fromIcmp4(frame, now, this.#owner);
      }
    }
    return n;
  }

  #fromLans(lane: Lane, now: Millis): number {
    let handled = 0;
    for (let lan = 0; lan < lane.lans.length; lan++) {
      const port = lane.lans[lan];
      if (port === null) continue;
      const n = port.receive();
      handled += n;
      for (let i = 0; i < n; i++) {
        const verdict = lane.tunnel.fromLan(lan, port.batch[i], now);
        if (verdict < Verdict.forward) this.#counters.dropped(lane.slot, Direction.encapsulate, verdict);
      }
    }
    return handled;
  }

  /** Sends what the tunnel originates. */
  #drain(lane: Lane, ports: Ports, now: Millis): number {
    const out = this.#transmit;
    if (out === null) return 0;
    let toLan = false;
    for (let sent = 0; sent < MAX_TRANSMIT; sent++) {
      const to = lane.tunnel.pollTransmit(out, now);
      if (to === TransmitTo.nowhere) {
        if (toLan) this.#news({ kind: 'lans', tunnel: lane.tunnel.spec.name, lans: lane.tunnel.heritage(now).lans });
        return sent;
      }
      toLan ||= to >= TransmitTo.lan;
      this.#outbound[0] = out;
      if (to === TransmitTo.admitted) {
        settle(lane, out, Verdict.forward);
        this.#deliver(lane);
      } else if (to === TransmitTo.released) this.#sendOn(lane, ports, 1, now);
      else if (to === TransmitTo.carrier) carrierOf(lane, ports, out).send(this.#outbound, 1);
      else (to === TransmitTo.ipv6 ? lane.ipv6 : lane.lans[to - TransmitTo.lan])?.send(this.#outbound, 1);
    }
    return MAX_TRANSMIT;
  }
}

/** The port by which `out`, which a tunnel originates, leaves. */
function carrierOf({ sockets }: Lane, ports: Ports, { socket }: Frame): Port {
  return sockets.length === 0 ? ports.protocol41 : sockets[socket];
}

/** Keeps a packet that a tunnel has taken for its TUN; of one that it holds or that was for itself, the frame says so. */
function settle(lane: Lane, frame: Frame, verdict: number): void {
  if (verdict === Verdict.forward) lane.inbound[lane.inboundCount++] = frame;
  else frame.fate = verdict;
}

/** True when a drop says that the packet is not between ends of this tunnel: it may well be between those of another. */
function refusesEnds(reason: number): boolean {
  return (
    reason === Drop.source_mismatch ||
    reason === Drop.destination_mismatch ||
    reason === Drop.special_ipv4 ||
    reason === Drop.special_ipv6 ||
    reason === Drop.untrusted_peer ||
    reason === Drop.not_potential_router
  );
}

/** Interfaces of the LANs behind a tunnel. */
function lanNames(spec: TunnelSpec): string[] {
  return spec.lans.map((lan) => lan.interface);
}

/** Why the packet in `frame` is no whole IPv4 packet: cut off, or its header is wrong. */
function outerFault(frame: Frame): number {
  const { b, off, end } = frame;
  if (end - off < IPV4_LEN) return Drop.truncated;
  const header = (b[off] & 0x0f) << 2;
  const total = (b[off + 2] << 8) | b[off + 3];
  return b[off] >>> 4 !== 4 || header < IPV4_LEN || total < header ? Drop.bad_ipv4_header : Drop.truncated;
}
