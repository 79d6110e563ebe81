/**
 * A whole network in one process: hosts, links and the real tunnel engine, in virtual time and with
 * seeded chance. Two worlds of one topology and one seed live the same life, octet for octet.
 */
import type { Millis } from '../core/clock.js';
import { COUNTER_ROW_LEN, Counters } from '../core/counters.js';
import type { Topology, TopologyNode } from '../topology/topology.js';
import { type Address, formatAddress, isLinkLocal, parseAddress, parseSubnet, SIZE6 } from './address.js';
import { Daemon, type ResolveNode } from './daemon.js';
import { SharedFrames } from './frames.js';
import { Host } from './host.js';
import { type Impairments, Link } from './link.js';
import { Nat } from './nat.js';
import { type PingOptions, type PingResult, ping, traceRoute } from './ping.js';
import { Probe } from './probe.js';
import { SeededRandom } from './random.js';
import { Scheduler } from './scheduler.js';
import { SimulationError } from './simulation-error.js';
import { Trace } from './trace.js';

/** Reads the configuration of a node's daemon, which is resolved whenever the state of its host has changed. */
export type Resolve = (toml: string, node: TopologyNode) => ResolveNode;

/** What a world is made with. */
export interface WorldOptions {
  readonly resolve: Resolve;
  /** Default 1. */
  readonly seed?: number;
  /** Events that one `run` or `ping` may take before it is given up. */
  readonly eventBudget?: number;
  /** Packets that each link keeps for `capture`, the first ones. Default 100 000. */
  readonly captureLimit?: number;
}

/** Metric of a static route that names none. */
const DEFAULT_METRIC = 100;
/** Seconds, RFC 4787 REQ-5. */
const DEFAULT_NAT_TIMEOUT = 300;

/** One world. Its time stands still between calls. */
export class World {
  readonly topology: Topology;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly links: ReadonlyMap<string, Link>;
  readonly daemons: ReadonlyMap<string, Daemon>;
  readonly trace: Trace;
  readonly #scheduler: Scheduler;

  /** Builds the network and starts its daemons at time 0. Throws `bad_topology` and `bad_address`. */
  constructor(topology: Topology, { resolve, seed = 1, eventBudget, captureLimit }: WorldOptions) {
    const random = new SeededRandom(seed);
    const scheduler = new Scheduler(eventBudget);
    const trace = new Trace(scheduler);
    const links = new Map<string, Link>();
    for (const { name, ...impairments } of topology.links) {
      links.set(name, new Link(name, scheduler, random.stream(`link ${name}`), trace.account(name), impairments, captureLimit));
    }
    const frames = new SharedFrames();
    const hosts = new Map<string, Host>();
    for (const [i, { name, forwards = false }] of topology.nodes.entries()) {
      const host = new Host({ name, forwards, scheduler, random: random.stream(`host ${name}`), account: trace.account(name), frames });
      equip(host, i, topology.nodes[i], links);
      hosts.set(name, host);
    }
    const daemons = new Map<string, Daemon>();
    // One piece of memory for all: of a row few pages are ever counted in, and the others cost nothing.
    const rows = new Float64Array(topology.nodes.length * COUNTER_ROW_LEN);
    // Nodes that are configured alike, thousands of clients, have their configuration read once.
    const read = new Map<string, ResolveNode>();
    for (const node of topology.nodes) {
      const { daemon: toml } = node;
      const host = hosts.get(node.name);
      if (toml === undefined || host === undefined) continue;
      const resolveNode = read.get(toml) ?? resolve(toml, node);
      read.set(toml, resolveNode);
      const row = rows.subarray(daemons.size * COUNTER_ROW_LEN, (daemons.size + 1) * COUNTER_ROW_LEN);
      daemons.set(node.name, new Daemon(host, resolveNode, new Counters(row)));
    }
    this.topology = topology;
    this.hosts = hosts;
    this.links = links;
    this.daemons = daemons;
    this.trace = trace;
    this.#scheduler = scheduler;
    for (const daemon of daemons.values()) daemon.start();
  }

  /** Virtual milliseconds since the world began. */
  get now(): Millis {
    return this.#scheduler.now;
  }

  /** Lets everything happen until `until`, an absolute time; returns the number of events. Throws `event_budget`. */
  run(until: Millis): number {
    return this.#scheduler.run(until);
  }

  /** Lets `duration` milliseconds pass. */
  advance(duration: Millis): number {
    return this.run(this.now + duration);
  }

  /** Lets `action` happen at `when`, in the middle of whatever runs then. */
  at(when: Millis, action: () => void): void {
    this.#scheduler.at(when, action);
  }

  /** The host called `name`. Throws `no_such_name`. */
  host(name: string): Host {
    return find(this.hosts, 'node', name);
  }

  /** The link called `name`. Throws `no_such_name`. */
  link(name: string): Link {
    return find(this.links, 'link', name);
  }

