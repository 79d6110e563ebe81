/**
 * The peer table: what a lookup costs among a thousand peers and among a million, and what a peer costs in octets.
 *
 * The keys of a run are asked for in an order by chance, so that no cache helps but the one that is big enough.
 */
import { arch, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { TeredoPeers } from '../src/role/teredo-peers.js';
import { ADDRESS_LEN } from '../src/wire/ipv6.js';
import { lookupRatio, median, type PeerLookups } from './report.js';

const FEW = 1_000;
const MANY = 1_000_000;
const ROUNDS = 12;
/** Rounds until it is compiled. */
const WARM_UP = 3;
const LOOKUPS = 1_000_000;
/** A different one each run would make the figures differ by luck. */
const SEED = 0x5eed;

/** Xorshift: octets that are as good as random. */
function drawing(seed: number): (into: Uint8Array) => void {
  let state = seed;
  return (into) => {
    for (let i = 0; i < into.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      into[i] = state;
    }
  };
}

/** A full table, and the addresses in it in another order than they came in. */
class Case {
  readonly count: number;
  readonly #peers: TeredoPeers;
  readonly #asked: Uint8Array;
  readonly nanoseconds: number[] = [];
  readonly octets: number;

  /** `count` peers in a table that has places for `capacity`. */
  constructor(count: number, capacity: number) {
    const random = drawing(SEED);
    const keys = new Uint8Array(count * ADDRESS_LEN);
    random(keys);
    const before = process.memoryUsage().arrayBuffers;
    this.count = count;
    this.#peers = new TeredoPeers(capacity, random);
    for (let i = 0; i < count; i++) this.#peers.take(keys, i * ADDRESS_LEN, i);
    globalThis.gc?.();
    this.octets = process.memoryUsage().arrayBuffers - before;
    this.#asked = new Uint8Array(LOOKUPS * ADDRESS_LEN);
    const order = new Uint8Array(4);
    for (let at = 0; at < this.#asked.length; at += ADDRESS_LEN) {
      random(order);
      const from = (new DataView(order.buffer).getUint32(0) % count) * ADDRESS_LEN;
      this.#asked.set(keys.subarray(from, from + ADDRESS_LEN), at);
    }
  }

  round(): void {
    const asked = this.#asked;
    let found = 0;
    const began = process.hrtime.bigint();
    for (let at = 0; at < asked.length; at += ADDRESS_LEN) if (this.#peers.find(asked, at) >= 0) found++;
    this.nanoseconds.push(Number(process.hrtime.bigint() - began) / LOOKUPS);
    if (found !== LOOKUPS) throw new Error(`${found} of ${LOOKUPS} peers were found`);
  }
}

/** Two tables, of a thousand peers and of a million, in places for a million. */
export function measurePeers(): readonly [few: PeerLookups, many: PeerLookups] {
  const few = new Case(FEW, MANY);
  const many = new Case(MANY, MANY);
  for (let round = 0; round < WARM_UP + ROUNDS; round++) for (const one of [few, many]) one.round();
  const [a, b] = [few, many].map(({ count, octets, nanoseconds }) => ({ count, octets, nanoseconds: nanoseconds.slice(WARM_UP) }));
  return [a, b];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const load = loadavg()[0];
  const both = measurePeers();
  for (const { count, nanoseconds, octets } of both) {
    const spread = `${Math.min(...nanoseconds).toFixed(0)}..${Math.max(...nanoseconds).toFixed(0)}`;
    console.log(
      `${String(count).padStart(9)} peers: ${median(nanoseconds).toFixed(0)} ns a lookup (${spread}), ${(octets / 2 ** 20).toFixed(0)} MiB reserved`,
    );
  }
  const where = `Node ${process.version} ${arch()}, ${cpus()[0].model}, load before ${load.toFixed(2)}`;
  console.log(`ratio ${lookupRatio(both).toFixed(2)}; ${ROUNDS} rounds of ${LOOKUPS} by turns; ${where}`);
}
