/** The technologies there are: the one place that looks at the type of a tunnel. */
import type { Mapping } from '../mapping/mapping.js';
import type { Role } from '../role/role.js';
import type { Prefix6 } from '../wire/address.js';
import { isatap } from './isatap.js';
import type { PlanStep } from './plan.js';
import { sixRd } from './sixrd.js';
import { sixToFour } from './sixtofour.js';
import type { SocketSpec, TunnelSpec } from './spec.js';
import type { FastPathFacts, RoleContext, Technology } from './technology.js';
import { teredo } from './teredo.js';

const TECHNOLOGIES: { readonly [T in TunnelSpec['type']]: Technology<Extract<TunnelSpec, { type: T }>> } = {
  '6to4': sixToFour,
  '6rd': sixRd,
  isatap,
  teredo,
};

/** The technology of `spec`, which takes specifications of its own type only. */
function of(spec: TunnelSpec): Technology<TunnelSpec> {
  return TECHNOLOGIES[spec.type] as unknown as Technology<TunnelSpec>;
}

/** See {@link Technology.role}. */
export function makeRole(spec: TunnelSpec, context: RoleContext): Role {
  return of(spec).role(spec, context);
}

/** See {@link Technology.addresses}. */
export function addressesOf(spec: TunnelSpec): readonly Uint8Array[] {
  return of(spec).addresses(spec);
}

/** See {@link Technology.sources}. */
export function sourcesOf(spec: TunnelSpec): readonly Prefix6[] {
  return of(spec).sources(spec);
}

/** See {@link Technology.linkLocal}. */
export function linkLocalOf(spec: TunnelSpec): Uint8Array {
  return of(spec).linkLocal(spec);
}

/** See {@link Technology.domains}. */
export function domainsOf(spec: TunnelSpec): readonly Mapping[] {
  return of(spec).domains(spec);
}

/** See {@link Technology.fastPath}. */
export function fastPathOf(spec: TunnelSpec): FastPathFacts {
  return of(spec).fastPath(spec);
}

/** See {@link Technology.sockets}. */
export function socketsOf(spec: TunnelSpec): readonly SocketSpec[] {
  return of(spec).sockets(spec);
}

/** See {@link Technology.steps}. */
export function stepsOf(spec: TunnelSpec, device: string, native: readonly Uint8Array[]): readonly PlanStep[] {
  return of(spec).steps(spec, device, native);
}
