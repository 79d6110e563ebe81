import { expect, test } from 'vitest';
import { rateLines } from '../../src/cli/status-rates.js';
import { Direction } from '../../src/core/counters.js';
import { readStatus, type Status, trafficByPath } from '../../src/daemon/status.js';
import { fastPath, makeView } from '../daemon/view.js';
import { memoryIo } from './invoke.js';

/** The status of a relay whose packet threads encapsulated `sent` packets of 1250 octets, with its fast path or without. */
function statusAfter(sent: number, isFast = true): Status {
  const { view, writers } = makeView(isFast ? { fastpath: fastPath() } : {});
  for (let i = 0; i < sent; i++) writers[i % 2].forwarded(0, Direction.encapsulate, 1250);
  return readStatus(view);
}
const lines = (before: Status, after: Status, seconds: number): string[] => rateLines(before, after, seconds, memoryIo().io);

test('what took the fast path is none of what the packet threads had, and both are all that went through', () => {
  expect(statusAfter(4).tunnels[0].encapsulated).toEqual({ packets: 7, octets: 5300 });
  expect(trafficByPath(statusAfter(4).tunnels[0])).toEqual([
    { path: 'xdp', encapsulated: { packets: 3, octets: 300 }, decapsulated: { packets: 2, octets: 200 } },
    { path: 'worker', encapsulated: { packets: 4, octets: 5000 }, decapsulated: { packets: 0, octets: 0 } },
  ]);
  expect(trafficByPath(statusAfter(4).tunnels[1]).map(({ path }) => path)).toEqual(['worker']);
});

test('rates are those of the time between two looks, by tunnel and path', () => {
  expect(lines(statusAfter(0), statusAfter(1000), 2)).toEqual([
    '',
    'A SECOND  PATH    ENCAPSULATED     DECAPSULATED',
    'relay     xdp     0, 0.0 Mbit/s    0, 0.0 Mbit/s',
    'relay     worker  500, 5.0 Mbit/s  0, 0.0 Mbit/s',
    'home      worker  0, 0.0 Mbit/s    0, 0.0 Mbit/s',
  ]);
});

test('a tunnel that was not there, or had no fast path, has no rate yet; counters that began anew have none below nothing', () => {
  const [relay] = statusAfter(8).tunnels;
  const others = { ...statusAfter(0), tunnels: [] };
  expect(lines(others, statusAfter(8), 1)).toEqual([]);
  expect(lines(statusAfter(0, false), { ...others, tunnels: [relay] }, 1)).toEqual([]);
  expect(lines({ ...others, tunnels: [relay] }, statusAfter(0), 1)[3]).toBe('relay     worker  0, 0.0 Mbit/s  0, 0.0 Mbit/s');
});
