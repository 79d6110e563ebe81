/** The page at `/`: the status as plain HTML, without scripts. */
import type { Dropped, FastPathStatus, Status, TunnelStatus } from './status.js';

/** The whole page. */
export function statusPage(status: Status): string {
  const title = `Tsunagi: ${escapeHtml(status.node)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<h1>${title}</h1>
<p>Version ${escapeHtml(status.version)}, ${escapeHtml(status.state)}, up for ${status.uptimeSeconds} s.
<table border="1">
<tr><th>tunnel<th>what<th>state<th>interface<th>IPv4<th>IPv6<th>packets encapsulated<th>packets decapsulated<th>dropped
${status.tunnels.map(row).join('\n')}
</table>
<p>Packets for none of the tunnels: ${total(status.dropped)}.
<p>Fast path: ${escapeHtml(fastPath(status.fastpath))}.
<p><a href="/api/v1/status">the same as JSON</a>, <a href="/metrics">metrics</a>
</html>
`;
}

function fastPath({ mode, interfaces, reason }: FastPathStatus): string {
  const where = interfaces.length === 0 ? mode : `${mode} on ${interfaces.join(', ')}`;
  return reason === undefined ? where : `${where}; ${reason}`;
}

function row(tunnel: TunnelStatus): string {
  const cells = [
    tunnel.name,
    `${tunnel.type} ${tunnel.role}`,
    tunnel.down === undefined ? tunnel.state : `${tunnel.state}: ${tunnel.down}`,
    tunnel.interface ?? '',
    tunnel.local ?? '',
    tunnel.address ?? '',
    String(tunnel.encapsulated.packets),
    String(tunnel.decapsulated.packets),
    total(tunnel.dropped),
  ];
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}`).join('')}`;
}

function total(dropped: Dropped): string {
  return String(Object.values(dropped).reduce((sum, n) => sum + n, 0));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
