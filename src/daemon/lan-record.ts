/**
 * What LANs were told, on disk: a router that was killed, or lost its power, and comes back with another IPv4 address
 * is the only one who can take back what hosts still believe (RFC 9096 section 3.5).
 *
 *   <state>/lans.json   [{ "tunnel": …, "interface": …, "prefix": "2002:c000:22a:1::/64", "until": "2026-11-24T23:30:00.000Z" }, …]
 */
import * as z from 'zod';
import type { ToldLans } from '../engine/lan-memory.js';
import type { AdvertisedLan } from '../role/role.js';
import { formatPrefix6, parsePrefix6 } from '../wire/address.js';
import { monotonicNow } from './clock.js';
import type { Log } from './log.js';
import { StateRecord } from './state-record.js';

/**
 * Time by which an end is put later on disk than it is, milliseconds: so often, and no more, it is written anew while
 * advertisements go on.
 */
const SLACK = 600_000;

const entrySchema = z.strictObject({ tunnel: z.string(), interface: z.string(), prefix: z.string(), until: z.iso.datetime() });
type Entry = z.output<typeof entrySchema>;

/** The record of one state directory. */
export class LanRecord {
  readonly #record: StateRecord<Entry>;
  readonly #told = new Map<string, readonly AdvertisedLan[]>();
  /** What is on disk, and until when by the monotonic clock. */
  #written = new Map<string, number>();

  constructor(stateDir: string, log: Log) {
    this.#record = new StateRecord({ stateDir, name: 'lans.json', subject: 'what LANs were told', schema: entrySchema, log });
  }

  /** What the service before this one left; nothing when it ended in good order. */
  read(): ToldLans {
    const told = new Map<string, AdvertisedLan[]>();
    for (const { tunnel, interface: name, prefix: text, until } of this.#record.read()) {
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
    const entries = all.map(({ name, lan }): Entry => {
      const until = new Date(Date.now() + lan.until + SLACK - monotonicNow()).toISOString();
      return { tunnel: name, interface: lan.interface, prefix: formatPrefix6(lan.prefix), until };
    });
    this.#written = new Map(all.map(({ key, lan }) => [key, lan.until + SLACK]));
    this.#record.write(entries);
  }

  /** The service ends in good order: every LAN has been told. */
  clear(): void {
    this.#record.clear();
  }
}

function keyOf(tunnel: string, lan: AdvertisedLan): string {
  return JSON.stringify([tunnel, lan.interface, formatPrefix6(lan.prefix)]);
}
