/**
 * libbpf by koffi: its functions, and what they say in text.
 *
 * Loaded on first use, so that a machine without the library loses the fast path and nothing else.
 * Memory that a structure points to lies in an `Arena`; typed arrays live for one call alone. What
 * fails throws `SystemError` with the call and the name of the error; nothing here is per packet.
 * Structures are those of 64-bit little-endian Linux and libbpf 1.0 or newer.
 */
import koffi from 'koffi';

const LIBRARY = 'libbpf.so.1';

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

/** The zero-terminated text at `off`, `room` octets at most. */
export function textAt(b: Uint8Array, off: number, room: number): string {
  const end = b.indexOf(0, off);
  return new TextDecoder().decode(b.slice(off, end < 0 || end > off + room ? off + room : end));
}
