/**
 * Checks every path that a topology promises, with the programs a user would take: echoes, small and
 * large; the relay in use, by who says that the hop limit ended; and where there is a web server, what
 * it says of its visitor, and a mebibyte each way.
 */
import { parseConfig } from '../config/load.js';
import type { Topology, TopologyPath, Words } from '../topology/topology.js';
import { formatIpv6, parseIpv6 } from '../wire/address.js';
import { run } from './command.js';
import { EXECUTABLE } from './daemon.js';
import { inNamespace } from './network.js';
import { addressesIn } from './node-addresses.js';
import { type Ping, ping } from './ping.js';
import type { Visit } from './transfer.js';
import { WEB_PORT } from './web.js';
import { sentence } from './web-page.js';

/** Echo requests for one path. */
export const ECHOES = 3;
/** Octets in a large echo request: more than a minimal IPv6 packet, less than a tunnel over Ethernet takes. */
export const LARGE_ECHO = 1400;
/** Large echo requests: one may be lost to find out what fits on the way there, one for the way back (RFC 8201). */
const LARGE_ECHOES = 3;
/** Hops after which the search for a relay is given up; no shipped network has as many. */
const MAX_HOPS = 8;
/** Milliseconds for a whole visit. */
const VISIT_PATIENCE = 60_000;

/** A network that is up, whoever holds it. */
export interface Network {
  readonly topology: Topology;
  /** Id of its lab. */
  readonly id: string;
  namespaceOf(node: string): string;
}

/** What was found on one path. */
export interface PathReport {
  readonly path: TopologyPath;
  /** Address of the destination; null when it has none. */
  readonly address: string | null;
  readonly sent: number;
  readonly received: number;
  /** Round-trip times, milliseconds; null when nothing came back. */
  readonly roundTrip: { readonly min: number; readonly average: number } | null;
  /** The relay that carries packets in the direction of the path; null when none does. */
  readonly relay: { readonly node: string; readonly address: string } | null;
  /** Whether a large echo came back. */
  readonly isLargeAnswered: boolean;
  /** What a visit of the web server found; null where there is none, or it failed. */
  readonly visit: Visit | null;
  /** Why the path does not work; empty when it does. */
  readonly problems: readonly Words[];
}

/** Whether a path does all that it promises. */
export function works({ problems }: PathReport): boolean {
  return problems.length === 0;
}

/** Checks the paths of a lab, one after the other: times would tell little of paths that disturb each other. */
export async function* checkPaths(lab: Network): AsyncGenerator<PathReport> {
  const relays = await relayAddresses(lab);
  for (const path of lab.topology.paths) yield await checkPath(lab, path, relays);
}

async function checkPath(lab: Network, path: TopologyPath, relays: ReadonlyMap<string, string>): Promise<PathReport> {
  const from = lab.namespaceOf(path.from);
  const [address] = await addressesIn(lab.namespaceOf(path.to));
  if (address === undefined) return unaddressed(path);
  const echo = await ping(from, address, { count: ECHOES });
  if (echo.received === 0) return { ...unaddressed(path), address, sent: echo.sent, problems: [unanswered(echo)] };
  const relay = await relayInUse(from, address, relays);
  const large = await ping(from, address, { count: LARGE_ECHOES, size: LARGE_ECHO });
  const serves = lab.topology.nodes.find(({ name }) => name === path.to)?.serves !== undefined;
  const visit = serves ? await visitFrom(from, address) : null;
  return {
    path,
    address,
    sent: echo.sent,
    received: echo.received,
    roundTrip: roundTripOf(echo),
    relay,
    isLargeAnswered: large.received > 0,
    visit: typeof visit === 'string' ? null : visit,
    problems: [
      ...(echo.received < echo.sent ? [unanswered(echo)] : []),
      ...relayProblems(path, relay),
      ...(large.received > 0 ? [] : [{ en: `no answer to ${LARGE_ECHO} octets`, ja: `${LARGE_ECHO} オクテットの ping に応答なし` }]),
      ...(typeof visit === 'string' ? [{ en: `web: ${visit}`, ja: `ウェブ: ${visit}` }] : []),
      ...(visit !== null && typeof visit !== 'string' ? visitProblems(path, visit, await addressesIn(from)) : []),
    ],
  };
}

