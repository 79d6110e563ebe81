/** Time as the protocol core sees it: an argument, never a call. */

/** Milliseconds on a monotonic clock; its zero means nothing. A caller never lets it decrease. */
export type Millis = number;
