/**
 * libbpf by koffi: a BPF object, its maps, its programs, and where they are attached.
 *
 * Loaded on first use, so that a machine without the library loses the fast path and nothing else.
 * Memory that a structure points to lies in an `Arena`; typed arrays live for one call alone. What
 * fails throws `SystemError` with the call and the name of the error; nothing here is per packet.
 * Structures are those of 64-bit little-endian Linux and libbpf 1.0 or newer.
 */
import koffi from 'koffi';
import { Arena } from '../linux/arena.js';
import { close, Errno, errno, must, SystemError } from '../linux/libc.js';

const LIBRARY = 'libbpf.so.1';

/** Attach type BPF_XDP of enum bpf_attach_type. */
const BPF_XDP = 37;
/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE, linux/if_link.h. */
export const MODE_FLAGS = { generic: 2, native: 4 } as const;
/** Types of maps that hold one value a processor: BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH. */
const PER_CPU = new Set([5, 6, 10]);

/** BPF_F_RDONLY_PROG: the kernel sets it on a DEVMAP. */
const RDONLY_PROG = 1 << 7;

/** Octets for what the verifier says; it keeps the end. Pages are taken as they are written. */
const LOG_OCTETS = 1 << 20;
/** Lines of it that are worth repeating: the last ones name the instruction at fault. */
const LOG_LINES = 40;

/** struct bpf_object_open_opts, and the places of the fields set in it. */
const OPEN = { size: 80, logBuf: 56, logSize: 64 } as const;
/** struct bpf_link_create_opts, as far as it is set. */
const LINK = { size: 16, flags: 8 } as const;
/** struct bpf_test_run_opts. */
const RUN = { size: 80, in: 8, out: 16, inLen: 24, outLen: 28, ctx: 32, ctxLen: 48, retval: 56, repeat: 60, duration: 64 } as const;
/** struct xdp_md: offset of the end of the frame, and the interface it came in on. */
const MD = { size: 24, end: 4, ifindex: 12 } as const;
/** Octets of a frame in a test run: room for headers pushed and for frames in several buffers. */
const FRAME_ROOM = 1 << 17;
/** Start of struct bpf_prog_info, up to the end of the name. */
const INFO = { size: 80, mapCount: 52, maps: 56, name: 64 } as const;
/** Start of struct bpf_map_info, up to the end of the name. */
const MAP_INFO = { size: 40, keyLen: 8, valueLen: 12, maxEntries: 16, name: 24 } as const;
/** Maps of a program that are looked at. */
const MAX_MAPS = 64;
/** ring_buffer_sample_fn. */
const SEE = koffi.proto('int see_sample(void *ctx, void *record, size_t octets)');

/** How a program is attached: in the driver, or in front of the stack on any device. */
export type XdpMode = 'native' | 'generic';

