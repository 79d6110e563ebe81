/** A list that outlives the process: one JSON file in `node.state`, written whole, and gone when there is nothing to remember. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { writeStateFile } from '../linux/state-file.js';
import { reasonOf } from './failure.js';
import type { Log } from './log.js';

/** Entries that are read; more than a node can have. */
const MOST = 1024;

/** What one file holds. */
export interface RecordOptions<Entry> {
  readonly stateDir: string;
  /** Of the file. */
  readonly name: string;
  /** What it holds, for people: `port mappings`. */
  readonly subject: string;
  readonly schema: z.ZodType<Entry>;
  readonly log: Log;
}

/** See the head of the file. What cannot be written is said once: the service goes on without. */
export class StateRecord<Entry> {
  readonly #options: RecordOptions<Entry>;
  readonly #path: string;
  #failed = false;

  constructor(options: RecordOptions<Entry>) {
    this.#options = options;
    this.#path = join(options.stateDir, options.name);
  }

  /** What was written last; nothing when there is no file, or when it is unreadable, which is said. */
  read(): readonly Entry[] {
    const { schema, subject, log } = this.#options;
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return [];
    }
    try {
      return z.array(schema).max(MOST).parse(JSON.parse(text));
    } catch (thrown) {
      log.warn('a record is unreadable, it is ignored', { record: subject, file: this.#path, reason: reasonOf(thrown) });
      return [];
    }
  }

  /** Takes the place of what there was, at once or not at all. The last `MOST` entries are kept. */
  write(entries: readonly Entry[]): void {
    const { subject, log } = this.#options;
    if (entries.length === 0) {
      this.clear();
      return;
    }
    try {
      writeStateFile(this.#path, entries.slice(-MOST));
    } catch (thrown) {
      if (!this.#failed) log.warn('a record cannot be written', { record: subject, file: this.#path, reason: reasonOf(thrown) });
      this.#failed = true;
    }
  }

  /** There is nothing to remember. */
  clear(): void {
    rmSync(this.#path, { force: true });
  }
}
