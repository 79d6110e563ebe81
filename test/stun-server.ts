/** The STUN server of tests on real sockets. */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from './nat-behaviour.js';
import type { StunResponder } from './stun-responder.js';

/** Binds a socket in whatever namespace it is to be in. `bind` must be called before `where` returns. */
export type Where = (bind: () => void) => void;

/** A responder that answers on all of its endpoints. */
export class StunServer {
  readonly #sockets = new Map<string, Socket>();

  /** Listens; `where` decides in which namespace. */
  static async up(responder: StunResponder, where: Where = (bind) => bind()): Promise<StunServer> {
    const server = new StunServer();
    for (const at of responder.endpoints) server.#sockets.set(keyOf(at), await openSocket(at, where));
    for (const at of responder.endpoints) {
      server.#sockets.get(keyOf(at))?.on('message', (request, { address, port }) => {
        const answer = responder.answer(request, { address, port }, at);
        if (answer !== null) server.#sockets.get(keyOf(answer.from))?.send(answer.octets, answer.to.port, answer.to.address);
      });
    }
    return server;
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }
}

/** A UDP socket on an endpoint, opened in the namespace that `where` steps into. */
export async function openSocket({ address, port }: Endpoint, where: Where): Promise<Socket> {
  // Nothing of `bind` may wait, or the socket would be opened back home: neither for a name to be looked up.
  const socket = createSocket({ type: 'udp4', lookup: (given, _options, found) => found(null, given, 4) });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('listening', () => resolve(socket));
    where(() => socket.bind({ address, port, exclusive: true }));
  });
}

function keyOf({ address, port }: Endpoint): string {
  return `${address}:${port}`;
}
