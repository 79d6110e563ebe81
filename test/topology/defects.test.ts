/** Shipped networks are sound, and what would make one unsound is found. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatProblem, parseConfig } from '../../src/config/load.js';
import { NAT_KINDS } from '../../src/core/nat.js';
import { defectsOf } from '../../src/topology/defects.js';
import { ENDLESS_LOOP, LOOPS } from '../../src/topology/loops.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';

const words = { en: 'x', ja: 'x' };

/** Two nodes on a cable; `a` forwards nothing, `b` does. */
const SOUND: Topology = {
  name: 'sound',
  title: words,
  nodes: [
    {
      name: 'a',
      title: words,
      interfaces: [{ name: 'eth0', link: 'cable', addresses: ['192.0.2.1/24', '2001:db8::1/64'] }],
      routes: [
        { to: 'default4', via: '192.0.2.2' },
        { to: '2001:db8:1::/48', via: '2001:db8::2' },
      ],
    },
    {
      name: 'b',
      title: words,
      forwards: true,
      interfaces: [{ name: 'eth0', link: 'cable', addresses: ['192.0.2.2/24', '2001:db8::2/64'] }],
    },
  ],
  links: [{ name: 'cable' }],
  paths: [{ from: 'a', to: 'b', title: words, relayed: false }],
};

const [A, B] = SOUND.nodes;
/** SOUND with other properties of `a`. */
const withA = (change: Partial<TopologyNode>): Topology => ({ ...SOUND, nodes: [{ ...A, ...change }, B] });
const addressed = (...addresses: string[]): Topology => withA({ interfaces: [{ name: 'eth0', link: 'cable', addresses }], routes: [] });
const routed = (to: string, via: string): Topology => withA({ routes: [{ to, via }] });

const ALL = [...TOPOLOGIES, ...[...LOOPS, ENDLESS_LOOP].map(({ topology }) => topology)];

test.each(ALL.map((topology) => [topology.name, topology] as const))(
  '%s is sound, down to the configuration of its daemons',
  (_, topology) => {
    expect(defectsOf(topology)).toEqual([]);
    for (const { name, daemon } of topology.nodes) {
      if (daemon !== undefined) expect(parseConfig(daemon, name).problems.map(formatProblem), name).toEqual([]);
    }
    expect(topology.picture ?? '').toMatch(/^[\x20-\x7e\n]*$/);
  },
);

