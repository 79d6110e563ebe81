import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Gateway, MappingGrant, MappingWish } from '../../src/daemon/gateway.js';
import { PortMappings, RENEWAL, RETRY, SECOND_THOUGHT, type Wanted } from '../../src/daemon/port-mapping.js';
import { PortMappingRecord } from '../../src/daemon/port-mapping-record.js';
import { makeLog } from './log-lines.js';

const WANTED: Wanted = { tunnel: 'pc', local: { addr: 0xc0a80102, port: 40_000 }, gateway: 0xc0a80101 };
const PCP: MappingGrant = { by: 'pcp', external: { addr: 0xc000020b, port: 40_000 }, lifetime: 7200 };
const UPNP: MappingGrant = { ...PCP, by: 'upnp', lifetime: Number.POSITIVE_INFINITY };

/** A gateway that does as it is told, and what it was asked. */
class ScriptedGateway implements Gateway {
  readonly asked: string[] = [];
  readonly nonces = new Set<string>();
  answer: MappingGrant | Error = PCP;
  /** Milliseconds for each answer. */
  delay = 0;
  /** Milliseconds until it has given back what it is to give back. */
  farewell = 0;

  async map(wish: MappingWish): Promise<MappingGrant> {
    this.#note('map', wish);
    await new Promise((resolve) => setTimeout(resolve, this.delay));
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }

  async unmap(wish: MappingWish): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.farewell));
    this.#note('unmap', wish);
  }

  #note(what: string, { local, nonce }: MappingWish): void {
    this.asked.push(`${what} ${local.port}`);
    this.nonces.add(nonce.join());
  }
}

function bench() {
  const gateway = new ScriptedGateway();
  const told: string[] = [];
  const mappings = new PortMappings(
    {
      found: (tunnel, mapping) =>
        told.push(`${tunnel}: ${mapping === null ? 'asked' : (mapping.failure ?? `${mapping.by} ${mapping.external?.port}`)}`),
      granted: (tunnel, { grant }) => told.push(`${tunnel}: lasting ${grant.external.port}`),
      released: (tunnel) => told.push(`${tunnel}: released`),
    },
    gateway,
  );
  return { gateway, told, mappings };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a mapping is asked for, renewed by the same nonce while it lasts, told once each time, and given back', async () => {
  const { gateway, told, mappings } = bench();
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(0);
  expect([gateway.asked, told]).toEqual([['map 40000'], ['pc: pcp 40000']]);
  await vi.advanceTimersByTimeAsync(3 * RENEWAL.most + 10);
  expect([gateway.asked.length, gateway.nonces.size]).toEqual([4, 1]);
  mappings.want([WANTED]);
  expect(gateway.asked).toHaveLength(4);
  const stopped = mappings.stop();
  await vi.advanceTimersByTimeAsync(10);
  await stopped;
  expect([gateway.asked.at(-1), told.at(-1)]).toEqual(['unmap 40000', 'pc: released']);
  await vi.advanceTimersByTimeAsync(10 * RENEWAL.most);
  expect(gateway.asked).toHaveLength(5);
});

