/**
 * Checks every path that a topology promises, with the programs a user would take: echoes, small and
 * large; the relays in use, by who says that the hop limit ended; and where there is a web server, what
 * it says of its visitor, and a mebibyte each way.
 */
import type { Topology, TopologyNode, TopologyPath, TunnelName, Words } from '../topology/topology.js';
import { formatIpv6, parseIpv6 } from '../wire/address.js';
import { run } from './command.js';
import { EXECUTABLE } from './daemon.js';
import { type Carried, carriedSince, carriedSoFar } from './fast-path.js';
import { inNamespace } from './network.js';
import { addressesIn } from './node-addresses.js';
import { type Ping, ping } from './ping.js';
import type { Visit } from './transfer.js';
import type { Visitor } from './visitor.js';
import { WEB_PORT } from './web.js';
import { sentence } from './web-page.js';

/** Echo requests for one path. */
export const ECHOES = 3;
/** Octets in a large echo request: more than a minimal IPv6 packet, less than a tunnel over Ethernet takes. */
export const LARGE_ECHO = 1400;
/** Large echo requests: one may be lost to find out what fits on the way there, one for the way back (RFC 8201). */
const LARGE_ECHOES = 3;
/** Seconds for a hop to answer. The first answer may be lost where a tunnel asks who it is that answers, as Teredo does; it is asked for again. */
const HOP_PATIENCE = [0.5, 2];
/** Hops after which the search for relays is given up; no shipped network has as many. */
const MAX_HOPS = 8;
/** Milliseconds for a whole visit. */
const VISIT_PATIENCE = 60_000;

/** A network that is up, whoever holds it. */
export interface Network {
  readonly topology: Topology;
  /** Id of its lab. */
  readonly id: string;
  /** Its directory, see `record.ts`. */
  readonly directory: string;
  namespaceOf(node: string): string;
}

/** A relay and the address by which it answered. */
export interface Hop {
  readonly node: string;
  readonly address: string;
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
  /** The relays that carry packets in the direction of the path, in the order in which they do. */
  readonly relays: readonly Hop[];
  /** How packets went through relays while the path was checked; relays that had none are left out. */
  readonly carried: readonly Carried[];
  /** Whether a large echo came back. */
  readonly isLargeAnswered: boolean;
  /** What a visit of the web server found; null where there is none, or it failed. */
  readonly visit: Visit | null;
  /** Why the path does not work; empty when it does. */
  readonly problems: readonly Words[];
}

/** What can be found from the ends of a path. */
type Found = Omit<PathReport, 'carried'>;

/** Whether a path does all that it promises. */
export function works({ problems }: PathReport): boolean {
  return problems.length === 0;
}

/** Checks the paths of a lab, one after the other: times would tell little of paths that disturb each other. */
export async function* checkPaths(lab: Network): AsyncGenerator<PathReport> {
  const addresses = await relayAddresses(lab);
  for (const path of lab.topology.paths) {
    const before = await carriedSoFar(lab);
    const found = await checkPath(lab, path, addresses);
    yield { ...found, carried: carriedSince(before, await carriedSoFar(lab)) };
  }
}

async function checkPath(lab: Network, path: TopologyPath, relayAt: ReadonlyMap<string, string>): Promise<Found> {
  const from = lab.namespaceOf(path.from);
  const [address] = await addressesIn(lab.namespaceOf(path.to));
  if (address === undefined) return unaddressed(path);
  const echo = await ping(from, address, { count: ECHOES });
  if (echo.received === 0) return { ...unaddressed(path), address, sent: echo.sent, problems: [unanswered(echo)] };
  const relays = await relaysInUse(from, address, relayAt);
  const large = await ping(from, address, { count: LARGE_ECHOES, size: LARGE_ECHO });
  const serves = lab.topology.nodes.find(({ name }) => name === path.to)?.serves !== undefined;
  const visit = serves ? await visitFrom(from, address) : null;
  return {
    path,
    address,
    sent: echo.sent,
    received: echo.received,
    roundTrip: roundTripOf(echo),
    relays,
    isLargeAnswered: large.received > 0,
    visit: typeof visit === 'string' ? null : visit,
    problems: [
      ...(echo.received < echo.sent ? [unanswered(echo)] : []),
      ...relayProblems(path, relays),
      ...(large.received > 0 ? [] : [{ en: `no answer to ${LARGE_ECHO} octets`, ja: `${LARGE_ECHO} オクテットの ping に応答なし` }]),
      ...(typeof visit === 'string' ? [{ en: `web: ${visit}`, ja: `ウェブ: ${visit}` }] : []),
      ...(visit !== null && typeof visit !== 'string' ? visitProblems(path, visit, await addressesIn(from)) : []),
    ],
  };
}

function unaddressed(path: TopologyPath): Found {
  return {
    path,
    address: null,
    sent: 0,
    received: 0,
    roundTrip: null,
    relays: [],
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

function relayProblems(path: TopologyPath, relays: PathReport['relays']): Words[] {
  const names = relays.map(({ node }) => node).join(', ');
  if (path.relayed && relays.length === 0) return [{ en: 'no relay said that it is in use', ja: '使用中のリレーが応答しない' }];
  if (!path.relayed && relays.length > 0) return [{ en: `relayed by ${names}, expected no relay`, ja: `直接のはずが ${names} を経由` }];
  return [];
}

/** The hops that are relays: each says so itself, by the error that it sends when the hop limit ends there. */
async function relaysInUse(from: string, address: string, relayAt: ReadonlyMap<string, string>): Promise<Hop[]> {
  const relays: Hop[] = [];
  for (let hopLimit = 1; hopLimit <= MAX_HOPS; hopLimit++) {
    const { received, exceededAt } = await probe(from, address, hopLimit);
    const hops = exceededAt.map((hop) => ({ node: relayAt.get(canonical(hop)), address: hop }));
    relays.push(...hops.flatMap(({ node, address }) => (node === undefined ? [] : [{ node, address }])));
    if (received > 0) break;
  }
  return relays;
}

async function probe(from: string, address: string, hopLimit: number): Promise<Ping> {
  const [first, again] = HOP_PATIENCE;
  const answer = await ping(from, address, { count: 1, hopLimit, patience: first });
  const isSilent = answer.received === 0 && answer.exceededAt.length === 0;
  return isSilent ? ping(from, address, { count: 1, hopLimit, patience: again }) : answer;
}

/** Every address by which a relay may answer, and whose it is. A daemon has its identity on its device. */
async function relayAddresses(lab: Network): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { name } of lab.topology.nodes.filter(isRelay)) {
    for (const address of await addressesIn(lab.namespaceOf(name))) found.set(canonical(address), name);
  }
  return found;
}

function isRelay({ relays = false }: TopologyNode): boolean {
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

/** What a server can know of a visitor's way: an address of 6rd is one of the provider's own, like any other. */
const SEEN: Readonly<Record<TunnelName, Visitor['tunnel']>> = {
  '6to4': '6to4',
  '6rd': 'native',
  isatap: 'isatap',
  teredo: 'teredo',
  native: 'native',
};

function visitProblems(path: TopologyPath, { visitor, page, download, upload }: Visit, own: readonly string[]): Words[] {
  const tunnel = SEEN[path.tunnel ?? 'native'];
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
