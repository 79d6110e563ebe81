/**
 * Many packets a system call: recvmmsg(2) and sendmmsg(2) over arrays that lie in the arena.
 *
 *   struct mmsghdr  0 name*  8 name length  16 iovec*  24 iovecs  32 control*  40 control length
 *                   48 flags  56 octets received                                 (64 octets)
 *   struct iovec    0 base*  8 length                                            (16 octets)
 *
 * The arrays are laid out once. Per packet a receiver writes nothing and reads one word, a sender
 * writes three words and a socket address.
 */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { Arena } from './arena.js';
import { BatchedSender } from './batched-sender.js';
import { FULL, fateOf } from './fate.js';
import { errno, MSG, recvmmsg, sendmmsg } from './libc.js';

/** Octets in a struct mmsghdr, and in a struct iovec. */
export const MESSAGE_LEN = 64;
export const IOVEC_LEN = 16;
/** struct cmsghdr: length of it all in 64 bits, level, type, data. Room for one with at most eight octets of data. */
export const CONTROL_ROOM = 24;
/** Offsets in it. */
export const CONTROL = { LEN: 0, LEVEL: 8, TYPE: 12, DATA: 16 } as const;
/** Room for any socket address that is used here, in octets. */
const ADDRESS_ROOM = 32;

const NAME = 0;
const NAME_LEN = 8;
const IOVEC = 16;
const IOVECS = 24;
const CONTROLS = 32;
const CONTROLS_LEN = 40;
const RECEIVED = 56;
/** Offsets of what a receiver reads of a message. */
export const MESSAGE = { CONTROL_LEN: CONTROLS_LEN, RECEIVED } as const;
/** 32-bit words from one message to the next. */
const WORDS = MESSAGE_LEN >>> 2;

/** Writes `offset` of the arena as an address at `at`. Cold. */
function putAddress(arena: Arena, at: number, offset: number): void {
  arena.view.setBigUint64(at, BigInt(arena.base + offset), true);
}

/** Lays a message out at `at`: one iovec, a socket address, control data, all at offsets of the arena. Cold. */
export function layMessage(
  arena: Arena,
  at: number,
  iovec: number,
  address: number,
  addressLen: number,
  control = 0,
  controlLen = 0,
): void {
  putAddress(arena, at + IOVEC, iovec);
  arena.view.setUint32(at + IOVECS, 1, true);
  if (addressLen > 0) putAddress(arena, at + NAME, address);
  arena.view.setUint32(at + NAME_LEN, addressLen, true);
  if (controlLen > 0) putAddress(arena, at + CONTROLS, control);
  arena.view.setUint32(at + CONTROLS_LEN, controlLen, true);
}

/** Points the iovec at `at` to `octets` octets from `offset` of the arena. */
export function pointIovec(arena: Arena, at: number, offset: number, octets: number): void {
  const word = at >>> 2;
  const address = arena.base + offset;
  arena.words[word] = address;
  arena.words[word + 1] = address / 0x100000000;
  arena.words[word + 2] = octets;
}

/** Has the message at `at` gather `count` iovecs, the first of which lies at `iovec`, with `controlLen` octets of control data. */
export function pointGather(arena: Arena, at: number, iovec: number, count: number, controlLen: number): void {
  const word = at >>> 2;
  const address = arena.base + iovec;
  arena.words[word + (IOVEC >>> 2)] = address;
  arena.words[word + (IOVEC >>> 2) + 1] = address / 0x100000000;
  arena.words[word + (IOVECS >>> 2)] = count;
  arena.words[word + (CONTROLS_LEN >>> 2)] = controlLen;
}

/** Lays out control data of `octets` octets at `at`, for the data to be written at `CONTROL.DATA`. Cold. */
export function layControl(arena: Arena, at: number, level: number, type: number, octets: number): void {
  arena.view.setUint32(at + CONTROL.LEN, CONTROL.DATA + octets, true);
  arena.view.setUint32(at + CONTROL.LEVEL, level, true);
  arena.view.setUint32(at + CONTROL.TYPE, type, true);
}

