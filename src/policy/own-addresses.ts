/**
 * Packets that would come back: RFC 6324 section 3.3.
 *
 * An address that carries one of this node's own IPv4 addresses, in any format that can be told
 * without configuration, leads back here through some tunnel. 6rd addresses cannot be recognised
 * (RFC 6324 section 4 item 5), and private addresses mean something only inside a domain that is
 * configured (section 3.3.1): the role that owns the domain looks for those itself.
 */

import { Endpoint } from '../core/endpoint.js';
import { sixToFour } from '../mapping/sixrd.js';
import { u32 } from '../wire/octets.js';

/** The node's IPv4 addresses. */
export class OwnAddresses {
  readonly #addrs: readonly number[];
  readonly #endpoint = new Endpoint();

  /** `addrs`: every IPv4 address of the node. */
  constructor(addrs: readonly number[]) {
    this.#addrs = addrs;
  }

  /** True when `addr` is one of them. */
  has(addr: number): boolean {
    const addrs = this.#addrs;
    for (let i = 0; i < addrs.length; i++) if (addrs[i] === addr) return true;
    return false;
  }

  /** True when the IPv6 address at `b[off..)` carries one of them: as 6to4, ISATAP (either u bit) or Teredo. */
  carriedBy(b: Uint8Array, off: number): boolean {
    if ((u32(b, off + 8) & 0xfdffffff) === 0x00005efe && this.has(u32(b, off + 12))) return true;
    if (u32(b, off) === 0x20010000) return this.has(~u32(b, off + 12) >>> 0);
    return sixToFour.endpointOf(b, off, this.#endpoint) && this.has(this.#endpoint.addr);
  }
}
