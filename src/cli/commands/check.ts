/** `check`: everything that is wrong with a configuration on this host, before a service has to live with it. */
import { Command } from 'commander';
import { formatProblem } from '../../config/load.js';
import { readConfiguration } from '../../daemon/configuration.js';
import { Exit, Failure } from '../../daemon/failure.js';
import { NO_FINDINGS } from '../../engine/spec.js';
import { configOption, jsonOption } from '../argument.js';
import type { Io } from '../io.js';

/** Exit status: 0 it is valid (there may be warnings), 3 it is not. */
export function checkCommand(io: Io): Command {
  return new Command('check')
    .addOption(configOption())
    .addOption(jsonOption('print {valid, problems} as JSON'))
    .action(({ config: file, json = false }: { config: string; json?: boolean }) => {
      const { configuration, problems } = readConfiguration(file, new Map(), NO_FINDINGS);
      const valid = configuration !== null;
      if (json) io.out(JSON.stringify({ valid, problems }));
      else for (const problem of problems) io.out(formatProblem(problem));
      const errors = problems.filter(({ severity }) => severity === 'error').length;
      if (!valid) throw new Failure(Exit.configuration, `${file} is invalid: ${errors === 1 ? 'one error' : `${errors} errors`}`);
      if (json) return;
      io.out(`${file} is valid`);
      for (const { name, down } of configuration.node.tunnels) {
        if (down !== null) io.out(`tunnel ${name} would be down here until this changes: ${down}`);
      }
    });
}