/** Fills a batch from a socket. */
export class Receiver {
  readonly #fd: number;
  readonly #batch: Batch;
  readonly #words: Uint32Array;
  /** Address of the messages. */
  readonly #messages: number;
  /** Index in `words` of what was received, message 0. */
  readonly #received: number;

  constructor(arena: Arena, fd: number, batch: Batch) {
    this.#fd = fd;
    this.#batch = batch;
    this.#words = arena.words;
    const messages = arena.alloc(batch.length * MESSAGE_LEN);
    const iovecs = arena.alloc(batch.length * IOVEC_LEN);
    batch.forEach((frame, i) => {
      const at = frame.slot + HEADROOM;
      layMessage(arena, messages + i * MESSAGE_LEN, iovecs + i * IOVEC_LEN, 0, 0);
      pointIovec(arena, iovecs + i * IOVEC_LEN, at, frame.limit - at);
    });
    this.#messages = arena.base + messages;
    this.#received = (messages + RECEIVED) >>> 2;
  }

  /** Fills frames with what waits; returns how many. */
  receive(): number {
    const batch = this.#batch;
    const n = recvmmsg(this.#fd, this.#messages, batch.length, MSG.DONTWAIT, 0);
    if (n < 0) {
      fateOf(errno(), 'recvmmsg', this.#fd); // an error that the network left on the socket is gone with this call
      return 0;
    }
    for (let i = 0; i < n; i++) {
      const frame = batch[i];
      frame.off = frame.slot + HEADROOM;
      frame.end = frame.off + this.#words[this.#received + i * WORDS];
    }
    return n;
  }
}

/** What differs from one kind of socket to the other when sending. */
export interface Addressing {
  /** Octets in a socket address, at most 32. */
  readonly addressLen: number;
  /** Writes what all destinations have in common at `arena.b[at..)`. Once an address. */
  layAddress(at: number): void;
  /** Writes the destination of `frame` there. Per packet. */
  writeAddress(at: number, frame: Frame): void;
  /** The kernel refused `frame`: the drop reason, `FULL`, or `Drop.none` when it went all the same. */
  refused(frame: Frame, error: number): number;
}

/** Sends frames of any port of its arena through a socket. */
export class Sender extends BatchedSender {
  readonly #fd: number;
  readonly #arena: Arena;
  readonly #addressing: Addressing;
  readonly #messages: number;
  readonly #iovecs: number;
  readonly #addresses: number;

  /** Hands `count` packets at most to one call. */
  constructor(arena: Arena, fd: number, count: number, addressing: Addressing) {
    super(count);
    this.#fd = fd;
    this.#arena = arena;
    this.#addressing = addressing;
    this.#iovecs = arena.alloc(count * IOVEC_LEN);
    this.#addresses = arena.alloc(count * ADDRESS_ROOM);
    const messages = arena.alloc(count * MESSAGE_LEN);
    for (let i = 0; i < count; i++) {
      const address = this.#addresses + i * ADDRESS_ROOM;
      addressing.layAddress(address);
      layMessage(arena, messages + i * MESSAGE_LEN, this.#iovecs + i * IOVEC_LEN, address, addressing.addressLen);
    }
    this.#messages = arena.base + messages;
  }

  protected sendPart(frames: readonly Frame[], from: number, to: number): number {
    for (let i = from; i < to; i++) {
      const frame = frames[i];
      pointIovec(this.#arena, this.#iovecs + (i - from) * IOVEC_LEN, frame.off, frame.end - frame.off);
      this.#addressing.writeAddress(this.#addresses + (i - from) * ADDRESS_ROOM, frame);
    }
    let at = from;
    while (at < to) {
      const sent = sendmmsg(this.#fd, this.#messages + (at - from) * MESSAGE_LEN, to - at, MSG.DONTWAIT);
      if (sent > 0) {
        for (const end = at + sent; at < end; at++) frames[at].fate = Drop.none;
        continue;
      }
      const fate = this.#addressing.refused(frames[at], errno());
      if (fate === FULL) break;
      frames[at++].fate = fate;
    }
    return at;
  }
}
