/** The search for the refresh interval, RFC 4380 section 5.2.7, step by step. */
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { seeded } from '../chance.js';
import { ipv6, join, toHex, udp6 } from '../vectors/compose.js';
import { PRIMARY, SECONDARY } from './teredo-bench.js';
import { ClientBench, type Sent } from './teredo-client-bench.js';
import { answerTo, readQuestion, writeAnswer } from './teredo-fake-server.js';

const SERVER = `${PRIMARY}:3544`;
/** The port that the search has to itself, and where the server sees it. */
const SEARCHES = 1;
const SEARCH_SEEN = '192.0.2.45:40001';
/** What a server puts before what it passes on: the service port, RFC 4380 section 5.1.1. */
const ORIGIN = Uint8Array.of(0, 0, 0x63, 0xbf, 0x3f, 0xff, 0xfd, 0xd2);

const bubble = (src: string, dst: string) => ipv6({ src, dst, hopLimit: 255 }, 59, new Uint8Array(0));

/** A client that searches; its first question is out. */
class Search extends ClientBench {
  constructor(qualifies = true) {
    super({
      ports: [40_000, 40_001],
      qualifies,
      random: seeded(5270),
      change: { searchSocket: SEARCHES },
    });
  }

  get interval(): number | undefined {
    return this.role.learned.teredo?.refreshSeconds;
  }

  /** What the search sent since it was asked last: questions, or bubbles. */
  said(): Sent[] {
    return this.sent.splice(0).filter(({ socket, payload }) => socket === SEARCHES || !payload.startsWith('0001'));
  }

  /** The search asks and is answered. */
  asksAndHears(): void {
    expect(this.answer([SEARCH_SEEN, SEARCH_SEEN], SEARCHES)).toBe(Verdict.consumed);
  }

  /** Lets the candidate pass; the bubble that follows, and where it goes. */
  bubbles(candidate: number): Sent[] {
    this.sent.length = 0;
    this.pass(candidate, true);
    return this.said();
  }

  /** The bubble comes by the server. */
  receives({ payload }: Sent, from = SERVER): number {
    return this.receive(from, join(ORIGIN, Uint8Array.from(Buffer.from(payload, 'hex'))), SEARCHES);
  }
}

/** A client whose question was not answered yet: the last of what was sent when it had qualified. */
function begun(): Search {
  const bench = new Search(false);
  bench.answer();
  bench.answer();
  return bench;
}

/** One that waits for the first bubble. */
function asking(): { bench: Search; first: Sent } {
  const bench = begun();
  bench.asksAndHears();
  const [first] = bench.bubbles(60_000);
  return { bench, first };
}

test('TRDO-CL-55, 59: the port asks the server once the client has its address, and is silent then', () => {
  const bench = begun();
  const { at, socket, to, payload } = bench.sent[bench.sent.length - 1];
  expect([at, socket, to, payload.startsWith('0001')]).toEqual([0, SEARCHES, SERVER, true]);
  bench.asksAndHears();
  bench.sent.length = 0;
  bench.pass(59_999, true);
  expect(bench.said()).toEqual([]);
});

test('TRDO-CL-55: then a bubble goes from the service port, by the server, to the address that the port would have', () => {
  const { bench, first } = asking();
  expect([first.at, first.socket, first.to, first.payload.length]).toEqual([60_000, 0, SERVER, 80]);
  expect(first.payload.slice(0, 16)).toBe('6000000000003bff');
  expect(first.payload.slice(16, 48)).toBe(toHex(bench.role.errorSource));
  // The server's prefix, flags of its own, and where the server sees the port.
  expect(first.payload.slice(48)).toMatch(/^200100004136e378[0-9a-f]{4}63be3ffffdd2$/);
  expect(first.payload.slice(64, 68)).not.toBe(first.payload.slice(32, 36));
});

test('TRDO-CL-56: the bubble goes four times, two seconds apart; after eight the candidate is too long', () => {
  const { bench } = asking();
  bench.pass(7_999);
  expect(bench.said().map(({ at, socket }) => [at, socket])).toEqual([62_000, 64_000, 66_000].map((at) => [at, 0]));
  bench.pass(1);
  expect(bench.said().map(({ at, socket }) => [at, socket])).toEqual([[68_000, SEARCHES]]);
  expect(bench.interval).toBe(30);
});

test('TRDO-CL-56: any of the four will do', () => {
  const { bench } = asking();
  bench.pass(6_000);
  const last = bench.said().at(-1) ?? expect.fail('no bubble');
  expect(bench.receives(last)).toBe(Verdict.consumed);
  expect(bench.interval).toBe(60);
});

test('TRDO-CL-57: an interval that was found is in force at once, and the next candidate begins with a question', () => {
  const { bench, first } = asking();
  expect(bench.receives(first)).toBe(Verdict.consumed);
  expect(bench.interval).toBe(60);
  expect(bench.sent.map(({ socket, to }) => [socket, to])).toEqual([[SEARCHES, SERVER]]);
  bench.asksAndHears();
  expect(bench.bubbles(89_999)).toEqual([]);
  expect(bench.bubbles(1)).toHaveLength(1);
});

