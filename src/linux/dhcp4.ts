/**
 * The ports of a DHCPv4 client on one interface, RFC 2131 section 4.1: whole IPv4 packets in and out.
 *
 * Heard is what comes to the interface for UDP port 68, through a packet socket: a client has no address
 * yet, and the kernel takes nothing for one that it does not have. Broadcasts leave the same way, to
 * ff:ff:ff:ff:ff:ff, with a source that is no address of the host either. A renewal goes to one server by a
 * raw IPv4 socket that is bound to the interface: the kernel finds the neighbour, or the way to it.
 *
 * A third socket, on UDP port 68 of the interface, takes nothing in. Without it the kernel answers each
 * renewal with "port unreachable".
 */
import type { Batch, Frame } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { DHCP_CLIENT_PORT } from '../wire/dhcp4.js';
import { Protocol } from '../wire/ipv4.js';
import { put32 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { attachFilter, Bpf, type Instruction, REFUSE, VERDICTS } from './filter.js';
import { inetAddress, SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, bind, close, IPPROTO_RAW, int32, must, SO, SOCK, SOL, SystemError, setsockopt, socket } from './libc.js';
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

/** Offsets in an IPv4 and a UDP header. */
const FRAGMENT_AT = 6;
const PROTOCOL_AT = 9;
const DESTINATION_PORT_AT = 2;
/** More fragments, or an offset. */
const IS_FRAGMENT = 0x3fff;
/** Where a filter finds whom a frame was for, and the kind that was for another host: seen where the interface is promiscuous. */
const PACKET_TYPE_AT = 0xfffff004;
const FOR_OTHERS = 3;

/** UDP to port 68, no fragment. */
const ANSWERS: readonly Instruction[] = [
  [Bpf.loadOctet, 0, 0, PACKET_TYPE_AT],
  [Bpf.jumpIfEqual, 8, 0, FOR_OTHERS],
  [Bpf.loadOctet, 0, 0, PROTOCOL_AT],
  [Bpf.jumpIfEqual, 0, 6, Protocol.udp],
  [Bpf.loadHalf, 0, 0, FRAGMENT_AT],
  [Bpf.jumpIfAnyBit, 4, 0, IS_FRAGMENT],
  [Bpf.loadHeaderLen4, 0, 0, 0],
  [Bpf.loadHalfAtX, 0, 0, DESTINATION_PORT_AT],
  [Bpf.jumpIfEqual, 0, 1, DHCP_CLIENT_PORT],
  ...VERDICTS,
];

/** The descriptors of one client. */
export interface Dhcp4Sockets {
  /** Packet socket: what is heard, and broadcasts. */
  readonly link: number;
  /** Raw IPv4 socket: what goes to one server. */
  readonly ip: number;
  /** Keeps UDP port 68 of the interface; -1 where another program has it. */
  readonly keeper: number;
}

/** Opens the sockets for `Dhcp4Port`. Throws `SystemError`: ENODEV without such an interface, EPERM without CAP_NET_RAW. */
export function openDhcp4(name: string): Dhcp4Sockets {
  const index = interfaceIndex(name);
  const opened: number[] = [];
  const open = (family: number, type: number, protocol: number, what: string): number => {
    const fd = must(socket(family, type | SOCK.NONBLOCK | SOCK.CLOEXEC, protocol), 'socket', what);
    opened.push(fd);
    return fd;
  };
  try {
    // Protocol 0 hears nothing: packets come from `bind` on, when the filter is there.
    const link = open(AF.PACKET, SOCK.DGRAM, 0, 'AF_PACKET, SOCK_DGRAM');
    attachFilter(link, ANSWERS);
    bindToLink(link, EtherType.ipv4, index);
    const ip = open(AF.INET, SOCK.RAW, IPPROTO_RAW, 'AF_INET, SOCK_RAW');
    bindToDevice(ip, name);
    return { link, ip, keeper: openKeeper(name) };
  } catch (error) {
    opened.forEach(close);
    throw error;
  }
}

/** Closes what `openDhcp4` opened. */
export function closeDhcp4({ link, ip, keeper }: Dhcp4Sockets): void {
  for (const fd of [link, ip, keeper]) if (fd >= 0) close(fd);
}

/** Takes port 68 of the interface, unless somebody has it: then the kernel has no cause to complain to servers either. */
function openKeeper(name: string): number {
  const fd = must(socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_INET, SOCK_DGRAM');
  try {
    attachFilter(fd, [REFUSE]);
    bindToDevice(fd, name);
    must(setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, int32(1), 4), 'setsockopt', `socket ${fd}, SO_REUSEADDR`);
    must(bind(fd, inetAddress(0, DHCP_CLIENT_PORT), SOCKADDR_IN_LEN), 'bind', `UDP port ${DHCP_CLIENT_PORT} of ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    if (error instanceof SystemError && error.code === 'EADDRINUSE') return -1;
    throw error;
  }
}

function bindToDevice(fd: number, name: string): void {
  const octets = new TextEncoder().encode(`${name}\0`);
  must(setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, octets, octets.length), 'setsockopt', `socket ${fd}, SO_BINDTODEVICE ${name}`);
}

/** All ones, as a signed number. */
const BROADCAST = -1;

/** One interface. One that has gone refuses what is sent with `tunnel_down`. */
export class Dhcp4Port implements Port {
  readonly kind = 'dhcp4';
  readonly batch: Batch;
  readonly #receiver: Receiver;
  readonly #broadcasts: Sender;
  readonly #unicasts: Sender;
  readonly #one: Frame[] = [];

  /** `sockets` are of `openDhcp4`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, { link, ip }: Dhcp4Sockets, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.#receiver = new Receiver(arena, link, this.batch);
    this.#broadcasts = new Sender(arena, link, 1, new Everybody(arena, link));
    this.#unicasts = new Sender(arena, ip, 1, new OneServer(arena, ip));
  }

  receive(): number {
    return this.#receiver.receive();
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) {
      this.#one[0] = frames[i];
      const sender = frames[i].remote.bits === BROADCAST ? this.#broadcasts : this.#unicasts;
      if (sender.send(this.#one, 1) === 0) return i;
    }
    return n;
  }
}

/** Every host on the link. */
class Everybody implements Addressing {
  readonly addressLen = LINK_ADDRESS_LEN;
  readonly #arena: Arena;
  readonly #fd: number;

  constructor(arena: Arena, fd: number) {
    this.#arena = arena;
    this.#fd = fd;
  }

  layAddress(at: number): void {
    layLinkAddress(this.#arena.b, at, EtherType.ipv4, boundIndex(this.#fd));
    this.#arena.b.fill(0xff, at + LINK_ADDRESS_MAC, at + LINK_ADDRESS_MAC + MAC_LEN);
  }

  writeAddress(): void {}

  refused(_frame: Frame, error: number): number {
    return fateOf(error, 'sendmmsg', this.#fd);
  }
}

/** The host at the IPv4 destination. */
class OneServer implements Addressing {
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

  writeAddress(at: number, frame: Frame): void {
    put32(this.#arena.b, at + SIN.ADDR, frame.remote.addr);
  }

  refused(_frame: Frame, error: number): number {
    return fateOf(error, 'sendmmsg', this.#fd);
  }
}
