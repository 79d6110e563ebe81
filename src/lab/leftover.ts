/** What labs leave behind whose process was killed, and how the next command clears it away. */
import { removeNamespaces } from './network.js';
import { bootId, endProcesses, isRunning } from './process.js';
import { isHeld, type LabRecord, readRecords, removeDirectory } from './record.js';

/** A dead lab that was removed. */
export interface Leftover {
  readonly record: LabRecord;
  /** Processes that still ran. */
  readonly processes: number;
}

/** Removes what is left of every lab whose process is dead, and says what it was. Throws a Failure when it cannot be removed: its record then stays. */
export async function removeLeftovers(run: string): Promise<Leftover[]> {
  const removed: Leftover[] = [];
  for (const record of readRecords(run)) if (!isHeld(record)) removed.push(await removeLeftover(run, record));
  return removed;
}

/** Removes what is left of one lab. */
export async function removeLeftover(run: string, record: LabRecord): Promise<Leftover> {
  // After a boot its processes and namespaces are gone, and the numbers belong to others.
  const running = record.boot === bootId() ? record.programs.map(({ process }) => process).filter(isRunning) : [];
  await endProcesses(running);
  // In a user namespace they have no names out here, and are gone with the last process.
  const processes = running.length + (record.isPrivate ? 0 : await removeNamespaces(record.namespaces));
  removeDirectory(run, record.id);
  return { record, processes };
}
