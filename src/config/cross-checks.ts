/** Checks across keys and across tunnels. They see what was read well, whatever else was wrong. */

import type * as z from 'zod';
import { formatIpv4, formatPrefix6, type Prefix6 } from '../wire/address.js';
import { overlap } from './domains.js';
import { type KeyDoc, keyDocs } from './keys.js';
import type { KeyPath } from './problem.js';
import type { Findings, Raw, Read } from './read.js';
import type { configTable } from './schema.js';
import { MOST_TUNNELS, type TunnelType, type tunnelKeys } from './tunnel-keys.js';
import { TUNNEL_TYPES } from './tunnel-types.js';
import { alternatives } from './values.js';

/** A tunnel as far as it could be read. */
type ReadTunnel = NonNullable<NonNullable<Read<typeof configTable>['tunnel']>[number]>;

/** One `[[tunnel]]`: what the file says, what was made of it, and the names that it bears or gets. */
export interface TunnelEntry {
  readonly path: KeyPath;
  readonly raw: Raw;
  readonly values: ReadTunnel;
  /** null: it cannot be told because a key is wrong. */
  readonly name: string | null;
  /** null as well where its role has none. */
  readonly interface: string | null;
}

/** Gives every tunnel its name and interface; defaults never take a name that the file uses. More tunnels than there may be are left out. */
export function tunnelEntries(all: readonly (ReadTunnel | undefined)[], raws: readonly Raw[], findings: Findings): TunnelEntry[] {
  if (all.length > MOST_TUNNELS) findings.error(['tunnel', MOST_TUNNELS], `${all.length} tunnels are too many`, `at most ${MOST_TUNNELS}`);
  const tunnels = all.slice(0, MOST_TUNNELS);
  const taken = new Set(tunnels.map((tunnel) => tunnel?.interface));
  return tunnels.flatMap((values, i) => {
    if (values === undefined) return [];
    let device = values.interface;
    if (device === null && values.type !== undefined && takes(values, 'interface')) {
      for (let n = 1; device === null || taken.has(device); n++) device = `tun${values.type}${n === 1 ? '' : `-${n}`}`;
      taken.add(device);
    }
    const fallback = values.type === undefined || values.role === undefined ? null : `${values.type}-${values.role}`;
    const name = values.name === null ? fallback : values.name;
    return [{ path: ['tunnel', i], raw: raws[i], values, name: name ?? null, interface: device ?? null }];
  });
}

/** What is said of a key in the table of the tunnel's own type. */
function docIn(type: TunnelType, key: keyof typeof tunnelKeys): KeyDoc | undefined {
  return keyDocs.get((type.table.shape as z.ZodRawShape)[key] as z.ZodType);
}

/** True unless the role is known to have no such key. */
function takes({ type, role }: ReadTunnel, key: keyof typeof tunnelKeys): boolean {
  return type === undefined || role === undefined || docIn(TUNNEL_TYPES[type], key)?.roles?.includes(role) !== false;
}

/** Finds a mode that must be had, and no interface to have it on. */
export function checkFastPath(fastpath: Read<typeof configTable>['fastpath'], findings: Findings): void {
  const { mode, interfaces } = fastpath ?? {};
  if ((mode !== 'native' && mode !== 'generic') || interfaces?.length !== 0) return;
  findings.error(['fastpath', 'mode'], `"${mode}" is of no use on no interface`, 'fastpath.interfaces to name some');
}

/** Finds what is wrong between keys of one tunnel, between tunnels, and between them and `node.identity`. */
export function crossCheck(tunnels: readonly TunnelEntry[], identity: Uint8Array | null, findings: Findings): void {
  const devices = new Set(tunnels.map((tunnel) => tunnel.interface));
  for (const tunnel of tunnels) checkType(tunnel, devices, identity, findings);
  checkUnique(tunnels, 'name', ({ name }) => name, findings);
  checkUnique(tunnels, 'interface', (tunnel) => tunnel.interface, findings);
  checkUnique(tunnels, 'dhcp-interface', ({ values }) => (values as FurtherKeys)['dhcp-interface'] ?? null, findings);
  checkDomains(tunnels, findings);
  checkAddresses(tunnels, findings);
  checkPorts(tunnels, findings);
}

/** A key that not all types have, and of which no two tunnels may say the same. */
interface FurtherKeys {
  readonly 'dhcp-interface'?: string | null;
}

