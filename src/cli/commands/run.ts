/** `run`: the service in the foreground. */
import { Command, Option } from 'commander';
import { LOG_LEVELS, type LogLevel, openLog } from '../../daemon/log.js';
import { Supervisor } from '../../daemon/supervisor.js';
import { configOption } from '../argument.js';
import type { Io } from '../io.js';

/** Exit status: 0 it was asked to stop, 1 it failed, 3 the configuration is invalid, 4 a privilege is missing. */
export function runCommand(_io: Io): Command {
  return new Command('run')
    .addOption(configOption())
    .addOption(new Option('--log-level <level>', 'least important lines that are written').choices(LOG_LEVELS).default('info'))
    .action(async ({ config: file, logLevel }: { config: string; logLevel: LogLevel }) => {
      const log = openLog({ level: logLevel, pretty: process.stderr.isTTY === true, now: () => performance.now() });
      const service = Supervisor.prepare(file, log);
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void service.stop());
      process.on('SIGHUP', () => void service.reload().catch(() => {}));
      for (const kind of ['uncaughtException', 'unhandledRejection'] as const) process.on(kind, (thrown) => service.fail(kind, thrown));
      process.on('exit', () => service.undo());
      await service.begin();
      process.exitCode = await service.ended;
    });
}
