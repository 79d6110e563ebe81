/** The other side of the control socket: what `status`, `reload`, `drain` and `resume` speak through. */
import { connect, type Socket } from 'node:net';
import type { ControlReply, ControlRequest } from './control.js';
import { Exit, Failure } from './failure.js';

/** Octets in an answer; a full status of 63 tunnels has far fewer. */
const MAX_REPLY = 1 << 20;
/** How long an answer may take, milliseconds: a reload waits for the kernel. */
const PATIENCE = 30_000;

const EXPLAINED: Readonly<Record<string, string>> = {
  ENOENT: 'no service runs with this control socket',
  ECONNREFUSED: 'nobody listens on it: the service has died',
  EACCES: 'no permission: the socket belongs to the user and group of the service',
};

/** A connection to a running service. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #path: string;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /** Connects; a Failure says why it cannot. */
  static async connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new Failure(Exit.failed, `control socket ${path}: ${EXPLAINED[error.code ?? ''] ?? error.message}`, { cause: error })),
      );
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new ControlClient(socket, path));
      });
    });
  }

  /** Asks, and returns the result; a Failure carries what the service answered instead. */
  async ask(request: ControlRequest): Promise<unknown> {
    this.#socket.write(`${JSON.stringify(request)}\n`);
    const reply = JSON.parse(await this.#line()) as ControlReply;
    if (reply.ok) return reply.result;
    throw new Failure(reply.code === 'configuration' ? Exit.configuration : Exit.failed, reply.message, { details: reply.details ?? [] });
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy();
  }

  async #line(): Promise<string> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      let text = '';
      const fail = (reason: string): void => done(() => reject(new Failure(Exit.failed, `control socket ${this.#path}: ${reason}`)));
      const read = (chunk: string): void => {
        text += chunk;
        const end = text.indexOf('\n');
        if (end >= 0) done(() => resolve(text.slice(0, end)));
        else if (text.length > MAX_REPLY) fail('the answer is too long');
      };
      const closed = (): void => fail('the service hung up before it answered');
      const broken = (error: Error): void => fail(error.message);
      const timer = setTimeout(fail, PATIENCE, `no answer within ${PATIENCE / 1000} s`);
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        socket.off('data', read).off('close', closed).off('error', broken);
        settle();
      };
      socket.setEncoding('utf8').on('data', read).on('close', closed).on('error', broken);
    });
  }
}
