/** The service as its users see it, on two real machines in namespaces. */
import { statSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { Protocol } from '../../src/wire/ipv4.js';
import { IPv4Host } from '../linux/far-end.js';
import { ipv4, udp6 } from '../vectors/compose.js';
import { Echoes, HOST, HOST_TUNNEL, RELAY, RELAY_TUNNEL, read, residentMemory, test } from './daemon-network.js';

test('once both are ready, a 6to4 host reaches the IPv6 internet through the relay, and both count it', async ({ net }) => {
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

test('two packet threads share the work of one node', async ({ net }) => {
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

/** An address that is not the relay's own. */
const BEYOND = '2001:db8:80::81';

test('several packet threads say together no more than `icmp-rate` allows', async ({ net }) => {
  const relayConfig = net.configure('relay', `${RELAY_TUNNEL}icmp-rate = 40`);
  writeFileSync(relayConfig, `workers = 4\n${read(relayConfig)}`);
  await net.service(net.relay, relayConfig);
  const sites = net.host.run(() => new IPv4Host(Protocol.ipv6, { withHeader: true }));
  try {
    const began = performance.now();
    for (let round = 0; round < 50; round++) {
      for (let site = 100; site < 120; site++) {
        const inner = udp6({ src: `2002:c000:2${site.toString(16)}::1`, dst: BEYOND, hopLimit: 1 });
        sites.send(ipv4({ src: `192.0.2.${site}`, dst: RELAY }, inner));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [{ icmp, dropped }] = (net.ask(relayConfig, 'status') as Status).tunnels;
    const seconds = (performance.now() - began) / 1000;
    expect(dropped.hop_limit).toBe(1000);
    expect(icmp.sent_time_exceeded).toBeGreaterThan(4);
    expect(icmp.sent_time_exceeded).toBeLessThanOrEqual(40 * (seconds + 0.1));
  } finally {
    sites.close();
  }
});

test('the control socket is for its user and group only', async ({ net }) => {
  await net.services();
  expect((statSync(net.file('host.sock')).mode & 0o777).toString(8)).toBe('660');
});

test('a drain goes on until its time has come; until then it can be called off', async ({ net }) => {
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

test('[http] serves the same status and the metrics, and follows a reload', async ({ net }) => {
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

test('[http] moves between one address and all of them on one port, and stays where it is when that fails', async ({ net }) => {
  const { hostConfig } = await net.services();
  const plain = read(hostConfig);
  const listen = (address: string) => writeFileSync(hostConfig, `${plain}\n[http]\nlisten = "${address}"\n`);
  const answers = (address: string) => {
    try {
      return net.exec(net.host, `curl -s http://${address}/`).includes('home');
    } catch {
      return false;
    }
  };
  for (const [address, reached] of [
    ['127.0.0.1:6404', [true, false]],
    ['0.0.0.0:6404', [true, true]],
    ['127.0.0.1:6404', [true, false]],
  ] as const) {
    listen(address);
    net.ask(hostConfig, 'reload');
    expect([address, answers('127.0.0.1:6404'), answers(`${HOST}:6404`)]).toEqual([address, ...reached]);
  }
  listen('203.0.113.77:6404');
  expect(await net.tsunagi('reload', '--config', hostConfig)).toMatchObject({ status: Exit.failed });
  expect(answers('127.0.0.1:6404')).toBe(true);
});

test('idle with one packet thread it takes less than 90 MiB', async ({ net }) => {
  const { host } = await net.services();
  expect(residentMemory(host.pid)).toBeLessThan(90 * 1024);
});
