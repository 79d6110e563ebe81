/**
 * Receives payloads of UDP, several of them in one message where the kernel has them together: udp(7), UDP_GRO.
 *
 *   messages  train, 1280 octets each       single   train …
 *   frames    1280 | 1280 | 1280 | 900        60     (those for which the batch has no frame wait)
 *
 * A train is one sender's, all of one size but for the last, which may be shorter. Its payloads are not copied: they
 * lie one behind the other where the kernel put them, so that there is no headroom before any but the first.
 */
import { type Batch, HEADROOM } from '../core/frame.js';
import { u16 } from '../wire/octets.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { SIN, SOCKADDR_IN_LEN } from './inet-address.js';
import { errno, MSG, recvmmsg, SOL, UDP } from './libc.js';
import { CONTROL, CONTROL_ROOM, IOVEC_LEN, layMessage, MESSAGE, MESSAGE_LEN, pointIovec } from './mmsg.js';

const ADDRESS_ROOM = 16;
/** 32-bit words from one message to the next, and from one control data to the next. */
const MESSAGE_WORDS = MESSAGE_LEN >>> 2;
const CONTROL_WORDS = CONTROL_ROOM >>> 2;
/** Control data that tells the size of a train's payloads, in octets, and where in its words what is. */
const SIZE_CONTROL = CONTROL.DATA + 4;
const LEVEL = CONTROL.LEVEL >>> 2;
const TYPE = CONTROL.TYPE >>> 2;
const SIZE = CONTROL.DATA >>> 2;

/** Messages that a call takes while they are trains: few are to lie in the processor's cache at a time. */
const FEW_TRAINS = 4;

/** Fills a batch from one socket. */
export class UdpReceiver {
  readonly #fd: number;
  readonly #batch: Batch;
  readonly #b: Uint8Array;
  readonly #words: Uint32Array;
  /** Where each message goes, and how many octets it may have. */
  readonly #starts: Int32Array;
  readonly #room: number;
  /** Address of the messages. */
  readonly #messages: number;
  readonly #addresses: number;
  /** Indices in `words`, of message 0: octets received, length of the control data, and the control data. */
  readonly #octets: number;
  readonly #controlLen: number;
  readonly #control: number;
  /** Messages that were received, the one whose turn it is, and how many octets of that have been handed out. */
  #received = 0;
  #message = 0;
  #done = 0;
  /** Messages that the next call takes. */
  #wanted: number;

  /** Messages go where the slots of `batch` are: where it may be a train, a slot has room for 65535 octets and the headroom. */
  constructor(arena: Arena, fd: number, batch: Batch) {
    const { length } = batch;
    this.#fd = fd;
    this.#batch = batch;
    this.#wanted = length;
    this.#b = arena.b;
    this.#words = arena.words;
    const messages = arena.alloc(length * MESSAGE_LEN);
    const iovecs = arena.alloc(length * IOVEC_LEN);
    const controls = arena.alloc(length * CONTROL_ROOM);
    this.#addresses = arena.alloc(length * ADDRESS_ROOM);
    this.#starts = Int32Array.from(batch, ({ slot }) => slot + HEADROOM);
    this.#room = batch[0].limit - this.#starts[0];
    batch.forEach((_, i) => {
      const [iovec, address, control] = [iovecs + i * IOVEC_LEN, this.#addresses + i * ADDRESS_ROOM, controls + i * CONTROL_ROOM];
      layMessage(arena, messages + i * MESSAGE_LEN, iovec, address, SOCKADDR_IN_LEN, control, CONTROL_ROOM);
      pointIovec(arena, iovec, this.#starts[i], this.#room);
    });
    this.#messages = arena.base + messages;
    this.#octets = (messages + MESSAGE.RECEIVED) >>> 2;
    this.#controlLen = (messages + MESSAGE.CONTROL_LEN) >>> 2;
    this.#control = controls >>> 2;
  }

  /** `Port.receive`. */
  receive(): number {
    if (this.#message === this.#received) this.#refill();
    const batch = this.#batch;
    let n = 0;
    while (n < batch.length && this.#message < this.#received) n = this.#handOut(n);
    return n;
  }

  #refill(): void {
    this.#message = 0;
    this.#received = recvmmsg(this.#fd, this.#messages, this.#wanted, MSG.DONTWAIT, 0);
    this.#wanted = this.#batch.length;
    if (this.#received >= 0) return;
    this.#received = 0;
    fateOf(errno(), 'recvmmsg', this.#fd); // an error that the network left on the socket is gone with this call
  }

  /** Fills frames from number `n` on with the payloads of the message whose turn it is; returns the number of the next frame. */
  #handOut(n: number): number {
    const batch = this.#batch;
    const b = this.#b;
    const message = this.#message;
    const start = this.#starts[message];
    const octets = this.#words[this.#octets + message * MESSAGE_WORDS];
    const size = this.#sizeIn(message, octets);
    const from = this.#addresses + message * ADDRESS_ROOM;
    const port = u16(b, from + SIN.PORT);
    if (size < octets) this.#wanted = Math.min(FEW_TRAINS, batch.length);
    let done = this.#done;
    let next = n;
    do {
      const frame = batch[next++];
      frame.off = start + done;
      frame.slot = done === 0 ? start - HEADROOM : frame.off;
      done = Math.min(done + size, octets);
      frame.end = start + done;
      frame.limit = size < octets ? frame.end : start + this.#room;
      frame.remote.read(b, from + SIN.ADDR);
      frame.remote.port = port;
    } while (done < octets && next < batch.length);
    if (done < octets) {
      this.#done = done;
      return next;
    }
    this.#done = 0;
    this.#message++;
    this.#words[this.#controlLen + message * MESSAGE_WORDS] = CONTROL_ROOM; // the kernel has left there what it wrote
    return next;
  }

  /** Octets in each payload but the last of a message of `octets`: all, where it is no train. */
  #sizeIn(message: number, octets: number): number {
    const words = this.#words;
    if (words[this.#controlLen + message * MESSAGE_WORDS] < SIZE_CONTROL) return octets;
    const control = this.#control + message * CONTROL_WORDS;
    const isSize = words[control + LEVEL] === SOL.UDP && words[control + TYPE] === UDP.GRO && words[control + SIZE] > 0;
    return isSize ? words[control + SIZE] : octets;
  }
}
