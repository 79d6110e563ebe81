import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { AF, bind, close, must, readInto, SOCK, socket } from '../../src/linux/libc.js';
import { notify } from '../../src/linux/notify.js';

const open: number[] = [];
const FILE = join(tmpdir(), `tlx-notify-${process.pid}`);
afterEach(() => {
  open.splice(0).forEach(close);
  rmSync(FILE, { force: true });
});

/** A service manager that listens at `name`; a leading zero octet makes it abstract. */
function manager(name: string): () => string | null {
  const fd = must(socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_UNIX');
  open.push(fd);
  const path = Buffer.from(name);
  const address = new Uint8Array([AF.UNIX, 0, ...path]);
  must(bind(fd, address, address.length), 'bind', name);
  const b = new Uint8Array(512);
  return () => {
    const octets = readInto(fd, b, b.length);
    return octets < 0 ? null : Buffer.from(b.subarray(0, octets)).toString();
  };
}

test('assignments arrive together, one a line, at a path and at an abstract name', () => {
  const atPath = manager(FILE);
  notify(['READY=1', 'STATUS=relay up'], FILE);
  expect([atPath(), atPath()]).toEqual(['READY=1\nSTATUS=relay up\n', null]);

  const abstract = manager(`\0tlx-notify-${process.pid}`);
  notify(['STOPPING=1'], `@tlx-notify-${process.pid}`);
  expect(abstract()).toBe('STOPPING=1\n');
});

test('a status cannot smuggle in another assignment', () => {
  const received = manager(FILE);
  notify(['STATUS=bad name\nREADY=1'], FILE);
  expect(received()).toBe('STATUS=bad name READY=1\n');
});

test('without a service manager nothing is told', () => {
  notify(['READY=1'], undefined);
  notify(['READY=1'], '');
});

test('a service manager that has gone is an error that names it', () => {
  expect(() => notify(['READY=1'], `${FILE}.gone`)).toThrow(`sendto(NOTIFY_SOCKET ${FILE}.gone): ENOENT`);
});
