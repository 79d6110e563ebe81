/**
 * A 6rd customer edge that knows nothing but its interface: a provider's DHCPv4 server tells it the rest.
 *
 *   pc ---- tdml home tdmh ---- tdmr provider: dnsmasq, border relay 192.0.2.1, 2001:db8:80::80 behind it
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { test as base, type Network, RELAY, read } from './daemon-network.js';
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
  const lengths = [maskLen, prefixLen].map((n) => n.toString(16).padStart(2, '0')).join('');
  const hex = `${lengths}${prefix.padEnd(32, '0')}c0000201`;
  return `--dhcp-option=212,${hex.match(/../g)?.join(':')}`;
}

/** Options of dnsmasq: the one address that it gives, and what it says with it. */
const leaseOf = (address: string, option = OPTION_212): string[] => [
  `--dhcp-range=${address},${address},255.255.255.0,120`,
  `--dhcp-option=3,${RELAY}`,
  option,
];

/** A renewal is due after seconds, rather than after half of the shortest lease that dnsmasq gives. */
const SOON = ['--dhcp-option=option:T1,4', '--dhcp-option=option:T2,60'];

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

test('radvdump reads what a LAN is told as what it is meant to say', async ({ net, provider, skip }) => {
  if (spawnSync('radvdump', ['--version']).error !== undefined) skip('needs radvdump (Debian package of that name)');
  const pc = net.addLan();
  const dump = spawn('nsenter', [`--net=${pc.path}`, 'radvdump'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    let said = '';
    dump.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
    await (await net.service(net.host, net.configure('home', `${EDGE}${LAN}`))).line('tunnel up');
    await expect.poll(() => said, { timeout: 8000 }).toContain('prefix 3fff:664:0:7::/64');
    expect(said).toMatch(/AdvManagedFlag off;[\s\S]*AdvDefaultPreference low;[\s\S]*AdvLinkMTU 1280;/);
    expect(said).toMatch(
      /prefix 3fff:664:0:7::\/64\s*\{\s*AdvValidLifetime 1[01]\d;\s*AdvPreferredLifetime 1[01]\d;\s*AdvOnLink on;\s*AdvAutonomous on;/,
    );
  } finally {
    dump.kill('SIGKILL');
  }
});

test('a server that gives another address renumbers the LAN, and no stale address stays preferred', async ({ net, provider }) => {
  const pc = net.addLan();
  await Promise.all([provider.serve([...leaseOf('192.0.2.100'), ...SOON]), provider.relay()]);
  const config = net.configure('home', `${EDGE}${LAN}`);
  const home = await net.service(net.host, config);
  const addresses = () => net.exec(pc, 'ip -6 -o address show dev tdmp scope global');
  await expect.poll(addresses, { timeout: 8000 }).toContain('3fff:664:0:7:');
  await home.line('lease renewed');

  await provider.serve([...leaseOf('192.0.2.150'), ...SOON]);
  // It refuses the renewal (DHCPNAK), and offers what it has.
  await home.line('lease lost');
  const since = home.log.length;
  await expect.poll(addresses, { timeout: 8000 }).toMatch(/3fff:664:0:7:.*deprecated/);
  expect(await home.line('tunnel up', since)).toMatchObject({ now: '192.0.2.150' });
  await expect.poll(addresses, { timeout: 8000 }).toContain('3fff:696:0:7:');
  await expect.poll(addresses, { timeout: 8000 }).toMatch(/3fff:664:0:7:.*deprecated/);
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).toMatch(/192\.0\.2\.150\/24/);
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).not.toContain('192.0.2.100');
  expect(net.exec(net.host, 'ip -6 address')).not.toContain('3fff:664:');
  expect(net.exec(net.host, 'ip -4 route show default')).toContain(`via ${RELAY}`);
  expect(net.reaches(pc)).toBe(true);
});

test('an interface that is configured by hand keeps its address: only the option is asked for', async ({ net, provider }) => {
  net.exec(net.host, 'ip address add 192.0.2.77/24 dev tdmh');
  const before = net.snapshot(net.host);
  const [server] = await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const config = net.configure('home', EDGE);
  const home = await net.service(net.host, config);
  await home.line('tunnel up');
  await server.line(/DHCPINFORM\(tdmr\) 192\.0\.2\.77/);
  expect(provider.status(config)).toMatchObject({
    local: '192.0.2.77',
    sixRd: { delegatedPrefix: '3fff:64d::/32', lease: { assigned: false, address: '192.0.2.77', server: RELAY } },
  });
  expect(provider.status(config).sixRd?.lease).not.toHaveProperty('untilSeconds');
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).not.toContain('192.0.2.100');
  expect(net.reaches(net.host)).toBe(true);
  expect(await home.stop()).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});

