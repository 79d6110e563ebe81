/**
 * IPv4 path MTU by tunnel endpoint, RFC 4213 section 3.2.2 and RFC 1191.
 *
 * A table of fixed size, four places to a hash: a flood of forged errors costs at most the memory
 * made here, and pushes out only entries of the same row, the one that ends soonest first.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { MIN_MTU4 } from '../wire/icmp4.js';
import { IPV4_LEN } from '../wire/ipv4.js';
import { MIN_MTU } from '../wire/ipv6.js';

/** How long a learned value holds, RFC 1191 section 6.3. */
export const PATH_MTU_LIFETIME: Millis = 600_000;

const ROWS = 1024;
const WAYS = 4;

/** What to do with an inner packet, by its path. */
export const Fit = { clearDf: 0, setDf: 1, tooBig: 2 } as const;

/** Learned path MTUs. */
export class PathMtu {
  readonly #addr = new Int32Array(ROWS * WAYS);
  readonly #mtu = new Uint16Array(ROWS * WAYS);
  readonly #expires = new Float64Array(ROWS * WAYS);

  /** An error said that packets to `addr` must not exceed `mtu` octets, outer header included. Never raises a value. */
  learn(addr: number, mtu: number, now: Millis): void {
    const bits = addr | 0;
    const value = Math.max(MIN_MTU4, mtu);
    const row = rowOf(bits);
    let at = row;
    for (let i = row; i < row + WAYS; i++) {
      if (this.#addr[i] === bits && this.#expires[i] > now) {
        if (value < this.#mtu[i]) this.#set(i, bits, value, now);
        return;
      }
      if (this.#expires[i] < this.#expires[at]) at = i;
    }
    this.#set(at, bits, value, now);
  }

  /** Octets, outer header included, that reach the endpoint unfragmented; `unknown` when nothing was learned. */
  get({ bits }: Endpoint, unknown: number, now: Millis): number {
    const row = rowOf(bits);
    for (let i = row; i < row + WAYS; i++) if (this.#addr[i] === bits && this.#expires[i] > now) return this.#mtu[i];
    return unknown;
  }

  #set(i: number, bits: number, mtu: number, now: Millis): void {
    this.#addr[i] = bits;
    this.#mtu[i] = mtu;
    this.#expires[i] = now + PATH_MTU_LIFETIME;
  }
}

/** RFC 4213 section 3.2.2 for an inner packet of `innerLen` octets on a path of `pathMtu` octets. */
export function fitPath(innerLen: number, pathMtu: number): number {
  const room = pathMtu - IPV4_LEN;
  if (room < MIN_MTU) return innerLen > MIN_MTU ? Fit.tooBig : Fit.clearDf;
  return innerLen > room ? Fit.tooBig : Fit.setDf;
}

/** The MTU that a Packet Too Big names: never below 1280. */
export function advertisedMtu(pathMtu: number): number {
  return Math.max(MIN_MTU, pathMtu - IPV4_LEN);
}

function rowOf(bits: number): number {
  return (Math.imul(bits, 0x9e3779b1) >>> 22) * WAYS;
}
