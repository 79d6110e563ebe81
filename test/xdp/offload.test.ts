import { expect, test } from 'vitest';
import type { NodeSpec } from '../../src/engine/spec.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { LIMITS, RULES, SETTINGS } from '../../src/xdp/layout.js';
import { offloadOf } from '../../src/xdp/offload.js';
import { address, be32 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24"]';
const tunnel = (type: string, role: string, ...more: string[]): string =>
  ['[[tunnel]]', `type = "${type}"`, `role = "${role}"`, ...more].join('\n');
const RELAY = tunnel('6to4', 'relay', 'local = "192.88.99.1"');
const DOMAIN = ['prefix = "2001:db8::/32"', 'ipv4-mask-length = 8'];
const BORDER = tunnel('6rd', 'border-relay', 'local = "10.0.0.1"', ...DOMAIN);

/** Why each tunnel of the node is not offloaded; null where it is. Every interface is there. */
function obstacles(toml: string, change: Partial<NodeSpec> = {}, ifindex = 7): (string | null)[] {
  return offloadOf({ ...nodeOf(toml), ...change }, () => ifindex).tunnels.map(({ obstacle }) => obstacle);
}

test('relays and routers without state are offloaded', () => {
  const router = tunnel('isatap', 'router', 'local = "10.0.0.2"', 'prefix = "2001:db9:0:1::/64"');
  expect(obstacles([RELAY, BORDER, router].join('\n'))).toEqual([null, null, null]);
});

test.each([
  ['6to4 host', tunnel('6to4', 'host', 'local = "192.1.2.3"'), 'a host is an end of its traffic, and no relay'],
  [
    'customer edge',
    tunnel('6rd', 'customer-edge', 'local = "10.0.0.1"', 'border-relays = ["10.0.0.9"]', ...DOMAIN),
    'a customer-edge is an end of its traffic, and no relay',
  ],
  [
    'ISATAP host',
    tunnel('isatap', 'host', 'local = "10.0.0.1"', 'potential-routers = ["10.0.0.9"]'),
    'a host chooses among routers, and watches its neighbors',
  ],
  ['relay that learns path MTUs', `${RELAY}\npath-mtu-discovery = true`, 'path MTUs are known to the packet threads only'],
  [
    'relay with too many addresses',
    `${RELAY}\naccept = [${Array.from({ length: LIMITS.MAX_LOCAL }, (_, i) => `"192.1.2.${i + 1}"`)}]`,
    'it has 9 local addresses, at most 8 fit',
  ],
])('a %s is not, and that is said', (_, toml, obstacle) => {
  expect(obstacles(toml)).toEqual([obstacle]);
});

test('a Teredo relay is, for those whom it trusts; other roles are not', () => {
  const teredo = (role: string, ...more: string[]) => [tunnel('teredo', role, 'local = "192.0.2.1"', ...more), ALLOW].join('\n');
  expect(obstacles(teredo('relay'))).toEqual([null]);
  const own = address('2001:0:c000:202:1234:63bf:3fff:fdfe');
  expect(obstacles(teredo('relay'), { ownIpv6: [own] })).toEqual([null]);
  own[15]--;
  expect(obstacles(teredo('relay'), { ownIpv6: [own] })[0]).toContain('carries an IPv4 address of another');
  expect(obstacles(teredo('client', 'server = "192.0.2.9"'))).toEqual(['a client has a say in every packet']);
});

test('a tunnel that is down, or whose interface is not there, is not', () => {
  const down = nodeOf(RELAY).tunnels.map((spec) => ({ ...spec, local: [], down: 'no IPv4 default route' }));
  expect(obstacles(RELAY, { tunnels: down })).toEqual(['the tunnel is down']);
  expect(obstacles(RELAY, {}, 0)).toEqual(['there is no interface tun6to4']);
});

test('where the node has an address in the prefix that carries the IPv4 address of somebody else, its tunnel is not', () => {
  const both = [RELAY, BORDER].join('\n');
  const lan = address('2002:c000:204:1::1');
  expect(obstacles(both, { ownIpv6: [lan] })).toEqual(['2002:c000:204:1::1 of this node carries an IPv4 address of another', null]);
  expect(obstacles(both, { ownIpv6: [address('2002:a00:1:1::1')] })).toEqual([null, null]);
  expect(obstacles(both, { identity: address('2001:db8:2::1') })).toEqual([
    null,
    '2001:db8:2::1 of this node carries an IPv4 address of another',
  ]);
});

test('what does not fit leaves all of the node to the packet threads', () => {
  const ownIpv4 = Array.from({ length: LIMITS.MAX_OWN + 1 }, (_, i) => 0x0a000000 + i);
  const { tunnels, settings } = offloadOf({ ...nodeOf(RELAY), ownIpv4 }, () => 7);
  expect(tunnels.map(({ obstacle }) => obstacle)).toEqual(['the node has 33 IPv4 addresses, at most 32 fit']);
  expect(SETTINGS.decode(settings).tunnel_count).toBe(0);
  const many = Array.from({ length: LIMITS.MAX_TUNNELS + 1 }, () => nodeOf(RELAY).tunnels[0]);
  expect(obstacles(RELAY, { tunnels: many })[0]).toBe('the tunnels have 17 prefixes, at most 16 fit');
});

test('the program is told of a tunnel what its role and its carrier have', () => {
  const toml = `${RELAY}\naccept = ["192.0.2.1"]\nmtu = 1480\nttl = 42\ndscp = "copy"\necn = "normal"\n${BORDER}\ndscp = 10\nanycast = true\n${ALLOW}`;
  const {
    own_count: owns,
    own,
    tunnel_count: count,
    tunnel: entries,
  } = SETTINGS.decode(offloadOf(nodeOf(toml), (name) => name.length).settings);
  expect(
    own
      .slice(0, owns)
      .map((addr) => formatIpv4(addr))
      .sort(),
  ).toEqual(['10.0.0.1', '192.0.2.1', '192.88.99.1']);
  const shown = entries.slice(0, count).map(({ pattern: { bits, mask, ...carried }, local, reserved, ...entry }) => ({
    ...entry,
    ...carried,
    prefix: formatIpv6(Uint8Array.from(bits.flatMap(be32))),
    mask: formatIpv6(Uint8Array.from(mask.flatMap(be32))),
    local: local.slice(0, entry.local_count).map((addr) => formatIpv4(addr)),
  }));
  expect(shown).toEqual([
    {
      ...{ prefix: '2002::', mask: 'ffff::', word: 0, shift: 16, common_len: 0, common: 0 },
      ...{ slot: 0, ifindex: 'tun6to4'.length, policy: 0, mtu: 1480, ttl: 42, tos: 0, tos_mask: 0xff, flags: 0, offloaded: 1, port: 0 },
      ...{ local_count: 2, local: ['192.88.99.1', '192.0.2.1'] },
    },
    {
      ...{ prefix: '2001:db8::', mask: 'ffff:ffff::', word: 1, shift: 0, common_len: 8, common: 0x0a000000 },
      ...{
        slot: 1,
        ifindex: 'tun6rd'.length,
        policy: 1,
        mtu: 1280,
        ttl: 64,
        tos: 40,
        tos_mask: 0,
        flags: 0x4000,
        offloaded: 1,
        port: 0,
      },
      ...{ local_count: 1, local: ['10.0.0.1'] },
    },
  ]);
});

test('the rules of each policy lie by first octet, and all of them fit', () => {
  const { rules } = offloadOf(nodeOf(`${RELAY}\n${ALLOW}`), () => 7);
  const of = (policy: number, octet: number) => RULES.decode(rules, (policy * 256 + octet) * RULES.size);
  expect(rules.length).toBe(3 * 256 * RULES.size);
  expect(of(0, 10)).toMatchObject({
    count: 1,
    rule: [{ bits: 0x0a000000, mask: 0xff000000, refused: 1 }, ...Array(15).fill({ refused: 0 })],
  });
  expect(of(1, 10).count).toBe(0);
  // The exception of the configuration stands before the registry's own row.
  const documentation = of(0, 192).rule.filter(({ bits }) => bits === 0xc0000200);
  expect(documentation.map(({ refused }) => refused)).toEqual([0, 1]);
  for (let octet = 0; octet < 256; octet++) expect(of(0, octet).count).toBeLessThanOrEqual(LIMITS.MAX_RULES);
});
