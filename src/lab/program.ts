/**
 * A program that runs in a namespace for as long as its lab does. It is ready when it says so, and what
 * it says is kept in a file, and the last lines of it at hand for the day when it dies.
 *
 * It runs in a session of its own, so that Ctrl-C ends the lab, which then ends it in order; and the
 * kernel ends it when the lab's process dies, however that dies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Exit, Failure } from '../daemon/failure.js';
import { labEnvironment } from './command.js';
import { inNamespace } from './network.js';
import { GRACE, type ProcessName, processName } from './process.js';
import type { ProgramRecord } from './record.js';

/** What is run, and how it says that it is ready. */
export interface ProgramOptions extends Pick<ProgramRecord, 'kind' | 'place'> {
  readonly namespace: string;
  readonly command: readonly string[];
  /** File to which its stderr is appended. */
  readonly log: string;
  /** Whether a line of its stderr says that it is ready. */
  readonly isReady: (line: string) => boolean;
}

/** How it ended, for people. */
export interface Death {
  readonly kind: string;
  readonly place: string;
  /** `exit status 1`, `SIGKILL`. */
  readonly how: string;
  /** The last it said, oldest first. */
  readonly lastLines: readonly string[];
}

/** Milliseconds until a program is ready. */
const READY_PATIENCE = 20_000;
/** Octets of a log file; what is said after that is lost. */
const MAX_LOG = 8 << 20;
/** Characters of a line; the rest is cut. */
const MAX_LINE = 4096;
const LAST_LINES = 8;

/** A running program. */
export class Program {
  readonly kind: string;
  readonly place: string;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<Death>;
  readonly #child: ChildProcess;
  readonly #name: ProcessName;

  private constructor({ kind, place }: ProgramOptions, child: ChildProcess, name: ProcessName, ended: Promise<Death>) {
    this.kind = kind;
    this.place = place;
    this.ended = ended;
    this.#child = child;
    this.#name = name;
  }

  /** Starts it; `ready` resolves when it says that it is, and rejects with a Failure when it ends before. */
  static start(options: ProgramOptions): { readonly program: Program; readonly ready: Promise<void> } {
    const [file, ...args] = ['setpriv', '--pdeathsig', 'TERM', ...inNamespace(options.namespace, options.command)];
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: labEnvironment() });
    const name = child.pid === undefined ? null : processName(child.pid);
    if (child.stderr === null || name === null)
      throw new Failure(Exit.failed, `${titleOf(options)} cannot be started: ${file} cannot be run`);
    const lines = new Lines(createWriteStream(options.log, { flags: 'a' }));
    child.stderr.setEncoding('utf8').on('data', (text: string) => lines.take(text));
    const ended = new Promise<Death>((resolve) => {
      child.once('error', () => {}); // `close` follows
      child.once('close', (status, signal) => {
        lines.end();
        resolve({ kind: options.kind, place: options.place, how: signal ?? `exit status ${status}`, lastLines: lines.last });
      });
    });
    const program = new Program(options, child, name, ended);
    const ready = program.#ready(lines, options.isReady);
    ready.catch(() => {}); // whoever awaits it learns of it; nobody may have come to that yet
    return { program, ready };
  }

  get record(): ProgramRecord {
    return { kind: this.kind, place: this.place, process: this.#name };
  }

  /** Ends it: SIGTERM, and SIGKILL when that was not enough. Resolves when it has ended. */
  async stop(): Promise<Death> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE);
    const death = await this.ended;
    clearTimeout(timer);
    return death;
  }

  /** The same for a process that is about to end itself: nothing is waited for. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ready(lines: Lines, isReady: (line: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void =>
        reject(
          new Failure(Exit.failed, `${titleOf(this)} ${what}${lines.last.length > 0 ? '; it said last:' : ''}`, { details: lines.last }),
        );
      const timer = setTimeout(fail, READY_PATIENCE, `was not ready after ${READY_PATIENCE / 1000} s`);
      lines.watch = (line) => {
        if (!isReady(line)) return;
        lines.watch = null;
        clearTimeout(timer);
        resolve();
      };
      void this.ended.then(({ how }) => {
        clearTimeout(timer);
        fail(`ended before it was ready (${how})`);
      });
    });
  }
}

/** `daemon on otemachi`. */
export function titleOf({ kind, place }: { readonly kind: string; readonly place: string }): string {
  return `${kind} on ${place}`;
}

/** Cuts what a program says into lines, bounded in length and number. */
class Lines {
  readonly last: string[] = [];
  /** Sees every line. */
  watch: ((line: string) => void) | null = null;
  readonly #file: WriteStream;
  #written = 0;
  #rest = '';

  constructor(file: WriteStream) {
    file.on('error', () => {}); // a full disk must not end the lab
    this.#file = file;
  }

  take(text: string): void {
    this.#write(text);
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) this.#line(line.slice(0, MAX_LINE));
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#file.end();
  }

  #write(text: string): void {
    if (this.#written >= MAX_LOG) return;
    this.#written += text.length;
    this.#file.write(this.#written < MAX_LOG ? text : '\nthe log is full\n');
  }

  #line(line: string): void {
    this.last.push(line);
    if (this.last.length > LAST_LINES) this.last.shift();
    this.watch?.(line);
  }
}
