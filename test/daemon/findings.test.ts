import { describe, expect, test } from 'vitest';
import {
  isForsaken,
  isMoved,
  nameEvent,
  newsEvents,
  portMappingEvents,
  relevantTo,
  withName,
  withNews,
  withPortMapping,
} from '../../src/daemon/findings.js';
import type { Discovery } from '../../src/engine/news.js';
import { type Findings, NO_FINDINGS } from '../../src/engine/spec.js';
import type { Lease } from '../../src/role/dhcp-lease.js';
import type { EndpointText, Learned, Qualification, QualificationState } from '../../src/role/role.js';
import type { PortMapping } from '../../src/role/teredo-node.js';
import { parseIpv6 } from '../../src/wire/address.js';
import { mapped, node, roamer } from './view.js';

const NOW = 1_000_000;
const LEASE: Lease = {
  address: 0x0a646401,
  assigned: true,
  prefixLen: 16,
  router: 0x0a640001,
  server: 0x0a640001,
  sixRd: { ipv4MaskLen: 8, prefix: { addr: parseIpv6('2001:db8::') ?? new Uint8Array(16), len: 32 }, borderRelays: [0x0a000001] },
  sixRdFault: null,
  until: NOW + 600_400,
};
const leaseNews = (lease: Lease | null): Discovery => ({ kind: 'lease', interface: 'eth0', lease });
const routersNews = (...addresses: string[]): Discovery & { kind: 'learned' } => {
  const routers = addresses.map((text) => ({
    address: parseIpv6(text) ?? new Uint8Array(16),
    preference: 'medium' as const,
    until: NOW + 1_800_000,
    reachable: true,
  }));
  const learned: Learned = { routers, prefixes: [], routes: [], mtu: 0, teredo: null };
  return { kind: 'learned', tunnel: 'campus', learned };
};
const told = (found: Findings, news: Discovery) =>
  newsEvents(found, news, NOW).map(({ level, message, fields }) => [level, message, fields]);

const FIELDS = {
  interface: 'eth0',
  address: '10.100.100.1/16',
  server: '10.100.0.1',
  prefix: '2001:db8::/32',
  ipv4MaskLength: 8,
  borderRelays: ['10.0.0.1'],
  untilSeconds: 600,
};

test('a lease is told when it is acquired, renewed, changed and lost, each once', () => {
  const has = withNews(NO_FINDINGS, leaseNews(LEASE));
  const later = { ...LEASE, until: NOW + 900_000 };
  expect(told(NO_FINDINGS, leaseNews(LEASE))).toEqual([['info', 'lease acquired', FIELDS]]);
  expect(told(has, leaseNews(later))).toEqual([['info', 'lease renewed', { ...FIELDS, untilSeconds: 900 }]]);
  expect(told(has, leaseNews({ ...later, address: 0x0a646402 }))).toEqual([
    ['info', 'lease changed', { ...FIELDS, address: '10.100.100.2/16', untilSeconds: 900 }],
  ]);
  expect(told(has, leaseNews(null))).toEqual([['warn', 'lease lost', { interface: 'eth0', before: '10.100.100.1' }]]);
  expect(told(NO_FINDINGS, leaseNews(null))).toEqual([]);
});

test('a lease that has no end, no server and no 6rd option says nothing of them', () => {
  const bare: Lease = { ...LEASE, server: null, sixRd: null, until: Number.POSITIVE_INFINITY };
  expect(told(NO_FINDINGS, leaseNews(bare))).toEqual([['info', 'lease acquired', { interface: 'eth0', address: '10.100.100.1/16' }]]);
});

test('a 6rd option that is invalid is warned of once, until it is invalid in another way', () => {
  const message = 'the 6rd option of a lease is invalid, it is ignored';
  const bad: Lease = { ...LEASE, sixRd: null, sixRdFault: 'IPv4MaskLen 33: expected 0 to 32' };
  const has = withNews(NO_FINDINGS, leaseNews(bad));
  const warnings = (found: Findings, lease: Lease) => told(found, leaseNews(lease)).filter(([level]) => level === 'warn');
  expect(warnings(NO_FINDINGS, bad)).toEqual([['warn', message, { interface: 'eth0', fault: bad.sixRdFault }]]);
  expect(warnings(has, { ...bad, until: NOW })).toEqual([]);
  expect(warnings(has, { ...bad, sixRdFault: 'length 21' })).toEqual([['warn', message, { interface: 'eth0', fault: 'length 21' }]]);
});

test('routers are told as they come and go; the loss of the last one is known for what it is', () => {
  const one = withNews(NO_FINDINGS, routersNews('fe80::5efe:c000:201'));
  const other = routersNews('fe80::5efe:c000:202');
  expect(told(NO_FINDINGS, routersNews('fe80::5efe:c000:201'))).toEqual([
    ['info', 'router learned', { tunnel: 'campus', router: 'fe80::5efe:c000:201', untilSeconds: 1800 }],
  ]);
  expect(told(one, other)).toEqual([
    ['info', 'router learned', { tunnel: 'campus', router: 'fe80::5efe:c000:202', untilSeconds: 1800 }],
    ['warn', 'router lost', { tunnel: 'campus', router: 'fe80::5efe:c000:201' }],
  ]);
  expect(told(one, routersNews('fe80::5efe:c000:201'))).toEqual([]);
  expect([isForsaken(one, other), isForsaken(one, routersNews()), isForsaken(NO_FINDINGS, routersNews())]).toEqual([false, true, false]);
});

