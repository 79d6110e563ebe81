/** `status`: what the running service does, once or every second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { Status } from '../../daemon/status.js';
import { jsonOption } from '../argument.js';
import type { Io } from '../io.js';
import { type ServiceOptions, serviceOptions, withService } from '../service.js';
import { statusLines } from '../status-lines.js';
import { rateLines } from '../status-rates.js';

/** Milliseconds between two looks. */
const PERIOD = 1000;
/** To the upper left corner; what was there is erased line by line, so that nothing flickers. */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

/** What a service answered, and when, milliseconds. */
interface Look {
  readonly status: Status;
  readonly at: number;
}

/** The table, and below it what went through since the look before, if there was one. */
function tableLines(look: Look, before: Look | null, io: Io): string[] {
  const rates = before === null ? [] : rateLines(before.status, look.status, (look.at - before.at) / 1000, io);
  return [...statusLines(look.status, io), ...rates];
}

/** Exit status: 0 the service answered, 1 it did not. */
export function statusCommand(io: Io): Command {
  return serviceOptions(new Command('status'))
    .addOption(jsonOption('print JSON; with --watch one object a line'))
    .addOption(new Option('--watch', 'look again every second, until interrupted, and show what goes through a second, by path'))
    .action(async (options: ServiceOptions & { json?: boolean; watch?: boolean }) => {
      const redraw = options.watch === true && options.json !== true && io.interactive;
      await withService(options, async (service) => {
        let before: Look | null = null;
        for (;;) {
          const status = (await service.ask({ command: 'status' })) as Status;
          const look: Look = { status, at: performance.now() };
          const lines = options.json === true ? [JSON.stringify(status)] : tableLines(look, before, io);
          before = look;
          if (redraw) io.out(HOME + lines.map((line) => line + ERASE_LINE).join('\n') + ERASE_BELOW);
          else io.out(lines.join('\n'));
          if (options.watch !== true) return;
          await sleep(PERIOD);
        }
      });
    });
}
