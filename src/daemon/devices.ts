/** Every descriptor of the service: opened and closed here, used by the packet threads. */
import { randomBytes } from 'node:crypto';
import type { NodeSpec, TunnelSpec } from '../engine/spec.js';
import { socketsOf } from '../engine/technologies.js';
import { closeDhcp4, type Dhcp4Sockets, openDhcp4 } from '../linux/dhcp4.js';
import { tunHolder } from '../linux/holder.js';
import { openIcmp4 } from '../linux/icmp4.js';
import { openLan } from '../linux/lan.js';
import { close, ifNameToIndex, SystemError } from '../linux/libc.js';
import { openOutlet6 } from '../linux/outlet6.js';
import { overflowOf } from '../linux/overflow.js';
import { openProtocol41 } from '../linux/protocol41.js';
import { addTunQueue, keepTun, openTun, takeTunTrains } from '../linux/tun.js';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Descriptors } from './messages.js';
import { UdpSockets } from './udp-sockets.js';

/** What is open on an interface of the host, and which one that is: one of the same name that is made later is another. */
interface OnInterface<T> {
  readonly sockets: T;
  readonly index: number;
}

/** Sockets of one kind, each set on an interface of the host. */
class InterfaceSockets<T> {
  readonly #open: (name: string) => T;
  readonly #release: (sockets: T) => void;
  readonly #present = new Map<string, OnInterface<T>>();
  /** Those that packet threads may still use. */
  #retired: T[] = [];

  constructor(open: (name: string) => T, release: (sockets: T) => void) {
    this.#open = open;
    this.#release = release;
  }

  /** Opens what is not open on the present interface of this name. True when another interface had the name before. Throws what `open` throws. */
  open(name: string): boolean {
    const index = ifNameToIndex(name);
    const before = this.#present.get(name);
    if (before?.index === index) return false;
    if (before !== undefined) this.#retire(name, before);
    this.#present.set(name, { sockets: this.#open(name), index });
    return before !== undefined;
  }

  get(name: string): T | undefined {
    return this.#present.get(name)?.sockets;
  }

