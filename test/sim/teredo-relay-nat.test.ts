/** TRDO-RL-09: a Teredo relay that is behind a NAT itself, as one is that a home with native IPv6 has. */
import { describe, expect, test } from 'vitest';
import { NAT_KINDS } from '../../src/core/nat.js';
import { World } from '../../src/sim/world.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';
import { resolve } from './resolve.js';
import { kinds } from './worlds.js';

const QUALIFIED = 5_000;
const CONES = ['full-cone', 'restricted-cone', 'port-restricted-cone'] as const;
/** Behind NATs of the same three types. */
const HOMES = ['kanda', 'ebisu', 'tabata'];

/** The network of Teredo with a NAT in front of its relay. */
function withNat(kind: (typeof CONES)[number]): Topology {
  const nodes = teredoInternet.nodes.flatMap((node): TopologyNode[] => {
    if (node.name !== 'shinjuku') return [node];
    const [outside, native] = node.interfaces;
    return [
      {
        ...node,
        interfaces: [{ ...outside, link: 'lan-shinjuku', addresses: ['192.168.99.2/24'] }, native],
        routes: node.routes?.map((route) => (route.to === 'default4' ? { ...route, via: '192.168.99.1' } : route)) ?? [],
        daemon: node.daemon?.replace('local = "203.0.113.1"', '') ?? '',
      },
      {
        name: 'nat-shinjuku',
        title: { en: 'NAT', ja: 'NAT' },
        forwards: true,
        interfaces: [
          { name: 'eth0', link: 'lan-shinjuku', addresses: ['192.168.99.1/24'] },
          { ...outside, name: 'eth1' },
        ],
        routes: [{ to: 'default4', via: '203.0.113.2' }],
        nat: { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[kind] },
      },
    ];
  });
  return { ...teredoInternet, nodes, links: [...teredoInternet.links, { name: 'lan-shinjuku' }] };
}

describe.each(CONES)('behind a %s NAT', (kind) => {
  test('TRDO-RL-09: clients reach the web, and the web reaches clients', () => {
    const world = new World(withNat(kind), { resolve });
    world.run(QUALIFIED);
    expect(world.daemon('shinjuku').node?.tunnels[0]).toMatchObject({ down: null, local: [0xc0a86302] });
    for (const name of HOMES) {
      // What was relayed for one home opens the NAT for no other.
      expect([name, kinds(world, name, 'web')]).toEqual([name, 'reply']);
      world.host('nat-shinjuku').nat?.forget();
      world.advance(60_000);
      expect([name, kinds(world, 'web', name)]).toEqual([name, 'reply']);
    }
  });
});
