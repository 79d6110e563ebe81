/**
 * The demonstration: brings networks up, shows what they are, checks every path, and says how to look
 * inside. Then it stays, and looks again every half minute, until it is told to stop.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Exit } from '../daemon/failure.js';
import type { Topology, TunnelName, Words } from '../topology/topology.js';
import { checkPaths, type Network, type PathReport, works } from './check.js';
import { isInstalled, requirePrograms } from './command.js';
import { nodeFiles } from './daemon.js';
import { type FastPathOf, fastPathLines, fastPathsOf } from './fast-path.js';
import { startKeeper } from './keeper.js';
import { Lab } from './lab.js';
import { type Contact, isRight, makeContacts, matrixLines } from './matrix.js';
import { namespaceOf } from './plan.js';
import { isPrivate } from './privilege.js';
import { type Death, titleOf } from './program.js';
import { LEGEND, problemLines, reportData, reportLines } from './report.js';
import type { Screen } from './screen.js';
import { paint, wrap } from './table.js';

/** How a demonstration is given. */
export interface DemoOptions {
  readonly run: string;
  /** End after the first report. */
  readonly once: boolean;
  /** Leave the labs up at the end. */
  readonly keep: boolean;
  readonly json: boolean;
  /** Directory for captures, one of each link; null: none. */
  readonly captures: string | null;
  /** How a person starts this program: the first words of the lines to copy. */
  readonly program: string;
}

/** Milliseconds between two checks. */
const PERIOD = 30_000;
const COLUMNS = 96;

const REAL: Words = {
  en: 'Real: every node is a network namespace with the kernel’s own IPv4 and IPv6, every tunnel is the Tsunagi daemon with its TUN device and its raw socket for protocol 41, or its UDP sockets for Teredo, relays have its XDP program where the kernel takes it, every link carries plain packets (--capture DIR shows them). Played: the machines are all this one, and documentation addresses stand for the Internet’s.',
  ja: '本物: 各ノードはカーネルの IPv4・IPv6 スタックを持つネットワーク名前空間、各トンネルは TUN デバイスとプロトコル 41 の raw ソケット(Teredo では UDP ソケット)を使う Tsunagi デーモン、リレーでは(カーネルが許せば)その XDP プログラムも動き、各リンクには実際のパケットが流れます(--capture DIR で確認できます)。模擬: すべて 1 台のマシン上にあり、文書用アドレスがインターネットのアドレスの代わりです。',
};

interface Demonstrated extends Network {
  down(): Promise<void>;
}

/** Gives the demonstration. Returns the exit status: 0 when all paths work at its end, 1 when one does not. */
export async function demonstrate(topologies: readonly Topology[], options: DemoOptions, screen: Screen): Promise<number> {
  requirePrograms(['ping']);
  const told = new Told();
  const labs = await bringUp(topologies, options, screen);
  try {
    const reports = new Map<Network, readonly PathReport[]>();
    const contacts: Contact[] = [];
    if (!options.json) screen.print(...paragraph(screen.say(REAL)), ...paragraph(screen.say(LEGEND)));
    for (const lab of labs) {
      const { matrix } = lab.topology;
      if (!options.json) introduce(lab.topology, await fastPathsOf(lab), screen);
      const made = await contactAll(lab, screen); // before anything else: a contact is first once
      const found = await checkAll(lab, screen);
      contacts.push(...made);
      reports.set(lab, found);
      if (options.json) screen.print(JSON.stringify(reportData(lab.topology, lab.id, found, made)));
      else screen.print(...reportLines(found, screen), '', ...(matrix === undefined ? [] : [...matrixLines(matrix, made, screen), '']));
    }
    if (options.keep || !options.once) screen.note(...hints(labs, options, screen), '');
    if (options.once && !options.json) screen.print(count([...reports.values()].flat(), screen));
    if (!options.once) await stay(labs, reports, told.stay(), options, screen);
    return [...reports.values()].flat().every(works) && contacts.every(isRight) ? Exit.done : Exit.failed;
  } finally {
    told.leave();
    if (options.keep) for (const { id } of labs) screen.note(`${options.program} lab down ${id}`);
    else {
      screen.status(screen.say({ en: 'removing the network …', ja: 'ネットワークを片付けています…' }));
      await Promise.all(labs.map((lab) => lab.down()));
    }
    screen.status('');
  }
}

