/**
 * Mappings of gateways that have no end, on disk: a service that is killed leaves them behind, and the next one takes them
 * back before it asks for its own (RFC 6081 section 5.3.3).
 *
 *   <state>/port-mappings.json   [{ "tunnel": …, "gateway": "192.168.1.1", "local": "192.168.1.2", "port": 40000, "external": 40000 }, …]
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { formatIpv4, parseIpv4 } from '../wire/address.js';
import { MAPPING_NONCE_LEN } from '../wire/pcp.js';
import { reasonOf } from './failure.js';
import type { Log } from './log.js';
import type { Lasting } from './port-mapping.js';

/** Entries that are read; more than a node can have tunnels. */
const MOST = 1024;

const port = z.int().min(1).max(65_535);
const address = z.string().refine((text) => parseIpv4(text) !== null);
const entrySchema = z.strictObject({ tunnel: z.string(), gateway: address, local: address, port, external: port });
type Entry = z.output<typeof entrySchema>;

/** The record of one state directory. What cannot be written is said once: the service goes on without. */
export class PortMappingRecord {
  readonly #path: string;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  #failed = false;

  constructor(stateDir: string, log: Log) {
    this.#path = join(stateDir, 'port-mappings.json');
    this.#log = log;
  }

  /** What is there, by the name of the tunnel. */
  read(): ReadonlyMap<string, Lasting> {
    for (const entry of this.#read()) this.#entries.set(entry.tunnel, entry);
    return new Map([...this.#entries].map(([tunnel, entry]) => [tunnel, lastingOf(entry)]));
  }

  /** A gateway leads a port to `tunnel`. */
  add(tunnel: string, { wish, grant }: Lasting): void {
    const { gateway, local } = wish;
    const entry = { tunnel, gateway: formatIpv4(gateway), local: formatIpv4(local.addr), port: local.port, external: grant.external.port };
    if (JSON.stringify(this.#entries.get(tunnel)) === JSON.stringify(entry)) return;
    this.#entries.set(tunnel, entry);
    this.#write();
  }

  /** It is taken back. */
  remove(tunnel: string): void {
    if (this.#entries.delete(tunnel)) this.#write();
  }

  #write(): void {
    try {
      if (this.#entries.size === 0) rmSync(this.#path, { force: true });
      else {
        mkdirSync(dirname(this.#path), { recursive: true });
        writeFileSync(`${this.#path}.part`, `${JSON.stringify([...this.#entries.values()])}\n`, { mode: 0o600, flush: true });
        renameSync(`${this.#path}.part`, this.#path);
      }
    } catch (thrown) {
      if (!this.#failed) this.#log.warn('port mappings cannot be written down', { file: this.#path, reason: reasonOf(thrown) });
      this.#failed = true;
    }
  }

  #read(): readonly Entry[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return [];
    }
    try {
      return z.array(entrySchema).max(MOST).parse(JSON.parse(text));
    } catch (thrown) {
      this.#log.warn('the record of port mappings is unreadable, it is ignored', { file: this.#path, reason: reasonOf(thrown) });
      return [];
    }
  }
}

/** Whose outside address it was nobody needs to know, to take it back; nor a nonce, in a protocol that has none. */
function lastingOf({ gateway, local, port: localPort, external }: Entry): Lasting {
  const wish = { gateway: parseIpv4(gateway) ?? 0, local: { addr: parseIpv4(local) ?? 0, port: localPort } };
  return {
    wish: { ...wish, nonce: new Uint8Array(MAPPING_NONCE_LEN) },
    grant: { by: 'upnp', external: { addr: 0, port: external }, lifetime: Number.POSITIVE_INFINITY },
  };
}
