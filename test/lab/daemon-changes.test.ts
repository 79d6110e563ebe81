/** The service while things change: its configuration, its host, its devices. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import type { ReloadResult } from '../../src/daemon/supervisor.js';
import { Echoes, HOST, HOST_TUNNEL, type Network, RELAY, RELAY_TUNNEL, read, SIDE_TUNNEL, test } from './daemon-network.js';

/** The number that the kernel gave an interface: another one if it was made again. */
const indexOf = (net: Network, device: string): string => net.exec(net.host, `ip -o link show ${device}`).split(':')[0];

test('a reload loses no packet and no count of a tunnel that did not change, and keeps its device', async ({ net }) => {
  const { host, hostConfig } = await net.services();
  const index = indexOf(net, 'tun6to4');
  const plain = read(hostConfig);
  const echoes = new Echoes(net.host, 0.005);
  await expect.poll(() => (net.ask(hostConfig, 'status') as Status).tunnels[0].decapsulated.packets).toBeGreaterThan(5);
  for (let turn = 0; turn < 3; turn++) {
    writeFileSync(hostConfig, `${plain}${SIDE_TUNNEL}`);
    expect(net.ask(hostConfig, 'reload')).toEqual({
      added: ['side'],
      removed: [],
      changed: [],
      unchanged: ['home'],
      notes: [],
    } satisfies ReloadResult);
    writeFileSync(hostConfig, `${plain}${SIDE_TUNNEL.replace('tunside', 'tunmoved')}`);
    expect(net.ask(hostConfig, 'reload')).toMatchObject({ changed: ['side'], unchanged: ['home'] });
    writeFileSync(hostConfig, plain);
    host.child.kill('SIGHUP');
    await expect.poll(() => host.log.filter(({ msg }) => msg === 'reloaded').length, { timeout: 5000 }).toBe(3 * (turn + 1));
  }
  const counted = (net.ask(hostConfig, 'status') as Status).tunnels[0];
  const { sent, received } = await echoes.stop();
  expect(sent).toBeGreaterThan(50);
  expect(received).toBe(sent);
  expect(counted.decapsulated.packets, 'counts go on').toBeGreaterThan(50);
  expect(indexOf(net, 'tun6to4')).toBe(index);
  expect(net.exec(net.host, 'ip -br link')).not.toMatch(/tunside|tunmoved/);
});

test('an invalid file changes nothing: who asked and the log are told every problem', async ({ net }) => {
  const { host, hostConfig } = await net.services();
  const before = net.snapshot(net.host);
  writeFileSync(hostConfig, read(hostConfig).replace('mtu  = 1480', 'mtu  = 99\nttl = 300'));
  const { status, stderr } = await net.tsunagi('reload', '--config', hostConfig);
  expect(status).toBe(Exit.configuration);
  expect(stderr).toMatch(/tunnel\[0\]\.mtu: .*\n.*tunnel\[0\]\.ttl: /);
  expect((await host.line('reload failed, the old configuration goes on')).problems).toHaveLength(2);
  expect(net.snapshot(net.host)).toBe(before);
  expect(net.reaches()).toBe(true);
});

test('a reload that the host refuses half-way is taken back', async ({ net }) => {
  const { hostConfig } = await net.services();
  const before = net.snapshot(net.host);
  const taken = SIDE_TUNNEL.replace('"side"', '"taken"').replace('tunside', 'tdmh');
  writeFileSync(hostConfig, `${read(hostConfig)}${SIDE_TUNNEL}${taken}`);
  const { status, stderr } = await net.tsunagi('reload', '--config', hostConfig);
  expect([status, stderr]).toEqual([Exit.failed, 'tsunagi: interface tdmh: an interface of this name exists already']);
  expect(net.exec(net.host, 'ip -br link')).not.toContain('tunside');
  expect(net.snapshot(net.host)).toBe(before);
  expect((net.ask(hostConfig, 'status') as Status).tunnels.map(({ name }) => name)).toEqual(['home']);
  expect(net.reaches()).toBe(true);
});

