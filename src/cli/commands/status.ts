/** `status`: what the running service does, once or every second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { Status } from '../../daemon/status.js';
import { jsonOption } from '../argument.js';
import type { Io } from '../io.js';
import { type ServiceOptions, serviceOptions, withService } from '../service.js';
import { statusLines } from '../status-lines.js';

/** Milliseconds between two looks. */
const PERIOD = 1000;
/** To the upper left corner; what was there is erased line by line, so that nothing flickers. */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

/** Exit status: 0 the service answered, 1 it did not. */
export function statusCommand(io: Io): Command {
  return serviceOptions(new Command('status'))
    .addOption(jsonOption('print JSON; with --watch one object a line'))
    .addOption(new Option('--watch', 'look again every second, until interrupted'))
    .action(async (options: ServiceOptions & { json?: boolean; watch?: boolean }) => {
      const show = options.json === true ? (status: Status) => [JSON.stringify(status)] : (status: Status) => statusLines(status, io);
      const redraw = options.watch === true && options.json !== true && io.interactive;
      await withService(options, async (service) => {
        for (;;) {
          const lines = show((await service.ask({ command: 'status' })) as Status);
          if (redraw) io.out(HOME + lines.map((line) => line + ERASE_LINE).join('\n') + ERASE_BELOW);
          else io.out(lines.join('\n'));
          if (options.watch !== true) return;
          await sleep(PERIOD);
        }
      });
    });
}
