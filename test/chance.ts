/** Chance for tests that want the same again. */

/** Octets from a seed: a linear congruence, the upper bits of it. */
export function seeded(seed: number): (into: Uint8Array) => void {
  let state = seed >>> 0;
  return (into) => {
    for (let i = 0; i < into.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      into[i] = state >>> 24;
    }
  };
}
