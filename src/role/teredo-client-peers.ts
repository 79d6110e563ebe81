/**
 * What a client keeps of each peer beside the entry in the table, RFC 4380 section 5.2 and RFC 6081 sections 5.2.1,
 * 5.4.1: nonces, ports, and how far it is with asking. Columns by the index of the entry; made once.
 */
import type { Millis } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Random } from '../core/random.js';
import { copy, same } from '../wire/octets.js';
import { NONCE_LEN } from '../wire/teredo.js';
import { TRAILER_NONCE_LEN } from '../wire/teredo-trailers.js';
import { NEARBY_TIME } from './teredo-discovery.js';
import { MAX_GUESSES, PEER_ASKED, PEER_STRANGER, PEER_TRUSTED, TeredoPeers } from './teredo-peers.js';

/** Flags of a peer's entry. */
export const PeerFlag = {
  /** Packets go to its endpoint: it takes them from there. */
  trusted: PEER_TRUSTED,
  /** It is being asked whether it is there. */
  asked: PEER_ASKED,
  /** It came by itself: the host had not sent anything there. */
  stranger: PEER_STRANGER,
  /** Packets come from its endpoint: it has shown that it is there. Implied by `trusted`. */
  heard: 0x02,
  /** It was told the nonce of an indirect bubble, and has not shown it yet. */
  told: 0x08,
  /** It has told a nonce, to be shown to it. */
  tells: 0x10,
  /** It is asked by solicitations first, for it was there before: RFC 6081 section 5.7. */
  solicited: 0x20,
  /** What is for it goes where its address says, though it comes from elsewhere: RFC 6081 section 5.3.4. */
  embedded: 0x80,
} as const;

/** Peers that are asked at a time. */
export const MAX_ASKED = 320;
/** How many indirect bubbles of one peer are answered in `ANSWER_PERIOD`, if it is not heard itself. */
export const MAX_ANSWERS = 4;
/** RFC 4380 section 5.2.6. */
export const ANSWER_PERIOD: Millis = 300_000;
/** Index of nobody. */
export const NOBODY = -1;
const NONCES_LEN = 2 * TRAILER_NONCE_LEN + NONCE_LEN;

/** See the head of the file. */
export class TeredoClientPeers {
  readonly table: TeredoPeers;
  /** Of the indirect bubble, of the peer's last one, and of the connectivity test, of each peer: see the `...Nonce` methods. */
  readonly nonces: Uint8Array;
  /** Wrong nonces that were shown instead of the one of the indirect bubble. */
  readonly guesses: Uint8Array;
  /** The own random port that is for it: number of the socket; 0: none. */
  readonly randomSocket: Uint8Array;
  /** The outside port that it is told to send to instead of the mapped one; 0: none. */
  readonly advertised: Uint16Array;
  /** Its random port; 0: none is known. */
  readonly randomPort: Uint16Array;
  /** Where packets came from that wait until it has answered; port 0: none do. */
  readonly arrivedBits: Int32Array;
  readonly arrivedPort: Uint16Array;
  /** Where it said, on the own subnet, that it is, and when. */
  readonly nearbyBits: Int32Array;
  readonly nearbyPort: Uint16Array;
  readonly nearbyAt: Float64Array;
  /** When its last indirect bubble came. */
  readonly indirectAt: Float64Array;
  /** How often it was asked this time. */
  readonly tries: Uint8Array;
  /** When it is to be asked again, or given up. */
  readonly due: Float64Array;
  /** How many of its indirect bubbles were answered since it was heard, or since that time. */
  readonly answers: Uint8Array;
  readonly answersSince: Float64Array;
  /** When an indirect bubble last went to it, asked for or not. */
  readonly introducedAt: Float64Array;
  /** Those that are asked, in no order. */
  readonly asked = new Int32Array(MAX_ASKED);
  askedCount = 0;
  /** Where in `asked` each is. */
  readonly #place: Int32Array;
  #next: Millis = Number.POSITIVE_INFINITY;

  constructor(capacity: number, random: Random) {
    this.table = new TeredoPeers(capacity, random);
    this.nonces = new Uint8Array(NONCES_LEN * capacity);
    this.guesses = new Uint8Array(capacity);
    this.randomSocket = new Uint8Array(capacity);
    this.advertised = new Uint16Array(capacity);
    this.randomPort = new Uint16Array(capacity);
    this.arrivedBits = new Int32Array(capacity);
    this.arrivedPort = new Uint16Array(capacity);
    this.nearbyBits = new Int32Array(capacity);
    this.nearbyPort = new Uint16Array(capacity);
    this.nearbyAt = new Float64Array(capacity);
    this.indirectAt = new Float64Array(capacity);
    this.tries = new Uint8Array(capacity);
    this.due = new Float64Array(capacity);
    this.answers = new Uint8Array(capacity);
    this.answersSince = new Float64Array(capacity);
    this.introducedAt = new Float64Array(capacity);
    this.#place = new Int32Array(capacity).fill(NOBODY);
  }

