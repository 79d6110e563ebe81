/**
 * A cable (two ends) or a switch (more): it finds the receiver by the address of the next hop, and
 * treats packets as the worst networks do, in this order:
 *
 *   captured -> MTU -> queue and bandwidth -> loss -> duplication -> reordering -> delay -> receiver
 *
 * Address resolution costs nothing and is never stale. A packet that is on a link is not changed by
 * anyone: copies, captures and receivers share its octets.
 */
import type { Millis } from '../core/clock.js';
import { LinkType, pcapHeader, pcapRecord } from '../wire/pcap.js';
import { type Address, addressKey, isMulticast } from './address.js';
import type { SeededRandom } from './random.js';
import type { Appointment, Scheduler } from './scheduler.js';
import type { Account, Ending } from './trace.js';

/** How a link treats packets. */
export interface Impairments {
  /** One way, milliseconds. */
  readonly delay: Millis;
  /** Share of packets that are lost, 0..1. */
  readonly loss: number;
  /** Share of packets that are overtaken by the next one from the same sender, 0..1. */
  readonly reorder: number;
  /** Share of packets that arrive twice, 0..1. */
  readonly duplicate: number;
  /** Octets of the largest packet. */
  readonly mtu: number;
  /** Bits a second that one sender gets through; `Infinity`: no limit. */
  readonly bandwidth: number;
  /** Packets of one sender that wait for bandwidth at a time; the next one is dropped. */
  readonly queue: number;
}

/** A perfect link. */
const PERFECT: Impairments = { delay: 0, loss: 0, reorder: 0, duplicate: 0, mtu: 1500, bandwidth: Infinity, queue: 1000 };

/** How long a packet that waits to be overtaken waits, where no other comes. */
export const OVERTAKING_TIME: Millis = 50;
/** Packets of one sender that wait to be overtaken at a time. */
const MOST_OVERTAKEN = 64;
/** Packets that a link keeps for {@link Link.capture}, if nothing else is said: the first ones. */
const CAPTURE_LIMIT = 100_000;

/** What is plugged into a link. */
export interface Plug {
  readonly isUp: boolean;
  /** Takes a packet, which it does not change. */
  arrive(packet: Uint8Array): void;
  /** The account on which a packet ends that finds the interface down. */
  readonly account: Account;
}

/** What a link knows of one sender. */
interface Transmitter {
  /** When each packet that waits for bandwidth will have left. */
  departures: Millis[];
  /** Waiting to be overtaken by the next packet, the last one first. */
  overtaken: Transmission[];
  release: Appointment | null;
}

interface Transmission {
  readonly packet: Uint8Array;
  readonly receivers: readonly Plug[];
}

interface Captured {
  readonly at: Millis;
  readonly packet: Uint8Array;
}

const NOBODY: readonly Plug[] = [];

/** One link. */
export class Link {
  readonly name: string;
  isUp = true;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #account: Account;
  readonly #transmitters = new Map<Plug, Transmitter>();
  /** Who has an address; the first who took it answers. */
  readonly #neighbours = new Map<string, readonly Plug[]>();
  readonly #captured: Captured[] = [];
  readonly #captureLimit: number;
  #impairments: Impairments;
  #onItsWay = 0;

