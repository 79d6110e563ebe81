/**
 * Writes packets to a queue of a TUN device, segments of TCP that follow each other in trains.
 *
 *   frames   | TCP seq 1 | TCP seq 1209 | TCP seq 2417 | other |
 *   writes   | said | headers + payload + payload + payload |   | said | other |
 *
 * Payloads are not copied: the write of a train is gathered from its frames, behind headers of ours.
 */
import type { Frame } from '../core/frame.js';
import { SegmentJoiner } from '../wire/segments.js';
import type { Arena } from './arena.js';
import { BatchedSender } from './batched-sender.js';
import { VNET_LEN, writePlain, writeTcp6Train } from './virtio-net.js';
import { type Writer, Writes } from './writes.js';

/** Room for the headers of a train, and what goes before them. */
const HEADERS_ROOM = 128;

/** Sends frames of any port of its arena. */
export class TrainWriter extends BatchedSender {
  readonly #arena: Arena;
  readonly #writer: Writer;
  readonly #trains: boolean;
  readonly #joiner: SegmentJoiner;
  readonly #writes: Writes;
  /** Index of the frame after the last one of each write. */
  readonly #ends: Int32Array;
  /** What goes before a packet of which there is nothing to say: zeros. */
  readonly #nothing: number;
  /** Where the headers of trains are. */
  readonly #headers: number;

  /** Hands `count` frames at most to one `write`. Without `trains` each goes by itself. */
  constructor(arena: Arena, writer: Writer, count: number, { trains }: { readonly trains: boolean }) {
    super(count);
    this.#arena = arena;
    this.#writer = writer;
    this.#trains = trains;
    this.#joiner = new SegmentJoiner(arena);
    this.#writes = new Writes(arena, count, 2 * count);
    this.#ends = new Int32Array(count);
    this.#nothing = arena.alloc(VNET_LEN);
    this.#headers = arena.alloc((count >>> 1) * HEADERS_ROOM);
  }

  protected sendPart(frames: readonly Frame[], from: number, to: number): number {
    const writes = this.#writes;
    writes.clear();
    let headers = this.#headers;
    for (let first = from; first < to; ) {
      const end = this.#trains ? this.#trainEnd(frames, first, to) : first + 1;
      this.#ends[writes.count] = end;
      if (end === first + 1) {
        this.#writeAlone(frames[first]);
      } else {
        this.#beginTrain(headers);
        headers += HEADERS_ROOM;
        const { headersLen } = this.#joiner;
        for (let i = first; i < end; i++) writes.gather(frames[i].off + headersLen, frames[i].len - headersLen);
      }
      first = end;
    }
    const handled = this.#writer.write(writes);
    let at = from;
    for (let i = 0; i < handled; i++) for (const end = this.#ends[i]; at < end; at++) frames[at].fate = writes.fates[i];
    return at;
  }

  /** The index after the train that begins with `frames[first]`: `first + 1` where it is alone. */
  #trainEnd(frames: readonly Frame[], first: number, to: number): number {
    const joiner = this.#joiner;
    let end = first + 1;
    if (!joiner.begin(frames[first].off, frames[first].end)) return end;
    while (end < to && joiner.join(frames[end].off, frames[end].end)) end++;
    return end;
  }

  /** Writes a packet of which there is nothing to say, which takes as many octets in front of it. */
  #writeAlone(frame: Frame): void {
    const { off, len } = frame;
    if (off - frame.slot < VNET_LEN) {
      this.#writes.begin(this.#nothing, VNET_LEN);
      this.#writes.gather(off, len);
      return;
    }
    writePlain(this.#arena.b, off - VNET_LEN);
    this.#writes.add(off - VNET_LEN, VNET_LEN + len);
  }

  /** Begins the write of the train that was joined last, with its headers at `at`. */
  #beginTrain(at: number): void {
    const joiner = this.#joiner;
    writeTcp6Train(this.#arena.b, at, joiner.headersLen, joiner.size);
    this.#writes.begin(at, joiner.writeHeaders(at + VNET_LEN) - at);
  }
}
