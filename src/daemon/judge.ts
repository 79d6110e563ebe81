/**
 * The host that tunnels are resolved on, and what is said of each tunnel on the way.
 *
 * What the file says and can never be right is an error. What the host lacks today takes a tunnel
 * down, with the reason, until the facts change.
 */
import type { Config, TunnelConfig } from '../config/config.js';
import { overlap } from '../config/domains.js';
import { addressesIn } from '../config/names.js';
import type { Finding, KeyPath } from '../config/problem.js';
import type { HostAddress4, HostFacts } from '../engine/spec.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import type { Lease } from '../role/dhcp-client.js';
import { formatIpv4, mask4, type Prefix4, type Prefix6 } from '../wire/address.js';

/** Something wrong with one tunnel; `path` is its key in the file, for `Loaded.place`. */
export interface ResolveProblem extends Finding {
  readonly tunnel: string;
}

/** Which IPv4 addresses a tunnel takes as endpoints, and what is expected of one that it refuses. */
export interface EndpointRule {
  readonly policy: EndpointPolicy;
  readonly expected: string;
}

/** RFC 3068; early 6rd border relays had 192.88.99.201, RFC 5569 section 3. */
const RELAY_ANYCAST: Prefix4 = { addr: 0xc0586300, len: 24 };

/** What all tunnels of a node are judged by. */
export class Host {
  readonly config: Config;
  readonly facts: HostFacts;
  /** The leases that tunnels wait for, by interface. */
  readonly leases: ReadonlyMap<string, Lease>;
  readonly addresses: ReadonlySet<number>;
  /** Those, and what the file says that tunnels have: addresses at which nobody else is. */
  readonly own: ReadonlySet<number>;
  /** Directed broadcasts; a /31 has none (RFC 3021). */
  readonly broadcasts: readonly number[];
  /** 6to4: globally reachable addresses. */
  readonly global: EndpointRule;
  /** Teredo: those, but for relays of 6to4. */
  readonly teredo: EndpointRule;
  /** 6rd, ISATAP, Teredo clients and relays themselves: unicast addresses, those of 6to4 relays left out. */
  readonly unicast: EndpointRule;
  /** 6rd border relays: unicast addresses. */
  readonly borderRelay: EndpointRule;
  readonly problems: ResolveProblem[] = [];
  /** Prefixes that tunnels have for themselves, the first to have one keeping it. */
  readonly #domains: { readonly prefix: Prefix6; readonly tunnel: string }[];

  constructor(config: Config, facts: HostFacts) {
    this.config = config;
    this.facts = facts;
    this.leases = new Map(config.tunnels.flatMap((tunnel) => leaseFor(tunnel, facts)));
    const assigned = [...this.leases].filter(([, lease]) => lease.assigned);
    const ipv4: readonly HostAddress4[] = [
      ...facts.ipv4,
      ...assigned.map(([name, { address, prefixLen }]) => ({ addr: address, len: prefixLen, interface: name })),
    ];
    this.addresses = new Set(ipv4.map(({ addr }) => addr));
    this.own = new Set([...this.addresses, ...config.tunnels.flatMap(addressesIn)]);
    const subnets = ipv4.filter(({ len }) => len <= 30);
    this.broadcasts = [...new Set(subnets.map(({ addr, len }) => (addr | ~mask4(len)) >>> 0))];
    const { allowIpv4 } = config.policy;
    this.global = {
      policy: new EndpointPolicy(allowIpv4, this.broadcasts),
      expected: 'a globally reachable address, or its range in policy.allow-ipv4',
    };
    this.teredo = { ...this.global, policy: EndpointPolicy.teredo(allowIpv4, this.broadcasts) };
    this.unicast = { policy: EndpointPolicy.unicast(allowIpv4, this.broadcasts), expected: 'a unicast address' };
    this.borderRelay = { ...this.unicast, policy: EndpointPolicy.unicast([...allowIpv4, RELAY_ANYCAST], this.broadcasts) };
    this.#domains = config.tunnels.flatMap(({ name, domain }) => (domain === null ? [] : [{ prefix: domain, tunnel: name }]));
  }

  /** Takes a prefix that was found out for `tunnel`; the name of the tunnel that has it already, or part of it, or more. */
  claim(prefix: Prefix6, tunnel: string): string | null {
    const other = this.#domains.find((domain) => overlap(domain.prefix, prefix));
    if (other !== undefined) return other.tunnel;
    this.#domains.push({ prefix, tunnel });
    return null;
  }
}

/** The lease that `tunnel` waits for, if it is there, and its interface. */
function leaseFor({ dhcpInterface: name }: TunnelConfig, { mac, found }: HostFacts): (readonly [string, Lease])[] {
  const lease = name !== null && mac.has(name) ? found.leases.get(name) : undefined;
  return name === null || lease === undefined ? [] : [[name, lease]];
}

/** One tunnel's view of its host: collects its problems, and the first reason why it is down. */
export class Judge {
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

  /** See {@link Host.claim}. */
  claim(prefix: Prefix6): string | null {
    return this.host.claim(prefix, this.#tunnel);
  }

  warn(key: KeyPath, message: string, expected: string): void {
    this.#note('warning', key, message, expected);
  }

  /** An address that `rule` refuses cannot be an endpoint: an error in a file, bad luck on a host (`key` null). */
  refuse(addr: number, { policy, expected }: EndpointRule, key: KeyPath | null): void {
    if (!policy.special(addr)) return;
    const range = policy.describe(addr);
    const reason = `${formatIpv4(addr)} is ${range === null ? 'a broadcast address of this host' : `${range.name} (${range.rfc})`}`;
    this.takeDown(reason);
    if (key !== null && range !== null) this.#note('error', key, reason, expected);
  }

  /** The same for every address on which the tunnel decapsulates; `source` is its outer source, wherever it comes from. */
  refuseOwn({ local, accept }: TunnelConfig, source: number | null, rule: EndpointRule): void {
    if (source !== null) this.refuse(source, rule, local === null ? null : ['local']);
    accept.forEach((addr, i) => {
      this.refuse(addr, rule, ['accept', i]);
    });
  }

  /** Whoever passes packets on needs a host that does. */
  wantForwarding(): void {
    if (this.host.facts.forwards6) return;
    this.warn(['role'], 'this host does not forward IPv6', '`sysctl -w net.ipv6.conf.all.forwarding=1`');
  }

  #note(severity: Finding['severity'], key: KeyPath, message: string, expected: string): void {
    this.host.problems.push({ severity, tunnel: this.#tunnel, path: [...this.#path, ...key], message, expected });
  }
}
