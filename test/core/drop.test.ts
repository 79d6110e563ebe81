import { expect, test } from 'vitest';
import { DROP_SLOTS, DROPS, Drop } from '../../src/core/drop.js';

/** The contract's list, then what was appended. Counters of old captures and the fast path know these by number: add at the end only. */
const RECORDED = [
  'truncated',
  'not_ipv6',
  'bad_ipv4_header',
  'not_local',
  'source_mismatch',
  'destination_mismatch',
  'special_ipv4',
  'special_ipv6',
  'no_endpoint',
  'loop',
  'hop_limit',
  'too_big',
  'ecn_congestion',
  'untrusted_peer',
  'not_potential_router',
  'rate_limit',
  'queue_full',
  'malformed_teredo',
  'nonce_mismatch',
  'source_routing',
  'no_route',
  'send_refused',
  'tunnel_down',
];

test('reasons keep their numbers for ever', () => {
  expect(DROPS.slice(0, RECORDED.length).map((reason) => reason.name)).toEqual(RECORDED);
});

test('codes count up from 1 without a gap, none being 0, and fit the counters', () => {
  expect(Drop.none).toBe(0);
  expect(DROPS.map((reason) => reason.code)).toEqual(DROPS.map((_, i) => i + 1));
  expect(Object.fromEntries(DROPS.map((reason) => [reason.name, reason.code]))).toEqual({ ...Drop, none: undefined });
  expect(DROPS.length + 1).toBeLessThanOrEqual(DROP_SLOTS);
});

test('every reason says in one sentence what is checked, and which RFC asks for it', () => {
  for (const { name, meaning, rfc } of DROPS) {
    expect([name, meaning]).toEqual([name, expect.stringMatching(/^[A-Z].*\.$/)]);
    expect([name, rfc]).toEqual([name, expect.stringMatching(/^RFC \d+ /)]);
  }
  expect(new Set(DROPS.map((reason) => reason.meaning)).size).toBe(DROPS.length);
});