test('a reload whose undoing cannot be noted on disk is taken back, and done once it can', async ({ net }) => {
  const { hostConfig } = await net.services();
  const before = net.snapshot(net.host);
  const inTheWay = net.file('host.state/leftover.json.part');
  mkdirSync(inTheWay);
  writeFileSync(hostConfig, `${read(hostConfig)}${RELAY_TUNNEL.replace(RELAY, '192.0.2.3')}interface = "tunside"\n`);
  expect(await net.tsunagi('reload', '--config', hostConfig)).toMatchObject({ status: Exit.failed });
  expect(net.exec(net.host, 'ip -br link')).not.toContain('tunside');
  expect(net.snapshot(net.host)).toBe(before);
  expect(net.reaches()).toBe(true);
  rmdirSync(inTheWay);
  expect(net.ask(hostConfig, 'reload')).toMatchObject({ added: ['relay'], unchanged: ['home'] });
});

test('a reload sets again what somebody has taken away', async ({ net }) => {
  const { hostConfig } = await net.services();
  const before = net.snapshot(net.host);
  net.exec(net.host, 'ip link set tun6to4 down');
  net.exec(net.host, 'ip -6 route flush type unreachable');
  expect(net.reaches()).toBe(false);
  expect(net.ask(hostConfig, 'reload')).toMatchObject({ unchanged: ['home'] });
  expect(net.snapshot(net.host)).toBe(before);
  expect(net.reaches()).toBe(true);
});

test('what only a restart can do is said by a reload', async ({ net }) => {
  const { hostConfig } = await net.services();
  writeFileSync(hostConfig, `workers = 2\n${read(hostConfig)}`);
  expect(net.ask(hostConfig, 'reload')).toMatchObject({ unchanged: ['home'], notes: ['workers = 2 takes effect at the next start'] });
});

test('a new IPv4 address is followed within two seconds, and said once', async ({ net }) => {
  const { host, hostConfig } = await net.services();
  const since = host.log.length;
  const began = performance.now();
  net.exec(net.host, 'ip address add 192.0.2.20/24 dev tdmh');
  net.exec(net.host, `ip address delete ${HOST}/24 dev tdmh`);
  const line = await host.line('address changed', since);
  expect(performance.now() - began).toBeLessThan(2000);
  expect(line).toMatchObject({ tunnel: 'home', before: HOST, now: '192.0.2.20' });
  expect(net.reaches()).toBe(true);
  expect(net.exec(net.host, 'ip -6 address show dev tun6to4')).toContain('2002:c000:214::1/128');
  expect(net.exec(net.host, 'ip -6 address show dev tun6to4')).not.toContain('2002:c000:20a::');
  expect(host.log.slice(since).map(({ msg }) => msg)).toEqual(['address changed']);
  expect(net.ask(hostConfig, 'status')).toMatchObject({ tunnels: [{ state: 'up', local: '192.0.2.20', address: '2002:c000:214::1' }] });
});

test('an interface that goes down takes the tunnel down with a reason, and brings it back', async ({ net }) => {
  const { host, hostConfig } = await net.services();
  const since = host.log.length;
  net.exec(net.host, 'ip link set tdmh down');
  expect(await host.line('tunnel down', since)).toMatchObject({ tunnel: 'home', reason: 'no IPv4 default route', before: HOST });
  expect(net.ask(hostConfig, 'status')).toMatchObject({ tunnels: [{ state: 'down', down: 'no IPv4 default route', local: null }] });

  net.exec(net.host, 'ip link set tdmh up');
  const began = performance.now();
  net.exec(net.host, `ip route add default via ${RELAY}`);
  expect(await host.line('tunnel up', since)).toMatchObject({ tunnel: 'home', now: HOST });
  expect(performance.now() - began).toBeLessThan(2000);
  expect(net.reaches()).toBe(true);
  expect(host.log.slice(since).map(({ msg }) => msg)).toEqual(['tunnel down', 'tunnel up']);
});

