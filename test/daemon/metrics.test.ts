import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { Direction, ICMP_KINDS, NODE_SLOT } from '../../src/core/counters.js';
import { DROPS, Drop } from '../../src/core/drop.js';
import { METRICS, openMetrics } from '../../src/daemon/metrics.js';
import { fastPath, makeView, node, roamer } from './view.js';

/** Series of a page: `name{labels}` and its value. */
function series(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

test('each scrape reads the rows anew, and adds them over the packet threads', async () => {
  const { view, writers } = makeView();
  const page = await openMetrics(view);
  writers[0].forwarded(0, Direction.encapsulate, 104);
  writers[1].forwarded(0, Direction.encapsulate, 104);
  writers[1].dropped(NODE_SLOT, Direction.decapsulate, Drop.not_local);
  for (const scrape of [1, 2]) {
    const found = series(await page.text());
    expect([scrape, found.get('tsunagi_packets_total{tunnel="relay",direction="encapsulate",path="worker"}')]).toEqual([scrape, 2]);
    expect(found.get('tsunagi_octets_total{tunnel="relay",direction="encapsulate",path="worker"}')).toBe(208);
    expect(found.get('tsunagi_dropped_packets_total{tunnel="",direction="decapsulate",path="worker",reason="not_local"}')).toBe(1);
    expect(found.get('tsunagi_tunnel_up{tunnel="relay"}')).toBe(1);
    expect(found.get('tsunagi_tunnel_up{tunnel="home"}')).toBe(0);
    expect(found.get('tsunagi_build_info{version="0.1.0"}')).toBe(1);
  }
  writers[0].forwarded(0, Direction.encapsulate, 96);
  expect(series(await page.text()).get('tsunagi_octets_total{tunnel="relay",direction="encapsulate",path="worker"}')).toBe(304);
});

test('every series exists from the start, so that a rate never misses the first event', async () => {
  const found = [...series(await (await openMetrics(makeView().view)).text()).keys()];
  const count = (name: string) => found.filter((key) => key.startsWith(`${name}{`)).length;
  const tunnels = node.tunnels.length;
  expect(Object.fromEntries(METRICS.map(({ name }) => [name, count(name)]))).toEqual({
    tsunagi_packets_total: 2 * tunnels,
    tsunagi_octets_total: 2 * tunnels,
    tsunagi_dropped_packets_total: 2 * DROPS.length * (tunnels + 1),
    tsunagi_icmp_errors_total: ICMP_KINDS.length * tunnels,
    tsunagi_teredo_peers: 0,
    tsunagi_tunnel_up: tunnels,
    tsunagi_fastpath_passed_packets_total: 0,
    tsunagi_fastpath_info: 1,
    tsunagi_build_info: 1,
  });
});

test('what the fast path forwards has series of its own, and is not in those of the packet threads', async () => {
  const { view, writers } = makeView({ fastpath: fastPath() });
  writers[0].forwarded(0, Direction.encapsulate, 104);
  const found = series(await (await openMetrics(view)).text());
  const counts = (what: string, path: string) =>
    ['encapsulate', 'decapsulate'].map((direction) =>
      found.get(`tsunagi_${what}_total{tunnel="relay",direction="${direction}",path="${path}"}`),
    );
  expect([counts('packets', 'xdp'), counts('octets', 'xdp')]).toEqual([
    [3, 2],
    [300, 200],
  ]);
  expect([counts('packets', 'worker'), counts('octets', 'worker')]).toEqual([
    [1, 0],
    [104, 0],
  ]);
  expect(found.get('tsunagi_fastpath_passed_packets_total{reason="hop_limit"}')).toBe(1);
  expect(found.get('tsunagi_fastpath_info{mode="native",reason="eth2: there is no such interface"}')).toBe(1);
});

test('peers are told of tunnels that keep any, as many as there are now', async () => {
  const server = { ...roamer, name: 'server', slot: 6, role: 'server', interface: null, secondary: 1, learned: null } as const;
  const { view, writers } = makeView({ node: { ...node, tunnels: [...node.tunnels, roamer, server] } });
  const page = await openMetrics(view);
  const told = async () => [...series(await page.text())].filter(([key]) => key.startsWith('tsunagi_teredo_peers'));
  expect(await told()).toEqual([['tsunagi_teredo_peers{tunnel="roamer"}', 0]]);
  writers[0].peers(roamer.slot, 12);
  expect(await told()).toEqual([['tsunagi_teredo_peers{tunnel="roamer"}', 12]]);
  writers[0].peers(roamer.slot, 3);
  expect(await told()).toEqual([['tsunagi_teredo_peers{tunnel="roamer"}', 3]]);
});

test('a tunnel that a reload removed leaves the page', async () => {
  const { view } = makeView();
  const current = { ...view };
  const page = await openMetrics(current);
  await page.text();
  Object.assign(current, { node: { ...node, tunnels: node.tunnels.slice(1) } });
  expect(await page.text()).not.toContain('tunnel="relay"');
});

test('promtool has no complaint about the page', async (ctx) => {
  if (spawnSync('promtool', ['--version']).error !== undefined) ctx.skip('promtool (Debian package prometheus) is not installed');
  const text = await (await openMetrics(makeView().view)).text();
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
});
