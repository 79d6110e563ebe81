import { expect, test } from 'vitest';
import { statusLines } from '../../src/cli/status-lines.js';
import { Direction } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { readStatus } from '../../src/daemon/status.js';
import { campus, edge, fastPath, makeView, mapped, node, roamer, unmapped } from '../daemon/view.js';
import { memoryIo } from './invoke.js';

test('the table names every tunnel, why one is down, and what the most frequent drops mean', () => {
  const { view, writers } = makeView({ uptime: 93_784 });
  writers[0].forwarded(0, Direction.encapsulate, 104);
  const counts = [
    [Drop.hop_limit, 1],
    [Drop.special_ipv4, 3],
    [Drop.source_mismatch, 2],
    [Drop.truncated, 1],
  ];
  for (const [reason, n] of counts) for (let i = 0; i < n; i++) writers[1].dropped(0, Direction.decapsulate, reason);

  expect(statusLines(readStatus(view), memoryIo().io)).toEqual([
    'otemachi-1: running for 1 d 2 h, version 0.1.0, 2 packet threads',
    '',
    'TUNNEL  WHAT        STATE  INTERFACE  IPV4         IPV6               ENCAPSULATED  DECAPSULATED  DROPPED',
    'relay   6to4 relay  up     tun6to4    192.88.99.1  2002:c058:6301::1  1             0             7',
    'home    6to4 host   down   tun1       -            -                  0             0             0',
    '',
    'Dropped by relay:',
    '  3  special_ipv4     An IPv4 endpoint, outer or carried by an inner address, lies in a special-purpose range.',
    '  2  source_mismatch  The inner source does not carry the outer source.',
    '  1  truncated        The packet is shorter than its headers say.',
    '  and 1 more: see --json',
    '',
    'home is down: no IPv4 default route',
    '',
    'Fast path: off: fastpath.interfaces names no interface',
  ]);
});

test('the fast path is told with its part of each tunnel, what it left, and what is wrong with it', () => {
  const lines = statusLines(readStatus(makeView({ fastpath: fastPath() }).view), memoryIo().io);
  expect(lines.slice(lines.indexOf('Fast path: native on eth0, eth1; it stays when the service ends'))).toEqual([
    'Fast path: native on eth0, eth1; it stays when the service ends',
    '  relay  3 of the encapsulated packets, 2 of the decapsulated ones',
    '  home   not offloaded: the tunnel is down',
    '  eth2: there is no such interface',
    '  1 frame was left to the host and the packet threads',
  ]);
});

test('what a tunnel has found out stands below the table, times in words', () => {
  const lease = {
    address: 0x0a646401,
    assigned: true,
    prefixLen: 16,
    router: null,
    server: 0x0a640001,
    sixRd: null,
    sixRdFault: null,
    until: 8_200_000,
  };
  const dhcp = { interface: 'eth0', mac: new Uint8Array(6), hostName: 'home', inform: null, slot: edge.slot, configure: true, lease };
  const lines = (over: Partial<typeof node>) =>
    statusLines(readStatus(makeView({ node: { ...node, ...over } }).view), memoryIo().io).slice(2, -2);
  expect(lines({ tunnels: [edge, campus], dhcp: [dhcp] }).slice(3)).toEqual([
    '',
    'edge:',
    '  6rd prefix        2001:db8::/32, IPv4 mask length 8',
    '  delegated prefix  2001:db8:6464:100::/56',
    '  border relays     10.0.0.1, 10.0.0.2',
    '  DHCPv4            lease of 10.100.100.1 on eth0 from 10.100.0.1, ends in 2 h 0 min',
    '',
    'campus:',
    '  potential routers  192.0.2.1, 192.0.2.2',
    '  router in use      fe80::5efe:c000:201, preference high, ends in 30 min 0 s',
    '  router             fe80::5efe:c000:202, preference medium, does not answer, ends in 0 s',
    '  prefix             2001:db8:0:1::/64',
    '  prefix             2001:db8:0:2::/64, deprecated, ends in 1 min 0 s',
  ]);
  const asked = { ...lease, assigned: false, until: Number.POSITIVE_INFINITY, sixRdFault: 'length 21' };
  const down = { ...edge, domain: null, local: [], relays: [], down: 'the lease on eth0 has no 6rd option' };
  expect(
    lines({ tunnels: [down, { ...campus, learned: null, potentialRouters: [] }], dhcp: [{ ...dhcp, lease: asked }] }).slice(3),
  ).toEqual([
    '',
    'edge is down: the lease on eth0 has no 6rd option',
    '',
    'edge:',
    '  DHCPv4  options for 10.100.100.1 on eth0 from 10.100.0.1; its 6rd option is ignored: length 21',
    '',
    'campus:',
    '  potential routers  none is known',
    '  router             none has answered',
  ]);
});

test('colours change nothing but colours', () => {
  const { view } = makeView();
  const plain = statusLines(readStatus(view), memoryIo().io);
  const coloured = statusLines(readStatus(view), memoryIo({ colours: true }).io);
  expect(coloured.join('\n')).toContain('\x1b[31mdown\x1b[0m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles are made of them
  expect(coloured.map((line) => line.replaceAll(/\x1b\[\d+m/g, ''))).toEqual(plain);
});

test('a Teredo client, its server and its relay stand below the table', () => {
  const lines = (over: Partial<typeof roamer>) =>
    statusLines(readStatus(makeView({ node: { ...node, tunnels: [{ ...roamer, ...over }] } }).view), memoryIo().io).slice(3, -2);
  expect(lines({})).toEqual([
    'roamer  teredo client  up     tunteredo  192.168.1.2  2001:0:4136:e378:8000:63bf:3fff:fdd2  0             0             0',
    '',
    'roamer:',
    '  qualified     by server 65.54.227.120, refreshed every 30 s',
    '  mapped        192.0.2.45:40000',
    '  NAT           cone or restricted',
    '  last failure  no answer from 65.54.227.120',
    '  peers         0',
  ]);
  expect(lines({ portMapping: mapped })).toContain('  port mapping  192.0.2.45:40001 leads here, by upnp of 192.168.1.1');
  expect(lines({ portMapping: unmapped })).toContain('  port mapping  none: gateway 192.168.1.1 does not answer by UPnP');
  expect(lines({ portMapping: 'awaited' })).toContain('  port mapping  asked for');
  expect(lines({ learned: null }).slice(3)).toEqual(['  qualifying  no server has answered', '  peers       0']);
  const server = { role: 'server', interface: null, port: 3544, secondary: 0x4136e379, learned: null } as const;
  expect(lines(server)).toEqual([
    'roamer  teredo server  up     -          192.168.1.2  -     0             0             0',
    '',
    'roamer:',
    '  prefix         2001::/32, UDP port 3544',
    '  other address  65.54.227.121',
    '  serves         everybody',
  ]);
  expect(lines({ ...server, keys: [{ identifier: Uint8Array.of(1), secret: Uint8Array.of(1) }] }).slice(5)).toEqual([
    '  serves         known clients (secure mode)',
  ]);
  expect(lines({ role: 'relay', port: 0, learned: null }).slice(3)).toEqual(['  prefix  2001::/32, UDP port any', '  peers   0']);
});
