/**
 * How long the NAT remembers a mapping that nothing goes by, RFC 4380 section 5.2.7: the server need not be asked more often.
 *
 *   qualifying --answer--> waiting --the candidate is over--> asking --bubble--> a longer candidate --.
 *       ^                                                       '----- 8 s ----> a shorter candidate -|
 *       '---------------------------------------------------------------------------------------------'
 *
 * It has a port to itself, which nothing else ever goes by. The port asks the server how it is seen, is silent for as long
 * as the candidate says, and then is sent a bubble, by service port and server: that comes if the mapping is still there.
 * Each candidate begins with a question, since a NAT may count what comes in as a sign of life, or not (RFC 4787 REQ-6).
 *
 * Candidates lie between what is known to be good and what is known to be too long. It ends when the former is three
 * quarters of the latter after a failure, or, which the section leaves out, when they are less than a second apart.
 *
 * An address that is lost at an interval that was found shows that it does not hold: the first one does, from then on.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { drawTeredoFlags, Teredo } from '../mapping/teredo.js';
import { Icmp6 } from '../wire/icmp6.js';
import { ADDRESS_LEN, IPV6_DST, IPV6_SRC, totalLen6 } from '../wire/ipv6.js';
import { discoveryType } from '../wire/ndisc.js';
import { same } from '../wire/octets.js';
import { BUBBLE_HOP_LIMIT, isBubble, TEREDO_PORT, writeBubble } from '../wire/teredo.js';
import type { Outer } from './role.js';
import type { TeredoKey, TeredoNode } from './teredo-node.js';
import { ANSWER_TIMEOUT, MAX_SOLICITATIONS } from './teredo-qualifier.js';
import { TeredoSolicitation } from './teredo-solicitation.js';

/** The first candidate, and what no candidate reaches. */
const FIRST_CANDIDATE: Millis = 60_000;
const MAX_INTERVAL: Millis = 120_000;
/** Bubbles for one candidate, and the time that each is waited for: the first, and three repeats. */
const MAX_BUBBLES = 4;
const BUBBLE_TIMEOUT: Millis = 2_000;
/** What is good is good enough when it is this part of what is too long, ... */
const ENOUGH = 0.75;
/** ... or less than this away from it. */
const LEAST_STEP: Millis = 1_000;

const Phase = { idle: 0, qualifying: 1, waiting: 2, asking: 3 } as const;

/** See the head of the file. */
export class TeredoRefreshSearch {
  /** The longest interval that is known to be good. */
  interval: Millis;
  readonly #node: TeredoNode;
  readonly #socket: number;
  readonly #first: Millis;
  readonly #solicitation: TeredoSolicitation;
  readonly #local = new Endpoint();
  /** What the port would have as its address, sixteen octets. */
  readonly #address = new Uint8Array(ADDRESS_LEN);
  #server = 0;
  #phase: number = Phase.idle;
  /** The shortest interval that is known to be too long. */
  #tooLong: Millis = MAX_INTERVAL;
  #candidate: Millis = FIRST_CANDIDATE;
  /** Questions, or bubbles, of this candidate so far. */
  #tries = 0;
  #isBubbleDue = false;
  #next: Millis = Number.POSITIVE_INFINITY;

  /** `socket`: the number of the port among those of the tunnel. `first`: the interval that is good without any search. */
  constructor(node: TeredoNode, key: TeredoKey | null, socket: number, first: Millis) {
    this.#node = node;
    this.#socket = socket;
    this.#first = this.interval = first;
    this.#local.bits = node.local[socket] ?? 0;
    this.#local.port = node.ports[socket] ?? 0;
    this.#solicitation = new TeredoSolicitation(node, key);
  }

  /** The client has an address that it did not have before, by the server whose primary address is `server`, as `Endpoint.bits`. */
  begin(server: number, now: Millis): void {
    const isRefuted = this.interval > this.#first;
    this.end();
    this.interval = this.#first;
    if (isRefuted) return;
    this.#server = server;
    this.#tooLong = MAX_INTERVAL;
    this.#try(FIRST_CANDIDATE, now);
  }

