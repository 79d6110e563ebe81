/** `tsunagi nat` behind the kernel's NATs, told by two STUN servers that know nothing of one another. It is mostly waiting: all of it at once. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, type TestContext, test } from 'vitest';
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
const coturnReason = reason ?? (has('turnserver') ? null : 'needs the Debian package coturn');
const NAMES = Object.keys(NAT_KINDS) as ConeName[];
const ADDRESSES = [OUTSIDE_HOSTS.A, OUTSIDE_HOSTS.B] as const;
const OWN_PORT = 4478;

/** The four NATs, side by side, that forget after `timeout` seconds; they go with the test. */
async function fourNats({ onTestFinished }: TestContext, timeout = 300): Promise<KernelNat[]> {
  const networks: KernelNat[] = [];
  onTestFinished(async () => void (await Promise.all(networks.map((network) => network.down()))));
  for (const name of NAMES) networks.push(await KernelNat.up(natTopology({ ...NAT_KINDS[name], timeout })));
  return networks;
}

/** Our own server in front of each NAT. */
async function serve({ onTestFinished }: TestContext, networks: readonly KernelNat[]): Promise<string> {
  for (const network of networks) {
    const place = network.namespaceOf('web');
    const server = await StunServer.up(new StunResponder(ADDRESSES, [OWN_PORT, OWN_PORT + 1]), (bind) => inNamed(place, bind));
    onTestFinished(() => server.close());
  }
  return `${OUTSIDE_HOSTS.A}:${OWN_PORT}`;
}

/** coturn in front of each NAT. It is not waited for: who asks repeats the question. */
function serveCoturn({ onTestFinished }: TestContext, networks: readonly KernelNat[]): string {
  const listen = ADDRESSES.flatMap((address) => ['-L', address]);
  const options = ['--no-cli', '--no-tls', '--no-dtls', '--log-file', 'stdout', '--pidfile', ''];
  for (const network of networks) {
    const command = ['netns', 'exec', network.namespaceOf('web'), 'turnserver', '--stun-only', '-n', ...listen, ...options];
    const program = spawn('ip', command, { stdio: 'ignore' });
    onTestFinished(async () => {
      if (program.kill('SIGKILL')) await once(program, 'exit');
    });
  }
  return OUTSIDE_HOSTS.A;
}

/** What the command says on the host inside each network. */
async function ask(networks: readonly KernelNat[], server: string, ...more: readonly string[]): Promise<Record<string, unknown>[]> {
  const nat = [process.execPath, EXECUTABLE, 'nat', '--server', server, '--json', ...more];
  return Promise.all(
    networks.map(async (network) => {
      const command = ['netns', 'exec', network.namespaceOf('one'), ...nat];
      return JSON.parse((await promisify(execFile)('ip', command, { timeout: 90_000 })).stdout);
    }),
  );
}

function expectNames(told: readonly Record<string, unknown>[]): void {
  for (const [i, name] of NAMES.entries()) {
    expect(told[i], name).toMatchObject({
      nat: 'nat',
      rfc3489: name,
      rfc4380: name === 'symmetric' ? 'symmetric' : 'cone or restricted',
      ...NAT_KINDS[name],
      hairpin: false,
      mapped: expect.stringMatching(/^203\.0\.113\.1:/),
      local: expect.stringMatching(/^192\.168\.7\.2:/),
      notes: [],
    });
  }
}

/** Seconds after which the NATs forget. */
const TIMEOUT = 6;

function expectTimeout(told: readonly Record<string, unknown>[]): void {
  for (const [i, name] of NAMES.entries()) {
    const [atLeast, below] = [Number(told[i].atLeastSeconds), Number(told[i].belowSeconds)];
    expect([atLeast <= TIMEOUT, TIMEOUT <= below, below - atLeast <= 1, told[i].notes], name).toEqual([true, true, true, []]);
  }
}

describe.concurrent('tsunagi nat', () => {
  test('each of the four is told by our own server', async (ctx) => {
    if (reason !== null) ctx.skip(reason);
    const networks = await fourNats(ctx);
    expectNames(await ask(networks, await serve(ctx, networks)));
  });

  test('each of the four is told by coturn', async (ctx) => {
    if (coturnReason !== null) ctx.skip(coturnReason);
    const networks = await fourNats(ctx);
    expectNames(await ask(networks, serveCoturn(ctx, networks)));
  });

  test('NATC-16: how long each of the four remembers is found to within a second', async (ctx) => {
    if (reason !== null) ctx.skip(reason);
    const networks = await fourNats(ctx, TIMEOUT);
    expectTimeout(await ask(networks, await serve(ctx, networks), '--lifetime', '16'));
  });

  test('NATC-16: coturn tells it too', async (ctx) => {
    if (coturnReason !== null) ctx.skip(coturnReason);
    const networks = await fourNats(ctx, TIMEOUT);
    expectTimeout(await ask(networks, serveCoturn(ctx, networks), '--lifetime', '16'));
  });
});
