import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { NameAnswer, NameQuestion } from '../../src/daemon/dns.js';
import { MAX_REFRESH, MIN_REFRESH, RETRY, SPREAD, WatchedNames } from '../../src/daemon/watched-names.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const FIRST = 0xc0000201;
const SECOND = 0xc0000202;
const yes = (addresses: readonly number[], ttl = 3600): NameAnswer => ({ addresses, ttl });
const NO: NameAnswer = { addresses: [], ttl: 0 };
const SILENCE = new Error('queryA ETIMEOUT isatap');

/** A name service that is asked; each question waits to be settled, or is settled at once by `always`. */
class NameService {
  readonly asked: { readonly name: string; readonly at: number }[] = [];
  readonly cancelled: string[] = [];
  readonly heard: unknown[] = [];
  always: NameAnswer | Error | null = null;
  readonly #waiting: { readonly resolve: (answer: NameAnswer) => void; readonly reject: (error: Error) => void }[] = [];
  readonly names: WatchedNames;

  constructor(random = () => 0) {
    const listener = {
      changed: (name: string, addresses: readonly number[]) => void this.heard.push([name, addresses]),
      failed: (name: string, reason: string) => void this.heard.push([name, reason]),
    };
    this.names = new WatchedNames(listener, (name) => this.#question(name), random);
  }

  #question(name: string): NameQuestion {
    this.asked.push({ name, at: performance.now() });
    const answer = new Promise<NameAnswer>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (this.always !== null) void this.settle(this.always);
    return { answer, cancel: () => void this.cancelled.push(name) };
  }

  /** Settles the oldest question. */
  async settle(what: NameAnswer | Error): Promise<void> {
    const waiting = this.#waiting.shift();
    if (what instanceof Error) waiting?.reject(what);
    else waiting?.resolve(what);
    await vi.advanceTimersByTimeAsync(0);
  }

  /** Milliseconds between the questions, of which there are `n` more. */
  async waits(n: number): Promise<number[]> {
    const from = this.asked.length;
    for (let i = 0; i < 10_000 && this.asked.length < from + n; i++) await vi.advanceTimersToNextTimerAsync();
    return this.asked.slice(from).map(({ at }, i) => Math.round(at - this.asked[from + i - 1].at));
  }
}

test('RFC 5214 section 8.3.2: a name is asked for again after the time to live of its addresses, an hour at most', async () => {
  const service = new NameService();
  service.names.watch(new Set(['isatap']));
  await service.settle(yes([FIRST], 60));
  expect(service.heard).toEqual([['isatap', [FIRST]]]);
  service.always = yes([FIRST], 1800);
  expect(await service.waits(2)).toEqual([60_000, 1_800_000]);
  service.always = yes([FIRST], 86_400);
  expect(await service.waits(2)).toEqual([1_800_000, MAX_REFRESH]);
  expect(service.heard).toHaveLength(1);
});

test('a time to live of 0 has a name asked for every ten seconds, no more often', async () => {
  const service = new NameService();
  service.always = yes([FIRST], 0);
  service.names.watch(new Set(['isatap']));
  await vi.advanceTimersByTimeAsync(0);
  expect(await service.waits(3)).toEqual([MIN_REFRESH, MIN_REFRESH, MIN_REFRESH]);
});

test('a server that does not answer is asked ever more rarely, said once, and the last addresses stay', async () => {
  const service = new NameService();
  service.names.watch(new Set(['isatap']));
  await service.settle(yes([FIRST], 60));
  service.always = SILENCE;
  expect(await service.waits(9)).toEqual([60_000, 5000, 10_000, 20_000, 40_000, 80_000, 160_000, RETRY.longest, RETRY.longest]);
  expect(service.heard).toEqual([
    ['isatap', [FIRST]],
    ['isatap', SILENCE.message],
  ]);
  service.always = yes([SECOND], 60);
  expect(await service.waits(2)).toEqual([RETRY.longest, 60_000]);
  expect(service.heard.slice(2)).toEqual([['isatap', [SECOND]]]);
});

