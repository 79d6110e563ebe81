/** `tsunagi nat` behind the kernel's NATs, told by two STUN servers that know nothing of one another. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import { inNamed } from '../linux/namespace.js';
import { OUTSIDE_HOSTS } from '../nat-behaviour.js';
import { StunResponder } from '../stun-responder.js';
import { StunServer } from '../stun-server.js';
import { withoutLabs } from './command-line.js';
import { KernelNat, natTopology } from './nat-network.js';

const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const reason = withoutLabs() ?? (has('nft') ? null : 'nft not installed');
/** coturn's Debian package starts a server that everybody can reach: set-up does not install it. */
const coturnMissing = has('turnserver') ? null : 'turnserver not installed (Debian: coturn, which starts a public server when it is)';
const NAMES = Object.keys(NAT_KINDS) as ConeName[];
const ADDRESSES = [OUTSIDE_HOSTS.A, OUTSIDE_HOSTS.B] as const;
const OWN_PORT = 4478;

const networks: KernelNat[] = [];
const servers: StunServer[] = [];
const programs: ChildProcess[] = [];

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  for (const program of programs.splice(0)) if (program.kill('SIGKILL')) await once(program, 'exit');
  await Promise.all(networks.splice(0).map((network) => network.down()));
});

/** The four NATs, side by side. */
async function fourNats(): Promise<ReadonlyMap<ConeName, KernelNat>> {
  const made = new Map<ConeName, KernelNat>();
  for (const name of NAMES) {
    const network = await KernelNat.up(natTopology(NAT_KINDS[name]));
    networks.push(network);
    made.set(name, network);
  }
  return made;
}

/** What the command says on the host inside. */
async function ask(network: KernelNat, server: string): Promise<Record<string, unknown>> {
  const command = ['netns', 'exec', network.namespaceOf('one'), process.execPath, EXECUTABLE, 'nat', '--server', server, '--json'];
  return JSON.parse((await promisify(execFile)('ip', command, { timeout: 60_000 })).stdout);
}

const expected = (name: ConeName): object => ({
  nat: 'nat',
  rfc3489: name,
  ...NAT_KINDS[name],
  hairpin: false,
  mapped: expect.stringMatching(/^203\.0\.113\.1:/),
  local: expect.stringMatching(/^192\.168\.7\.2:/),
  notes: [],
});

test('each of the four is told by our own server', async () => {
  for (const network of (await fourNats()).values()) {
    const place = network.namespaceOf('web');
    servers.push(await StunServer.up(new StunResponder(ADDRESSES, [OWN_PORT, OWN_PORT + 1]), (bind) => inNamed(place, bind)));
  }
  const told = await Promise.all(networks.map((network) => ask(network, `${OUTSIDE_HOSTS.A}:${OWN_PORT}`)));
  for (const [i, name] of NAMES.entries()) expect(told[i], name).toMatchObject(expected(name));
});

test('each of the four is told by coturn', async (ctx) => {
  if (coturnMissing !== null) ctx.skip(coturnMissing);
  for (const network of (await fourNats()).values()) startCoturn(network.namespaceOf('web'));
  const told = await Promise.all(networks.map((network) => ask(network, OUTSIDE_HOSTS.A)));
  for (const [i, name] of NAMES.entries()) expect(told[i], name).toMatchObject(expected(name));
});

/** It is not waited for: who asks repeats the question. */
function startCoturn(namespace: string): void {
  const listen = ADDRESSES.flatMap((address) => ['-L', address]);
  const command = [
    'turnserver',
    '--stun-only',
    '-n',
    ...listen,
    '--no-cli',
    '--no-tls',
    '--no-dtls',
    '--log-file',
    'stdout',
    '--pidfile',
    '',
  ];
  programs.push(spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: 'ignore' }));
}
