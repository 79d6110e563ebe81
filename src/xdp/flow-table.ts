/**
 * Flows of Teredo relays, as a packet thread keeps them in the map that the program reads: see `FLOW` in `layout.ts`.
 *
 * A flow ends by itself when its client falls silent, and is then only in the way: with each one that is opened a few others
 * are looked at, and taken out when they have ended. Where there is no room the client stays with the packet thread.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Flows } from '../core/flows.js';

import { close } from '../linux/libc.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { copy } from '../wire/octets.js';
import { CLIENT, FLOW, FLOW_SILENCE } from './layout.js';
import { libbpf } from './libbpf.js';

const HEARD = FLOW.offsets.get('heard') ?? 0;
const SENT = FLOW.offsets.get('sent') ?? 0;
const ENDPOINT = FLOW.offsets.get('endpoint') ?? 0;
const PORT = FLOW.offsets.get('port') ?? 0;
const SLOT = CLIENT.offsets.get('slot') ?? 0;

const NANOSECONDS = 1e6;
const WORD = 2 ** 32;
/** Others that are looked at when one is opened. */
const SWEPT = 2;
const SILENCE: Millis = FLOW_SILENCE * 1000;

/** All flows; those of one tunnel are had by `of`. Times are of the kernel's monotonic clock, in milliseconds. */
export class FlowTable {
  #fd: number | null = null;
  readonly #key = new Uint8Array(CLIENT.size);
  readonly #keyView = new DataView(this.#key.buffer);
  readonly #flow = new Uint8Array(FLOW.size);
  readonly #view = new DataView(this.#flow.buffer);
  /** Where the next look begins: the key before. */
  readonly #cursor = new Uint8Array(CLIENT.size);
  readonly #next = new Uint8Array(CLIENT.size);

  /** Descriptor of the map from now on, which is this table's to close; null: there is none. */
  become(fd: number | null): void {
    if (this.#fd !== null) close(this.#fd);
    this.#fd = fd;
  }

  /** The flows of the tunnel at a place of the counter rows. */
  of(slot: number): Flows {
    return {
      open: (b, off, at, now) => this.#open(slot, b, off, at, now),
      close: (b, off) => {
        if (this.#fd !== null) libbpf().remove(this.#fd, this.#keyOf(slot, b, off));
      },
      heard: (b, off) => this.#heard(slot, b, off),
      clear: () => this.#clear(slot),
    };
  }

  #open(slot: number, b: Uint8Array, off: number, at: Endpoint, now: Millis): void {
    if (this.#fd === null) return;
    this.#sweep(this.#fd, now);
    this.#flow.fill(0);
    this.#putTime(HEARD, now);
    this.#putTime(SENT, 0);
    this.#view.setInt32(ENDPOINT, at.bits);
    this.#view.setUint16(PORT, at.port);
    libbpf().update(this.#fd, this.#keyOf(slot, b, off), this.#flow, 0);
  }

  #heard(slot: number, b: Uint8Array, off: number): Millis {
    const isKnown = this.#fd !== null && libbpf().lookup(this.#fd, this.#keyOf(slot, b, off), this.#flow) >= 0;
    return isKnown ? this.#timeAt(HEARD) : Number.NEGATIVE_INFINITY;
  }

  #clear(slot: number): void {
    if (this.#fd === null) return;
    const found: Uint8Array[] = [];
    for (let from: Uint8Array | null = null; libbpf().nextKey(this.#fd, from, this.#next) >= 0; from = found[found.length - 1])
      found.push(this.#next.slice());
    for (const key of found) if (new DataView(key.buffer).getUint32(SLOT, true) === slot) libbpf().remove(this.#fd, key);
  }

  /** Looks at a few flows behind the cursor. */
  #sweep(fd: number, now: Millis): void {
    for (let i = 0; i < SWEPT; i++) {
      if (libbpf().nextKey(fd, this.#cursor, this.#next) < 0) {
        this.#cursor.fill(0);
        return;
      }
      // From a key that is not there the kernel goes to the first: the cursor stays on one that is.
      if (libbpf().lookup(fd, this.#next, this.#flow) >= 0 && now - this.#timeAt(HEARD) >= SILENCE) libbpf().remove(fd, this.#next);
      else this.#cursor.set(this.#next);
    }
  }

  #keyOf(slot: number, b: Uint8Array, off: number): Uint8Array {
    copy(b, off, this.#key, 0, ADDRESS_LEN);
    this.#keyView.setUint32(SLOT, slot, true);
    return this.#key;
  }

  #putTime(at: number, time: Millis): void {
    const nanoseconds = time * NANOSECONDS;
    this.#view.setUint32(at, nanoseconds % WORD, true);
    this.#view.setUint32(at + 4, nanoseconds / WORD, true);
  }

  #timeAt(at: number): Millis {
    return (this.#view.getUint32(at + 4, true) * WORD + this.#view.getUint32(at, true)) / NANOSECONDS;
  }
}
