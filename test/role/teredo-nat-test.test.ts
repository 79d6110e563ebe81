import { describe, expect, test } from 'vitest';
import { NatDatagram } from '../../src/role/nat-test.js';
import { type NatVerdict, teredoNat, teredoThrough } from '../../src/role/nat-verdict.js';
import { TeredoNatTest } from '../../src/role/teredo-nat-test.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { toHex } from '../wire/vectors.js';
import { type Answer, answerTo, readQuestion, writeAnswer } from './teredo-fake-server.js';

const addr = (text: string): number => parseIpv4(text) ?? 0;
const PRIMARY = '198.51.100.1';
const SECONDARY = '198.51.100.2';
const LOCAL = { addr: addr('192.168.7.2'), port: 40_000 };
/** Rounds that a run takes at most: a test that never ends is not waited for. */
const MOST_ROUNDS = 50;

/** `address:port` that an address of the server says to have seen; null: it says nothing. */
type Network = (to: string, ask: number) => string | Partial<Answer> | null;

interface Outcome {
  readonly verdict: NatVerdict | null;
  readonly sent: readonly { readonly at: number; readonly to: string }[];
  readonly took: number;
}

/** Lets a test come to its verdict: answers come 10 ms after what they answer. */
function run(network: Network, { from = null as string | null } = {}): Outcome {
  let now = 0;
  const natTest = new TeredoNatTest({ primary: addr(PRIMARY), secondary: addr(SECONDARY) }, LOCAL, seeded(4380), now);
  const datagram = new NatDatagram();
  const sent: { at: number; to: string }[] = [];
  for (let round = 0; round < MOST_ROUNDS && natTest.verdict === null; round++) {
    const answers: { payload: Uint8Array; from: string }[] = [];
    while (natTest.pollTransmit(datagram, now)) {
      const to = formatIpv4(datagram.to.addr);
      const question = readQuestion(toHex(datagram.b.subarray(0, datagram.end)), null);
      expect([datagram.socket, datagram.to.port]).toEqual([0, 3544]);
      const told = network(to, sent.filter((each) => each.to === to).length);
      sent.push({ at: now, to });
      if (told === null) continue;
      const origin = typeof told === 'string' ? told : '203.0.113.1:40000';
      const answer = { ...answerTo(question, PRIMARY, origin), ...(typeof told === 'string' ? {} : told) };
      answers.push({ payload: writeAnswer(answer).payload, from: from ?? to });
    }
    if (answers.length === 0) now = natTest.nextTimeout();
    else now += 10;
    for (const { payload, from: source } of answers)
      natTest.handleDatagram(0, payload, 0, payload.length, { addr: addr(source), port: 3544 }, now);
    natTest.handleTimeout(now);
  }
  return { verdict: natTest.verdict, sent, took: now };
}

const at =
  (primary: string | null, secondary: string | null): Network =>
  (to) =>
    to === PRIMARY ? primary : secondary;

test('NATC-19: one endpoint at both addresses: cone or restricted, RFC 5991 section 3.2 does not tell them apart', () => {
  const { verdict, sent, took } = run(at('203.0.113.1:40000', '203.0.113.1:40000'));
  expect(verdict).toEqual({
    nat: 'nat',
    server: { addr: addr(PRIMARY), port: 3544 },
    local: LOCAL,
    mapped: { addr: addr('203.0.113.1'), port: 40_000 },
    mapping: 'endpoint-independent',
    filtering: null,
    ports: 'preserving',
    hairpin: null,
    notes: ['A Teredo server tells whether the NAT is symmetric, and no more (RFC 4380 section 5.2.1, RFC 5991 section 3.2).'],
  });
  expect(verdict === null ? null : teredoNat(verdict)).toBe('cone or restricted');
  expect(verdict === null ? null : teredoThrough(verdict)).toMatch(/^Teredo reaches native hosts and clients behind cone/);
  expect([sent.length, took]).toEqual([2, 10]);
});

