/** A UDP socket of the tunnel daemon on a simulated host. */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { UdpPort } from '../engine/port.js';
import type { SocketSpec } from '../engine/spec.js';
import { dst4, IPV4_DST, src4 } from '../wire/ipv4.js';
import { datagram4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../wire/udp.js';
import { fromIpv4, isMulticast, SIZE4 } from './address.js';
import type { Host } from './host.js';
import type { Interface } from './interface.js';
import { PacketQueue } from './packet-queue.js';
import type { EventName } from './trace.js';

/** Datagrams that wait in a socket. */
const SOCKET_QUEUE = 1000;
/** Frames that one `receive` fills. */
const BATCH = 4;
/** Octets of the largest payload. */
const MAX_PAYLOAD = 65507;
/** Ports for whoever wants any, RFC 6335 section 6. */
const FIRST_DYNAMIC_PORT = 49_152;
const DYNAMIC_PORTS = 16_384;

/** What the sender of a datagram is told at once. */
const FATES: Partial<Record<EventName, number>> = { no_route: Drop.no_route, too_big: Drop.too_big };

/** Where a host looks up the socket for a datagram. */
export function socketKey(addr: number, port: number): string {
  return `${addr}:${port}`;
}

/** Where a host looks up the socket for what is sent to a group on its interface `on`. One socket hears it. */
function groupKey(group: number, port: number, on: string): string {
  return `${socketKey(group, port)}%${on}`;
}

/** The key of the socket for which the datagram in the whole IPv4 packet is that came by `from`. */
export function socketKeyOf(packet: Uint8Array, from: Interface): string {
  const port = udpDestination(packet, udpOffset4(packet, 0));
  return isMulticast(packet, IPV4_DST, SIZE4) ? groupKey(dst4(packet, 0), port, from.name) : socketKey(dst4(packet, 0), port);
}

/** See the head of the file. */
export class SimulatedUdpPort implements UdpPort {
  readonly kind = 'udp';
  readonly localPort: number;
  readonly batch: Batch;
  readonly #host: Host;
  readonly #local: number;
  readonly #key: string;
  readonly #queue: PacketQueue;

  /** Binds to the address and port of `spec`; to a free port where it names none. `wake`: a datagram waits. */
  constructor(host: Host, spec: SocketSpec, wake: () => void) {
    this.batch = host.frames.of(BATCH, HEADROOM + MAX_PAYLOAD);
    this.#host = host;
    this.#local = spec.local;
    this.#queue = new PacketQueue(SOCKET_QUEUE, wake);
    this.localPort = spec.port === 0 ? freePort(host, spec.local) : spec.port;
    this.#key = keyOf(host, spec, this.localPort);
    host.readers.udp.set(this.#key, this.#queue);
  }

  receive(): number {
    for (let n = 0; n < BATCH; n++) {
      const packet = this.#queue.shift();
      if (packet === null) return n;
      const frame = this.batch[n];
      const udp = udpOffset4(packet, 0);
      frame.fill(packet, udp + UDP_LEN, udp + udpLen(packet, udp));
      frame.remote.addr = src4(packet, 0);
      frame.remote.port = udpSource(packet, udp);
    }
    return BATCH;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) frames[i].fate = this.#send(frames[i]);
    return n;
  }

  /** The socket is gone. */
  close(): void {
    this.#host.readers.udp.delete(this.#key);
  }

  #send(frame: Frame): number {
    const { account, stack4 } = this.#host;
    if (frame.len > MAX_PAYLOAD) return Drop.too_big;
    account.note('from_daemon');
    const ending = stack4.output(datagram4(frame, this.#local, this.localPort));
    return ending === null ? Drop.none : (FATES[ending] ?? Drop.none);
  }
}

function keyOf(host: Host, { local, group }: SocketSpec, port: number): string {
  if (group === undefined) return socketKey(local, port);
  return groupKey(group, port, host.ownerOf(fromIpv4(local), 0, SIZE4)?.name ?? '');
}

function freePort({ random, readers }: Host, addr: number): number {
  for (;;) {
    const port = FIRST_DYNAMIC_PORT + random.below(DYNAMIC_PORTS);
    if (!readers.udp.has(socketKey(addr, port))) return port;
  }
}