  /** What was found stays; nothing is sent or awaited any more. */
  end(): void {
    this.#phase = Phase.idle;
    this.#solicitation.forget();
    this.#isBubbleDue = false;
    this.#next = Number.POSITIVE_INFINITY;
  }

  /** Takes what came by the port, the inner packet at `b[off..)`; `own` is the address of the client. `Verdict.consumed` or a drop reason. */
  take(b: Uint8Array, off: number, outer: Outer, own: Uint8Array, now: Millis): number {
    if (discoveryType(b, off, off + totalLen6(b, off)) === Icmp6.routerAdvertisement) return this.#hearServer(b, off, outer, now);
    const isFromServer = outer.remote.bits === this.#server && outer.remote.port === TEREDO_PORT;
    if (this.#phase !== Phase.asking || !isFromServer || !isBubble(b, off)) return Drop.untrusted_peer;
    if (!same(b, off + IPV6_SRC, own, 0, ADDRESS_LEN)) return Drop.source_mismatch;
    if (!same(b, off + IPV6_DST, this.#address, 0, ADDRESS_LEN)) return Drop.destination_mismatch;
    this.#succeed(now);
    return Verdict.consumed;
  }

  /** Writes what is to be sent next, a whole UDP payload, into `out`; false when there is nothing. */
  poll(out: Frame, own: Uint8Array): boolean {
    if (this.#solicitation.poll(out)) {
      out.socket = this.#socket;
      return true;
    }
    if (!this.#isBubbleDue) return false;
    this.#isBubbleDue = false;
    out.clear();
    out.end = writeBubble(out.b, out.off, own, 0, this.#address, 0, BUBBLE_HOP_LIMIT);
    out.remote.bits = this.#server;
    out.remote.port = TEREDO_PORT;
    out.socket = 0;
    return true;
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now < this.#next) return;
    if (this.#phase === Phase.waiting) this.#begin(Phase.asking, now);
    else if (this.#phase === Phase.qualifying && this.#tries < MAX_SOLICITATIONS) this.#say(now);
    else if (this.#phase === Phase.asking && this.#tries < MAX_BUBBLES) this.#say(now);
    else if (this.#phase === Phase.asking) this.#fail(now);
    else this.end();
  }

  /** When `handleTimeout` is due; `Infinity` while nothing is searched for. */
  nextTimeout(): Millis {
    return this.#next;
  }

  #hearServer(b: Uint8Array, off: number, outer: Outer, now: Millis): number {
    const verdict = this.#solicitation.take(b, off, outer, this.#server);
    if (verdict !== Drop.none) return verdict;
    if (this.#solicitation.isKeyRefused) {
      this.end();
      return Verdict.consumed;
    }
    const { random, prefix } = this.#node;
    new Teredo(this.#server, drawTeredoFlags(random), prefix).addressFor(this.#solicitation.origin, this.#address, 0);
    this.#phase = Phase.waiting;
    this.#next = now + this.#candidate;
    return Verdict.consumed;
  }

  #try(candidate: Millis, now: Millis): void {
    this.#candidate = candidate;
    this.#begin(Phase.qualifying, now);
  }

  #begin(phase: number, now: Millis): void {
    this.#phase = phase;
    this.#tries = 0;
    this.#say(now);
  }

  /** A question, or a bubble. */
  #say(now: Millis): void {
    const asks = this.#phase === Phase.qualifying;
    this.#tries++;
    this.#next = now + (asks ? ANSWER_TIMEOUT : BUBBLE_TIMEOUT);
    this.#isBubbleDue = !asks;
    if (asks) this.#solicitation.ask(this.#local, this.#server);
  }

  #succeed(now: Millis): void {
    this.interval = this.#candidate;
    if (this.#tooLong - this.interval < LEAST_STEP) this.end();
    else this.#try(this.#between, now);
  }

  #fail(now: Millis): void {
    this.#tooLong = this.#candidate;
    if (this.interval >= ENOUGH * this.#tooLong) this.end();
    else this.#try(this.#between, now);
  }

  /** The next candidate: less than twice what is good, which the section asks for, since what is too long is at most that after the first one. */
  get #between(): Millis {
    return (this.interval + this.#tooLong) / 2;
  }
}
