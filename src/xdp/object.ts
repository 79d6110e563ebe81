/** A BPF object, as the compiler made it, in the kernel: its programs and maps. */
import { Arena } from '../linux/arena.js';
import { close, Errno, errno, must, SystemError } from '../linux/libc.js';
import { BpfMap, mapFacts } from './bpf-map.js';
import { libbpf, textAt } from './libbpf.js';
import { XdpProgram } from './program.js';

/** BPF_F_RDONLY_PROG: the kernel sets it on a DEVMAP. */
const RDONLY_PROG = 1 << 7;

/** Octets for what the verifier says; it keeps the end. Pages are taken as they are written. */
const LOG_OCTETS = 1 << 20;
/** Lines of it that are worth repeating: the last ones name the instruction at fault. */
const LOG_LINES = 40;
/** struct bpf_object_open_opts, and the places of the fields set in it. */
const OPEN = { size: 80, logBuf: 56, logSize: 64 } as const;

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
