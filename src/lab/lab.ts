/**
 * A lab: one topology in namespaces, with its daemons, its web servers and its captures.
 *
 * It is removed whole, however its process ends: in order by `down`; at once when the process exits in
 * any other way; and after a SIGKILL by the next lab command (see `leftover.ts`), the kernel having
 * ended the programs by then.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, Failure } from '../daemon/failure.js';
import type { Topology, TopologyNode, Words } from '../topology/topology.js';
import { captureProgram, lostPackets, makeCaptureDirectory } from './capture.js';
import { requirePrograms } from './command.js';
import { daemonProgram, nodeFiles, withFastPath } from './daemon.js';
import { verifyNats } from './nat-probe.js';
import { buildNetwork, removeNamespaces, removeNamespacesNow } from './network.js';
import { awaitAddress } from './node-addresses.js';
import { type LabPlan, labDefects, namespaceOf, planLab } from './plan.js';
import { bootId, processName } from './process.js';
import { type Death, Program, type ProgramOptions } from './program.js';
import { type LabRecord, removeDirectory, reserveId, writeRecord } from './record.js';
import { webProgram } from './web.js';

/** How a lab is made. */
export interface LabOptions extends Pick<LabRecord, 'purpose' | 'isPrivate'> {
  /** The run directory, see `record.ts`. */
  readonly run: string;
  /** Directory for a capture of each link; null: none. */
  readonly captures: string | null;
  /** Whether the daemons of relays have a fast path, where they can. Default false. */
  readonly fastPath?: boolean;
  /** Told what is being done. */
  readonly onStep?: (step: Words) => void;
  /** Told when a program of a lab that is up has died. */
  readonly onDeath?: (death: Death) => void;
  /** Told, at the end, of a link whose capture missed packets. */
  readonly onLoss?: (link: string, packets: number) => void;
}

/** Labs of this process that are not down. */
const standing = new Set<Lab>();
let isGuarded = false;

/** A lab of this process. */
export class Lab {
  readonly topology: Topology;
  readonly id: string;
  /** Its own directory. */
  readonly directory: string;
  readonly #options: LabOptions;
  readonly #plan: LabPlan;
  readonly #programs: Program[] = [];
  readonly #created = Date.now();
  #isLeaving = false;

  /** Builds a topology and starts everything in it; resolves when packets can flow. A Failure says why they cannot, and nothing is left of the attempt. */
  static async up(topology: Topology, options: LabOptions): Promise<Lab> {
    const defects = labDefects(topology);
    if (defects.length > 0) throw new Failure(Exit.failed, `topology "${topology.name}" cannot be built`, { details: defects });
    const wanted = { tcpdump: options.captures !== null, nft: topology.nodes.some(({ nat }) => nat !== undefined) };
    requirePrograms(['ip', 'ethtool', 'setpriv', ...(['tcpdump', 'nft'] as const).filter((program) => wanted[program])]);
    const captures = options.captures === null ? null : makeCaptureDirectory(options.captures);
    const lab = new Lab(topology, { ...options, captures });
    try {
      await lab.#begin();
      return lab;
    } catch (thrown) {
      await lab.down().catch(() => {}); // what cannot be removed goes with the process; the first cause is the one to tell
      throw thrown;
    }
  }

  private constructor(topology: Topology, options: LabOptions) {
    if (!isGuarded) process.on('exit', abandonAll);
    isGuarded = true;
    this.topology = topology;
    this.id = reserveId(options.run);
    this.directory = join(options.run, this.id);
    this.#options = options;
    this.#plan = planLab(topology, this.id);
    standing.add(this);
    this.#record('starting');
  }

  /** Name of the namespace of a node. */
  namespaceOf(node: string): string {
    return namespaceOf(this.id, node);
  }

