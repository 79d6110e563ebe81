/** Networks without tunnels in namespaces: built, used, watched by tshark, and gone again. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPaths, type PathReport } from '../../src/lab/check.js';
import { Lab, type LabOptions } from '../../src/lab/lab.js';
import { ping } from '../../src/lab/ping.js';
import type { Death } from '../../src/lab/program.js';
import { readRecords } from '../../src/lab/record.js';
import { reportData, reportLines } from '../../src/lab/report.js';
import type { Topology } from '../../src/topology/topology.js';
import { tsharkMissing } from '../wire/tshark.js';
import { namespacesOf, withoutLabs } from './command-line.js';
import { dissect, ERROR, GOOD } from './dissection.js';
import { THREE_NETWORKS } from './plain-topology.js';

const reason = withoutLabs();
let run = '';
const labs: Lab[] = [];

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  run = mkdtempSync(join(tmpdir(), 'tsunagi-network-'));
});

afterEach(async () => {
  if (reason !== null) return;
  for (const lab of labs.splice(0)) await lab.down();
  rmSync(run, { recursive: true, force: true });
});

async function up(topology: Topology, options: Partial<LabOptions> = {}): Promise<Lab> {
  const lab = await Lab.up(topology, { run, purpose: 'up', isPrivate: false, captures: null, ...options });
  labs.push(lab);
  return lab;
}

const inside = (lab: Lab, node: string, ...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', lab.namespaceOf(node), ...command], { encoding: 'utf8' });

async function reportsOf(lab: Lab): Promise<PathReport[]> {
  const reports: PathReport[] = [];
  for await (const report of checkPaths(lab)) reports.push(report);
  return reports;
}

test('a network is up in no time, every path works, and nothing of it is left', async () => {
  const began = performance.now();
  const lab = await up(THREE_NETWORKS);
  expect(performance.now() - began).toBeLessThan(3000);
  expect(namespacesOf(lab.id)).toHaveLength(5);
  expect(readRecords(run)).toMatchObject([{ id: lab.id, topology: 'three-networks', state: 'up' }]);

  const reports = await reportsOf(lab);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  expect(reports.map(({ received, relays, isLargeAnswered }) => [received, relays, isLargeAnswered])).toEqual(Array(3).fill([3, [], true]));
  expect(reports[1].visit).toMatchObject({
    visitor: { address: '2001:db8:2::10', tunnel: 'native' },
    download: { octets: 1 << 20, isWhole: true },
    upload: { octets: 1 << 20, isWhole: true },
  });
  expect(reportLines(reports, { language: 'en', colours: false })[1]).toMatch(/^✓ {2}near to web +[\d.]+ ms +- +- +native +/);
  expect(reportData(THREE_NETWORKS, lab.id, reports)).toMatchObject({
    works: true,
    paths: [{ from: 'near', to: 'web', works: true }, {}, {}],
  });

  await lab.down();
  labs.length = 0;
  expect(namespacesOf(lab.id)).toEqual([]);
  expect(readdirSync(run)).toEqual([]);
});

test('nodes have the names, addresses, sizes and manners that the topology gives them', async () => {
  const lab = await up(THREE_NETWORKS);
  expect(inside(lab, 'far', 'cat', '/sys/class/net/eth0/mtu')).toBe('1400\n');
  expect(inside(lab, 'near', 'cat', '/sys/class/net/eth0/mtu')).toBe('1500\n');
  expect(inside(lab, 'router', 'cat', '/proc/sys/net/ipv6/conf/all/forwarding')).toBe('1\n');
  expect(inside(lab, 'near', 'cat', '/proc/sys/net/ipv6/conf/all/forwarding')).toBe('0\n');
  expect(inside(lab, 'near', 'ip', '-4', 'route', 'get', '198.51.100.10')).toContain('via 192.0.2.1 dev eth0 src 192.0.2.10');
  // The interface identifier comes from the MAC address 02:00:<node>:<interface>, as in the simulator.
  expect(inside(lab, 'router', 'ip', '-6', 'address', 'show', 'dev', 'eth1')).toContain('fe80::ff:fe01:1/64');
  expect(inside(lab, 'near', 'ip', '-4', '-br', 'address', 'show', 'dev', 'lo')).toMatch(/127\.0\.0\.1/);
});

test('a packet that is too big for a link on the way is answered with the size that fits', async () => {
  const lab = await up(THREE_NETWORKS);
  const near = lab.namespaceOf('near');
  const tooBig = await ping(near, '2001:db8:2::10', { count: 1, size: 1440 });
  expect(tooBig.received).toBe(0);
  expect(tooBig.complaints.join()).toContain('2001:db8:1::1: Packet too big: mtu=1400');
  expect((await ping(near, '2001:db8:2::10', { count: 1, size: 1440 })).received).toBe(1);
});

test('captures hold what a wire would carry: right checksums, nothing longer than the MTU, whole when the lab is down', async (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const captures = join(run, 'captures');
  const losses: unknown[] = [];
  const lab = await up(THREE_NETWORKS, { captures, onLoss: (...loss) => losses.push(loss) });
  await reportsOf(lab);
  await lab.down();
  expect(losses).toEqual([]);
  labs.length = 0;

  expect(readdirSync(captures).sort()).toEqual(['lan.pcap', 'narrow.pcap']);
  for (const [link, mtu] of [
    ['lan', 1500],
    ['narrow', 1400],
  ] as const) {
    const packets = dissect(join(captures, `${link}.pcap`));
    expect(packets.filter(({ icmp }) => icmp === '128').length, link).toBeGreaterThan(3);
    expect(packets.filter(({ octets }) => octets > 1000).length, link).toBeGreaterThan(1000);
    expect(Math.max(...packets.map(({ frame }) => frame)), link).toBeLessThanOrEqual(mtu + 14);
    expect(new Set(packets.flatMap(({ checksums }) => checksums)), link).toEqual(new Set([GOOD]));
    expect(
      packets.filter(({ malformed }) => malformed !== ''),
      link,
    ).toEqual([]);
    expect(Math.max(...packets.flatMap(({ severities }) => severities)), link).toBeLessThan(ERROR);
  }
});

test('two labs of one network stand side by side and do not hear each other', async () => {
  const [one, two] = await Promise.all([up(THREE_NETWORKS), up(THREE_NETWORKS)]);
  expect(one.id).not.toBe(two.id);
  inside(two, 'router', 'ip', 'link', 'set', 'eth1', 'down');
  expect((await ping(one.namespaceOf('near'), '2001:db8:2::10', { count: 1 })).received).toBe(1);
  expect((await ping(two.namespaceOf('near'), '2001:db8:2::10', { count: 1 })).received).toBe(0);
});

test('a path that does not work is reported with the reason, and makes the report a bad one', async () => {
  const lab = await up(THREE_NETWORKS);
  inside(lab, 'router', 'ip', '-6', 'route', 'add', 'unreachable', '2001:db8:2::10/128');
  const reports = await reportsOf(lab);
  expect(reports.map(({ problems }) => problems.length)).toEqual([0, 1, 1]);
  expect(reports[2].problems[0].en).toMatch(/^0 of 3 echoes answered \(2001:db8:1::1: Destination unreachable: No route\)$/);
  expect(reportData(THREE_NETWORKS, lab.id, reports)).toMatchObject({ works: false });
  expect(reportLines(reports, { language: 'ja', colours: false }).at(-1)).toMatch(/^✗ near to far: 3 回中 0 回応答/);
});

test('a network that takes a relay where none is expected, or none where one is, does not work', async () => {
  const [first] = THREE_NETWORKS.paths;
  const lab = await up({ ...THREE_NETWORKS, paths: [{ ...first, relayed: true, tunnel: '6to4' }] });
  const [{ problems }] = await reportsOf(lab);
  expect(problems.map(({ en }) => en)).toEqual(['no relay said that it is in use', 'the page says native, expected 6to4']);
});

test('every relay on the way is named in order; where none is expected that is a problem', async () => {
  const [first, second] = THREE_NETWORKS.paths;
  const nodes = THREE_NETWORKS.nodes.map((node) => (node.name === 'router' ? { ...node, relays: true } : node));
  const lab = await up({ ...THREE_NETWORKS, nodes, paths: [first, second, { ...second, relayed: true }] });
  const reports = await reportsOf(lab);
  expect(reports.map(({ relays, problems }) => [relays, problems.map(({ en }) => en)])).toEqual([
    [[], []],
    [[{ node: 'router', address: '2001:db8:2::1' }], ['relayed by router, expected no relay']],
    [[{ node: 'router', address: '2001:db8:2::1' }], []],
  ]);
});

test('who comes by 6rd is native for all that a server can see, and that is what is expected of its page', async () => {
  const [first] = THREE_NETWORKS.paths;
  const lab = await up({ ...THREE_NETWORKS, paths: [{ ...first, tunnel: '6rd' }] });
  const [report] = await reportsOf(lab);
  expect(report.problems).toEqual([]);
  expect(reportData(THREE_NETWORKS, lab.id, [report])).toMatchObject({ paths: [{ tunnel: '6rd', web: { tunnel: 'native' } }] });
});

test('a program that dies is told of, with the last that it said', async () => {
  const deaths: Death[] = [];
  const died = new Promise<void>((resolve) => {
    void up(THREE_NETWORKS, {
      onDeath: (death) => {
        deaths.push(death);
        resolve();
      },
    }).then((lab) => {
      const [{ process: web }] = readRecords(run).flatMap(({ programs }) => programs);
      expect(lab.id).toMatch(/^[a-z2-9]{4}$/);
      process.kill(web.pid, 'SIGKILL');
    });
  });
  await died;
  expect(deaths).toMatchObject([{ kind: 'web', place: 'web', how: 'SIGKILL' }]);
  expect(deaths[0].lastLines.join()).toContain('"msg":"ready"');
});

test('a daemon that does not start fails the lab with its last words, and nothing is left of the attempt', async () => {
  const daemon = '[[tunnel]]\ntype = "6to4"\nrole = "host"\nlocal = "192.0.2.10"\n'; // a documentation address, and no exception for it
  const nodes = THREE_NETWORKS.nodes.map((node) =>
    node.name === 'near' ? { ...node, daemon: `${daemon}[http]\nlisten = "192.0.2.99:80"\n` } : node,
  );
  await expect(up({ ...THREE_NETWORKS, nodes })).rejects.toMatchObject({
    message: expect.stringMatching(/^daemon on near ended before it was ready/),
  });
  expect(readdirSync(run)).toEqual([]);
});

test('a configuration that is invalid fails the lab with every problem in it', async () => {
  const nodes = THREE_NETWORKS.nodes.map((node) => (node.name === 'near' ? { ...node, daemon: '[[tunnel]]\ntype = "7to4"\n' } : node));
  await expect(up({ ...THREE_NETWORKS, nodes })).rejects.toMatchObject({
    exit: 3,
    details: expect.arrayContaining([expect.stringMatching(/near\/tsunagi\.toml:6:.*7to4/)]),
  });
  expect(readdirSync(run)).toEqual([]);
});

test('a topology with a defect is refused before anything is made', async () => {
  await expect(up({ ...THREE_NETWORKS, links: [] })).rejects.toThrow(/cannot be built/);
  expect(readdirSync(run)).toEqual([]);
});
