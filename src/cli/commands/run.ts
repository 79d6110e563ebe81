/** `run`: the service in the foreground. */
import { Command, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from '../../daemon/log-level.js';
import { PacketThread } from '../../daemon/packet-thread.js';
import type { Supervisor } from '../../daemon/supervisor.js';
import { configOption } from '../argument.js';
import type { Io } from '../io.js';

/** Exit status: 0 it was asked to stop, 1 it failed, 3 the configuration is invalid, 4 a privilege is missing. */
export function runCommand(_io: Io): Command {
  return new Command('run')
    .addOption(configOption())
    .addOption(new Option('--log-level <level>', 'least important lines that are written').choices(LOG_LEVELS).default('info'))
    .action(async ({ config, logLevel }: { config: string; logLevel: LogLevel }) => {
      const early = new EarlySignals();
      const service = await prepare(config, logLevel);
      early.over();
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void service.stop());
      process.on('SIGHUP', () => void service.reload().catch(() => {}));
      if (early.stop) void service.stop();
      for (const kind of ['uncaughtException', 'unhandledRejection'] as const) process.on(kind, (thrown) => service.fail(kind, thrown));
      process.on('exit', () => service.undo());
      await service.begin();
      process.exitCode = await service.ended;
    });
}

/**
 * Signals that come before there is a service. Without a handler they would end the process by its default, a status that
 * a service manager takes for a crash. The configuration is still to be read: to read it again is nothing to do.
 */
class EarlySignals {
  /** Whether the service is to stop before it has begun. */
  stop = false;
  readonly #ask = (): void => {
    this.stop = true;
  };
  readonly #ignore = (): void => {};

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, this.#ask);
    process.on('SIGHUP', this.#ignore);
  }

  /** From now on others listen. */
  over(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, this.#ask);
    process.off('SIGHUP', this.#ignore);
  }
}

/** A service has one packet thread at least, which takes its time to boot: it does so while the rest is loaded and the configuration read. */
async function prepare(config: string, level: LogLevel): Promise<Supervisor> {
  const thread = new PacketThread(0);
  try {
    const [{ openLog }, { Supervisor }] = await Promise.all([import('../../daemon/log.js'), import('../../daemon/supervisor.js')]);
    const log = openLog({ level, pretty: process.stderr.isTTY === true, now: () => performance.now() });
    return Supervisor.prepare(config, log, thread);
  } catch (thrown) {
    await thread.dismiss();
    throw thrown;
  }
}
