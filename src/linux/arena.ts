/**
 * The memory of one packet thread: packets, and the arrays that tell the kernel where they are.
 *
 * One mapping, viewed once, never moved and never freed while the thread lives, so that an address
 * in it is a number (`base + offset`) and stays good. Whatever lives in it is found by its offset.
 */
import { Frame } from '../core/frame.js';
import { Errno, errno, MAP_FAILED, mmap, munmap, SystemError, view } from './libc.js';

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
/** A cache line, and the alignment of everything that is laid out here unless more is asked for. */
const LINE = 64;
/** Frames lie this much apart beyond their room: heads of packets whose distance is a multiple of 4096 all want the same L1 set. */
const SKEW = 3 * LINE;

/** Where a mapping is tried for, and how far the tries are apart. */
const FIRST_HINT = 0x10000000;
const HINT_STEP = 0x02000000;
/** Addresses below this are small integers to V8; one above is a number on the heap each time it is passed to C. */
const LOW_END = 0x80000000;

/** Octets in an arena, at most. */
const LARGEST = LOW_END - FIRST_HINT;

/** Maps `octets` below `LOW_END` where there is room, else wherever the kernel likes. */
function mapLow(octets: number): number {
  if (octets > LARGEST) throw new SystemError('mmap', `${octets} octets`, Errno.ENOMEM);
  for (let hint = FIRST_HINT; hint + octets <= LOW_END; hint += HINT_STEP) {
    const base = map(hint, octets);
    if (base + octets <= LOW_END) return base;
    munmap(base, octets);
  }
  return map(0, octets);
}

function map(hint: number, octets: number): number {
  const base = mmap(hint, octets, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  if (base >= MAP_FAILED) throw new SystemError('mmap', `${octets} octets`, errno());
  return base;
}

/** One mapping, given out from its start. */
export class Arena {
  /** The whole of it. */
  readonly b: Uint8Array;
  readonly view: DataView;
  /** As 32-bit words in the machine's order, for structures that are written per packet. */
  readonly words: Uint32Array;
  /** Address of its first octet. */
  readonly base: number;
  #used = 0;
  readonly #releases: (() => void)[] = [];

  /** Maps `octets`, zero-filled; pages take memory once they are used. Throws `SystemError`. */
  constructor(octets: number) {
    const base = mapLow(octets);
    this.base = base;
    this.b = view(base, octets);
    this.view = new DataView(this.b.buffer);
    this.words = new Uint32Array(this.b.buffer, 0, octets >>> 2);
  }

  /** Takes `octets` and returns their offset, a multiple of `align`. Throws `SystemError` ENOMEM when the arena is used up. */
  alloc(octets: number, align = LINE): number {
    const at = Math.ceil(this.#used / align) * align;
    if (at + octets > this.b.length) throw new SystemError('alloc', `${octets} octets of ${this.b.length - at}`, Errno.ENOMEM);
    this.#used = at + octets;
    return at;
  }

  /** Makes `count` frames of at least `room` octets each, headroom included. */
  makeBatch(count: number, room: number): Frame[] {
    const stride = arenaStride(room);
    const slots = this.alloc(count * stride);
    return Array.from({ length: count }, (_, i) => new Frame(this.b, slots + i * stride, slots + i * stride + room));
  }

  /** Has `release` called by `unmap`, for what is of no use without the arena. */
  onUnmap(release: () => void): void {
    this.#releases.push(release);
  }

  /** Gives the memory back. Nothing that lies in it, and no port over it, may be touched afterwards: the process would die. */
  unmap(): void {
    for (const release of this.#releases.splice(0)) release();
    munmap(this.base, this.b.length);
  }
}

/** Octets that a frame of `room` octets takes: for working out how large an arena has to be. */
export function arenaStride(room: number): number {
  return Math.ceil(room / LINE) * LINE + SKEW;
}