  /** The peer is told the nonce at `nonce[0..)`, by an indirect bubble: RFC 6081 section 5.2.4.1. */
  tell(peer: number, nonce: Uint8Array): void {
    copy(nonce, 0, this.nonces, this.#toldNonce(peer), TRAILER_NONCE_LEN);
    this.guesses[peer] = 0;
    this.set(peer, PeerFlag.told);
  }

  /** Offset in `nonces` of the nonce that the peer was told by the last indirect bubble to it. */
  #toldNonce(peer: number): number {
    return peer * NONCES_LEN;
  }

  /** Offset of the nonce that the peer has told. */
  tellsNonce(peer: number): number {
    return peer * NONCES_LEN + TRAILER_NONCE_LEN;
  }

  /** Offset of the nonce of the connectivity test. */
  pingNonce(peer: number): number {
    return peer * NONCES_LEN + 2 * TRAILER_NONCE_LEN;
  }

  has(peer: number, flag: number): boolean {
    return (this.table.flags[peer] & flag) !== 0;
  }

  set(peer: number, flag: number): void {
    this.table.flags[peer] |= flag;
  }

  clear(peer: number, flag: number): void {
    this.table.flags[peer] &= ~flag;
  }

  /** Of an entry that is used for another peer now. */
  reset(peer: number): void {
    this.randomSocket[peer] =
      this.advertised[peer] =
      this.randomPort[peer] =
      this.arrivedPort[peer] =
      this.tries[peer] =
      this.answers[peer] =
        0;
    this.indirectAt[peer] = this.answersSince[peer] = this.introducedAt[peer] = this.nearbyAt[peer] = Number.NEGATIVE_INFINITY;
  }

  /** Whether something from the peer, `NOBODY` if it is not known, may come by `socket`: a random port is one peer's. */
  isOpen(peer: number, socket: number): boolean {
    return socket === 0 || (peer !== NOBODY && this.randomSocket[peer] === socket);
  }

  /** The peer says that it is at `bits` and `port` of the own subnet. */
  tellNearby(peer: number, { bits, port }: Endpoint, now: Millis): void {
    this.nearbyBits[peer] = bits;
    this.nearbyPort[peer] = port;
    this.nearbyAt[peer] = now;
  }

  /** Whether it said so lately: RFC 4380 section 5.2.4. */
  isNearby(peer: number, now: Millis): boolean {
    return now - this.nearbyAt[peer] < NEARBY_TIME;
  }

  /** Whether it said so of `bits` and `port`. */
  isNearbyAt(peer: number, bits: number, port: number, now: Millis): boolean {
    return this.isNearby(peer, now) && this.nearbyBits[peer] === bits && this.nearbyPort[peer] === port;
  }

  /** The peer has told the nonce at `b[nonce..)`; none, if that is negative. RFC 6081 section 5.2.4.3. */
  tellNonce(peer: number, b: Uint8Array, nonce: number, now: Millis): void {
    this.indirectAt[peer] = now;
    if (nonce < 0) this.clear(peer, PeerFlag.tells);
    else {
      this.set(peer, PeerFlag.tells);
      copy(b, nonce, this.nonces, this.tellsNonce(peer), TRAILER_NONCE_LEN);
    }
  }

  /** RFC 6081 section 5.2.4.4: whether the nonce at `b[nonce..)` is the one that the peer was told. It is good for one time. */
  takesNonce(peer: number, b: Uint8Array, nonce: number): boolean {
    if (!this.has(peer, PeerFlag.told) || this.guesses[peer] === MAX_GUESSES) return false;
    const isRight = same(b, nonce, this.nonces, this.#toldNonce(peer), TRAILER_NONCE_LEN);
    if (isRight) this.clear(peer, PeerFlag.told);
    else this.guesses[peer]++;
    return isRight;
  }

  /** Whether one more indirect bubble of the peer may be answered. */
  mayAnswer(peer: number, now: Millis): boolean {
    if (now - this.answersSince[peer] >= ANSWER_PERIOD) {
      this.answers[peer] = 0;
      this.answersSince[peer] = now;
    }
    return this.answers[peer] < MAX_ANSWERS;
  }

  /** The peer is to be asked at `due`; false when too many are. */
  ask(peer: number, due: Millis): boolean {
    if (this.#place[peer] === NOBODY) {
      if (this.askedCount === MAX_ASKED) return false;
      this.#place[peer] = this.askedCount;
      this.asked[this.askedCount++] = peer;
      this.tries[peer] = 0;
      this.set(peer, PeerFlag.asked);
    }
    this.due[peer] = due;
    this.#next = Math.min(this.#next, due);
    return true;
  }

  /** The peer is asked no longer. */
  endAsking(peer: number): void {
    const place = this.#place[peer];
    if (place === NOBODY) return;
    const last = this.asked[--this.askedCount];
    this.asked[place] = last;
    this.#place[last] = place;
    this.#place[peer] = NOBODY;
    this.clear(peer, PeerFlag.asked | PeerFlag.solicited);
  }

  /** When the first of them is to be asked, or earlier. */
  nextTimeout(): Millis {
    return this.#next;
  }

  /** Looks anew who comes first. */
  settle(): void {
    this.#next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.askedCount; i++) this.#next = Math.min(this.#next, this.due[this.asked[i]]);
  }
}
