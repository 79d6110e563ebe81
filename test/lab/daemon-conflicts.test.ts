/** The service where it cannot start: it says why, with its own status, and disturbs nobody. */
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Diagnosis } from '../../src/daemon/diagnosis.js';
import { Exit } from '../../src/daemon/failure.js';
import { HOST_TUNNEL, read, SIDE_TUNNEL, test } from './daemon-network.js';

test('two services cannot have one interface: the second names the process that has it', async ({ net }) => {
  const { host } = await net.services();
  const second = net.run(net.host, ['run', '--config', net.configure('second', HOST_TUNNEL)]);
  expect(await second.ended).toBe(Exit.failed);
  expect(second.complaints).toEqual([
    expect.stringMatching(`^tsunagi: interface tun6to4: process ${host.pid} has it: .*tsunagi.js run --config `),
  ]);
  expect(net.reaches(), 'the first is not disturbed').toBe(true);
});

test('two services cannot share a state directory or a control socket', async ({ net }) => {
  const { host, hostConfig } = await net.services();
  const same = net.run(net.host, ['run', '--config', hostConfig]);
  expect(await same.ended).toBe(Exit.failed);
  expect(same.complaints).toEqual([
    `tsunagi: state directory ${net.file('host.state')}: process ${host.pid} uses it: stop that, or give this one a node.state of its own`,
  ]);

  const other = net.configure('other', SIDE_TUNNEL);
  writeFileSync(other, read(other).replace(net.file('other.sock'), net.file('host.sock')));
  const before = net.snapshot(net.host);
  const second = net.run(net.host, ['run', '--config', other]);
  expect(await second.ended).toBe(Exit.failed);
  expect(second.complaints).toEqual([`tsunagi: control socket ${net.file('host.sock')}: another service answers on it`]);
  expect(net.snapshot(net.host), 'the attempt left nothing').toBe(before);
});

test('an http address that is taken is named, and the attempt leaves nothing', async ({ net }) => {
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

test('an interface of that name which nobody holds is not taken', async ({ net }) => {
  net.exec(net.host, 'ip link add tun6to4 type veth peer name tdmx');
  const run = net.run(net.host, ['run', '--config', net.configure('host', HOST_TUNNEL)]);
  expect(await run.ended).toBe(Exit.failed);
  expect(run.complaints).toEqual(['tsunagi: interface tun6to4: an interface of this name exists already']);
});

test('without a capability the status is 4, and the message names it and what to do', async ({ net }) => {
  const config = net.configure('host', HOST_TUNNEL);
  const run = net.run(net.host, ['run', '--config', config], ['setpriv', '--bounding-set', '-net_raw']);
  expect(await run.ended).toBe(Exit.privilege);
  expect(run.complaints.join('\n')).toMatch(
    /CAP_NET_RAW is needed to send and receive protocol 41: run it as root, or set AmbientCapabilities=/,
  );
});

test('an invalid configuration does not start: status 3, every problem named', async ({ net }) => {
  const config = net.configure('host', HOST_TUNNEL.replace('1480', '99').replace('host', 'hots'));
  const run = net.run(net.host, ['run', '--config', config]);
  expect(await run.ended).toBe(Exit.configuration);
  expect(run.complaints.join('\n')).toMatch(/is invalid\n.*tunnel\[0\]\.role: .*\n.*tunnel\[0\]\.mtu: /);
});

test('a start that fails ends with its status, however far its packet thread has come', async ({ net }) => {
  const config = net.configure('host', 'no TOML');
  for (let round = 0; round < 3; round++) {
    const runs = Array.from({ length: 8 }, () => net.run(net.host, ['run', '--config', config]));
    expect(await Promise.all(runs.map((run) => run.ended))).toEqual(runs.map(() => Exit.configuration));
  }
});

test('doctor sees what keeps a service from starting, and who has its interface', async ({ net }) => {
  const { host } = await net.services();
  const second = net.configure('second', HOST_TUNNEL.replace('1480', '1490'));
  const { findings } = JSON.parse(net.exec(net.host, `${process.execPath} bin/tsunagi.js doctor --json --config ${second}`)) as {
    findings: Diagnosis[];
  };
  const of = (check: string) =>
    findings.filter((finding) => finding.check === check).map(({ severity, what, remedy }) => [severity, what, remedy]);
  expect(of('interface')).toEqual([['note', expect.stringMatching(`^process ${host.pid} has it: `), '']]);
  expect(of('mtu')).toEqual([['warning', expect.stringContaining('packets of 1490 octets become 1510'), 'mtu = 1480']]);
  expect(of('service')).toEqual([['note', expect.stringContaining('no service runs with this control socket'), 'tsunagi run']]);
  expect(of('privileges')).toEqual([['ok', expect.any(String), '']]);
});
