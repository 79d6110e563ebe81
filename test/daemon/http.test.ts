import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { httpApp, serveHttp } from '../../src/daemon/http.js';
import { readStatus } from '../../src/daemon/status.js';
import { makeLog } from './log-lines.js';
import { fastPath, makeView, node } from './view.js';

const { log } = makeLog();

test('the API serves the very object of status --json', async () => {
  const { view } = makeView();
  const response = await httpApp(view, log).request('/api/v1/status');
  expect([response.status, response.headers.get('content-type'), await response.json()]).toEqual([
    200,
    'application/json',
    readStatus(view),
  ]);
});

test('metrics come with the content type that Prometheus asks for', async () => {
  const response = await httpApp(makeView().view, log).request('/metrics');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(await response.text()).toContain('# TYPE tsunagi_packets_total counter\n');
});

test('the page says where the fast path runs, and what is wrong with it', async () => {
  const { view } = makeView({ fastpath: fastPath() });
  expect(await (await httpApp(view, log).request('/')).text()).toContain(
    'Fast path: native on eth0, eth1; eth2: there is no such interface.',
  );
});

test('the page lists every tunnel, and a name from the configuration cannot become markup', async () => {
  const { view } = makeView({ name: '<script>alert(1)</script>' });
  const html = await (await httpApp(view, log).request('/')).text();
  for (const tunnel of node.tunnels) expect(html).toContain(`<td>${tunnel.name}<td>`);
  expect(html).not.toContain('<script');
  expect(html).toContain('&#60;script&#62;');
});

test.each(['/', '/metrics', '/api/v1/status', '/nothing-here'])(
  '%s carries headers that keep a browser from doing anything with it',
  async (path) => {
    const { headers } = await httpApp(makeView().view, log).request(path);
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  },
);

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused: the service is read only', async (method) => {
  const response = await httpApp(makeView().view, log).request('/api/v1/status', { method });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test('a path that does not exist is a 404 in JSON', async () => {
  const response = await httpApp(makeView().view, log).request('/api/v1/peers');
  expect([response.status, await response.json()]).toEqual([404, { error: 'there is no such page' }]);
});

test('it listens, answers over TCP, and closes; a port that is taken is named', async () => {
  const { view } = makeView();
  const service = await serveHttp(view, { host: '127.0.0.1', port: 0 }, log);
  try {
    expect((await fetch(`http://127.0.0.1:${service.port}/api/v1/status`)).status).toBe(200);
    await expect(serveHttp(view, { host: '127.0.0.1', port: service.port }, log)).rejects.toThrow(
      `http.listen 127.0.0.1, port ${service.port}: `,
    );
    expect(await headersOf(service.port, 'x'.repeat(9000)), 'headers are bounded').toBe(431);
  } finally {
    service.close();
  }
  await expect(fetch(`http://127.0.0.1:${service.port}/`)).rejects.toThrow();
});

test('one request of a connection at a time: those that are sent ahead of an answer end it, so that answers cannot pile up', async () => {
  const service = await serveHttp(makeView().view, { host: '127.0.0.1', port: 0 }, log);
  try {
    const ahead = await exchange(service.port, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000));
    expect(ahead.split('HTTP/1.1 200 OK').length - 1, 'answers to a thousand requests in one go').toBeLessThanOrEqual(1);
    expect(await oneAfterTheOther(service.port, 3), 'requests that wait for their answers, on one connection').toEqual([200, 200, 200]);
  } finally {
    service.close();
  }
});

/** All that the server says to `text` before it hangs up. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => {}).on('close', () => resolve(answer));
  });
}

/** Status of each of `count` requests that share one connection. */
async function oneAfterTheOther(port: number, count: number): Promise<(number | undefined)[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    statuses.push(
      await new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port, path: '/metrics', agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().on('end', () => resolve(response.statusCode));
        })
          .on('error', reject)
          .end();
      }),
    );
  }
  agent.destroy();
  expect(ports.size).toBe(1);
  return statuses;
}

function headersOf(port: number, padding: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, headers: { 'x-padding': padding } }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}
