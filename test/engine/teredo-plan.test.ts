/** What a Teredo tunnel wants of its host. */
import { expect, test } from 'vitest';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { NodeSpec } from '../../src/engine/spec.js';
import type { Qualification } from '../../src/role/role.js';
import { parseIpv6 } from '../../src/wire/address.js';
import { nodeOf } from '../vectors/node.js';

const ADDRESS = '2001:0:4136:e378:3cf1:63bf:3fff:fdd2';
const QUALIFIED: Qualification = {
  state: 'qualified',
  address: parseIpv6(ADDRESS) ?? expect.fail(ADDRESS),
  server: 0x4136e378,
  mapped: { addr: 0xc000022d, port: 40_000 },
  localPort: 40_000,
  nat: 'cone or restricted',
  gateway: null,
  refreshSeconds: 30,
  failure: null,
};

/** The plan of a node with one Teredo tunnel, link and link-local address left out. */
function plan(teredo: Qualification | null, ...lines: string[]): string[] {
  const text = ['[[tunnel]]', 'type = "teredo"', ...lines, '[policy]', 'allow-ipv4 = ["192.0.2.0/24"]'].join('\n');
  const { tunnels, ...node } = nodeOf(text);
  const learned = teredo === null ? null : { routers: [], prefixes: [], routes: [], mtu: 0, teredo };
  const one: NodeSpec = { ...node, tunnels: tunnels.map((tunnel) => ({ ...tunnel, learned })) };
  return hostPlan(one).flatMap((step) => {
    if (step.kind === 'address')
      return step.address.startsWith('fe80:') ? [] : [`address ${step.address}/${step.len} on ${step.interface}`];
    const from = step.kind === 'route' && step.from !== undefined ? ` from ${step.from}` : '';
    return step.kind === 'route' ? [`route ${step.to}${from} on ${step.interface} metric ${step.metric}`] : [];
  });
}

test('TRDO-RL-01: a relay has the route of all Teredo addresses, and of no others', () => {
  expect(plan(null, 'role = "relay"', 'local = "192.0.2.1"')).toEqual(['route 2001::/32 on tunteredo metric 1025']);
  expect(plan(null, 'role = "relay"', 'local = "192.0.2.1"', 'prefix = "3fff:1::/32"')).toEqual([
    'route 3fff:1::/32 on tunteredo metric 1025',
  ]);
});

test('TRDO-CL-18: a client that is qualified has its address, and a default route that is worse than any native one', () => {
  const client = ['role = "client"', 'local = "192.0.2.1"', 'server = "65.54.227.120"'];
  expect(plan(QUALIFIED, ...client)).toEqual([`address ${ADDRESS}/128 on tunteredo`, 'route default on tunteredo metric 1029']);
  expect(plan({ ...QUALIFIED, state: 'qualifying', address: null }, ...client)).toEqual([]);
  expect(plan(null, ...client)).toEqual([]);
});

test('beside 6to4, what comes from an address of either tunnel leaves by that one', () => {
  const client = ['role = "client"', 'local = "192.0.2.1"', 'server = "65.54.227.120"'];
  const sixToFour = ['[[tunnel]]', 'type = "6to4"', 'role = "host"', 'local = "192.0.2.1"'];
  expect(plan(QUALIFIED, ...client, ...sixToFour)).toEqual([
    `address ${ADDRESS}/128 on tunteredo`,
    'route default on tunteredo metric 1029',
    `route default from ${ADDRESS}/128 on tunteredo metric 1029`,
    'address 2002:c000:201::1/128 on tun6to4',
    'route 2002:c000:201::/48 on null metric 1025',
    'route 2002::/16 on tun6to4 metric 1025',
    'route default on tun6to4 metric 1029',
    'route default from 2002:c000:201::/48 on tun6to4 metric 1029',
  ]);
  // A client that has no address wants nothing, and the other tunnel no more than by itself.
  expect(plan(null, ...client, ...sixToFour)).toContain('route default on tun6to4 metric 1029');
  expect(plan(null, ...client, ...sixToFour).join()).not.toContain('from');
});

test('of two 6to4 tunnels the routes by source are those of the default alone: Linux would send what others have for 2002::/16 elsewhere', () => {
  const [first, second] = ['192.0.2.1', '192.0.2.2'].map((local) => ['type = "6to4"', 'role = "host"', `local = "${local}"`]);
  const names = (name: string): string[] => [`name = "${name}"`, `interface = "${name}"`];
  const client = ['role = "client"', 'local = "192.0.2.1"', 'server = "65.54.227.120"'];
  const routes = plan(null, ...client, '[[tunnel]]', ...first, ...names('one'), '[[tunnel]]', ...second, ...names('two'));
  expect(routes.filter((line) => line.includes(' from '))).toEqual([
    'route default from 2002:c000:201::/48 on one metric 1029',
    'route default from 2002:c000:202::/48 on two metric 1029',
  ]);
  expect(routes.filter((line) => line.startsWith('route 2002::/16'))).toHaveLength(2);
});

test('a server wants nothing', () => {
  expect(plan(null, 'role = "server"', 'local = "65.54.227.120"', 'secondary = "65.54.227.121"')).toEqual([]);
});
