/**
 * What TCP comes to through a Teredo client, a NAT and a relay, ours and Miredo's by turns.
 *
 * The network is that of the lab `teredo` with one of its PCs, behind a restricted cone NAT. Unlike in the lab its links
 * are as clever as network cards are: they take long packets and cut them themselves. iperf3 sends for some seconds from
 * the PC to the web server, and back. The Teredo server, which takes no part in it, is ours.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labEnvironment, must, run } from '../src/lab/command.js';
import { daemonProgram } from '../src/lab/daemon.js';
import { buildNetwork, inNamespace, removeNamespaces } from '../src/lab/network.js';
import { namespaceOf, planLab } from '../src/lab/plan.js';
import { Program } from '../src/lab/program.js';
import { teredoInternet } from '../src/topology/teredo.js';
import { startMiredoClient, startMiredoRelay, withoutMiredo } from '../test/lab/miredo.js';

const ROUNDS = 5;
/** Seconds that are measured each way, and before them some in which TCP finds its pace and code is compiled. */
const SECONDS = 3;
const WARM_UP = 1;
const PC = 'ebisu';
const SERVER = { name: 'mita', local: '198.51.100.1' } as const;
const RELAY = { name: 'shinjuku', local: '203.0.113.1' } as const;
const WEB = { name: 'web', address: '2001:db8:80::80' } as const;
const PORT = 5201;
/** Milliseconds between two tries to reach the web, and for all of them. */
const LOOK = 50;
const PATIENCE = 30_000;

/** Bits a second that arrived, a figure a round, each way. */
export interface TcpRates {
  /** From the client behind the NAT to the web. */
  readonly up: readonly number[];
  readonly down: readonly number[];
}

/** Of both; Miredo's are none where it is not there. */
export interface TcpFigures {
  readonly seconds: number;
  readonly tsunagi: TcpRates;
  readonly miredo: TcpRates;
}

/** Why it cannot be measured here; null: it can. */
export function withoutIperf3(): string | null {
  try {
    execFileSync('iperf3', ['--version'], { env: labEnvironment(), stdio: 'ignore' });
    return null;
  } catch {
    return 'needs the Debian package iperf3';
  }
}

/** Builds the network, measures, and removes it. */
export async function measureTcp(rounds: number = ROUNDS): Promise<TcpFigures> {
  const network = new TcpNetwork();
  const rates = { tsunagi: { up: [] as number[], down: [] as number[] }, miredo: { up: [] as number[], down: [] as number[] } };
  const whose = withoutMiredo() === null ? (['tsunagi', 'miredo'] as const) : (['tsunagi'] as const);
  try {
    await network.up();
    for (let round = 0; round < rounds; round++) {
      for (const each of whose) {
        const { up, down } = await network.measure(each);
        rates[each].up.push(up);
        rates[each].down.push(down);
        process.stderr.write(`round ${round + 1}/${rounds}: TCP through ${each}: ${mbit(up)} Mbit/s up, ${mbit(down)} down\n`);
      }
    }
    return { seconds: SECONDS, ...rates };
  } finally {
    await network.down();
  }
}

const mbit = (bits: number): string => (bits / 1e6).toFixed(0);

/** What is read of what iperf3 says of a run that went well. */
interface Iperf3Report {
  readonly end: { readonly sum_received: { readonly bits_per_second: number } };
}

/** What is told apart by its links: that of a home begins so. */
const isThere = (link: string): boolean => !link.startsWith('lan-') || link === `lan-${PC}`;

/** The network, and the programs in it. */
class TcpNetwork {
  readonly #id = `t${process.pid.toString(36)}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tsunagi-tcp-'));
  readonly #nodes = teredoInternet.nodes.filter(({ interfaces }) => interfaces.every(({ link }) => isThere(link)));
  readonly #links = teredoInternet.links.filter(({ name }) => isThere(name));
  readonly #plan = planLab(
    { name: teredoInternet.name, title: teredoInternet.title, nodes: this.#nodes, links: this.#links, paths: [] },
    this.#id,
  );
  readonly #programs: Program[] = [];

  /** Builds it, with a Teredo server. */
  async up(): Promise<void> {
    await buildNetwork(this.#plan);
    for (const { name, interfaces } of this.#plan.namespaces)
      for (const device of interfaces)
        await must(inNamespace(name, ['ethtool', '-K', device, 'tx', 'on', 'sg', 'on', 'tso', 'on', 'gso', 'on', 'gro', 'on']));
    this.#programs.push(await this.#daemon(SERVER.name));
  }

  /** Ends and removes everything. */
  async down(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
    rmSync(this.#folder, { recursive: true });
  }

  /** Starts a relay and a client, measures both ways, and ends them. */
  async measure(whose: 'tsunagi' | 'miredo'): Promise<{ up: number; down: number }> {
    const programs: Program[] = [];
    try {
      if (whose === 'tsunagi') for (const name of [RELAY.name, PC]) programs.push(await this.#daemon(name));
      else {
        programs.push(await startMiredoRelay(this.#place(RELAY.name), RELAY));
        programs.push(await startMiredoClient(this.#place(PC), { server: SERVER.local }));
      }
      await this.#reachWeb();
      return { up: await this.#rate([]), down: await this.#rate(['--reverse']) };
    } finally {
      for (const program of programs.reverse()) await program.stop();
    }
  }

  /** Bits a second that arrive. Who answers is another one each time: one that has lost sight of a client waits for it. */
  async #rate(options: readonly string[]): Promise<number> {
    const { program, ready } = Program.start({
      kind: 'iperf3',
      place: WEB.name,
      namespace: this.#namespace(WEB.name),
      command: ['sh', '-c', `exec iperf3 --server --one-off --forceflush --port ${PORT} >&2`],
      log: join(this.#folder, 'iperf3.log'),
      isReady: (line) => line.includes('listening'),
    });
    try {
      await ready;
      const asking = ['iperf3', '--client', WEB.address, '--port', `${PORT}`, '--time', `${SECONDS}`, '--omit', `${WARM_UP}`, '--json'];
      const said = await must(inNamespace(this.#namespace(PC), [...asking, ...options]));
      return (JSON.parse(said) as Iperf3Report).end.sum_received.bits_per_second;
    } finally {
      await program.stop();
    }
  }

  /** Resolves when the web answers the PC. */
  async #reachWeb(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    const ask = inNamespace(this.#namespace(PC), ['ping', '-6', '-n', '-c', '1', '-W', '1', WEB.address]);
    while ((await run(ask)).status !== 0) {
      if (performance.now() > deadline) throw new Error(`${WEB.address} does not answer in ${PATIENCE / 1000} s`);
      await sleep(LOOK);
    }
  }

  async #daemon(name: string): Promise<Program> {
    mkdirSync(join(this.#folder, name), { recursive: true });
    const node = this.#nodes.find((each) => each.name === name);
    if (node?.daemon === undefined) throw new RangeError(`there is no daemon on "${name}"`);
    const { program, ready } = Program.start(daemonProgram(this.#folder, this.#namespace(name), node, node.daemon));
    await ready;
    return program;
  }

  #place(node: string) {
    return { namespace: this.#namespace(node), node, folder: this.#folder };
  }

  #namespace(node: string): string {
    return namespaceOf(this.#id, node);
  }
}
