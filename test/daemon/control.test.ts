import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type ControlHandler,
  type ControlReply,
  ControlServer,
  MAX_CLIENTS,
  MAX_DRAIN,
  MAX_REQUEST,
  parseRequest,
} from '../../src/daemon/control.js';
import { ControlClient } from '../../src/daemon/control-client.js';
import { Exit, Failure } from '../../src/daemon/failure.js';
import { makeLog } from './log-lines.js';

let folder: string;
let path: string;
const open: { close(): void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-control-'));
  path = join(folder, 'run', 'control.sock');
});

afterEach(() => {
  for (const thing of open.splice(0)) thing.close();
  rmSync(folder, { recursive: true });
});

const { log } = makeLog();
const serve = async (handle: ControlHandler) => {
  const server = await ControlServer.listen(path, handle, log);
  open.push(server);
  return server;
};
const echo: ControlHandler = async (request) => ({ heard: request });

/** A raw client: what it sends is octets, what comes back is read until the service hangs up or `lines` are there. */
async function talk(octets: string | Uint8Array, lines = Infinity): Promise<ControlReply[]> {
  const socket = connect(path);
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  socket.write(octets);
  return answersOf(socket, lines);
}

async function answersOf(socket: Socket, lines: number): Promise<ControlReply[]> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    text += chunk;
    if (text.split('\n').length > lines) break;
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ControlReply);
}

test('requests of one client are answered in order, one at a time', async () => {
  let running = 0;
  let most = 0;
  await serve(async (request) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    return request.command === 'drain' ? request.seconds : request.command;
  });
  const lines = ['{"command":"status"}', '{"command":"drain","seconds":2.5}', '{"command":"drain"}', '{"command":"resume"}'];
  const replies = await talk(`${lines.join('\n')}\n`, 4);
  expect(replies).toEqual(['status', 2.5, 0, 'resume'].map((result) => ({ ok: true, result })));
  expect(most).toBe(1);
});

test('a request may arrive octet by octet', async () => {
  await serve(echo);
  const socket = connect(path);
  open.push({ close: () => socket.destroy() });
  for (const octet of '{"command":"status"}\n') await new Promise((resolve) => socket.write(octet, resolve));
  expect(await answersOf(socket, 1)).toEqual([{ ok: true, result: { heard: { command: 'status' } } }]);
});

test.each([
  ['', 'expected one JSON object a line'],
  ['{', 'expected one JSON object a line'],
  ['[]', 'expected a JSON object'],
  ['null', 'expected a JSON object'],
  ['"status"', 'expected a JSON object'],
  ['{}', 'unknown command: expected one of status, reload, drain, resume'],
  ['{"command":"constructor"}', 'unknown command: expected one of status, reload, drain, resume'],
  ['{"command":["status"]}', 'unknown command: expected one of status, reload, drain, resume'],
  ['{"command":"status","__proto__":1}', 'unknown key "__proto__"'],
  ['{"command":"status","path":"/etc"}', 'unknown key "path"'],
  ['{"command":"status","seconds":1}', '"seconds" belongs to drain'],
  ['{"command":"drain","seconds":-1}', `"seconds": expected a number from 0 to ${MAX_DRAIN}`],
  ['{"command":"drain","seconds":"9"}', `"seconds": expected a number from 0 to ${MAX_DRAIN}`],
  ['{"command":"drain","seconds":1e300}', `"seconds": expected a number from 0 to ${MAX_DRAIN}`],
])('%s is answered with what is wrong, and hung up on', async (line, message) => {
  await serve(echo);
  expect(await talk(`${line}\n{"command":"status"}\n`)).toEqual([{ ok: false, code: 'bad_request', message }]);
});

test('a line without an end is cut off at the bound, whatever octets it is made of', async () => {
  await serve(echo);
  const message = `a line has at most ${MAX_REQUEST} octets`;
  for (const octets of [
    new Uint8Array(MAX_REQUEST + 1).fill(0xff),
    `{"command":"status"${' '.repeat(MAX_REQUEST)}}\n`,
    '['.repeat(200_000),
  ]) {
    expect(await talk(octets)).toEqual([{ ok: false, code: 'bad_request', message }]);
  }
  expect(await talk(`{"command":"status"${' '.repeat(MAX_REQUEST - 20)}}\n`, 1), 'a line of the greatest length is read').toEqual([
    { ok: true, result: { heard: { command: 'status' } } },
  ]);
});

