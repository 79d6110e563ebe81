/**
 * A network for tests of the service: a 6to4 host, a relay, and an IPv6 address behind the relay.
 *
 *   host 192.0.2.10 ---- cable ---- 192.0.2.1 relay (192.88.99.1)   2001:db8:80::80 on its loopback
 *
 * The services are real ones, started from the executable. Whatever a test leaves is ended here.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test as base } from 'vitest';
import { Namespace, withoutNamespaces } from '../linux/namespace.js';

/** The executable of the package. */
export const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));
/** Milliseconds that anything may take before a test gives up on it. */
const PATIENCE = 10_000;

/** Address behind the relay. */
export const FAR = '2001:db8:80::80';
/** Addresses of the host and the relay, on one cable. */
export const HOST = '192.0.2.10';
export const RELAY = '192.0.2.1';

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string };

/** One run of the executable. */
export class Run {
  readonly child: ChildProcess;
  /** Lines of the log so far. */
  readonly log: LogLine[] = [];
  /** What else was written on stderr. */
  readonly complaints: string[] = [];
  /** Resolves with exit status and signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly #waiting = new Set<() => void>();

  constructor(namespace: Namespace | null, args: readonly string[], wrapper: readonly string[] = []) {
    const enter = namespace === null ? [] : ['nsenter', `--net=${namespace.path}`];
    const [program, ...rest] = [...enter, ...wrapper, process.execPath, EXECUTABLE, ...args];
    this.child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (this.child.stderr === null) throw new Error('no stderr');
    createInterface(this.child.stderr).on('line', (line) => this.#read(line));
    this.ended = new Promise((resolve) => this.child.once('close', (status, signal) => resolve(status ?? signal)));
    void this.ended.then(() => this.#wake());
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('not started');
    return this.child.pid;
  }

  /** The first line with this message, from the `since`-th line on; waits for it, and fails when the process ends or patience does. */
  async line(message: string, since = 0): Promise<LogLine> {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const found = this.log.slice(since).find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`no line "${message}" in:\n${[...this.log.map((line) => JSON.stringify(line)), ...this.complaints].join('\n')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Asks it to stop and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    this.child.kill(signal);
    return this.ended;
  }

  #read(line: string): void {
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.complaints.push(line);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Echoes to the far address, all the time, so that a lost packet shows. */
export class Echoes {
  readonly #ping: ChildProcess;
  #text = '';

  constructor(namespace: Namespace, intervalSeconds: number) {
    const args = [`--net=${namespace.path}`, 'ping', '-6', '-n', '-q', '-i', String(intervalSeconds), FAR];
    this.#ping = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ping.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk;
    });
  }

  /** Ends them, and says how many were sent and how many answered. The last one does not count when its answer was still to come. */
  async stop(): Promise<{ sent: number; received: number }> {
    const ended = new Promise((resolve) => this.#ping.once('close', resolve));
    this.#ping.kill('SIGINT');
    await ended;
    const counts = /(\d+) packets transmitted, (\d+) received/.exec(this.#text);
    if (counts === null) throw new Error(`ping said: ${this.#text}`);
    const received = Number(counts[2]);
    return { sent: Math.max(Number(counts[1]) - 1, received), received };
  }
}

/** Both machines, and a folder for their files. */
export class Network {
  readonly host = new Namespace();
  readonly relay = new Namespace();
  readonly folder = mkdtempSync(join(tmpdir(), 'tsunagi-daemon-'));
  readonly #runs: Run[] = [];
  readonly #namespaces = [this.host, this.relay];

