/**
 * What a Teredo client sends so that the NATs on both sides let it and a peer through: RFC 4380 section 5.2.6, RFC 6081
 * sections 5.2 to 5.6.
 *
 *   direct bubble    opens the own NAT for the peer: to where it is, if that is known, else to where it may be
 *   indirect bubble  by the peer's server, which its NAT lets in always: asks it to do the same
 *
 * By which ports they go, and what has to be shown before data may, is a matter of the NATs.
 */
import type { Millis } from '../core/clock.js';
import { Endpoint } from '../core/endpoint.js';
import { RateLimit } from '../policy/rate-limit.js';
import { readAlternate, type TeredoTrailers } from '../wire/teredo-trailers.js';
import type { TeredoAddresses } from './teredo-addresses.js';
import { NO_DISCOVERY, type TeredoBubbles } from './teredo-bubbles.js';
import { PeerFlag, type TeredoClientPeers } from './teredo-client-peers.js';
import type { TeredoNode } from './teredo-node.js';
import type { TeredoQualifier } from './teredo-qualifier.js';
import type { RandomPorts } from './teredo-random-ports.js';

/** Bubbles in a second to where peers say that they are, too: to whomever they like. */
export const ALTERNATES = 40;

/** See the head of the file. */
export class TeredoHolePunch {
  readonly #node: TeredoNode;
  readonly #qualifier: TeredoQualifier;
  readonly #addresses: TeredoAddresses;
  readonly #bubbles: TeredoBubbles;
  readonly #ports: RandomPorts;
  readonly #alternates = new RateLimit(ALTERNATES);
  readonly #alternate = new Endpoint();

  constructor(node: TeredoNode, qualifier: TeredoQualifier, addresses: TeredoAddresses, bubbles: TeredoBubbles, ports: RandomPorts) {
    this.#node = node;
    this.#qualifier = qualifier;
    this.#addresses = addresses;
    this.#bubbles = bubbles;
    this.#ports = ports;
  }

  /** Sends a direct bubble and an indirect one. */
  pair(peers: TeredoClientPeers, peer: number, now: Millis): void {
    if (this.#isPortPreserving && peers.randomSocket[peer] === 0) this.#ports.take(peers, peer, now);
    this.direct(peers, peer);
    this.indirect(peers, peer, now);
  }

  /** Sends direct bubbles: to where the peer is, if that is known, else to where it may be. */
  direct(peers: TeredoClientPeers, peer: number): void {
    if (peers.has(peer, PeerFlag.heard)) this.#bubbles.toPeer(peers, peer, NO_DISCOVERY);
    else this.#directToEmbedded(peers, peer);
  }

  /** Sends an indirect bubble; behind a NAT that gives ports in sequence once it is known which port the peer is to send to. */
  indirect(peers: TeredoClientPeers, peer: number, now: Millis): void {
    peers.introducedAt[peer] = now;
    const isKnown = !this.#isSymmetric || this.#isPortPreserving || this.#qualifier.usesGateway;
    if (isKnown || !this.#ports.test(peers, peer, now)) this.#bubbles.indirect(peers, peer);
  }

  /** Sends direct bubbles to where else the peer has said, by `trailers` in `b`, that it is: RFC 6081 section 5.6.4.2. */
  toAlternates(peers: TeredoClientPeers, peer: number, b: Uint8Array, { alternates, alternateCount }: TeredoTrailers, now: Millis): void {
    const other = this.#alternate;
    for (let i = 0; i < alternateCount; i++) {
      readAlternate(b, alternates, i, other);
      if (!this.#node.own.has(other) && this.#alternates.take(now))
        this.#bubbles.direct(peers, peer, 0, other.bits, other.port, NO_DISCOVERY);
    }
  }

  /** Sends a direct bubble to where the peer has said that it is, nearby. */
  directNearby(peers: TeredoClientPeers, peer: number): void {
    this.#bubbles.direct(peers, peer, 0, peers.nearbyBits[peer], peers.nearbyPort[peer], NO_DISCOVERY);
  }

  /**
   * True when a peer that is a Teredo client does not see what it gets from here come from where this client's address says, nor
   * from where it was told nearby.
   */
  isProofDue(peers: TeredoClientPeers, peer: number, now: Millis): boolean {
    const { table } = peers;
    if (peers.isNearbyAt(peer, table.remoteBits[peer], table.remotePort[peer], now)) return false;
    this.#addresses.read(table.octets, table.address(peer));
    return this.#isSymmetric || table.socket[peer] !== 0 || table.remoteBits[peer] !== this.#addresses.embedded.bits;
  }

  /**
   * RFC 6081 section 5.3.4: a peer that is a Teredo client and sends from `remote`, and this client are both behind symmetric
   * NATs that lead what comes to the embedded port to them. By any other port neither lets the other in.
   */
  isBehindGateways({ table }: TeredoClientPeers, peer: number, remote: Endpoint): boolean {
    if (!this.#qualifier.usesGateway) return false;
    this.#addresses.read(table.octets, table.address(peer));
    const { bits, port } = this.#addresses.embedded;
    return bits === remote.bits && port !== remote.port;
  }

  #directToEmbedded(peers: TeredoClientPeers, peer: number): void {
    this.#addresses.read(peers.table.octets, peers.table.address(peer));
    const { bits, port } = this.#addresses.embedded;
    const socket = peers.randomSocket[peer];
    const randomPort = peers.randomPort[peer] === 0 ? port : peers.randomPort[peer];
    const isTwofold = socket === 0 ? peers.has(peer, PeerFlag.tells) && randomPort !== port : this.#ports.isOpen(peers, peer);
    // The peer keeps to what it hears first, and where there is a random port it hears that.
    if (isTwofold) this.#bubbles.direct(peers, peer, socket, bits, randomPort, NO_DISCOVERY);
    this.#bubbles.direct(peers, peer, 0, bits, port, NO_DISCOVERY);
  }

  get #isSymmetric(): boolean {
    return this.#qualifier.state.nat === 'symmetric';
  }

  /** RFC 6081 section 5.4.3. */
  get #isPortPreserving(): boolean {
    const { nat, mapped, localPort } = this.#qualifier.state;
    return nat === 'symmetric' && mapped?.port === localPort;
  }
}
