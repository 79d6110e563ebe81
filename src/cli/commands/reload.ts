/** `reload`: the running service reads its configuration again; an invalid one changes nothing. */
import { Command } from 'commander';
import type { ReloadResult } from '../../daemon/supervisor.js';
import { jsonOption } from '../argument.js';
import type { Io } from '../io.js';
import { type ServiceOptions, serviceOptions, withService } from '../service.js';

/** Exit status: 0 the new configuration is in force, 3 it is invalid and the old one goes on, 1 no answer. */
export function reloadCommand(io: Io): Command {
  return serviceOptions(new Command('reload'))
    .addOption(jsonOption('print {added, removed, changed, unchanged, notes} as JSON'))
    .action(async (options: ServiceOptions & { json?: boolean }) => {
      const result = (await withService(options, (service) => service.ask({ command: 'reload' }))) as ReloadResult;
      if (options.json === true) return io.out(JSON.stringify(result));
      const changes = (['added', 'removed', 'changed', 'unchanged'] as const).filter((kind) => result[kind].length > 0);
      io.out(`reloaded: ${changes.map((kind) => `${kind} ${result[kind].join(', ')}`).join('; ')}`);
      for (const note of result.notes) io.out(note);
    });
}
