/** Watches a world with Teredo in it from outside: who gets what, and who asks whom how often. */
import { expect } from 'vitest';
import { type Address, formatAddress, parseAddress, SIZE4 } from '../../src/sim/address.js';
import type { EchoAnswer } from '../../src/sim/echo.js';
import type { Host } from '../../src/sim/host.js';
import type { World } from '../../src/sim/world.js';
import { formatIpv6 } from '../../src/wire/address.js';
import { IPV4_DST, Protocol, protocol4 } from '../../src/wire/ipv4.js';
import { IPV6_DST, IPV6_LEN } from '../../src/wire/ipv6.js';
import { u16 } from '../../src/wire/octets.js';
import { UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../../src/wire/udp.js';
import { innerAt } from '../role/teredo-world.js';

const SERVER_PORT = 3544;
const NO_NEXT_HEADER = 59;
const ICMP6 = 58;
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
/** Identifier of the connectivity test, RFC 4380 section 5.2.9. An answer that comes twice reaches the host, who has not asked, and does not mind. */
const CONNECTIVITY_TEST = 1;
const SECOND = 1_000;
/** RFC 4380 section 5.2.6. */
const BUBBLE_SPACING = 2 * SECOND;
const BUBBLE_WINDOW = 300 * SECOND;
const MOST_BUBBLES = 4;
/** By how much an echo test delays a bubble at most. */
const ECHO_TESTS = 3 * SECOND;

/** The inner packet of a datagram. */
interface Inner {
  readonly isBubble: boolean;
  readonly source: string;
  readonly destination: string;
  /** It comes from a server, or goes to one. */
  readonly isByServer: boolean;
}

/** What one node has had to do with one peer, times of events. */
class Acquaintance {
  /** When data last went straight to the peer, or a bubble by way of a server that nobody had asked for. */
  last = Number.NEGATIVE_INFINITY;
  /** Such bubbles, since the peer was heard itself. */
  asked: number[] = [];
  /** Those that answer one of the peer's, since then. */
  answered: number[] = [];
  /** Bubbles of the peer by way of the server that were not answered. */
  heardByServer: number[] = [];
}

/** What is asked of a node. */
interface Manners {
  /** Bubbles in a window, if the peer is silent. */
  readonly most: number;
  /** Its NAT is symmetric: a bubble by the server may come after an echo test, RFC 6081 section 5.5. */
  readonly isSymmetric: boolean;
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
    const peer = this.#peer(destination, source);
    if (!isByServer) peer.asked = peer.answered = [];
    else if (isBubble) peer.heardByServer = [...recent(peer.heardByServer, now), now];
  }

  says({ isBubble, source, destination, isByServer }: Inner, now: number): void {
    const { isRelay, isSymmetric, most } = this.#manners;
    const peer = this.#peer(source, destination);
    if (!isBubble && !isByServer && !isRelay) peer.last = now;
    if (!isBubble || !isByServer) return;
    const patience = isSymmetric ? ECHO_TESTS : 0;
    const heard = peer.heardByServer.findIndex((at) => now - at <= patience);
    if (heard >= 0) {
      peer.heardByServer.splice(heard, 1);
      peer.answered = [...recent(peer.answered, now), now];
      expect(peer.answered.length, `${this.#name} answers ${destination} too often`).toBeLessThanOrEqual(MOST_BUBBLES);
      return;
    }
    peer.asked = [...recent(peer.asked, now), now];
    expect(peer.asked.length, `${this.#name} asks ${destination} too often`).toBeLessThanOrEqual(most);
    if (!isSymmetric) expect(now - peer.last, `${this.#name} asks ${destination} too soon`).toBeGreaterThanOrEqual(BUBBLE_SPACING);
    peer.last = now;
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
  /** Those that a node has had, as text, the present one last. */
  readonly #addresses = new Map<string, string[]>();
  /** Echo requests that got where they were to get. */
  delivered = 0;

  /** `clients`: names of the nodes, and whether each is behind a symmetric NAT; `relay` is a node, too. */
  constructor(world: World, clients: ReadonlyMap<string, boolean>, relay: string) {
    this.#world = world;
    for (const [name, isSymmetric] of clients) {
      this.#askers.set(name, new Asker(name, { most: MOST_BUBBLES, isSymmetric, isRelay: false }));
      this.#watch(world.host(name));
    }
    this.#askers.set(relay, new Asker(relay, { most: Number.POSITIVE_INFINITY, isSymmetric: false, isRelay: true }));
    this.#watch(world.host(relay));
  }

  /** The address that a node has, or had last; null: it had none yet. */
  addressOf(name: string): Address | null {
    this.#meet(name);
    const text = this.#addresses.get(name)?.at(-1);
    return text === undefined ? null : parseAddress(text);
  }

  /** Sends an echo request from one node to another, at `address`, and does not wait. */
  ping(from: string, to: string, address: Address): Echo {
    const host = this.#world.host(from);
    const id = this.#ids.get(from) ?? host.listen(({ sequence, kind }) => this.#hear(sequence, kind));
    this.#ids.set(from, id);
    const echo: Echo = { from, to, answer: 'no answer' };
    host.echo(address, id, this.#echoes.push(echo) - 1, 8, 64);
    return echo;
  }

  /** The client or relay on a node has begun anew. */
  restarted(name: string): void {
    this.#askers.get(name)?.forget();
  }

  #watch(host: Host): void {
    // The identifier of the test is nobody else's.
    host.listen(() => {});
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

  /** Takes down the address that a node has. */
  #meet(name: string): void {
    const address = this.#world.addressOf(name);
    if (address === null) return;
    const text = formatAddress(address);
    const known = this.#addresses.get(name)?.filter((other) => other !== text) ?? [];
    this.#addresses.set(name, [...known, text]);
  }

  /** What comes out of the tunnel of a node is for the node, by the address that it has now, and of the conversations that it has. */
  #checkArrival(name: string, packet: Uint8Array): void {
    this.#meet(name);
    const destination = formatIpv6(packet.subarray(IPV6_DST, IPV6_LEN));
    expect(this.#addresses.get(name)?.slice(0, -1) ?? [], `${name} gets what is for an address that it had before`).not.toContain(
      destination,
    );
    if (packet[6] !== ICMP6) return;
    const type = packet[IPV6_LEN];
    const isTest = type === ECHO_REPLY && u16(packet, IPV6_LEN + 4) === CONNECTIVITY_TEST;
    if ((type !== ECHO_REQUEST && type !== ECHO_REPLY) || isTest) return;
    const { from, to } = this.#echoes[u16(packet, IPV6_LEN + 6)] ?? expect.fail(`${name} got an echo that nobody had sent`);
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
