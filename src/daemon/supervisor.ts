/**
 * The service: everything that is not done for each packet.
 *
 *   start   privileges -> configuration -> leftovers -> devices -> host -> packet threads -> fast path -> sockets -> ready
 *   live    reload, changes of the host and what is found out become a new snapshot; drain, resume
 *   end     fast path off -> LANs told -> threads ended -> host as it was -> sockets closed; but for what is to stay
 *
 * One thing at a time: what changes the node waits in a queue for what does so already.
 */

import type { FastpathConfig } from '../config/config.js';
import { hostPlan } from '../engine/host-plan.js';
import type { News } from '../engine/news.js';
import { NO_FINDINGS, type NodeSpec } from '../engine/spec.js';
import { gatewayOf } from '../linux/gateway.js';
import { isDown } from '../linux/interface.js';
import { Monitor } from '../linux/monitor.js';
import { type Assignment, notify } from '../linux/notify.js';
import { missingPrivilege } from '../linux/privilege.js';
import { kernelSit } from '../linux/sit.js';
import { withoutUdpTrains } from '../linux/udp-trains.js';
import { compareNodes, type NodeChanges, nodeEvents, restartNotes, tell } from './changes.js';
import { monotonicNow } from './clock.js';
import { type Configuration, requireConfiguration } from './configuration.js';
import { type ControlRequest, ControlServer } from './control.js';
import { allocateRows, OverflowCounter, rowsOf } from './counters.js';
import { Devices } from './devices.js';
import { Discovery } from './discovery.js';
import { Exit, Failure, reasonOf } from './failure.js';
import { FastPathPlace } from './fast-path-place.js';
import { clearLeftover, HostConfiguration } from './host-configuration.js';
import { HttpPlace } from './http-place.js';
import { KeptPlace } from './kept-place.js';
import { LanRecord } from './lan-record.js';
import type { Log } from './log.js';
import type { PacketThread } from './packet-thread.js';
import { PacketThreads } from './packet-threads.js';
import { readStatus, type ServiceState, type ServiceView } from './status.js';
import { packageVersion } from './version.js';

/** What a reload did. */
export interface ReloadResult extends NodeChanges {
  /** What the new configuration asks for and only a restart can do, and its warnings. */
  readonly notes: readonly string[];
}

/** Milliseconds after which a change that could not be followed is tried again. */
const RETRY = 1000;
/** Milliseconds from one change to the next, at least: whoever forges router advertisements has the node made anew no more often. */
const FOLLOW_GAP = 500;
/** Changes that may come sooner after a quiet time: a client that has just started learns three things on its way to an address. */
const FOLLOW_BURST = 4;
/** Milliseconds that packet threads have for their farewell. */
const FAREWELL = 3000;

/** A running service. */
export class Supervisor {
  readonly #file: string;
  readonly #log: Log;
  readonly #devices: Devices;
  readonly #host: HostConfiguration;
  readonly #threads: PacketThreads;
  /** Of the packet threads. */
  readonly #rows: readonly Float64Array[];
  readonly #overflow: OverflowCounter;
  readonly #version = packageVersion();
  readonly #discovery: Discovery;
  readonly #lans: LanRecord;
  readonly #http: HttpPlace;
  readonly #fastPath: FastPathPlace;
  readonly #kept: KeptPlace;
  /** What the kernel makes of payloads of UDP in trains; null: that was not asked yet. */
  #udpTrains: boolean | null = null;
  /** TUN devices that are to stay with the fast path when the process ends; null: nothing is. */
  #staying: readonly string[] | null = null;
  #configuration: Configuration;
  /** What the packet threads have. */
  #node: NodeSpec;
  #state: ServiceState = 'starting';
  #control: ControlServer | null = null;
  #monitor: Monitor | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #drainTimer: NodeJS.Timeout | null = null;
  /** Not null until whatever has changed by then begins to be followed. */
  #followTimer: NodeJS.Timeout | null = null;
  /** When a change may be followed at the earliest, `performance.now`. */
  #followAt = Number.NEGATIVE_INFINITY;
  readonly #ended: Promise<number>;
  #end: (status: number) => void = () => {};

