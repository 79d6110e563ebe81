/** What the node has found out by asking, as news comes in: immutable, so that whoever resolves by it sees one state. */
import type { Millis } from '../core/clock.js';
import type { Discovery } from '../engine/news.js';
import { type Findings, type NodeSpec, sameSpec } from '../engine/spec.js';
import type { Lease } from '../role/dhcp-lease.js';
import type { EndpointText, Learned, LearnedRouter, Qualification } from '../role/role.js';
import type { PortMapping } from '../role/teredo-node.js';
import { formatIpv4, formatIpv6, formatPrefix4, formatPrefix6 } from '../wire/address.js';
import type { NodeEvent } from './changes.js';
import type { Fields } from './log.js';

/** `found`, and the news. */
export function withNews(found: Findings, news: Discovery): Findings {
  switch (news.kind) {
    case 'lease':
      return { ...found, leases: withEntry(found.leases, news.interface, news.lease) };
    case 'learned':
      return { ...found, learned: withEntry(found.learned, news.tunnel, news.learned) };
  }
}

/** `found`, and the addresses of a name. */
export function withName(found: Findings, name: string, addresses: readonly number[]): Findings {
  return { ...found, names: withEntry(found.names, name, addresses) };
}

/**
 * `found`, and what a gateway has said of a tunnel; null: it is asked anew. `found` itself where it is no other endpoint
 * than before: for each that is, the tunnel is made anew, which is not for a gateway to have by refusing in other words.
 */
export function withPortMapping(found: Findings, tunnel: string, mapping: PortMapping | null): Findings {
  const was = found.portMappings.get(tunnel);
  const ends = ({ gateway, local, external }: PortMapping) => ({ gateway, local, external });
  if (was !== undefined && mapping !== null && sameSpec(ends(was), ends(mapping))) return found;
  return { ...found, portMappings: withEntry(found.portMappings, tunnel, mapping) };
}

/** What of `found` is about interfaces and tunnels of `node`, and about `names`: what is gone may come back as something else. */
export function relevantTo(found: Findings, node: NodeSpec, names: ReadonlySet<string>): Findings {
  return {
    leases: only(found.leases, new Set(node.dhcp.map((dhcp) => dhcp.interface))),
    learned: only(found.learned, new Set(node.tunnels.map((tunnel) => tunnel.name))),
    names: only(found.names, names),
    portMappings: only(found.portMappings, new Set(node.tunnels.map((tunnel) => tunnel.name))),
  };
}

/** True when the news is that a tunnel has lost the last of its routers, or that all servers of a Teredo client have failed. */
export function isForsaken(found: Findings, news: Discovery): boolean {
  if (news.kind !== 'learned') return false;
  const before = found.learned.get(news.tunnel);
  return (
    (hasRouter(before) && !hasRouter(news.learned)) || (news.learned.teredo?.state === 'off-line' && before?.teredo?.state !== 'off-line')
  );
}

/** True when the news is that the server of a Teredo client sees it elsewhere: its NAT has forgotten what it knew. */
export function isMoved(found: Findings, news: Discovery): boolean {
  if (news.kind !== 'learned') return false;
  const [was, is] = [found.learned.get(news.tunnel)?.teredo?.mapped ?? null, news.learned.teredo?.mapped ?? null];
  return was !== null && is !== null && !sameSpec(was, is);
}

function hasRouter(learned: Learned | undefined): boolean {
  return learned?.routers.some(({ reachable }) => reachable) === true;
}

function withEntry<T>(all: ReadonlyMap<string, T>, key: string, value: T | null): ReadonlyMap<string, T> {
  const rest = [...all].filter(([name]) => name !== key);
  return new Map(value === null ? rest : [...rest, [key, value]]);
}

function only<T>(all: ReadonlyMap<string, T>, keys: ReadonlySet<string>): ReadonlyMap<string, T> {
  return new Map([...all].filter(([key]) => keys.has(key)));
}

/** What of the news is worth telling, `found` being what was known before. */
export function newsEvents(found: Findings, news: Discovery, now: Millis): NodeEvent[] {
  switch (news.kind) {
    case 'lease':
      return leaseEvents(news.interface, found.leases.get(news.interface) ?? null, news.lease, now);
    case 'learned': {
      const before = found.learned.get(news.tunnel);
      return [
        ...routerEvents(news.tunnel, before?.routers ?? [], news.learned.routers, now),
        ...qualificationEvents(news.tunnel, before?.teredo ?? null, news.learned.teredo),
      ];
    }
  }
}

/** A Teredo client has come to an address, or to another one; it has lost it; or it finds out that it gets none. */
function qualificationEvents(tunnel: string, was: Qualification | null, is: Qualification | null): NodeEvent[] {
  // Without a socket the tunnel is down, which is told already.
  if (is?.localPort === 0) return [];
  const before = was === null ? null : qualified(was);
  const now = is === null ? null : qualified(is);
  if (now !== null) {
    return sameSpec(before, now) ? [] : [{ level: 'info', message: 'teredo qualified', fields: { tunnel, ...now } }];
  }
  const reason = is?.failure ?? null;
  if (before !== null) return [{ level: 'warn', message: 'teredo lost', fields: { tunnel, ...(reason !== null && { reason }) } }];
  // Once: the client goes on to try, and what it is told by one server after the other is in the status.
  const isFirst = (was?.failure ?? null) === null;
  return reason !== null && isFirst ? [{ level: 'warn', message: 'teredo does not qualify', fields: { tunnel, reason } }] : [];
}

