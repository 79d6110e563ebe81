/**
 * What one packet thread moves, beside the kernel's plain IPv6 forwarding over the same cables.
 *
 * The real daemon runs as a relay in the middle of three namespaces; a source in the kernel sends one
 * packet over and over from the first, and what arrives in the third is counted. Cases take turns, so
 * that a noisy machine is noisy for all of them; what is compared is the ratio within a round. The source
 * sends as fast as it can, so each figure is what gets through under overload.
 *
 *   npm run bench [-- --rounds N] [--seconds N] [--octets N] [--json FILE]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AllocationTrace } from './allocation.js';
import { BenchNetwork } from './network.js';
import { type PacketKind, packet } from './packets.js';
import { type BenchReport, type CaseResult, performancePage, reportTable } from './report.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The source has one core, the daemon the other: what each does in the kernel on behalf of a packet counts as its own. */
const SOURCE_CPU = 0;
const DAEMON_CPU = 1;
/** Seconds of each case before a started daemon is measured. */
const WARM_UP = 1;

interface Case {
  readonly name: string;
  readonly title: string;
  readonly kind: PacketKind;
  /** Where arriving packets are counted. */
  readonly counted: readonly [namespace: string, device: string];
  /** Whether the daemon runs. */
  readonly daemon: boolean;
}

const CASES: readonly Case[] = [
  { name: 'source', title: 'packet source alone, into the node', kind: 'discarded', counted: ['node', 'v0'], daemon: false },
  { name: 'kernel', title: 'kernel, plain IPv6 forwarding', kind: 'ipv6', counted: ['sink', 'v1'], daemon: false },
  { name: 'encapsulate', title: 'worker, IPv6 to 6to4', kind: 'to-6to4', counted: ['sink', 'v1'], daemon: true },
  { name: 'decapsulate', title: 'worker, 6to4 to IPv6', kind: 'from-6to4', counted: ['sink', 'v1'], daemon: true },
];

const CONFIG = (folder: string): string => `
[node]
name     = "bench"
identity = "2001:db8:5::6404"
control  = "${folder}/control.sock"
state    = "${folder}/state"

[[tunnel]]
type  = "6to4"
role  = "relay"
local = "192.88.99.1"
mtu   = 1480

[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

/** The daemon in the node's namespace, until `stop`. */
class Daemon {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly allocations = new AllocationTrace();
  /** Milliseconds from exec to `ready`. */
  readyAfter = Number.NaN;

  constructor(namespace: string, folder: string) {
    const config = join(folder, 'tsunagi.toml');
    writeFileSync(config, CONFIG(folder));
    mkdirSync(join(folder, 'state'), { recursive: true });
    const command = ['netns', 'exec', namespace, 'taskset', '-c', String(DAEMON_CPU), process.execPath];
    const args = ['--trace-gc', join(root, 'bin', 'tsunagi.js'), 'run', '--config', config];
    this.#process = spawn('ip', [...command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.allocations.add(text));
  }

  /** Resolves when packets flow; rejects with the daemon's log when it ends before. */
  ready(): Promise<void> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      let log = '';
      this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (!/"msg":"ready"/.test(log)) return;
        if (Number.isNaN(this.readyAfter)) this.readyAfter = performance.now() - began;
        resolve();
      });
      this.#process.once('exit', (code) => reject(new Error(`the daemon ended with ${code}:\n${log}`)));
    });
  }

  /** Resident memory, MiB. */
  residentMiB(): number {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#process.pid}/status`, 'utf8'));
    return Number(kib?.[1] ?? Number.NaN) / 1024;
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#exited;
  }
}

/** Runs the source for `seconds`; answers with packets a second that were sent, and that were counted at the case's place. */
async function measure(net: BenchNetwork, item: Case, seconds: number, octets: number): Promise<{ sent: number; arrived: number }> {
  const before = net.received(...item.counted);
  const source = spawn(
    'ip',
    [
      'netns',
      'exec',
      net.namespace('source'),
      'taskset',
      '-c',
      String(SOURCE_CPU),
      process.execPath,
      '--import',
      'tsx',
      join(root, 'bench', 'packet-source.ts'),
      'v0',
      packet(item.kind, octets, net.mac('node', 'v0')),
      String(seconds),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: root },
  );
  let text = '';
  source.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const code = await new Promise((resolve) => source.once('exit', resolve));
  if (code !== 0) throw new Error(`the packet source ended with ${code}`);
  const { sent, seconds: took } = JSON.parse(text) as { sent: number; seconds: number };
  return { sent: sent / took, arrived: (net.received(...item.counted) - before) / took };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      octets: { type: 'string', default: '104' },
      json: { type: 'string', default: join(root, 'bench', 'results', 'forwarding.json') },
      page: { type: 'string' },
    },
  });
  const [rounds, seconds, octets] = [values.rounds, values.seconds, values.octets].map(Number);
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-bench-'));
  const net = new BenchNetwork(`tsb-${process.pid}`);
  const results: CaseResult[] = CASES.map(({ name, title }) => ({ name, title, sent: [], arrived: [] }));
  const loadBefore = loadavg()[0];
  const memory: number[] = [];
  let allocated = 0;
  let carried = 0;
  const starts: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const daemonRuns of [false, true]) {
        const daemon = daemonRuns ? new Daemon(net.namespace('node'), folder) : null;
        if (daemon !== null) {
          await daemon.ready();
          starts.push(daemon.readyAfter);
          memory.push(daemon.residentMiB());
          // Both directions run until they are compiled: what is measured is the long run.
          for (const item of CASES) if (item.daemon) await measure(net, item, WARM_UP, octets);
          daemon.allocations.restart();
        }
        try {
          for (const [i, item] of CASES.entries()) {
            if (item.daemon !== daemonRuns) continue;
            const { sent, arrived } = await measure(net, item, seconds, octets);
            results[i].sent.push(sent);
            results[i].arrived.push(arrived);
            if (daemonRuns) carried += arrived * seconds;
            process.stderr.write(`round ${round + 1}/${rounds}: ${item.title}: ${Math.round(arrived / 1000)} kpps\n`);
          }
        } finally {
          await daemon?.stop();
        }
        allocated += daemon?.allocations.octets ?? 0;
      }
    }
  } finally {
    net.remove();
    rmSync(folder, { recursive: true, force: true });
  }
  const report: BenchReport = {
    node: process.version,
    kernel: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
    processor: cpus()[0].model,
    cores: cpus().length,
    loadBefore,
    octets,
    seconds,
    rounds,
    results,
    allocatedPerPacket: allocated / carried,
    idleMiB: memory,
    readyMs: starts,
  };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.page !== undefined) writeFileSync(values.page, performancePage(report));
  process.stdout.write(reportTable(report));
}

await main();