test('a router that does not answer any more is lost, and learned again when it does', () => {
  const there = routersNews('fe80::5efe:c000:201');
  const routers = there.learned.routers.map((router) => ({ ...router, reachable: false }));
  const silent = { ...there, learned: { ...there.learned, routers } };
  const known = withNews(NO_FINDINGS, there);
  expect(told(known, silent)).toEqual([['warn', 'router lost', { tunnel: 'campus', router: 'fe80::5efe:c000:201' }]]);
  expect(isForsaken(known, silent)).toBe(true);
  expect(told(withNews(known, silent), silent)).toEqual([]);
  expect(told(withNews(known, silent), there).map(([, message]) => message)).toEqual(['router learned']);
});

/** What a Teredo client has found out, one word after the other, and what is told of each. */
function toldOf(...words: readonly Partial<Qualification>[]) {
  let found = NO_FINDINGS;
  let teredo: Qualification = {
    state: 'qualifying',
    address: null,
    server: 0x4136e378,
    mapped: null,
    localPort: 4242,
    nat: null,
    gateway: null,
    refreshSeconds: 30,
    failure: null,
  };
  return words.map((word) => {
    teredo = { ...teredo, ...word };
    const learned: Learned = { routers: [], prefixes: [], routes: [], mtu: 0, teredo };
    const news: Discovery = { kind: 'learned', tunnel: 'roamer', learned };
    const events = told(found, news);
    found = withNews(found, news);
    return events;
  });
}

