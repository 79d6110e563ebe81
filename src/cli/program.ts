/** The command line as a whole: finds the command, runs it, and turns what happens into an exit status. */
import { Command, CommanderError } from 'commander';
import { Exit, Failure } from '../daemon/failure.js';
import { packageVersion } from '../daemon/version.js';
import { COMMANDS } from './commands.js';
import type { Io } from './io.js';

const ABOUT = 'Every IPv6-over-IPv4 automatic tunnel, every role, in one program.';
const STATUSES = `
Exit status: 0 done, 1 failed, 2 wrong usage, 3 invalid configuration, 4 a privilege or kernel feature is missing.`;

/** Runs the command line `args` (without node and script) and returns the exit status. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await buildProgram(io, (name) => name === args.find((arg) => !arg.startsWith('-')));
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return Exit.usage;
    }
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? Exit.done);
  } catch (thrown) {
    return exitOf(thrown, io);
  }
}

/** The program with those commands whole that `wanted` picks; of the others it knows name and summary. */
export async function buildProgram(io: Io, wanted: (name: string) => boolean): Promise<Command> {
  const program = new Command('tsunagi')
    .enablePositionalOptions()
    .description(ABOUT)
    .version(packageVersion())
    .addHelpText('after', STATUSES);
  for (const entry of COMMANDS) {
    const command = wanted(entry.name) ? await entry.load(io) : new Command(entry.name);
    program.addCommand(command.description(entry.summary));
  }
  for (const command of commandTree(program)) {
    command
      .helpCommand(false)
      .exitOverride()
      .configureOutput({
        writeOut: (text) => io.out(text.trimEnd()),
        writeErr: (text) => io.err(text.trimEnd()),
        getOutHasColors: () => io.colours,
      });
    if (command.commands.length === 0) command.allowExcessArguments(false);
  }
  return program;
}

/** A command and everything below it. */
export function commandTree(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandTree)];
}

function exitOf(thrown: unknown, io: Io): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? Exit.done : Exit.usage;
  if (thrown instanceof Failure) {
    io.err(`tsunagi: ${thrown.message}`);
    for (const detail of thrown.details) io.err(`  ${detail}`);
    return thrown.exit;
  }
  io.err(`tsunagi: ${thrown instanceof Error ? thrown.stack : thrown}`);
  return Exit.failed;
}
