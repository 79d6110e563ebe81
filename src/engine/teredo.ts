/** Teredo, RFC 4380: how its tunnels are put together. */
import { addressOf } from '../mapping/mapping.js';
import { Teredo, teredoLinkLocal } from '../mapping/teredo.js';
import { TeredoClient } from '../role/teredo-client.js';
import type { DiscoveryOptions } from '../role/teredo-discovery.js';
import type { TeredoNode } from '../role/teredo-node.js';
import { RANDOM_PORTS } from '../role/teredo-random-ports.js';
import { TeredoRelay } from '../role/teredo-relay.js';
import { TeredoServer } from '../role/teredo-server.js';
import { formatIpv6, formatPrefix6, type Prefix6 } from '../wire/address.js';
import { hmacSha1 } from '../wire/hmac.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { put32 } from '../wire/octets.js';
import { TEREDO_DISCOVERY_GROUP, TEREDO_PORT } from '../wire/teredo.js';
import { addressStep, DEFAULT_ROUTE_METRIC, PREFIX_ROUTE_METRIC, routeStep } from './plan.js';
import type { SocketSpec, TeredoSpec } from './spec.js';
import type { RoleContext, Technology } from './technology.js';

/** Bits in the prefix of all Teredo addresses. */
const PREFIX_LEN = 32;

/** The /32 that all Teredo addresses share. */
export function teredoPrefix({ prefix }: TeredoSpec): Prefix6 {
  const addr = new Uint8Array(ADDRESS_LEN);
  put32(addr, 0, prefix);
  return { addr, len: PREFIX_LEN };
}

/** Sockets of a tunnel that is up; the first one is that of its service. */
const SOCKETS: { readonly [R in TeredoSpec['role']]: (spec: TeredoSpec, service: SocketSpec) => readonly SocketSpec[] } = {
  server: ({ secondary, port }, service) => (secondary === null ? [service] : [service, { local: secondary, port }]),

  relay: (_spec, service) => [service],

  client(spec, service) {
    const any: SocketSpec = { local: service.local, port: 0 };
    const random = Array<SocketSpec>(RANDOM_PORTS).fill(any);
    return [
      spec.portMapping === null ? service : { ...service, led: true },
      ...random,
      ...(spec.searchesInterval ? [any] : []),
      ...(spec.lan === null ? [] : [{ local: service.local, port: TEREDO_PORT, group: TEREDO_DISCOVERY_GROUP }]),
    ];
  },
};

function socketsOf(spec: TeredoSpec): readonly SocketSpec[] {
  const [local] = spec.local;
  return local === undefined ? [] : SOCKETS[spec.role](spec, { local, port: spec.port });
}

/** Which of a client's sockets the search for its refresh interval has for itself; null: there is none. */
function searchSocketOf({ local, searchesInterval }: TeredoSpec): number | null {
  return searchesInterval && local.length > 0 ? 1 + RANDOM_PORTS : null;
}

/** Where a client looks for others nearby: by the last one of its sockets. */
function discoveryOf(spec: TeredoSpec): DiscoveryOptions | null {
  return spec.lan === null || spec.local.length === 0 ? null : { lan: spec.lan, socket: socketsOf(spec).length - 1 };
}

function nodeOf(spec: TeredoSpec, { node, sockets, random }: RoleContext): TeredoNode {
  return {
    local: socketsOf(spec).map(({ local }) => local | 0),
    ports: sockets.map(({ localPort }) => localPort),
    prefix: spec.prefix,
    own: node.own,
    endpoints: node.teredo,
    identity: node.identity ?? node.native,
    mtu: spec.mtu,
    hmac: hmacSha1,
    random,
  };
}

/** See {@link Technology}. */
export const teredo: Technology<TeredoSpec> = {
  role(spec, context) {
    const node = nodeOf(spec, context);
    const { servers, keys, refreshInterval, maxPeers } = spec;
    if (spec.role === 'server') return new TeredoServer({ ...node, keys });
    if (spec.role === 'relay') return new TeredoRelay({ ...node, maxPeers, flows: context.flows });
    const gateway = spec.portMapping === 'awaited' ? spec.portMapping : (spec.portMapping?.external ?? null);
    const before = context.before.learned?.teredo ?? null;
    const [searchSocket, discovery] = [searchSocketOf(spec), discoveryOf(spec)];
    return new TeredoClient({ node, servers, keys, refreshInterval, searchSocket, maxPeers, discovery, gateway, before }, context.now);
  },

  addresses({ learned }) {
    const address = learned?.teredo?.address ?? null;
    return address === null ? [] : [address];
  },

  sources: (spec) => teredo.addresses(spec).map((addr) => ({ addr, len: 128 })),

  linkLocal: ({ local, port }) => addressOf(teredoLinkLocal(0), local[0], port || TEREDO_PORT),

  // Anybody can tell what a Teredo address carries.
  domains: () => [],

  fastPath: (spec) => ({
    patterns: [new Teredo(0, 0, spec.prefix).pattern],
    endpoints: 'global',
    obstacle: spec.role === 'relay' ? null : `a ${spec.role} has a say in every packet`,
  }),

  sockets: socketsOf,

  steps(spec, device) {
    if (spec.role === 'relay') return [routeStep(formatPrefix6(teredoPrefix(spec)), device, PREFIX_ROUTE_METRIC)];
    return teredo
      .addresses(spec)
      .flatMap((own) => [addressStep(device, formatIpv6(own), 128), routeStep('default', device, DEFAULT_ROUTE_METRIC)]);
  },
};
