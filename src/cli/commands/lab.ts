/** `lab`: networks in namespaces, with the real daemon. */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { Exit, Failure } from '../../daemon/failure.js';
import { makeCaptureDirectory } from '../../lab/capture.js';
import { EXECUTABLE, nodeFiles } from '../../lab/daemon.js';
import { demonstrate } from '../../lab/demo.js';
import { describeLab, directoryData, labNamed, topologyNamed } from '../../lab/directory.js';
import { enterCommand, runThrough } from '../../lab/enter.js';
import { keepLab, startKeeper, takeDown } from '../../lab/keeper.js';
import { localeLanguage } from '../../lab/language.js';
import { removeLeftovers } from '../../lab/leftover.js';
import { inUserNamespace, labAccess } from '../../lab/privilege.js';
import { isHeld, makeRunDirectory, readRecords, runDirectory } from '../../lab/record.js';
import { Screen } from '../../lab/screen.js';
import { visit } from '../../lab/transfer.js';
import { serveWeb, WEB_PORT } from '../../lab/web.js';
import { TOPOLOGIES } from '../../topology/topologies.js';
import { jsonOption, wholeNumber } from '../argument.js';
import { columns, type Io, paint } from '../io.js';

/** The networks that there are; the demonstration has all of them, side by side, unless some are named. */
const NAMES = TOPOLOGIES.map(({ name }) => name);

/** `lab list`, `up`, `down`, `demo`, `exec`; and, without a place in the help, what labs run themselves. */
export function labCommand(io: Io): Command {
  return new Command('lab')
    .enablePositionalOptions()
    .addCommand(listCommand(io))
    .addCommand(upCommand(io))
    .addCommand(downCommand(io))
    .addCommand(demoCommand(io))
    .addCommand(execCommand(io))
    .addCommand(keepCommand(), { hidden: true })
    .addCommand(webCommand(), { hidden: true })
    .addCommand(visitCommand(io), { hidden: true });
}

/** Exit status: 0. */
function listCommand(io: Io): Command {
  return new Command('list')
    .description('list the networks, and the labs that run')
    .addOption(jsonOption('print {networks, labs} as JSON'))
    .action(async ({ json = false }: { json?: boolean }) => {
      const run = await openRunDirectory(io);
      if (json) return io.out(JSON.stringify(directoryData(run)));
      const labs = readRecords(run).filter(isHeld);
      for (const line of columns(TOPOLOGIES.map(({ name, title }) => [paint(io, 'bold', name), title[localeLanguage()]]))) io.out(line);
      if (labs.length > 0) io.out('');
      for (const lab of labs) io.out(describeLab(lab));
    });
}

/** Exit status: 0 the lab is up, 1 it is not, 4 namespaces cannot be made. */
function upCommand(io: Io): Command {
  return new Command('up')
    .description('bring a network up, and leave it up')
    .addArgument(nameArgument())
    .addOption(captureOption())
    .addOption(jsonOption('print {id, network} as JSON'))
    .action(async (name: string, { capture, json = false }: { capture?: string; json?: boolean }) => {
      const topology = topologyNamed(name);
      const access = await labAccess();
      const run = await openRunDirectory(io);
      const screen = screenOf(io);
      const captures = capture === undefined ? null : makeCaptureDirectory(capture);
      const onStep = (step: { en: string; ja: string }): void => screen.status(`${name}: ${screen.say(step)} …`);
      const id = await startKeeper(topology, { run, access, captures, onStep }).finally(() => screen.status(''));
      if (json) return io.out(JSON.stringify({ id, network: name }));
      io.out(screen.say({ en: `${name} is up as lab ${id}`, ja: `${name} をラボ ${id} として起動しました` }));
      const [path] = topology.paths;
      if (path !== undefined) io.err(`  ${programName()} lab exec ${id} ${path.from} ping -c 3 ${path.to}`);
      const daemon = topology.nodes.find((node) => node.daemon !== undefined)?.name;
      if (daemon !== undefined) io.err(`  ${programName()} status --control ${nodeFiles(join(run, id), daemon).control}`);
      return io.err(`  ${programName()} lab down ${id}`);
    });
}

/** Exit status: 0 it is removed, 1 there is none or not everything could be removed. */
function downCommand(io: Io): Command {
  return new Command('down')
    .description('remove a lab')
    .argument('<name>', 'network, or id of a lab')
    .action(async (name: string) => {
      const run = await openRunDirectory(io);
      const record = labNamed(run, name);
      await takeDown(run, record);
      io.out(`lab ${record.id} (${record.topology}) is removed`);
    });
}

