/** `sim`: the networks of the lab in one process, in virtual time, without privileges. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { formatProblem, parseConfig } from '../../config/load.js';
import { Exit, Failure } from '../../daemon/failure.js';
import { resolve as resolveConfig } from '../../daemon/resolve.js';
import { checkPath, type PathReport } from '../../sim/path-check.js';
import { SimulationError } from '../../sim/simulation-error.js';
import { type Resolve, World } from '../../sim/world.js';
import { TOPOLOGIES } from '../../topology/topologies.js';
import type { Topology } from '../../topology/topology.js';
import { jsonOption, wholeNumber } from '../argument.js';
import { columns, type Io, paint } from '../io.js';

/** Virtual seconds in which a network settles before its paths are checked. */
const DEFAULT_SECONDS = 10;

/** `sim list` and `sim run`. */
export function simCommand(io: Io): Command {
  return new Command('sim').addCommand(listCommand(io)).addCommand(runCommand(io));
}

/** Exit status: 0. */
function listCommand(io: Io): Command {
  return new Command('list')
    .description('list the networks')
    .addOption(jsonOption('print JSON, one object a network'))
    .action(({ json = false }: { json?: boolean }) => {
      const rows = TOPOLOGIES.map(({ name, title, nodes, links, paths }) => ({
        name,
        title,
        nodes: nodes.length,
        links: links.length,
        paths: paths.length,
      }));
      if (json) for (const row of rows) io.out(JSON.stringify(row));
      else for (const line of columns(rows.map((row) => [row.name, row.title.en]))) io.out(line);
    });
}

interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly loss?: number;
  readonly capture?: string;
  readonly json?: boolean;
}

/** Exit status: 0 every path works, 1 one does not. */
function runCommand(io: Io): Command {
  return new Command('run')
    .description('build a network in memory and check every path')
    .addArgument(new Argument('<name>', 'network').choices(TOPOLOGIES.map(({ name }) => name)))
    .addOption(new Option('--seed <n>', 'the same seed lives the same life').argParser(wholeNumber(0, 0xffffffff)).default(1))
    .addOption(
      new Option('--seconds <n>', 'virtual seconds before the paths are checked')
        .argParser(wholeNumber(0, 86_400))
        .default(DEFAULT_SECONDS),
    )
    .addOption(new Option('--loss <share>', 'share of packets that every link loses, 0 to 1').argParser(share))
    .addOption(new Option('--capture <dir>', 'write what went over each link to DIR/<link>.pcap'))
    .addOption(jsonOption())
    .action((name: string, options: RunOptions) => {
      const topology = TOPOLOGIES.find((candidate) => candidate.name === name);
      if (topology === undefined) throw new Failure(Exit.usage, `no network "${name}"`);
      const { world, reports } = simulate(topology, options);
      if (options.capture !== undefined) writeCaptures(world, options.capture);
      if (options.json === true) io.out(JSON.stringify(summary(world, options.seed, reports)));
      else print(io, world, options.seed, reports);
      const broken = reports.filter(({ works }) => !works).length;
      if (broken > 0) throw new Failure(Exit.failed, `${broken} of ${reports.length} paths do not work`);
    });
}

function simulate(
  topology: Topology,
  { seed, seconds, loss }: RunOptions,
): { readonly world: World; readonly reports: readonly PathReport[] } {
  try {
    const world = new World(topology, { resolve, seed });
    if (loss !== undefined) for (const link of world.links.values()) link.impair({ loss });
    world.run(seconds * 1000);
    return { world, reports: topology.paths.map((path) => checkPath(world, path)) };
  } catch (cause) {
    if (cause instanceof SimulationError) throw new Failure(Exit.failed, `simulation of "${topology.name}": ${cause.message}`, { cause });
    throw cause;
  }
}

/** Reads a node's configuration as the service does. */
const resolve: Resolve = (toml, { name }) => {
  const { config, problems } = parseConfig(toml, `${name}.toml`);
  if (config === null)
    throw new Failure(Exit.configuration, `the configuration of node "${name}" is invalid`, { details: problems.map(formatProblem) });
  return (facts, slots) => resolveConfig(config, facts, slots).node;
};

function writeCaptures(world: World, dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
    for (const name of world.links.keys()) writeFileSync(join(dir, `${name}.pcap`), world.capture(name));
  } catch (cause) {
    throw new Failure(Exit.failed, `captures cannot be written to "${dir}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function print(io: Io, world: World, seed: number, reports: readonly PathReport[]): void {
  const heading = ['path', 'answers', 'round trip', 'relays in use', ''].map((word) => paint(io, 'bold', word));
  for (const line of columns([heading, ...reports.map((report) => rowOf(io, report))])) io.out(line);
  io.err(`${world.topology.title.en}: seed ${seed}, ${world.now / 1000} s of virtual time, digest ${world.digest()}`);
}

function rowOf(io: Io, { path, sent, received, roundTrip, relays, works }: PathReport): string[] {
  return [
    path.title.en,
    `${received}/${sent}`,
    roundTrip === null ? '-' : `${roundTrip.median} ms`,
    relays.length === 0 ? 'none' : relays.map(({ node, address }) => `${node} (${address})`).join(', '),
    works ? paint(io, 'green', 'works') : paint(io, 'red', 'does not work'),
  ];
}

/** What `--json` prints; keys are stable. */
function summary(world: World, seed: number, reports: readonly PathReport[]): object {
  return {
    network: world.topology.name,
    seed,
    virtualSeconds: world.now / 1000,
    digest: world.digest(),
    paths: reports.map(({ path, sent, received, roundTrip, relays, works }) => ({
      from: path.from,
      to: path.to,
      title: path.title,
      sent,
      received,
      roundTripMilliseconds: roundTrip,
      relayed: path.relayed,
      relay: relays.at(0) ?? null,
      relays,
      works,
    })),
  };
}

function share(text: string): number {
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a share from 0 to 1, such as 0.05.');
  return value;
}
