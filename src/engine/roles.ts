/** Builds the role of a tunnel: the one place that knows which technologies there are. */
import type { Millis } from '../core/clock.js';
import type { Random } from '../core/random.js';
import type { AdvertisedLan, Role } from '../role/role.js';
import { SixToFourRelay } from '../role/sixtofour-relay.js';
import { SixToFourSite } from '../role/sixtofour-site.js';
import type { NodeContext } from './node.js';
import { sixToFourAddress } from './plan.js';
import type { SixToFourSpec, TunnelSpec } from './spec.js';

/** What a role is built with, beside its own specification. */
export interface RoleContext {
  readonly node: NodeContext;
  readonly random: Random;
  /** What LANs were told by the role before this one. */
  readonly before: readonly AdvertisedLan[];
  readonly now: Millis;
}

type RoleMaker<S extends TunnelSpec> = (spec: S, context: RoleContext) => Role;

const MAKERS: { readonly [T in TunnelSpec['type']]: RoleMaker<Extract<TunnelSpec, { type: T }>> } = { '6to4': sixToFour };

/** The role that `spec` asks for. */
export function makeRole(spec: TunnelSpec, context: RoleContext): Role {
  return MAKERS[spec.type](spec, context);
}

const NO_ID = new Uint8Array(8);

function sixToFour(spec: SixToFourSpec, { node, random, before, now }: RoleContext): Role {
  const { endpoints, own, identity } = node;
  const addresses = spec.local.map((local) => sixToFourAddress(local, 0, spec.interfaceId));
  const common = { endpoints, own, identity, local: spec.local, addresses };
  if (spec.role === 'relay') return new SixToFourRelay(common);
  const lans = spec.lans.map((lan) => ({
    interface: lan.interface,
    linkLocal: lan.linkLocal,
    prefix: spec.local.length === 0 ? null : { addr: sixToFourAddress(spec.local[0], lan.subnet, NO_ID), len: 64 },
  }));
  return new SixToFourSite({ ...common, relay: spec.relay, lans, mtu: spec.mtu, before }, random, now);
}
