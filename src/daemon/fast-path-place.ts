/**
 * The fast path as the service has it: as the configuration asks for it, or none, and why. What it needs is loaded when
 * it is asked for, so that a service without it starts as it did.
 */
import { readFileSync } from 'node:fs';
import type { FastpathConfig } from '../config/config.js';
import { COUNTER_ROW_LEN } from '../core/counters.js';
import { type NodeSpec, sameSpec } from '../engine/spec.js';
import { socketsOf } from '../engine/technologies.js';
import type { FastPath, Heritage, Wanted } from '../xdp/fast-path.js';
import type { PassedName } from '../xdp/layout.js';
import type { OffloadedTunnel } from '../xdp/offload.js';
import { mountPins, PIN_FILE_SYSTEM } from '../xdp/pins.js';
import type { Impediment } from '../xdp/probe.js';
import type { XdpMode } from '../xdp/program.js';
import { Exit, Failure, reasonOf } from './failure.js';
import { asksToStay } from './kept-place.js';
import type { Log } from './log.js';

/** The program, compiled by the build. Source, build and bundle all lie two folders below the package. */
const OBJECT = new URL('../../dist/bpf/tsunagi.bpf.o', import.meta.url);

/** The fast path as readers of the status see it. */
export interface FastPathView {
  /** `off`: no interface has it. */
  readonly mode: XdpMode | 'off';
  /** Those that have it. */
  readonly interfaces: readonly string[];
  /** It stays when the service ends. */
  readonly stays: boolean;
  /** What is not as it could be; null: nothing. */
  readonly reason: string | null;
  /** What it does with each tunnel; none: it was never asked for. */
  readonly tunnels: readonly OffloadedTunnel[];
  /** Counters of what went this way. */
  readonly row: Float64Array;
  /** Frames that were left to the stack of the host, by reason. */
  readonly passed: ReadonlyMap<PassedName, number>;
}

/** There is none, for this reason. */
export function noFastPath(reason: string): FastPathView {
  return { mode: 'off', interfaces: [], stays: false, reason, tunnels: [], row: new Float64Array(COUNTER_ROW_LEN), passed: new Map() };
}

/** Milliseconds between two looks at what no message tells: whether drivers can still do what they could. */
const WATCH = 3_000;

/** What a configuration that names no mode and no interfaces gets. */
export const NOT_ASKED_FOR = 'fastpath.interfaces names no interface';

type State = Pick<FastPathView, 'mode' | 'interfaces' | 'stays' | 'reason' | 'tunnels'>;

/** One fast path at a time. */
export class FastPathPlace {
  readonly #log: Log;
  readonly #changed: () => void;
  /** Where it is kept, when it is to stay. */
  readonly #folder: string;
  /** What the service before this one has kept, until it is taken over. */
  #heritage: Heritage | null;
  readonly #none = noFastPath(NOT_ASKED_FOR);
  #fastPath: FastPath | null = null;
  #state: State = this.#none;
  /** The configuration that was had last, and the one that was tried last with what it asks for; null: for none. */
  #had: FastpathConfig | null = null;
  #tried: FastpathConfig | null = null;
  #wanted: Wanted | null = null;
  /** The program could not be loaded: it is tried again when somebody asks. */
  #isUnloadable = false;
  #watch: NodeJS.Timeout | null = null;

  /**
   * `changed`: the host is no longer as it was when `become` was called last, which is to be called again. `folder` is that of
   * what is to stay, `heritage` what did stay.
   */
  constructor(log: Log, changed: () => void, folder: string, heritage: Heritage) {
    this.#log = log;
    this.#folder = folder;
    this.#heritage = heritage;
    this.#changed = changed;
  }

