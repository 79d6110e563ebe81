/** A Teredo client behind a symmetric NAT, octet by octet: RFC 6081 sections 5.2, 5.4 and 5.5. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DROPS, Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { seeded } from '../chance.js';
import { hex, toHex, udp6 } from '../vectors/compose.js';
import { CLIENT, FRAMES, PEER, payloadOf } from '../wire/teredo-frames.js';
import { PRIMARY, SECONDARY } from './teredo-bench.js';
import { ClientBench, type ClientSetup } from './teredo-client-bench.js';
import { answerTo, readQuestion, writeAnswer } from './teredo-fake-server.js';
import { innerAt } from './teredo-world.js';

const SERVER = `${PRIMARY}:3544`;
const SECOND = `${SECONDARY}:3544`;
const PEER_AT = '198.51.100.118:4096';
/** Random ports: sockets 1 and 2. */
const PORTS = [40_000, 51_234, 51_235];
/** The first mapping of the service port has its number, the second has not. */
const PRESERVING: ClientSetup = { origins: ['192.0.2.45:40000', '192.0.2.45:40002'], ports: PORTS };
const SEQUENTIAL: ClientSetup = { origins: ['192.0.2.45:40000', '192.0.2.45:40001'], ports: [39_999, 51_234, 51_235] };

const to = ({ socket, to: endpoint }: { socket: number; to: string }) => `${socket} ${endpoint}`;
const trailersOf = ({ payload }: { payload: string }) => payload.slice(80);
const data = () => udp6({ src: CLIENT, dst: PEER }, 64);
const bubble = (trailers = '') => hex(`6000000000003bff200100004136e3782057efff39cc9b89200100004136e378000063bf3ffffdd2${trailers}`);
/** An indirect bubble of the peer. */
const indirect = (trailers: string) => Uint8Array.of(...hex('0000efff39cc9b89'), ...bubble(trailers));

/** The server answers the solicitations of the echo test on socket 1. */
function answerEcho(bench: ClientBench, sent: ReturnType<ClientBench['take']>, ports: readonly [lower: number, upper: number]): number[] {
  return sent
    .filter(({ payload }) => payload.startsWith('0001'))
    .map(({ to: server, payload }, i) => {
      const answer = answerTo(readQuestion(payload, null), PRIMARY, `192.0.2.45:${ports[i]}`);
      return bench.receive(server, writeAnswer(answer).payload, 1);
    });
}

describe('EX-02: two origins that differ', () => {
  test('qualify the client all the same', () => {
    const { teredo } = new ClientBench(PRESERVING).role.learned;
    expect(teredo).toMatchObject({ state: 'qualified', nat: 'symmetric', mapped: { port: 40_000 } });
  });
});

