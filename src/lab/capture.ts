/** A capture of everything that crosses a link, by tcpdump: begun before there is traffic, whole when the lab ends. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Exit, Failure, reasonOf } from '../daemon/failure.js';
import type { TapPlan } from './plan.js';
import type { ProgramOptions } from './program.js';

/** Makes the directory of captures. A Failure says why it cannot be written to. */
export function makeCaptureDirectory(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return resolve(directory);
  } catch (cause) {
    throw new Failure(Exit.failed, `captures cannot be written to "${directory}": ${reasonOf(cause)}`, { cause });
  }
}

/** Ethernet's header with a VLAN tag. */
const FRAME_HEADER_LEN = 18;
/** KiB between the kernel and tcpdump. */
const BUFFER = 8192;

/** How to capture a link into `DIRECTORY/<link>.pcap`. */
export function captureProgram(directory: string, tap: TapPlan, log: string): ProgramOptions {
  const options: readonly string[][] = [
    ['-n', '-i', tap.interface],
    // The kernel's buffer has slots of this size: whole packets, and not so large that there are few.
    ['-s', String(tap.mtu + FRAME_HEADER_LEN), '-B', String(BUFFER)],
    // A packet is in the file as soon as it is seen.
    ['-U', '--immediate-mode'],
    // It stays the user that it is: another could not write here.
    ['-Z', 'root', '-w', join(directory, `${tap.link}.pcap`)],
  ];
  return {
    kind: 'capture',
    place: tap.link,
    namespace: tap.namespace,
    command: ['tcpdump', ...options.flat()],
    log,
    isReady: (line) => line.includes('listening on'),
  };
}

/** Packets that a capture missed, by the last words of its tcpdump. */
export function lostPackets(lastLines: readonly string[]): number {
  return Number(lastLines.map((line) => /^(\d+) packets? dropped by kernel/.exec(line)?.[1]).find((count) => count !== undefined) ?? 0);
}
