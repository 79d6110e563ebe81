/**
 * What a killed process leaves behind, and how the next one clears it away.
 *
 * A TUN device leaves with its process; LAN addresses and unreachable routes do not. So the commands
 * that undo a plan are on disk before the plan is applied, with the name of the process they belong
 * to. A process is named by its id and start time, in one boot and one network namespace: ids come back.
 */
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { undoLines } from './ip-batch.js';
import { writeStateFile } from './state-file.js';

/** One boot of the machine, and a network namespace: what is set is gone with either. */
export interface Place {
  readonly boot: string;
  readonly namespace: string;
}

/** A process that cannot be mistaken for another. */
interface ProcessName extends Place {
  readonly pid: number;
  /** Clock ticks after the boot. */
  readonly started: string;
}

interface Entry {
  readonly process: ProcessName;
  /** Arguments of ip, in order. */
  readonly undo: readonly string[];
}

/** What a state directory tells: nothing, a process that still runs, or what a dead one left and these commands undo. */
export type Leftover =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly pid: number }
  | { readonly kind: 'left'; readonly pid: number; readonly commands: readonly string[] };

const NONE: Leftover = { kind: 'none' };

/**
 * Notes that this process leaves behind what `undo` undoes (see `undoCommands`). Call it before the change. Replaces what
 * was noted. Throws what the file system says.
 */
export function writeJournal(stateDir: string, undo: readonly string[]): void {
  const entry: Entry = { process: nameOf(process.pid), undo };
  writeStateFile(pathIn(stateDir), entry);
}

/** Notes that nothing is left: the plan was undone. */
export function removeJournal(stateDir: string): void {
  rmSync(pathIn(stateDir), { force: true });
}

/** Looks for what is left, and changes nothing. */
export function findLeftover(stateDir: string): Leftover {
  const entry = readJournal(pathIn(stateDir));
  if (entry === null) return NONE;
  const { pid, started, boot, namespace } = entry.process;
  const here = nameOf(process.pid);
  if (here.boot === boot && isRunning(pid, started)) return { kind: 'running', pid };
  // After a boot, or with its namespace, everything that it set is gone; the same commands could only hit others.
  const commands = here.boot === boot && here.namespace === namespace ? entry.undo : [];
  return commands.length === 0 ? NONE : { kind: 'left', pid, commands };
}

/** Undoes what a process that is dead has left, and says what. Throws `IpError` when it cannot be undone: the journal then stays. */
export function takeOver(stateDir: string): Leftover {
  const leftover = findLeftover(stateDir);
  if (leftover.kind === 'running') return leftover;
  if (leftover.kind === 'left') undoLines(leftover.commands);
  removeJournal(stateDir);
  return leftover;
}

/** Where this process is. */
export function presentPlace(): Place {
  const { boot, namespace } = nameOf(process.pid);
  return { boot, namespace };
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'leftover.json');
}

/** The journal; null where there is none, or none that can be read: one that was cut short was never acted on. */
function readJournal(path: string): Entry | null {
  try {
    const entry: Entry = JSON.parse(readFileSync(path, 'utf8'));
    const { pid, started, boot, namespace } = entry.process;
    const texts = [started, boot, namespace, ...entry.undo];
    return Number.isInteger(pid) && texts.every((text) => typeof text === 'string' && !text.includes('\n')) ? entry : null;
  } catch {
    return null;
  }
}

function isRunning(pid: number, started: string): boolean {
  try {
    return nameOf(pid).started === started;
  } catch {
    return false;
  }
}

/** The name of the process `pid`. Throws when there is none. */
function nameOf(pid: number): ProcessName {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the program's name in parentheses, may hold anything. The start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    started: fields[19],
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    namespace: readlinkSync(`/proc/${pid}/ns/net`),
  };
}