  constructor() {
    if (!existsSync(join(EXECUTABLE, '../../dist/bundle/main.js'))) throw new Error('not built: run `node scripts/setup.mjs`');
    this.exec(this.host, `ip link add tdmh type veth peer name tdmr netns ${this.relay.path}`);
    const ends = [
      [this.host, 'tdmh', HOST, 'fe80::a'],
      [this.relay, 'tdmr', RELAY, 'fe80::b'],
    ] as const;
    for (const [namespace, device] of ends) {
      this.exec(namespace, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0');
      this.exec(namespace, `sysctl -qw net.ipv4.conf.${device}.promote_secondaries=1`);
      this.exec(namespace, `ip link set ${device} addrgenmode none up`);
    }
    for (const [namespace, device, ipv4, ipv6] of ends) {
      this.exec(namespace, `ip address add ${ipv4}/24 dev ${device}`);
      this.exec(namespace, `ip address add ${ipv6}/64 dev ${device} nodad`);
    }
    // A cable is ready a moment after its ends are up; what the kernel adds by itself then is there when this is answered.
    this.exec(this.host, 'ping -6 -q -c 1 -w 5 fe80::b%tdmh');
    this.exec(this.host, `ip route add default via ${RELAY}`);
    this.exec(this.relay, 'sysctl -qw net.ipv6.conf.all.forwarding=1');
    this.exec(this.relay, `ip address add ${FAR}/128 dev lo`);
  }

  /** Runs a command, its words without spaces, and returns what it prints. Throws when it fails. */
  exec(namespace: Namespace, command: string): string {
    return execFileSync('nsenter', [`--net=${namespace.path}`, ...command.split(' ')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE,
    });
  }

  /** The path of a file in the folder of this network. */
  file(name: string): string {
    return join(this.folder, name);
  }

  /** Writes the configuration of a node; control socket and state are named for it. */
  configure(name: string, toml: string, node = ''): string {
    const file = this.file(`${name}.toml`);
    const head = `[node]\nname = "${name}"\ncontrol = "${this.file(`${name}.sock`)}"\nstate = "${this.file(`${name}.state`)}"\n${node}\n`;
    writeFileSync(file, `${head}\n${toml}\n[policy]\nallow-ipv4 = ["192.0.2.0/24"]\n`);
    return file;
  }

  /** A machine on a LAN of the host's, which is a router then: it takes its address from advertisements. The LAN is tdml there; `before` is done in the same run of ip. */
  addLan(before: readonly string[] = []): Namespace {
    const pc = new Namespace();
    this.#namespaces.push(pc);
    const lines = [
      ...before,
      `link add tdml type veth peer name tdmp netns ${pc.path}`,
      'link set tdml addrgenmode none up',
      'address add fe80::c/64 dev tdml nodad',
    ];
    execFileSync('nsenter', [`--net=${this.host.path}`, 'ip', '-batch', '-'], { input: lines.join('\n'), timeout: PATIENCE });
    this.exec(this.host, 'sysctl -qw net.ipv6.conf.all.forwarding=1');
    this.exec(pc, 'sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.tdmp.accept_dad=0 net.ipv6.conf.tdmp.accept_ra=2');
    this.exec(pc, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.tdmp.disable_ipv6=0');
    this.exec(pc, 'ip link set tdmp up');
    return pc;
  }

  /** Starts the executable. */
  run(namespace: Namespace | null, args: readonly string[], wrapper: readonly string[] = []): Run {
    const run = new Run(namespace, args, wrapper);
    this.#runs.push(run);
    return run;
  }

  /** Starts a service and waits until it is ready. */
  async service(namespace: Namespace, config: string): Promise<Run> {
    const run = this.run(namespace, ['run', '--config', config]);
    await run.line('ready');
    return run;
  }

  /** The host and the relay as they are used in most tests. */
  async services(): Promise<{ host: Run; relay: Run; hostConfig: string; relayConfig: string }> {
    const hostConfig = this.configure('host', HOST_TUNNEL);
    const relayConfig = this.configure('relay', RELAY_TUNNEL, 'identity = "2001:db8:0:b000:192:88:99:1"');
    const [host, relay] = await Promise.all([this.service(this.host, hostConfig), this.service(this.relay, relayConfig)]);
    return { host, relay, hostConfig, relayConfig };
  }

  /** Speaks to the service of `config` and returns what it answers as JSON; throws when it fails. */
  ask(config: string, ...args: readonly string[]): unknown {
    return JSON.parse(
      execFileSync(process.execPath, [EXECUTABLE, ...args, '--json', '--config', config], { encoding: 'utf8', timeout: PATIENCE }),
    );
  }

  /** Runs the executable to its end. */
  async tsunagi(...args: readonly string[]): Promise<{ status: number | NodeJS.Signals | null; stderr: string }> {
    const run = this.run(null, args);
    const status = await run.ended;
    return { status, stderr: run.complaints.join('\n') };
  }

  /** True when a machine reaches the far address: one echo, answered within the time that a busy machine may take. */
  reaches(namespace = this.host): boolean {
    try {
      this.exec(namespace, `ping -6 -n -c 1 -W 5 ${FAR}`);
      return true;
    } catch {
      return false;
    }
  }

  /** What a service may change on a host, as text to be compared. */
  snapshot(namespace: Namespace): string {
    const commands = ['ip -o address', 'ip route show table all', 'ip -6 route show table all', 'ip rule', 'ip -6 rule'];
    // The numbers of interfaces are left out: one that is made again gets another.
    return commands.map((command) => this.exec(namespace, command).replace(/^\d+: /gm, '')).join('\n');
  }

  /** Ends what still runs and removes everything. */
  async close(): Promise<void> {
    for (const run of this.#runs) run.child.kill('SIGKILL');
    await Promise.all(this.#runs.map((run) => run.ended));
    for (const namespace of this.#namespaces) namespace.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** The tunnel of the host. */
export const HOST_TUNNEL = `
[[tunnel]]
name = "home"
type = "6to4"
role = "host"
mtu  = 1480
`;

/** The tunnel of the relay. */
export const RELAY_TUNNEL = `
[[tunnel]]
name   = "relay"
type   = "6to4"
role   = "relay"
local  = "192.88.99.1"
accept = ["${RELAY}"]
mtu    = 1480
`;

/** A tunnel that disturbs no other: it sets nothing on the host. */
export const SIDE_TUNNEL = `
[[tunnel]]
name = "side"
type = "6to4"
role = "host"
local = "${HOST}"
interface = "tunside"
configure = false
`;

/** The text of a file. */
export const read = (file: string): string => readFileSync(file, 'utf8');

/** Resident memory of a process, KiB. */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** A test with a network of its own; without root it is skipped, with the reason. */
export const test = base.extend<{ net: Network }>({
  net: async ({ skip }, use) => {
    const reason = withoutNamespaces();
    if (reason !== null) skip(reason);
    const net = new Network();
    await use(net);
    await net.close();
  },
});
