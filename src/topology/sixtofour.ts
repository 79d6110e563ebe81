/**
 * The 6to4 internet: IPv4-only access at two cities, two relays on one anycast address, and an
 * IPv6-only web server behind them. The web's answers always leave by otemachi, so traffic from
 * Osaka goes out by one relay and comes back by the other, as on the real Internet.
 */
import { ipv6Router, webServer } from './ipv6-internet.js';
import type { Topology } from './topology.js';

const ALLOW = 'allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"] # documentation ranges play the Internet';

const relay = (identity: string, unicast: string): string => `
[node]
identity = "${identity}"

[[tunnel]]
name   = "relay"
type   = "6to4"
role   = "relay"
local  = "192.88.99.1"
accept = ["${unicast}"]
mtu    = 1480

[policy]
${ALLOW}
`;

const PICTURE = `
  host --- tokyo ---------------- osaka --- home --- pc
             |                      |     router    IPv6 only
         otemachi                dojima
        192.88.99.1            192.88.99.1          IPv4 above,
             |                      |               IPv6 below
             '-------- core6 -------'
                         |
                        web
`;

/** Two relays, a host, a home, a web server. */
export const sixToFourInternet: Topology = {
  name: '6to4',
  title: {
    en: '6to4: a host and a home reach the IPv6 web through anycast relays',
    ja: '6to4: ホストと家庭がエニーキャストリレー経由で IPv6 ウェブに到達',
  },
  picture: PICTURE,
  story: {
    en: 'Two cities have IPv4 only. Between them and an IPv6-only web server stand two relays that share the anycast address 192.88.99.1; each city is nearer to its own. Answers of the web always leave by otemachi: what goes out from Osaka by one relay comes back by the other, as on the real Internet. Sites reach each other directly, without a relay.',
    ja: '東京と大阪には IPv4 しかありません。IPv6 専用ウェブサーバとの間には、エニーキャストアドレス 192.88.99.1 を共有する 2 台のリレーがあり、各都市は近い方を使います。ウェブからの応答は常に大手町を通るため、大阪からの通信は行きと帰りでリレーが異なります(実際のインターネットと同じです)。6to4 サイト同士はリレーを通らず直接通信します。',
  },
  nodes: [
    {
      name: 'host',
      title: { en: 'PC with a global IPv4 address', ja: 'グローバル IPv4 アドレスを持つ PC' },
      interfaces: [{ name: 'eth0', link: 'access-tokyo', addresses: ['192.0.2.10/24'] }],
      routes: [{ to: 'default4', via: '192.0.2.1' }],
      daemon: `
[[tunnel]]
type  = "6to4"
role  = "host"
relay = "192.88.99.1"
mtu   = 1480

[policy]
${ALLOW}
`,
    },
    {
      name: 'tokyo',
      title: { en: 'IPv4 router, Tokyo', ja: 'IPv4 ルータ(東京)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-tokyo', addresses: ['192.0.2.1/24'] },
        { name: 'eth1', link: 'backbone', addresses: ['203.0.113.253/30'] },
        { name: 'eth2', link: 'ix-otemachi', addresses: ['203.0.113.2/30'] },
      ],
      routes: [
        { to: '192.88.99.0/24', via: '203.0.113.1' },
        { to: '198.51.100.0/24', via: '203.0.113.254' },
        { to: '203.0.113.4/30', via: '203.0.113.254' },
      ],
    },
    {
      name: 'osaka',
      title: { en: 'IPv4 router, Osaka', ja: 'IPv4 ルータ(大阪)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-osaka', addresses: ['198.51.100.1/24'] },
        { name: 'eth1', link: 'backbone', addresses: ['203.0.113.254/30'] },
        { name: 'eth2', link: 'ix-dojima', addresses: ['203.0.113.6/30'] },
      ],
      routes: [
        { to: '192.88.99.0/24', via: '203.0.113.5' },
        { to: '192.0.2.0/24', via: '203.0.113.253' },
        { to: '203.0.113.0/30', via: '203.0.113.253' },
      ],
    },
    {
      name: 'home',
      title: { en: 'Home router', ja: '家庭のルータ' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-osaka', addresses: ['198.51.100.10/24'] },
        { name: 'lan0', link: 'home-lan' },
      ],
      routes: [{ to: 'default4', via: '198.51.100.1' }],
      daemon: `
[[tunnel]]
type  = "6to4"
role  = "router"
relay = "192.88.99.1"
mtu   = 1480

[[tunnel.lan]]
interface = "lan0"
subnet    = 1

[policy]
${ALLOW}
`,
    },
    {
      name: 'pc',
      title: { en: 'IPv6-only PC at home', ja: '家庭内の IPv6 専用 PC' },
      interfaces: [{ name: 'eth0', link: 'home-lan' }],
      autoconfigures: ['eth0'],
    },
    {
      name: 'otemachi',
      title: { en: '6to4 relay 1, Otemachi', ja: '6to4 リレー 1(大手町)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'ix-otemachi', addresses: ['203.0.113.1/30'] },
        { name: 'eth1', link: 'core-otemachi', addresses: ['2001:db8:6:1::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '203.0.113.2' },
        { to: 'default6', via: '2001:db8:6:1::1' },
      ],
      daemon: relay('2001:db8:0:b000:192:88:99:1', '203.0.113.1'),
    },
    {
      name: 'dojima',
      title: { en: '6to4 relay 2, Dojima', ja: '6to4 リレー 2(堂島)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'ix-dojima', addresses: ['203.0.113.5/30'] },
        { name: 'eth1', link: 'core-dojima', addresses: ['2001:db8:6:2::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '203.0.113.6' },
        { to: 'default6', via: '2001:db8:6:2::1' },
      ],
      daemon: relay('2001:db8:0:b000:192:88:99:2', '203.0.113.5'),
    },
    ipv6Router(
      [
        ['core-otemachi', '2001:db8:6:1::1/64'],
        ['core-dojima', '2001:db8:6:2::1/64'],
      ],
      [
        { to: '2002::/16', via: '2001:db8:6:1::2', metric: 100 },
        { to: '2002::/16', via: '2001:db8:6:2::2', metric: 200 },
        { to: '2001:db8:0:b000:192:88:99:1/128', via: '2001:db8:6:1::2' },
        { to: '2001:db8:0:b000:192:88:99:2/128', via: '2001:db8:6:2::2' },
      ],
    ),
    webServer,
  ],
  links: [
    { name: 'access-tokyo', delay: 2 },
    { name: 'access-osaka', delay: 2 },
    { name: 'backbone', delay: 8 },
    { name: 'ix-otemachi', delay: 1 },
    { name: 'ix-dojima', delay: 1 },
    { name: 'home-lan' },
    { name: 'core-otemachi', delay: 1 },
    { name: 'core-dojima', delay: 9 },
    { name: 'server', delay: 1 },
  ],
  paths: [
    { from: 'host', to: 'web', relayed: true, tunnel: '6to4', title: { en: 'host to the web', ja: 'ホストからウェブへ' } },
    { from: 'pc', to: 'web', relayed: true, tunnel: '6to4', title: { en: 'PC at home to the web', ja: '家庭の PC からウェブへ' } },
    { from: 'home', to: 'web', relayed: true, tunnel: '6to4', title: { en: 'home router to the web', ja: '家庭のルータからウェブへ' } },
    {
      from: 'host',
      to: 'pc',
      relayed: false,
      title: { en: 'host to the PC at home, site to site', ja: 'ホストから家庭の PC へ(サイト間直接)' },
    },
    {
      from: 'pc',
      to: 'host',
      relayed: false,
      title: { en: 'PC at home to the host, site to site', ja: '家庭の PC からホストへ(サイト間直接)' },
    },
    { from: 'web', to: 'host', relayed: true, title: { en: 'web to the host', ja: 'ウェブからホストへ' } },
    { from: 'web', to: 'pc', relayed: true, title: { en: 'web to the PC at home', ja: 'ウェブから家庭の PC へ' } },
  ],
};
