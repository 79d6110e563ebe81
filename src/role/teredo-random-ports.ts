/**
 * Ports for one peer each, RFC 6081 sections 5.4 and 5.5: behind a symmetric NAT a port that nothing has left by yet
 * gets an outside port that can be told beforehand. They are the sockets of the tunnel that follow the first.
 *
 * A port that is given back rests, and the one that has rested longest is taken first: what the NAT remembers of it
 * should be gone by then.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import type { Outer } from './role.js';
import { NO_DISCOVERY, type TeredoBubbles } from './teredo-bubbles.js';
import { NOBODY, PeerFlag, type TeredoClientPeers } from './teredo-client-peers.js';
import { EchoStep, TeredoEchoTest } from './teredo-echo-test.js';
import type { TeredoKey, TeredoNode, TeredoServers } from './teredo-node.js';
import type { TeredoQualifier } from './teredo-qualifier.js';

/** Ports of a client beside that of its service: as many peers at once can be met on one of their own. */
export const RANDOM_PORTS = 8;
/** How often a random port is kept open for a peer that nothing is sent to, RFC 6081 section 5.4.2.1. */
export const MAX_REFRESHES = 20;
/** Least time without data before a bubble keeps a random port open, and after which an idle one is given back. */
export const REFRESH_INTERVAL: Millis = 30_000;

/** One spare socket. */
export class RandomPort {
  /** Its number among the sockets of the tunnel, 1 or more. */
  readonly socket: number;
  readonly local = new Endpoint();
  readonly echoTest: TeredoEchoTest;
  /** Index of the peer that it is for; `NOBODY`: it rests. */
  peer = NOBODY;
  refreshes = 0;
  /** When it is to be looked at: kept open, or given back. */
  due: Millis = Number.POSITIVE_INFINITY;
  /** When it was taken, or given back. */
  since: Millis = Number.NEGATIVE_INFINITY;

  constructor(node: TeredoNode, socket: number, key: TeredoKey | null) {
    this.socket = socket;
    this.local.bits = node.local[socket];
    this.local.port = node.ports[socket];
    this.echoTest = new TeredoEchoTest(node, key);
  }
}

/** All of them. */
export class RandomPorts {
  /** In the order of their sockets, from socket 1 on. */
  readonly #all: readonly RandomPort[];
  readonly #servers: readonly TeredoServers[];
  readonly #qualifier: TeredoQualifier;
  readonly #bubbles: TeredoBubbles;

  constructor(
    node: TeredoNode,
    servers: readonly TeredoServers[],
    key: TeredoKey | null,
    qualifier: TeredoQualifier,
    bubbles: TeredoBubbles,
  ) {
    this.#all = node.local.slice(1, 1 + RANDOM_PORTS).map((_, i) => new RandomPort(node, i + 1, key));
    this.#servers = servers;
    this.#qualifier = qualifier;
    this.#bubbles = bubbles;
  }

