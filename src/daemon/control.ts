/**
 * The control socket: a Unix stream on which each line is a JSON request, and each answer one JSON line.
 *
 *   {"command":"drain","seconds":30}  ->  {"ok":true,"result":{"state":"draining","seconds":30}}
 *   {"command":"reload"}              ->  {"ok":false,"code":"configuration","message":"...","details":["..."]}
 *
 * Who may write to the socket may stop the service: its mode is 0660. All the same nothing that a
 * client sends is trusted: lines, clients and idle time are bounded, one request of a client is
 * answered before its next is read, and what is malformed is answered and hung up on.
 */
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Log } from './log.js';

/** Octets in a request line, its line feed left out. */
export const MAX_REQUEST = 1024;
/** Clients at a time. */
export const MAX_CLIENTS = 16;
/** A client that says nothing for so long is hung up on, milliseconds. */
export const IDLE = 60_000;
/** A client that was refused has so long to read why, milliseconds. */
const FAREWELL = 1000;
/** Longest drain that can be asked for, seconds: a day. */
export const MAX_DRAIN = 86_400;
/** A Unix socket's path has at most this many octets on Linux. */
const MAX_PATH = 107;

/** What can be asked of the service. */
export const CONTROL_COMMANDS = ['status', 'reload', 'drain', 'resume'] as const;

/** A request that was understood. */
export type ControlRequest = { readonly command: 'status' | 'reload' | 'resume' } | { readonly command: 'drain'; readonly seconds: number };

/** An answer; `code` is for programs, `message` and `details` for people. */
export type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: ControlError; readonly message: string; readonly details?: readonly string[] };

/** Why a request was not done. */
export type ControlError = 'bad_request' | 'busy' | 'configuration' | 'failed';

/** Does what is asked; a Failure becomes an answer. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

/** Reads one line; a text says what is wrong with it. */
export function parseRequest(line: string): ControlRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'expected one JSON object a line';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected a JSON object';
  const { command, seconds = 0, ...others } = value as Record<string, unknown>;
  const [stray] = Object.keys(others);
  if (stray !== undefined) return `unknown key ${JSON.stringify(stray)}`;
  if (!CONTROL_COMMANDS.some((known) => known === command)) return `unknown command: expected one of ${CONTROL_COMMANDS.join(', ')}`;
  if (command !== 'drain') return 'seconds' in value ? '"seconds" belongs to drain' : ({ command } as ControlRequest);
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= MAX_DRAIN)) return `"seconds": expected a number from 0 to ${MAX_DRAIN}`;
  return { command, seconds };
}

/** Serves the control socket. */
export class ControlServer {
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  readonly #handle: ControlHandler;
  readonly #log: Log;

  private constructor(handle: ControlHandler, log: Log) {
    this.#handle = handle;
    this.#log = log;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on `path`. A socket that a dead service left is replaced; a live one is a Failure that names it. */
  static async listen(path: string, handle: ControlHandler, log: Log): Promise<ControlServer> {
    if (Buffer.byteLength(path) > MAX_PATH) {
      throw new Failure(Exit.failed, `control socket ${path}: a socket's path has at most ${MAX_PATH} octets`);
    }
    if (await answers(path)) throw new Failure(Exit.failed, `control socket ${path}: another service answers on it`);
    const control = new ControlServer(handle, log);
    try {
      mkdirSync(dirname(path), { recursive: true });
      removeSocket(path);
      await new Promise<void>((resolve, reject) => {
        control.#server.once('error', reject);
        // The socket is made within this call, and with this mask nobody else can ever connect.
        const before = process.umask(0o117);
        control.#server.listen(path, resolve);
        process.umask(before);
      });
    } catch (cause) {
      throw new Failure(Exit.failed, `control socket ${path}: ${reasonOf(cause)}`, { cause });
    }
    control.#server.on('error', (error) => log.error('control socket failed', { reason: error.message }));
    return control;
  }

  /** Hangs up on everybody and removes the socket. */
  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.hangUp();
  }

  #accept(socket: Socket): void {
    const client = new Client(socket, this.#handle, this.#log, () => this.#clients.delete(client));
    if (this.#clients.size >= MAX_CLIENTS)
      client.refuse({ ok: false, code: 'busy', message: `${MAX_CLIENTS} clients are connected already` });
    else this.#clients.add(client);
  }
}

const LINE_FEED = 0x0a;

/** One connection: collects a line, has it answered, goes on with the next. */
class Client {
  readonly #socket: Socket;
  readonly #handle: ControlHandler;
  readonly #log: Log;
  /** What was read and not yet answered; at most one chunk beyond a line, as reading pauses meanwhile. */
  #pending = Buffer.alloc(0);
  #answering = false;
  #over = false;

  constructor(socket: Socket, handle: ControlHandler, log: Log, onClose: () => void) {
    this.#socket = socket;
    this.#handle = handle;
    this.#log = log;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('close', onClose);
    // A client that vanishes is no event of the service.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE, () => socket.destroy());
  }

  hangUp(): void {
    this.#over = true;
    this.#socket.end();
    this.#socket.unref();
  }

  refuse(reply: ControlReply): void {
    this.#over = true;
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#socket.end(`${JSON.stringify(reply)}\n`);
    // Whoever keeps its side open, or goes on sending, does not keep ours.
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    if (!this.#answering) void this.#answer();
  }

  async #answer(): Promise<void> {
    this.#answering = true;
    this.#socket.pause();
    for (
      let end = this.#pending.indexOf(LINE_FEED);
      end >= 0 && end <= MAX_REQUEST && !this.#over;
      end = this.#pending.indexOf(LINE_FEED)
    ) {
      const line = this.#pending.toString('utf8', 0, end);
      this.#pending = this.#pending.subarray(end + 1);
      const request = parseRequest(line);
      if (typeof request === 'string') return this.refuse({ ok: false, code: 'bad_request', message: request });
      await this.#write(await this.#ask(request));
    }
    if (this.#over) return;
    if (this.#pending.length > MAX_REQUEST)
      return this.refuse({ ok: false, code: 'bad_request', message: `a line has at most ${MAX_REQUEST} octets` });
    this.#answering = false;
    this.#socket.resume();
  }

  async #ask(request: ControlRequest): Promise<ControlReply> {
    try {
      return { ok: true, result: await this.#handle(request) };
    } catch (thrown) {
      if (!(thrown instanceof Failure)) {
        this.#log.error('control request failed', {
          command: request.command,
          stack: thrown instanceof Error ? thrown.stack : String(thrown),
        });
      }
      const code = thrown instanceof Failure && thrown.exit === Exit.configuration ? 'configuration' : 'failed';
      const details = thrown instanceof Failure ? thrown.details : [];
      return { ok: false, code, message: reasonOf(thrown), ...(details.length > 0 && { details }) };
    }
  }

  /** Waits for a reader that is slow: its answers do not pile up here. */
  async #write(reply: ControlReply): Promise<void> {
    if (this.#over || this.#socket.destroyed || this.#socket.write(`${JSON.stringify(reply)}\n`)) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('drain', resolve);
      this.#socket.once('close', resolve);
    });
  }
}

/** True when somebody accepts connections on `path`. */
async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

/** Makes room for the socket; only a socket is ever removed. */
function removeSocket(path: string): void {
  const left = lstatSync(path, { throwIfNoEntry: false });
  if (left === undefined) return;
  if (!left.isSocket()) throw new Error('something that is no socket has this name');
  unlinkSync(path);
}
