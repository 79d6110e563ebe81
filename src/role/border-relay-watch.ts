/**
 * Which of its border relays a customer edge sends to: RFC 5969 section 8.
 *
 * A probe is a packet from the customer edge to itself, sent to a relay, which forwards it back as it
 * does any other: so the answer proves the whole way, there and back, and no relay has to know. Each
 * round asks the relay in use and those that are preferred to it, and the first of the list that answers
 * is used. Where nobody answers, perhaps because nobody forwards such packets, it stays with the first.
 * Relays of one anycast address need none of this: a list of one is never probed.
 *
 *   | IPv6: source and destination the customer edge, no next header | key (8) | relay (4) |
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { hopLimit6, IPV6_DST, IPV6_LEN, IPV6_SRC, NextHeader, nextHeader6, totalLen6, writeIpv6 } from '../wire/ipv6.js';
import { copy, put32, same, u32 } from '../wire/octets.js';
import { chanceWithin } from './chance.js';
import { type Heritage, type Speaker, TransmitTo } from './role.js';

/** Time between two rounds. */
export const ROUND_INTERVAL: Millis = 30_000;
/** Time that a probe has to come back; then it is sent again. */
export const ANSWER_TIME: Millis = 1_000;
/** Probes to one relay in a round. */
export const MAX_PROBES = 3;
/** Longest wait before the first round: customers that start together do not probe together. */
export const MAX_START_DELAY: Millis = 1_000;

const KEY_LEN = 8;
const PAYLOAD_LEN = 12;
const HOP_LIMIT = 64;

/** See the head of the file. It speaks for the customer edge's LANs, too. */
export class BorderRelayWatch implements Speaker {
  readonly learned = null;
  readonly peers = 0;
  readonly #lans: Speaker;
  readonly #relays: readonly number[];
  readonly #address: Uint8Array;
  readonly #key = new Uint8Array(KEY_LEN);
  /** Who has answered in this round, and who is still to be asked in this attempt. */
  readonly #answered: boolean[];
  readonly #pending: boolean[];
  #inUse = 0;
  #attempt = 0;
  #next: Millis;

  /**
   * `relays`: IPv4 addresses, the most wanted first; `address`: the customer edge's own, sixteen octets; `lans`: the speaker of its
   * LANs; `before`: the relay that the watch before this one used (a lease that is renewed makes a new one), or null.
   */
  constructor(relays: readonly number[], address: Uint8Array, lans: Speaker, before: number | null, random: Random, now: Millis) {
    this.#lans = lans;
    this.#relays = relays;
    this.#address = address;
    this.#answered = relays.map(() => false);
    this.#pending = relays.map(() => false);
    this.#inUse = before === null ? 0 : Math.max(0, relays.indexOf(before));
    random(this.#key);
    this.#next = relays.length > 1 ? now + chanceWithin(random, 0, MAX_START_DELAY) : Number.POSITIVE_INFINITY;
  }

  /** Place in the list of the relay to send to. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Takes the packet at `b[off..)` that one of the relays sent, and that comes from this customer edge: its own probe, or a loop. */
  hear(b: Uint8Array, off: number): number {
    const isProbe =
      nextHeader6(b, off) === NextHeader.none &&
      totalLen6(b, off) === IPV6_LEN + PAYLOAD_LEN &&
      same(b, off + IPV6_SRC, this.#address, 0, this.#address.length) &&
      same(b, off + IPV6_DST, this.#address, 0, this.#address.length);
    // A relay that forwards counts the hop limit down: what is as it left never reached a router.
    if (!isProbe || hopLimit6(b, off) >= HOP_LIMIT) return Drop.loop;
    const payload = off + IPV6_LEN;
    const relay = u32(b, payload + KEY_LEN);
    if (!same(b, payload, this.#key, 0, KEY_LEN) || relay >= this.#relays.length) return Drop.nonce_mismatch;
    this.#answered[relay] = true;
    this.#pending[relay] = false;
    return Verdict.consumed;
  }

  /** See {@link Speaker}. */
  fromLan(lan: number, frame: Frame, now: Millis): number {
    return this.#lans.fromLan(lan, frame, now);
  }

  /** See {@link Speaker}. */
  heritage(now: Millis): Heritage {
    return { ...this.#lans.heritage(now), relay: this.#relays[this.#inUse] ?? null };
  }

  /** See {@link Speaker}: relays are asked often enough. */
  suspect(): void {}

  /** See {@link Speaker}. */
  withdraw(now: Millis, except: readonly string[]): void {
    this.#lans.withdraw(now, except);
  }

  /** See {@link Speaker}. */
  handleTimeout(now: Millis): void {
    this.#lans.handleTimeout(now);
    if (now < this.#next) return;
    const best = this.#answered.indexOf(true);
    if (this.#attempt > 0 && (best >= 0 || this.#attempt === MAX_PROBES)) this.#conclude(best, now);
    else this.#ask(now);
  }

  /** See {@link Speaker}. */
  nextTimeout(): Millis {
    return Math.min(this.#next, this.#lans.nextTimeout());
  }

  /** See {@link Speaker}. */
  pollTransmit(out: Frame, now: Millis): number {
    const to = this.#lans.pollTransmit(out, now);
    if (to !== TransmitTo.nowhere) return to;
    const relay = this.#pending.indexOf(true);
    if (relay < 0) return TransmitTo.nowhere;
    this.#pending[relay] = false;
    out.clear();
    const { b, off } = out;
    writeIpv6(b, off, PAYLOAD_LEN, NextHeader.none, HOP_LIMIT);
    copy(this.#address, 0, b, off + IPV6_SRC, this.#address.length);
    copy(this.#address, 0, b, off + IPV6_DST, this.#address.length);
    copy(this.#key, 0, b, off + IPV6_LEN, KEY_LEN);
    put32(b, off + IPV6_LEN + KEY_LEN, relay);
    out.end = off + IPV6_LEN + PAYLOAD_LEN;
    out.remote.addr = this.#relays[relay];
    return TransmitTo.carrier;
  }

  /** Asks the relay in use and those before it that have not answered. */
  #ask(now: Millis): void {
    if (this.#attempt === 0) this.#answered.fill(false);
    for (let i = 0; i <= this.#inUse; i++) this.#pending[i] = !this.#answered[i];
    this.#attempt++;
    this.#next = now + ANSWER_TIME;
  }

  /** Ends a round: `best` is the first relay that answered; negative: none did. */
  #conclude(best: number, now: Millis): void {
    const failed = best < 0;
    const isLast = this.#inUse + 1 === this.#relays.length;
    this.#inUse = failed ? (isLast ? 0 : this.#inUse + 1) : best;
    this.#attempt = 0;
    this.#next = failed && !isLast ? now : now + ROUND_INTERVAL;
  }
}
