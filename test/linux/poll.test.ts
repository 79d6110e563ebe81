import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Arena } from '../../src/linux/arena.js';
import { drain, openEvent, signal } from '../../src/linux/eventfd.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';

let arena: Arena;
const open: number[] = [];
beforeEach(() => {
  arena = new Arena(1 << 16);
});
afterEach(() => {
  open.splice(0).forEach(close);
  arena.unmap();
});

function events(n: number): number[] {
  const fds = Array.from({ length: n }, openEvent);
  open.push(...fds);
  return fds;
}

test('of many descriptors, exactly those are ready that something waits in, until it is taken', () => {
  const fds = events(5);
  const poller = new Poller(arena, fds);
  const ready = (): boolean[] => fds.map((_, i) => poller.ready(i));
  expect([poller.wait(0), ready()]).toEqual([0, [false, false, false, false, false]]);
  for (const i of [1, 4]) signal(fds[i]);
  expect([poller.wait(Number.POSITIVE_INFINITY), ready()]).toEqual([2, [false, true, false, false, true]]);
  drain(fds[1]);
  expect([poller.wait(0), ready()]).toEqual([1, [false, false, false, false, true]]);
});

test('a doorbell that rang often rang once, and one that did not ring can be answered', () => {
  const [bell] = events(1);
  const poller = new Poller(arena, [bell]);
  drain(bell);
  for (let i = 0; i < 1000; i++) signal(bell);
  expect(poller.wait(0)).toBe(1);
  drain(bell);
  expect(poller.wait(0)).toBe(0);
});

test('what is no doorbell does not ring', () => {
  expect(() => signal(-1)).toThrow('write(eventfd -1): EBADF');
});

test('waiting ends when time is over, however small or large it is said to be', () => {
  const poller = new Poller(arena, events(1));
  const before = performance.now();
  for (let i = 0; i < 30; i++) expect(poller.wait(0.4)).toBe(0);
  expect(performance.now() - before).toBeGreaterThanOrEqual(30 * 0.4);
  for (const none of [0, -1, -1e12]) expect(poller.wait(none)).toBe(0);
});

test('a descriptor that is forgotten, or closed, is not ready', () => {
  const fds = events(2);
  const poller = new Poller(arena, fds);
  for (const fd of fds) signal(fd);
  poller.forget(0);
  expect([poller.wait(0), poller.ready(0), poller.ready(1)]).toEqual([1, false, true]);
  for (const fd of open.splice(0)) close(fd);
  poller.wait(0);
  expect([poller.ready(0), poller.ready(1)]).toEqual([false, false]);
});

test('a thread that sits in a wait is woken by the bell of another', async () => {
  const [bell, answer] = events(2);
  const worker = new Worker(new URL('sleeper.mjs', import.meta.url), { workerData: { bell, answer } });
  await once(worker, 'message');
  const poller = new Poller(arena, [answer]);
  expect(poller.wait(0)).toBe(0);
  signal(bell);
  expect(poller.wait(10_000)).toBe(1);
  await once(worker, 'exit');
  expect(new Poller(arena, [bell]).wait(0)).toBe(0);
});
