/**
 * What of a node the XDP program can do: its settings and rules, and why a tunnel is left to the packet threads.
 *
 * The program decides between a native end and one that carries an IPv4 endpoint; everything of which
 * a role would have to think is passed up. So a tunnel is one entry, and others of the node are there to be left alone.
 */
import { NodeContext } from '../engine/node.js';
import type { NodeSpec, TunnelSpec } from '../engine/spec.js';
import { fastPathOf, socketsOf } from '../engine/technologies.js';
import type { Pattern } from '../mapping/pattern.js';
import type { EndpointPolicy } from '../policy/special-addresses.js';
import { formatIpv6 } from '../wire/address.js';
import { DF } from '../wire/ipv4.js';
import { u32 } from '../wire/octets.js';
import { LIMITS, type PATTERN, POLICIES, RULES, SETTINGS, type TUNNEL } from './layout.js';
import type { ValueOf } from './struct.js';

/** First octets of IPv4 addresses. */
const OCTETS = 256;

/** Whether a tunnel is in the fast path. */
export interface OffloadedTunnel {
  readonly name: string;
  /** Place in the counter rows. */
  readonly slot: number;
  /** Why it is not, for people; null when it is. */
  readonly obstacle: string | null;
}

/** One generation for the maps of the program. */
export interface Offload {
  readonly tunnels: readonly OffloadedTunnel[];
  /** A `SETTINGS`. */
  readonly settings: Uint8Array;
  /** `RULES` of each policy and first octet, in order. */
  readonly rules: Uint8Array;
}

/** What `node` is to the program. `ifindexOf`: the number of an interface, 0 when there is none of that name. */
export function offloadOf(node: NodeSpec, ifindexOf: (name: string) => number): Offload {
  const { endpoints: registry, unicast, teredo: global } = new NodeContext(node);
  const policies = { registry, unicast, global };
  const domains = node.tunnels.flatMap((spec) => fastPathOf(spec).patterns.map((pattern) => ({ spec, pattern })));
  const whole = nodeObstacle(node, domains.length);
  const obstacles = new Map(node.tunnels.map((spec) => [spec, whole ?? obstacleOf(spec, node, ifindexOf)]));
  const settings = {
    own_count: Math.min(node.ownIpv4.length, LIMITS.MAX_OWN),
    tunnel_count: whole === null ? domains.length : 0,
    own: node.ownIpv4.slice(0, LIMITS.MAX_OWN),
    tunnel: whole === null ? domains.map(({ spec, pattern }) => entryOf(spec, pattern, obstacles.get(spec) === null, ifindexOf)) : [],
  };
  return {
    tunnels: node.tunnels.map((spec) => ({ name: spec.name, slot: spec.slot, obstacle: obstacles.get(spec) ?? null })),
    settings: SETTINGS.encode(settings),
    rules: rulesOf(POLICIES.map((policy) => policies[policy])),
  };
}

/** Why the program can do nothing for a node: what it cannot hold it might mistake for something else. */
function nodeObstacle({ ownIpv4 }: NodeSpec, domains: number): string | null {
  if (ownIpv4.length > LIMITS.MAX_OWN) return `the node has ${ownIpv4.length} IPv4 addresses, at most ${LIMITS.MAX_OWN} fit`;
  return domains > LIMITS.MAX_TUNNELS ? `the tunnels have ${domains} prefixes, at most ${LIMITS.MAX_TUNNELS} fit` : null;
}

function obstacleOf(spec: TunnelSpec, node: NodeSpec, ifindexOf: (name: string) => number): string | null {
  const { patterns, obstacle } = fastPathOf(spec);
  if (obstacle !== null) return obstacle;
  if (spec.down !== null || spec.local.length === 0) return 'the tunnel is down';
  if (spec.local.length > LIMITS.MAX_LOCAL) return `it has ${spec.local.length} local addresses, at most ${LIMITS.MAX_LOCAL} fit`;
  if (spec.pathMtuDiscovery) return 'path MTUs are known to the packet threads only';
  if (spec.interface === null || ifindexOf(spec.interface) === 0) return `there is no interface ${spec.interface}`;
  // What arrives from such an address is the node's own packet, which came back.
  const own6 = node.identity === null ? node.ownIpv6 : [node.identity, ...node.ownIpv6];
  const strange = own6.find((address) => patterns.some((pattern) => isStrange(address, pattern, node.ownIpv4)));
  return strange === undefined ? null : `${formatIpv6(strange)} of this node carries an IPv4 address of another`;
}

/** True when `address` is in `pattern` and carries none of `own`. */
function isStrange(address: Uint8Array, pattern: Pattern, own: readonly number[]): boolean {
  const { bits, mask, at, commonLen, common, inverted } = pattern;
  if (address.some((octet, i) => ((octet ^ bits[i]) & mask[i]) !== 0)) return false;
  const text = Array.from(address, (octet) => octet.toString(2).padStart(8, '0')).join('');
  const carried = common + Number.parseInt(`0${text.slice(at, at + 32 - commonLen)}`, 2);
  return !own.includes(inverted ? ~carried >>> 0 : carried);
}

function entryOf(spec: TunnelSpec, pattern: Pattern, offloaded: boolean, ifindexOf: (name: string) => number): ValueOf<typeof TUNNEL> {
  // Who has sockets hears nothing beside them.
  const [socket] = socketsOf(spec);
  const local = socket === undefined ? spec.local : [socket.local];
  const fits = local.length <= LIMITS.MAX_LOCAL;
  return {
    pattern: patternEntry(pattern),
    slot: spec.slot,
    ifindex: spec.interface === null ? 0 : ifindexOf(spec.interface),
    policy: POLICIES.indexOf(fastPathOf(spec).endpoints),
    mtu: spec.mtu,
    ttl: spec.ttl,
    tos: spec.dscp === 'copy' ? 0 : spec.dscp << 2,
    tos_mask: (spec.dscp === 'copy' ? 0xfc : 0) | (spec.ecn === 'normal' ? 3 : 0),
    local_count: fits ? local.length : 0,
    flags: spec.dontFragment ? DF : 0,
    port: socket?.port ?? 0,
    offloaded: Number(offloaded),
    reserved: [],
    local: fits ? local : [],
  };
}

function patternEntry({ bits, mask, at, commonLen, common }: Pattern): ValueOf<typeof PATTERN> {
  const words = (b: Uint8Array): number[] => [0, 4, 8, 12].map((off) => u32(b, off));
  return { bits: words(bits), mask: words(mask), word: at >>> 5, shift: at & 31, common_len: commonLen, common };
}

/** All rules, for the map. */
function rulesOf(policies: readonly EndpointPolicy[]): Uint8Array {
  const octets = new Uint8Array(policies.length * OCTETS * RULES.size);
  const view = new DataView(octets.buffer);
  for (const [i, policy] of policies.entries()) {
    for (let octet = 0; octet < OCTETS; octet++) {
      const rules = policy.rulesFor(octet);
      const rule = rules.slice(0, LIMITS.MAX_RULES).map(({ bits, mask, refused }) => ({ bits, mask, refused: Number(refused) }));
      RULES.write(view, (i * OCTETS + octet) * RULES.size, { count: rules.length, rule });
    }
  }
  return octets;
}
