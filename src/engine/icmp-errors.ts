/**
 * ICMPv6 errors that one tunnel originates: made where a packet is refused, sent when the batch is
 * done. Bounded three ways: by what may be answered at all (RFC 4443 section 2.4 e), by rate (f), and
 * by the queue. Each error that these keep back is counted as `suppressed`.
 */
import type { Millis } from '../core/clock.js';
import { type Counters, IcmpKind } from '../core/counters.js';
import { type Frame, HEADROOM, makeBatch } from '../core/frame.js';
import { RateLimit } from '../policy/rate-limit.js';
import { TransmitTo } from '../role/role.js';
import { Icmp6, mayAnswer6, writeIcmp6Error } from '../wire/icmp6.js';
import { MIN_MTU } from '../wire/ipv6.js';

/** Errors that wait at a time; a batch that provokes more gets no more. */
const MAX_PENDING = 64;
/** Of these, what errors other than Packet Too Big may take: that one must not starve (RFC 6343 section 4.4). */
const MAX_OTHERS_PENDING = 32;

/** Under which kind an error is counted when it leaves. */
const KIND_OF: Readonly<Record<number, number>> = {
  [Icmp6.unreachable]: IcmpKind.sent_translated,
  [Icmp6.tooBig]: IcmpKind.sent_packet_too_big,
  [Icmp6.timeExceeded]: IcmpKind.sent_time_exceeded,
};

/** One tunnel's queue of errors. */
export class IcmpErrors {
  readonly #slot: number;
  readonly #counters: Counters;
  readonly #rate: RateLimit;
  /** Tokens that are left to Packet Too Big. */
  readonly #reserve: number;
  /** Made for the first error: most tunnels never have one. */
  #frames: readonly Frame[] = [];
  readonly #to = new Uint8Array(MAX_PENDING);
  readonly #kind = new Uint8Array(MAX_PENDING);
  #first = 0;
  #count = 0;

  /** `rate`: errors a second. */
  constructor(slot: number, rate: number, counters: Counters) {
    this.#slot = slot;
    this.#rate = new RateLimit(rate);
    this.#reserve = this.#rate.burst < 2 ? 0 : this.#rate.burst / 2;
    this.#counters = counters;
  }

  /**
   * Makes an error about the inner packet at `b[off..end)`, from `source` to that packet's source, and queues it.
   * Returns its frame, for a header to be pushed; null when none may be sent.
   */
  make(
    to: number,
    type: number,
    code: number,
    parameter: number,
    source: Uint8Array,
    b: Uint8Array,
    off: number,
    end: number,
    now: Millis,
  ): Frame | null {
    const isTooBig = type === Icmp6.tooBig;
    const isFull = this.#count >= (isTooBig ? MAX_PENDING : MAX_OTHERS_PENDING);
    if (isFull || !mayAnswer6(b, off, end) || !this.#rate.take(now, isTooBig ? 0 : this.#reserve)) {
      this.#counters.icmp(this.#slot, IcmpKind.suppressed);
      return null;
    }
    if (this.#frames.length === 0) this.#frames = makeBatch(MAX_PENDING, HEADROOM + MIN_MTU);
    const at = (this.#first + this.#count++) % MAX_PENDING;
    const frame = this.#frames[at];
    frame.clear();
    frame.end = writeIcmp6Error(frame.b, frame.off, source, 0, type, code, parameter, b, off, end);
    this.#to[at] = to;
    this.#kind[at] = KIND_OF[type];
    return frame;
  }

  /** Takes back the error that was made last: it could not be sent after all. */
  takeBack(): void {
    this.#count--;
    this.#counters.icmp(this.#slot, IcmpKind.suppressed);
  }

  /** Copies the oldest waiting error into `out` and says where it goes; `TransmitTo.nowhere` when none waits. */
  poll(out: Frame): number {
    if (this.#count === 0) return TransmitTo.nowhere;
    const at = this.#first;
    const { b, off, end, remote, socket } = this.#frames[at];
    this.#first = (at + 1) % MAX_PENDING;
    this.#count--;
    this.#counters.icmp(this.#slot, this.#kind[at]);
    out.fill(b, off, end);
    out.remote.bits = remote.bits;
    out.remote.port = remote.port;
    out.socket = socket;
    return this.#to[at];
  }
}
