/** The run directory, and processes by their names. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { completeConfig } from '../../src/lab/daemon.js';
import { bootId, endProcesses, isRunning, processName, signalProcess } from '../../src/lab/process.js';
import { isHeld, type LabRecord, makeRunDirectory, readRecords, reserveId, runDirectory, writeRecord } from '../../src/lab/record.js';

let run = '';
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'tsunagi-record-'));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

const record = (change: Partial<LabRecord> = {}): LabRecord => ({
  id: 'abcd',
  topology: '6to4',
  purpose: 'up',
  state: 'up',
  boot: bootId(),
  keeper: processName(process.pid) ?? { pid: 0, started: '' },
  isPrivate: false,
  created: 1,
  namespaces: ['tsn-abcd-host'],
  programs: [],
  captures: null,
  ...change,
});

test('ids of labs are four characters that no other lab has', () => {
  const ids = Array.from({ length: 200 }, () => reserveId(run));
  expect(new Set(ids).size).toBe(200);
  for (const id of ids) expect(id).toMatch(/^[a-z2-9]{4}$/);
});

test('a record is read as it was written, the oldest first', () => {
  for (const [id, created] of [
    ['bbbb', 2],
    ['aaaa', 3],
    ['cccc', 1],
  ] as const) {
    mkdirSync(join(run, id));
    writeRecord(run, record({ id, created, namespaces: [`tsn-${id}-host`] }));
  }
  expect(readRecords(run).map(({ id }) => id)).toEqual(['cccc', 'bbbb', 'aaaa']);
  expect(readRecords(run)[0]).toEqual(record({ id: 'cccc', created: 1, namespaces: ['tsn-cccc-host'] }));
});

test('a record that is cut, belongs elsewhere, or would have other namespaces removed, is none', () => {
  const write = (id: string, text: string): void => {
    mkdirSync(join(run, id));
    writeFileSync(join(run, id, 'lab.json'), text);
  };
  write('aaaa', JSON.stringify(record({ id: 'aaaa' })).slice(0, 50));
  write('bbbb', JSON.stringify(record({ id: 'cccc' })));
  write('dddd', JSON.stringify(record({ id: 'dddd', namespaces: ['tsn-dddd-host', 'production'] })));
  write('eeee', 'null');
  write('long-name', JSON.stringify(record({ id: 'long-name' })));
  expect(readRecords(run)).toEqual([]);
  expect(readRecords(join(run, 'nowhere'))).toEqual([]);
});

test('a lab is held by its process: not by a later one with its number, nor by one of another boot', () => {
  expect(isHeld(record())).toBe(true);
  expect(isHeld(record({ keeper: { pid: process.pid, started: '1' } }))).toBe(false);
  expect(isHeld(record({ boot: 'another' }))).toBe(false);
});

test('a run directory that others can change is refused', () => {
  const open = join(run, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect(() => makeRunDirectory(open)).toThrow(/can be written by others/);
  symlinkSync(run, join(run, 'link'));
  expect(() => makeRunDirectory(join(run, 'link'))).toThrow(/can be written by others/);
  writeFileSync(join(run, 'file'), '');
  expect(() => makeRunDirectory(join(run, 'file', 'below'))).toThrow(/cannot be made/);
});

test('root keeps labs in /run, others in their own runtime directory, and the environment can say otherwise', () => {
  expect(runDirectory({}, 0)).toBe('/run/tsunagi-lab');
  expect(runDirectory({ XDG_RUNTIME_DIR: '/run/user/1000' }, 1000)).toBe('/run/user/1000/tsunagi-lab');
  expect(runDirectory({}, 1000)).toBe('/tmp/tsunagi-lab-1000');
  expect(runDirectory({ TSUNAGI_LAB_DIR: '/var/lab' }, 0)).toBe('/var/lab');
});

test('a process that ignores SIGTERM is ended all the same, and a stranger with its number is left alone', async () => {
  const child = spawn('sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 1; done"], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const name = processName(child.pid ?? 0);
  if (name === null) throw new Error('no process');
  const ended = once(child, 'exit');

  signalProcess({ ...name, started: '1' }, 'SIGKILL');
  expect(await endProcesses([{ ...name, started: '1' }], 50)).toEqual([]);
  expect(isRunning(name)).toBe(true);

  expect(await endProcesses([name], 50)).toEqual([]);
  expect((await ended)[1]).toBe('SIGKILL');
  expect(isRunning(name)).toBe(false);
  expect(existsSync(`/proc/${name.pid}/exe`)).toBe(false);
});

test('a configuration is completed in its own node table, or gets one', () => {
  const keys = 'name = "host"\ncontrol = "/r/host/control.sock"\nstate = "/r/host/state"\n';
  expect(completeConfig('[[tunnel]]\nrole = "host"\n', 'host', '/r/host')).toBe(`[node]\n${keys}[[tunnel]]\nrole = "host"\n`);
  expect(completeConfig('# x\n[node] # y\nidentity = "::1"\n', 'host', '/r/host')).toBe(`# x\n[node] # y\n${keys}identity = "::1"\n`);
});
