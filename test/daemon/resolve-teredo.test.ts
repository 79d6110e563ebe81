import { describe, expect, test } from 'vitest';
import type { HostFacts, TeredoSpec } from '../../src/engine/spec.js';
import { socketsOf } from '../../src/engine/technologies.js';
import type { Learned } from '../../src/role/role.js';
import type { PortMapping } from '../../src/role/teredo-node.js';
import { formatIpv4, formatPrefix4, parseIpv6 } from '../../src/wire/address.js';
import { tunnel } from '../config/documents.js';
import { address, HOST, ip, on } from './host.js';
import { mapped, unmapped } from './view.js';

const client = (...lines: string[]) => tunnel('teredo', 'client', 'server = "8.8.4.4"', ...lines);
const server = (...lines: string[]) => tunnel('teredo', 'server', 'local = "8.8.8.8"', 'secondary = "8.8.8.9"', ...lines);
const relay = (...lines: string[]) => tunnel('teredo', 'relay', ...lines);
const ip6 = (text: string) => parseIpv6(text) ?? expect.fail(text);

/** Behind a NAT, without IPv6. */
const HOME = { ipv4: [address('192.168.1.2', 24)], ipv6: [ip6('::1')], defaultSource: ip('192.168.1.2') } satisfies Partial<HostFacts>;
const TWO: Partial<HostFacts> = { ipv4: [address('8.8.8.8', 24), address('8.8.8.9', 24)] };

test('a client has the address of the default route, which may be private, and its servers', () => {
  const { node, said } = on(HOME, client('refresh-interval = 20', 'identifier = "pc"', 'secret = "12345678"', 'port = 4242'));
  expect(said).toEqual([]);
  expect(node.tunnels).toEqual([
    {
      name: 'teredo-client',
      slot: 0,
      type: 'teredo',
      role: 'client',
      interface: 'tunteredo',
      local: [ip('192.168.1.2')],
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
      learned: null,
      prefix: 0x20010000,
      port: 4242,
      servers: [{ primary: ip('8.8.4.4'), secondary: ip('8.8.4.5') }],
      secondary: null,
      keys: [{ identifier: new TextEncoder().encode('pc'), secret: new TextEncoder().encode('12345678') }],
      refreshInterval: 20_000,
      searchesInterval: false,
      lan: null,
      portMapping: null,
      maxPeers: 1000,
    },
  ]);
});

test.each([
  ['"auto"', 'true', [30_000, true, '192.168.1.0/24']],
  ['60', 'false', [60_000, false, null]],
])('refresh-interval = %s and local-discovery = %s', (interval, discovers, expected) => {
  const { node } = on(HOME, client(`refresh-interval = ${interval}`, `local-discovery = ${discovers}`));
  const [one] = node.tunnels as TeredoSpec[];
  expect([one.refreshInterval, one.searchesInterval, one.lan && formatPrefix4(one.lan)]).toEqual(expected);
});

test('on the subnet of one address nobody is looked for, nor by a client that is down', () => {
  const alone = { ...HOME, ipv4: HOME.ipv4.map((one) => ({ ...one, len: 32 })) };
  const down = { ...HOME, ipv6: [ip6('2001:db8::1')] };
  for (const host of [alone, down]) expect(on(host, client('local-discovery = true')).node.tunnels).toMatchObject([{ lan: null }]);
});

test.each([
  ['2001:db8::1', 'the host has native IPv6'],
  ['3fff::1', 'the host has native IPv6'],
  ['2001:1::1', 'the host has native IPv6'],
  ['2001:0:808:404::1', null],
  ['2002:808:808::1', null],
  ['fd00::1', null],
  ['::1', null],
])('RFC 4380 section 5.5: on a host with the address %s a client is down: %j', (text, down) => {
  const [one] = on({ ...HOME, ipv6: [ip6('::1'), ip6(text)] }, client()).tunnels;
  expect([one.down, one.local.length]).toEqual([down, down === null ? 1 : 0]);
});

test('addresses under the prefix of a lab are Teredo ones there', () => {
  const facts = { ...HOME, ipv6: [ip6('3fff:1::1')] };
  expect(on(facts, client('prefix = "3fff:1::/32"')).tunnels[0]).toMatchObject({ down: null, prefix: 0x3fff0001 });
  expect(on(facts, client('prefix = "bfff::/32"')).tunnels[0]).toMatchObject({ prefix: 0xbfff0000 | 0 });
});

