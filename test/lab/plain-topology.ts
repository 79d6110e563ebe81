/**
 * A network without tunnels: a switch with three ends, a router, and a far host behind a link that
 * takes less than Ethernet.
 *
 *   near --- lan --- router --- narrow (1400) --- far
 *             |
 *            web
 */
import type { Topology } from '../../src/topology/topology.js';

const words = (en: string): { en: string; ja: string } => ({ en, ja: en });

export const THREE_NETWORKS: Topology = {
  name: 'three-networks',
  title: words('three networks'),
  nodes: [
    {
      name: 'near',
      title: words('near'),
      interfaces: [{ name: 'eth0', link: 'lan', addresses: ['192.0.2.10/24', '2001:db8:1::10/64'] }],
      routes: [
        { to: 'default4', via: '192.0.2.1' },
        { to: 'default6', via: '2001:db8:1::1' },
      ],
    },
    {
      name: 'router',
      title: words('router'),
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'lan', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] },
        { name: 'eth1', link: 'narrow', addresses: ['198.51.100.1/24', '2001:db8:2::1/64'] },
      ],
    },
    {
      name: 'web',
      title: words('web'),
      interfaces: [{ name: 'eth0', link: 'lan', addresses: ['2001:db8:1::80/64'] }],
      routes: [{ to: 'default6', via: '2001:db8:1::1' }],
      serves: 'web',
    },
    {
      name: 'far',
      title: words('far'),
      interfaces: [{ name: 'eth0', link: 'narrow', addresses: ['198.51.100.10/24', '2001:db8:2::10/64'] }],
      routes: [
        { to: 'default4', via: '198.51.100.1' },
        { to: 'default6', via: '2001:db8:2::1' },
      ],
    },
  ],
  links: [{ name: 'lan' }, { name: 'narrow', mtu: 1400 }],
  paths: [
    { from: 'near', to: 'web', relayed: false, title: words('near to web') },
    { from: 'far', to: 'web', relayed: false, title: words('far to web') },
    { from: 'near', to: 'far', relayed: false, title: words('near to far') },
  ],
};
