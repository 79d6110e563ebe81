/** A measurement as JSON, as a table for people, and as the page in the documentation. */
import type { FirstReplies } from './first-reply.js';
import type { TcpFigures, TcpRates } from './tcp.js';

/** One case: a figure a round. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  /** Name of the case whose processor time it is compared with, round by round; null: none. */
  readonly against: string | null;
  /** Name of the case whose packets a second it is compared with, beside the kernel's; null: none. */
  readonly rival: string | null;
  /** Name of the case that does the least of what this one does, on the same core; null: none. */
  readonly limit: string | null;
  /** Why it could not be measured: its figures are none; null when it was. */
  readonly absent: string | null;
  /** Packets a second that the source sent. */
  readonly sent: number[];
  /** Packets a second that got through. */
  readonly arrived: number[];
  /** Nanoseconds of processor time of the source for each packet sent: its core's, with all that the kernel does there on its behalf. */
  readonly source: number[];
  /** Nanoseconds of processor time that the program in the node took for each of these; empty where there is none. */
  readonly processor: number[];
}

/** Of a table of Teredo peers. */
export interface PeerLookups {
  /** How many peers are in it. */
  readonly count: number;
  /** Nanoseconds a lookup, one figure a round. */
  readonly nanoseconds: readonly number[];
  /** Octets that it has reserved, of which those that were never written to take no memory. */
  readonly octets: number;
}

/** A whole run. */
export interface BenchReport {
  readonly node: string;
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  /** Load average of one minute, before the run. */
  readonly loadBefore: number;
  /** Octets of the inner packet. */
  readonly octets: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly results: readonly CaseResult[];
  /** Octets that the daemon allocated for each packet carried, all threads, from its collections. */
  readonly allocatedPerPacket: number;
  /** Resident memory of the daemon just after `ready`, MiB, one figure a start. */
  readonly idleMiB: readonly number[];
  /** Milliseconds from exec to `ready`, one figure a start: with the fast path, and without. */
  readonly readyMs: { readonly xdp: number[]; readonly worker: number[] };
  /** Of a Teredo client; null: not asked for. */
  readonly firstReplies: FirstReplies | null;
  /** Of a table of Teredo peers, few and many; null: not asked for. */
  readonly peers: readonly [few: PeerLookups, many: PeerLookups] | null;
  /** Through a Teredo client, a NAT and a relay; null: not asked for, or no iperf3. */
  readonly tcp: TcpFigures | null;
}

/** The middle one, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What a lookup costs among many, in lookups among few: the middle of the ratios round by round. */
export function lookupRatio([few, many]: readonly [few: PeerLookups, many: PeerLookups]): number {
  return median(many.nanoseconds.map((time, round) => time / few.nanoseconds[round]));
}

const kpps = (value: number): string => (value / 1000).toFixed(0);

/** What `values` come to by `text`; empty where nothing was measured. */
const told = (values: readonly number[], text: (values: readonly number[]) => string): string => (values.length === 0 ? '' : text(values));

/** The middle of the ratios that `values` have to those of the case `name`, round by round; empty where there is nothing to compare. */
function ratio(report: BenchReport, name: string | null, values: (result: CaseResult) => readonly number[], own: CaseResult): string {
  const other = report.results.find((result) => result.name === name);
  if (other === undefined || values(other).length === 0) return '';
  return told(values(own), (all) => median(all.map((value, round) => value / values(other)[round])).toFixed(2));
}

/** What a packet costs on top of what it costs in the case `limit`, nanoseconds, the middle of the rounds; empty where there is nothing to compare. */
function surplus(report: BenchReport, { limit, source }: CaseResult): string {
  const least = report.results.find((result) => result.name === limit)?.source ?? [];
  return least.length === 0 ? '' : told(source, (all) => median(all.map((time, round) => time - least[round])).toFixed(0));
}

