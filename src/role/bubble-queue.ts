/** Peers in the order in which bubbles are due to them: a ring, made once. */
import type { Millis } from '../core/clock.js';

/** See the head of the file. Entries are read at its front, from `peer`, `sent` and `tries`. */
export class BubbleQueue {
  readonly #peer: Int32Array;
  readonly #sent: Float64Array;
  readonly #tries: Uint8Array;
  readonly #size: number;
  #first = 0;
  #count = 0;

  /** `size`: most entries. */
  constructor(size: number) {
    this.#size = size;
    this.#peer = new Int32Array(size);
    this.#sent = new Float64Array(size);
    this.#tries = new Uint8Array(size);
  }

  /** Entries there are. */
  get count(): number {
    return this.#count;
  }

  /** The peer that comes first; means nothing when there is none. */
  get peer(): number {
    return this.#peer[this.#first];
  }

  /** When the last bubble went to it. */
  get sent(): Millis {
    return this.#sent[this.#first];
  }

  /** Bubbles that went to it so far. */
  get tries(): number {
    return this.#tries[this.#first];
  }

  /** Puts a peer at the end: `tries` bubbles went to it, the last one at `sent`. There must be room. */
  push(peer: number, tries: number, sent: Millis): void {
    const at = (this.#first + this.#count++) % this.#size;
    this.#peer[at] = peer;
    this.#sent[at] = sent;
    this.#tries[at] = tries;
  }

  /** Takes away the one that comes first. There must be one. */
  shift(): void {
    this.#first = (this.#first + 1) % this.#size;
    this.#count--;
  }
}
