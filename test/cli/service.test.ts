import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_CONTROL } from '../../src/cli/service.js';
import { parseConfig } from '../../src/config/load.js';
import { type ControlRequest, ControlServer } from '../../src/daemon/control.js';
import { Exit, Failure } from '../../src/daemon/failure.js';
import { readStatus } from '../../src/daemon/status.js';
import { makeLog } from '../daemon/log-lines.js';
import { makeView } from '../daemon/view.js';
import { invoke } from './invoke.js';

let folder: string;
let config: string;
let socket: string;
let server: ControlServer | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-cli-'));
  config = join(folder, 'tsunagi.toml');
  socket = join(folder, 'control.sock');
  writeFileSync(config, `[node]\ncontrol = "${socket}"\n`);
});

afterEach(() => {
  server?.close();
  server = null;
  rmSync(folder, { recursive: true });
});

const serve = async (answer: (request: ControlRequest) => unknown) => {
  server = await ControlServer.listen(socket, async (request) => answer(request), makeLog().log);
};

test('status finds the service by its configuration and prints what it answers', async () => {
  const status = readStatus(makeView().view);
  await serve(() => status);
  const json = await invoke('status', '--json', '--config', config);
  expect([json.status, json.err, JSON.parse(json.out.join())]).toEqual([0, [], status]);
  expect((await invoke('status', '--control', socket)).out.join('\n')).toContain('otemachi-1: running');
});

test('a file that has become invalid still leads to the service, one that is no TOML needs --control', async () => {
  await serve(({ command }) => ({ command }));
  writeFileSync(config, `wrokers = 2\n[node]\ncontrol = "${socket}"\n`);
  expect((await invoke('resume', '--json', '--config', config)).out).toEqual(['{"command":"resume"}']);
  writeFileSync(config, '[node\n');
  const broken = await invoke('resume', '--config', config);
  expect([broken.status, broken.err.join('\n')]).toEqual([3, expect.stringContaining('--control does')]);
  expect((await invoke('resume', '--json', '--config', config, '--control', socket)).status).toBe(0);
});

test('the socket of a configuration that names none is the one that the service takes', () => {
  expect(parseConfig('[[tunnel]]\ntype="6to4"\nrole="host"\n', 'x').config?.node.control).toBe(DEFAULT_CONTROL);
});

test('without a service each command fails with what is missing', async () => {
  for (const command of ['status', 'reload', 'drain', 'resume']) {
    const { status, out, err } = await invoke(command, '--config', config);
    expect([command, status, out, err]).toEqual([
      command,
      1,
      [],
      [`tsunagi: control socket ${socket}: no service runs with this control socket`],
    ]);
  }
  const missing = await invoke('status', '--config', join(folder, 'none.toml'));
  expect([missing.status, missing.err.join()]).toEqual([3, expect.stringContaining('none.toml cannot be read')]);
});

test('an invalid configuration is refused by reload with status 3 and every problem', async () => {
  await serve(() => {
    throw new Failure(Exit.configuration, 'x.toml is invalid', { details: ['x.toml:1:1: workers: a', 'x.toml:2:1: mtu: b'] });
  });
  expect(await invoke('reload', '--config', config)).toEqual({
    status: 3,
    out: [],
    err: ['tsunagi: x.toml is invalid', '  x.toml:1:1: workers: a', '  x.toml:2:1: mtu: b'],
  });
});

test('reload says what became of each tunnel, and what only a restart can do', async () => {
  await serve(() => ({
    added: ['b'],
    removed: [],
    changed: [],
    unchanged: ['a', 'c'],
    notes: ['workers = 2 takes effect at the next start'],
  }));
  expect((await invoke('reload', '--config', config)).out).toEqual([
    'reloaded: added b; unchanged a, c',
    'workers = 2 takes effect at the next start',
  ]);
});

test('drain carries its seconds', async () => {
  const requests: ControlRequest[] = [];
  await serve((request) => {
    requests.push(request);
    return { state: 'draining', seconds: request.command === 'drain' ? request.seconds : -1 };
  });
  expect((await invoke('drain', '--config', config, '--seconds', '30')).out).toEqual(['the service stops in 30 s']);
  expect((await invoke('drain', '--config', config, '--json')).out).toEqual(['{"state":"draining","seconds":0}']);
  expect(requests).toEqual([
    { command: 'drain', seconds: 30 },
    { command: 'drain', seconds: 0 },
  ]);
});

test('check prints every problem with its place and ends with status 3, or says that the file is valid', async () => {
  const tunnel = '[[tunnel]]\ntype = "6to4"\nrole = "host"\n';
  writeFileSync(config, tunnel);
  const valid = await invoke('check', '--config', config, '--json');
  expect([valid.status, JSON.parse(valid.out.join())]).toMatchObject([0, { valid: true }]);

  writeFileSync(config, `${tunnel}local = "8.8.8.8"\n`);
  expect((await invoke('check', '--config', config)).out).toEqual([
    `${config} is valid`,
    'tunnel 6to4-host would be down here until this changes: 8.8.8.8 is on no interface',
  ]);

  writeFileSync(config, `${tunnel}mtu = 99\nttll = 4\n`);
  const { status, out, err } = await invoke('check', '--config', config);
  expect([status, out.length]).toEqual([3, 2]);
  expect(out[0]).toMatch(`${config}:4:`);
  expect(out[1]).toMatch(`${config}:5:`);
  expect(err).toEqual([`tsunagi: ${config} is invalid: 2 errors`]);
  const json = JSON.parse((await invoke('check', '--config', config, '--json')).out.join());
  expect(json).toMatchObject({ valid: false, problems: [{ line: 4, key: 'tunnel[0].mtu' }, { line: 5 }] });
});