/** The rows, a cell for each of `HEAD`. */
function rows(report: BenchReport): string[][] {
  const arrivals = ({ arrived }: CaseResult): readonly number[] => arrived;
  return report.results.map((result) => [
    result.absent === null ? result.title : `${result.title}: ${result.absent}`,
    told(result.arrived, (all) => kpps(median(all))),
    told(result.arrived, (all) => `${kpps(Math.min(...all))}..${kpps(Math.max(...all))}`),
    ratio(report, 'kernel', arrivals, result),
    ratio(report, result.limit, arrivals, result),
    surplus(report, result),
    ratio(report, result.rival, arrivals, result),
    told(result.processor, (all) => (median(all) / 1000).toFixed(2)),
    ratio(report, result.against, ({ processor }) => processor, result),
    told(result.sent, (all) => kpps(median(all))),
  ]);
}

const HEAD = [
  'kpps that got through',
  'median',
  'spread',
  'of kernel',
  'of bare XDP',
  'ns on top',
  'of Miredo',
  'µs a packet',
  'of 6to4',
  'offered',
];

function circumstances(report: BenchReport): string {
  const { octets, rounds, seconds, node, kernel, processor, cores, loadBefore } = report;
  return `${octets}-octet packets, ${rounds} rounds of ${seconds} s, cases alternating; Node ${node}, Linux ${kernel}, ${cores} cores (${processor}), load before ${loadBefore.toFixed(2)}`;
}

function remarks(report: BenchReport): string[] {
  const of = (name: string) => median(report.results.find((result) => result.name === name)?.arrived ?? []);
  const bottleneck = report.results.some(({ against, arrived }) => against !== null && median(arrived) > 0.9 * of('source'));
  return [
    bottleneck
      ? 'The packet source is the bottleneck: figures near its own are lower bounds.'
      : 'The packet source is not the bottleneck: it sends more than any program lets through.',
    ...(Number.isNaN(report.allocatedPerPacket)
      ? []
      : [
          `Allocated by the daemon: ${report.allocatedPerPacket.toFixed(2)} octets a packet in the long run, all threads, from V8's collections.`,
        ]),
    ...manyClientsRemark(report),
    readinessRemark(report),
    ...(report.firstReplies === null ? [] : [firstReplyRemark(report.firstReplies)]),
    ...(report.tcp === null ? [] : [tcpRemark(report.tcp)]),
    ...(report.peers === null ? [] : [peersRemark(report.peers)]),
  ];
}

const milliseconds = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)})`;

/** Of rows that are another one's but for many clients; none when there are no such rows. */
function manyClientsRemark({ results }: BenchReport): string[] {
  const figures = results.flatMap((many) => {
    const one = results.find(({ name }) => many.name.startsWith(`${name}-`));
    return one === undefined || many.arrived.length === 0
      ? []
      : [median(many.arrived.map((value, round) => value / one.arrived[round])).toFixed(2)];
  });
  return figures.length === 0
    ? []
    : [`With many Teredo clients by chance XDP is ${figures.join(' and ')} times as fast as with one, out and back.`];
}

function readinessRemark({ readyMs: { worker, xdp }, idleMiB }: BenchReport): string {
  const later = median(xdp.map((time, round) => time - worker[round])).toFixed(0);
  return `The daemon is ready ${milliseconds(worker)} after exec, in ${worker.length} starts, and then takes ${median(idleMiB).toFixed(0)} MiB with one worker; with the fast path it is ready after ${milliseconds(xdp)}, ${later} ms later.`;
}

function firstReplyRemark({ roundTrip, tsunagi, miredo }: FirstReplies): string {
  const other = miredo.length === 0 ? '; Miredo is not here' : `, Miredo's after ${milliseconds(miredo)}`;
  return `A Teredo client has its first answer from the web ${milliseconds(tsunagi)} after exec${other}; behind a restricted cone NAT, ${roundTrip} ms to everything beyond it and back, ${tsunagi.length} rounds by turns.`;
}

