/**
 * The IPv6 stack of this host, to send only: the way out for a tunnel without a device, such as a Teredo server,
 * RFC 4380 section 5.3.1.
 *
 * Packets leave with their own header, whoever their source is; the kernel routes them by their destination.
 */
import { Drop } from '../core/drop.js';
import type { Batch, Frame } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { IPV6_DST, isIpv6 } from '../wire/ipv6.js';
import { copy } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { attachFilter, REFUSE } from './filter.js';
import { AF, close, Errno, IPPROTO_RAW, must, SOCK, socket } from './libc.js';
import { type Addressing, Sender } from './mmsg.js';
import { enlargeBuffers } from './socket-buffer.js';

/** struct sockaddr_in6: family, port, flow label, address, scope; the kernel reads the port as a protocol, and 0 as the socket's own. */
const SOCKADDR_IN6_LEN = 28;
const SIN6_ADDR = 8;

/** Opens a socket for `Outlet6Port`. Throws `SystemError`: EPERM without CAP_NET_RAW, EAFNOSUPPORT on a host without IPv6. */
export function openOutlet6(): number {
  const fd = must(socket(AF.INET6, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, IPPROTO_RAW), 'socket', 'AF_INET6, SOCK_RAW');
  try {
    attachFilter(fd, [REFUSE]); // packets whose next header is 255 would lie in it for ever
    enlargeBuffers(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Sends; it hears nothing, and needs no poll. */
export class Outlet6Port implements Port {
  readonly kind = 'ipv6';
  readonly batch: Batch = [];
  readonly #sender: Sender;

  /** `fd` is of `openOutlet6`; `count` packets at most go with one call. */
  constructor(arena: Arena, fd: number, count: number) {
    this.#sender = new Sender(arena, fd, count, new Ipv6Addressing(arena, fd));
  }

  receive(): number {
    return 0;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#sender.send(frames, n);
  }
}

/** Destinations of IPv6. */
class Ipv6Addressing implements Addressing {
  readonly addressLen = SOCKADDR_IN6_LEN;
  readonly #arena: Arena;
  readonly #fd: number;

  constructor(arena: Arena, fd: number) {
    this.#arena = arena;
    this.#fd = fd;
  }

  layAddress(at: number): void {
    this.#arena.view.setUint16(at, AF.INET6, true);
  }

  writeAddress(at: number, { b, off }: Frame): void {
    copy(b, off + IPV6_DST, this.#arena.b, at + SIN6_ADDR, 16);
  }

  refused({ b, off, end }: Frame, error: number): number {
    if (!isIpv6(b, off, end)) return Drop.truncated;
    if (error === Errno.EINVAL) return Drop.no_route; // nothing wrong with the packet: a blackhole route
    return fateOf(error, 'sendmmsg', this.#fd);
  }
}
