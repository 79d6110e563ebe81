/** ICMPv4 errors, RFC 792: what the network says about packets that this host sent. Received only. */
import type { Batch, Frame } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { Icmp4 } from '../wire/icmp4.js';
import { Protocol, src4 } from '../wire/ipv4.js';
import type { Arena } from './arena.js';
import { AF, close, int32, must, SOCK, SOL, setsockopt, socket } from './libc.js';
import { Receiver } from './mmsg.js';

const ICMP_FILTER = 1;
/** One bit a type; a set one keeps it away. */
const UNWANTED = ~((1 << Icmp4.unreachable) | (1 << Icmp4.timeExceeded) | (1 << Icmp4.parameterProblem));

/** Opens a socket for `Icmp4Port`. Throws `SystemError`: EPERM without CAP_NET_RAW. */
export function openIcmp4(): number {
  const fd = must(socket(AF.INET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, Protocol.icmp), 'socket', 'AF_INET, SOCK_RAW, ICMP');
  try {
    must(setsockopt(fd, SOL.RAW, ICMP_FILTER, int32(UNWANTED), 4), 'setsockopt', `socket ${fd}, ICMP_FILTER`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Receives errors; what it is told to send it refuses. */
export class Icmp4Port implements Port {
  readonly kind = 'icmp4';
  readonly batch: Batch;
  readonly #receiver: Receiver;

  /** `fd` is of `openIcmp4`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, fd: number, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.#receiver = new Receiver(arena, fd, this.batch);
  }

  receive(): number {
    const n = this.#receiver.receive();
    for (let i = 0; i < n; i++) {
      const frame = this.batch[i];
      frame.remote.addr = src4(frame.b, frame.off);
    }
    return n;
  }

  send(_frames: readonly Frame[], _n: number): number {
    return 0;
  }
}