/** The functions that are used. Pointers are numbers. */
function declare() {
  const lib = koffi.load(LIBRARY);
  const f = <T>(prototype: string): T => lib.func(prototype) as T;
  const quiet = f<(print: null) => unknown>('void *libbpf_set_print(void *print)');
  quiet(null); // what is wrong is thrown, not written to stderr
  return {
    open: f<(b: Uint8Array, len: number, opts: number) => number>('uintptr_t bpf_object__open_mem(void *b, size_t len, uintptr_t opts)'),
    load: f<(object: number) => number>('int bpf_object__load(uintptr_t object)'),
    close: f<(object: number) => void>('void bpf_object__close(uintptr_t object)'),
    findMap: f<(object: number, name: string) => number>('uintptr_t bpf_object__find_map_by_name(uintptr_t object, const char *name)'),
    findProgram: f<(object: number, name: string) => number>(
      'uintptr_t bpf_object__find_program_by_name(uintptr_t object, const char *name)',
    ),
    mapFd: f<(map: number) => number>('int bpf_map__fd(uintptr_t map)'),
    mapType: f<(map: number) => number>('int bpf_map__type(uintptr_t map)'),
    keySize: f<(map: number) => number>('unsigned int bpf_map__key_size(uintptr_t map)'),
    valueSize: f<(map: number) => number>('unsigned int bpf_map__value_size(uintptr_t map)'),
    maxEntries: f<(map: number) => number>('unsigned int bpf_map__max_entries(uintptr_t map)'),
    programFd: f<(program: number) => number>('int bpf_program__fd(uintptr_t program)'),
    mapFlags: f<(map: number) => number>('unsigned int bpf_map__map_flags(uintptr_t map)'),
    reuse: f<(map: number, fd: number) => number>('int bpf_map__reuse_fd(uintptr_t map, int fd)'),
    cpus: f<() => number>('int libbpf_num_possible_cpus(void)'),
    lookup: f<(fd: number, key: Uint8Array, value: Uint8Array) => number>('int bpf_map_lookup_elem(int fd, void *key, void *value)'),
    update: f<(fd: number, key: Uint8Array, value: Uint8Array, flags: number) => number>(
      'int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)',
    ),
    remove: f<(fd: number, key: Uint8Array) => number>('int bpf_map_delete_elem(int fd, void *key)'),
    nextKey: f<(fd: number, key: Uint8Array | null, next: Uint8Array) => number>('int bpf_map_get_next_key(int fd, void *key, void *next)'),
    updateBatch: f<(fd: number, keys: Uint8Array, values: Uint8Array, count: Uint32Array, opts: null) => number>(
      'int bpf_map_update_batch(int fd, void *keys, void *values, void *count, void *opts)',
    ),
    lookupBatch: f<
      (fd: number, from: Uint8Array | null, to: Uint8Array, keys: Uint8Array, values: Uint8Array, count: Uint32Array, opts: null) => number
    >('int bpf_map_lookup_batch(int fd, void *from, void *to, void *keys, void *values, void *count, void *opts)'),
    linkCreate: f<(program: number, ifindex: number, type: number, opts: Uint8Array) => number>(
      'int bpf_link_create(int program, int ifindex, int type, void *opts)',
    ),
    linkUpdate: f<(link: number, program: number, opts: null) => number>('int bpf_link_update(int link, int program, void *opts)'),
    pin: f<(fd: number, path: string) => number>('int bpf_obj_pin(int fd, const char *path)'),
    pinned: f<(path: string) => number>('int bpf_obj_get(const char *path)'),
    testRun: f<(program: number, opts: number) => number>('int bpf_prog_test_run_opts(int program, uintptr_t opts)'),
    queryId: f<(ifindex: number, flags: number, id: Uint32Array) => number>('int bpf_xdp_query_id(int ifindex, int flags, void *id)'),
    fdById: f<(id: number) => number>('int bpf_prog_get_fd_by_id(uint32_t id)'),
    mapFdById: f<(id: number) => number>('int bpf_map_get_fd_by_id(uint32_t id)'),
    ringNew: f<(map: number, see: bigint, ctx: null, opts: null) => number>(
      'uintptr_t ring_buffer__new(int map, void *see, void *ctx, void *opts)',
    ),
    ringConsume: f<(ring: number) => number>('int ring_buffer__consume(uintptr_t ring)'),
    ringFree: f<(ring: number) => void>('void ring_buffer__free(uintptr_t ring)'),
    info: f<(fd: number, info: Uint8Array, len: Uint32Array) => number>('int bpf_obj_get_info_by_fd(int fd, void *info, void *len)'),
  };
}

let functions: ReturnType<typeof declare> | null = null;

/** The library is not on this machine, or too old. */
export class LibbpfMissing extends Error {
  override readonly name = 'LibbpfMissing';
}

/** The library, loaded when it is first asked for. Throws `LibbpfMissing`. */
export function libbpf(): ReturnType<typeof declare> {
  try {
    functions ??= declare();
    return functions;
  } catch (cause) {
    throw new LibbpfMissing(`${LIBRARY} cannot be loaded; apt-get install libbpf1`, { cause });
  }
}

/** The kernel refused an object; `log` is what its verifier said, the last lines first lost. */
export class LoadError extends SystemError {
  readonly log: readonly string[];

