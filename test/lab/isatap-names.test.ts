/**
 * An ISATAP host that knows nothing but a name, RFC 5214 section 9: the site's name server tells it the rest.
 *
 *   host 192.0.2.10, dnsmasq on its loopback ---- cable ---- 192.0.2.1 router   2001:db8:80::80 behind it
 */
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { test as base, HOST, type Network, RELAY, type Run } from './daemon-network.js';
import { withoutDnsmasq } from './dhcp-server.js';
import { NameService } from './name-server.js';

const HOST_TUNNEL = '[[tunnel]]\nname = "campus"\ntype = "isatap"\nrole = "host"\n';
const ROUTER_TUNNEL = `[[tunnel]]\nname = "router"\ntype = "isatap"\nrole = "router"\nlocal = "${RELAY}"\nprefix = "2001:db8:0:1::/64"\n`;
const ADDRESS = '2001:db8:0:1:0:5efe:c000:20a';
const ROUTER = 'fe80::5efe:c000:201';

/** The host's own name server, whose answers are good for no time at all. */
class Site {
  readonly net: Network;
  readonly names: NameService;

  constructor(net: Network) {
    this.net = net;
    this.names = new NameService(net.host, 'campus.test');
  }

  /** Names `isatap.campus.test` for these addresses from now on. */
  async name(...addresses: readonly string[]): Promise<void> {
    await this.names.serve(['--local-ttl=0', ...addresses.map((address) => `--host-record=isatap.campus.test,${address}`)]);
  }

  /** The service of the host, which is ready, and its configuration. */
  async host(): Promise<{ host: Run; config: string; status: () => Status['tunnels'][number] }> {
    const config = this.net.configure('host', HOST_TUNNEL);
    const host = this.net.run(this.net.host, ['run', '--config', config], this.names.enter);
    await host.line('ready');
    return { host, config, status: () => (this.net.ask(config, 'status') as Status).tunnels[0] };
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

test('a host that asks for "isatap" finds its router, has an address, and reaches what is behind it', async ({ net, site }) => {
  await site.name(RELAY);
  const before = net.snapshot(net.host);
  await net.service(net.relay, net.configure('router', ROUTER_TUNNEL));
  const { host, status } = await site.host();
  expect(await host.line('names changed')).toMatchObject({ name: 'isatap', now: [RELAY] });
  expect(await host.line('router learned')).toMatchObject({ tunnel: 'campus', router: ROUTER, untilSeconds: 1800 });
  await expect.poll(() => net.reaches(), { timeout: 5000 }).toBe(true);
  expect(status()).toMatchObject({
    state: 'up',
    local: HOST,
    address: ADDRESS,
    isatap: { potentialRouters: [RELAY], routers: [{ address: ROUTER }], prefixes: [{ prefix: '2001:db8:0:1::/64', preferred: true }] },
  });
  expect(host.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await host.stop()).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});

test('a name that comes to stand for another router is followed, and the router that it no longer stands for is left', async ({
  net,
  site,
}) => {
  await site.name('192.0.2.9');
  await net.service(net.relay, net.configure('router', ROUTER_TUNNEL));
  const { host, status } = await site.host();
  await host.line('tunnel up');
  expect(net.reaches()).toBe(false);
  await site.name(RELAY, '192.0.2.9');
  await expect.poll(() => status().isatap?.potentialRouters, { timeout: 15_000 }).toEqual([RELAY, '192.0.2.9']);
  await host.line('router learned');
  await expect.poll(() => net.reaches(), { timeout: 5000 }).toBe(true);

  await site.name('192.0.2.9');
  const since = host.log.length;
  await expect.poll(() => status().isatap?.potentialRouters, { timeout: 15_000 }).toEqual(['192.0.2.9']);
  expect(await host.line('router lost', since)).toMatchObject({ router: ROUTER });
  expect(net.reaches()).toBe(false);
});

test('without an answer the tunnel is down, and says for want of what, until there is one', async ({ site }) => {
  const { host, status } = await site.host();
  await host.line('name has no answer, its last addresses stay');
  expect(status()).toMatchObject({ state: 'down', down: expect.stringContaining('isatap') });
  await site.name(RELAY);
  expect(await host.line('tunnel up')).toMatchObject({ now: HOST });
});
