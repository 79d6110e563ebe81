/**
 * The routing loops of RFC 6324 section 2, each as a network with the packet that would go round in it.
 *
 *             .--- ipv4 ---.           r2 has a route to the prefix of r1's tunnel, and r1 to that of r2's.
 *   attacker -|   r1  r2   |           destination: in r2's tunnel, at the IPv4 address of r1
 *             '--- ipv6 ---'           source: in r1's tunnel, at the IPv4 address of r2
 *
 * So r2 sends it to r1 by IPv4, as if r1 were a site of r2's tunnel; for r1 it comes from a site of its
 * own, and it sends it on to r2 by IPv6: round and round until the hop limit ends, if neither looks at
 * the other address. An address of 6rd cannot be told without knowing its domain (section 4 item 5): there only
 * one of the two can look.
 */
import { parseIpv4 } from '../wire/address.js';
import type { Topology, TopologyNode, Words } from './topology.js';

/** One of the two that the packet would go round between. */
type Router = 'r1' | 'r2';

/** The addresses of an IPv6 packet. */
export interface Ends {
  readonly source: string;
  readonly destination: string;
}

/** A network in which a packet could go round. */
export interface Loop {
  readonly topology: Topology;
  /** The packet of the attack. */
  readonly packet: Ends;
  /** Who drops what the attacker sends to r2 by IPv6, and what it sends to r1 by IPv4 in the name of r2; null: nobody can. */
  readonly diesAt: { readonly fromIpv6: Router | null; readonly fromIpv4: Router | null };
  /**
   * Packets that would lead back over a Teredo node on the router itself: from a site of r1's tunnel to a Teredo
   * address of r1, and from a Teredo address of r2 to a site of r2's.
   */
  readonly teredo: { readonly intoR1: Ends; readonly intoR2: Ends };
}

/** The three machines: by IPv4, and by IPv6. */
export const PLACES = {
  r1: { ipv4: '198.51.100.1', ipv6: '2001:db8:6::1' },
  r2: { ipv4: '198.51.100.2', ipv6: '2001:db8:6::2' },
  attacker: { ipv4: '198.51.100.66', ipv6: '2001:db8:6::66' },
} as const;

/** A kind of tunnel router. */
interface Kind {
  readonly name: string;
  /** Whether anybody sees which IPv4 address an address of this tunnel carries. */
  readonly isWellKnown: boolean;
  /** What is routed to the router. */
  prefix(router: Router): string;
  /** The address of this router's tunnel that carries an IPv4 address. */
  address(router: Router, ipv4: string): string;
  /** The tunnel, without name and type. */
  keys(router: Router): string;
}

const isatap: Kind = {
  name: 'isatap',
  isWellKnown: true,
  prefix: (router) => `2001:db8:${router === 'r1' ? 1 : 2}:1::/64`,
  address: (router, ipv4) => `2001:db8:${router === 'r1' ? 1 : 2}:1:0:5efe:${groups(ipv4)}`,
  keys: (router) => `role = "router"\nprefix = "${isatap.prefix(router)}"`,
};

const sixToFour: Kind = {
  name: '6to4',
  isWellKnown: true,
  prefix: () => '2002::/16',
  address: (_, ipv4) => `2002:${groups(ipv4)}::1`,
  keys: () => 'role = "relay"',
};

const sixRd: Kind = {
  name: '6rd',
  isWellKnown: false,
  prefix: (router) => `3fff:${router === 'r1' ? 'a00' : 'b00'}::/32`,
  address: (router, ipv4) => `3fff:${router === 'r1' ? 'a00' : 'b00'}:${groups(ipv4)}::1`,
  keys: (router) => `role = "border-relay"\nprefix = "${sixRd.prefix(router)}"\nipv4-mask-length = 0`,
};