test.each([
  ['two endpoints: symmetric', '203.0.113.1:50000', '203.0.113.1:51007', 'symmetric', 'random'],
  ['ports that are counted up', '203.0.113.1:50000', '203.0.113.1:50001', 'symmetric', 'sequential'],
  ['another address is another endpoint', '203.0.113.1:50000', '203.0.113.2:50000', 'symmetric', null],
  ['our own endpoint: there is none', '192.168.7.2:40000', '192.168.7.2:40000', 'none', null],
] as const)('%s', (_what, primary, secondary, name, ports) => {
  const { verdict } = run(at(primary, secondary));
  expect(verdict === null ? null : [teredoNat(verdict), verdict.ports]).toEqual([name, ports]);
});

describe('silence', () => {
  test('three questions to each address, 4 s apart, and UDP is blocked', () => {
    const { verdict, sent, took } = run(() => null);
    expect(sent.filter(({ to }) => to === PRIMARY).map(({ at }) => at)).toEqual([0, 4000, 8000]);
    expect([sent.length, took]).toEqual([6, 12_000]);
    expect(verdict).toMatchObject({
      nat: 'blocked',
      server: null,
      mapped: null,
      mapping: null,
      notes: [
        'The server has not answered at its first address, 198.51.100.1.',
        'The server has not answered at its second address, 198.51.100.2.',
      ],
    });
  });

  test('an answer that is lost is asked for again', () => {
    const { verdict, took } = run((_to, ask) => (ask < 2 ? null : '203.0.113.1:40000'));
    expect([verdict?.mapping, took]).toEqual(['endpoint-independent', 8010]);
  });

  test.each([
    ['first', null, '203.0.113.1:40000'],
    ['second', '203.0.113.1:40000', null],
  ] as const)('at the %s address alone: how the NAT maps is not known', (which, primary, secondary) => {
    const { verdict } = run(at(primary, secondary));
    expect(verdict).toMatchObject({ nat: 'nat', mapping: null });
    expect(verdict?.notes[0]).toContain(`at its ${which} address`);
    expect(verdict === null ? null : teredoNat(verdict)).toBeNull();
  });
});

test.each([
  ['with another nonce', { nonce: '0123456789abcdef' }, 'nonce_mismatch'],
  ['without an origin indication', { origin: null }, 'malformed_teredo'],
  ['with a prefix of another server', { prefixes: [['20010000c0000201', '40']] as const }, 'foreign_server'],
  ['with a wrong checksum', { skew: 1 }, 'malformed_nd'],
  ['that wants a key', { confirmation: '01' }, 'unauthenticated'],
])('an answer %s is none, and why is said', (_what, change, reason) => {
  const { verdict } = run(() => change);
  expect(verdict).toMatchObject({
    nat: 'blocked',
    notes: [`What the server says at its first address, ${PRIMARY}, is no answer: ${reason}.`, expect.stringContaining(reason)],
  });
});

test('what comes from elsewhere, or is cut, is no answer and no reason', () => {
  expect(run(() => '203.0.113.1:40000', { from: '203.0.113.99' }).verdict?.notes[0]).toMatch(/^The server has not answered/);
  const natTest = new TeredoNatTest({ primary: addr(PRIMARY), secondary: addr(SECONDARY) }, LOCAL, seeded(1), 0);
  const datagram = new NatDatagram();
  natTest.pollTransmit(datagram, 0);
  const question = readQuestion(toHex(datagram.b.subarray(0, datagram.end)), null);
  const { payload } = writeAnswer(answerTo(question, PRIMARY, '203.0.113.1:40000'));
  const server = { addr: addr(PRIMARY), port: 3544 };
  for (let end = 0; end < payload.length; end++) {
    const room = new Uint8Array(200).fill(0xa5);
    room.set(payload.subarray(0, end), 7);
    expect(natTest.handleDatagram(0, room, 7, 7 + end, server, 1)).toBe(false);
  }
  expect(natTest.handleDatagram(0, payload, 0, payload.length, { ...server, port: 3545 }, 1)).toBe(false);
  expect(natTest.handleDatagram(0, payload, 0, payload.length, server, 1)).toBe(true);
  expect(natTest.handleDatagram(0, payload, 0, payload.length, server, 1)).toBe(false);
});
