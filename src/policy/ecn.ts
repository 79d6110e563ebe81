/** Explicit congestion notification through a tunnel, RFC 6040. */

import { Drop } from '../core/drop.js';
import { setEcn6 } from '../wire/ipv6.js';

/** The two bits, RFC 3168 section 5. */
export const Ecn = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const;

/** Marks an unlawful combination in the table below. */
const DROP = 4;

/**
 * The outgoing field by inner (row) and outer (column) field, RFC 6040 figure 4, columns in the
 * order of the bits: Not-ECT, ECT(1), ECT(0), CE.
 */
const OUTGOING = Uint8Array.of(
  ...[Ecn.notEct, Ecn.notEct, Ecn.notEct, DROP],
  ...[Ecn.ect1, Ecn.ect1, Ecn.ect1, Ecn.ce],
  ...[Ecn.ect0, Ecn.ect1, Ecn.ect0, Ecn.ce],
  ...[Ecn.ce, Ecn.ce, Ecn.ce, Ecn.ce],
);

/**
 * Merges the outer field into the inner packet at `b[off..)` when a header is taken off.
 * `ecn_congestion` when congestion was experienced by a packet that cannot carry the news.
 */
export function mergeEcn(b: Uint8Array, off: number, outerTos: number): number {
  const outer = outerTos & 3;
  // Almost every packet: an egress in compatibility mode sends no ECN, and nothing changes.
  if (outer === Ecn.notEct) return Drop.none;
  const inner = (b[off + 1] >>> 4) & 3;
  const outgoing = OUTGOING[inner * 4 + outer];
  if (outgoing === DROP) return Drop.ecn_congestion;
  setEcn6(b, off, outgoing);
  return Drop.none;
}
