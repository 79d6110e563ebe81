/**
 * From a configuration and the facts of a host to what the engine is built from. Pure: the daemon
 * calls it again whenever an address or route of the host changes or something was found out, `check`
 * calls it once. What is wrong or lacking is said by `judge.ts`.
 */
import type { Config, InterfaceIdConfig, IsatapConfig, SixToFourConfig, TunnelConfig } from '../config/config.js';
import { MOST_ROUTERS } from '../config/isatap.js';
import { subnetsIn } from '../config/sixrd.js';
import type { DhcpSpec, HostAddress4, HostFacts, IsatapSpec, NodeSpec, SixToFourSpec, TunnelSpec } from '../engine/spec.js';
import { sixToFour } from '../mapping/sixrd.js';
import { MIN_MTU } from '../wire/ipv6.js';
import { put32 } from '../wire/octets.js';
import { Host, Judge, type ResolveProblem } from './judge.js';
import { isNative } from './native.js';
import { resolveSixRd } from './resolve-sixrd.js';
import { resolveTeredo } from './resolve-teredo.js';
import { commonOf, lansOf } from './tunnel-common.js';

/** A node as it can be on this host, now. */
export interface Resolved {
  readonly node: NodeSpec;
  /** An error makes the configuration invalid; a warning does not. */
  readonly problems: readonly ResolveProblem[];
}

/**
 * Resolves `config` on a host. `slots` are the places of the tunnels so far, by name: a tunnel keeps
 * its place; the others get the lowest that is free.
 */
export function resolve(config: Config, facts: HostFacts, slots: ReadonlyMap<string, number>): Resolved {
  const host = new Host(config, facts);
  const places = placesOf(config.tunnels, slots);
  const tunnels = config.tunnels.map((tunnel, i) => resolveTunnel(tunnel, places[i], new Judge(host, tunnel.name, ['tunnel', i])));
  const own = new Set([...host.addresses, ...tunnels.flatMap((tunnel) => tunnel.local)]);
  const node: NodeSpec = {
    identity: config.node.identity,
    ownIpv4: [...own],
    // The first of them is what the node shows of itself: not the loopback address, where there is a better one.
    ownIpv6: [...facts.ipv6.filter(isNative), ...facts.ipv6.filter((address) => !isNative(address))],
    broadcasts: host.broadcasts,
    allowIpv4: config.policy.allowIpv4,
    tunnels,
    dhcp: config.tunnels.flatMap((tunnel, i) => dhcpOf(tunnel, places[i], host)),
  };
  return { node, problems: host.problems };
}

/** How each type of tunnel is resolved. */
const RESOLVERS: { readonly [T in TunnelConfig['type']]: (config: TunnelConfig & { type: T }, slot: number, judge: Judge) => TunnelSpec } =
  {
    '6to4': resolveSixToFour,
    '6rd': (config, slot, judge) => ({ type: '6rd', ...resolveSixRd(config, slot, judge) }),
    isatap: resolveIsatap,
    teredo: (config, slot, judge) => ({ type: 'teredo', ...resolveTeredo(config, slot, judge) }),
  };

function resolveTunnel(config: TunnelConfig, slot: number, judge: Judge): TunnelSpec {
  const resolver = RESOLVERS[config.type] as (config: TunnelConfig, slot: number, judge: Judge) => TunnelSpec;
  return resolver(config, slot, judge);
}

function resolveSixToFour(config: SixToFourConfig, slot: number, judge: Judge): SixToFourSpec {
  const { global, facts } = judge.host;
  const source = config.local ?? facts.defaultSource;
  judge.refuseOwn(config, source, global);
  if (config.relay !== null) judge.refuse(config.relay, global, ['relay']);
  // A relay brings its anycast address with it; everybody else has to be where the address is (RFC 3056 section 3).
  const bringsAddresses = config.role === 'relay';
  if (config.role !== 'host') judge.wantForwarding();
  const lans = lansOf(config.lans, subnetsIn(sixToFour.delegatedLen), judge);
  const common = commonOf(config, slot, { source, bringsAddresses, dontFragment: false, lans }, judge);
  return {
    ...common,
    type: '6to4',
    role: config.role,
    relay: config.relay,
    interfaceId: interfaceIdOf(bringsAddresses ? null : config.interfaceId, common.local[0] ?? 0),
  };
}

