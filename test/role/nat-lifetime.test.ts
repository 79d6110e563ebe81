import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import { PATIENCE } from '../../src/role/binding-test.js';
import { LIFETIME_SOCKETS, type NatLifetime, NatLifetimeTest, RESOLUTION, TRIALS } from '../../src/role/nat-lifetime.js';
import { NatDatagram } from '../../src/role/nat-test.js';
import { refreshThrough } from '../../src/role/nat-verdict.js';
import type { NatOptions } from '../../src/sim/nat.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { writeBindingResponse } from '../../src/wire/stun.js';
import { seeded } from '../chance.js';
import { INSIDE_HOSTS } from '../nat-behaviour.js';
import { type Fault, StunResponder } from '../stun-responder.js';
import { ADDRESSES, carryOut, type NetworkOptions, type Outcome } from './nat-world.js';

const SERVER = { addr: parseIpv4(ADDRESSES[0]) ?? 0, port: 3478 };
const LOCALS = Array.from({ length: LIFETIME_SOCKETS }, (_, i) => ({ addr: parseIpv4(INSIDE_HOSTS.one) ?? 0, port: 40_000 + 2 * i }));
const NAMES = Object.keys(NAT_KINDS) as ConeName[];

const responder = (fault: Fault | null = null): StunResponder => new StunResponder(ADDRESSES, [3478, 3479], fault);

function measure(
  nat: NatOptions | null,
  longest: number,
  over: Partial<NetworkOptions> = {},
  watch?: (test: NatLifetimeTest) => void,
): Outcome<NatLifetime> {
  return carryOut(
    { nat, responders: [responder()], ...over },
    LOCALS,
    (random, now) => new NatLifetimeTest(SERVER, longest, random, now),
    watch,
  );
}

describe('RFC 5780 section 4.6', () => {
  test.each(NAMES)('how long a %s NAT remembers is found to within a second', (name) => {
    const timeout = 20_000;
    const { verdict, took } = measure({ ...NAT_KINDS[name], timeout }, 60_000);
    expect(verdict).toMatchObject({ server: SERVER, notes: [] });
    const [atLeast, below] = [verdict?.atLeast ?? 0, verdict?.below ?? 0];
    // A wait begins with the answer, 5 ms after it has passed the NAT, and ends 5 ms before what asks passes it.
    expect([atLeast <= timeout, timeout <= below + 20, below - atLeast <= RESOLUTION]).toEqual([true, true, true]);
    expect(took).toBeLessThan(4 * (30_000 + PATIENCE));
  });

  test('it does not matter whether what comes in is a use: a mapping is asked for once', () => {
    const { verdict } = measure({ ...NAT_KINDS['full-cone'], timeout: 5_000, inboundRefresh: false }, 30_000);
    expect([verdict?.atLeast, verdict?.below]).toEqual([expect.closeTo(4_500, -3), expect.closeTo(5_500, -3)]);
  });

  test('a mapping that outlives every wait lives at least as long, and no more is said', () => {
    const { verdict, took } = measure({ ...NAT_KINDS.symmetric, timeout: 60_000 }, 40_000);
    expect(verdict).toEqual({ server: SERVER, atLeast: 40_000, below: null, notes: [] });
    expect(took).toBeLessThan(40_100);
  });

  test('where there is no NAT nothing is forgotten', () => {
    expect(measure(null, 10_000).verdict).toMatchObject({ atLeast: 10_000, below: null });
  });

  test('the waits of a round are side by side, each by a socket of its own, and one socket asks', () => {
    const { sent } = measure({ ...NAT_KINDS['full-cone'], timeout: 300_000 }, 12_800);
    expect(sent.filter(({ socket }) => socket < TRIALS).map(({ at, socket }) => [at, socket])).toEqual([
      [0, 0],
      ...LOCALS.slice(0, TRIALS).map((_, i) => [20, i]),
    ]);
    expect(sent.filter(({ socket }) => socket === TRIALS).map(({ at }) => at - 30)).toEqual([
      -20, 100, 200, 400, 800, 1600, 3200, 6400, 12_800,
    ]);
  });

  test('what lives for a short time is not waited for any longer', () => {
    const { verdict, took } = measure({ ...NAT_KINDS['full-cone'], timeout: 5_000 }, 3_600_000);
    expect(verdict?.notes).toEqual([]);
    expect(took).toBeLessThan(4 * (30_000 + PATIENCE));
  });

  test('what is known by then can be seen on the way', () => {
    const known: string[] = [];
    measure({ ...NAT_KINDS['full-cone'], timeout: 3_000 }, 12_800, {}, ({ alive, gone }) => {
      if (known.at(-1) !== `${alive} ${gone}`) known.push(`${alive} ${gone}`);
    });
    expect(known.slice(0, 7)).toEqual([
      '0 Infinity',
      '100 Infinity',
      '200 Infinity',
      '400 Infinity',
      '800 Infinity',
      '1600 Infinity',
      '1600 3200',
    ]);
  });
});

