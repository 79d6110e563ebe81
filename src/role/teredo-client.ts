/**
 * Teredo client, RFC 4380 section 5.2, with RFC 5991 and RFC 6081: a host behind NATs whose address is what its server
 * sees of it (`TeredoQualifier`).
 *
 * A packet goes to a peer that is reached, or waits until it is (`TeredoConnectivity`). What arrives is taken, by the
 * cases of section 5.2.3, from where the peer is known to be; from where a Teredo address says that it is; or from
 * wherever a nonce is shown that only the peer knows. All else is a reason to ask whether the peer is there, at most.
 *
 * Link-local and multicast packets do not pass (section 7.1), but for what is said to servers and by relays.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { specialIpv6 } from '../policy/special-addresses.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC, isLinkLocal6, totalLen6 } from '../wire/ipv6.js';
import { discoveryType } from '../wire/ndisc.js';
import { same } from '../wire/octets.js';
import { isBubble, readOrigin, readTeredo, TeredoMessage } from '../wire/teredo.js';
import { Discovery, readTrailers, TeredoTrailers } from '../wire/teredo-trailers.js';
import { type Heritage, type Learned, NO_HERITAGE, type Outer, type Qualification, type Role, type Speaker, TransmitTo } from './role.js';
import { TeredoAddresses } from './teredo-addresses.js';
import { NOBODY, PeerFlag } from './teredo-client-peers.js';
import { TeredoConnectivity } from './teredo-connectivity.js';
import { type DiscoveryOptions, TeredoDiscovery } from './teredo-discovery.js';
import type { TeredoKey, TeredoNode, TeredoServers } from './teredo-node.js';
import { type QualifierOptions, TeredoQualifier } from './teredo-qualifier.js';
import { TeredoRefreshSearch } from './teredo-refresh-search.js';

/** How a client is set up. */
export interface TeredoClientOptions {
  readonly node: TeredoNode;
  /** In order of preference. */
  readonly servers: readonly TeredoServers[];
  /** None, or one. */
  readonly keys: readonly TeredoKey[];
  /** RFC 4380 section 5.2: 30 s unless configured. */
  readonly refreshInterval: Millis;
  /** The socket that the search for a longer one has to itself, by its number among those of the tunnel; null: there is no search. */
  readonly searchSocket: number | null;
  /** Peers that it keeps state of, at most. */
  readonly maxPeers: number;
  /** Where it looks for others nearby; null: nowhere. */
  readonly discovery: DiscoveryOptions | null;
  /** Where its gateway leads to it, RFC 6081 section 5.3: see {@link QualifierOptions}. */
  readonly gateway: QualifierOptions['gateway'];
  /** Of the client before this one. */
  readonly before: Qualification | null;
}

/** A Teredo client. */
export class TeredoClient implements Role, Speaker {
  readonly errorSource: Uint8Array;
  readonly carrierErrorSource: Uint8Array;
  readonly speaker: Speaker = this;
  readonly #node: TeredoNode;
  readonly #addresses: TeredoAddresses;
  readonly #qualifier: TeredoQualifier;
  readonly #search: TeredoRefreshSearch | null;
  readonly #discovery: TeredoDiscovery | null;
  readonly #options: TeredoClientOptions;
  /** null until there is a peer to be reached: a client that only keeps its mapping is small. */
  #made: TeredoConnectivity | null = null;
  readonly #message = new TeredoMessage();
  readonly #trailers = new TeredoTrailers();
  readonly #origin = new Endpoint();
  /** The own address, which the qualifier changes in place. */
  readonly #address: Uint8Array;
  /** What it was when that was looked at last; zeros: there was none. */
  readonly #seen = new Uint8Array(ADDRESS_LEN);
  /** The last one that there was: peers know this client by it. */
  readonly #known = new Uint8Array(ADDRESS_LEN);
  #learned: Learned;

  constructor(options: TeredoClientOptions, now: Millis) {
    const { node } = options;
    this.#node = node;
    this.#addresses = new TeredoAddresses(node.prefix, node.endpoints);
    this.#qualifier = new TeredoQualifier(options, now);
    const { searchSocket, discovery, keys, refreshInterval } = options;
    this.#search = searchSocket === null ? null : new TeredoRefreshSearch(node, keys[0] ?? null, searchSocket, refreshInterval);
    this.#discovery = discovery === null ? null : new TeredoDiscovery(discovery, node, this.#addresses);
    this.#options = options;
    this.#address = this.#qualifier.address;
    this.errorSource = this.carrierErrorSource = this.#address;
    this.#learned = learnedFrom(this.#qualifier.state);
  }

