/**
 * Teredo relay, RFC 4380 section 5.4: between clients behind NATs and native IPv6. On the host that it serves alone it
 * is the host-specific relay of section 2.5; nothing of it is different.
 *
 *   nobody --packet--> ASKED --bubble or data from the client--> TRUSTED --30 s of silence, packet--> ASKED
 *                        |  a bubble at 0, 2, 4 and 6 s
 *                        `--8 s--> nobody: what was held is undeliverable
 *
 * A client's NAT lets in what its client has sent to. So a bubble goes by the client's server, which its NAT lets in
 * always, and tells the client where the relay is; the client answers from there with a bubble of its own. The cone
 * flag, of clients that need none of that, is not believed (RFC 5991 section 3.2). Behind a NAT itself, the relay
 * sends a second bubble straight to the client, so that its own NAT lets in the answer.
 *
 * A client is where its address says: what comes from elsewhere is not from it (section 5.4.2). One behind a symmetric
 * NAT is elsewhere, and no relay of that section takes it. Here the bubble by the server carries a nonce, as those of
 * clients do (RFC 6081 section 5.2.4.1): who shows it in the answer is the client that was asked, and is where it
 * answers from. A client that knows no nonces shows it all the same when its answer goes to an address that is one: from
 * such an address every second bubble comes (Miredo's relay does so with all). Who was not asked may speak first: section
 * 5.4.2 leaves that open, and a client that had talked by another relay, or by this one before it was started anew, would be lost for
 * nothing. It becomes a trusted peer as one that was asked does, since what it sent has opened its NAT. Who forges
 * the IPv4 source of such a packet gains that answers to that client go astray for `SILENCE`; to forge the answer to
 * a bubble is no harder.
 *
 * Whoever can send packets here can have bubbles sent to any server's port. Newcomers are let in at a
 * bounded rate, those who speak first at another one, each of which the other cannot use up; who is over it is
 * forwarded without becoming a peer, or dropped where bubbles would be needed. A peer that has answered bubbles before
 * finds some of that rate left. Who speaks first is a stranger until it has answered some: one host behind one address
 * can pretend to be thousands of clients, so that in a full table strangers give way to those who are asked.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Flows } from '../core/flows.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { addressOf } from '../mapping/mapping.js';
import { TEREDO_CONE, Teredo, teredoLinkLocal, teredoServer } from '../mapping/teredo.js';
import { RateLimit } from '../policy/rate-limit.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC, totalLen6 } from '../wire/ipv6.js';
import { copy, put16, same } from '../wire/octets.js';
import { BUBBLE_HOP_LIMIT, BUBBLE_LEN, isBubble, TEREDO_PORT, writeBubble } from '../wire/teredo.js';
import { readTrailers, TeredoTrailers, TRAILER_NONCE_LEN, writeNonceTrailer } from '../wire/teredo-trailers.js';
import { BubbleQueue } from './bubble-queue.js';
import { HeldPackets } from './held-packets.js';
import { type Heritage, NO_HERITAGE, type Outer, type Role, type Speaker, TransmitTo } from './role.js';
import type { TeredoNode } from './teredo-node.js';
import { MAX_GUESSES, PEER_ASKED, PEER_STRANGER, PEER_TRUSTED, TeredoPeers } from './teredo-peers.js';

/** Peers that are asked at a time: more than `NEW_PEERS_RATE` lets in while one is asked in vain. */
export const MAX_ASKED = 4096;
/** Peers a second that are asked, RFC 4380 section 7.3.5. */
export const NEW_PEERS_RATE = 500;
/** Of these, in a row, what is kept for peers that have answered before: half of what can be saved up. */
const RESERVE = NEW_PEERS_RATE / 20;
/** Peers a second that may become trusted by speaking first. */
export const NEW_SPEAKERS_RATE = 5_000;
/** Wait for an answer to a bubble, RFC 4380 section 5.4.1. */
export const ANSWER_TIMEOUT: Millis = 2_000;
/** Bubbles before a peer is given up: one, and three repeats. */
export const MAX_TRIES = 4;

/** How a relay is set up. */
export interface TeredoRelayOptions extends TeredoNode {
  /** Most peers that it keeps state of. */
  readonly maxPeers: number;
  readonly flows: Flows;
}

/** A flow is told anew when its peer comes by the role after so long: whoever keeps it may have begun since, or have lost it. */
const FLOW_REFRESH: Millis = 5_000;

/** Packets that are held at a time. */
const MAX_HELD = 2 * MAX_ASKED;
const NOBODY = -1;
/** Where in an address that asks its nonce is. */
const NONCE_OFF = ADDRESS_LEN - TRAILER_NONCE_LEN;

