/**
 * A Teredo client that knows its servers by a name, which the site's name server tells it.
 *
 *   host 192.0.2.10, dnsmasq on its loopback ---- cable ---- 192.0.2.1 and 192.0.2.5, servers
 */
import { expect } from 'vitest';
import type { Status } from '../../src/daemon/status.js';
import type { TeredoClientStatus } from '../../src/daemon/status-details.js';
import { test as base, type Network, RELAY, type Run } from './daemon-network.js';
import { withoutDnsmasq } from './dhcp-server.js';
import { NameService } from './name-server.js';

const OTHER = '192.0.2.5';
const CLIENT = '[[tunnel]]\nname = "roamer"\ntype = "teredo"\nrole = "client"\nserver = "teredo.campus.test"\n';
const server = (name: string, local: string, secondary: string): string =>
  `[[tunnel]]\nname = "${name}"\ntype = "teredo"\nrole = "server"\nlocal = "${local}"\nsecondary = "${secondary}"\n`;
const SERVERS = server('one', RELAY, '192.0.2.2') + server('other', OTHER, '192.0.2.6');

/** Servers that run, and the host's own name server, whose answers are good for no time at all. */
class Site {
  readonly net: Network;
  readonly names: NameService;

  constructor(net: Network) {
    this.net = net;
    this.names = new NameService(net.host, 'campus.test');
  }

  async servers(): Promise<Run> {
    for (const address of ['192.0.2.2', OTHER, '192.0.2.6']) this.net.exec(this.net.relay, `ip address add ${address}/24 dev tdmr`);
    return this.net.service(this.net.relay, this.net.configure('servers', SERVERS));
  }

  /** Names `teredo.campus.test` for these addresses from now on. */
  async name(...addresses: readonly string[]): Promise<void> {
    await this.names.serve(['--local-ttl=0', ...addresses.map((address) => `--host-record=teredo.campus.test,${address}`)]);
  }

  async client(): Promise<{ client: Run; status: () => Status['tunnels'][number] }> {
    const config = this.net.configure('client', CLIENT);
    const client = this.net.run(this.net.host, ['run', '--config', config], this.names.enter);
    await client.line('ready');
    return { client, status: () => (this.net.ask(config, 'status') as Status).tunnels[0] };
  }
}

const test = base.extend<{ site: Site }>({
  site: async ({ net, skip }, use) => {
    const reason = withoutDnsmasq();
    if (reason !== null) skip(reason);
    const site = new Site(net);
    await use(site);
    await site.names.close();
  },
});

test('a client qualifies by the server that a name stands for, and follows the name to another', async ({ site }) => {
  await site.servers();
  await site.name(RELAY);
  const { client, status } = await site.client();
  expect(await client.line('names changed')).toMatchObject({ name: 'teredo.campus.test', now: [RELAY] });
  expect(await client.line('teredo qualified')).toMatchObject({ tunnel: 'roamer', server: RELAY });

  const since = client.log.length;
  await site.name(OTHER);
  await expect.poll(() => (status().teredo as TeredoClientStatus).server, { timeout: 20_000 }).toBe(OTHER);
  expect(await client.line('teredo qualified', since)).toMatchObject({ server: OTHER });
});

test('without an answer the client is down, and says for want of what, until there is one', async ({ site }) => {
  await site.servers();
  const { client, status } = await site.client();
  await client.line('name has no answer, its last addresses stay');
  expect(status()).toMatchObject({ state: 'down', down: 'the name teredo.campus.test has no address yet' });
  await site.name(RELAY);
  await client.line('tunnel up');
  expect(await client.line('teredo qualified')).toMatchObject({ server: RELAY });
});
