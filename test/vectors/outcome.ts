/**
 * What became of one packet, in the words of a vector: for runners that watch a whole node from outside,
 * by what it counted and by what it sent. Both runners read the same status, the one that operators see.
 */
import type { DropName } from '../../src/core/drop.js';
import type { Status } from '../../src/daemon/status.js';
import { Next, toHex } from './compose.js';
import { comparable } from './load.js';
import type { Vector } from './vector.js';

const IPV4_LEN = 20;
const IPV6_LEN = 40;
const UDP_LEN = 8;
/** Octets of an authentication of Teredo without identifier and value. */
const AUTHENTICATION_LEN = 13;
const ROUTER_SOLICITATION = 133;

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

/** When the last answer is there, milliseconds after the packet. */
export function latest(answers: NonNullable<Vector['answers']>): number {
  return Math.max(0, ...answers.map(({ within = 0 }) => within));
}

/** What `vector` says that the node has said of its own accord. */
export function expectedSpeech({ says = [] }: Vector): string[] {
  return says.map(({ octets }) => comparable(octets));
}

/**
 * A verdict with what was sent because of it: of a packet that is forwarded, the first one on the other side is that packet.
 * What is held or consumed is not counted: a judgement without a verdict is taken for one of these.
 */
export function outcomeOf(from: Vector['from'], judgement: Outcome, sent: readonly Sent[]): Outcome {
  const leaving = judgement.verdict === 'forward' ? sent.filter(({ to }) => to !== from) : [];
  // A probe of somebody else is forwarded as any packet is.
  const forwarded = leaving.find((packet) => !isSpeech(packet)) ?? leaving[0];
  const answers = sent.filter((packet) => packet !== forwarded && !isSpeech(packet));
  return {
    verdict: from === 'v4' ? 'consumed' : 'hold',
    ...judgement,
    ...(forwarded !== undefined && { out: comparable(forwarded.octets) }),
    ...(answers.length > 0 && { answers: answers.map(({ to, octets }) => ({ to, octets: comparable(octets) })) }),
  };
}

/** Of what was sent, that which the node said of its own accord. */
export function speechOf(sent: readonly Sent[]): string[] {
  return sent.filter(isSpeech).map(({ octets }) => comparable(octets));
}

/**
 * True for what a node says of its own accord: a router solicitation, or the probe of a border relay, which is from the
 * node to itself (RFC 5969 section 8).
 */
function isSpeech({ to, octets }: Sent): boolean {
  const inner = innerOf(octets);
  if (to !== 'v4' || inner.length < IPV6_LEN) return false;
  const isSolicitation = inner[6] === Next.icmp6 && inner[IPV6_LEN] === ROUTER_SOLICITATION;
  const isProbe = inner[6] === Next.none && toHex(inner.subarray(8, 24)) === toHex(inner.subarray(24, 40));
  return isSolicitation || isProbe;
}

/** The IPv6 packet in what a node sends into a tunnel, by the carrier that it has; nothing of anything else. */
function innerOf(octets: Uint8Array): Uint8Array {
  const carried = octets.subarray(IPV4_LEN);
  if (octets[9] === Next.ipv6) return carried;
  if (octets[9] !== Next.udp) return carried.subarray(carried.length);
  const payload = carried.subarray(UDP_LEN);
  // RFC 4380 section 5.1.1: an authentication, its identifier and its value.
  return payload[0] === 0 && payload[1] === 1 ? payload.subarray(AUTHENTICATION_LEN + payload[2] + payload[3]) : payload;
}

/** How often each thing has happened that a node counts: `forward v4`, `forward v6` (by where it came from), `drop <reason>`, `icmp <kind>`. */
export type Tally = ReadonlyMap<string, number>;

/** Everything that a status counts, all tunnels together. */
export function tallyOf({ tunnels, dropped }: Status): Tally {
  const tally = new Map<string, number>();
  const add = (what: string, n: number): void => void tally.set(what, (tally.get(what) ?? 0) + n);
  for (const [reason, n] of Object.entries(dropped)) add(`drop ${reason}`, n);
  for (const tunnel of tunnels) {
    add('forward v6', tunnel.encapsulated.packets);
    add('forward v4', tunnel.decapsulated.packets);
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
 * How the node judged one packet from `from`; empty when nothing was counted: it was held or consumed, or never came to the
 * node. One that is forwarded or dropped is counted once; an ICMP error that was heard is counted as such. A packet from
 * `v4` may release others, that were held, and are counted on their way out.
 * Throws when more than one packet was counted.
 */
export function judgementOf(from: Vector['from'], counted: Tally): Outcome {
  const verdicts = [...counted].filter(([what]) => !what.startsWith('icmp ') && !(from === 'v4' && what === 'forward v6'));
  if (verdicts.length > 1 || verdicts.some(([, n]) => n !== 1)) {
    throw new Error(`one packet was counted as ${[...counted].map(([what, n]) => `${n} ${what}`).join(', ')}`);
  }
  if (verdicts.length === 0) return counted.size === 0 ? {} : { verdict: 'consumed' };
  const [what] = verdicts[0];
  return what.startsWith('forward ') ? { verdict: 'forward' } : { verdict: 'drop', reason: what.slice('drop '.length) as DropName };
}
