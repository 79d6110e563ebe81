/**
 * `engine/port.ts` over a simulated host: what the tunnel daemon sees of the world.
 *
 *   openTun          a device: what the host routes into it, and what is to arrive from it
 *   openProtocol41   a raw socket for protocol 41
 *   openOutlet       the IPv6 stack, for a tunnel without a device
 *   openIcmp4        a raw socket for ICMP errors
 *   openLan          router solicitations of one LAN, and what is sent to its groups
 *
 * Nothing here is ever full for a sender: links count what their queues refuse.
 */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { Port, PortKind } from '../engine/port.js';
import { isIpv4, src4 } from '../wire/ipv4.js';
import { IPV6_DST, IPV6_LEN, isIpv6, isMulticast6 } from '../wire/ipv6.js';
import type { Address } from './address.js';
import type { Host } from './host.js';
import type { Interface, Medium } from './interface.js';
import { PacketQueue } from './packet-queue.js';
import type { Ending, EventName } from './trace.js';

/** Packets that wait in a device, as on Linux. */
const DEVICE_QUEUE = 500;
/** Packets that wait in a socket. */
const SOCKET_QUEUE = 1000;
/** Frames that one `receive` fills. */
const BATCH = 4;
/** Octets of the largest packet, and so of a device's MTU. */
const MAX_PACKET = 65535;

/** Sends a copy of the packet in `frame`; `Drop.none`, or why not. */
type Send = (frame: Frame) => number;

/** Fills frames from a queue; `transmit` null: nothing is taken to send. */
class QueuePort implements Port {
  readonly kind: PortKind;
  readonly batch: Batch;
  readonly #queue: PacketQueue;
  readonly #transmit: Send | null;

  constructor(host: Host, kind: PortKind, queue: PacketQueue, transmit: Send | null) {
    this.kind = kind;
    this.batch = host.frames.of(BATCH, HEADROOM + MAX_PACKET);
    this.#queue = queue;
    this.#transmit = transmit;
  }

  receive(): number {
    for (let n = 0; n < BATCH; n++) {
      const packet = this.#queue.shift();
      if (packet === null) return n;
      const frame = this.batch[n];
      frame.fill(packet, 0, packet.length);
      frame.remote.addr = packet[0] >>> 4 === 4 ? src4(packet, 0) : 0;
    }
    return BATCH;
  }

  send(frames: readonly Frame[], n: number): number {
    if (this.#transmit === null) return 0;
    for (let i = 0; i < n; i++) frames[i].fate = this.#transmit(frames[i]);
    return n;
  }
}

/** Opens the IPv6 stack of the host, to send only. */
export function openOutlet(host: Host): Port {
  return new QueuePort(host, 'ipv6', new PacketQueue(0, () => {}), ({ b, off, end }) => {
    if (!isIpv6(b, off, end)) return Drop.truncated;
    host.account.note('from_daemon');
    const ending = host.stack6.output(b.slice(off, end));
    return ending === null ? Drop.none : (FATES[ending] ?? Drop.none);
  });
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

/** Makes a TUN device with one queue. Its interface is down at first, and is removed by {@link Host.removeInterface}. `wake`: a packet waits. */
export function openTun(host: Host, name: string, wake: () => void): Port {
  const queue = new PacketQueue(DEVICE_QUEUE, wake);
  const device = host.addInterface(name, new DeviceQueue(queue), MAX_PACKET, true);
  return new QueuePort(host, 'ipv6', queue, ({ b, off, end }) => {
    if (end - off < IPV6_LEN || b[off] >>> 4 !== 6) return Drop.truncated;
    if (!device.isUp) return Drop.tunnel_down;
    host.account.note('from_daemon');
    device.arrive(b.slice(off, end));
    return Drop.none;
  });
}

/** What the sender of an outer packet is told at once; of other ends it hears by ICMP, or never. */
const FATES: Partial<Record<EventName, number>> = { no_route: Drop.no_route, too_big: Drop.too_big };

/** Opens a raw socket for protocol 41. */
export function openProtocol41(host: Host, wake: () => void): Port {
  const queue = new PacketQueue(SOCKET_QUEUE, wake);
  host.readers.protocol41 = queue;
  return new QueuePort(host, 'protocol-41', queue, ({ b, off, end }) => {
    if (!isIpv4(b, off, end)) return Drop.truncated;
    host.account.note('from_daemon');
    const ending = host.stack4.output(b.slice(off, end));
    return ending === null ? Drop.none : (FATES[ending] ?? Drop.none);
  });
}

/** Opens a raw socket for ICMP errors. */
export function openIcmp4(host: Host, wake: () => void): Port {
  const queue = new PacketQueue(SOCKET_QUEUE, wake);
  host.readers.icmp4 = queue;
  return new QueuePort(host, 'icmp4', queue, null);
}

/** Opens the LAN on an interface of the host. Throws `no_such_name`. */
export function openLan(host: Host, name: string, wake: () => void): Port {
  const queue = new PacketQueue(SOCKET_QUEUE, wake);
  const lan = host.interface(name);
  host.readers.lans.set(name, queue);
  return new QueuePort(host, 'lan', queue, ({ b, off, end }) => {
    if (!isIpv6(b, off, end)) return Drop.truncated;
    if (!isMulticast6(b, off + IPV6_DST)) return Drop.send_refused;
    if (!lan.isUp) return Drop.tunnel_down;
    if (end - off > lan.mtu) return Drop.too_big;
    host.account.note('from_daemon');
    const packet = b.slice(off, end);
    const ending = lan.send(packet, packet.subarray(IPV6_DST, IPV6_LEN));
    if (ending !== null) host.account.note(ending);
    return Drop.none;
  });
}
