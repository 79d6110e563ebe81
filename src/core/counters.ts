/**
 * Counters of one packet thread: one row of doubles with one writer. Readers add the rows of all threads.
 *
 * A row holds `MAX_TUNNELS` tunnels; a tunnel holds, per direction, packets, octets and one cell per
 * drop reason, then one cell per kind of ICMP error, then the number of peers. A double counts exactly up to 2^53.
 */
import { DROP_SLOTS } from './drop.js';

/** Tunnels in one row; a tunnel's place ("slot") is kept over reloads. */
export const MAX_TUNNELS = 64;
/** The last slot belongs to no tunnel: packets that reached the node and none of its tunnels. */
export const NODE_SLOT = MAX_TUNNELS - 1;

/** Which way a packet went. */
export const Direction = { encapsulate: 0, decapsulate: 1 } as const;
export type DirectionName = keyof typeof Direction;
export const DIRECTIONS = ['encapsulate', 'decapsulate'] as const;

/** What happened with ICMP errors: sent by the tunnel, or received about its outer packets. Append only. */
export const ICMP_KINDS = [
  'sent_time_exceeded',
  'sent_packet_too_big',
  'sent_unreachable',
  'sent_translated',
  'suppressed',
  'received_path_mtu',
  'received_untranslatable',
  'received_unrelated',
] as const;
export type IcmpKindName = (typeof ICMP_KINDS)[number];
export const IcmpKind = Object.fromEntries(ICMP_KINDS.map((name, i) => [name, i])) as Record<IcmpKindName, number>;

const ICMP_SLOTS = 16;
const PER_DIRECTION = 2 + DROP_SLOTS;
/** Behind them one cell that is no count: how many peers there are. */
const PEERS = 2 * PER_DIRECTION + ICMP_SLOTS;
const PER_TUNNEL = PEERS + 1;

/** Doubles in a row. */
export const COUNTER_ROW_LEN = MAX_TUNNELS * PER_TUNNEL;

/** One writer's view of its row. */
export class Counters {
  readonly row: Float64Array;

  /** `row` has `COUNTER_ROW_LEN` doubles, zero at first. */
  constructor(row: Float64Array = new Float64Array(COUNTER_ROW_LEN)) {
    this.row = row;
  }

  /** One inner packet of `octets` octets went through. */
  forwarded(slot: number, direction: number, octets: number): void {
    const at = slot * PER_TUNNEL + direction * PER_DIRECTION;
    this.row[at]++;
    this.row[at + 1] += octets;
  }

  /** So many went through so far, as the one who forwards them counts: the kernel. */
  forwardedSoFar(slot: number, direction: number, packets: number, octets: number): void {
    const at = slot * PER_TUNNEL + direction * PER_DIRECTION;
    this.row[at] = packets;
    this.row[at + 1] = octets;
  }

  /** One packet was dropped for `reason`. */
  dropped(slot: number, direction: number, reason: number): void {
    this.row[slot * PER_TUNNEL + direction * PER_DIRECTION + 2 + reason]++;
  }

  /** `count` packets were dropped for `reason`, of which whoever dropped them told later. */
  droppedMany(slot: number, direction: number, reason: number, count: number): void {
    this.row[slot * PER_TUNNEL + direction * PER_DIRECTION + 2 + reason] += count;
  }

  /** One ICMP event. */
  icmp(slot: number, kind: number): void {
    this.row[slot * PER_TUNNEL + 2 * PER_DIRECTION + kind]++;
  }

  /** The tunnel keeps state of `count` peers now. */
  peers(slot: number, count: number): void {
    this.row[slot * PER_TUNNEL + PEERS] = count;
  }
}

/** Peers that a tunnel keeps state of now. */
export function peers(rows: readonly Float64Array[], slot: number): number {
  return sum(rows, slot * PER_TUNNEL + PEERS);
}

/** Packets of one tunnel and direction, added over `rows`. */
export function packets(rows: readonly Float64Array[], slot: number, direction: number): number {
  return sum(rows, slot * PER_TUNNEL + direction * PER_DIRECTION);
}

/** Octets of inner IPv6 packets of one tunnel and direction, added over `rows`. */
export function octets(rows: readonly Float64Array[], slot: number, direction: number): number {
  return sum(rows, slot * PER_TUNNEL + direction * PER_DIRECTION + 1);
}

/** Packets dropped for one reason, added over `rows`. */
export function drops(rows: readonly Float64Array[], slot: number, direction: number, reason: number): number {
  return sum(rows, slot * PER_TUNNEL + direction * PER_DIRECTION + 2 + reason);
}

/** ICMP events of one kind, added over `rows`. */
export function icmpEvents(rows: readonly Float64Array[], slot: number, kind: number): number {
  return sum(rows, slot * PER_TUNNEL + 2 * PER_DIRECTION + kind);
}

/** Zeroes one tunnel's cells, for a slot that is given to another tunnel. */
export function clearSlot(row: Float64Array, slot: number): void {
  row.fill(0, slot * PER_TUNNEL, (slot + 1) * PER_TUNNEL);
}

function sum(rows: readonly Float64Array[], at: number): number {
  let total = 0;
  for (const row of rows) total += row[at];
  return total;
}
