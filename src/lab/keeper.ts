/**
 * Labs that outlive the command that made them: a keeper, a process without a terminal, holds each. It
 * tells its maker how it gets on, over the channel between parent and child, until the lab is up.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Exit, Failure, reasonOf } from '../daemon/failure.js';
import type { Topology, Words } from '../topology/topology.js';
import { labEnvironment } from './command.js';
import { EXECUTABLE } from './daemon.js';
import { Lab } from './lab.js';
import { removeLeftover } from './leftover.js';
import { type Access, inUserNamespace, isPrivate } from './privilege.js';
import { isRunning, signalProcess } from './process.js';
import { titleOf } from './program.js';
import { isHeld, type LabRecord, readRecords } from './record.js';

/** What a keeper tells its maker. */
export type KeeperMessage =
  | { readonly kind: 'step'; readonly step: Words }
  | { readonly kind: 'up'; readonly id: string }
  | { readonly kind: 'failed'; readonly message: string; readonly exit: number; readonly details: readonly string[] };

/** How a lab is handed to a keeper. */
export interface KeeperOptions {
  readonly run: string;
  readonly access: Access;
  readonly captures: string | null;
  readonly onStep: (step: Words) => void;
}

/** Milliseconds that a keeper has to remove its lab. */
const DOWN_PATIENCE = 10_000;
/** Milliseconds between two looks whether it has. */
const LOOK = 50;

/** Starts a keeper for a topology, and resolves with the lab's id once the lab is up. A Failure says why it is not. */
export async function startKeeper(topology: Topology, { run, access, captures, onStep }: KeeperOptions): Promise<string> {
  const command = [process.execPath, EXECUTABLE, 'lab', 'keep', topology.name, ...(captures === null ? [] : ['--capture', captures])];
  const wrapped = access === 'direct' ? { command, env: { ...labEnvironment(), TSUNAGI_LAB_DIR: run } } : inUserNamespace(run, command);
  const child = spawn(wrapped.command[0], wrapped.command.slice(1), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
    env: wrapped.env,
  });
  // A keeper whose maker hangs up before the lab is up gives up, and removes what there is of it.
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Failure(Exit.failed, `the lab's keeper cannot be started: ${cause.message}`, { cause })));
    child.once('exit', (status, signal) =>
      reject(new Failure(Exit.failed, `the lab's keeper ended (${signal ?? `exit status ${status}`})`)),
    );
    child.on('message', (message: KeeperMessage) => {
      if (message.kind === 'step') return onStep(message.step);
      child.removeAllListeners();
      child.disconnect();
      child.unref();
      if (message.kind === 'up') resolve(message.id);
      else reject(new Failure(message.exit, message.message, { details: message.details }));
    });
  });
}

/** The keeper's own life. Returns the exit status when the lab is down. */
export async function keepLab(topology: Topology, run: string, captures: string | null): Promise<number> {
  const tell = (message: KeeperMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const abandon = (): never => process.exit(Exit.failed); // the lab goes with the process
  process.once('disconnect', abandon);
  for (const signal of SIGNALS) process.once(signal, abandon);
  try {
    const lab = await Lab.up(topology, {
      run,
      purpose: 'up',
      isPrivate: isPrivate(),
      captures,
      fastPath: true,
      onStep: (step) => tell({ kind: 'step', step }),
      onDeath: (death) => {
        const lines = [`${new Date().toISOString()} ${titleOf(death)} died: ${death.how}`, ...death.lastLines.map((line) => `  ${line}`)];
        appendFileSync(join(run, lab.id, 'keeper.log'), `${lines.join('\n')}\n`);
      },
    });
    process.off('disconnect', abandon);
    for (const signal of SIGNALS) process.off(signal, abandon);
    const told = new Promise<void>((resolve) => SIGNALS.forEach((signal) => void process.on(signal, () => resolve())));
    tell({ kind: 'up', id: lab.id });
    const alive = setInterval(() => {}, 1 << 30); // the channel is gone by now, and nothing else holds the process
    await told;
    clearInterval(alive);
    await lab.down();
    return Exit.done;
  } catch (thrown) {
    const { exit, details } = thrown instanceof Failure ? thrown : { exit: Exit.failed, details: [] };
    tell({ kind: 'failed', message: reasonOf(thrown), exit, details });
    return exit;
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Has a lab removed by the process that holds it, and removes it itself when that process does not. */
export async function takeDown(run: string, record: LabRecord): Promise<void> {
  signalProcess(record.keeper, 'SIGTERM');
  const deadline = performance.now() + DOWN_PATIENCE;
  while (isHeld(record) && performance.now() < deadline) await sleep(LOOK);
  if (isRunning(record.keeper)) signalProcess(record.keeper, 'SIGKILL');
  if (readRecords(run).some(({ id }) => id === record.id)) await removeLeftover(run, record);
}
