import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { monotonicNow } from '../../src/daemon/clock.js';
import { LanRecord } from '../../src/daemon/lan-record.js';
import type { AdvertisedLan } from '../../src/role/role.js';
import { formatPrefix6, parsePrefix6 } from '../../src/wire/address.js';
import { makeLog } from './log-lines.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-lan-record-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'lans.json');
const lan = (prefix: string, seconds: number): AdvertisedLan => ({
  interface: 'lan0',
  prefix: parsePrefix6(prefix) ?? expect.fail(prefix),
  until: monotonicNow() + seconds * 1000,
  sent: monotonicNow(),
});
const record = () => new LanRecord(folder, makeLog().log);
const remembered = () => Array.from(record().read(), ([tunnel, lans]) => [tunnel, lans.map(({ prefix }) => formatPrefix6(prefix))]);

test('what one service was heard to tell, the next one knows, with an end that is not before the true one', () => {
  record().hear('home', [lan('2002:c000:22a:1::/64', 1801), lan('2002:c000:201:1::/64', 60)]);
  expect(remembered()).toEqual([['home', ['2002:c000:22a:1::/64', '2002:c000:201:1::/64']]]);
  const [told] = record().read().get('home') ?? [];
  expect(told.interface).toBe('lan0');
  expect((told.until - monotonicNow()) / 1000).toBeGreaterThan(1800);
  expect((told.until - monotonicNow()) / 1000).toBeLessThan(1801 + 601);
});

test('of several tunnels all are kept, and one that is told less says less', () => {
  const one = record();
  one.hear('a', [lan('2002:c000:22a:1::/64', 1801)]);
  one.hear('b', [lan('2002:c000:22a:2::/64', 1801)]);
  expect(remembered().map(([tunnel]) => tunnel)).toEqual(['a', 'b']);
  one.hear('a', []);
  expect(remembered().map(([tunnel]) => tunnel)).toEqual(['b']);
});

test('advertisements that go on cost no write for ten minutes', () => {
  const one = record();
  one.hear('home', [lan('2002:c000:22a:1::/64', 1801)]);
  writeFileSync(file(), 'as it was');
  one.hear('home', [lan('2002:c000:22a:1::/64', 1801 + 590)]);
  expect(readFileSync(file(), 'utf8')).toBe('as it was');
  one.hear('home', [lan('2002:c000:22a:1::/64', 1801 + 610)]);
  expect(remembered()).toHaveLength(1);
});

test('what is over, and what ended in good order, is forgotten', () => {
  record().hear('home', [lan('2002:c000:22a:1::/64', -700)]);
  expect(remembered()).toEqual([]);
  const one = record();
  one.hear('home', [lan('2002:c000:22a:1::/64', 1801)]);
  one.clear();
  expect(readdirSync(folder)).toEqual([]);
  one.clear();
});

test.each([
  ['[{', 'no JSON'],
  ['{}', 'no list'],
  ['[{"tunnel":"a","interface":"lan0","prefix":7,"until":"2099-01-01T00:00:00.000Z"}]', 'a number for a prefix'],
  ['[{"tunnel":"a","interface":"lan0","prefix":"2002::/64","until":"soon"}]', 'no time'],
])('%s is ignored, and said: %s', (text) => {
  writeFileSync(file(), text);
  const { log, lines } = makeLog();
  expect(new LanRecord(folder, log).read().size).toBe(0);
  expect(lines.join('')).toContain('unreadable');
});

test('a record that cannot be written is said once, and leaves nothing half done', () => {
  mkdirSync(file());
  const { log, lines } = makeLog();
  const one = new LanRecord(folder, log);
  one.hear('home', [lan('2002:c000:22a:1::/64', 1801)]);
  one.hear('home', [lan('2002:c000:22a:2::/64', 1801)]);
  expect(lines).toHaveLength(1);
  expect(readdirSync(folder)).toEqual(['lans.json']);
});
