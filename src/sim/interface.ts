/** An interface of a simulated host: addresses on one side, a link or a tunnel device on the other. */
import type { Millis } from '../core/clock.js';
import { u32 } from '../wire/octets.js';
import { type Address, isLinkLocal, SIZE4, SIZE6, type Subnet, sameAddress } from './address.js';
import type { Account, Ending } from './trace.js';

/** An address of an interface. */
export interface InterfaceAddress extends Subnet {
  /** After this the address is deprecated: no new source, RFC 4862 section 5.5.4. */
  readonly preferredUntil: Millis;
  /** After this there is no such address. */
  readonly validUntil: Millis;
}

/** Where an interface sends: a {@link Link}, or a device with a program behind it. */
export interface Medium {
  attach(plug: Interface): void;
  /** `plug` answers for `addr`. */
  bind(addr: Address, plug: Interface): void;
  unbind(addr: Address, plug: Interface): void;
  /** Takes `packet` for the next hop, or says why not; a packet that is taken is not changed any more. */
  send(from: Interface, packet: Uint8Array, nextHop: Address): Ending;
}

/** What the host behind an interface does with what arrives. */
export interface Receiver {
  readonly account: Account;
  receive(from: Interface, packet: Uint8Array): void;
  /** Addresses or state of `changed` are not what they were. */
  changed(changed: Interface): void;
}

/** One interface. */
export class Interface {
  readonly name: string;
  /** True for a device that a program made: it goes when the program goes. */
  readonly isDevice: boolean;
  readonly #receiver: Receiver;
  readonly #medium: Medium;
  readonly #addresses: InterfaceAddress[] = [];
  /** Octets. */
  mtu: number;
  /** What router advertisements say, octets; never more than `mtu` counts. */
  advertisedMtu = Infinity;
  #isUp: boolean;
  #numbers4: readonly number[] = [];
  #broadcasts4: readonly number[] = [];

  constructor(name: string, receiver: Receiver, medium: Medium, mtu: number, isDevice = false) {
    this.name = name;
    this.isDevice = isDevice;
    this.mtu = mtu;
    this.#receiver = receiver;
    this.#medium = medium;
    this.#isUp = !isDevice;
    medium.attach(this);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  set isUp(up: boolean) {
    if (up === this.#isUp) return;
    this.#isUp = up;
    this.#receiver.changed(this);
  }

  get account(): Account {
    return this.#receiver.account;
  }

  /** MTU for IPv6, octets. */
  get mtu6(): number {
    return Math.min(this.mtu, this.advertisedMtu);
  }

  get addresses(): readonly InterfaceAddress[] {
    return this.#addresses;
  }

  /** The first link-local IPv6 address; null when there is none. */
  get linkLocal(): Address | null {
    return this.#addresses.find(({ addr }) => addr.length === SIZE6 && isLinkLocal(addr, 0, SIZE6))?.addr ?? null;
  }

  /** The first IPv4 address with its subnet; null when there is none. */
  get ipv4(): InterfaceAddress | null {
    return this.#addresses.find(({ addr }) => addr.length === SIZE4) ?? null;
  }

  /** Its IPv4 addresses, unsigned. */
  get numbers4(): readonly number[] {
    return this.#numbers4;
  }

  /** The directed broadcast addresses of its IPv4 subnets; none of a subnet of one or two (RFC 3021). */
  get broadcasts4(): readonly number[] {
    return this.#broadcasts4;
  }

  /** Adds an address, or gives the one that is there new lifetimes. {@link Host.assign} adds the route too. */
  assign(address: InterfaceAddress): void {
    const at = this.#addresses.findIndex(({ addr }) => addr.length === address.addr.length && sameAddress(addr, address.addr, 0));
    if (at < 0) this.#addresses.push(address);
    else this.#addresses[at] = address;
    this.#medium.bind(address.addr, this);
    this.#changed();
  }

  /** Removes an address; the one removed, or null. */
  release(addr: Address): InterfaceAddress | null {
    const at = this.#addresses.findIndex((address) => address.addr.length === addr.length && sameAddress(address.addr, addr, 0));
    if (at < 0) return null;
    this.#medium.unbind(addr, this);
    const [released] = this.#addresses.splice(at, 1);
    this.#changed();
    return released;
  }

  /** Sends a packet to the next hop, or says why not. */
  send(packet: Uint8Array, nextHop: Address): Ending {
    return this.#isUp ? this.#medium.send(this, packet, nextHop) : 'down';
  }

  /** Takes a packet from the other side. */
  arrive(packet: Uint8Array): void {
    this.#receiver.receive(this, packet);
  }

  #changed(): void {
    const ipv4 = this.#addresses.filter(({ addr }) => addr.length === SIZE4);
    this.#numbers4 = ipv4.map(({ addr }) => u32(addr, 0));
    this.#broadcasts4 = ipv4.filter(({ len }) => len < 31).map(({ addr, len }) => (u32(addr, 0) | (0xffffffff >>> len)) >>> 0);
    this.#receiver.changed(this);
  }

  /** True when it has the address at `b[off..)`, of `size` octets, at `now`. */
  has(b: Uint8Array, off: number, size: number, now: Millis): boolean {
    return this.#addresses.some(({ addr, validUntil }) => addr.length === size && validUntil > now && sameAddress(addr, b, off));
  }
}
