import { expect, test } from 'vitest';
import { statusLines } from '../../src/cli/status-lines.js';
import { Direction } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { readStatus } from '../../src/daemon/status.js';
import { makeView } from '../daemon/view.js';
import { memoryIo } from './invoke.js';

test('the table names every tunnel, why one is down, and what the most frequent drops mean', () => {
  const { view, writers } = makeView({ uptime: 93_784 });
  writers[0].forwarded(0, Direction.encapsulate, 104);
  const counts = [
    [Drop.hop_limit, 1],
    [Drop.special_ipv4, 3],
    [Drop.source_mismatch, 2],
    [Drop.truncated, 1],
  ];
  for (const [reason, n] of counts) for (let i = 0; i < n; i++) writers[1].dropped(0, Direction.decapsulate, reason);

  expect(statusLines(readStatus(view), memoryIo().io)).toEqual([
    'otemachi-1: running for 1 d 2 h, version 0.1.0, 2 packet threads',
    '',
    'TUNNEL  WHAT        STATE  INTERFACE  IPV4         IPV6               ENCAPSULATED  DECAPSULATED  DROPPED',
    'relay   6to4 relay  up     tun6to4    192.88.99.1  2002:c058:6301::1  1             0             7',
    'home    6to4 host   down   tun1       -            -                  0             0             0',
    '',
    'Dropped by relay:',
    '  3  special_ipv4     An IPv4 endpoint, outer or carried by an inner address, lies in a special-purpose range.',
    '  2  source_mismatch  The inner source does not carry the outer source.',
    '  1  truncated        The packet is shorter than its headers say.',
    '  and 1 more: see --json',
    '',
    'home is down: no IPv4 default route',
  ]);
});

test('colours change nothing but colours', () => {
  const { view } = makeView();
  const plain = statusLines(readStatus(view), memoryIo().io);
  const coloured = statusLines(readStatus(view), memoryIo({ colours: true }).io);
  expect(coloured.join('\n')).toContain('\x1b[31mdown\x1b[0m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles are made of them
  expect(coloured.map((line) => line.replaceAll(/\x1b\[\d+m/g, ''))).toEqual(plain);
});
