/** `docs/commands.md`, written from the command line itself. */
import type { Argument, Command, Option } from 'commander';

const HEAD = `# Commands

<!-- Written from the command line: run \`npx vitest run test/docs/commands.test.ts -u\` after a change there. -->

Every command takes \`--help\`. What prints data takes \`--json\`: keys are stable, streams are one object a line. Colours go to
terminals only, and \`NO_COLOR\` turns them off. Errors go to stderr.

| exit status | means |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | invalid configuration: every problem is named, with its place |
| 4 | a privilege or kernel feature is missing: the message names it and the remedy |

Signals to \`tsunagi run\`: SIGHUP reloads, SIGTERM and SIGINT stop in good order; what was set on the host is unset.
`;

/** The whole document. */
export function commandReference(program: Command): string {
  const leaves = shownCommands(program).filter((command) => command !== program && command.commands.length === 0);
  return `${HEAD}\n${leaves.map(section).join('\n')}`;
}

/** A command and everything below it that the help shows. */
export function shownCommands(command: Command): Command[] {
  return [command, ...command.createHelp().visibleCommands(command).flatMap(shownCommands)];
}

function section(command: Command): string {
  const name = pathOf(command);
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)];
  const table = rows.length === 0 ? '' : `\n| | |\n| --- | --- |\n${rows.join('\n')}\n`;
  return `## \`${name}\`\n\n${sentence(command.description())}\n${table}`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function argumentRow(argument: Argument): string {
  const shown = argument.variadic ? `${argument.name()}...` : argument.name();
  return row(argument.required ? `<${shown}>` : `[${shown}]`, argument.description, argument.argChoices, undefined);
}

function optionRow(option: Option): string {
  const value = option.defaultValueDescription ?? option.defaultValue;
  return row(option.flags, `${option.description}${option.mandatory ? '; required' : ''}`, option.argChoices, value);
}

function row(term: string, description: string, choices: readonly string[] | undefined, value: unknown): string {
  const oneOf = choices === undefined ? '' : `: ${choices.map((choice) => `\`${choice}\``).join(', ')}`;
  const byDefault = value === undefined ? '' : ` (default \`${value}\`)`;
  return `| \`${term}\` | ${description}${oneOf}${byDefault} |`;
}

function sentence(text: string): string {
  return text === '' ? '' : `${text[0].toUpperCase()}${text.slice(1)}.`;
}
