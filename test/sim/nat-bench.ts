/** A simulated NAT between strangers: what is sent into it on one side, and what comes out anywhere. */
import { expect } from 'vitest';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import { Nat, type NatOptions } from '../../src/sim/nat.js';
import type { Probe } from '../../src/sim/probe.js';
import type { EventName } from '../../src/sim/trace.js';
import type { World } from '../../src/sim/world.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { u16, u32 } from '../../src/wire/octets.js';
import { UDP_LEN, writeUdp4 } from '../../src/wire/udp.js';
import {
  type Endpoint,
  INSIDE_HOSTS,
  INSIDE_ROUTER,
  type NatNetwork,
  OUTSIDE_HOSTS,
  OUTSIDE_ROUTER,
  SOCKETS,
  type SocketName,
} from '../nat-behaviour.js';
import { node, router, worldOf } from './worlds.js';

const SECOND_OUTSIDE = '203.0.113.2';

/** A NAT between a LAN and the rest of the world, with a stranger on each side who has all the addresses there. */
export class NatBench implements NatNetwork {
  readonly world: World;
  readonly nat: Nat;
  readonly lan: Probe;
  readonly net: Probe;

  constructor(options: NatOptions, { seed = 1, netMtu = 1500 } = {}) {
    const addresses = [OUTSIDE_ROUTER, ...(options.pooling === undefined ? [] : [SECOND_OUTSIDE])].map((address) => `${address}/24`);
    this.world = worldOf(
      [
        router('nat', { eth0: ['lan', `${INSIDE_ROUTER}/24`], eth1: ['net', ...addresses] }),
        node('host', { eth0: ['lan', '192.168.7.9/24'] }, { default4: INSIDE_ROUTER }),
        node('web', { eth0: ['net', '203.0.113.80/24'] }),
      ],
      [{ name: 'lan' }, { name: 'net', mtu: netMtu }],
      seed,
    );
    const host = this.world.host('nat');
    this.nat = new Nat(host, host.interface('eth0'), host.interface('eth1'), options);
    host.nat = this.nat;
    this.lan = this.world.probe('lan');
    this.net = this.world.probe('net');
    for (const address of Object.values(INSIDE_HOSTS)) this.lan.claim(parseAddress(address));
    for (const address of Object.values(OUTSIDE_HOSTS)) this.net.claim(parseAddress(address));
  }

  /** Sends a packet from the side that its source is on; what came out anywhere. */
  pass(packet: Uint8Array, isInside: boolean): Uint8Array[] {
    this.lan.received.length = 0;
    this.net.received.length = 0;
    if (isInside) this.lan.send(packet, parseAddress(INSIDE_ROUTER));
    else this.net.send(packet, parseAddress(OUTSIDE_ROUTER));
    this.world.advance(1);
    expect(this.world.unaccounted()).toBe(0);
    return [...this.lan.received, ...this.net.received];
  }

  /** Sends a datagram between two endpoints; what came out. */
  datagram(from: Endpoint, to: Endpoint, ttl = 64): Uint8Array[] {
    return this.pass(udp(from, to, { ttl }), from.address.startsWith('192.168.'));
  }

  /** Sends a datagram out; the endpoint it came from. */
  out(from: Endpoint, to: Endpoint): Endpoint | null {
    const [packet] = this.datagram(from, to);
    return packet === undefined ? null : sourceOf(packet);
  }

  count(event: EventName): number {
    return this.world.host('nat').account.count(event);
  }

  async send(from: SocketName, to: Endpoint): ReturnType<NatNetwork['send']> {
    const [packet] = this.datagram(SOCKETS[from], to);
    if (packet === undefined) return null;
    const destination = destinationOf(packet);
    const found = Object.entries(SOCKETS).find(([, socket]) => socket.address === destination.address && socket.port === destination.port);
    if (found === undefined) throw new Error(`a datagram for ${destination.address}:${destination.port}, where nobody is`);
    return { at: found[0] as SocketName, from: sourceOf(packet) };
  }
}

/** A datagram; `flags` of IPv4, `size` octets of payload. */
export function udp(from: Endpoint, to: Endpoint, { ttl = 64, flags = 0, size = 16 } = {}): Uint8Array {
  const b = new Uint8Array(IPV4_LEN + UDP_LEN + size).fill(0xa5);
  writeIpv4(b, 0, b.length, 0, flags, ttl, Protocol.udp, number(from.address), number(to.address));
  writeUdp4(b, 0, IPV4_LEN, b.length, from.port, to.port);
  return b;
}

/** An IPv4 address as a number. */
export const number = (address: string): number => u32(parseAddress(address), 0);
/** The source of the UDP packet at `ip`. */
export const sourceOf = (b: Uint8Array, ip = 0): Endpoint => ({ address: formatAddress(b.slice(ip + 12, ip + 16)), port: u16(b, ip + 20) });
/** The destination of the UDP packet at `ip`. */
export const destinationOf = (b: Uint8Array, ip = 0): Endpoint => ({
  address: formatAddress(b.slice(ip + 16, ip + 20)),
  port: u16(b, ip + 22),
});
