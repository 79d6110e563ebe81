import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { ANSWER_TIME, BorderRelayWatch, MAX_PROBES, MAX_START_DELAY, ROUND_INTERVAL } from '../../src/role/border-relay-watch.js';
import { SILENT, TransmitTo } from '../../src/role/role.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import { address } from '../vectors/compose.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);
const EDGE = address('2001:db8:6464:100::1');
const RELAYS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
/** Longest time until a dead relay is left: it may have answered just now. */
const FAILOVER = ROUND_INTERVAL + MAX_PROBES * ANSWER_TIME + ANSWER_TIME;

/** A customer edge's watch and the relays it asks, in virtual time. */
class Relays {
  readonly watch: BorderRelayWatch;
  readonly sent: { readonly at: number; readonly to: string; readonly octets: Uint8Array }[] = [];
  alive: readonly string[];
  now = 0;
  readonly #out = makeBatch(1, HEADROOM + 1300)[0];

  constructor(list: readonly string[], alive: readonly string[], chance = 0x80, before: number | null = null) {
    this.alive = alive;
    this.watch = new BorderRelayWatch(list.map(ip), EDGE, SILENT, before, (into) => into.fill(chance), 0);
  }

  get inUse(): number {
    return this.watch.inUse;
  }

  until(time: number): void {
    for (let i = 0; this.watch.nextTimeout() <= time; i++) {
      expect(i).toBeLessThan(10_000);
      this.now = Math.max(this.now, this.watch.nextTimeout());
      this.watch.handleTimeout(this.now);
      this.#drain();
    }
    this.now = time;
  }

  #drain(): void {
    this.#out.b.fill(0xa5);
    for (
      let to = this.watch.pollTransmit(this.#out, this.now);
      to !== TransmitTo.nowhere;
      to = this.watch.pollTransmit(this.#out, this.now)
    ) {
      expect(to).toBe(TransmitTo.carrier);
      const { b, off, end, remote } = this.#out;
      const octets = b.slice(off, end);
      const relay = formatIpv4(remote.addr);
      this.sent.push({ at: this.now, to: relay, octets });
      if (this.alive.includes(relay)) expect(this.watch.hear(forwarded(octets), 0)).toBe(Verdict.consumed);
    }
  }
}

/** As a router passes it on. */
function forwarded(octets: Uint8Array): Uint8Array {
  const b = octets.slice();
  b[7]--;
  return b;
}

test('F39: a probe is a packet from the customer edge to itself, without a next header', () => {
  const relays = new Relays(RELAYS, RELAYS);
  relays.until(MAX_START_DELAY);
  const [{ octets, to }] = relays.sent;
  expect(to).toBe('10.0.0.1');
  expect(Buffer.from(octets.subarray(0, 40)).toString('hex')).toBe(
    '60000000000c3b4020010db864640100000000000000000120010db8646401000000000000000001',
  );
});

test('a list of one is never probed', () => {
  const relays = new Relays(['10.0.0.1'], []);
  expect(relays.watch.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
});

test('while the first answers, one probe a round is all there is', () => {
  const relays = new Relays(RELAYS, RELAYS);
  relays.until(10 * (ROUND_INTERVAL + ANSWER_TIME));
  expect(new Set(relays.sent.map(({ to }) => to))).toEqual(new Set(['10.0.0.1']));
  expect(relays.sent.length).toBeLessThanOrEqual(11);
  expect(relays.inUse).toBe(0);
});

test('when the first dies the next one that answers is used, and the first again once it is back', () => {
  const relays = new Relays(RELAYS, RELAYS);
  relays.until(100_000);
  relays.alive = ['10.0.0.3'];
  relays.until(100_000 + FAILOVER + MAX_PROBES * ANSWER_TIME + ANSWER_TIME);
  expect(relays.inUse).toBe(2);
  relays.alive = ['10.0.0.2', '10.0.0.3'];
  relays.until(relays.now + FAILOVER);
  expect(relays.inUse).toBe(1);
  relays.alive = RELAYS;
  relays.until(relays.now + FAILOVER);
  expect(relays.inUse).toBe(0);
});

test('where nobody forwards probes, it stays with the first and asks no more often', () => {
  const relays = new Relays(RELAYS, []);
  relays.until(1_000_000);
  expect(relays.inUse).toBe(0);
  const rounds = 1_000_000 / ROUND_INTERVAL;
  // One round asks the first alone, then the first two, then all.
  expect(relays.sent.length).toBeLessThanOrEqual((rounds + 1) * MAX_PROBES * (1 + 2 + 3));
});

test('an answer nobody could have forwarded, or to no question of ours, moves nothing', () => {
  const relays = new Relays(RELAYS, []);
  relays.until(MAX_START_DELAY);
  const [{ octets }] = relays.sent;
  expect(relays.watch.hear(octets, 0)).toBe(Drop.loop);
  for (const [at, reason] of [
    [6, Drop.loop], // next header
    [23, Drop.loop], // source
    [39, Drop.loop], // destination
    [40, Drop.nonce_mismatch], // key
    [51, Drop.nonce_mismatch], // relay
  ] as const) {
    const b = forwarded(octets);
    b[at] ^= 0x80;
    expect([at, relays.watch.hear(b, 0)]).toEqual([at, reason]);
  }
});

test('whatever answers and dies, the relay in use is one of the list, probes are bounded, and a living one is found in time', () => {
  const step = fc.record({ alive: fc.subarray(RELAYS), time: fc.integer({ min: 1, max: 200_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 0, max: 255 }), (steps, chance) => {
      const relays = new Relays(RELAYS, [], chance);
      for (const { alive, time } of steps) {
        relays.alive = alive;
        relays.until(relays.now + time);
        expect(relays.inUse).toBeLessThan(RELAYS.length);
      }
      const settled = relays.now + RELAYS.length * FAILOVER;
      relays.until(settled);
      if (relays.alive.length > 0) expect(RELAYS[relays.inUse]).toBe(relays.alive[0]);
      expect(relays.sent.length).toBeLessThanOrEqual((relays.now / ANSWER_TIME + 1) * RELAYS.length);
    }),
    { numRuns: 300 },
  );
});

test('a watch that follows another, as when a lease is renewed, stays with the relay that was found, and returns to the first when that is back', () => {
  const before = new Relays(RELAYS, ['10.0.0.2']);
  before.until(FAILOVER);
  const { relay } = before.watch.heritage(before.now);
  expect(relay).toBe(ip('10.0.0.2'));
  const after = new Relays(RELAYS, ['10.0.0.2'], 0x80, relay);
  expect(after.inUse).toBe(1);
  after.until(10 * ROUND_INTERVAL);
  expect(after.inUse).toBe(1);
  after.alive = RELAYS;
  after.until(11 * ROUND_INTERVAL + FAILOVER);
  expect(after.inUse).toBe(0);
});

test('a relay that is in the list no more is not inherited', () => {
  expect(new Relays(RELAYS, [], 0x80, ip('10.0.0.9')).inUse).toBe(0);
});
