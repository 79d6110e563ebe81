/** What the main thread and the packet threads tell each other. */
import type { ToldLans } from '../engine/lan-memory.js';
import type { News } from '../engine/news.js';
import type { NodeSpec } from '../engine/spec.js';
import type { Dhcp4Sockets } from '../linux/dhcp4.js';

/** The descriptors that one packet thread reads and writes; the main thread opens and closes them. */
export interface Descriptors {
  readonly protocol41: number;
  /** A socket of its own: each thread hears every ICMP error. */
  readonly icmp4: number;
  /** One TUN queue of each interface, by name. A tunnel of which a thread has no queue is not its business; the owner has one of each. */
  readonly tunnels: ReadonlyMap<string, number>;
  /** UDP sockets of a tunnel's own, by its name, in the order of `Technology.sockets`; empty in every thread but the owner. */
  readonly udp: ReadonlyMap<string, readonly number[]>;
  /** Their payloads leave and come in trains. */
  readonly udpTrains: boolean;
  /** The way out for tunnels without an interface; null: there is none, and in every thread but the owner. */
  readonly outlet: number | null;
  /** LANs, by interface name; empty in every thread but the owner. */
  readonly lans: ReadonlyMap<string, number>;
  /** Interfaces on which the node is a DHCPv4 client, by name; empty in every thread but the owner. */
  readonly dhcp4: ReadonlyMap<string, Dhcp4Sockets>;
}

/** To a packet thread; ring its bell after posting. */
export type ToWorker =
  /** The first letter: which thread it is, and what it has for life. */
  | {
      readonly kind: 'begin';
      /** 0 is the owner: it translates ICMP errors, counts them, speaks to LANs, and asks servers and routers. */
      readonly worker: number;
      /** The rows of all threads; this one writes its own. */
      readonly counters: SharedArrayBuffer;
      /** The doorbell that wakes it from its sleep. */
      readonly bell: number;
      /** What LANs were told by the service before this one; its times are of `monotonicNow`. Empty in every thread but the owner. */
      readonly told: ToldLans;
    }
  /** Take this snapshot and these descriptors. Answered with `configured`; until then the old descriptors stay open. */
  | { readonly kind: 'configure'; readonly node: NodeSpec; readonly descriptors: Descriptors }
  /** To the owner: peers of tunnels are made known to the fast path in this map, which is the thread's to close; null: there is none. */
  | { readonly kind: 'flows'; readonly fd: number | null }
  /** Tell LANs that their prefix is gone, give leases back, and end. */
  | { readonly kind: 'stop' };

/** From a packet thread. One that fails throws: its `error` event carries the stack. */
export type FromWorker =
  | { readonly kind: 'configured' }
  /** The owner has something to tell; its times are of `monotonicNow`. */
  | { readonly kind: 'news'; readonly news: News }
  /** Somebody deleted this TUN device: `fd`, a queue of it, is dead. */
  | { readonly kind: 'gone'; readonly interface: string; readonly fd: number };
