/**
 * From a configuration and the facts of a host to what the engine is built from. Pure: the daemon
 * calls it again whenever an address or route of the host changes, `check` calls it once.
 *
 * What the file says and can never be right is an error. What the host lacks today takes a tunnel
 * down, with the reason, until the facts change.
 */
import type { Config, InterfaceIdConfig, LanConfig, SixToFourConfig, TunnelConfig } from '../config/config.js';
import type { Finding, KeyPath } from '../config/problem.js';
import type { HostFacts, LanSpec, NodeSpec, SixToFourSpec, TunnelCommon, TunnelSpec } from '../engine/spec.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { formatIpv4, mask4 } from '../wire/address.js';
import { put32 } from '../wire/octets.js';

/** Something wrong with one tunnel; `path` is its key in the file, for `Loaded.place`. */
export interface ResolveProblem extends Finding {
  readonly tunnel: string;
}

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
    ownIpv6: facts.ipv6,
    broadcasts: host.broadcasts,
    allowIpv4: config.policy.allowIpv4,
    tunnels,
    dhcp: [],
  };
  return { node, problems: host.problems };
}

/** What all tunnels of a node are judged by. */
class Host {
  readonly facts: HostFacts;
  readonly addresses: ReadonlySet<number>;
  /** Directed broadcasts; a /31 has none (RFC 3021). */
  readonly broadcasts: readonly number[];
  readonly policy: EndpointPolicy;
  readonly problems: ResolveProblem[] = [];

  constructor(config: Config, facts: HostFacts) {
    this.facts = facts;
    this.addresses = new Set(facts.ipv4.map(({ addr }) => addr));
    const subnets = facts.ipv4.filter(({ len }) => len <= 30);
    this.broadcasts = [...new Set(subnets.map(({ addr, len }) => (addr | ~mask4(len)) >>> 0))];
    this.policy = new EndpointPolicy(config.policy.allowIpv4, this.broadcasts);
  }
}

/** One tunnel's view of its host: collects its problems, and the first reason why it is down. */
class Judge {
  readonly host: Host;
  readonly #tunnel: string;
  readonly #path: KeyPath;
  #down: string | null = null;

  constructor(host: Host, tunnel: string, path: KeyPath) {
    this.host = host;
    this.#tunnel = tunnel;
    this.#path = path;
  }

  get down(): string | null {
    return this.#down;
  }

  takeDown(reason: string): void {
    this.#down ??= reason;
  }

  warn(key: KeyPath, message: string, expected: string): void {
    this.#note('warning', key, message, expected);
  }

  /** A special-purpose address cannot be an endpoint: an error in a file, bad luck on a host (`key` null). */
  refuseSpecial(addr: number, key: KeyPath | null): void {
    if (!this.host.policy.special(addr)) return;
    const range = this.host.policy.describe(addr);
    const reason = `${formatIpv4(addr)} is ${range === null ? 'a broadcast address of this host' : `${range.name} (${range.rfc})`}`;
    this.takeDown(reason);
    if (key !== null && range !== null) {
      this.#note('error', key, reason, 'a globally reachable address, or its range in policy.allow-ipv4');
    }
  }

  #note(severity: Finding['severity'], key: KeyPath, message: string, expected: string): void {
    this.host.problems.push({ severity, tunnel: this.#tunnel, path: [...this.#path, ...key], message, expected });
  }
}

/** How each type of tunnel is resolved. */
const RESOLVERS: { readonly [T in TunnelConfig['type']]: (config: TunnelConfig & { type: T }, slot: number, judge: Judge) => TunnelSpec } =
  {
    '6to4': resolveSixToFour,
  };

function resolveTunnel(config: TunnelConfig, slot: number, judge: Judge): TunnelSpec {
  return RESOLVERS[config.type](config, slot, judge);
}

function resolveSixToFour(config: SixToFourConfig, slot: number, judge: Judge): SixToFourSpec {
  judgeEndpoints(config, judge);
  // A relay brings its anycast address with it; everybody else has to be where the address is (RFC 3056 section 3).
  const bringsAddresses = config.role === 'relay';
  const common = commonOf(config, slot, bringsAddresses, judge);
  if (config.role !== 'host' && !judge.host.facts.forwards6) {
    judge.warn(['role'], 'this host does not forward IPv6', '`sysctl -w net.ipv6.conf.all.forwarding=1`');
  }
  return {
    ...common,
    type: '6to4',
    role: config.role,
    relay: config.relay,
    interfaceId: interfaceIdOf(bringsAddresses ? null : config.interfaceId, common.local[0] ?? 0),
    lans: lansOf(config.lans, judge),
  };
}

/** 6to4 endpoints are globally reachable: the tunnel's own, and its relay. */
function judgeEndpoints({ local, accept, relay }: SixToFourConfig, judge: Judge): void {
  const { defaultSource } = judge.host.facts;
  if (local !== null) judge.refuseSpecial(local, ['local']);
  else if (defaultSource !== null) judge.refuseSpecial(defaultSource, null);
  accept.forEach((addr, i) => {
    judge.refuseSpecial(addr, ['accept', i]);
  });
  if (relay !== null) judge.refuseSpecial(relay, ['relay']);
}

function commonOf(config: TunnelConfig, slot: number, bringsAddresses: boolean, judge: Judge): TunnelCommon {
  const { addresses, facts } = judge.host;
  const first = config.local ?? facts.defaultSource;
  if (first === null) judge.takeDown('no IPv4 default route');
  else if (!bringsAddresses && !addresses.has(first)) judge.takeDown(`${formatIpv4(first)} is on no interface`);
  const further = config.accept.filter((addr, i) => {
    if (bringsAddresses || addresses.has(addr)) return true;
    judge.warn(['accept', i], `${formatIpv4(addr)} is on no interface`, 'an address of this host');
    return false;
  });
  const local = first === null || judge.down !== null ? [] : [...new Set([first, ...further])];
  return {
    name: config.name,
    slot,
    interface: config.interface,
    local,
    assign: local.filter((addr) => !addresses.has(addr)),
    down: judge.down,
    configure: config.configure,
    mtu: config.mtu,
    ttl: config.ttl,
    dscp: config.dscp,
    ecn: config.ecn,
    pathMtuDiscovery: config.pathMtuDiscovery,
    dontFragment: false,
    icmpRate: config.icmpRate,
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

/** The LANs that can be served now: advertisements need the link-local address of the interface (RFC 4861 section 4.2). */
function lansOf(lans: readonly LanConfig[], judge: Judge): LanSpec[] {
  return lans.flatMap((lan, i) => {
    const linkLocal = judge.host.facts.linkLocal.get(lan.interface);
    if (linkLocal !== undefined) return [{ interface: lan.interface, subnet: lan.subnet, linkLocal }];
    judge.warn(['lan', i, 'interface'], `"${lan.interface}" is left out`, 'an interface that is up and has a link-local IPv6 address');
    return [];
  });
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
