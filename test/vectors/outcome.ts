/**
 * What became of one packet, in the words of a vector: for runners that watch a whole node from outside,
 * by what it counted and by what it sent. Both runners read the same status, the one that operators see.
 */
import type { DropName } from '../../src/core/drop.js';
import type { Status } from '../../src/daemon/status.js';
import { comparable } from './load.js';
import type { Vector } from './vector.js';

/** The part of a vector that is an expectation, ready to be compared. */
export type Outcome = Partial<Pick<Vector, 'verdict' | 'reason' | 'out' | 'answers'>>;

/** A packet that the node sent: to the IPv4 wire, or out of a tunnel device. */
export interface Sent {
  readonly to: Vector['from'];
  readonly octets: Uint8Array;
}

/** What `vector` says becomes of its packet. */
export function expectedOutcome({ verdict, reason, out, answers }: Vector): Outcome {
  return {
    verdict,
    ...(reason !== undefined && { reason }),
    ...(out !== undefined && { out: comparable(out) }),
    ...(answers !== undefined && { answers: answers.map(({ to, octets }) => ({ to, octets: comparable(octets) })) }),
  };
}

/** A verdict with what was sent because of it: of a packet that is forwarded, the first one on the other side is that packet. */
export function outcomeOf(from: Vector['from'], judgement: Outcome, sent: readonly Sent[]): Outcome {
  const packets = sent.map(({ to, octets }) => ({ to, octets: comparable(octets) }));
  const forwarded = judgement.verdict === 'forward' ? packets.findIndex(({ to }) => to !== from) : -1;
  const answers = packets.filter((_, i) => i !== forwarded);
  return {
    ...judgement,
    ...(forwarded >= 0 && { out: packets[forwarded].octets }),
    ...(answers.length > 0 && { answers }),
  };
}

/** How often each thing has happened that a node counts: `forward`, `drop <reason>`, `icmp <kind>`. */
export type Tally = ReadonlyMap<string, number>;

/** Everything that a status counts, all tunnels together. */
export function tallyOf({ tunnels, dropped }: Status): Tally {
  const tally = new Map<string, number>();
  const add = (what: string, n: number): void => void tally.set(what, (tally.get(what) ?? 0) + n);
  for (const [reason, n] of Object.entries(dropped)) add(`drop ${reason}`, n);
  for (const tunnel of tunnels) {
    add('forward', tunnel.encapsulated.packets + tunnel.decapsulated.packets);
    for (const [reason, n] of Object.entries(tunnel.dropped)) add(`drop ${reason}`, n);
    for (const [kind, n] of Object.entries(tunnel.icmp)) add(`icmp ${kind}`, n);
  }
  return tally;
}

/** What was counted since `before`; what was not is left out. */
export function countedSince(before: Tally, after: Tally): Tally {
  const changed = [...after].map(([what, n]) => [what, n - (before.get(what) ?? 0)] as const);
  return new Map(changed.filter(([, n]) => n !== 0));
}

/**
 * How the node judged one packet; empty when the packet never came to it, and nothing was counted. One that is
 * forwarded or dropped is counted once, one that is consumed only as an ICMP error that was heard.
 * Throws when more than one packet was counted.
 */
export function judgementOf(counted: Tally): Outcome {
  const verdicts = [...counted].filter(([what]) => !what.startsWith('icmp '));
  if (verdicts.length > 1 || verdicts.some(([, n]) => n !== 1)) {
    throw new Error(`one packet was counted as ${[...counted].map(([what, n]) => `${n} ${what}`).join(', ')}`);
  }
  if (verdicts.length === 0) return counted.size === 0 ? {} : { verdict: 'consumed' };
  const [what] = verdicts[0];
  return what === 'forward' ? { verdict: 'forward' } : { verdict: 'drop', reason: what.slice('drop '.length) as DropName };
}
