/**
 * Three tunnels on one IPv6 Internet: a host with 6to4, a home with 6rd and a campus with ISATAP, as
 * they are in their own networks, reach the native web and, each over two relays, one another.
 */
import { ipv6Router, webServer } from './ipv6-internet.js';
import { isatapCampus } from './isatap.js';
import { sixRdProvider } from './sixrd.js';
import { sixToFourInternet } from './sixtofour.js';
import type { Topology, TopologyNode } from './topology.js';

const PICTURE = `
  host ------.             .-- otemachi --.
             |--- tokyo ---|     6to4     |
  pc - asakusa             '--- ueno -----|--- core6 --- web
                                 6rd      |
  library -- campus ---------- hongo -----'
                               ISATAP
`;

/** The node called `name`, as it is in `topology`. */
function as(topology: Topology, name: string): TopologyNode {
  const node = topology.nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`network ${topology.name} has no node "${name}"`);
  return node;
}

/** One host or home of each kind of tunnel, a relay of each, a web server. */
export const tunnelledInternet: Topology = {
  name: 'internet',
  title: {
    en: 'internet: 6to4, 6rd and ISATAP reach each other over their relays',
    ja: 'internet: 6to4・6rd・ISATAP がリレー経由で相互に到達',
  },
  picture: PICTURE,
  story: {
    en: 'A host with 6to4, a home with 6rd and a campus with ISATAP are on one IPv6 Internet. What one sends to another goes into its own tunnel, leaves it at that tunnel’s relay as native IPv6, and enters the other tunnel at the other relay.',
    ja: '6to4 のホスト、6rd の家庭、ISATAP のキャンパスが 1 つの IPv6 インターネットにつながっています。相手に送ったパケットは、まず自分のトンネルを通ってそのリレーでネイティブ IPv6 になり、次に相手側のリレーからもう一方のトンネルに入ります。',
  },
  nodes: [
    as(sixToFourInternet, 'host'),
    as(sixRdProvider, 'pc'),
    as(sixRdProvider, 'asakusa'),
    as(isatapCampus, 'library'),
    {
      name: 'tokyo',
      title: { en: 'IPv4 router, Tokyo', ja: 'IPv4 ルータ(東京)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-tokyo', addresses: ['192.0.2.1/24'] },
        { name: 'eth1', link: 'access-asakusa', addresses: ['10.1.2.1/24'] },
        { name: 'eth2', link: 'ix-otemachi', addresses: ['203.0.113.2/30'] },
        { name: 'eth3', link: 'pop-ueno', addresses: ['203.0.113.10/30'] },
      ],
      routes: [
        { to: '192.88.99.0/24', via: '203.0.113.1' },
        { to: '10.0.0.1/32', via: '203.0.113.9' },
      ],
    },
    as(sixToFourInternet, 'otemachi'),
    as(sixRdProvider, 'ueno'),
    as(isatapCampus, 'hongo'),
    ipv6Router(
      [
        ['core-otemachi', '2001:db8:6:1::1/64'],
        ['core-ueno', '2001:db8:6:3::1/64'],
        ['core-hongo', '2001:db8:6:5::1/64'],
      ],
      [
        { to: '2002::/16', via: '2001:db8:6:1::2' },
        { to: '3fff:a00::/28', via: '2001:db8:6:3::2' },
        { to: '2001:db8:15a:1::/64', via: '2001:db8:6:5::2' },
        { to: '2001:db8:0:b000:192:88:99:1/128', via: '2001:db8:6:1::2' },
        { to: '2001:db8:0:b000:10:0:0:1/128', via: '2001:db8:6:3::2' },
      ],
    ),
    webServer,
  ],
  links: [
    { name: 'access-tokyo', delay: 2 },
    { name: 'access-asakusa', delay: 2 },
    { name: 'lan-asakusa' },
    { name: 'campus', delay: 1 },
    { name: 'ix-otemachi', delay: 1 },
    { name: 'pop-ueno', delay: 1 },
    { name: 'core-otemachi', delay: 1 },
    { name: 'core-ueno', delay: 1 },
    { name: 'core-hongo', delay: 1 },
    { name: 'server', delay: 1 },
  ],
  paths: [
    { from: 'pc', to: 'web', relayed: true, tunnel: '6rd', title: { en: '6rd home to the web', ja: '6rd の家庭からウェブへ' } },
    {
      from: 'library',
      to: 'web',
      relayed: true,
      tunnel: 'isatap',
      title: { en: 'ISATAP campus to the web', ja: 'ISATAP キャンパスからウェブへ' },
    },
    { from: 'pc', to: 'library', relayed: true, title: { en: '6rd home to the ISATAP campus', ja: '6rd の家庭から ISATAP キャンパスへ' } },
    { from: 'library', to: 'pc', relayed: true, title: { en: 'ISATAP campus to the 6rd home', ja: 'ISATAP キャンパスから 6rd の家庭へ' } },
    { from: 'host', to: 'pc', relayed: true, title: { en: '6to4 host to the 6rd home', ja: '6to4 ホストから 6rd の家庭へ' } },
    {
      from: 'library',
      to: 'host',
      relayed: true,
      title: { en: 'ISATAP campus to the 6to4 host', ja: 'ISATAP キャンパスから 6to4 ホストへ' },
    },
  ],
};
