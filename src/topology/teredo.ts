/**
 * Teredo, RFC 4380: homes behind NATs of four types, two of each, a server that tells clients how they look
 * from outside and introduces them to others, and a relay that takes their packets to the IPv6 web.
 */
import { type ConeName, NAT_KINDS } from '../core/nat.js';
import { ipv6Router, webServer } from './ipv6-internet.js';
import type { Topology, TopologyMatrix, TopologyNode, TopologyPath, Words } from './topology.js';

const POLICY = `
[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"] # documentation ranges play the Internet
`;

const CLIENT = `
[[tunnel]]
type   = "teredo"
role   = "client"
server = ["198.51.100.1"]
${POLICY}`;

const SERVER = `
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "198.51.100.1"
secondary = "198.51.100.2"
${POLICY}`;

const RELAY = `
[node]
identity = "2001:db8:0:b000:203:0:113:1"

[[tunnel]]
type  = "teredo"
role  = "relay"
local = "203.0.113.1"
${POLICY}`;

/** Two homes behind NATs of one type, each with its own, by the names of their PCs: the first begins, the second is looked for. */
interface Homes {
  readonly names: readonly [first: string, second: string];
  readonly kind: ConeName;
  readonly title: Words;
}

const HOMES: readonly Homes[] = [
  { names: ['kanda', 'osaki'], kind: 'full-cone', title: { en: 'full cone', ja: 'フルコーン' } },
  { names: ['ebisu', 'gotanda'], kind: 'restricted-cone', title: { en: 'restricted cone', ja: '制限付きコーン' } },
  { names: ['tabata', 'sugamo'], kind: 'port-restricted-cone', title: { en: 'port restricted cone', ja: 'ポート制限付きコーン' } },
  { names: ['mejiro', 'nippori'], kind: 'symmetric', title: { en: 'symmetric', ja: 'シンメトリック' } },
];
/** Every PC of `homes`. */
const PCS = HOMES.flatMap(({ names, kind, title }) => names.map((name) => ({ name, kind, title })));
type Pc = (typeof PCS)[number];

/** The `i`-th PC, and the NAT in front of it. */
function home({ name, kind, title }: Pc, i: number): TopologyNode[] {
  const lan = `192.168.${i + 1}`;
  return [
    {
      name,
      title: { en: `PC behind a ${title.en} NAT`, ja: `${title.ja} NAT の内側の PC` },
      interfaces: [{ name: 'eth0', link: `lan-${name}`, addresses: [`${lan}.2/24`] }],
      routes: [{ to: 'default4', via: `${lan}.1` }],
      daemon: CLIENT,
    },
    {
      name: `nat-${name}`,
      title: { en: `${title.en} NAT`, ja: `${title.ja} NAT` },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: `lan-${name}`, addresses: [`${lan}.1/24`] },
        { name: 'eth1', link: 'access', addresses: [`192.0.2.${i + 11}/24`] },
      ],
      routes: [{ to: 'default4', via: '192.0.2.1' }],
      nat: { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[kind] },
    },
  ];
}

function toWeb({ names: [from], title }: Homes): TopologyPath {
  return {
    from,
    to: 'web',
    relayed: true,
    tunnel: 'teredo',
    title: { en: `PC behind a ${title.en} NAT to the web`, ja: `${title.ja} NAT の内側の PC からウェブへ` },
  };
}

/**
 * Whether no two PCs meet through these NATs, RFC 6081 section 3 figure 1: one shows every peer another port, at random,
 * and the other lets nobody in but by the port that was sent to.
 */
function isImpossible(one: ConeName, other: ConeName): boolean {
  const isHidden = (kind: ConeName): boolean => NAT_KINDS[kind].ports === 'random';
  const isStrict = (kind: ConeName): boolean => NAT_KINDS[kind].filtering === 'address-and-port-dependent';
  return (isHidden(one) && isStrict(other)) || (isStrict(one) && isHidden(other));
}

const PICTURE = `
  kanda, osaki ---- full cone ------.              server
  ebisu, gotanda -- restricted -----|           .-- mita --.
  tabata, sugamo -- port restricted |-- tokyo --|          |-- core6 --- web
  mejiro, nippori - symmetric ------'           '- shinjuku'
                                                   relay
  private IPv4                        IPv4                   IPv6
`;

