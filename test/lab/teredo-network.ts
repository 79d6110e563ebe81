/** The network `teredo` with a choice of who plays server, relay and clients: our daemon or Miredo. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureProgram } from '../../src/lab/capture.js';
import type { Network } from '../../src/lab/check.js';
import { daemonProgram } from '../../src/lab/daemon.js';
import { buildNetwork, removeNamespaces } from '../../src/lab/network.js';
import { addressesIn, awaitAddress } from '../../src/lab/node-addresses.js';
import { type Ping, ping } from '../../src/lab/ping.js';
import { type LabPlan, planLab } from '../../src/lab/plan.js';
import { Program } from '../../src/lab/program.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';
import { type MiredoPlace, startMiredoClient, startMiredoRelay, startMiredoServer } from './miredo.js';

/** Whose program. */
export type Player = 'tsunagi' | 'miredo';

/** Who plays what. */
export interface Cast {
  readonly server: Player;
  readonly relay: Player;
  /** Of each PC. */
  readonly client: (pc: string) => Player;
}

const { matrix } = teredoInternet;
/** Types of NAT, each with the PC behind it that begins to speak, and another one behind its like that is looked for. */
export const NATS = matrix.from.map(({ node, title }, i) => ({ nat: title.en, first: node, second: matrix.to[i].node }));
const PCS = NATS.flatMap(({ first, second }) => [first, second]);

const SERVER = '198.51.100.1';
const RELAY = '203.0.113.1';

/** Seconds for the last of some echoes to be answered: a second bubble may be needed before, two seconds after the first. */
const PATIENCE = 6;

/** Networks of this process so far: with its number they make names that nobody else has. */
let built = 0;

/** The network, up. */
export class TeredoNetwork implements Network {
  readonly topology: Topology = teredoInternet;
  readonly id: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'tsunagi-teredo-'));
  readonly #plan: LabPlan;
  readonly #programs: Program[] = [];

  private constructor(id: string) {
    this.id = id;
    this.#plan = planLab(this.topology, id);
  }

  /** Builds it, and starts server, relay and clients, in this order: nobody asks before there is who answers. */
  static async up(cast: Cast): Promise<TeredoNetwork> {
    const network = new TeredoNetwork(`m${process.pid.toString(36)}${built++}`);
    try {
      await buildNetwork(network.#plan);
      await Promise.all(
        network.#plan.taps.map((tap) => network.#run(captureProgram(network.directory, tap, join(network.directory, `${tap.link}.log`)))),
      );
      await network.#play('mita', cast.server, (place) => startMiredoServer(place, { local: SERVER }));
      await network.#play('shinjuku', cast.relay, (place) => startMiredoRelay(place, { local: RELAY }));
      await Promise.all(
        PCS.map(async (pc) => {
          await network.#play(pc, cast.client(pc), (place) => startMiredoClient(place, { server: SERVER }));
          await awaitAddress(network.namespaceOf(pc), pc);
        }),
      );
      return network;
    } catch (error) {
      await network.down();
      throw error;
    }
  }

  /** The namespace of a node. */
  namespaceOf(node: string): string {
    return this.#plan.namespaces.find((each) => each.node === node)?.name ?? '';
  }

  /** The first global IPv6 address of a node. */
  async addressOf(node: string): Promise<string> {
    return (await addressesIn(this.namespaceOf(node)))[0] ?? '';
  }

  /** Echoes from one node to another. */
  async ping(from: string, to: string, count = 3): Promise<Ping> {
    return ping(this.namespaceOf(from), await this.addressOf(to), { count, patience: PATIENCE });
  }

  /** The capture of a link; it is whole after `stop`. */
  captureOf(link: string): string {
    return join(this.directory, `${link}.pcap`);
  }

  /** Ends the programs, captures last, so that what they have seen is written. */
  async stop(): Promise<void> {
    const isCapture = ({ kind }: Program): boolean => kind === 'capture';
    await Promise.all(this.#programs.filter((program) => !isCapture(program)).map((program) => program.stop()));
    await Promise.all(this.#programs.filter(isCapture).map((program) => program.stop()));
    this.#programs.length = 0;
  }

  /** Ends and removes everything. */
  async down(): Promise<void> {
    await this.stop();
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
    rmSync(this.directory, { recursive: true });
  }

  async #play(name: string, player: Player, miredo: (place: MiredoPlace) => Promise<Program>): Promise<void> {
    const node = nodeOf(name);
    const namespace = this.namespaceOf(name);
    if (player === 'miredo') {
      this.#programs.push(await miredo({ namespace, node: name, folder: this.directory }));
      return;
    }
    mkdirSync(join(this.directory, name), { recursive: true });
    await this.#run(daemonProgram(this.directory, namespace, node, node.daemon ?? ''));
  }

  async #run(options: Parameters<typeof Program.start>[0]): Promise<void> {
    const { program, ready } = Program.start(options);
    this.#programs.push(program);
    await ready;
  }
}

function nodeOf(name: string): TopologyNode {
  const node = teredoInternet.nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`there is no node "${name}"`);
  return node;
}
