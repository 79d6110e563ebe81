/**
 * What is wrong with a topology, before anyone builds it: names, links, addresses, and whether the
 * next hop of every route is there. Names end up in commands, so their alphabet is part of it.
 */
import { in4, in6, mask4, parseIpv4, parseIpv6 } from '../wire/address.js';
import type { Topology, TopologyInterface, TopologyLink, TopologyNode } from './topology.js';

/** An address with its prefix length. */
interface Subnet {
  readonly family: 4 | 6;
  /** IPv4: four octets, IPv6: sixteen. */
  readonly addr: Uint8Array;
  readonly len: number;
}

/** Names of topologies, nodes and links. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$/;
/** Names of interfaces; the kernel takes 15 octets. */
const INTERFACE = /^[a-z][a-z0-9]{0,14}$/;
/** RFC 791 section 3.1, and what a 16-bit length allows. */
const MTU = { least: 68, most: 65535 } as const;
/** Seconds that a NAT may keep an idle session. */
const NAT_TIMEOUT = { least: 1, most: 86_400 } as const;
/** RFC 8200 section 5. */
const MTU6 = 1280;
/** Homes may number their networks alike, RFC 1918. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(subnetOf);

/** Reads `address/length`, `default4` or `default6`; null for anything else. Host bits may be set. */
function parseSubnet(text: string): Subnet | null {
  if (text === 'default4') return { family: 4, addr: new Uint8Array(4), len: 0 };
  if (text === 'default6') return { family: 6, addr: new Uint8Array(16), len: 0 };
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const host = match === null ? null : parseHost(match[1]);
  const len = Number(match?.[2]);
  return host === null || len > 8 * host.addr.length ? null : { ...host, len };
}

/** Every defect in one sentence; none: the topology can be built. */
export function defectsOf(topology: Topology): string[] {
  const { nodes, links, paths, matrix } = topology;
  const names = new Set(nodes.map(({ name }) => name));
  return [
    ...(NAME.test(topology.name) ? [] : [`topology "${topology.name}": ${expectedName}`]),
    ...nameDefects(nodes, links),
    ...links.flatMap((link) => linkDefects(link, endsOf(topology, link.name))),
    ...nodes.flatMap((node) => nodeDefects(topology, node)),
    ...addressDefects(topology),
    ...paths.flatMap(({ from, to }) => [
      ...[from, to].filter((end) => !names.has(end)).map((end) => `path ${from} to ${to}: there is no node "${end}"`),
      ...(from === to ? [`path ${from} to ${to}: it leads nowhere`] : []),
    ]),
    ...[...(matrix?.from ?? []), ...(matrix?.to ?? [])]
      .filter(({ node }) => !names.has(node))
      .map(({ node }) => `matrix: there is no node "${node}"`),
  ];
}

/** True when a node has, or gets, an IPv6 address on an interface of its. */
export function speaks6(node: TopologyNode, on: TopologyInterface): boolean {
  return node.autoconfigures?.includes(on.name) === true || subnetsOf(on).some(({ family }) => family === 6);
}

const expectedName = 'expected 1 to 24 of a-z, 0-9 and "-", not at the ends';

/** An interface and whose it is. */
interface End {
  readonly node: TopologyNode;
  readonly on: TopologyInterface;
}

function endsOf(topology: Topology, link: string): End[] {
  return topology.nodes.flatMap((node) => node.interfaces.filter((on) => on.link === link).map((on) => ({ node, on })));
}

function nameDefects(nodes: readonly TopologyNode[], links: readonly TopologyLink[]): string[] {
  const names = [...nodes, ...links].map(({ name }) => name);
  return [
    ...names.filter((name) => !NAME.test(name)).map((name) => `name "${name}": ${expectedName}`),
    ...repeated(names).map((name) => `name "${name}": more than one node or link has it`),
  ];
}

function linkDefects({ name, mtu, delay, loss, reorder }: TopologyLink, ends: readonly End[]): string[] {
  const defects: string[] = [];
  const least = ends.some(({ node, on }) => speaks6(node, on)) ? MTU6 : MTU.least;
  if (ends.length < 2) defects.push(`${ends.length} ends, expected at least 2`);
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= least && mtu <= MTU.most)) {
    defects.push(`mtu ${mtu}, expected ${least} to ${MTU.most} octets`);
  }
  if (delay !== undefined && !(delay >= 0 && delay < Infinity)) defects.push(`delay ${delay}, expected milliseconds from 0`);
  for (const [key, share] of Object.entries({ loss, reorder })) {
    if (share !== undefined && !(share >= 0 && share <= 1)) defects.push(`${key} ${share}, expected a share from 0 to 1`);
  }
  return defects.map((defect) => `link "${name}": ${defect}`);
}

