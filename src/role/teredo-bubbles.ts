/**
 * What a Teredo client says to its peers: bubbles with their trailers (RFC 4380 section 5.2.6, RFC 6081 section 4), and
 * echo requests for the connectivity test (RFC 4380 section 5.2.9). They wait in an outbox.
 */
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Teredo, teredoServer } from '../mapping/teredo.js';
import { checksum6 } from '../wire/checksum.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_LEN, IPV6_SRC, NextHeader, nextHeader6, writeIpv6 } from '../wire/ipv6.js';
import { copy, put16, put32, same } from '../wire/octets.js';
import { BUBBLE_HOP_LIMIT, NONCE_LEN, TEREDO_PORT, writeBubble } from '../wire/teredo.js';
import {
  TRAILER_NONCE_LEN,
  writeAlternateAddresses,
  writeDiscoveryTrailer,
  writeNonceTrailer,
  writeRandomPort,
} from '../wire/teredo-trailers.js';
import { PeerFlag, type TeredoClientPeers } from './teredo-client-peers.js';
import type { TeredoNode } from './teredo-node.js';
import { TeredoOutbox } from './teredo-outbox.js';
import type { TeredoQualifier } from './teredo-qualifier.js';

/** Of a direct bubble without a discovery trailer. */
export const NO_DISCOVERY = -1;
/** Octets in front of the nonce of an echo message. */
const ECHO_HEADER_LEN = 8;
/** Octets of an echo message of the connectivity test. */
const PING_LEN = ECHO_HEADER_LEN + NONCE_LEN;

/** Identifier and sequence number of echo requests: the nonce is what tells them apart. */
const ECHO_ID = 0x00010001;

/** See the head of the file. */
export class TeredoBubbles {
  readonly #node: TeredoNode;
  readonly #qualifier: TeredoQualifier;
  readonly #mapping: Teredo;
  readonly #outbox = new TeredoOutbox();
  /** What indirect bubbles say of where else this client is: its own end of the service port, and where its gateway leads to that. */
  readonly #local = new Endpoint();
  readonly #gateway = new Endpoint();
  readonly #alternates: readonly Endpoint[] = [this.#local];
  readonly #bothAlternates: readonly Endpoint[] = [this.#local, this.#gateway];
  readonly #embedded = new Endpoint();
  readonly #nonce = new Uint8Array(TRAILER_NONCE_LEN);
  readonly #pingNonce = new Uint8Array(NONCE_LEN);

  constructor(node: TeredoNode, qualifier: TeredoQualifier) {
    this.#node = node;
    this.#qualifier = qualifier;
    this.#mapping = new Teredo(0, 0, node.prefix);
    this.#local.bits = node.local[0] ?? 0;
    this.#local.port = node.ports[0] ?? 0;
  }

  /** Moves what waits longest into `out`; false when nothing does. */
  poll(out: Frame): boolean {
    return this.#outbox.poll(out);
  }

