/** `drain` and `resume`: the running service takes its leave, or thinks better of it. */
import { Command, Option } from 'commander';
import { MAX_DRAIN } from '../../daemon/control.js';
import { jsonOption, wholeNumber } from '../argument.js';
import type { Io } from '../io.js';
import { type ServiceOptions, serviceOptions, withService } from '../service.js';

/** Exit status: 0 the service has agreed, 1 no answer. */
export function drainCommand(io: Io): Command {
  return serviceOptions(new Command('drain'))
    .addOption(
      new Option('--seconds <n>', 'how long to go on before stopping; `resume` calls it off until then')
        .argParser(wholeNumber(0, MAX_DRAIN))
        .default(0),
    )
    .addOption(jsonOption('print {state, seconds} as JSON'))
    .action(async ({ seconds, json, ...service }: ServiceOptions & { seconds: number; json?: boolean }) => {
      const result = await withService(service, (running) => running.ask({ command: 'drain', seconds }));
      io.out(json === true ? JSON.stringify(result) : seconds === 0 ? 'the service stops' : `the service stops in ${seconds} s`);
    });
}

/** Exit status: 0 the service goes on, 1 it was not draining, or no answer. */
export function resumeCommand(io: Io): Command {
  return serviceOptions(new Command('resume'))
    .addOption(jsonOption('print {state} as JSON'))
    .action(async ({ json, ...service }: ServiceOptions & { json?: boolean }) => {
      const result = await withService(service, (running) => running.ask({ command: 'resume' }));
      io.out(json === true ? JSON.stringify(result) : 'the service goes on');
    });
}
