/**
 * One packet thread from outside. It boots as soon as it is made and then waits for its first letter,
 * so that the main thread can make it before it knows what for; nothing else is loaded here.
 */
import { Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker } from './messages.js';

/** Megabytes of heap for new objects; a thread makes hardly any. */
const YOUNG_GENERATION = 4;

/** A thread that runs `worker.ts`. */
export class PacketThread {
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
  /** Resolves with why it ended by itself: what it threw, or its status. */
  readonly failed: Promise<Error>;
  readonly #worker: Worker;
  readonly #mail = new Int32Array(new SharedArrayBuffer(4));

  /** `number`: which of the node's threads it is, for debuggers. */
  constructor(number: number) {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: `packets-${number}`,
      workerData: this.#mail,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
    });
    this.#worker = worker;
    this.failed = new Promise((resolve) => {
      worker.once('error', resolve);
      worker.once('exit', (status) => resolve(new Error(`packet thread ${number} ended with status ${status}`)));
    });
    this.ended = new Promise((resolve) => worker.once('exit', () => resolve()));
  }

  /** Calls `hear` with each letter from it. */
  onMessage(hear: (message: FromWorker) => void): void {
    this.#worker.on('message', hear);
  }

  /** Sends a letter. Until it has begun it wakes up by itself; from then on ring its bell. */
  post(message: ToWorker): void {
    this.#worker.postMessage(message);
    Atomics.store(this.#mail, 0, 1);
    Atomics.notify(this.#mail, 0);
  }

  /** Ends it before it has begun. It may still boot, and to cut it off while it loads native code would abort the process. */
  async dismiss(): Promise<void> {
    this.post({ kind: 'stop' });
    await this.ended;
  }

  /** Ends it at once, without a farewell. */
  async cutOff(): Promise<void> {
    await this.#worker.terminate();
  }
}
