/** Thousands of Teredo clients at one server: through qualification, and an hour of keeping their mappings alive. */
import { expect, test } from 'vitest';
import { World } from '../../src/sim/world.js';
import { resolve } from './resolve.js';
import { crowd } from './teredo-crowd.js';
import { found } from './worlds.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const isLong = process.env.TSUNAGI_LONG !== undefined;
const CLIENTS = isLong ? 10_000 : 1_000;
/** Of processor time: what the clock on the wall shows depends on who else is there. */
const MOST_TIME = isLong ? 180 * SECOND : 20 * SECOND;

test(`${CLIENTS} clients qualify, and keep their addresses for an hour, in ${MOST_TIME / SECOND} s`, { timeout: 1_800_000 }, () => {
  const began = process.cpuUsage();
  const world = new World(crowd(CLIENTS), { resolve, captureLimit: 0, eventBudget: Number.POSITIVE_INFINITY });
  const names = [...world.daemons.keys()];
  const clients = names.filter((name) => name.startsWith('home'));
  const servers = names.filter((name) => name.startsWith('server'));
  const answers = (): number => servers.reduce((sum, name) => sum + world.host(name).account.count('from_daemon'), 0);
  world.run(5 * SECOND);
  const before = clients.map((name) => found(world, name));
  expect(before.filter(({ state }) => state === 'qualified')).toHaveLength(CLIENTS);
  const answered = answers();
  expect(answered).toBe(2 * CLIENTS);
  world.advance(HOUR);
  const { user, system } = process.cpuUsage(began);
  expect(clients.map((name) => found(world, name))).toEqual(before);
  // Every 22.5 to 30 s each of them says a word, RFC 4380 section 5.2.5.
  const refreshes = (answers() - answered) / CLIENTS;
  expect(refreshes).toBeGreaterThan(HOUR / (30 * SECOND));
  expect(refreshes).toBeLessThan(HOUR / (22 * SECOND));
  expect((user + system) / 1_000).toBeLessThan(MOST_TIME);
});
