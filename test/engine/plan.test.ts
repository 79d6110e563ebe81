import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { PlanStep } from '../../src/engine/plan.js';
import { siteAddress } from '../../src/engine/site.js';
import { NO_FINDINGS } from '../../src/engine/spec.js';
import { sixToFour } from '../../src/mapping/sixrd.js';
import type { Learned } from '../../src/role/role.js';
import { formatIpv6, parseIpv4, parseIpv6, parsePrefix6 } from '../../src/wire/address.js';
import { nodeOf } from '../vectors/node.js';
import { vectors } from '../wire/vectors.js';

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const tunnel = (role: string, local: string, ...more: string[]) =>
  ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...more].join('\n');

/** The plan of a node, a line a step. */
function plan(...parts: string[]): string[] {
  return hostPlan(nodeOf([...parts, ALLOW].join('\n'))).map(line);
}

function line(step: PlanStep): string {
  if (step.kind === 'link') return `link ${step.interface} mtu ${step.mtu}`;
  if (step.kind === 'address') return `address ${step.address}/${step.len} on ${step.interface}`;
  const where = step.interface === null ? 'unreachable' : `on ${step.interface}${step.via === null ? '' : ` via ${step.via}`}`;
  return `route ${step.to} ${where} metric ${step.metric}`;
}

