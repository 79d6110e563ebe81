/** The lab's web server, on the loopback of this machine: its page in both languages, and what it makes of bad visitors. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { content, digestOf, MAX_CONTENT } from '../../src/lab/content.js';
import { acceptedLanguage, localeLanguage } from '../../src/lab/language.js';
import { visit } from '../../src/lab/transfer.js';
import { visitorOf } from '../../src/lab/visitor.js';
import { webServer } from '../../src/lab/web.js';
import { sentence, webPage } from '../../src/lab/web-page.js';

let server: Server;
let port = 0;

beforeAll(async () => {
  server = webServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, init);

/** Sends octets as they are and returns the first line of the answer; empty when there is none. */
function raw(request: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(request));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {}).on('close', () => resolve(text.split('\r\n')[0]));
  });
}

test.each([
  ['2002:c000:20a::1', '6to4', '192.0.2.10', null],
  ['2002:c000:20a:ffff::1%eth0', '6to4', '192.0.2.10', null],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'teredo', '192.0.2.45', 40000],
  ['2001:db8::200:5efe:c000:201', 'isatap', '192.0.2.1', null],
  ['2001:db8::5efe:c000:201', 'isatap', '192.0.2.1', null],
  ['2001:db8::1', 'native', null, null],
  ['::ffff:192.0.2.1', 'ipv4', null, null],
  ['::FFFF:192.0.2.1', 'ipv4', null, null],
  ['192.0.2.1', 'ipv4', null, null],
])('%s came by %s', (address, tunnel, ipv4, carriedPort) => {
  expect(visitorOf(address)).toMatchObject({ tunnel, ipv4, port: carriedPort });
});

test('what is no address is no visitor', () => {
  for (const text of ['', '%eth0', '1.2.3', '2002:', 'localhost']) expect(visitorOf(text)).toBeNull();
});

test.each([
  [undefined, 'en'],
  ['ja', 'ja'],
  ['ja-JP,ja;q=0.9,en;q=0.8', 'ja'],
  ['en-GB, en;q=0.9, ja;q=0.8', 'en'],
  ['en;q=0.1,ja;q=0.2', 'ja'],
  ['ja;q=0', 'en'],
  ['fr, de;q=0.5', 'en'],
  ['*', 'en'],
  ['ja;q=9', 'en'],
  [`${'x,'.repeat(300)}ja`, 'en'],
] as const)('Accept-Language %s is read as %s', (field, language) => {
  expect(acceptedLanguage(field)).toBe(language);
});

test('the locale is LC_ALL before LC_MESSAGES before LANG', () => {
  expect(localeLanguage({ LANG: 'ja_JP.UTF-8' })).toBe('ja');
  expect(localeLanguage({ LANG: 'ja_JP.UTF-8', LC_MESSAGES: 'en_GB.UTF-8' })).toBe('en');
  expect(localeLanguage({ LANG: 'en_GB.UTF-8', LC_MESSAGES: 'C', LC_ALL: 'ja' })).toBe('ja');
  expect(localeLanguage({ LANG: 'javanese' })).toBe('en');
  expect(localeLanguage({ LC_ALL: '', LANG: 'ja_JP' })).toBe('ja');
  expect(localeLanguage({})).toBe('en');
});

