/**
 * What the fast path and one packet thread move, beside the kernel's plain IPv6 forwarding over the same cables, XDP
 * without a tunnel, and Miredo.
 *
 * The real daemon runs in the middle of three namespaces, as 6to4 relay, 6rd border relay, ISATAP router and Teredo relay by
 * turns, with the fast path and without, and Miredo's Teredo relay after it; a source in the kernel sends one
 * packet over and over from the first, and what arrives in the third is counted. Cases take turns, so
 * that a noisy machine is noisy for all of them; what is compared is the ratio within a round. The source
 * sends as fast as it can, so each figure is what gets through under overload.
 *
 *   npm run bench [-- --rounds N] [--seconds N] [--octets N] [--only FORWARDER|first-reply|tcp|peers]... [--json FILE] [--page FILE]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withoutMiredo } from '../test/lab/miredo.js';
import { type FirstReplies, measureFirstReplies } from './first-reply.js';
import { installFlows } from './flows.js';
import { FORWARDERS, type Forwarder, type NodeProgram, PATHS, start, startDaemon } from './forwarder.js';
import { BenchNetwork } from './network.js';
import { manyClients, type PacketKind, packet, TUNNELS, type TunnelType } from './packets.js';
import { measurePeers } from './peers.js';
import { type BenchReport, type CaseResult, performancePage, reportTable } from './report.js';
import { measureTcp, type TcpFigures, withoutIperf3 } from './tcp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The source has this core, a program in the node the other: what each does in the kernel on behalf of a packet counts as its own. */
const SOURCE_CPU = 0;
/** Seconds of each case before a started daemon is measured. */
const WARM_UP = 1;
/** Teredo clients, when there are many. */
const CLIENTS = 100_000;
/** Starts of the daemon that are timed, with the fast path and without. */
const STARTS = 7;
/** Milliseconds between two looks at a counter, and for it to change. */
const LOOK = 5;
const PATIENCE = 5_000;
/** Why there is no Miredo to compare with; null when there is. */
const NO_MIREDO = withoutMiredo();
/** Why TCP cannot be measured; null when it can. */
const NO_IPERF3 = withoutIperf3();

interface Case {
  readonly name: string;
  readonly title: string;
  readonly kind: PacketKind;
  /** Where arriving packets are counted. */
  readonly counted: readonly [namespace: string, device: string];
  /** What runs in the node meanwhile. */
  readonly forwarder: Forwarder;
  /** Name of the case whose processor time it is compared with, round by round; null: none. */
  readonly against: string | null;
  /** Name of the case whose packets a second it is compared with, beside the kernel's. */
  readonly rival?: string;
  /** Name of the case that does the least of what this one does, on the same core. */
  readonly limit?: string;
  /** Teredo clients of the fast path to which packets go, or from which they come, by chance; one when left out. */
  readonly clients?: number;
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
  {
    name: 'discard',
    title: 'packet source alone, thrown away by XDP',
    kind: 'discarded',
    counted: ['node', 'v0'],
    forwarder: 'discard',
    against: null,
  },
  {
    name: 'kernel',
    title: 'kernel, plain IPv6 forwarding',
    kind: 'ipv6',
    counted: ['sink', 'v1'],
    forwarder: 'none',
    against: null,
    limit: 'bare',
  },
  { name: 'bare', title: 'bare XDP, plain IPv6 forwarding', kind: 'ipv6', counted: ['sink', 'v1'], forwarder: 'bare', against: null },
  ...fastCases('6to4', '6to4'),
  ...fastCases('6rd', '6rd'),
  ...fastCases('isatap', 'ISATAP'),
  ...fastCases('teredo', 'Teredo', 'miredo'),
  ...fastCases('teredo', 'Teredo', undefined, CLIENTS),
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
  ...workerCases('teredo', 'Teredo', 'miredo'),
  ...(['encapsulate', 'decapsulate'] as const).map(
    (way): Case => ({
      name: `miredo-${way}`,
      title: way === 'encapsulate' ? 'Miredo, IPv6 to Teredo' : 'Miredo, Teredo to IPv6',
      kind: way === 'encapsulate' ? 'to-teredo' : 'from-teredo',
      counted: ['sink', 'v1'],
      forwarder: 'miredo',
      against: `6to4-${way}`,
    }),
  ),
];

