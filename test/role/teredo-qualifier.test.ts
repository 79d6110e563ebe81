import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { makeBatch } from '../../src/core/frame.js';
import type { Random } from '../../src/core/random.js';
import { Verdict } from '../../src/core/verdict.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { Outer, type Qualification, TransmitTo } from '../../src/role/role.js';
import type { TeredoNode, TeredoServers } from '../../src/role/teredo-node.js';
import { ANSWER_TIMEOUT, MAX_REST, MAX_SOLICITATIONS, MAX_UNASKED, MIN_REST, TeredoQualifier } from '../../src/role/teredo-qualifier.js';
import { formatIpv4, formatIpv6, parseIpv4, parsePrefix4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { hmac, KEY, NONCE, payloadOf } from '../wire/teredo-frames.js';
import { hex, toHex, vectors } from '../wire/vectors.js';
import { type Answer, answerTo, type Key, readQuestion, writeAnswer } from './teredo-fake-server.js';

const addr = (text: string): number => parseIpv4(text) ?? 0;
const serverAt = (primary: string, secondary: string): TeredoServers => ({ primary: addr(primary), secondary: addr(secondary) });

const PRIMARY = '65.54.227.120';
const SECONDARY = '65.54.227.121';
const SERVER = serverAt(PRIMARY, SECONDARY);
const OTHER = serverAt('203.0.113.120', '203.0.113.121');
const THIRD = serverAt('198.51.100.118', '198.51.100.119');
const LOCAL = { addr: addr('192.168.1.10'), port: 40000 };
const MAPPED = '192.0.2.45:40000';
const SECRET: Key = { identifier: toHex(new TextEncoder().encode(vectors.teredo_hmac.client_id_ascii)), secret: toHex(KEY) };
const KEYS = [{ identifier: hex(SECRET.identifier), secret: KEY }];
const REFRESH = 30_000;

/** Chance whose nonces are that of the vectors. */
const chance: Random = (into) => {
  if (into.length === NONCE.length / 2) into.set(hex(NONCE));
  else seeded(4380)(into);
};

interface Setup {
  readonly servers?: readonly TeredoServers[];
  readonly keys?: typeof KEYS;
  readonly local?: { readonly addr: number; readonly port: number } | null;
  readonly random?: Random;
  readonly before?: Qualification | null;
  readonly now?: number;
}

/** What was sent, when and where to. */
interface Sent {
  readonly at: number;
  readonly to: string;
  readonly payload: string;
}

/** What a server does about a solicitation: an answer, or nothing. */
type Network = (sent: Sent, answer: (origin: string, change?: Partial<Answer>) => Answer) => Answer | null;

const SILENCE: Network = () => null;
/** All servers see the client at one endpoint. */
const sees =
  (origin: string): Network =>
  (_, answer) =>
    answer(origin);

/** A qualifier with a clock and a network that answers within `roundTrip`. */
class Bench {
  readonly qualifier: TeredoQualifier;
  readonly sent: Sent[] = [];
  readonly verdicts: number[] = [];
  readonly key: Key | null;
  readonly roundTrip = 10;
  readonly #out = makeBatch(1, 512)[0];
  readonly #servers: readonly TeredoServers[];
  now: number;

  constructor(setup: Setup = {}) {
    const { servers = [SERVER], keys = [], local = LOCAL, random = seeded(4380), before = null, now = 0 } = setup;
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
    this.qualifier = new TeredoQualifier({ node, servers, keys, refreshInterval: REFRESH, before }, now);
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

function prefix(text: string) {
  const parsed = parsePrefix4(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

/** A client that was qualified at once, and has asked nothing since. */
function qualified(setup: Setup = {}, network = sees(MAPPED)): Bench {
  const bench = new Bench(setup);
  bench.run(bench.now + 2 * bench.roundTrip, network);
  expect(bench.qualifier.isQualified).toBe(true);
  bench.sent.length = 0;
  return bench;
}

/** The flags as RFC 5991 section 3.1 lets them be. */
const withoutFlags = (address: Uint8Array | null) => (address === null ? null : toHex(address).replace(/^(.{16}).{4}/, '$1....'));

describe('what is asked', () => {
  test('TRDO-CL-05, 06, 21: the first question is frame 2 of the capture, octet by octet, at once, from port 0 of the tunnel', () => {
    const bench = new Bench({ random: chance });
    expect(bench.drain()).toEqual([{ at: 0, to: PRIMARY, payload: toHex(payloadOf('teredo_rs_auth_nonce')) }]);
  });

  test('TRDO-CL-02, 23, 24: with a key it is frame 4', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    expect(bench.drain().map(({ payload }) => payload)).toEqual([toHex(payloadOf('teredo_rs_auth_hmac'))]);
  });

  test('TRDO-CL-03: its source carries the service port, whichever that is', () => {
    const bench = new Bench({ local: { addr: LOCAL.addr, port: 0x1234 } });
    expect(readQuestion(bench.drain()[0].payload, null).source).toBe('fe800000000000000000edcb3f57fef5');
    expect(bench.qualifier.state.localPort).toBe(0x1234);
  });

  test('TRDO-CL-20: every question has a nonce of its own', () => {
    const bench = new Bench().run(600_000, SILENCE);
    const nonces = bench.sent.map(({ payload }) => readQuestion(payload, null).nonce);
    expect(nonces.length).toBeGreaterThan(10);
    expect(new Set(nonces).size).toBe(nonces.length);
  });
});

describe('timelines', () => {
  test('TRDO-CL-06, 07, 08: the primary is asked at 0, 4 and 8 s and never with the cone flag; at 12 s the client is off-line', () => {
    const bench = new Bench().run(11_999, SILENCE);
    expect(bench.timeline).toEqual([0, 4_000, 8_000].map((at) => [at, PRIMARY]));
    expect(bench.qualifier.state).toMatchObject({ state: 'qualifying', failure: null, server: SERVER.primary });
    bench.run(12_000, SILENCE);
    expect(bench.qualifier.state).toMatchObject({ state: 'off-line', failure: `server ${PRIMARY} did not answer` });
    for (const { payload } of bench.sent) expect(readQuestion(payload, null).source.slice(16, 20)).toBe('0000');
  });

  test('TRDO-CL-14, 17: the secondary is asked when the primary has answered, and 4 and 8 s later; after 12 s the server is of no use', () => {
    const bench = new Bench().run(12_009, ({ to }, answer) => (to === PRIMARY ? answer(MAPPED) : null));
    expect(bench.timeline).toEqual([
      [0, PRIMARY],
      [10, SECONDARY],
      [4_010, SECONDARY],
      [8_010, SECONDARY],
    ]);
    expect(bench.qualifier.state).toMatchObject({ state: 'qualifying', mapped: { addr: addr('192.0.2.45'), port: 40000 }, nat: null });
    bench.run(12_010, SILENCE);
    expect(bench.qualifier.state).toMatchObject({
      state: 'off-line',
      mapped: null,
      failure: `server ${PRIMARY} did not answer at its second address ${SECONDARY}`,
    });
  });

  test('a client is qualified two round trips after it began', () => {
    const bench = new Bench().run(20, sees(MAPPED));
    expect(bench.timeline).toEqual([
      [0, PRIMARY],
      [10, SECONDARY],
    ]);
    expect(bench.qualifier.isQualified).toBe(true);
  });

  test('TRDO-CL-19: when all have failed they are left alone for a minute, and for longer each time, ten minutes at most', () => {
    const bench = new Bench().run(7_200_000, SILENCE);
    const rounds = bench.sent.filter((_, i) => i % MAX_SOLICITATIONS === 0).map(({ at }) => at);
    const rests = rounds.slice(1).map((at, i) => at - rounds[i] - 12_000);
    for (const [i, rest] of rests.entries()) {
      expect(rest).toBeGreaterThanOrEqual(Math.min(MIN_REST * 2 ** i, MAX_REST));
      expect(rest).toBeLessThanOrEqual(Math.min(MIN_REST * 2 ** i * 1.1, MAX_REST));
    }
    expect(rests.length).toBeGreaterThanOrEqual(12);
  });

  test('TRDO-CL-51, 52: an idle client asks its server again after 22.5 to 30 s, by chance', () => {
    const bench = qualified().run(3_600_000, sees(MAPPED));
    const gaps = bench.sent.slice(1).map(({ at }, i) => at - bench.sent[i].at - bench.roundTrip);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.75 * REFRESH);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(REFRESH);
    expect(Math.min(...gaps)).toBeLessThan(0.8 * REFRESH);
    expect(Math.max(...gaps)).toBeGreaterThan(0.95 * REFRESH);
    expect(new Set(bench.sent.map(({ to }) => to))).toEqual(new Set([PRIMARY]));
    expect(bench.qualifier.state.failure).toBeNull();
  });

  test('TRDO-CL-27, 51, 54: whoever hears its server asks nothing, but for now and then, since what it hears may be forged', () => {
    const bench = qualified();
    const { qualifier } = bench;
    for (let at = 0; at <= 600_000; at += 5_000) {
      bench.run(at, sees(MAPPED));
      qualifier.heardServer(at);
    }
    const gaps = bench.sent.slice(1).map(({ at }, i) => at - bench.sent[i].at);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(MAX_UNASKED * 0.75 * REFRESH);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(MAX_UNASKED * REFRESH + bench.roundTrip);
  });

  test('TRDO-CL-51: a client whose server falls silent keeps its address for three questions, 4 s apart, and then qualifies anew', () => {
    const bench = qualified();
    const begun = bench.qualifier.nextTimeout();
    const { state } = bench.qualifier;
    bench.run(begun + 11_999, SILENCE);
    expect(bench.qualifier.state).toBe(state);
    bench.run(begun + 24_000, SILENCE);
    expect(bench.timeline).toEqual([0, 4_000, 8_000, 12_000, 16_000, 20_000].map((after) => [begun + after, PRIMARY]));
    expect(bench.address).toBe('::');
    expect(bench.qualifier.state).toMatchObject({ state: 'off-line', address: null, mapped: null, nat: null });
  });
});

describe('what the address is made of', () => {
  test('TRDO-CL-12, 16, 18: server, and the origin that it tells, not where the packet came from; RFC 5991 section 3.1 flags', () => {
    const bench = new Bench({ random: chance }).run(100, sees('203.0.113.7:4096'));
    expect(bench.address).toMatch(/^2001:0:4136:e378:[0-9a-f]{1,4}:efff:34ff:8ef8$/);
    const { address } = bench.qualifier;
    expect((address[8] & ~0x3c) | (address[9] & 0)).toBe(0);
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', nat: 'cone or restricted', refreshSeconds: 30 });
    expect(bench.qualifier.state.address).toEqual(address);
    expect(bench.qualifier.state.address).not.toBe(address);
    expect(bench.qualifier.server()).toBe(SERVER.primary | 0);
  });

  test('the frames of the capture qualify a client: 6 from the primary, its like from the secondary', () => {
    const bench = new Bench({ random: chance });
    bench.drain();
    expect(bench.receivePayload(payloadOf('teredo_ra_auth_origin'), 21, PRIMARY)).toBe(Verdict.consumed);
    expect(bench.drain().map(({ to }) => to)).toEqual([SECONDARY]);
    expect(bench.receivePayload(payloadOf('teredo_ra_auth_origin'), 21, SECONDARY)).toBe(Verdict.consumed);
    expect(withoutFlags(bench.qualifier.state.address)).toBe('200100004136e378....63bf3ffffdd2');
  });

  test('TRDO-CL-15, TRDO-EX-02: two origins are a symmetric NAT, and the first one makes an address all the same', () => {
    const bench = new Bench().run(100, ({ to }, answer) => answer(to === PRIMARY ? MAPPED : '192.0.2.45:40001'));
    expect(withoutFlags(bench.qualifier.state.address)).toBe('200100004136e378....63bf3ffffdd2');
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', nat: 'symmetric', mapped: { port: 40000 } });
  });

  test('TRDO-CL-15: two addresses are one as well', () => {
    const bench = new Bench().run(100, ({ to }, answer) => answer(to === PRIMARY ? MAPPED : '192.0.2.46:40000'));
    expect(bench.qualifier.state.nat).toBe('symmetric');
  });

  test.each([
    ['203.0.113.9', 4000, '203.0.113.9:4000', 'none'],
    ['203.0.113.9', 4000, '203.0.113.9:4001', 'cone or restricted'],
    ['192.168.1.10', 40000, MAPPED, 'cone or restricted'],
  ])('TRDO-EX-13: %s port %i seen as %s: NAT %s, and port preservation can be read off', (local, port, mapped, nat) => {
    const { qualifier } = qualified({ local: { addr: addr(local), port } }, sees(mapped));
    expect(qualifier.state).toMatchObject({ nat, localPort: port, mapped: { port: Number(mapped.split(':')[1]) } });
  });

  test('TRDO-CL-53: a mapping that changed gives a new address at once, and what NAT it is is asked again', () => {
    const bench = qualified({}, ({ to }, answer) => answer(to === PRIMARY ? MAPPED : '192.0.2.45:40001'));
    const before = bench.address;
    const begun = bench.qualifier.nextTimeout();
    bench.run(begun, SILENCE);
    expect(bench.address).toBe(before);
    expect(bench.receive(bench.answer(bench.sent[0], '192.0.2.45:50000'), PRIMARY)).toBe(Verdict.consumed);
    expect(withoutFlags(bench.qualifier.address)).toBe('200100004136e378....3caf3ffffdd2');
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', mapped: { port: 50000 } });
    bench.run(begun + 100, sees('192.0.2.45:50000'));
    expect(bench.timeline).toEqual([
      [begun, PRIMARY],
      [begun, SECONDARY],
    ]);
    expect(bench.qualifier.state.nat).toBe('cone or restricted');
  });

  test('RFC 5991 section 3.1: flags are others for each mapping, and stay as long as it', () => {
    const bench = qualified();
    const first = bench.address;
    bench.qualifier.restart(bench.now);
    expect(bench.qualifier.state).toMatchObject({ state: 'qualifying', address: null });
    bench.run(bench.now + 100, sees(MAPPED));
    expect(bench.address).toBe(first);
    const flags = new Set<string>();
    for (let port = 1024; port < 1064; port++) {
      bench.qualifier.restart(bench.now);
      bench.run(bench.now + 100, sees(`192.0.2.45:${port}`));
      flags.add(toHex(bench.qualifier.address.slice(8, 10)));
    }
    expect(flags.size).toBeGreaterThan(30);
    const { state } = bench.qualifier;
    expect(qualified({ before: state, random: seeded(1) }, sees('192.0.2.45:1063')).qualifier.address).toEqual(state.address);
    expect(qualified({ before: state, random: seeded(1) }).qualifier.address).not.toEqual(state.address);
  });
});

describe('what is no answer', () => {
  const PREFIX = '200100004136e378';
  const refused: [row: string, change: Partial<Answer>, reason: number][] = [
    ['TRDO-CL-09: no origin', { origin: null }, Drop.malformed_teredo],
    ['an origin without port', { origin: '192.0.2.45:0' }, Drop.malformed_teredo],
    ['an origin in a private network', { origin: '10.0.0.1:4000' }, Drop.special_ipv4],
    ['TRDO-CL-09: no prefix', { prefixes: [] }, Drop.malformed_nd],
    ['TRDO-CL-09: two prefixes', { prefixes: Array(2).fill([PREFIX, '40']) }, Drop.malformed_nd],
    ['TRDO-CL-09: to another link-local address', { destination: 'fe80000000000000000063bf3f57fef6' }, Drop.destination_mismatch],
    ['TRDO-CL-09: to all nodes', { destination: 'ff020000000000000000000000000001' }, Drop.destination_mismatch],
    ["TRDO-CL-10: another server's prefix", { prefixes: [['200100004136e379', '40']] }, Drop.foreign_server],
    ['TRDO-CL-10: another prefix', { prefixes: [['3ffe831f4136e378', '40']] }, Drop.foreign_server],
    ['TRDO-CL-10: another length of it', { prefixes: [[PREFIX, '20']] }, Drop.foreign_server],
    ['TRDO-CL-11: from a global address', { source: '20010db8000000000000000000000001' }, Drop.malformed_nd],
    ['TRDO-CL-11: hop limit 254', { hopLimit: 'fe' }, Drop.malformed_nd],
    ['TRDO-CL-11: code 1', { code: '01' }, Drop.malformed_nd],
    ['TRDO-CL-11: a wrong checksum', { skew: 1 }, Drop.malformed_nd],
    ['TRDO-CL-20: another nonce', { nonce: 'fedcba9876543210' }, Drop.nonce_mismatch],
    ['TRDO-CL-25: no authentication', { nonce: null }, Drop.unauthenticated],
  ];

  test.each(refused)('%s', (_, change, reason) => {
    for (const [phase, origins] of [
      [PRIMARY, []],
      [SECONDARY, [MAPPED]],
    ] as const) {
      const bench = new Bench();
      for (const origin of origins) bench.receive(bench.answer(bench.drain()[0], origin), PRIMARY);
      const [sent] = bench.drain();
      expect(sent.to).toBe(phase);
      const { state } = bench.qualifier;
      expect(bench.receive(bench.answer(sent, MAPPED, change), phase)).toBe(reason);
      expect(bench.qualifier.state).toBe(state);
      // The question stands.
      expect(bench.receive(bench.answer(sent, MAPPED), phase)).toBe(Verdict.consumed);
    }
  });

  test('a server of which nothing else came is off-line with the reason', () => {
    const bench = new Bench().run(12_000, (_, answer) => answer('10.0.0.1:4000'));
    expect(bench.qualifier.state).toMatchObject({
      state: 'off-line',
      failure: `server ${PRIMARY} gave answers that were refused: special_ipv4`,
    });
  });

  test('the primary address answers for itself only, and from port 3544', () => {
    const bench = new Bench();
    const [sent] = bench.drain();
    const answer = bench.answer(sent, MAPPED);
    for (const from of [SECONDARY, '203.0.113.1']) expect(bench.receive(answer, from)).toBe(Drop.foreign_server);
    expect(bench.receive(answer, PRIMARY, 3545)).toBe(Drop.foreign_server);
    expect(bench.receive(answer, PRIMARY)).toBe(Verdict.consumed);
    expect(bench.receive(answer, PRIMARY)).toBe(Drop.foreign_server);
    expect(bench.drain().map(({ to }) => to)).toEqual([SECONDARY]);
    expect(bench.receive(answer, SECONDARY)).toBe(Drop.nonce_mismatch);
  });

  test('an answer to the question before, or a second one, is none', () => {
    const bench = new Bench();
    const [first] = bench.drain();
    bench.now = ANSWER_TIMEOUT;
    bench.qualifier.handleTimeout(bench.now);
    expect(bench.receive(bench.answer(first, MAPPED), PRIMARY)).toBe(Drop.nonce_mismatch);
    const { qualifier, sent } = bench.run(5_000, sees(MAPPED));
    const { state } = qualifier;
    expect(bench.receive(bench.answer(sent[sent.length - 1], '192.0.2.45:1'), SECONDARY)).toBe(Drop.nonce_mismatch);
    expect(qualifier.state).toBe(state);
  });

  test('one that is cut at any octet, or answers a client that is off-line', () => {
    const bench = new Bench();
    const { payload, packet } = writeAnswer(bench.answer(bench.drain()[0], MAPPED));
    for (let len = 0; len < payload.length; len++)
      expect([Drop.truncated, Drop.malformed_teredo]).toContain(bench.receivePayload(payload.slice(0, len), packet, PRIMARY));
    bench.run(12_000, SILENCE);
    expect(bench.receivePayload(payload, packet, PRIMARY)).toBe(Drop.nonce_mismatch);
    expect(bench.qualifier.state.state).toBe('off-line');
  });

  test('RFC 6980: nothing that is behind an extension header', () => {
    const bench = new Bench();
    const answer = bench.answer(bench.drain()[0], MAPPED);
    const { payload, packet } = writeAnswer(answer);
    const b = Uint8Array.of(...payload.slice(0, packet + 40), 58, 0, 1, 4, 0, 0, 0, 0, ...payload.slice(packet + 40));
    b[packet + 6] = 60;
    b[packet + 5] += 8;
    expect(bench.receivePayload(b, packet, PRIMARY)).toBe(Drop.malformed_nd);
  });
});

describe('with a key', () => {
  test('TRDO-CL-23, 25: frame 7 is taken; frame 5, without authentication, and frame 6, with a nonce only, are not', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    bench.drain();
    expect(bench.receivePayload(payloadOf('teredo_ra_origin'), 8, PRIMARY)).toBe(Drop.unauthenticated);
    expect(bench.receivePayload(payloadOf('teredo_ra_auth_origin'), 21, PRIMARY)).toBe(Drop.unauthenticated);
    expect(bench.receivePayload(payloadOf('teredo_ra_auth_hmac_origin'), 49, PRIMARY)).toBe(Verdict.consumed);
    expect(bench.qualifier.state.mapped).toEqual({ addr: addr('192.0.2.45'), port: 40000 });
  });

  test('TRDO-CL-23: no octet that is signed can be another one', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    bench.drain();
    const payload = payloadOf('teredo_ra_auth_hmac_origin');
    for (let i = 12; i < payload.length; i++) {
      const forged = payload.slice();
      forged[i] ^= 1;
      const verdict = bench.receivePayload(forged, 49, PRIMARY);
      expect([Drop.unauthenticated, Drop.malformed_teredo, Drop.truncated], `octet ${i}`).toContain(verdict);
    }
  });

  test('TRDO-CL-24: the identifier, which is not signed, has to be the own one', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    bench.drain();
    const forged = payloadOf('teredo_ra_auth_hmac_origin').slice();
    forged[4] ^= 1;
    expect(bench.receivePayload(forged, 49, PRIMARY)).toBe(Drop.unauthenticated);
  });

  test('TRDO-CL-22: frame 8, that a new key is needed, ends it with this server, and says so', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    bench.drain();
    expect(bench.receivePayload(payloadOf('teredo_ra_auth_hmac_conf1'), 49, PRIMARY)).toBe(Verdict.consumed);
    expect(bench.drain()).toEqual([]);
    expect(bench.qualifier.state).toMatchObject({ state: 'off-line', failure: `server ${PRIMARY} does not take the key (any more)` });
  });

  test('TRDO-CL-22: without a signature nobody can say that', () => {
    const bench = new Bench({ random: chance, keys: KEYS });
    const [sent] = bench.drain();
    expect(bench.receive(bench.answer(sent, MAPPED, { key: null, confirmation: '01' }), PRIMARY)).toBe(Drop.unauthenticated);
    expect(bench.qualifier.state.state).toBe('qualifying');
  });

  test('secure qualification and maintenance come to the same as without', () => {
    const bench = qualified({ keys: KEYS }).run(300_000, sees(MAPPED));
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', failure: null });
    expect(bench.sent.length).toBeGreaterThanOrEqual(9);
    expect(new Set(bench.verdicts)).toEqual(new Set([Verdict.consumed]));
  });
});

