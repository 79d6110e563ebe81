/**
 * Packets without end for the fuzz test, all from one seed: octets by chance, packets of the vectors with
 * something changed, and packets put together from addresses that matter. Written in place, so that a
 * million of them cost a few seconds.
 */

/** Longest packet, octets. */
export const LONGEST = 1600;

/** Chance from a seed: xorshift, 32 bits. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An integer, 0 to `below` - 1. */
  below(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % below;
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  readonly fill = (into: Uint8Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = this.below(256);
  };
}

/** Values of an octet at which code decides. */
const EDGES = Uint8Array.of(
  0,
  1,
  2,
  4,
  5,
  0x0f,
  0x10,
  0x20,
  0x29,
  0x2b,
  0x2c,
  0x3a,
  0x3c,
  0x40,
  0x45,
  0x46,
  0x4f,
  0x60,
  0x7f,
  0x80,
  0xbf,
  0xc0,
  0xe0,
  0xf0,
  0xfe,
  0xff,
);
/** Where headers have their fields: offsets in a packet from either side. */
const FIELDS = 64;

/** Makes packets. */
export class PacketSource {
  readonly #chance: Chance;
  readonly #corpus: readonly Uint8Array[];

  /** `corpus`: packets to start from. */
  constructor(chance: Chance, corpus: readonly Uint8Array[]) {
    this.#chance = chance;
    this.#corpus = corpus;
  }

  /** Writes one into `b` and returns its length. */
  next(b: Uint8Array): number {
    const chance = this.#chance;
    if (chance.oneIn(10)) return this.#octets(b);
    let len = this.#pick(b, 0);
    const changes = chance.below(5);
    for (let i = 0; i < changes; i++) len = this.#change(b, len);
    return len;
  }

  #octets(b: Uint8Array): number {
    const len = this.#chance.oneIn(20) ? this.#chance.below(LONGEST) : this.#chance.below(130);
    for (let i = 0; i < len; i++) b[i] = this.#chance.below(256);
    return len;
  }

  /** Copies a packet of the corpus to `b[at..)` and returns its end. */
  #pick(b: Uint8Array, at: number): number {
    const packet = this.#corpus[this.#chance.below(this.#corpus.length)];
    const len = Math.min(packet.length, LONGEST - at);
    for (let i = 0; i < len; i++) b[at + i] = packet[i];
    return at + len;
  }

  #change(b: Uint8Array, len: number): number {
    const chance = this.#chance;
    const at = chance.below(Math.min(Math.max(len, 1), FIELDS));
    switch (chance.below(9)) {
      case 0:
        b[at] = chance.below(256);
        return Math.max(len, at + 1);
      case 1:
        b[at] = EDGES[chance.below(EDGES.length)];
        return Math.max(len, at + 1);
      case 2:
        b[at] ^= 1 << chance.below(8);
        return Math.max(len, at + 1);
      case 3: // cut
        return chance.below(len + 1);
      case 4: // longer
        return this.#lengthen(b, len);
      case 5: // the rest of another packet
        return this.#pick(b, at);
      case 6: // four octets from somewhere to somewhere: addresses, mostly
        for (let i = 0; i < 4 && at + i < len; i++) b[at + i] = b[chance.below(2) * 12 + i];
        return len;
      case 7: // the length fields say something else
        b[chance.oneIn(2) ? 3 : 25] = chance.below(256);
        return Math.max(len, 26);
      default: // the whole becomes the payload of a new head
        b.copyWithin(40, 0, Math.min(len, LONGEST - 40));
        return Math.max(this.#pick(b, 0), Math.min(len + 40, LONGEST));
    }
  }

  #lengthen(b: Uint8Array, len: number): number {
    const end = Math.min(LONGEST, len + this.#chance.below(64));
    for (let i = len; i < end; i++) b[i] = this.#chance.below(256);
    return end;
  }
}