test.each([
  [600, 300_000],
  [100, 50_000],
  [1, RENEWAL.least],
  [Number.POSITIVE_INFINITY, RENEWAL.most],
])('of a lifetime of %d s half is let pass, within bounds', async (lifetime, wait) => {
  const { gateway, mappings } = bench();
  gateway.answer = { ...PCP, lifetime };
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(wait - 1);
  expect(gateway.asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(gateway.asked).toHaveLength(2);
});

test('TRDO-EX-10: a refusal is told, and asked about again ever more rarely', async () => {
  const { gateway, told, mappings } = bench();
  gateway.answer = new Error('refuses');
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(RETRY.first - 1);
  expect([gateway.asked.length, told]).toEqual([1, ['pc: refuses']]);
  await vi.advanceTimersByTimeAsync(24 * 3_600_000);
  expect(gateway.asked.length).toBeGreaterThan(24 * 3);
  expect(gateway.asked.length).toBeLessThan(24 * 4 + 8);
  gateway.answer = PCP;
  await vi.advanceTimersByTimeAsync(1.1 * RETRY.longest);
  expect(told.at(-1)).toBe('pc: pcp 40000');
  gateway.answer = new Error('refuses');
});

test('a gateway that refuses what it had granted is asked a second time before it is believed', async () => {
  const { gateway, told, mappings } = bench();
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(RENEWAL.most - 10);
  gateway.answer = new Error('busy');
  await vi.advanceTimersByTimeAsync(20);
  expect([gateway.asked.length, told]).toEqual([2, ['pc: pcp 40000']]);
  gateway.answer = PCP;
  await vi.advanceTimersByTimeAsync(SECOND_THOUGHT);
  expect(told).toEqual(['pc: pcp 40000', 'pc: pcp 40000']);
  gateway.answer = new Error('gone');
  await vi.advanceTimersByTimeAsync(RENEWAL.most + SECOND_THOUGHT);
  expect(told.at(-1)).toBe('pc: gone');
});

test('a gateway that may have forgotten is asked at once, but not as often as that is said', async () => {
  const { gateway, mappings } = bench();
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(100);
  gateway.asked.length = 0;
  for (let i = 0; i < 50; i++) {
    mappings.refresh('pc');
    mappings.refresh('nobody');
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(gateway.asked.length).toBeGreaterThanOrEqual(4);
  expect(gateway.asked.length).toBeLessThanOrEqual(5);
});

test('and not while it is asked', async () => {
  const { gateway, mappings } = bench();
  gateway.delay = 30_000;
  mappings.want([WANTED]);
  for (let i = 0; i < 25; i++) {
    mappings.refreshAll();
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(gateway.asked).toHaveLength(1);
});

test('without a gateway nobody is asked', async () => {
  const { gateway, told, mappings } = bench();
  mappings.want([{ ...WANTED, gateway: null }]);
  await vi.advanceTimersByTimeAsync(RETRY.first);
  expect([gateway.asked, new Set(told)]).toEqual([[], new Set(['pc: there is no gateway'])]);
  await mappings.stop();
});

test('another port, address or gateway is another wish: the first is given back', async () => {
  const { gateway, told, mappings } = bench();
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(0);
  mappings.want([{ ...WANTED, local: { ...WANTED.local, port: 40_001 } }]);
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.asked.sort()).toEqual(['map 40000', 'map 40001', 'unmap 40000']);
  expect(told).toContain('pc: asked');
  expect(gateway.nonces.size).toBe(2);
});

test('what is granted after it was given up is given back, and nobody is told', async () => {
  const { gateway, told, mappings } = bench();
  gateway.delay = 1_000;
  gateway.answer = UPNP;
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(500);
  mappings.want([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(gateway.asked).toEqual(['map 40000', 'unmap 40000']);
  expect(told).toEqual(['pc: asked', 'pc: lasting 40000', 'pc: released']);
});

test('a farewell has an end, though the gateway has none', async () => {
  const { gateway, mappings } = bench();
  gateway.delay = 1e9;
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(0);
  const stopped = mappings.stop();
  await vi.advanceTimersByTimeAsync(1_500);
  await stopped;
});

test('TRDO-EX-09: what was left behind is taken back before anything is asked for', async () => {
  const { gateway, told, mappings } = bench();
  const left = { wish: { gateway: 0xc0a80101, local: { addr: 0xc0a80102, port: 39_999 }, nonce: new Uint8Array(12) }, grant: UPNP };
  gateway.farewell = 500;
  mappings.takeBack(new Map([['pc', left]]));
  mappings.want([WANTED]);
  await vi.advanceTimersByTimeAsync(499);
  expect(gateway.asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(10);
  expect(gateway.asked).toEqual(['unmap 39999', 'map 40000']);
  expect(told).toEqual(['pc: released', 'pc: pcp 40000']);
});

describe('the record of what has no end', () => {
  const lasting = { wish: { gateway: 0xc0a80101, local: WANTED.local, nonce: new Uint8Array(12) }, grant: UPNP };

  function recordIn(folder: string) {
    const { log, lines } = makeLog();
    return { record: new PortMappingRecord(folder, log), lines };
  }

  test('is what the next service reads, until it is taken back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsunagi-record-'));
    try {
      const first = recordIn(folder).record;
      expect(first.read().size).toBe(0);
      first.add('pc', lasting);
      first.add('other', { ...lasting, wish: { ...lasting.wish, local: { ...WANTED.local, port: 7 } } });
      first.remove('other');
      const next = recordIn(folder).record;
      const { wish, grant } = next.read().get('pc') ?? expect.fail('nothing');
      expect([wish.gateway, wish.local, grant.by, grant.external.port]).toEqual([0xc0a80101, WANTED.local, 'upnp', 40_000]);
      next.remove('pc');
      expect(recordIn(folder).record.read().size).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(['{', '{}', '[{"tunnel":"pc"}]', '[{"tunnel":"pc","gateway":"x","local":"192.168.1.2","port":1,"external":1}]'])(
    'is ignored when it is %s, and that is said',
    (text) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsunagi-record-'));
      try {
        writeFileSync(join(folder, 'port-mappings.json'), text);
        const { record, lines } = recordIn(folder);
        expect(record.read().size).toBe(0);
        expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['a record is unreadable, it is ignored']);
        record.add('pc', lasting);
        expect(JSON.parse(readFileSync(join(folder, 'port-mappings.json'), 'utf8'))).toHaveLength(1);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
