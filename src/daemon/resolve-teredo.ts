/** Teredo on a host: where its sockets are, and whether the host has any use for it. */
import type { TeredoConfig } from '../config/config.js';
import { MOST_SERVERS, serverAt } from '../config/teredo.js';
import type { TeredoSpec } from '../engine/spec.js';
import type { TeredoServers } from '../role/teredo-node.js';
import { formatIpv4, in6, mask4, type Prefix4 } from '../wire/address.js';
import { i32 } from '../wire/octets.js';
import type { Host, Judge } from './judge.js';
import { isNative } from './native.js';
import { commonOf } from './tunnel-common.js';

/** Resolves one tunnel; what type it is, is its caller's to say. */
export function resolveTeredo(config: TeredoConfig, slot: number, judge: Judge): Omit<TeredoSpec, 'type'> {
  const source = config.local ?? judge.host.facts.defaultSource;
  JUDGE[config.role](config, source, judge);
  const common = commonOf(config, slot, { source, bringsAddresses: false, dontFragment: false, lans: [] }, judge);
  return {
    ...common,
    // What a client had found out holds no longer.
    learned: common.down === null ? common.learned : null,
    role: config.role,
    prefix: i32(config.prefix.addr, 0),
    port: config.port,
    servers: serversOf(config, judge.host),
    secondary: config.secondary,
    keys: config.keys,
    refreshInterval: config.refreshInterval * 1000,
    searchesInterval: config.searchesInterval,
    lan: config.localDiscovery && common.down === null ? lanOf(source, judge) : null,
    portMapping: config.portMapping && common.down === null ? portMappingOf(config.name, source, judge) : null,
    maxPeers: config.maxPeers,
  };
}

type Check = (config: TeredoConfig, source: number | null, judge: Judge) => void;

/** What each role wants of its host. */
const JUDGE: { readonly [R in TeredoConfig['role']]: Check } = {
  client(config, source, judge) {
    const { unicast, teredo } = judge.host;
    judge.refuseOwn(config, source, unicast);
    config.servers.forEach((server, i) => {
      if (typeof server === 'string') return;
      judge.refuse(server.primary, teredo, ['server', i]);
      judge.refuse(server.secondary, teredo, ['secondary', i]);
    });
    const name = config.servers.find((server) => typeof server === 'string');
    if (name !== undefined && serversOf(config, judge.host).length === 0) judge.takeDown(`the name ${name} has no address yet`);
    // RFC 4380 section 5.5.
    if (hasNative(config, judge)) judge.takeDown('the host has native IPv6');
  },

  server(config, source, judge) {
    const { addresses, teredo } = judge.host;
    judge.refuseOwn(config, source, teredo);
    if (!hasNative(config, judge))
      judge.warn(['role'], 'this host has no IPv6 address of its own', 'native IPv6: by it clients ask whether they reach a native host');
    if (config.secondary === null) return;
    judge.refuse(config.secondary, teredo, ['secondary']);
    if (!addresses.has(config.secondary)) judge.takeDown(`${formatIpv4(config.secondary)} is on no interface`);
  },

  relay(config, source, judge) {
    // A NAT in front of it is no obstacle, RFC 4380 section 5.4.1: it opens it by a bubble of its own.
    judge.refuseOwn(config, source, judge.host.unicast);
    judge.wantForwarding();
    if (!hasNative(config, judge) && judge.host.config.node.identity === null)
      judge.warn(['role'], 'this host has no IPv6 address of its own', 'one that native hosts can answer to, or node.identity');
  },
};

/**
 * The servers, and what names have been found to be among them: each address but those that are the other one of the server
 * before, and those at which nobody can be.
 */
function serversOf({ servers }: TeredoConfig, { facts, teredo }: Host): TeredoServers[] {
  const known: TeredoServers[] = [];
  const isOther = ({ primary }: TeredoServers): boolean => known.some((one) => one.primary === primary || one.secondary === primary);
  const isPossible = ({ primary, secondary }: TeredoServers): boolean =>
    !teredo.policy.special(primary) && !teredo.policy.special(secondary);
  for (const server of servers) {
    if (typeof server !== 'string') known.push(server);
    else
      for (const addr of facts.found.names.get(server) ?? []) {
        const found = serverAt(addr);
        if (isPossible(found) && !isOther(found)) known.push(found);
      }
  }
  return known.slice(0, MOST_SERVERS);
}

/** What the gateway has said of the tunnel; of another address of the host than it has now that says nothing. */
function portMappingOf(tunnel: string, source: number | null, { host }: Judge): TeredoSpec['portMapping'] {
  const mapping = host.facts.found.portMappings.get(tunnel);
  return mapping === undefined || mapping.local.addr !== source ? 'awaited' : mapping;
}

/** The subnet of an address of the host; null where nobody else is on it. */
function lanOf(source: number | null, { host }: Judge): Prefix4 | null {
  const own = host.facts.ipv4.find(({ addr }) => addr === source);
  return own === undefined || own.len === 32 ? null : { addr: (own.addr & mask4(own.len)) >>> 0, len: own.len };
}

/** True when the host has an address that no automatic tunnel made. */
function hasNative({ prefix }: TeredoConfig, { host }: Judge): boolean {
  return host.facts.ipv6.some((address) => isNative(address) && !in6(address, 0, prefix));
}
