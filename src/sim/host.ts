/**
 * A simulated host or router: interfaces, addresses, routes, and one stack for each family. What the
 * tunnel daemon on it reads from sockets and devices goes into `readers`.
 *
 * The host model is the weak one, as on Linux: an address is the host's, whatever interface a packet
 * for it arrives on; link-local ones excepted.
 */
import type { Millis } from '../core/clock.js';
import type { Findings, HostAddress4, HostFacts } from '../engine/spec.js';
import { Icmp6 } from '../wire/icmp6.js';
import { IPV6_LEN, NextHeader, nextHeader6 } from '../wire/ipv6.js';
import { u32 } from '../wire/octets.js';
import { type Address, addressKey, formatAddress, inSubnet, isLinkLocal, SIZE4, SIZE6, type Subnet } from './address.js';
import { Autoconfiguration } from './autoconfiguration.js';
import { type EchoAnswer, echoRequest } from './echo.js';
import type { SharedFrames } from './frames.js';
import { Interface, type InterfaceAddress, type Medium, type Receiver } from './interface.js';
import type { Nat } from './nat.js';
import type { PacketQueue } from './packet-queue.js';
import type { SeededRandom } from './random.js';
import { type Route, RouteTable } from './routing.js';
import type { Scheduler } from './scheduler.js';
import { SimulationError } from './simulation-error.js';
import { selectSource } from './source-selection.js';
import { Stack4 } from './stack4.js';
import { Stack6 } from './stack6.js';
import type { Account } from './trace.js';

/** Metric of the routes that come with addresses. */
const CONNECTED_METRIC = 0;

/** Where packets go that the tunnel daemon reads; null and absent: it does not. */
export interface Readers {
  protocol41: PacketQueue | null;
  icmp4: PacketQueue | null;
  /** Sockets of UDP by `socketKey`. */
  readonly udp: Map<string, PacketQueue>;
  /** Router solicitations, by the interface they come in by. */
  readonly lans: Map<string, PacketQueue>;
}

/** What a host is made from. */
export interface HostOptions {
  readonly name: string;
  /** True: passes on packets that are not its own. */
  readonly forwards: boolean;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly account: Account;
  /** Of its world. */
  readonly frames: SharedFrames;
}

