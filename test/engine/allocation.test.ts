/**
 * The packet path allocates nothing: shown by a process of its own that forwards millions of packets, all
 * ways in one, so that calls see several roles as in a node with several tunnels.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const BENCH = fileURLToPath(new URL('../../bench/engine.ts', import.meta.url));
const PACKETS = 250_000;
const ROUNDS = 4;

interface Result {
  readonly name: string;
  readonly octetsPerPacket: number;
  readonly collections: number;
}

test('a million packets each way, both directions of every role of 6to4, 6rd and ISATAP, of a Teredo relay, and every silent drop: the heap does not grow, and is not collected', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', BENCH, String(PACKETS), String(ROUNDS)]);
  const results: Result[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(results).toHaveLength(27);
  // The smallest object takes 16 octets, and a young generation holds 16 MiB: half an object a packet would fill it.
  // A few collections are V8's own idea: it drops code that it has replaced.
  expect(results.filter(({ octetsPerPacket, collections }) => octetsPerPacket > 0.1 || collections > 3)).toEqual([]);
}, 120_000);
