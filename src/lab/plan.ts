/**
 * What has to be done to build a topology out of namespaces: pure, so that it can be read and tested.
 *
 * A node is a namespace. A link with two ends is a veth pair between two namespaces; one with more is
 * a bridge in a namespace of its own. Interfaces have the names and, by their MAC addresses, the
 * interface identifiers that they have in the simulator.
 */
import { defectsOf, speaks6 } from '../topology/defects.js';
import type { Topology, TopologyInterface, TopologyLink, TopologyNode } from '../topology/topology.js';
import { DEFAULT_TIMEOUT, kernelNatDefects, natRuleset } from './nat.js';
import { natVantageDefects } from './nat-vantage.js';

/** A kernel setting: path below `/proc/sys/net` and value. */
export type Setting = readonly [path: string, value: number];

/** One namespace. */
export interface NamespacePlan {
  readonly name: string;
  /** The node that lives in it; null: a bridge does. */
  readonly node: string | null;
  /** Settings that interfaces inherit: before there are any. */
  readonly defaults: readonly Setting[];
  /** Settings of interfaces: once they are there, before they are up. */
  readonly settings: readonly Setting[];
  /** Interfaces whose packets must be on the wire as they are in a capture: checksums written, nothing longer than the MTU. */
  readonly interfaces: readonly string[];
  /** Those of them into which a relay at the other end redirects packets that its fast path has forwarded. */
  readonly redirectedInto: readonly string[];
  /** Arguments of `ip`, one command a line, inside. */
  readonly ip: readonly string[];
  /** Ruleset for `nft`, loaded before anything is up; empty: none. */
  readonly nft: string;
}

/** Where everything that crosses a link can be seen. */
export interface TapPlan {
  readonly link: string;
  readonly namespace: string;
  readonly interface: string;
  /** Octets; nothing on the link is longer. */
  readonly mtu: number;
}

/** A whole network. */
export interface LabPlan {
  readonly namespaces: readonly NamespacePlan[];
  /** Arguments of `ip`, one command a line, outside: what leads from one namespace to another. */
  readonly cables: readonly string[];
  readonly taps: readonly TapPlan[];
}

const DEFAULT_MTU = 1500;
const DEFAULT_METRIC = 100;
/** The bridge in its namespace. */
const BRIDGE = 'br0';

/** Prefix of everything that a lab names on this machine. */
const NAMESPACE_PREFIX = 'tsn-';

/** The namespace of a node, or of a link that is a bridge, in the lab `id`. */
export function namespaceOf(id: string, name: string): string {
  return `${NAMESPACE_PREFIX}${id}-${name}`;
}

/** Everything that keeps a topology from being built here, a sentence each. */
export function labDefects(topology: Topology): string[] {
  const ofKernel = topology.nodes.flatMap(({ name, nat }) =>
    nat === undefined ? [] : kernelNatDefects(nat).map((defect) => `node "${name}": ${defect}`),
  );
  return [...defectsOf(topology), ...ofKernel, ...natVantageDefects(topology)];
}

/** Plans the lab `id`. Throws a RangeError with every defect of the topology: its names go into commands. */
export function planLab(topology: Topology, id: string): LabPlan {
  const defects = labDefects(topology);
  if (defects.length > 0) throw new RangeError(`topology "${topology.name}": ${defects.join('; ')}`);
  const links = topology.links.map((link) => planLink(topology, link, id));
  return {
    namespaces: [
      ...topology.nodes.map((node) => planNode(topology, node, id)),
      ...links.flatMap(({ bridge }) => (bridge === null ? [] : [bridge])),
    ],
    cables: links.flatMap(({ cables }) => cables),
    taps: links.map(({ tap }) => tap),
  };
}

function planNode(topology: Topology, node: TopologyNode, id: string): NamespacePlan {
  const forwards = node.forwards === true ? 1 : 0;
  return {
    name: namespaceOf(id, node.name),
    node: node.name,
    defaults: [
      ['ipv4/ip_forward', forwards],
      ['ipv6/conf/all/forwarding', forwards],
      ...both('ipv4', 'rp_filter', 0), // ways there and back differ, as on the Internet
      ...both('ipv6', 'accept_dad', 0), // addresses are ours to give: usable at once
      ...both('ipv6', 'accept_ra', 0),
      ...both('ipv6', 'autoconf', 0),
      ['ipv6/icmp/ratelimit', 0], // every hop of every check answers
    ],
    settings: [
      ...natSettings(node),
      ...node.interfaces.flatMap(arpSettings),
      ...node.interfaces.flatMap((on) => familySettings(topology, on)),
      ...(node.autoconfigures ?? []).flatMap((name): Setting[] => [
        [`ipv6/conf/${name}/accept_ra`, 2], // also where it forwards
        [`ipv6/conf/${name}/autoconf`, 1],
      ]),
    ],
    interfaces: node.interfaces.map(({ name }) => name),
    redirectedInto: node.interfaces.filter(({ link }) => isCableToRelay(topology, node, link)).map(({ name }) => name),
    ip: [
      'link set dev lo up',
      ...node.interfaces.flatMap(interfaceLines),
      ...(node.routes ?? []).map(({ to, via, metric = DEFAULT_METRIC }) => `route add ${destination(to)} via ${via} metric ${metric}`),
    ],
    nft: natRuleset(node),
  };
}