/** A Teredo relay. */
export class TeredoRelay implements Role, Speaker {
  readonly errorSource: Uint8Array;
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker = this;
  readonly learned = null;
  readonly #node: TeredoNode;
  readonly #teredo: Teredo;
  readonly #peers: TeredoPeers;
  readonly #flows: Flows;
  /** Peers that get a bubble now, ... */
  readonly #due = new BubbleQueue(MAX_ASKED);
  /** ... and those that got one and have not answered, or did so since. */
  readonly #waiting = new BubbleQueue(MAX_ASKED);
  /** A first packet always finds a place: further ones of a peer are kept only as long as half of the places are free. */
  readonly #held: HeldPackets;
  readonly #newPeers = new RateLimit(NEW_PEERS_RATE);
  readonly #newSpeakers = new RateLimit(NEW_SPEAKERS_RATE);
  readonly #isBehindNat: boolean;
  /** The peer that has got the first bubble of a pair, and gets the one that goes straight to it next. */
  #paired = NOBODY;
  /** Of the last bubble to each peer, and how many wrong ones were shown since. */
  readonly #nonces: Uint8Array;
  readonly #guesses: Uint8Array;
  readonly #nonce = new Uint8Array(TRAILER_NONCE_LEN);
  /** The link-local address, with a nonce as its end, that asks those who know no trailers. */
  readonly #asker = new Uint8Array(ADDRESS_LEN);
  readonly #trailers = new TeredoTrailers();
  readonly #client = new Endpoint();
  readonly #server = new Endpoint();

