/** The real daemon on a node: the topology's configuration, completed for the lab it runs in. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatProblem, parseConfig } from '../config/load.js';
import { Exit, Failure } from '../daemon/failure.js';
import type { TopologyNode } from '../topology/topology.js';
import type { ProgramOptions } from './program.js';

/** The executable that this file is part of, from sources and bundled alike. */
export const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));

/** Paths of a node in the directory of its lab. */
export interface NodeFiles {
  readonly directory: string;
  readonly config: string;
  readonly log: string;
  /** Control socket of its daemon. */
  readonly control: string;
}

/** Where the files of `node` are. */
export function nodeFiles(lab: string, node: string): NodeFiles {
  const directory = join(lab, node);
  return { directory, config: join(directory, 'tsunagi.toml'), log: join(directory, 'log'), control: join(directory, 'control.sock') };
}

/** Adds the node's name, control socket and state directory to a configuration that names none of them. */
export function completeConfig(toml: string, name: string, directory: string): string {
  const keys = Object.entries({ name, control: join(directory, 'control.sock'), state: join(directory, 'state') })
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
  const table = /^\[node\][^\n]*\n/m.exec(toml);
  if (table === null) return `[node]\n${keys}${toml}`;
  const after = table.index + table[0].length;
  return toml.slice(0, after) + keys + toml.slice(after);
}

/** Adds a fast path on all interfaces of a node to a configuration without one; where there can be none, packet threads do it all. */
export function withFastPath(toml: string, { interfaces }: TopologyNode): string {
  return `${toml}\n[fastpath]\ninterfaces = ${JSON.stringify(interfaces.map(({ name }) => name))}\n`;
}

/** Writes the configuration of a node's daemon and says how to run it. A Failure when the topology's configuration is invalid. */
export function daemonProgram(lab: string, namespace: string, node: TopologyNode, toml: string): ProgramOptions {
  const { directory, config, log } = nodeFiles(lab, node.name);
  const text = completeConfig(toml, node.name, directory);
  const loaded = parseConfig(text, config);
  if (loaded.config === null) {
    throw new Failure(Exit.configuration, `the configuration of node "${node.name}" is invalid`, {
      details: loaded.problems.map(formatProblem),
    });
  }
  mkdirSync(join(directory, 'state'), { recursive: true });
  writeFileSync(config, text);
  return {
    kind: 'daemon',
    place: node.name,
    namespace,
    command: [process.execPath, EXECUTABLE, 'run', '--config', config],
    log,
    isReady: saysReady,
  };
}

/** Whether a line of a JSON log has the message `ready`. */
export function saysReady(line: string): boolean {
  try {
    return (JSON.parse(line) as { msg?: unknown }).msg === 'ready';
  } catch {
    return false;
  }
}
