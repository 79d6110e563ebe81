/** What is told of the fast path of a lab: pure, so this runs without privileges. */
import { expect, test } from 'vitest';
import { carriedSince, type FastPathOf, fastPathLines } from '../../src/lab/fast-path.js';

const fastPath = (node: string, mode: string, reason?: string, left: readonly string[] = []): FastPathOf => ({
  node,
  status: { mode, interfaces: ['eth0', 'eth1'], ...(reason !== undefined && { reason }) },
  left,
});
const sentences = (...fastPaths: FastPathOf[]): string[] => fastPathLines(fastPaths).map(({ en }) => en);

test('what a path has sent through a relay is what was counted since; relays that it did not take, or that died, are not named', () => {
  const before = [
    { node: 'ueno', xdp: 10, worker: 3 },
    { node: 'hongo', xdp: 7, worker: 7 },
    { node: 'dojima', xdp: 1, worker: 1 },
  ];
  const after = [
    { node: 'ueno', xdp: 30, worker: 3 },
    { node: 'hongo', xdp: 7, worker: 7 },
    { node: 'komaba', xdp: 5, worker: 5 },
  ];
  expect(carriedSince(before, after)).toEqual([{ node: 'ueno', xdp: 20, worker: 0 }]);
});

test('relays that have the fast path alike share a sentence; one that has none, or not all of it, says why', () => {
  expect(sentences()).toEqual([]);
  expect(
    sentences(
      fastPath('ueno', 'native'),
      fastPath('shinagawa', 'native'),
      fastPath('otemachi', 'generic', 'eth0: its driver runs no XDP programs'),
    ),
  ).toEqual(['Fast path (XDP, native) on ueno, shinagawa', 'Fast path (XDP, generic) on otemachi: eth0: its driver runs no XDP programs']);
  expect(
    sentences(fastPath('ueno', 'off', 'the program was not built'), fastPath('hongo', 'native', undefined, ['the tunnel is down'])),
  ).toEqual(['No fast path on ueno: the program was not built', 'Fast path (XDP, native) on hongo: the tunnel is down']);
});