describe('servers', () => {
  const only =
    (server: TeredoServers): Network =>
    ({ to }, answer) =>
      [server.primary, server.secondary].includes(addr(to)) ? answer(MAPPED) : null;
  const servers = [SERVER, OTHER, THIRD];

  test('TRDO-CL-01, 65: the next one is asked at once when one has failed, at its primary or at its secondary address', () => {
    const bench = new Bench({ servers }).run(40_000, ({ to }, answer) =>
      to === PRIMARY || to === '203.0.113.120' ? null : answer(MAPPED),
    );
    expect(bench.timeline).toEqual([
      ...[0, 4_000, 8_000].map((at) => [at, PRIMARY]),
      ...[12_000, 16_000, 20_000].map((at) => [at, '203.0.113.120']),
      [24_000, '198.51.100.118'],
      [24_010, '198.51.100.119'],
    ]);
    expect(withoutFlags(bench.qualifier.address)).toBe('20010000c6336476....63bf3ffffdd2');
    expect(bench.qualifier.state.failure).toBe('server 203.0.113.120 did not answer');
  });

  test('TRDO-CL-65: when the one in use falls silent another one gives a new address, and is kept', () => {
    const bench = qualified({ servers });
    bench.run(60_000, only(OTHER));
    expect(withoutFlags(bench.qualifier.address)).toBe('20010000cb007178....63bf3ffffdd2');
    bench.run(600_000, sees(MAPPED));
    expect(bench.qualifier.state.server).toBe(OTHER.primary);
  });

  test('the one that was good before is asked first, whether in this process or in an earlier one', () => {
    const { state } = qualified({ servers: [OTHER] }).qualifier;
    const bench = new Bench({ servers, before: state });
    expect(bench.drain().map(({ to }) => to)).toEqual(['203.0.113.120']);
    bench.run(200_000, only(THIRD));
    bench.qualifier.restart(bench.now);
    expect(bench.drain().map(({ to }) => to)).toEqual(['198.51.100.118']);
  });

  test('one that stopped answering is asked after those that were not tried, and never given up', () => {
    const bench = qualified({ servers });
    const begun = bench.qualifier.nextTimeout();
    bench.run(begun + 50_000, SILENCE);
    const order = bench.sent.filter(({ at }) => at >= begun + 12_000 && (at - begun) % 12_000 === 0).map(({ to }) => to);
    expect(order).toEqual(['203.0.113.120', '198.51.100.118', PRIMARY]);
    expect(bench.qualifier.state.state).toBe('off-line');
    bench.run(begun + 150_000, only(SERVER));
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', server: SERVER.primary });
  });

  test.each([
    [[], LOCAL, 'no server is configured that has two global IPv4 addresses'],
    [[serverAt('10.0.0.1', PRIMARY)], LOCAL, 'no server is configured that has two global IPv4 addresses'],
    [[serverAt(PRIMARY, '127.0.0.1')], LOCAL, 'no server is configured that has two global IPv4 addresses'],
    [[SERVER], null, 'the tunnel has no IPv4 address'],
  ])('without a server or an address nothing is sent, and a later look finds them (%#)', (some, local, failure) => {
    const bench = new Bench({ servers: some, local }).run(3_600_000, SILENCE);
    expect(bench.sent).toEqual([]);
    expect(bench.qualifier.state).toEqual({
      state: 'off-line',
      address: null,
      server: null,
      mapped: null,
      localPort: local?.port ?? 0,
      nat: null,
      refreshSeconds: 30,
      failure,
    });
    expect(bench.qualifier.nextTimeout()).toBeLessThanOrEqual(bench.now + MAX_REST);
  });
});

