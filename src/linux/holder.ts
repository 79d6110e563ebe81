/** Which process holds a TUN device, for the message of the process that cannot have it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process. */
export interface TunHolder {
  readonly pid: number;
  /** Its command line. */
  readonly command: string;
}

/**
 * The process of this network namespace that has a queue of the TUN device `name` open; null when
 * none is found: the device is a persistent one, no TUN device, or the process not ours to look at.
 */
export function tunHolder(name: string): TunHolder | null {
  const namespace = linkAt('/proc/self/ns/net');
  for (const pid of entriesOf('/proc')) {
    if (!/^\d+$/.test(pid) || linkAt(`/proc/${pid}/ns/net`) !== namespace) continue;
    const holds = entriesOf(`/proc/${pid}/fd`).some((fd) => {
      return linkAt(`/proc/${pid}/fd/${fd}`) === '/dev/net/tun' && textAt(`/proc/${pid}/fdinfo/${fd}`).includes(`iff:\t${name}\n`);
    });
    if (holds) return { pid: Number(pid), command: textAt(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() };
  }
  return null;
}

/** Processes end while they are looked at; what is gone has no entries, no target, no text. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function entriesOf(path: string): string[] {
  return orElse(() => readdirSync(path), []);
}

function linkAt(path: string): string {
  return orElse(() => readlinkSync(path), '');
}

function textAt(path: string): string {
  return orElse(() => readFileSync(path, 'utf8'), '');
}
