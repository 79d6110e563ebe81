/** The peer table against RFC 4380 sections 5.2 to 5.2.6, and against a plain Map. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HalfSipHash } from '../../src/role/half-sip-hash.js';
import { PEER_ASKED, PEER_STRANGER, PEER_TRUSTED, TeredoPeers } from '../../src/role/teredo-peers.js';
import { address, be32, hex, toHex } from '../vectors/compose.js';
import { PEER } from '../wire/teredo-frames.js';

const SECOND = 1_000;
const NOW = 1_000_000;
const counting = (into: Uint8Array) => {
  for (let i = 0; i < into.length; i++) into[i] = i;
};

/** A table, and what is done with it by addresses that lie in dirt, at an odd place. */
function tableOf(capacity: number) {
  const peers = new TeredoPeers(capacity, counting);
  const dirty = (octets: Uint8Array) => {
    const b = new Uint8Array(64).fill(0xa5);
    b.set(octets, 13);
    return b;
  };
  return {
    peers,
    find: (octets: Uint8Array) => peers.find(dirty(octets), 13),
    take: (octets: Uint8Array, now = NOW, flags = 0) => peers.take(dirty(octets), 13, now, flags),
  };
}

/** Address number `n`: those of neighbours differ in one bit. */
const numbered = (n: number) => hex(`20010000 4136e378 ${toHex(Uint8Array.from(be32(n)))} 3ffffdd2`);

test('the hash is the one that Linux has: a vector of its lib/test_siphash.c', () => {
  expect(new HalfSipHash(counting).of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c) >>> 0).toBe(0x8b31d501);
});

describe('an entry', () => {
  test('TRDO-CL-32, 50: is new as RFC 4380 section 5.2.3 says, and keeps what it is told', () => {
    const { peers, take, find } = tableOf(4);
    const peer = take(address(PEER));
    expect(find(address(PEER))).toBe(peer);
    expect(toHex(peers.octets.slice(peers.address(peer), peers.address(peer) + 16))).toBe(toHex(address(PEER)));
    const { lastReceived, lastSent, flags, remoteBits, remotePort, socket } = peers;
    expect([lastReceived[peer], lastSent[peer]]).toEqual([NOW - 30 * SECOND, NOW - 30 * SECOND]);
    expect([flags[peer], remoteBits[peer], remotePort[peer], socket[peer]]).toEqual([0, 0, 0, 0]);
    expect([peers.isUsable(peer, NOW), peers.mayBubble(peer, NOW)]).toEqual([false, true]);
    flags[peer] = PEER_TRUSTED;
    expect(take(address(PEER), NOW + SECOND)).toBe(peer);
    expect([flags[peer], lastSent[peer], peers.count]).toEqual([PEER_TRUSTED, NOW - 30 * SECOND, 1]);
  });

  test('TRDO-AD-07: another address is another peer, in whichever bit it differs', () => {
    const { peers, take } = tableOf(200);
    const all = Array.from({ length: 128 }, (_, bit) => {
      const octets = address(PEER);
      octets[bit >> 3] ^= 0x80 >> (bit & 7);
      return take(octets);
    });
    expect(new Set([...all, take(address(PEER))]).size).toBe(129);
    expect(peers.count).toBe(129);
  });

  test('TRDO-CL-37: is used while trusted and heard less than 30 s ago', () => {
    const { peers, take } = tableOf(4);
    const peer = take(address(PEER));
    peers.lastReceived[peer] = NOW;
    expect(peers.isUsable(peer, NOW)).toBe(false);
    peers.flags[peer] |= PEER_TRUSTED;
    const at = [0, 29_999, 30_000, 31_000];
    expect(at.map((later) => peers.isUsable(peer, NOW + later))).toEqual([true, true, false, false]);
  });
});