function nodeDefects(topology: Topology, node: TopologyNode): string[] {
  const interfaces = node.interfaces.map(({ name }) => name);
  const links = new Set(topology.links.map(({ name }) => name));
  return [
    ...(interfaces.length === 0 ? ['it has no interface'] : []),
    ...interfaces.filter((name) => !INTERFACE.test(name) || name === 'lo').map((name) => `an interface cannot be called "${name}"`),
    ...repeated(interfaces).map((name) => `it has two interfaces "${name}"`),
    ...node.interfaces.filter(({ link }) => !links.has(link)).map(({ name, link }) => `${name} is on link "${link}", which is not there`),
    ...(node.autoconfigures ?? []).filter((name) => !interfaces.includes(name)).map((name) => `it has no "${name}" to autoconfigure`),
    ...(node.serves !== undefined && !node.interfaces.some((on) => speaks6(node, on)) ? ['it serves, and has no IPv6 address'] : []),
    ...natDefects(node),
    ...(node.routes ?? []).flatMap((route) => routeDefect(topology, node, route.to, route.via)),
  ].map((defect) => `node "${node.name}": ${defect}`);
}

function natDefects({ nat, forwards, interfaces }: TopologyNode): string[] {
  if (nat === undefined) return [];
  const { inside, outside, timeout } = nat;
  const has4 = (name: string): boolean => interfaces.some((on) => on.name === name && subnetsOf(on).some(({ family }) => family === 4));
  return [
    ...(forwards === true ? [] : ['it is a NAT, and does not forward']),
    ...(inside === outside ? [`its NAT has "${inside}" on both sides`] : []),
    ...[inside, outside].filter((name) => !has4(name)).map((name) => `its NAT needs an IPv4 address on an interface "${name}"`),
    ...(timeout === undefined || (Number.isInteger(timeout) && timeout >= NAT_TIMEOUT.least && timeout <= NAT_TIMEOUT.most)
      ? []
      : [`NAT timeout ${timeout}, expected ${NAT_TIMEOUT.least} to ${NAT_TIMEOUT.most} seconds`]),
  ];
}

/** A next hop is reachable when a neighbour on a link of ours has it, inside a prefix that both have, and forwards. */
function routeDefect(topology: Topology, node: TopologyNode, to: string, via: string): string[] {
  const route = `route to ${to} via ${via}`;
  const destination = parseSubnet(to);
  const hop = parseHost(via);
  if (destination === null || hop === null) return [`${route}: expected a prefix and an address`];
  if (destination.family !== hop.family) return [`${route}: IPv4 and IPv6 do not mix`];
  if (!isPrefix(destination)) return [`${route}: there are bits set after the prefix`];
  const onLink = node.interfaces.filter((on) => subnetsOf(on).some((subnet) => contains(subnet, hop)));
  const neighbours = onLink.flatMap((on) => endsOf(topology, on.link)).filter((end) => end.node !== node);
  const owner = neighbours.find(({ on }) => subnetsOf(on).some(({ addr }) => sameOctets(addr, hop.addr)));
  if (onLink.length === 0) return [`${route}: no interface is in a prefix with the next hop`];
  if (owner === undefined) return [`${route}: no neighbour has the address of the next hop`];
  return owner.node.forwards === true ? [] : [`${route}: "${owner.node.name}" does not forward`];
}

function addressDefects(topology: Topology): string[] {
  const owners = new Map<string, string>();
  const defects: string[] = [];
  for (const node of topology.nodes) {
    for (const on of node.interfaces) {
      for (const text of on.addresses ?? []) {
        const here = `${node.name} ${on.name}, address ${text}`;
        const subnet = /^default/.test(text) ? null : parseSubnet(text);
        if (subnet === null) {
          defects.push(`${here}: expected address/length`);
          continue;
        }
        if (subnet.family === 4 && isEdge(subnet)) defects.push(`${here}: it is the network's own or its broadcast address`);
        const place = PRIVATE.some((range) => contains(range, subnet)) ? on.link : '';
        const key = `${place} ${subnet.addr.join('.')}`;
        const owner = owners.get(key);
        if (owner !== undefined) defects.push(`${here}: ${owner} has it too`);
        owners.set(key, `${node.name} ${on.name}`);
      }
    }
  }
  return defects;
}

function subnetsOf(on: TopologyInterface): Subnet[] {
  return (on.addresses ?? []).flatMap((text) => parseSubnet(text) ?? []);
}

function subnetOf(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet === null) throw new RangeError(`"${text}" is no prefix`);
  return subnet;
}

function parseHost(text: string): Omit<Subnet, 'len'> | null {
  const v4 = parseIpv4(text);
  if (v4 !== null) return { family: 4, addr: Uint8Array.of(v4 >>> 24, v4 >>> 16, v4 >>> 8, v4) };
  const addr = parseIpv6(text);
  return addr === null ? null : { family: 6, addr };
}

function contains({ family, addr, len }: Subnet, host: Omit<Subnet, 'len'>): boolean {
  if (family !== host.family) return false;
  return family === 6 ? in6(host.addr, 0, { addr, len }) : in4(number4(host.addr), { addr: number4(addr), len });
}

function number4(addr: Uint8Array): number {
  return new DataView(addr.buffer, addr.byteOffset).getUint32(0);
}

/** True when no bit is set after the prefix. */
function isPrefix({ addr, len }: Subnet): boolean {
  return addr.every((octet, i) => (octet & (0xff >>> Math.min(8, Math.max(0, len - 8 * i)))) === 0);
}

/** True for the first and last address of an IPv4 network of three or more. */
function isEdge({ addr, len }: Subnet): boolean {
  const host = (number4(addr) & ~mask4(len)) >>> 0;
  return len < 31 && (host === 0 || host === ~mask4(len) >>> 0);
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}
