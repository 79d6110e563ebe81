/**
 * The lab's web server: it says to visitors how they came, and moves octets for the checks of a path.
 *
 *   GET  /                     the page, or two lines of text for who does not ask for HTML
 *   GET  /json                 the same for programs
 *   GET  /download?octets=N    N octets, with their digest (RFC 9530)
 *   POST /upload               answers with number and digest of the octets that came
 *
 * Everybody on the lab's network may speak to it: requests are bounded in number, size and time.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { content, digestOf, MAX_CONTENT } from './content.js';
import { EXECUTABLE, nodeFiles, saysReady } from './daemon.js';
import { acceptedLanguage } from './language.js';
import type { ProgramOptions } from './program.js';
import { type Visitor, visitorOf } from './visitor.js';
import { STYLE, textPage, webPage } from './web-page.js';

/** TCP port of the server in its namespace. */
export const WEB_PORT = 80;
const MAX_CONNECTIONS = 128;
const MAX_HEADERS = 8192;
/** Milliseconds for a request to arrive whole, and for a connection to be idle. */
const REQUEST_TIMEOUT = 30_000;
const IDLE_TIMEOUT = 5000;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${digestOf(new TextEncoder().encode(STYLE))}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** How the server of a node is run. */
export function webProgram(lab: string, namespace: string, node: string): ProgramOptions {
  return {
    kind: 'web',
    place: node,
    namespace,
    command: [process.execPath, EXECUTABLE, 'lab', 'web'],
    log: `${nodeFiles(lab, node).log}-web`,
    isReady: saysReady,
  };
}

/** The server, not yet listening. */
export function webServer(): Server {
  const server = createServer(
    { maxHeaderSize: MAX_HEADERS, requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT, keepAliveTimeout: IDLE_TIMEOUT },
    (request, response) => void answer(request).then((given) => send(response, given)),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = REQUEST_TIMEOUT;
  return server;
}

/** Serves on every address of this network, and says so on stderr. Resolves when it listens. */
export async function serveWeb(port: number): Promise<Server> {
  const server = webServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host: '::', port }, resolve));
  process.stderr.write(`${JSON.stringify({ level: 'info', msg: 'ready', listen: server.address() })}\n`);
  return server;
}

/** What is sent back. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A page: the methods it takes, and what it answers. */
interface Route {
  readonly methods: readonly string[];
  answer(request: IncomingMessage, visitor: Visitor, query: string): Answer | Promise<Answer>;
}

const READING = ['GET', 'HEAD'];
const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', { methods: READING, answer: page }],
  ['/json', { methods: READING, answer: (_request, visitor) => json(visitor) }],
  ['/download', { methods: READING, answer: (_request, _visitor, query) => download(query) }],
  ['/upload', { methods: ['POST'], answer: upload }],
]);

async function answer(request: IncomingMessage): Promise<Answer> {
  const [path, query = ''] = (request.url ?? '').split('?');
  const route = ROUTES.get(path);
  const visitor = visitorOf(request.socket.remoteAddress ?? '');
  if (route === undefined) return refusal(404, 'there is no such page');
  if (!route.methods.includes(request.method ?? '')) {
    return refusal(405, `expected ${route.methods.join(' or ')}`, { Allow: route.methods.join(', ') });
  }
  return visitor === null ? refusal(400, 'the connection is gone') : route.answer(request, visitor, query);
}

function page(request: IncomingMessage, visitor: Visitor): Answer {
  const language = acceptedLanguage(request.headers['accept-language']);
  const isHtml = (request.headers.accept ?? '').includes('text/html');
  return {
    status: 200,
    type: isHtml ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    body: isHtml ? webPage(visitor, language) : textPage(visitor, language),
    headers: { Vary: 'Accept, Accept-Language', 'Content-Language': language },
  };
}

function download(query: string): Answer {
  const octets = Number(/^octets=([0-9]{1,9})$/.exec(query)?.[1]);
  if (!(octets <= MAX_CONTENT)) return refusal(400, `expected octets=N with N from 0 to ${MAX_CONTENT}`);
  const body = content(octets);
  return { status: 200, type: 'application/octet-stream', body, headers: { 'Repr-Digest': `sha-256=:${digestOf(body)}:` } };
}

async function upload(request: IncomingMessage): Promise<Answer> {
  const digest = createHash('sha256');
  const tooMuch = refusal(413, `expected at most ${MAX_CONTENT} octets`, { Connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > MAX_CONTENT) return tooMuch;
  let octets = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > MAX_CONTENT) return tooMuch; // who announced no length is cut off
      digest.update(chunk);
    }
  } catch {
    return refusal(400, 'the request was cut'); // its sender has gone and will not read this
  }
  return json({ octets, sha256: digest.digest('base64') });
}

function json(value: object): Answer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function refusal(status: number, why: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${why}\n`, headers };
}

function send(response: ServerResponse, { status, type, body, headers = {} }: Answer): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
