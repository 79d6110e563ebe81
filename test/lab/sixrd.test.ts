/** A 6rd provider with three homes in namespaces, with the real daemons. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPaths } from '../../src/lab/check.js';
import { Lab } from '../../src/lab/lab.js';
import { sixRdProvider } from '../../src/topology/sixrd.js';
import type { Topology, TopologyNode, TopologyPath } from '../../src/topology/topology.js';
import { tsharkMissing } from '../wire/tshark.js';
import { withoutLabs } from './command-line.js';
import { dissect, ERROR, GOOD } from './dissection.js';

const words = { en: 'home to home', ja: 'home to home' };
const HOMES = ['asakusa', 'meguro', 'yanaka'];

/** One more home, and every home's way to the web and to the others. */
function withThreeHomes(provider: Topology): Topology {
  const asakusa = provider.nodes.find(({ name }) => name === 'asakusa');
  const yanaka: TopologyNode = {
    name: 'yanaka',
    title: words,
    interfaces: [{ name: 'eth0', link: 'access-yanaka', addresses: ['10.255.255.250/24'] }],
    routes: [{ to: 'default4', via: '10.255.255.1' }],
    daemon: (asakusa?.daemon ?? '').split('[[tunnel.lan]]')[0],
  };
  const nodes = provider.nodes.map((node) =>
    node.name === 'tokyo'
      ? { ...node, interfaces: [...node.interfaces, { name: 'eth4', link: 'access-yanaka', addresses: ['10.255.255.1/24'] }] }
      : node,
  );
  const paths = HOMES.flatMap((from): TopologyPath[] => [
    { from, to: 'web', relayed: true, tunnel: '6rd', title: words },
    { from: 'web', to: from, relayed: true, title: words },
    ...HOMES.filter((to) => to !== from).map((to) => ({ from, to, relayed: false, title: words })),
  ]);
  return { ...provider, nodes: [...nodes, yanaka], links: [...provider.links, { name: 'access-yanaka' }], paths };
}

const reason = withoutLabs();
let run = '';
let lab: Lab | null = null;

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  run = mkdtempSync(join(tmpdir(), 'tsunagi-sixrd-'));
});

afterEach(async () => {
  if (reason !== null) return;
  await lab?.down();
  lab = null;
  rmSync(run, { recursive: true, force: true });
});

test('three customer edges reach the web by the border relay, and each other without it', async () => {
  const captures = join(run, 'captures');
  lab = await Lab.up(withThreeHomes(sixRdProvider), { run, purpose: 'up', isPrivate: false, captures });
  const found: unknown[] = [];
  for await (const { path, relays, problems } of checkPaths(lab)) {
    found.push([path.from, path.to, relays.map(({ node }) => node).join(), problems.map(({ en }) => en)]);
  }
  expect(found).toEqual(
    lab.topology.paths.map(({ from, to, relayed }) => [from, to, relayed ? (from === 'web' ? 'shinagawa' : 'ueno') : '', []]),
  );
  await lab.down();
  lab = null;
  if (tsharkMissing !== null) return;

  const packets = dissect(join(captures, 'pop-shinagawa.pcap')).filter(({ protocols }) => protocols.startsWith('eth:ethertype:ip:ipv6'));
  expect(new Set(packets.flatMap(({ ipv4 }) => ipv4))).toEqual(new Set(['10.0.0.1', '10.1.2.3', '10.4.5.6', '10.255.255.250']));
  expect(new Set(packets.flatMap(({ checksums }) => checksums))).toEqual(new Set([GOOD]));
  expect(packets.filter(({ malformed }) => malformed !== '')).toEqual([]);
  expect(Math.max(...packets.flatMap(({ severities }) => severities))).toBeLessThan(ERROR);
});
