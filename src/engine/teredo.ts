/** Teredo, RFC 4380: how its tunnels are put together. */
import { addressOf } from '../mapping/mapping.js';
import { Teredo, teredoLinkLocal } from '../mapping/teredo.js';
import { TeredoClient } from '../role/teredo-client.js';
import type { TeredoNode } from '../role/teredo-node.js';
import { TeredoRelay } from '../role/teredo-relay.js';
import { TeredoServer } from '../role/teredo-server.js';
import { formatIpv6, formatPrefix6, type Prefix6 } from '../wire/address.js';
import { hmacSha1 } from '../wire/hmac.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { put32 } from '../wire/octets.js';
import { TEREDO_PORT } from '../wire/teredo.js';
import { addressStep, DEFAULT_ROUTE_METRIC, PREFIX_ROUTE_METRIC, routeStep } from './plan.js';
import type { SocketSpec, TeredoSpec } from './spec.js';
import type { RoleContext, Technology } from './technology.js';

/** Bits in the prefix of all Teredo addresses. */
const PREFIX_LEN = 32;
/** Sockets of a client beside that of its service port: as many peers at once can be met on a port of their own (RFC 6081 section 5.4). */
const SPARE_SOCKETS = 8;

/** The /32 that all Teredo addresses share. */
export function teredoPrefix({ prefix }: TeredoSpec): Prefix6 {
  const addr = new Uint8Array(ADDRESS_LEN);
  put32(addr, 0, prefix);
  return { addr, len: PREFIX_LEN };
}

function socketsOf({ role, local, port, secondary }: TeredoSpec): readonly SocketSpec[] {
  const service = local.slice(0, 1).map((addr) => ({ local: addr, port }));
  if (service.length === 0) return [];
  if (role === 'server') return secondary === null ? service : [...service, { local: secondary, port }];
  return role === 'relay' ? service : [...service, ...Array.from({ length: SPARE_SOCKETS }, () => ({ local: local[0], port: 0 }))];
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
    if (spec.role === 'relay') return new TeredoRelay({ ...node, maxPeers });
    const before = context.before.learned?.teredo ?? null;
    return new TeredoClient({ node, servers, keys, refreshInterval, maxPeers, before }, context.now);
  },

  addresses({ learned }) {
    const address = learned?.teredo?.address ?? null;
    return address === null ? [] : [address];
  },

  linkLocal: ({ local, port }) => addressOf(teredoLinkLocal(0), local[0], port || TEREDO_PORT),

  // Anybody can tell what a Teredo address carries.
  domains: () => [],

  fastPath: (spec) => ({
    patterns: [new Teredo(0, 0, spec.prefix).pattern],
    endpoints: 'teredo',
    obstacle: 'which peers are trusted only the packet thread knows',
  }),

  sockets: socketsOf,

  steps(spec, device) {
    if (spec.role === 'relay') return [routeStep(formatPrefix6(teredoPrefix(spec)), device, PREFIX_ROUTE_METRIC)];
    return teredo
      .addresses(spec)
      .flatMap((own) => [addressStep(device, formatIpv6(own), 128), routeStep('default', device, DEFAULT_ROUTE_METRIC)]);
  },
};
