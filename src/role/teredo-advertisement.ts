/**
 * What a Teredo server says to a client that asks, RFC 4380 sections 5.2.2 and 5.3.2.
 *
 *   | authentication, if the question had one | origin indication | router advertisement |
 *
 * The one prefix is that of the primary address, by whichever address the client came: its two answers are to agree.
 * With keys the server is in secure mode: it answers those who sign with one of them, and signs.
 */
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import { TEREDO_CONE, Teredo, teredoLinkLocal } from '../mapping/teredo.js';
import { ADDRESS_LEN, IPV6_SRC, MIN_MTU } from '../wire/ipv6.js';
import { INFINITE_LIFETIME, type RouterAdvertisement, writeRouterAdvertisement } from '../wire/ndisc.js';
import { copy, same } from '../wire/octets.js';
import {
  HMAC_LEN,
  type Hmac,
  isAuthentic,
  readTeredo,
  sign,
  TeredoMessage,
  writeAuthentication,
  writeNonceHeader,
  writeOrigin,
} from '../wire/teredo.js';
import type { Outer } from './role.js';
import type { TeredoKey } from './teredo-node.js';

/** Most octets of an answer: the longest client identifier, a value, and 117 of headers, prefix and MTU. */
export const MAX_ADVERTISEMENT = 400;
/** Bits of the advertised prefix. */
const PREFIX_LEN = 64;
/** Seconds: no RFC says how long; the longest there is, since clients ask again every half minute. */
const ROUTER_LIFETIME = 0xffff;
/** Of the authentication: the key is still good. Keys here have no end. */
const CONFIRMED = 0;

/** See the head of the file. */
export class TeredoAdvertisement {
  /** The server's link-local address, sixteen octets. */
  readonly source: Uint8Array = new Uint8Array(ADDRESS_LEN);
  readonly #keys: readonly TeredoKey[];
  readonly #hmac: Hmac;
  readonly #solicitor = new Uint8Array(ADDRESS_LEN);
  readonly #advertisement: RouterAdvertisement;
  readonly #message = new TeredoMessage();
  readonly #value = new Uint8Array(HMAC_LEN);
  /** Of who asked last; null: of nobody, there being none. */
  #key: TeredoKey | null = null;

  /** `server`: its primary address and port; `prefix`: see `TeredoNode`. */
  constructor(server: Endpoint, prefix: number, keys: readonly TeredoKey[], hmac: Hmac) {
    this.#keys = keys;
    this.#hmac = hmac;
    teredoLinkLocal(TEREDO_CONE).addressFor(server, this.source, 0);
    const addr = new Uint8Array(ADDRESS_LEN);
    new Teredo(server.bits, 0, prefix).addressFor(server, addr, 0);
    addr.fill(0, PREFIX_LEN / 8);
    this.#advertisement = {
      source: this.source,
      destination: this.#solicitor,
      hopLimit: 0,
      preference: 'medium',
      routerLifetime: ROUTER_LIFETIME,
      mtu: MIN_MTU,
      prefixes: [
        {
          prefix: { addr, len: PREFIX_LEN },
          validLifetime: INFINITE_LIFETIME,
          preferredLifetime: INFINITE_LIFETIME,
          onLink: false,
          autonomous: true,
        },
      ],
      routes: [],
    };
  }

  /** Whether a solicitation may be answered: `Drop.none`, or `unauthenticated` in secure mode. `write` answers the last one heard. */
  hear(b: Uint8Array, outer: Outer): number {
    const message = this.#message;
    const malformed = readTeredo(b, outer.payload, outer.payloadEnd, message);
    if (malformed !== Drop.none) return malformed;
    this.#key = this.#keyOf(b, message);
    if (this.#key === null) return this.#keys.length === 0 ? Drop.none : Drop.unauthenticated;
    return isAuthentic(b, message, this.#hmac, this.#key.secret, this.#value) ? Drop.none : Drop.unauthenticated;
  }

  /** Writes the answer to the solicitation in `b` that was heard last, whose sender is seen as `seen`, at `out[at..)`, and returns its end. */
  write(out: Uint8Array, at: number, b: Uint8Array, seen: Endpoint): number {
    const { packet } = this.#message;
    copy(b, packet + IPV6_SRC, this.#solicitor, 0, ADDRESS_LEN);
    const origin = this.#writeAuthentication(out, at, b);
    const end = writeRouterAdvertisement(out, writeOrigin(out, origin, seen), this.#advertisement);
    if (this.#key !== null) sign(out, at, end, this.#hmac, this.#key.secret);
    return end;
  }

  /** Who has a nonce gets it back, secure mode or not: without it a client takes no answer. */
  #writeAuthentication(out: Uint8Array, at: number, b: Uint8Array): number {
    const { identifier, value, nonce } = this.#message;
    if (nonce < 0) return at;
    if (this.#key === null) return writeNonceHeader(out, at, b, nonce);
    return writeAuthentication(out, at, b, identifier, value - identifier, b, nonce, CONFIRMED);
  }

  /** The key of the client that the message names; null: it names none that is known. */
  #keyOf(b: Uint8Array, { identifier, value }: TeredoMessage): TeredoKey | null {
    const keys = this.#keys;
    if (identifier < 0) return null;
    const len = value - identifier;
    for (let i = 0; i < keys.length; i++) {
      const known = keys[i].identifier;
      if (known.length === len && same(b, identifier, known, 0, len)) return keys[i];
    }
    return null;
  }
}