async function bringUp(topologies: readonly Topology[], { run, keep, captures }: DemoOptions, screen: Screen): Promise<Demonstrated[]> {
  const several = topologies.length > 1;
  const started = await Promise.allSettled(
    topologies.map(async (topology): Promise<Demonstrated> => {
      const settings = {
        run,
        captures: captures !== null && several ? `${captures}/${topology.name}` : captures,
        onStep: (step: Words): void => screen.status(`${topology.name}: ${screen.say(step)} …`),
      };
      if (!keep) {
        const onDeath = (death: Death): void => screen.note(...deathLines(death, screen));
        const onLoss = (link: string, packets: number): void =>
          screen.note(
            screen.say({
              en: `the capture of ${link} missed ${packets} packets`,
              ja: `${link} のキャプチャは ${packets} パケットを取りこぼしました`,
            }),
          );
        return Lab.up(topology, { ...settings, purpose: 'demo', fastPath: true, isPrivate: isPrivate(), onDeath, onLoss });
      }
      const id = await startKeeper(topology, { ...settings, access: 'direct' });
      return { topology, id, directory: join(run, id), namespaceOf: (node) => namespaceOf(id, node), down: async () => {} };
    }),
  );
  const labs = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed === undefined) return labs;
  screen.status('');
  await Promise.all(labs.map((lab) => lab.down()));
  throw failed.reason;
}

async function contactAll(lab: Network, screen: Screen): Promise<Contact[]> {
  const { matrix } = lab.topology;
  if (matrix === undefined) return [];
  screen.status(`${screen.say(matrix.title)} …`);
  return makeContacts(lab, matrix);
}

async function checkAll(lab: Network, screen: Screen): Promise<PathReport[]> {
  const { paths } = lab.topology;
  const reports: PathReport[] = [];
  const progress = (): void => {
    const next = paths.at(reports.length);
    screen.status(next === undefined ? '' : `${reports.length + 1}/${paths.length} ${screen.say(next.title)} …`);
  };
  progress();
  for await (const report of checkPaths(lab)) {
    reports.push(report);
    progress();
  }
  return reports;
}

/** Checks again and again until `over`; says what changes. Replaces the reports by the newest. */
async function stay(
  labs: readonly Network[],
  reports: Map<Network, readonly PathReport[]>,
  over: Promise<void>,
  { json }: DemoOptions,
  screen: Screen,
): Promise<void> {
  const end = new AbortController();
  const ended = over.then(() => end.abort());
  const look = async (): Promise<void> => {
    for (;;) {
      screen.status(summary([...reports.values()].flat(), screen));
      await sleep(PERIOD, undefined, { signal: end.signal });
      for (const lab of labs) {
        const found: PathReport[] = [];
        for await (const report of checkPaths(lab)) found.push(report);
        if (end.signal.aborted) return;
        if (json) screen.print(JSON.stringify(reportData(lab.topology, lab.id, found)));
        else screen.print(...changes(reports.get(lab) ?? [], found, screen));
        reports.set(lab, found);
      }
    }
  };
  const looking = look();
  looking.catch(() => {}); // cut short by the end, in the middle of whatever it was doing
  await Promise.race([ended, looking]);
}

/** Paths that work now and did not before, or the other way round. */
function changes(before: readonly PathReport[], after: readonly PathReport[], screen: Screen): string[] {
  const time = new Date().toLocaleTimeString('sv');
  return after.flatMap((report, i) => {
    if (before[i] === undefined || works(before[i]) === works(report)) return [];
    if (!works(report)) return problemLines(report, screen).map((line) => `${time} ${line}`);
    const again = screen.say({ en: 'works again', ja: '復旧しました' });
    return [`${time} ${paint(screen.colours, 'green', '✓')} ${screen.say(report.path.title)}: ${again}`];
  });
}

/** How many paths work. */
function count(reports: readonly PathReport[], screen: Screen): string {
  const good = reports.filter(works).length;
  const mark = good === reports.length ? paint(screen.colours, 'green', '✓') : paint(screen.colours, 'red', '✗');
  return screen.say({ en: `${mark} ${good}/${reports.length} paths work`, ja: `${mark} ${good}/${reports.length} 経路が正常` });
}

function summary(reports: readonly PathReport[], screen: Screen): string {
  const time = new Date().toLocaleTimeString('sv');
  return (
    count(reports, screen) +
    screen.say({
      en: `, ${time}, looking again every ${PERIOD / 1000} s. Ctrl-C ends.`,
      ja: ` ${time}、${PERIOD / 1000} 秒ごとに再確認。Ctrl-C で終了。`,
    })
  );
}

