/** The service from outside: started, used, changed, killed, on two real machines in namespaces. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import type { ReloadResult } from '../../src/daemon/supervisor.js';
import { withoutNamespaces } from '../linux/namespace.js';
import { Echoes, HOST, HOST_TUNNEL, Network, RELAY, RELAY_TUNNEL, residentMemory } from './daemon-network.js';

const reason = withoutNamespaces();
let net: Network;

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  net = new Network();
});

afterEach(async () => {
  if (reason === null) await net.close();
});

const read = (file: string): string => readFileSync(file, 'utf8');

/** The number that the kernel gave an interface: another one if it was made again. */
const indexOf = (device: string): string => net.exec(net.host, `ip -o link show ${device}`).split(':')[0];

/** A tunnel that disturbs no other: it sets nothing on the host. */
const SIDE_TUNNEL = `
[[tunnel]]
name = "side"
type = "6to4"
role = "host"
local = "${HOST}"
interface = "tunside"
configure = false
`;

test('once both are ready, a 6to4 host reaches the IPv6 internet through the relay, and both count it', async () => {
  const { host, hostConfig, relayConfig } = await net.services();
  expect(net.reaches()).toBe(true);
  expect(await host.line('ready')).toMatchObject({ node: 'host', tunnels: ['home'], workers: 1, pid: host.pid });

  const status = net.ask(hostConfig, 'status') as Status;
  expect(status).toMatchObject({ node: 'host', state: 'running', workers: 1, dropped: {} });
  expect(status.tunnels).toMatchObject([
    {
      name: 'home',
      type: '6to4',
      role: 'host',
      state: 'up',
      interface: 'tun6to4',
      local: HOST,
      address: '2002:c000:20a::1',
      mtu: 1480,
      encapsulated: { packets: 1, octets: 104 },
      decapsulated: { packets: 1, octets: 104 },
      dropped: {},
    },
  ]);
  expect((net.ask(relayConfig, 'status') as Status).tunnels).toMatchObject([
    { name: 'relay', local: '192.88.99.1', accept: [RELAY], encapsulated: { packets: 1 }, decapsulated: { packets: 1 } },
  ]);
});

test('two packet threads share the work of one node', async () => {
  const hostConfig = net.configure('host', HOST_TUNNEL);
  const relayConfig = net.configure('relay', RELAY_TUNNEL);
  writeFileSync(hostConfig, `workers = 2\n${read(hostConfig)}`);
  await Promise.all([net.service(net.host, hostConfig), net.service(net.relay, relayConfig)]);
  const echoes = new Echoes(net.host, 0.01);
  await expect.poll(() => (net.ask(hostConfig, 'status') as Status).tunnels[0].decapsulated.packets, { timeout: 5000 }).toBeGreaterThan(20);
  const { sent, received } = await echoes.stop();
  expect(received).toBe(sent);
  expect(net.ask(hostConfig, 'status')).toMatchObject({ workers: 2, tunnels: [{ dropped: {} }], dropped: {} });
});

test('SIGTERM leaves the host exactly as it was, and nothing on disk', async () => {
  const before = [net.host, net.relay].map((namespace) => net.snapshot(namespace));
  const { host, relay } = await net.services();
  expect(net.snapshot(net.host)).not.toBe(before[0]);
  expect([await host.stop('SIGTERM'), await relay.stop('SIGINT')]).toEqual([Exit.done, Exit.done]);
  expect([net.host, net.relay].map((namespace) => net.snapshot(namespace))).toEqual(before);
  for (const name of ['host.sock', 'relay.sock', 'host.state/leftover.json'])
    expect([name, existsSync(net.file(name))]).toEqual([name, false]);
  expect(host.log.at(-1)).toMatchObject({ msg: 'stopped', status: 0 });
});

test('a reload loses no packet and no count of a tunnel that did not change, and keeps its device', async () => {
  const { host, hostConfig } = await net.services();
  const index = indexOf('tun6to4');
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
  expect(indexOf('tun6to4')).toBe(index);
  expect(net.exec(net.host, 'ip -br link')).not.toMatch(/tunside|tunmoved/);
});