describe('where it cannot be told that is said, and why', () => {
  test.each([
    ['refuses-response-port', /does not send its answer to another port \(RESPONSE-PORT\)/],
    ['ignores-response-port', /does not send its answer to another port \(RESPONSE-PORT\)/],
    ['sends-nothing-to-response-port', /does not come, however early/],
    ['unknown-attribute', /or not what was asked/],
  ] as const)('a server that %s', (fault, note) => {
    const { verdict, took } = measure({ ...NAT_KINDS['full-cone'] }, 60_000, { responders: [responder(fault)] });
    expect(verdict).toEqual({ server: SERVER, atLeast: null, below: null, notes: [expect.stringMatching(note)] });
    expect(took).toBeLessThanOrEqual(PATIENCE + 20);
  });

  test('nobody answers', () => {
    const { verdict, took } = measure({ ...NAT_KINDS['full-cone'] }, 60_000, { responders: [] });
    expect(verdict).toMatchObject({ atLeast: null, notes: ['The server has not answered (any more), or not what was asked.'] });
    expect(took).toBe(PATIENCE);
  });

  test('the server changes its ways in the middle', () => {
    const server = responder();
    const { verdict } = measure({ ...NAT_KINDS['full-cone'] }, 20_000, { responders: [server] }, ({ alive }) => {
      if (alive > 1000) server.fault = 'refuses-response-port';
    });
    expect(verdict).toMatchObject({ atLeast: null, notes: ['The server does not do any more what it did before: it cannot be told.'] });
  });

  test('a NAT that forgets everything in the middle does not keep to one time: what was seen remains', () => {
    const server = responder();
    const { verdict } = measure({ ...NAT_KINDS['full-cone'], timeout: 6_000 }, 12_800, { responders: [server] }, ({ gone }) => {
      if (gone < 6_500) server.fault = 'sends-nothing-to-response-port';
    });
    expect(verdict).toMatchObject({ atLeast: expect.any(Number), notes: [expect.stringMatching(/does not keep to one time/)] });
    expect(verdict?.atLeast).toBeLessThan(6_000);
  });
});

test('where some are gone and others are not after as long, what is named is what all agree on', () => {
  const server = responder();
  server.deafPort = LOCALS[3].port; // the one that waits for 800 ms
  const { verdict } = measure({ ...NAT_KINDS['full-cone'] }, 12_800, { responders: [server] });
  expect(verdict).toMatchObject({ atLeast: 400, below: null, notes: [expect.stringMatching(/does not keep to one time/)] });
});

