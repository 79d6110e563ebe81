/** What forwards in the node while a case is measured: nothing but the kernel, a loop without any check, or the daemon. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AllocationTrace } from './allocation.js';
import { TUNNELS, type TunnelType } from './packets.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The core that the packet source leaves free. */
const CPU = 1;

/** In the order in which they take turns. */
export const FORWARDERS = ['none', 'plain', '6to4', '6rd', 'isatap'] as const;
/** Nothing, the plainest loop, or the daemon with a tunnel of that type. */
export type Forwarder = (typeof FORWARDERS)[number];

/** The lines of the one `[[tunnel]]`. */
const TUNNEL: Record<TunnelType, readonly string[]> = {
  '6to4': ['role = "relay"'],
  '6rd': [
    'role = "border-relay"',
    `prefix = "${TUNNELS['6rd'].prefix}"`,
    `ipv4-mask-length = ${TUNNELS['6rd'].ipv4MaskLength}`,
    `ipv4-prefix = "${TUNNELS['6rd'].ipv4Prefix}"`,
  ],
  isatap: ['role = "router"', `prefix = "${TUNNELS.isatap.prefix}"`],
};

const CONFIG = (folder: string, type: TunnelType): string => `
[node]
name     = "bench"
identity = "2001:db8:5::6404"
control  = "${folder}/control.sock"
state    = "${folder}/state"

[[tunnel]]
type  = "${type}"
local = "${TUNNELS[type].local}"
mtu   = 1480
${TUNNEL[type].join('\n')}

[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

/** On a core of its own, with V8's account of its collections: how a program is run to be measured. */
const MEASURED = ['taskset', '-c', String(CPU), process.execPath, '--trace-gc'];

/** Starts what is asked for in `namespace`; null: the kernel does it alone. Files go to `folder`. */
export function start(forwarder: Forwarder, namespace: string, folder: string): NodeProgram | null {
  switch (forwarder) {
    case 'none':
      return null;
    case 'plain':
      return new NodeProgram(namespace, [...MEASURED, '--import', 'tsx', join(root, 'bench', 'plain-loop.ts')]);
    default:
      return new NodeProgram(namespace, [...MEASURED, ...daemon(folder, forwarder)]);
  }
}

/** Starts the daemon as an operator would, as a 6to4 relay, with all cores to itself. */
export function startDaemon(namespace: string, folder: string): NodeProgram {
  return new NodeProgram(namespace, [process.execPath, ...daemon(folder, '6to4')]);
}

function daemon(folder: string, type: TunnelType): string[] {
  const config = join(folder, 'tsunagi.toml');
  mkdirSync(join(folder, 'state'), { recursive: true });
  writeFileSync(config, CONFIG(folder, type));
  return [join(root, 'bin', 'tsunagi.js'), 'run', '--config', config];
}

/** A program of Node's in a namespace, until `stop`. */
export class NodeProgram {
  readonly allocations = new AllocationTrace();
  /** Milliseconds from exec to `ready`, by its own account; NaN where it gives none. */
  readyMs = Number.NaN;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(namespace: string, command: readonly string[]) {
    this.#process = spawn('ip', ['netns', 'exec', namespace, ...command], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.allocations.add(text));
  }

  /** Resolves when packets flow; rejects with its log when it ends before. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      let log = '';
      this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (!log.includes('"msg":"ready"')) return;
        this.readyMs = Number(/"afterMs":(\d+)/.exec(log)?.[1] ?? Number.NaN);
        resolve();
      });
      this.#process.once('exit', (code) => reject(new Error(`${this.#process.spawnargs.join(' ')} ended with ${code}:\n${log}`)));
    });
  }

  /** Resident memory, MiB. */
  residentMiB(): number {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#process.pid}/status`, 'utf8'));
    return Number(kib?.[1] ?? Number.NaN) / 1024;
  }

  /** Processor time of all its threads so far, nanoseconds: the kernel's work on its behalf included. */
  processorTime(): number {
    const tasks = `/proc/${this.#process.pid}/task`;
    const times = readdirSync(tasks).map((task) => Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]));
    return times.reduce((sum, time) => sum + time, 0);
  }

  /** Ends it; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#exited;
  }
}
