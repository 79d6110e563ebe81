/** What goes through the tunnels of a service a second, by the path that it takes: lines for `status --watch`. */
import { type Status, type Traffic, trafficByPath } from '../daemon/status.js';
import { columns, type Io, paint } from './io.js';

const WAYS = ['encapsulated', 'decapsulated'] as const;

/**
 * Lines of a table, without line feeds, of what went through between two looks, `seconds` apart. What is new, a tunnel or
 * its fast path, has no rate yet, and no line.
 */
export function rateLines(before: Status, after: Status, seconds: number, io: Io): string[] {
  const rows = after.tunnels.flatMap((tunnel) => {
    const was = before.tunnels.find(({ name }) => name === tunnel.name);
    const then = was === undefined ? [] : trafficByPath(was);
    const now = trafficByPath(tunnel);
    if (then.length !== now.length) return [];
    return now.map((share, i) => [tunnel.name, share.path, ...WAYS.map((way) => rate(then[i][way], share[way], seconds))]);
  });
  if (rows.length === 0) return [];
  const head = ['A SECOND', 'PATH', ...WAYS.map((way) => way.toUpperCase())];
  return ['', ...columns([head.map((cell) => paint(io, 'dim', cell)), ...rows])];
}

/** Packets and bits: `1203, 9.6 Mbit/s`. Counters of a tunnel that was put up anew are less than they were: that is nothing yet. */
function rate(before: Traffic, after: Traffic, seconds: number): string {
  const [packets, octets] = (['packets', 'octets'] as const).map((key) => Math.max(0, after[key] - before[key]) / seconds);
  return `${Math.round(packets)}, ${((octets * 8) / 1e6).toFixed(1)} Mbit/s`;
}