describe('a NAT that preserves ports', () => {
  test('EX-13, EX-14, F22: an indirect bubble tells a random port, by which nothing goes yet', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    const sent = bench.take();
    expect(sent.map(to)).toEqual([`0 ${PEER_AT}`, `0 ${SERVER}`]);
    expect(trailersOf(sent[1])).toBe('03080000c0a8010a9c400104deadbeef0502c822');
    expect(bench.role.learned.teredo?.localPort).toBe(40_000);
  });

  test('EX-15: to a peer that tells one, a bubble goes from the own random port to that one', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    bench.take();
    expect(bench.receive(SERVER, indirect('01040badcafe0502d431'))).toBe(Verdict.consumed);
    const sent = bench.take();
    expect(sent.map((message) => [to(message), trailersOf(message)])).toEqual([
      ['1 198.51.100.118:54321', '01040badcafe0502c822'],
      [`0 ${PEER_AT}`, '01040badcafe0502c822'],
    ]);
  });

  test('to a peer that tells none, from the own random port to the mapped one', () => {
    const bench = new ClientBench(PRESERVING);
    bench.receive(SERVER, indirect('01040badcafe'));
    expect(bench.take().map(to)).toEqual([`1 ${PEER_AT}`, `0 ${PEER_AT}`, `0 ${SERVER}`]);
  });

  test('EX-16: another random port replaces the first, and the own one with it; the same one changes nothing', () => {
    const bench = new ClientBench(PRESERVING);
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.pass(2_000);
    bench.receive(SERVER, indirect('01040badcafe0502d432'));
    const direct = bench.take().filter(({ socket }) => socket !== 0);
    expect(direct.map(to)).toEqual(['1 198.51.100.118:54321', '1 198.51.100.118:54321', '2 198.51.100.118:54322']);
  });

  test('EX-16: an own random port that nothing has left by yet is as good for the other one', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.receive(SERVER, indirect('01040badcafe0502d432'));
    bench.take();
    bench.pass(2_000);
    expect(bench.take().map(to)).toEqual([`0 ${PEER_AT}`, `0 ${SERVER}`]);
    bench.receive(SERVER, indirect('01040badcafe0502d433'));
    expect(bench.take().map(to)).toEqual(['2 198.51.100.118:54323', `0 ${PEER_AT}`]);
  });

  test('what is heard on the random port goes by it, once the nonce was shown', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.take();
    expect(bench.receive('198.51.100.118:54321', bubble('0104deadbeef'), 1)).toBe(Verdict.consumed);
    expect(bench.take().map((message) => [to(message), trailersOf(message)])).toEqual([['1 198.51.100.118:54321', '01040badcafe0502c822']]);
    expect(bench.released.map(({ to: where }) => where)).toEqual(['198.51.100.118:54321']);
    expect(bench.send(data())).toBe('198.51.100.118:54321');
    expect(bench.outer.socket).toBe(1);
    // EX-16: data flows.
    bench.receive(SERVER, indirect('01040badcafe0502d432'));
    expect(bench.send(data())).toBe('198.51.100.118:54321');
    expect(bench.outer.socket).toBe(1);
  });

  test('EX-17: what comes to the service port closes the random one', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.receive('198.51.100.118:54321', bubble('0104deadbeef'), 1);
    expect(bench.receive(PEER_AT, bubble(), 0)).toBe(Verdict.consumed);
    expect(bench.send(data())).toBe(PEER_AT);
    expect(bench.outer.socket).toBe(0);
    expect(bench.receive(PEER_AT, bubble(), 1)).toBe(Drop.untrusted_peer);
  });

  test('EX-18: a random port in use is kept open by a bubble every 30 s, twenty times', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    bench.receive(SERVER, indirect('01040badcafe0502d431'));
    bench.receive('198.51.100.118:54321', bubble('0104deadbeef'), 1);
    bench.take();
    bench.pass(1_000_000, true);
    const refreshes = bench.take().filter(({ socket }) => socket === 1);
    expect(refreshes.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, i) => 30_000 * (i + 1)));
    expect(bench.receive('198.51.100.118:54321', bubble('0104deadbeef'), 1)).toBe(Drop.untrusted_peer);
  });

  test('a random port is for one peer; when all are in use, the service port has to do', () => {
    const bench = new ClientBench(PRESERVING);
    const others = ['2058', '2059', '205a'].map((flags) => PEER.replace('2057', flags));
    for (const dst of others) bench.send(udp6({ src: CLIENT, dst }, 64));
    const told = bench
      .take()
      .filter(({ to: where }) => where === SERVER)
      .map((message) => trailersOf(message).slice(32));
    expect(told).toEqual(['0502c822', '0502c823', '']);
    // Of a peer that was given up it is there again.
    bench.pass(8_000);
    bench.take();
    bench.send(data());
    expect(trailersOf(bench.take()[1]).slice(32)).toBe('0502c822');
  });

  test('what comes to a random port from others than its peer is dropped', () => {
    const bench = new ClientBench(PRESERVING);
    bench.send(data());
    const other = bubble();
    other[16] ^= 1;
    expect(bench.receive(PEER_AT, other, 1)).toBe(Drop.untrusted_peer);
    expect(bench.receive(PEER_AT, udp6({ src: '3fff:0:1::80', dst: CLIENT }, 64), 1)).toBe(Drop.untrusted_peer);
    expect(bench.receive(SERVER, payloadOf('teredo_relay_bubble_forwarded'), 2)).toBe(Verdict.consumed);
  });
});

