/** The technologies of the suite. */
import { isatap } from './isatap/technology.js';
import { sixRd } from './sixrd/technology.js';
import { sixToFour } from './sixtofour/technology.js';
import type { Technology } from './technology.js';
import { teredo } from './teredo/technology.js';

export const technologies: readonly Technology[] = [sixToFour, sixRd, isatap, teredo];