test('any text at all is either a request that was meant or a reason', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (line) => {
      expect(['string', 'object']).toContain(typeof parseRequest(line));
    }),
    { seed: 6404, numRuns: 2000 },
  );
});

test('clients beyond the bound are told so, and those inside it still are served', async () => {
  await serve(echo);
  const clients = await Promise.all(Array.from({ length: MAX_CLIENTS }, () => ControlClient.connect(path)));
  open.push(...clients);
  for (const client of clients) await client.ask({ command: 'status' });
  expect(await talk('')).toEqual([{ ok: false, code: 'busy', message: `${MAX_CLIENTS} clients are connected already` }]);
  expect(await clients[0].ask({ command: 'resume' })).toEqual({ heard: { command: 'resume' } });

  clients[1].close();
  await expect.poll(() => talk('{"command":"status"}\n', 1)).toMatchObject([{ ok: true }]);
});

test('a client that was refused and goes on sending is hung up on all the same', async () => {
  await serve(echo);
  const socket = connect({ path, allowHalfOpen: true });
  const chatter = setInterval(() => socket.write('x'), 100);
  open.push({ close: () => clearInterval(chatter) }, { close: () => socket.destroy() });
  socket.write('no request\n');
  socket.resume().on('error', () => {});
  const before = performance.now();
  await new Promise((resolve) => socket.once('close', resolve));
  expect(performance.now() - before).toBeLessThan(3000);
});

test('a failure reaches the client with its details, and an error of ours does not end the service', async () => {
  let turn = 0;
  await serve(async () => {
    if (turn++ === 0) throw new Failure(Exit.configuration, 'the new configuration is invalid', { details: ['a:1:1: x', 'a:2:1: y'] });
    throw new TypeError('a bug');
  });
  const client = await ControlClient.connect(path);
  open.push(client);
  await expect(client.ask({ command: 'reload' })).rejects.toMatchObject({ exit: Exit.configuration, details: ['a:1:1: x', 'a:2:1: y'] });
  await expect(client.ask({ command: 'reload' })).rejects.toMatchObject({ exit: Exit.failed, message: 'a bug' });
});

test('the socket is for its user and group only, and its folder is made', async () => {
  const before = process.umask(0);
  try {
    await serve(echo);
  } finally {
    process.umask(before);
  }
  expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
});

test('a socket that a dead service left is replaced, one that answers is not', async () => {
  const server = await serve(echo);
  await expect(ControlServer.listen(path, echo, log)).rejects.toThrow(`control socket ${path}: another service answers on it`);
  server.close();

  // What a killed service leaves: a socket file with nobody behind it.
  const dead = createServer().listen(path);
  await once(dead, 'listening');
  const left = join(folder, 'left.sock');
  linkSync(path, left);
  dead.close();
  await once(dead, 'close');
  renameSync(left, path);
  expect(existsSync(path)).toBe(true);
  await serve(echo);
  expect(await talk('{"command":"status"}\n', 1)).toMatchObject([{ ok: true }]);
});

test('closing hangs up and removes the socket', async () => {
  const server = await serve(echo);
  const client = await ControlClient.connect(path);
  open.push(client);
  server.close();
  await expect(client.ask({ command: 'status' })).rejects.toThrow(`control socket ${path}: `);
  await expect.poll(() => existsSync(path)).toBe(false);
});

test('a path that cannot be a socket is a failure that names it', async () => {
  const long = join(folder, 'x'.repeat(120));
  await expect(ControlServer.listen(long, echo, log)).rejects.toThrow(`control socket ${long}: a socket's path has at most 107 octets`);
  writeFileSync(join(folder, 'file'), 'precious');
  await expect(ControlServer.listen(join(folder, 'file', 'sock'), echo, log)).rejects.toThrow('control socket ');
  await expect(ControlServer.listen(join(folder, 'file'), echo, log)).rejects.toThrow('something that is no socket has this name');
  expect(readFileSync(join(folder, 'file'), 'utf8'), 'nothing but a socket is ever removed').toBe('precious');
});

test('a client says what keeps it from a service', async () => {
  await expect(ControlClient.connect(path)).rejects.toThrow(`control socket ${path}: no service runs with this control socket`);
});
