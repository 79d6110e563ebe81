/** What forwards in the node while a case is measured: nothing but the kernel, XDP or a loop without any check, the daemon, or Miredo. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { labEnvironment } from '../src/lab/command.js';
import { AllocationTrace } from './allocation.js';
import { TUNNELS, type TunnelType } from './packets.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The core that the packet source leaves free. */
const CPU = 1;

/** Milliseconds between two looks at what nothing tells of, and for all of them. */
const LOOK = 20;
const PATIENCE = 15_000;

/**
 * Nothing; XDP that throws everything away, or forwards without a tunnel; the daemon with a tunnel of that type, on its fast
 * path or in its packet thread; the plainest loop; or Miredo's Teredo relay.
 */
export type Forwarder = 'none' | 'discard' | 'bare' | `${TunnelType}-xdp` | 'plain' | TunnelType | 'miredo';

const TYPES = Object.keys(TUNNELS) as TunnelType[];
/** In the order in which they take turns: XDP is near what it is measured against. */
export const FORWARDERS: readonly Forwarder[] = [
  'discard',
  'none',
  'bare',
  ...TYPES.map((type) => `${type}-xdp` as const),
  'plain',
  ...TYPES,
  'miredo',
];

/** The lines of the one `[[tunnel]]`. */
const TUNNEL: Record<TunnelType, readonly string[]> = {
  '6to4': ['role = "relay"', 'mtu = 1480'],
  '6rd': [
    'role = "border-relay"',
    'mtu = 1480',
    `prefix = "${TUNNELS['6rd'].prefix}"`,
    `ipv4-mask-length = ${TUNNELS['6rd'].ipv4MaskLength}`,
    `ipv4-prefix = "${TUNNELS['6rd'].ipv4Prefix}"`,
  ],
  isatap: ['role = "router"', 'mtu = 1480', `prefix = "${TUNNELS.isatap.prefix}"`],
  teredo: ['role = "relay"', `port = ${TUNNELS.teredo.port}`],
};

/** What carries packets of the daemon: an XDP program, or its packet thread. */
export const PATHS = ['xdp', 'worker'] as const;
export type Path = (typeof PATHS)[number];

const FAST_PATH: Record<Path, string> = {
  xdp: '[fastpath]\nmode = "native"\ninterfaces = ["v0", "v1"]\n',
  worker: '[fastpath]\nmode = "off"\n',
};

const CONFIG = (folder: string, type: TunnelType, path: Path): string => `
[node]
name     = "bench"
identity = "2001:db8:5::6404"
control  = "${folder}/control.sock"
state    = "${folder}/state"

[[tunnel]]
type  = "${type}"
local = "${TUNNELS[type].local}"
${TUNNEL[type].join('\n')}

[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]

${FAST_PATH[path]}`;

const MIREDO_DEVICE = 'teredo';
/** A relay as ours is: it believes in no cone, which is what `RelayType relay` says. */
const MIREDO_CONFIG = `RelayType relay
InterfaceName ${MIREDO_DEVICE}
BindAddress ${TUNNELS.teredo.local}
BindPort ${TUNNELS.teredo.port}
`;

/** How a program is run to be measured: on a core of its own. */
const MEASURED = ['taskset', '-c', String(CPU)];
/** The same for one of Node's, with V8's account of its collections. */
const MEASURED_NODE = [...MEASURED, process.execPath, '--trace-gc'];

/** Starts what is asked for in `namespace`; null: the kernel does it alone. Files go to `folder`. */
export function start(forwarder: Forwarder, namespace: string, folder: string): NodeProgram | null {
  switch (forwarder) {
    case 'none':
      return null;
    case 'discard':
      return new NodeProgram(namespace, [...MEASURED_NODE, ...script('bare-forwarding.ts', 'discard', 'v0')]);
    case 'bare':
      return new NodeProgram(namespace, [...MEASURED_NODE, ...script('bare-forwarding.ts', 'forward', 'v0')]);
    case 'plain':
      return new NodeProgram(namespace, [...MEASURED_NODE, ...script('plain-loop.ts')]);
    case 'miredo':
      return new NodeProgram(namespace, [...MEASURED, ...miredo(folder)], { said: 'Starting...', device: MIREDO_DEVICE });
    default:
      return new NodeProgram(namespace, [...MEASURED_NODE, ...daemon(folder, ...tunnelOf(forwarder))]);
  }
}

