/** Answers to neighbor solicitations that wait to be sent, RFC 4861 section 7.2.4: every node of a tunnel owes them (RFC 4213 section 3.8). */
import type { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { ADDRESS_LEN, IPV6_SRC } from '../wire/ipv6.js';
import { TARGET, writeNeighborAdvertisement } from '../wire/neighbor.js';
import { copy } from '../wire/octets.js';

/** Answers that wait at a time: as many as one batch of packets may ask for. */
export const MAX_ANSWERS = 256;

/** See the head of the file. */
export class NeighborAnswers {
  readonly #isRouter: boolean;
  readonly #targets = new Uint8Array(MAX_ANSWERS * ADDRESS_LEN);
  readonly #askers = new Uint8Array(MAX_ANSWERS * ADDRESS_LEN);
  /** As `Endpoint.bits`. */
  readonly #endpoints = new Int32Array(MAX_ANSWERS);
  #first = 0;
  #count = 0;

  /** `isRouter`: whether this node says that it forwards. */
  constructor(isRouter: boolean) {
    this.#isRouter = isRouter;
  }

  /** Takes the valid solicitation at `b[off..)` that came from `from`; false when too many wait. */
  take(b: Uint8Array, off: number, from: Endpoint): boolean {
    if (this.#count === MAX_ANSWERS) return false;
    const at = (this.#first + this.#count++) % MAX_ANSWERS;
    copy(b, off + TARGET, this.#targets, at * ADDRESS_LEN, ADDRESS_LEN);
    copy(b, off + IPV6_SRC, this.#askers, at * ADDRESS_LEN, ADDRESS_LEN);
    this.#endpoints[at] = from.bits;
    return true;
  }

  /** Writes the next answer into `out`, with its endpoint in `out.remote`; false when there is none. */
  poll(out: Frame): boolean {
    if (this.#count === 0) return false;
    const at = this.#first * ADDRESS_LEN;
    out.clear();
    out.end = writeNeighborAdvertisement(out.b, out.off, this.#targets, at, this.#askers, at, this.#isRouter);
    out.remote.bits = this.#endpoints[this.#first];
    this.#first = (this.#first + 1) % MAX_ANSWERS;
    this.#count--;
    return true;
  }
}