interface DemoCommandOptions {
  readonly once?: boolean;
  readonly keep?: boolean;
  readonly json?: boolean;
  readonly capture?: string;
}

/** Exit status: 0 every path works, 1 one does not, 4 namespaces cannot be made. */
function demoCommand(io: Io): Command {
  return new Command('demo')
    .description('bring the demonstration internet up, check every path, and stay until Ctrl-C')
    .addArgument(new Argument('[networks...]', 'networks').choices(NAMES).default(NAMES, 'all'))
    .addOption(new Option('--once', 'end after the report'))
    .addOption(new Option('--keep', 'leave the labs up at the end'))
    .addOption(captureOption())
    .addOption(jsonOption('print each report as JSON, one object a line'))
    .action(async (networks: readonly string[], { once = false, keep = false, json = false, capture }: DemoCommandOptions) => {
      const access = await labAccess();
      const run = await openRunDirectory(io);
      if (access === 'user-namespace') {
        const { command, env } = inUserNamespace(run, [process.execPath, EXECUTABLE, ...process.argv.slice(2)]);
        process.exitCode = await runThrough(command, env);
        return;
      }
      const captures = capture === undefined ? null : makeCaptureDirectory(capture);
      const options = { run, once, keep, json, captures, program: programName() };
      process.exitCode = await demonstrate([...new Set(networks)].map(topologyNamed), options, screenOf(io));
    });
}

/** Exit status: the command's own; 128 and the number of the signal that ended it. */
function execCommand(io: Io): Command {
  return new Command('exec')
    .description('run a command on a node; nodes have names there')
    .argument('<name>', 'network, or id of a lab')
    .argument('<node>', 'node')
    .argument('<command...>', 'command and its arguments')
    .passThroughOptions()
    .action(async (name: string, node: string, command: readonly string[]) => {
      const run = await openRunDirectory(io);
      process.exitCode = await runThrough(enterCommand(run, labNamed(run, name), node, command));
    });
}

/** The keeper of `lab up`. */
function keepCommand(): Command {
  return new Command('keep')
    .addArgument(nameArgument())
    .addOption(captureOption())
    .action(async (name: string, { capture }: { capture?: string }) => {
      process.exitCode = await keepLab(topologyNamed(name), runDirectory(), capture ?? null);
    });
}

/** The web server of a node. */
function webCommand(): Command {
  return new Command('web')
    .addOption(new Option('--port <n>', 'TCP port').argParser(wholeNumber(0, 65_535)).default(WEB_PORT))
    .action(async ({ port }: { port: number }) => {
      await serveWeb(port);
    });
}

/** A visitor of it. */
function visitCommand(io: Io): Command {
  return new Command('visit')
    .argument('<address>', 'IPv6 address of the server')
    .addArgument(new Argument('<port>', 'its TCP port').argParser(wholeNumber(1, 65_535)))
    .action(async (address: string, port: number) => {
      try {
        io.out(JSON.stringify(await visit(address, port)));
      } catch (cause) {
        throw new Failure(Exit.failed, visitFailure(cause), { cause });
      }
    });
}

function visitFailure(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}

/** Finds the run directory, and clears away what dead labs have left in it. */
async function openRunDirectory(io: Io): Promise<string> {
  const run = runDirectory();
  makeRunDirectory(run);
  for (const { record, processes } of await removeLeftovers(run)) {
    io.err(
      `removed what was left of lab ${record.id} (${record.topology}), whose process ${record.keeper.pid} had died: ${record.namespaces.length} namespaces, ${processes} processes`,
    );
  }
  return run;
}

function nameArgument(): Argument {
  return new Argument('<name>', 'network').choices(NAMES);
}

function captureOption(): Option {
  return new Option('--capture <dir>', 'write what crosses each link to DIR/<link>.pcap');
}

function screenOf(io: Io): Screen {
  const { stderr } = process;
  const terminal = stderr.isTTY ? { write: (text: string) => void stderr.write(text), columns: () => stderr.columns || 80 } : null;
  // A terminal that was closed takes nothing any more; what follows from that comes as SIGHUP.
  if (terminal !== null) stderr.on('error', () => {});
  return new Screen({ language: localeLanguage(), colours: io.colours, out: io.out, err: io.err, terminal });
}

/** How a person starts this program from where they are. */
function programName(): string {
  const started = resolve(process.argv[1] ?? EXECUTABLE);
  const isInstalled = started !== EXECUTABLE || !existsSync(EXECUTABLE);
  return isInstalled ? 'tsunagi' : `node ${relative(process.cwd(), EXECUTABLE)}`;
}
