/** What the engine has to know of a technology to put a tunnel together: one object each, in the table of `technologies.ts`. */
import type { Millis } from '../core/clock.js';
import type { Flows } from '../core/flows.js';
import type { Random } from '../core/random.js';
import type { Mapping } from '../mapping/mapping.js';
import type { Pattern } from '../mapping/pattern.js';
import type { Heritage, Role } from '../role/role.js';
import type { Prefix6 } from '../wire/address.js';
import type { NodeContext } from './node.js';
import type { PlanStep } from './plan.js';
import type { UdpPort } from './port.js';
import type { SocketSpec, TunnelSpec } from './spec.js';

/** What a role is built with, beside its own specification. */
export interface RoleContext {
  readonly node: NodeContext;
  readonly random: Random;
  /** True in the one thread of the node that says what must be said once. */
  readonly speaks: boolean;
  /** The sockets that `Technology.sockets` asks for, open; none while the tunnel is down. */
  readonly sockets: readonly UdpPort[];
  /** Who forwards what of its peers the role lets pass. */
  readonly flows: Flows;
  /** What the role before this one leaves. */
  readonly before: Heritage;
  readonly now: Millis;
}

/** Which IPv4 addresses are endpoints of a tunnel: what IANA's registry calls globally reachable, any unicast one, or what RFC 4380 section 5.2.4 calls global unicast. */
export type EndpointKind = 'registry' | 'unicast' | 'global';

/** What a fast path has to know of a tunnel to forward as its role does, or to leave alone what is the role's. */
export interface FastPathFacts {
  /** Addresses that belong to the tunnel, or may. */
  readonly patterns: readonly Pattern[];
  readonly endpoints: EndpointKind;
  /** Why the role has to see every packet itself, for people; null: between a native end and one in the pattern any relay decides alike. */
  readonly obstacle: string | null;
}

/** One technology. */
export interface Technology<S extends TunnelSpec> {
  /** The role that `spec` asks for. */
  role(spec: S, context: RoleContext): Role;
  /** The node's own global addresses in the tunnel, sixteen octets each, the usual one first; none while it is down. */
  addresses(spec: S): readonly Uint8Array[];
  /** Prefixes that packets of the node's, or of the site behind it, come from when they belong into the tunnel. */
  sources(spec: S): readonly Prefix6[];
  /** The link-local address of the tunnel interface, sixteen octets; the tunnel is up. */
  linkLocal(spec: S): Uint8Array;
  /** What carries the IPv4 addresses of this tunnel's nodes, for the loop checks; none where anybody can tell it from the address. */
  domains(spec: S): readonly Mapping[];
  /** See {@link FastPathFacts}. */
  fastPath(spec: S): FastPathFacts;
  /** UDP sockets of the tunnel's own, in the one thread that then runs it; none: protocol 41 carries it, or it is down. */
  sockets(spec: S): readonly SocketSpec[];
  /** What the tunnel wants of its host beyond link and link-local address of `device`, in order; the tunnel is up. `native`: the host's addresses outside its tunnels, sixteen octets each. */
  steps(spec: S, device: string, native: readonly Uint8Array[]): readonly PlanStep[];
}
