/**
 * A packet thread: its ports over the descriptors that the main thread opened, one pipeline, one loop.
 *
 *   mail? take it -> step until nothing waits -> sleep until a descriptor is ready or a timer is due
 *
 * It never returns to the event loop while it lives, so its mail is read synchronously. What it
 * throws ends the service: a pipeline that surprised itself is not to be trusted with packets.
 */
import { randomFillSync } from 'node:crypto';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { HEADROOM } from '../core/frame.js';
import { Pipeline, type Ports } from '../engine/pipeline.js';
import { Arena, arenaStride } from '../linux/arena.js';
import { Dhcp4Port } from '../linux/dhcp4.js';
import { drain } from '../linux/eventfd.js';
import { Icmp4Port } from '../linux/icmp4.js';
import { LanPort } from '../linux/lan.js';
import { Outlet6Port } from '../linux/outlet6.js';
import { Poller } from '../linux/poll.js';
import { Protocol41Port } from '../linux/protocol41.js';
import { TunPort } from '../linux/tun.js';
import { UdpSocketPort } from '../linux/udp.js';
import { FlowTable } from '../xdp/flow-table.js';
import { monotonicNow } from './clock.js';
import { writerOf } from './counters.js';
import type { Descriptors, FromWorker, ToWorker } from './messages.js';

/** Packets that one port hands over at a time. */
const BATCH = 64;
/** The same for LANs, ICMP errors and leases, which are rare. */
const SMALL_BATCH = 8;
/** Octets of a frame: the largest IP packet, as the kernel puts fragments together, and our header before it. */
const ROOM = HEADROOM + 65_536;
/** Octets of an arena beside packets: the arrays that tell the kernel where they are. */
const ARENA_SLACK = 1 << 20;
/** The same for each UDP socket, of which there may be hundreds. */
const SOCKET_SLACK = 1 << 15;
/** Longest sleep, milliseconds: an upper bound on how late the process can end, whatever goes wrong. */
const LONGEST_SLEEP = 1000;
/** The ports over one set of descriptors, in an arena of their own. */
class PortSet implements Ports {
  readonly descriptors: Descriptors;
  readonly protocol41: Protocol41Port;
  readonly icmp4: Icmp4Port;
  readonly tunnels: ReadonlyMap<string, TunPort>;
  readonly udp: ReadonlyMap<string, readonly UdpSocketPort[]>;
  readonly outlet: Outlet6Port | null;
  readonly lans: ReadonlyMap<string, LanPort>;
  readonly dhcp4: ReadonlyMap<string, Dhcp4Port>;
  readonly poller: Poller;
  readonly #arena: Arena;
  readonly #deleted = new Set<string>();

  constructor(descriptors: Descriptors, bell: number) {
    const { protocol41, icmp4, tunnels, udp, udpTrains: trains, outlet, lans, dhcp4 } = descriptors;
    const sockets = [...udp.values()].flat();
    const frames = BATCH * (1 + 2 * tunnels.size + sockets.length) + SMALL_BATCH * (1 + lans.size + dhcp4.size);
    // Memory is taken page by page as packets touch it: a roomy arena costs addresses only.
    const arena = new Arena(ARENA_SLACK + SOCKET_SLACK * sockets.length + frames * arenaStride(ROOM));
    this.descriptors = descriptors;
    this.#arena = arena;
    const leases = [...dhcp4.values()].map(({ link }) => link);
    this.poller = new Poller(arena, [...tunnels.values(), bell, protocol41, icmp4, ...sockets, ...lans.values(), ...leases]);
    this.protocol41 = new Protocol41Port(arena, protocol41, BATCH, ROOM);
    this.icmp4 = new Icmp4Port(arena, icmp4, SMALL_BATCH, ROOM);
    this.tunnels = new Map([...tunnels].map(([name, fd]) => [name, new TunPort(arena, fd, BATCH, ROOM, { trains: true })]));
    this.udp = new Map([...udp].map(([name, fds]) => [name, fds.map((fd) => new UdpSocketPort(arena, fd, BATCH, ROOM, { trains }))]));
    this.outlet = outlet === null ? null : new Outlet6Port(arena, outlet, BATCH);
    this.lans = new Map([...lans].map(([name, fd]) => [name, new LanPort(arena, fd, SMALL_BATCH, ROOM)]));
    this.dhcp4 = new Map([...dhcp4].map(([name, sockets]) => [name, new Dhcp4Port(arena, sockets, SMALL_BATCH, ROOM)]));
  }

