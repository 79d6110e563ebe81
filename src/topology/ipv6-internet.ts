/** The native IPv6 side of the networks: one router in the middle, and the web server that everybody wants to reach. */
import type { TopologyInterface, TopologyNode, TopologyRoute } from './topology.js';

/** The link between the two. */
const SERVER = { link: 'server', router: '2001:db8:80::1', web: '2001:db8:80::80' } as const;

/** The web server. */
export const webServer: TopologyNode = {
  name: 'web',
  title: { en: 'IPv6-only web server', ja: 'IPv6 専用ウェブサーバ' },
  interfaces: [{ name: 'eth0', link: SERVER.link, addresses: [`${SERVER.web}/64`] }],
  routes: [{ to: 'default6', via: SERVER.router }],
  serves: 'web',
};

/** The router, with an address on the link of each relay, and routes to their tunnels. */
export function ipv6Router(links: readonly (readonly [link: string, address: string])[], routes: readonly TopologyRoute[]): TopologyNode {
  const ends = [...links, [SERVER.link, `${SERVER.router}/64`]];
  return {
    name: 'core6',
    title: { en: 'IPv6 router', ja: 'IPv6 ルータ' },
    forwards: true,
    interfaces: ends.map(([link, address], i): TopologyInterface => ({ name: `eth${i}`, link, addresses: [address] })),
    routes,
  };
}
