import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { ANSWER_TIMEOUT } from '../../src/role/teredo-qualifier.js';
import { seeded } from '../chance.js';
import { payloadOf } from '../wire/teredo-frames.js';
import { toHex } from '../wire/vectors.js';
import { addr, Bench, chance, KEYS, LOCAL, MAPPED, PRIMARY, qualified, SECONDARY, SECRET, SILENCE, sees } from './teredo-bench.js';
import { type Answer, readQuestion, writeAnswer } from './teredo-fake-server.js';

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

  test('TRDO-CL-24: the identifier, which is not signed, has to be the own one, no less and no more', () => {
    const bench = new Bench({ keys: KEYS });
    const [sent] = bench.drain();
    const { identifier } = SECRET;
    for (const other of ['', identifier.slice(2), identifier.slice(0, -2), `${identifier}00`, identifier.replace(/.$/, '8')])
      expect(bench.receive(bench.answer(sent, MAPPED, { key: { ...SECRET, identifier: other } }), PRIMARY)).toBe(Drop.unauthenticated);
    expect(bench.receive(bench.answer(sent, MAPPED), PRIMARY)).toBe(Verdict.consumed);
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
