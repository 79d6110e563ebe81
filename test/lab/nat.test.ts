/** The kernel's NATs, by the same questions that the simulated ones answer. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConeName, NAT_BEHAVIOURS, NAT_KINDS, type NatKind } from '../../src/core/nat.js';
import { must } from '../../src/lab/command.js';
import { kernelNatDefects, natRuleset } from '../../src/lab/nat.js';
import { inNamespace } from '../../src/lab/network.js';
import { planLab } from '../../src/lab/plan.js';
import { converse, observe, type Seen, SOCKETS, type SocketName } from '../nat-behaviour.js';
import { NatBench } from '../sim/nat-bench.js';
import { withoutLabs } from './command-line.js';
import { KernelNat, natTopology } from './nat-network.js';

const reason = withoutLabs() ?? (spawnSync('nft', ['--version']).status === 0 ? null : 'nft not installed');
let network: KernelNat | null = null;

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
});
afterEach(async () => {
  await network?.down();
  network = null;
});

async function up(nat: Parameters<typeof natTopology>[0]): Promise<KernelNat> {
  network = await KernelNat.up(natTopology(nat));
  return network;
}

const seen = ({ mapping, filtering, ports }: NatKind, hairpin: Seen['hairpin']): Seen => ({
  mapping,
  filtering,
  ports: ports === 'preserving' ? 'preserved' : 'changed',
  hairpin,
  isClean: true,
});

describe('each of the four types of RFC 3489, before anything relies on it', () => {
  test.each(Object.entries(NAT_KINDS) as [ConeName, NatKind][])('%s', async (_name, kind) => {
    expect(await observe(await up(kind))).toEqual(seen(kind, 'none'));
  });
});

describe('what else the kernel can do', () => {
  test.each(NAT_BEHAVIOURS)('symmetric mapping with %s filtering', async (filtering) => {
    const kind = { ...NAT_KINDS.symmetric, filtering };
    expect(await observe(await up(kind))).toEqual(seen(kind, 'none'));
  });

  test.each(NAT_BEHAVIOURS)('hairpinning with %s filtering', async (filtering) => {
    const kind = { ...NAT_KINDS['full-cone'], filtering };
    expect(await observe(await up({ ...kind, hairpin: true }))).toEqual(seen(kind, 'both-ways'));
  });
});

test.each([
  ...Object.entries(NAT_KINDS).map(([name, kind]) => [name, { ...kind, hairpin: false }] as const),
  ['restricted-cone that hairpins', { ...NAT_KINDS['restricted-cone'], hairpin: true }] as const,
])('the simulator gives the same answers: a %s in a conversation by chance', async (_name, nat) => {
  const utterance = fc.record({ from: fc.constantFrom(...(Object.keys(SOCKETS) as SocketName[])), to: fc.nat(30) });
  const [utterances] = fc.sample(fc.array(utterance, { minLength: 60, maxLength: 60 }), { seed: 4787, numRuns: 1 });
  const kernel = await converse(await up(nat), utterances);
  expect(kernel.filter((each) => !each.endsWith('nowhere')).length).toBeGreaterThan(15);
  expect(kernel).toEqual(await converse(new NatBench(nat), utterances));
});

test('who sends in before being sent to does not take the port of the host that is meant', async () => {
  const nat = await up(NAT_KINDS['port-restricted-cone']);
  const mapped = await nat.send('a', SOCKETS.A1);
  if (mapped === null) throw new Error('nothing came out');
  expect(await nat.send('B1', mapped.from)).toBeNull();
  expect(await nat.send('a', SOCKETS.B1)).toEqual({ at: 'B1', from: mapped.from });
  expect(await nat.send('B1', mapped.from)).toMatchObject({ at: 'a' });
});

test('a session ends when its time is over', async () => {
  const nat = await up({ ...NAT_KINDS['full-cone'], timeout: 1 });
  const mapped = await nat.send('a', SOCKETS.A1);
  if (mapped === null) throw new Error('nothing came out');
  expect(await nat.send('A1', mapped.from)).not.toBeNull();
  const deadline = performance.now() + 5000;
  while (performance.now() < deadline && (await nat.send('B1', mapped.from)) !== null)
    await new Promise((again) => setTimeout(again, 1100));
  expect(await nat.send('B2', mapped.from)).toBeNull();
});

test('NAT-29: who is in its book, by whom they were sent to, and for how long still, can be looked at', async () => {
  const nat = await up(NAT_KINDS['restricted-cone']);
  await nat.send('a', SOCKETS.A1);
  const text = await must(inNamespace(nat.namespaceOf('nat'), ['nft', 'list', 'table', 'ip', 'nat']));
  expect(text).toMatch(/map mapped [^}]*elements = \{ 40000 [^,]*expires 4m5\ds\S* : 192\.168\.7\.2 \. 40000/);
  expect(text).toMatch(/set contacted [^}]*elements = \{ 40000 \. 203\.0\.113\.10 [^,]*expires 4m5\ds/);
});

test('the ruleset drops protocol 41, which the kernel would translate by itself', () => {
  const [, , router] = natTopology(NAT_KINDS['full-cone']).nodes;
  expect(natRuleset(router)).toMatch(/meta l4proto 41 drop/);
});

test('what the kernel cannot do is said before anything is built', () => {
  const nat = { inside: 'eth0', outside: 'eth1', ...NAT_KINDS['full-cone'] };
  expect(kernelNatDefects(nat)).toEqual([]);
  expect(kernelNatDefects({ ...nat, mapping: 'address-dependent' })).toEqual([
    'the kernel has no NAT with address-dependent mapping and preserving ports',
  ]);
  expect(kernelNatDefects({ ...nat, ports: 'random' })).toHaveLength(1);
  expect(kernelNatDefects({ ...nat, ...NAT_KINDS.symmetric, hairpin: true })).toHaveLength(1);
  expect(() => planLab(natTopology({ ...NAT_KINDS['full-cone'], ports: 'sequential' }), 'aaaa')).toThrow(
    /node "nat": the kernel has no NAT/,
  );
});
