/** Gateways that speak UPnP and mean no good, on addresses of the loopback interface. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { MappingWish } from '../../src/daemon/gateway.js';
import { mapByUpnp, unmapByUpnp } from '../../src/daemon/upnp.js';
import { locationIn } from '../../src/daemon/upnp-search.js';
import type { UpnpErrand } from '../../src/daemon/upnp-thread.js';
import { parseIpv4 } from '../../src/wire/address.js';

const GATEWAY = '127.0.0.77';
const STRANGER = '127.0.0.78';
const TARGET = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
const WISH: MappingWish = {
  gateway: parseIpv4(GATEWAY) ?? 0,
  local: { addr: 0x7f000001, port: 40_000 },
  nonce: new Uint8Array(12),
};

const folder = mkdtempSync(join(tmpdir(), 'tsunagi-upnp-'));
const script = join(folder, 'upnp-thread.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/daemon/upnp-thread.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire as make } from 'node:module'; const require = make(import.meta.url);" },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The thread of the service, bundled as it is there. */
const start = (errand: UpnpErrand): Worker => new Worker(script, { workerData: errand });

const FOREVER = new AbortController().signal;

const answerTo = (location: string, target = TARGET): string => `HTTP/1.1 200 OK\r\nST: ${target}\r\nLocation: ${location}\r\n\r\n`;
const description = (control: string): string =>
  `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>${TARGET}</deviceType><deviceList><device>
  <deviceList><device><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
  <controlURL>${control}</controlURL><SCPDURL>/scpd</SCPDURL></service></serviceList></device></deviceList></device></deviceList></device></root>`;
const envelope = (body: string): string =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
const fault = (code: number, text: string): string =>
  envelope(
    `<s:Fault><faultcode>s:Client</faultcode><detail><UPnPError><errorCode>${code}</errorCode><errorDescription>${text}</errorDescription></UPnPError></detail></s:Fault>`,
  );

/** An HTTP server: what it is asked, and what it says. */
interface Asked {
  readonly url: string;
  readonly action: string;
  readonly body: string;
}
type Say = (asked: Asked) => { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string } | null;

const open: (Server | Socket)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function serve(address: string, say: Say): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const one = { url: request.url ?? '', action: String(request.headers.soapaction ?? ''), body };
    asked.push(one);
    const said = say(one);
    if (said === null) return;
    response.writeHead(said.status ?? 200, { 'content-type': 'text/xml', ...said.headers });
    response.end(said.body);
  });
  server.listen(0, address);
  await once(server, 'listening');
  open.push(server);
  server.on('close', () => server.closeAllConnections());
  return { url: `http://${address}:${(server.address() as AddressInfo).port}`, asked };
}

/** Answers searches at the gateway's address. */
async function announce(answer: string): Promise<string[]> {
  const heard: string[] = [];
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (octets, { address, port }) => {
    heard.push(octets.toString());
    socket.send(answer, port, address);
  });
  socket.bind(1900, GATEWAY);
  await once(socket, 'listening');
  open.push(socket);
  return heard;
}

const GOOD: Say = ({ action }) => {
  if (action === '') return { body: description('/control') };
  const name = /#(\w+)/.exec(action)?.[1];
  const value = name === 'GetExternalIPAddress' ? '<NewExternalIPAddress>192.0.2.11</NewExternalIPAddress>' : '';
  return { body: envelope(`<u:${name}Response xmlns:u="urn:x">${value}</u:${name}Response>`) };
};

async function gatewayThat(say: Say) {
  const { url, asked } = await serve(GATEWAY, say);
  const searches = await announce(answerTo(`${url}/root.xml`));
  return { url, asked, searches };
}

test('TRDO-EX-08: AddPortMapping is asked for with the same port on both sides, for ever, and then the address', async () => {
  const { asked, searches } = await gatewayThat(GOOD);
  expect(await mapByUpnp(WISH, FOREVER, start)).toEqual({
    by: 'upnp',
    external: { addr: parseIpv4('192.0.2.11'), port: 40_000 },
    lifetime: Number.POSITIVE_INFINITY,
  });
  expect(searches[0]).toMatch(/^M-SEARCH \* HTTP\/1\.1\r\n/);
  const [add, address] = asked.filter(({ action }) => action !== '');
  expect([add.action, address.action]).toEqual(
    ['AddPortMapping', 'GetExternalIPAddress'].map((name) => `"urn:schemas-upnp-org:service:WANIPConnection:1#${name}"`),
  );
  const said = Object.fromEntries([...add.body.matchAll(/<(New\w+)>([^<]*)</g)].map(([, name, value]) => [name, value]));
  expect(said).toEqual({
    NewRemoteHost: '',
    NewExternalPort: '40000',
    NewProtocol: 'UDP',
    NewInternalPort: '40000',
    NewInternalClient: '127.0.0.1',
    NewEnabled: '1',
    NewPortMappingDescription: 'TEREDO',
    NewLeaseDuration: '0',
  });
});