test('a router gives its LAN a prefix, another one when its IPv4 address changes, and takes it back when it stops', async ({ net }) => {
  const pc = net.addLan();
  const before = net.snapshot(net.host);
  const lan = '[[tunnel.lan]]\ninterface = "tdml"\nsubnet = 7';
  const config = net.configure('host', `${HOST_TUNNEL.replace('"host"', '"router"')}\n${lan}`);
  const [router] = await Promise.all([net.service(net.host, config), net.service(net.relay, net.configure('relay', RELAY_TUNNEL))]);
  const addresses = () => net.exec(pc, 'ip -6 -o address show dev tdmp scope global');
  await expect.poll(addresses, { timeout: 8000 }).toContain('2002:c000:20a:7:');
  expect(net.reaches(pc)).toBe(true);

  net.exec(net.host, 'ip address add 192.0.2.20/24 dev tdmh');
  net.exec(net.host, `ip address delete ${HOST}/24 dev tdmh`);
  await router.line('address changed');
  await expect.poll(addresses, { timeout: 8000 }).toContain('2002:c000:214:7:');
  await expect.poll(addresses).toMatch(/2002:c000:20a:7:.*deprecated/);
  expect(net.reaches(pc)).toBe(true);
  net.exec(net.host, `ip address add ${HOST}/24 dev tdmh`);
  net.exec(net.host, 'ip address delete 192.0.2.20/24 dev tdmh');
  await expect.poll(() => router.log.filter(({ msg }) => msg === 'address changed').length).toBe(2);

  expect(await router.stop()).toBe(Exit.done);
  await expect.poll(addresses).toMatch(/2002:c000:20a:7:.*deprecated/);
  expect(net.exec(pc, 'ip -6 route show default')).toBe('');
  expect(net.snapshot(net.host)).toBe(before);
});

test('a LAN interface that is made again is served again', async ({ net }) => {
  const pc = net.addLan();
  const lan = '[[tunnel.lan]]\ninterface = "tdml"\nsubnet = 7';
  const router = await net.service(net.host, net.configure('host', `${HOST_TUNNEL.replace('"host"', '"router"')}\n${lan}`));
  const address = () => net.exec(pc, 'ip -6 -o address show scope global');
  await expect.poll(address, { timeout: 8000 }).toContain('2002:c000:20a:7:');
  const again = net.addLan(['link delete tdml']);
  await expect.poll(() => net.exec(again, 'ip -6 -o address show scope global'), { timeout: 8000 }).toContain('2002:c000:20a:7:');
  expect(router.child.exitCode).toBe(null);
});

test('a TUN device that somebody deletes is made again, with all that was on it, and said once', async ({ net }) => {
  const { host } = await net.services();
  const before = net.snapshot(net.host);
  const since = host.log.length;
  net.exec(net.host, 'ip link delete tun6to4');
  await host.line('interface was deleted by somebody, it is made again', since);
  await expect.poll(() => net.reaches(), { timeout: 5000 }).toBe(true);
  expect(net.snapshot(net.host)).toBe(before);
  expect(host.log.slice(since).map(({ msg }) => msg)).toEqual(['interface was deleted by somebody, it is made again']);
});

test('a TUN device that somebody takes down is set up again, with all that was on it, and said once', async ({ net }) => {
  const { host } = await net.services();
  const before = net.snapshot(net.host);
  const since = host.log.length;
  net.exec(net.host, 'ip link set dev tun6to4 down');
  await host.line('interface was taken down by somebody, it is set up again', since);
  await expect.poll(() => net.reaches(), { timeout: 5000 }).toBe(true);
  expect(net.snapshot(net.host)).toBe(before);
  expect(host.log.slice(since).map(({ msg }) => msg)).toEqual(['interface was taken down by somebody, it is set up again']);
});
