/** Entry point of the command line. */
import { processIo } from './io.js';
import { runProgram } from './program.js';

/** Runs one command line and returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  return runProgram(args, processIo());
}