/** What a network does to an answer. */
const fate = fc.record({
  lost: fc.boolean(),
  copies: fc.integer({ min: 1, max: 3 }),
  delay: fc.nat(9_000),
  port: fc.constantFrom(40000, 40000, 40001),
});

test('whatever is lost, doubled or late: an address is what the server said last, nobody is asked too often, and a timer leaves every state', () => {
  fc.assert(
    fc.property(fc.array(fate, { minLength: 1, maxLength: 60 }), fc.nat(), fc.boolean(), (fates, seed, secure) => {
      const bench = new Bench({ servers: [SERVER, OTHER], random: seeded(seed), keys: secure ? KEYS : [], now: 5 });
      const { qualifier } = bench;
      const inFlight: { at: number; answer: Answer; from: string }[] = [];
      const primaries = [PRIMARY, '203.0.113.120'];
      /** What a primary address said last. */
      let told: string | null = null;
      let last = qualifier.state;
      let used = 0;
      const look = () => {
        for (const sent of bench.drain()) {
          const { lost, copies, delay, port } = fates[used++ % fates.length];
          for (let i = 0; i < copies && !lost; i++)
            inFlight.push({ at: bench.now + delay * (i + 1), answer: bench.answer(sent, `192.0.2.45:${port}`), from: sent.to });
        }
        const { state } = qualifier;
        expect(qualifier.nextTimeout()).toBeLessThanOrEqual(bench.now + MAX_REST);
        expect(qualifier.isQualified).toBe(state.state === 'qualified');
        expect(state.address).toEqual(qualifier.isQualified ? qualifier.address : null);
        if (!qualifier.isQualified) expect(bench.address).toBe('::');
        if (state.mapped !== null) expect(`${formatIpv4(state.mapped.addr)}:${state.mapped.port}`).toBe(told);
        if (state.address !== null)
          expect([state.mapped, toHex(state.address.slice(12))]).toEqual([
            { addr: addr('192.0.2.45'), port: ((state.address[10] << 8) | state.address[11]) ^ 0xffff },
            '3ffffdd2',
          ]);
        expect(state === last || JSON.stringify(state) !== JSON.stringify(last)).toBe(true);
        last = state;
      };
      look();
      for (let i = 0; bench.now < 900_000; i++) {
        expect(i).toBeLessThan(5_000);
        bench.now = Math.max(bench.now, Math.min(qualifier.nextTimeout(), ...inFlight.map(({ at }) => at)));
        for (const arrival of inFlight.splice(0)) {
          if (arrival.at > bench.now) inFlight.push(arrival);
          else if (bench.receive(arrival.answer, arrival.from) === Verdict.consumed && primaries.includes(arrival.from))
            told = arrival.answer.origin;
          look();
        }
        qualifier.handleTimeout(bench.now);
        expect(qualifier.nextTimeout()).toBeGreaterThan(bench.now);
        look();
      }
      // Per address: never more than three times within 12 s, for two servers and a maintenance of either.
      const times = new Map<string, number[]>();
      for (const { at, to } of bench.sent) times.set(to, [...(times.get(to) ?? []), at]);
      for (const at of times.values()) for (let i = 4; i < at.length; i++) expect(at[i] - at[i - 4]).toBeGreaterThanOrEqual(ANSWER_TIMEOUT);
    }),
    { numRuns: 300, seed: 4380 },
  );
});

test('no octets make it fail: whatever a server sends, the client goes on', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 160 }), fc.nat(160), fc.nat(), (noise, at, seed) => {
      const bench = new Bench({ random: seeded(seed) });
      const { payload, packet } = writeAnswer(bench.answer(bench.drain()[0], MAPPED));
      payload.set(noise.slice(0, Math.max(0, payload.length - at)), Math.min(at, payload.length));
      const verdict = bench.receivePayload(payload, packet, PRIMARY);
      expect(verdict === Verdict.consumed || verdict < Verdict.forward).toBe(true);
      bench.run(100_000, sees(MAPPED));
      expect(bench.qualifier.isQualified).toBe(true);
    }),
    { numRuns: 300, seed: 4380 },
  );
});
