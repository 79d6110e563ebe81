/** The packet threads as the main thread sees them: started, configured, ended, all together. */
import { Worker } from 'node:worker_threads';
import type { NodeSpec } from '../engine/spec.js';
import { openEvent, signal } from '../linux/eventfd.js';
import { close } from '../linux/libc.js';
import type { Descriptors, FromWorker, ToWorker, WorkerStart } from './messages.js';

/** What the main thread has to know without asking. */
export interface ThreadEvents {
  /** A thread has ended by itself: the service cannot go on. */
  failed(error: Error): void;
  /** Somebody deleted a TUN device of which `fd` is a queue. */
  gone(device: string, fd: number): void;
}

/** Megabytes of heap for new objects; a thread makes hardly any. */
const YOUNG_GENERATION = 4;

interface Thread {
  readonly worker: Worker;
  readonly mail: Int32Array;
  readonly bell: number;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
}

/** All packet threads of the node. */
export class PacketThreads {
  readonly #threads: readonly Thread[];
  readonly #events: ThreadEvents;
  /** Threads that have not taken the latest configuration yet, and whoever waits for them. */
  #behind = new Set<Thread>();
  #settled: (() => void) | null = null;
  #stopping = false;

  /** Starts one thread for each row of `counters`; they wait for `configure`. */
  constructor(workers: number, counters: SharedArrayBuffer, events: ThreadEvents) {
    this.#events = events;
    this.#threads = Array.from({ length: workers }, (_, worker) => this.#start(worker, counters));
  }

  /** Has every thread take a snapshot; resolves when the last one has, and the descriptors before are no longer used. One call at a time. */
  async configure(node: NodeSpec, descriptorsOf: (worker: number) => Descriptors): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    this.#behind = new Set(this.#threads);
    for (const [i, thread] of this.#threads.entries()) post(thread, { kind: 'configure', node, descriptors: descriptorsOf(i) });
    await settled;
  }

  /** Has every thread tell its LANs and end; resolves when all have. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#threads.map(async (thread) => {
        post(thread, { kind: 'stop' });
        await thread.ended;
        close(thread.bell);
      }),
    );
  }

  #start(worker: number, counters: SharedArrayBuffer): Thread {
    const mail = new SharedArrayBuffer(4);
    const bell = openEvent();
    const start: WorkerStart = { worker, counters, mail, bell };
    const body = new Worker(new URL('./worker.js', import.meta.url), {
      name: `packets-${worker}`,
      workerData: start,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
    });
    const ended = new Promise<void>((resolve) => body.once('exit', () => resolve()));
    const thread: Thread = { worker: body, mail: new Int32Array(mail), bell, ended };
    body.on('message', (message: FromWorker) => this.#hear(thread, message));
    body.on('error', (error) => this.#events.failed(error));
    body.on('exit', (status) => {
      if (!this.#stopping) this.#events.failed(new Error(`packet thread ${worker} ended with status ${status}`));
    });
    return thread;
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (message.kind === 'gone') {
      this.#events.gone(message.interface, message.fd);
      return;
    }
    this.#behind.delete(thread);
    if (this.#behind.size === 0) this.#settled?.();
  }
}

function post({ worker, mail, bell }: Thread, message: ToWorker): void {
  worker.postMessage(message);
  Atomics.store(mail, 0, 1);
  Atomics.notify(mail, 0);
  signal(bell);
}
