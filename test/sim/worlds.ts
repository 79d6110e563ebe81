/** Small worlds for tests: topologies in a few words. */
import { Direction, type DirectionName, drops } from '../../src/core/counters.js';
import { DROPS, type DropName } from '../../src/core/drop.js';
import type { Qualification } from '../../src/role/role.js';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import { echoRequest } from '../../src/sim/echo.js';
import type { PingOptions } from '../../src/sim/ping.js';
import type { Probe } from '../../src/sim/probe.js';
import { World } from '../../src/sim/world.js';
import type { Topology, TopologyLink, TopologyNode, TopologyRoute } from '../../src/topology/topology.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { u32 } from '../../src/wire/octets.js';
import { resolve } from './resolve.js';

const NOBODY = { en: '', ja: '' };

/** A node; interfaces as `name: [link, ...addresses]`, routes as `to: via`. */
export function node(
  name: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
  routes: Readonly<Record<string, string>> = {},
  more: Partial<TopologyNode> = {},
): TopologyNode {
  const staticRoutes: TopologyRoute[] = Object.entries(routes).map(([to, via]) => ({ to, via }));
  return {
    name,
    title: NOBODY,
    interfaces: Object.entries(interfaces).map(([on, [link, ...addresses]]) => ({ name: on, link, addresses })),
    routes: staticRoutes,
    ...more,
  };
}

/** A router. */
export function router(
  name: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
  routes: Readonly<Record<string, string>> = {},
): TopologyNode {
  return node(name, interfaces, routes, { forwards: true });
}

/** A topology without promised paths. */
export function topologyOf(nodes: readonly TopologyNode[], links: readonly TopologyLink[]): Topology {
  return { name: 'test', title: NOBODY, nodes, links, paths: [] };
}

/** A world of these nodes and links. */
export function worldOf(nodes: readonly TopologyNode[], links: readonly TopologyLink[], seed = 1): World {
  return new World(topologyOf(nodes, links), { resolve, seed });
}

/**
 * `near` -- left -- `mid` -- right -- `far`, both families, a stranger on each link.
 *
 *   near 10.0.1.1, 2001:db8:1::1     mid .254, ::ff on both     far 10.0.2.1, 2001:db8:2::1
 */
export interface Chain {
  readonly world: World;
  /** On the left link, with 10.0.1.9 and 2001:db8:1::9. */
  readonly left: Probe;
  /** On the right link, with 10.0.2.9 and 2001:db8:2::9. */
  readonly right: Probe;
}

/** Makes a chain; `rightMtu` is the MTU of the right link, octets. */
export function chain(rightMtu = 1500): Chain {
  const world = worldOf(
    [
      node('near', { eth0: ['left', '10.0.1.1/24', '2001:db8:1::1/64'] }, { default4: '10.0.1.254', default6: '2001:db8:1::ff' }),
      router('mid', { eth0: ['left', '10.0.1.254/24', '2001:db8:1::ff/64'], eth1: ['right', '10.0.2.254/24', '2001:db8:2::ff/64'] }),
      node('far', { eth0: ['right', '10.0.2.1/24', '2001:db8:2::1/64'] }, { default4: '10.0.2.254', default6: '2001:db8:2::ff' }),
    ],
    [
      { name: 'left', delay: 1 },
      { name: 'right', delay: 1, mtu: rightMtu },
    ],
  );
  const left = world.probe('left');
  const right = world.probe('right');
  for (const [probe, addresses] of [
    [left, ['10.0.1.9', '2001:db8:1::9']],
    [right, ['10.0.2.9', '2001:db8:2::9']],
  ] as const) {
    for (const address of addresses) probe.claim(parseAddress(address));
  }
  return { world, left, right };
}

/** The same network with lines of TOML put into the first tunnel of the daemons named. */
export function configured(topology: Topology, lines: string, ...names: string[]): Topology {
  const nodes = topology.nodes.map((each) =>
    names.includes(each.name) && each.daemon !== undefined
      ? { ...each, daemon: each.daemon.replace('[[tunnel]]', `[[tunnel]]\n${lines}`) }
      : each,
  );
  return { ...topology, nodes };
}

/** Kinds of answers in words: `reply reply no_answer`. */
export function kinds(world: World, from: string, to: string, options: PingOptions = {}): string {
  return world
    .ping(from, to, options)
    .map(({ kind }) => kind)
    .join(' ');
}

/** The address by which others reach a node, as text; empty when it has none. */
export function addressOf(world: World, name: string): string {
  const address = world.addressOf(name);
  return address === null ? '' : formatAddress(address);
}

/** Number of packets that a link was given so far. */
export function sentOver(world: World, link: string): number {
  return world.link(link).packets().length;
}

/** The ends of a tunnelled packet. */
export interface Outer {
  readonly source: string;
  readonly destination: string;
}

/** The protocol 41 packets on a link, from the packet numbered `since` on. */
export function tunnelled(world: World, link: string, since = 0): Uint8Array[] {
  return world
    .link(link)
    .packets()
    .slice(since)
    .filter((b) => b[0] >>> 4 === 4 && b[9] === 41);
}

/** Their outer addresses. */
export function outers(world: World, link: string, since = 0): Outer[] {
  return tunnelled(world, link, since).map((b) => ({
    source: formatAddress(b.slice(12, 16)),
    destination: formatAddress(b.slice(16, 20)),
  }));
}

/** An echo request between two IPv6 addresses in a tunnel packet between two IPv4 addresses. */
export function forged(outer: readonly [string, string], inner: readonly [string, string]): Uint8Array {
  const request = echoRequest(parseAddress(inner[0]), parseAddress(inner[1]), 64, 0x5969, 1, 8);
  const packet = new Uint8Array(IPV4_LEN + request.length);
  packet.set(request, IPV4_LEN);
  const [source, destination] = outer.map((text) => u32(parseAddress(text), 0));
  writeIpv4(packet, 0, packet.length, 0, 0, 64, Protocol.ipv6, source, destination);
  return packet;
}

/** What the Teredo client on a node has found out. Throws where there is none. */
export function found(world: World, name: string): Qualification {
  const qualification = world.daemon(name).node?.tunnels[0].learned?.teredo;
  if (qualification == null) throw new Error(`${name} has no Teredo client`);
  return qualification;
}

/** What the daemon of a node has dropped in its first tunnel, by reason. */
export function dropped(world: World, name: string, direction: DirectionName): Partial<Record<DropName, number>> {
  const { row } = world.daemon(name).counters;
  const counts = DROPS.map((reason) => [reason.name, drops([row], 0, Direction[direction], reason.code)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Octets of hex text; white space does not count. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

/** Hex text of octets. */
export function toHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}
