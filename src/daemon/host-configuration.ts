/**
 * What the service has set on its host, and the promise that it is unset: by itself when it ends,
 * by the next start when it was killed. Its undoing is on disk before anything is done.
 */
import type { PlanStep } from '../engine/plan.js';
import { sameSpec } from '../engine/spec.js';
import { applySteps, changeSteps, undoCommands, undoSteps } from '../linux/ip-batch.js';
import { removeJournal, takeOver, writeJournal } from '../linux/leftover.js';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Log } from './log.js';

/** The steps that are in force. */
export class HostConfiguration {
  readonly #stateDir: string;
  /** What may be on the host. */
  #steps: readonly PlanStep[];
  /** True when some of it may not be: a step failed, or a device left and took its addresses along. */
  #uncertain: boolean;
  #undone = false;
  /** TUN devices on which everything stays when it is unset. */
  #kept: ReadonlySet<string> = new Set();
  /** The commands in the journal; null: there is none of ours. */
  #noted: readonly string[] | null = null;

  /** `kept`: what a process before this one has left in force. */
  constructor(stateDir: string, kept: readonly PlanStep[] = []) {
    this.#stateDir = stateDir;
    this.#steps = kept;
    this.#uncertain = kept.length > 0;
  }

  /** Has what is set on these TUN devices stay when the rest is unset. */
  keep(devices: ReadonlySet<string>): void {
    this.#kept = devices;
  }

  /** What is set on those that stay. */
  get kept(): readonly PlanStep[] {
    return this.#steps.filter((step) => this.#stays(step));
  }

  /** Makes `to` what is in force; what was and stays is not touched. Throws a Failure; the next call then makes sure of every step. */
  change(to: readonly PlanStep[]): void {
    const from = this.#steps;
    if (!this.#uncertain && sameSpec(from, to)) return;
    try {
      this.#note([...from, ...to]);
      this.#steps = [...from, ...to];
      if (this.#uncertain) applySteps(to);
      this.#uncertain = true;
      changeSteps(from, to);
      this.#steps = to;
      this.#uncertain = false;
      this.#note(to);
    } catch (cause) {
      throw new Failure(Exit.failed, `cannot set up the host: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Something was taken away by others: the next `change` applies every step anew. */
  distrust(): void {
    this.#uncertain = true;
  }

  /**
   * Unsets everything but what stays, at once, so that it works in a process that is ending. Tried once: when it
   * throws, the journal stays for the next start.
   */
  undo(): void {
    if (this.#undone) return;
    this.#undone = true;
    undoSteps(this.#steps.filter((step) => !this.#stays(step)));
    if (this.#noted !== null) removeJournal(this.#stateDir);
  }

  #stays({ interface: device }: PlanStep): boolean {
    return device !== null && this.#kept.has(device);
  }

  /** On disk, unless it is there already: a write waits for the disk. */
  #note(steps: readonly PlanStep[]): void {
    const undo = [...new Set(undoCommands(steps))];
    if (sameSpec(undo, this.#noted)) return;
    writeJournal(this.#stateDir, undo);
    this.#noted = undo;
  }
}

/** What the process before this one left behind is undone, and said. Throws a Failure when it still runs, or it cannot be undone. */
export function clearLeftover(stateDir: string, log: Log): void {
  try {
    const leftover = takeOver(stateDir);
    if (leftover.kind === 'running')
      throw new Failure(
        Exit.failed,
        `state directory ${stateDir}: process ${leftover.pid} uses it: stop that, or give this one a node.state of its own`,
      );
    if (leftover.kind === 'left')
      log.warn('a killed process left configuration behind, it is undone', { pid: leftover.pid, commands: leftover.commands });
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(Exit.failed, `cannot undo what a killed process left behind: ${reasonOf(cause)}`, { cause });
  }
}
