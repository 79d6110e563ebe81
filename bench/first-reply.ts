/**
 * How long a Teredo client takes from exec to its first answer from the IPv6 web, ours and Miredo's by turns.
 *
 * The network is that of the lab `teredo` with one of its PCs, behind a restricted cone NAT, and everything beyond the
 * NAT `ROUND_TRIP` away. Server and relay are Miredo's for both where there is a Miredo, so that it plays at home. An echo
 * request is repeated from before the client starts, until one is answered.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labEnvironment } from '../src/lab/command.js';
import { daemonProgram } from '../src/lab/daemon.js';
import { buildNetwork, inNamespace, removeNamespaces } from '../src/lab/network.js';
import { namespaceOf, planLab } from '../src/lab/plan.js';
import { Program, type ProgramOptions } from '../src/lab/program.js';
import { teredoInternet } from '../src/topology/teredo.js';
import { type MiredoPlace, startMiredoRelay, startMiredoServer, withoutMiredo } from '../test/lab/miredo.js';

/** Milliseconds to everything beyond the NAT and back. */
const ROUND_TRIP = 100;
const ROUNDS = 5;

/** The one PC, the router where the path to it begins, by what it knows that, and whom the PC asks. */
const PC = 'ebisu';
const ROUTER = { name: 'tokyo', fromPc: 'iif eth0', toPc: ['iif eth1 to 192.0.2.0/24', 'iif eth2 to 192.0.2.0/24'] } as const;
const SERVER = { name: 'mita', local: '198.51.100.1' } as const;
const RELAY = { name: 'shinjuku', local: '203.0.113.1' } as const;
const WEB = '2001:db8:80::80';
/** Seconds for an answer, of each of our and Miredo's rounds. */
const PATIENCE = 30;
/** Asks until there is an answer: without a route ping ends at once, and with one it asks every 50 ms. */
const ASK = `until ping -6 -n -i 0.05 -w ${PATIENCE} ${WEB} | grep -m 1 'bytes from'; do sleep 0.01; done`;

/** Milliseconds, a figure a round; `miredo` is empty where there is none. */
export interface FirstReplies {
  readonly roundTrip: number;
  readonly tsunagi: readonly number[];
  readonly miredo: readonly number[];
}

/** Builds the network, measures, and removes it. */
export async function measureFirstReplies(rounds: number = ROUNDS): Promise<FirstReplies> {
  const network = new FirstReplyNetwork();
  const tsunagi: number[] = [];
  const miredo: number[] = [];
  const hasMiredo = withoutMiredo() === null;
  try {
    await network.up(hasMiredo);
    for (let round = 0; round < rounds; round++) {
      tsunagi.push(await network.firstReply(network.daemon(PC)));
      if (hasMiredo) miredo.push(await network.firstReply(network.miredo()));
    }
    return { roundTrip: ROUND_TRIP, tsunagi, miredo };
  } finally {
    await network.down();
  }
}

/** What is told apart by its links: that of a home begins so. */
const isThere = (link: string): boolean => !link.startsWith('lan-') || link === `lan-${PC}`;

/** The network, and the programs in it. */
class FirstReplyNetwork {
  readonly #id = `f${process.pid.toString(36)}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tsunagi-first-reply-'));
  readonly #nodes = teredoInternet.nodes.filter(({ interfaces }) => interfaces.every(({ link }) => isThere(link)));
  readonly #links = teredoInternet.links.filter(({ name }) => isThere(name));
  readonly #plan = planLab(
    { name: teredoInternet.name, title: teredoInternet.title, nodes: this.#nodes, links: this.#links, paths: [] },
    this.#id,
  );
  readonly #programs: Program[] = [];

  /** Builds it, with everything but a client. */
  async up(hasMiredo: boolean): Promise<void> {
    await buildNetwork(this.#plan);
    await this.#run(this.#delay());
    if (hasMiredo) {
      this.#programs.push(await startMiredoServer(this.#place(SERVER.name), SERVER));
      this.#programs.push(await startMiredoRelay(this.#place(RELAY.name), RELAY));
      return;
    }
    await this.#run(this.daemon(SERVER.name));
    await this.#run(this.daemon(RELAY.name));
  }

  /** Ends and removes everything. */
  async down(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
    rmSync(this.#folder, { recursive: true });
  }

  /** Milliseconds from the start of a client to the first answer; the client is ended again. */
  async firstReply(client: ProgramOptions): Promise<number> {
    const asking = spawn('ip', inNamespace(client.namespace, ['sh', '-c', ASK]).slice(1), {
      env: labEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 1000 * PATIENCE,
    });
    const ended = new Promise((resolve) => asking.once('close', resolve));
    const began = performance.now();
    const answered = new Promise<number>((resolve, reject) => {
      asking.stdout.once('data', () => resolve(performance.now() - began));
      asking.once('close', () => reject(new Error(`no answer to the ${client.kind} in ${PATIENCE} s`)));
    });
    const { program } = Program.start(client);
    try {
      return await answered;
    } finally {
      await ended;
      await program.stop();
    }
  }

  /** Our daemon on a node, as the topology has it. */
  daemon(name: string): ProgramOptions {
    mkdirSync(join(this.#folder, name), { recursive: true });
    const node = this.#nodes.find((each) => each.name === name);
    if (node?.daemon === undefined) throw new RangeError(`there is no daemon on "${name}"`);
    return daemonProgram(this.#folder, namespaceOf(this.#id, name), node, node.daemon);
  }

  /** Miredo's client on the PC. */
  miredo(): ProgramOptions {
    const file = join(this.#folder, 'client.conf');
    writeFileSync(file, `InterfaceName teredo\nServerAddress ${SERVER.local}\n`);
    const command = ['miredo', '-f', '-c', file, '-p', join(this.#folder, 'client.pid')];
    return this.#program('miredo', PC, command, 'Starting...');
  }

  #delay(): ProgramOptions {
    const file = fileURLToPath(new URL('delay.ts', import.meta.url));
    const selectors = [ROUTER.fromPc, ...ROUTER.toPc];
    const command = [process.execPath, '--import', 'tsx', file, String(ROUND_TRIP / 2), ...selectors];
    return this.#program('delay', ROUTER.name, command, 'ready');
  }

  #program(kind: string, place: string, command: readonly string[], said: string): ProgramOptions {
    return {
      kind,
      place,
      namespace: namespaceOf(this.#id, place),
      command,
      log: join(this.#folder, `${place}-${kind}.log`),
      isReady: (line) => line.includes(said),
    };
  }

  #place(node: string): MiredoPlace {
    return { namespace: namespaceOf(this.#id, node), node, folder: this.#folder };
  }

  async #run(options: ProgramOptions): Promise<void> {
    const { program, ready } = Program.start(options);
    this.#programs.push(program);
    await ready;
  }
}
