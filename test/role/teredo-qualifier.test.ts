import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { Outer } from '../../src/role/role.js';
import type { TeredoServers } from '../../src/role/teredo-node.js';
import { ANSWER_TIMEOUT, MAX_GATEWAY_WAIT, MAX_REST, MAX_SOLICITATIONS, MAX_UNASKED, MIN_REST } from '../../src/role/teredo-qualifier.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { payloadOf } from '../wire/teredo-frames.js';
import { toHex } from '../wire/vectors.js';
import {
  addr,
  Bench,
  chance,
  KEYS,
  LOCAL,
  MAPPED,
  type Network,
  OTHER,
  PRIMARY,
  qualified,
  REFRESH,
  SECONDARY,
  SERVER,
  SILENCE,
  sees,
  serverAt,
  THIRD,
} from './teredo-bench.js';
import { type Answer, readQuestion } from './teredo-fake-server.js';

/** The flags as RFC 5991 section 3.1 lets them be. */
const withoutFlags = (address: Uint8Array | null) => (address === null ? null : toHex(address).replace(/^(.{16}).{4}/, '$1....'));

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

  test('TRDO-CL-19: after it was qualified a client that is off-line again rests as short as the first time', () => {
    const bench = new Bench().run(3_000_000, SILENCE).run(3_700_000, sees(MAPPED));
    expect(bench.qualifier.isQualified).toBe(true);
    bench.run(bench.qualifier.nextTimeout() + 24_000, SILENCE);
    expect(bench.qualifier.state.state).toBe('off-line');
    expect(bench.qualifier.nextTimeout() - bench.now).toBeLessThanOrEqual(MIN_REST * 1.1);
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
    expect(gaps.length).toBeGreaterThanOrEqual(3);
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

test('what one server said is not held against the next one', () => {
  const bench = new Bench({ servers: [SERVER, OTHER] }).run(24_000, ({ to }, answer) => (to === PRIMARY ? answer('10.0.0.1:4000') : null));
  expect(bench.qualifier.state.failure).toBe('server 203.0.113.120 did not answer');
});

test('an answer that comes twice is not held against the address that was asked next', () => {
  const bench = new Bench();
  const answer = bench.answer(bench.drain()[0], MAPPED);
  for (const verdict of [Verdict.consumed, Drop.foreign_server]) expect(bench.receive(answer, PRIMARY)).toBe(verdict);
  bench.run(12_000, SILENCE);
  expect(bench.qualifier.state.failure).toBe(`server ${PRIMARY} did not answer at its second address ${SECONDARY}`);
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

  test('of those that have failed the one that did so longest ago is asked first', () => {
    const bench = qualified({ servers: [SERVER, OTHER] });
    for (const server of [OTHER, SERVER, OTHER, SERVER]) {
      const before = bench.sent.length;
      bench.run(bench.qualifier.nextTimeout() + 11_999, SILENCE).run(bench.now + 100, sees(MAPPED));
      expect(
        bench.sent
          .slice(before)
          .map(({ to }) => addr(to))
          .at(-1),
      ).toBe(server.secondary);
      expect(bench.sent.length).toBe(before + 5);
      bench.run(bench.now + 70_000, sees(MAPPED));
    }
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

  test('the server is whoever sends from either address of the one in use, from port 3544', () => {
    const { qualifier } = qualified({ servers });
    const isServer = (from: string, port: number) => {
      const outer = new Outer();
      outer.remote.addr = addr(from);
      outer.remote.port = port;
      return qualifier.isFromServer(outer);
    };
    expect([PRIMARY, SECONDARY].map((from) => isServer(from, 3544))).toEqual([true, true]);
    expect([isServer(PRIMARY, 3545), isServer('203.0.113.120', 3544)]).toEqual([false, false]);
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
      gateway: null,
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
  delay: fc.oneof(fc.nat(300), fc.nat(9_000)),
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
      for (let i = 0; bench.now < 240_000; i++) {
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
    { numRuns: 150, seed: 4380 },
  );
});

describe('a gateway that leads a port to the client, RFC 6081 section 5.3', () => {
  const GATEWAY = { addr: addr('192.0.2.45'), port: 41_000 };
  /** The second address of a server sees another port than the first. */
  const symmetric: Network = ({ to }, answer) => answer(to.startsWith(PRIMARY) ? MAPPED : '192.0.2.45:40002');
  const embedded = ({ qualifier: { state } }: Bench): string => toHex((state.address ?? new Uint8Array(16)).slice(10));

  test('TRDO-EX-08: nothing is asked before it is known whether it does, and after a while without', () => {
    const bench = new Bench({ gateway: 'awaited' });
    expect([bench.drain(), bench.qualifier.state]).toMatchObject([[], { state: 'qualifying', server: null }]);
    bench.run(MAX_GATEWAY_WAIT - 1, sees(MAPPED));
    expect(bench.sent).toEqual([]);
    bench.run(MAX_GATEWAY_WAIT + 1_000, sees(MAPPED));
    expect([bench.sent[0].at, bench.qualifier.state.state]).toEqual([MAX_GATEWAY_WAIT, 'qualified']);
  });

  test('which it waits for once: then silence is silence', () => {
    const bench = new Bench({ gateway: 'awaited' }).run(MAX_GATEWAY_WAIT + 12_000, SILENCE);
    expect(bench.qualifier.state).toMatchObject({ state: 'off-line', failure: `server ${PRIMARY} did not answer` });
    bench.qualifier.restart(bench.now);
    expect(bench.drain()).toHaveLength(1);
  });

  test('TRDO-EX-11: where the server sees that too, it is one NAT, and counts as none', () => {
    const bench = new Bench({ gateway: { addr: addr('192.0.2.45'), port: 40_000 } });
    expect(bench.qualifier.state.gateway).toEqual({ addr: addr('192.0.2.45'), port: 40_000 });
    expect(bench.run(1_000, sees(MAPPED)).qualifier.state).toMatchObject({ state: 'qualified', gateway: null });
  });

  test('behind a symmetric NAT the address carries its port', () => {
    const bench = new Bench({ gateway: GATEWAY }).run(1_000, symmetric);
    expect(bench.qualifier.state).toMatchObject({ nat: 'symmetric', gateway: GATEWAY, mapped: { port: 40_000 } });
    expect([bench.qualifier.usesGateway, embedded(bench)]).toEqual([true, '5fd73ffffdd2']);
  });

  test.each([
    ['the NAT is not symmetric', GATEWAY, sees(MAPPED)],
    ['there is another NAT in front of the gateway', { ...GATEWAY, addr: addr('10.0.0.2') }, symmetric],
  ])('it carries what the server sees, when %s', (_, gateway, network) => {
    const bench = new Bench({ gateway }).run(1_000, network);
    expect(bench.qualifier.state).toMatchObject({ state: 'qualified', gateway });
    expect([bench.qualifier.usesGateway, embedded(bench)]).toEqual([false, '63bf3ffffdd2']);
  });
});