  /** Stops everything and removes it. A Failure says what could not be removed. */
  async down(): Promise<void> {
    this.#isLeaving = true;
    const isCapture = ({ kind }: Program): boolean => kind === 'capture';
    await Promise.all(this.#programs.filter((program) => !isCapture(program)).map((program) => program.stop()));
    for (const { place, lastLines } of await Promise.all(this.#programs.filter(isCapture).map((program) => program.stop()))) {
      const lost = lostPackets(lastLines);
      if (lost > 0) this.#options.onLoss?.(place, lost);
    }
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
    removeDirectory(this.#options.run, this.id);
    standing.delete(this);
  }

  /** The same, for a process that is about to end: nothing is waited for. */
  abandon(): void {
    for (const program of this.#programs) program.kill();
    removeNamespacesNow(this.#plan.namespaces.map(({ name }) => name));
    removeDirectory(this.#options.run, this.id);
    standing.delete(this);
  }

  async #begin(): Promise<void> {
    const { nodes, links } = this.topology;
    this.#step({ en: `${nodes.length} nodes, ${links.length} links`, ja: `ノード ${nodes.length}、リンク ${links.length}` });
    await buildNetwork(this.#plan);
    const nats = nodes.filter(({ nat }) => nat !== undefined).length;
    if (nats > 0) this.#step({ en: `looking at ${nats} NATs`, ja: `NAT ${nats} 台の検証` });
    await verifyNats(this.topology, (node) => this.namespaceOf(node));
    const { captures } = this.#options;
    if (captures !== null) {
      this.#step({ en: 'captures', ja: 'キャプチャ' });
      await this.#start(this.#plan.taps.map((tap) => captureProgram(captures, tap, join(this.directory, `capture-${tap.link}.log`))));
    }
    const programs = nodes.flatMap((node) => this.#programsOf(node));
    const places = [...new Set(programs.map(({ place }) => place))].join(', ');
    if (programs.length > 0) this.#step({ en: `programs on ${places}`, ja: `プログラム起動: ${places}` });
    await this.#start(programs);
    this.#step({ en: 'addresses', ja: 'アドレス' });
    await this.#writeHosts();
    this.#record('up');
  }

  #programsOf(node: TopologyNode): ProgramOptions[] {
    const namespace = this.namespaceOf(node.name);
    mkdirSync(nodeFiles(this.directory, node.name).directory, { recursive: true });
    return [
      ...(node.daemon === undefined ? [] : [daemonProgram(this.directory, namespace, node, this.#configurationOf(node, node.daemon))]),
      ...(node.serves === undefined ? [] : [webProgram(this.directory, namespace, node.name)]),
    ];
  }

  #configurationOf(node: TopologyNode, toml: string): string {
    return this.#options.fastPath === true && node.relays === true ? withFastPath(toml, node) : toml;
  }

  /** Starts programs side by side, and waits until all of them are ready. */
  async #start(options: readonly ProgramOptions[]): Promise<void> {
    const started = options.map((each) => {
      const { program, ready } = Program.start(each);
      this.#programs.push(program);
      void program.ended.then((death) => {
        if (!this.#isLeaving) this.#options.onDeath?.(death);
      });
      return ready;
    });
    this.#record('starting');
    await Promise.all(started);
  }

  /** Names for addresses, so that `exec` can say `ping web`. Waits until everyone who is to be reached, or to reach, has an address. */
  async #writeHosts(): Promise<void> {
    const { paths, matrix } = this.topology;
    const ofMatrix = [...(matrix?.from ?? []), ...(matrix?.to ?? [])].map(({ node }) => node);
    const ends = [...new Set([...paths.flatMap(({ from, to }) => [from, to]), ...ofMatrix])];
    const lines = await Promise.all(ends.map(async (node) => `${await awaitAddress(this.namespaceOf(node), node)} ${node}\n`));
    writeFileSync(hostsFile(this.directory), `127.0.0.1 localhost\n::1 localhost\n${lines.join('')}`);
  }

  #record(state: LabRecord['state']): void {
    const { purpose, isPrivate, captures } = this.#options;
    writeRecord(this.#options.run, {
      id: this.id,
      topology: this.topology.name,
      purpose,
      state,
      boot: bootId(),
      keeper: processName(process.pid) ?? { pid: process.pid, started: '' },
      isPrivate,
      created: this.#created,
      namespaces: this.#plan.namespaces.map(({ name }) => name),
      programs: this.#programs.map(({ record }) => record),
      captures,
    });
  }

  #step(step: Words): void {
    this.#options.onStep?.(step);
  }
}

/** The file that stands for /etc/hosts in a lab. */
export function hostsFile(directory: string): string {
  return join(directory, 'hosts');
}

function abandonAll(): void {
  for (const lab of standing) lab.abandon();
}
