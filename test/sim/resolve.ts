/** Reads a topology's daemon configuration as the service does. */
import { formatProblem, parseConfig } from '../../src/config/load.js';
import { resolve as resolveConfig } from '../../src/daemon/resolve.js';
import type { Resolve } from '../../src/sim/world.js';

/** Throws on a configuration that is invalid: a mistake in the topology. */
export const resolve: Resolve = (toml, { name }) => {
  const { config, problems } = parseConfig(toml, `${name}.toml`);
  if (config === null) throw new Error(problems.map(formatProblem).join('\n'));
  return (facts, slots) => resolveConfig(config, facts, slots).node;
};
