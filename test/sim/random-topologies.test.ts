/** The simulated network against the obvious one: follow the routes with a finger on the map. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TopologyNode } from '../../src/topology/topology.js';
import { node, router, worldOf } from './worlds.js';

interface Family {
  readonly name: string;
  readonly prefixLen: number;
  /** Address `host` of link `link`. */
  address(link: number, host: number): string;
  /** The prefix of a link. */
  prefix(link: number): string;
  /** A prefix that covers half of all links. */
  readonly half: string;
  readonly defaultRoute: string;
}

const FAMILIES: readonly Family[] = [
  {
    name: 'IPv4',
    prefixLen: 24,
    address: (link, host) => `10.0.${link}.${host}`,
    prefix: (link) => `10.0.${link}.0/24`,
    half: '10.0.0.0/22',
    defaultRoute: 'default4',
  },
  {
    name: 'IPv6',
    prefixLen: 64,
    address: (link, host) => `2001:db8:0:${link.toString(16)}::${host.toString(16)}`,
    prefix: (link) => `2001:db8:0:${link.toString(16)}::/64`,
    half: '2001:db8::/62',
    defaultRoute: 'default6',
  },
];

/** Links 0..3 lie in the half. */
const LINKS = 8;
const ROUTERS = 5;
/** Address of a link's one host; routers are 1..ROUTERS. */
const HOST = 100;

/** A static route of a router: to what, and by which of its links to which router on it. */
interface Hop {
  /** A link; `LINKS`: the half; `LINKS + 1`: everything. */
  readonly to: number;
  readonly link: number;
  readonly via: number;
}

interface Map {
  /** Which routers are on which link. */
  readonly plugs: readonly (readonly boolean[])[];
  readonly routes: readonly (readonly Hop[])[];
  /** The router that each link's host uses. */
  readonly gateways: readonly number[];
}

const hop = fc.record({ to: fc.nat(LINKS + 1), link: fc.nat(LINKS - 1), via: fc.nat(ROUTERS - 1) });
const maps: fc.Arbitrary<Map> = fc.record({
  plugs: fc.array(fc.array(fc.boolean(), { minLength: LINKS, maxLength: LINKS }), { minLength: ROUTERS, maxLength: ROUTERS }),
  routes: fc.array(fc.array(hop, { maxLength: 10 }), { minLength: ROUTERS, maxLength: ROUTERS }),
  gateways: fc.array(fc.nat(ROUTERS - 1), { minLength: LINKS, maxLength: LINKS }),
});

/** The routes of a router that it can have: by a link that it is on, to another one. */
function possibleRoutes({ plugs, routes }: Map, at: number): Hop[] {
  const taken = new Set<number>();
  return routes[at].filter(({ to, link, via }) => {
    if (!plugs[at][link] || via === at || taken.has(to)) return false;
    taken.add(to);
    return true;
  });
}

/** Whether a packet of the host on `from` reaches the host on `to`: at most 63 routers pass it on. */
function reaches(map: Map, from: number, to: number): boolean {
  if (from === to) return true;
  let link = from;
  let at = map.gateways[from];
  for (let passed = 0; passed < 63; passed++) {
    if (!map.plugs[at][link]) return false;
    if (map.plugs[at][to]) return true;
    const matches = possibleRoutes(map, at).filter(
      (route) => route.to === to || (route.to === LINKS && to < LINKS / 2) || route.to === LINKS + 1,
    );
    const [best] = matches.sort((a, b) => specificity(b.to) - specificity(a.to));
    if (best === undefined) return false;
    link = best.link;
    at = best.via;
  }
  return false;
}

const specificity = (to: number): number => (to < LINKS ? 2 : to === LINKS ? 1 : 0);

function build(map: Map, family: Family): TopologyNode[] {
  const nodes: TopologyNode[] = [];
  for (let r = 0; r < ROUTERS; r++) {
    const interfaces: Record<string, string[]> = {};
    for (let l = 0; l < LINKS; l++)
      if (map.plugs[r][l]) interfaces[`eth${l}`] = [`link${l}`, `${family.address(l, r + 1)}/${family.prefixLen}`];
    const routes: Record<string, string> = {};
    for (const { to, link, via } of possibleRoutes(map, r)) {
      const prefix = to < LINKS ? family.prefix(to) : to === LINKS ? family.half : family.defaultRoute;
      routes[prefix] = family.address(link, via + 1);
    }
    nodes.push(router(`router${r}`, interfaces, routes));
  }
  for (let l = 0; l < LINKS; l++) {
    const gateway = family.address(l, map.gateways[l] + 1);
    nodes.push(
      node(`host${l}`, { eth0: [`link${l}`, `${family.address(l, HOST)}/${family.prefixLen}`] }, { [family.defaultRoute]: gateway }),
    );
  }
  return nodes;
}

for (const family of FAMILIES) {
  test(`${family.name}: in any network of routers a ping is answered exactly where both ways lead through`, () => {
    const seen = { reached: 0, lost: 0 };
    fc.assert(
      fc.property(maps, (map) => {
        const world = worldOf(
          build(map, family),
          Array.from({ length: LINKS }, (_, l) => ({ name: `link${l}`, delay: 1 })),
        );
        for (let from = 0; from < LINKS; from++) {
          for (let to = 0; to < LINKS; to++) {
            const expected = reaches(map, from, to) && reaches(map, to, from);
            const [{ kind }] = world.ping(`host${from}`, family.address(to, HOST));
            expect([from, to, kind === 'reply']).toEqual([from, to, expected]);
            if (from !== to) seen[expected ? 'reached' : 'lost']++;
          }
        }
        expect(world.unaccounted()).toBe(0);
      }),
      { seed: 6, numRuns: 60 },
    );
    // A test that only ever saw one of the answers would have tested nothing.
    expect(Math.min(seen.reached, seen.lost)).toBeGreaterThan(300);
  });
}
