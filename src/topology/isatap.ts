/**
 * A campus with ISATAP, RFC 5214: its switches and hosts have private IPv4 alone, and one /64 of IPv6
 * lies over them. Two routers know the way out; hosts ask both, use one, and have the other in reserve.
 */
import { ipv6Router, webServer } from './ipv6-internet.js';
import type { Topology } from './topology.js';

/** The /64 that lies over the campus; interface identifiers are 0:5efe:<IPv4>. */
const PREFIX = '2001:db8:15a:1::/64';

const HOST = `
[[tunnel]]
type = "isatap"
role = "host"
mtu  = 1480
potential-routers = ["172.16.1.1", "172.16.1.2"]
`;

const router = (local: string): string => `
[[tunnel]]
type   = "isatap"
role   = "router"
prefix = "${PREFIX}"
local  = "${local}"
mtu    = 1480
`;

const PICTURE = `
  library ----.               .-- hongo ---.
              |--- campus ----| 172.16.1.1 |--- core6 --- web
  laboratory -'   IPv4 only   '-- komaba --'           IPv6 only
                                172.16.1.2
`;

/** Two hosts, two routers, a web server. */
export const isatapCampus: Topology = {
  name: 'isatap',
  title: {
    en: 'ISATAP: hosts of an IPv4-only campus reach the IPv6 web over its routers',
    ja: 'ISATAP: IPv4 専用キャンパスのホストがルータ経由で IPv6 ウェブに到達',
  },
  picture: PICTURE,
  story: {
    en: 'The network of a campus has IPv4 only, with private addresses. ISATAP lays one IPv6 network, 2001:db8:15a:1::/64, over it: an address ends in 0:5efe and the IPv4 address of its host. Hosts know two potential routers, ask both, and use one; if it dies, the other takes over. Hosts reach each other directly, without a router.',
    ja: 'キャンパスのネットワークは IPv4 のみ(プライベートアドレス)です。ISATAP はその上に 1 つの IPv6 ネットワーク 2001:db8:15a:1::/64 を重ねます。アドレスの末尾は 0:5efe とホストの IPv4 アドレスです。ホストは 2 台のルータの両方に問い合わせて一方を使い、それが停止するともう一方に切り替えます。ホスト同士はルータを通らず直接通信します。',
  },
  nodes: [
    {
      name: 'library',
      title: { en: 'PC in the library', ja: '図書館の PC' },
      interfaces: [{ name: 'eth0', link: 'campus', addresses: ['172.16.1.10/24'] }],
      routes: [{ to: 'default4', via: '172.16.1.1' }],
      daemon: HOST,
    },
    {
      name: 'laboratory',
      title: { en: 'PC in the laboratory', ja: '研究室の PC' },
      interfaces: [{ name: 'eth0', link: 'campus', addresses: ['172.16.1.20/24'] }],
      routes: [{ to: 'default4', via: '172.16.1.1' }],
      daemon: HOST,
    },
    {
      name: 'hongo',
      title: { en: 'ISATAP router 1, Hongo', ja: 'ISATAP ルータ 1(本郷)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'campus', addresses: ['172.16.1.1/24'] },
        { name: 'eth1', link: 'core-hongo', addresses: ['2001:db8:6:5::2/64'] },
      ],
      routes: [{ to: 'default6', via: '2001:db8:6:5::1' }],
      daemon: router('172.16.1.1'),
    },
    {
      name: 'komaba',
      title: { en: 'ISATAP router 2, Komaba', ja: 'ISATAP ルータ 2(駒場)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'campus', addresses: ['172.16.1.2/24'] },
        { name: 'eth1', link: 'core-komaba', addresses: ['2001:db8:6:6::2/64'] },
      ],
      routes: [{ to: 'default6', via: '2001:db8:6:6::1' }],
      daemon: router('172.16.1.2'),
    },
    ipv6Router(
      [
        ['core-hongo', '2001:db8:6:5::1/64'],
        ['core-komaba', '2001:db8:6:6::1/64'],
      ],
      [
        { to: PREFIX, via: '2001:db8:6:5::2', metric: 100 },
        { to: PREFIX, via: '2001:db8:6:6::2', metric: 200 },
      ],
    ),
    webServer,
  ],
  links: [
    { name: 'campus', delay: 1 },
    { name: 'core-hongo', delay: 1 },
    { name: 'core-komaba', delay: 4 },
    { name: 'server', delay: 1 },
  ],
  paths: [
    {
      from: 'library',
      to: 'web',
      relayed: true,
      tunnel: 'isatap',
      title: { en: 'PC in the library to the web', ja: '図書館の PC からウェブへ' },
    },
    {
      from: 'library',
      to: 'laboratory',
      relayed: false,
      title: { en: 'library to the laboratory, host to host', ja: '図書館の PC から研究室へ(ホスト間直接)' },
    },
    { from: 'web', to: 'laboratory', relayed: true, title: { en: 'web to the PC in the laboratory', ja: 'ウェブから研究室の PC へ' } },
  ],
};
