/** A configuration file as this host can have it: read, resolved against the facts, every problem found. */
import type { Config } from '../config/config.js';
import { formatProblem, type Loaded, loadConfig, type Problem } from '../config/load.js';
import { addressesIn } from '../config/names.js';
import { type Findings, type HostFacts, NO_FINDINGS, type NodeSpec } from '../engine/spec.js';
import { readFacts } from '../linux/facts.js';
import { Exit, Failure, reasonOf } from './failure.js';
import { resolve, withoutLeases } from './resolve.js';

/** A valid configuration, and the node that it makes of this host at this moment. */
export interface Configuration {
  readonly config: Config;
  readonly facts: HostFacts;
  readonly node: NodeSpec;
  /** Warnings: the node works without what they ask for. */
  readonly warnings: readonly string[];
  /** Resolves it again, against facts and findings that may have changed. Throws a Failure when the facts cannot be read. */
  again(slots: ReadonlyMap<string, number>, found: Findings): Configuration;
}

/** What became of a file: `configuration` is null when a problem is an error. */
export interface ReadConfiguration {
  readonly configuration: Configuration | null;
  readonly problems: readonly Problem[];
}

/**
 * Reads `file` and the facts of the host. `slots` are the places of the tunnels that exist already, `found` is what they have
 * found out by asking. Throws a Failure when the facts cannot be read.
 */
export function readConfiguration(file: string, slots: ReadonlyMap<string, number>, found: Findings): ReadConfiguration {
  const loaded = loadConfig(file);
  const { config } = loaded;
  if (config === null) return { configuration: null, problems: loaded.problems };
  return resolveOnHost(loaded, config, slots, factsFor(config, found));
}

/** The same, for those who cannot go on without: a Failure carries every problem. */
export function requireConfiguration(file: string, slots: ReadonlyMap<string, number>, found: Findings): Configuration {
  const { configuration, problems } = readConfiguration(file, slots, found);
  if (configuration !== null) return configuration;
  throw invalid(file, problems);
}

/**
 * The node of `file` on a host that has every address the file names, and has found out nothing: for those
 * who ask what it would do, wherever they ask. Throws a Failure that carries every problem.
 */
export function hypotheticalNode(file: string): NodeSpec {
  const loaded = loadConfig(file);
  if (loaded.config === null) throw invalid(file, loaded.problems);
  const facts = factsFor(loaded.config, NO_FINDINGS);
  const named = loaded.config.tunnels.flatMap(addressesIn);
  const missing = named.filter((addr) => facts.ipv4.every((address) => address.addr !== addr));
  const ipv4 = [...facts.ipv4, ...missing.map((addr) => ({ addr, len: 32, interface: 'lo' }))];
  const { node, problems } = resolve(loaded.config, { ...facts, ipv4 }, new Map());
  if (problems.some(({ severity }) => severity === 'error')) throw invalid(file, problems.map(loaded.place));
  return node;
}

function invalid(file: string, problems: readonly Problem[]): Failure {
  return new Failure(Exit.configuration, `${file} is invalid`, { details: problems.map(formatProblem) });
}

function resolveOnHost(loaded: Loaded, config: Config, slots: ReadonlyMap<string, number>, facts: HostFacts): ReadConfiguration {
  const { node, problems } = resolve(config, facts, slots);
  const all = [...loaded.problems, ...problems.map(loaded.place)].sort((a, b) => a.line - b.line || a.column - b.column);
  if (all.some((problem) => problem.severity === 'error')) return { configuration: null, problems: all };
  const again = (places: ReadonlyMap<string, number>, found: Findings): Configuration => {
    const { configuration, problems: said } = resolveOnHost(loaded, config, places, withoutLeases(factsFor(config, found), node));
    if (configuration === null)
      throw new Failure(Exit.failed, 'the host has changed so that its configuration is invalid', { details: said.map(formatProblem) });
    return configuration;
  };
  return { configuration: { config, facts, node, warnings: all.map(formatProblem), again }, problems: all };
}

function factsFor(config: Config, found: Findings): HostFacts {
  try {
    return readFacts(new Set(config.tunnels.flatMap((tunnel) => tunnel.interface ?? [])), found);
  } catch (cause) {
    throw new Failure(Exit.failed, `cannot read the addresses of this host: ${reasonOf(cause)}`, { cause });
  }
}