/** The eight octets of an interface identifier; null is the relay's: its address is the subnet-router anycast one, 2002:c058:6301::. */
function interfaceIdOf(id: InterfaceIdConfig | null, local: number): Uint8Array {
  if (id instanceof Uint8Array) return id;
  const octets = new Uint8Array(8);
  if (id === 'linux') octets[7] = 1;
  if (id === 'windows') put32(octets, 4, local);
  return octets;
}

function resolveIsatap(config: IsatapConfig, slot: number, judge: Judge): IsatapSpec {
  const { unicast, facts } = judge.host;
  const source = config.local ?? facts.defaultSource;
  judge.refuseOwn(config, source, unicast);
  if (config.role === 'router') judge.wantForwarding();
  const potentialRouters = config.role === 'host' ? potentialRoutersOf(config, judge) : [];
  const common = commonOf(config, slot, { source, bringsAddresses: false, dontFragment: false, lans: [] }, judge);
  return {
    ...common,
    // RFC 4861 section 6.3.4: routers may make the MTU of the link smaller than it would be, and no larger.
    mtu: Math.min(common.mtu, Math.max(MIN_MTU, common.learned?.mtu || common.mtu)),
    type: 'isatap',
    role: config.role,
    potentialRouters,
    prefix: config.prefix,
    routerLifetime: config.routerLifetime,
  };
}

/** The potential router list, RFC 5214 section 8.3.2: what names have been found to be beside what is written; this host is none of them. */
function potentialRoutersOf({ potentialRouters }: IsatapConfig, judge: Judge): number[] {
  const { own, unicast, facts } = judge.host;
  const { names } = facts.found;
  const listed = new Set<number>();
  let unknown: string | null = null;
  potentialRouters.forEach((router, i) => {
    if (typeof router === 'number') {
      judge.refuse(router, unicast, ['potential-routers', i]);
      listed.add(router);
      return;
    }
    const answered = names.get(router) ?? [];
    if (answered.length === 0) unknown ??= router;
    for (const addr of answered) if (!unicast.policy.special(addr)) listed.add(addr);
  });
  const routers = [...listed].filter((addr) => !own.has(addr)).sort((a, b) => a - b);
  if (routers.length === 0)
    judge.takeDown(unknown === null ? 'no potential router is another host' : `the name ${unknown} has no address yet`);
  return routers.slice(0, MOST_ROUTERS);
}

/** The DHCPv4 client that a tunnel wants; none on an interface that is down or gone. */
function dhcpOf({ dhcpInterface: name, configure }: TunnelConfig, slot: number, { facts, leases }: Host): DhcpSpec[] {
  const mac = name === null ? undefined : facts.mac.get(name);
  if (name === null || mac === undefined) return [];
  const lease = leases.get(name) ?? null;
  // What the interface has beside an address that was assigned is of no interest as long as that is leased.
  const given = lease?.assigned === true ? undefined : facts.ipv4.find((address) => address.interface === name);
  return [{ interface: name, mac, hostName: facts.hostName, inform: given?.addr ?? null, slot, configure, lease }];
}

/**
 * Facts without the addresses that `node` has put on interfaces for its leases. They are its own doing: one that is still
 * there when its lease has ended, or the next has begun, must not be taken for one that the interface has from elsewhere.
 */
export function withoutLeases(facts: HostFacts, { dhcp }: NodeSpec): HostFacts {
  const isOurs = ({ addr, interface: on }: HostAddress4): boolean =>
    dhcp.some(({ interface: name, configure, lease }) => name === on && configure && lease?.assigned === true && lease.address === addr);
  return { ...facts, ipv4: facts.ipv4.filter((address) => !isOurs(address)) };
}

/** A place in the counter rows for each tunnel. */
function placesOf(tunnels: readonly TunnelConfig[], slots: ReadonlyMap<string, number>): number[] {
  const kept = tunnels.map(({ name }) => slots.get(name));
  const taken = new Set(kept);
  let next = 0;
  return kept.map((slot) => {
    if (slot !== undefined) return slot;
    while (taken.has(next)) next++;
    return next++;
  });
}