  constructor(what: string, number: number, log: readonly string[]) {
    super('bpf_object__load', what, number, log.at(-1) ?? '');
    this.log = log;
  }
}

/** A loaded object. Programs and maps go with it, but for those that are attached or pinned. */
export class XdpObject {
  readonly #object: number;
  readonly #log: Arena;
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs = new Map<string, XdpProgram>();

  /**
   * Loads an ELF object into the kernel. A map for which `pinned` has a path is the one that is kept there, and not made
   * anew: its kind and sizes must be the same. Throws `LibbpfMissing`, `LoadError` or `SystemError`.
   */
  static load(elf: Uint8Array, pinned: ReadonlyMap<string, string> = new Map()): XdpObject {
    const f = libbpf();
    const log = new Arena(LOG_OCTETS);
    const opts = log.alloc(OPEN.size);
    const text = log.alloc(LOG_OCTETS - opts - OPEN.size - 64);
    const size = LOG_OCTETS - text;
    log.view.setBigUint64(opts, BigInt(OPEN.size), true);
    log.view.setBigUint64(opts + OPEN.logBuf, BigInt(log.base + text), true);
    log.view.setBigUint64(opts + OPEN.logSize, BigInt(size), true);
    // A copy: the whole file at the start of its own memory, as ELF wants it.
    const object = f.open(Uint8Array.from(elf), elf.length, log.base + opts);
    const what = `${elf.length} octets`;
    if (object === 0) {
      const number = errno();
      log.unmap();
      throw new SystemError('bpf_object__open_mem', what, number);
    }
    try {
      for (const [name, path] of pinned) reuse(present(f.findMap(object, name), 'map', name), path);
    } catch (error) {
      f.close(object);
      log.unmap();
      throw error;
    }
    if (f.load(object) < 0) {
      const number = errno();
      const lines = textAt(log.b, text, size).trimEnd().split('\n').slice(-LOG_LINES);
      f.close(object);
      log.unmap();
      throw new LoadError(
        what,
        number,
        lines.filter((line) => line !== ''),
      );
    }
    return new XdpObject(object, log);
  }

  private constructor(object: number, log: Arena) {
    this.#object = object;
    this.#log = log;
  }

  /** Throws `SystemError` ENOENT when the object has no such map. */
  map(name: string): BpfMap {
    const found = this.#maps.get(name) ?? new BpfMap(mapFacts(name, present(libbpf().findMap(this.#object, name), 'map', name)));
    this.#maps.set(name, found);
    return found;
  }

  /** Throws `SystemError` ENOENT when the object has no such program. */
  program(name: string): XdpProgram {
    const found = this.#programs.get(name) ?? new XdpProgram(name, present(libbpf().findProgram(this.#object, name), 'program', name));
    this.#programs.set(name, found);
    return found;
  }

