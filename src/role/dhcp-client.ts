/**
 * The DHCPv4 client of a 6rd customer edge, RFC 2131 section 4.4: it gets, or asks about, the IPv4 address of one
 * interface, and with it the 6rd option (RFC 5969 section 7.1.1).
 *
 *   init -wait-> selecting -OFFER-> requesting -ACK-> bound -T1-> renewing -T2-> rebinding
 *    ^               (again)   NAK, no answer |         ^            | ACK          | ACK
 *    '----------------------------------------'         '------------'--------------'     NAK, end of lease: init
 *
 *   init -wait-> informing -ACK-> informed -an hour-> informing        (the interface has an address, section 4.4.3)
 *
 * The machine owns no socket, clock or random source. Every method takes `now`, which never decreases. After each call
 * drain `pollTransmit`, then arm one timer at `nextTimeout()`; extra wake-ups are harmless. A timer may lie weeks ahead.
 *
 * The first OFFER is taken. Whether somebody else uses the address already is the caller's to find out: that takes ARP.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { isUnicast4 } from '../wire/address.js';
import {
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  type DhcpMessage,
  DhcpOp,
  DhcpOption,
  DhcpType,
  ETHERNET,
  option32,
  readDhcp4,
  writeClientMessage,
} from '../wire/dhcp4.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../wire/ipv4.js';
import { same } from '../wire/octets.js';
import { OPTION_6RD } from '../wire/option-212.js';
import { isUdp4, UDP_LEN, udpDestination, udpLen, udpOffset4, writeUdp4 } from '../wire/udp.js';
import { chanceWithin } from './chance.js';
import { type Lease, leaseDuration, leaseOf, renewalTimes, sameLease } from './dhcp-lease.js';

export type { Lease } from './dhcp-lease.js';

/**
 * Longest wait before the first message. RFC 2131 section 4.4.1 asks for 1 to 10 s, so that hosts which start together
 * do not ask together; retransmissions are spread by chance anyway, and the site has no IPv6 for as long as it waits.
 */
export const MAX_START_DELAY: Millis = 1_000;
/** Mean wait before the first retransmission; each further one doubles it, up to `MAX_BACKOFF`. RFC 2131 section 4.1. */
export const FIRST_BACKOFF: Millis = 4_000;
/** Longest mean wait before a retransmission. */
export const MAX_BACKOFF: Millis = 64_000;
/** By how much chance shortens or lengthens a wait. */
export const BACKOFF_SPREAD: Millis = 1_000;
/** Retransmissions of a REQUEST to which nobody answers; then it is time for another server. RFC 2131 section 3.1, step 5. */
export const MAX_REQUEST_REPEATS = 4;
/** Least time between retransmissions while the address is still leased. RFC 2131 section 4.4.5. */
export const MIN_RENEWAL_INTERVAL: Millis = 60_000;
/**
 * Least time between any message and the next that is not the REQUEST which answers an OFFER: whatever a server sends,
 * and however short its leases are.
 */
export const MIN_INTERVAL: Millis = FIRST_BACKOFF - BACKOFF_SPREAD;
/** Time between an answered INFORM and the next, which finds out what the provider has changed. */
export const INFORM_INTERVAL: Millis = 3_600_000;
/** Part of T1, T2 and the INFORM interval by which chance brings them forward, RFC 2131 section 4.4.5 ("fuzz"). */
export const MAX_FUZZ = 1 / 16;

/** How a client is set up. */
export interface DhcpClientOptions {
  /** Of the interface, six octets. */
  readonly mac: Uint8Array;
  /** Address that the interface has already: only options are asked for. null: an address is asked for. */
  readonly inform: number | null;
  /** Sent to the server when it is a name by RFC 1123 section 2.1. */
  readonly hostName: string;
}

type State = 'init' | 'selecting' | 'requesting' | 'bound' | 'renewing' | 'rebinding' | 'informing' | 'informed' | 'stopped';