describe('a NAT that does not', () => {
  test('EX-19: an echo test comes before the indirect bubble, all of it by one random port', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    const sent = bench.take();
    expect(sent.map(to)).toEqual([`0 ${PEER_AT}`, `1 ${SERVER}`, `1 ${PEER_AT}`, `1 ${SECOND}`]);
    const [, lower, , upper] = sent;
    expect([readQuestion(lower.payload, null), readQuestion(upper.payload, null)].map(({ source }) => source)).toEqual(
      // The client's end of the random port, 51234.
      Array(2).fill('fe80000000000000000037dd3f57fef5'),
    );
  });

  test('EX-20: the indirect bubble tells the port between the two', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    expect(answerEcho(bench, bench.take(), [1_200, 1_202])).toEqual([Verdict.consumed, Verdict.consumed]);
    expect(bench.take().map((message) => [to(message), trailersOf(message).slice(20)])).toEqual([[`0 ${SERVER}`, '0104deadbeef050204b1']]);
    // The next try asks by another port.
    bench.pass(2_000);
    expect(bench.take().map(to)).toEqual([`0 ${PEER_AT}`, `2 ${SERVER}`, `2 ${PEER_AT}`, `2 ${SECOND}`]);
  });

  test.each([
    ['far apart', [1_200, 1_300]],
    ['the wrong way round', [1_202, 1_200]],
    ['the same', [1_200, 1_200]],
  ] as const)('ports that are %s foretell nothing', (_, ports) => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    answerEcho(bench, bench.take(), ports);
    expect(bench.take().map((message) => [to(message), trailersOf(message).slice(20)])).toEqual([[`0 ${SERVER}`, '0104deadbeef']]);
  });

  test('EX-21: unanswered, it is repeated after 1 s, and after 2 s more the bubble goes without', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    bench.take();
    bench.pass(999);
    expect(bench.take()).toEqual([]);
    bench.pass(1);
    expect(bench.take().map(to)).toEqual([`1 ${SERVER}`, `1 ${PEER_AT}`, `1 ${SECOND}`]);
    bench.pass(2_000);
    expect(bench.take().map((message) => [message.at, to(message)])).toEqual([
      [2_000, `0 ${PEER_AT}`],
      [3_000, `0 ${SERVER}`],
    ]);
  });

  test('an answer with the nonce of the other solicitation, or one that is not awaited, is refused', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    const [, lower, , upper] = bench.take();
    const forged = answerTo(readQuestion(lower.payload, null), PRIMARY, '192.0.2.45:1200');
    const other = { ...forged, nonce: '0123456789abcdef' };
    expect(bench.receive(lower.to, writeAnswer(other).payload, 1)).toBe(Drop.nonce_mismatch);
    expect(bench.receive('203.0.113.9:3544', writeAnswer(forged).payload, 1)).toBe(Drop.foreign_server);
    expect(bench.receive(lower.to, writeAnswer(forged).payload, 2)).not.toBe(Verdict.consumed);
    expect(bench.receive(lower.to, writeAnswer(forged).payload, 1)).toBe(Verdict.consumed);
    expect(bench.receive(lower.to, writeAnswer(forged).payload, 1)).toBe(Drop.nonce_mismatch);
    expect(bench.take()).toEqual([]);
    const last = answerTo(readQuestion(upper.payload, null), PRIMARY, '192.0.2.45:1202');
    expect(bench.receive(upper.to, writeAnswer(last).payload, 1)).toBe(Verdict.consumed);
    expect(bench.take()).toHaveLength(1);
  });

  test('heard where its address says, the peer still waits for its nonce before data goes', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    answerEcho(bench, bench.take(), [1_200, 1_202]);
    bench.take();
    expect(bench.receive(PEER_AT, bubble('0104deadbeef'), 1)).toBe(Verdict.consumed);
    expect([bench.released, bench.take()]).toEqual([[], []]);
    expect(bench.receive(SERVER, indirect('01040badcafe'))).toBe(Verdict.consumed);
    expect(bench.take().map((message) => [to(message), trailersOf(message)])).toEqual([[`1 ${PEER_AT}`, '01040badcafe050204b1']]);
    expect(bench.released.map(({ to: where }) => where)).toEqual([PEER_AT]);
  });
});

