/**
 * The tunnel daemon on a simulated host: the real engine between simulated ports. It does what the
 * service does around the engine, and nothing more: makes ports, sets up the host, steps, reloads when
 * the host has changed or the engine has found something out, stops.
 *
 * Worlds have no DHCP, no DNS and no gateways that are asked for ports: leases are never found, names never answered, and a
 * Teredo client with `port-mapping` goes on without after twenty seconds.
 */
import type { Millis } from '../core/clock.js';
import { Counters } from '../core/counters.js';
import { hostPlan } from '../engine/host-plan.js';
import type { News } from '../engine/news.js';
import { Pipeline, type Ports } from '../engine/pipeline.js';
import type { Port } from '../engine/port.js';
import { type Findings, type HostFacts, NO_FINDINGS, type NodeSpec, type SocketSpec, sameSpec, type TunnelSpec } from '../engine/spec.js';
import { socketsOf } from '../engine/technologies.js';
import type { AdvertisedLan } from '../role/role.js';
import type { Host } from './host.js';
import { HostSetup } from './host-setup.js';
import { openIcmp4, openLan, openOutlet, openProtocol41, openTun } from './port.js';
import type { Appointment } from './scheduler.js';
import { SimulatedUdpPort } from './udp-port.js';

/** From a host's present state to what the engine is to be. `slots`: places of the tunnels so far, by name. */
export type ResolveNode = (facts: HostFacts, slots: ReadonlyMap<string, number>) => NodeSpec;

/** Time from a change on the host until the daemon acts on it. */
const REACTION_TIME: Millis = 100;
/** No interface is a DHCPv4 client. */
const NOBODY_LISTENS: Ports['dhcp4'] = new Map();
/** Steps in one go; what waits after them waits for the next event at the same time. */
const MAX_STEPS = 256;