  constructor(
    name: string,
    scheduler: Scheduler,
    random: SeededRandom,
    account: Account,
    impairments: Partial<Impairments> = {},
    captureLimit: number = CAPTURE_LIMIT,
  ) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#account = account;
    this.#impairments = { ...PERFECT, ...impairments };
    this.#captureLimit = captureLimit;
  }

  get impairments(): Impairments {
    return this.#impairments;
  }

  /** What happened on this link. */
  get account(): Account {
    return this.#account;
  }

  /** Packets that were sent and have not arrived. */
  get onItsWay(): number {
    return this.#onItsWay;
  }

  /** Changes how packets are treated that are sent from now on. */
  impair(change: Partial<Impairments>): void {
    this.#impairments = { ...this.#impairments, ...change };
  }

  /** Plugs an interface in. */
  attach(plug: Plug): void {
    this.#transmitters.set(plug, { departures: [], overtaken: [], release: null });
  }

  /** `plug` answers for `addr` from now on. */
  bind(addr: Address, plug: Plug): void {
    const key = addressKey(addr, 0, addr.length);
    const owners = this.#neighbours.get(key) ?? NOBODY;
    if (!owners.includes(plug)) this.#neighbours.set(key, [...owners, plug]);
  }

  /** `plug` answers for `addr` no more. */
  unbind(addr: Address, plug: Plug): void {
    const key = addressKey(addr, 0, addr.length);
    const owners = this.#neighbours.get(key)?.filter((owner) => owner !== plug) ?? [];
    if (owners.length === 0) this.#neighbours.delete(key);
    else this.#neighbours.set(key, owners);
  }

  /**
   * Sends `packet` to whoever has the address `nextHop`, to everybody else for a multicast one.
   * Answers with the reason where the sender can know it at once: the packet is then still the sender's.
   */
  send(from: Plug, packet: Uint8Array, nextHop: Address): Ending {
    const transmitter = this.#transmitters.get(from);
    if (transmitter === undefined || !this.isUp) return 'down';
    if (packet.length > this.#impairments.mtu) return 'too_big';
    const receivers = this.#receivers(from, nextHop);
    if (receivers.length === 0) return 'no_neighbour';
    const departure = this.#depart(transmitter, packet.length);
    if (departure < 0) return 'queue_full';
    this.#account.note('sent', packet);
    if (this.#captured.length < this.#captureLimit) this.#captured.push({ at: this.#scheduler.now, packet });
    if (this.#random.chance(this.#impairments.loss)) {
      this.#account.note('lost');
      return null;
    }
    const transmission = { packet, receivers };
    for (let i = 1; i < receivers.length; i++) this.#account.note('copied');
    this.#onItsWay += receivers.length;
    if (this.#random.chance(this.#impairments.duplicate)) {
      for (let i = 0; i < receivers.length; i++) this.#account.note('duplicated');
      this.#onItsWay += receivers.length;
      this.#order(transmitter, transmission, departure);
    }
    this.#order(transmitter, transmission, departure);
    return null;
  }

  /** Everything that was sent over this link, lost or not, as a capture file of raw IP packets: as many of the first ones as it keeps. */
  capture(): Uint8Array {
    const parts = [pcapHeader(LinkType.raw), ...this.#captured.map(({ at, packet }) => pcapRecord(at, packet, 0, packet.length))];
    const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }

  /** The packets of {@link capture}, oldest first. */
  packets(): Uint8Array[] {
    return this.#captured.map(({ packet }) => packet);
  }

  #receivers(from: Plug, nextHop: Address): readonly Plug[] {
    if (isMulticast(nextHop, 0, nextHop.length)) return [...this.#transmitters.keys()].filter((plug) => plug !== from);
    const owners = this.#neighbours.get(addressKey(nextHop, 0, nextHop.length)) ?? NOBODY;
    // As it is nearly always.
    if (owners.length === 1 && owners[0] !== from && owners[0].isUp) return owners;
    const owner = owners.find((plug) => plug !== from && plug.isUp);
    return owner === undefined ? NOBODY : [owner];
  }

  /** When the last bit has left; -1 when the queue is full. */
  #depart(transmitter: Transmitter, octets: number): Millis {
    const { bandwidth, queue } = this.#impairments;
    const { now } = this.#scheduler;
    if (bandwidth === Infinity) return now;
    transmitter.departures = transmitter.departures.filter((at) => at > now);
    if (transmitter.departures.length > queue) return -1;
    const departure = Math.max(now, transmitter.departures.at(-1) ?? 0) + (octets * 8000) / bandwidth;
    transmitter.departures.push(departure);
    return departure;
  }

  /** Sends at once, or lets it wait to be overtaken. */
  #order(transmitter: Transmitter, transmission: Transmission, departure: Millis): void {
    if (transmitter.overtaken.length < MOST_OVERTAKEN && this.#random.chance(this.#impairments.reorder)) {
      transmitter.overtaken.unshift(transmission);
      transmitter.release ??= this.#scheduler.at(departure + OVERTAKING_TIME, () => this.#release(transmitter, this.#scheduler.now));
      return;
    }
    this.#fly(transmission, departure);
    this.#release(transmitter, departure);
  }

  #release(transmitter: Transmitter, departure: Millis): void {
    if (transmitter.release !== null) transmitter.release.action = null;
    transmitter.release = null;
    for (const transmission of transmitter.overtaken) this.#fly(transmission, departure);
    transmitter.overtaken = [];
  }

  #fly({ packet, receivers }: Transmission, departure: Millis): void {
    for (const receiver of receivers) {
      this.#scheduler.at(departure + this.#impairments.delay, () => {
        this.#onItsWay--;
        if (receiver.isUp && this.isUp) receiver.arrive(packet);
        else receiver.account.note('down');
      });
    }
  }
}