/** Eight homes, a server, a relay, a web server. */
export const teredoInternet: Topology & { readonly matrix: TopologyMatrix } = {
  name: 'teredo',
  title: {
    en: 'Teredo: PCs behind four types of NAT reach the IPv6 web, and each other',
    ja: 'Teredo: 4 種類の NAT の内側の PC が IPv6 ウェブに、また互いに到達',
  },
  picture: PICTURE,
  story: {
    en: 'Homes have private IPv4 addresses behind a NAT, and no IPv6. Teredo carries IPv6 in UDP. A server with two addresses tells a PC its address and port outside of the NAT, which its IPv6 address then carries, and passes on the first packet of who wants to speak to it: that opens the NAT. What follows goes directly, to another PC, or to the relay that stands in front of the IPv6 Internet.',
    ja: '各家庭は NAT の内側にあり、プライベート IPv4 アドレスだけで IPv6 はありません。Teredo は IPv6 を UDP で運びます。2 つのアドレスを持つサーバが NAT の外側から見たアドレスとポートを PC に知らせ、PC の IPv6 アドレスはそれを含みます。サーバは通信相手の最初のパケットも取り次ぎ、これで NAT に通り道ができます。その後のパケットは直接、相手の PC または IPv6 インターネットの手前のリレーへ届きます。',
  },
  nodes: [
    ...PCS.flatMap(home),
    {
      name: 'tokyo',
      title: { en: 'IPv4 router, Tokyo', ja: 'IPv4 ルータ(東京)' },
      forwards: true,
      interfaces: [
        { name: 'eth0', link: 'access', addresses: ['192.0.2.1/24'] },
        { name: 'eth1', link: 'pop-mita', addresses: ['198.51.100.254/24'] },
        { name: 'eth2', link: 'ix-shinjuku', addresses: ['203.0.113.2/30'] },
      ],
    },
    {
      name: 'mita',
      title: { en: 'Teredo server, Mita', ja: 'Teredo サーバ(三田)' },
      interfaces: [
        { name: 'eth0', link: 'pop-mita', addresses: ['198.51.100.1/24', '198.51.100.2/24'] },
        { name: 'eth1', link: 'core-mita', addresses: ['2001:db8:6:7::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '198.51.100.254' },
        { to: 'default6', via: '2001:db8:6:7::1' },
      ],
      daemon: SERVER,
    },
    {
      name: 'shinjuku',
      title: { en: 'Teredo relay, Shinjuku', ja: 'Teredo リレー(新宿)' },
      forwards: true,
      relays: true,
      interfaces: [
        { name: 'eth0', link: 'ix-shinjuku', addresses: ['203.0.113.1/30'] },
        { name: 'eth1', link: 'core-shinjuku', addresses: ['2001:db8:6:8::2/64'] },
      ],
      routes: [
        { to: 'default4', via: '203.0.113.2' },
        { to: 'default6', via: '2001:db8:6:8::1' },
      ],
      daemon: RELAY,
    },
    ipv6Router(
      [
        ['core-mita', '2001:db8:6:7::1/64'],
        ['core-shinjuku', '2001:db8:6:8::1/64'],
      ],
      [
        { to: '2001::/32', via: '2001:db8:6:8::2' },
        { to: '2001:db8:0:b000:203:0:113:1/128', via: '2001:db8:6:8::2' },
      ],
    ),
    webServer,
  ],
  links: [
    ...PCS.map(({ name }) => ({ name: `lan-${name}` })),
    { name: 'access', delay: 2 },
    { name: 'pop-mita', delay: 1 },
    { name: 'ix-shinjuku', delay: 1 },
    { name: 'core-mita', delay: 1 },
    { name: 'core-shinjuku', delay: 1 },
    { name: 'server', delay: 1 },
  ],
  paths: [
    ...HOMES.map(toWeb),
    {
      from: 'ebisu',
      to: 'sugamo',
      relayed: false,
      title: {
        en: 'PC behind a restricted cone NAT to one behind a port restricted cone',
        ja: '制限付きコーン NAT の内側の PC からポート制限付きコーンの内側の PC へ',
      },
    },
  ],
  matrix: {
    title: {
      en: 'first contact: milliseconds from the first echo to its answer, introductions included',
      ja: '初回の接続: 最初の ping から応答までのミリ秒(取り次ぎを含む)',
    },
    from: HOMES.map(({ names: [node], title }) => ({ node, title })),
    to: [...HOMES.map(({ names: [, node], title }) => ({ node, title })), { node: 'web', title: { en: 'the web', ja: 'ウェブ' } }],
    impossible: HOMES.flatMap(({ names: [from], kind }) =>
      HOMES.filter((other) => isImpossible(kind, other.kind)).map(({ names: [, to] }) => [from, to] as const),
    ),
  },
};
