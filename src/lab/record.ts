/**
 * The run directory: a directory for each lab, with its record, the files of its daemons, and their
 * logs. A lab is on record before anything of it exists, so that whoever comes after a lab that was
 * killed can remove the rest.
 *
 *   /run/tsunagi-lab/k3f9/lab.json, hosts, keeper.log, otemachi/{tsunagi.toml,control.sock,log,state/}
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Exit, Failure, reasonOf } from '../daemon/failure.js';
import { namespaceOf } from './plan.js';
import { bootId, isRunning, type ProcessName } from './process.js';

/** A program that a lab runs in one of its namespaces. */
export interface ProgramRecord {
  /** `daemon`, `web` or `capture`. */
  readonly kind: string;
  /** The node, or the link for a capture. */
  readonly place: string;
  readonly process: ProcessName;
}

/** What is known about a lab from outside. */
export interface LabRecord {
  /** Unique: names its directory and namespaces. */
  readonly id: string;
  /** Name of the topology. */
  readonly topology: string;
  /** Who holds it: a demonstration in the foreground, or the keeper of `lab up`. */
  readonly purpose: 'demo' | 'up';
  readonly state: 'starting' | 'up';
  readonly boot: string;
  /** The process that made it, and removes it when it ends. */
  readonly keeper: ProcessName;
  /** True: it is in a user namespace; outside, its namespaces have no names, and they go with its processes. */
  readonly isPrivate: boolean;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly namespaces: readonly string[];
  readonly programs: readonly ProgramRecord[];
  /** Directory of the captures. */
  readonly captures: string | null;
}

/** Letters and digits that are not mistaken for each other. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const ID = /^[a-z0-9]{4}$/;
const MAX_ATTEMPTS = 64;
const RECORD = 'lab.json';

/** Where the labs of this user are. `TSUNAGI_LAB_DIR` moves it. */
export function runDirectory(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.() ?? 0): string {
  if (env.TSUNAGI_LAB_DIR !== undefined && env.TSUNAGI_LAB_DIR !== '') return resolve(env.TSUNAGI_LAB_DIR);
  if (uid === 0) return '/run/tsunagi-lab';
  return env.XDG_RUNTIME_DIR === undefined ? `/tmp/tsunagi-lab-${uid}` : join(env.XDG_RUNTIME_DIR, 'tsunagi-lab');
}

/** Makes the run directory. A Failure when it belongs to somebody else, who could then decide what we remove. */
export function makeRunDirectory(run: string): void {
  try {
    mkdirSync(run, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new Failure(Exit.failed, `${run} cannot be made: ${reasonOf(cause)}; TSUNAGI_LAB_DIR names another directory`, { cause });
  }
  const { uid, mode } = lstatSync(run);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Failure(Exit.failed, `${run} belongs to another user or can be written by others; TSUNAGI_LAB_DIR names another directory`);
  }
}

/** Takes an id that no lab of this run directory has, and makes its directory. */
export function reserveId(run: string): string {
  makeRunDirectory(run);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const id = [...randomBytes(4)].map((octet) => ALPHABET[octet % ALPHABET.length]).join('');
    try {
      mkdirSync(join(run, id), { mode: 0o755 });
      return id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Failure(Exit.failed, `no free name for a lab in ${run} after ${MAX_ATTEMPTS} attempts`);
}

/** Writes a record: whole or not at all. */
export function writeRecord(run: string, record: LabRecord): void {
  const path = join(run, record.id, RECORD);
  writeFileSync(`${path}.part`, `${JSON.stringify(record)}\n`, { mode: 0o644 });
  renameSync(`${path}.part`, path);
}

/** Every lab on record, the oldest first. A directory without a record that can be read is none of ours, or about to be. */
export function readRecords(run: string): LabRecord[] {
  return entries(run)
    .filter((name) => ID.test(name))
    .flatMap((id) => readRecord(run, id) ?? [])
    .sort((a, b) => a.created - b.created);
}

/** Whether the process that holds the lab still runs. */
export function isHeld({ boot, keeper }: LabRecord): boolean {
  return boot === bootId() && isRunning(keeper);
}

/** Removes a lab's directory with everything in it. */
export function removeDirectory(run: string, id: string): void {
  rmSync(join(run, id), { recursive: true, force: true });
}

function entries(run: string): string[] {
  try {
    return readdirSync(run);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readRecord(run: string, id: string): LabRecord | null {
  try {
    const record = JSON.parse(readFileSync(join(run, id, RECORD), 'utf8')) as LabRecord;
    return record.id === id && record.namespaces.every((name) => name.startsWith(namespaceOf(id, ''))) ? record : null;
  } catch {
    return null;
  }
}
