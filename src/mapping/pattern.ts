/** A mapping as data: for whoever has to read addresses without its code, the fast path. */

/**
 * An address belongs to the mapping when it is `bits` under `mask`; then the 32 bits from bit `at` on, moved right by
 * `commonLen`, beside `common`, are the IPv4 address. They may reach beyond the address: what is there moves out.
 */
export interface Pattern {
  /** Sixteen octets; zero where `mask` is. */
  readonly bits: Uint8Array;
  /** Sixteen octets. */
  readonly mask: Uint8Array;
  /** 0..128. */
  readonly at: number;
  /** Leading bits that all IPv4 addresses have in common, 0..32. */
  readonly commonLen: number;
  /** Those bits, the rest zero: an unsigned 32-bit number. */
  readonly common: number;
  /** True: the IPv4 address is stored inverted. */
  readonly inverted: boolean;
}