test('names of networks are unique', () => {
  const names = TOPOLOGIES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each<[defect: string, topology: Topology]>([
  ['topology "A b"', { ...SOUND, name: 'A b' }],
  ['name "a;reboot"', { ...SOUND, nodes: [{ ...A, name: 'a;reboot' }, B], paths: [] }],
  ['name "a": more than one', { ...SOUND, nodes: [A, { ...B, name: 'a' }], paths: [] }],
  ['name "a": more than one', { ...SOUND, links: [...SOUND.links, { name: 'a' }] }],
  ['link "spare": 0 ends', { ...SOUND, links: [...SOUND.links, { name: 'spare' }] }],
  ['link "cable": 1 ends', { ...SOUND, nodes: [withA({ routes: [] }).nodes[0]], paths: [] }],
  ['link "cable": mtu 1279', { ...SOUND, links: [{ name: 'cable', mtu: 1279 }] }],
  ['link "cable": mtu 1500.5', { ...SOUND, links: [{ name: 'cable', mtu: 1500.5 }] }],
  ['link "cable": delay -1', { ...SOUND, links: [{ name: 'cable', delay: -1 }] }],
  ['link "cable": loss 2', { ...SOUND, links: [{ name: 'cable', loss: 2 }] }],
  ['link "cable": reorder NaN', { ...SOUND, links: [{ name: 'cable', reorder: Number.NaN }] }],
  ['it has no interface', withA({ interfaces: [], routes: [] })],
  ['an interface cannot be called "lo"', withA({ interfaces: [{ name: 'lo', link: 'cable' }], routes: [] })],
  ['an interface cannot be called "abcdefghijklmnop"', withA({ interfaces: [{ name: 'abcdefghijklmnop', link: 'cable' }], routes: [] })],
  ['it has two interfaces "eth0"', withA({ interfaces: [...A.interfaces, { name: 'eth0', link: 'cable' }] })],
  ['eth0 is on link "nowhere"', withA({ interfaces: [{ name: 'eth0', link: 'nowhere' }], routes: [] })],
  ['it has no "eth1" to autoconfigure', withA({ autoconfigures: ['eth1'] })],
  [
    'it serves, and has no IPv6 address',
    { ...addressed('192.0.2.1/24'), nodes: [{ ...addressed('192.0.2.1/24').nodes[0], serves: 'web' }, B] },
  ],
  ['address 192.0.2.1: expected address/length', addressed('192.0.2.1')],
  ['address 192.0.2.1/33: expected address/length', addressed('192.0.2.1/33')],
  ['address default4: expected address/length', addressed('default4')],
  ['address 192.0.2.2/24: b eth0 has it too', { ...SOUND, nodes: [B, addressed('192.0.2.2/24').nodes[0]] }],
  ['address 192.0.2.255/24: it is the network', addressed('192.0.2.255/24')],
  ['address 192.0.2.0/24: it is the network', addressed('192.0.2.0/24')],
  ['route to default4 via 2001:db8::2: IPv4 and IPv6 do not mix', routed('default4', '2001:db8::2')],
  ['route to 2001:db8:1::1/48 via 2001:db8::2: there are bits set', routed('2001:db8:1::1/48', '2001:db8::2')],
  ['route to default via 192.0.2.2: expected a prefix', routed('default', '192.0.2.2')],
  ['route to default4 via 198.51.100.1: no interface', routed('default4', '198.51.100.1')],
  ['route to default4 via 192.0.2.3: no neighbour', routed('default4', '192.0.2.3')],
  ['route to default4 via 192.0.2.1: no neighbour', routed('default4', '192.0.2.1')],
  ['route to default4 via 192.0.2.2: "b" does not forward', { ...SOUND, nodes: [A, { ...B, forwards: false }] }],
  ['path a to c: there is no node "c"', { ...SOUND, paths: [{ from: 'a', to: 'c', title: words, relayed: false }] }],
  [
    'matrix: there is no node "c"',
    {
      ...SOUND,
      matrix: { title: words, from: [{ node: 'a', title: words }], to: ['b', 'c'].map((node) => ({ node, title: words })), impossible: [] },
    },
  ],
  ['path a to a: it leads nowhere', { ...SOUND, paths: [{ from: 'a', to: 'a', title: words, relayed: false }] }],
])('%s', (defect, topology) => {
  expect(defectsOf(SOUND)).toEqual([]);
  expect(defectsOf(topology).join('\n')).toContain(defect);
});

test('private addresses may come again on another link, and not on the same', () => {
  const home = (name: string, link: string): TopologyNode => ({
    name,
    title: words,
    interfaces: [{ name: 'eth0', link, addresses: ['192.168.0.1/24'] }],
  });
  const guest = (name: string, link: string): TopologyNode => ({ name, title: words, interfaces: [{ name: 'eth0', link }] });
  const links = [{ name: 'lan1' }, { name: 'lan2' }];
  const apart = { ...SOUND, nodes: [home('a', 'lan1'), guest('b', 'lan1'), home('c', 'lan2'), guest('d', 'lan2')], links, paths: [] };
  const together = { ...SOUND, nodes: [home('a', 'lan1'), home('b', 'lan1')], links: [{ name: 'lan1' }], paths: [] };
  expect(defectsOf(apart)).toEqual([]);
  expect(defectsOf(together)).toEqual(['b eth0, address 192.168.0.1/24: a eth0 has it too']);
});

test('a name that would mean something to a shell or to ip is never sound', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 30, unit: 'binary' }), (name) => {
      fc.pre(!/^[a-z0-9-]*$/.test(name));
      expect(defectsOf({ ...SOUND, nodes: [{ ...A, name }, B], paths: [] })).not.toEqual([]);
      expect(defectsOf({ ...SOUND, links: [{ name }] })).not.toEqual([]);
      expect(defectsOf(withA({ interfaces: [{ name, link: 'cable' }], routes: [] }))).not.toEqual([]);
      expect(defectsOf(addressed(name))).not.toEqual([]);
      expect(defectsOf(routed(name, '192.0.2.2'))).not.toEqual([]);
      expect(defectsOf(routed('default4', name))).not.toEqual([]);
    }),
  );
});

test('a NAT needs a node that forwards, and an IPv4 address on both of its sides', () => {
  const nat = { inside: 'eth0', outside: 'eth1', ...NAT_KINDS['full-cone'] };
  const interfaces = [
    { name: 'eth0', link: 'cable', addresses: ['192.0.2.1/24'] },
    { name: 'eth1', link: 'cable', addresses: ['198.51.100.1/24'] },
  ];
  const defects = (change: Partial<TopologyNode>): string[] =>
    defectsOf(withA({ interfaces, routes: [], forwards: true, nat, ...change })).filter((defect) => defect.includes('NAT'));
  expect(defects({})).toEqual([]);
  expect(defects({ forwards: false })).toEqual(['node "a": it is a NAT, and does not forward']);
  expect(defects({ nat: { ...nat, outside: 'eth2' } })).toEqual(['node "a": its NAT needs an IPv4 address on an interface "eth2"']);
  expect(defects({ nat: { ...nat, outside: 'eth0' } })).toEqual(['node "a": its NAT has "eth0" on both sides']);
  expect(defects({ interfaces: [interfaces[0], { name: 'eth1', link: 'cable', addresses: ['2001:db8::1/64'] }] })).toHaveLength(1);
  for (const timeout of [0, 1.5, 86_401])
    expect(defects({ nat: { ...nat, timeout } })[0]).toMatch(/NAT timeout .*, expected 1 to 86400 seconds/);
});