test('a client that is down has found out nothing', () => {
  const learned: Learned = { routers: [], prefixes: [], routes: [], mtu: 0, teredo: null };
  const found = { ...HOST.found, learned: new Map([['teredo-client', learned]]) };
  expect(on({ ...HOME, found }, client()).tunnels[0]).toMatchObject({ learned });
  expect(on({ ...HOME, found, defaultSource: null }, client()).tunnels[0]).toMatchObject({ down: 'no IPv4 default route', learned: null });
});

test("a client takes no server at an address that is nobody's", () => {
  const lines = ['server = ["8.8.4.4", "10.0.0.1"]', 'secondary = ["198.51.100.9", "8.8.4.5"]'];
  expect(on(HOME, tunnel('teredo', 'client', ...lines)).said).toEqual([
    '5:14: tunnel[0].secondary[0]: 198.51.100.9 is documentation (TEST-NET-2) (RFC 5737); expected a globally reachable address, or its range in policy.allow-ipv4',
    '4:22: tunnel[0].server[1]: 10.0.0.1 is private use (RFC 1918); expected a globally reachable address, or its range in policy.allow-ipv4',
  ]);
  const allowed = '[policy]\nallow-ipv4 = ["10.0.0.0/8", "198.51.100.0/24"]\n';
  expect(on(HOME, tunnel('teredo', 'client', ...lines) + allowed)).toMatchObject({ said: [], tunnels: [{ down: null }] });
});

test('a server is up while the host has both of its addresses', () => {
  expect(on(TWO, server())).toMatchObject({
    said: [],
    tunnels: [{ interface: null, down: null, local: [ip('8.8.8.8')], secondary: ip('8.8.8.9'), port: 3544, assign: [], servers: [] }],
  });
  expect(on({ ...TWO, ipv6: [] }, server()).said).toEqual([
    '3:1: warning: tunnel[0].role: this host has no IPv6 address of its own; expected native IPv6: by it clients ask whether they reach a native host',
  ]);
  expect(on({}, server()).tunnels[0]).toMatchObject({ down: '8.8.8.9 is on no interface', local: [] });
  expect(on({ ipv4: [address('8.8.8.9', 24)] }, server()).tunnels[0]).toMatchObject({ down: '8.8.8.8 is on no interface', local: [] });
});

test('a server is at globally reachable addresses; a relay may be behind a NAT, RFC 4380 section 5.4.1', () => {
  const lines = (said: readonly string[]) => said.map((line) => line.replace(/;.*/, ''));
  expect(lines(on(TWO, tunnel('teredo', 'server', 'local = "10.0.0.1"', 'secondary = "192.168.0.1"')).said)).toEqual([
    '4:1: tunnel[0].local: 10.0.0.1 is private use (RFC 1918)',
    '5:1: tunnel[0].secondary: 192.168.0.1 is private use (RFC 1918)',
  ]);
  expect(on({ ...HOME, ipv6: HOST.ipv6 }, relay())).toMatchObject({ said: [], tunnels: [{ down: null, local: [ip('192.168.1.2')] }] });
  expect(lines(on(TWO, relay('local = "127.0.0.1"')).said)).toEqual(['4:1: tunnel[0].local: 127.0.0.1 is loopback (RFC 1122)']);
});

test('a relay has the default address, and wants IPv6 and to forward it', () => {
  expect(on({}, relay())).toMatchObject({
    said: [],
    tunnels: [{ interface: 'tunteredo', down: null, local: [ip('8.8.8.8')], port: 3545, secondary: null, maxPeers: 100_000 }],
  });
  expect(on({ forwards6: false, ipv6: [ip6('::1'), ip6('2002:808:808::1')] }, relay())).toMatchObject({
    said: [
      '3:1: warning: tunnel[0].role: this host does not forward IPv6; expected `sysctl -w net.ipv6.conf.all.forwarding=1`',
      '3:1: warning: tunnel[0].role: this host has no IPv6 address of its own; expected one that native hosts can answer to, or node.identity',
    ],
    tunnels: [{ down: null }],
  });
  expect(on({ ipv6: [] }, `${relay()}[node]\nidentity = "2001:db8::1"\n`).said).toEqual([]);
});

test('what a node shows of itself is a native address, not that of loopback or of another tunnel', () => {
  const [loopback, sixToFour, native] = ['::1', '2002:808:808::1', '2001:db8::7'].map(ip6);
  expect(on({ ipv6: [loopback, sixToFour, native] }, relay()).node.ownIpv6).toEqual([native, loopback, sixToFour]);
});

