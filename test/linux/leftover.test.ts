import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findLeftover, removeJournal, takeOver, writeJournal } from '../../src/linux/leftover.js';
import { HostFixture, ROUTER_PLAN } from './host-fixture.js';
import { describeInNamespaces, Namespace } from './namespace.js';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'tlx-state-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

test('where nothing was noted, nothing is left', () => {
  expect(takeOver(stateDir)).toEqual({ kind: 'none' });
  expect(takeOver(join(stateDir, 'missing'))).toEqual({ kind: 'none' });
});

test('a process that still runs is not undone, and is named', () => {
  writeJournal(join(stateDir, 'made', 'on', 'the', 'way'), ['route delete 2001:db8::/32']);
  expect(takeOver(join(stateDir, 'made', 'on', 'the', 'way'))).toEqual({ kind: 'running', pid: process.pid });
});

test('an orderly end leaves an empty directory', () => {
  writeJournal(stateDir, ['route delete 2001:db8::/32']);
  removeJournal(stateDir);
  removeJournal(stateDir);
  expect(readdirSync(stateDir)).toEqual([]);
});

test.each(['', '{', 'null', '[]', '{"process":{}}', '{"process":{"pid":1,"started":"1","boot":"b","namespace":"n"},"undo":["a\\nb"]}'])(
  'a journal that reads %j is no journal',
  (text) => {
    writeFileSync(join(stateDir, 'leftover.json'), text);
    expect(takeOver(stateDir)).toEqual({ kind: 'none' });
  },
);

describeInNamespaces('after a kill', () => {
  let host: HostFixture;
  let before: string[];
  beforeEach(() => {
    host = new HostFixture();
    host.closeTun();
    before = host.state();
  });
  afterEach(() => host.close());

  /** A process that set the plan up, and was killed. */
  async function killed(): Promise<ChildProcess> {
    const victim = await host.victim(stateDir, ROUTER_PLAN);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    return victim;
  }

  test('the next process undoes what is left, says what it was, and the host is as it was', async () => {
    const victim = await killed();
    expect(host.state().filter((line) => !before.includes(line))).toEqual([
      '2002:c000:205:1::/64 dev tlxa proto kernel metric 256',
      'tlxa inet6 2002:c000:205:1::1/64 scope global nodad',
      'unreachable 2002:c000:205::/48 dev lo metric 1024',
    ]);
    expect(host.namespace.run(() => takeOver(stateDir))).toEqual({
      kind: 'left',
      pid: victim.pid,
      commands: ['address delete 2002:c000:205:1::1/64 dev tlxa', 'route delete unreachable 2002:c000:205::/48 metric 1024'],
    });
    expect(host.state()).toEqual(before);
    expect(host.namespace.run(() => takeOver(stateDir))).toEqual({ kind: 'none' });
  });

  test('looking for what is left changes nothing', async () => {
    const victim = await killed();
    const after = host.state();
    for (const _ of ['once', 'twice'])
      expect(host.namespace.run(() => findLeftover(stateDir))).toMatchObject({ kind: 'left', pid: victim.pid });
    expect(host.state()).toEqual(after);
  });

  test('a process id that has come back belongs to another: what is left is undone', async () => {
    await killed();
    const path = join(stateDir, 'leftover.json');
    const entry = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...entry, process: { ...entry.process, pid: process.pid } }));
    expect(host.namespace.run(() => takeOver(stateDir))).toMatchObject({ kind: 'left' });
    expect(host.state()).toEqual(before);
  });

  test('in another namespace, or after a boot, nothing of it is there: no command is run', async () => {
    await killed();
    const after = host.state();
    const path = join(stateDir, 'leftover.json');
    const text = readFileSync(path, 'utf8');
    const other = new Namespace();
    expect(other.run(() => takeOver(stateDir))).toEqual({ kind: 'none' });
    other.close();
    const entry = JSON.parse(text);
    writeFileSync(path, JSON.stringify({ ...entry, process: { ...entry.process, boot: 'an earlier one' } }));
    expect(host.namespace.run(() => takeOver(stateDir))).toEqual({ kind: 'none' });
    expect(host.state()).toEqual(after);
  });
});
