/**
 * One packet in memory, and a batch of them.
 *
 *   slot                    off                      end          limit
 *   | HEADROOM octets free  | the packet             | room       |
 *
 * A lower header is pushed in front of the packet, and pulled from it, without a copy.
 * The memory is the port's (an arena on Linux, an array in the simulator): a frame that came from
 * `Port.receive` is valid until the next `receive` on the same port, and so are the bounds of its slot.
 */
import { Endpoint } from './endpoint.js';

/** Octets kept free in front of a received packet, room for every header that is pushed. */
export const HEADROOM = 128;

/** A view of one packet; reused, never allocated per packet. */
export class Frame {
  /** The memory that holds the packet; may hold many frames. */
  readonly b: Uint8Array;
  /** First octet of the slot in `b`. */
  slot: number;
  /** One past the last octet of the slot in `b`. */
  limit: number;
  /** First octet of the packet. */
  off: number;
  /** One past the last octet of the packet. */
  end: number;
  /** Outer endpoint this packet goes to, or came from. */
  readonly remote = new Endpoint();
  /** By which of the tunnel's sockets it goes, or came; 0 where there is but one. */
  socket = 0;
  /** What `Port.send` made of it: `Drop.none`, or why it was refused. Of one that was received, and is not sent on: `Verdict.hold` or `consumed`. */
  fate = 0;

  /** A frame over `b[slot..limit)`, empty, with its headroom. */
  constructor(b: Uint8Array, slot: number, limit: number) {
    this.b = b;
    this.slot = slot;
    this.limit = limit;
    this.off = slot + HEADROOM;
    this.end = this.off;
  }

  /** Octets in the packet. */
  get len(): number {
    return this.end - this.off;
  }

  /** Makes it empty, with full headroom. */
  clear(): void {
    this.off = this.slot + HEADROOM;
    this.end = this.off;
  }

  /** Takes `n` octets of headroom for a header in front; returns the new first octet. */
  push(n: number): number {
    this.off -= n;
    return this.off;
  }

  /** Gives up the `n` octets of the outermost header. */
  pull(n: number): void {
    this.off += n;
  }

  /** Copies a packet in, whatever was there. False when it does not fit: nothing is changed. */
  fill(from: Uint8Array, off: number, end: number): boolean {
    const len = end - off;
    const at = this.slot + HEADROOM;
    if (at + len > this.limit) return false;
    this.b.set(from.subarray(off, end), at);
    this.off = at;
    this.end = at + len;
    return true;
  }
}

/** Frames that are received together. */
export type Batch = readonly Frame[];

/** Makes `count` frames of `room` octets each (headroom included) over fresh memory. For cold paths, tests and the simulator. */
export function makeBatch(count: number, room: number): Frame[] {
  const memory = new Uint8Array(count * room);
  return Array.from({ length: count }, (_, i) => new Frame(memory, i * room, (i + 1) * room));
}
