/**
 * Memory for the packets that engines have in hand. A world has one thread, and an engine is done with what one port
 * gave it before it asks the next: so all ports of a world receive into the same frames, and ten thousand clients
 * need no more of them than one.
 */
import { type Frame, makeBatch } from '../core/frame.js';

/** The frames of one world. */
export class SharedFrames {
  /** By how many they are and how many octets each has. */
  readonly #made = new Map<string, Frame[]>();

  /** `count` frames of `room` octets, headroom included: the same ones each time. */
  of(count: number, room: number): Frame[] {
    const size = `${count} ${room}`;
    const frames = this.#made.get(size) ?? makeBatch(count, room);
    this.#made.set(size, frames);
    return frames;
  }
}
