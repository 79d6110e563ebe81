/**
 * A LAN link of a router: router solicitations in, multicast out (router advertisements).
 *
 * A packet socket, so that this process need not be the kernel's idea of who speaks ICMPv6 there.
 */
import type { Batch, Frame } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { Icmp6 } from '../wire/icmp6.js';
import { IPV6_DST, IPV6_LEN, NextHeader } from '../wire/ipv6.js';
import { copy, put16 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { attachFilter, Bpf, type Instruction, VERDICTS } from './filter.js';
import { AF, close, must, SOCK, SOL, setsockopt, socket } from './libc.js';
import {
  bindToLink,
  boundIndex,
  EtherType,
  interfaceIndex,
  LINK_ADDRESS_LEN,
  LINK_ADDRESS_MAC,
  layLinkAddress,
  MAC_LEN,
} from './link-address.js';
import { type Addressing, Receiver, Sender } from './mmsg.js';

const PACKET_ADD_MEMBERSHIP = 1;

/** struct packet_mreq: interface, type 0 (multicast), address length, address. */
const MREQ_LEN = 16;
const MREQ = { ALEN: 6, ADDRESS: 8 } as const;
/** Where solicitations go: ff02::2, RFC 4861 section 6.3.7, on Ethernet by RFC 2464 section 7. */
const ALL_ROUTERS = [0x33, 0x33, 0, 0, 0, 2] as const;

/** Next header ICMPv6, type router solicitation. One with extension headers is not heard; no host sends such. */
const SOLICITATIONS: readonly Instruction[] = [
  [Bpf.loadOctet, 0, 0, 6],
  [Bpf.jumpIfEqual, 0, 3, NextHeader.icmp6],
  [Bpf.loadOctet, 0, 0, IPV6_LEN],
  [Bpf.jumpIfEqual, 0, 1, Icmp6.routerSolicitation],
  ...VERDICTS,
];

/** Opens a socket for `LanPort`. Throws `SystemError`: ENODEV without such an interface, EPERM without CAP_NET_RAW. */
export function openLan(name: string): number {
  const index = interfaceIndex(name);
  // Protocol 0 hears nothing: packets come from `bind` on, when the filter is there.
  const fd = must(socket(AF.PACKET, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_PACKET, SOCK_DGRAM');
  try {
    attachFilter(fd, SOLICITATIONS);
    must(setsockopt(fd, SOL.PACKET, PACKET_ADD_MEMBERSHIP, allRouters(index), MREQ_LEN), 'setsockopt', `${name}, PACKET_ADD_MEMBERSHIP`);
    bindToLink(fd, EtherType.ipv6, index);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function allRouters(index: number): Uint8Array {
  const request = new Uint8Array(MREQ_LEN);
  const view = new DataView(request.buffer);
  view.setInt32(0, index, true);
  view.setUint16(MREQ.ALEN, MAC_LEN, true);
  request.set(ALL_ROUTERS, MREQ.ADDRESS);
  return request;
}

/** One LAN. An interface that has gone refuses what is sent with `tunnel_down`. */
export class LanPort implements Port {
  readonly kind = 'lan';
  readonly batch: Batch;
  readonly #receiver: Receiver;
  readonly #sender: Sender;

  /** `fd` is of `openLan`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, fd: number, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.#receiver = new Receiver(arena, fd, this.batch);
    this.#sender = new Sender(arena, fd, count, new MulticastAddressing(arena, fd, boundIndex(fd)));
  }

  receive(): number {
    return this.#receiver.receive();
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#sender.send(frames, n);
  }
}

/** 33:33 and the last four octets of the IPv6 destination, RFC 2464 section 7. */
class MulticastAddressing implements Addressing {
  readonly addressLen = LINK_ADDRESS_LEN;
  readonly #arena: Arena;
  readonly #fd: number;
  readonly #index: number;

  constructor(arena: Arena, fd: number, index: number) {
    this.#arena = arena;
    this.#fd = fd;
    this.#index = index;
  }

  layAddress(at: number): void {
    layLinkAddress(this.#arena.b, at, EtherType.ipv6, this.#index);
    put16(this.#arena.b, at + LINK_ADDRESS_MAC, 0x3333);
  }

  writeAddress(at: number, frame: Frame): void {
    copy(frame.b, frame.off + IPV6_DST + 12, this.#arena.b, at + LINK_ADDRESS_MAC + 2, 4);
  }

  refused(_frame: Frame, error: number): number {
    return fateOf(error, 'sendmmsg', this.#fd);
  }
}
