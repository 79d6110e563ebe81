/**
 * What the fast path makes of frames on an interface, for people: tcpdump does not see what it forwards.
 *
 * Who looks speaks to the program and not to the service, by its maps: that takes the rights of root. The program shows
 * frames until a time that is put off while somebody reads, so that it stops by itself when they are gone.
 */
import { close, ifNameToIndex } from '../linux/libc.js';
import { openMaps } from './attached.js';
import { type BpfMap, Ring } from './bpf-map.js';
import { LIMITS, PROGRAM, SAMPLE, WATCH } from './layout.js';

/** `forward`: it leaves as it is shown; `pass up`: the host and the packet threads have it; `lost`: it broke while it was rewritten. */
export type LiveVerdict = 'forward' | 'pass up' | 'lost';

/** By enum xdp_action. */
const VERDICTS: ReadonlyMap<number, LiveVerdict> = new Map([
  [2, 'pass up'],
  [4, 'forward'],
]);

/** A frame, and what became of it. */
export interface LiveFrame {
  /** Milliseconds of the kernel's monotonic clock. */
  readonly time: number;
  readonly verdict: LiveVerdict;
  /** From the Ethernet header on, `LIMITS.SAMPLE_OCTETS` at most. */
  readonly frame: Uint8Array;
}

/** Milliseconds for which the program shows frames to somebody who does not read. */
const PATIENCE = 5_000;
const KEY = new Uint8Array(4);

/** Somebody looks. */
export class LiveFrames {
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #watched: BpfMap;
  readonly #ring: Ring;
  readonly #ifindex: number;
  readonly #every: number;

  /**
   * Looks at one of `every` frames that arrive on `device`. Throws a RangeError when the fast path is not there or somebody
   * looks already, `LibbpfMissing`, or `SystemError`: EPERM without the rights.
   */
  static on(device: string, every: number): LiveFrames {
    const ifindex = ifNameToIndex(device);
    const maps = ifindex === 0 ? null : openMaps(ifindex, PROGRAM);
    if (maps === null) throw new RangeError(`there is no fast path on ${device}`);
    try {
      return new LiveFrames(maps, ifindex, every);
    } catch (thrown) {
      for (const { fd } of maps.values()) close(fd);
      throw thrown;
    }
  }

  private constructor(maps: ReadonlyMap<string, BpfMap>, ifindex: number, every: number) {
    const [watched, samples] = [maps.get('watched'), maps.get('samples')];
    if (watched === undefined || samples === undefined) throw new RangeError('the fast path is of a version that shows nothing');
    this.#maps = maps;
    this.#watched = watched;
    this.#ifindex = ifindex;
    this.#every = every;
    if (this.#state().until > now()) throw new RangeError('somebody else looks at this fast path');
    this.#ring = new Ring(samples);
    this.#ring.read(); // of whoever looked before
    this.#watched.update(KEY, this.#watch(0n, 0n));
  }

  /** What was shown since it was read last. */
  read(): LiveFrame[] {
    const { seen, lost } = this.#state();
    this.#watched.update(KEY, this.#watch(seen, lost));
    return this.#ring.read().map((record) => {
      const { time, verdict, len, frame } = SAMPLE.decode(record.subarray(0, SAMPLE.size));
      const octets = Uint8Array.from(frame.slice(0, Math.min(len, LIMITS.SAMPLE_OCTETS)));
      return { time: Number(time) / 1e6, verdict: VERDICTS.get(verdict) ?? 'lost', frame: octets };
    });
  }

  /** Frames that there was no room to show. */
  get missed(): number {
    return Number(this.#state().lost);
  }

  /** Looks no more. */
  close(): void {
    this.#watched.update(KEY, WATCH.encode({ seen: 0n, lost: 0n, until: 0n, ifindex: 0, every: 0 }));
    this.#ring.close();
    for (const { fd } of this.#maps.values()) close(fd);
  }

  #state() {
    return WATCH.decode(this.#watched.lookup(KEY) ?? new Uint8Array(WATCH.size));
  }

  #watch(seen: bigint, lost: bigint): Uint8Array {
    return WATCH.encode({ seen, lost, until: now() + BigInt(PATIENCE) * 1_000_000n, ifindex: this.#ifindex, every: this.#every });
  }
}

/** CLOCK_MONOTONIC, as the program reads it. */
function now(): bigint {
  return process.hrtime.bigint();
}