  /** Closes all but those on `names`, once no packet thread uses them any more. */
  closeExcept(names: ReadonlySet<string>): void {
    for (const [name, one] of [...this.#present]) if (!names.has(name)) this.#retire(name, one);
    for (const sockets of this.#retired.splice(0)) this.#release(sockets);
  }

  #retire(name: string, { sockets }: OnInterface<T>): void {
    this.#retired.push(sockets);
    this.#present.delete(name);
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** TUN devices, sockets of the node, sockets on interfaces of the host. */
export class Devices {
  readonly #workers: number;
  readonly #udpTrains: () => boolean;
  readonly #protocol41: readonly number[];
  readonly #icmp4: readonly number[];
  /** Queues by interface, one for each packet thread that runs its tunnel. */
  readonly #tuns = new Map<string, readonly number[]>();
  /** TUN devices that stay when their queues are closed: those that are ours, and those of a service before this one. */
  readonly #kept: Set<string>;
  readonly #udp = new UdpSockets();
  /** null: no tunnel needs it. */
  #outlet: number | null = null;
  readonly #lans = new InterfaceSockets<number>((name) => privileged(() => openLan(name)), close);
  readonly #dhcp4 = new InterfaceSockets<Dhcp4Sockets>((name) => privileged(() => openDhcp4(name)), closeDhcp4);
  /** Descriptors that packet threads may still use. */
  #retired: number[] = [];

  /**
   * Opens the sockets that every node needs. `udpTrains`: whether payloads of UDP leave and come in trains, asked when
   * a tunnel has sockets of UDP. `kept`: TUN devices that a service before this one has left for it. Throws a Failure.
   */
  constructor(workers: number, { udpTrains, kept }: { readonly udpTrains: () => boolean; readonly kept: readonly string[] }) {
    this.#workers = workers;
    this.#kept = new Set(kept);
    this.#udpTrains = udpTrains;
    const key = randomBytes(4).readUInt32LE() | 1;
    this.#protocol41 = Array.from({ length: workers }, (_, worker) =>
      privileged(() => openProtocol41({ worker, workers, key: key >>> 0 })),
    );
    // Each thread has path MTUs of its own, so each hears what routers say of them.
    this.#icmp4 = Array.from({ length: workers }, () => privileged(openIcmp4));
  }

  /** Outer packets for which each socket had no room since it was opened, modulo 2^32; a socket that is opened later has another key. */
  overflows(): ReadonlyMap<unknown, number> {
    return new Map([...this.#protocol41.map((fd) => [fd, fd] as const), ...this.#udp.all].map(([key, fd]) => [key, overflowOf(fd)]));
  }

  /** See {@link UdpSockets.led}. */
  get led(): UdpSockets['led'] {
    return this.#udp.led;
  }

  /** TUN devices that are ours. */
  get names(): ReadonlySet<string> {
    return new Set(this.#tuns.keys());
  }

  /**
   * Opens what `node` needs and is not open yet. True when an interface of the host is another than before under its old
   * name: what was set on it is gone. Throws a Failure; what was opened before it stays open until `close`.
   */
  open(node: NodeSpec): boolean {
    for (const { interface: name, tunnel } of devicesOf(node)) this.#openQueues(name, tunnel);
    this.#udp.open(node);
    if (needsOutlet(node)) this.#outlet ??= privileged(openOutlet6);
    const replaced = [
      ...[...lansOf(node)].map((name) => this.#lans.open(name)),
      ...[...leasesOf(node)].map((name) => this.#dhcp4.open(name)),
    ];
    return replaced.includes(true);
  }

  /** Closes what `node` does not need, once no packet thread uses it any more. */
  close(node: NodeSpec): void {
    const tuns = new Set(devicesOf(node).map((device) => device.interface));
    for (const name of [...this.#tuns.keys()]) if (!tuns.has(name)) this.forget(name);
    if (this.#outlet !== null && !needsOutlet(node)) {
      this.#retired.push(this.#outlet);
      this.#outlet = null;
    }
    for (const fd of this.#retired.splice(0)) close(fd);
    this.#udp.close();
    this.#lans.closeExcept(lansOf(node));
    this.#dhcp4.closeExcept(leasesOf(node));
  }

  /** Has these of our TUN devices stay when the process ends, with what is set on them, and the others leave. Throws a Failure. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, [fd]] of this.#tuns) {
      if (names.has(name) === this.#kept.has(name)) continue;
      privileged(() => keepTun(fd, names.has(name)));
      if (!this.#kept.delete(name)) this.#kept.add(name);
    }
  }

  /** The TUN device `name` is no longer ours: `open` makes it anew. */
  forget(name: string): void {
    const [fd] = this.#tuns.get(name) ?? [];
    if (fd !== undefined && this.#kept.delete(name)) letGo(fd);
    this.#retired.push(...(this.#tuns.get(name) ?? []));
    this.#tuns.delete(name);
  }

  /** True when `fd` is a queue of the present device `name`. */
  holds(name: string, fd: number): boolean {
    return this.#tuns.get(name)?.includes(fd) === true;
  }

  /** The share of packet thread `worker` in what `node` needs, all of it open. */
  descriptors(worker: number, node: NodeSpec): Descriptors {
    const owner = worker === 0;
    const udp = owner ? this.#udp.descriptors : new Map();
    return {
      protocol41: this.#protocol41[worker],
      icmp4: this.#icmp4[worker],
      tunnels: this.#queuesOf(worker, node),
      udp,
      udpTrains: udp.size > 0 && this.#udpTrains(),
      outlet: owner ? this.#outlet : null,
      lans: openOn(this.#lans, owner ? lansOf(node) : NO_NAMES),
      dhcp4: openOn(this.#dhcp4, owner ? leasesOf(node) : NO_NAMES),
    };
  }

  /** Closes everything, once no packet thread runs any more. */
  closeAll(): void {
    const outlet = this.#outlet === null ? [] : [this.#outlet];
    for (const fd of [...this.#protocol41, ...this.#icmp4, ...[...this.#tuns.values()].flat(), ...outlet, ...this.#retired.splice(0)])
      close(fd);
    this.#udp.closeAll();
    this.#lans.closeExcept(NO_NAMES);
    this.#dhcp4.closeExcept(NO_NAMES);
  }

  /** Opens the device with a queue for each packet thread that runs the tunnel, or gives it more or fewer of them: the kernel spreads packets over all. */
  #openQueues(name: string, tunnel: TunnelSpec): void {
    const before = this.#tuns.get(name);
    const wanted = this.#queuesFor(tunnel, before?.length ?? 1);
    if (before === undefined) this.#tuns.set(name, openTunnel(name, wanted, this.#kept.has(name)));
    else {
      const added = Array.from({ length: Math.max(0, wanted - before.length) }, () => privileged(() => addTunQueue(name)));
      this.#retired.push(...before.slice(wanted));
      this.#tuns.set(name, [...before.slice(0, wanted), ...added]);
    }
  }

  /** Sockets of its own are read by one thread, and so is its device. One that is down has no need of others: it keeps the `present` ones. */
  #queuesFor(tunnel: TunnelSpec, present: number): number {
    if (tunnel.down !== null) return present;
    return socketsOf(tunnel).length === 0 ? this.#workers : 1;
  }

  #queuesOf(worker: number, node: NodeSpec): ReadonlyMap<string, number> {
    const queues = devicesOf(node).map(({ interface: name }) => [name, this.#tuns.get(name)?.[worker]] as const);
    return new Map(queues.filter((queue): queue is [string, number] => queue[1] !== undefined));
  }
}

/** TUN devices, each with its tunnel. */
function devicesOf(node: NodeSpec): { readonly interface: string; readonly tunnel: TunnelSpec }[] {
  return node.tunnels.flatMap((tunnel) => (tunnel.interface === null ? [] : [{ interface: tunnel.interface, tunnel }]));
}

function needsOutlet(node: NodeSpec): boolean {
  return node.tunnels.some((tunnel) => tunnel.interface === null);
}

/** Interfaces of LANs. */
function lansOf(node: NodeSpec): ReadonlySet<string> {
  return new Set(node.tunnels.flatMap((tunnel) => tunnel.lans.map((lan) => lan.interface)));
}

/** Interfaces with a DHCPv4 client. */
function leasesOf(node: NodeSpec): ReadonlySet<string> {
  return new Set(node.dhcp.map((dhcp) => dhcp.interface));
}

function openOn<T>(all: InterfaceSockets<T>, names: ReadonlySet<string>): ReadonlyMap<string, T> {
  const opened = new Map<string, T>();
  for (const name of names) {
    const sockets = all.get(name);
    if (sockets !== undefined) opened.set(name, sockets);
  }
  return opened;
}

/** The device is to leave with its last queue, unless it was deleted already. */
function letGo(fd: number): void {
  try {
    keepTun(fd, false);
  } catch (thrown) {
    if (!(thrown instanceof SystemError && thrown.code === 'EBADFD')) throw thrown;
  }
}

function openTunnel(name: string, queues: number, kept: boolean): readonly number[] {
  try {
    const fds = privileged(() => openTun(name, { queues, kept }));
    takeTunTrains(fds[0]);
    return fds;
  } catch (cause) {
    if (!(cause instanceof Failure && cause.cause instanceof SystemError && cause.cause.code === 'EBUSY')) throw cause;
    const holder = tunHolder(name);
    const whose = holder === null ? 'an interface of this name exists already' : `process ${holder.pid} has it: ${holder.command}`;
    throw new Failure(Exit.failed, `interface ${name}: ${whose}`, { cause });
  }
}

/** What a call of the kernel's refused, as an exit status: permission is another matter than failure. */
function privileged<T>(open: () => T): T {
  try {
    return open();
  } catch (cause) {
    const denied = cause instanceof SystemError && (cause.code === 'EPERM' || cause.code === 'EACCES');
    throw new Failure(denied ? Exit.privilege : Exit.failed, reasonOf(cause), { cause });
  }
}
