/** The service with Teredo: its sockets while things change. */
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status, TunnelStatus } from '../../src/daemon/status.js';
import type { TeredoClientStatus } from '../../src/daemon/status-details.js';
import { Echoes, FAR, HOST, HOST_TUNNEL, type Network, RELAY, RELAY_TUNNEL, type Run, read, SIDE_TUNNEL, test } from './daemon-network.js';

/** The other address of the server, which is where the relay is. */
const SECONDARY = '192.0.2.2';

const CLIENT = `
[[tunnel]]
name   = "roamer"
type   = "teredo"
role   = "client"
server = "${RELAY}"
`;

const SERVER_AND_RELAY = `
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "${RELAY}"
secondary = "${SECONDARY}"

[[tunnel]]
type  = "teredo"
role  = "relay"
local = "${RELAY}"
`;

/** A client that is qualified, and a service that is its server and relay. Both have two packet threads. */
async function services(net: Network): Promise<{ client: Run; server: Run; clientConfig: string; serverConfig: string }> {
  net.exec(net.relay, `ip address add ${SECONDARY}/24 dev tdmr`);
  const workers = (file: string): string => {
    writeFileSync(file, `workers = 2\n${read(file)}`);
    return file;
  };
  const serverConfig = workers(net.configure('server', SERVER_AND_RELAY));
  const clientConfig = workers(net.configure('client', CLIENT));
  const server = await net.service(net.relay, serverConfig);
  const client = await net.service(net.host, clientConfig);
  await client.line('teredo qualified');
  await hasAddress(net, clientConfig);
  return { client, server, clientConfig, serverConfig };
}

/** What a client has found out is on its host a moment after it was told. */
async function hasAddress(net: Network, config: string): Promise<void> {
  await expect.poll(() => tunnelOf(net, config).address, { timeout: 5000 }).toBeDefined();
}

async function ended(run: Run): Promise<{ status: unknown; complaints: string }> {
  return { status: await run.ended, complaints: run.complaints.join('\n') };
}

/** UDP sockets of a machine, each by its address and port. */
function sockets(net: Network, where: 'host' | 'relay'): string[] {
  const lines = net.exec(net[where], 'ss -Huln').split('\n');
  return lines.flatMap((line) => line.split(/\s+/)[3] ?? []).sort();
}

const tunnelOf = (net: Network, config: string): TunnelStatus => (net.ask(config, 'status') as Status).tunnels[0];

test('a client qualifies and reaches the IPv6 Internet; the status says what it has found out', async ({ net }) => {
  const { client, clientConfig, serverConfig } = await services(net);
  expect(net.reaches()).toBe(true);
  const { teredo, local, address } = tunnelOf(net, clientConfig);
  const { mapped, localPort } = teredo as TeredoClientStatus;
  expect(teredo).toMatchObject({ state: 'qualified', server: RELAY, mapped: `${HOST}:${localPort}`, nat: 'none', address, peers: 1 });
  expect(local).toBe(HOST);
  expect(await client.line('teredo qualified')).toMatchObject({ tunnel: 'roamer', server: RELAY, mapped, nat: 'none', address });
  expect((net.ask(serverConfig, 'status') as Status).tunnels).toMatchObject([
    { interface: null, teredo: { secondary: SECONDARY } },
    { interface: 'tunteredo', teredo: { peers: 1 } },
  ]);
  expect(net.exec(net.relay, 'ip -br link')).not.toContain('tunteredo-2');
});

test('a reload keeps the sockets of a tunnel that did not change, and loses no packet of it', async ({ net }) => {
  const { client, clientConfig } = await services(net);
  const plain = read(clientConfig);
  expect(net.reaches()).toBe(true);
  const before = sockets(net, 'host');
  const echoes = new Echoes(net.host, 0.01);
  for (let turn = 0; turn < 3; turn++) {
    writeFileSync(clientConfig, `${plain}${SIDE_TUNNEL}`);
    expect(net.ask(clientConfig, 'reload')).toMatchObject({ added: ['side'], unchanged: ['roamer'] });
    writeFileSync(clientConfig, plain);
    expect(net.ask(clientConfig, 'reload')).toMatchObject({ removed: ['side'], unchanged: ['roamer'] });
  }
  const { sent, received } = await echoes.stop();
  expect(received).toBe(sent);
  expect(sockets(net, 'host')).toEqual(before);
  expect(client.log.filter(({ msg }) => msg.startsWith('teredo'))).toHaveLength(1);
});

