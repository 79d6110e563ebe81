/** Errors that end the program with a status a shell can tell apart. */

/** Exit status of every command. */
export const Exit = {
  done: 0,
  failed: 1,
  /** Wrong usage of the command line. */
  usage: 2,
  /** Invalid configuration. */
  configuration: 3,
  /** A privilege or kernel feature is missing. */
  privilege: 4,
} as const;

/** Ends a command: the message goes to the user as it is, the status to the shell. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exit: number;
  /** Details a program can read, one a line for people. */
  readonly details: readonly string[];

  constructor(exit: number, message: string, options: { readonly details?: readonly string[]; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exit = exit;
    this.details = options.details ?? [];
  }
}

/** What went wrong, in one line, for whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
