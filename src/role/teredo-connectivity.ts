/**
 * How a Teredo client comes to reach its peers: RFC 4380 sections 5.2.4, 5.2.6, 5.2.9, RFC 6081 sections 5.2, 5.4 to 5.7.
 *
 *   native host    echo requests by way of the server: the relay that brings the reply is where the host is reached
 *   Teredo client  direct bubbles open the own NAT for the peer, indirect ones, by its server, ask it to do the same
 *   ... nearby     a direct bubble where it said that it is, once; then as any other
 *
 * Either is tried at 0, 2, 4 and 6 s and given up at 8 s; packets wait that long. A bubble pair is one event of the limits
 * of section 5.2.6. Answers are not counted among them, since who asks has counted: each indirect bubble is answered
 * once, with a pair if the peer is not reached yet, and no more than four of a peer in 300 s that is not heard itself.
 *
 * Behind symmetric NATs a peer shows that it is the one that was asked by the nonce of the indirect bubble, and wherever
 * it does so from, it is reached (section 5.2). Data does not go before this client's nonce was shown where the peer
 * could not know it otherwise.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { RateLimit } from '../policy/rate-limit.js';
import { IPV6_DST, IPV6_SRC, totalLen6 } from '../wire/ipv6.js';
import { Discovery, type TeredoTrailers } from '../wire/teredo-trailers.js';
import { HeldPackets } from './held-packets.js';
import { type Outer, TransmitTo } from './role.js';
import type { TeredoAddresses } from './teredo-addresses.js';
import { isPong, NO_DISCOVERY, TeredoBubbles } from './teredo-bubbles.js';
import { NOBODY, PeerFlag, TeredoClientPeers } from './teredo-client-peers.js';
import type { TeredoDiscovery } from './teredo-discovery.js';
import { TeredoHolePunch } from './teredo-hole-punch.js';
import type { TeredoKey, TeredoNode, TeredoServers } from './teredo-node.js';
import { BUBBLE_SPACING } from './teredo-peers.js';
import type { TeredoQualifier } from './teredo-qualifier.js';
import { RandomPorts } from './teredo-random-ports.js';

/** How often a peer is asked before it is given up, RFC 4380 section 5.2.4: first, and three repeats. */
export const MAX_TRIES = 4;
/** Time between two of them, and after the last one. */
export const TRY_INTERVAL: Millis = 2_000;
/** Of these tries, those that spare the peer's server when it was there before: RFC 6081 section 5.7.2. */
const SOLICITATIONS = 3;
/** Strangers who may make this client keep state, or ask somebody, in a second. Less than all can be asked by them alone. */
export const STRANGERS = 30;
/** Bubbles in a second that answer relays, which no state is kept of. */
const RELAY_ANSWERS = 1_000;

/** How it is set up. */
export interface ConnectivityOptions {
  readonly node: TeredoNode;
  readonly servers: readonly TeredoServers[];
  /** None, or one. */
  readonly keys: readonly TeredoKey[];
  /** Peers that state is kept of, at most. */
  readonly maxPeers: number;
}

/** See the head of the file. */
export class TeredoConnectivity {
  /** Others after `forget`. */
  peers: TeredoClientPeers;
  readonly #node: TeredoNode;
  readonly #qualifier: TeredoQualifier;
  readonly #addresses: TeredoAddresses;
  /** Packets that came from native hosts who have not answered yet. */
  readonly #arrived: HeldPackets;
  readonly #held: HeldPackets;
  readonly #bubbles: TeredoBubbles;
  readonly #ports: RandomPorts;
  readonly #punch: TeredoHolePunch;
  readonly #discovery: TeredoDiscovery | null;
  readonly #strangers = new RateLimit(STRANGERS);
  readonly #relayAnswers = new RateLimit(RELAY_ANSWERS);
  readonly #nearbyAnswers = new RateLimit(STRANGERS);

  constructor(options: ConnectivityOptions, addresses: TeredoAddresses, qualifier: TeredoQualifier, discovery: TeredoDiscovery | null) {
    const { node, servers, keys, maxPeers } = options;
    this.#node = node;
    this.#qualifier = qualifier;
    this.#addresses = addresses;
    this.#discovery = discovery;
    this.#held = new HeldPackets(node.mtu);
    this.#arrived = new HeldPackets(node.mtu);
    this.#bubbles = new TeredoBubbles(node, qualifier);
    this.#ports = new RandomPorts(node, servers, keys[0] ?? null, qualifier, this.#bubbles);
    this.#punch = new TeredoHolePunch(node, qualifier, addresses, this.#bubbles, this.#ports);
    this.peers = new TeredoClientPeers(maxPeers, node.random);
  }

