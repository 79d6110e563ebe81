/**
 * A thread for one errand to a gateway by UPnP, and the library that runs it.
 *
 * The library goes wherever a description sends it, and reads whatever comes. Here it has no way but to the gateway itself,
 * in plain HTTP, from the tunnel's address, and no more than so many octets back.
 */
import http from 'node:http';
import https from 'node:https';
import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { Device } from 'nat-upnp-rejetto';

/** An action of the service WANIPConnection or WANPPPConnection. */
export interface UpnpAction {
  readonly name: string;
  readonly arguments: readonly (readonly [name: string, value: string | number])[];
}

/** What the thread is to do. */
export interface UpnpErrand {
  /** Where the gateway describes itself. */
  readonly location: string;
  readonly gateway: string;
  /** The address to ask from. */
  readonly local: string;
  readonly actions: readonly UpnpAction[];
}

/** What has come of it. */
export interface UpnpAnswer {
  /** What each action answered, by its name, as far as they went. */
  readonly values: readonly Readonly<Record<string, string>>[];
  /** Why the next one failed; null: none did. */
  readonly failure: string | null;
}

/** Octets of one answer, at most; descriptions of gateways have some thousands. */
const MOST_OCTETS = 65_536;
/** Characters of what an answer says, and of what is told of a failure, at most: it ends up in a log. */
const MOST_CHARACTERS = 120;

const { location, gateway, local, actions } = workerData as UpnpErrand;

/** What the library was kept from; it has words of its own for what it then sees. */
let objection: string | null = null;

function objectionTo(what: string): Error {
  objection = what;
  return new Error(what);
}

/** Connects to the gateway alone. */
class GatewayAgent extends http.Agent {
  override createConnection({ host, port }: http.ClientRequestArgs): Socket {
    if (host !== gateway) throw objectionTo('it names a place that is not its own');
    const socket = connect({ host: gateway, port: Number(port), localAddress: local });
    socket.on('data', () => {
      if (socket.bytesRead > MOST_OCTETS) socket.destroy(objectionTo('it says too much'));
    });
    return socket;
  }
}

http.globalAgent = new GatewayAgent();
// An agent for plain HTTP is refused by a request that is not: nobody's certificate says anything of a gateway.
https.globalAgent = http.globalAgent as https.Agent;

const values: Record<string, string>[] = [];
let failure: string | null = null;
try {
  const device = new Device(location);
  for (const { name, arguments: args } of actions) values.push(answerIn(await device.run(name, args as [string, string | number][]), name));
} catch (thrown) {
  failure = objection ?? reasonIn(thrown);
}
parentPort?.postMessage({ values, failure } satisfies UpnpAnswer);

/** The values in the answer to an action: `<u:NameResponse>`. */
function answerIn(body: unknown, name: string): Record<string, string> {
  const response = (body as Record<string, unknown> | null)?.[`${name}Response`];
  const entries = typeof response === 'object' && response !== null ? Object.entries(response) : [];
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value).slice(0, MOST_CHARACTERS)]));
}

/** What went wrong, in one line. A fault is no Error: it is what the gateway said. */
function reasonIn(thrown: unknown): string {
  const { errorCode, errorDescription, statusCode, message } = (thrown ?? {}) as Record<string, unknown>;
  const said = errorCode === undefined ? (message ?? `status ${statusCode}`) : `${errorDescription} (${errorCode})`;
  return String(said)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, MOST_CHARACTERS);
}