test('a name that is denied loses its addresses when it is denied once more', async () => {
  const service = new NameService();
  service.names.watch(new Set(['isatap']));
  await service.settle(yes([FIRST], 60));
  await service.waits(1);
  await service.settle(NO);
  expect(await service.waits(1)).toEqual([RETRY.first]);
  await service.settle(yes([FIRST], 60));
  await service.waits(1);
  await service.settle(NO);
  expect(service.heard).toHaveLength(1);
  await service.waits(1);
  await service.settle(NO);
  expect(service.heard.slice(1)).toEqual([['isatap', []]]);
  service.always = NO;
  expect(await service.waits(8)).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, RETRY.longest, RETRY.longest, RETRY.longest]);
});

test('a name that nobody has ever heard of has no addresses at once', async () => {
  const service = new NameService();
  service.names.watch(new Set(['isatap']));
  await service.settle(NO);
  expect(service.heard).toEqual([['isatap', []]]);
});

test('waits after failures are spread by chance, so that a server that comes back is not asked by all at once', async () => {
  const service = new NameService(() => 1);
  service.always = SILENCE;
  service.names.watch(new Set(['isatap']));
  await vi.advanceTimersByTimeAsync(0);
  expect(await service.waits(2)).toEqual([RETRY.first * (1 + SPREAD), 2 * RETRY.first * (1 + SPREAD)]);
});

test('a refresh asks at once, but not within ten seconds of the last question', async () => {
  const service = new NameService();
  service.always = yes([FIRST], 3600);
  service.names.watch(new Set(['isatap']));
  await vi.advanceTimersByTimeAsync(60_000);
  service.names.refresh();
  service.names.refresh();
  expect(await service.waits(1)).toEqual([60_000]);
  service.names.refresh();
  expect(await service.waits(1)).toEqual([MIN_REFRESH]);
});

test('what is no longer watched is given up: a late answer is told to nobody', async () => {
  const service = new NameService();
  service.names.watch(new Set(['a.test', 'b.test']));
  service.names.watch(new Set(['b.test', 'c.test']));
  expect(service.cancelled).toEqual(['a.test']);
  for (const addr of [1, 2, 3]) await service.settle(yes([0x0a000000 + addr]));
  expect(service.heard).toEqual([
    ['b.test', [0x0a000002]],
    ['c.test', [0x0a000003]],
  ]);
  service.names.stop();
  await vi.advanceTimersByTimeAsync(10 * MAX_REFRESH);
  expect(service.asked.map(({ name }) => name)).toEqual(['a.test', 'b.test', 'c.test']);
  expect(vi.getTimerCount()).toBe(0);
});

const turn = fc.oneof(
  fc.record({ kind: fc.constant('answer' as const), addr: fc.integer({ min: 0, max: 2 }), ttl: fc.nat(10_000) }),
  fc.constant({ kind: 'silence' as const }),
  fc.constant({ kind: 'refresh' as const }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400_000) }),
);

test('whatever a name service does: one question at a time, never two within five seconds, and only what changed is told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 40 }), async (turns) => {
      const service = new NameService();
      service.names.watch(new Set(['isatap']));
      for (const step of turns) {
        if (step.kind === 'answer') await service.settle(step.addr === 0 ? NO : yes([FIRST + step.addr], step.ttl));
        if (step.kind === 'silence') await service.settle(SILENCE);
        if (step.kind === 'refresh') service.names.refresh();
        if (step.kind === 'wait') await vi.advanceTimersByTimeAsync(step.ms);
      }
      const answers = turns.filter(({ kind }) => kind === 'answer' || kind === 'silence').length;
      expect(service.asked.length).toBeLessThanOrEqual(answers + 1);
      service.asked.slice(1).forEach(({ at }, i) => {
        expect(at - service.asked[i].at).toBeGreaterThanOrEqual(RETRY.first);
      });
      const told = service.heard.filter((one) => Array.isArray((one as [string, unknown])[1])).map(String);
      told.slice(1).forEach((one, i) => {
        expect(one).not.toBe(told[i]);
      });
      service.names.stop();
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});
