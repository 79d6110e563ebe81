/** Chance as the protocol core sees it: an argument, never a call. */

/** Fills `into` with unpredictable octets (or, in the simulator, with seeded ones). */
export type Random = (into: Uint8Array) => void;