test('both addresses of a server are those of the node', () => {
  const isatap = tunnel('isatap', 'host', 'potential-routers = ["8.8.8.9", "8.8.8.10"]');
  const { node } = on({}, server() + isatap);
  expect(node.tunnels[1]).toMatchObject({ potentialRouters: [ip('8.8.8.10')] });
});

describe('servers by their names', () => {
  const named = (...servers: readonly string[]) => tunnel('teredo', 'client', `server = ${JSON.stringify(servers)}`);
  const knowing = (names: Readonly<Record<string, readonly string[]>>): Partial<HostFacts> => ({
    ...HOME,
    found: { ...HOST.found, names: new Map(Object.entries(names).map(([name, addresses]) => [name, addresses.map(ip)])) },
  });
  const resolved = (facts: Partial<HostFacts>, ...servers: readonly string[]) => {
    const { node, said } = on(facts, named(...servers));
    const [one] = node.tunnels as TeredoSpec[];
    return [one.servers.map(({ primary, secondary }) => `${formatIpv4(primary)} ${formatIpv4(secondary)}`), one.down, said];
  };

  test('stand where the name does, each with the address after it', () => {
    const facts = knowing({ a: ['8.8.8.8', '9.9.9.9'], b: ['1.1.1.1'] });
    expect(resolved(facts, 'a', '8.8.4.4', 'b')).toEqual([
      ['8.8.8.8 8.8.8.9', '9.9.9.9 9.9.9.10', '8.8.4.4 8.8.4.5', '1.1.1.1 1.1.1.2'],
      null,
      [],
    ]);
  });

  test('are there once, and the other address of one is no other server', () => {
    expect(resolved(knowing({ a: ['8.8.8.8', '8.8.8.9'], b: ['8.8.8.8'] }), 'a', 'b')[0]).toEqual(['8.8.8.8 8.8.8.9']);
  });

  test('are where anybody can be, or left out without a word', () => {
    expect(resolved(knowing({ a: ['10.0.0.1', '127.0.0.1', '192.0.0.7', '9.255.255.255', '8.8.8.8'] }), 'a')).toEqual([
      ['8.8.8.8 8.8.8.9'],
      null,
      [],
    ]);
  });

  test('are eight at most', () => {
    const many = Array.from({ length: 20 }, (_, i) => `8.8.${i}.8`);
    expect(resolved(knowing({ a: many }), 'a')[0]).toHaveLength(8);
  });

  test.each([
    ['has not been answered', {}],
    ['has no address', { a: [] }],
    ['has only addresses at which nobody is', { a: ['10.0.0.1'] }],
  ])('without any, for the name %s, the client is down', (_, names) => {
    expect(resolved(knowing(names), 'a').slice(0, 2)).toEqual([[], 'the name a has no address yet']);
    expect(resolved(knowing(names), 'a', '8.8.4.4').slice(0, 2)).toEqual([['8.8.4.4 8.8.4.5'], null]);
  });
});

describe('port-mapping', () => {
  const of = (mapping: PortMapping | null, ...lines: string[]) => {
    const portMappings = new Map(mapping === null ? [] : [['teredo-client', mapping]]);
    const { node } = on({ ...HOME, found: { ...HOST.found, portMappings } }, client(...lines));
    return (node.tunnels[0] as TeredoSpec).portMapping;
  };
  const here = { ...mapped, local: { addr: ip('192.168.1.2'), port: 40_000 } };

  test('is nothing unless it is asked for', () => {
    expect(of(here)).toBeNull();
  });

  test('is awaited until the gateway has said anything, and then what it said', () => {
    expect(of(null, 'port-mapping = true')).toBe('awaited');
    expect(of(here, 'port-mapping = true')).toBe(here);
    expect(of({ ...unmapped, local: here.local }, 'port-mapping = true')).toMatchObject({ external: null });
  });

  test('of another address of the host says nothing', () => {
    expect(of({ ...here, local: { ...here.local, addr: ip('192.168.1.3') } }, 'port-mapping = true')).toBe('awaited');
  });

  test('is nothing while the client is down', () => {
    const native = { ...HOME, ipv6: [ip6('2001:db8::1')] };
    expect((on(native, client('port-mapping = true')).node.tunnels[0] as TeredoSpec).portMapping).toBeNull();
  });

  test('is of the socket of the service alone', () => {
    const sockets = (...lines: string[]) => socketsOf(on(HOME, client(...lines)).node.tunnels[0]).map(({ led = false }) => led);
    expect(sockets('port-mapping = true')).toEqual([true, ...Array(8).fill(false)]);
    expect(sockets()).toEqual(Array(9).fill(false));
  });
});
