/** Every descriptor of the service: opened and closed here, used by the packet threads. */
import type { NodeSpec } from '../engine/spec.js';
import { tunHolder } from '../linux/holder.js';
import { openIcmp4 } from '../linux/icmp4.js';
import { openLan } from '../linux/lan.js';
import { close, ifNameToIndex, SystemError } from '../linux/libc.js';
import { openProtocol41 } from '../linux/protocol41.js';
import { openTun } from '../linux/tun.js';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Descriptors } from './messages.js';

/** A socket on a LAN, and the interface it is bound to: one of the same name that is made later is another. */
interface Lan {
  readonly fd: number;
  readonly index: number;
}

/** TUN devices, sockets, LAN sockets. */
export class Devices {
  readonly #workers: number;
  readonly #protocol41: readonly number[];
  readonly #icmp4: readonly number[];
  /** Queues by interface, one a packet thread. */
  readonly #tuns = new Map<string, readonly number[]>();
  readonly #lans = new Map<string, Lan>();
  /** Descriptors that packet threads may still use. */
  #retired: number[] = [];

  /** Opens the sockets that every node needs. Throws a Failure. */
  constructor(workers: number) {
    this.#workers = workers;
    this.#protocol41 = Array.from({ length: workers }, (_, worker) => privileged(() => openProtocol41({ worker, workers })));
    // Each thread has path MTUs of its own, so each hears what routers say of them.
    this.#icmp4 = Array.from({ length: workers }, () => privileged(openIcmp4));
  }

  /** TUN devices that are ours. */
  get names(): ReadonlySet<string> {
    return new Set(this.#tuns.keys());
  }

  /** Opens what `node` needs and is not open yet. Throws a Failure; what was opened before it stays open until `close`. */
  open(node: NodeSpec): void {
    for (const { interface: name, lans } of node.tunnels) {
      if (!this.#tuns.has(name)) this.#tuns.set(name, openTunnel(name, this.#workers));
      for (const lan of lans) this.#openLan(lan.interface);
    }
  }

  /** Closes what `node` does not need, once no packet thread uses it any more. */
  close(node: NodeSpec): void {
    const tuns = new Set(node.tunnels.map((tunnel) => tunnel.interface));
    const lans = new Set(node.tunnels.flatMap((tunnel) => tunnel.lans.map((lan) => lan.interface)));
    for (const name of [...this.#tuns.keys()]) if (!tuns.has(name)) this.forget(name);
    for (const [name, lan] of [...this.#lans]) if (!lans.has(name)) this.#retireLan(name, lan);
    for (const fd of this.#retired.splice(0)) close(fd);
  }

  /** The TUN device `name` is no longer ours: `open` makes it anew. */
  forget(name: string): void {
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
    const lans = owner ? node.tunnels.flatMap((tunnel) => tunnel.lans.map((lan) => lan.interface)) : [];
    return {
      protocol41: this.#protocol41[worker],
      icmp4: this.#icmp4[worker],
      tunnels: new Map(node.tunnels.map(({ interface: name }) => [name, this.#tuns.get(name)?.[worker] ?? -1])),
      lans: new Map(lans.map((name) => [name, this.#lans.get(name)?.fd ?? -1])),
    };
  }

  /** Closes everything, once no packet thread runs any more. */
  closeAll(): void {
    for (const fd of [
      ...this.#protocol41,
      ...this.#icmp4,
      ...[...this.#tuns.values()].flat(),
      ...[...this.#lans.values()].map((lan) => lan.fd),
    ])
      close(fd);
    for (const fd of this.#retired.splice(0)) close(fd);
  }

  #openLan(name: string): void {
    const index = ifNameToIndex(name);
    const lan = this.#lans.get(name);
    if (lan?.index === index) return;
    if (lan !== undefined) this.#retireLan(name, lan);
    this.#lans.set(name, { fd: privileged(() => openLan(name)), index });
  }

  #retireLan(name: string, lan: Lan): void {
    this.#retired.push(lan.fd);
    this.#lans.delete(name);
  }
}

function openTunnel(name: string, queues: number): readonly number[] {
  try {
    return privileged(() => openTun(name, { queues }));
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