/** Starts the daemon as an operator would, as a 6to4 relay, with all cores to itself. */
export function startDaemon(namespace: string, folder: string, path: Path): NodeProgram {
  return new NodeProgram(namespace, [process.execPath, ...daemon(folder, '6to4', path)]);
}

function tunnelOf(forwarder: `${TunnelType}-xdp` | TunnelType): [type: TunnelType, path: Path] {
  const type = TYPES.find((one) => forwarder === `${one}-xdp`);
  return type === undefined ? [forwarder as TunnelType, 'worker'] : [type, 'xdp'];
}

/** A program of this folder, for Node. */
function script(name: string, ...args: readonly string[]): string[] {
  return ['--import', 'tsx', join(root, 'bench', name), ...args];
}

function daemon(folder: string, type: TunnelType, path: Path): string[] {
  const config = join(folder, 'tsunagi.toml');
  mkdirSync(join(folder, 'state'), { recursive: true });
  writeFileSync(config, CONFIG(folder, type, path));
  return [join(root, 'bin', 'tsunagi.js'), 'run', '--config', config];
}

function miredo(folder: string): string[] {
  const config = join(folder, 'miredo.conf');
  writeFileSync(config, MIREDO_CONFIG);
  return ['miredo', '-f', '-c', config, '-p', join(folder, 'miredo.pid')];
}

/** How a program shows that packets flow: by what it says, and by the device that is up, where it says so too early. */
interface Readiness {
  readonly said: string;
  readonly device: string | null;
}

const SAYS_READY: Readiness = { said: '"msg":"ready"', device: null };

/** A program in the node's namespace, and what it starts, until `stop`. */
export class NodeProgram {
  readonly allocations = new AllocationTrace();
  /** Milliseconds from exec to `ready`, by its own account; NaN where it gives none. */
  readyMs = Number.NaN;
  readonly #namespace: string;
  readonly #process: ChildProcess;
  readonly #readiness: Readiness;
  readonly #exited: Promise<unknown>;

  constructor(namespace: string, command: readonly string[], readiness: Readiness = SAYS_READY) {
    this.#namespace = namespace;
    this.#readiness = readiness;
    this.#process = spawn('ip', ['netns', 'exec', namespace, ...command], {
      cwd: root,
      env: labEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.allocations.add(text));
  }

  /** Resolves when packets flow; rejects with its log when it ends before. */
  async ready(): Promise<void> {
    const { said, device } = this.#readiness;
    await new Promise<void>((resolve, reject) => {
      let log = '';
      this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (!log.includes(said)) return;
        this.readyMs = Number(/"afterMs":(\d+)/.exec(log)?.[1] ?? Number.NaN);
        resolve();
      });
      this.#process.once('exit', (code) => reject(new Error(`${this.#process.spawnargs.join(' ')} ended with ${code}:\n${log}`)));
    });
    if (device !== null) await this.#routed(device);
  }

  /** Resident memory, MiB. */
  residentMiB(): number {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#process.pid}/status`, 'utf8'));
    return Number(kib?.[1] ?? Number.NaN) / 1024;
  }

  /** Processor time so far of all threads of it and of what it started, nanoseconds: the kernel's work on its behalf included. */
  processorTime(): number {
    return this.#process.pid === undefined ? Number.NaN : processorTime(String(this.#process.pid));
  }

  /** Ends it; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#exited;
  }

  /** Resolves when something is routed to `device`, which is the last that is done to it. */
  async #routed(device: string): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    const show = ['-netns', this.#namespace, '-6', 'route', 'show', 'to', 'match', '2001::/32'];
    while (!execFileSync('ip', show, { encoding: 'utf8' }).includes(` dev ${device} `)) {
      if (performance.now() > deadline) throw new Error(`nothing is routed to ${device} after ${PATIENCE / 1000} s`);
      await sleep(LOOK);
    }
  }
}

function processorTime(pid: string): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((task) => {
    const own = Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]);
    const children = readFileSync(join(tasks, task, 'children'), 'utf8')
      .split(' ')
      .filter(Boolean);
    return children.reduce((sum, child) => sum + processorTime(child), own);
  });
  return times.reduce((sum, time) => sum + time, 0);
}
