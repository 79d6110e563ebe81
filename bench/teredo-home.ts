/**
 * The network of the lab `teredo` with one of its PCs, behind a restricted cone NAT, for measurements that put our programs and
 * Miredo's into the same places.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonProgram } from '../src/lab/daemon.js';
import { buildNetwork, removeNamespaces } from '../src/lab/network.js';
import { type LabPlan, namespaceOf, planLab } from '../src/lab/plan.js';
import { Program, type ProgramOptions } from '../src/lab/program.js';
import { teredoInternet } from '../src/topology/teredo.js';
import type { MiredoPlace } from '../test/lab/miredo.js';

/** The one PC. */
export const PC = 'ebisu';
/** Server, relay and web of the network. */
export const SERVER = { name: 'mita', local: '198.51.100.1' } as const;
export const RELAY = { name: 'shinjuku', local: '203.0.113.1' } as const;
export const WEB = { name: 'web', address: '2001:db8:80::80' } as const;

/** What is told apart by its links: that of a home begins so. */
const isThere = (link: string): boolean => !link.startsWith('lan-') || link === `lan-${PC}`;

/** The network, and the programs that stay in it until it goes. */
export class TeredoHome {
  readonly #id: string;
  /** Of its files; goes with it. */
  readonly folder: string;
  readonly #nodes = teredoInternet.nodes.filter(({ interfaces }) => interfaces.every(({ link }) => isThere(link)));
  readonly #links = teredoInternet.links.filter(({ name }) => isThere(name));
  readonly #programs: Program[] = [];
  readonly plan: LabPlan;

  /** `purpose`: one word; its first letter tells the namespaces of different measurements apart. */
  constructor(purpose: string) {
    this.#id = `${purpose[0]}${process.pid.toString(36)}`;
    this.folder = mkdtempSync(join(tmpdir(), `tsunagi-${purpose}-`));
    const { name, title } = teredoInternet;
    this.plan = planLab({ name, title, nodes: this.#nodes, links: this.#links, paths: [] }, this.#id);
  }

  /** Builds it, with no program in it. */
  async build(): Promise<void> {
    await buildNetwork(this.plan);
  }

  /** Ends what stays in it, and removes everything. */
  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await removeNamespaces(this.plan.namespaces.map(({ name }) => name));
    rmSync(this.folder, { recursive: true });
  }

  /** A program that runs stays in it from now on. */
  keep(program: Program): void {
    this.#programs.push(program);
  }

  /** How our daemon runs on a node, as the topology has it. */
  daemon(name: string): ProgramOptions {
    mkdirSync(join(this.folder, name), { recursive: true });
    const node = this.#nodes.find((each) => each.name === name);
    if (node?.daemon === undefined) throw new RangeError(`there is no daemon on "${name}"`);
    return daemonProgram(this.folder, this.namespace(name), node, node.daemon);
  }

  /** Runs a program; resolves when it is ready. */
  async start(options: ProgramOptions): Promise<Program> {
    const { program, ready } = Program.start(options);
    try {
      await ready;
      return program;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** Where a program of Miredo's runs. */
  place(node: string): MiredoPlace {
    return { namespace: this.namespace(node), node, folder: this.folder };
  }

  namespace(node: string): string {
    return namespaceOf(this.#id, node);
  }
}
