/** `tsunagi nat --teredo` behind the kernel's NATs, told by our server and by Miredo's. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import { daemonProgram, nodeFiles } from '../../src/lab/daemon.js';
import { Program } from '../../src/lab/program.js';
import { OUTSIDE_HOSTS } from '../nat-behaviour.js';
import { withoutLabs } from './command-line.js';
import { startMiredoServer, withoutMiredo } from './miredo.js';
import { KernelNat, natTopology } from './nat-network.js';

const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));
const reason = withoutLabs() ?? (spawnSync('nft', ['--version']).status === 0 ? null : 'nft not installed');
const miredoMissing = withoutMiredo();
const NAMES = Object.keys(NAT_KINDS) as ConeName[];
const { A, B } = OUTSIDE_HOSTS;
const SERVER = `
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "${A}"
secondary = "${B}"

[policy]
allow-ipv4 = ["203.0.113.0/24"]
`;

let folder = '';
const networks: KernelNat[] = [];
const programs: Program[] = [];

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-nat-teredo-'));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await Promise.all(networks.splice(0).map((network) => network.down()));
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a server in a namespace; resolves when it hears. */
type Start = (namespace: string, node: string) => Promise<Program>;

const ours: Start = async (namespace, name) => {
  mkdirSync(nodeFiles(folder, name).directory);
  const { program, ready } = Program.start(daemonProgram(folder, namespace, { name, title: { en: '', ja: '' }, interfaces: [] }, SERVER));
  programs.push(program);
  await ready;
  return program;
};
const miredos: Start = async (namespace, node) => {
  const program = await startMiredoServer({ namespace, node, folder }, { local: A });
  programs.push(program);
  return program;
};

/** What the command says behind each of the four NATs, side by side. */
async function askBehindEach(start: Start): Promise<Record<string, unknown>[]> {
  for (const name of NAMES) networks.push(await KernelNat.up(natTopology(NAT_KINDS[name])));
  await Promise.all(networks.map((network, i) => start(network.namespaceOf('web'), `server${i}`)));
  return Promise.all(
    networks.map(async (network) => {
      const command = ['netns', 'exec', network.namespaceOf('one'), process.execPath, EXECUTABLE, 'nat', '--teredo', A, '--json'];
      return JSON.parse((await promisify(execFile)('ip', command, { timeout: 60_000 })).stdout);
    }),
  );
}

function expectEach(told: readonly Record<string, unknown>[]): void {
  for (const [i, name] of NAMES.entries()) {
    const isSymmetric = name === 'symmetric';
    expect(told[i], name).toMatchObject({
      nat: 'nat',
      server: `${A}:3544`,
      rfc4380: isSymmetric ? 'symmetric' : 'cone or restricted',
      rfc3489: null, // whom it lets in decides between two names
      mapping: NAT_KINDS[name].mapping,
      ports: NAT_KINDS[name].ports,
      filtering: null,
      mapped: expect.stringMatching(/^203\.0\.113\.1:/),
      local: expect.stringMatching(/^192\.168\.7\.2:/),
    });
  }
}

test('NATC-19: our own server tells the symmetric NAT from the other three', async () => {
  expectEach(await askBehindEach(ours));
});

test("NATC-19: Miredo's server tells the symmetric NAT from the other three", async (ctx) => {
  if (miredoMissing !== null) ctx.skip(miredoMissing);
  expectEach(await askBehindEach(miredos));
});
