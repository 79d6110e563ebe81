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

/** How to capture a link into `DIRECTORY/<link>.pcap`. */
export function captureProgram(directory: string, tap: TapPlan, log: string): ProgramOptions {
  return {
    kind: 'capture',
    place: tap.link,
    namespace: tap.namespace,
    // A packet is in the file as soon as it is seen; whole packets; no other user, who could not write here.
    command: [
      'tcpdump',
      '-n',
      '-i',
      tap.interface,
      '-s',
      '0',
      '-U',
      '--immediate-mode',
      '-Z',
      'root',
      '-w',
      join(directory, `${tap.link}.pcap`),
    ],
    log,
    isReady: (line) => line.includes('listening on'),
  };
}