test('a port that one tunnel leaves goes to the next that wants it, and one that nobody wants is closed', async ({ net }) => {
  const { serverConfig } = await services(net);
  const plain = read(serverConfig);
  const before = sockets(net, 'relay');
  expect(before).toEqual([`${RELAY}:3544`, `${RELAY}:3545`, `${SECONDARY}:3544`].sort());
  // Another name, another time to live, and the addresses of the server the other way round.
  const swapped = plain
    .replace(`local     = "${RELAY}"\nsecondary = "${SECONDARY}"`, `local = "${SECONDARY}"\nsecondary = "${RELAY}"`)
    .replace('role  = "relay"', 'role = "relay"\nname = "other"\nttl = 32');
  writeFileSync(serverConfig, swapped);
  expect(net.ask(serverConfig, 'reload')).toMatchObject({ added: ['other'], removed: ['teredo-relay'], changed: ['teredo-server'] });
  expect(sockets(net, 'relay')).toEqual(before);
  writeFileSync(serverConfig, plain.replace(/\[\[tunnel\]\]\ntype {2}= "teredo"\nrole {2}= "relay"\nlocal = .*\n/, ''));
  expect(net.ask(serverConfig, 'reload')).toMatchObject({ removed: ['other'] });
  expect(sockets(net, 'relay')).toEqual(before.filter((one) => !one.endsWith(':3545')));
});

test('a client may keep for ever the port that it came to; of one that another program has, both are named', async ({ net }) => {
  const { clientConfig } = await services(net);
  const { localPort } = tunnelOf(net, clientConfig).teredo as TeredoClientStatus;
  const before = sockets(net, 'host');
  writeFileSync(clientConfig, read(clientConfig).replace('role   = "client"', `role   = "client"\nport   = ${localPort}`));
  expect(net.ask(clientConfig, 'reload')).toMatchObject({ changed: ['roamer'] });
  expect(sockets(net, 'host')).toEqual(before);

  const other = net.configure('other', `${CLIENT}port = ${localPort}\ninterface = "tunother"\n`);
  const { status, complaints } = await ended(net.run(net.host, ['run', '--config', other]));
  expect(status).toBe(Exit.failed);
  expect(complaints).toContain(`tunnel roamer: no UDP socket at ${HOST}:${localPort}: bind(UDP port ${localPort}): EADDRINUSE`);
  expect(net.exec(net.host, 'ip -br link')).not.toContain('tunother');
});

test('an interface has as many queues as threads that run its tunnel, though another tunnel gets it', async ({ net }) => {
  const queues = (): string => /numqueues (\d+)/.exec(net.exec(net.host, 'ip -d link show tunone'))?.[1] ?? 'none';
  const { clientConfig } = await services(net);
  const roamer = read(clientConfig).replace('name   = "roamer"', 'name = "roamer"\ninterface = "tunone"');
  const home = roamer.replace(/\[\[tunnel\]\][^[]*/, SIDE_TUNNEL.replace('tunside', 'tunone'));
  for (const [toml, expected] of [
    [roamer, '1'],
    [home, '2'],
    [roamer, '1'],
  ]) {
    writeFileSync(clientConfig, toml);
    net.ask(clientConfig, 'reload');
    expect(queues()).toBe(expected);
  }
  await hasAddress(net, clientConfig);
  expect(net.reaches()).toBe(true);
});

test.for([
  ['6to4', `${HOST_TUNNEL}${CLIENT}`],
  ['Teredo', `${CLIENT}${HOST_TUNNEL}`],
])('beside 6to4, with %s first, each address is good for the way there and back, and nothing is left of it', async ([, toml], { net }) => {
  net.exec(net.relay, `ip address add ${SECONDARY}/24 dev tdmr`);
  const before = net.snapshot(net.host);
  await net.service(net.relay, net.configure('server', `${SERVER_AND_RELAY}${RELAY_TUNNEL}`));
  const config = net.configure('client', toml);
  const client = await net.service(net.host, config);
  await client.line('teredo qualified');
  const addresses = (): string[] => (net.ask(config, 'status') as Status).tunnels.flatMap(({ address }) => address ?? []);
  await expect.poll(() => addresses().length, { timeout: 5000 }).toBe(2);
  for (const address of addresses()) net.exec(net.host, `ping -6 -n -c 1 -W 5 -I ${address} ${FAR}`);
  writeFileSync(config, read(config).replace(HOST_TUNNEL.trim(), ''));
  expect(net.ask(config, 'reload')).toMatchObject({ removed: ['home'], unchanged: ['roamer'] });
  expect(net.reaches()).toBe(true);
  expect(await client.stop()).toBe(0);
  expect(net.snapshot(net.host)).toBe(before);
});

test('a client is down while its host has native IPv6', async ({ net }) => {
  const { client, clientConfig } = await services(net);
  net.exec(net.host, 'ip address add 2001:db8:9::1/64 dev tdmh nodad');
  expect(await client.line('tunnel down')).toMatchObject({ tunnel: 'roamer', reason: 'the host has native IPv6' });
  expect(sockets(net, 'host')).toEqual([]);
  const since = client.log.length;
  net.exec(net.host, 'ip address del 2001:db8:9::1/64 dev tdmh');
  await client.line('teredo qualified', since);
  await hasAddress(net, clientConfig);
  expect(net.reaches()).toBe(true);
});
