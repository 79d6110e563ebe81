/**
 * Packets that would come back: RFC 6324 section 3.3.
 *
 * An address that carries one of this node's own IPv4 addresses, in any format that can be told
 * without configuration, leads back here through some tunnel. Foreign 6rd addresses cannot be
 * recognised (RFC 6324 section 4 item 5), and private addresses mean something only inside a domain
 * that is configured (section 3.3.1): in those of the node's own tunnels all of its addresses count.
 */

import { Endpoint } from '../core/endpoint.js';
import type { Mapping } from '../mapping/mapping.js';
import { sixToFour } from '../mapping/sixrd.js';
import { in4, type Prefix4 } from '../wire/address.js';
import { i32 } from '../wire/octets.js';

/** Ranges whose addresses belong to many nodes at once: RFC 1918, shared space, loopback, link-local. */
const NOT_UNIQUE: readonly Prefix4[] = [
  { addr: 0x0a000000, len: 8 },
  { addr: 0x64400000, len: 10 },
  { addr: 0x7f000000, len: 8 },
  { addr: 0xa9fe0000, len: 16 },
  { addr: 0xac100000, len: 12 },
  { addr: 0xc0a80000, len: 16 },
];

/** The node's IPv4 addresses. They may become others under those who ask. */
export class OwnAddresses {
  #addrs = new Int32Array();
  /** Those that mean this node wherever they are met. */
  #unique = new Int32Array();
  #domains: readonly Mapping[] = [];
  #own6 = new OwnAddresses6([]);
  readonly #carried = new Endpoint();

  /** See {@link become}. */
  constructor(addrs: readonly number[], domains: readonly Mapping[] = [], own6 = new OwnAddresses6([])) {
    this.become(addrs, domains, own6);
  }

  /** `addrs`: every IPv4 address of the node; `domains`: those of its tunnels; `own6`: its IPv6 addresses, which lead nowhere else. */
  become(addrs: readonly number[], domains: readonly Mapping[], own6: OwnAddresses6): void {
    this.#addrs = Int32Array.from(addrs);
    this.#domains = domains;
    this.#own6 = own6;
    this.#unique = this.#addrs.filter((addr) => !NOT_UNIQUE.some((prefix) => in4(addr, prefix)));
  }

  /** True when the address of `ep` is one of them. */
  has(ep: Endpoint): boolean {
    return holds(this.#addrs, ep.bits);
  }

  /**
   * True when the IPv6 address at `b[off..)` carries one of them and is not the node's own: as 6to4, ISATAP (either u bit)
   * or Teredo one of the unique ones, in a domain of the node any.
   */
  carriedBy(b: Uint8Array, off: number): boolean {
    return (this.#isCarried(b, off) || this.#isCarriedInDomain(b, off)) && !this.#own6.has(b, off);
  }

  #isCarriedInDomain(b: Uint8Array, off: number): boolean {
    const domains = this.#domains;
    for (let i = 0; i < domains.length; i++)
      if (domains[i].endpointOf(b, off, this.#carried) && holds(this.#addrs, this.#carried.bits)) return true;
    return false;
  }

  #isCarried(b: Uint8Array, off: number): boolean {
    const unique = this.#unique;
    if ((i32(b, off + 8) & 0xfdffffff) === 0x00005efe && holds(unique, i32(b, off + 12))) return true;
    if (i32(b, off) === 0x20010000) return holds(unique, ~i32(b, off + 12));
    return sixToFour.endpointOf(b, off, this.#carried) && holds(unique, this.#carried.bits);
  }
}

function holds(addrs: Int32Array, addr: number): boolean {
  for (let i = 0; i < addrs.length; i++) if (addrs[i] === addr) return true;
  return false;
}

const WORDS = 4;

/** IPv6 addresses of the node. */
export class OwnAddresses6 {
  readonly #words: Int32Array;

  /** `addresses`: sixteen octets each. */
  constructor(addresses: readonly Uint8Array[]) {
    this.#words = Int32Array.from(addresses.flatMap((address) => [0, 4, 8, 12].map((off) => i32(address, off))));
  }

  /** True when the address at `b[off..)` is one of them. */
  has(b: Uint8Array, off: number): boolean {
    const words = this.#words;
    for (let i = 0; i < words.length; i += WORDS) {
      const samePrefix = words[i] === i32(b, off) && words[i + 1] === i32(b, off + 4);
      if (samePrefix && words[i + 2] === i32(b, off + 8) && words[i + 3] === i32(b, off + 12)) return true;
    }
    return false;
  }
}