/** What a pending message is. */
const MESSAGE_TYPES: Partial<Record<State, number>> = {
  selecting: DhcpType.discover,
  requesting: DhcpType.request,
  renewing: DhcpType.request,
  rebinding: DhcpType.request,
  informing: DhcpType.inform,
  stopped: DhcpType.release,
};
/** States in which an ACK or NAK about an address is awaited. */
const CLAIMING: readonly State[] = ['requesting', 'renewing', 'rebinding'];
/** States in which time runs towards a renewal, or another try at it. */
const RENEWABLE: readonly State[] = ['bound', 'renewing', 'rebinding'];

const LIMITED_BROADCAST = 0xffffffff;
const TTL = 64;
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/;
/** Option 55. What a lease is made of (options 51 and 54) comes unasked, RFC 2131 table 3; an INFORM leases nothing. */
const INFORM_PARAMETERS = [DhcpOption.subnetMask, DhcpOption.router, OPTION_6RD];
const LEASE_PARAMETERS = [...INFORM_PARAMETERS, DhcpOption.renewalTime, DhcpOption.rebindingTime];

/** A client on one interface. */
export class DhcpClient {
  readonly #mac: Uint8Array;
  readonly #informing: boolean;
  readonly #hostName: string;
  readonly #random: Random;
  #state: State = 'init';
  #lease: Lease | null = null;
  /** The address that the interface had, or that was offered, then leased; and the server that did so. */
  #held: { readonly address: number; readonly server: number };
  #xid = 0;
  /** A message waits to be sent: that of the state, see MESSAGE_TYPES; without effect where the state has none. */
  #pending = false;
  /** Transmissions of the present message with the present xid. */
  #tries = 0;
  /** Times in a row that the search for an address had to start over. */
  #failures = 0;
  /** When the search or renewal began, and how many seconds ago that was at the last message but for a REQUEST that answers an OFFER. */
  #began: Millis = 0;
  #secs = 0;
  /** When the last message was due. */
  #due: Millis = Number.NEGATIVE_INFINITY;
  /** When the present message was first sent: a lease counts from there (RFC 2131 section 4.4.1). */
  #asked: Millis = 0;
  /** T2: from then on any server may renew. */
  #rebindAt: Millis = Number.POSITIVE_INFINITY;
  #wake: Millis;

  constructor(options: DhcpClientOptions, random: Random, now: Millis) {
    this.#mac = options.mac;
    this.#informing = options.inform !== null;
    this.#held = { address: options.inform ?? 0, server: 0 };
    this.#hostName = HOST_NAME.test(options.hostName) ? options.hostName : '';
    this.#random = random;
    this.#wake = now + chanceWithin(this.#random, 0, MAX_START_DELAY);
  }

  /** null: no lease (yet, or any more). A new object whenever anything in it changed, the same otherwise. */
  get lease(): Lease | null {
    return this.#lease;
  }

