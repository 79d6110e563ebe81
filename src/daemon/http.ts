/**
 * `[http]`: the status page, the JSON API and `/metrics`. Read only, no client's address in any of them.
 *
 * It stands in nobody's way: connections, headers, requests under way and waiting are bounded, and what it serves is read
 * from the counters at that moment.
 */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Log } from './log.js';
import { type MetricsPage, openMetrics } from './metrics.js';
import { readStatus, type ServiceView } from './status.js';
import { statusPage } from './status-page.js';

/** Connections at a time. */
const MAX_CONNECTIONS = 64;
/** Milliseconds for a request to arrive whole, for the next one to begin, and for a client to read anything of an answer. */
const PATIENCE = 10_000;
/** How often it is looked for requests that take too long, milliseconds. */
const LOOK = 1000;

/** The routes, without a server: `app.request(path)` answers. */
export function httpApp(view: ServiceView, log: Log): Hono {
  const app = new Hono();
  let metrics: Promise<MetricsPage> | null = null;
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
      // Plain HTTP: where TLS is wanted, the proxy that adds it says so.
      strictTransportSecurity: false,
    }),
  );
  app.use(async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return c.json({ error: 'read only' }, 405, { Allow: 'GET, HEAD' });
    await next();
    c.header('Cache-Control', 'no-store');
    return undefined;
  });
  app.get('/', (c) => c.html(statusPage(readStatus(view))));
  app.get('/api/v1/status', (c) => c.json(readStatus(view)));
  app.get('/metrics', async (c) => {
    metrics ??= openMetrics(view);
    const page = await metrics;
    return c.body(await page.text(), 200, { 'Content-Type': page.contentType });
  });
  app.notFound((c) => c.json({ error: 'there is no such page' }, 404));
  app.onError((error, c) => {
    log.error('http request failed', { path: c.req.path, stack: error.stack });
    return c.json({ error: 'internal error' }, 500);
  });
  return app;
}

/** A listening server. */
export interface HttpService {
  /** The port in use, which the configuration may leave to the kernel. */
  readonly port: number;
  close(): void;
}

/** Listens; a Failure says why it cannot. */
export async function serveHttp(
  view: ServiceView,
  listen: { readonly host: string; readonly port: number },
  log: Log,
): Promise<HttpService> {
  const answer = getRequestListener(httpApp(view, log).fetch);
  const busy = new WeakSet<Socket>();
  const options = {
    maxHeaderSize: 8192,
    requestTimeout: PATIENCE,
    headersTimeout: PATIENCE,
    keepAliveTimeout: PATIENCE,
    connectionsCheckingInterval: LOOK,
  };
  const server = createServer(options, (request, response) => {
    const { socket } = request;
    // A request sent ahead of an answer: thousands fit into one segment, and all their answers would have to wait here.
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    return void answer(request, response);
  });
  server.setTimeout(PATIENCE);
  server.maxConnections = MAX_CONNECTIONS;
  const { host, port } = listen;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Failure(Exit.failed, `http.listen ${host}, port ${port}: ${reasonOf(cause)}`, { cause })));
    server.listen({ host, port }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