test('a Teredo client tells of each address that it comes to, and that it has lost it, once', () => {
  const here: Partial<Qualification> = {
    state: 'qualified',
    address: parseIpv6('2001:0:4136:e378:8000:63bf:3fff:fdd2'),
    mapped: { addr: 0xc000022d, port: 40000 },
    nat: 'cone or restricted',
  };
  const fields = {
    tunnel: 'roamer',
    server: '65.54.227.120',
    mapped: '192.0.2.45:40000',
    nat: 'cone or restricted',
    address: '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  };
  const there: Partial<Qualification> = {
    address: parseIpv6('2001:0:4136:e378:8000:63be:3fff:fdd2'),
    mapped: { addr: 0xc000022d, port: 40001 },
  };
  const gone: Partial<Qualification> = { state: 'off-line', address: null, failure: 'no answer from 65.54.227.120' };
  const again = { ...fields, mapped: '192.0.2.45:40001', address: '2001:0:4136:e378:8000:63be:3fff:fdd2' };
  expect(
    toldOf({}, here, { refreshSeconds: 25 }, there, gone, { failure: 'something else' }, { state: 'qualifying' }, { ...here, ...there }),
  ).toEqual([
    [],
    [['info', 'teredo qualified', fields]],
    [],
    [['info', 'teredo qualified', again]],
    [['warn', 'teredo lost', { tunnel: 'roamer', reason: 'no answer from 65.54.227.120' }]],
    [],
    [],
    [['info', 'teredo qualified', again]],
  ]);
});

test('a Teredo client that does not qualify says why, once', () => {
  const warned = (reason: string) => [['warn', 'teredo does not qualify', { tunnel: 'roamer', reason }]];
  expect(toldOf({}, { state: 'off-line', failure: 'a' }, { state: 'qualifying' }, { state: 'off-line', failure: 'b' })).toEqual([
    [],
    warned('a'),
    [],
    [],
  ]);
  expect(toldOf({ failure: 'a' })).toEqual([warned('a')]);
  expect(toldOf({ failure: 'the tunnel has no IPv4 address', localPort: 0, state: 'off-line' })).toEqual([[]]);
});

test('a name is told with what it stood for and what it stands for', () => {
  const first = nameEvent(NO_FINDINGS, 'isatap', [0xc0000201]);
  expect([first.message, first.fields]).toEqual(['names changed', { name: 'isatap', now: ['192.0.2.1'] }]);
  const found = withName(NO_FINDINGS, 'isatap', [0xc0000201]);
  expect(nameEvent(found, 'isatap', []).fields).toEqual({ name: 'isatap', before: ['192.0.2.1'], now: [] });
});

test('a gateway that refuses in other words, or grants the same in another way, has found out nothing: no tunnel is made anew', () => {
  const local = { addr: 0xc0a8010a, port: 40_000 };
  const refused: PortMapping = { gateway: 0xc0a80101, local, by: null, external: null, failure: 'does not answer' };
  const granted: PortMapping = { ...refused, by: 'pcp', external: { addr: 0xc0000201, port: 40_000 }, failure: null };
  const found = withPortMapping(NO_FINDINGS, 'roamer', refused);
  expect(found.portMappings.get('roamer')).toBe(refused);
  expect(withPortMapping(found, 'roamer', { ...refused, local: { ...local }, failure: 'is busy' })).toBe(found);
  const mapped = withPortMapping(found, 'roamer', granted);
  expect(mapped.portMappings.get('roamer')).toBe(granted);
  expect(withPortMapping(mapped, 'roamer', { ...granted, by: 'upnp' })).toBe(mapped);
  for (const other of [{ external: { addr: 0xc0000202, port: 40_000 } }, { local: { ...local, port: 1 } }, { gateway: null }])
    expect(withPortMapping(mapped, 'roamer', { ...granted, ...other }).portMappings.get('roamer')).toEqual({ ...granted, ...other });
  expect(withPortMapping(mapped, 'roamer', null).portMappings.size).toBe(0);
});

test('findings are never changed, only replaced', () => {
  const found = withName(withNews(NO_FINDINGS, leaseNews(LEASE)), 'isatap', [1]);
  withNews(found, leaseNews(null));
  withName(found, 'isatap', [2]);
  expect([NO_FINDINGS.leases.size, found.leases.get('eth0'), found.names.get('isatap')]).toEqual([0, LEASE, [1]]);
});

test('what is about interfaces, tunnels and names that are gone is forgotten, so that it is not believed when they come back', () => {
  const found = withName(withNews(withNews(NO_FINDINGS, leaseNews(LEASE)), routersNews('fe80::5efe:c000:201')), 'isatap', [1]);
  expect(relevantTo(found, node, new Set())).toEqual(NO_FINDINGS);
  const dhcp = [{ interface: 'eth0', mac: new Uint8Array(6), hostName: 'pc', inform: null, slot: 0, configure: true, lease: null }];
  const [relay] = node.tunnels;
  const kept = { ...node, dhcp, tunnels: [{ ...relay, name: 'campus' }] };
  expect(relevantTo(found, kept, new Set(['isatap']))).toEqual(found);
});

describe('a port that a gateway is asked for', () => {
  const none = { ...mapped, external: null, failure: 'it refuses' };
  const moved = { ...mapped, external: { addr: 0xc000022e, port: 40001 } };
  const fields = { tunnel: 'roamer', gateway: '192.168.1.1', by: 'upnp', external: '192.0.2.45:40001' };

  test.each([
    ['is mapped', null, mapped, [['info', 'port mapped', fields]]],
    ['is mapped elsewhere', mapped, moved, [['info', 'port mapped', { ...fields, external: '192.0.2.46:40001' }]]],
    ['is renewed', mapped, { ...mapped }, []],
    ['is lost', mapped, none, [['warn', 'port mapping lost', { tunnel: 'roamer', reason: 'it refuses' }]]],
    ['is refused', null, none, [['warn', 'no port mapping, the client goes on without', { tunnel: 'roamer', reason: 'it refuses' }]]],
    ['is refused once more, for another reason', none, { ...none, failure: 'it is silent' }, []],
    ['is mapped after all', none, mapped, [['info', 'port mapped', fields]]],
    ['is asked for anew', mapped, null, []],
  ] as const)('%s', (_, was, is, told) => {
    expect(portMappingEvents('roamer', was, is).map(({ level, message, fields: said }) => [level, message, said])).toEqual(told);
  });
});

test('names are asked for anew when all servers of a client have failed, each time', () => {
  const state = (is: QualificationState): Discovery & { kind: 'learned' } => {
    const teredo = { ...(roamer.learned?.teredo ?? expect.fail('nothing')), state: is };
    return { kind: 'learned', tunnel: 'roamer', learned: { routers: [], prefixes: [], routes: [], mtu: 0, teredo } };
  };
  const after = (is: QualificationState) => withNews(NO_FINDINGS, state(is));
  expect(isForsaken(after('qualifying'), state('off-line'))).toBe(true);
  expect(isForsaken(NO_FINDINGS, state('off-line'))).toBe(true);
  expect(isForsaken(after('off-line'), state('off-line'))).toBe(false);
  expect(isForsaken(after('qualified'), state('qualifying'))).toBe(false);
});

test('a client that its server sees elsewhere has a NAT that has forgotten', () => {
  const seen = (at: EndpointText | null): Discovery & { kind: 'learned' } => {
    const teredo = { ...(roamer.learned?.teredo ?? expect.fail('nothing')), mapped: at };
    return { kind: 'learned', tunnel: 'roamer', learned: { routers: [], prefixes: [], routes: [], mtu: 0, teredo } };
  };
  const [here, there] = [
    { addr: 0xc000022d, port: 40_000 },
    { addr: 0xc000022d, port: 40_002 },
  ];
  const moved = (was: EndpointText | null, is: EndpointText | null) => isMoved(withNews(NO_FINDINGS, seen(was)), seen(is));
  expect([moved(here, there), moved(here, { ...here }), moved(null, here), moved(here, null)]).toEqual([true, false, false, false]);
});
