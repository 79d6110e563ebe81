/** The service at its end, whatever ends it: nothing of it is left. */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import { HOST_TUNNEL, type Network, test } from './daemon-network.js';

test('SIGTERM leaves the host exactly as it was, and nothing on disk', async ({ net }) => {
  const before = [net.host, net.relay].map((namespace) => net.snapshot(namespace));
  const { host, relay } = await net.services();
  expect(net.snapshot(net.host)).not.toBe(before[0]);
  expect([await host.stop('SIGTERM'), await relay.stop('SIGINT')]).toEqual([Exit.done, Exit.done]);
  expect([net.host, net.relay].map((namespace) => net.snapshot(namespace))).toEqual(before);
  for (const name of ['host.sock', 'relay.sock', 'host.state/leftover.json'])
    expect([name, existsSync(net.file(name))]).toEqual([name, false]);
  expect(host.log.at(-1)).toMatchObject({ msg: 'stopped', status: 0 });
});

test('a service that is told to stop while it starts leaves nothing', async ({ net }) => {
  const before = net.snapshot(net.host);
  const config = net.configure('host', HOST_TUNNEL);
  const endings = new Set<unknown>();
  for (let delay = 50; delay <= 800; delay += 75) {
    const run = net.run(net.host, ['run', '--config', config]);
    await sleep(delay);
    endings.add(await run.stop());
    expect([delay, net.snapshot(net.host)]).toEqual([delay, before]);
  }
  // Before it listens to signals there is nothing to undo, and the signal ends it.
  expect([...endings].filter((ending) => ending !== 'SIGTERM')).toEqual([Exit.done]);
});

/** What a service does when `code` runs in each of its threads before anything else: how faults of ours are planted. */
async function faulty(
  net: Network,
  code: string,
): Promise<{ status: unknown; log: readonly { readonly msg: string }[]; changed: boolean }> {
  const preload = net.file('preload.cjs');
  writeFileSync(preload, `const { isMainThread } = require('node:worker_threads');\n${code}\n`);
  const before = net.snapshot(net.host);
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)], ['env', `NODE_OPTIONS=--require=${preload}`]);
  await run.line('ready');
  const status = await run.ended;
  return { status, log: run.log, changed: net.snapshot(net.host) !== before };
}

test('a packet thread that throws ends the service: stack in the log, everything undone, status 1', async ({ net }) => {
  const { status, log, changed } = await faulty(
    net,
    `
    if (!isMainThread) {
      const { now } = performance;
      const began = Date.now();
      performance.now = () => { if (Date.now() > began + 1500) throw new Error('planted'); return now.call(performance); };
    }`,
  );
  expect([status, changed]).toEqual([Exit.failed, false]);
  expect(log).toContainEqual(
    expect.objectContaining({ msg: 'packet thread failed', stack: expect.stringMatching(/^Error: planted\n.* at PacketLoop\.run /s) }),
  );
  expect(log.at(-1)).toMatchObject({ msg: 'stopped', status: 1 });
});

test('a packet thread that cannot start is no service', async ({ net }) => {
  const preload = net.file('preload.cjs');
  writeFileSync(preload, `if (!require('node:worker_threads').isMainThread) throw new Error('planted');\n`);
  const before = net.snapshot(net.host);
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)], ['env', `NODE_OPTIONS=--require=${preload}`]);
  expect(await run.ended).toBe(Exit.failed);
  expect(run.log.map(({ msg }) => msg)).toEqual(['packet thread failed', 'stopped']);
  expect(net.snapshot(net.host)).toBe(before);
});

test('an exception or a rejection of the main thread ends the service: stack in the log, everything undone, status 1', async ({ net }) => {
  for (const [kind, code] of [
    ['uncaughtException', 'throw new Error("planted");'],
    ['unhandledRejection', 'Promise.reject(new Error("planted"));'],
  ]) {
    const { status, log, changed } = await faulty(net, `if (isMainThread) setTimeout(() => { ${code} }, 1500);`);
    expect([kind, status, changed]).toEqual([kind, Exit.failed, false]);
    expect(log).toContainEqual(expect.objectContaining({ msg: kind, stack: expect.stringMatching(/^Error: planted\n/) }));
  }
});

test('a log that cannot be written is no reason to end: the service starts, goes on and stops as ever', async ({ net }) => {
  const before = net.snapshot(net.host);
  const config = net.configure('host', HOST_TUNNEL);
  const run = net.run(net.host, ['run', '--config', config], ['sh', '-c', 'exec "$@" 2>/dev/full', 'sh']);
  await expect.poll(() => existsSync(net.file('host.sock')), { timeout: 10_000 }).toBe(true);
  for (let i = 0; i < 3; i++) expect(net.ask(config, 'reload')).toMatchObject({ unchanged: ['home'] });
  expect(await run.stop()).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});

test('a service manager that does not listen is warned about, and changes nothing', async ({ net }) => {
  const config = net.configure('host', HOST_TUNNEL);
  const run = net.run(net.host, ['run', '--config', config], ['env', 'NOTIFY_SOCKET=/nobody/listens']);
  await run.line('ready');
  expect(net.ask(config, 'reload')).toMatchObject({ unchanged: ['home'] });
  expect(await run.stop()).toBe(Exit.done);
  expect(run.log).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      msg: 'service manager was not told',
      reason: 'sendto(NOTIFY_SOCKET /nobody/listens): ENOENT',
    }),
  );
});

test('a process that ends by any other way still undoes what it has set', async ({ net }) => {
  const { status, changed } = await faulty(net, 'if (isMainThread) setTimeout(() => process.exit(7), 1500);');
  expect([status, changed]).toEqual([7, false]);
});

test('what a killed service leaves is taken over by the next one, which says so', async ({ net }) => {
  const before = net.snapshot(net.host);
  const { host, hostConfig } = await net.services();
  expect(await host.stop('SIGKILL')).toBe('SIGKILL');
  expect(net.snapshot(net.host), 'something is left').not.toBe(before);

  const next = await net.service(net.host, hostConfig);
  expect(await next.line('a killed process left configuration behind, it is undone')).toMatchObject({ pid: host.pid });
  expect(net.reaches()).toBe(true);
  expect(await next.stop()).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});
