/**
 * Sends payloads of UDP, those that go one after the other to one endpoint in trains: udp(7), UDP_SEGMENT.
 *
 *   frames    A 1280 | A 1280 | A 900 | B 60 | A 1280 | A 1280
 *   messages  train of three, 1280  --   B 60   train of two, 1280
 *
 * A train is one message, gathered from where its payloads lie: all of one size, the last may be shorter. It crosses
 * the stack in one piece, NATs included, and is cut into datagrams as late as can be. Where the kernel refuses a train
 * and takes its payloads one by one, payloads of that size go one by one from then on.
 */
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import { put16, put32 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { BatchedSender } from './batched-sender.js';
import { FULL, fateOf } from './fate.js';
import { SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, Errno, errno, MSG, SOL, sendmmsg, UDP } from './libc.js';
import { CONTROL, CONTROL_ROOM, IOVEC_LEN, layControl, layMessage, MESSAGE_LEN, pointGather, pointIovec } from './mmsg.js';

/** Payloads that the kernel takes in a train, at most, and octets in all: those of one datagram. */
const MOST_SEGMENTS = 64;
const MOST_OCTETS = 65_507;
/** Octets of the size of a train's payloads. */
const SIZE_LEN = 2;
/** Room for a socket address. */
const ADDRESS_ROOM = 16;

/** Sends frames of any port of its arena through one socket. */
export class UdpSender extends BatchedSender {
  readonly #fd: number;
  readonly #arena: Arena;
  /** Places in the arena: one of each kind a frame. A message has those of its number, and the iovecs of its frames. */
  readonly #messages: number;
  readonly #iovecs: number;
  readonly #addresses: number;
  readonly #controls: number;
  /** Index of the frame after the last one of each message. */
  readonly #ends: Int32Array;
  #longest: number;

  /** Hands `count` frames at most to one call. Without `trains` each goes by itself. */
  constructor(arena: Arena, fd: number, count: number, { trains }: { readonly trains: boolean }) {
    super(count);
    this.#fd = fd;
    this.#arena = arena;
    this.#longest = trains ? MOST_OCTETS : 0;
    this.#ends = new Int32Array(count);
    this.#iovecs = arena.alloc(count * IOVEC_LEN);
    this.#addresses = arena.alloc(count * ADDRESS_ROOM);
    this.#controls = arena.alloc(count * CONTROL_ROOM);
    this.#messages = arena.alloc(count * MESSAGE_LEN);
    for (let i = 0; i < count; i++) {
      const address = this.#addresses + i * ADDRESS_ROOM;
      const control = this.#controls + i * CONTROL_ROOM;
      arena.view.setUint16(address, AF.INET, true);
      layControl(arena, control, SOL.UDP, UDP.SEGMENT, SIZE_LEN);
      layMessage(arena, this.#messages + i * MESSAGE_LEN, this.#iovecs + i * IOVEC_LEN, address, SOCKADDR_IN_LEN, control, CONTROL_ROOM);
    }
  }

  /** Octets in the longest payload that goes in trains; 0: none does, for the kernel has refused them. */
  get longest(): number {
    return this.#longest;
  }

  protected sendPart(frames: readonly Frame[], from: number, to: number): number {
    const ends = this.#ends;
    let messages = this.#lay(frames, from, to, this.#longest);
    let at = from;
    let message = 0;
    /** What `#longest` comes to if the first payload of a refused train is taken by itself; negative: no train was refused. */
    let suspected = -1;
    while (message < messages) {
      const sent = sendmmsg(this.#fd, this.#arena.base + this.#messages + message * MESSAGE_LEN, messages - message, MSG.DONTWAIT);
      if (sent > 0) {
        message += sent;
        for (const end = ends[message - 1]; at < end; at++) frames[at].fate = Drop.none;
        if (suspected >= 0) this.#longest = suspected;
        suspected = -1;
        continue;
      }
      const error = errno();
      if (ends[message] - at > 1 && mayBeOfTrains(error)) {
        suspected = error === Errno.EIO ? 0 : frames[at].len - 1;
        messages = this.#lay(frames, at, to, 0);
        message = 0;
        continue;
      }
      suspected = -1;
      const fate = this.#refused(error);
      if (fate === FULL) break;
      for (const end = ends[message++]; at < end; at++) frames[at].fate = fate;
    }
    return at;
  }

  /** Lays out messages for `frames[from..to)`, payloads of up to `longest` octets in trains; returns how many. */
  #lay(frames: readonly Frame[], from: number, to: number, longest: number): number {
    const arena = this.#arena;
    let message = 0;
    for (let first = from; first < to; message++) {
      const end = trainEnd(frames, first, to, longest);
      const iovec = this.#iovecs + (first - from) * IOVEC_LEN;
      for (let i = first; i < end; i++) pointIovec(arena, iovec + (i - first) * IOVEC_LEN, frames[i].off, frames[i].len);
      const { remote } = frames[first];
      const address = this.#addresses + message * ADDRESS_ROOM;
      put16(arena.b, address + SIN.PORT, remote.port);
      put32(arena.b, address + SIN.ADDR, remote.bits);
      const isTrain = end - first > 1;
      if (isTrain) arena.words[(this.#controls + message * CONTROL_ROOM + CONTROL.DATA) >>> 2] = frames[first].len;
      pointGather(arena, this.#messages + message * MESSAGE_LEN, iovec, end - first, isTrain ? CONTROL_ROOM : 0);
      this.#ends[message] = end;
      first = end;
    }
    return message;
  }

  /** The fate of payloads that were refused alone, or for a reason that trains have nothing to do with. */
  #refused(error: number): number {
    // A payload cannot be wrong. What is: port 0, a blackhole route, a source that the host does not have.
    return error === Errno.EINVAL ? Drop.no_route : fateOf(error, 'sendmmsg', this.#fd);
  }
}

/** The index after the train that begins with `frames[first]`: `first + 1` where it is alone. */
function trainEnd(frames: readonly Frame[], first: number, to: number, longest: number): number {
  const { remote, len } = frames[first];
  if (len === 0 || len > longest) return first + 1;
  const limit = Math.min(to, first + MOST_SEGMENTS, first + Math.floor(MOST_OCTETS / len));
  let end = first + 1;
  for (; end < limit; end++) {
    const next = frames[end];
    if (next.remote.bits !== remote.bits || next.remote.port !== remote.port || next.len > len || next.len === 0) return end;
    if (next.len < len) return end + 1;
  }
  return end;
}

/** What the kernel may say of a train, and not of its payloads: longer than the link, no checksums by the device, no trains at all. */
function mayBeOfTrains(error: number): boolean {
  return error === Errno.EIO || error === Errno.EINVAL || error === Errno.EMSGSIZE || error === Errno.EOPNOTSUPP;
}
