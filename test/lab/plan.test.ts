/** The plan of a lab: pure, so this runs without privileges. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planLab } from '../../src/lab/plan.js';
import { isatapCampus } from '../../src/topology/isatap.js';
import { sixToFourInternet } from '../../src/topology/sixtofour.js';
import { TOPOLOGIES } from '../../src/topology/topologies.js';
import { THREE_NETWORKS } from './plain-topology.js';

const ALL = [...TOPOLOGIES, THREE_NETWORKS];

test('two labs of one network share no name', () => {
  for (const topology of ALL) {
    const names = ['aaaa', 'bbbb'].flatMap((id) => planLab(topology, id).namespaces.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^tsn-(aaaa|bbbb)-[a-z0-9-]+$/);
  }
});

test('every interface of a network is one end of exactly one cable, in its own namespace', () => {
  for (const topology of ALL) {
    const ends = planLab(topology, 'aaaa').cables.flatMap((line) =>
      [...line.matchAll(/name (\S+) (?:address \S+ )?mtu \d+ netns (\S+)/g)].map(([, name, namespace]) => `${namespace} ${name}`),
    );
    const wanted = topology.nodes.flatMap(({ name, interfaces }) => interfaces.map((on) => `tsn-aaaa-${name} ${on.name}`));
    expect(ends.filter((end) => wanted.includes(end)).sort()).toEqual(wanted.sort());
    expect(new Set(ends).size).toBe(ends.length);
    expect(ends.length).toBe(2 * planLab(topology, 'aaaa').cables.length);
  }
});

test('a link of two ends is a cable, one of three a bridge in a namespace of its own', () => {
  const { namespaces, cables, taps } = planLab(THREE_NETWORKS, 'aaaa');
  expect(namespaces.filter(({ node }) => node === null).map(({ name }) => name)).toEqual(['tsn-aaaa-lan']);
  expect(cables.filter((line) => line.includes('netns tsn-aaaa-lan'))).toHaveLength(3);
  expect(taps).toContainEqual({ link: 'lan', namespace: 'tsn-aaaa-lan', interface: 'br0', mtu: 1500 });
  expect(taps).toContainEqual({ link: 'narrow', namespace: 'tsn-aaaa-router', interface: 'eth1', mtu: 1400 });
});

test('a link of a relay is seen at the end that is not the relay’s, and what the relay redirects into it is received there', () => {
  const { namespaces, taps } = planLab(sixToFourInternet, 'aaaa');
  const tapOf = (link: string): string | undefined => taps.find((tap) => tap.link === link)?.namespace;
  expect(['ix-otemachi', 'core-otemachi', 'server'].map(tapOf)).toEqual(['tsn-aaaa-tokyo', 'tsn-aaaa-core6', 'tsn-aaaa-core6']);
  const received = namespaces.flatMap(({ node, redirectedInto }) => redirectedInto.map((name) => `${node} ${name}`));
  expect(received).toEqual(['tokyo eth2', 'osaka eth2', 'core6 eth0', 'core6 eth1']);
  const ports = planLab(isatapCampus, 'aaaa').namespaces.find(({ node }) => node === null);
  expect([ports?.interfaces, ports?.redirectedInto]).toEqual([
    ['port0', 'port1', 'port2', 'port3'],
    ['port2', 'port3'],
  ]);
});

test('both ends of a link have its MTU', () => {
  const narrow = planLab(THREE_NETWORKS, 'aaaa').cables.filter((line) => line.includes('tsn-aaaa-far'));
  expect(narrow).toHaveLength(1);
  expect([...narrow[0].matchAll(/mtu (\d+)/g)].map(([, mtu]) => mtu)).toEqual(['1400', '1400']);
});

test('what forwards, and what takes advertisements, follows from the node', () => {
  const { namespaces } = planLab(TOPOLOGIES[0], 'aaaa');
  const settings = (node: string): Record<string, number> =>
    Object.fromEntries(namespaces.filter((each) => each.node === node).flatMap((each) => [...each.defaults, ...each.settings]));
  expect(settings('tokyo')).toMatchObject({ 'ipv4/ip_forward': 1, 'ipv6/conf/all/forwarding': 1, 'ipv6/conf/eth0/disable_ipv6': 1 });
  expect(settings('host')).toMatchObject({ 'ipv4/ip_forward': 0, 'ipv6/conf/all/forwarding': 0, 'ipv6/conf/all/accept_ra': 0 });
  expect(settings('pc')).toMatchObject({ 'ipv6/conf/eth0/accept_ra': 2, 'ipv6/conf/eth0/autoconf': 1 });
  expect(settings('pc')).not.toHaveProperty('ipv6/conf/eth0/disable_ipv6');
});

test('no topology puts a word of its own making into a command', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 20 }), (name) => {
      fc.pre(!/^[a-z0-9-]*$/.test(name));
      const [first, ...rest] = THREE_NETWORKS.nodes;
      expect(() => planLab({ ...THREE_NETWORKS, nodes: [{ ...first, name }, ...rest] }, 'aaaa')).toThrow(RangeError);
    }),
  );
  for (const topology of ALL) {
    const { namespaces, cables } = planLab(topology, 'aaaa');
    for (const line of [...cables, ...namespaces.flatMap(({ ip }) => ip)]) expect(line).toMatch(/^[a-z0-9 .:/_-]+$/);
  }
});