function unaddressed(path: TopologyPath): PathReport {
  return {
    path,
    address: null,
    sent: 0,
    received: 0,
    roundTrip: null,
    relay: null,
    isLargeAnswered: false,
    visit: null,
    problems: [{ en: `${path.to} has no IPv6 address`, ja: `${path.to} に IPv6 アドレスがない` }],
  };
}

function unanswered({ sent, received, complaints }: Ping): Words {
  const why = complaints.length === 0 ? '' : ` (${complaints.join('; ')})`;
  return { en: `${received} of ${sent} echoes answered${why}`, ja: `${sent} 回中 ${received} 回応答${why}` };
}

function roundTripOf({ times }: Ping): PathReport['roundTrip'] {
  if (times.length === 0) return null;
  return { min: Math.min(...times), average: times.reduce((sum, time) => sum + time, 0) / times.length };
}

function relayProblems(path: TopologyPath, relay: PathReport['relay']): Words[] {
  if (path.relayed && relay === null) return [{ en: 'no relay said that it is in use', ja: '使用中のリレーが応答しない' }];
  if (!path.relayed && relay !== null)
    return [{ en: `${relay.node} carries it, expected no relay`, ja: `直接のはずが ${relay.node} を経由` }];
  return [];
}

/** The first hop that is a relay says so itself, by the error that it sends when the hop limit ends there. */
async function relayInUse(from: string, address: string, relays: ReadonlyMap<string, string>): Promise<PathReport['relay']> {
  for (let hopLimit = 1; hopLimit <= MAX_HOPS; hopLimit++) {
    const { received, exceededAt } = await ping(from, address, { count: 1, hopLimit });
    const relay = exceededAt.map((hop) => ({ node: relays.get(canonical(hop)), address: hop })).find(({ node }) => node !== undefined);
    if (relay?.node !== undefined) return { node: relay.node, address: relay.address };
    if (received > 0) return null;
  }
  return null;
}

/** Every address by which a relay may answer, and whose it is. */
async function relayAddresses(lab: Network): Promise<ReadonlyMap<string, string>> {
  const relays = new Map<string, string>();
  for (const { name, daemon } of lab.topology.nodes) {
    const config = daemon === undefined ? null : parseConfig(daemon, name).config;
    if (config?.tunnels.some(({ role }) => role.endsWith('relay')) !== true) continue;
    for (const address of await addressesIn(lab.namespaceOf(name))) relays.set(canonical(address), name);
    if (config.node.identity !== null) relays.set(formatIpv6(config.node.identity), name);
  }
  return relays;
}

function canonical(text: string): string {
  const b = parseIpv6(text);
  return b === null ? text : formatIpv6(b);
}

/** Visits the web server; answers with what went wrong when it cannot. */
async function visitFrom(namespace: string, address: string): Promise<Visit | string> {
  const command = [process.execPath, EXECUTABLE, 'lab', 'visit', address, String(WEB_PORT)];
  const { status, stdout, stderr } = await run(inNamespace(namespace, command), { patience: VISIT_PATIENCE });
  return status === 0 ? (JSON.parse(stdout) as Visit) : `${stderr.trim().split('\n')[0]} (${status})`;
}

function visitProblems({ tunnel = 'native' }: TopologyPath, { visitor, page, download, upload }: Visit, own: readonly string[]): Words[] {
  const problems: Words[] = [];
  if (visitor.tunnel !== tunnel || !page.text.includes(sentence(visitor).ja)) {
    problems.push({ en: `the page says ${visitor.tunnel}, expected ${tunnel}`, ja: `ページの表示は ${visitor.tunnel}(期待値 ${tunnel})` });
  }
  if (!own.map(canonical).includes(visitor.address)) {
    problems.push({
      en: `the page names ${visitor.address}, which is not ours`,
      ja: `ページのアドレス ${visitor.address} は自分のものでない`,
    });
  }
  if (page.language !== 'ja')
    problems.push({ en: `the page came in "${page.language}", expected "ja"`, ja: `ページの言語が "${page.language}"` });
  if (!download.isWhole)
    problems.push({ en: `the download came damaged: ${download.octets} octets`, ja: `ダウンロードが破損: ${download.octets} オクテット` });
  if (!upload.isWhole)
    problems.push({ en: `the upload came damaged: ${upload.octets} octets`, ja: `アップロードが破損: ${upload.octets} オクテット` });
  return problems;
}