describe('bubbles', () => {
  test('TRDO-CL-46, 47, 48: four, two seconds apart, and no fifth until 300 s after the first', () => {
    const { peers, take } = tableOf(4);
    const peer = take(address(PEER));
    const sent: number[] = [];
    for (let later = 0; later <= 310 * SECOND; later += 500) {
      if (!peers.mayBubble(peer, NOW + later)) continue;
      peers.bubbled(peer, NOW + later);
      expect(peers.lastSent[peer]).toBe(NOW + later);
      sent.push(later / SECOND);
    }
    expect(sent).toEqual([0, 2, 4, 6, 300, 302, 304, 306]);
  });

  test('TRDO-CL-46: none within two seconds of data', () => {
    const { peers, take } = tableOf(4);
    const peer = take(address(PEER));
    peers.lastSent[peer] = NOW;
    expect([1_999, 2_000].map((later) => peers.mayBubble(peer, NOW + later))).toEqual([false, true]);
  });

  test('on any course of things never more than four in 300 s without a direct answer, nor two within two seconds', () => {
    const course = fc.array(fc.tuple(fc.nat(40_000), fc.constantFrom('ask', 'ask', 'ask', 'ask', 'hear', 'send')), { maxLength: 200 });
    fc.assert(
      fc.property(course, (steps) => {
        const { peers, take } = tableOf(4);
        let now = NOW;
        const peer = take(address(PEER), now);
        let unanswered: number[] = [];
        let last = Number.NEGATIVE_INFINITY;
        for (const [wait, what] of steps) {
          now += wait;
          if (what === 'hear') {
            peers.lastReceived[peer] = now;
            unanswered = [];
          }
          unanswered = unanswered.filter((at) => now - at < 300 * SECOND);
          const allowed = now - last >= 2 * SECOND && unanswered.length < 4;
          expect(peers.mayBubble(peer, now)).toBe(allowed);
          if (what === 'send') peers.lastSent[peer] = last = now;
          if (what !== 'ask' || !allowed) continue;
          peers.bubbled(peer, now);
          unanswered.push(now);
          last = now;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the table', () => {
  test('grows, and every peer keeps its number and what is known of it', () => {
    const { peers, find, take } = tableOf(3_000);
    for (let n = 0; n < 3_000; n++) {
      const peer = take(numbered(n), NOW + n);
      peers.remoteBits[peer] = n;
      peers.remotePort[peer] = n;
      peers.socket[peer] = n & 7;
      peers.flags[peer] = PEER_TRUSTED;
      peers.lastSent[peer] = n;
      peers.bubbled(peer, n);
    }
    for (let n = 0; n < 3_000; n++) {
      const peer = find(numbered(n));
      expect(peer).toBe(n);
      expect([peers.remoteBits[peer], peers.remotePort[peer], peers.socket[peer]]).toEqual([n, n, n & 7]);
      expect([peers.flags[peer], peers.lastReceived[peer], peers.lastSent[peer]]).toEqual([PEER_TRUSTED, NOW + n - 30 * SECOND, n]);
      expect(peers.mayBubble(peer, n + 1)).toBe(false);
    }
    expect([peers.count, find(numbered(3_000))]).toEqual([3_000, -1]);
  });

  test('does what a Map does, whoever comes, goes and gives way', () => {
    const CAPACITY = 8;
    const who = fc.nat(11);
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('take' as const), who }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('mark' as const), who, flags: fc.constantFrom(0, PEER_TRUSTED, PEER_ASKED) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), who }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40_000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const { peers, find, take } = tableOf(CAPACITY);
        /** By address: the peer, its flags, when it was heard. */
        const model = new Map<number, { peer: number; flags: number; heard: number }>();
        const inUse = ({ flags, heard }: { flags: number; heard: number }, now: number) =>
          (flags & PEER_ASKED) !== 0 || ((flags & PEER_TRUSTED) !== 0 && now - heard < 30 * SECOND);
        let now = NOW;
        for (const one of steps) {
          if (one.kind === 'wait') {
            now += one.ms;
            continue;
          }
          const known = model.get(one.who);
          if (one.kind === 'remove' && known !== undefined) {
            peers.remove(known.peer);
            model.delete(one.who);
          }
          if (one.kind === 'mark' && known !== undefined) {
            peers.flags[known.peer] = known.flags = one.flags;
            peers.lastReceived[known.peer] = known.heard = now;
          }
          if (one.kind === 'take') {
            const peer = take(numbered(one.who), now);
            if (known !== undefined) expect(peer).toBe(known.peer);
            else if (model.size === CAPACITY) {
              const given = [...model].find(([, other]) => other.peer === peer);
              if (given === undefined) expect([peer, [...model.values()].every((other) => inUse(other, now))]).toEqual([-1, true]);
              else {
                expect(inUse(given[1], now)).toBe(false);
                model.delete(given[0]);
              }
            }
            if (known === undefined && peer >= 0) model.set(one.who, { peer, flags: 0, heard: now - 30 * SECOND });
          }
          for (let n = 0; n < 12; n++) expect(find(numbered(n))).toBe(model.get(n)?.peer ?? -1);
          expect(new Set([...model.values()].map(({ peer }) => peer)).size).toBe(model.size);
          for (const { peer, flags, heard } of model.values())
            expect([peers.flags[peer], peers.lastReceived[peer]]).toEqual([flags, heard]);
          expect(peers.count).toBe(model.size);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('TRDO-RL-15, TRDO-CL-49: a million newcomers drive out each other, the oldest first, and nobody who is in use', () => {
    const { peers, find, take } = tableOf(2_048);
    for (let n = 0; n < 1_000; n++) {
      const peer = take(numbered(n));
      peers.flags[peer] = n % 2 === 0 ? PEER_TRUSTED : PEER_ASKED;
      peers.lastReceived[peer] = NOW;
    }
    const columns = () => [peers.octets, peers.flags, peers.lastSent];
    let whenFull = columns();
    const key = numbered(0);
    for (let n = 1_000; n < 1_001_000; n++) {
      key.set(be32(n), 8);
      peers.take(key, 0, NOW + n / 50);
      if (n === 2_048) whenFull = columns();
    }
    for (let n = 0; n < 1_000; n++) expect(find(numbered(n))).toBe(n);
    // Of those that came in vain, the last ones are left.
    let left = 0;
    for (let n = 1_000_999; find(numbered(n)) >= 0; n--) left++;
    expect([left, peers.count]).toEqual([1_048, 2_048]);
    // Nothing was made anew since.
    expect(columns().map((column, i) => column === whenFull[i])).toEqual([true, true, true]);
  });

  test('a stranger in use gives way to whom the node looks for, and to no other stranger; who is asked, or was looked for, stays', () => {
    const { peers, find, take } = tableOf(5);
    for (const [n, flags] of [PEER_TRUSTED, PEER_ASKED, PEER_TRUSTED, 0, 0].entries()) {
      const peer = take(numbered(n), NOW, n < 2 ? 0 : PEER_STRANGER);
      peers.flags[peer] |= n === 3 ? PEER_ASKED : flags;
      peers.lastReceived[peer] = NOW;
    }
    peers.flags[find(numbered(4))] |= PEER_TRUSTED;
    const left = () => Array.from({ length: 5 }, (_, n) => find(numbered(n)) >= 0);
    expect([take(numbered(8), NOW, PEER_STRANGER), left()]).toEqual([-1, [true, true, true, true, true]]);
    expect(take(numbered(9))).toBeGreaterThanOrEqual(0);
    expect(left()).toEqual([true, true, false, true, true]);
    peers.flags[find(numbered(9))] = PEER_TRUSTED;
    peers.lastReceived[find(numbered(9))] = NOW;
    expect([take(numbered(10)) >= 0, take(numbered(11)), left()]).toEqual([true, 4, [true, true, false, true, false]]);
    expect([take(numbered(10)), find(numbered(11)), peers.count]).toEqual([4, -1, 5]);
  });

  test('with everybody in use there is no place; whoever was silent for 30 s gives way', () => {
    const { peers, find, take } = tableOf(5_000);
    for (let n = 0; n < 5_000; n++) {
      const peer = take(numbered(n));
      peers.flags[peer] = PEER_TRUSTED;
      peers.lastReceived[peer] = NOW + n;
    }
    expect(take(numbered(9_000), NOW + 29_999)).toBe(-1);
    // The search is bounded, and goes on where it ended: at most five calls see all of them.
    const calls = Array.from({ length: 5 }, () => take(numbered(9_000), NOW + 30_000));
    expect(calls).toContain(0);
    expect([find(numbered(0)), find(numbered(1)), find(numbered(9_000))]).toEqual([-1, 1, 0]);
  });
});
