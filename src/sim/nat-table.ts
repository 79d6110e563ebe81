/**
 * The mappings of a NAT for one protocol, RFC 4787 sections 4 and 5: who is who outside, and who may send in.
 *
 *   inside endpoint [+ remote, by the mapping behaviour]  <->  outside endpoint
 *                       its sessions: remotes, as far as the filtering behaviour tells them apart
 *
 * A session lives for `timeout` after it was last used, a mapping as long as one of its sessions. Nothing is ever
 * evicted: who comes when the table is full gets no mapping.
 */
import type { Millis } from '../core/clock.js';
import { type NatKind, remoteKey } from '../core/nat.js';
import type { SeededRandom } from './random.js';

/** An address and a port, or the identifier of an ICMP query. */
export interface NatEndpoint {
  /** Unsigned. */
  readonly addr: number;
  readonly port: number;
}

/** One mapping. */
export interface NatMapping {
  readonly inside: NatEndpoint;
  readonly outside: NatEndpoint;
  readonly made: Millis;
  /** Last use of each session, by {@link remoteKey}. */
  readonly sessions: Map<number, Millis>;
}

/** A mapping in the table. */
interface Entry extends NatMapping {
  /** Its key among those by inside endpoint. */
  readonly key: string;
  /** Last use of any session. */
  used: Millis;
}

/** How a table behaves. */
export interface NatTableOptions extends NatKind {
  /** By how much the next outside port is larger, where they are sequential. */
  readonly increment: 1 | 2;
  /** Life of a session that is not used. */
  readonly timeout: Millis;
  /** Whether what comes in counts as use, RFC 4787 REQ-6; what goes out always does. */
  readonly inboundRefresh: boolean;
  /** A host inside has one address outside for all its mappings, or any, RFC 4787 REQ-2. */
  readonly pooling: 'paired' | 'arbitrary';
  /** Sessions at a time. */
  readonly limit: number;
}

/** Ports below stay below, RFC 4787 REQ-3a. */
const FIRST_HIGH_PORT = 1024;
const PORTS = 0x10000;
/** Least time between two searches of a full table for what has expired, and of one that has room. */
const SWEEP_INTERVAL: Millis = 1000;
const ROOMY_SWEEP_INTERVAL: Millis = 3_600_000;

/** One table. */
export class NatTable {
  readonly #options: NatTableOptions;
  readonly #random: SeededRandom;
  readonly #byInside = new Map<string, Entry>();
  readonly #byOutside = new Map<number, Entry>();
  /** What is led inside, whoever sends it, by outside endpoint. */
  readonly #led = new Map<number, NatMapping>();
  /** Outside ports that were used before the mappings were forgotten: a NAT that has restarted gives others. */
  #retired: ReadonlySet<number> = new Set();
  #sessions = 0;
  #sweptAt: Millis = Number.NEGATIVE_INFINITY;
  #nextPort: number;

  constructor(options: NatTableOptions, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
    this.#nextPort = FIRST_HIGH_PORT + random.below(PORTS - FIRST_HIGH_PORT);
  }

