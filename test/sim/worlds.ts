/** Small worlds for tests: topologies in a few words. */
import { parseAddress } from '../../src/sim/address.js';
import type { Probe } from '../../src/sim/probe.js';
import { World } from '../../src/sim/world.js';
import type { Topology, TopologyLink, TopologyNode, TopologyRoute } from '../../src/topology/topology.js';
import { resolve } from './resolve.js';

const NOBODY = { en: '', ja: '' };

/** A node; interfaces as `name: [link, ...addresses]`, routes as `to: via`. */
export function node(
  name: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
  routes: Readonly<Record<string, string>> = {},
  more: Partial<TopologyNode> = {},
): TopologyNode {
  const staticRoutes: TopologyRoute[] = Object.entries(routes).map(([to, via]) => ({ to, via }));
  return {
    name,
    title: NOBODY,
    interfaces: Object.entries(interfaces).map(([on, [link, ...addresses]]) => ({ name: on, link, addresses })),
    routes: staticRoutes,
    ...more,
  };
}

/** A router. */
export function router(
  name: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
  routes: Readonly<Record<string, string>> = {},
): TopologyNode {
  return node(name, interfaces, routes, { forwards: true });
}

/** A topology without promised paths. */
export function topologyOf(nodes: readonly TopologyNode[], links: readonly TopologyLink[]): Topology {
  return { name: 'test', title: NOBODY, nodes, links, paths: [] };
}

/** A world of these nodes and links. */
export function worldOf(nodes: readonly TopologyNode[], links: readonly TopologyLink[], seed = 1): World {
  return new World(topologyOf(nodes, links), { resolve, seed });
}

/**
 * `near` -- left -- `mid` -- right -- `far`, both families, a stranger on each link.
 *
 *   near 10.0.1.1, 2001:db8:1::1     mid .254, ::ff on both     far 10.0.2.1, 2001:db8:2::1
 */
export interface Chain {
  readonly world: World;
  /** On the left link, with 10.0.1.9 and 2001:db8:1::9. */
  readonly left: Probe;
  /** On the right link, with 10.0.2.9 and 2001:db8:2::9. */
  readonly right: Probe;
}

/** Makes a chain; `rightMtu` is the MTU of the right link, octets. */
export function chain(rightMtu = 1500): Chain {
  const world = worldOf(
    [
      node('near', { eth0: ['left', '10.0.1.1/24', '2001:db8:1::1/64'] }, { default4: '10.0.1.254', default6: '2001:db8:1::ff' }),
      router('mid', { eth0: ['left', '10.0.1.254/24', '2001:db8:1::ff/64'], eth1: ['right', '10.0.2.254/24', '2001:db8:2::ff/64'] }),
      node('far', { eth0: ['right', '10.0.2.1/24', '2001:db8:2::1/64'] }, { default4: '10.0.2.254', default6: '2001:db8:2::ff' }),
    ],
    [
      { name: 'left', delay: 1 },
      { name: 'right', delay: 1, mtu: rightMtu },
    ],
  );
  const left = world.probe('left');
  const right = world.probe('right');
  for (const [probe, addresses] of [
    [left, ['10.0.1.9', '2001:db8:1::9']],
    [right, ['10.0.2.9', '2001:db8:2::9']],
  ] as const) {
    for (const address of addresses) probe.claim(parseAddress(address));
  }
  return { world, left, right };
}

/** Octets of hex text; white space does not count. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

/** Hex text of octets. */
export function toHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}
