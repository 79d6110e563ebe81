import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sixToFourInternet } from '../../src/topology/sixtofour.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import { PcapReader } from '../../src/wire/pcap.js';
import { invoke } from './invoke.js';

const folder = mkdtempSync(join(tmpdir(), 'tsunagi-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('`sim list` names every network', async () => {
  const { status, out, err } = await invoke('sim', 'list');
  expect([status, err, out.length]).toEqual([0, [], TOPOLOGIES.length]);
  expect(out.map((line) => line.split(/ {2,}/))).toContainEqual(['6to4', sixToFourInternet.title.en]);
  const rows = (await invoke('sim', 'list', '--json')).out.map((line) => JSON.parse(line));
  expect(rows.map(({ name }) => name)).toEqual(TOPOLOGIES.map(({ name }) => name));
  const { nodes, links, paths, title } = sixToFourInternet;
  expect(rows).toContainEqual({ name: '6to4', title, nodes: nodes.length, links: links.length, paths: paths.length });
});

test('`sim run` checks every path and prints a table', async () => {
  const { status, out } = await invoke('sim', 'run', '6to4');
  expect(status).toBe(0);
  expect(out.map((line) => line.split(/ {2,}/))).toEqual([
    ['path', 'answers', 'round trip', 'relays in use'],
    ['host to the web', '5/5', '10 ms', 'otemachi (2001:db8:0:b000:192:88:99:1)', 'works'],
    ['PC at home to the web', '5/5', '26 ms', 'dojima (2001:db8:0:b000:192:88:99:2)', 'works'],
    ['home router to the web', '5/5', '26 ms', 'dojima (2001:db8:0:b000:192:88:99:2)', 'works'],
    ['host to the PC at home, site to site', '5/5', '24 ms', 'none', 'works'],
    ['PC at home to the host, site to site', '5/5', '24 ms', 'none', 'works'],
    ['web to the host', '5/5', '10 ms', 'otemachi (2001:db8:6:1::2)', 'works'],
    ['web to the PC at home', '5/5', '26 ms', 'otemachi (2001:db8:6:1::2)', 'works'],
  ]);
});

test('the same seed prints the same, digest included; another seed another digest', async () => {
  const run = async (seed: string) => (await invoke('sim', 'run', '6to4', '--seed', seed, '--loss', '0.02', '--json')).out;
  const first = await run('7');
  expect(await run('7')).toEqual(first);
  expect(JSON.parse((await run('8'))[0]).digest).not.toBe(JSON.parse(first[0]).digest);
});

test('JSON has a key for everything in the table', async () => {
  const { status, out, err } = await invoke('sim', 'run', '6to4', '--seconds', '20', '--json');
  expect([status, err, out.length]).toEqual([0, [], 1]);
  const report = JSON.parse(out[0]);
  expect(report).toMatchObject({ network: '6to4', seed: 1, digest: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(report.virtualSeconds).toBeGreaterThan(20);
  expect(report.paths[0]).toEqual({
    from: 'host',
    to: 'web',
    title: { en: 'host to the web', ja: 'ホストからウェブへ' },
    sent: 5,
    received: 5,
    roundTripMilliseconds: { min: 10, median: 10, max: 10 },
    relayed: true,
    relay: { node: 'otemachi', address: '2001:db8:0:b000:192:88:99:1' },
    relays: [{ node: 'otemachi', address: '2001:db8:0:b000:192:88:99:1' }],
    works: true,
  });
});

test('a path that does not work is exit status 1, said on stderr, shown in the table', async () => {
  const { status, out, err } = await invoke('sim', 'run', '6to4', '--loss', '1');
  expect([status, err.at(-1)]).toEqual([1, 'tsunagi: 7 of 7 paths do not work']);
  expect(out.slice(1).every((line) => /0\/5 +- +none +does not work$/.test(line))).toBe(true);
});

test('captures hold what went over each link', async () => {
  const dir = join(folder, 'captures');
  expect((await invoke('sim', 'run', '6to4', '--capture', dir)).status).toBe(0);
  expect(readdirSync(dir).sort()).toEqual(sixToFourInternet.links.map(({ name }) => `${name}.pcap`).sort());
  const packets = [...new PcapReader(readFileSync(join(dir, 'access-tokyo.pcap')))];
  expect(packets.length).toBeGreaterThan(20);
  expect(packets.every(({ b, off }) => b[off] === 0x45 && b[off + 9] === 41)).toBe(true);
});

test('captures that cannot be written are exit status 1, with the folder named', async () => {
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const { status, err } = await invoke('sim', 'run', '6to4', '--capture', file);
  expect([status, err.at(-1)]).toEqual([1, expect.stringContaining(`captures cannot be written to "${file}"`)]);
});

test.each([
  [['sim', 'run']],
  [['sim', 'run', 'ipv5']],
  [['sim', 'run', '6to4', '--loss', '1.1']],
  [['sim', 'run', '6to4', '--loss', 'x']],
  [['sim', 'run', '6to4', '--seed', '-1']],
  [['sim', 'run', '6to4', '--seconds', '1.5']],
  [['sim', 'list', 'more']],
])('wrong usage is exit status 2, and nothing on stdout: %j', async (args) => {
  const { status, out, err } = await invoke(...args);
  expect([status, out]).toEqual([2, []]);
  expect(err.join('\n')).toMatch(/error: /);
});