/** Whether nobody but a relay is at the other end of `link`. */
function isCableToRelay({ nodes }: Topology, node: TopologyNode, link: string): boolean {
  const others = nodes.filter((other) => other !== node && other.interfaces.some((on) => on.link === link));
  return others.length === 1 && others[0].relays === true;
}

/** One life for every UDP session: the kernel would give longer to those that were answered. */
function natSettings({ nat }: TopologyNode): Setting[] {
  const timeout = nat?.timeout ?? DEFAULT_TIMEOUT;
  const keys = nat === undefined ? [] : ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream'];
  return keys.map((key) => [`netfilter/${key}`, timeout]);
}

/** For as long as the kernel would ask by itself, but ten times as often: a bridge that is new does not hear the first question. */
function arpSettings({ name }: TopologyInterface): Setting[] {
  return [
    [`ipv4/neigh/${name}/retrans_time_ms`, 100],
    [`ipv4/neigh/${name}/mcast_solicit`, 30],
  ];
}

function interfaceLines({ name, addresses = [] }: TopologyInterface): string[] {
  return [
    ...addresses.map((address) => `address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
    `link set dev ${name} up`,
  ];
}

/** On a link that nobody speaks IPv6 on, the kernel must not either: it is IPv4-only access. */
function familySettings(topology: Topology, { name, link }: TopologyInterface): Setting[] {
  const hasIPv6 = topology.nodes.some((node) => node.interfaces.some((on) => on.link === link && speaks6(node, on)));
  return hasIPv6 ? [] : [[`ipv6/conf/${name}/disable_ipv6`, 1]];
}

function destination(to: string): string {
  if (to === 'default4') return '0.0.0.0/0';
  return to === 'default6' ? '::/0' : to;
}

function both(family: 'ipv4' | 'ipv6', key: string, value: number): Setting[] {
  return ['all', 'default'].map((which) => [`${family}/conf/${which}/${key}`, value]);
}

/** One end of a link, as `ip link add` wants it. */
interface End {
  readonly namespace: string;
  readonly interface: string;
  readonly mac: string | null;
  /** Whether a relay is plugged in here, whose fast path takes packets before a capture sees them. */
  readonly isRelay: boolean;
}

interface LinkPlan {
  readonly cables: readonly string[];
  readonly bridge: NamespacePlan | null;
  readonly tap: TapPlan;
}

function planLink(topology: Topology, { name, mtu = DEFAULT_MTU }: TopologyLink, id: string): LinkPlan {
  const ends = topology.nodes.flatMap((node, i): End[] =>
    node.interfaces.flatMap((on, j) =>
      on.link === name
        ? [{ namespace: namespaceOf(id, node.name), interface: on.name, mac: macOf(i, j), isRelay: node.relays === true }]
        : [],
    ),
  );
  const [first, second] = ends;
  if (ends.length === 2) {
    const seen = first.isRelay ? second : first;
    const tap = { link: name, namespace: seen.namespace, interface: seen.interface, mtu };
    return { cables: [cable(first, second, mtu)], bridge: null, tap };
  }
  const namespace = namespaceOf(id, name);
  const ports = ends.map((_, i): End => ({ namespace, interface: `port${i}`, mac: null, isRelay: false }));
  return {
    cables: ends.map((end, i) => cable(end, ports[i], mtu)),
    bridge: planBridge(
      namespace,
      ports.map((port) => port.interface),
      ports.filter((_, i) => ends[i].isRelay).map((port) => port.interface),
      mtu,
    ),
    tap: { link: name, namespace, interface: BRIDGE, mtu },
  };
}

function planBridge(name: string, ports: readonly string[], redirectedInto: readonly string[], mtu: number): NamespacePlan {
  return {
    name,
    node: null,
    defaults: both('ipv6', 'disable_ipv6', 1), // a switch has nothing to say
    settings: [],
    interfaces: ports,
    redirectedInto,
    ip: [
      `link add name ${BRIDGE} type bridge mcast_snooping 0 forward_delay 0`,
      ...ports.map((port) => `link set dev ${port} master ${BRIDGE} up`),
      `link set dev ${BRIDGE} mtu ${mtu} up`,
    ],
    nft: '',
  };
}

function cable(a: End, b: End, mtu: number): string {
  return `link add ${endOf(a, mtu)} type veth peer ${endOf(b, mtu)}`;
}

function endOf(end: End, mtu: number): string {
  return `name ${end.interface}${end.mac === null ? '' : ` address ${end.mac}`} mtu ${mtu} netns ${end.namespace}`;
}

/** 02:00:<node>:<interface>, two octets each: locally administered, the same in every lab and in the simulator. */
function macOf(node: number, on: number): string {
  return [0x02, 0, node >>> 8, node & 255, on >>> 8, on & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}