test('TRDO-EX-09: DeletePortMapping names it', async () => {
  const { asked } = await gatewayThat(GOOD);
  await unmapByUpnp(WISH, { external: { addr: 0, port: 40_000 } }, FOREVER, start);
  const [remove] = asked.filter(({ action }) => action !== '');
  expect([remove.action, remove.body]).toEqual([
    expect.stringContaining('#DeletePortMapping'),
    expect.stringContaining('<NewRemoteHost></NewRemoteHost><NewExternalPort>40000</NewExternalPort><NewProtocol>UDP</NewProtocol>'),
  ]);
});

describe('a gateway that', () => {
  test.each<[string, Say, string]>([
    [
      'refuses',
      (asked) => (asked.action === '' ? GOOD(asked) : { status: 500, body: fault(718, 'ConflictInMappingEntry') }),
      'refuses by UPnP: ConflictInMappingEntry (718)',
    ],
    ['has no page there', () => ({ status: 404, body: '' }), 'refuses by UPnP: status 404'],
    ['sends elsewhere', () => ({ status: 302, headers: { location: `http://${STRANGER}/` }, body: '' }), 'refuses by UPnP: '],
    ['describes something else', () => ({ body: '<root><device/></root>' }), 'refuses by UPnP: Service not found'],
    ['says what is no XML', () => ({ body: 'hello' }), 'refuses by UPnP: '],
    ['never stops', () => ({ body: description('/control') + 'x'.repeat(1 << 20) }), 'refuses by UPnP: it says too much'],
    [
      'speaks in entities of entities',
      () => ({
        body: `<!DOCTYPE r [<!ENTITY a "${'x'.repeat(999)}"><!ENTITY b "${'&a;'.repeat(999)}"><!ENTITY c "${'&b;'.repeat(999)}">]><root>&c;</root>`,
      }),
      'refuses by UPnP: ',
    ],
    [
      'has a private address outside, or none',
      (asked) => (asked.action.includes('GetExternal') ? { body: envelope('<GetExternalIPAddressResponse/>') } : GOOD(asked)),
      'named no outside address by UPnP',
    ],
    [
      'puts line feeds into faults',
      (asked) => (asked.action === '' ? GOOD(asked) : { status: 500, body: fault(1, 'a\nready\n') }),
      'refuses by UPnP: a ready',
    ],
  ])('%s', async (_, say, reason) => {
    await gatewayThat(say);
    const failure = await mapByUpnp(WISH, FOREVER, start).then(() => expect.fail('mapped'), String);
    expect(failure).toContain(reason);
    expect(failure.length).toBeLessThan(200);
    expect(failure).not.toContain('\n');
  });

  test('does not answer is left after some seconds', async () => {
    await gatewayThat(() => null);
    const began = performance.now();
    await expect(mapByUpnp(WISH, FOREVER, start)).rejects.toThrow('does not answer by UPnP');
    expect(performance.now() - began).toBeLessThan(9_000);
  });

  test('does not answer is left at once when the service ends', async () => {
    const { asked } = await gatewayThat(() => null);
    const end = new AbortController();
    const mapping = mapByUpnp(WISH, end.signal, start);
    await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(1);
    const began = performance.now();
    end.abort();
    await expect(mapping).rejects.toThrow('does not answer by UPnP');
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  test('names a stranger for its control is not followed, and the stranger hears nothing', async () => {
    const stranger = await serve(STRANGER, GOOD);
    await gatewayThat((asked) => (asked.action === '' ? { body: description(`${stranger.url}/control`) } : GOOD(asked)));
    await expect(mapByUpnp(WISH, FOREVER, start)).rejects.toThrow('it names a place that is not its own');
    expect(stranger.asked).toEqual([]);
  });

  test('describes itself at a stranger’s is no gateway', async () => {
    const stranger = await serve(STRANGER, GOOD);
    await announce(answerTo(`${stranger.url}/root.xml`));
    await expect(mapByUpnp(WISH, FOREVER, start)).rejects.toThrow('does not answer by UPnP');
    expect(stranger.asked).toEqual([]);
  });
});

test('an address that this host does not have cannot ask', async () => {
  const wish = { ...WISH, local: { addr: 0xc6336401, port: 40_000 } };
  await expect(mapByUpnp(wish, FOREVER, start)).rejects.toThrow('EADDRNOTAVAIL');
});

test.each([
  [answerTo('http://192.168.1.1:5000/root.xml'), 'http://192.168.1.1:5000/root.xml'],
  [answerTo('http://192.168.1.1:5000/root.xml').replace('Location', 'LOCATION'), 'http://192.168.1.1:5000/root.xml'],
  [answerTo('http://192.168.1.2:5000/root.xml'), null],
  [answerTo('http://192.168.1.1@192.168.1.2/root.xml'), null],
  [answerTo('http://router/root.xml'), null],
  [answerTo('https://192.168.1.1/root.xml'), null],
  [answerTo('file:///etc/passwd'), null],
  [answerTo('root.xml'), null],
  [answerTo('http://192.168.1.1/', 'upnp:rootdevice'), null],
  ['HTTP/1.1 404 Not Found\r\n\r\n', null],
  ['NOTIFY * HTTP/1.1\r\n\r\n', null],
  ['', null],
])('%j names %s', (answer, location) => {
  expect(locationIn(answer, '192.168.1.1')).toBe(location);
});
