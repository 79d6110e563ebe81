/**
 * The carrier of Teredo, RFC 4380 section 5.1.1: payloads of UDP over IPv4, through sockets of this host.
 *
 * The kernel writes and checks headers and checksums, fragments what is larger than the device, with DF
 * clear (section 5.1.2), and puts fragments together. A socket that is not connected hears nothing of
 * ICMP errors, so that nobody can forge one that stops it.
 */

import type { Batch, Frame } from '../core/frame.js';
import type { UdpPort } from '../engine/port.js';
import { u16 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { inetAddress, SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, bind, close, getsockname, IP, int32, must, PMTUDISC_OMIT, SOCK, SOL, setsockopt, socket, UDP } from './libc.js';
import { enlargeBuffers } from './socket-buffer.js';
import { UdpReceiver } from './udp-receiver.js';
import { UdpSender } from './udp-sender.js';

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
  readonly #receiver: UdpReceiver;
  readonly #sender: UdpSender;

  /**
   * `fd` is of `openUdp`; `count` frames of `room` octets, headroom included. With `trains` there is room for 65535
   * octets beside it; without, payloads leave and come one by one. Throws `SystemError`.
   */
  constructor(arena: Arena, fd: number, count: number, room: number, { trains }: { readonly trains: boolean }) {
    if (trains) must(setsockopt(fd, SOL.UDP, UDP.GRO, int32(1), 4), 'setsockopt', `socket ${fd}, UDP_GRO`);
    this.batch = arena.makeBatch(count, room);
    this.localPort = boundPort(fd);
    this.#receiver = new UdpReceiver(arena, fd, this.batch);
    this.#sender = new UdpSender(arena, fd, count, { trains });
  }

  /** Octets of the longest payloads that leave in trains; 0: none do, for the kernel has refused them, or nobody wants them to. */
  get longestOfTrains(): number {
    return this.#sender.longest;
  }

  receive(): number {
    return this.#receiver.receive();
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#sender.send(frames, n);
  }
}
