/**
 * `engine/port.ts` over a simulated host: what the tunnel daemon sees of the world.
 *
 *   TunPort           a device: what the host routes into it, and what is to arrive from it
 *   Protocol41Port    a raw socket for protocol 41
 *   Icmp4Port         a raw socket for ICMP errors
 *   LanPort           router solicitations of one LAN, and what is sent to its groups
 *
 * Nothing here is ever full for a sender: links count what their queues refuse.
 */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM, makeBatch } from '../core/frame.js';
import type { Port, PortKind } from '../engine/port.js';
import { IPV4_DST, IPV4_LEN, isIpv4, src4 } from '../wire/ipv4.js';
import { ADDRESS_LEN, IPV6_DST, isIpv6, isMulticast6 } from '../wire/ipv6.js';
import { put32 } from '../wire/octets.js';
import type { Address } from './address.js';
import type { Host } from './host.js';
import type { Interface, Medium } from './interface.js';
import { PacketQueue } from './packet-queue.js';
import type { Ending } from './trace.js';

/** Packets that wait in a device, as on Linux. */
export const DEVICE_QUEUE = 500;
/** Packets that wait in a socket. */
export const SOCKET_QUEUE = 1000;
/** Frames that one `receive` fills. */
const BATCH = 8;
/** Octets of the largest packet. */
const MAX_PACKET = 65535;

/** What all four do: fill frames from a queue, copy frames out. */
abstract class QueuePort implements Port {
  abstract readonly kind: PortKind;
  readonly batch: Batch;
  readonly #queue: PacketQueue;

  /** `room`: octets of the largest packet that is received. */
  constructor(queue: PacketQueue, room: number) {
    this.#queue = queue;
    this.batch = makeBatch(BATCH, HEADROOM + room);
  }

  receive(): number {
    let n = 0;
    while (n < BATCH) {
      const packet = this.#queue.shift();
      if (packet === null) break;
      this.batch[n].fill(packet, 0, packet.length);
      this.readied(this.batch[n]);
      n++;
    }
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) frames[i].fate = this.take(frames[i]);
    return n;
  }

  /** A frame was filled. */
  protected readied(_frame: Frame): void {}

  /** Sends a copy of one packet, or says why not: a drop reason. */
  protected abstract take(frame: Frame): number;
}

/** A TUN device of `host` and its one queue; it has an interface as long as it is open. */
export class TunPort extends QueuePort {
  readonly kind = 'ipv6';
  readonly interface: Interface;
  readonly #host: Host;

  constructor(host: Host, name: string, wake: () => void) {
    const queue = new PacketQueue(DEVICE_QUEUE, wake);
    super(queue, MAX_PACKET);
    this.#host = host;
    this.interface = host.addInterface(name, new DeviceQueue(queue), MAX_PACKET, true);
  }

  protected take({ b, off, end }: Frame): number {
    if (end - off < IPV4_LEN || b[off] >>> 4 !== 6) return Drop.truncated;
    if (!this.interface.isUp) return Drop.tunnel_down;
    this.#host.account.note('from_daemon');
    this.interface.arrive(b.slice(off, end));
    return Drop.none;
  }
}

/** What an interface sends into a device. */
class DeviceQueue implements Medium {
  readonly #queue: PacketQueue;

  constructor(queue: PacketQueue) {
    this.#queue = queue;
  }

  attach(): void {}
  bind(): void {}
  unbind(): void {}

  send(from: Interface, packet: Uint8Array, _nextHop: Address): Ending {
    if (!this.#queue.push(packet)) return 'queue_full';
    from.account.note('to_daemon');
    return null;
  }
}

/** What the sender of an outer packet is told at once; of other ends it hears by ICMP, or never. */
const FATES: Partial<Record<NonNullable<Ending>, number>> = { no_route: Drop.no_route, too_big: Drop.too_big };

/** A raw socket for protocol 41. */
export class Protocol41Port extends QueuePort {
  readonly kind = 'protocol-41';
  readonly #host: Host;

  constructor(host: Host, wake: () => void) {
    const queue = new PacketQueue(SOCKET_QUEUE, wake);
    super(queue, MAX_PACKET);
    this.#host = host;
    host.readers.protocol41 = queue;
  }

  protected override readied(frame: Frame): void {
    frame.remote.addr = src4(frame.b, frame.off);
  }

  protected take({ b, off, end, remote }: Frame): number {
    if (!isIpv4(b, off, end)) return Drop.truncated;
    const packet = b.slice(off, end);
    put32(packet, IPV4_DST, remote.addr);
    this.#host.account.note('from_daemon');
    const ending = this.#host.stack4.output(packet);
    return ending === null ? Drop.none : (FATES[ending] ?? Drop.none);
  }
}

/** A raw socket for ICMP errors. */
export class Icmp4Port extends QueuePort {
  readonly kind = 'icmp4';

  constructor(host: Host, wake: () => void) {
    const queue = new PacketQueue(SOCKET_QUEUE, wake);
    super(queue, MAX_PACKET);
    host.readers.icmp4 = queue;
  }

  protected take(): number {
    return Drop.send_refused;
  }
}

/** A LAN of `host`. */
export class LanPort extends QueuePort {
  readonly kind = 'lan';
  readonly #host: Host;
  readonly #lan: Interface;

  constructor(host: Host, name: string, wake: () => void) {
    const queue = new PacketQueue(SOCKET_QUEUE, wake);
    super(queue, MAX_PACKET);
    this.#host = host;
    this.#lan = host.interface(name);
    host.readers.lans.set(name, queue);
  }

  protected take({ b, off, end }: Frame): number {
    if (!isIpv6(b, off, end)) return Drop.truncated;
    if (!isMulticast6(b, off + IPV6_DST)) return Drop.send_refused;
    if (!this.#lan.isUp) return Drop.tunnel_down;
    if (end - off > this.#lan.mtu) return Drop.too_big;
    this.#host.account.note('from_daemon');
    const packet = b.slice(off, end);
    const ending = this.#lan.send(packet, packet.subarray(IPV6_DST, IPV6_DST + ADDRESS_LEN));
    if (ending !== null) this.#host.account.note(ending);
    return Drop.none;
  }
}