test('a browser gets a page in its language that is readable in the other one too, and nothing from elsewhere', async () => {
  for (const [field, language, first, second] of [
    ['ja', 'ja', 'IPv4 で接続しています。', 'You came by IPv4.'],
    ['en', 'en', 'You came by IPv4.', 'IPv4 で接続しています。'],
  ] as const) {
    const response = await get('/', { headers: { Accept: 'text/html,*/*', 'Accept-Language': field } });
    const html = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-language')).toBe(language);
    expect(html).toContain(`<html lang="${language}">`);
    expect(html.indexOf(first)).toBeGreaterThan(0);
    expect(html.indexOf(second)).toBeGreaterThan(html.indexOf(first));
    expect(html).not.toMatch(/<(script|link|img|iframe)|https?:|@import|url\(/i);
  }
});

test('the policy of the page allows its own style and no other', async () => {
  const response = await get('/', { headers: { Accept: 'text/html' } });
  const style = /<style>([\s\S]*)<\/style>/.exec(await response.text())?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  expect(response.headers.get('content-security-policy')).toContain(`style-src 'sha256-${digest}'`);
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
});

test('the page names the address, the tunnel and the IPv4 address in it, and marks where it is carried', () => {
  const visitor = visitorOf('2002:c000:20a:1::5');
  if (visitor === null) throw new Error('no visitor');
  const html = webPage(visitor, 'ja');
  expect(html).toContain('<p class="address">2002:<mark>c000:20a</mark>:1::5</p>');
  expect(html).toContain('6to4 トンネルで接続しています。アドレスには IPv4 アドレス 192.0.2.10 が埋め込まれています。');
  expect(html).toContain('You came by 6to4: your address carries the IPv4 address 192.0.2.10.');
  const teredo = visitorOf('2001:0:4136:e378:8000:63bf:3fff:fdd2');
  expect(teredo === null ? '' : sentence(teredo).en).toBe('You came by Teredo: your address carries the IPv4 address 192.0.2.45:40000.');
});

test('an address that shows no tunnel may be one of 6rd: the page does not claim to know', () => {
  const visitor = visitorOf('3fff:a00:1020:3001::1');
  if (visitor === null) throw new Error('no visitor');
  expect(visitor.tunnel).toBe('native');
  expect(sentence(visitor).en).toBe('Your address shows no tunnel: you came by native IPv6, or by 6rd, which looks the same from here.');
  expect(webPage(visitor, 'en')).toContain(sentence(visitor).ja);
});

test('a terminal gets two lines', async () => {
  const response = await get('/', { headers: { Accept: '*/*', 'Accept-Language': 'en' } });
  expect(await response.text()).toBe('127.0.0.1\nYou came by IPv4.\n');
});

test('a download is as long as asked for, and its digest is announced', async () => {
  for (const octets of [0, 1, 1 << 20]) {
    const response = await get(`/download?octets=${octets}`);
    const b = new Uint8Array(await response.arrayBuffer());
    expect(b.length).toBe(octets);
    expect(response.headers.get('repr-digest')).toBe(`sha-256=:${createHash('sha256').update(b).digest('base64')}:`);
  }
});

test('the octets of a transfer repeat in no block, so that what is lost, doubled or moved changes the digest', () => {
  const b = content(1 << 20);
  const blocks = Array.from({ length: (1 << 20) / 64 }, (_, i) => Buffer.from(b.subarray(64 * i, 64 * i + 64)).toString('latin1'));
  expect(new Set(blocks).size).toBe(blocks.length);
  expect(content(64)).toEqual(b.subarray(0, 64));
});

test('an upload is answered with its length and digest', async () => {
  const body = Buffer.from('つなぎ');
  const response = await get('/upload', { method: 'POST', body });
  expect(await response.json()).toEqual({ octets: 9, sha256: digestOf(body) });
});

test('a visit brings all of it together', async () => {
  const loopback = webServer();
  await new Promise<void>((resolve) => loopback.listen({ host: '::1', port: 0 }, resolve));
  try {
    const found = await visit('::1', (loopback.address() as AddressInfo).port);
    expect(found.visitor).toEqual({ address: '::1', tunnel: 'native', ipv4: null, port: null });
    expect(found.page.language).toBe('ja');
    expect(found.download).toMatchObject({ octets: 1 << 20, isWhole: true });
    expect(found.upload).toMatchObject({ octets: 1 << 20, isWhole: true });
  } finally {
    loopback.closeAllConnections();
    loopback.close();
  }
});

test('a transfer that is cut, longer, or differs in one bit is no whole one', async () => {
  const one = (change: (b: Uint8Array) => Uint8Array): Server =>
    createServer((request, response) => {
      request.resume();
      const b = content(1 << 20);
      if (request.url === '/json') response.end('{}');
      else if (request.method === 'POST') response.end(JSON.stringify({ octets: change(b).length, sha256: digestOf(change(b)) }));
      else response.setHeader('Repr-Digest', `sha-256=:${digestOf(b)}:`).end(change(b));
    });
  const flip = (b: Uint8Array): Uint8Array => b.map((octet, i) => (i === 4711 ? octet ^ 1 : octet));
  for (const [change, isWhole] of [
    [(b: Uint8Array) => b, true],
    [(b: Uint8Array) => b.subarray(1), false],
    [(b: Uint8Array) => Buffer.concat([b, Buffer.of(0)]), false],
    [flip, false],
  ] as const) {
    const bad = one(change);
    await new Promise<void>((resolve) => bad.listen({ host: '::1', port: 0 }, resolve));
    const { download, upload } = await visit('::1', (bad.address() as AddressInfo).port);
    expect([download.isWhole, upload.isWhole]).toEqual([isWhole, isWhole]);
    bad.closeAllConnections();
    bad.close();
  }
});

test.each([
  ['GET', '/download', 400],
  ['GET', '/download?octets=-1', 400],
  ['GET', '/download?octets=1e9', 400],
  ['GET', `/download?octets=${MAX_CONTENT + 1}`, 400],
  ['GET', '/download?octets=999999999999', 400],
  ['GET', '/download?octets=1&octets=2', 400],
  ['GET', '/../../etc/passwd', 404],
  ['GET', '/%00', 404],
  ['GET', '//', 404],
  ['GET', '/upload', 405],
  ['POST', '/', 405],
  ['DELETE', '/json', 405],
])('%s %s is refused with %i', async (method, path, status) => {
  expect(await raw(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test('an upload that announces too much is refused, and one that does not announce it is cut off', async () => {
  expect(await raw(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${MAX_CONTENT + 1}\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
  const chunk = `100000\r\n${'x'.repeat(1 << 20)}\r\n`;
  const answer = await raw(`POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(18)}0\r\n\r\n`);
  expect(answer).not.toMatch(/^HTTP\/1.1 200 /);
});

test('headers without end are refused', async () => {
  expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
});

test('whatever octets come, the server goes on', async () => {
  const line = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.constantFrom('GET / HTTP/1.1', 'POST /upload HTTP/1.1', 'Host: x', 'Content-Length: 5', ''),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 6 }), fc.uint8Array({ maxLength: 200 }), async (lines, octets) => {
      await raw(Buffer.concat([Buffer.from(lines.join('\r\n')), octets]));
      expect((await get('/json')).status).toBe(200);
    }),
    { numRuns: 60 },
  );
});
