/**
 * Mappings of gateways that have no end, on disk: a service that is killed leaves them behind, and the next one takes them
 * back before it asks for its own (RFC 6081 section 5.3.3).
 *
 *   <state>/port-mappings.json   [{ "tunnel": …, "gateway": "192.168.1.1", "local": "192.168.1.2", "port": 40000, "external": 40000 }, …]
 */
import * as z from 'zod';
import { formatIpv4, parseIpv4 } from '../wire/address.js';
import { MAPPING_NONCE_LEN } from '../wire/pcp.js';
import type { Log } from './log.js';
import type { Lasting } from './port-mapping.js';
import { StateRecord } from './state-record.js';

const port = z.int().min(1).max(65_535);
const address = z.string().refine((text) => parseIpv4(text) !== null);
const entrySchema = z.strictObject({ tunnel: z.string(), gateway: address, local: address, port, external: port });
type Entry = z.output<typeof entrySchema>;

/** The record of one state directory. */
export class PortMappingRecord {
  readonly #record: StateRecord<Entry>;
  readonly #entries = new Map<string, Entry>();

  constructor(stateDir: string, log: Log) {
    this.#record = new StateRecord({ stateDir, name: 'port-mappings.json', subject: 'port mappings', schema: entrySchema, log });
  }

  /** What is there, by the name of the tunnel. */
  read(): ReadonlyMap<string, Lasting> {
    for (const entry of this.#record.read()) this.#entries.set(entry.tunnel, entry);
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
    this.#record.write([...this.#entries.values()]);
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