describe('whatever is left of random ports', () => {
  test('without any the service port has to do, and data waits for the nonce there as well', () => {
    const bench = new ClientBench({ origins: SEQUENTIAL.origins ?? [PEER_AT, PEER_AT], ports: [39_999] });
    bench.send(data());
    expect(bench.take().map(to)).toEqual([`0 ${PEER_AT}`, `0 ${SERVER}`]);
    expect(bench.receive(PEER_AT, bubble('0104deadbeef'))).toBe(Verdict.consumed);
    expect(bench.released).toEqual([]);
    bench.receive(SERVER, indirect('01040badcafe'));
    expect(bench.take().map((message) => [to(message), trailersOf(message)])).toEqual([[`0 ${PEER_AT}`, '01040badcafe']]);
    expect(bench.released.map(({ to: where }) => where)).toEqual([PEER_AT]);
  });

  test('one that was kept open for long is as good as any for the next peer', () => {
    const bench = new ClientBench({ origins: PRESERVING.origins ?? [PEER_AT, PEER_AT], ports: PORTS.slice(0, 2) });
    for (let i = 0; i < 2; i++) {
      const start = bench.now;
      bench.send(data());
      bench.receive(SERVER, indirect(`01040badcafe0502d43${i + 1}`));
      expect(bench.receive(`198.51.100.118:${54_321 + i}`, bubble('0104deadbeef'), 1)).toBe(Verdict.consumed);
      bench.take();
      bench.pass(700_000, true);
      const refreshes = bench.take().filter(({ socket }) => socket === 1);
      expect([start, refreshes.length]).toEqual([start, 20]);
    }
  });

  test('an echo test that is repeated counts the answers anew', () => {
    const bench = new ClientBench(SEQUENTIAL);
    bench.send(data());
    const [, first] = bench.take();
    bench.receive(first.to, writeAnswer(answerTo(readQuestion(first.payload, null), PRIMARY, '192.0.2.45:1200')).payload, 1);
    bench.pass(1_000);
    const [lower, , upper] = bench.take();
    bench.receive(upper.to, writeAnswer(answerTo(readQuestion(upper.payload, null), PRIMARY, '192.0.2.45:1302')).payload, 1);
    expect(bench.take()).toEqual([]);
    bench.receive(lower.to, writeAnswer(answerTo(readQuestion(lower.payload, null), PRIMARY, '192.0.2.45:1300')).payload, 1);
    expect(bench.take().map((message) => trailersOf(message).slice(32))).toEqual(['05020515']);
  });
});

test('whatever comes is answered by a verdict, and by no more than a few messages; what the client knows stays sound', () => {
  const frame = fc.constantFrom(...FRAMES.map(({ name }) => name));
  const source = fc.constantFrom(SERVER, SECOND, PEER_AT, '203.0.113.200:3545', '192.168.1.20:40000', '192.0.2.45:40000');
  const edit = fc.record({ at: fc.nat(140), octet: fc.nat(255) });
  const event = fc.record({
    frame,
    source,
    socket: fc.nat(2),
    edits: fc.array(edit, { maxLength: 3 }),
    trailers: fc.constantFrom('', '0104deadbeef', '0502c822', '030e0000c0a8010a9c400a0000079c41', '040400000000', '4100', '0104dead'),
    wait: fc.constantFrom(0, 0, 0, 500, 2_000, 31_000),
    sends: fc.boolean(),
  });
  const setup = fc.constantFrom<ClientSetup>({ ports: PORTS }, PRESERVING, SEQUENTIAL);
  const codes = new Set([Drop.none, Verdict.consumed, Verdict.hold, ...DROPS.map(({ code }) => code)]);
  fc.assert(
    fc.property(setup, fc.array(event, { maxLength: 40 }), fc.nat(), (kind, events, seed) => {
      const random = seeded(seed);
      // The address of the vectors, so that they are for it.
      const bench = new ClientBench({ ...kind, random: (into) => (into.length === 2 ? into.fill(0) : random(into)) });
      for (const { frame: name, source: from, socket, edits, trailers, wait, sends } of events) {
        const payload = Uint8Array.of(...payloadOf(name), ...hex(trailers));
        for (const { at, octet } of edits) if (at < payload.length) payload[at] = octet;
        const inner = innerAt(payload);
        // What is no IPv6 packet does not come so far.
        const isWhole = inner + 40 <= payload.length && payload[inner] >>> 4 === 6;
        if (!isWhole || inner + 40 + payload[inner + 4] * 256 + payload[inner + 5] > payload.length) continue;
        bench.sent.length = 0;
        expect(codes).toContain(bench.receive(from, payload, socket));
        // A pair, an echo test or a random port, and four places where else a peer may be.
        expect(bench.sent.length).toBeLessThanOrEqual(9);
        if (sends) expect(codes.has(bench.send(data()) as number) || bench.outer.remote.port !== 0).toBe(true);
        bench.pass(wait, true);
        expect(bench.role.peers).toBeLessThanOrEqual(64);
        expect(toHex(bench.role.errorSource)).toHaveLength(32);
      }
    }),
    { seed: 6081, numRuns: 300 },
  );
});