test('an invalid option 212 is counted, said once, and makes no tunnel; the lease stands all the same', async ({ net, provider }) => {
  await provider.serve([...leaseOf('192.0.2.100', option212(33, 24, '3fff0600')), ...SOON]);
  const config = net.configure('home', EDGE);
  const home = await net.service(net.host, config);
  const fault = 'IPv4MaskLen 33: expected 0 to 32';
  const line = await home.line('the 6rd option of a lease is invalid, it is ignored');
  expect(line).toMatchObject({ level: 'warn', interface: 'tdmh' });
  expect(String(line.fault)).toContain(fault);
  await expect.poll(() => provider.status(config).down).toContain(fault);
  expect(provider.status(config)).toMatchObject({
    state: 'down',
    dropped: { malformed_option_212: 1 },
    sixRd: { lease: { address: '192.0.2.100', fault: expect.stringContaining(fault) } },
  });
  expect(net.exec(net.host, 'ip -6 address')).not.toContain('3fff:');
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).toContain('192.0.2.100/24');
  // It is said again by each renewal, and the service says it once.
  await home.line('lease renewed');
  expect(home.log.filter(({ msg }) => msg === line.msg)).toHaveLength(1);
});

test('a lease without the option leaves the tunnel down, with the reason; one with it brings it up', async ({ net, provider }) => {
  const [address, router] = leaseOf('192.0.2.100');
  await Promise.all([provider.serve([address, router, ...SOON]), provider.relay()]);
  const config = net.configure('home', EDGE);
  const home = await net.service(net.host, config);
  expect(await home.line('tunnel down')).toMatchObject({ reason: 'no DHCPv4 lease on tdmh yet' });
  await home.line('lease acquired');
  await expect.poll(() => provider.status(config).down).toBe('the lease on tdmh has no 6rd option');
  await provider.serve([...leaseOf('192.0.2.100'), ...SOON]);
  await home.line('lease changed');
  await home.line('tunnel up');
  expect(net.reaches(net.host)).toBe(true);
});

test('an interface that is taken down takes its lease along, and works again when it is back, with several packet threads', async ({
  net,
  provider,
}) => {
  await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const config = net.configure('home', EDGE);
  writeFileSync(config, `workers = 2\n${read(config)}`);
  const home = await net.service(net.host, config);
  await home.line('tunnel up');
  expect(net.reaches(net.host)).toBe(true);

  const since = home.log.length;
  net.exec(net.host, 'ip link set tdmh down');
  expect(await home.line('tunnel down', since)).toMatchObject({ tunnel: 'home', before: '192.0.2.100' });
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).toBe('');
  net.exec(net.host, 'ip link set tdmh up');
  await home.line('lease acquired', since);
  await home.line('tunnel up', since);
  expect(net.reaches(net.host)).toBe(true);
  // Gone and back before anybody has looked: what was set on it is set again.
  net.exec(net.host, 'ip link set tdmh down');
  net.exec(net.host, 'ip link set tdmh up');
  await expect.poll(() => net.reaches(net.host), { timeout: 10_000 }).toBe(true);
});

test('an interface that is deleted, and made again under its name, works again', async ({ net, provider }) => {
  await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const config = net.configure('home', EDGE);
  const home = await net.service(net.host, config);
  await home.line('tunnel up');

  const since = home.log.length;
  net.exec(net.host, 'ip link delete tdmh');
  await home.line('tunnel down', since);
  await expect.poll(() => provider.status(config).down).toBe('tdmh is not there, or down');
  net.exec(net.host, `ip link add tdmh type veth peer name tdmr netns ${net.relay.path}`);
  net.exec(net.relay, `ip address add ${RELAY}/24 dev tdmr`);
  net.exec(net.relay, 'ip link set tdmr up');
  await provider.serve(leaseOf('192.0.2.101'));
  net.exec(net.host, 'ip link set tdmh up');
  expect(await home.line('tunnel up', since)).toMatchObject({ now: '192.0.2.101' });
  await expect.poll(() => net.reaches(net.host), { timeout: 5000 }).toBe(true);
  expect(home.log.filter(({ level }) => level === 'error')).toEqual([]);
});

test('what a killed service has set for its lease is undone by the next', async ({ net, provider }) => {
  await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const before = net.snapshot(net.host);
  const config = net.configure('home', EDGE);
  const home = await net.service(net.host, config);
  await home.line('tunnel up');
  await home.stop('SIGKILL');
  expect(net.exec(net.host, 'ip -4 -o address show dev tdmh')).toContain('192.0.2.100/24');
  const next = await net.service(net.host, config);
  await next.line('tunnel up');
  expect(net.reaches(net.host)).toBe(true);
  expect(await next.stop()).toBe(Exit.done);
  expect(net.snapshot(net.host)).toBe(before);
});

test('a router that lost its power comes back to another address, and takes back what its LAN still believes', async ({
  net,
  provider,
}) => {
  const pc = net.addLan();
  await Promise.all([provider.serve(leaseOf('192.0.2.100')), provider.relay()]);
  const config = net.configure('home', `${EDGE}${LAN}`);
  const home = await net.service(net.host, config);
  const addresses = () => net.exec(pc, 'ip -6 -o address show dev tdmp scope global');
  await expect.poll(addresses, { timeout: 8000 }).toContain('3fff:664:0:7:');
  await home.stop('SIGKILL');
  net.exec(net.host, 'ip -4 address flush dev tdmh');
  await provider.serve(leaseOf('192.0.2.150'));
  const next = await net.service(net.host, config);
  await next.line('tunnel up');
  await expect.poll(addresses, { timeout: 8000 }).toContain('3fff:696:0:7:');
  await expect.poll(addresses, { timeout: 8000 }).toMatch(/3fff:664:0:7:.*deprecated/);
  expect(net.reaches(pc)).toBe(true);
  expect(await next.stop()).toBe(Exit.done);
});
