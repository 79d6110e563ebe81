/**
 * How much a process allocates, from V8's own account of its collections (`--trace-gc`).
 *
 * A line tells the heap before and after: what was allocated since the collection before is the one's
 * `before` less the other's `after`, for each isolate (thread) by itself. What is allocated after the last
 * collection is not seen: less than one young generation of each thread (4 MiB in a packet thread).
 */
const COLLECTION = /\[\d+:(0x[0-9a-f]+)\]\s+[\d.]+ ms: \S[^:]*? ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB/g;
const MIB = 1 << 20;

/** Reads such an account as it comes. */
export class AllocationTrace {
  /** Octets allocated between collections, all threads. */
  octets = 0;
  readonly #after = new Map<string, number>();
  #rest = '';

  /** Forgets what was allocated so far: a process that has just started compiles what it runs. */
  restart(): void {
    this.octets = 0;
  }

  /** Takes the next piece of the process's output. */
  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      for (const [, isolate, before, after] of line.matchAll(COLLECTION)) {
        const last = this.#after.get(isolate);
        if (last !== undefined) this.octets += Math.max(0, (Number(before) - last) * MIB);
        this.#after.set(isolate, Number(after));
      }
    }
  }
}
