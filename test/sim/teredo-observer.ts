/** Watches a world with Teredo in it from outside: who gets what, and who asks whom how often. */
import { expect } from 'vitest';
import { SIZE4 } from '../../src/sim/address.js';
import type { EchoAnswer } from '../../src/sim/echo.js';
import type { Host } from '../../src/sim/host.js';
import type { World } from '../../src/sim/world.js';
import { formatIpv6 } from '../../src/wire/address.js';
import { IPV4_DST, Protocol, protocol4 } from '../../src/wire/ipv4.js';
import { u16 } from '../../src/wire/octets.js';
import { UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../../src/wire/udp.js';
import { innerAt } from '../role/teredo-world.js';

const SERVER_PORT = 3544;
const NO_NEXT_HEADER = 59;
const ICMP6 = 58;
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
const SECOND = 1_000;
/** RFC 4380 section 5.2.6. */
const BUBBLE_SPACING = 2 * SECOND;
const BUBBLE_WINDOW = 300 * SECOND;
const MOST_BUBBLES = 4;
/** By how much the bubble that answers may be later than what it answers: behind a sequential NAT an echo test comes first, RFC 6081 section 5.5. */
const ECHO_TESTS = 3 * SECOND;

/** The inner packet of a datagram. */
interface Inner {
  readonly isBubble: boolean;
  readonly source: string;
  readonly destination: string;
  /** It comes from a server, or goes to one. */
  readonly isByServer: boolean;
}

/** What one node has to do with one peer, times of events. */
class Acquaintance {
  /** Bubbles by way of a server that nobody had asked for. */
  asked: number[] = [];
  /** Those that answer one of the peer's. */
  answered: number[] = [];
  /** Bubbles of the peer, by way of the server, that were not answered. */
  heardByServer: number[] = [];
}

/** What is asked of a node. */
interface Manners {
  /** Bubbles in a window, if the peer is silent. */
  readonly most: number;
  /** Its NAT gives ports in sequence. */
  readonly isSequential: boolean;
  /** It has several addresses, and is the same by each. */
  readonly isRelay: boolean;
}

/** The bubbles of one node, held against RFC 4380 section 5.2.6. */
class Asker {
  readonly #name: string;
  readonly #manners: Manners;
  #peers = new Map<string, Acquaintance>();

  constructor(name: string, manners: Manners) {
    this.#name = name;
    this.#manners = manners;
  }

  /** It begins anew, and knows nobody. */
  forget(): void {
    this.#peers.clear();
  }

  hears({ isBubble, source, destination, isByServer }: Inner, now: number): void {
    if (!isByServer) this.#peers.delete(this.#key(destination, source));
    else if (isBubble) this.#peer(destination, source).heardByServer.push(now);
  }

  says({ isBubble, source, destination, isByServer }: Inner, now: number): void {
    if (!isBubble || !isByServer) return;
    const peer = this.#peer(source, destination);
    const patience = this.#manners.isSequential ? ECHO_TESTS : 0;
    const heard = peer.heardByServer.findIndex((at) => now - at <= patience);
    if (heard >= 0) {
      peer.heardByServer.splice(heard, 1);
      peer.answered = recent(peer.answered, now);
      expect([this.#name, 'answers', peer.answered.push(now) <= MOST_BUBBLES]).toEqual([this.#name, 'answers', true]);
      return;
    }
    peer.asked = recent(peer.asked, now);
    const last = peer.asked.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (!this.#manners.isSequential)
      expect(now - last, `${this.#name} asks ${destination} too soon`).toBeGreaterThanOrEqual(BUBBLE_SPACING);
    expect(peer.asked.push(now), `${this.#name} asks ${destination} too often`).toBeLessThanOrEqual(this.#manners.most);
  }

  #peer(own: string, other: string): Acquaintance {
    const key = this.#key(own, other);
    const known = this.#peers.get(key) ?? new Acquaintance();
    this.#peers.set(key, known);
    return known;
  }

  #key(own: string, other: string): string {
    return `${this.#manners.isRelay ? '' : own} ${other}`;
  }
}

function recent(times: readonly number[], now: number): number[] {
  return times.filter((at) => now - at < BUBBLE_WINDOW);
}

/** An echo request, and what came of it so far. */
export interface Echo {
  readonly from: string;
  readonly to: string;
  answer: EchoAnswer['kind'] | 'no answer';
}

/** See the head of the file. */
export class TeredoObserver {
  readonly #world: World;
  readonly #askers = new Map<string, Asker>();
  /** By sequence number. */
  readonly #echoes: Echo[] = [];
  readonly #ids = new Map<string, number>();
  /** Echo requests that got where they were to get. */
  delivered = 0;

  /** `clients`: names of the nodes, and whether each is behind a NAT that gives ports in sequence; `relay` is a node, too. */
  constructor(world: World, clients: ReadonlyMap<string, boolean>, relay: string) {
    this.#world = world;
    for (const [name, isSequential] of clients) {
      this.#askers.set(name, new Asker(name, { most: MOST_BUBBLES, isSequential, isRelay: false }));
      this.#watch(world.host(name));
    }
    this.#askers.set(relay, new Asker(relay, { most: Number.POSITIVE_INFINITY, isSequential: false, isRelay: true }));
    this.#watch(world.host(relay));
  }

  /** Sends an echo request from one node to another, and does not wait; null: one of them has no address. */
  ping(from: string, to: string): Echo | null {
    const address = this.#world.addressOf(to);
    if (address === null) return null;
    const host = this.#world.host(from);
    const id = this.#ids.get(from) ?? host.listen(({ sequence, kind }) => this.#hear(sequence, kind));
    this.#ids.set(from, id);
    const echo: Echo = { from, to, answer: 'no answer' };
    const sequence = this.#echoes.push(echo) - 1;
    host.echo(address, id, sequence, 8, 64);
    return echo;
  }

  /** The client or relay on a node has begun anew. */
  restarted(name: string): void {
    this.#askers.get(name)?.forget();
  }

  #watch(host: Host): void {
    const receive = host.receive.bind(host);
    host.receive = (from, packet) => {
      if (from.isDevice && !host.forwards) this.#checkArrival(host.name, packet);
      const inner = from.isDevice ? null : innerOf(packet);
      if (inner !== null && host.ownerOf(packet, IPV4_DST, SIZE4) !== null) this.#askers.get(host.name)?.hears(inner, this.#world.now);
      receive(from, packet);
    };
    for (const on of host.interfaces.values()) {
      const send = on.send.bind(on);
      on.send = (packet, nextHop) => {
        const inner = innerOf(packet);
        if (inner !== null) this.#askers.get(host.name)?.says(inner, this.#world.now);
        return send(packet, nextHop);
      };
    }
  }

  #hear(sequence: number, kind: EchoAnswer['kind']): void {
    const echo = this.#echoes[sequence] ?? expect.fail(`an answer to what nobody had sent: ${kind}`);
    echo.answer = kind;
  }

  /** What comes out of the tunnel of a node is for the node, and of the conversations that it has. */
  #checkArrival(name: string, packet: Uint8Array): void {
    if (packet[6] !== ICMP6) return;
    const type = packet[40];
    if (type !== ECHO_REQUEST && type !== ECHO_REPLY) return;
    const { from, to } = this.#echoes[u16(packet, 46)] ?? expect.fail(`${name} got an echo that nobody had sent`);
    expect([name, type]).toEqual([type === ECHO_REQUEST ? to : from, type]);
    this.delivered++;
  }
}

/** What a whole IPv4 packet carries in UDP, if it is Teredo. */
function innerOf(packet: Uint8Array): Inner | null {
  if (packet[0] >>> 4 !== 4 || protocol4(packet, 0) !== Protocol.udp) return null;
  const udp = udpOffset4(packet, 0);
  const payload = packet.subarray(udp + UDP_LEN, udp + udpLen(packet, udp));
  const at = innerAt(payload);
  if (payload.length - at < 40) return null;
  return {
    isBubble: payload[at + 6] === NO_NEXT_HEADER,
    source: formatIpv6(payload.subarray(at + 8, at + 24)),
    destination: formatIpv6(payload.subarray(at + 24, at + 40)),
    isByServer: udpSource(packet, udp) === SERVER_PORT || udpDestination(packet, udp) === SERVER_PORT,
  };
}
