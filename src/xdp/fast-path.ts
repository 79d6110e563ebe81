/**
 * The fast path of a node: the program, where it is attached, and what it goes by.
 *
 *   load     libbpf -> kernel, verified                         once in the life of a service
 *   change   interfaces -> settings and rules, swapped at once  at the start, on reload, whenever the host changes
 *   close    off every interface                                by the kernel, if the process ends otherwise
 *   leave    all stays in place, pinned                         if the process ends otherwise, too; the next one adopts it
 *
 * An interface without the program, and a tunnel that is not offloaded, are as they were: the packet threads' own.
 */
import { writeFileSync } from 'node:fs';
import { COUNTER_ROW_LEN, Counters, clearSlot, DIRECTIONS, Direction } from '../core/counters.js';
import { type NodeSpec, sameSpec } from '../engine/spec.js';
import { Attachments } from './attachments.js';
import { LIMITS, type PassedName, PROGRAM } from './layout.js';
import { type Link, readLinks } from './links.js';
import { XdpObject } from './object.js';
import { type Offload, type OffloadedTunnel, offloadOf } from './offload.js';
import { Pins } from './pins.js';
import type { WantedMode } from './probe.js';
import type { XdpMode } from './program.js';
import { type FastInterface, Tables } from './tables.js';

/** What the configuration asks for. */
export interface Wanted {
  readonly mode: WantedMode;
  readonly interfaces: readonly string[];
  /** The folder of what is to stay when the process ends; null: nothing. */
  readonly pins: string | null;
}

/** What a process before this one has kept. */
export interface Heritage {
  readonly pins: string;
  /** Places of its tunnels in the counter rows. */
  readonly slots: Readonly<Record<string, number>>;
}

/** What there is. */
export interface FastPathState {
  /** `off`: no interface has the program. */
  readonly mode: XdpMode | 'off';
  /** Those that have it. */
  readonly interfaces: readonly string[];
  /** All of it stays when the process ends. */
  readonly stays: boolean;
  /** What is not as it was asked for, or could be, a clause each. */
  readonly shortcomings: readonly string[];
  readonly tunnels: readonly OffloadedTunnel[];
}

/** See the head of the file. */
export class FastPath {
  /** What went this way, in a counter row of its own; see `count`. */
  readonly row = new Float64Array(COUNTER_ROW_LEN);
  readonly #counters = new Counters(this.row);
  readonly #object: XdpObject;
  readonly #tables: Tables;
  readonly #attachments: Attachments;
  #links: readonly Link[] = [];
  #wanted: Wanted | null = null;
  /** What the program goes by, and what that was made of. */
  #offload: Offload | null = null;
  #basis: unknown = null;

  /** Where what stays is kept; null: nothing stays. */
  #pins: { readonly folder: string; readonly pins: Pins } | null = null;
  /** Not null until the first change. */
  #heritage: Heritage | null;
  /** The maps are kept. */
  #arePinned: boolean;

  /** Loads the program, an ELF object, in place of that of `heritage`. Throws what `explainLoad` explains. */
  static load(elf: Uint8Array, heritage: Heritage | null = null): FastPath {
    const pinned = heritage === null ? new Map() : new Pins(heritage.pins).maps;
    try {
      return new FastPath(XdpObject.load(elf, pinned), heritage, pinned.size > 0);
    } catch (thrown) {
      if (pinned.size === 0) throw thrown;
      // What was kept is not what this program needs: then it has maps of its own.
      return new FastPath(XdpObject.load(elf), heritage, false);
    }
  }

  private constructor(object: XdpObject, heritage: Heritage | null, arePinned: boolean) {
    this.#object = object;
    this.#heritage = heritage;
    this.#arePinned = arePinned;
    this.#tables = new Tables(object);
    this.#attachments = new Attachments(object.program(PROGRAM), (staying) => this.#setInterfaces(staying));
  }

