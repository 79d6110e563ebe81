/** The look that is had at the NATs of a lab before it is used: it finds each of them out, and takes none for another one. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConeName, NAT_BEHAVIOURS, NAT_KINDS } from '../../src/core/nat.js';
import { must } from '../../src/lab/command.js';
import { Lab } from '../../src/lab/lab.js';
import { verifyNats } from '../../src/lab/nat-probe.js';
import { natVantages } from '../../src/lab/nat-vantage.js';
import { inNamespace } from '../../src/lab/network.js';
import { labDefects } from '../../src/lab/plan.js';
import { reportData } from '../../src/lab/report.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import type { Topology } from '../../src/topology/topology.js';
import { inNamed } from '../linux/namespace.js';
import { withoutLabs } from './command-line.js';
import { KernelNat, natTopology } from './nat-network.js';
import { THREE_NETWORKS } from './plain-topology.js';

const reason = withoutLabs() ?? (spawnSync('nft', ['--version']).status === 0 ? null : 'nft not installed');
const NAMES = Object.keys(NAT_KINDS) as ConeName[];
/** A look at one NAT takes some round trips and a moment; the bound is for a busy machine. */
const AT_MOST = 1000;

type Nat = Parameters<typeof natTopology>[0];

describe('in the kernel', () => {
  let network: KernelNat | null = null;
  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
  });
  afterEach(async () => {
    await network?.down();
    network = null;
  });

  /** What is said of a NAT that claims to be another one; null: nothing. */
  const saidOf = async (claimed: Nat): Promise<unknown> =>
    verifyNats(natTopology(claimed), (node) => network?.namespaceOf(node) ?? '').then(
      () => null,
      (error: unknown) => error,
    );

  test.each(NAMES)('a %s NAT is found to be one, and none of the others', async (name) => {
    network = await KernelNat.up(natTopology(NAT_KINDS[name]));
    const began = performance.now();
    expect(await saidOf(NAT_KINDS[name])).toBeNull();
    expect(performance.now() - began).toBeLessThan(AT_MOST);
    const book = await must(inNamespace(network.namespaceOf('nat'), ['nft', 'list', 'table', 'ip', 'nat']));
    expect(book, 'has forgotten it').not.toMatch(/elements =/);
    for (const other of NAMES.filter((each) => each !== name)) {
      const { mapping, filtering, ports } = NAT_KINDS[other];
      const is = NAT_KINDS[name];
      const details = [
        ...(mapping === is.mapping ? [] : [`node "nat": mapping: ${is.mapping}, expected ${mapping}`]),
        ...(filtering === is.filtering ? [] : [`node "nat": filtering: ${is.filtering}, expected ${filtering}`]),
        ...(ports === is.ports ? [] : [`node "nat": preserves ports: ${is.ports === 'preserving'}, expected ${ports === 'preserving'}`]),
      ];
      expect(await saidOf(NAT_KINDS[other]), other).toMatchObject({ details });
    }
  });

  test.each(NAT_BEHAVIOURS)('hairpinning is seen through %s filtering', async (filtering) => {
    const nat = { ...NAT_KINDS['full-cone'], filtering };
    network = await KernelNat.up(natTopology({ ...nat, hairpin: true }));
    expect(await saidOf({ ...nat, hairpin: true })).toBeNull();
    expect(await saidOf(nat)).toMatchObject({ details: ['node "nat": hairpins: true, expected false'] });
  });

  test('a NAT that lets nothing through is found out', async () => {
    network = await KernelNat.up(natTopology(NAT_KINDS.symmetric));
    inNamed(network.namespaceOf('nat'), () => {
      const rule = 'add rule ip nat refuse meta l4proto udp drop';
      expect(spawnSync('nft', [rule], { encoding: 'utf8' }).stderr).toBe('');
    });
    expect(await saidOf(NAT_KINDS.symmetric)).toMatchObject({ details: ['node "nat": nothing passes from one to web'] });
  }, 30_000);
});

test('a lab whose NAT leads nowhere does not come up, and nothing of it is left', async (ctx) => {
  if (reason !== null) ctx.skip(reason);
  const run = mkdtempSync(join(tmpdir(), 'tsunagi-nat-probe-'));
  ctx.onTestFinished(() => rmSync(run, { recursive: true }));
  const topology = natTopology(NAT_KINDS['full-cone']);
  const nodes = topology.nodes.map((node) => {
    if (node.name !== 'web') return node;
    // No route of the NAT leads to the second address.
    return { ...node, interfaces: [{ name: 'eth0', link: 'net', addresses: ['203.0.113.10/24', '198.51.100.1/24'] }] };
  });
  const up = Lab.up({ ...topology, nodes }, { run, purpose: 'up', isPrivate: false, captures: null });
  await expect(up).rejects.toMatchObject({
    message: 'the kernel’s NATs are not what they should be',
    details: ['node "nat": nothing passes from one to web'],
  });
  expect(readdirSync(run)).toEqual([]);
});

describe('from where', () => {
  test('each NAT of the network teredo is looked at by the PC behind it and the router in front', () => {
    const vantages = natVantages(teredoInternet);
    expect(vantages).toHaveLength(8);
    expect(vantages[0]).toMatchObject({
      node: 'nat-kanda',
      inside: { node: 'kanda', address: '192.168.1.2' },
      outside: { node: 'tokyo', addresses: ['192.0.2.1', '198.51.100.254'] },
    });
  });

  test('what they are is told to programs too', () => {
    const { nats } = reportData(teredoInternet, 'aaaa', []) as { nats: { node: string }[] };
    expect(nats).toHaveLength(8);
    expect(nats.at(-1)).toEqual({ node: 'nat-nippori', ...NAT_KINDS.symmetric, hairpin: false });
    expect(reportData(THREE_NETWORKS, 'aaaa', [])).not.toHaveProperty('nats');
  });

  test.each([
    ['inside', 'one', 'other'],
    ['outside with two addresses', 'web'],
  ])('a network with no host %s cannot be built', (_where, ...missing) => {
    const topology = natTopology(NAT_KINDS['full-cone']);
    const without: Topology = {
      ...topology,
      nodes: topology.nodes.map((node) => ({
        ...node,
        interfaces: node.interfaces.map((on) => (missing.includes(node.name) ? { name: on.name, link: on.link } : on)),
        ...(missing.includes(node.name) ? { routes: [] } : {}),
      })),
    };
    expect(labDefects(without)).toEqual([
      'node "nat": to look at its NAT takes a host inside, and one on the link outside that has two IPv4 addresses',
    ]);
  });
});
