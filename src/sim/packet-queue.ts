/** A bounded queue of packets between a host and a program on it: a socket's buffer, a device's queue. */

/** First in, first out; what comes when it is full is refused. */
export class PacketQueue {
  readonly #limit: number;
  readonly #wake: () => void;
  #packets: Uint8Array[] = [];
  #first = 0;

  /** Holds `limit` packets; `wake` is called when one has come. */
  constructor(limit: number, wake: () => void) {
    this.#limit = limit;
    this.#wake = wake;
  }

  get length(): number {
    return this.#packets.length - this.#first;
  }

  /** Takes a packet, which from then on nobody changes; false when the queue is full. */
  push(packet: Uint8Array): boolean {
    if (this.length === this.#limit) return false;
    this.#packets.push(packet);
    this.#wake();
    return true;
  }

  /** The oldest packet; null when none waits. */
  shift(): Uint8Array | null {
    if (this.length === 0) return null;
    const packet = this.#packets[this.#first++];
    // What has been taken is not kept: as a rule that was all.
    if (this.#first === this.#packets.length) {
      this.#packets.length = 0;
      this.#first = 0;
    } else if (this.#first > this.#limit) {
      this.#packets = this.#packets.slice(this.#first);
      this.#first = 0;
    }
    return packet;
  }
}