/** One host. */
export class Host implements Receiver {
  readonly name: string;
  readonly forwards: boolean;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly account: Account;
  readonly frames: SharedFrames;
  readonly interfaces = new Map<string, Interface>();
  readonly autoconfigurations = new Map<string, Autoconfiguration>();
  readonly routes4 = new RouteTable(SIZE4);
  readonly routes6 = new RouteTable(SIZE6);
  readonly readers: Readers = { protocol41: null, icmp4: null, udp: new Map(), lans: new Map() };
  readonly stack4: Stack4;
  readonly stack6: Stack6;
  /** Translates between two of its interfaces; null: nothing does. */
  nat: Nat | null = null;
  /** Called when addresses or interfaces have changed, devices of programs left out. */
  onChange: (() => void) | null = null;
  /** Interfaces by the addresses they have, and the other way round. */
  readonly #owners = new Map<string, Interface[]>();
  readonly #owned = new Map<Interface, readonly string[]>();
  readonly #echoes = new Map<number, (answer: EchoAnswer) => void>();
  #echoId = 0;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.forwards = options.forwards;
    this.scheduler = options.scheduler;
    this.random = options.random;
    this.account = options.account;
    this.frames = options.frames;
    this.stack4 = new Stack4(this);
    this.stack6 = new Stack6(this);
  }

  get now(): Millis {
    return this.scheduler.now;
  }

  /** Makes an interface on `medium`; a device of a program starts down. */
  addInterface(name: string, medium: Medium, mtu: number, isDevice = false): Interface {
    if (this.interfaces.has(name)) throw new SimulationError('bad_topology', `${this.name}: a second interface "${name}"`);
    const made = new Interface(name, this, medium, mtu, isDevice);
    this.interfaces.set(name, made);
    return made;
  }

  /** Removes an interface with its addresses and routes. */
  removeInterface(name: string): void {
    const gone = this.interfaces.get(name);
    if (gone === undefined) return;
    for (const { addr } of [...gone.addresses]) this.release(gone, addr);
    this.routes4.remove((route) => route.interface === gone);
    this.routes6.remove((route) => route.interface === gone);
    gone.isUp = false;
    this.#owned.delete(gone);
    this.interfaces.delete(name);
  }

  /** The interface called `name`. Throws `no_such_name`. */
  interface(name: string): Interface {
    const found = this.interfaces.get(name);
    if (found === undefined)
      throw new SimulationError(
        'no_such_name',
        `${this.name} has no interface "${name}": expected ${[...this.interfaces.keys()].join(', ')}`,
      );
    return found;
  }

  /** Gives an interface an address for good, and the route to its subnet; after `preferredUntil` it is deprecated. */
  assign(to: Interface, { addr, len }: Subnet, preferredUntil: Millis = Infinity): void {
    this.release(to, addr);
    to.assign({ addr, len, preferredUntil, validUntil: Infinity });
    if (len < 8 * addr.length)
      this.routesFor(addr).add({ to: { addr, len }, via: null, interface: to, metric: CONNECTED_METRIC, until: Infinity });
  }

  /** Takes an address from an interface, and the route that came with it. Does nothing when it is not there. */
  release(from: Interface, addr: Address): void {
    const released = from.release(addr);
    if (released === null) return;
    this.routesFor(addr).remove(
      (route) =>
        route.interface === from &&
        route.via === null &&
        route.metric === CONNECTED_METRIC &&
        route.to.len === released.len &&
        inSubnet(route.to, addr, 0),
    );
  }

  /** Adds a static route by the interface on whose subnet `via` lies. Throws `bad_topology` where there is none. */
  addRoute(to: Subnet, via: Address, metric: number): void {
    const out = this.interfaceTo(via);
    if (out === null)
      throw new SimulationError('bad_topology', `${this.name}: next hop ${formatAddress(via)} is on no subnet of this host`);
    this.routesFor(via).add({ to, via, interface: out, metric, until: Infinity });
  }

  /** The interface on whose subnet `addr` lies; null when there is none. */
  interfaceTo(addr: Address): Interface | null {
    const has = (address: InterfaceAddress): boolean => address.addr.length === addr.length && inSubnet(address, addr, 0);
    return [...this.interfaces.values()].find((candidate) => candidate.addresses.some(has)) ?? null;
  }

  /** Lets an interface configure itself from router advertisements. */
  autoconfigure(name: string): void {
    const made = new Autoconfiguration(this, this.interface(name));
    this.autoconfigurations.set(name, made);
    made.start();
  }

  /** The interface that has the address at `b[off..off+size)` and is up; null when there is none. */
  ownerOf(b: Uint8Array, off: number, size: number): Interface | null {
    const owners = this.#owners.get(addressKey(b, off, size));
    return owners?.find((owner) => owner.isUp && owner.has(b, off, size, this.now)) ?? null;
  }

  /** The address to send from by `out` to the one at `b[off..off+size)`; null when there is none. */
  sourceOn(out: Interface, b: Uint8Array, off: number, size: number): Address | null {
    return selectSource(this.interfaces.values(), out, b, off, size, this.now);
  }

  /** The address to send from to the one at `b[off..off+size)`, by the way that `routes` say; null when there is no way or no address. */
  sourceTowards(b: Uint8Array, off: number, size: number, routes: RouteTable): Address | null {
    const own = this.ownerOf(b, off, size);
    const out = own ?? routes.lookup(b, off, this.now)?.interface ?? null;
    return out === null ? null : this.sourceOn(out, b, off, size);
  }

  /** See {@link Receiver}. */
  receive(from: Interface, packet: Uint8Array): void {
    this.#overhear(from, packet);
    const version = packet.length === 0 ? 0 : packet[0] >>> 4;
    if (version === 4) this.stack4.receive(from, packet);
    else if (version === 6) this.stack6.receive(from, packet);
    else this.account.note('malformed');
  }

  /** See {@link Receiver}. */
  changed(changed: Interface): void {
    for (const key of this.#owned.get(changed) ?? []) {
      const kept = this.#owners.get(key)?.filter((owner) => owner !== changed) ?? [];
      if (kept.length === 0) this.#owners.delete(key);
      else this.#owners.set(key, kept);
    }
    const keys = changed.addresses.map(({ addr }) => addressKey(addr, 0, addr.length));
    for (const key of keys) this.#owners.set(key, [...(this.#owners.get(key) ?? []), changed]);
    this.#owned.set(changed, keys);
    if (!changed.isDevice) this.onChange?.();
  }

  /** Begins to hear answers to echo requests; returns the identifier to send with. */
  listen(hear: (answer: EchoAnswer) => void): number {
    this.#echoId = (this.#echoId + 1) & 0xffff;
    this.#echoes.set(this.#echoId, hear);
    return this.#echoId;
  }

  /** Hears no more answers to requests with that identifier. */
  ignore(id: number): void {
    this.#echoes.delete(id);
  }

  /** An answer to an echo request has come. */
  heard(id: number, answer: EchoAnswer): void {
    this.#echoes.get(id)?.(answer);
  }

  /** Sends an echo request with `size` octets of data; false when there is no way or no address to send from. */
  echo(destination: Address, id: number, sequence: number, size: number, hopLimit: number): boolean {
    const source = this.sourceTowards(destination, 0, destination.length, this.routesFor(destination));
    if (source === null) return false;
    const request = echoRequest(source, destination, hopLimit, id, sequence, size);
    if (destination.length === SIZE4) this.stack4.originate(request);
    else this.stack6.originate(request);
    return true;
  }

  /** The routing table of the family of `addr`. */
  routesFor(addr: Address): RouteTable {
    return addr.length === SIZE4 ? this.routes4 : this.routes6;
  }

  /** What the tunnel daemon has to know of its host, beside what it has `found` out itself. No interface has a MAC address: worlds have no DHCP. */
  facts(found: Findings): HostFacts {
    const up = [...this.interfaces.values()].filter((candidate) => candidate.isUp && !candidate.isDevice);
    const ipv4: HostAddress4[] = [];
    const ipv6: Address[] = [];
    const linkLocal = new Map<string, Address>();
    for (const { name, addresses, linkLocal: first } of up) {
      if (first !== null) linkLocal.set(name, first);
      for (const { addr, len } of addresses) {
        if (addr.length === SIZE4) ipv4.push({ addr: u32(addr, 0), len, interface: name });
        else if (!isLinkLocal(addr, 0, SIZE6)) ipv6.push(addr);
      }
    }
    const defaultSource = this.#defaultSource();
    return { hostName: this.name, ipv4, ipv6, defaultSource, linkLocal, mac: new Map(), forwards6: this.forwards, found };
  }

  /** A LAN reader hears solicitations as a packet socket does: beside the stack, and before it judges them. */
  #overhear(from: Interface, packet: Uint8Array): void {
    const reader = this.readers.lans.get(from.name);
    if (reader === undefined || !looksLikeSolicitation(packet)) return;
    this.account.note('copied');
    this.account.note(reader.push(packet) ? 'to_daemon' : 'queue_full');
  }

  #defaultSource(): number | null {
    const isUsable = (route: Route): boolean => route.to.len === 0 && (route.interface?.isUp ?? false);
    const source = this.routes4.routes().find(isUsable)?.interface?.ipv4?.addr;
    return source === undefined ? null : u32(source, 0);
  }
}

/** True when an ICMPv6 header of type 133 follows the IPv6 header; nothing else is checked. */
function looksLikeSolicitation(packet: Uint8Array): boolean {
  return (
    packet.length > IPV6_LEN &&
    packet[0] >>> 4 === 6 &&
    nextHeader6(packet, 0) === NextHeader.icmp6 &&
    packet[IPV6_LEN] === Icmp6.routerSolicitation
  );
}