  /**
   * Takes a whole IPv4 packet that came in on the interface. `Verdict.consumed`, or a drop reason. `malformed_dhcp`: it
   * is broken, answers nothing that was asked, or leases nothing of use, and had no effect. `malformed_option_212`: not
   * the message is dropped but its option; the lease is taken, without 6rd, and `sixRdFault` says why. Count it as a drop:
   * each such ACK raises the reason by one.
   */
  handlePacket(frame: Frame, now: Millis): number {
    if (this.#isOver(now)) this.#startOver(now); // Even when its renewal comes in the same moment.
    const message = this.#read(frame);
    switch (message?.type) {
      case DhcpType.offer:
        return this.#handleOffer(message, now);
      case DhcpType.ack:
        return this.#state === 'informing' ? this.#handleInformation(message, now) : this.#handleAck(message, now);
      case DhcpType.nak:
        return this.#handleNak(message, now);
      default:
        return Drop.malformed_dhcp;
    }
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    if (now < this.#wake) return;
    if (this.#isOver(now)) this.#startOver(now);
    else if (this.#state === 'init' || this.#state === 'informed') this.#search(now);
    else if (RENEWABLE.includes(this.#state)) this.#renew(now);
    else if (this.#state === 'requesting' && this.#tries > MAX_REQUEST_REPEATS) this.#startOver(now);
    else this.#repeat(now);
  }

  /** When `handleTimeout` is due, perhaps weeks ahead; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis {
    return this.#wake;
  }

  /**
   * Writes a due message, a whole IPv4 packet of at most 400 octets, into `out`, and where it goes into `out.remote`;
   * false when none is due.
   *
   * While there is no address, answers are asked for by broadcast: a packet socket would hear unicast ones too, but so
   * would this host's IPv4 stack, which, being a router's, would pass them on to wherever the address is routed.
   */
  pollTransmit(out: Frame, now: Millis): boolean {
    const type = MESSAGE_TYPES[this.#state];
    if (!this.#pending || type === undefined) return false;
    this.#pending = false;
    if (this.#tries === 1) this.#asked = now;
    const state = this.#state;
    const stopped = state === 'stopped';
    const searching = state === 'selecting' || state === 'requesting';
    const ciaddr = searching ? 0 : this.#held.address;
    const destination = state === 'renewing' || stopped ? this.#held.server : LIMITED_BROADCAST;

    out.clear();
    const udp = out.off + IPV4_LEN;
    out.end = writeClientMessage(out.b, udp + UDP_LEN, {
      type,
      xid: this.#xid,
      secs: stopped ? 0 : this.#secs,
      broadcast: searching,
      ciaddr,
      mac: this.#mac,
      requestedAddress: state === 'requesting' ? this.#held.address : null,
      server: state === 'requesting' || stopped ? this.#held.server : null,
      parameters: stopped ? [] : state === 'informing' ? INFORM_PARAMETERS : LEASE_PARAMETERS,
      hostName: stopped ? '' : this.#hostName,
    });
    writeIpv4(out.b, out.off, out.len, 0, 0, TTL, Protocol.udp, ciaddr, destination);
    writeUdp4(out.b, out.off, udp, out.end, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
    out.remote.addr = destination;
    return true;
  }

  /** The service stops, and the client for good: a RELEASE waits to be sent when there is a lease of its own. */
  release(now: Millis): void {
    if (this.#state === 'stopped') return;
    this.#pending = this.#lease !== null && !this.#isOver(now) && !this.#informing;
    this.#newExchange('stopped');
    this.#lease = null;
    this.#wake = Number.POSITIVE_INFINITY;
  }

  /** The message in `frame` when it may be an answer to this client. */
  #read({ b, off, end }: Frame): DhcpMessage | null {
    if (!isUdp4(b, off, end)) return null;
    const udp = udpOffset4(b, off);
    if (udpDestination(b, udp) !== DHCP_CLIENT_PORT) return null;
    const message = readDhcp4(b, udp + UDP_LEN, udp + udpLen(b, udp));
    if (message === null || message.op !== DhcpOp.reply || message.xid !== this.#xid) return null;
    const { htype, chaddr } = message;
    const mine = htype === ETHERNET.htype && chaddr.length === ETHERNET.hlen && same(chaddr, 0, this.#mac, 0, ETHERNET.hlen);
    return mine ? message : null;
  }

  #handleOffer(message: DhcpMessage, now: Millis): number {
    const server = option32(message, DhcpOption.server);
    if (this.#state !== 'selecting' || server === null || !isUnicast4(server) || leaseDuration(message) === null)
      return Drop.malformed_dhcp;
    this.#held = { address: message.yiaddr, server };
    this.#state = 'requesting';
    this.#tries = 0;
    this.#repeat(now);
    return Verdict.consumed;
  }

  #handleAck(message: DhcpMessage, now: Millis): number {
    const server = this.#claimAnswered(message);
    const duration = leaseDuration(message);
    if (server === null || duration === null) return Drop.malformed_dhcp;
    const until = this.#asked + duration;
    if (until <= now) return Drop.malformed_dhcp;
    this.#held = { address: message.yiaddr, server };
    this.#state = 'bound';
    this.#failures = 0;

    const [renewal, rebinding] = renewalTimes(message, duration);
    const fuzz = 1 - chanceWithin(this.#random, 0, MAX_FUZZ);
    this.#rebindAt = this.#asked + rebinding * fuzz;
    this.#wake = Math.min(Math.max(now, this.#asked + renewal * fuzz, this.#due + MIN_INTERVAL), until);
    return this.#take(leaseOf(message, message.yiaddr, true, until));
  }

  #handleInformation(message: DhcpMessage, now: Millis): number {
    this.#state = 'informed';
    this.#wake = now + INFORM_INTERVAL * (1 - chanceWithin(this.#random, 0, MAX_FUZZ));
    return this.#take(leaseOf(message, this.#held.address, false, Number.POSITIVE_INFINITY));
  }

  #handleNak(message: DhcpMessage, now: Millis): number {
    if (this.#claimAnswered(message) === null) return Drop.malformed_dhcp;
    this.#startOver(now);
    return Verdict.consumed;
  }

  /** The server that answers a REQUEST; null when none was sent, or not to this one. */
  #claimAnswered(message: DhcpMessage): number | null {
    const server = option32(message, DhcpOption.server);
    if (server === null || !CLAIMING.includes(this.#state)) return null;
    const asked = this.#state === 'rebinding' ? isUnicast4(server) : server === this.#held.server;
    return asked ? server : null;
  }

  /** Takes the lease that an ACK makes; a verdict of its option 212. */
  #take(lease: Lease): number {
    if (this.#lease === null || !sameLease(lease, this.#lease)) this.#lease = lease;
    return lease.sixRdFault === null ? Verdict.consumed : Drop.malformed_option_212;
  }

  #isOver(now: Millis): boolean {
    return this.#lease !== null && now >= this.#lease.until;
  }

  /** Back to the beginning: at once after a lease of some length, ever more slowly where none comes of it. */
  #startOver(now: Millis): void {
    this.#lease = null;
    this.#state = 'init';
    this.#wake = Math.max(now + chanceWithin(this.#random, 0, MAX_START_DELAY), this.#due + this.#backoff(this.#failures));
    this.#failures++;
  }

  #search(now: Millis): void {
    this.#began = now;
    this.#newExchange(this.#informing ? 'informing' : 'selecting');
    this.#repeat(now);
  }

  /** Asks for more time, in an exchange of its own: so an answer tells which message it answers, and when the new lease begins. */
  #renew(now: Millis): void {
    if (this.#state === 'bound') this.#began = now;
    const until = this.#lease?.until ?? now;
    const rebinding = now >= this.#rebindAt;
    this.#newExchange(rebinding ? 'rebinding' : 'renewing');
    const end = rebinding ? until : this.#rebindAt;
    const again = Math.min(now + Math.max((end - now) / 2, MIN_RENEWAL_INTERVAL), end);
    this.#transmit(now, Math.min(Math.max(again, now + MIN_INTERVAL), until));
  }

  #newExchange(state: State): void {
    this.#state = state;
    this.#xid = chanceWithin(this.#random, 0, 2 ** 32);
    this.#tries = 0;
  }

  #repeat(now: Millis): void {
    this.#transmit(now, now + this.#backoff(this.#tries));
  }

  #transmit(now: Millis, wake: Millis): void {
    this.#pending = true;
    this.#tries++;
    this.#due = now;
    this.#wake = wake;
    // RFC 2131 section 4.4.1: the REQUEST says what its DISCOVER said.
    if (this.#state !== 'requesting') this.#secs = Math.min(0xffff, Math.floor((now - this.#began) / 1000));
  }

  /** Wait after the transmission that `repeats` others went before, RFC 2131 section 4.1. */
  #backoff(repeats: number): Millis {
    return Math.min(FIRST_BACKOFF * 2 ** repeats, MAX_BACKOFF) + chanceWithin(this.#random, -BACKOFF_SPREAD, BACKOFF_SPREAD);
  }
}
