import { expect, test } from 'vitest';
import type { HostFacts } from '../../src/engine/spec.js';
import type { Learned } from '../../src/role/role.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { tunnel } from '../config/documents.js';
import { address, HOST, ip, on } from './host.js';

const host = (...lines: string[]) => tunnel('isatap', 'host', ...lines);
const router = (...lines: string[]) => tunnel('isatap', 'router', 'prefix = "2001:db8:0:1::/64"', ...lines);

/** On a campus with private addresses. */
const CAMPUS: Partial<HostFacts> = { ipv4: [address('172.16.9.9', 16)], defaultSource: ip('172.16.9.9') };
const knowing = (names: Readonly<Record<string, readonly string[]>>): Partial<HostFacts> => ({
  ...CAMPUS,
  found: { ...HOST.found, names: new Map(Object.entries(names).map(([name, addresses]) => [name, addresses.map(ip)])) },
});
const listed = (facts: Partial<HostFacts>, ...lines: string[]): readonly string[] => {
  const [only] = on(facts, host(...lines)).tunnels;
  return only.type === 'isatap' ? only.potentialRouters.map(formatIpv4) : expect.fail(only.type);
};

test('a host has the potential routers that names lead to, beside those that are written', () => {
  const { node, said } = on(
    knowing({ isatap: ['172.16.1.2', '5.5.5.5'], other: ['172.16.1.3'] }),
    host('potential-routers = ["172.16.1.1", "isatap", "172.16.1.2"]'),
  );
  expect(said).toEqual([]);
  expect(node.dhcp).toEqual([]);
  expect(node.tunnels).toEqual([
    {
      name: 'isatap-host',
      slot: 0,
      type: 'isatap',
      role: 'host',
      interface: 'tunisatap',
      local: [ip('172.16.9.9')],
      assign: [],
      down: null,
      configure: true,
      mtu: 1280,
      ttl: 64,
      dscp: 0,
      ecn: 'compatibility',
      pathMtuDiscovery: false,
      dontFragment: false,
      icmpRate: 1000,
      lans: [],
      potentialRouters: ['5.5.5.5', '172.16.1.1', '172.16.1.2'].map(ip),
      prefix: null,
      routerLifetime: 0,
      learned: null,
    },
  ]);
});

test('a name that has not been answered keeps nobody down who has another router', () => {
  expect(on(CAMPUS, host())).toMatchObject({ said: [], tunnels: [{ down: 'the name isatap has no address yet', local: [] }] });
  expect(on(knowing({ isatap: [] }), host())).toMatchObject({ tunnels: [{ down: 'the name isatap has no address yet' }] });
  expect(on(CAMPUS, host('potential-routers = ["isatap", "172.16.1.1"]'))).toMatchObject({
    tunnels: [{ down: null, potentialRouters: [ip('172.16.1.1')] }],
  });
});

test('a host is none of its own potential routers', () => {
  expect(listed(knowing({ isatap: ['172.16.9.9', '172.16.1.1'] }))).toEqual(['172.16.1.1']);
  const relay = tunnel('6to4', 'relay', 'local = "192.88.99.1"', 'accept = ["8.8.4.4"]');
  expect(on(knowing({ isatap: ['8.8.4.4', '172.16.1.1'] }), host() + relay).tunnels[0]).toMatchObject({
    potentialRouters: [ip('172.16.1.1')],
  });
  expect(on(knowing({ isatap: ['172.16.9.9'] }), host())).toMatchObject({ tunnels: [{ down: 'no potential router is another host' }] });
});

test('a hundred addresses are cut to the lowest sixteen', () => {
  const many = Array.from({ length: 100 }, (_, i) => `172.16.1.${200 - i}`);
  expect(listed(knowing({ isatap: many }))).toEqual(Array.from({ length: 16 }, (_, i) => `172.16.1.${101 + i}`));
});

test('what DNS says that is no unicast address of the site is not used', () => {
  const answers = ['0.0.0.1', '127.0.0.1', '192.88.99.1', '224.0.0.1', '255.255.255.255', '172.16.255.255', '172.16.1.1'];
  expect(listed(knowing({ isatap: answers }))).toEqual(['172.16.1.1']);
});

test('what the file says so is an error at its place', () => {
  expect(on(CAMPUS, host('potential-routers = ["172.16.1.1", "224.0.0.1"]', 'local = "127.0.0.1"')).said).toEqual([
    '5:1: tunnel[0].local: 127.0.0.1 is loopback (RFC 1122); expected a unicast address',
    '4:36: tunnel[0].potential-routers[1]: 224.0.0.1 is multicast (RFC 5771); expected a unicast address',
  ]);
});

test('what a host has learned is its own, by the name of its tunnel', () => {
  const learned: Learned = { routers: [], prefixes: [], routes: [], mtu: 1400, teredo: null };
  const facts = { ...CAMPUS, found: { ...HOST.found, learned: new Map([['campus', learned]]) } };
  expect(on(facts, host('name = "campus"')).tunnels[0]).toMatchObject({ learned });
  expect(on(facts, host()).tunnels[0]).toMatchObject({ learned: null });
});

test('a router has its prefix and lifetime, takes its default address, and wants to forward', () => {
  expect(on({ ...CAMPUS, forwards6: false }, router('router-lifetime = 0'))).toMatchObject({
    said: ['3:1: warning: tunnel[0].role: this host does not forward IPv6; expected `sysctl -w net.ipv6.conf.all.forwarding=1`'],
    tunnels: [
      {
        down: null,
        local: [ip('172.16.9.9')],
        potentialRouters: [],
        prefix: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1),
        routerLifetime: 0,
        learned: null,
      },
    ],
  });
  expect(on({ ...CAMPUS, forwards6: false }, host('potential-routers = ["172.16.1.1"]')).said).toEqual([]);
  expect(on({ defaultSource: null }, router()).tunnels[0].down).toBe('no IPv4 default route');
  expect(on(CAMPUS, router('local = "172.16.1.1"')).tunnels[0].down).toBe('172.16.1.1 is on no interface');
});
