/**
 * Which router leads to a destination off the link: the route with the longest prefix, then the one
 * that is preferred, RFC 4191 section 3.2; a default router is a route of length 0. Made anew whenever
 * something was learned, and read for every packet.
 */
import { isatapBits } from '../mapping/isatap.js';
import { mask6, type Prefix6 } from '../wire/address.js';
import { i32 } from '../wire/octets.js';
import { PREFERENCE } from './advertised-link.js';
import type { Learned } from './role.js';

const WORDS = 4;
const EVERYTHING: Prefix6 = { addr: new Uint8Array(16), len: 0 };

/** See the head of the file. */
export class NextHops {
  /** By rank: address of the router, and its endpoint as `Endpoint.bits`. */
  readonly routers: readonly Uint8Array[];
  readonly endpoints: Int32Array;
  readonly #words: Int32Array;
  readonly #masks: Int32Array;

  constructor({ routers, routes }: Learned) {
    const all = [
      ...routes.map(({ prefix, router, preference }) => ({ prefix, router, preference })),
      // In the order in which they are used already: reachable ones first.
      ...routers.map(({ address }) => ({ prefix: EVERYTHING, router: address, preference: 'high' as const })),
    ];
    // The sort is stable: of equals the earlier one stays first.
    all.sort((a, b) => b.prefix.len - a.prefix.len || PREFERENCE[a.preference] - PREFERENCE[b.preference]);
    this.routers = all.map(({ router }) => router);
    this.endpoints = Int32Array.from(all, ({ router }) => isatapBits(router, 0));
    const word = [0, 1, 2, 3];
    this.#masks = Int32Array.from(all.flatMap(({ prefix }) => word.map((i) => mask6(prefix.len, i))));
    this.#words = Int32Array.from(all.flatMap(({ prefix }) => word.map((i) => i32(prefix.addr, 4 * i)))).map((w, i) => w & this.#masks[i]);
  }

  /** The next best route, from the `first`-th on, that leads to the address at `b[off..)`; -1 when there is no further one. */
  match(b: Uint8Array, off: number, first: number): number {
    const words = this.#words;
    const masks = this.#masks;
    for (let i = first; i < this.endpoints.length; i++) {
      const at = i * WORDS;
      if (((i32(b, off) ^ words[at]) & masks[at]) !== 0 || ((i32(b, off + 4) ^ words[at + 1]) & masks[at + 1]) !== 0) continue;
      if (((i32(b, off + 8) ^ words[at + 2]) & masks[at + 2]) !== 0) continue;
      if (((i32(b, off + 12) ^ words[at + 3]) & masks[at + 3]) === 0) return i;
    }
    return -1;
  }
}
