/** Programs that are run to their end: what they print, and what they say when they fail. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Exit, Failure } from '../daemon/failure.js';

/** How one run ended. */
export interface Run {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Octets of output that are kept of a run. */
const MAX_OUTPUT = 1 << 20;
/** Milliseconds for a run that names no bound. */
const PATIENCE = 20_000;
/** Debian's packages for what a lab needs. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  ethtool: 'ethtool',
  nft: 'nftables',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
};

/** The environment of what a lab runs: an ordinary user's PATH leaves out where ip lives, and output is to be read by programs. */
export function labEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`, LC_ALL: 'C.UTF-8' };
}

/** A Failure that names what is not installed of `programs`, and how to get it. */
export function requirePrograms(programs: readonly string[]): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program] ?? program))].join(' ');
  throw new Failure(Exit.failed, `${missing.join(', ')} not found; on Debian: apt-get install ${packages}`);
}

/** Whether a program is to be found. */
export function isInstalled(program: string): boolean {
  return (labEnvironment().PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program to its end. `input` goes to its stdin; after `patience` milliseconds it is killed. */
export async function run(
  command: readonly string[],
  { input = '', patience = PATIENCE }: { readonly input?: string; readonly patience?: number } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { env: labEnvironment(), timeout: patience, killSignal: 'SIGKILL' });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        if (output[stream].length < MAX_OUTPUT) output[stream] += text;
      });
    }
    child.once('error', (cause) => reject(new Failure(Exit.failed, `${command[0]} cannot be run: ${cause.message}`, { cause })));
    child.once('close', (status, signal) => resolve({ status: status ?? signal ?? 'SIGKILL', ...output }));
    child.stdin.on('error', () => {}); // it ended without reading: its status says why
    child.stdin.end(input);
  });
}

/** Runs a program that has to succeed, and returns what it prints. A Failure tells what it said instead. */
export async function must(
  command: readonly string[],
  options: { readonly input?: string; readonly patience?: number } = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(command, options);
  if (status === 0) return stdout;
  throw new Failure(Exit.failed, `"${command.join(' ')}" failed (${status}): ${(stderr || stdout).trim()}`);
}

/** Runs a program to its end while nothing else can happen, for a process that is about to end itself. Returns what it prints. */
export function runNow(command: readonly string[], input = ''): string {
  const { stdout } = spawnSync(command[0], command.slice(1), { input, encoding: 'utf8', env: labEnvironment(), timeout: PATIENCE });
  return stdout ?? '';
}