/** Both ways of the daemon's fast path with a tunnel of that type. `rival` does the same. */
function fastCases(type: TunnelType, title: string, rival?: 'miredo', clients?: number): Case[] {
  return (['encapsulate', 'decapsulate'] as const).map((way) => ({
    name: clients === undefined ? `${type}-xdp-${way}` : `${type}-xdp-${way}-${clients}`,
    title: `XDP, ${way === 'encapsulate' ? `IPv6 to ${title}` : `${title} to IPv6`}${clients === undefined ? '' : `, ${clients} clients`}`,
    kind: way === 'encapsulate' ? `to-${type}` : `from-${type}`,
    counted: ['sink', 'v1'],
    forwarder: `${type}-xdp`,
    against: null,
    limit: 'bare',
    ...(rival === undefined ? {} : { rival: `${rival}-${way}` }),
    ...(clients === undefined ? {} : { clients }),
  }));
}

/** Both ways of the daemon with a tunnel of that type; the way of 6to4 is what the others are measured against. `rival` does the same. */
function workerCases(forwarder: TunnelType, title: string, rival?: 'miredo'): Case[] {
  const counted = ['sink', 'v1'] as const;
  return [
    {
      name: `${forwarder}-encapsulate`,
      title: `worker, IPv6 to ${title}`,
      kind: `to-${forwarder}`,
      counted,
      forwarder,
      against: '6to4-encapsulate',
      ...(rival === undefined ? {} : { rival: `${rival}-encapsulate` }),
    },
    {
      name: `${forwarder}-decapsulate`,
      title: `worker, ${title} to IPv6`,
      kind: `from-${forwarder}`,
      counted,
      forwarder,
      against: '6to4-decapsulate',
      ...(rival === undefined ? {} : { rival: `${rival}-decapsulate` }),
    },
  ];
}

/** What one case came to in one round. */
interface Figures {
  /** Packets a second that were sent, and that were counted at the case's place. */
  readonly sent: number;
  readonly arrived: number;
  /** Nanoseconds of the source's processor time for each packet that it sent: of its core, and of all that is done there on. */
  readonly source: number;
  /** Nanoseconds of the program's processor time for each packet that was counted; null: nothing but the kernel works. */
  readonly processor: number | null;
}

/** Runs the source for `seconds`. */
async function measure(net: BenchNetwork, item: Case, program: NodeProgram | null, seconds: number, octets: number): Promise<Figures> {
  if (item.kind.endsWith('-teredo')) await introduce(net, octets);
  if (item.clients !== undefined) install(net, item.kind, octets, item.clients);
  const spent = program?.processorTime() ?? 0;
  const before = net.received(...item.counted);
  const { sent, took, processor: spentBySource } = await send(net, item.kind, seconds, octets, item.clients);
  const arrived = net.received(...item.counted) - before;
  const processor = program === null ? null : (program.processorTime() - spent) / arrived;
  return { sent: sent / took, arrived: arrived / took, source: (spentBySource * 1e9) / sent, processor };
}

/** Makes the client known to a relay, which forgets it in 30 s of silence: a packet to it, and its bubble when it has been asked for one. */
async function introduce(net: BenchNetwork, octets: number): Promise<void> {
  const arrived = (): number => net.received('sink', 'v1');
  const before = arrived();
  const deadline = performance.now() + PATIENCE;
  await send(net, 'to-teredo', 0, octets);
  while (arrived() === before) {
    if (performance.now() > deadline) throw new Error(`the relay has said nothing to a client's server in ${PATIENCE / 1000} s`);
    await sleep(LOOK);
  }
  await send(net, 'teredo-bubble', 0, octets);
}

/** Gives the fast path the flows of so many clients, which are named as that of the packet is. */
function install(net: BenchNetwork, kind: PacketKind, octets: number, clients: number): void {
  const frame = Buffer.from(packet(kind, octets, net.mac('node', 'v0')), 'hex');
  installFlows(net.namespace('node'), 'v0', frame, manyClients(frame), clients);
}