  /** A direct bubble to where packets for the peer go, with a discovery trailer unless that is `NO_DISCOVERY`. */
  toPeer(peers: TeredoClientPeers, peer: number, discovery: number): void {
    const { table } = peers;
    if (peers.has(peer, PeerFlag.embedded)) {
      this.#mapping.endpointOf(table.octets, table.address(peer), this.#embedded);
      this.direct(peers, peer, 0, this.#embedded.bits, this.#embedded.port, discovery);
    } else this.direct(peers, peer, table.socket[peer], table.remoteBits[peer], table.remotePort[peer], discovery);
  }

  /** A direct bubble by `socket` to some endpoint, with the nonce that the peer has told: RFC 6081 section 5.2.4.2. */
  direct(peers: TeredoClientPeers, peer: number, socket: number, bits: number, port: number, discovery: number): void {
    const at = this.#outbox.open(socket, bits, port);
    if (at >= 0) this.#outbox.close(this.#writeDirect(peers, peer, this.#outbox.b, at, discovery));
  }

  /** Writes a direct bubble to the mapped address of the peer, and its random port if there is one, into `out`: of an echo test. */
  writeDirect(peers: TeredoClientPeers, peer: number, out: Frame): void {
    const { table, randomPort } = peers;
    this.#mapping.endpointOf(table.octets, table.address(peer), this.#embedded);
    out.clear();
    out.remote.bits = this.#embedded.bits;
    out.remote.port = randomPort[peer] === 0 ? this.#embedded.port : randomPort[peer];
    out.end = this.#writeDirect(peers, peer, out.b, out.off, NO_DISCOVERY);
  }

  /** An indirect bubble, by the server of the peer, with a fresh nonce: RFC 6081 sections 5.2.4.1, 5.4.4.2 and 5.6.4.1. */
  indirect(peers: TeredoClientPeers, peer: number): void {
    const { table } = peers;
    const { b } = this.#outbox;
    const at = this.#outbox.open(0, teredoServer(table.octets, table.address(peer)) | 0, TEREDO_PORT);
    if (at < 0) return;
    this.#node.random(this.#nonce);
    peers.tell(peer, this.#nonce);
    let end = this.#write(peers, peer, b, at);
    if (this.#qualifier.state.nat !== 'none') end = writeAlternateAddresses(b, end, this.#otherPlaces());
    end = writeNonceTrailer(b, end, this.#nonce, 0);
    this.#outbox.close(this.#writeRandomPort(peers, peer, b, end));
  }

  /**
   * A direct bubble to a relay, which is at `bits` and `port`, and whose address is at `b[to..)`. `nonce`: where in `b` the
   * nonce is that it told, -1 if it told none: shown to it, a client behind a symmetric NAT is known by it.
   */
  toRelay(b: Uint8Array, to: number, bits: number, port: number, nonce: number): void {
    const at = this.#outbox.open(0, bits, port);
    if (at < 0) return;
    const end = writeBubble(this.#outbox.b, at, this.#qualifier.address, 0, b, to, BUBBLE_HOP_LIMIT);
    this.#outbox.close(nonce < 0 ? end : writeNonceTrailer(this.#outbox.b, end, b, nonce));
  }

  /** The echo requests for the peer have another nonce from now on. */
  drawPing(peers: TeredoClientPeers, peer: number): void {
    this.#node.random(this.#pingNonce);
    copy(this.#pingNonce, 0, peers.nonces, peers.pingNonce(peer), NONCE_LEN);
  }

  /** An echo request for the peer, by way of the own server. */
  ping(peers: TeredoClientPeers, peer: number): void {
    const { table } = peers;
    const { b } = this.#outbox;
    const at = this.#outbox.open(0, this.#qualifier.server(), TEREDO_PORT);
    if (at < 0) return;
    const icmp = at + IPV6_LEN;
    const end = icmp + PING_LEN;
    writeIpv6(b, at, PING_LEN, NextHeader.icmp6, BUBBLE_HOP_LIMIT);
    copy(this.#qualifier.address, 0, b, at + IPV6_SRC, ADDRESS_LEN);
    copy(table.octets, table.address(peer), b, at + IPV6_DST, ADDRESS_LEN);
    b[icmp] = Icmp6.echoRequest;
    b[icmp + 1] = 0;
    put16(b, icmp + 2, 0);
    put32(b, icmp + 4, ECHO_ID);
    copy(peers.nonces, peers.pingNonce(peer), b, icmp + ECHO_HEADER_LEN, NONCE_LEN);
    put16(b, icmp + 2, checksum6(b, at + IPV6_SRC, NextHeader.icmp6, icmp, end));
    this.#outbox.close(end);
  }

  /** What the own address carries need not be said again. */
  #otherPlaces(): readonly Endpoint[] {
    const { gateway } = this.#qualifier.state;
    if (gateway === null || this.#qualifier.usesGateway) return this.#alternates;
    this.#gateway.addr = gateway.addr;
    this.#gateway.port = gateway.port;
    return this.#bothAlternates;
  }

  #writeDirect(peers: TeredoClientPeers, peer: number, b: Uint8Array, at: number, discovery: number): number {
    let end = this.#write(peers, peer, b, at);
    if (peers.has(peer, PeerFlag.tells)) end = writeNonceTrailer(b, end, peers.nonces, peers.tellsNonce(peer));
    if (discovery !== NO_DISCOVERY) end = writeDiscoveryTrailer(b, end, discovery);
    return this.#writeRandomPort(peers, peer, b, end);
  }

  #write({ table }: TeredoClientPeers, peer: number, b: Uint8Array, at: number): number {
    return writeBubble(b, at, this.#qualifier.address, 0, table.octets, table.address(peer), BUBBLE_HOP_LIMIT);
  }

  #writeRandomPort(peers: TeredoClientPeers, peer: number, b: Uint8Array, end: number): number {
    const advertised = peers.advertised[peer];
    return advertised === 0 ? end : writeRandomPort(b, end, advertised);
  }
}

/** True when the IPv6 packet at `b[off..end)` is an echo reply with the nonce of the echo requests for the peer. */
export function isPong(peers: TeredoClientPeers, peer: number, b: Uint8Array, off: number, end: number): boolean {
  const icmp = off + IPV6_LEN;
  if (nextHeader6(b, off) !== NextHeader.icmp6 || end - icmp < PING_LEN || b[icmp] !== Icmp6.echoReply) return false;
  return same(b, icmp + ECHO_HEADER_LEN, peers.nonces, peers.pingNonce(peer), NONCE_LEN);
}
