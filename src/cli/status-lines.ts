/** The status as a table for people; its counts are packets. */
import { DROPS } from '../core/drop.js';
import type { Dropped, Status, TunnelStatus } from '../daemon/status.js';
import { columns, type Io, paint } from './io.js';

/** Drop reasons that are shown of each tunnel: the most frequent ones. */
const SHOWN = 3;
const MEANINGS: ReadonlyMap<string, string> = new Map(DROPS.map(({ name, meaning }) => [name, meaning]));

/** Lines of the table, without line feeds. */
export function statusLines(status: Status, io: Io): string[] {
  const colour = status.state === 'running' ? 'green' : 'yellow';
  const workers = status.workers === 1 ? 'one packet thread' : `${status.workers} packet threads`;
  const head = ['TUNNEL', 'WHAT', 'STATE', 'INTERFACE', 'IPV4', 'IPV6', 'ENCAPSULATED', 'DECAPSULATED', 'DROPPED'];
  const rows = status.tunnels.map((tunnel) => [
    tunnel.name,
    `${tunnel.type} ${tunnel.role}`,
    paint(io, tunnel.state === 'up' ? 'green' : 'red', tunnel.state),
    tunnel.interface,
    tunnel.local ?? '-',
    tunnel.address ?? '-',
    String(tunnel.encapsulated.packets),
    String(tunnel.decapsulated.packets),
    String(total(tunnel.dropped)),
  ]);
  return [
    `${paint(io, 'bold', status.node)}: ${paint(io, colour, status.state)} for ${duration(status.uptimeSeconds)}, version ${status.version}, ${workers}`,
    '',
    ...columns([head.map((cell) => paint(io, 'dim', cell)), ...rows]),
    ...status.tunnels.flatMap((tunnel) => notes(tunnel, io)),
    ...dropLines('for none of the tunnels', status.dropped),
  ];
}

function notes(tunnel: TunnelStatus, io: Io): string[] {
  const down = tunnel.down === undefined ? [] : ['', `${tunnel.name} is ${paint(io, 'red', 'down')}: ${tunnel.down}`];
  return [...down, ...dropLines(`by ${tunnel.name}`, tunnel.dropped)];
}

function dropLines(whose: string, dropped: Dropped): string[] {
  const reasons = Object.entries(dropped).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return [];
  const shown = reasons.slice(0, SHOWN).map(([name, n]) => [`  ${n}`, name, MEANINGS.get(name) ?? '']);
  const more = reasons.length > SHOWN ? [`  and ${reasons.length - SHOWN} more: see --json`] : [];
  return ['', `Dropped ${whose}:`, ...columns(shown), ...more];
}

function total(dropped: Dropped): number {
  return Object.values(dropped).reduce((sum, n) => sum + n, 0);
}

/** The two largest units: `3 d 4 h`, `12 s`. */
function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first < 0 ? -1 : first)
    .slice(0, 2)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}