test('an invalid file changes nothing: who asked and the log are told every problem', async () => {
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

test('what only a restart can do is said by a reload', async () => {
  const { hostConfig } = await net.services();
  writeFileSync(hostConfig, `workers = 2\n${read(hostConfig)}`);
  expect(net.ask(hostConfig, 'reload')).toMatchObject({ unchanged: ['home'], notes: ['workers = 2 takes effect at the next start'] });
});

test('a new IPv4 address is followed within two seconds, and said once', async () => {
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

test('an interface that goes down takes the tunnel down with a reason, and brings it back', async () => {
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

test('a router gives its LAN a prefix, another one when its IPv4 address changes, and takes it back when it stops', async () => {
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

test('a LAN interface that is made again is served again', async () => {
  const pc = net.addLan();
  const lan = '[[tunnel.lan]]\ninterface = "tdml"\nsubnet = 7';
  const router = await net.service(net.host, net.configure('host', `${HOST_TUNNEL.replace('"host"', '"router"')}\n${lan}`));
  const address = () => net.exec(pc, 'ip -6 -o address show scope global');
  await expect.poll(address, { timeout: 8000 }).toContain('2002:c000:20a:7:');
  net.exec(net.host, 'ip link delete tdml');
  const again = net.addLan();
  await expect.poll(() => net.exec(again, 'ip -6 -o address show scope global'), { timeout: 8000 }).toContain('2002:c000:20a:7:');
  expect(router.child.exitCode).toBe(null);
});

test('a TUN device that somebody deletes is made again, with all that was on it, and said once', async () => {
  const { host } = await net.services();
  const before = net.snapshot(net.host);
  const since = host.log.length;
  net.exec(net.host, 'ip link delete tun6to4');
  await host.line('interface was deleted by somebody, it is made again', since);
  await expect.poll(() => net.reaches(), { timeout: 5000 }).toBe(true);
  expect(net.snapshot(net.host)).toBe(before);
  expect(host.log.slice(since).map(({ msg }) => msg)).toEqual(['interface was deleted by somebody, it is made again']);
});

/** What a service does when `code` runs in each of its threads before anything else: how faults of ours are planted. */
async function faulty(code: string): Promise<{ status: unknown; log: readonly { readonly msg: string }[]; changed: boolean }> {
  const preload = net.file('preload.cjs');
  writeFileSync(preload, `const { isMainThread } = require('node:worker_threads');\n${code}\n`);
  const before = net.snapshot(net.host);
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)], ['env', `NODE_OPTIONS=--require=${preload}`]);
  await run.line('ready');
  const status = await run.ended;
  return { status, log: run.log, changed: net.snapshot(net.host) !== before };
}

test('a packet thread that throws ends the service: stack in the log, everything undone, status 1', async () => {
  const { status, log, changed } = await faulty(`
    if (!isMainThread) {
      const { now } = performance;
      const began = Date.now();
      performance.now = () => { if (Date.now() > began + 1500) throw new Error('planted'); return now.call(performance); };
    }`);
  expect([status, changed]).toEqual([Exit.failed, false]);
  expect(log).toContainEqual(
    expect.objectContaining({ msg: 'packet thread failed', stack: expect.stringMatching(/^Error: planted\n.* at runThread /s) }),
  );
  expect(log.at(-1)).toMatchObject({ msg: 'stopped', status: 1 });
});

test('a packet thread that cannot start is no service', async () => {
  const preload = net.file('preload.cjs');
  writeFileSync(preload, `if (!require('node:worker_threads').isMainThread) throw new Error('planted');\n`);
  const before = net.snapshot(net.host);
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)], ['env', `NODE_OPTIONS=--require=${preload}`]);
  expect(await run.ended).toBe(Exit.failed);
  expect(run.log.map(({ msg }) => msg)).toEqual(['packet thread failed', 'stopped']);
  expect(net.snapshot(net.host)).toBe(before);
});

test('a service that is told to stop while it starts leaves nothing', async () => {
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

test('an exception or a rejection of the main thread ends the service: stack in the log, everything undone, status 1', async () => {
  for (const [kind, code] of [
    ['uncaughtException', 'throw new Error("planted");'],
    ['unhandledRejection', 'Promise.reject(new Error("planted"));'],
  ]) {
    const { status, log, changed } = await faulty(`if (isMainThread) setTimeout(() => { ${code} }, 1500);`);
    expect([kind, status, changed]).toEqual([kind, Exit.failed, false]);
    expect(log).toContainEqual(expect.objectContaining({ msg: kind, stack: expect.stringMatching(/^Error: planted\n/) }));
  }
});

test('a process that ends by any other way still undoes what it has set', async () => {
  const { status, changed } = await faulty('if (isMainThread) setTimeout(() => process.exit(7), 1500);');
  expect([status, changed]).toEqual([7, false]);
});

test('what a killed service leaves is taken over by the next one, which says so', async () => {
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

test('two services cannot have one interface: the second names the process that has it', async () => {
  const { host } = await net.services();
  const second = net.run(net.host, ['run', '--config', net.configure('second', HOST_TUNNEL)]);
  expect(await second.ended).toBe(Exit.failed);
  expect(second.complaints).toEqual([
    expect.stringMatching(`^tsunagi: interface tun6to4: process ${host.pid} has it: .*tsunagi.js run --config `),
  ]);
  expect(net.reaches(), 'the first is not disturbed').toBe(true);
});

test('two services cannot share a state directory or a control socket', async () => {
  const { host, hostConfig } = await net.services();
  const same = net.run(net.host, ['run', '--config', hostConfig]);
  expect(await same.ended).toBe(Exit.failed);
  expect(same.complaints).toEqual([`tsunagi: state directory ${net.file('host.state')}: process ${host.pid} uses it`]);

  const other = net.configure('other', SIDE_TUNNEL);
  writeFileSync(other, read(other).replace(net.file('other.sock'), net.file('host.sock')));
  const before = net.snapshot(net.host);
  const second = net.run(net.host, ['run', '--config', other]);
  expect(await second.ended).toBe(Exit.failed);
  expect(second.complaints).toEqual([`tsunagi: control socket ${net.file('host.sock')}: another service answers on it`]);
  expect(net.snapshot(net.host), 'the attempt left nothing').toBe(before);
});

test('an http address that is taken is named, and the attempt leaves nothing', async () => {
  const { hostConfig } = await net.services();
  const http = '[http]\nlisten = "127.0.0.1:6404"\n';
  writeFileSync(hostConfig, `${read(hostConfig)}\n${http}`);
  net.ask(hostConfig, 'reload');
  const before = net.snapshot(net.host);
  for (const [name, tunnel, complaint] of [
    ['port', SIDE_TUNNEL, 'http.listen 127.0.0.1, port 6404: '],
    ['both', HOST_TUNNEL, 'http.listen 127.0.0.1, port 6404: '],
  ]) {
    const second = net.run(net.host, ['run', '--config', net.configure(name, `${tunnel}\n${http}`)]);
    expect(await second.ended).toBe(Exit.failed);
    expect(second.complaints.join('\n')).toContain(complaint);
  }
  const free = net.run(net.host, ['run', '--config', net.configure('device', `${HOST_TUNNEL}\n${http.replace('6404', '6405')}`)]);
  expect(await free.ended).toBe(Exit.failed);
  expect(free.complaints.join('\n')).toContain('interface tun6to4: process ');
  expect(net.snapshot(net.host)).toBe(before);
});

test('an interface of that name which nobody holds is not taken', async () => {
  net.exec(net.host, 'ip link add tun6to4 type veth peer name tdmx');
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)]);
  expect(await run.ended).toBe(Exit.failed);
  expect(run.complaints).toEqual(['tsunagi: interface tun6to4: an interface of this name exists already']);
});

test('without a capability the status is 4, and the message names it and what to do', async () => {
  const config = net.configure('host', HOST_TUNNEL);
  const run = net.run(net.host, ['run', '--config', config], ['setpriv', '--bounding-set', '-net_raw']);
  expect(await run.ended).toBe(Exit.privilege);
  expect(run.complaints.join('\n')).toMatch(
    /CAP_NET_RAW is needed to send and receive protocol 41: run it as root, or set AmbientCapabilities=/,
  );
});

test('an invalid configuration does not start: status 3, every problem named', async () => {
  const config = net.configure('host', HOST_TUNNEL.replace('1480', '99').replace('host', 'hots'));
  const run = net.run(net.host, ['run', '--config', config]);
  expect(await run.ended).toBe(Exit.configuration);
  expect(run.complaints.join('\n')).toMatch(/is invalid\n.*tunnel\[0\]\.role: .*\n.*tunnel\[0\]\.mtu: /);
});

test('the control socket is for its user and group only', async () => {
  await net.services();
  expect((statSync(net.file('host.sock')).mode & 0o777).toString(8)).toBe('660');
});

test('a drain goes on until its time has come; until then it can be called off', async () => {
  const before = net.snapshot(net.host);
  const { host, hostConfig } = await net.services();
  expect(net.ask(hostConfig, 'drain', '--seconds', '600')).toEqual({ state: 'draining', seconds: 600 });
  expect(net.ask(hostConfig, 'status')).toMatchObject({ state: 'draining' });
  expect((await net.tsunagi('reload', '--config', hostConfig)).stderr).toContain('the service is draining');
  expect(net.reaches(), 'packets flow all the while').toBe(true);
  expect(net.ask(hostConfig, 'resume')).toEqual({ state: 'running' });
  expect((await net.tsunagi('resume', '--config', hostConfig)).stderr).toContain('the service is running, not draining');

  expect(net.ask(hostConfig, 'drain')).toEqual({ state: 'draining', seconds: 0 });
  expect(await host.ended).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});

test('[http] serves the same status and the metrics, and follows a reload', async () => {
  const { hostConfig } = await net.services();
  const plain = read(hostConfig);
  writeFileSync(hostConfig, `${plain}\n[http]\nlisten = "127.0.0.1:6404"\n`);
  net.ask(hostConfig, 'reload');
  expect(net.reaches()).toBe(true);
  expect(JSON.parse(net.exec(net.host, 'curl -s http://127.0.0.1:6404/api/v1/status'))).toMatchObject({
    node: 'host',
    tunnels: [{ name: 'home' }],
  });
  expect(net.exec(net.host, 'curl -s http://127.0.0.1:6404/metrics')).toContain(
    'tsunagi_packets_total{tunnel="home",direction="encapsulate",path="worker"} 1\n',
  );
  expect(net.exec(net.host, 'curl -s http://127.0.0.1:6404/')).toContain('<td>home<td>');
  writeFileSync(hostConfig, plain);
  net.ask(hostConfig, 'reload');
  expect(() => net.exec(net.host, 'curl -s http://127.0.0.1:6404/')).toThrow();
});

test('idle with one packet thread it takes less than 90 MiB', async () => {
  const { host } = await net.services();
  expect(residentMemory(host.pid)).toBeLessThan(90 * 1024);
});
