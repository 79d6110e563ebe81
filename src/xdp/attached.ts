/** What is attached to interfaces, by whom, and how: asked of the kernel. */
import { Arena } from '../linux/arena.js';
import { close, must } from '../linux/libc.js';
import { BpfMap } from './bpf-map.js';
import { libbpf, textAt } from './libbpf.js';
import { MODE_FLAGS, type XdpLink, type XdpMode } from './program.js';

/** Start of struct bpf_link_info for a link of XDP: the interface, 0 when it has gone. */
const LINK_INFO = { size: 64, ifindex: 16 } as const;
/** Start of struct bpf_prog_info, up to the end of the name. */
const INFO = { size: 80, mapCount: 52, maps: 56, name: 64 } as const;
/** Start of struct bpf_map_info, up to the end of the name. */
const MAP_INFO = { size: 40, keyLen: 8, valueLen: 12, maxEntries: 16, name: 24 } as const;
/** Maps of a program that are looked at. */
const MAX_MAPS = 64;

/** The mode in which there is a program on an interface; null: there is none. Throws `SystemError`. */
export function attachedMode(ifindex: number): XdpMode | null {
  const id = new Uint32Array(1);
  const isIn = (mode: XdpMode) => {
    must(libbpf().queryId(ifindex, MODE_FLAGS[mode], id), 'bpf_xdp_query_id', `interface ${ifindex}`);
    return id[0] !== 0;
  };
  if (isIn('native')) return 'native';
  return isIn('generic') ? 'generic' : null;
}

/** Number of the interface that a link is on; 0: it has gone. Throws `SystemError`. */
export function interfaceOf({ fd }: XdpLink): number {
  const info = new Uint8Array(LINK_INFO.size);
  must(libbpf().info(fd, info, Uint32Array.of(LINK_INFO.size)), 'bpf_obj_get_info_by_fd', 'link');
  return new DataView(info.buffer).getUint32(LINK_INFO.ifindex, true);
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
