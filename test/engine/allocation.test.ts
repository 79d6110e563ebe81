/**
 * The packet path allocates nothing: shown by a process of its own that forwards millions of packets, all
 * ways in one, so that calls see several roles as in a node with several tunnels.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const BENCH = fileURLToPath(new URL('../../bench/engine.ts', import.meta.url));
const PACKETS = 500_000;
const ROUNDS = 4;

interface Result {
  readonly name: string;
  readonly octetsPerPacket: number;
  readonly collections: number;
}

describe('two million packets', () => {
  const text = execFileSync(process.execPath, ['--import', 'tsx', BENCH, String(PACKETS), String(ROUNDS)], { encoding: 'utf8' });
  const results: Result[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

  test('go each way: both directions of every role, path MTU, congestion marks, and every reason for a drop without an answer', () => {
    expect(results).toHaveLength(7);
  });

  // The smallest object takes 16 octets. A young generation holds 16 MiB: half an object a packet would fill it.
  test.each(results)('$name: the heap does not grow by them, and is not collected because of them', ({ octetsPerPacket, collections }) => {
    expect(octetsPerPacket).toBeLessThan(0.1);
    expect(collections).toBeLessThanOrEqual(1);
  });
});
