import { expect, test } from 'vitest';
import { NAT_KINDS } from '../../src/core/nat.js';
import { INSIDE_HOSTS, OUTSIDE_HOSTS } from '../nat-behaviour.js';
import { NatBench } from './nat-bench.js';

test('NAT-11: an idle mapping lives for 300 s unless something else is said, RFC 4787 REQ-5', () => {
  const [inside, outside] = [
    { address: INSIDE_HOSTS.one, port: 40_000 },
    { address: OUTSIDE_HOSTS.A, port: 3544 },
  ];
  // The link takes a few of the last milliseconds.
  for (const [idle, arrives] of [
    [299_900, 1],
    [300_000, 0],
  ]) {
    const bench = new NatBench(NAT_KINDS['full-cone']);
    const mapped = bench.out(inside, outside) ?? expect.fail('nothing came out');
    bench.world.advance(idle);
    expect(bench.datagram(outside, mapped)).toHaveLength(arrives);
  }
});
