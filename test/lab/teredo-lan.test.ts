/** Two PCs on one LAN whose NAT does not hairpin, with the real service: they meet without it, RFC 4380 section 5.2.8. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureProgram } from '../../src/lab/capture.js';
import { daemonProgram } from '../../src/lab/daemon.js';
import { buildNetwork, removeNamespaces } from '../../src/lab/network.js';
import { awaitAddress } from '../../src/lab/node-addresses.js';
import { ping } from '../../src/lab/ping.js';
import { planLab } from '../../src/lab/plan.js';
import { Program } from '../../src/lab/program.js';
import { PCS, teredoLan } from '../teredo-lan.js';
import { tsharkMissing } from '../wire/tshark.js';
import { withoutLabs } from './command-line.js';
import { dissectTeredo } from './teredo-dissection.js';

const reason = withoutLabs() ?? tsharkMissing;
const ECHOES = 3;
const [FIRST, SECOND] = PCS;
/** Two questions of each PC, and their answers. */
const QUALIFICATION = 2 * 2 * 2;

test('the one that was there first reaches the other at once, and nothing of it passes the NAT', async (ctx) => {
  if (reason !== null) ctx.skip(reason);
  const topology = teredoLan('local-discovery = true');
  const plan = planLab(topology, `tcl${process.pid.toString(36)}`);
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-lan-'));
  const programs: Program[] = [];
  const namespaceOf = (node: string): string => plan.namespaces.find((one) => one.node === node)?.name ?? '';
  const begin = async (options: Parameters<typeof Program.start>[0]): Promise<void> => {
    const { program, ready } = Program.start(options);
    programs.push(program);
    await ready;
  };
  const play = async (name: string): Promise<void> => {
    const node = topology.nodes.find((one) => one.name === name) ?? expect.fail(name);
    mkdirSync(join(folder, name), { recursive: true });
    await begin(daemonProgram(folder, namespaceOf(name), node, node.daemon ?? ''));
  };
  const captureOf = (link: string): string => join(folder, `${link}.pcap`);
  try {
    await buildNetwork(plan);
    for (const tap of plan.taps) await begin(captureProgram(folder, tap, join(folder, `${tap.link}.log`)));
    await play('mita');
    for (const name of PCS) {
      await play(name);
      await awaitAddress(namespaceOf(name), name);
    }
    const there = await awaitAddress(namespaceOf(SECOND), SECOND);
    const { received, complaints } = await ping(namespaceOf(FIRST), there, { count: ECHOES });
    expect([received, complaints]).toEqual([ECHOES, []]);
    await Promise.all(
      programs
        .splice(0)
        .reverse()
        .map((program) => program.stop()),
    );

    const near = dissectTeredo(captureOf('home'));
    expect(near.filter(({ defects }) => defects.length > 0)).toEqual([]);
    expect(new Set(near.filter(({ to }) => to === '224.0.0.253').map(({ from }) => from))).toEqual(new Set(['192.168.1.2', '192.168.1.3']));
    expect(near.filter(({ from, to }) => from.startsWith('192.168.1.') && to.startsWith('192.168.1.')).length).toBeGreaterThanOrEqual(
      2 * ECHOES,
    );
    expect(dissectTeredo(captureOf('access'))).toHaveLength(QUALIFICATION);
  } finally {
    await Promise.all(programs.reverse().map((program) => program.stop()));
    await removeNamespaces(plan.namespaces.map(({ name }) => name));
    rmSync(folder, { recursive: true });
  }
});
