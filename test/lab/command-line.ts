/** The executable as a user runs it, with a run directory of its own so that tests see no other labs. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
/** Milliseconds that one command may take. */
const PATIENCE = 110_000;

/** Why labs cannot be tested here; null when they can. */
export function withoutLabs(): string | null {
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  if (spawnSync('unshare', ['--net', 'true']).status !== 0) return 'this kernel or container makes no network namespaces';
  if (!existsSync(BUNDLE)) return 'the executable is not built: npm run build';
  const missing = ['ethtool', 'tcpdump', 'ping'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return missing.length === 0 ? null : `${missing.join(', ')} not installed`;
}

/** What a command did. */
export interface Result {
  readonly status: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run directory and the commands that use it. */
export class Labs {
  readonly run = mkdtempSync(join(tmpdir(), 'tsunagi-lab-test-'));

  /** `tsunagi lab …` to its end, run by `wrapper` if there is one. */
  lab(args: readonly string[], input = '', wrapper: readonly string[] = []): Result {
    const [program, ...rest] = [...wrapper, process.execPath, EXECUTABLE, 'lab', ...args];
    const { status, signal, stdout, stderr } = spawnSync(program, rest, {
      env: this.#environment,
      input,
      encoding: 'utf8',
      timeout: PATIENCE,
    });
    return { status: status ?? signal, stdout, stderr };
  }

  /** `tsunagi lab …` beside the test, run by `wrapper` if there is one. */
  start(args: readonly string[], wrapper: readonly string[] = []): ChildProcess {
    const [program, ...rest] = [...wrapper, process.execPath, EXECUTABLE, 'lab', ...args];
    return spawn(program, rest, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** `lab up`, and the id of the lab. */
  up(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.lab(['up', ...args, '--json']);
    if (status !== 0) throw new Error(`lab up: ${stderr}`);
    return (JSON.parse(stdout) as { id: string }).id;
  }

  /** The labs that run, as `lab list` sees them. */
  list(): {
    id: string;
    network: string;
    purpose: string;
    state: string;
    pid: number;
    programs: { kind: string; node: string; pid: number; running: boolean }[];
  }[] {
    return JSON.parse(this.lab(['list', '--json']).stdout).labs;
  }

  /** Removes what a test has left. */
  close(): void {
    chownSync(this.run, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    for (const { id } of this.list()) this.lab(['down', id]);
    rmSync(this.run, { recursive: true, force: true });
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TSUNAGI_LAB_DIR: this.run };
  }
}

/** The user `nobody`, for whom the TUN device is as udev makes it, whatever it is here. */
export class OrdinaryUser {
  /** Why there can be none here; null when there can. */
  readonly reason: string | null;
  /** Runs a command as that user. */
  readonly wrapper: readonly string[];

  /** `run` becomes theirs; `mode` is that of the TUN device. */
  constructor(run: string, mode = 0o666) {
    const device = `tun=$(mktemp -u) && mknod -m ${mode.toString(8)} "$tun" c 10 200 && mount --bind "$tun" /dev/net/tun && rm "$tun"`;
    const become = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
    this.wrapper = ['unshare', '--mount', 'sh', '-c', `${device} && exec ${become} "$0" "$@"`];
    chownSync(run, 65534, 65534);
    const [program, ...rest] = [
      ...this.wrapper,
      'unshare',
      '--user',
      '--map-root-user',
      '--net',
      '--mount',
      process.execPath,
      '--check',
      EXECUTABLE,
    ];
    const { status, stderr } = spawnSync(program, rest, { encoding: 'utf8' });
    this.reason =
      status === 0
        ? null
        : `the user nobody can have no user namespace here, or cannot read this checkout: ${stderr.trim().split('\n').at(-1)}`;
  }
}

/** Namespaces on this machine that belong to the lab `id`. */
export function namespacesOf(id: string): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0])
    .filter((name) => name.startsWith(`tsn-${id}-`));
}