  /** Lets go of it. Neither it nor its maps and programs may be used afterwards. */
  close(): void {
    libbpf().close(this.#object);
    for (const program of this.#programs.values()) program.release();
    this.#log.unmap();
  }
}

/** What the kernel, or libbpf, tells of a map. */
interface MapFacts {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keyLen: number;
  readonly valueLen: number;
  readonly maxEntries: number;
}

/** Of the map at the pointer `map`. */
function mapFacts(name: string, map: number): MapFacts {
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

/** What a program made of one frame. */
export interface TestRun {
  /** What it returned: XDP_PASS is 2. */
  readonly verdict: number;
  /** The frame as it left it. */
  readonly frame: Uint8Array;
  /** Mean duration of a run, nanoseconds. */
  readonly nanoseconds: number;
}

/** A program in the kernel. */
export class XdpProgram {
  readonly name: string;
  readonly fd: number;
  /** Memory of test runs; null: there was none. */
  #bench: Arena | null = null;

  constructor(name: string, program: number) {
    this.name = name;
    this.fd = libbpf().programFd(program);
  }

  /**
   * Runs it over `frame`, at least 14 octets of Ethernet, as if it had come in on `ifindex` (of an interface with an XDP
   * program, in this namespace; left out: the loopback interface). Nothing is sent. `repeat`: runs, for the duration.
   */
  testRun(frame: Uint8Array, { ifindex = 0, repeat = 1 }: { readonly ifindex?: number; readonly repeat?: number } = {}): TestRun {
    this.#bench ??= new Arena(4096 + 2 * FRAME_ROOM);
    const { b, view, base } = this.#bench;
    const [opts, ctx, out, in_] = [0, 1024, 4096, 4096 + FRAME_ROOM];
    if (frame.length > FRAME_ROOM) throw new RangeError(`${this.name}: a frame of ${frame.length} octets`);
    b.fill(0, 0, out);
    b.set(frame, in_);
    view.setBigUint64(opts, BigInt(RUN.size), true);
    view.setBigUint64(opts + RUN.in, BigInt(base + in_), true);
    view.setBigUint64(opts + RUN.out, BigInt(base + out), true);
    view.setUint32(opts + RUN.inLen, frame.length, true);
    view.setUint32(opts + RUN.outLen, FRAME_ROOM, true);
    view.setInt32(opts + RUN.repeat, repeat, true);
    if (ifindex !== 0) {
      view.setBigUint64(opts + RUN.ctx, BigInt(base + ctx), true);
      view.setUint32(opts + RUN.ctxLen, MD.size, true);
      view.setUint32(ctx + MD.end, frame.length, true);
      view.setUint32(ctx + MD.ifindex, ifindex, true);
    }
    must(libbpf().testRun(this.fd, base + opts), 'bpf_prog_test_run_opts', `${this.name}, ${frame.length} octets`);
    return {
      verdict: view.getUint32(opts + RUN.retval, true),
      frame: b.slice(out, out + view.getUint32(opts + RUN.outLen, true)),
      nanoseconds: view.getUint32(opts + RUN.duration, true),
    };
  }

  /** Attaches it to an interface. Throws `SystemError`: EBUSY or EEXIST when there is another, EOPNOTSUPP when the driver cannot. */
  attach(ifindex: number, mode: XdpMode): XdpLink {
    const opts = new Uint8Array(LINK.size);
    const view = new DataView(opts.buffer);
    view.setUint32(0, LINK.size, true);
    view.setUint32(LINK.flags, MODE_FLAGS[mode], true);
    const fd = must(libbpf().linkCreate(this.fd, ifindex, BPF_XDP, opts), 'bpf_link_create', `interface ${ifindex}, ${mode}`);
    return new XdpLink(fd);
  }

  /** Gives back the memory of test runs. */
  release(): void {
    this.#bench?.unmap();
    this.#bench = null;
  }
}

/** A program on an interface. It goes with the process, however that ends, unless it is pinned. */
export class XdpLink {
  readonly fd: number;

  /** The one that is pinned at `path`. Throws `SystemError`. */
  static pinned(path: string): XdpLink {
    return new XdpLink(must(libbpf().pinned(path), 'bpf_obj_get', path));
  }

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Keeps it, named by a file of a BPF file system, beyond this process. */
  pin(path: string): void {
    must(libbpf().pin(this.fd, path), 'bpf_obj_pin', path);
  }

  /** Has `program` in the place of the one that is there: no frame meets none. Throws `SystemError`. */
  update(program: XdpProgram): void {
    must(libbpf().linkUpdate(this.fd, program.fd, null), 'bpf_link_update', program.name);
  }

  /** Takes the program off the interface, unless it is pinned. */
  close(): void {
    close(this.fd);
  }
}

/** Somebody's program on an interface. */
export interface AttachedProgram {
  readonly id: number;
  /** Up to fifteen characters; empty when it has none or may not be known. */
  readonly name: string;
}

/** The program on an interface now; null: none. Throws `SystemError`. */
export function attachedProgram(ifindex: number): AttachedProgram | null {
  const f = libbpf();
  const id = new Uint32Array(1);
  must(f.queryId(ifindex, 0, id), 'bpf_xdp_query_id', `interface ${ifindex}`);
  if (id[0] === 0) return null;
  const fd = f.fdById(id[0]);
  if (fd < 0) return { id: id[0], name: '' };
  const info = new Uint8Array(INFO.size);
  const known = f.info(fd, info, Uint32Array.of(INFO.size)) >= 0;
  close(fd);
  return { id: id[0], name: known ? textAt(info, INFO.name, INFO.size - INFO.name) : '' };
}

/**
 * The maps, by their names, of the program on an interface that somebody else runs and that is called `program`; null: that
 * is not there. Whoever asks closes their descriptors. Throws `SystemError`: EPERM when one may not.
 */
export function openMaps(ifindex: number, program: string): ReadonlyMap<string, BpfMap> | null {
  const there = attachedProgram(ifindex);
  if (there?.name !== program) return null;
  const f = libbpf();
  const memory = new Arena(4096);
  const [info, ids] = [memory.alloc(INFO.size), memory.alloc(4 * MAX_MAPS)];
  const fd = must(f.fdById(there.id), 'bpf_prog_get_fd_by_id', `program ${there.id}`);
  try {
    memory.view.setUint32(info + INFO.mapCount, MAX_MAPS, true);
    memory.view.setBigUint64(info + INFO.maps, BigInt(memory.base + ids), true);
    must(f.info(fd, memory.b.subarray(info, info + INFO.size), Uint32Array.of(INFO.size)), 'bpf_obj_get_info_by_fd', program);
    const count = Math.min(memory.view.getUint32(info + INFO.mapCount, true), MAX_MAPS);
    const maps = Array.from({ length: count }, (_, i) => mapById(memory.view.getUint32(ids + 4 * i, true)));
    return new Map(maps.map((map) => [map.name, map]));
  } finally {
    close(fd);
    memory.unmap();
  }
}

function mapById(id: number): BpfMap {
  const fd = must(libbpf().mapFdById(id), 'bpf_map_get_fd_by_id', `map ${id}`);
  const info = new Uint8Array(MAP_INFO.size);
  must(libbpf().info(fd, info, Uint32Array.of(MAP_INFO.size)), 'bpf_obj_get_info_by_fd', `map ${id}`);
  const view = new DataView(info.buffer);
  const [type, keyLen, valueLen, maxEntries] = [0, MAP_INFO.keyLen, MAP_INFO.valueLen, MAP_INFO.maxEntries].map((at) =>
    view.getUint32(at, true),
  );
  return new BpfMap({ name: textAt(info, MAP_INFO.name, MAP_INFO.size - MAP_INFO.name), fd, type, keyLen, valueLen, maxEntries });
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

/** The zero-terminated text at `off`, `room` octets at most. */
function textAt(b: Uint8Array, off: number, room: number): string {
  const end = b.indexOf(0, off);
  return new TextDecoder().decode(b.slice(off, end < 0 || end > off + room ? off + room : end));
}

/** Has `map`, of an object that is not loaded yet, be the one that is pinned at `path`. Throws `SystemError`: EINVAL when that is another kind of map. */
function reuse(map: number, path: string): void {
  const f = libbpf();
  const kind = () => [f.mapType(map), f.keySize(map), f.valueSize(map), f.maxEntries(map), f.mapFlags(map) & ~RDONLY_PROG].join();
  const wanted = kind();
  const fd = must(f.pinned(path), 'bpf_obj_get', path);
  const result = f.reuse(map, fd);
  const number = errno();
  close(fd); // libbpf has one of its own
  if (result < 0) throw new SystemError('bpf_map__reuse_fd', path, number);
  if (kind() !== wanted) throw new SystemError('bpf_map__reuse_fd', path, Errno.EINVAL, `${kind()} is not ${wanted}`);
}

/** `pointer`, unless there is none. */
function present(pointer: number, kind: string, name: string): number {
  if (pointer === 0) throw new SystemError(`bpf_object__find_${kind}_by_name`, name, errno());
  return pointer;
}
