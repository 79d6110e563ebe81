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
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  /** True once threads may end: because they were told to, or because one has failed and that was said. */
  #ending = false;

  /** Starts one thread for each row of `counters`; they wait for `configure`. */
  constructor(workers: number, counters: SharedArrayBuffer, events: ThreadEvents) {
    this.#events = events;
    this.#threads = Array.from({ length: workers }, (_, worker) => this.#start(worker, counters));
  }

  /**
   * Has every thread take a snapshot; resolves when the last one has, and the descriptors before are
   * no longer used. Rejects when a thread fails instead. One call at a time.
   */
  async configure(node: NodeSpec, descriptorsOf: (worker: number) => Descriptors): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#behind = new Set(this.#threads);
    for (const [i, thread] of this.#threads.entries()) post(thread, { kind: 'configure', node, descriptors: descriptorsOf(i) });
    await settled;
  }

  /** Has every thread tell its LANs and end. One that has not after `patience` milliseconds is cut off: then the error thrown says so. */
  async stop(patience: number): Promise<void> {
    this.#ending = true;
    const late = new Set<number>();
    const all = this.#threads.map(async (thread, i) => {
      post(thread, { kind: 'stop' });
      const timer = setTimeout(() => {
        late.add(i);
        void thread.worker.terminate();
      }, patience);
      await thread.ended;
      clearTimeout(timer);
      close(thread.bell);
    });
    await Promise.all(all);
    if (late.size > 0) throw new Error(`packet threads ${[...late].join(', ')} did not end within ${patience / 1000} s`);
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
    body.on('error', (error) => this.#fail(error));
    body.on('exit', (status) => this.#fail(new Error(`packet thread ${worker} ended with status ${status}`)));
    return thread;
  }

  #fail(error: Error): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#waiting?.reject(error);
    this.#events.failed(error);
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (message.kind === 'gone') {
      this.#events.gone(message.interface, message.fd);
      return;
    }
    this.#behind.delete(thread);
    if (this.#behind.size === 0) this.#waiting?.resolve();
  }
}

function post({ worker, mail, bell }: Thread, message: ToWorker): void {
  worker.postMessage(message);
  Atomics.store(mail, 0, 1);
  Atomics.notify(mail, 0);
  signal(bell);
}
