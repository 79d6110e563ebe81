import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { invoke } from './invoke.js';

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(await invoke('--version')).toEqual({ status: 0, out: [version], err: [] });
});

test('--help lists every command with its summary, and what the exit statuses mean', async () => {
  const { status, out, err } = await invoke('--help');
  const text = out.join('\n');
  expect([status, err]).toEqual([0, []]);
  for (const { name, summary } of COMMANDS) expect(text).toMatch(new RegExp(`^  ${name} .*${summary.split(' ')[0]}`, 'm'));
  expect(text).toContain('4 a privilege or kernel feature is missing');
});

test.each(COMMANDS.map(({ name }) => name))('%s --help tells its options', async (name) => {
  const { status, out } = await invoke(name, '--help');
  expect([status, out.join('\n')]).toEqual([0, expect.stringContaining(`Usage: tsunagi ${name}`)]);
});

test('without a command the overview goes to stderr: that is wrong usage', async () => {
  const { status, out, err } = await invoke();
  expect([status, out, err.join('\n')]).toEqual([2, [], expect.stringContaining('Usage: tsunagi')]);
});

test.each([
  [['staus'], "unknown command 'staus'", 'Did you mean status?'],
  [['adress', 'decode'], "unknown command 'adress'", 'Did you mean address?'],
  [['status', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?'],
  [['address', 'decod'], "unknown command 'decod'", 'Did you mean decode?'],
  [['check', 'file.toml'], 'too many arguments', ''],
  [['drain', '--seconds', '-1'], 'Expected a whole number from 0 to 86400.', ''],
  [['drain', '--seconds', '1e9'], 'Expected a whole number from 0 to 86400.', ''],
  [['run', '--log-level', 'loud'], 'Allowed choices are debug, info, warn, error, silent.', ''],
  [['address'], 'Usage: tsunagi address', ''],
])('%j is wrong usage, says what is wrong and what may be meant', async (args, what, meant) => {
  const { status, out, err } = await invoke(...args);
  expect([status, out]).toEqual([2, []]);
  expect(err.join('\n')).toContain(what);
  expect(err.join('\n')).toContain(meant);
});
