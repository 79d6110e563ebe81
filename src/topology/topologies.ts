/** Every network that comes with the product, for `lab` and `sim`. */
import { tunnelledInternet } from './internet.js';
import { isatapCampus } from './isatap.js';
import { sixRdProvider } from './sixrd.js';
import { sixToFourInternet } from './sixtofour.js';
import { teredoInternet } from './teredo.js';
import type { Topology } from './topology.js';

/** In the order in which they are listed. */
export const TOPOLOGIES: readonly Topology[] = [sixToFourInternet, sixRdProvider, isatapCampus, teredoInternet, tunnelledInternet];
