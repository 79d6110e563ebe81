/**
 * 6rd, RFC 5969 section 4: the IPv4 address of a customer edge, without the bits all of them share,
 * follows the provider's prefix. 6to4 (RFC 3056 section 2) is the domain 2002::/16 with all 32 bits.
 *
 *   | 6rd prefix (prefixLen bits) | IPv4 without its first ipv4MaskLen bits | subnet | interface id |
 *   |<--------------- delegated prefix, delegatedLen bits ---------------->|
 */
import type { Endpoint } from '../core/endpoint.js';
import { mask4, mask6, type Prefix6 } from '../wire/address.js';
import { i32, put32 } from '../wire/octets.js';
import type { Mapping } from './mapping.js';
import type { Pattern } from './pattern.js';

/** One 6rd domain. */
export class SixRd implements Mapping {
  readonly prefix: Prefix6;
  /** Leading bits that all IPv4 addresses of the domain share and that addresses leave out, 0..32. */
  readonly ipv4MaskLen: number;
  /** Bits in a delegated prefix. */
  readonly delegatedLen: number;
  /** The shared leading bits, the rest zero: an unsigned 32-bit number. */
  readonly common: number;
  readonly #prefixLen: number;
  /** `common`, signed, as `Endpoint.bits`. */
  readonly #common: number;
  readonly #carriedLen: number;
  /** The prefix and its mask in words; the first, which most packets are decided by, once more beside them. */
  readonly #words = new Int32Array(4);
  readonly #masks = new Int32Array(4);
  readonly #firstWord: number;
  readonly #firstMask: number;

  /**
   * `common` is any IPv4 address of the domain; its first `ipv4MaskLen` bits are the shared ones.
   * Throws a RangeError when the embedded bits do not fit behind the prefix.
   */
  constructor(prefix: Prefix6, ipv4MaskLen = 0, common = 0) {
    const delegatedLen = prefix.len + 32 - ipv4MaskLen;
    if (ipv4MaskLen < 0 || ipv4MaskLen > 32) throw new RangeError(`IPv4MaskLen ${ipv4MaskLen}: expected 0 to 32`);
    if (delegatedLen > 128)
      throw new RangeError(`prefix of ${prefix.len} bits and ${32 - ipv4MaskLen} bits of IPv4: expected at most 128 together`);
    this.prefix = prefix;
    this.ipv4MaskLen = ipv4MaskLen;
    this.delegatedLen = delegatedLen;
    this.#carriedLen = 32 - ipv4MaskLen;
    this.#prefixLen = prefix.len;
    this.#common = common & mask4(ipv4MaskLen);
    this.common = this.#common >>> 0;
    for (let i = 0; i < 4; i++) {
      this.#masks[i] = mask6(prefix.len, i);
      this.#words[i] = i32(prefix.addr, 4 * i) & this.#masks[i];
    }
    this.#firstWord = this.#words[0];
    this.#firstMask = this.#masks[0];
  }

  /** See {@link Mapping}; `ep.port` becomes 0, protocol 41 has none. */
  endpointOf(b: Uint8Array, off: number, ep: Endpoint): boolean {
    if (((i32(b, off) ^ this.#firstWord) & this.#firstMask) !== 0) return false;
    if (this.#prefixLen > 32 && !this.#hasLongPrefix(b, off)) return false;
    ep.port = 0;
    ep.bits = this.#common | (this.#carriedLen === 0 ? 0 : this.#bitsAfterPrefix(b, off) >>> this.ipv4MaskLen);
    return true;
  }

  /** The delegated prefix of `ep`, zero-filled to sixteen octets. */
  addressFor(ep: Endpoint, b: Uint8Array, off: number): void {
    for (let i = 0; i < 4; i++) put32(b, off + 4 * i, this.#words[i]);
    if (this.#carriedLen === 0) return;
    const carried = (ep.addr << this.ipv4MaskLen) >>> 0;
    const word = this.prefix.len >>> 5;
    const shift = this.prefix.len & 31;
    put32(b, off + 4 * word, this.#words[word] | (carried >>> shift));
    if (shift !== 0 && word < 3) put32(b, off + 4 * word + 4, carried << (32 - shift));
  }

  /** The same as data. */
  get pattern(): Pattern {
    const mask = new Uint8Array(16);
    for (let i = 0; i < 4; i++) put32(mask, 4 * i, this.#masks[i]);
    return { bits: this.prefix.addr, mask, at: this.#prefixLen, commonLen: this.ipv4MaskLen, common: this.common, inverted: false };
  }

  /** Compares a prefix of more than 32 bits behind its first word. */
  #hasLongPrefix(b: Uint8Array, off: number): boolean {
    for (let i = 1; i < 4; i++) if (((i32(b, off + 4 * i) ^ this.#words[i]) & this.#masks[i]) !== 0) return false;
    return true;
  }

  /** The 32 bits that follow the prefix, signed; the upper `carriedLen` of them are IPv4. */
  #bitsAfterPrefix(b: Uint8Array, off: number): number {
    const word = off + ((this.#prefixLen >>> 5) << 2);
    const shift = this.#prefixLen & 31;
    const high = i32(b, word);
    return shift === 0 ? high : (high << shift) | (word < off + 12 ? i32(b, word + 4) >>> (32 - shift) : 0);
  }
}

/** The well-known 6to4 prefix 2002::/16, RFC 3056 section 2. */
export const SIXTOFOUR_PREFIX: Prefix6 = { addr: Uint8Array.of(0x20, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), len: 16 };

/** 6to4: the 6rd domain that everybody shares. */
export const sixToFour = new SixRd(SIXTOFOUR_PREFIX);
