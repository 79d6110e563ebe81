/**
 * Teredo qualification and maintenance, RFC 4380 sections 5.2.1, 5.2.2 and 5.2.5, without the cone phase (RFC 5991
 * section 3.2), and with symmetric NATs (RFC 6081 section 5.2).
 *
 *   primary --answer--> secondary --answer--> settled --no word from the server for a refresh interval--> primary
 *      |                    |                    ^-------------------- answer, same mapping -----------------'
 *      '---- no answer -----'---> the next server's primary ---> resting, when all have failed ---> the best one's primary
 *
 * Each address of a server is solicited up to three times, 4 s apart. A client that maintains its mapping stays qualified
 * meanwhile; when the server sees it elsewhere, it has the new address at once, and asks the secondary again what NAT it
 * is behind. Who fails goes to the end of the row, so that the server in use is its head.
 *
 * Whoever answers has to know the nonce of the last solicitation, and the key if there is one.
 */
import type { Millis } from '../core/clock.js';
import { DROPS, Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { drawTeredoFlags, Teredo, teredoFlags } from '../mapping/teredo.js';
import { formatIpv4 } from '../wire/address.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { same } from '../wire/octets.js';
import { TEREDO_PORT } from '../wire/teredo.js';
import { chanceWithin } from './chance.js';
import { type EndpointText, type Outer, type Qualification, type TeredoNat, TransmitTo } from './role.js';
import type { TeredoKey, TeredoNode, TeredoServers } from './teredo-node.js';
import { TeredoSolicitation } from './teredo-solicitation.js';

/** How long an answer is waited for: T of RFC 4380 section 5.2.1. */
export const ANSWER_TIMEOUT: Millis = 4_000;
/** How often an address of a server is solicited before it counts as silent: N of RFC 4380 section 5.2.1. */
export const MAX_SOLICITATIONS = 3;
/** Least time between the end of one round in which all servers failed and the next one. */
export const MIN_REST: Millis = 60_000;
/** Most time between two such rounds. */
export const MAX_REST: Millis = 600_000;
/** How long it is waited for what the gateway says. */
export const MAX_GATEWAY_WAIT: Millis = 20_000;
/** A server that is heard without being asked spares solicitations for this many intervals at most: its packets may be forged. */
export const MAX_UNASKED = 4;

/** The part of the refresh interval after which a silent server is solicited, RFC 4380 section 5.2.5. */
const REFRESH_FROM = 0.75;
const REFRESH_TO = 1;
/** Rests vary by this factor, so that clients that lost a server together part. */
const SPREAD = 1.1;
/** Rests grow no more after this many doublings; by then they are `MAX_REST` long. */
const MAX_DOUBLINGS = 4;

/** What is awaited: the end of a rest, an answer from either address of the server, or that the refresh interval is over. */
const Phase = { resting: 0, primary: 1, secondary: 2, settled: 3 } as const;

/** How a client qualifies. */
export interface QualifierOptions {
  readonly node: TeredoNode;
  /** In order of preference; those whose addresses the node's policy refuses are left out. */
  readonly servers: readonly TeredoServers[];
  /** None, or one: then solicitations are signed with it, and only signed answers are taken. */
  readonly keys: readonly TeredoKey[];
  /** RFC 4380 section 5.2: 30 s unless configured. */
  readonly refreshInterval: Millis;
  /** Where the gateway leads to the service port, RFC 6081 section 5.3; null: nowhere. `awaited`: it has not said so yet, and nothing begins before. */
  readonly gateway: EndpointText | 'awaited' | null;
  /** Of the client before this one: its server is asked first, and an address whose mapping has stayed keeps its flags. */
  readonly before: Qualification | null;
}

interface Server {
  readonly primary: Endpoint;
  readonly secondary: Endpoint;
}

/** See the head of the file. */
export class TeredoQualifier {
  /** The Teredo address, sixteen octets, changed in place; zeros while there is none. */
  readonly address = new Uint8Array(ADDRESS_LEN);
  readonly #node: TeredoNode;
  /** The one that is used or asked, and then the others, who failed last at the end. */
  #servers: readonly Server[];
  #refreshInterval: Millis;
  #state: Qualification;
  #isQualified = false;
  #phase: number = Phase.resting;
  /** How many of them this round has not asked yet. */
  #unasked = 0;
  #server: Server | null = null;
  readonly #solicitation: TeredoSolicitation;
  /** Which address of the server was asked last, as `Endpoint.bits`. */
  #asked = 0;
  /** How often it was, in a row. */
  #asks = 0;
  /** Why what came from there was refused last, a drop reason. */
  #objection: number = Drop.none;
  /** How many rounds have failed in a row. */
  #rests = 0;
  #next: Millis = 0;
  /** When the server was last heard unasked, and when it last answered. */
  #heard: Millis = 0;
  #answered: Millis = 0;
  /** How long it may be silent this time. */
  #patience: Millis = 0;
  #nat: TeredoNat | null = null;
  #failure: string | null = null;
  /** What the primary address sees; port 0: nothing yet. */
  readonly #mapped = new Endpoint();
  readonly #gateway: EndpointText | null;
  #isGatewayAwaited: boolean;
  readonly #local = new Endpoint();
  /** The last Teredo address there was. */
  readonly #last = new Uint8Array(ADDRESS_LEN);

  constructor(options: QualifierOptions, now: Millis) {
    const { node, servers, keys, gateway, before } = options;
    this.#node = node;
    this.#isGatewayAwaited = gateway === 'awaited';
    this.#gateway = gateway === 'awaited' ? null : gateway;
    this.#solicitation = new TeredoSolicitation(node, keys[0] ?? null);
    this.#refreshInterval = options.refreshInterval;
    this.#servers = servers
      .map(({ primary, secondary }) => ({ primary: endpointOf(primary), secondary: endpointOf(secondary) }))
      .filter(({ primary, secondary }) => !node.endpoints.refuses(primary) && !node.endpoints.refuses(secondary));
    const good = this.#servers.find(({ primary }) => primary.addr === before?.server);
    if (good !== undefined) this.#servers = [good, ...this.#others(good)];
    if (before?.address?.length === ADDRESS_LEN) this.#last.set(before.address);
    this.#state = this.#snapshot();
    this.restart(now);
  }

  /** What was found out so far: the same object until it changes. */
  get state(): Qualification {
    return this.#state;
  }

  /** Whether `address` is one. */
  get isQualified(): boolean {
    return this.#isQualified;
  }

  /** The primary address of the server that is used or asked, as `Endpoint.bits`; 0: none. */
  server(): number {
    return this.#server === null ? 0 : this.#server.primary.bits;
  }

  /**
   * True when a packet came from either address of the server that is used or asked. Linux gives it another source port where
   * it leads it to one that has sent there, by the mapping of a symmetric NAT.
   */
  isFromServer(outer: Outer): boolean {
    const server = this.#server;
    const { bits, port } = outer.remote;
    return (
      server !== null && (port === TEREDO_PORT || this.usesGateway) && (bits === server.primary.bits || bits === server.secondary.bits)
    );
  }

  /** The server may be silent for so long from now on. */
  set refreshInterval(interval: Millis) {
    this.#refreshInterval = interval;
    this.#publish();
  }

  /** The link changed: what was found out about the NAT may be wrong by now. Starts over, with the server that was good last. */
  restart(now: Millis): void {
    const { local, ports } = this.#node;
    this.#local.bits = local[0] ?? 0;
    this.#local.port = ports[0] ?? 0;
    this.#rests = 0;
    this.#disqualify();
    if (this.#isGatewayAwaited) this.#awaitGateway(now);
    else this.#beginRound(now);
    this.#publish();
  }

  /** Whether the address carries what the gateway maps, RFC 6081 section 5.3: a symmetric NAT lets others in by that alone. */
  get usesGateway(): boolean {
    return this.#nat === 'symmetric' && this.#elsewhere?.addr === this.#mapped.addr;
  }

  /** Takes a router advertisement, the inner packet at `b[off..)`: `Verdict.consumed`, or why it is no answer ({@link TeredoSolicitation.take}). */
  take(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const server = this.#server;
    if (server === null) return Drop.foreign_server;
    const verdict = this.#solicitation.take(b, off, outer, server.primary.bits);
    if (verdict !== Drop.none) {
      if (outer.remote.bits === this.#asked) this.#objection = verdict;
      return verdict;
    }
    this.#answered = now;
    if (this.#solicitation.isKeyRefused) this.#fail('does not take the key (any more)', now);
    else if (this.#phase === Phase.primary) this.#acceptPrimary(server, now);
    else this.#qualify(server, now);
    this.#publish();
    return Verdict.consumed;
  }

  /** Any packet came from the server: the mapping is alive. */
  heardServer(now: Millis): void {
    this.#heard = now;
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now < this.#next) return;
    if (this.#phase === Phase.resting) this.#beginRound(now);
    else if (this.#phase === Phase.settled) this.#maintain(now);
    else if (this.#asks < MAX_SOLICITATIONS) this.#solicit(now);
    else this.#fail(this.#silence(), now);
    this.#publish();
  }

  /** When `handleTimeout` is due, never `Infinity`. */
  nextTimeout(): Millis {
    return this.#next;
  }

  /** Writes the solicitation that is due, a whole UDP payload, into `out`: `TransmitTo.carrier`, or `nowhere` when none is. */
  poll(out: Frame, _now: Millis): number {
    if (!this.#solicitation.poll(out)) return TransmitTo.nowhere;
    out.socket = 0;
    return TransmitTo.carrier;
  }

  /** What the primary address sees is the mapping. */
  #acceptPrimary(server: Server, now: Millis): void {
    const hasStayed = equals(this.#solicitation.origin, this.#mapped);
    this.#mapped.bits = this.#solicitation.origin.bits;
    this.#mapped.port = this.#solicitation.origin.port;
    if (this.#isQualified && hasStayed) this.#settle(now);
    else this.#ask(Phase.secondary, server.secondary, now);
    if (this.#isQualified && !hasStayed) this.#makeAddress(server);
  }

  /**
   * Both addresses have answered. A symmetric NAT gives one mapping each: the address carries the one that the server's
   * bubbles come by, or the gateway's, by which everybody's do.
   */
  #qualify(server: Server, now: Millis): void {
    const isSame = equals(this.#solicitation.origin, this.#mapped);
    const isOutside = equals(this.#mapped, this.#local);
    this.#nat = !isSame ? 'symmetric' : isOutside ? 'none' : 'cone or restricted';
    this.#rests = 0;
    this.#isQualified = true;
    this.#makeAddress(server);
    this.#settle(now);
  }

  /** Flags stay as long as the mapping, RFC 5991 section 3.1: who knows them is known to the peers by them. */
  #makeAddress({ primary }: Server): void {
    const { prefix, random } = this.#node;
    const gateway = this.usesGateway ? this.#elsewhere : null;
    const outside = gateway === null ? this.#mapped : endpointOf(gateway.addr, gateway.port);
    const write = (flags: number) => new Teredo(primary.bits, flags, prefix).addressFor(outside, this.address, 0);
    write(teredoFlags(this.#last, 0));
    if (!same(this.address, 0, this.#last, 0, ADDRESS_LEN)) write(drawTeredoFlags(random));
    this.#last.set(this.address);
  }

  /** Nothing is asked until the server has been silent for a while. */
  #settle(now: Millis): void {
    this.#phase = Phase.settled;
    this.#patience = this.#refreshInterval * chanceWithin(this.#node.random, REFRESH_FROM, REFRESH_TO);
    this.#next = now + this.#patience;
  }

  /** RFC 4380 section 5.2.5: the server is asked when it has been silent, and now and then anyway. */
  #maintain(now: Millis): void {
    const due = Math.min(this.#heard + this.#patience, this.#answered + MAX_UNASKED * this.#patience);
    if (now < due) this.#next = due;
    else if (this.#server !== null) this.#ask(Phase.primary, this.#server.primary, now);
  }

  #ask(phase: number, { bits }: Endpoint, now: Millis): void {
    this.#phase = phase;
    this.#asked = bits;
    this.#asks = 0;
    this.#objection = Drop.none;
    this.#solicit(now);
  }

  #solicit(now: Millis): void {
    this.#solicitation.ask(this.#local, this.#asked);
    this.#asks++;
    this.#next = now + ANSWER_TIMEOUT;
  }

  #others(server: Server): Server[] {
    return this.#servers.filter((other) => other !== server);
  }

  /** RFC 6081 section 5.3.3: the mapping comes first. Who brings it makes another client; if nobody does, it is gone without. */
  #awaitGateway(now: Millis): void {
    this.#phase = Phase.resting;
    this.#next = now + MAX_GATEWAY_WAIT;
  }

  /** All servers are there to be asked. */
  #beginRound(now: Millis): void {
    this.#isGatewayAwaited = false;
    const isUp = this.#node.local.length > 0;
    this.#unasked = isUp ? this.#servers.length : 0;
    if (!isUp) this.#failure = 'the tunnel has no IPv4 address';
    else if (this.#servers.length === 0) this.#failure = 'no server is configured that has two global IPv4 addresses';
    this.#askNext(now);
  }

  #askNext(now: Millis): void {
    if (this.#unasked === 0) {
      this.#rest(now);
      return;
    }
    this.#unasked--;
    const server = this.#servers[0];
    this.#server = server;
    this.#ask(Phase.primary, server.primary, now);
  }

  /** All servers have failed: they are left alone for longer each time. */
  #rest(now: Millis): void {
    this.#phase = Phase.resting;
    const rest = MIN_REST * 2 ** this.#rests * chanceWithin(this.#node.random, 1, SPREAD);
    this.#rests = Math.min(this.#rests + 1, MAX_DOUBLINGS);
    this.#next = now + Math.min(rest, MAX_REST);
  }

  /** The server in use is of no use, `why` being the rest of a sentence about it. One that had qualified the client may do so again, in its turn. */
  #fail(why: string, now: Millis): void {
    const server = this.#server;
    if (server === null) return;
    this.#servers = [...this.#others(server), server];
    this.#failure = `server ${formatIpv4(server.primary.addr)} ${why}`;
    const wasQualified = this.#isQualified;
    this.#disqualify();
    if (wasQualified) this.#beginRound(now);
    else this.#askNext(now);
  }

  /** What there is to say of a server whose answer is awaited no longer. */
  #silence(): string {
    const server = this.#server;
    const where = this.#phase === Phase.primary || server === null ? '' : ` at its second address ${formatIpv4(server.secondary.addr)}`;
    const refused = DROPS.find(({ code }) => code === this.#objection);
    return refused === undefined ? `did not answer${where}` : `gave answers that were refused${where}: ${refused.name}`;
  }

  #disqualify(): void {
    this.#isQualified = false;
    this.#solicitation.forget();
    this.#mapped.bits = this.#mapped.port = 0;
    this.#nat = null;
    this.address.fill(0);
  }

  /** Where the gateway leads to the service port, unless the server sees it there anyway: RFC 6081 section 5.3.3. */
  get #elsewhere(): EndpointText | null {
    const { addr, port } = this.#mapped;
    return this.#gateway?.addr === addr && this.#gateway.port === port ? null : this.#gateway;
  }

  #publish(): void {
    const state = this.#snapshot();
    if (!saysTheSame(state, this.#state)) this.#state = state;
  }

  #snapshot(): Qualification {
    const server = this.#server;
    const { bits, port } = this.#mapped;
    const isResting = this.#phase === Phase.resting && !this.#isGatewayAwaited;
    return {
      state: this.#isQualified ? 'qualified' : isResting ? 'off-line' : 'qualifying',
      address: this.#isQualified ? this.address.slice() : null,
      server: server === null ? null : server.primary.addr,
      mapped: port === 0 ? null : { addr: bits >>> 0, port },
      gateway: this.#elsewhere,
      localPort: this.#local.port,
      nat: this.#nat,
      refreshSeconds: this.#refreshInterval / 1000,
      failure: this.#failure,
    };
  }
}

function saysTheSame(a: Qualification, b: Qualification): boolean {
  return (
    a.state === b.state &&
    a.server === b.server &&
    a.mapped?.addr === b.mapped?.addr &&
    a.mapped?.port === b.mapped?.port &&
    a.gateway?.addr === b.gateway?.addr &&
    a.gateway?.port === b.gateway?.port &&
    a.localPort === b.localPort &&
    a.nat === b.nat &&
    a.refreshSeconds === b.refreshSeconds &&
    a.failure === b.failure &&
    (a.address === b.address || (a.address !== null && b.address !== null && same(a.address, 0, b.address, 0, ADDRESS_LEN)))
  );
}

function endpointOf(addr: number, port = 0): Endpoint {
  const ep = new Endpoint();
  ep.addr = addr;
  ep.port = port;
  return ep;
}

function equals(a: Endpoint, b: Endpoint): boolean {
  return a.bits === b.bits && a.port === b.port;
}
