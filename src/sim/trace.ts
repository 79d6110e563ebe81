/**
 * What happened to every packet. A packet begins once and ends once, and both are counted where they
 * happen, so that at any time
 *
 *   packets that began - packets that ended = packets on their way over links
 *
 * and nothing is lost without a name. The digest runs over every event with its time, its place and,
 * on links, the octets: two runs with the same digest were the same run.
 */
import type { Millis } from '../core/clock.js';

/** What an event does to the number of packets that exist, and what it means. */
const EVENTS = {
  injected: [1, 'put on a link from outside the world'],
  originated: [1, 'made by a protocol of the host'],
  from_daemon: [1, 'written by the tunnel daemon to a device or socket'],
  fragment: [1, 'a fragment was made'],
  reassembled: [1, 'the last fragment arrived and made the packet whole'],
  copied: [1, 'a link with several receivers made one more of it'],
  duplicated: [1, 'a link delivered it once more than it was sent'],

  sent: [0, 'entered a link'],
  forwarded: [0, 'passed on towards another host'],

  delivered: [-1, 'a protocol of the host took it'],
  to_daemon: [-1, 'the tunnel daemon took it'],
  fragmented: [-1, 'its fragments took its place'],
  collected: [-1, 'a fragment that waits for the others'],

  malformed: [-1, 'headers and length contradict each other'],
  bad_checksum: [-1, 'a checksum is wrong'],
  bad_source: [-1, 'no packet has that source: multicast, broadcast, loopback or none'],
  wrong_host: [-1, 'it is for another host, and this one does not forward'],
  beyond_scope: [-1, 'a link-local or multicast packet that had to leave its link'],
  hop_limit: [-1, 'time to live or hop limit is used up'],
  no_route: [-1, 'no route, or an unreachable one'],
  no_neighbour: [-1, 'nobody on the link has the address of the next hop'],
  too_big: [-1, 'larger than the next link takes, and not to be fragmented'],
  no_protocol: [-1, 'the host does not speak that protocol'],
  no_port: [-1, 'nothing listens on that port'],
  source_routing: [-1, 'a routing header with segments left'],
  no_reader: [-1, 'the device or socket has no daemon behind it'],
  down: [-1, 'the interface or link is down'],
  queue_full: [-1, 'the queue it had to enter is full'],
  lost: [-1, 'the link lost it'],
  filtered: [-1, 'the NAT lets its sender not in, or its sender may not send that'],
  not_translated: [-1, 'the NAT does not know the protocol'],
  nat_full: [-1, 'the NAT has no room or no port for one more'],
} as const satisfies Record<string, readonly [effect: -1 | 0 | 1, meaning: string]>;

/** Name of an event. */
export type EventName = keyof typeof EVENTS;
/** Every event. */
export const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

/** How a packet ended; null: it goes on. */
export type Ending = EventName | null;

/** What an event does to the number of packets that exist. */
export function effectOf(event: EventName): -1 | 0 | 1 {
  return EVENTS[event][0];
}

/** What an event means, for people. */
export function meaningOf(event: EventName): string {
  return EVENTS[event][1];
}

const CODES = Object.fromEntries(EVENT_NAMES.map((name, code) => [name, code])) as Record<EventName, number>;

/** The counts of one host or link. */
export class Account {
  readonly name: string;
  readonly #trace: Trace;
  readonly #place: number;
  readonly #counts = new Float64Array(EVENT_NAMES.length);

  /** Made by {@link Trace.account}. */
  constructor(name: string, trace: Trace, place: number) {
    this.name = name;
    this.#trace = trace;
    this.#place = place;
  }

  /** One packet met `event`; `octets` where the digest is to cover them. */
  note(event: EventName, octets?: Uint8Array): void {
    this.#counts[CODES[event]]++;
    this.#trace.mix(this.#place, CODES[event], octets);
  }

  /** How often `event` happened here. */
  count(event: EventName): number {
    return this.#counts[CODES[event]];
  }

  /** Packets that began here less those that ended here. */
  balance(): number {
    return EVENT_NAMES.reduce((sum, name) => sum + effectOf(name) * this.count(name), 0);
  }

  /** The events that did happen, with their counts. */
  counts(): Partial<Record<EventName, number>> {
    return Object.fromEntries(EVENT_NAMES.filter((name) => this.count(name) > 0).map((name) => [name, this.count(name)]));
  }
}

/** All accounts of a world. */
export class Trace {
  readonly #clock: { readonly now: Millis };
  readonly #accounts: Account[] = [];
  readonly #time = new Float64Array(1);
  readonly #timeOctets = new Uint8Array(this.#time.buffer);
  #high = 0xcbf29ce4;
  #low = 0x84222325;

  /** `clock` is the world's. */
  constructor(clock: { readonly now: Millis }) {
    this.#clock = clock;
  }

  /** The account of a new host or link. */
  account(name: string): Account {
    const account = new Account(name, this, this.#accounts.length);
    this.#accounts.push(account);
    return account;
  }

  /** How often `event` happened anywhere. */
  count(event: EventName): number {
    return this.#accounts.reduce((sum, account) => sum + account.count(event), 0);
  }

  /** Packets that exist now: all of them are on their way over links. */
  balance(): number {
    return this.#accounts.reduce((sum, account) => sum + account.balance(), 0);
  }

  /** Sixteen hexadecimal digits that stand for everything that has happened. Not a cryptographic hash. */
  digest(): string {
    return hex(this.#high) + hex(this.#low);
  }

  /** Takes one event into the digest. */
  mix(place: number, code: number, octets?: Uint8Array): void {
    this.#time[0] = this.#clock.now;
    this.#mixOctets(this.#timeOctets);
    this.#mixWord(place);
    this.#mixWord(code);
    if (octets !== undefined) {
      this.#mixWord(octets.length);
      this.#mixOctets(octets);
    }
  }

  #mixOctets(b: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let i = 0; i < b.length; i++) {
      low = Math.imul(low ^ b[i], 0x01000193);
      high = Math.imul(high ^ b[i], 0x85ebca6b) ^ (high >>> 15);
    }
    this.#high = high;
    this.#low = low;
  }

  #mixWord(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ word, 0x85ebca6b) ^ (this.#high >>> 15);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
