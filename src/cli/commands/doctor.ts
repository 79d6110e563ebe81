/** `doctor`: what keeps tunnels on this host from working, where, and what to do. */
import { Command } from 'commander';
import { type Diagnosis, diagnose, type Severity } from '../../daemon/diagnosis.js';
import { Exit, Failure } from '../../daemon/failure.js';
import { configOption, jsonOption } from '../argument.js';
import { columns, type Io, paint } from '../io.js';

const COLOURS: Readonly<Record<Severity, Parameters<typeof paint>[1]>> = { problem: 'red', warning: 'yellow', note: 'dim', ok: 'green' };

/** Exit status: 0 nothing keeps tunnels from working, 1 something does. */
export function doctorCommand(io: Io): Command {
  return new Command('doctor')
    .addOption(configOption())
    .addOption(jsonOption('print {findings} as JSON'))
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      const findings = await diagnose(config, Date.now());
      if (json === true) io.out(JSON.stringify({ findings }));
      else io.out(findingLines(findings, io).join('\n'));
      const problems = findings.filter(({ severity }) => severity === 'problem').length;
      if (problems > 0) throw new Failure(Exit.failed, problems === 1 ? 'there is a problem' : `there are ${problems} problems`);
    });
}

/** A line each, the remedy below it. */
export function findingLines(findings: readonly Diagnosis[], io: Io): string[] {
  const heads = columns(
    findings.map(({ severity, check, where, what }) => [paint(io, COLOURS[severity], severity), check, `${where}: ${what}`]),
  );
  return findings.flatMap(({ remedy }, i) => [heads[i], ...(remedy === '' ? [] : [`         -> ${remedy}`])]);
}
