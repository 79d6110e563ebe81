/**
 * What one packet thread moves, beside the kernel's plain IPv6 forwarding over the same cables.
 *
 * The real daemon runs in the middle of three namespaces, as 6to4 relay, 6rd border relay and ISATAP router by turns; a source in the kernel sends one
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
import { FORWARDERS, type Forwarder, type NodeProgram, start, startDaemon } from './forwarder.js';
import { BenchNetwork } from './network.js';
import { type PacketKind, packet, type TunnelType } from './packets.js';
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
  /** Name of the case whose round it is compared with; null: none. */
  readonly against: string | null;
}

const CASES: readonly Case[] = [
  {
    name: 'source',
    title: 'packet source alone, into the node',
    kind: 'discarded',
    counted: ['node', 'v0'],
    forwarder: 'none',
    against: null,
  },
  { name: 'kernel', title: 'kernel, plain IPv6 forwarding', kind: 'ipv6', counted: ['sink', 'v1'], forwarder: 'none', against: null },
  {
    name: 'plain-encapsulate',
    title: 'plainest loop, IPv6 to 6to4',
    kind: 'to-6to4',
    counted: ['sink', 'v1'],
    forwarder: 'plain',
    against: null,
  },
  {
    name: 'plain-decapsulate',
    title: 'plainest loop, 6to4 to IPv6',
    kind: 'from-6to4',
    counted: ['sink', 'v1'],
    forwarder: 'plain',
    against: null,
  },
  ...workerCases('6to4', '6to4'),
  ...workerCases('6rd', '6rd'),
  ...workerCases('isatap', 'ISATAP'),
];

/** Both ways of the daemon with a tunnel of that type; the way of 6to4 is what the others are measured against. */
function workerCases(forwarder: TunnelType, title: string): Case[] {
  const counted = ['sink', 'v1'] as const;
  return [
    {
      name: `${forwarder}-encapsulate`,
      title: `worker, IPv6 to ${title}`,
      kind: `to-${forwarder}`,
      counted,
      forwarder,
      against: '6to4-encapsulate',
    },
    {
      name: `${forwarder}-decapsulate`,
      title: `worker, ${title} to IPv6`,
      kind: `from-${forwarder}`,
      counted,
      forwarder,
      against: '6to4-decapsulate',
    },
  ];
}

/** What one case came to in one round. */
interface Figures {
  /** Packets a second that were sent, and that were counted at the case's place. */
  readonly sent: number;
  readonly arrived: number;
  /** Nanoseconds of the program's processor time for each packet that was counted; null: nothing but the kernel works. */
  readonly processor: number | null;
}

/** Runs the source for `seconds`. */
async function measure(net: BenchNetwork, item: Case, program: NodeProgram | null, seconds: number, octets: number): Promise<Figures> {
  const spent = program?.processorTime() ?? 0;
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
  const arrived = net.received(...item.counted) - before;
  const processor = program === null ? null : (program.processorTime() - spent) / arrived;
  return { sent: sent / took, arrived: arrived / took, processor };
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
  const results: CaseResult[] = CASES.map(({ name, title, against }) => ({ name, title, against, sent: [], arrived: [], processor: [] }));
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
          if (program !== null) for (const item of cases) await measure(net, item, program, WARM_UP, octets);
          program?.allocations.restart();
          for (const item of cases) {
            const { sent, arrived, processor } = await measure(net, item, program, seconds, octets);
            const result = results[CASES.indexOf(item)];
            result.sent.push(sent);
            result.arrived.push(arrived);
            if (processor !== null) result.processor.push(processor);
            if (item.against !== null) carried += arrived * seconds;
            process.stderr.write(`round ${round + 1}/${rounds}: ${item.title}: ${Math.round(arrived / 1000)} kpps\n`);
          }
        } finally {
          await program?.stop();
        }
        if (cases.every(({ against }) => against !== null)) allocated += program?.allocations.octets ?? 0;
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
