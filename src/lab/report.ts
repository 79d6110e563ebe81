/** What a check found, as a table for people and as data for programs. */
import type { Topology, Words } from '../topology/topology.js';
import { ECHOES, LARGE_ECHO, type PathReport, works } from './check.js';
import type { Carried } from './fast-path.js';
import type { Language } from './language.js';
import { type Contact, contactData, isRight } from './matrix.js';
import { alignColumns, displayWidth, paint, wrap } from './table.js';
import type { Transfer } from './transfer.js';

/** How a report is printed. */
export interface ReportStyle {
  readonly language: Language;
  readonly colours: boolean;
}

const HEADINGS: readonly Words[] = [
  { en: '', ja: '' },
  { en: 'path', ja: '経路' },
  { en: 'round trip', ja: '往復時間' },
  { en: 'relays', ja: 'リレー' },
  { en: 'XDP, worker', ja: 'XDP, ワーカー' },
  { en: 'the web sees', ja: 'ウェブから見た経路' },
  { en: 'MB/s', ja: 'MB/s' },
];
const NONE = '-';
/** Columns that a table takes at most, as long as the titles of paths have {@link LEAST_TITLE} of them. */
const COLUMNS = 100;
const LEAST_TITLE = 24;

/** How the table is read. */
export const LEGEND: Words = {
  en: `✓ says that all ${ECHOES} echoes were answered, and larger ones of ${LARGE_ECHO} octets, and that the packets took the way they should. The round trip is the shortest. MB/s are those of 1 MiB from the web, and of 1 MiB to it. Relays are those that traceroute meets, by the addresses below the table; XDP and worker are the packets that went through their tunnels in the kernel, by the fast path, and in the daemon.`,
  ja: `✓ は、${ECHOES} 回の ping と ${LARGE_ECHO} オクテットの大きな ping に応答があり、パケットが正しい経路を通ったことを示します。往復時間は最短値、MB/s はウェブとの間の 1 MiB の下りと上りの速度、リレーは traceroute に現れたもので、そのアドレスは表の下にあります。「XDP, ワーカー」は、カーネル内の高速パスとデーモンがそれぞれリレーのトンネルを通したパケット数です。`,
};

/** The table, then what does not work, then the addresses of the relays. */
export function reportLines(reports: readonly PathReport[], style: ReportStyle): string[] {
  const { language, colours } = style;
  const headings = HEADINGS.map((heading) => (heading[language] === '' ? '' : paint(colours, 'bold', heading[language])));
  const relays = new Map<string, Set<string>>();
  for (const { node, address } of reports.flatMap((report) => report.relays))
    relays.set(node, (relays.get(node) ?? new Set()).add(address));
  return [
    ...alignColumns(withWrappedTitles([headings, ...reports.map((report) => row(report, style))])),
    ...reports.flatMap((report) => problemLines(report, style)),
    ...(relays.size === 0 ? [] : ['', ...alignColumns([...relays].map(([node, addresses]) => ['', node, [...addresses].join(', ')]))]),
  ];
}

/** What does not work on a path, a line each. */
export function problemLines({ path, problems }: PathReport, { language, colours }: ReportStyle): string[] {
  return problems.map((problem) => printable(`${paint(colours, 'red', '✗')} ${path.title[language]}: ${problem[language]}`));
}

function row(report: PathReport, { language, colours }: ReportStyle): string[] {
  const { path, roundTrip, relays, carried, visit } = report;
  const mark = works(report) ? paint(colours, 'green', '✓') : paint(colours, 'red', '✗');
  return [
    mark,
    path.title[language],
    roundTrip === null ? NONE : `${roundTrip.min.toFixed(2)} ms`,
    relays.map(({ node }) => node).join(', ') || NONE,
    carried.length === 0 ? NONE : `${total(carried, 'xdp')}, ${total(carried, 'worker')}`,
    visit === null ? NONE : printable([visit.visitor.tunnel, visit.visitor.ipv4].filter((word) => word !== null).join(' ')),
    visit === null ? NONE : `${rate(visit.download)}, ${rate(visit.upload)}`,
  ];
}

/** Titles that make the table too wide go on in lines of their own. */
function withWrappedTitles(rows: readonly (readonly string[])[]): string[][] {
  const untitled = alignColumns(rows.map(([mark, , ...others]) => [mark, '', ...others]));
  const room = Math.max(LEAST_TITLE, COLUMNS - Math.max(...untitled.map(displayWidth)));
  return rows.flatMap(([mark, title, ...others]) => {
    const [first, ...more] = wrap(title, room);
    return [[mark, first, ...others], ...more.map((line) => ['', line])];
  });
}

function total(carried: readonly Carried[], way: 'xdp' | 'worker'): number {
  return carried.reduce((sum, { [way]: packets }) => sum + packets, 0);
}

function rate({ octets, seconds, isWhole }: Transfer): string {
  return isWhole ? (octets / 1e6 / seconds).toFixed(1) : '✗';
}

/** Data of a check; keys are stable. Times in milliseconds, or seconds where they say so. NATs are as they were found to be before the lab was up. */
export function reportData(
  { name, nodes }: Topology,
  lab: string,
  reports: readonly PathReport[],
  contacts: readonly Contact[] = [],
): object {
  const nats = nodes.flatMap(({ name: node, nat }) => {
    if (nat === undefined) return [];
    const { mapping, filtering, ports, hairpin = false } = nat;
    return [{ node, mapping, filtering, ports, hairpin }];
  });
  return {
    network: name,
    lab,
    works: reports.every(works) && contacts.every(isRight),
    paths: reports.map((report) => ({
      from: report.path.from,
      to: report.path.to,
      title: report.path.title,
      address: report.address,
      sent: report.sent,
      received: report.received,
      roundTripMilliseconds: report.roundTrip,
      tunnel: report.path.tunnel ?? 'native',
      relayed: report.path.relayed,
      relay: report.relays.at(0) ?? null,
      relays: report.relays,
      carried: report.carried,
      largeEchoAnswered: report.isLargeAnswered,
      web:
        report.visit === null
          ? null
          : { ...report.visit.visitor, language: report.visit.page.language, download: report.visit.download, upload: report.visit.upload },
      problems: report.problems.map(({ en }) => en),
      works: works(report),
    })),
    ...(nats.length === 0 ? {} : { nats }),
    ...(contacts.length === 0 ? {} : { contacts: contactData(contacts) }),
  };
}

/** Without what a terminal could act upon but the styles that we set ourselves: parts of it came over a network. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/(\x1b\[[0-9]{1,2}m)|[\x00-\x1f\x7f-\x9f]/g, (_, style: string | undefined) => style ?? '�');
}