  makeBatch(count: number, room: number) {
    return this.#arena.makeBatch(count, room);
  }

  /** Calls `found` for each TUN device that was deleted since the last call. Their queues would be ready for ever, and are not polled any more. */
  eachDeleted(found: (name: string, fd: number) => void): void {
    let place = 0;
    for (const [name, port] of this.tunnels) {
      if (port.gone && !this.#deleted.has(name)) {
        this.#deleted.add(name);
        this.poller.forget(place);
        found(name, this.descriptors.tunnels.get(name) ?? -1);
      }
      place++;
    }
  }

  /** Nothing may touch a port of this set afterwards. */
  unmap(): void {
    this.#arena.unmap();
  }
}

/** The loop. */
class PacketLoop {
  /** 1 while a letter waits: looked at between any two steps, for which a look into the port would be too dear. */
  readonly #mail: Int32Array;
  readonly #port: MessagePort;
  #bell = -1;
  #pipeline: Pipeline | null = null;
  #ports: PortSet | null = null;
  readonly #flows = new FlowTable();
  readonly #reportDeleted = (name: string, fd: number): void => this.#post({ kind: 'gone', interface: name, fd });

  constructor(mail: Int32Array, port: MessagePort) {
    this.#mail = mail;
    this.#port = port;
  }

  /** Runs until it is told to stop. */
  run(): void {
    while (Atomics.exchange(this.#mail, 0, 0) === 0 || this.#takeMail()) {
      const pipeline = this.#pipeline;
      const ports = this.#ports;
      if (pipeline === null || ports === null) {
        Atomics.wait(this.#mail, 0, 0, LONGEST_SLEEP);
        continue;
      }
      if (pipeline.step(monotonicNow()) > 0) continue;
      ports.eachDeleted(this.#reportDeleted);
      ports.poller.wait(Math.min(pipeline.nextTimeout() - monotonicNow(), LONGEST_SLEEP));
    }
    this.#pipeline?.withdraw(monotonicNow());
    this.#ports?.unmap();
  }

  /** False once it is time to end. */
  #takeMail(): boolean {
    if (this.#pipeline !== null) drain(this.#bell);
    for (let letter = receiveMessageOnPort(this.#port); letter !== undefined; letter = receiveMessageOnPort(this.#port)) {
      const message = letter.message as ToWorker;
      if (message.kind === 'stop') return false;
      if (message.kind === 'begin') this.#begin(message);
      else if (message.kind === 'flows') this.#flows.become(message.fd);
      else this.#configure(message);
    }
    return true;
  }

  #begin({ worker, counters, bell, told }: ToWorker & { kind: 'begin' }): void {
    this.#bell = bell;
    this.#pipeline = new Pipeline({
      counters: writerOf(counters, worker),
      random: (into) => void randomFillSync(into),
      owner: worker === 0,
      news: (news) => this.#post({ kind: 'news', news }),
      told,
      flowsOf: (slot) => this.#flows.of(slot),
    });
  }

  #configure({ node, descriptors }: ToWorker & { kind: 'configure' }): void {
    const before = this.#ports;
    const ports = before !== null && sameDescriptors(before.descriptors, descriptors) ? before : new PortSet(descriptors, this.#bell);
    this.#pipeline?.configure(node, ports, monotonicNow());
    this.#ports = ports;
    if (before !== ports) before?.unmap();
    this.#post({ kind: 'configured' });
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

function sameDescriptors(a: Descriptors, b: Descriptors): boolean {
  const flat = ({ protocol41, icmp4, tunnels, udp, udpTrains, outlet, lans, dhcp4 }: Descriptors) =>
    JSON.stringify([protocol41, icmp4, [...tunnels], [...udp], udpTrains, outlet, [...lans], [...dhcp4]]);
  return flat(a) === flat(b);
}

if (parentPort !== null) new PacketLoop(workerData as Int32Array, parentPort).run();