/** What a source did: packets, seconds, and seconds of processor time. */
interface Sending {
  readonly sent: number;
  readonly took: number;
  readonly processor: number;
}

/** Sends one packet over and over for `seconds`, or else once; that of any of `clients` by chance. */
async function send(net: BenchNetwork, kind: PacketKind, seconds: number, octets: number, clients?: number): Promise<Sending> {
  const frame = Buffer.from(packet(kind, octets, net.mac('node', 'v0')), 'hex');
  const places = clients === undefined ? null : manyClients(frame);
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
      frame.toString('hex'),
      String(seconds),
      ...(places === null ? [] : [clients, places.address, places.port].map(String)),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: root },
  );
  let text = '';
  source.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const code = await new Promise((resolve) => source.once('exit', resolve));
  if (code !== 0) throw new Error(`the packet source ended with ${code}`);
  return JSON.parse(text) as Sending;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      octets: { type: 'string', default: '104' },
      json: { type: 'string', default: join(root, 'bench', 'results', 'forwarding.json') },
      page: { type: 'string' },
      only: { type: 'string', multiple: true },
    },
  });
  const [rounds, seconds, octets] = [values.rounds, values.seconds, values.octets].map(Number);
  const isWanted = (name: string): boolean => values.only?.includes(name) ?? true;
  const forwarders = FORWARDERS.filter(isWanted);
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-bench-'));
  const net = new BenchNetwork(`tsb-${process.pid}`);
  const results: CaseResult[] = CASES.map(({ name, title, against, rival = null, limit = null, forwarder }) => ({
    name,
    title,
    against,
    rival,
    limit,
    absent: forwarder === 'miredo' ? NO_MIREDO : null,
    sent: [],
    arrived: [],
    source: [],
    processor: [],
  }));
  const loadBefore = loadavg()[0];
  const memory: number[] = [];
  let allocated = 0;
  let carried = 0;
  const starts: BenchReport['readyMs'] = { xdp: [], worker: [] };
  let firstReplies: FirstReplies | null = null;
  let tcp: TcpFigures | null = null;
  const peers = isWanted('peers') ? measurePeers() : null;
  try {
    if (isWanted('first-reply')) firstReplies = await measureFirstReplies();
    if (isWanted('tcp')) {
      if (NO_IPERF3 === null) tcp = await measureTcp();
      else process.stderr.write(`TCP: ${NO_IPERF3}\n`);
    }
    for (let i = 0; i < STARTS; i++) {
      for (const path of PATHS) {
        const daemon = startDaemon(net.namespace('node'), folder, path);
        await daemon.ready();
        starts[path].push(daemon.readyMs);
        if (path === 'worker') memory.push(daemon.residentMiB());
        await daemon.stop();
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const forwarder of forwarders) {
        if (forwarder === 'miredo' && NO_MIREDO !== null) continue;
        const cases = CASES.filter((item) => item.forwarder === forwarder);
        const program = start(forwarder, net.namespace('node'), folder);
        try {
          await program?.ready();
          // Both directions run until they are compiled: what is measured is the long run.
          if (program !== null) for (const item of cases) await measure(net, item, program, WARM_UP, octets);
          program?.allocations.restart();
          for (const item of cases) {
            const { sent, arrived, source, processor } = await measure(net, item, program, seconds, octets);
            const result = results[CASES.indexOf(item)];
            result.sent.push(sent);
            result.arrived.push(arrived);
            result.source.push(source);
            if (processor !== null) result.processor.push(processor);
            if (forwarder in TUNNELS) carried += arrived * seconds;
            process.stderr.write(`round ${round + 1}/${rounds}: ${item.title}: ${Math.round(arrived / 1000)} kpps\n`);
          }
        } finally {
          await program?.stop();
        }
        if (forwarder in TUNNELS) allocated += program?.allocations.octets ?? 0;
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
    results: results.filter((_, i) => forwarders.includes(CASES[i].forwarder)),
    allocatedPerPacket: allocated / carried,
    idleMiB: memory,
    readyMs: starts,
    firstReplies,
    tcp,
    peers,
  };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.page !== undefined) writeFileSync(values.page, performancePage(report));
  process.stdout.write(reportTable(report));
}

await main();
