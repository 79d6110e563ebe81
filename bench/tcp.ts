/**
 * What TCP comes to through a Teredo client, a NAT and a relay, ours and Miredo's by turns.
 *
 * Unlike in the lab the links of the network are as clever as network cards are: they take long packets and cut them themselves. iperf3 sends for some seconds from
 * the PC to the web server, and back. The Teredo server, which takes no part in it, is ours.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labEnvironment, must, run } from '../src/lab/command.js';
import { inNamespace } from '../src/lab/network.js';
import type { Program } from '../src/lab/program.js';
import { startMiredoClient, startMiredoRelay, withoutMiredo } from '../test/lab/miredo.js';
import { PC, RELAY, SERVER, TeredoHome, WEB } from './teredo-home.js';

const ROUNDS = 5;
/** Seconds that are measured each way, and before them some in which TCP finds its pace and code is compiled. */
const SECONDS = 3;
const WARM_UP = 1;
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

/** The network, and what is measured in it. */
class TcpNetwork {
  readonly #home = new TeredoHome('tcp');

  /** Builds it, with a Teredo server. */
  async up(): Promise<void> {
    const home = this.#home;
    await home.build();
    for (const { name, interfaces } of home.plan.namespaces)
      for (const device of interfaces)
        await must(inNamespace(name, ['ethtool', '-K', device, 'tx', 'on', 'sg', 'on', 'tso', 'on', 'gso', 'on', 'gro', 'on']));
    home.keep(await home.start(home.daemon(SERVER.name)));
  }

  /** Ends and removes everything. */
  async down(): Promise<void> {
    await this.#home.remove();
  }

  /** Starts a relay and a client, measures both ways, and ends them. */
  async measure(whose: 'tsunagi' | 'miredo'): Promise<{ up: number; down: number }> {
    const home = this.#home;
    const programs: Program[] = [];
    try {
      if (whose === 'tsunagi') for (const name of [RELAY.name, PC]) programs.push(await home.start(home.daemon(name)));
      else {
        programs.push(await startMiredoRelay(home.place(RELAY.name), RELAY));
        programs.push(await startMiredoClient(home.place(PC), { server: SERVER.local }));
      }
      await this.#reachWeb();
      return { up: await this.#rate([]), down: await this.#rate(['--reverse']) };
    } finally {
      for (const program of programs.reverse()) await program.stop();
    }
  }

  /** Bits a second that arrive. Who answers is another one each time: one that has lost sight of a client waits for it. */
  async #rate(options: readonly string[]): Promise<number> {
    const program = await this.#home.start({
      kind: 'iperf3',
      place: WEB.name,
      namespace: this.#home.namespace(WEB.name),
      command: ['sh', '-c', `exec iperf3 --server --one-off --forceflush --port ${PORT} >&2`],
      log: join(this.#home.folder, 'iperf3.log'),
      isReady: (line) => line.includes('listening'),
    });
    try {
      const asking = ['iperf3', '--client', WEB.address, '--port', `${PORT}`, '--time', `${SECONDS}`, '--omit', `${WARM_UP}`, '--json'];
      const said = await must(inNamespace(this.#home.namespace(PC), [...asking, ...options]));
      return (JSON.parse(said) as Iperf3Report).end.sum_received.bits_per_second;
    } finally {
      await program.stop();
    }
  }

  /** Resolves when the web answers the PC. */
  async #reachWeb(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    const ask = inNamespace(this.#home.namespace(PC), ['ping', '-6', '-n', '-c', '1', '-W', '1', WEB.address]);
    while ((await run(ask)).status !== 0) {
      if (performance.now() > deadline) throw new Error(`${WEB.address} does not answer in ${PATIENCE / 1000} s`);
      await sleep(LOOK);
    }
  }
}
