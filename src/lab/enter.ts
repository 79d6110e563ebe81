/** Commands of a user in a node of a lab: same terminal, same directory, same exit status. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Exit, Failure } from '../daemon/failure.js';
import { labEnvironment } from './command.js';
import { hostsFile } from './lab.js';
import { inNamespace } from './network.js';
import { namespaceOf } from './plan.js';
import type { LabRecord } from './record.js';

/** Names of nodes stand for their addresses, where $1 can be put in place of /etc/hosts. $0 is who complains of a command that there is not. */
const WITH_HOSTS = 'mount --bind "$1" /etc/hosts 2>/dev/null; shift; exec "$@"';

/** The command line that runs `command` in a node from outside. A Failure when the lab has no such node. */
export function enterCommand(run: string, record: LabRecord, node: string, command: readonly string[]): string[] {
  const namespace = namespaceOf(record.id, node);
  if (!record.namespaces.includes(namespace)) {
    const nodes = record.namespaces.map((name) => name.slice(namespaceOf(record.id, '').length)).join(', ');
    throw new Failure(Exit.usage, `lab ${record.id} has no node "${node}": expected one of ${nodes}`);
  }
  const inside = inNamespace(namespace, ['sh', '-c', WITH_HOSTS, 'tsunagi', hostsFile(join(run, record.id)), ...command]);
  if (!record.isPrivate) return inside;
  return ['nsenter', '--preserve-credentials', '--user', '--mount', '--wd=.', '--target', String(record.keeper.pid), ...inside];
}

/** Runs a command line with this process's own input and output. Resolves with its exit status as a shell tells it: 128 and its number for a signal. */
export async function runThrough(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const child = spawn(command[0], command.slice(1), { stdio: 'inherit', env: { ...env, PATH: labEnvironment().PATH } });
  // Ctrl-C reaches the command by itself, in the same foreground group; what is sent to us alone is passed on.
  const ignore = (): void => {};
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, ignore);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) => reject(new Failure(Exit.failed, `${command[0]} cannot be run: ${cause.message}`, { cause })));
      child.once('exit', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.off(signal, ignore);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, pass);
  }
}
