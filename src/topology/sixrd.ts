/**
 * A provider with 6rd, RFC 5969: its network carries IPv4 alone, its customers have private IPv4
 * addresses, and each address makes a delegated prefix. Two border relays share one anycast address;
 * homes go out by Ueno, answers come back by Shinagawa. One home was told the domain's parameters by
 * hand, the other has them as its DHCPv4 server would send them.
 */
import { ipv6Router, webServer } from './ipv6-internet.js';
import type { Topology } from './topology.js';

/** The 6rd prefix; behind it come the last 24 bits of 10.a.b.c, so that a customer has a /52. */
const PREFIX = '3fff:a00::/28';

/** What both border relays run: one configuration, one anycast address. */
const relay = (identity: string): string => `
[node]
identity = "${identity}"

[[tunnel]]
type    = "6rd"
role    = "border-relay"
prefix  = "${PREFIX}"
local   = "10.0.0.1"
anycast = true
mtu     = 1480
ipv4-mask-length = 8
`;

const PICTURE = `
  pc --- asakusa --.              .---- ueno -----.
                   |--- tokyo ----|   10.0.0.1    |--- core6 --- web
  tv --- meguro ---'              '-- shinagawa --'
   IPv6 only   10.a.b.c               10.0.0.1         IPv6 only
`;