function introduce({ title, picture, story, nodes }: Topology, fastPaths: readonly FastPathOf[], screen: Screen): void {
  const nats = nodes.filter(({ nat }) => nat !== undefined).length;
  screen.print(
    paint(screen.colours, 'bold', screen.say(title)),
    ...(picture === undefined ? [''] : picture.trimEnd().split('\n')),
    '',
    ...(story === undefined ? [] : paragraph(screen.say(story))),
    ...(nats === 0 ? [] : paragraph(`${paint(screen.colours, 'green', '✓')} ${screen.say(verified(nats))}`)),
    ...fastPathLines(fastPaths).flatMap((line) => paragraph(screen.say(line))),
  );
}

/** What a lab with NATs has gone through before it is up. */
function verified(nats: number): Words {
  return {
    en: `${nats} NATs verified: each maps, filters and chooses ports as its type says.`,
    ja: `NAT ${nats} 台を検証済み: マッピング、フィルタリング、ポートの割り当ては種類のとおりです。`,
  };
}

function paragraph(text: string): string[] {
  return [...wrap(text, COLUMNS), ''];
}

/** What carries a tunnel's packets, as tcpdump has it: of Teredo only servers have a port that is known. */
const CARRIERS: Readonly<Record<TunnelName, string>> = {
  '6to4': 'proto 41',
  '6rd': 'proto 41',
  isatap: 'proto 41',
  teredo: 'udp',
  native: 'ip6',
};

/** Lines to copy, for the first lab; the others are named. */
function hints([first, ...others]: readonly Network[], { program }: DemoOptions, screen: Screen): string[] {
  const { topology, id, directory } = first;
  const [path] = topology.paths;
  const toWeb = topology.paths.find(({ to }) => topology.nodes.some((node) => node.name === to && node.serves !== undefined));
  const daemon = topology.nodes.find((node) => node.daemon !== undefined)?.name;
  const relay = topology.nodes.find((node) => node.relays === true)?.name;
  const carrier = CARRIERS[path?.tunnel ?? 'native'];
  const nat = topology.nodes.find((node) => node.nat !== undefined)?.name;
  const inside = (node: string, command: string): string => `  ${program} lab exec ${id} ${node} ${command}`;
  return [
    screen.say({ en: 'Look inside, from another terminal:', ja: '別の端末から中を見るには:' }),
    ...(path === undefined ? [] : [inside(path.from, `ping -c 3 ${path.to}`)]),
    ...(path === undefined ? [] : [inside(path.from, 'ip -6 route')]),
    ...(toWeb === undefined || !isInstalled('curl') ? [] : [inside(toWeb.from, `curl http://${toWeb.to}/`)]),
    ...(daemon === undefined ? [] : [inside(daemon, `tcpdump -n -i eth0 ${carrier}`), inside(daemon, 'bash')]),
    ...(relay === undefined ? [] : [`  ${program} status --watch --control ${nodeFiles(directory, relay).control}`]),
    ...(nat === undefined ? [] : [inside(nat, 'nft list table ip nat')]),
    ...(others.length === 0 ? [] : [screen.say(alike(others))]),
  ];
}

function alike(labs: readonly Network[]): Words {
  const names = labs.map((lab) => `${lab.topology.name} (${lab.id})`).join(', ');
  return { en: `and likewise in ${names}.`, ja: `${names} も同様です。` };
}

function deathLines(death: Death, screen: Screen): string[] {
  return [
    `${paint(screen.colours, 'red', '✗')} ${titleOf(death)}: ${screen.say({ en: 'it died', ja: '異常終了しました' })} (${death.how})`,
    ...death.lastLines.map((line) => `  ${line}`),
  ];
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** Milliseconds between two looks whether this process has been orphaned; no signal tells of that. */
const PARENT_LOOK = 500;

/**
 * What signals mean: at first the end of the process, with which the labs go; then the end of the stay;
 * at last nothing any more. A demonstration is for whoever started it: that they died is like a hang-up.
 */
class Told {
  #hear: (status: number) => void = (status) => process.exit(status);

  constructor() {
    for (const [signal, number] of Object.entries(SIGNALS)) process.on(signal, () => this.#hear(128 + number));
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) this.#hear(128 + SIGNALS.SIGHUP);
    }, PARENT_LOOK).unref();
  }

  /** From now on a signal resolves the promise. */
  stay(): Promise<void> {
    return new Promise((resolve) => {
      this.#hear = () => resolve();
    });
  }

  /** From now on the end is under way, and nothing hastens it. */
  leave(): void {
    this.#hear = () => {};
  }
}