  /** Always current. */
  get view(): FastPathView {
    this.#fastPath?.count();
    const fast = this.#fastPath;
    return { ...this.#state, row: fast?.row ?? this.#none.row, passed: fast?.passed() ?? this.#none.passed };
  }

  /**
   * Has what `config` asks for, for `node`. A mode that a configuration asks for by name must be had when it is new: a Failure
   * says why it cannot. One that was had may be lost, with its interface: then the packet threads do it all.
   */
  async become(config: FastpathConfig, node: NodeSpec): Promise<void> {
    const before = this.#state;
    if (config !== this.#tried) {
      this.#tried = config;
      this.#wanted = wantedBy(config, this.#folder);
      this.#isUnloadable = false;
    }
    if (this.#isUnloadable) return;
    clearInterval(this.#watch ?? undefined);
    this.#state = await this.#reach(config, node);
    this.#watch = this.#watchOver(this.#fastPath, this.#wanted);
    if (!sameSpec(this.#state, before)) this.#tell();
    const { reason } = this.#state;
    if (config !== this.#had && config.mode !== 'auto' && this.#wanted !== null && reason !== null) {
      throw new Failure(Exit.privilege, `fastpath.mode = "${config.mode}" cannot be had: ${reason}`);
    }
    this.#had = config;
  }

  /** The map in which packet threads keep flows; null: there is none. */
  get flows(): number | null {
    return this.#fastPath?.flows ?? null;
  }

  /**
   * TUN devices that are to stay with it when the process ends: those of tunnels that need nothing else. null: it does not
   * stay itself.
   */
  devicesThatStay(node: NodeSpec): readonly string[] | null {
    const { stays, tunnels } = this.#state;
    if (!stays) return null;
    const offloaded = tunnels.filter(({ obstacle }) => obstacle === null).map(({ name }) => name);
    return node.tunnels.flatMap((spec) => {
      return spec.interface !== null && socketsOf(spec).length === 0 && offloaded.includes(spec.name) ? [spec.interface] : [];
    });
  }

  /** Lets go of it: what is to stay stays as it is. */
  leave(): void {
    clearInterval(this.#watch ?? undefined);
    this.#fastPath?.leave();
    this.#fastPath = null;
  }

  /** Ends it, at once. */
  close(): void {
    clearInterval(this.#watch ?? undefined);
    this.#fastPath?.close();
    this.#fastPath = null;
  }

  /** Says so once, when interfaces become better or worse than they are now. */
  #watchOver(fastPath: FastPath | null, wanted: Wanted | null): NodeJS.Timeout | null {
    if (wanted === null || this.#isUnloadable) return null;
    // It broke off: the host has changed in the middle of it.
    if (fastPath === null) return setTimeout(() => this.#changed(), WATCH).unref();
    const found = fastPath.survey(wanted);
    const timer = setInterval(() => {
      if (sameSpec(fastPath.survey(wanted), found)) return;
      clearInterval(timer);
      this.#changed();
    }, WATCH);
    return timer.unref();
  }

  async #reach(config: FastpathConfig, node: NodeSpec): Promise<State> {
    const state = await this.#change(node);
    if (this.#wanted !== null) return state;
    return { ...state, reason: config.mode === 'off' ? 'fastpath.mode is "off"' : NOT_ASKED_FOR };
  }

  async #change(node: NodeSpec): Promise<State> {
    if (this.#wanted === null && this.#fastPath === null) return this.#none;
    // Loaded here and not before: most of what it needs is of no use without it.
    const [{ FastPath }, { explainLoad }] = await Promise.all([import('../xdp/fast-path.js'), import('../xdp/probe.js')]);
    try {
      this.#fastPath ??= FastPath.load(readProgram(), this.#wanted?.pins === null ? null : this.#heritage);
      this.#heritage = null;
    } catch (thrown) {
      this.#isUnloadable = true;
      return this.#without(explainLoad(thrown));
    }
    try {
      if (this.#wanted?.pins != null) this.#mount();
      const { shortcomings, ...state } = this.#fastPath.change(this.#wanted ?? { mode: 'auto', interfaces: [], pins: null }, node);
      return { ...state, reason: shortcomings.length === 0 ? null : shortcomings.join('; ') };
    } catch (thrown) {
      this.close();
      return this.#without({ reason: reasonOf(thrown), verifier: [] });
    }
  }

  /** Where it cannot be, that is what is not as it could be, and said so. */
  #mount(): void {
    try {
      if (mountPins()) this.#log.info('a BPF file system is mounted, for what is to stay', { at: PIN_FILE_SYSTEM });
    } catch {
      // It is tried again when it is needed, and the reason told there.
    }
  }

  #without({ reason, verifier }: Impediment): State {
    this.#log.warn('no fast path', { reason, ...(verifier.length > 0 && { verifier }) });
    return { ...this.#none, reason };
  }

  #tell(): void {
    const { mode, interfaces, stays, reason, tunnels } = this.#state;
    if (tunnels.length === 0) return;
    const left = tunnels.flatMap(({ name, obstacle }) => (obstacle === null ? [] : [[name, obstacle]]));
    const fields = {
      mode,
      interfaces,
      offloaded: tunnels.filter(({ obstacle }) => obstacle === null).map(({ name }) => name),
      ...(left.length > 0 && { notOffloaded: Object.fromEntries(left) }),
      ...(stays && { stays }),
      ...(reason !== null && { reason }),
    };
    if (reason === null || this.#wanted === null) this.#log.info('fast path', fields);
    else this.#log.warn('fast path', fields);
  }
}

/**
 * What would keep the fast path of `config` from being all that it could be: tried, with nothing changed. `heritage` is what a
 * service that has ended left in place. null: nothing, or none is asked for.
 */
export async function surveyFastPath(config: FastpathConfig, heritage: Heritage | null): Promise<string | null> {
  const wanted = wantedBy(config, null);
  if (wanted === null) return null;
  const [{ FastPath }, { explainLoad }] = await Promise.all([import('../xdp/fast-path.js'), import('../xdp/probe.js')]);
  try {
    const fastPath = FastPath.load(readProgram(), heritage);
    const reasons = fastPath.survey(wanted);
    fastPath.leave();
    return reasons.length === 0 ? null : reasons.join('; ');
  } catch (thrown) {
    return explainLoad(thrown).reason;
  }
}

function readProgram(): Uint8Array {
  try {
    return readFileSync(OBJECT);
  } catch (cause) {
    throw new Error('the program was not built: set-up found no clang', { cause });
  }
}

/** What a configuration asks for; null: nothing. */
function wantedBy(config: FastpathConfig, folder: string | null): Wanted | null {
  const { mode, interfaces } = config;
  const pins = asksToStay(config) ? folder : null;
  return mode === 'off' || interfaces.length === 0 ? null : { mode, interfaces: [...new Set(interfaces)], pins };
}
