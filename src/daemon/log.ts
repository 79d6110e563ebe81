/**
 * The log: one JSON object a line on stderr, short coloured lines where stderr is a terminal.
 *
 * A message names a kind of event and never holds values; those go into fields. Each kind may speak
 * `BURST` times in `WINDOW` milliseconds, so that no traffic fills a disk; the first line of a kind
 * after that tells in `suppressed` how many were left out.
 */
import { writeFileSync } from 'node:fs';
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './log-level.js';

/** Lines of one kind in one window. */
export const BURST = 10;
/** Length of a window, milliseconds. */
export const WINDOW = 10_000;
/** Kinds that are told apart; more than the program has. */
const MAX_KINDS = 256;

/** Values that belong to an event. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where the service tells what happens. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** How a log is opened. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Short lines for people rather than JSON. */
  readonly pretty: boolean;
  /** Where lines go; default: stderr. */
  readonly stream?: DestinationStream;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Standard error. A line is written at once, so that the last before an exit is not lost. */
const STDERR: DestinationStream = {
  write(line) {
    try {
      writeFileSync(2, line);
    } catch {
      // The disk is full, or the reader slow or gone: the line is lost, and packets go on.
    }
  },
};

/** Opens the log. */
export function openLog(options: LogOptions): Log {
  const stderr = options.stream ?? STDERR;
  const stream = options.pretty ? { write: (line: string) => stderr.write(formatLine(line)) } : stderr;
  const writer = pino(
    { level: options.level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    stream,
  );
  const limit = new KindLimit(options.now);
  const at =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: Fields = {}): void => {
      if (!writer.isLevelEnabled(level)) return;
      const suppressed = limit.admit(message);
      if (suppressed >= 0) writer[level](suppressed === 0 ? fields : { ...fields, suppressed }, message);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

interface Kind {
  since: number;
  written: number;
  suppressed: number;
}

class KindLimit {
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many lines of this kind were left out since the last one, or -1: leave this one out as well. */
  admit(message: string): number {
    const now = this.#now();
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
      kind = { since: now, written: 0, suppressed: 0 };
      this.#kinds.set(message, kind);
    }
    if (now - kind.since >= WINDOW) {
      kind.since = now;
      kind.written = 0;
    }
    if (kind.written >= BURST) {
      kind.suppressed++;
      return -1;
    }
    kind.written++;
    const { suppressed } = kind;
    kind.suppressed = 0;
    return suppressed;
  }
}

const COLOURS: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 };

/** `12:00:00 info  message  key=value`: one line of the JSON log for people. */
export function formatLine(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${plain(value)}`);
  const word = String(level);
  return `${clock} \x1b[${COLOURS[word] ?? 0}m${word.padEnd(5)}\x1b[0m ${[String(msg), ...pairs].join('  ')}\n`;
}

/** A value as people write it; quoted as soon as it holds anything that a terminal could act upon. */
function plain(value: unknown): string {
  return typeof value === 'string' && /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : JSON.stringify(value);
}
