/** Every network that comes with the product, for `lab` and `sim`. */
import { sixToFourInternet } from './sixtofour.js';
import type { Topology } from './topology.js';

/** In the order in which they are listed. */
export const TOPOLOGIES: readonly Topology[] = [sixToFourInternet];
