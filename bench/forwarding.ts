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
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FORWARDERS, type Forwarder, start, startDaemon } from './forwarder.js';
import { BenchNetwork } from './network.js';
import { type PacketKind, packet } from './packets.js';
import { type BenchReport, type CaseResult, performancePage, reportTable } from './report.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The source has this core, a program in the node the other: what each does in the kernel on behalf of a packet counts as its own. */
const SOURCE_CPU = 0;
/** Seconds of each case before a started daemon is measured. */
const WARM_UP = 1;
/** Starts of the daemon that are timed. */
const STARTS = 7;

interface Case {
  readonly name: string;
  readonly title: string;
  readonly kind: PacketKind;
  /** Where arriving packets are counted. */
  readonly counted: readonly [namespace: string, device: string];
  /** What runs in the node meanwhile. */
  readonly forwarder: Forwarder;
}

const CASES: readonly Case[] = [
  { name: 'source', title: 'packet source alone, into the node', kind: 'discarded', counted: ['node', 'v0'], forwarder: 'none' },
  { name: 'kernel', title: 'kernel, plain IPv6 forwarding', kind: 'ipv6', counted: ['sink', 'v1'], forwarder: 'none' },
  { name: 'plain-encapsulate', title: 'plainest loop, IPv6 to 6to4', kind: 'to-6to4', counted: ['sink', 'v1'], forwarder: 'plain' },
  { name: 'plain-decapsulate', title: 'plainest loop, 6to4 to IPv6', kind: 'from-6to4', counted: ['sink', 'v1'], forwarder: 'plain' },
  { name: 'encapsulate', title: 'worker, IPv6 to 6to4', kind: 'to-6to4', counted: ['sink', 'v1'], forwarder: 'daemon' },
  { name: 'decapsulate', title: 'worker, 6to4 to IPv6', kind: 'from-6to4', counted: ['sink', 'v1'], forwarder: 'daemon' },
];

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
    for (let i = 0; i < STARTS; i++) {
      const daemon = startDaemon(net.namespace('node'), folder);
      await daemon.ready();
      starts.push(daemon.readyMs);
      memory.push(daemon.residentMiB());
      await daemon.stop();
    }
    for (let round = 0; round < rounds; round++) {
      for (const forwarder of FORWARDERS) {
        const cases = CASES.filter((item) => item.forwarder === forwarder);
        const program = start(forwarder, net.namespace('node'), folder);
        try {
          await program?.ready();
          // Both directions run until they are compiled: what is measured is the long run.
          if (program !== null) for (const item of cases) await measure(net, item, WARM_UP, octets);
          program?.allocations.restart();
          for (const item of cases) {
            const { sent, arrived } = await measure(net, item, seconds, octets);
            const result = results[CASES.indexOf(item)];
            result.sent.push(sent);
            result.arrived.push(arrived);
            if (forwarder === 'daemon') carried += arrived * seconds;
            process.stderr.write(`round ${round + 1}/${rounds}: ${item.title}: ${Math.round(arrived / 1000)} kpps\n`);
          }
        } finally {
          await program?.stop();
        }
        if (forwarder === 'daemon') allocated += program?.allocations.octets ?? 0;
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
