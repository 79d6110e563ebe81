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
import type { Random } from '../core/random.js';
import { i32, put16, put32, u16, u32 } from '../wire/octets.js';
import { readInverted, writeInverted } from '../wire/teredo.js';
import type { Mapping } from './mapping.js';
import type { Pattern } from './pattern.js';

const SERVER = 4;
const FLAGS = 8;
const ENDPOINT = 10;
/** Random1 and Random2: twelve bits. The others of the flags are 0 in addresses that are made today. */
const RANDOM = 0x3cff;
/** The first four octets of link-local addresses; the next four are zeros. */
const LINK_LOCAL = 0xfe800000;

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

/** Whether the cone flag is set in the address at `off`, or in the link-local one of a solicitation: only servers care. */
export function isCone(b: Uint8Array, off: number): boolean {
  return (teredoFlags(b, off) & TEREDO_CONE) !== 0;
}

/** Flags for a new address, RFC 5991 section 3.1: one of 4096, which who guesses addresses does not know. */
export function drawTeredoFlags(random: Random): number {
  const octets = new Uint8Array(2);
  random(octets);
  return u16(octets, 0) & RANDOM;
}

/** The Teredo addresses that one server's clients make. */
export class Teredo implements Mapping {
  readonly #prefix: number;
  readonly #server: number;
  readonly #flags: number;

  /** `server` and `flags` are what `addressFor` writes; `endpointOf` reads addresses of any server. */
  constructor(server = 0, flags = 0, prefix: number = TEREDO_PREFIX) {
    this.#prefix = prefix | 0;
    this.#server = server | 0;
    this.#flags = flags;
  }

  /** Whether the address at `b[off..off+16)` is a Teredo address, of whatever server. */
  has(b: Uint8Array, off: number): boolean {
    return i32(b, off) === this.#prefix;
  }

  /** See {@link Mapping}: the endpoint outside the client's NAT. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean {
    if (!this.has(b, off)) return false;
    readInverted(b, off + ENDPOINT, ep);
    return true;
  }

  /** The address of the client that is seen as `ep`. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void {
    put32(b, off, this.#prefix);
    put32(b, off + SERVER, this.#server);
    put16(b, off + FLAGS, this.#flags);
    writeInverted(b, off + ENDPOINT, ep);
  }

  /** The same as data, but for the port. */
  get pattern(): Pattern {
    const bits = new Uint8Array(16);
    put32(bits, 0, this.#prefix);
    return { bits, mask: new Uint8Array(16).fill(0xff, 0, SERVER), at: 8 * (ENDPOINT + 2), commonLen: 0, common: 0, inverted: true };
  }
}

/**
 * Link-local addresses for qualification, RFC 4380 sections 4 and 5.3.2: a client's is made of its local endpoint, a
 * server's of its own address, port 3544 and the cone flag. Only written: who receives one takes any link-local address.
 */
export function teredoLinkLocal(flags: number): Pick<Mapping, 'addressFor'> {
  return new Teredo(0, flags, LINK_LOCAL);
}