  /** The port that has rested longest is for the peer from now on; null: none rests. The peer is told its number. */
  take(peers: TeredoClientPeers, peer: number, now: Millis): RandomPort | null {
    let best: RandomPort | null = null;
    for (const port of this.#all) if (port.peer === NOBODY && (best === null || port.since < best.since)) best = port;
    if (best === null) return null;
    peers.randomSocket[peer] = best.socket;
    peers.advertised[peer] = best.local.port;
    best.peer = peer;
    best.since = now;
    best.refreshes = 0;
    best.due = now + REFRESH_INTERVAL;
    return best;
  }

  /**
   * Whether something has gone, or may go, to the peer by its random port. Not before the peer has said, after it was told
   * the port, where it is: the first destination of the port is the one that can be foretold.
   */
  isOpen(peers: TeredoClientPeers, peer: number): boolean {
    const socket = peers.randomSocket[peer];
    return socket !== 0 && peers.advertised[peer] !== 0 && peers.indirectAt[peer] >= this.#all[socket - 1].since;
  }

  /** The peer needs none any more. */
  give(peers: TeredoClientPeers, peer: number, now: Millis): void {
    const socket = peers.randomSocket[peer];
    if (socket === 0) return;
    peers.randomSocket[peer] = peers.advertised[peer] = 0;
    // By it the peer was reached, if at all.
    if (peers.table.socket[peer] === socket) peers.clear(peer, PeerFlag.trusted | PeerFlag.heard);
    const port = this.#all[socket - 1];
    port.echoTest.end();
    port.peer = NOBODY;
    port.since = now;
    port.due = Number.POSITIVE_INFINITY;
  }

  /** All rest. */
  giveAll(peers: TeredoClientPeers, now: Millis): void {
    for (const { peer } of this.#all) if (peer !== NOBODY) this.give(peers, peer, now);
  }

  /** Begins to find out which outside port the peer is to be told, by another random port; an indirect bubble follows. False when none rests. */
  test(peers: TeredoClientPeers, peer: number, now: Millis): boolean {
    const socket = peers.randomSocket[peer];
    if (socket !== 0 && this.#all[socket - 1].echoTest.due !== Number.POSITIVE_INFINITY) return true;
    const servers = this.#servers.find(({ primary }) => (primary | 0) === this.#qualifier.server());
    if (servers === undefined) return false;
    this.give(peers, peer, now);
    const port = this.take(peers, peer, now);
    if (port === null) return false;
    peers.advertised[peer] = 0;
    port.echoTest.begin(port.local, servers, now);
    return true;
  }

  /** Takes a router advertisement that came to a random port: of its echo test. */
  takeEcho(peers: TeredoClientPeers, b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const { peer, echoTest } = this.#all[outer.socket - 1];
    const verdict = echoTest.take(b, off, outer);
    if (verdict !== Drop.none) return verdict;
    if (echoTest.due === Number.POSITIVE_INFINITY) this.#endTest(peers, peer, echoTest.prediction, now);
    return Verdict.consumed;
  }

  /** Writes what a test is to send next into `out`; false when there is nothing. */
  poll(peers: TeredoClientPeers, out: Frame): boolean {
    const all = this.#all;
    for (let i = 0; i < all.length; i++) {
      const step = all[i].echoTest.poll(out);
      if (step === EchoStep.bubble) this.#bubbles.writeDirect(peers, all[i].peer, out);
      out.socket = all[i].socket;
      if (step !== EchoStep.nothing) return true;
    }
    return false;
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(peers: TeredoClientPeers, now: Millis): void {
    for (const port of this.#all) {
      if (now >= port.echoTest.due && port.echoTest.isOver(port.local, now)) this.#endTest(peers, port.peer, 0, now);
      if (now >= port.due) this.#lookAt(peers, port, now);
    }
  }

  /** When one of them is to be looked at; `Infinity` while all rest. */
  nextTimeout(): Millis {
    const all = this.#all;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < all.length; i++) next = Math.min(next, all[i].due, all[i].echoTest.due);
    return next;
  }

  /** The outside port is foretold, or, 0, cannot be. */
  #endTest(peers: TeredoClientPeers, peer: number, prediction: number, now: Millis): void {
    peers.advertised[peer] = prediction;
    if (!peers.table.isUsable(peer, now)) this.#bubbles.indirect(peers, peer);
  }

  /** RFC 6081 section 5.4.2.1: a port in use is kept open for a while, one that is not is given back. */
  #lookAt(peers: TeredoClientPeers, port: RandomPort, now: Millis): void {
    const { peer } = port;
    const { table } = peers;
    const isInUse = table.socket[peer] === port.socket && peers.has(peer, PeerFlag.trusted);
    port.due = now + REFRESH_INTERVAL;
    if (now - table.lastSent[peer] < REFRESH_INTERVAL) port.due = table.lastSent[peer] + REFRESH_INTERVAL;
    else if (!isInUse || port.refreshes === MAX_REFRESHES) {
      this.give(peers, peer, now);
      peers.randomPort[peer] = 0;
    } else {
      port.refreshes++;
      this.#bubbles.toPeer(peers, peer, NO_DISCOVERY);
    }
  }
}