/** One daemon. */
export class Daemon {
  readonly counters: Counters;
  readonly #host: Host;
  readonly #resolve: ResolveNode;
  #node: NodeSpec | null = null;
  #found: Findings = NO_FINDINGS;
  /** What LANs were told: it outlives a daemon that is killed, as on a disk. */
  readonly #told = new Map<string, readonly AdvertisedLan[]>();
  #pipeline: Pipeline | null = null;
  #ports: SimulatedPorts | null = null;
  readonly #setup: HostSetup;
  #wake: Appointment | null = null;
  #timer: Appointment | null = null;
  #reload: Appointment | null = null;
  readonly #step = (): void => {
    this.#wake = null;
    if (this.#pipeline === null) return;
    this.#run(this.#pipeline);
    this.#armTimer(this.#pipeline.nextTimeout());
  };
  readonly #onTime = (): void => {
    this.#timer = null;
    this.#wakeUp();
  };

  constructor(host: Host, resolve: ResolveNode, counters: Counters = new Counters()) {
    this.counters = counters;
    this.#host = host;
    this.#resolve = resolve;
    this.#setup = new HostSetup(host);
  }

  /** What the engine works by; null while the daemon does not run. */
  get node(): NodeSpec | null {
    return this.#node;
  }

  /** When its engine wants to be woken, if nothing comes before; `Infinity`: never. */
  get nextTimeout(): Millis {
    return this.#pipeline?.nextTimeout() ?? Infinity;
  }

  /** Starts on whatever is there: a leftover of a daemon that was killed is taken over. */
  start(): void {
    if (this.#pipeline !== null) return;
    const { fill: random } = this.#host.random;
    this.#pipeline = new Pipeline({ counters: this.counters, random, owner: true, news: (news) => this.#take(news), told: this.#told });
    this.#ports = new SimulatedPorts(this.#host, () => this.#wakeUp());
    this.#host.onChange = () => this.#noticeChange();
    this.reload();
  }

  /** Reads the state of the host and works by it from now on. */
  reload(): void {
    const { now } = this.#host;
    if (this.#pipeline === null || this.#ports === null) return;
    const slots = new Map(this.#node?.tunnels.map(({ name, slot }) => [name, slot]));
    const node = this.#resolve(this.#host.facts(this.#found), slots);
    if (this.#node !== null && sameSpec(node, this.#node)) return;
    const ports = this.#ports.for(node);
    this.#pipeline.configure(node, ports, now);
    this.#setup.become(hostPlan(node));
    this.#ports.keep(node);
    this.#node = node;
    this.#wakeUp();
  }

  /** Stops in good order: LANs are told, and what was set up is undone. */
  stop(): void {
    if (this.#pipeline === null) return;
    this.#pipeline.withdraw(this.#host.now);
    this.#run(this.#pipeline);
    this.#setup.become([]);
    this.kill();
    this.#told.clear();
  }

  /** Ends at once: its devices and sockets go with it, what it set up elsewhere stays. */
  kill(): void {
    for (const appointment of [this.#wake, this.#timer, this.#reload]) if (appointment !== null) appointment.action = null;
    this.#wake = this.#timer = this.#reload = null;
    this.#host.onChange = null;
    this.#ports?.close();
    this.#setup.abandon();
    this.#ports = null;
    this.#pipeline = null;
    this.#node = null;
    this.#found = NO_FINDINGS;
  }

  /** A port has something, or there is news: the engine steps soon. */
  #wakeUp(): void {
    this.#wake ??= this.#host.scheduler.after(0, this.#step);
  }

  #run(pipeline: Pipeline): void {
    for (let i = 0; i < MAX_STEPS; i++) if (pipeline.step(this.#host.now) === 0) return;
    this.#wakeUp();
  }

  #armTimer(at: Millis): void {
    if (this.#timer?.at === at) return;
    if (this.#timer !== null) this.#timer.action = null;
    this.#timer = at === Infinity ? null : this.#host.scheduler.at(at, this.#onTime);
  }

  #take(news: News): void {
    if (news.kind === 'lans') this.#told.set(news.tunnel, news.lans);
    if (news.kind !== 'learned') return;
    this.#found = { ...this.#found, learned: new Map(this.#found.learned).set(news.tunnel, news.learned) };
    this.#noticeChange();
  }

  #noticeChange(): void {
    this.#reload ??= this.#host.scheduler.after(REACTION_TIME, () => {
      this.#reload = null;
      this.reload();
    });
  }
}

/** What a tunnel asked for, and got. */
interface OpenSockets {
  readonly wanted: readonly SocketSpec[];
  readonly ports: readonly SimulatedUdpPort[];
}

/** The ports of one daemon, by what its node needs. */
class SimulatedPorts {
  readonly #host: Host;
  readonly #wake: () => void;
  readonly #protocol41: Port;
  readonly #icmp4: Port;
  readonly #tunnels = new Map<string, Port>();
  readonly #lans = new Map<string, Port>();
  readonly #outlet: Port;
  readonly #udp = new Map<string, OpenSockets>();

  constructor(host: Host, wake: () => void) {
    this.#host = host;
    this.#wake = wake;
    this.#protocol41 = openProtocol41(host, wake);
    this.#icmp4 = openIcmp4(host, wake);
    this.#outlet = openOutlet(host);
  }

  /** Those that `node` needs; made where there is none, kept where there is one. */
  for(node: NodeSpec): Ports {
    for (const { interface: name } of node.tunnels) {
      if (name !== null && !this.#tunnels.has(name)) this.#tunnels.set(name, openTun(this.#host, name, this.#wake));
    }
    for (const tunnel of node.tunnels) this.#openSockets(tunnel);
    for (const name of lansOf(node)) if (!this.#lans.has(name)) this.#lans.set(name, openLan(this.#host, name, this.#wake));
    return {
      protocol41: this.#protocol41,
      icmp4: this.#icmp4,
      tunnels: new Map(this.#tunnels),
      udp: new Map([...this.#udp].map(([name, { ports }]) => [name, ports])),
      outlet: this.#outlet,
      lans: new Map(this.#lans),
      dhcp4: NOBODY_LISTENS,
      makeBatch: (count, room) => this.#host.frames.of(count, room),
    };
  }

  /** Closes those that `node` does not need. */
  keep(node: NodeSpec): void {
    const devices = new Set(node.tunnels.map((tunnel) => tunnel.interface));
    const lans = new Set(lansOf(node));
    const names = new Set(node.tunnels.map((tunnel) => tunnel.name));
    for (const name of [...this.#udp.keys()].filter((name) => !names.has(name))) this.#closeSockets(name);
    for (const name of [...this.#tunnels.keys()].filter((name) => !devices.has(name))) {
      this.#tunnels.delete(name);
      this.#host.removeInterface(name);
    }
    for (const name of [...this.#lans.keys()].filter((name) => !lans.has(name))) {
      this.#lans.delete(name);
      this.#host.readers.lans.delete(name);
    }
  }

  /** Sockets stay open as long as the tunnel wants the same: a NAT knows them by their ports. */
  #openSockets(tunnel: TunnelSpec): void {
    const wanted = socketsOf(tunnel);
    if (sameSpec(this.#udp.get(tunnel.name)?.wanted ?? [], wanted)) return;
    this.#closeSockets(tunnel.name);
    if (wanted.length === 0) return;
    this.#udp.set(tunnel.name, { wanted, ports: wanted.map((socket) => new SimulatedUdpPort(this.#host, socket, this.#wake)) });
  }

  #closeSockets(name: string): void {
    for (const port of this.#udp.get(name)?.ports ?? []) port.close();
    this.#udp.delete(name);
  }

  /** Closes them all. */
  close(): void {
    for (const name of [...this.#udp.keys()]) this.#closeSockets(name);
    for (const name of this.#tunnels.keys()) this.#host.removeInterface(name);
    this.#host.readers.protocol41 = null;
    this.#host.readers.icmp4 = null;
    this.#host.readers.lans.clear();
  }
}

function lansOf(node: NodeSpec): string[] {
  return node.tunnels.flatMap((tunnel) => tunnel.lans.map((lan) => lan.interface));
}
