/**
 * What of a fast path is kept beyond the process, as files of a BPF file system. A folder belongs to one node:
 *
 *   /sys/fs/bpf/tsunagi/NODE-NAMESPACE/maps-LAYOUT/MAP    as long as one of them is there, so is the map
 *                                     /link-INTERFACE     the program is on the interface
 *
 * Files of other names are somebody else's and are not touched. Nothing here needs libbpf: to take a file away is enough.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { layoutHeader } from './header.js';
import { MAPS } from './layout.js';

/** Where BPF file systems are mounted. */
export const PIN_FILE_SYSTEM = '/sys/fs/bpf';
/** BPF_FS_MAGIC, linux/magic.h. */
const MAGIC = 0xcafe4a11;
const LINK = /^link-(\d+)$/;
const MAP_FOLDER = /^maps-[0-9a-f]{16}$/;
/** The kernel refuses names with a dot there. */
const UNFIT = /[^A-Za-z0-9_-]/g;

/** Maps are good for a program with the same structures, limits and words. */
const LAYOUT = createHash('sha256').update(layoutHeader()).update(MAPS.join()).digest('hex').slice(0, 16);

/** The folder of the node called `name` in the network namespace of this process: numbers of interfaces mean something in one only. */
export function pinFolder(name: string): string {
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '';
  return join(PIN_FILE_SYSTEM, 'tsunagi', `${name.replace(UNFIT, '_')}-${namespace}`);
}

/** Mounts the file system unless it is there; true when that was to be done. Throws an Error when it cannot be. */
export function mountPins(): boolean {
  if (isMounted()) return false;
  const { error, stderr } = spawnSync('mount', ['-t', 'bpf', 'bpf', PIN_FILE_SYSTEM], { encoding: 'utf8' });
  if (isMounted()) return true;
  const why = error?.message ?? stderr.trim();
  throw new Error(`${PIN_FILE_SYSTEM} is no BPF file system, and cannot be made one: ${why}`);
}

/** Removes all that a node has kept in `folder`: its program leaves the interfaces. False: there was nothing. Throws what the file system says. */
export function removePins(folder: string): boolean {
  const own = entriesOf(folder).filter((name) => LINK.test(name) || MAP_FOLDER.test(name));
  // Where there is nothing of ours we may have no right to look, and need none.
  if (own.length === 0) return false;
  for (const name of own) removeEntry(join(folder, name));
  for (const path of [folder, dirname(folder)]) removeEmpty(path);
  return true;
}

/** One folder, of which this process keeps the contents. */
export class Pins {
  readonly #folder: string;
  readonly #maps: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#maps = join(folder, `maps-${LAYOUT}`);
  }

  /** Maps that a program may go on with, by name; none unless all of them are there. */
  get maps(): ReadonlyMap<string, string> {
    const paths = this.paths;
    return paths.every(([, path]) => existsSync(path)) ? new Map(paths) : new Map();
  }

  /** Where each map is to be. */
  get paths(): readonly (readonly [name: string, path: string])[] {
    return MAPS.map((name) => [name, join(this.#maps, name)] as const);
  }

  /** Interfaces on which there is to be a program. */
  get interfaces(): number[] {
    return entriesOf(this.#folder).flatMap((name) => (LINK.exec(name)?.slice(1) ?? []).map(Number));
  }

  /** Where the program on an interface is kept. */
  link(ifindex: number): string {
    return join(this.#folder, `link-${ifindex}`);
  }

  /** Makes room for new maps; those that were there, of this layout or others, are kept by what uses them alone. Throws an Error that says what is missing. */
  clearMaps(): void {
    mountPins();
    for (const name of entriesOf(this.#folder)) if (MAP_FOLDER.test(name)) removeEntry(join(this.#folder, name));
    mkdirSync(this.#maps, { recursive: true, mode: 0o700 });
  }

  /** The program on an interface is kept no longer than by this process. */
  removeLink(ifindex: number): void {
    rmSync(this.link(ifindex), { force: true });
  }

  /** Nothing is kept any longer than by this process. */
  remove(): void {
    removePins(this.#folder);
  }
}

function isMounted(): boolean {
  return existsSync(PIN_FILE_SYSTEM) && statfsSync(PIN_FILE_SYSTEM).type === MAGIC;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there is none, or none that may be read
  }
}

/** A file, or a folder of maps. */
function removeEntry(path: string): void {
  if (LINK.test(basename(path))) {
    rmSync(path, { force: true });
    return;
  }
  for (const name of MAPS) rmSync(join(path, name), { force: true });
  removeEmpty(path);
}

/** Unless there is something of others in it. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
