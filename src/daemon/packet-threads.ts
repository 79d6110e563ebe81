/** The packet threads as the main thread sees them: started, configured, ended, all together. */
import type { ToldLans } from '../engine/lan-memory.js';
import type { News } from '../engine/news.js';
import type { NodeSpec, TunnelSpec } from '../engine/spec.js';
import { openEvent, signal } from '../linux/eventfd.js';
import { close, duplicate, must } from '../linux/libc.js';
import type { Descriptors, FromWorker, ToWorker } from './messages.js';
import { PacketThread } from './packet-thread.js';

/** What the main thread has to know without asking. */
export interface ThreadEvents {
  /** A thread has ended by itself: the service cannot go on. */
  failed(error: Error): void;
  /** Somebody deleted a TUN device of which `fd` is a queue. */
  gone(device: string, fd: number): void;
  /** The owner has something to tell. */
  news(news: News): void;
}

interface Thread {
  readonly thread: PacketThread;
  readonly bell: number;
}

/** All packet threads of the node. */
export class PacketThreads {
  readonly #threads: readonly Thread[];
  readonly #events: ThreadEvents;
  /** Threads that have not taken the latest configuration yet, and whoever waits for them. */
  #behind = new Set<Thread>();
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;
  #stopping = false;
  #flows: number | null = null;

  /**
   * Begins with one thread for each row of `counters`, `first` being the first of them; they wait for `configure`.
   * `told`: what LANs were told by the service before this one.
   */
  constructor(first: PacketThread, workers: number, counters: SharedArrayBuffer, told: ToldLans, events: ThreadEvents) {
    this.#events = events;
    const threads = Array.from({ length: workers }, (_, worker) => (worker === 0 ? first : new PacketThread(worker)));
    this.#threads = threads.map((thread, worker) => this.#begin(thread, worker, counters, worker === 0 ? told : new Map()));
  }

  /**
   * Has every thread take a snapshot; resolves when the last one has, and the descriptors before are
   * no longer used. Rejects when a thread fails instead. One call at a time.
   */
  async configure(node: NodeSpec, descriptorsOf: (worker: number) => Descriptors): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const settled = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#behind = new Set(this.#threads);
    const all = this.#threads.map((_, worker) => descriptorsOf(worker));
    for (const [worker, thread] of this.#threads.entries())
      post(thread, { kind: 'configure', node: shareOf(node, all, worker), descriptors: all[worker] });
    await settled;
  }

  /** Has the owner make peers known to a fast path by the map `fd`, which stays the caller's; null: there is none. */
  makeFlows(fd: number | null): void {
    if (fd === this.#flows) return;
    this.#flows = fd;
    post(this.#threads[0], { kind: 'flows', fd: fd === null ? null : must(duplicate(fd), 'fcntl', `map ${fd}`) });
  }

  /** Has every thread tell its LANs and end. One that has not after `patience` milliseconds is cut off: then the error thrown says so. */
  async stop(patience: number): Promise<void> {
    this.#stopping = true;
    const late = new Set<number>();
    const all = this.#threads.map(async ({ thread, bell }, i) => {
      post({ thread, bell }, { kind: 'stop' });
      const timer = setTimeout(() => {
        late.add(i);
        void thread.cutOff();
      }, patience);
      await thread.ended;
      clearTimeout(timer);
      close(bell);
    });
    await Promise.all(all);
    if (late.size > 0) throw new Error(`packet threads ${[...late].join(', ')} did not end within ${patience / 1000} s`);
  }

  #begin(thread: PacketThread, worker: number, counters: SharedArrayBuffer, told: ToldLans): Thread {
    const known: Thread = { thread, bell: openEvent() };
    thread.onMessage((message) => this.#hear(known, message));
    void thread.failed.then((error) => this.#fail(error));
    thread.post({ kind: 'begin', worker, counters, bell: known.bell, told });
    return known;
  }

  #fail(error: Error): void {
    if (this.#stopping || this.#failure !== null) return;
    this.#failure = error;
    this.#waiting?.reject(error);
    this.#events.failed(error);
  }

  #hear(thread: Thread, message: FromWorker): void {
    switch (message.kind) {
      case 'gone':
        this.#events.gone(message.interface, message.fd);
        break;
      case 'news':
        this.#events.news(message.news);
        break;
      case 'configured':
        this.#behind.delete(thread);
        if (this.#behind.size === 0) this.#waiting?.resolve();
    }
  }
}

/** What one thread has of a node: its tunnels, and of what several threads may say together its part. */
function shareOf(node: NodeSpec, all: readonly Descriptors[], worker: number): NodeSpec {
  const threadsOf = (tunnel: TunnelSpec): number[] => [...all.keys()].filter((thread) => runs(all, thread, tunnel));
  const tunnels = node.tunnels.flatMap((tunnel) => {
    const threads = threadsOf(tunnel);
    return threads.includes(worker) ? [{ ...tunnel, icmpRate: tunnel.icmpRate / threads.length }] : [];
  });
  return { ...node, tunnels };
}

/** The owner runs every tunnel, the others those of which they have a queue. */
function runs(all: readonly Descriptors[], worker: number, { interface: name }: TunnelSpec): boolean {
  return worker === 0 || (name !== null && all[worker].tunnels.has(name));
}

function post({ thread, bell }: Thread, message: ToWorker): void {
  thread.post(message);
  signal(bell);
}