  /**
   * The mapping by which `inside` sends to `remote`, made where there is none; null when the table is full or no port is
   * free. It has one of the addresses in `pool`, and keeps it for as long as it is there.
   */
  outbound(inside: NatEndpoint, remote: NatEndpoint, pool: readonly number[], now: Millis): NatMapping | null {
    const key = this.#insideKey(inside, remote);
    const found = this.#live(this.#byInside.get(key), now);
    if (found !== null && pool.includes(found.outside.addr)) return this.#use(found, remote, now) ? found : null;
    if (found !== null) this.#remove(found);
    if (!this.#hasRoom(now) || pool.length === 0) return null;
    const addr = pool[this.#options.pooling === 'paired' ? inside.addr % pool.length : this.#random.below(pool.length)];
    const port = this.#freePort(addr, inside, now);
    if (port < 0) return null;
    const made = { key, used: now, inside, outside: { addr, port }, made: now, sessions: new Map<number, Millis>() };
    this.#byInside.set(key, made);
    this.#byOutside.set(endpointKey(made.outside), made);
    this.#use(made, remote, now);
    return made;
  }

  /**
   * From now on what anybody sends to `outside` is led to `inside`, as a host there has asked for; what that sends is mapped as
   * ever. False when it is another's: RFC 6081 section 3.2.
   */
  lead(outside: NatEndpoint, inside: NatEndpoint, now: Millis): boolean {
    const owner = this.owner(outside, now)?.inside ?? inside;
    if (!isSame(owner, inside)) return false;
    this.#led.set(endpointKey(outside), { inside, outside, made: now, sessions: new Map() });
    return true;
  }

  /** No longer. */
  unlead(outside: NatEndpoint): void {
    this.#led.delete(endpointKey(outside));
  }

  /** The mapping through which `remote` may send to `outside`; null when there is none, or it lets others in only. */
  inbound(outside: NatEndpoint, remote: NatEndpoint, now: Millis): NatMapping | null {
    const led = this.#led.get(endpointKey(outside));
    if (led !== undefined) return led;
    const mapping = this.#live(this.#byOutside.get(endpointKey(outside)), now);
    if (mapping === null) return null;
    const key = remoteKey(this.#options.filtering, remote.addr, remote.port);
    if (!this.#isLive(mapping.sessions.get(key), now)) return null;
    if (this.#options.inboundRefresh) this.#refresh(mapping, key, now);
    return mapping;
  }

  /** The mapping that has `outside`, whoever may send to it; null when there is none. */
  owner(outside: NatEndpoint, now: Millis): NatMapping | null {
    return this.#led.get(endpointKey(outside)) ?? this.#live(this.#byOutside.get(endpointKey(outside)), now);
  }

  /** The mapping by which `inside` sends to `remote`; null when there is none. */
  lookup(inside: NatEndpoint, remote: NatEndpoint, now: Millis): NatMapping | null {
    return this.#live(this.#byInside.get(this.#insideKey(inside, remote)), now);
  }

  /** What is in the table, oldest first. */
  mappings(now: Millis): NatMapping[] {
    return [...this.#byOutside.values()].filter((mapping) => this.#live(mapping, now) !== null);
  }

  /** Forgets every mapping, as a restart does. Those made next have other outside ports than these had. */
  forget(): void {
    this.#retired = new Set(this.#byOutside.keys());
    this.#byInside.clear();
    this.#byOutside.clear();
    this.#led.clear();
    this.#sessions = 0;
  }

  #insideKey({ addr, port }: NatEndpoint, remote: NatEndpoint): string {
    return `${addr}:${port}:${remoteKey(this.#options.mapping, remote.addr, remote.port)}`;
  }

  #isLive(last: Millis | undefined, now: Millis): boolean {
    return last !== undefined && now < last + this.#options.timeout;
  }

  #live(mapping: Entry | undefined, now: Millis): Entry | null {
    if (mapping === undefined) return null;
    if (this.#isLive(mapping.used, now)) return mapping;
    this.#remove(mapping);
    return null;
  }

  /** Marks the session with `remote` as used now; false when it is a new one and there is no room. */
  #use(mapping: Entry, remote: NatEndpoint, now: Millis): boolean {
    const key = remoteKey(this.#options.filtering, remote.addr, remote.port);
    if (!mapping.sessions.has(key)) {
      if (!this.#hasRoom(now)) return false;
      this.#sessions++;
    }
    this.#refresh(mapping, key, now);
    return true;
  }

  #refresh(mapping: Entry, key: number, now: Millis): void {
    mapping.sessions.set(key, now);
    mapping.used = now;
  }

  #remove(mapping: Entry): void {
    this.#byOutside.delete(endpointKey(mapping.outside));
    this.#byInside.delete(mapping.key);
    this.#sessions -= mapping.sessions.size;
  }

  #hasRoom(now: Millis): boolean {
    const isFull = this.#sessions >= this.#options.limit;
    if (now >= this.#sweptAt + (isFull ? SWEEP_INTERVAL : ROOMY_SWEEP_INTERVAL)) {
      this.#sweptAt = now;
      for (const mapping of this.#byOutside.values()) this.#sweep(mapping, now);
    }
    return this.#sessions < this.#options.limit;
  }

  #sweep(mapping: Entry, now: Millis): void {
    if (this.#live(mapping, now) === null) return;
    for (const [key, last] of mapping.sessions) {
      if (this.#isLive(last, now)) continue;
      mapping.sessions.delete(key);
      this.#sessions--;
    }
  }

  /** An outside port for `inside`, in the range of its own; -1 when none is free. */
  #freePort(addr: number, inside: NatEndpoint, now: Millis): number {
    const { port } = inside;
    const first = port < FIRST_HIGH_PORT ? 1 : FIRST_HIGH_PORT;
    const span = (port < FIRST_HIGH_PORT ? FIRST_HIGH_PORT : PORTS) - first;
    const [start, step] = this.#search(port, first, span);
    for (let i = 0; i < span; i++) {
      const candidate = first + ((start - first + i * step) % span);
      const outside = { addr, port: candidate };
      if (this.#retired.has(endpointKey(outside)) || this.#isTaken(outside, inside, now)) continue;
      this.#nextPort = candidate + this.#options.increment;
      return candidate;
    }
    return -1;
  }

  /** Whether a new mapping of `inside` may not be `outside`. The one mapping that it has for all remotes may be what is led to it. */
  #isTaken(outside: NatEndpoint, inside: NatEndpoint, now: Millis): boolean {
    const owner = this.owner(outside, now);
    const isItsOwn = owner !== null && this.#options.mapping === 'endpoint-independent' && isSame(owner.inside, inside);
    return owner !== null && !isItsOwn;
  }

  /** Where to begin to look for a port, and by which steps. A port that cannot be preserved keeps its parity, RFC 4787 REQ-4. */
  #search(port: number, first: number, span: number): readonly [start: number, step: number] {
    switch (this.#options.ports) {
      case 'preserving':
        return [Math.max(port, first), 2];
      case 'sequential':
        return [this.#nextPort >= first && this.#nextPort < first + span ? this.#nextPort : first, this.#options.increment];
      case 'random':
        return [first + this.#random.below(span), 1];
    }
  }
}

function isSame(a: NatEndpoint, b: NatEndpoint): boolean {
  return a.addr === b.addr && a.port === b.port;
}

function endpointKey({ addr, port }: NatEndpoint): number {
  return addr * PORTS + port;
}
