/** A UDP socket of the tunnel daemon on a simulated host. */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { UdpPort } from '../engine/port.js';
import type { SocketSpec } from '../engine/spec.js';
import { dst4, src4 } from '../wire/ipv4.js';
import { datagram4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../wire/udp.js';
import type { Host } from './host.js';
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

/** The key of the socket for which the datagram in the whole IPv4 packet is. */
export function socketKeyOf(packet: Uint8Array): string {
  return socketKey(dst4(packet, 0), udpDestination(packet, udpOffset4(packet, 0)));
}

/** See the head of the file. */
export class SimulatedUdpPort implements UdpPort {
  readonly kind = 'udp';
  readonly localPort: number;
  readonly batch: Batch;
  readonly #host: Host;
  readonly #local: number;
  readonly #queue: PacketQueue;

  /** Binds to the address and port of `spec`; to a free port where it names none. `wake`: a datagram waits. */
  constructor(host: Host, spec: SocketSpec, wake: () => void) {
    this.batch = host.frames.of(BATCH, HEADROOM + MAX_PAYLOAD);
    this.#host = host;
    this.#local = spec.local;
    this.#queue = new PacketQueue(SOCKET_QUEUE, wake);
    this.localPort = spec.port === 0 ? freePort(host, spec.local) : spec.port;
    host.readers.udp.set(socketKey(spec.local, this.localPort), this.#queue);
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
    this.#host.readers.udp.delete(socketKey(this.#local, this.localPort));
  }

  #send(frame: Frame): number {
    const { account, stack4 } = this.#host;
    if (frame.len > MAX_PAYLOAD) return Drop.too_big;
    account.note('from_daemon');
    const ending = stack4.output(datagram4(frame, this.#local, this.localPort));
    return ending === null ? Drop.none : (FATES[ending] ?? Drop.none);
  }
}

function freePort({ random, readers }: Host, addr: number): number {
  for (;;) {
    const port = FIRST_DYNAMIC_PORT + random.below(DYNAMIC_PORTS);
    if (!readers.udp.has(socketKey(addr, port))) return port;
  }
}
