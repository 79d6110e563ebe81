import { expect, test } from 'vitest';
import { BURST, WINDOW } from '../../src/daemon/log.js';
import { makeLog } from './log-lines.js';

test('a line is one JSON object with time, level, message and fields', () => {
  const { log, lines } = makeLog();
  log.info('ready', { tunnels: 2 });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), tunnels: 2, msg: 'ready' },
  ]);
  expect(lines[0].endsWith('}\n')).toBe(true);
});

test('what is below the level is left out', () => {
  const { log, lines } = makeLog({ level: 'warn' });
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd']);
});

test('one kind of event cannot flood the log, and others are not silenced by it', () => {
  const { log, lines, clock } = makeLog();
  for (let i = 0; i < BURST + 100; i++) log.warn('address changed', { i });
  log.info('ready');
  expect(lines.length).toBe(BURST + 1);

  clock.now += WINDOW;
  log.warn('address changed');
  log.warn('address changed');
  expect(lines.slice(BURST + 1).map((line) => JSON.parse(line).suppressed)).toEqual([100, undefined]);
});

test('on a terminal a line is short, and nothing in it can drive the terminal', () => {
  const { log, lines } = makeLog({ pretty: true });
  log.warn('address changed', { tunnel: 'home', now: null, evil: '\x1b[2J\n', spaced: 'a b' });
  expect(lines[0].slice(8)).toBe(' \x1b[33mwarn \x1b[0m address changed  tunnel=home  now=null  evil="\\u001b[2J\\n"  spaced="a b"\n');
});
