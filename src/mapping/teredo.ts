/**
 * Teredo, RFC 4380 section 4: the address carries the client's server and the endpoint that its NAT gave it.
 *
 *   0        4        8       10      12           16 octets
 *   | prefix | server | flags | ~port | ~IPv4      |
 *
 * Port and address are stored inverted, so that a NAT which rewrites addresses found in payloads
 * leaves them alone; the server is not. The flags are `C z Random1(4) U G Random2(8)` (RFC 5991
 * section 3.1): random, so a peer is compared by its whole address and found by the last six octets.
 */
import type { Endpoint } from '../core/endpoint.js';
import { put16, put32, u16, u32 } from '../wire/octets.js';
import type { Mapping } from './mapping.js';

const SERVER = 4;
const FLAGS = 8;
const PORT = 10;
const IPV4 = 12;

/** The first four octets of every address, RFC 4380 section 2.6. */
export const TEREDO_PREFIX = 0x20010000;
/** The flag of a client that believes itself behind a cone NAT; RFC 5991 section 3.2 sets it no more. */
export const TEREDO_CONE = 0x8000;

/** IPv4 address of the client's server, an unsigned 32-bit number. */
export function teredoServer(b: Uint8Array, off: number): number {
  return u32(b, off + SERVER);
}

/** The flags, 16 bits. */
export function teredoFlags(b: Uint8Array, off: number): number {
  return u16(b, off + FLAGS);
}

/** The Teredo addresses that one server's clients make. */
export class Teredo implements Mapping {
  readonly #prefix: number;
  readonly #server: number;
  readonly #flags: number;

  /** `server` and `flags` are what `addressFor` writes; `endpointOf` reads addresses of any server. */
  constructor(server = 0, flags = 0, prefix: number = TEREDO_PREFIX) {
    this.#prefix = prefix;
    this.#server = server;
    this.#flags = flags;
  }

  /** See {@link Mapping}: the endpoint outside the client's NAT. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean {
    if (u32(b, off) !== this.#prefix) return false;
    ep.port = u16(b, off + PORT) ^ 0xffff;
    ep.addr = ~u32(b, off + IPV4) >>> 0;
    return true;
  }

  /** The address of the client that is seen as `ep`. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void {
    put32(b, off, this.#prefix);
    put32(b, off + SERVER, this.#server);
    put16(b, off + FLAGS, this.#flags);
    put16(b, off + PORT, ~ep.port);
    put32(b, off + IPV4, ~ep.addr);
  }
}