function tcpRemark({ seconds, tsunagi, miredo }: TcpFigures): string {
  const mbit = (value: number): string => (value / 1e6).toFixed(0);
  const way = (name: keyof TcpRates): string => {
    const [ours, others] = [tsunagi[name], miredo[name]];
    const own = `${mbit(median(ours))} Mbit/s ${name} (${mbit(Math.min(...ours))}..${mbit(Math.max(...ours))})`;
    if (others.length === 0) return own;
    return `${own}, ${median(ours.map((rate, round) => rate / others[round])).toFixed(1)} times Miredo's ${mbit(median(others))}`;
  };
  return `TCP through a Teredo client, a restricted cone NAT and a relay comes to ${way('up')}, and ${way('down')}; all on these cores, with both ends of iperf3, over links that take long packets and cut them, as network cards do, ${tsunagi.up.length} rounds of ${seconds} s each way by turns.`;
}

function peersRemark(both: readonly [few: PeerLookups, many: PeerLookups]): string {
  const [few, many] = both.map(({ count, nanoseconds }) => `${median(nanoseconds).toFixed(0)} ns among ${count}`);
  const mebibytes = (both[1].octets / 2 ** 20).toFixed(0);
  return `To find a Teredo peer takes ${few} and ${many}, ${lookupRatio(both).toFixed(1)} times as long; a million of them take ${mebibytes} MiB.`;
}

/** For a terminal. */
export function reportTable(report: BenchReport): string {
  const table = [HEAD, ...rows(report)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  );
  return `${[circumstances(report), '', ...lines, '', ...remarks(report)].join('\n')}\n`;
}

/** `docs/performance.md`. */
export function performancePage(report: BenchReport): string {
  const table = [HEAD, HEAD.map((_, column) => (column === 0 ? '---' : '---:')), ...rows(report)];
  return `# Performance

Written by \`npm run bench -- --page docs/performance.md\`; its JSON stays in \`bench/results/\`. Machines like the
one this ran on are shared and noisy: compare rows of one run rather than
packets a second; *of kernel*, *of bare XDP* and *of Miredo* are ratios taken round by round. *Ns on top* are
nanoseconds of processor time that a packet takes beyond those of bare XDP forwarding, on the source's core, where all of
it is done: the work of the source and of the third namespace is the same for both. *µs a packet* is the processor time of the whole
program, the kernel's work on its behalf included, which a busy machine changes less than packets a second; *of 6to4*
is its ratio to that of a 6to4 relay the same way, round by round: 1.05 is 5 % more work.

${table.map((row) => `| ${row.join(' | ')} |`).join('\n')}

${circumstances(report)}.

${remarks(report)
  .map((remark) => `- ${remark}`)
  .join('\n')}

## What is measured

Three namespaces in a row. A source in the kernel (an XDP program on live frames) sends one packet over and
over into the node with a core to itself; the daemon has the other core, with one worker and one tunnel: 6to4 relay,
6rd border relay, ISATAP router or Teredo relay by turns, with the fast path and then without. Miredo's relay has the same core after it, for the same packets of
one client, which has answered the bubble of each. What the third namespace receives is counted by its interface, and thrown away by XDP. *Kernel, plain IPv6 forwarding* is the node with no tunnel at
all, over the same cables. *Bare XDP* is the least with which XDP forwards: route, hop limit, new station addresses, redirect.
With many Teredo clients each packet is that of one of them, by chance; all but one are put into the program's table by
the measurement, since a relay makes no more than 500 new acquaintances a second.
Mind that the kernel and XDP forward on the source's core, beside the source, while a worker has a core of its own:
the column *of kernel* flatters the worker by what the source costs. The plainest loop is the fair neighbour. *Plainest loop* reads and writes the same devices from JavaScript with a header pushed or pulled and
not one check, counter or role: what the worker loses against it is what the product costs. All cases run under overload, which is what a relay meets on a bad day.

A packet costs the worker two system calls' worth of kernel work, of which JavaScript is a small part: the
engine itself takes a few hundred nanoseconds. What is faster is not to leave the kernel: the XDP fast path.
`;
}
