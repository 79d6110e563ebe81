/** Runs a command line in this process. */
import type { Io } from '../../src/cli/io.js';
import { runProgram } from '../../src/cli/program.js';

/** What a command line came to. */
export interface Outcome {
  readonly status: number;
  readonly out: string[];
  readonly err: string[];
}

/** An outside that remembers. */
export function memoryIo(over: Partial<Io> = {}): { io: Io; out: string[]; err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), interactive: false, colours: false, ...over };
  return { io, out, err };
}

/** Runs `args` and returns what was printed. */
export async function invoke(...args: string[]): Promise<Outcome> {
  const { io, out, err } = memoryIo();
  return { status: await runProgram(args, io), out, err };
}
