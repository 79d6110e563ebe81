import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Scheduler } from '../../src/sim/scheduler.js';

test('events happen by time, and at the same time in the order of asking', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (times) => {
      const scheduler = new Scheduler();
      const happened: [at: number, i: number][] = [];
      for (const [i, at] of times.entries()) scheduler.at(at, () => happened.push([scheduler.now, i]));
      expect(scheduler.run(20)).toBe(times.length);
      // The obvious model: a stable sort by time.
      expect(happened).toEqual(times.map((at, i) => [at, i]).sort((a, b) => a[0] - b[0]));
    }),
    { seed: 1 },
  );
});

test('what events ask for happens in its turn, and never in the past', () => {
  const scheduler = new Scheduler();
  const happened: string[] = [];
  scheduler.at(5, () => {
    happened.push('a');
    scheduler.at(1, () => happened.push(`late at ${scheduler.now}`));
    scheduler.after(0, () => happened.push('next'));
  });
  scheduler.at(5, () => happened.push('b'));
  scheduler.run(10);
  expect(happened).toEqual(['a', 'b', 'late at 5', 'next']);
});

test('a run goes on to its end and no further; what is cancelled does not happen', () => {
  const scheduler = new Scheduler();
  const happened: number[] = [];
  for (const at of [1, 2, 3]) scheduler.at(at, () => happened.push(at));
  scheduler.at(2, () => happened.push(99)).action = null;
  expect(scheduler.run(2.5)).toBe(2);
  expect([scheduler.now, scheduler.next, happened]).toEqual([2.5, 3, [1, 2]]);
  scheduler.run(10);
  expect([scheduler.now, scheduler.next, happened]).toEqual([10, Infinity, [1, 2, 3]]);
});

test('a run that is done early stops at the time of the event that did it', () => {
  const scheduler = new Scheduler();
  let done = false;
  scheduler.at(3, () => {
    done = true;
  });
  scheduler.at(4, () => expect.unreachable());
  scheduler.run(10, () => done);
  expect(scheduler.now).toBe(3);
});

test('a world that does not come to rest is given up, with times and numbers in the message', () => {
  const scheduler = new Scheduler(1000);
  const again = (): void => void scheduler.after(0, again);
  scheduler.at(7, again);
  expect(() => scheduler.run(100)).toThrow(
    expect.objectContaining({
      code: 'event_budget',
      message: expect.stringMatching(/^1000 events between 0 ms and 7 ms, 100 ms not reached/),
    }),
  );
});
