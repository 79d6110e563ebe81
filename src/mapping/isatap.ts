/**
 * ISATAP, RFC 5214 section 6.1: the IPv4 address is the lower half of the interface identifier.
 *
 *   0                8                12               16 octets
 *   | on-link prefix | 0000 00ug 00 5e fe | IPv4 address |
 *
 * `u` says that the IPv4 address is globally unique; receivers recognise both values, and `g` is 0.
 * Only an identifier behind the on-link prefix is an ISATAP address (section 3).
 */
import type { Endpoint } from '../core/endpoint.js';
import { i32, put32 } from '../wire/octets.js';
import type { Mapping } from './mapping.js';
import type { Pattern } from './pattern.js';

/** Octets in an on-link prefix. */
export const ISATAP_PREFIX_LEN = 8;
/** The prefix of link-local addresses, fe80::/64: eight octets. */
export const ISATAP_LINK_LOCAL: Uint8Array = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0);

/** Offset of the interface identifier in an address. */
const ID = 8;
/** Offset of the IPv4 address in an address. */
const IPV4 = 12;
/** The identifier's first half: the IANA OUI 00-00-5E and the octet that says that IPv4 follows. */
const MARK = 0x00005efe;
/** The u bit in the identifier's first half. */
const UNIVERSAL = 0x02000000;

/** True when the address at `b[off..off+16)` has an ISATAP interface identifier, whatever its prefix. */
export function hasIsatapId(b: Uint8Array, off: number): boolean {
  return (i32(b, off + ID) & ~UNIVERSAL) === MARK;
}

/** The u bit: whether the sender knows its IPv4 address to be globally unique. */
export function isUniversal(b: Uint8Array, off: number): boolean {
  return (i32(b, off + ID) & UNIVERSAL) !== 0;
}

/** The IPv4 address in an ISATAP interface identifier, an unsigned 32-bit number. */
export function isatapIpv4(b: Uint8Array, off: number): number {
  return isatapBits(b, off) >>> 0;
}

/** The same as `Endpoint.bits`: signed, for the packet path. */
export function isatapBits(b: Uint8Array, off: number): number {
  return i32(b, off + IPV4);
}

/** The ISATAP addresses behind one on-link /64. */
export class Isatap implements Mapping {
  readonly #high: number;
  readonly #low: number;
  readonly #unique: (addr: number) => boolean;

  /** `prefix`: the eight octets of the on-link /64; `unique`: whether an IPv4 address is known to be globally unique. */
  constructor(prefix: Uint8Array, unique: (addr: number) => boolean) {
    if (prefix.length !== ISATAP_PREFIX_LEN) throw new RangeError(`prefix of ${prefix.length} octets: expected ${ISATAP_PREFIX_LEN}`);
    this.#high = i32(prefix, 0);
    this.#low = i32(prefix, 4);
    this.#unique = unique;
  }

  /** See {@link Mapping}; `ep.port` becomes 0, protocol 41 has none. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean {
    if (i32(b, off) !== this.#high || i32(b, off + 4) !== this.#low || !hasIsatapId(b, off)) return false;
    ep.bits = isatapBits(b, off);
    ep.port = 0;
    return true;
  }

  /** The address of `ep`, its u bit set when the IPv4 address is globally unique. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void {
    put32(b, off, this.#high);
    put32(b, off + 4, this.#low);
    put32(b, off + ID, this.#unique(ep.addr) ? MARK | UNIVERSAL : MARK);
    put32(b, off + IPV4, ep.bits);
  }

  /** The same as data. */
  get pattern(): Pattern {
    const bits = new Uint8Array(16);
    const mask = new Uint8Array(16).fill(0xff, 0, IPV4);
    put32(bits, 0, this.#high);
    put32(bits, 4, this.#low);
    put32(bits, ID, MARK);
    put32(mask, ID, ~UNIVERSAL);
    return { bits, mask, at: 8 * IPV4, commonLen: 0, common: 0, inverted: false };
  }
}