/** An IPv4 address as two groups of an IPv6 address, its bits inverted by `mask`. */
function groups(ipv4: string, mask = 0): string {
  const addr = parseIpv4(ipv4);
  if (addr === null) throw new RangeError(`"${ipv4}" is no IPv4 address`);
  return `${((addr ^ mask) >>> 16).toString(16)}:${((addr ^ mask) & 0xffff).toString(16)}`;
}

/** A Teredo address with this mapped IPv4 address, and port 40000: RFC 4380 section 4. */
function teredo(ipv4: string): string {
  return `2001:0:c000:201:0:63bf:${groups(ipv4, -1)}`;
}

function words(en: string): Words {
  return { en, ja: en };
}

function routerNode(name: Router, kind: Kind, other: Router, otherKind: Kind): TopologyNode {
  const { ipv4, ipv6 } = PLACES[name];
  return {
    name,
    title: words(`${kind.name} router ${name}`),
    forwards: true,
    relays: true,
    interfaces: [
      { name: 'eth0', link: 'ipv4', addresses: [`${ipv4}/24`] },
      { name: 'eth1', link: 'ipv6', addresses: [`${ipv6}/64`] },
    ],
    routes: [{ to: otherKind.prefix(other), via: PLACES[other].ipv6 }],
    daemon: `
[[tunnel]]
name  = "${name}"
type  = "${kind.name}"
local = "${ipv4}"
${kind.keys(name)}

[policy]
allow-ipv4 = ["198.51.100.0/24"]
`,
  };
}

/** The loop between a router of `kind1` that decapsulates, and one of `kind2` that encapsulates. */
function loopOf(kind1: Kind, kind2: Kind): Loop {
  const recognizedByR1 = kind2.isWellKnown ? 'r1' : null;
  const attacker: TopologyNode = {
    name: 'attacker',
    title: words('attacker'),
    interfaces: [
      { name: 'eth0', link: 'ipv4', addresses: [`${PLACES.attacker.ipv4}/24`] },
      { name: 'eth1', link: 'ipv6', addresses: [`${PLACES.attacker.ipv6}/64`] },
    ],
  };
  return {
    topology: {
      name: `loop-${kind1.name}-${kind2.name}`,
      title: words(`RFC 6324: a loop over ${kind1.name} in and ${kind2.name} out`),
      nodes: [attacker, routerNode('r1', kind1, 'r2', kind2), routerNode('r2', kind2, 'r1', kind1)],
      links: [
        { name: 'ipv4', delay: 1 },
        { name: 'ipv6', delay: 1 },
      ],
      paths: [],
    },
    packet: { source: kind1.address('r1', PLACES.r2.ipv4), destination: kind2.address('r2', PLACES.r1.ipv4) },
    diesAt: {
      fromIpv6: kind1.isWellKnown ? 'r2' : recognizedByR1,
      fromIpv4: recognizedByR1 ?? (kind1.isWellKnown ? 'r2' : null),
    },
    teredo: {
      intoR1: { source: kind1.address('r1', PLACES.attacker.ipv4), destination: teredo(PLACES.r1.ipv4) },
      intoR2: { source: teredo(PLACES.r2.ipv4), destination: kind2.address('r2', PLACES.attacker.ipv4) },
    },
  };
}

/** Every loop between two routers that differ in their tunnels, or are routers of two ISATAP links. */
export const LOOPS: readonly Loop[] = [
  loopOf(isatap, isatap),
  loopOf(isatap, sixToFour),
  loopOf(sixToFour, isatap),
  loopOf(sixToFour, sixRd),
  loopOf(sixRd, sixToFour),
  loopOf(isatap, sixRd),
  loopOf(sixRd, isatap),
];

/**
 * Two providers with 6rd, neither of which knows the other's domain: nobody sees what is wrong with the
 * packet, and it goes round until its hop limit ends. Providers have to keep each other's relays out by
 * address, RFC 6324 section 3.2.3.
 */
export const ENDLESS_LOOP: Loop = loopOf(sixRd, sixRd);