  /** See {@link Speaker}. */
  get learned(): Learned {
    const { state } = this.#qualifier;
    if (this.#learned.teredo !== state) this.#learned = learnedFrom(state);
    return this.#learned;
  }

  /** See {@link Speaker}. */
  get peers(): number {
    return this.#made?.peers.table.count ?? 0;
  }

  /** See {@link Role}; RFC 4380 section 5.2.4. */
  encapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    if (!this.#isOwnSource(b, off)) return this.#sourceRefusal(b, off);
    const { table } = this.#connectivity.peers;
    const peer = table.find(b, off + IPV6_DST);
    if (peer === NOBODY || !table.isUsable(peer, now)) return this.#destinationRefusal(b, off) || this.#connectivity.hold(b, off, now);
    table.lastSent[peer] = now;
    this.#fill(peer, outer);
    return Drop.none;
  }

  /** See {@link Role}. */
  route(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    if (!this.#isOwnSource(b, off)) return this.#sourceRefusal(b, off);
    const { table } = this.#connectivity.peers;
    const peer = table.find(b, off + IPV6_DST);
    if (peer === NOBODY || !table.isUsable(peer, now)) return this.#destinationRefusal(b, off) || Drop.no_endpoint;
    this.#fill(peer, outer);
    return Drop.none;
  }

  /** See {@link Role}; RFC 4380 section 5.2.3. */
  decapsulate(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    if (this.#made === null) return this.#judge(b, off, outer, now);
    const { table } = this.#made.peers;
    const peer = table.find(b, off + IPV6_SRC);
    const isPlain = outer.payload === off && outer.payloadEnd === off + totalLen6(b, off) && !isBubble(b, off);
    // Case 1, for most packets.
    if (isPlain && peer !== NOBODY && this.#isFrom(peer, outer) && this.isOwn(b, off + IPV6_DST) && !this.#isAsked(peer)) {
      table.lastReceived[peer] = now;
      return Drop.none;
    }
    return this.#judge(b, off, outer, now);
  }

  /** See {@link Role}. */
  claims(b: Uint8Array, off: number): boolean {
    return this.#addresses.has(b, off + IPV6_SRC) || this.#addresses.has(b, off + IPV6_DST);
  }

  /** See {@link Role}. */
  isOwn(b: Uint8Array, off: number): boolean {
    return this.#qualifier.isQualified && same(b, off, this.#address, 0, ADDRESS_LEN);
  }

  /** A peer is asked when it falls silent, whatever routers say of it. */
  suspect(): void {}

  /** A client has no LANs. */
  fromLan(): number {
    return Drop.destination_mismatch;
  }

  /** See {@link Speaker}. */
  heritage(): Heritage {
    return { ...NO_HERITAGE, learned: this.learned };
  }

  /** See {@link Speaker}: nobody is told, but what waits is given up. */
  withdraw(): void {
    this.#made?.giveUp();
  }

  /** See {@link Speaker}. */
  handleTimeout(now: Millis): void {
    this.#qualifier.handleTimeout(now);
    this.#follow(now);
    this.#search?.handleTimeout(now);
    this.#discovery?.handleTimeout(now);
    this.#made?.handleTimeout(now);
  }

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return Math.min(
      this.#qualifier.nextTimeout(),
      this.#search?.nextTimeout() ?? Number.POSITIVE_INFINITY,
      this.#discovery?.nextTimeout() ?? Number.POSITIVE_INFINITY,
      this.#made?.nextTimeout() ?? Number.POSITIVE_INFINITY,
    );
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    const to = this.#qualifier.poll(out, now);
    if (to !== TransmitTo.nowhere) return to;
    if (this.#search?.poll(out, this.#address) === true || this.#discovery?.poll(out, this.#address) === true) return TransmitTo.carrier;
    return this.#made?.poll(out) ?? TransmitTo.nowhere;
  }

  get #connectivity(): TeredoConnectivity {
    this.#made ??= new TeredoConnectivity(this.#options, this.#addresses, this.#qualifier, this.#discovery);
    return this.#made;
  }

  #fill(peer: number, outer: Outer): void {
    const { peers } = this.#connectivity;
    const { table } = peers;
    outer.remote.bits = table.remoteBits[peer];
    outer.remote.port = table.remotePort[peer];
    outer.socket = table.socket[peer];
    if (!peers.has(peer, PeerFlag.embedded)) return;
    this.#addresses.read(table.octets, table.address(peer));
    const { bits, port } = this.#addresses.embedded;
    outer.remote.bits = bits;
    outer.remote.port = port;
    outer.socket = 0;
  }

  #isOwnSource(b: Uint8Array, off: number): boolean {
    return this.isOwn(b, off + IPV6_SRC);
  }

