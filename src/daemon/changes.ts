/** What became different between two configurations or snapshots of a node, for the log and for whoever asked for a reload. */
import type { Config } from '../config/config.js';
import { type NodeSpec, sameSpec, type TunnelSpec } from '../engine/spec.js';
import { formatIpv4 } from '../wire/address.js';
import type { Fields, Log } from './log.js';

/** Names of tunnels. */
export interface NodeChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
}

/** Compares the tunnels of two snapshots by name. What all tunnels of a node share changes every one of them. */
export function compareNodes(before: NodeSpec, after: NodeSpec): NodeChanges {
  const shared = sameSpec([before.identity, before.allowIpv4], [after.identity, after.allowIpv4]);
  const old = new Map(before.tunnels.map((tunnel) => [tunnel.name, tunnel]));
  const names = new Set(after.tunnels.map((tunnel) => tunnel.name));
  const stayed = after.tunnels.filter(({ name }) => old.has(name));
  const same = stayed.filter((tunnel) => shared && sameSpec(tunnel, old.get(tunnel.name)));
  return {
    added: after.tunnels.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    removed: before.tunnels.filter(({ name }) => !names.has(name)).map(({ name }) => name),
    changed: stayed.filter((tunnel) => !same.includes(tunnel)).map(({ name }) => name),
    unchanged: same.map(({ name }) => name),
  };
}

/** One event worth telling. */
export interface NodeEvent {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: Fields;
}

/** Writes events into the log. */
export function tell(log: Log, events: readonly NodeEvent[]): void {
  for (const { level, message, fields } of events) log[level](message, fields);
}

/** What happened to the tunnels that exist in both snapshots: each is told once, with what was and what is. */
export function nodeEvents(before: NodeSpec, after: NodeSpec): NodeEvent[] {
  const old = new Map(before.tunnels.map((tunnel) => [tunnel.name, tunnel]));
  return after.tunnels.flatMap((tunnel) => {
    const was = old.get(tunnel.name);
    return was === undefined ? [] : tunnelEvents(was, tunnel);
  });
}

function tunnelEvents(was: TunnelSpec, is: TunnelSpec): NodeEvent[] {
  const tunnel = is.name;
  const before = addresses(was);
  const now = addresses(is);
  if (is.down !== null) {
    if (was.down === is.down) return [];
    return [{ level: 'warn', message: 'tunnel down', fields: { tunnel, reason: is.down, ...(before !== '' && { before }) } }];
  }
  if (was.down !== null) return [{ level: 'info', message: 'tunnel up', fields: { tunnel, now } }];
  return before === now ? [] : [{ level: 'info', message: 'address changed', fields: { tunnel, before, now } }];
}

function addresses(tunnel: TunnelSpec): string {
  return tunnel.local.map(formatIpv4).join(' ');
}

/** What of a new configuration only a restart can bring. */
export function restartNotes(before: Config, after: Config): string[] {
  const keys = [
    ['workers', before.workers, after.workers],
    ['node.control', before.node.control, after.node.control],
    ['node.state', before.node.state, after.node.state],
  ] as const;
  return keys.filter(([, was, is]) => was !== is).map(([key, , is]) => `${key} = ${JSON.stringify(is)} takes effect at the next start`);
}
