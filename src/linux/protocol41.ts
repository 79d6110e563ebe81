/**
 * The carrier of RFC 4213 section 3: IPv6 in IPv4, protocol 41, through a raw socket.
 *
 * Received are whole IPv4 packets: the kernel has checked their header and put fragments together.
 * Sent are packets with their header (IP_HDRINCL); the kernel chooses the identification, since ours
 * is 0, and the checksum. What is larger than the device takes it refuses; such a packet, DF clear,
 * goes through the same socket as payload, and then the kernel writes the header and fragments.
 */
import { Drop } from '../core/drop.js';
import type { Batch, Frame } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { Icmp6 } from '../wire/icmp6.js';
import { DF, fragment4, headerLen4, IPV4_SRC, isIpv4, Protocol, src4, tos4, ttl4 } from '../wire/ipv4.js';
import { IPV6_LEN, NextHeader } from '../wire/ipv6.js';
import { copy, put32 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { ACCEPT, attachFilter, Bpf, type Instruction, REFUSE, VERDICTS } from './filter.js';
import { SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, close, Errno, errno, IP, int32, MSG, must, PMTUDISC_OMIT, readInto, SOCK, SOL, sendmsg, setsockopt, socket } from './libc.js';
import { type Addressing, CONTROL, IOVEC_LEN, layControl, layMessage, MESSAGE_LEN, pointIovec, Receiver, Sender } from './mmsg.js';
import { enlargeBuffers } from './socket-buffer.js';

/** Which of several packet threads a socket is for. */
export interface WorkerShare {
  /** 0..workers-1. */
  readonly worker: number;
  readonly workers: number;
  /** Odd, 32 bits, the same for all sockets of a node and known to nobody else: who could tell to which worker an address falls could aim at one. */
  readonly key: number;
}

/**
 * Opens a socket for `Protocol41Port`. Every raw socket is shown every packet, so with several
 * workers a filter leaves each packet to one of them: neighbour discovery to worker 0, which alone
 * keeps neighbours, all else by its outer source. Throws `SystemError`: EPERM without CAP_NET_RAW.
 */
export function openProtocol41(share: WorkerShare): number {
  const fd = must(socket(AF.INET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, Protocol.ipv6), 'socket', 'AF_INET, SOCK_RAW, protocol 41');
  try {
    if (share.workers > 1) {
      attachFilter(fd, shareFilter(share));
      emptySocket(fd); // it has listened without the filter for a moment
    }
    must(setsockopt(fd, SOL.IP, IP.HDRINCL, int32(1), 4), 'setsockopt', `socket ${fd}, IP_HDRINCL`);
    must(setsockopt(fd, SOL.IP, IP.TRANSPARENT, int32(1), 4), 'setsockopt', `socket ${fd}, IP_TRANSPARENT`);
    must(setsockopt(fd, SOL.IP, IP.MTU_DISCOVER, int32(PMTUDISC_OMIT), 4), 'setsockopt', `socket ${fd}, IP_MTU_DISCOVER`);
    enlargeBuffers(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** More packets than the buffer holds that a socket has before it is enlarged. */
const MOST_EARLY = 1000;

function emptySocket(fd: number): void {
  const scratch = new Uint8Array(1);
  for (let i = 0; i < MOST_EARLY && readInto(fd, scratch, 1) >= 0; i++);
}

/** Offsets in the inner header. */
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
/** Neighbour discovery comes from the link itself, and shows it by this hop limit (RFC 4861 section 6.1). */
const FROM_THE_LINK = 255;

/** The packets that fall to one worker: by the upper bits of the source times the key. */
function shareFilter({ worker, workers, key }: WorkerShare): readonly Instruction[] {
  return [
    // Each test that fails leads behind the first verdict. A packet too short to be discovery is still somebody's to count.
    [Bpf.loadHeaderLen4, 0, 0, 0],
    [Bpf.loadLen, 0, 0, 0],
    [Bpf.subtractX, 0, 0, 0],
    [Bpf.jumpIfAtLeast, 0, 8, IPV6_LEN + 1],
    [Bpf.loadOctetAtX, 0, 0, NEXT_HEADER],
    [Bpf.jumpIfEqual, 0, 6, NextHeader.icmp6],
    [Bpf.loadOctetAtX, 0, 0, HOP_LIMIT],
    [Bpf.jumpIfEqual, 0, 4, FROM_THE_LINK],
    [Bpf.loadOctetAtX, 0, 0, IPV6_LEN],
    [Bpf.jumpIfAtLeast, 0, 2, Icmp6.routerSolicitation],
    [Bpf.jumpIfAbove, 1, 0, Icmp6.redirect],
    worker === 0 ? ACCEPT : REFUSE,
    [Bpf.loadWord, 0, 0, IPV4_SRC],
    [Bpf.multiply, 0, 0, key],
    [Bpf.shiftRight, 0, 0, 16],
    [Bpf.modulo, 0, 0, workers],
    [Bpf.jumpIfEqual, 0, 1, worker],
    ...VERDICTS,
  ];
}

/** Sends and receives protocol 41. */
export class Protocol41Port implements Port {
  readonly kind = 'protocol-41';
  readonly batch: Batch;
  readonly #receiver: Receiver;
  readonly #sender: Sender;

  /** `fd` is of `openProtocol41`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, fd: number, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.#receiver = new Receiver(arena, fd, this.batch);
    this.#sender = new Sender(arena, fd, count, new Ipv4Addressing(arena, fd));
  }

  receive(): number {
    const n = this.#receiver.receive();
    for (let i = 0; i < n; i++) {
      const frame = this.batch[i];
      frame.remote.addr = src4(frame.b, frame.off);
    }
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#sender.send(frames, n);
  }
}

/** Where each kind of control data is. */
const PKTINFO_AT = 0;
const PKTINFO_LEN = 12;
const TTL_AT = 32;
const TOS_AT = 56;
const CONTROL_LEN = 80;
/** struct in_pktinfo: an interface, the source to send from, and what only a receiver reads. */
const SPEC_DST = 4;

/** Destinations of IPv4, and the way of a packet that is too large for the device. */
class Ipv4Addressing implements Addressing {
  readonly addressLen = SOCKADDR_IN_LEN;
  readonly #arena: Arena;
  readonly #fd: number;
  readonly #message: number;
  readonly #iovec: number;
  readonly #address: number;
  readonly #control: number;
  readonly #on = int32(1);
  readonly #off = int32(0);

  constructor(arena: Arena, fd: number) {
    this.#arena = arena;
    this.#fd = fd;
    this.#message = arena.alloc(MESSAGE_LEN);
    this.#iovec = arena.alloc(IOVEC_LEN);
    this.#address = arena.alloc(SOCKADDR_IN_LEN);
    this.#control = arena.alloc(CONTROL_LEN);
    this.layAddress(this.#address);
    layMessage(arena, this.#message, this.#iovec, this.#address, SOCKADDR_IN_LEN, this.#control, CONTROL_LEN);
    layControl(arena, this.#control + PKTINFO_AT, SOL.IP, IP.PKTINFO, PKTINFO_LEN);
    layControl(arena, this.#control + TTL_AT, SOL.IP, IP.TTL, 4);
    layControl(arena, this.#control + TOS_AT, SOL.IP, IP.TOS, 4);
  }

  layAddress(at: number): void {
    this.#arena.view.setUint16(at, AF.INET, true);
  }

  writeAddress(at: number, frame: Frame): void {
    put32(this.#arena.b, at + SIN.ADDR, frame.remote.addr);
  }

  refused({ b, off, end, remote }: Frame, error: number): number {
    if (error === Errno.EMSGSIZE && (fragment4(b, off) & DF) === 0) return this.#sendInFragments(b, off, end, remote.addr);
    if (error === Errno.EINVAL && isIpv4(b, off, end)) return Drop.no_route; // nothing wrong with the packet: a blackhole route
    return fateOf(error, 'sendmmsg', this.#fd);
  }

  /** Sends the payload of `frame` and lets the kernel write the header anew, from the fields of ours. */
  #sendInFragments(b: Uint8Array, off: number, end: number, to: number): number {
    const { view } = this.#arena;
    const data = this.#control + CONTROL.DATA;
    const header = headerLen4(b, off);
    pointIovec(this.#arena, this.#iovec, off + header, end - off - header);
    put32(b, this.#address + SIN.ADDR, to);
    copy(b, off + IPV4_SRC, b, data + PKTINFO_AT + SPEC_DST, 4);
    view.setInt32(data + TTL_AT, ttl4(b, off), true);
    view.setInt32(data + TOS_AT, tos4(b, off), true);
    setsockopt(this.#fd, SOL.IP, IP.HDRINCL, this.#off, 4);
    const sent = sendmsg(this.#fd, this.#arena.base + this.#message, MSG.DONTWAIT);
    const error = sent < 0 ? errno() : 0;
    setsockopt(this.#fd, SOL.IP, IP.HDRINCL, this.#on, 4);
    return error === 0 ? Drop.none : fateOf(error, 'sendmsg', this.#fd);
  }
}
