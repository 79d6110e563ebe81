import { expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { memoryIo } from '../cli/invoke.js';
import { commandReference, shownCommands } from './command-reference.js';

const program = await buildProgram(memoryIo().io, () => true);

test('docs/commands.md is what the command line says of itself', async () => {
  await expect(commandReference(program)).toMatchFileSnapshot('../../docs/commands.md');
});

test('every command, argument and option says what it is for', () => {
  for (const command of shownCommands(program)) {
    expect([command.name(), command.description()]).toEqual([command.name(), expect.stringMatching(/\w/)]);
    for (const option of command.options) expect([command.name(), option.flags, option.description]).not.toContain('');
    for (const argument of command.registeredArguments) expect([command.name(), argument.name(), argument.description]).not.toContain('');
  }
});
