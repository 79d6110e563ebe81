/** Chance as a number, from the octets of an injected source. Cold: it allocates. */
import type { Random } from '../core/random.js';
import { u32 } from '../wire/octets.js';

/** A number from `least` to below `most`, by chance. */
export function chanceWithin(random: Random, least: number, most: number): number {
  const octets = new Uint8Array(4);
  random(octets);
  return least + ((most - least) * u32(octets, 0)) / 2 ** 32;
}