describe('what comes by the port of the search is not believed', () => {
  test.each<[string, (own: string, first: Uint8Array) => Uint8Array, number, string?]>([
    ['a bubble that the server did not send', (_, first) => first, Drop.untrusted_peer, '198.51.100.118:3544'],
    ['a bubble by another port of the server', (_, first) => first, Drop.untrusted_peer, `${PRIMARY}:3545`],
    ['a bubble by its other address', (_, first) => first, Drop.untrusted_peer, `${SECONDARY}:3544`],
    ['a bubble of somebody else', (own) => bubble('2001:0:4136:e378:1:63bf:3fff:fdd2', own), Drop.source_mismatch],
    ['a bubble for the service port', (own) => bubble(own, own), Drop.destination_mismatch],
    ['data', (own) => udp6({ src: own, dst: own }, 64), Drop.untrusted_peer],
  ])('%s', (_, payload, reason, from = SERVER) => {
    const { bench, first } = asking();
    const octets = payload(bench.address, Uint8Array.from(Buffer.from(first.payload, 'hex')));
    expect(bench.receive(from, octets, SEARCHES)).toBe(reason);
    expect(bench.interval).toBe(30);
  });

  test('a bubble that comes twice, or late, counts once', () => {
    const { bench, first } = asking();
    expect([bench.receives(first), bench.receives(first)]).toEqual([Verdict.consumed, Drop.untrusted_peer]);
    bench.asksAndHears();
    bench.bubbles(90_000);
    expect(bench.receives(first)).toBe(Drop.destination_mismatch);
    expect(bench.interval).toBe(60);
  });

  test('an answer that was not asked for', () => {
    const bench = begun();
    bench.asksAndHears();
    expect(bench.answer([SEARCH_SEEN, SEARCH_SEEN], SEARCHES)).toBe(Drop.nonce_mismatch);
  });
});

test('a server that does not answer the port is asked three times, and then there is no search', () => {
  const bench = begun();
  bench.sent.length = 0;
  bench.pass(3_600_000, true);
  // The bench answers what the service port asks, and never the port of the search.
  expect(bench.said().map(({ at, socket }) => [at, socket])).toEqual([
    [4_000, SEARCHES],
    [8_000, SEARCHES],
  ]);
  expect([bench.interval, bench.role.learned.teredo?.state]).toEqual([30, 'qualified']);
});

/** The server falls silent until the client has lost its address, and then answers it again. */
function requalify(bench: Search): void {
  for (let i = 0; bench.role.learned.teredo?.state === 'qualified'; i++) {
    expect(i).toBeLessThan(100);
    bench.pass(1_000);
  }
  bench.sent.length = 0;
  for (let i = 0; bench.sent.length === 0; i++) {
    expect(i).toBeLessThan(100);
    bench.pass(1_000);
  }
  bench.answer();
  expect(bench.sent.filter(({ socket }) => socket === SEARCHES)).toEqual([]);
  bench.answer();
  expect(bench.role.learned.teredo?.state).toBe('qualified');
}

test('a client that loses its address searches no more, and anew when it has one', () => {
  const { bench } = asking();
  requalify(bench);
  expect(bench.sent.at(-1)).toMatchObject({ socket: SEARCHES, to: SERVER });
});

test('what was too long before is not, behind what may be another NAT', () => {
  const { bench } = asking();
  bench.pass(8_000);
  requalify(bench);
  bench.asksAndHears();
  expect(bench.receives(bench.bubbles(60_000)[0])).toBe(Verdict.consumed);
  bench.asksAndHears();
  expect(bench.bubbles(89_999)).toEqual([]);
  expect(bench.bubbles(1)).toHaveLength(1);
});

test('a server that refuses the key ends it', () => {
  const bench = begun();
  const { payload } = bench.sent[bench.sent.length - 1];
  const refusal = { ...answerTo(readQuestion(payload, null), PRIMARY, SEARCH_SEEN), confirmation: '01' };
  expect(bench.receive(SERVER, writeAnswer(refusal).payload, SEARCHES)).toBe(Verdict.consumed);
  bench.sent.length = 0;
  bench.pass(600_000, true);
  expect(bench.said()).toEqual([]);
});

test('the port of the search carries nothing of peers', () => {
  const bench = new Search();
  expect(
    bench.receive('198.51.100.118:4096', udp6({ src: '2001:0:4136:e378:2057:efff:39cc:9b89', dst: bench.address }, 64), SEARCHES),
  ).toBe(Drop.untrusted_peer);
  bench.send(udp6({ src: bench.address, dst: '2001:0:4136:e378:2057:efff:39cc:9b89' }, 64));
  expect(bench.take().map(({ socket }) => socket)).not.toContain(SEARCHES);
});
