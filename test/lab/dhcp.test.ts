/**
 * A 6rd customer edge that knows nothing but its interface: a provider's DHCPv4 server tells it the rest.
 *
 *   pc ---- tdml home tdmh ---- tdmr provider: dnsmasq, border relay 192.0.2.1, 2001:db8:80::80 behind it
 */
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { test as base, type Network, RELAY } from './daemon-network.js';
import { DhcpServer, withoutDnsmasq } from './dhcp-server.js';

const DOMAIN = '3fff:600::/24';
/** Option 212 for `DOMAIN` with the customers in 192.0.2.0/24: octets as dnsmasq takes them. */
const OPTION_212 = option212(24, 24, '3fff0600');
const BORDER_RELAY = `
[[tunnel]]
name  = "relay"
type  = "6rd"
role  = "border-relay"
local = "${RELAY}"
prefix = "${DOMAIN}"
ipv4-mask-length = 24
`;
const EDGE = `
[[tunnel]]
name = "home"
type = "6rd"
role = "customer-edge"
dhcp-interface = "tdmh"
`;
const LAN = '[[tunnel.lan]]\ninterface = "tdml"\nsubnet = 7\n';

function option212(maskLen: number, prefixLen: number, prefix: string): string {
  const hex = [maskLen, prefixLen].map((n) => n.toString(16).padStart(2, '0')).join('') + prefix.padEnd(32, '0') + 'c0000201';
  return `--dhcp-option=212,${hex.match(/../g)?.join(':')}`;
}

/** Options of dnsmasq: the one address that it gives, and what it says with it. */
const leaseOf = (address: string, option = OPTION_212): string[] => [
  `--dhcp-range=${address},${address},255.255.255.0,120`,
  `--dhcp-option=3,${RELAY}`,
  option,
];

/** A network in which the home has no address, and a provider whose server may be another later. */
class Provider {
  readonly net: Network;
  #server: DhcpServer | null = null;

  constructor(net: Network) {
    this.net = net;
    net.exec(net.host, 'ip route delete default');
    net.exec(net.host, 'ip -4 address flush dev tdmh');
  }

  /** Starts a server, instead of the one before. */
  async serve(options: readonly string[]): Promise<DhcpServer> {
    await this.close();
    this.#server = new DhcpServer(this.net.relay, 'tdmr', this.net.file('leases'), options);
    await this.#server.line(/DHCP, IP range|DHCP, static/);
    return this.#server;
  }

  /** The border relay. */
  async relay(): Promise<void> {
    await this.net.service(this.net.relay, this.net.configure('relay', BORDER_RELAY));
  }

  status(config: string): Status['tunnels'][number] {
    return (this.net.ask(config, 'status') as Status).tunnels[0];
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }
}

const test = base.extend<{ provider: Provider }>({
  provider: async ({ net, skip }, use) => {
    const reason = withoutDnsmasq();
    if (reason !== null) skip(reason);
    const provider = new Provider(net);
    await use(provider);
    await provider.close();
  },
});

test('a host on the LAN has a working address from nothing but a lease, and nothing is left when the service stops', async ({
  net,
  provider,
}) => {
  const pc = net.addLan();
  const before = net.snapshot(net.host);
  const [server] = await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const config = net.configure('home', `${EDGE}${LAN}`);
  const home = await net.service(net.host, config);
  expect(await home.line('lease acquired')).toMatchObject({
    interface: 'tdmh',
    address: '192.0.2.100/24',
    server: RELAY,
    prefix: DOMAIN,
    ipv4MaskLength: 24,
    borderRelays: [RELAY],
    untilSeconds: 120,
  });
  await home.line('tunnel up');
  expect(provider.status(config)).toMatchObject({
    state: 'up',
    local: '192.0.2.100',
    address: '3fff:664::1',
    sixRd: { prefix: DOMAIN, ipv4MaskLength: 24, delegatedPrefix: '3fff:664::/32', borderRelays: [RELAY], lease: { interface: 'tdmh' } },
  });
  const addresses = () => net.exec(pc, 'ip -6 -o address show dev tdmp scope global');
  await expect.poll(addresses, { timeout: 8000 }).toContain('3fff:664:0:7:');
  expect(net.reaches(pc)).toBe(true);
  expect(net.reaches(net.host)).toBe(true);
  // RFC 5969 section 4: no LAN is told of a prefix for longer than the lease lasts.
  expect(Number(/valid_lft (\d+)sec/.exec(net.exec(pc, 'ip -6 address show dev tdmp scope global'))?.[1])).toBeLessThanOrEqual(120);

  expect(await home.stop()).toBe(Exit.done);
  await server.line(/DHCPRELEASE\(tdmr\) 192\.0\.2\.100/);
  expect(net.snapshot(net.host)).toBe(before);
  expect(net.exec(pc, 'ip -6 route show default')).toBe('');
  expect(home.log.filter(({ level }) => level === 'error')).toEqual([]);
});