  #sourceRefusal(b: Uint8Array, off: number): number {
    if (!this.#qualifier.isQualified) return Drop.tunnel_down;
    return specialIpv6(b, off + IPV6_SRC) ? Drop.special_ipv6 : Drop.source_mismatch;
  }

  #destinationRefusal(b: Uint8Array, off: number): number {
    const at = off + IPV6_DST;
    if (specialIpv6(b, at)) return Drop.special_ipv6;
    if (this.isOwn(b, at) || this.#node.own.carriedBy(b, at)) return Drop.loop;
    return this.#addresses.has(b, at) ? this.#addresses.refusal(b, at) : Drop.none;
  }

  /** True when `outer` is between the endpoints that the peer is known by. */
  #isFrom(peer: number, { remote, socket }: Outer): boolean {
    const { table } = this.#connectivity.peers;
    const isThere = table.remoteBits[peer] === remote.bits && table.remotePort[peer] === remote.port && table.socket[peer] === socket;
    return isThere && (table.flags[peer] & PeerFlag.heard) !== 0;
  }

  #isAsked(peer: number): boolean {
    return this.#connectivity.peers.has(peer, PeerFlag.asked);
  }

  #judge(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const end = off + totalLen6(b, off);
    const { searchSocket, discovery } = this.#options;
    if (outer.socket === searchSocket) return this.#hearSearch(b, off, outer, now);
    if (outer.socket === discovery?.socket) return this.#hearGroup(b, off, outer, now);
    const isFromServer = this.#qualifier.isFromServer(outer);
    const type = discoveryType(b, off, end);
    if (type === Icmp6.routerAdvertisement) return this.#hearServer(b, off, outer, now);
    if (type !== 0) return Drop.malformed_nd;
    if (!this.#qualifier.isQualified) return Drop.tunnel_down;
    if (!this.isOwn(b, off + IPV6_DST)) return specialIpv6(b, off + IPV6_DST) ? Drop.special_ipv6 : Drop.destination_mismatch;
    if (outer.payloadEnd > end && readTrailers(b, end, outer.payloadEnd, this.#trailers) !== Drop.none) return Drop.malformed_teredo;
    if (outer.payloadEnd === end) readTrailers(b, end, end, this.#trailers);
    if (this.isOwn(b, off + IPV6_SRC)) return Drop.loop;
    if (isFromServer) this.#qualifier.heardServer(now);
    if (isFromServer && isBubble(b, off)) return this.#hearIndirect(b, off, outer, now);
    if (specialIpv6(b, off + IPV6_SRC)) return Drop.special_ipv6;
    if (this.#addresses.has(b, off + IPV6_SRC)) return this.#judgeClient(b, off, outer, now);
    return this.#judgeNative(b, off, end, outer, now);
  }

  /** A router advertisement: an answer to the solicitations of the service port, or of a random one. */
  #hearServer(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    if (outer.socket !== 0) return this.#made?.takeEcho(b, off, outer, now) ?? Drop.foreign_server;
    const verdict = this.#qualifier.take(b, off, outer, now);
    this.#follow(now);
    return verdict;
  }

  /** What comes by the port of the search for the refresh interval. */
  #hearSearch(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const search = this.#search;
    if (search === null) return Drop.untrusted_peer;
    const verdict = search.take(b, off, outer, this.#address, now);
    this.#qualifier.refreshInterval = search.interval;
    return verdict;
  }

  /** What is sent to the group in which clients of one subnet find each other. */
  #hearGroup(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const mapped = this.#qualifier.state.mapped;
    if (this.#discovery === null || !this.#qualifier.isQualified || mapped === null) return Drop.tunnel_down;
    const verdict = this.#discovery.judge(b, off, outer.remote, mapped.addr);
    return verdict === Drop.none ? this.#connectivity.hearNearby(b, off, outer.remote, now) : verdict;
  }

  /** There is no own address any more, or another one: then what peers know is of no use. With the one of before, the limits of bubbles go on. */
  #follow(now: Millis): void {
    if (same(this.#seen, 0, this.#address, 0, ADDRESS_LEN)) return;
    this.#seen.set(this.#address);
    this.#made?.pause(now);
    if (this.#qualifier.isQualified) {
      if (!same(this.#known, 0, this.#address, 0, ADDRESS_LEN)) this.#made?.forget();
      this.#known.set(this.#address);
      this.#search?.begin(this.#qualifier.server(), now);
      this.#discovery?.begin(now);
    } else {
      this.#search?.end();
      this.#discovery?.end();
    }
    if (this.#search !== null) this.#qualifier.refreshInterval = this.#search.interval;
  }

  /** RFC 4380 sections 5.2.3 and 5.2.6: somebody asks, by the server, for a direct bubble. */
  #hearIndirect(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const message = this.#message;
    const malformed = readTeredo(b, outer.payload, outer.payloadEnd, message);
    if (malformed !== Drop.none) return malformed;
    if (message.origin < 0) return Drop.malformed_teredo;
    readOrigin(b, message.origin, this.#origin);
    if (this.#origin.port === 0 || this.#node.endpoints.refuses(this.#origin)) return Drop.special_ipv4;
    if (specialIpv6(b, off + IPV6_SRC) && !isLinkLocal6(b, off + IPV6_SRC)) return Drop.special_ipv6;
    return this.#connectivity.hearIndirect(b, off, this.#origin, this.#trailers, now);
  }

  /** Cases 1, 3, 5 and 6 for other clients, and direct bubbles of those behind symmetric NATs, RFC 6081 section 5.2.4.4. */
  #judgeClient(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const connectivity = this.#connectivity;
    const refusal = this.#addresses.refusal(b, off + IPV6_SRC);
    if (refusal !== Drop.none) return refusal;
    const known = connectivity.peers.table.find(b, off + IPV6_SRC);
    if (!connectivity.peers.isOpen(known, outer.socket)) return Drop.untrusted_peer;
    const bubble = isBubble(b, off);
    if (known === NOBODY || !this.#isFrom(known, outer)) {
      const isThere = this.#addresses.carries(b, off + IPV6_SRC, outer.remote) || this.#isNearby(known, outer.remote, now);
      const doubt = isThere ? Drop.none : this.#doubt(known, b, off, bubble, now);
      if (doubt !== Drop.none) return doubt;
    }
    const peer = connectivity.admit(b, off + IPV6_SRC, now);
    if (peer < 0) return -peer;
    connectivity.hear(peer, outer, bubble && this.#trailers.discovery !== Discovery.advertisement, now);
    if (!bubble) return Drop.none;
    if (this.#trailers.discovery === Discovery.solicitation) connectivity.advertise(peer, now);
    return Verdict.consumed;
  }

  /** Whether the peer has said that it is at that endpoint of the own subnet. */
  #isNearby(peer: number, { bits, port }: Endpoint, now: Millis): boolean {
    return peer !== NOBODY && this.#connectivity.peers.isNearbyAt(peer, bits, port, now);
  }

  /** Why what is said to come from a client, but not from where it is, is not from it; `Drop.none` when a nonce says that it is. */
  #doubt(peer: number, b: Uint8Array, off: number, bubble: boolean, now: Millis): number {
    const connectivity = this.#connectivity;
    const { nonce } = this.#trailers;
    if (bubble && nonce >= 0) {
      return peer !== NOBODY && connectivity.peers.takesNonce(peer, b, nonce) ? Drop.none : Drop.nonce_mismatch;
    }
    // It may have moved, as far as its NAT is concerned.
    if (!bubble && peer !== NOBODY && connectivity.peers.has(peer, PeerFlag.trusted)) connectivity.ask(b, off + IPV6_SRC, now);
    return bubble ? Drop.source_mismatch : Drop.untrusted_peer;
  }

  /** Cases 1, 2 and 6 for hosts elsewhere, whose packets a relay brings. */
  #judgeNative(b: Uint8Array, off: number, end: number, outer: Outer, now: Millis): number {
    const connectivity = this.#connectivity;
    const bubble = isBubble(b, off);
    const peer = connectivity.peers.table.find(b, off + IPV6_SRC);
    if (!connectivity.peers.isOpen(peer, outer.socket)) return Drop.untrusted_peer;
    if (peer !== NOBODY && connectivity.isPong(peer, b, off, end)) {
      if (this.#node.endpoints.refuses(outer.remote)) return Drop.special_ipv4;
      connectivity.hear(peer, outer, bubble, now);
      return Verdict.consumed;
    }
    if (peer !== NOBODY && this.#isFrom(peer, outer)) {
      connectivity.hear(peer, outer, bubble, now);
      return bubble ? Verdict.consumed : Drop.none;
    }
    if (bubble || this.#node.own.carriedBy(b, off + IPV6_SRC)) return Drop.untrusted_peer;
    return connectivity.holdArrived(b, off, outer.remote, now);
  }
}

function learnedFrom(teredo: Qualification): Learned {
  return { routers: [], prefixes: [], routes: [], mtu: 0, teredo };
}