  constructor(options: TeredoRelayOptions) {
    this.#node = options;
    this.#teredo = new Teredo(0, 0, options.prefix);
    this.#peers = new TeredoPeers(options.maxPeers, options.random, options.flows);
    this.#flows = options.flows;
    this.#flows.clear();
    this.#held = new HeldPackets(options.mtu, MAX_HELD);
    this.#nonces = new Uint8Array(options.maxPeers * TRAILER_NONCE_LEN);
    this.#guesses = new Uint8Array(options.maxPeers);
    put16(this.#asker, 0, 0xfe80);
    this.#client.bits = options.local[0] ?? 0;
    this.#isBehindNat = options.endpoints.refuses(this.#client);
    const linkLocal = () => addressOf(teredoLinkLocal(TEREDO_CONE), this.#client.addr, options.ports[0] ?? 0);
    this.errorSource = this.carrierErrorSource = options.identity ?? linkLocal();
  }

  /** See {@link Speaker}. */
  get peers(): number {
    return this.#peers.count;
  }

  /** See {@link Role}; RFC 4380 section 5.4.1. */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const verdict = this.#judge(b, off, outer);
    if (verdict !== Drop.none) return verdict;
    const peer = this.#peers.find(b, off + IPV6_DST);
    if (!this.#leads(peer, outer, now)) return this.#hold(peer, b, off, now);
    this.#peers.lastSent[peer] = now;
    return Drop.none;
  }

  /** See {@link Role}: fills `outer` with where the client is known to be, or else should be. */
  route(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const verdict = this.#judge(b, off, outer);
    if (verdict === Drop.none) this.#leads(this.#peers.find(b, off + IPV6_DST), outer, now);
    return verdict;
  }

  /** Judges a packet to a client, and fills `outer` with where that should be. */
  #judge(b: Uint8Array, off: number, outer: Outer): number {
    const { local, endpoints, own } = this.#node;
    const { remote } = outer;
    if (local.length === 0) return Drop.tunnel_down;
    if (specialIpv6(b, off + IPV6_SRC) || specialIpv6(b, off + IPV6_DST)) return Drop.special_ipv6;
    if (!this.#teredo.endpointOf(b, off + IPV6_DST, remote) || remote.port === 0) return Drop.no_endpoint;
    // Clients reach each other without a relay: who has a Teredo source here pretends to.
    if (this.#teredo.has(b, off + IPV6_SRC)) return Drop.source_mismatch;
    if (endpoints.refuses(remote)) return Drop.special_ipv4;
    if (own.carriedBy(b, off + IPV6_SRC) || own.has(remote)) return Drop.loop;
    outer.local.bits = local[0];
    outer.local.port = this.#node.ports[0];
    outer.socket = 0;
    return Drop.none;
  }

  /** Whether packets may go straight to `peer`, which may be nobody; `outer` then says where it is. */
  #leads(peer: number, outer: Outer, now: Millis): boolean {
    const peers = this.#peers;
    if (peer === NOBODY || !peers.isUsable(peer, now)) return false;
    outer.remote.bits = peers.remoteBits[peer];
    outer.remote.port = peers.remotePort[peer];
    return true;
  }

  /** See {@link Role}; RFC 4380 section 5.4.2. Headers of servers are not for relays: nobody looks at them. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const { local, endpoints, own } = this.#node;
    const { remote } = outer;
    const client = this.#client;
    if (local.length === 0) return Drop.tunnel_down;
    if (endpoints.refuses(remote)) return Drop.special_ipv4;
    if (own.has(remote)) return Drop.loop;
    if (!this.#teredo.endpointOf(b, off + IPV6_SRC, client)) return Drop.source_mismatch;
    if (client.bits !== remote.bits || client.port !== remote.port) {
      const doubt = this.#doubt(b, off, outer, now);
      if (doubt !== Drop.none) return doubt;
    }
    if (isBubble(b, off)) {
      this.#hear(b, off + IPV6_SRC, remote, now);
      return Verdict.consumed;
    }
    if (specialIpv6(b, off + IPV6_DST)) return Drop.special_ipv6;
    if (this.#teredo.has(b, off + IPV6_DST)) return Drop.destination_mismatch;
    if (own.carriedBy(b, off + IPV6_DST)) return Drop.loop;
    this.#hear(b, off + IPV6_SRC, remote, now);
    return Drop.none;
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#teredo.has(b, off + IPV6_SRC) || this.#teredo.has(b, off + IPV6_DST);
  }

  /** See {@link Role}: it has none. */
  isOwn(): boolean {
    return false;
  }

  /** A relay has no LANs. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** Peers are met again. */
  heritage(): Heritage {
    return NO_HERITAGE;
  }

  /** See {@link Speaker}: who is gone falls silent, and is asked again soon enough. */
  suspect(): void {}

  /** See {@link Speaker}: nobody is told, but what is held is given up. */
  withdraw(): void {
    this.#held.settleAll(TransmitTo.undeliverable);
  }

  /** See {@link Speaker}. */
  handleTimeout(now: Millis): void {
    const waiting = this.#waiting;
    while (waiting.count > 0 && waiting.sent + ANSWER_TIMEOUT <= now) {
      const { peer, tries, sent } = waiting;
      waiting.shift();
      if (!this.#isAsked(peer, sent)) continue;
      if (tries < MAX_TRIES) this.#due.push(peer, tries, sent);
      else this.#giveUp(peer);
    }
  }

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return this.#waiting.count === 0 ? Number.POSITIVE_INFINITY : this.#waiting.sent + ANSWER_TIMEOUT;
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    return this.#pollBubble(out, now) ? TransmitTo.carrier : this.#held.poll(out);
  }

  /** Keeps a copy of a packet to a peer, or to nobody yet, and has the peer asked. */
  #hold(known: number, b: Uint8Array, off: number, now: Millis): number {
    const peers = this.#peers;
    const held = this.#held;
    const len = totalLen6(b, off);
    // Too long for the tunnel, which says so.
    if (!held.takes(len)) return Drop.none;
    if (known !== NOBODY && (peers.flags[known] & PEER_ASKED) !== 0) {
      return held.count < MAX_ASKED && held.keep(known, b, off, len) ? Verdict.hold : Drop.queue_full;
    }
    this.#server.addr = teredoServer(b, off + IPV6_DST);
    if (this.#node.endpoints.refuses(this.#server)) return Drop.special_ipv4;
    if (this.#due.count + this.#waiting.count === MAX_ASKED || held.count === MAX_HELD) return Drop.queue_full;
    const isMet = known !== NOBODY && (peers.flags[known] & PEER_STRANGER) === 0;
    if (!this.#newPeers.take(now, isMet ? 0 : RESERVE)) return Drop.rate_limit;
    const peer = peers.take(b, off + IPV6_DST, now);
    if (peer === NOBODY) return Drop.queue_full;
    held.keep(peer, b, off, len);
    peers.flags[peer] = PEER_ASKED;
    this.#due.push(peer, 0, now);
    return Verdict.hold;
  }

  /** Why what is said to come from a client, but does not come from where it should be, is not from it; `Drop.none` when it is. */
  #doubt(b: Uint8Array, off: number, { remote, payloadEnd }: Outer, now: Millis): number {
    const peers = this.#peers;
    const peer = peers.find(b, off + IPV6_SRC);
    if (peer === NOBODY) return Drop.source_mismatch;
    const isThere = peers.remoteBits[peer] === remote.bits && peers.remotePort[peer] === remote.port;
    if (isThere && peers.isUsable(peer, now)) return Drop.none;
    if (!isBubble(b, off) || (peers.flags[peer] & PEER_ASKED) === 0) return Drop.source_mismatch;
    const to = off + IPV6_DST;
    if (same(b, to, this.#asker, 0, NONCE_OFF)) return this.#takesNonce(peer, b, to + NONCE_OFF);
    const trailers = this.#trailers;
    if (readTrailers(b, off + BUBBLE_LEN, payloadEnd, trailers) !== Drop.none) return Drop.malformed_teredo;
    return trailers.nonce < 0 ? Drop.source_mismatch : this.#takesNonce(peer, b, trailers.nonce);
  }

  /** `Drop.none` when the nonce at `b[off..)` is the one of the last bubble to the peer. */
  #takesNonce(peer: number, b: Uint8Array, off: number): number {
    if (this.#guesses[peer] === MAX_GUESSES) return Drop.nonce_mismatch;
    if (same(b, off, this.#nonces, peer * TRAILER_NONCE_LEN, TRAILER_NONCE_LEN)) return Drop.none;
    this.#guesses[peer]++;
    return Drop.nonce_mismatch;
  }

  /** The client whose address is at `b[off..)` has sent something from `from`, where it should be, or has shown that it is. */
  #hear(b: Uint8Array, off: number, from: Endpoint, now: Millis): void {
    const peers = this.#peers;
    let peer = peers.find(b, off);
    if (peer === NOBODY) {
      if (!this.#newSpeakers.take(now)) return;
      peer = peers.take(b, off, now, PEER_STRANGER);
      if (peer === NOBODY) return;
    }
    const isThere = peers.remoteBits[peer] === from.bits && peers.remotePort[peer] === from.port;
    if (from.port !== 0 && (!isThere || now - peers.lastReceived[peer] >= FLOW_REFRESH)) this.#flows.open(b, off, from, now);
    peers.remoteBits[peer] = from.bits;
    peers.remotePort[peer] = from.port;
    peers.lastReceived[peer] = now;
    if ((peers.flags[peer] & PEER_TRUSTED) !== 0) return;
    peers.flags[peer] = (peers.flags[peer] & PEER_STRANGER) | PEER_TRUSTED;
    this.#held.settle(peer, TransmitTo.released);
  }

  /** Whether the peer has not answered since the bubble that went to it at `sent`. */
  #isAsked(peer: number, sent: Millis): boolean {
    return (this.#peers.flags[peer] & PEER_ASKED) !== 0 && this.#peers.lastSent[peer] === sent;
  }

  #giveUp(peer: number): void {
    this.#flows.close(this.#peers.octets, this.#peers.address(peer));
    this.#peers.remove(peer);
    this.#held.settle(peer, TransmitTo.undeliverable);
  }

  /** Writes the next bubble that is due into `out`; false when there is none. */
  #pollBubble(out: Frame, now: Millis): boolean {
    const due = this.#due;
    if (this.#paired !== NOBODY) {
      this.#writeBubble(this.#paired, this.errorSource, out);
      this.#teredo.endpointOf(out.b, out.off + IPV6_DST, out.remote);
      this.#paired = NOBODY;
      return true;
    }
    while (due.count > 0) {
      const { peer, tries } = due;
      due.shift();
      // It has answered while its bubble was due.
      if ((this.#peers.flags[peer] & PEER_ASKED) === 0) continue;
      this.#drawNonce(peer);
      this.#writeBubble(peer, tries % 2 === 0 ? this.errorSource : this.#asker, out);
      out.end = writeNonceTrailer(out.b, out.end, this.#nonce, 0);
      out.remote.addr = teredoServer(out.b, out.off + IPV6_DST);
      out.remote.port = TEREDO_PORT;
      this.#peers.bubbled(peer, now);
      this.#waiting.push(peer, tries + 1, now);
      if (this.#isBehindNat) this.#paired = peer;
      return true;
    }
    return false;
  }

  /** A fresh nonce goes with each bubble by a server, RFC 6081 section 5.2.4.1. */
  #drawNonce(peer: number): void {
    this.#node.random(this.#nonce);
    copy(this.#nonce, 0, this.#nonces, peer * TRAILER_NONCE_LEN, TRAILER_NONCE_LEN);
    this.#guesses[peer] = 0;
    copy(this.#nonce, 0, this.#asker, NONCE_OFF, TRAILER_NONCE_LEN);
  }

  #writeBubble(peer: number, source: Uint8Array, out: Frame): void {
    const peers = this.#peers;
    out.clear();
    out.socket = 0;
    out.end = writeBubble(out.b, out.off, source, 0, peers.octets, peers.address(peer), BUBBLE_HOP_LIMIT);
  }
}