  /** Prepares the service of the configuration in `file`, with a first packet thread: `begin` is next. A Failure says why it cannot be. */
  static prepare(file: string, log: Log, thread: PacketThread): Supervisor {
    const missing = missingPrivilege();
    if (missing !== null) throw new Failure(Exit.privilege, missing.remedy);
    const configuration = requireConfiguration(file, new Map(), NO_FINDINGS);
    clearLeftover(configuration.config.node.state, log);
    const kept = KeptPlace.take(configuration, log);
    const slots = new Map(Object.entries(kept.before.slots));
    const sit = kernelSit();
    if (sit !== null) log.warn('kernel sit module is loaded', { consequence: sit });
    // Tunnels that were there keep their places in the counters.
    const again = slots.size === 0 ? configuration : configuration.again(slots, NO_FINDINGS);
    return new Supervisor(file, log, again, thread, kept);
  }

  private constructor(file: string, log: Log, configuration: Configuration, thread: PacketThread, kept: KeptPlace) {
    const { workers, node } = configuration.config;
    const counters = allocateRows(workers);
    this.#file = file;
    this.#log = log;
    this.#configuration = configuration;
    this.#node = { ...configuration.node, tunnels: [], dhcp: [] };
    this.#rows = rowsOf(counters);
    this.#kept = kept;
    this.#host = new HostConfiguration(node.state, kept.before.steps);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#http = new HttpPlace(this.view, log);
    this.#fastPath = new FastPathPlace(log, () => this.#followSoon(), kept.folder, kept.before);
    this.#discovery = new Discovery(log, node.state, () => this.#followSoon());
    this.#devices = new Devices(workers, { udpTrains: () => this.#takesUdpTrains(), kept: kept.before.devices });
    this.#overflow = new OverflowCounter(() => (this.#state === 'stopping' ? new Map() : this.#devices.overflows()));
    this.#lans = new LanRecord(node.state, log);
    this.#threads = new PacketThreads(thread, workers, counters, this.#lans.read(), {
      failed: (error) => this.fail('packet thread failed', error),
      gone: (device, fd) => void this.#exclusively(() => this.#remake(device, fd)),
      news: (news) => this.#hear(news),
    });
  }

  /** Sets everything up; resolves when packets flow. A Failure says why they cannot, and nothing is left of the attempt. */
  async begin(): Promise<void> {
    try {
      await this.#exclusively(() => this.#begin());
    } catch (thrown) {
      await this.#finish(Exit.failed);
      throw thrown;
    }
  }

  /** Resolves with the exit status when the service has ended, nothing of it being left. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /** What readers of the status see; always current. */
  get view(): ServiceView {
    const supervisor = this;
    return {
      version: this.#version,
      workers: this.#rows.length,
      get name() {
        return supervisor.#configuration.config.node.name ?? supervisor.#configuration.facts.hostName;
      },
      get rows() {
        supervisor.#overflow.update();
        return [...supervisor.#rows, supervisor.#overflow.row];
      },
      get fastpath() {
        return supervisor.#fastPath.view;
      },
      get state() {
        return supervisor.#state;
      },
      get uptime() {
        return process.uptime();
      },
      get now() {
        return monotonicNow();
      },
      get node() {
        return supervisor.#node;
      },
    };
  }

  /** Reads the configuration again. A Failure says why the old one goes on; then nothing has changed. */
  async reload(): Promise<ReloadResult> {
    return this.#exclusively(async () => {
      if (this.#state !== 'running') throw new Failure(Exit.failed, `the service is ${this.#state}`);
      this.#notify('RELOADING=1');
      try {
        return await this.#reload();
      } catch (thrown) {
        const details = thrown instanceof Failure ? thrown.details : [];
        this.#log.error('reload failed, the old configuration goes on', {
          reason: reasonOf(thrown),
          ...(details.length > 0 && { problems: details }),
        });
        throw thrown;
      } finally {
        this.#notify('READY=1');
      }
    });
  }

  /** Goes on for `seconds`, then stops. */
  drain(seconds: number): void {
    if (this.#state === 'stopping') return;
    this.#state = 'draining';
    this.#log.info('draining', { seconds });
    clearTimeout(this.#drainTimer ?? undefined);
    this.#drainTimer = setTimeout(() => void this.stop(), seconds * 1000);
  }

  /** Calls a drain off. Throws a Failure when there is none. */
  resume(): void {
    if (this.#state !== 'draining') throw new Failure(Exit.failed, `the service is ${this.#state}, not draining`);
    clearTimeout(this.#drainTimer ?? undefined);
    this.#state = 'running';
    this.#log.info('resumed');
  }

  /** Ends the service in good order. */
  async stop(): Promise<void> {
    await this.#finish(Exit.done);
  }

  /** Ends the service after something that must not happen. */
  fail(message: string, thrown: unknown): void {
    this.#log.error(message, { stack: thrown instanceof Error ? thrown.stack : String(thrown) });
    void this.#finish(Exit.failed);
  }

  /** The last resort of a process that ends by any other way: at once, without a farewell. */
  undo(): void {
    this.#host.undo();
  }

  async #begin(): Promise<void> {
    // Told to stop already, or a packet thread has failed.
    if (this.#state !== 'starting') return;
    const { config, node } = this.#configuration;
    this.#monitor = new Monitor({
      ownDevices: () => this.#devices.names,
      changed: () => this.#followSoon(),
      failed: (reason, retryMs) => this.#log.warn('ip monitor ended, it is started again', { reason, retryMs }),
    });
    this.#discovery.askFor(config);
    const http = this.#http.move(config.http);
    // Whoever fails first is told; what the other has opened is closed all the same.
    http.catch(() => {});
    try {
      await this.#become(node, config.fastpath);
    } finally {
      await http;
    }
    this.#control = await ControlServer.listen(config.node.control, (request) => this.#answer(request), this.#log);
    for (const warning of this.#configuration.warnings) this.#log.warn('configuration warning', { warning });
    for (const { name, down } of node.tunnels) if (down !== null) this.#log.warn('tunnel down', { tunnel: name, reason: down });
    if (this.#state !== 'starting') return;
    this.#state = 'running';
    this.#notify('READY=1');
    const up = node.tunnels.filter(({ down }) => down === null).map(({ name }) => name);
    this.#log.info('ready', {
      node: this.view.name,
      version: this.#version,
      pid: process.pid,
      tunnels: up,
      workers: config.workers,
      control: config.node.control,
      ...(this.#http.port !== null && { http: this.#http.port }),
      ...(this.#fastPath.view.mode !== 'off' && { fastpath: this.#fastPath.view.mode }),
      afterMs: Math.round(performance.now()),
    });
  }

  /** Makes `node` what the host, the packet threads and the fast path have. */
  async #become(node: NodeSpec, fastpath: FastpathConfig): Promise<void> {
    if (this.#devices.open(node)) this.#host.distrust();
    this.#host.change(hostPlan(node));
    await this.#threads.configure(node, (worker) => this.#devices.descriptors(worker, node));
    this.#node = node;
    await this.#fastPath.become(fastpath, node);
    this.#keep(this.#fastPath.devicesThatStay(node));
    this.#threads.makeFlows(this.#fastPath.flows);
    this.#devices.close(node);
    this.#discovery.askGateways(this.#devices.led.map((led) => ({ ...led, gateway: gatewayOf(led.local.addr) })));
  }

  /** Has these TUN devices stay when the process ends, with all that is set on them; null: nothing stays. */
  #keep(devices: readonly string[] | null): void {
    const names = new Set(devices);
    this.#host.keep(names);
    const kept = { pins: this.#kept.folder, steps: this.#host.kept, slots: Object.fromEntries(this.#slots()) };
    // Noted before it is kept, and until it no longer is.
    if (devices !== null) this.#kept.note({ ...kept, devices });
    this.#devices.keep(names);
    if (devices === null) this.#kept.note(null);
    this.#staying = devices;
  }

  /** Tried when it is first asked, and said when it cannot be. */
  #takesUdpTrains(): boolean {
    if (this.#udpTrains === null) {
      const fault = withoutUdpTrains();
      if (fault !== null) this.#log.warn('UDP payloads go one by one', { reason: fault });
      this.#udpTrains = fault === null;
    }
    return this.#udpTrains;
  }

  async #reload(): Promise<ReloadResult> {
    const before = this.#configuration;
    const next = requireConfiguration(this.#file, this.#slots(), this.#discovery.found);
    const changes = compareNodes(this.#node, next.node);
    const old = this.#node;
    try {
      await this.#http.move(next.config.http);
      // Whoever reloads may have taken something away by hand: every step is made sure of.
      this.#host.distrust();
      await this.#become(next.node, next.config.fastpath);
    } catch (thrown) {
      await this.#become(old, before.config.fastpath);
      await this.#http.move(before.config.http);
      throw thrown;
    }
    this.#adopt(next);
    this.#discovery.refresh();
    const notes = [...restartNotes(before.config, next.config), ...next.warnings];
    this.#log.info('reloaded', { ...changes, ...(notes.length > 0 && { notes }) });
    tell(this.#log, nodeEvents(old, next.node));
    return { ...changes, notes };
  }

  /** `next` is what the node has become. */
  #adopt(next: Configuration): void {
    this.#configuration = next;
    this.#discovery.adopt(next.config, next.node);
  }

  /** Follows in its turn, `wait` milliseconds from now at the earliest; what changes until then is followed with it. */
  #followSoon(wait = 0): void {
    if (this.#followTimer !== null || this.#state === 'stopping') return;
    const turn = () => {
      this.#followTimer = null;
      return this.#follow();
    };
    const gap = this.#followAt - performance.now();
    this.#followTimer = setTimeout(() => void this.#exclusively(turn), Math.max(wait, gap));
  }

  /** The host has changed, or what is known of others: so does the node. */
  async #follow(): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#followAt = Math.max(this.#followAt, performance.now() - FOLLOW_BURST * FOLLOW_GAP) + FOLLOW_GAP;
    const before = this.#node;
    this.#raise();
    try {
      const next = this.#configuration.again(this.#slots(), this.#discovery.found);
      // A route of ours may have gone with others, when an interface went down and up: it is set again.
      if (this.#configuration.facts.defaultSource !== null && next.facts.defaultSource === null) this.#host.distrust();
      await this.#become(next.node, next.config.fastpath);
      for (const warning of next.warnings) {
        if (!this.#configuration.warnings.includes(warning)) this.#log.warn('configuration warning', { warning });
      }
      this.#adopt(next);
      tell(this.#log, nodeEvents(before, next.node));
    } catch (thrown) {
      this.#log.error('cannot follow a change of the host', { reason: reasonOf(thrown), retryMs: RETRY });
      this.#followSoon(RETRY);
    }
  }

  /** TUN devices that somebody took down, and with them the routes through them, are to be set up again. */
  #raise(): void {
    for (const { interface: device, configure, down } of this.#node.tunnels) {
      if (!configure || down !== null || device === null || !isDown(device)) continue;
      this.#log.warn('interface was taken down by somebody, it is set up again', { interface: device });
      this.#host.distrust();
    }
  }

  /** Somebody deleted a TUN device: it is made again. */
  async #remake(device: string, fd: number): Promise<void> {
    if (this.#state === 'stopping' || !this.#devices.holds(device, fd)) return;
    this.#log.warn('interface was deleted by somebody, it is made again', { interface: device });
    this.#devices.forget(device);
    this.#host.distrust();
    await this.#follow();
  }

  /** Word of the owner thread. Of a service that stops, that leases are given back and LANs told is no news. */
  #hear(news: News): void {
    if (this.#state === 'stopping') return;
    if (news.kind === 'lans') this.#lans.hear(news.tunnel, news.lans);
    else this.#discovery.hear(news);
  }

  async #answer(request: ControlRequest): Promise<unknown> {
    switch (request.command) {
      case 'status':
        return readStatus(this.view);
      case 'reload':
        return this.reload();
      case 'drain':
        this.drain(request.seconds);
        return { state: this.#state, seconds: request.seconds };
      case 'resume':
        this.resume();
        return { state: this.#state };
    }
  }

  /** Ends once, whoever asks first. */
  async #finish(status: number): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    clearTimeout(this.#drainTimer ?? undefined);
    clearTimeout(this.#followTimer ?? undefined);
    this.#monitor?.stop();
    this.#discovery.stop();
    let result = status;
    // Each of these is done whatever became of those before.
    const farewells = [
      () => this.#notify('STOPPING=1'),
      () => within(FAREWELL, this.#queue),
      () => this.#discovery.giveBack(),
      () => this.#endFastPath(),
      () => this.#threads.stop(FAREWELL),
      () => this.#lans.clear(),
      () => this.#host.undo(),
    ];
    for (const farewell of farewells) {
      try {
        await farewell();
      } catch (thrown) {
        this.#log.error('not everything could be undone', { reason: reasonOf(thrown) });
        result = Exit.failed;
      }
    }
    this.#devices.closeAll();
    this.#http.close();
    this.#control?.close();
    this.#log.info('stopped', { status: result });
    this.#end(result);
  }

  /** Off every interface, unless it is to stay, which is said. */
  #endFastPath(): void {
    const interfaces = this.#staying;
    if (interfaces === null) {
      this.#fastPath.close();
      this.#keep(null);
      return;
    }
    this.#fastPath.leave();
    this.#log.info('the fast path stays', { interfaces, pins: this.#kept.folder });
  }

  #slots(): ReadonlyMap<string, number> {
    return new Map(this.#node.tunnels.map(({ name, slot }) => [name, slot]));
  }

  /** Word to the service manager; that it does not listen is its own affair. */
  #notify(assignment: Assignment): void {
    try {
      notify([assignment]);
    } catch (thrown) {
      this.#log.warn('service manager was not told', { reason: reasonOf(thrown) });
    }
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(change);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Waits for `work`, but not for ever. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
