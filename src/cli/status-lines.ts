/** The status as a table for people; its counts are packets. */
import { DROPS } from '../core/drop.js';
import type { Dropped, FastTunnelStatus, Status, TunnelStatus } from '../daemon/status.js';
import type {
  IsatapStatus,
  LeaseStatus,
  PortMappingStatus,
  SixRdStatus,
  TeredoClientStatus,
  TeredoStatus,
} from '../daemon/status-details.js';
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
    tunnel.interface ?? '-',
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
    ...fastPathLines(status, io),
  ];
}

/** Where the fast path runs, and what it does with each tunnel. */
function fastPathLines({ fastpath, tunnels }: Status, io: Io): string[] {
  const { mode, interfaces, stays = false, reason, passed = {} } = fastpath;
  const until = stays ? '; it stays when the service ends' : '';
  const where =
    mode === 'off' ? `${paint(io, 'dim', 'off')}: ${reason}` : `${paint(io, 'green', mode)} on ${interfaces.join(', ')}${until}`;
  const parts = tunnels.flatMap(({ name, fastpath: part }) => (part === undefined ? [] : [[`  ${name}`, partText(part)]]));
  const wrong = mode === 'off' || reason === undefined ? [] : [`  ${paint(io, 'yellow', reason)}`];
  const left = Object.values(passed).reduce((sum, n) => sum + n, 0);
  const rest = mode === 'off' ? [] : [`  ${left === 1 ? '1 frame was' : `${left} frames were`} left to the host and the packet threads`];
  return ['', `Fast path: ${where}`, ...columns(parts), ...wrong, ...rest];
}

function partText(part: FastTunnelStatus): string {
  if (!part.offloaded) return `not offloaded: ${part.reason}`;
  return `${part.encapsulated.packets} of the encapsulated packets, ${part.decapsulated.packets} of the decapsulated ones`;
}

function notes(tunnel: TunnelStatus, io: Io): string[] {
  const down = tunnel.down === undefined ? [] : ['', `${tunnel.name} is ${paint(io, 'red', 'down')}: ${tunnel.down}`];
  const facts = [...sixRdFacts(tunnel.sixRd), ...isatapFacts(tunnel.isatap), ...teredoFacts(tunnel.teredo)];
  const found = facts.length === 0 ? [] : ['', `${tunnel.name}:`, ...columns(facts.map(([what, is]) => [`  ${what}`, is]))];
  return [...down, ...found, ...dropLines(`by ${tunnel.name}`, tunnel.dropped)];
}

/** What is known, and what it is. */
type Fact = readonly [what: string, is: string];

function sixRdFacts(sixRd: SixRdStatus | undefined): Fact[] {
  if (sixRd === undefined) return [];
  const { prefix, ipv4MaskLength, delegatedPrefix, borderRelays = [], lease } = sixRd;
  const facts: Fact[] = [];
  if (prefix !== undefined) facts.push(['6rd prefix', `${prefix}, IPv4 mask length ${ipv4MaskLength}`]);
  if (delegatedPrefix !== undefined) facts.push(['delegated prefix', delegatedPrefix]);
  if (borderRelays.length > 0) facts.push([borderRelays.length === 1 ? 'border relay' : 'border relays', borderRelays.join(', ')]);
  if (lease !== undefined) facts.push(['DHCPv4', leaseText(lease)]);
  return facts;
}

function leaseText({ interface: device, assigned, address, server, untilSeconds, fault }: LeaseStatus): string {
  const what = assigned ? `lease of ${address}` : `options for ${address}`;
  const from = server === undefined ? '' : ` from ${server}`;
  const wrong = fault === undefined ? '' : `; its 6rd option is ignored: ${fault}`;
  return `${what} on ${device}${from}${ends(untilSeconds)}${wrong}`;
}

function isatapFacts(isatap: IsatapStatus | undefined): Fact[] {
  if (isatap === undefined) return [];
  const { potentialRouters, routers, prefixes, routerLifetime } = isatap;
  const facts: Fact[] = [];
  if (potentialRouters !== undefined) facts.push(['potential routers', potentialRouters.join(', ') || 'none is known']);
  routers?.forEach(({ address, preference, reachable, untilSeconds }, i) => {
    const silent = reachable ? '' : ', does not answer';
    facts.push([i === 0 ? 'router in use' : 'router', `${address}, preference ${preference}${silent}${ends(untilSeconds)}`]);
  });
  if (routers?.length === 0) facts.push(['router', 'none has answered']);
  for (const { prefix, preferred, untilSeconds } of prefixes) {
    facts.push(['prefix', `${prefix}${preferred ? '' : ', deprecated'}${ends(untilSeconds)}`]);
  }
  if (routerLifetime === 0) facts.push(['lifetime', '0: hosts do not take it as a default router']);
  return facts;
}

function teredoFacts(teredo: TeredoStatus | undefined): Fact[] {
  if (teredo === undefined) return [];
  if ('state' in teredo) return clientFacts(teredo);
  const where: Fact = ['prefix', `${teredo.prefix}, UDP port ${teredo.port || 'any'}`];
  if ('peers' in teredo) return [where, ['peers', String(teredo.peers)]];
  return [where, ['other address', teredo.secondary], ['serves', teredo.secure ? 'known clients (secure mode)' : 'everybody']];
}

function clientFacts({ state, server, mapped, nat, portMapping, refreshSeconds, failure, peers }: TeredoClientStatus): Fact[] {
  const how = state === 'qualified' ? `by server ${server}, refreshed every ${refreshSeconds} s` : `asks server ${server}`;
  const facts: Fact[] = [[state, server === null ? 'no server has answered' : how]];
  if (mapped !== null) facts.push(['mapped', mapped]);
  if (nat !== null) facts.push(['NAT', nat]);
  if (portMapping !== undefined) facts.push(['port mapping', portMappingText(portMapping)]);
  if (failure !== undefined) facts.push(['last failure', failure]);
  return [...facts, ['peers', String(peers)]];
}

function portMappingText({ state, by, gateway, external, failure }: PortMappingStatus): string {
  if (state === 'awaited') return 'asked for';
  return state === 'mapped' ? `${external} leads here, by ${by} of ${gateway}` : `none: ${failure}`;
}

/** When something ends, where that is known. */
function ends(seconds: number | undefined): string {
  return seconds === undefined ? '' : `, ends in ${duration(seconds)}`;
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
