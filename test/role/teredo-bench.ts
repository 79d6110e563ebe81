/** A Teredo client that qualifies, with a clock, and servers that answer as a test wants it. */
import { expect } from 'vitest';
import { makeBatch } from '../../src/core/frame.js';
import type { Random } from '../../src/core/random.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { Outer, type Qualification, TransmitTo } from '../../src/role/role.js';
import type { TeredoNode, TeredoServers } from '../../src/role/teredo-node.js';
import { type QualifierOptions, TeredoQualifier } from '../../src/role/teredo-qualifier.js';
import { formatIpv4, formatIpv6, parseIpv4, parsePrefix4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { hmac, KEY, NONCE } from '../wire/teredo-frames.js';
import { hex, toHex, vectors } from '../wire/vectors.js';
import { type Answer, answerTo, type Key, readQuestion, writeAnswer } from './teredo-fake-server.js';

export const addr = (text: string): number => parseIpv4(text) ?? 0;
export const serverAt = (primary: string, secondary: string): TeredoServers => ({ primary: addr(primary), secondary: addr(secondary) });

export const PRIMARY = '65.54.227.120';
export const SECONDARY = '65.54.227.121';
export const SERVER = serverAt(PRIMARY, SECONDARY);
export const OTHER = serverAt('203.0.113.120', '203.0.113.121');
export const THIRD = serverAt('198.51.100.118', '198.51.100.119');
export const LOCAL = { addr: addr('192.168.1.10'), port: 40000 };
export const MAPPED = '192.0.2.45:40000';
export const SECRET: Key = { identifier: toHex(new TextEncoder().encode(vectors.teredo_hmac.client_id_ascii)), secret: toHex(KEY) };
export const KEYS = [{ identifier: hex(SECRET.identifier), secret: KEY }];
export const REFRESH = 30_000;

/** Chance whose nonces are that of the vectors. */
export const chance: Random = (into) => {
  if (into.length === NONCE.length / 2) into.set(hex(NONCE));
  else seeded(4380)(into);
};

export interface Setup {
  readonly servers?: readonly TeredoServers[];
  readonly keys?: typeof KEYS;
  readonly local?: { readonly addr: number; readonly port: number } | null;
  readonly random?: Random;
  readonly gateway?: QualifierOptions['gateway'];
  readonly before?: Qualification | null;
  readonly now?: number;
}

/** What was sent, when and where to. */
export interface Sent {
  readonly at: number;
  readonly to: string;
  readonly payload: string;
}

/** What a server does about a solicitation: an answer, or nothing. */
export type Network = (sent: Sent, answer: (origin: string, change?: Partial<Answer>) => Answer) => Answer | null;

export const SILENCE: Network = () => null;
/** All servers see the client at one endpoint. */
export const sees =
  (origin: string): Network =>
  (_, answer) =>
    answer(origin);

/** A qualifier with a clock and a network that answers within `roundTrip`. */
export class Bench {
  readonly qualifier: TeredoQualifier;
  readonly sent: Sent[] = [];
  readonly verdicts: number[] = [];
  readonly key: Key | null;
  readonly roundTrip = 10;
  readonly #out = makeBatch(1, 512)[0];
  readonly #servers: readonly TeredoServers[];
  now: number;

  constructor(setup: Setup = {}) {
    const { servers = [SERVER], keys = [], local = LOCAL, random = seeded(4380), gateway = null, before = null, now = 0 } = setup;
    this.now = now;
    this.#servers = servers;
    this.key = keys.length === 0 ? null : SECRET;
    const node: TeredoNode = {
      local: local === null ? [] : [local.addr | 0],
      ports: local === null ? [] : [local.port],
      prefix: TEREDO_PREFIX,
      own: new OwnAddresses(local === null ? [] : [local.addr]),
      endpoints: new EndpointPolicy(['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24'].map((text) => prefix(text))),
      identity: null,
      mtu: 1280,
      hmac,
      random,
    };
    this.qualifier = new TeredoQualifier({ node, servers, keys, refreshInterval: REFRESH, gateway, before }, now);
  }

  /** Takes what is to be sent, now. */
  drain(): Sent[] {
    const sent: Sent[] = [];
    const out = this.#out;
    out.b.fill(0xa5);
    for (let i = 0; this.qualifier.poll(out, this.now) !== TransmitTo.nowhere; i++) {
      expect(i).toBe(0);
      expect([out.remote.port, out.socket]).toEqual([3544, 0]);
      expect(this.qualifier.isFromServer(Object.assign(new Outer(), { remote: out.remote }))).toBe(true);
      sent.push({ at: this.now, to: formatIpv4(out.remote.addr), payload: toHex(out.b.slice(out.off, out.end)) });
    }
    this.sent.push(...sent);
    return sent;
  }

  /** The right answer to what was sent, by the server that has the address. */
  answer({ payload, to }: Sent, origin: string, change: Partial<Answer> = {}): Answer {
    const server = this.#servers.find(({ primary, secondary }) => primary === addr(to) || secondary === addr(to));
    return { ...answerTo(readQuestion(payload, this.key), formatIpv4(server?.primary ?? 0), origin, this.key), ...change };
  }

  /** An answer arrives. */
  receive(answer: Answer, from: string, port = 3544): number {
    const { payload, packet } = writeAnswer(answer);
    return this.receivePayload(payload, packet, from, port);
  }

  receivePayload(payload: Uint8Array, packet: number, from: string, port = 3544): number {
    const b = new Uint8Array(400).fill(0xa5);
    b.set(payload, 7);
    const outer = new Outer();
    outer.remote.addr = addr(from);
    outer.remote.port = port;
    outer.payload = 7;
    outer.payloadEnd = 7 + payload.length;
    const verdict = this.qualifier.take(b, 7 + packet, outer, this.now);
    this.verdicts.push(verdict);
    return verdict;
  }

  /** Lets time pass. */
  run(until: number, network: Network): this {
    const { qualifier } = this;
    let arrivals: { at: number; answer: Answer; from: string }[] = [];
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(2_000);
      for (const sent of this.drain()) {
        const answer = network(sent, (origin, change) => this.answer(sent, origin, change));
        if (answer !== null) arrivals.push({ at: this.now + this.roundTrip, answer, from: sent.to });
      }
      const next = Math.min(qualifier.nextTimeout(), ...arrivals.map(({ at }) => at));
      if (next > until) break;
      this.now = Math.max(this.now, next);
      for (const { answer, from } of arrivals.filter(({ at }) => at <= this.now)) this.receive(answer, from);
      arrivals = arrivals.filter(({ at }) => at > this.now);
      qualifier.handleTimeout(this.now);
    }
    this.now = until;
    return this;
  }

  /** When which address was solicited. */
  get timeline(): (readonly [number, string])[] {
    return this.sent.map(({ at, to }) => [at, to] as const);
  }

  get address(): string {
    return formatIpv6(this.qualifier.address);
  }
}

export function prefix(text: string) {
  const parsed = parsePrefix4(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

/** A client that was qualified at once, and has asked nothing since. */
export function qualified(setup: Setup = {}, network = sees(MAPPED)): Bench {
  const bench = new Bench(setup);
  bench.run(bench.now + 2 * bench.roundTrip, network);
  expect(bench.qualifier.isQualified).toBe(true);
  bench.sent.length = 0;
  return bench;
}