describe('strangers', () => {
  /** A test whose mapping was seen, and that asks for it: the ids of both requests. */
  const begin = (): { test: NatLifetimeTest; opening: Uint8Array; asking: Uint8Array } => {
    const lifetime = new NatLifetimeTest(SERVER, 60_000, seeded(5780), 0);
    const datagram = new NatDatagram();
    lifetime.pollTransmit(datagram, 0);
    const opening = datagram.b.slice(4, 20);
    tell(lifetime, 0, opening, SERVER);
    lifetime.handleTimeout(1);
    lifetime.pollTransmit(datagram, 1);
    return { test: lifetime, opening, asking: datagram.b.slice(4, 20) };
  };
  const tell = (lifetime: NatLifetimeTest, socket: number, transaction: Uint8Array, from: typeof SERVER, mapped = LOCALS[0]): boolean => {
    const b = new Uint8Array(128).fill(0xa5);
    const end = writeBindingResponse(b, 9, { transaction, mapped, origin: SERVER, other: null });
    return lifetime.handleDatagram(socket, b, 9, end, from, 1);
  };

  test('who is not the server, or does not know the id, says nothing', () => {
    const { test: lifetime, opening, asking } = begin();
    expect(tell(lifetime, 0, asking, { ...SERVER, port: 3479 })).toBe(false);
    expect(tell(lifetime, 0, asking, { ...SERVER, addr: SERVER.addr + 1 })).toBe(false);
    expect(
      tell(
        lifetime,
        0,
        asking.map((octet) => octet ^ 1),
        SERVER,
      ),
    ).toBe(false);
    expect(tell(lifetime, 0, opening, SERVER)).toBe(false);
    expect(lifetime.verdict).toBeNull();
    expect(tell(lifetime, 0, asking, SERVER)).toBe(true);
  });

  test('an answer on a socket that it cannot come to is none', () => {
    const { test: lifetime, asking } = begin();
    expect(tell(lifetime, 3, asking, SERVER)).toBe(false);
    expect(lifetime.verdict).toBeNull();
    const datagram = new NatDatagram();
    const fresh = new NatLifetimeTest(SERVER, 60_000, seeded(5780), 0);
    fresh.pollTransmit(datagram, 0);
    expect(tell(fresh, TRIALS, datagram.b.slice(4, 20), SERVER)).toBe(false);
  });

  test('an answer on the socket that asks: the NAT has given it the endpoint that was free again, or the server has not moved', () => {
    const moved = begin();
    expect(tell(moved.test, TRIALS, moved.asking, SERVER)).toBe(true);
    expect(moved.test.verdict?.notes[0]).toMatch(/does not come, however early/);
    const ignored = begin();
    expect(tell(ignored.test, TRIALS, ignored.asking, SERVER, LOCALS[TRIALS])).toBe(true);
    expect(ignored.test.verdict?.notes[0]).toMatch(/does not send its answer to another port/);
  });
});

test('on any network it comes to an end, and what it names is never longer than the NAT remembers', () => {
  const property = fc.property(
    fc.constantFrom(...NAMES),
    fc.integer({ min: 50, max: 9_000 }),
    fc.nat(30),
    fc.nat(0xffff),
    (name, timeout, loss, seed) => {
      const { verdict, sent } = measure({ ...NAT_KINDS[name], timeout, inboundRefresh: seed % 2 === 0 }, 10_000, {
        loss: loss / 100,
        seed,
      });
      expect(verdict).not.toBeNull();
      if (verdict === null) return;
      // Requests are repeated: what is not heard at first may be heard after as long as that takes.
      expect(verdict.atLeast ?? 0).toBeLessThanOrEqual(timeout);
      expect(sent.length).toBeLessThan(6 * TRIALS * 2 * 9);
      if (loss === 0) expect([verdict.below === null || timeout <= verdict.below + 20, verdict.notes]).toEqual([true, []]);
    },
  );
  fc.assert(property, { numRuns: 25, seed: 5780 });
});

test.each([
  [null, null, 'What refresh interval Teredo needs here is not known; 30 s, the default, does for most NATs.'],
  [300_000, null, 'Teredo keeps its mapping with the default refresh interval of 30 s; up to 300 s would do.'],
  [30_000, 30_500, 'Teredo keeps its mapping with the default refresh interval of 30 s; up to 30 s would do.'],
  [10_000, null, 'Teredo keeps its mapping with a refresh-interval of 10 s; the default of 30 s is longer than what was seen to live.'],
  [29_999, 30_001, 'Teredo keeps its mapping with a refresh-interval of 29 s; the default of 30 s is longer than what was seen to live.'],
  [29_000, 30_000, 'Teredo loses its mapping with the default refresh interval of 30 s: set refresh-interval to 29 s or less.'],
  [4_000, 5_000, 'Teredo loses its mapping: the shortest refresh interval is 5 s.'],
])('what it means for Teredo is a sentence: at least %s, below %s', (atLeast, below, sentence) => {
  expect(refreshThrough({ atLeast, below })).toBe(sentence);
});
