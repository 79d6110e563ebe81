/**
 * Ports for one peer each, RFC 6081 sections 5.4 and 5.5: behind a symmetric NAT a port that nothing has left by yet
 * gets an outside port that can be told beforehand. They are the spare sockets of the tunnel, all but the first.
 *
 * A port that is given back rests, and the one that has rested longest is taken first: what the NAT remembers of it
 * should be gone by then.
 */
import type { Millis } from '../core/clock.js';
import { Endpoint } from '../core/endpoint.js';
import { NOBODY, type TeredoClientPeers } from './teredo-client-peers.js';
import { TeredoEchoTest } from './teredo-echo-test.js';
import type { TeredoKey, TeredoNode } from './teredo-node.js';

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
  /** The outside port that the peer is told to send to; 0: none that would be known. */
  advertised = 0;
  refreshes = 0;
  /** When it is to be looked at: kept open, or given back. */
  due: Millis = Number.POSITIVE_INFINITY;
  /** When it was given back. */
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
  readonly all: readonly RandomPort[];

  constructor(node: TeredoNode, key: TeredoKey | null) {
    this.all = node.local.slice(1).map((_, i) => new RandomPort(node, i + 1, key));
  }

  /** The port of that socket. */
  at(socket: number): RandomPort {
    return this.all[socket - 1];
  }

  /** The outside port that the peer is told to send to instead of the mapped one; 0: none. */
  advertised(peers: TeredoClientPeers, peer: number): number {
    const socket = peers.randomSocket[peer];
    return socket === 0 ? 0 : this.at(socket).advertised;
  }

  /** The port that has rested longest is for the peer from now on; null: none rests. */
  take(peers: TeredoClientPeers, peer: number, now: Millis): RandomPort | null {
    let best: RandomPort | null = null;
    for (const port of this.all) if (port.peer === NOBODY && (best === null || port.since < best.since)) best = port;
    if (best === null) return null;
    peers.randomSocket[peer] = best.socket;
    best.peer = peer;
    best.advertised = best.local.port;
    best.refreshes = 0;
    best.due = now + REFRESH_INTERVAL;
    return best;
  }

  /** The peer needs none any more. */
  give(peers: TeredoClientPeers, peer: number, now: Millis): void {
    const socket = peers.randomSocket[peer];
    if (socket === 0) return;
    peers.randomSocket[peer] = 0;
    const port = this.at(socket);
    port.echoTest.end();
    port.peer = NOBODY;
    port.since = now;
    port.due = Number.POSITIVE_INFINITY;
  }

  /** All rest. */
  giveAll(peers: TeredoClientPeers, now: Millis): void {
    for (const { peer } of this.all) if (peer !== NOBODY) this.give(peers, peer, now);
  }

  /** When one of them is to be looked at. */
  nextTimeout(): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.all.length; i++) next = Math.min(next, this.all[i].due, this.all[i].echoTest.due);
    return next;
  }
}
