/**
 * The carrier of Teredo, RFC 4380 section 5.1.1: payloads of UDP over IPv4, through sockets of this host.
 *
 * The kernel writes and checks headers and checksums, fragments what is larger than the device, with DF
 * clear (section 5.1.2), and puts fragments together. A socket that is not connected hears nothing of
 * ICMP errors, so that nobody can forge one that stops it.
 */

import { Drop } from '../core/drop.js';
import type { Batch, Frame } from '../core/frame.js';
import type { UdpPort } from '../engine/port.js';
import { put16, put32, u16 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { inetAddress, SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, bind, close, Errno, getsockname, IP, int32, must, PMTUDISC_OMIT, SOCK, SOL, setsockopt, socket } from './libc.js';
import { type Addressing, Receiver, Sender } from './mmsg.js';
import { enlargeBuffers } from './socket-buffer.js';

/** What packets of a socket have in common. */
export interface UdpOptions {
  /** Time to live, 1..255. */
  readonly ttl: number;
  /** Type of service, 0..255, its two ECN bits zero; absent: 0. */
  readonly tos?: number;
}

/**
 * Opens a socket for `UdpSocketPort`, bound to the IPv4 address `local` (null: any of the host) and to UDP port `port`
 * (0: any that is free, see `boundPort`). The host need not have the address yet: until it has, what is sent is
 * refused with `no_route`. Throws `SystemError`: EADDRINUSE when the port is taken, EACCES for one below 1024 without
 * CAP_NET_BIND_SERVICE.
 */
export function openUdp(local: number | null, port: number, options: UdpOptions): number {
  const fd = must(socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_INET, SOCK_DGRAM');
  try {
    for (const [name, option, value] of [
      ['IP_FREEBIND', IP.FREEBIND, 1],
      ['IP_MTU_DISCOVER', IP.MTU_DISCOVER, PMTUDISC_OMIT],
    ] as const)
      setIp(fd, name, option, value);
    tuneUdp(fd, options);
    enlargeBuffers(fd);
    must(bind(fd, inetAddress(local ?? 0, port), SOCKADDR_IN_LEN), 'bind', `UDP port ${port}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Gives the packets of a socket of `openUdp` other properties. Throws `SystemError`. */
export function tuneUdp(fd: number, { ttl, tos = 0 }: UdpOptions): void {
  setIp(fd, 'IP_TTL', IP.TTL, ttl);
  setIp(fd, 'IP_TOS', IP.TOS, tos);
}

function setIp(fd: number, name: string, option: number, value: number): void {
  must(setsockopt(fd, SOL.IP, option, int32(value), 4), 'setsockopt', `socket ${fd}, ${name} ${value}`);
}

/** The UDP port that a socket is bound to, 1..65535. Throws `SystemError`. */
export function boundPort(fd: number): number {
  const address = new Uint8Array(SOCKADDR_IN_LEN);
  must(getsockname(fd, address, int32(SOCKADDR_IN_LEN)), 'getsockname', `socket ${fd}`);
  return u16(address, SIN.PORT);
}

/** One socket. */
export class UdpSocketPort implements UdpPort {
  readonly kind = 'udp';
  readonly batch: Batch;
  readonly localPort: number;
  readonly #arena: Arena;
  readonly #receiver: Receiver;
  readonly #sender: Sender;

  /** `fd` is of `openUdp`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, fd: number, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.localPort = boundPort(fd);
    this.#arena = arena;
    this.#receiver = new Receiver(arena, fd, this.batch, SOCKADDR_IN_LEN);
    this.#sender = new Sender(arena, fd, count, new EndpointAddressing(arena, fd));
  }

  receive(): number {
    const n = this.#receiver.receive();
    const { b } = this.#arena;
    for (let i = 0; i < n; i++) {
      const { remote } = this.batch[i];
      const from = this.#receiver.addressAt(i);
      remote.read(b, from + SIN.ADDR);
      remote.port = u16(b, from + SIN.PORT);
    }
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#sender.send(frames, n);
  }
}

/** An IPv4 address and a port for each packet. */
class EndpointAddressing implements Addressing {
  readonly addressLen = SOCKADDR_IN_LEN;
  readonly #arena: Arena;
  readonly #fd: number;

  constructor(arena: Arena, fd: number) {
    this.#arena = arena;
    this.#fd = fd;
  }

  layAddress(at: number): void {
    this.#arena.view.setUint16(at, AF.INET, true);
  }

  writeAddress(at: number, { remote }: Frame): void {
    const { b } = this.#arena;
    put16(b, at + SIN.PORT, remote.port);
    put32(b, at + SIN.ADDR, remote.bits);
  }

  refused(_frame: Frame, error: number): number {
    // A payload cannot be wrong. What is: port 0, a blackhole route, a source that the host does not have.
    return error === Errno.EINVAL ? Drop.no_route : fateOf(error, 'sendmmsg', this.#fd);
  }
}
