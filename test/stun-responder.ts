/** A STUN server with two addresses and two ports as RFC 5780 section 6 has it, written for tests: octets in, octets out. */
import type { Endpoint } from './nat-behaviour.js';

/** What a server can be, beside a good one. */
export type Fault =
  | 'no-other-address'
  | 'ignores-change'
  | 'refuses-change'
  | 'ignores-response-port'
  | 'refuses-response-port'
  | 'sends-nothing-to-response-port'
  | 'unknown-attribute'
  | 'classic';

/** An answer, the endpoint that it leaves from, and where it goes. */
export interface Answer {
  readonly octets: Uint8Array;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

const COOKIE = Buffer.from('2112a442', 'hex');

/** One server. */
export class StunResponder {
  readonly #addresses: readonly [string, string];
  readonly #ports: readonly [number, number];
  /** May change while it runs. */
  fault: Fault | null;
  /** A port that it sends no answer to, where that is asked for. */
  deafPort: number | null = null;
  /** Requests so far. */
  requests = 0;

  constructor(addresses: readonly [string, string], ports: readonly [number, number], fault: Fault | null = null) {
    this.#addresses = addresses;
    this.#ports = ports;
    this.fault = fault;
  }

  /** The four endpoints it listens on. */
  get endpoints(): Endpoint[] {
    return this.#addresses.flatMap((address) => this.#ports.map((port) => ({ address, port })));
  }

  /** Answers a request that came from `client` to `at`; null for what is none. */
  answer(request: Uint8Array, client: Endpoint, at: Endpoint): Answer | null {
    const b = Buffer.from(request);
    if (b.length < 20 || b.readUInt16BE(0) !== 1) return null;
    this.requests++;
    const change = attributeOf(b, 3)?.readUInt32BE(0) ?? 0;
    const responsePort = attributeOf(b, 0x27)?.readUInt16BE(0) ?? null;
    const refused = [
      change !== 0 && this.fault === 'refuses-change' && 3,
      responsePort !== null && this.fault === 'refuses-response-port' && 0x27,
    ];
    for (const type of refused) {
      const error = [attribute(9, Buffer.from('00000414', 'hex')), attribute(10, Buffer.from([0, Number(type)]))];
      if (type !== false) return { octets: message(0x0111, b, error), from: at, to: client };
    }
    if (responsePort !== null && (this.fault === 'sends-nothing-to-response-port' || responsePort === this.deafPort)) return null;
    const changed = this.fault === 'ignores-change' ? 0 : change;
    const from = {
      address: (changed & 4) === 0 ? at.address : swapped(this.#addresses, at.address),
      port: (changed & 2) === 0 ? at.port : swapped(this.#ports, at.port),
    };
    const other = { address: swapped(this.#addresses, at.address), port: swapped(this.#ports, at.port) };
    const isClassic = this.fault === 'classic';
    const attributes = [attribute(1, endpoint(client))];
    if (!isClassic) attributes.push(attribute(0x20, endpoint(client, COOKIE)));
    attributes.push(attribute(isClassic ? 4 : 0x802b, endpoint(from)));
    if (this.fault !== 'no-other-address') attributes.push(attribute(isClassic ? 5 : 0x802c, endpoint(other)));
    if (this.fault === 'unknown-attribute') attributes.push(attribute(0x7abc, Buffer.alloc(4)));
    const port = this.fault === 'ignores-response-port' ? client.port : (responsePort ?? client.port);
    return { octets: message(0x0101, b, attributes), from, to: { address: client.address, port } };
  }
}

/** The value of the first attribute of a type, filled up to four octets. */
function attributeOf(request: Buffer, type: number): Buffer | null {
  for (let at = 20; at + 8 <= request.length; ) {
    const end = at + 4 + ((request.readUInt16BE(at + 2) + 3) & ~3);
    if (request.readUInt16BE(at) === type) return request.subarray(at + 4, end);
    at = end;
  }
  return null;
}

function swapped<T>([one, two]: readonly [T, T], value: T): T {
  return value === one ? two : one;
}

function endpoint({ address, port }: Endpoint, mask = Buffer.alloc(4)): Buffer {
  const octets = Buffer.from([0, 1, port >> 8, port & 255, ...address.split('.').map(Number)]);
  for (let i = 0; i < 2; i++) octets[2 + i] ^= mask[i];
  for (let i = 0; i < 4; i++) octets[4 + i] ^= mask[i];
  return octets;
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
}

function message(type: number, request: Buffer, attributes: readonly Buffer[]): Uint8Array {
  const body = Buffer.concat(attributes);
  const head = Buffer.from(request.subarray(0, 20));
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Uint8Array.from(Buffer.concat([head, body]));
}
