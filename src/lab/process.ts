/** Processes by a name that cannot come to mean another one: ids come back, start times do not. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One process of this boot. */
export interface ProcessName {
  readonly pid: number;
  /** Clock ticks after the boot, proc_pid_stat(5). */
  readonly started: string;
}

/** Milliseconds between two looks at processes that are not our children: the kernel tells nobody else. */
const LOOK = 20;
/** Milliseconds that a process has to end by itself. */
export const GRACE = 3000;
/** Milliseconds that the kernel has to end a process that was killed. */
const KILL_GRACE = 2000;

/** The name of the process `pid`; null when there is none, or only what its parent has yet to collect. */
export function processName(pid: number): ProcessName | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name in parentheses, may hold anything. State is field 3, the start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : { pid, started: fields[19] };
  } catch {
    return null;
  }
}

/** Whether it still runs. */
export function isRunning({ pid, started }: ProcessName): boolean {
  return processName(pid)?.started === started;
}

/** Sends `signal` to it, if it is still that process. */
export function signalProcess(name: ProcessName, signal: NodeJS.Signals): void {
  if (!isRunning(name)) return;
  try {
    process.kill(name.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends processes: SIGTERM, and SIGKILL for those that are still there after `grace` milliseconds. Returns those that nothing ended. */
export async function endProcesses(names: readonly ProcessName[], grace = GRACE): Promise<ProcessName[]> {
  let left = names.filter(isRunning);
  for (const [signal, patience] of [
    ['SIGTERM', grace],
    ['SIGKILL', KILL_GRACE],
  ] as const) {
    for (const name of left) signalProcess(name, signal);
    const deadline = performance.now() + patience;
    for (; left.length > 0 && performance.now() < deadline; left = left.filter(isRunning)) await sleep(LOOK);
  }
  return left;
}

/** Names the present boot: start times of another one mean nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
