/**
 * What a service leaves in place on purpose, for the next one: TUN devices with all that is set on them, and what the fast path
 * has pinned. It is on disk before it is kept, so that whoever starts next finds it, however this process ends.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanStep } from '../engine/plan.js';
import { undoLines } from './ip-batch.js';
import { type Place, presentPlace } from './leftover.js';
import { writeStateFile } from './state-file.js';

/** See the head of the file. */
export interface Kept {
  /** Folder of the pins of the fast path. */
  readonly pins: string;
  /** Names of TUN devices. */
  readonly devices: readonly string[];
  /** What is set on them. */
  readonly steps: readonly PlanStep[];
  /** Places of the tunnels in the counter rows, by name. */
  readonly slots: Readonly<Record<string, number>>;
}

/** What is kept, as far as it can still be here; null: nothing. */
export function readKept(stateDir: string): Kept | null {
  try {
    const { boot, namespace, ...kept }: Kept & Place = JSON.parse(readFileSync(pathIn(stateDir), 'utf8'));
    const here = presentPlace();
    return boot === here.boot && namespace === here.namespace && isWhole(kept) ? kept : null;
  } catch {
    return null; // there is none, or none that was written to its end
  }
}

/** No word of it may become two commands. */
function isWhole({ pins, devices, steps, slots }: Kept): boolean {
  const words = [pins, ...devices, ...steps.flatMap((step) => Object.values(step))];
  return words.every((word) => typeof word !== 'string' || !/\s/.test(word)) && Object.values(slots).every(Number.isInteger);
}

/** Notes what is kept from now on; null: nothing. Throws what the file system says. */
export function writeKept(stateDir: string, kept: Kept | null): void {
  if (kept === null) rmSync(pathIn(stateDir), { force: true });
  else writeStateFile(pathIn(stateDir), { ...presentPlace(), ...kept });
}

/** Takes away TUN devices that no process has open any more; those that have gone are none. Throws `IpError`. */
export function deleteDevices(names: readonly string[]): void {
  undoLines(names.map((name) => `link delete ${name}`));
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'kept.json');
}
