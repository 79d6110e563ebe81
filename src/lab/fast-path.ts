/**
 * The fast path in a lab, by what the daemons of its relays say: who has it, or why not, and how many packets went
 * that way and how many the other.
 */
import { ControlClient } from '../daemon/control-client.js';
import { Failure } from '../daemon/failure.js';
import { type FastPathStatus, type PathTraffic, type Status, trafficByPath } from '../daemon/status.js';
import type { Topology, Words } from '../topology/topology.js';
import { nodeFiles } from './daemon.js';

/** Inner IPv6 packets that went through the tunnels of a relay, in both directions. */
export interface Carried {
  readonly node: string;
  /** In the kernel, by its fast path. */
  readonly xdp: number;
  /** By its packet threads. */
  readonly worker: number;
}

/** The fast path of a relay. */
export interface FastPathOf {
  readonly node: string;
  readonly status: FastPathStatus;
  /** Why tunnels are not in it, of each that is not. */
  readonly left: readonly string[];
}

/** Where the relays of a lab are to be asked. */
interface Place {
  readonly topology: Topology;
  readonly directory: string;
}

/** What went through each relay until now. */
export async function carriedSoFar(lab: Place): Promise<Carried[]> {
  const statuses = await relayStatuses(lab);
  return statuses.map(({ node, tunnels }) => {
    const shares = tunnels.flatMap(trafficByPath);
    return { node, xdp: packetsBy('xdp', shares), worker: packetsBy('worker', shares) };
  });
}

/** What went through relays from `before` to `after`; those that had none, or did not answer, are left out. */
export function carriedSince(before: readonly Carried[], after: readonly Carried[]): Carried[] {
  return after.flatMap(({ node, xdp, worker }) => {
    const was = before.find((one) => one.node === node);
    if (was === undefined || (was.xdp === xdp && was.worker === worker)) return [];
    return [{ node, xdp: xdp - was.xdp, worker: worker - was.worker }];
  });
}

/** The fast path of each relay. */
export async function fastPathsOf(lab: Place): Promise<FastPathOf[]> {
  const statuses = await relayStatuses(lab);
  return statuses.map(({ node, fastpath, tunnels }) => ({
    node,
    status: fastpath,
    left: tunnels.flatMap(({ fastpath: part }) => (part?.offloaded === false ? [part.reason] : [])),
  }));
}

/** What there is to say of them: a sentence for relays that have it alike. */
export function fastPathLines(fastPaths: readonly FastPathOf[]): Words[] {
  const alike = new Map<string, { readonly nodes: string[]; readonly first: FastPathOf }>();
  for (const one of fastPaths) {
    const { mode, reason } = one.status;
    const key = JSON.stringify([mode, reason, one.left]);
    const group = alike.get(key) ?? { nodes: [], first: one };
    group.nodes.push(one.node);
    alike.set(key, group);
  }
  return [...alike.values()].map(({ nodes, first: { status, left } }) => {
    const where = nodes.join(', ');
    const why = [...(status.reason === undefined ? [] : [status.reason]), ...left].map((reason) => `: ${reason}`).join('');
    if (status.mode === 'off') return { en: `No fast path on ${where}${why}`, ja: `高速パスなし(${where})${why}` };
    return { en: `Fast path (XDP, ${status.mode}) on ${where}${why}`, ja: `高速パス(XDP, ${status.mode}): ${where}${why}` };
  });
}

/** The status of each relay whose daemon answers: one that does not has died, of which the lab tells. */
async function relayStatuses({ topology, directory }: Place): Promise<Status[]> {
  const relays = topology.nodes.filter(({ relays, daemon }) => relays === true && daemon !== undefined);
  const asked = relays.map(({ name }) => statusOf(nodeFiles(directory, name).control));
  return (await Promise.all(asked)).flatMap((status) => status ?? []);
}

async function statusOf(control: string): Promise<Status | null> {
  try {
    const client = await ControlClient.connect(control);
    try {
      return (await client.ask({ command: 'status' })) as Status;
    } finally {
      client.close();
    }
  } catch (thrown) {
    if (thrown instanceof Failure) return null;
    throw thrown;
  }
}

function packetsBy(path: PathTraffic['path'], shares: readonly PathTraffic[]): number {
  const own = shares.filter((share) => share.path === path);
  return own.reduce((sum, { encapsulated, decapsulated }) => sum + encapsulated.packets + decapsulated.packets, 0);
}
