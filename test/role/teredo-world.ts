/**
 * Teredo clients behind NATs, a server, a relay and a native host, in virtual time. The NATs are those of the simulator;
 * server and relay are written here once more, from RFC 4380 sections 5.3 and 5.4.
 */
import { expect } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import type { NatKind } from '../../src/core/nat.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { Outer, TransmitTo } from '../../src/role/role.js';
import { TeredoClient, type TeredoClientOptions } from '../../src/role/teredo-client.js';
import { type NatEndpoint, NatTable } from '../../src/sim/nat-table.js';
import { SeededRandom } from '../../src/sim/random.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { echoRequest, icmp6, toHex } from '../vectors/compose.js';
import { hmac } from '../wire/teredo-frames.js';
import { addr, PRIMARY, prefix, REFRESH, SECONDARY, SERVER } from './teredo-bench.js';
import { answerTo, readQuestion, writeAnswer } from './teredo-fake-server.js';

/** The kinds of NATs that RFC 6081 section 3 tells apart. */
export const KINDS = {
  cone: { mapping: 'endpoint-independent', filtering: 'endpoint-independent', ports: 'preserving' },
  'address-restricted': { mapping: 'endpoint-independent', filtering: 'address-dependent', ports: 'preserving' },
  'port-restricted': { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', ports: 'preserving' },
  'port-preserving symmetric': { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', ports: 'preserving' },
  'sequential symmetric': { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', ports: 'sequential' },
  'random symmetric': { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', ports: 'random' },
} as const satisfies Record<string, NatKind>;
export type Kind = keyof typeof KINDS;

/** Whom a client can reach, RFC 6081 section 3, figure 1. Rows: who begins; columns in the order of `KINDS`. */
export const FIGURE_1: Readonly<Record<Kind, readonly boolean[]>> = {
  cone: [true, true, true, true, true, true],
  'address-restricted': [true, true, true, true, true, true],
  'port-restricted': [true, true, true, true, true, false],
  'port-preserving symmetric': [true, true, true, true, true, false],
  'sequential symmetric': [true, true, true, false, false, false],
  'random symmetric': [true, true, false, false, false, false],
};

/** Native IPv6 hosts, whose packets the relay brings. */
export const WEB = '3fff:0:1::80';
export const RELAY = '203.0.113.1';
const RELAY_PORT = 3545;
const RELAY_IDENTITY = '3fff:0:ffff::1';
/** From one place to any other, milliseconds. */
export const DELAY = 10;
const SERVER_PORT = 3544;

/** A datagram that somebody sent, as it left its host. */
export interface Datagram {
  readonly at: number;
  readonly from: string;
  readonly socket: number;
  readonly to: NatEndpoint;
  readonly payload: Uint8Array;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A NAT with a LAN behind it. */
export class Gateway {
  readonly table: NatTable;
  readonly addr: number;
  readonly hairpins: boolean;
  readonly kind: NatKind;
  readonly hosts: Home[] = [];

  constructor(address: string, kind: NatKind, seed: number, { hairpins = true, timeout = 300_000 } = {}) {
    this.addr = addr(address);
    this.kind = kind;
    this.hairpins = hairpins;
    const options = { ...kind, increment: 1, timeout, inboundRefresh: true, pooling: 'paired', limit: 0x10000 } as const;
    this.table = new NatTable(options, new SeededRandom(seed));
  }
}

/** The port of the client on a host. */
const servicePort = (address: number): number => 40_000 + (address & 0xff) * 100;

/** A host with a Teredo client. */
export class Home {
  readonly name: string;
  readonly world: TeredoWorld;
  readonly addr: number;
  readonly ports: readonly number[];
  readonly gateway: Gateway | null;
  readonly role: TeredoClient;
  /** IPv6 packets that reached it. */
  readonly delivered: Uint8Array[] = [];
  /** What became of what arrived. */
  readonly verdicts: number[] = [];
  /** Packets that were given up. */
  readonly undeliverable: Uint8Array[] = [];
  /** Packets that had arrived and were given up. */
  readonly dismissed: Uint8Array[] = [];
  readonly #out = makeBatch(1, HEADROOM + 2048)[0];
  readonly #outer = new Outer();
  readonly #b = new Uint8Array(4096);

  constructor(
    world: TeredoWorld,
    name: string,
    address: string,
    gateway: Gateway | null,
    spares: number,
    change: Partial<TeredoClientOptions>,
  ) {
    this.world = world;
    this.name = name;
    this.addr = addr(address);
    this.gateway = gateway;
    const first = servicePort(this.addr);
    this.ports = Array.from({ length: 1 + spares }, (_, i) => first + 7 * i);
    const node = {
      local: this.ports.map(() => this.addr | 0),
      ports: this.ports,
      prefix: TEREDO_PREFIX,
      own: new OwnAddresses([this.addr]),
      endpoints: new EndpointPolicy(['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24'].map((text) => prefix(text))),
      identity: null,
      mtu: 1280,
      hmac,
      random: seeded(this.addr ^ world.seed),
    };
    const options = {
      node,
      servers: [SERVER],
      keys: [],
      refreshInterval: REFRESH,
      searchSocket: null,
      maxPeers: 256,
      discovery: null,
      gateway: null,
      before: null,
      ...change,
    };
    this.role = new TeredoClient(options, world.now);
    gateway?.hosts.push(this);
  }

  get address(): string {
    const { teredo } = this.role.learned;
    return formatIpv6(teredo?.address ?? expect.fail(`${this.name} is not qualified: ${teredo?.failure}`));
  }

  /** Sends a packet: a verdict or a drop reason. */
  send(packet: Uint8Array): number {
    const b = this.#b.fill(0xa5);
    b.set(packet, 21);
    const outer = this.#outer;
    const verdict = this.role.encapsulate(b, 21, outer, this.world.now);
    if (verdict === Drop.none) this.world.send(this, outer.socket, { addr: outer.remote.addr, port: outer.remote.port }, packet.slice());
    this.drain();
    return verdict;
  }

  ping(to: string, from = this.address): number {
    return this.send(echoRequest({ src: from, dst: to }, 64));
  }

  /** A datagram arrives on its port. */
  receive(port: number, from: NatEndpoint, payload: Uint8Array): void {
    const socket = this.ports.indexOf(port);
    if (socket < 0) return;
    this.verdicts.push(this.take(socket, from, payload));
    this.drain();
  }

  /** Shows the role a UDP payload. */
  take(socket: number, from: NatEndpoint, payload: Uint8Array, inner = innerAt(payload)): number {
    const b = this.#b.fill(0xa5);
    const off = 33;
    b.set(payload, off);
    const outer = this.#outer;
    outer.remote.addr = from.addr;
    outer.remote.port = from.port;
    outer.local.addr = this.addr;
    outer.local.port = this.ports[socket];
    outer.socket = socket;
    outer.payload = off;
    outer.packet = off + inner;
    outer.payloadEnd = off + payload.length;
    const verdict = this.role.decapsulate(b, off + inner, outer, this.world.now);
    if (verdict === Drop.none) this.#deliver(payload.slice(inner, inner + 40 + payload[inner + 4] * 256 + payload[inner + 5]));
    return verdict;
  }

  drain(): void {
    const out = this.#out;
    const { now } = this.world;
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(2_000);
      out.b.fill(0xa5);
      const to = this.role.pollTransmit(out, now);
      if (to === TransmitTo.nowhere) return;
      const octets = out.b.slice(out.off, out.end);
      if (to === TransmitTo.released) {
        const verdict = this.role.encapsulate(out.b, out.off, this.#outer, now);
        if (verdict !== Drop.none) continue;
        const { remote, socket } = this.#outer;
        this.world.send(this, socket, { addr: remote.addr, port: remote.port }, octets);
      } else if (to === TransmitTo.undeliverable) this.undeliverable.push(octets);
      else if (to === TransmitTo.admitted) this.#deliver(octets);
      else if (to === TransmitTo.dismissed) this.dismissed.push(octets);
      else this.world.send(this, out.socket, { addr: out.remote.addr, port: out.remote.port }, octets);
    }
  }

  #deliver(packet: Uint8Array): void {
    this.delivered.push(packet);
    expect(formatIpv6(packet.subarray(24, 40))).toBe(this.address);
    if (packet[6] !== 58 || packet[40] !== 128) return;
    const src = formatIpv6(packet.subarray(24, 40));
    const dst = formatIpv6(packet.subarray(8, 24));
    this.world.later(0, () => this.send(icmp6({ src, dst }, 129, 0, packet.slice(44))));
  }
}

/** Where the IPv6 packet begins, behind authentication and origin. */
export function innerAt(payload: Uint8Array): number {
  let at = 0;
  if (payload[at] === 0 && payload[at + 1] === 1) at += 13 + payload[at + 2] + payload[at + 3];
  if (payload[at] === 0 && payload[at + 1] === 0) at += 8;
  return at;
}

const embedded = (packet: Uint8Array, off: number): NatEndpoint => {
  const word = (at: number) => packet[off + at] * 256 + packet[off + at + 1];
  return { addr: ((word(12) ^ 0xffff) * 65_536 + (word(14) ^ 0xffff)) >>> 0, port: word(10) ^ 0xffff };
};
const isTeredo = (packet: Uint8Array, off: number) => toHex(packet.subarray(off, off + 4)) === '20010000';
const same = (a: NatEndpoint, b: NatEndpoint) => a.addr === b.addr && a.port === b.port;

/** The world. */
export class TeredoWorld {
  now = 1_000;
  readonly seed: number;
  readonly homes: Home[] = [];
  readonly gateways: Gateway[] = [];
  /** All that hosts have sent. */
  readonly sent: Datagram[] = [];
  /** True for a datagram that is lost on its way. */
  loses: (datagram: Datagram) => boolean = () => false;
  /** How much later than `DELAY` it arrives, each time that it does. */
  lags: (datagram: Datagram) => readonly number[] = () => [0];
  serverIsUp = true;
  readonly #events: Event[] = [];
  #orders = 0;
  /** Clients that the relay reaches, and what waits for others. */
  readonly #relayPeers = new Map<string, Uint8Array[] | null>();

  constructor(seed = 1) {
    this.seed = seed;
  }

  /** A host with a NAT of its own. */
  home(
    name: string,
    kind: Kind | NatKind | null,
    { spares = 8, change = {} as Partial<TeredoClientOptions>, timeout = 300_000 } = {},
  ): Home {
    const n = this.homes.length + 1;
    if (kind === null) return this.#add(new Home(this, name, `192.0.2.${n}`, null, spares, change));
    const gateway = this.gateway(`192.0.2.${n}`, kind, { timeout });
    return this.#add(new Home(this, name, `192.168.${n}.2`, gateway, spares, change));
  }

  /** A host whose NAT has been asked to lead to it what comes to the port of its service, RFC 6081 section 5.3.3. */
  led(name: string, kind: Kind): Home {
    const n = this.homes.length + 1;
    const gateway = this.gateway(`192.0.2.${n}`, kind);
    const outside = { addr: gateway.addr, port: servicePort(addr(`192.168.${n}.2`)) };
    expect(gateway.table.lead(outside, { addr: addr(`192.168.${n}.2`), port: outside.port }, this.now)).toBe(true);
    return this.#add(new Home(this, name, `192.168.${n}.2`, gateway, 8, { gateway: outside }));
  }

  gateway(address: string, kind: Kind | NatKind, options: { hairpins?: boolean; timeout?: number } = {}): Gateway {
    const gateway = new Gateway(address, typeof kind === 'string' ? KINDS[kind] : kind, this.seed + this.gateways.length, options);
    this.gateways.push(gateway);
    return gateway;
  }

  /** A host behind a NAT that there is already. */
  behind(gateway: Gateway, name: string, address: string, spares = 8): Home {
    return this.#add(new Home(this, name, address, gateway, spares, {}));
  }

  #add(home: Home): Home {
    this.homes.push(home);
    home.drain();
    return home;
  }

  later(delay: number, run: () => void): void {
    this.#events.push({ at: this.now + delay, order: this.#orders++, run });
  }

  /** A datagram leaves a host. */
  send(home: Home, socket: number, to: NatEndpoint, payload: Uint8Array): void {
    const datagram = { at: this.now, from: home.name, socket, to, payload };
    this.sent.push(datagram);
    if (this.loses(datagram)) return;
    const { gateway } = home;
    const from = { addr: home.addr, port: home.ports[socket] };
    const neighbor = gateway?.hosts.find((host) => host.addr === to.addr);
    const isInside = neighbor !== undefined || (gateway?.addr === to.addr && !gateway.hairpins);
    const outside = gateway === null || isInside ? from : gateway.table.outbound(from, to, [gateway.addr], this.now)?.outside;
    for (const lag of this.lags(datagram)) {
      if (neighbor !== undefined) this.later(DELAY + lag, () => neighbor.receive(to.port, from, payload));
      else if (!isInside && outside !== undefined) this.later(DELAY + lag, () => this.#arrive(outside, to, payload));
    }
  }

  /** Lets time pass. */
  run(until: number): void {
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(100_000);
      let next: Event | null = null;
      for (const event of this.#events)
        if (next === null || event.at < next.at || (event.at === next.at && event.order < next.order)) next = event;
      const timeout = Math.min(...this.homes.map(({ role }) => role.nextTimeout()));
      if (Math.min(timeout, next?.at ?? Number.POSITIVE_INFINITY) > until) break;
      if (next !== null && next.at <= timeout) {
        this.#events.splice(this.#events.indexOf(next), 1);
        this.now = Math.max(this.now, next.at);
        next.run();
      } else {
        this.now = Math.max(this.now, timeout);
        for (const home of this.homes) {
          home.role.handleTimeout(this.now);
          home.drain();
        }
      }
    }
    this.now = until;
  }

  /** Every client is qualified. */
  settle(): this {
    this.run(this.now + 200);
    for (const home of this.homes) expect([home.name, home.role.learned.teredo?.state]).toEqual([home.name, 'qualified']);
    this.sent.length = 0;
    return this;
  }

  #arrive(from: NatEndpoint, to: NatEndpoint, payload: Uint8Array): void {
    if (to.addr === addr(PRIMARY) || to.addr === addr(SECONDARY)) this.#serve(from, to.addr, payload);
    else if (to.addr === addr(RELAY)) this.#relay(from, payload);
    else {
      const gateway = this.gateways.find((candidate) => candidate.addr === to.addr);
      if (gateway === undefined) this.homes.find((home) => home.gateway === null && home.addr === to.addr)?.receive(to.port, from, payload);
      else {
        const inside = gateway.table.inbound(to, from, this.now)?.inside;
        const home = gateway.hosts.find((host) => host.addr === inside?.addr);
        if (inside !== undefined) home?.receive(inside.port, from, payload);
      }
    }
  }

  /** RFC 4380 section 5.3. */
  #serve(from: NatEndpoint, at: number, payload: Uint8Array): void {
    if (!this.serverIsUp) return;
    const inner = innerAt(payload);
    if (payload[inner + 6] === 58 && payload[inner + 40] === 133) {
      const answer = answerTo(readQuestion(toHex(payload), null), PRIMARY, `${formatIpv4(from.addr)}:${from.port}`);
      this.#from(at, SERVER_PORT, from, writeAnswer(answer).payload);
      return;
    }
    const packet = payload.slice(inner);
    if (packet[6] === 59 && isTeredo(packet, 24)) this.#pass(from, packet);
    else if (packet[6] === 58) this.native(packet);
  }

  /** A bubble goes on, with its origin. */
  #pass(from: NatEndpoint, packet: Uint8Array): void {
    const ipv4 = [24, 16, 8, 0].map((shift) => ((from.addr >>> shift) & 255) ^ 255);
    const origin = Uint8Array.of(0, 0, (from.port >>> 8) ^ 255, (from.port & 255) ^ 255, ...ipv4, ...packet);
    this.#from(addr(PRIMARY), SERVER_PORT, embedded(packet, 24), origin);
  }

  #from(address: number, port: number, to: NatEndpoint, payload: Uint8Array): void {
    this.later(DELAY, () => this.#arrive({ addr: address, port }, to, payload));
  }

  /** A packet on the native IPv6 internet: echo requests are answered, what is for clients goes to the relay. */
  native(packet: Uint8Array): void {
    if (isTeredo(packet, 24)) this.later(DELAY, () => this.#toClient(packet));
    else if (packet[6] === 58 && packet[40] === 128 && formatIpv6(packet.subarray(24, 40)) === WEB) {
      const ends = { src: WEB, dst: formatIpv6(packet.subarray(8, 24)) };
      this.later(DELAY, () => this.native(icmp6(ends, 129, 0, packet.slice(44))));
    }
  }

  /** RFC 4380 section 5.4.1. */
  #toClient(packet: Uint8Array): void {
    const client = toHex(packet.subarray(24, 40));
    const waiting = this.#relayPeers.get(client);
    if (waiting === null) this.#from(addr(RELAY), RELAY_PORT, embedded(packet, 24), packet);
    else if (waiting !== undefined) waiting.push(packet);
    else {
      this.#relayPeers.set(client, [packet]);
      const bubble = icmp6({ src: RELAY_IDENTITY, dst: formatIpv6(packet.subarray(24, 40)) }, 0, 0, new Uint8Array()).slice(0, 40);
      bubble.set([0, 0, 59], 4);
      this.later(DELAY, () => this.#serve({ addr: addr(RELAY), port: RELAY_PORT }, addr(PRIMARY), bubble));
    }
  }

  /** RFC 4380 section 5.4.2. */
  #relay(from: NatEndpoint, payload: Uint8Array): void {
    if (!isTeredo(payload, 8) || !same(embedded(payload, 8), from)) return;
    const client = toHex(payload.subarray(8, 24));
    const waiting = this.#relayPeers.get(client) ?? [];
    this.#relayPeers.set(client, null);
    for (const packet of waiting) this.#toClient(packet);
    if (payload[6] !== 59) this.native(payload);
  }
}
