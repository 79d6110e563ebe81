/** Clients, a server and a relay that talk all day long: what they keep does not grow. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { peers } from '../../src/core/counters.js';
import { World } from '../../src/sim/world.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import { resolve } from './resolve.js';
import { found } from './worlds.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const isLong = process.env.TSUNAGI_LONG !== undefined;
const DAYS = isLong ? 7 : 1;
/** Until then everything has been allocated that ever is. */
const WARM = isLong ? DAY : DAY / 2;
/** Octets: what V8 makes of code that it knows better by and by. A hundred for each packet would be more. */
const MOST_GROWN = 2 * 2 ** 20;
const PCS = ['kanda', 'osaki', 'ebisu', 'gotanda', 'tabata', 'sugamo', 'mejiro', 'nippori'];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Octets in use, of the heap and outside of it. */
function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Sends an echo request, and does not wait. */
function say(world: World, from: string, to: string, n: number): void {
  const address = world.addressOf(to);
  if (address !== null) world.host(from).echo(address, 1, n & 0xffff, 8, 64);
}

test(`in ${DAYS === 1 ? 'a day' : 'a week'} of talk, with NATs that forget now and then, nothing grows`, { timeout: 1_800_000 }, () => {
  const world = new World(teredoInternet, { resolve, captureLimit: 0, eventBudget: Number.POSITIVE_INFINITY });
  let grown = 0;
  for (let minute = 0; minute < (DAYS * DAY) / MINUTE; minute++) {
    const one = PCS[minute % PCS.length];
    const other = PCS[(minute * 3 + 1) % PCS.length];
    if (minute % 2 === 0) say(world, one, 'web', minute);
    else say(world, 'web', one, minute);
    if (one !== other) say(world, one, other, minute);
    // Every home has another address once in a day, at another time.
    if (minute % 180 === 0) world.host(`nat-${PCS[(minute / 180) % PCS.length]}`).nat?.forget();
    world.advance(MINUTE);
    if (minute === WARM / MINUTE) grown -= memory();
  }
  grown += memory();
  expect(grown).toBeLessThan(MOST_GROWN);
  for (const name of PCS) {
    expect(found(world, name)).toMatchObject({ state: 'qualified' });
    expect(peers([world.daemon(name).counters.row], 0)).toBeLessThanOrEqual(PCS.length);
  }
  // Of those whose addresses are others' by now it still knows some: nobody has come who needs their places.
  expect(peers([world.daemon('shinjuku').counters.row], 0)).toBeLessThanOrEqual(PCS.length * (DAYS + 1));
  expect(world.unaccounted()).toBe(0);
});
