/**
 * One question to a Teredo server, and what counts as its answer: RFC 4380 sections 5.2.1 and 5.2.2.
 *
 *   client                                                      server
 *     | nonce (and key), router solicitation fe80::... > ff02::2  |
 *     |---------------------------------------------------------->|
 *     |<----------------------------------------------------------|
 *     | nonce (and key), origin indication, router advertisement  |
 *
 * The nonce is a new one each time. It keeps out whoever does not see the question; who does, only a key keeps out.
 */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { teredoLinkLocal } from '../mapping/teredo.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { ALL_ROUTERS, readRouterAdvertisement, writeRouterSolicitation } from '../wire/ndisc.js';
import { i32, same } from '../wire/octets.js';
import {
  HMAC_LEN,
  isAuthentic,
  NONCE_LEN,
  readOrigin,
  readTeredo,
  sign,
  TEREDO_PORT,
  TeredoMessage,
  writeAuthentication,
  writeNonceHeader,
} from '../wire/teredo.js';
import type { Outer } from './role.js';
import type { TeredoKey, TeredoNode } from './teredo-node.js';

/** Length of the prefix that a server advertises, bits. */
const PREFIX_LEN = 64;

/** What of a node asks. */
export type SolicitationNode = Pick<TeredoNode, 'prefix' | 'endpoints' | 'hmac' | 'random'>;

/** See the head of the file. Reused: a new question takes the place of the one before. */
export class TeredoSolicitation {
  /** Of the last answer: which endpoint the server saw. Meaningless where it refuses the key. */
  readonly origin = new Endpoint();
  /** Of the last answer: it says that a new key is needed. */
  isKeyRefused = false;
  readonly #node: SolicitationNode;
  /** null: only the nonce protects. */
  readonly #key: TeredoKey | null;
  /** Source of the question, sixteen octets: link-local, made of the client's end. */
  readonly #source = new Uint8Array(ADDRESS_LEN);
  /** Who is asked, as `Endpoint.bits`. */
  #asked = 0;
  #isDue = false;
  #isAwaited = false;
  readonly #nonce = new Uint8Array(NONCE_LEN);
  readonly #message = new TeredoMessage();
  readonly #room = new Uint8Array(HMAC_LEN);

  constructor(node: SolicitationNode, key: TeredoKey | null) {
    this.#node = node;
    this.#key = key;
  }

  /** A new question from the client's end `local` to the server at `asked`, as `Endpoint.bits`. The cone flag is never set, RFC 5991 section 3.2. */
  ask(local: Endpoint, asked: number): void {
    teredoLinkLocal(0).addressFor(local, this.#source, 0);
    this.#node.random(this.#nonce);
    this.#asked = asked;
    this.#isDue = this.#isAwaited = true;
  }

  /** Nothing is asked or awaited any more. */
  forget(): void {
    this.#isDue = this.#isAwaited = false;
  }

  /** Writes the question, a whole UDP payload, into `out`, and where it goes but for the socket; false when it was written before, or there is none. */
  poll(out: Frame): boolean {
    if (!this.#isDue) return false;
    this.#isDue = false;
    out.clear();
    const { b, off } = out;
    const key = this.#key;
    const nonce = this.#nonce;
    const packet =
      key === null
        ? writeNonceHeader(b, off, nonce, 0)
        : writeAuthentication(b, off, key.identifier, 0, key.identifier.length, nonce, 0, 0);
    out.end = writeRouterSolicitation(b, packet, this.#source, ALL_ROUTERS);
    if (key !== null) sign(b, off, out.end, this.#node.hmac, key.secret);
    out.remote.bits = this.#asked;
    out.remote.port = TEREDO_PORT;
    return true;
  }

  /**
   * Judges a router advertisement, the inner packet at `b[off..)` with the headers in front of it, as an answer of the
   * server whose clients' addresses carry `primary`, as `Endpoint.bits`. `Drop.none`, and the question is answered; or why
   * it is not: `foreign_server`, `unauthenticated`, `nonce_mismatch`, `malformed_nd`, `destination_mismatch`,
   * `malformed_teredo` (it does not say what the server sees), `special_ipv4` (nobody can be reached there). Allocates.
   */
  take(b: Uint8Array, off: number, outer: Outer, primary: number): number {
    const verdict = this.#judge(b, off, outer, primary);
    if (verdict === Drop.none) this.forget();
    return verdict;
  }

  #judge(b: Uint8Array, off: number, outer: Outer, primary: number): number {
    if (outer.remote.bits !== this.#asked || outer.remote.port !== TEREDO_PORT) return Drop.foreign_server;
    const message = this.#message;
    const malformed = readTeredo(b, outer.payload, outer.payloadEnd, message);
    if (malformed !== Drop.none) return malformed;
    if (!this.#isSigned(b, message)) return Drop.unauthenticated;
    if (!this.#isAwaited || !same(b, message.nonce, this.#nonce, 0, NONCE_LEN)) return Drop.nonce_mismatch;
    const ra = readRouterAdvertisement(b, off, message.packetEnd);
    if (ra === null) return Drop.malformed_nd;
    if (!same(ra.destination, 0, this.#source, 0, ADDRESS_LEN)) return Drop.destination_mismatch;
    this.isKeyRefused = b[message.confirmation] !== 0;
    if (this.isKeyRefused) return Drop.none;
    if (ra.prefixes.length !== 1) return Drop.malformed_nd;
    const { addr, len } = ra.prefixes[0].prefix;
    if (len !== PREFIX_LEN || i32(addr, 0) !== this.#node.prefix || i32(addr, 4) !== primary) return Drop.foreign_server;
    return this.#takeOrigin(b, message.origin);
  }

  #takeOrigin(b: Uint8Array, at: number): number {
    if (at < 0) return Drop.malformed_teredo;
    readOrigin(b, at, this.origin);
    if (this.origin.port === 0) return Drop.malformed_teredo;
    return this.#node.endpoints.refuses(this.origin) ? Drop.special_ipv4 : Drop.none;
  }

  /** True when the message has a nonce and, where there is a key, is signed with it. What is signed leaves the identifier out. */
  #isSigned(b: Uint8Array, message: TeredoMessage): boolean {
    const key = this.#key;
    if (message.nonce < 0 || key === null) return message.nonce >= 0;
    const { identifier, secret } = key;
    if (message.value - message.identifier !== identifier.length) return false;
    return same(b, message.identifier, identifier, 0, identifier.length) && isAuthentic(b, message, this.#node.hmac, secret, this.#room);
  }
}
