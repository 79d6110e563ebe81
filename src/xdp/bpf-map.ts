/** Maps of BPF: keys and values as octets. */
import koffi from 'koffi';
import { errno, must, SystemError } from '../linux/libc.js';
import { libbpf } from './libbpf.js';

/** Types of maps that hold one value a processor: BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH. */
const PER_CPU = new Set([5, 6, 10]);

/** ring_buffer_sample_fn. */
const SEE = koffi.proto('int see_sample(void *ctx, void *record, size_t octets)');

/** What the kernel, or libbpf, tells of a map. */
export interface MapFacts {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keyLen: number;
  readonly valueLen: number;
  readonly maxEntries: number;
}

/** Of the map at the pointer `map`. */
export function mapFacts(name: string, map: number): MapFacts {
  const f = libbpf();
  const sizes = { keyLen: f.keySize(map), valueLen: f.valueSize(map), maxEntries: f.maxEntries(map) };
  return { name, fd: f.mapFd(map), type: f.mapType(map), ...sizes };
}

/** A map: keys and values are octets, laid out as C has them. */
export class BpfMap {
  readonly name: string;
  readonly fd: number;
  /** Octets in a key. */
  readonly keyLen: number;
  /** Octets in a value, for each processor. */
  readonly valueLen: number;
  readonly maxEntries: number;
  /** Values to one key: one, or one a processor. */
  readonly values: number;

  constructor({ name, fd, type, keyLen, valueLen, maxEntries }: MapFacts) {
    this.name = name;
    this.fd = fd;
    this.keyLen = keyLen;
    this.maxEntries = maxEntries;
    const isPerCpu = PER_CPU.has(type);
    this.values = isPerCpu ? libbpf().cpus() : 1;
    this.valueLen = isPerCpu ? Math.ceil(valueLen / 8) * 8 : valueLen;
  }

  /** Keeps it, named by a file of a BPF file system, beyond this process. */
  pin(path: string): void {
    must(libbpf().pin(this.fd, path), 'bpf_obj_pin', path);
  }

  /** Octets that a lookup yields: `values` values of `valueLen`. */
  get recordLen(): number {
    return this.values * this.valueLen;
  }

  /** The value, or one a processor after one another; null when there is none. */
  lookup(key: Uint8Array): Uint8Array | null {
    this.#expect(key.length, this.keyLen);
    const record = new Uint8Array(this.recordLen);
    const result = libbpf().lookup(this.fd, key, record);
    if (result < 0 && this.#error('lookup') === 'ENOENT') return null;
    return record;
  }

  /** Sets the value of a key, at once for every reader. */
  update(key: Uint8Array, record: Uint8Array): void {
    this.#expect(key.length, this.keyLen);
    this.#expect(record.length, this.recordLen);
    must(libbpf().update(this.fd, key, record, 0), 'bpf_map_update_elem', this.name);
  }

  /** Sets many: `keys` and `records` one after another, in their order. One call into the kernel. */
  updateMany(keys: Uint8Array, records: Uint8Array): void {
    const count = keys.length / this.keyLen;
    this.#expect(records.length, count * this.recordLen);
    if (count > 0) must(libbpf().updateBatch(this.fd, keys, records, Uint32Array.of(count), null), 'bpf_map_update_batch', this.name);
  }

  /** Removes a key of a hash; false when it was not there. */
  remove(key: Uint8Array): boolean {
    this.#expect(key.length, this.keyLen);
    return libbpf().remove(this.fd, key) >= 0 || this.#error('delete') !== 'ENOENT';
  }

  /** Everything in an array or hash, keys and records one after another. Bounded by `maxEntries`. */
  all(): { readonly keys: Uint8Array; readonly records: Uint8Array; readonly count: number } {
    const keys = new Uint8Array(this.maxEntries * this.keyLen);
    const records = new Uint8Array(this.maxEntries * this.recordLen);
    const cursor = new Uint8Array(Math.max(this.keyLen, 4));
    const count = Uint32Array.of(this.maxEntries);
    // ENOENT: it was read to its end.
    if (libbpf().lookupBatch(this.fd, null, cursor, keys, records, count, null) < 0) this.#error('lookup_batch');
    return { keys: keys.subarray(0, count[0] * this.keyLen), records: records.subarray(0, count[0] * this.recordLen), count: count[0] };
  }

  /** Every key that is there. */
  keys(): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let at: Uint8Array | null = null; found.length < this.maxEntries; ) {
      const next = new Uint8Array(this.keyLen);
      if (libbpf().nextKey(this.fd, at, next) < 0 && this.#error('get_next_key') === 'ENOENT') break;
      found.push(next);
      at = next;
    }
    return found;
  }

  /** The name of the last error when it is that there is no such key; throws any other. */
  #error(call: string): 'ENOENT' {
    const error = new SystemError(`bpf_map_${call}`, this.name, errno());
    if (error.code !== 'ENOENT') throw error;
    return error.code;
  }

  #expect(octets: number, expected: number): void {
    if (octets !== expected) throw new RangeError(`${this.name}: ${octets} octets where ${expected} are expected`);
  }
}

/** What a program puts into a ring buffer, in order. One reader at a time: what one has read the others do not see. */
export class Ring {
  readonly #map: BpfMap;
  readonly #ring: number;
  readonly #see: bigint;
  #read: Uint8Array[] = [];

  /** Throws `SystemError`. */
  constructor(map: BpfMap) {
    this.#map = map;
    this.#see = koffi.register((_: unknown, record: unknown, octets: number | bigint) => {
      this.#read.push(new Uint8Array(koffi.view(record, Number(octets))).slice());
      return 0;
    }, koffi.pointer(SEE));
    this.#ring = libbpf().ringNew(map.fd, this.#see, null, null);
    if (this.#ring !== 0) return;
    const number = errno();
    koffi.unregister(this.#see);
    throw new SystemError('ring_buffer__new', map.name, number);
  }

  /** Everything that is in it, as copies; it is empty afterwards. Throws `SystemError`. */
  read(): Uint8Array[] {
    this.#read = [];
    must(libbpf().ringConsume(this.#ring), 'ring_buffer__consume', this.#map.name);
    return this.#read;
  }

  /** Reads no more; the map stays open. */
  close(): void {
    libbpf().ringFree(this.#ring);
    koffi.unregister(this.#see);
  }
}