  /** The daemon on the node called `name`. Throws `no_such_name`. */
  daemon(name: string): Daemon {
    return find(this.daemons, 'daemon on node', name);
  }

  /** The address by which others reach a node: its first global IPv6 one, those not deprecated before others; null when it has none. */
  addressOf(name: string): Address | null {
    const addresses = [...this.host(name).interfaces.values()]
      .filter((on) => on.isUp)
      .flatMap((on) => on.addresses)
      .filter(({ addr, validUntil }) => addr.length === SIZE6 && !isLinkLocal(addr, 0, SIZE6) && validUntil > this.now);
    const preferred = addresses.find(({ preferredUntil }) => preferredUntil > this.now);
    return (preferred ?? addresses.at(0))?.addr ?? null;
  }

  /** The name of the first node that has `addr`; null when none has. */
  nodeOf(addr: Address): string | null {
    for (const [name, host] of this.hosts) if (host.ownerOf(addr, 0, addr.length) !== null) return name;
    return null;
  }

  /** Pings `to`, a node or an address, from a node, in virtual time. A node without an address answers nothing. */
  ping(from: string, to: string, options: PingOptions = {}): PingResult[] {
    const address = this.#destination(to);
    if (address !== null) return ping(this.#scheduler, this.host(from), address, options);
    return Array.from({ length: options.count ?? 1 }, (_, i) => ({ sequence: i + 1, kind: 'not_sent', from: null, roundTrip: null }));
  }

  /** The hops from a node to a node or an address. */
  traceRoute(from: string, to: string): PingResult[] {
    const address = this.#destination(to);
    return address === null ? [] : traceRoute(this.#scheduler, this.host(from), address);
  }

  /** Everything that was sent over a link so far, as a capture file. */
  capture(link: string): Uint8Array {
    return this.link(link).capture();
  }

  /** A stranger on a link. */
  probe(link: string): Probe {
    return new Probe(this.link(link), this.trace.account(`probe on ${link}`));
  }

  /** Changes how a link treats what is sent from now on. */
  impair(link: string, change: Partial<Impairments>): void {
    this.link(link).impair(change);
  }

  /** Takes an interface down, or up again. */
  setInterface(node: string, name: string, isUp: boolean): void {
    const host = this.host(node);
    host.interface(name).isUp = isUp;
    if (isUp) host.autoconfigurations.get(name)?.start();
  }

  /** Gives an interface another address in place of `from`; both `address/length`. */
  renumber(node: string, name: string, from: string, to: string): void {
    const host = this.host(node);
    const on = host.interface(name);
    host.release(on, parseSubnet(from).addr);
    host.assign(on, parseSubnet(to));
  }

  /** Stands for everything that happened so far, see {@link Trace.digest}. */
  digest(): string {
    return this.trace.digest();
  }

  /** Packets that neither ended nor are on a link: 0, else the simulator has lost count. */
  unaccounted(): number {
    return [...this.links.values()].reduce((left, link) => left - link.onItsWay, this.trace.balance());
  }

  #destination(to: string): Address | null {
    return this.hosts.has(to) ? this.addressOf(to) : parseAddress(to);
  }
}

function find<T>(map: ReadonlyMap<string, T>, what: string, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new SimulationError('no_such_name', `no ${what} "${name}": expected one of ${[...map.keys()].join(', ')}`);
  return found;
}

/** Plugs a host in and gives it its addresses and routes. */
function equip(host: Host, index: number, node: TopologyNode, links: ReadonlyMap<string, Link>): void {
  for (const [i, { name, link, addresses = [] }] of node.interfaces.entries()) {
    const medium = links.get(link);
    if (medium === undefined)
      throw new SimulationError('bad_topology', `${node.name}: interface "${name}" is on link "${link}", which is not there`);
    const on = host.addInterface(name, medium, medium.impairments.mtu);
    host.assign(on, { addr: linkLocalAddress(index, i), len: 64 });
    for (const address of addresses) host.assign(on, parseSubnet(address));
  }
  for (const { to, via, metric = DEFAULT_METRIC } of node.routes ?? []) {
    const subnet = parseSubnet(to);
    const nextHop = parseAddress(via);
    if (subnet.addr.length !== nextHop.length)
      throw new SimulationError('bad_topology', `${node.name}: route to ${to} via ${formatAddress(nextHop)} mixes families`);
    host.addRoute(subnet, nextHop, metric);
  }
  for (const name of node.autoconfigures ?? []) host.autoconfigure(name);
  if (node.nat !== undefined) {
    const { inside, outside, hairpin = false, timeout = DEFAULT_NAT_TIMEOUT, ...kind } = node.nat;
    host.nat = new Nat(host, host.interface(inside), host.interface(outside), { ...kind, hairpin, timeout: timeout * 1000 });
  }
}

/** fe80:: with the modified EUI-64 of the MAC address 02:00:<node>:<interface>, RFC 4291 appendix A. */
function linkLocalAddress(node: number, on: number): Address {
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, node >>> 8, 0xff, 0xfe, node, on >>> 8, on);
}