  /** Keeps a copy of the packet at `b[off..)` until its destination is reached, and asks for that. `Verdict.hold` or a drop reason. */
  hold(b: Uint8Array, off: number, now: Millis): number {
    const len = totalLen6(b, off);
    // What is too large to be held is too large to be sent, which is found out later.
    if (!this.#held.takes(len)) return Drop.none;
    const peer = this.#meet(b, off + IPV6_DST, now, 0);
    if (peer === NOBODY) return Drop.queue_full;
    if (!this.peers.has(peer, PeerFlag.asked)) {
      const verdict = this.#ask(peer, now);
      if (verdict !== Drop.none) return verdict;
    }
    return this.#held.keep(peer, b, off, len) ? Verdict.hold : Drop.queue_full;
  }

  /**
   * Case 6 of RFC 4380 section 5.2.3: the packet at `b[off..)`, which a native host may have sent, came from `from`. It waits
   * until the host has answered the connectivity test, and is taken if the answer comes from there. `Verdict.hold`, or
   * `untrusted_peer` when too many wait.
   */
  holdArrived(b: Uint8Array, off: number, from: Endpoint, now: Millis): number {
    const { peers } = this;
    const len = totalLen6(b, off);
    if (!this.#arrived.takes(len)) return Drop.untrusted_peer;
    this.ask(b, off + IPV6_SRC, now);
    const peer = peers.table.find(b, off + IPV6_SRC);
    if (peer === NOBODY || !peers.has(peer, PeerFlag.asked)) return Drop.untrusted_peer;
    if (peers.arrivedPort[peer] === 0) {
      peers.arrivedBits[peer] = from.bits;
      peers.arrivedPort[peer] = from.port;
    }
    const isFromThere = peers.arrivedBits[peer] === from.bits && peers.arrivedPort[peer] === from.port;
    return isFromThere && this.#arrived.keep(peer, b, off, len) ? Verdict.hold : Drop.untrusted_peer;
  }

  /**
   * An indirect bubble, the inner packet at `b[off..)`, that the server has from `origin`. `Verdict.consumed` or a drop reason.
   * RFC 4380 section 5.2.6: the answer is a direct one.
   */
  hearIndirect(b: Uint8Array, off: number, origin: Endpoint, trailers: TeredoTrailers, now: Millis): number {
    if (!this.#addresses.has(b, off + IPV6_SRC)) return this.#answerRelay(b, off, origin, trailers.nonce, now);
    const refusal = this.#addresses.refusal(b, off + IPV6_SRC);
    if (refusal !== Drop.none) return refusal;
    if (trailers.alternateCount < 0) return Drop.malformed_teredo;
    const { peers } = this;
    if (peers.table.find(b, off + IPV6_SRC) === NOBODY && !this.#strangers.take(now)) return Drop.rate_limit;
    const peer = this.#meet(b, off + IPV6_SRC, now, PeerFlag.stranger);
    if (peer === NOBODY) return Drop.queue_full;
    this.#learn(peer, b, trailers, now);
    if (!peers.mayAnswer(peer, now)) return Drop.rate_limit;
    this.#punch.toAlternates(peers, peer, b, trailers, now);
    this.#answer(peer, now);
    return Verdict.consumed;
  }

  /**
   * Case 4 of RFC 4380 section 5.2.3: the client whose address is the source of the bubble at `b[off..)` says that it is at
   * `from`, nearby. It is answered, and trusted no more than before. `Verdict.consumed` or a drop reason.
   */
  hearNearby(b: Uint8Array, off: number, from: Endpoint, now: Millis): number {
    const peer = this.admit(b, off + IPV6_SRC, now);
    if (peer < 0) return -peer;
    const { peers } = this;
    peers.tellNearby(peer, from, now);
    if (!this.#nearbyAnswers.take(now)) return Drop.rate_limit;
    this.#punch.directNearby(this.peers, peer);
    return Verdict.consumed;
  }

  /**
   * A packet from the peer has shown, by its endpoints or by a nonce, that this peer is at the remote end of `outer`.
   * `isBubble`: it is one that does not answer anything.
   */
  hear(peer: number, outer: Outer, isBubble: boolean, now: Millis): void {
    const { peers } = this;
    const { table } = peers;
    const { bits, port } = outer.remote;
    const isElsewhere = table.remoteBits[peer] !== bits || table.remotePort[peer] !== port || table.socket[peer] !== outer.socket;
    const wasReached = table.isUsable(peer, now) && !isElsewhere;
    table.remoteBits[peer] = bits;
    table.remotePort[peer] = port;
    table.socket[peer] = outer.socket;
    table.lastReceived[peer] = now;
    peers.answers[peer] = 0;
    peers.set(peer, PeerFlag.heard);
    if (this.#isTeredoPeer(peer) && this.#punch.isBehindGateways(peers, peer, outer.remote)) peers.set(peer, PeerFlag.embedded);
    else peers.clear(peer, PeerFlag.embedded);
    // RFC 6081 section 5.4.4.5.
    if (outer.socket === 0) this.#ports.give(this.peers, peer, now);
    if (!wasReached) this.#open(peer, isBubble, now);
    else if (peers.has(peer, PeerFlag.asked)) this.#settle(peer, TransmitTo.released);
  }

  /** Something came that a peer, whose address is at `b[off..)`, may have sent: it is asked, if strangers do not make this client ask too often. */
  ask(b: Uint8Array, off: number, now: Millis): void {
    const known = this.peers.table.find(b, off);
    if (known !== NOBODY && this.peers.has(known, PeerFlag.asked)) return;
    // Who is asked is not driven out: in a small table they are to leave room, too.
    if (2 * this.peers.askedCount >= this.peers.table.capacity || !this.#strangers.take(now)) return;
    const peer = this.#meet(b, off, now, PeerFlag.stranger);
    if (peer !== NOBODY) this.#ask(peer, now);
  }

  /** Whether the packet at `b[off..end)` is the echo reply that is awaited from the peer, RFC 4380 section 5.2.9. */
  isPong(peer: number, b: Uint8Array, off: number, end: number): boolean {
    return this.peers.has(peer, PeerFlag.asked) && isPong(this.peers, peer, b, off, end);
  }

  /** The peer whose Teredo address is at `b[off..)`, a new one if strangers are not too many; else a negative drop reason. */
  admit(b: Uint8Array, off: number, now: Millis): number {
    const known = this.peers.table.find(b, off);
    if (known !== NOBODY) return known;
    if (!this.#strangers.take(now)) return -Drop.rate_limit;
    const peer = this.#meet(b, off, now, PeerFlag.stranger);
    return peer === NOBODY ? -Drop.queue_full : peer;
  }

  /** Answers a solicitation of the peer, RFC 6081 section 5.7.4.2. */
  advertise(peer: number, now: Millis): void {
    if (this.#relayAnswers.take(now)) this.#bubbles.toPeer(this.peers, peer, Discovery.advertisement);
  }

  /** Takes a router advertisement that came to a random port: of its echo test. */
  takeEcho(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    return this.#ports.takeEcho(this.peers, b, off, outer, now);
  }

  /** There is no address, or another one: nobody is asked any more, and what waits has the old one as its source. */
  pause(now: Millis): void {
    const { peers } = this;
    while (peers.askedCount > 0) this.#giveUp(peers.asked[peers.askedCount - 1], now);
    this.giveUp();
    this.#ports.giveAll(peers, now);
  }

  /** All that was known of peers was about another address of this client. After `pause`. */
  forget(): void {
    this.peers = new TeredoClientPeers(this.peers.table.capacity, this.#node.random);
  }

  /** Gives up what waits. */
  giveUp(): void {
    this.#held.settleAll(TransmitTo.undeliverable);
    this.#arrived.settleAll(TransmitTo.dismissed);
  }

  handleTimeout(now: Millis): void {
    if (now >= this.peers.nextTimeout()) this.#askAgain(now);
    if (now >= this.#ports.nextTimeout()) this.#ports.handleTimeout(this.peers, now);
  }

  nextTimeout(): Millis {
    return Math.min(this.peers.nextTimeout(), this.#ports.nextTimeout());
  }

  /** Writes what is to be sent next: `TransmitTo.carrier`; a packet that waits no longer: `released` or `undeliverable`; or `nowhere`. */
  poll(out: Frame): number {
    if (this.#bubbles.poll(out) || this.#ports.poll(this.peers, out)) return TransmitTo.carrier;
    const arrived = this.#arrived.poll(out);
    return arrived === TransmitTo.nowhere ? this.#held.poll(out) : arrived;
  }

  /** The entry of the address at `b[off..)`, a new one with `flags` if there is none; `NOBODY` when there is no room. */
  #meet(b: Uint8Array, off: number, now: Millis, flags: number): number {
    const { table } = this.peers;
    const known = table.find(b, off);
    if (known !== NOBODY) return known;
    const peer = table.take(b, off, now, flags);
    if (peer === NOBODY) return NOBODY;
    // Of whoever had the entry before.
    this.#ports.give(this.peers, peer, now);
    this.peers.reset(peer);
    return peer;
  }

  #isTeredoPeer(peer: number): boolean {
    const { table } = this.peers;
    return this.#addresses.has(table.octets, table.address(peer));
  }

  /** Begins to ask a peer, as soon as the limits allow. */
  #ask(peer: number, now: Millis): number {
    const { peers } = this;
    const { table } = peers;
    const isTeredo = this.#isTeredoPeer(peer);
    const earliest = isTeredo ? this.#earliest(peer, now) : now;
    if (isTeredo && !table.mayBubble(peer, earliest)) return Drop.neighbor_unreachable;
    if (!peers.ask(peer, earliest)) return Drop.queue_full;
    if (!isTeredo) this.#bubbles.drawPing(peers, peer);
    else if (!peers.has(peer, PeerFlag.heard)) this.#beginAnew(peer, now);
    else if (peers.has(peer, PeerFlag.trusted)) peers.set(peer, PeerFlag.solicited);
    if (earliest <= now) this.#try(peer, now);
    return Drop.none;
  }

  #askAgain(now: Millis): void {
    const { peers } = this;
    // From the last one on: one that is given up is replaced by one that was looked at.
    for (let i = peers.askedCount - 1; i >= 0; i--) if (now >= peers.due[peers.asked[i]]) this.#try(peers.asked[i], now);
    peers.settle();
  }

  #try(peer: number, now: Millis): void {
    const { peers } = this;
    const isTeredo = this.#isTeredoPeer(peer);
    const earliest = isTeredo ? this.#earliest(peer, now) : now;
    if (peers.tries[peer] === MAX_TRIES || (isTeredo && !peers.table.mayBubble(peer, earliest))) this.#giveUp(peer, now);
    else if (earliest > now) peers.ask(peer, earliest);
    else {
      peers.tries[peer]++;
      peers.ask(peer, now + TRY_INTERVAL);
      if (isTeredo) this.#bubble(peer, now);
      else this.#bubbles.ping(peers, peer);
    }
  }

  /** When a bubble may go to the peer, after the last transmission: RFC 4380 section 5.2.6. */
  #earliest(peer: number, now: Millis): Millis {
    return Math.max(now, this.peers.table.lastSent[peer] + BUBBLE_SPACING);
  }

  #bubble(peer: number, now: Millis): void {
    const { peers } = this;
    peers.table.bubbled(peer, now);
    if (peers.tries[peer] === 1 && peers.isNearby(peer, now)) this.#lookNearby(peer, now);
    else if (peers.has(peer, PeerFlag.solicited)) this.#solicit(peer, now);
    else this.#punch.pair(peers, peer, now);
  }

  /** Case 3 of RFC 4380 section 5.2.4: the peer takes the bubble as from this client once it was told where that is. */
  #lookNearby(peer: number, now: Millis): void {
    this.#discovery?.announce(now);
    this.#punch.directNearby(this.peers, peer);
  }

  #giveUp(peer: number, now: Millis): void {
    const { peers } = this;
    this.#settle(peer, TransmitTo.undeliverable);
    // It is heard, where it was before: what was doubtful was not from it.
    if (peers.table.isUsable(peer, now)) return;
    this.#ports.give(peers, peer, now);
    peers.randomPort[peer] = 0;
    peers.clear(peer, PeerFlag.trusted | PeerFlag.heard | PeerFlag.told);
    // The entry of a client is kept for the limits of its bubbles.
    if (!this.#isTeredoPeer(peer)) peers.table.remove(peer);
  }

  /** The peer is asked no longer, and what waits for it goes its way. */
  #settle(peer: number, fate: number): void {
    const { peers } = this;
    const { table } = peers;
    peers.endAsking(peer);
    this.#held.settle(peer, fate);
    if (peers.arrivedPort[peer] === 0) return;
    const isThere = peers.arrivedBits[peer] === table.remoteBits[peer] && peers.arrivedPort[peer] === table.remotePort[peer];
    this.#arrived.settle(peer, fate === TransmitTo.released && isThere ? TransmitTo.admitted : TransmitTo.dismissed);
    peers.arrivedPort[peer] = 0;
  }

  /** The peer is nowhere known to be. What it said of itself long ago is of no use, nor is a port that led to it. */
  #beginAnew(peer: number, now: Millis): void {
    const { peers } = this;
    peers.clear(peer, PeerFlag.trusted | PeerFlag.heard);
    if (now - peers.indirectAt[peer] < MAX_TRIES * TRY_INTERVAL) return;
    peers.clear(peer, PeerFlag.tells);
    peers.randomPort[peer] = 0;
    this.#ports.give(peers, peer, now);
  }

  /** RFC 6081 section 5.7.4.1: the peer that was there is asked itself; the last time its server helps. */
  #solicit(peer: number, now: Millis): void {
    const { peers } = this;
    this.#bubbles.toPeer(this.peers, peer, Discovery.solicitation);
    if (peers.tries[peer] < SOLICITATIONS) return;
    peers.clear(peer, PeerFlag.solicited);
    if (!peers.table.isUsable(peer, now)) this.#beginAnew(peer, now);
    this.#punch.indirect(peers, peer, now);
  }

  #answer(peer: number, now: Millis): void {
    const { peers } = this;
    const isRepeated = ++peers.answers[peer] > 1;
    const isReached = peers.table.isUsable(peer, now);
    if (peers.has(peer, PeerFlag.heard) && !peers.has(peer, PeerFlag.trusted)) this.#open(peer, true, now);
    else if (peers.has(peer, PeerFlag.asked) || (isReached && !isRepeated)) this.#punch.direct(peers, peer);
    // One is on its way already. Two clients who get each bubble twice would never be done with each other.
    else if (now - peers.introducedAt[peer] < BUBBLE_SPACING) this.#punch.direct(peers, peer);
    else {
      // Where it was it is no more, nor is a port that led there of any use.
      if (peers.has(peer, PeerFlag.heard)) {
        peers.clear(peer, PeerFlag.trusted | PeerFlag.heard);
        this.#ports.give(peers, peer, now);
      }
      this.#punch.pair(peers, peer, now);
    }
  }

  #answerRelay(b: Uint8Array, off: number, origin: Endpoint, nonce: number, now: Millis): number {
    if (!this.#relayAnswers.take(now)) return Drop.rate_limit;
    this.#bubbles.toRelay(b, off + IPV6_SRC, origin.bits, origin.port, nonce);
    return Verdict.consumed;
  }

  /** What the trailers of an indirect bubble say, RFC 6081 sections 5.2.4.3 and 5.4.4.4. */
  #learn(peer: number, b: Uint8Array, { nonce, randomPort }: TeredoTrailers, now: Millis): void {
    const { peers } = this;
    const isUsed = this.#ports.isOpen(peers, peer);
    peers.tellNonce(peer, b, nonce, now);
    if (randomPort === 0 || randomPort === peers.randomPort[peer] || peers.table.isUsable(peer, now)) return;
    // The own random port has had the other one as its first destination.
    if (isUsed && peers.randomPort[peer] !== 0) this.#ports.give(peers, peer, now);
    peers.randomPort[peer] = randomPort;
  }

  /** The peer is heard: once it hears this client, too, what waits is sent. */
  #open(peer: number, isBubble: boolean, now: Millis): void {
    const { peers } = this;
    const isProofDue = this.#isTeredoPeer(peer) && this.#punch.isProofDue(peers, peer, now);
    // Its nonce is on its way, in an indirect bubble.
    if (isProofDue && !peers.has(peer, PeerFlag.tells)) {
      peers.clear(peer, PeerFlag.trusted);
      return;
    }
    // A gateway that lets everybody in lets those in who do not hear this client: it takes an advertisement, or data.
    if (isProofDue && isBubble && this.#qualifier.usesGateway) {
      peers.clear(peer, PeerFlag.trusted);
      this.#bubbles.toPeer(peers, peer, Discovery.solicitation);
      return;
    }
    peers.set(peer, PeerFlag.trusted);
    if (isProofDue || (isBubble && !peers.has(peer, PeerFlag.asked))) this.#bubbles.toPeer(this.peers, peer, NO_DISCOVERY);
    this.#settle(peer, TransmitTo.released);
  }
}