/** The checks of the type, keys that the role does not take, keys that it cannot do without, and keys that cannot stand together. */
function checkType(
  { path, raw, values }: TunnelEntry,
  devices: ReadonlySet<string | null>,
  identity: Uint8Array | null,
  findings: Findings,
): void {
  const { type, role } = values;
  if (type === undefined) return;
  const { table, check } = TUNNEL_TYPES[type];
  check(values, { path, devices, identity, findings });
  for (const [key, schema] of Object.entries(table.shape as z.ZodRawShape)) {
    const doc = keyDocs.get(schema as z.ZodType);
    const present = Object.hasOwn(raw, key);
    for (const other of present ? (doc?.replaces ?? []) : []) {
      if (Object.hasOwn(raw, other)) findings.error([...path, other], `stands beside "${key}", which says it already`, 'one of the two');
    }
    if (role === undefined) continue;
    if (present && doc?.roles?.includes(role) === false) {
      findings.error(
        [...path, key],
        `is no key of role "${role}"`,
        `it with role ${alternatives(doc.roles.map((name) => `"${name}"`))} only`,
      );
    }
    if (!present && doc?.neededBy?.includes(role)) findings.error([...path, key], `is missing: role "${role}" has no default for it`);
  }
}

function checkUnique(
  tunnels: readonly TunnelEntry[],
  key: string,
  nameIn: (tunnel: TunnelEntry) => string | null,
  findings: Findings,
): void {
  const owners = new Map<string, TunnelEntry>();
  for (const tunnel of tunnels) {
    const value = nameIn(tunnel);
    if (value === null) continue;
    const owner = owners.get(value);
    if (owner === undefined) owners.set(value, tunnel);
    else findings.error([...tunnel.path, key], `"${value}" is the ${key} of tunnel[${owner.path[1]}] too`, 'one of its own');
  }
}

/** An address is in the domain of one tunnel at most: otherwise it says of two IPv4 addresses that they are its own. */
function checkDomains(tunnels: readonly TunnelEntry[], findings: Findings): void {
  const earlier: { readonly prefix: Prefix6; readonly tunnel: TunnelEntry }[] = [];
  for (const tunnel of tunnels) {
    const { type } = tunnel.values;
    const domain = type === undefined ? null : TUNNEL_TYPES[type].domain(tunnel.values);
    if (domain === null) continue;
    const { prefix, key, expected } = domain;
    const other = earlier.find((one) => overlap(one.prefix, prefix));
    if (other !== undefined) {
      const message = `${formatPrefix6(prefix)} overlaps ${formatPrefix6(other.prefix)} of tunnel[${other.tunnel.path[1]}]`;
      findings.error([...tunnel.path, key], message, expected);
    }
    earlier.push({ prefix, tunnel });
  }
}

/** Protocol 41 carries no number of the mechanism, RFC 3964 section 6.1: tunnels on one address are told apart by guesses. */
function checkAddresses(tunnels: readonly TunnelEntry[], findings: Findings): void {
  const owners = new Map<number | null, TunnelEntry>();
  for (const tunnel of tunnels) {
    const { type, local, accept } = tunnel.values;
    if (type !== undefined && TUNNEL_TYPES[type].udp(tunnel.values) !== null) continue;
    for (const addr of new Set([local, ...(accept ?? [])])) {
      if (addr === undefined || (addr === null && !takesDefaultLocal(tunnel))) continue;
      const owner = owners.get(addr);
      if (owner === undefined) {
        owners.set(addr, tunnel);
        continue;
      }
      const which = addr === null ? 'the address of the default route' : formatIpv4(addr);
      findings.warning(
        [...tunnel.path, addr === local ? 'local' : 'accept'],
        `shares ${which} with tunnel[${owner.path[1]}]`,
        'an address for each (RFC 3964 section 6.1)',
      );
    }
  }
}

/** A UDP port has one owner. */
function checkPorts(tunnels: readonly TunnelEntry[], findings: Findings): void {
  const owners = new Map<string, TunnelEntry>();
  for (const tunnel of tunnels) {
    const { type } = tunnel.values;
    const heard = type === undefined ? null : TUNNEL_TYPES[type].udp(tunnel.values);
    for (const { addr, port, key } of heard ?? []) {
      if (port === 0) continue;
      const where = addr === null ? 'the address of the default route' : formatIpv4(addr);
      const owner = owners.get(`${where} ${port}`);
      if (owner === undefined) owners.set(`${where} ${port}`, tunnel);
      else if (owner !== tunnel)
        findings.error([...tunnel.path, key], `UDP port ${port} of ${where} is that of tunnel[${owner.path[1]}]`, 'a port of its own');
    }
  }
}

/** True when the tunnel may leave `local` out, and no other key stands in for it. */
function takesDefaultLocal({ raw, values: { type, role } }: TunnelEntry): boolean {
  if (type === undefined || role === undefined || docIn(TUNNEL_TYPES[type], 'local')?.neededBy?.includes(role) === true) return false;
  const keys = Object.entries(TUNNEL_TYPES[type].table.shape as z.ZodRawShape).filter(([key]) => Object.hasOwn(raw, key));
  return !keys.some(([, schema]) => keyDocs.get(schema as z.ZodType)?.replaces?.includes('local'));
}
