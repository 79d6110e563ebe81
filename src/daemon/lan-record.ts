/**
 * What LANs were told, on disk: a router that was killed, or lost its power, and comes back with another IPv4 address
 * is the only one who can take back what hosts still believe (RFC 9096 section 3.5).
 *
 *   <state>/lans.json   [{ "tunnel": …, "interface": …, "prefix": "2002:c000:22a:1::/64", "until": "2026-11-24T23:30:00.000Z" }, …]
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { ToldLans } from '../engine/lan-memory.js';
import type { AdvertisedLan } from '../role/role.js';
import { formatPrefix6, parsePrefix6 } from '../wire/address.js';
import { monotonicNow } from './clock.js';
import { reasonOf } from './failure.js';
import type { Log } from './log.js';

/**
 * Time by which an end is put later on disk than it is, milliseconds: so often, and no more, it is written anew while
 * advertisements go on.
 */
const SLACK = 600_000;
/** LANs that are remembered; more than a node can have. */
const MOST = 1024;

const entrySchema = z.strictObject({ tunnel: z.string(), interface: z.string(), prefix: z.string(), until: z.iso.datetime() });
type Entry = z.output<typeof entrySchema>;

/** The record of one state directory. What cannot be written is said once: the service goes on without. */
export class LanRecord {
  readonly #path: string;
  readonly #log: Log;
  readonly #told = new Map<string, readonly AdvertisedLan[]>();
  /** What is on disk, and until when by the monotonic clock. */
  #written = new Map<string, number>();
  #failed = false;

  constructor(stateDir: string, log: Log) {
    this.#path = join(stateDir, 'lans.json');
    this.#log = log;
  }

  /** What the service before this one left; nothing when it ended in good order. */
  read(): ToldLans {
    const told = new Map<string, AdvertisedLan[]>();
    for (const { tunnel, interface: name, prefix: text, until } of this.#entries()) {
      const prefix = parsePrefix6(text);
      const left = Date.parse(until) - Date.now();
      if (prefix === null || !(left > 0)) continue;
      const lan = { interface: name, prefix, until: monotonicNow() + left, sent: Number.NEGATIVE_INFINITY };
      told.set(tunnel, [...(told.get(tunnel) ?? []), lan]);
    }
    return told;
  }

  /** The LANs of `tunnel` have been told this much. */
  hear(tunnel: string, lans: readonly AdvertisedLan[]): void {
    this.#told.set(tunnel, lans);
    const all = [...this.#told].flatMap(([name, told]) => told.map((lan) => ({ name, lan, key: keyOf(name, lan) })));
    const isCovered = all.every(({ key, lan }) => lan.until <= (this.#written.get(key) ?? 0));
    if (isCovered && all.length === this.#written.size) return;
    const entries = all.slice(-MOST).map(({ name, lan }): Entry => {
      const until = new Date(Date.now() + lan.until + SLACK - monotonicNow()).toISOString();
      return { tunnel: name, interface: lan.interface, prefix: formatPrefix6(lan.prefix), until };
    });
    this.#written = new Map(all.map(({ key, lan }) => [key, lan.until + SLACK]));
    this.#write(entries);
  }

  /** The service ends in good order: every LAN has been told. */
  clear(): void {
    rmSync(this.#path, { force: true });
  }

  #write(entries: readonly Entry[]): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(`${this.#path}.part`, `${JSON.stringify(entries)}\n`, { mode: 0o600, flush: true });
      renameSync(`${this.#path}.part`, this.#path);
    } catch (thrown) {
      if (!this.#failed) this.#log.warn('what LANs were told cannot be written down', { file: this.#path, reason: reasonOf(thrown) });
      this.#failed = true;
      rmSync(`${this.#path}.part`, { force: true });
    }
  }

  #entries(): readonly Entry[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return [];
    }
    try {
      return z.array(entrySchema).max(MOST).parse(JSON.parse(text));
    } catch (thrown) {
      this.#log.warn('the record of what LANs were told is unreadable, it is ignored', { file: this.#path, reason: reasonOf(thrown) });
      return [];
    }
  }
}

function keyOf(tunnel: string, lan: AdvertisedLan): string {
  return JSON.stringify([tunnel, lan.interface, formatPrefix6(lan.prefix)]);
}
