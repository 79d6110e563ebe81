/** The table of a check, as it is read on a terminal. */
import { expect, test } from 'vitest';
import type { PathReport } from '../../src/lab/check.js';
import { reportLines } from '../../src/lab/report.js';
import { displayWidth } from '../../src/lab/table.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import type { TopologyPath } from '../../src/topology/topology.js';

/** A report with the widest of what a lab finds. */
function widest(path: TopologyPath): PathReport {
  const transfer = { octets: 1 << 20, seconds: 0.05, isWhole: true };
  return {
    path,
    address: '2001:db8:80::80',
    sent: 3,
    received: 3,
    roundTrip: { min: 12.34, average: 20 },
    relays: [{ node: 'shinagawa', address: '2001:db8:6:4::2' }],
    carried: [{ node: 'shinagawa', xdp: 2000, worker: 11 }],
    isLargeAnswered: true,
    visit: {
      visitor: { address: '2001:db8::1', tunnel: 'teredo', ipv4: '192.0.2.11', port: 4096 },
      page: { language: 'en', text: '' },
      download: transfer,
      upload: transfer,
    },
    problems: [],
  };
}

test.each(['en', 'ja'] as const)('a table takes 100 columns at most, whatever its paths are called: %s', (language) => {
  for (const { paths } of TOPOLOGIES) {
    const lines = reportLines(paths.map(widest), { language, colours: true });
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(100);
    expect(lines.filter((line) => line.includes('✓'))).toHaveLength(paths.length);
  }
});

test('a title that is too long goes on below, and the columns stay where they are', () => {
  const path = { from: 'a', to: 'b', relayed: true, title: { en: 'PC in Asakusa to the TV in Meguro, home to home', ja: '' } };
  expect(reportLines([widest(path)], { language: 'en', colours: false }).slice(0, 4)).toEqual([
    '   path                        round trip  relays     XDP, worker  the web sees       MB/s',
    '✓  PC in Asakusa to the TV in  12.34 ms    shinagawa  2000, 11     teredo 192.0.2.11  21.0, 21.0',
    '   Meguro, home to home',
    '',
  ]);
});