describe('what a tunnel wants of its host', () => {
  test('a host: its address, 2002::/16 on link, and a default route that is worse than any native one', () => {
    expect(plan(tunnel('host', '192.0.2.42', 'mtu = 1400'))).toEqual([
      'link tun6to4 mtu 1400',
      'address fe80::c000:22a/64 on tun6to4',
      'address 2002:c000:22a::1/128 on tun6to4',
      'route 2002:c000:22a::/48 unreachable metric 1025',
      'route 2002::/16 on tun6to4 metric 1025',
      'route default on tun6to4 via 2002:c058:6301:: metric 1029',
    ]);
  });

  test('a host without a relay has no default route', () => {
    expect(plan(tunnel('host', '192.0.2.42', 'relay = "none"')).filter((text) => text.startsWith('route default'))).toEqual([]);
  });

  test('a host with the identifier of Windows', () => {
    expect(plan(tunnel('host', '192.0.2.42', 'interface-id = "windows"'))[2]).toBe('address 2002:c000:22a::c000:22a/128 on tun6to4');
  });

  test('a router: a /64 on each LAN, and what is in no LAN is unreachable, not the relay’s business', () => {
    const lans = ['[[tunnel.lan]]', 'interface = "lan0"', 'subnet = 1', '[[tunnel.lan]]', 'interface = "lan1"', 'subnet = 65535'];
    expect(plan(tunnel('router', '192.0.2.42', ...lans))).toEqual([
      'link tun6to4 mtu 1280',
      'address fe80::c000:22a/64 on tun6to4',
      'address 2002:c000:22a::1/128 on tun6to4',
      'route 2002:c000:22a::/48 unreachable metric 1025',
      'route 2002::/16 on tun6to4 metric 1025',
      'address 2002:c000:22a:1::1/64 on lan0',
      'address 2002:c000:22a:ffff::1/64 on lan1',
      'route default on tun6to4 via 2002:c058:6301:: metric 1029',
    ]);
  });

  test('a relay: the anycast address it brings, its own 6to4 addresses, 2002::/16, its identity, and no default route', () => {
    const relay = tunnel('relay', '192.88.99.1', 'accept = ["203.0.113.1"]', 'mtu = 1480');
    expect(plan('[node]\nidentity = "2001:db8:b000::1"', relay)).toEqual([
      'link tun6to4 mtu 1480',
      'address 192.88.99.1/32 on tun6to4',
      'address fe80::c058:6301/64 on tun6to4',
      'address 2002:c058:6301::/128 on tun6to4',
      'route 2002:c058:6301::/48 unreachable metric 1025',
      'address 2002:cb00:7101::/128 on tun6to4',
      'route 2002:cb00:7101::/48 unreachable metric 1025',
      'route 2002::/16 on tun6to4 metric 1025',
      'address 2001:db8:b000::1/128 on tun6to4',
    ]);
  });

  test('a tunnel that is down, or that somebody else configures, wants nothing', () => {
    expect(hostPlan(nodeOf('[[tunnel]]\ntype = "6to4"\nrole = "host"', { defaultSource: null }))).toEqual([]);
    expect(plan(tunnel('host', '192.0.2.42', 'configure = false'))).toEqual([]);
  });

  test('the identity is on the first device that is ours to set up', () => {
    const first = tunnel('host', '192.0.2.42', 'name = "a"', 'configure = false');
    const second = tunnel('host', '198.51.100.7', 'name = "b"');
    expect(plan('[node]\nidentity = "2001:db8:b000::1"', first, second).at(-1)).toBe('address 2001:db8:b000::1/128 on tun6to4-2');
  });

  test('what routers of an ISATAP link advertise: behind the metric of whatever the host has set for the same, and nowhere with a native address in it', () => {
    const prefix = (text: string) => parsePrefix6(text) ?? expect.fail(text);
    const router = parseIpv6('fe80::5efe:c000:201') ?? expect.fail();
    const until = Number.POSITIVE_INFINITY;
    const learned: Learned = {
      routers: [{ address: router, preference: 'medium', until, reachable: true }],
      prefixes: ['2001:db8:0:1::/64', '2001:db8:aaaa::/64'].map((text) => ({
        prefix: prefix(text),
        onLink: true,
        autonomous: text === '2001:db8:0:1::/64',
        preferred: true,
        validUntil: until,
        preferredUntil: until,
      })),
      routes: ['2001:db8:b0b::/48', '2000::/3', '2001:db8:aaaa::/48', '2001:db8:aaaa::5/128'].map((text) => {
        return { prefix: prefix(text), router, preference: 'high', until };
      }),
      mtu: 0,
      teredo: null,
    };
    const facts = {
      ipv6: [parseIpv6('2001:db8:aaaa::5') ?? expect.fail()],
      found: { ...NO_FINDINGS, learned: new Map([['is', learned]]) },
    };
    const host = '[[tunnel]]\ntype = "isatap"\nrole = "host"\nname = "is"\nlocal = "192.0.2.5"\npotential-routers = ["192.0.2.1"]';
    const steps = hostPlan(nodeOf(host, facts)).map(line);
    expect(steps.filter((text) => !text.startsWith('link') && !text.startsWith('address fe80'))).toEqual([
      'address 2001:db8:0:1:0:5efe:c000:205/128 on tunisatap',
      'route 2001:db8:0:1::/64 on tunisatap metric 1029',
      'route 2001:db8:b0b::/48 on tunisatap metric 1029',
      'route default on tunisatap metric 1029',
    ]);
  });

  test('no route is for more than 2002::/16 or less than the node’s own /48, and none leads RAs or 6to4 to a native link', () => {
    const all = [tunnel('router', '192.0.2.42', 'name = "r"'), tunnel('relay', '192.88.99.1', 'name = "relay"')];
    const steps = hostPlan(nodeOf([...all, ALLOW].join('\n')));
    const routes = steps.filter((step) => step.kind === 'route');
    expect(new Set(routes.map((step) => step.to))).toEqual(new Set(['2002:c000:22a::/48', '2002:c058:6301::/48', '2002::/16', 'default']));
    expect(routes.filter((step) => step.interface !== null).every((step) => step.interface?.startsWith('tun6to4'))).toBe(true);
  });
});

describe('6to4 addresses', () => {
  test.each(vectors['6to4_addresses'])('$v4 is $prefix: $use', ({ v4, prefix }) => {
    expect(`${formatIpv6(siteAddress(sixToFour, parseIpv4(v4) ?? 0, 0, new Uint8Array(8)))}/48`).toBe(prefix);
  });

  test('are 2002, the IPv4 address, the subnet and the identifier, in that order', () => {
    const parts = fc.tuple(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
    );
    fc.assert(
      fc.property(parts, ([local, subnet, id]) => {
        const hex = `2002${local.toString(16).padStart(8, '0')}${subnet.toString(16).padStart(4, '0')}${Buffer.from(id).toString('hex')}`;
        expect(Buffer.from(siteAddress(sixToFour, local, subnet, id)).toString('hex')).toBe(hex);
      }),
    );
  });
});
