/** A Teredo client with a clock, whose server answers, and everybody else as a test wants it. */
import { expect } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { makeBatch } from '../../src/core/frame.js';
import type { Random } from '../../src/core/random.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { Outer, TransmitTo } from '../../src/role/role.js';
import { TeredoClient, type TeredoClientOptions } from '../../src/role/teredo-client.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { hex, toHex } from '../vectors/compose.js';
import { hmac } from '../wire/teredo-frames.js';
import { addr, MAPPED, PRIMARY, prefix, REFRESH, SERVER } from './teredo-bench.js';
import { answerTo, readQuestion, writeAnswer } from './teredo-fake-server.js';
import { innerAt } from './teredo-world.js';

/** The nonces of the vectors, and no random flags. */
export const VECTOR_CHANCE: Random = (into) => {
  if (into.length === 2) into.fill(0);
  else if (into.length === 4) into.set(hex('deadbeef'));
  else if (into.length === 8) into.set(hex('a1b2c3d4e5f60718'));
  else seeded(4380)(into);
};

/** How a client is set up; what is not said is as in the vectors. */
export interface ClientSetup {
  readonly local?: string;
  /** What the two addresses of the server see. */
  readonly origins?: readonly [primary: string, secondary: string];
  readonly ports?: readonly number[];
  readonly random?: Random;
  readonly change?: Partial<TeredoClientOptions>;
  /** Whether it qualifies before the test begins. */
  readonly qualifies?: boolean;
}

/** What was sent. */
export interface Sent {
  readonly at: number;
  readonly socket: number;
  /** `address:port`. */
  readonly to: string;
  readonly payload: string;
}

const OFF = 19;

/** See the head of the file. */
export class ClientBench {
  now = 0;
  readonly role: TeredoClient;
  readonly outer = new Outer();
  readonly sent: Sent[] = [];
  /** Packets that waited, in hex, and where they went; `undeliverable` where they were given up. */
  readonly released: { readonly packet: string; readonly to: string }[] = [];
  /** What had arrived and waited: taken in the end, or given up. */
  readonly taken: string[] = [];
  readonly dismissed: string[] = [];
  readonly #b = new Uint8Array(4096);
  readonly #out = makeBatch(1, 2048)[0];
  readonly #origins: readonly [string, string];

  constructor(setup: ClientSetup = {}) {
    const { local = '192.168.1.10', origins = [MAPPED, MAPPED], ports = [40_000], random = VECTOR_CHANCE, change = {} } = setup;
    this.#origins = origins;
    const node = {
      local: ports.map(() => addr(local) | 0),
      ports,
      prefix: TEREDO_PREFIX,
      own: new OwnAddresses([addr(local)]),
      endpoints: new EndpointPolicy(['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24'].map((text) => prefix(text))),
      identity: null,
      mtu: 1280,
      hmac,
      random,
    };
    const options = {
      node,
      servers: [SERVER],
      keys: [],
      refreshInterval: REFRESH,
      searchSocket: null,
      maxPeers: 64,
      discovery: null,
      gateway: null,
      before: null,
      ...change,
    };
    this.role = new TeredoClient(options, this.now);
    this.drain();
    if (setup.qualifies === false) return;
    this.answer();
    this.answer();
    expect(this.role.learned.teredo?.state).toBe('qualified');
    this.sent.length = 0;
  }

  get address(): string {
    return formatIpv6(this.role.errorSource);
  }

  /** The server answers the last solicitation. */
  answer(origins = this.#origins, socket = 0): number {
    const { to, payload } = this.sent.at(-1) ?? expect.fail('nothing was sent');
    const answer = answerTo(readQuestion(payload, null), PRIMARY, origins[to === `${PRIMARY}:3544` ? 0 : 1]);
    return this.receive(to, writeAnswer(answer).payload, socket);
  }

  /** A UDP payload arrives: a verdict or a drop reason. */
  receive(from: string, payload: Uint8Array, socket = 0): number {
    const [address, port] = from.split(':');
    const b = this.#b.fill(0xa5);
    b.set(payload, OFF);
    const { outer } = this;
    outer.remote.addr = addr(address);
    outer.remote.port = Number(port);
    outer.socket = socket;
    outer.payload = OFF;
    outer.packet = OFF + innerAt(payload);
    outer.payloadEnd = OFF + payload.length;
    const verdict = this.role.decapsulate(b, outer.packet, outer, this.now);
    this.drain();
    return verdict;
  }

  /** Sends a packet: a verdict or a drop reason, or where it goes. */
  send(packet: Uint8Array): number | string {
    const b = this.#b.fill(0xa5);
    b.set(packet, OFF);
    const verdict = this.role.encapsulate(b, OFF, this.outer, this.now);
    this.drain();
    return verdict === Drop.none ? this.#to() : verdict;
  }

  /** Where a packet would go, or a drop reason. */
  route(packet: Uint8Array): number | string {
    const b = this.#b.fill(0xa5);
    b.set(packet, OFF);
    const verdict = this.role.route(b, OFF, this.outer, this.now);
    this.drain();
    return verdict === Drop.none ? this.#to() : verdict;
  }

  /** Lets time pass; the server is silent unless it is said. */
  pass(time: number, serves = false): this {
    const until = this.now + time;
    for (let i = 0; this.role.nextTimeout() <= until; i++) {
      expect(i).toBeLessThan(10_000);
      this.now = Math.max(this.now, this.role.nextTimeout());
      this.role.handleTimeout(this.now);
      this.drain();
      if (serves && this.sent.at(-1)?.payload.startsWith('0001')) this.answer();
    }
    this.now = until;
    return this;
  }

  /** What was sent since it was asked last, solicitations of the service port left out. */
  take(): Sent[] {
    return this.sent.splice(0).filter(({ socket, payload }) => socket !== 0 || !payload.startsWith('0001'));
  }

  drain(): void {
    const out = this.#out;
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(1_000);
      out.b.fill(0xa5);
      const to = this.role.pollTransmit(out, this.now);
      if (to === TransmitTo.nowhere) return;
      const payload = toHex(out.b.slice(out.off, out.end));
      if (to === TransmitTo.carrier) {
        const { remote, socket } = out;
        this.sent.push({ at: this.now, socket, to: `${formatIpv4(remote.addr)}:${remote.port}`, payload });
      } else if (to === TransmitTo.undeliverable) this.released.push({ packet: payload, to: 'undeliverable' });
      else if (to === TransmitTo.admitted) this.taken.push(payload);
      else if (to === TransmitTo.dismissed) this.dismissed.push(payload);
      else {
        const verdict = this.role.encapsulate(out.b, out.off, this.outer, this.now);
        this.released.push({ packet: payload, to: verdict === Drop.none ? this.#to() : `drop ${verdict}` });
      }
    }
  }

  #to(): string {
    return `${formatIpv4(this.outer.remote.addr)}:${this.outer.remote.port}`;
  }
}