  /** Has the program on the interfaces that are wanted, as far as may be, and do what `node` does. */
  change(wanted: Wanted, node: NodeSpec): FastPathState {
    if (this.#wanted !== wanted) this.#attachments.forgetRefusals();
    this.#wanted = wanted;
    this.#links = readLinks();
    this.#adopt();
    const { mode, links, shortcomings } = this.#attachments.change(wanted.mode, wanted.interfaces, this.#links);
    const beyond = this.#setInterfaces(links);
    const tunnels = this.#install(node);
    this.#attachments.renew();
    this.#heritage = null;
    const fleeting = this.#keep(links.length === 0 ? null : wanted.pins);
    const deaf = links.length === 0 ? [] : devicesOf(node, tunnels).flatMap((device) => forwardIpv4(device) ?? []);
    return {
      mode: links.length === 0 ? 'off' : mode,
      interfaces: links.map(({ name }) => name),
      stays: this.#pins !== null,
      shortcomings: [...shortcomings, ...(beyond === 0 ? [] : [`${beyond} VLAN interfaces are more than fit`]), ...deaf, ...fleeting],
      tunnels,
    };
  }

  /** What is not as it is wanted, or would not be, a clause each; nothing is changed. The interfaces are those that `change` has found. */
  survey({ mode, interfaces }: Wanted): readonly string[] {
    if (this.#links.length === 0) this.#links = readLinks();
    this.#adopt();
    return this.#attachments.survey(mode, interfaces, this.#links);
  }

  /** Brings `row` up to date. */
  count(): void {
    for (const { slot } of this.#offload?.tunnels ?? []) {
      const forwarded = this.#tables.forwarded(slot);
      for (const direction of DIRECTIONS) {
        const { packets, octets } = forwarded[direction];
        this.#counters.forwardedSoFar(slot, Direction[direction], packets, octets);
      }
    }
  }

  /** Descriptor of the map in which packet threads keep flows: see `FlowTable`. */
  get flows(): number {
    return this.#tables.flowsFd;
  }

  /** Frames that were left to the stack of the host, by reason. */
  passed(): ReadonlyMap<PassedName, number> {
    return this.#tables.passed();
  }

  /** Takes the program off every interface and lets go of it. */
  close(): void {
    this.#attachments.close();
    this.#pins?.pins.remove();
    this.count();
    this.#object.close();
  }

  /** Lets go of all that is kept, which stays as it is. */
  leave(): void {
    this.#attachments.leave();
    this.#object.close();
  }

  /** Takes over what was kept, once. */
  #adopt(): void {
    if (this.#heritage === null || this.#pins !== null) return;
    const { pins: folder } = this.#heritage;
    this.#pins = { folder, pins: new Pins(folder) };
    this.#attachments.adopt(this.#pins.pins, this.#links);
  }

  /** Keeps all of it in `folder`; null: nothing. Why it cannot be kept; none: it is as it is wanted. */
  #keep(folder: string | null): string[] {
    if (this.#pins !== null && this.#pins.folder !== folder) this.#release(this.#pins.pins);
    if (folder === null) return [];
    const pins = this.#pins?.pins ?? new Pins(folder);
    try {
      if (!this.#arePinned) {
        pins.clearMaps();
        for (const [name, path] of pins.paths) this.#object.map(name).pin(path);
        this.#arePinned = true;
      }
      this.#attachments.keep(pins);
      this.#pins = { folder, pins };
      return [];
    } catch (thrown) {
      this.#release(pins);
      return [`it does not stay when the service ends: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
    }
  }

  /** Nothing stays. */
  #release(pins: Pins): void {
    pins.remove();
    this.#attachments.keep(null);
    this.#pins = null;
    this.#arePinned = false;
  }

  /** Takes frames from `links` and VLANs on top of them, and sends by them. How many of those are too many. */
  #setInterfaces(links: readonly Link[]): number {
    const all = interfacesOn(links, this.#links);
    this.#tables.setInterfaces(all.slice(0, LIMITS.MAX_INTERFACES));
    return Math.max(0, all.length - LIMITS.MAX_INTERFACES);
  }

  /** Has the program go by `node`. Tunnels that were and stay are never missing in between. */
  #install(node: NodeSpec): readonly OffloadedTunnel[] {
    const indexOf = (name: string) => this.#links.find((link) => link.name === name)?.index ?? 0;
    const basis = { node, indexes: node.tunnels.map(({ interface: device }) => (device === null ? 0 : indexOf(device))) };
    const before = this.#offload;
    if (before !== null && sameSpec(basis, this.#basis)) return before.tunnels;
    this.#basis = basis;
    const offload = offloadOf(node, indexOf);
    const known = before?.tunnels ?? Object.entries(this.#heritage?.slots ?? {}).map(([name, slot]) => ({ name, slot }));
    const nameAt = (slot: number) => known.find((tunnel) => tunnel.slot === slot)?.name;
    for (const { name, slot } of offload.tunnels) {
      if (nameAt(slot) === name) continue;
      clearSlot(this.row, slot);
      this.#tables.clear(slot);
    }
    this.#tables.install(offload);
    this.#offload = offload;
    return offload.tunnels;
  }
}

/** `attached` interfaces, then the VLANs on top of them. */
export function interfacesOn(attached: readonly Link[], all: readonly Link[]): FastInterface[] {
  const itself = attached.flatMap(({ index, mac }) => (mac === null ? [] : [{ ifindex: index, device: index, vlan: 0, mac }]));
  const above = all.flatMap(({ index, mac, vlan, portOf }) => {
    const device = attached.find(({ name }) => name === vlan?.below)?.index;
    return device === undefined || vlan === null || mac === null || portOf !== null ? [] : [{ ifindex: index, device, vlan: vlan.id, mac }];
  });
  return [...itself, ...above.filter(({ ifindex }) => !itself.some((one) => one.ifindex === ifindex))];
}

/** TUN devices of the tunnels that are offloaded. */
function devicesOf(node: NodeSpec, tunnels: readonly OffloadedTunnel[]): string[] {
  const offloaded = new Set(tunnels.filter(({ obstacle }) => obstacle === null).map(({ name }) => name));
  return node.tunnels.flatMap(({ name, interface: device }) => (device !== null && offloaded.has(name) ? [device] : []));
}

/**
 * Has the kernel answer where outer packets go: it does so only for a device that forwards IPv4. On a TUN device of ours no
 * IPv4 packet ever arrives, and it leaves with the service. Why it cannot be had; null when it is.
 */
function forwardIpv4(device: string): string | null {
  try {
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/forwarding`, '1');
    return null;
  } catch (thrown) {
    return `nothing is encapsulated for ${device}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}
