/** What senders have in common whose memory is for so many frames at a time: more of them go part by part. */
import type { Frame } from '../core/frame.js';

/** See the head of the file. */
export abstract class BatchedSender {
  readonly #most: number;

  /** `most` frames at most are handed to one `sendPart`. */
  constructor(most: number) {
    this.#most = most;
  }

  /** `Port.send`. */
  send(frames: readonly Frame[], n: number): number {
    let handled = 0;
    while (handled < n) {
      const end = Math.min(n, handled + this.#most);
      handled = this.sendPart(frames, handled, end);
      if (handled < end) break;
    }
    return handled;
  }

  /** Sends `frames[from..to)`; returns the index of the first that was not handled. */
  protected abstract sendPart(frames: readonly Frame[], from: number, to: number): number;
}