/** A provider, two homes, two border relays, a web server. */
export const sixRdProvider: Topology = {
  name: '6rd',
  title: {
    en: '6rd: homes reach the IPv6 web over their provider’s border relays',
    ja: '6rd: 家庭がプロバイダのボーダーリレー経由で IPv6 ウェブに到達',
  },
  picture: PICTURE,
  story: {
    en: 'A provider has IPv4 only, with private addresses for its customers. The prefix 3fff:a00::/28 and the last three octets of an address make the /52 of a home: 10.1.2.3 has 3fff:a00:1020:3000::/52. Two border relays share the address 10.0.0.1: homes go out by Ueno, answers come back by Shinagawa. Homes reach each other directly, without a relay.',
    ja: 'プロバイダのネットワークは IPv4 のみで、加入者にはプライベートアドレスが割り当てられています。プレフィックス 3fff:a00::/28 と IPv4 アドレスの下位 3 オクテットから、各家庭の /52 が決まります(10.1.2.3 なら 3fff:a00:1020:3000::/52)。2 台のボーダーリレーがアドレス 10.0.0.1 を共有し、行きは上野、帰りは品川を通ります。家庭同士はリレーを通らず直接通信します。',
  },
  nodes: [
    {
      name: 'pc',
      title: { en: 'IPv6-only PC, Asakusa', ja: 'IPv6 専用 PC(浅草)' },
      interfaces: [{ name: 'eth0', link: 'lan-asakusa' }],
      autoconfigures: ['eth0'],
    },
    {
      name: 'asakusa',
      title: { en: 'Home router, Asakusa', ja: '家庭のルータ(浅草)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-asakusa', addresses: ['10.1.2.3/24'] },
        { name: 'lan0', link: 'lan-asakusa' },
      ],
      routes: [{ to: 'default4', via: '10.1.2.1' }],
      daemon: `
[[tunnel]]
type   = "6rd"
role   = "customer-edge"
prefix = "${PREFIX}"
mtu    = 1480
ipv4-mask-length = 8
border-relays    = ["10.0.0.1"]

[[tunnel.lan]]
interface = "lan0"
subnet    = 1
`,
    },
    {
      name: 'tokyo',
      title: { en: 'IPv4 router of the provider', ja: 'プロバイダの IPv4 ルータ' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-asakusa', addresses: ['10.1.2.1/24'] },
        { name: 'eth1', link: 'access-meguro', addresses: ['10.4.5.1/24'] },
        { name: 'eth2', link: 'pop-ueno', addresses: ['203.0.113.10/30'] },
        { name: 'eth3', link: 'pop-shinagawa', addresses: ['203.0.113.14/30'] },
      ],
      routes: [
        { to: '10.0.0.1/32', via: '203.0.113.9', metric: 100 },
        { to: '10.0.0.1/32', via: '203.0.113.13', metric: 200 },
      ],
    },
    {
      name: 'meguro',
      title: { en: 'Home router, Meguro', ja: '家庭のルータ(目黒)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access-meguro', addresses: ['10.4.5.6/24'] },
        { name: 'lan0', link: 'lan-meguro' },
      ],
      routes: [{ to: 'default4', via: '10.4.5.1' }],
      daemon: `
[[tunnel]]
type = "6rd"
role = "customer-edge"
mtu  = 1480
option-212 = "d416081c3fff0a000000000000000000000000000a000001" # 8 of IPv4, /28, the prefix, 10.0.0.1

[[tunnel.lan]]
interface = "lan0"
subnet    = 1
`,
    },
    {
      name: 'tv',
      title: { en: 'IPv6-only TV, Meguro', ja: 'IPv6 専用テレビ(目黒)' },
      interfaces: [{ name: 'eth0', link: 'lan-meguro' }],
      autoconfigures: ['eth0'],
    },
    {
      name: 'ueno',
      title: { en: '6rd border relay 1, Ueno', ja: '6rd ボーダーリレー 1(上野)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'pop-ueno', addresses: ['203.0.113.9/30'] },
        { name: 'eth1', link: 'core-ueno', addresses: ['2001:db8:6:3::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '203.0.113.10' },
        { to: 'default6', via: '2001:db8:6:3::1' },
      ],
      daemon: relay('2001:db8:0:b000:10:0:0:1'),
    },
    {
      name: 'shinagawa',
      title: { en: '6rd border relay 2, Shinagawa', ja: '6rd ボーダーリレー 2(品川)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'pop-shinagawa', addresses: ['203.0.113.13/30'] },
        { name: 'eth1', link: 'core-shinagawa', addresses: ['2001:db8:6:4::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '203.0.113.14' },
        { to: 'default6', via: '2001:db8:6:4::1' },
      ],
      daemon: relay('2001:db8:0:b000:10:0:0:2'),
    },
    ipv6Router(
      [
        ['core-ueno', '2001:db8:6:3::1/64'],
        ['core-shinagawa', '2001:db8:6:4::1/64'],
      ],
      [
        { to: PREFIX, via: '2001:db8:6:4::2', metric: 100 },
        { to: PREFIX, via: '2001:db8:6:3::2', metric: 200 },
        { to: '2001:db8:0:b000:10:0:0:1/128', via: '2001:db8:6:3::2' },
        { to: '2001:db8:0:b000:10:0:0:2/128', via: '2001:db8:6:4::2' },
      ],
    ),
    webServer,
  ],
  links: [
    { name: 'lan-asakusa' },
    { name: 'lan-meguro' },
    { name: 'access-asakusa', delay: 2 },
    { name: 'access-meguro', delay: 3 },
    { name: 'pop-ueno', delay: 1 },
    { name: 'pop-shinagawa', delay: 1 },
    { name: 'core-ueno', delay: 1 },
    { name: 'core-shinagawa', delay: 4 },
    { name: 'server', delay: 1 },
  ],
  paths: [
    { from: 'pc', to: 'web', relayed: true, tunnel: '6rd', title: { en: 'PC in Asakusa to the web', ja: '浅草の PC からウェブへ' } },
    {
      from: 'meguro',
      to: 'web',
      relayed: true,
      tunnel: '6rd',
      title: { en: 'home router in Meguro to the web', ja: '目黒のルータからウェブへ' },
    },
    {
      from: 'pc',
      to: 'tv',
      relayed: false,
      title: { en: 'PC in Asakusa to the TV in Meguro, home to home', ja: '浅草の PC から目黒のテレビへ(家庭間直接)' },
    },
    { from: 'web', to: 'tv', relayed: true, title: { en: 'web to the TV in Meguro', ja: 'ウェブから目黒のテレビへ' } },
  ],
};
