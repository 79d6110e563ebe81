/**
 * The types of tunnel. Each has a file of its own with its roles, its keys, its own checks and what
 * they become; a further technology is one more entry here.
 */
import * as z from 'zod';
import { isatap } from './isatap.js';
import { tableDocs } from './keys.js';
import { vary } from './read.js';
import { sixRd } from './sixrd.js';
import { sixToFour } from './sixtofour.js';
import { teredo } from './teredo.js';
import { MOST_TUNNELS, type TunnelType, TYPES, tunnelKeys } from './tunnel-keys.js';

/** The types of this version. */
export const TUNNEL_TYPES: Readonly<Record<(typeof TYPES)[number], TunnelType>> = { '6to4': sixToFour, '6rd': sixRd, isatap, teredo };

/** A `[[tunnel]]` whose type is not known: what all types share is read, the rest cannot be judged. */
export const tunnelTable = z
  .looseObject(tunnelKeys)
  .register(tableDocs, { about: `One tunnel, of at most ${MOST_TUNNELS}. All types have these keys.` });

vary(tunnelTable, 'type', new Map(TYPES.map((type) => [type, TUNNEL_TYPES[type].table])));
