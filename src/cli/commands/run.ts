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
      const signals = new Signals();
      const service = await prepare(config, logLevel);
      signals.obey(service);
      for (const kind of ['uncaughtException', 'unhandledRejection'] as const) process.on(kind, (thrown) => service.fail(kind, thrown));
      process.on('exit', () => service.undo());
      await service.begin();
      process.exitCode = await service.ended;
    });
}

/**
 * What signals mean: SIGTERM and SIGINT stop the service, SIGHUP has it read its configuration again. One that comes before
 * there is a service is kept for it: by default it would end the process, with a status that a service manager takes for a
 * crash. A configuration that is still to be read need not be read again. Listeners stay for good: a signal that had come
 * and was not delivered yet would be lost with the listener.
 */
class Signals {
  #service: Supervisor | null = null;
  #isToStop = false;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop());
    process.on('SIGHUP', () => void this.#service?.reload().catch(() => {}));
  }

  /** From now on `service` is told. */
  obey(service: Supervisor): void {
    this.#service = service;
    if (this.#isToStop) this.#stop();
  }

  #stop(): void {
    this.#isToStop = true;
    void this.#service?.stop();
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