/** What a client that is qualified says of itself; null: it is not. */
function qualified({ state, server, mapped, nat, address }: Qualification): Fields | null {
  if (state !== 'qualified' || server === null || mapped === null || address === null) return null;
  return { server: formatIpv4(server), mapped: formatEndpoint(mapped), ...(nat !== null && { nat }), address: formatIpv6(address) };
}

/** A router that does not answer is as good as lost, and as good as new when it does. */
function routerEvents(tunnel: string, was: readonly LearnedRouter[], is: readonly LearnedRouter[], now: Millis): NodeEvent[] {
  const before = new Set(was.filter(({ reachable }) => reachable).map(({ address }) => formatIpv6(address)));
  const after = new Map(is.filter(({ reachable }) => reachable).map(({ address, until }) => [formatIpv6(address), until]));
  const learned = [...after].filter(([router]) => !before.has(router));
  const lost = [...before].filter((router) => !after.has(router));
  return [
    ...learned.map(([router, until]): NodeEvent => {
      return { level: 'info', message: 'router learned', fields: { tunnel, router, ...untilSeconds(until, now) } };
    }),
    ...lost.map((router): NodeEvent => ({ level: 'warn', message: 'router lost', fields: { tunnel, router } })),
  ];
}

/** A gateway leads a port to a tunnel, leads another one, or does so no longer; that it does not is said once. */
export function portMappingEvents(tunnel: string, was: PortMapping | null, is: PortMapping | null): NodeEvent[] {
  if (is === null || sameSpec(was, is)) return [];
  const { gateway, by, external, failure } = is;
  if (external !== null) {
    const fields = { tunnel, external: formatEndpoint(external), ...(gateway !== null && { gateway: formatIpv4(gateway) }), by };
    return [{ level: 'info', message: 'port mapped', fields }];
  }
  const fields = { tunnel, ...(failure !== null && { reason: failure }) };
  if (was !== null && was.external !== null) return [{ level: 'warn', message: 'port mapping lost', fields }];
  return was === null ? [{ level: 'warn', message: 'no port mapping, the client goes on without', fields }] : [];
}

/** A name has other addresses than before, or its first. */
export function nameEvent(found: Findings, name: string, addresses: readonly number[]): NodeEvent {
  const before = found.names.get(name)?.map(formatIpv4);
  return {
    level: 'info',
    message: 'names changed',
    fields: { name, ...(before !== undefined && { before }), now: addresses.map(formatIpv4) },
  };
}

function leaseEvents(device: string, was: Lease | null, is: Lease | null, now: Millis): NodeEvent[] {
  if (is === null) {
    if (was === null) return [];
    return [{ level: 'warn', message: 'lease lost', fields: { interface: device, before: formatIpv4(was.address) } }];
  }
  const invalid = is.sixRdFault !== null && is.sixRdFault !== was?.sixRdFault;
  return [
    leaseEvent(was, is, { interface: device, ...leaseFields(is, now) }),
    ...(invalid ? [invalidOption({ interface: device, fault: is.sixRdFault })] : []),
  ];
}

function leaseEvent(was: Lease | null, is: Lease, fields: Fields): NodeEvent {
  if (was === null) return { level: 'info', message: 'lease acquired', fields };
  if (sameSpec({ ...was, until: 0 }, { ...is, until: 0 })) return { level: 'info', message: 'lease renewed', fields };
  return { level: 'info', message: 'lease changed', fields };
}

function invalidOption(fields: Fields): NodeEvent {
  return { level: 'warn', message: 'the 6rd option of a lease is invalid, it is ignored', fields };
}

function leaseFields({ address, prefixLen, server, sixRd, until }: Lease, now: Millis): Fields {
  return {
    address: formatPrefix4({ addr: address, len: prefixLen }),
    ...(server !== null && { server: formatIpv4(server) }),
    ...(sixRd !== null && {
      prefix: formatPrefix6(sixRd.prefix),
      ipv4MaskLength: sixRd.ipv4MaskLen,
      borderRelays: sixRd.borderRelays.map(formatIpv4),
    }),
    ...untilSeconds(until, now),
  };
}

/** Seconds from now to `until`, as a field; none when there is no end. */
export function untilSeconds(until: Millis, now: Millis): { readonly untilSeconds?: number } {
  return until === Number.POSITIVE_INFINITY ? {} : { untilSeconds: Math.max(0, Math.round((until - now) / 1000)) };
}

/** `192.0.2.45:40000`. */
export function formatEndpoint({ addr, port }: EndpointText): string {
  return `${formatIpv4(addr)}:${port}`;
}
