/**
 * IPv4 of a simulated host, RFC 791, RFC 792, RFC 1122, RFC 1812: it forwards, fragments, reassembles,
 * answers echo requests, sends errors, and hands protocol 41 and ICMP errors to the tunnel daemon.
 *
 *   receive -> whole? -> ours? --yes--> reassemble -> protocol
 *                             '--no---> forward -> NAT, if any --.
 *   originate, output --------------------------------------------'-> route -> fragments -> pass
 *
 * Inside, every step answers with how the packet ended; it is counted, and its source told, in one place.
 */
import { checksum, ipv4ChecksumOk, update16 } from '../wire/checksum.js';
import { fragmentCount4, Reassembly4, writeFragment4 } from '../wire/fragment4.js';
import { FRAGMENTATION_NEEDED, Icmp4, isIcmp4Error, quoted4, writeIcmp4Error } from '../wire/icmp4.js';
import {
  DF,
  dst4,
  fragment4,
  headerLen4,
  IPV4_DST,
  IPV4_SRC,
  identification4,
  isIpv4,
  MF,
  Protocol,
  protocol4,
  src4,
  totalLen4,
  ttl4,
} from '../wire/ipv4.js';
import { copy, put16, u16, u32 } from '../wire/octets.js';
import { isUdp4 } from '../wire/udp.js';
import { fromIpv4, isLinkLocal, isLoopback, isMulticast, isUnspecified, SIZE4 } from './address.js';
import { ECHO_LEN, type EchoAnswer, echoId, echoSequence, quotedEcho4 } from './echo.js';
import type { Host } from './host.js';
import type { Interface } from './interface.js';
import type { Ending, EventName } from './trace.js';
import { socketKeyOf } from './udp-port.js';

const TTL = 8;
const CHECKSUM = 10;
const OFFSET_MASK = 0x1fff;
const LIMITED_BROADCAST = 0xffffffff;
/** Time to live of what a host originates. */
const DEFAULT_TTL = 64;
const TCP = 6;
const MAX_ERROR = 576;

/** Type and code of the error about a packet that ended so; nobody is told of other endings. */
const ERRORS: Partial<Record<EventName, readonly [type: number, code: number]>> = {
  hop_limit: [Icmp4.timeExceeded, 0],
  no_route: [Icmp4.unreachable, 0],
  no_neighbour: [Icmp4.unreachable, 1],
  no_protocol: [Icmp4.unreachable, 2],
  no_port: [Icmp4.unreachable, 3],
  too_big: [Icmp4.unreachable, FRAGMENTATION_NEEDED],
};

/** What an error says to who sent an echo request. */
const ANSWERS: Readonly<Record<number, EchoAnswer['kind']>> = {
  [Icmp4.timeExceeded]: 'time_exceeded',
  [Icmp4.unreachable]: 'unreachable',
};

/** The IPv4 half of a host. */
export class Stack4 {
  readonly #host: Host;
  readonly #reassembly = new Reassembly4();
  #identification: number;
  /** MTU of the link that refused the last packet as too big, octets. */
  #narrowMtu = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#identification = host.random.below(0x10000);
  }

  /** Takes a packet that arrived on `from`. */
  receive(from: Interface, packet: Uint8Array): void {
    const ending = this.#judge(from, packet);
    if (ending === null) return;
    this.#host.account.note(ending);
    this.#tell(packet, ending);
  }

  /** Sends a packet of the host's own. */
  originate(packet: Uint8Array): void {
    this.#host.account.note('originated');
    this.output(packet);
  }

  /**
   * Sends a packet that was counted as begun on this host, header and all: chooses its identification
   * and header checksum. Answers with its end where the host knows it at once.
   */
  output(packet: Uint8Array): Ending {
    put16(packet, 4, this.#identification);
    this.#identification = (this.#identification + 1) & 0xffff;
    put16(packet, CHECKSUM, 0);
    put16(packet, CHECKSUM, checksum(packet, 0, headerLen4(packet, 0)));
    const own = this.#host.ownerOf(packet, IPV4_DST, SIZE4);
    const ending = own === null ? this.#route(packet) : this.#deliver(own, packet);
    if (ending === null) return null;
    this.#host.account.note(ending);
    // What address resolution finds out comes too late for the sender to be told otherwise.
    if (ending === 'no_neighbour') this.#tell(packet, ending);
    return ending;
  }

  #judge(from: Interface, arrived: Uint8Array): Ending {
    if (!isIpv4(arrived, 0, arrived.length)) return 'malformed';
    if (!ipv4ChecksumOk(arrived, 0, headerLen4(arrived, 0))) return 'bad_checksum';
    const total = totalLen4(arrived, 0);
    const cut = total === arrived.length ? arrived : arrived.slice(0, total);
    if (isBadSource(cut)) return 'bad_source';
    const packet = this.#assemble(from, cut);
    if (typeof packet === 'string') return packet;
    if (this.#host.nat?.claims(from, packet) === true) return this.#forward(from, packet);
    if (this.#isLocal(packet, from)) return this.#deliver(from, packet);
    if (isLoopback(packet, IPV4_DST, SIZE4) || isUnspecified(packet, IPV4_DST, SIZE4)) return 'beyond_scope';
    if (!this.#host.forwards || isMulticast(packet, IPV4_DST, SIZE4)) return 'wrong_host';
    return this.#forward(from, packet);
  }

  #forward(from: Interface, packet: Uint8Array): Ending {
    if (isLinkLocal(packet, IPV4_SRC, SIZE4) || isLinkLocal(packet, IPV4_DST, SIZE4)) return 'beyond_scope';
    if (ttl4(packet, 0) <= 1) return 'hop_limit';
    const next = packet.slice();
    next[TTL]--;
    put16(next, CHECKSUM, update16(u16(packet, CHECKSUM), u16(packet, TTL), u16(next, TTL)));
    const translated = this.#host.nat?.translate(from, next) ?? next;
    if (typeof translated === 'string') return translated;
    const ending = this.#route(translated);
    if (ending === null) this.#host.account.note('forwarded');
    return ending;
  }

  /** Sends a packet where its route says, in fragments where it must be. */
  #route(packet: Uint8Array): Ending {
    const { account, routes4, now } = this.#host;
    // A group is on the link of who sends.
    if (isMulticast(packet, IPV4_DST, SIZE4)) {
      const out = this.#host.ownerOf(packet, IPV4_SRC, SIZE4);
      return out === null ? 'no_route' : out.send(packet, packet.subarray(IPV4_DST, IPV4_DST + SIZE4));
    }
    const route = routes4.lookup(packet, IPV4_DST, now);
    if (route === null || route.interface === null) return 'no_route';
    const { mtu } = route.interface;
    const nextHop = route.via ?? packet.subarray(IPV4_DST, IPV4_DST + SIZE4);
    if (packet.length <= mtu) return route.interface.send(packet, nextHop);
    const count = fragmentCount4(packet.length, headerLen4(packet, 0), mtu);
    if (count === 0 || (fragment4(packet, 0) & DF) !== 0) {
      this.#narrowMtu = mtu;
      return 'too_big';
    }
    for (let i = 0; i < count; i++) {
      const fragment = new Uint8Array(mtu);
      const end = writeFragment4(fragment, 0, packet, 0, mtu, identification4(packet, 0), i);
      account.note('fragment');
      const ending = route.interface.send(fragment.subarray(0, end), nextHop);
      if (ending !== null) account.note(ending);
    }
    return 'fragmented';
  }

  /** Takes a packet for this host. */
  #deliver(from: Interface, arrived: Uint8Array): Ending {
    const { readers } = this.#host;
    const packet = this.#whole(arrived);
    if (packet === null) return 'collected';
    const protocol = protocol4(packet, 0);
    if (protocol === Protocol.icmp) return this.#deliverIcmp(from, packet);
    if (protocol === Protocol.ipv6 && readers.protocol41 !== null) return readers.protocol41.push(packet) ? 'to_daemon' : 'queue_full';
    if (protocol === Protocol.udp) return this.#deliverUdp(from, packet);
    return protocol === TCP ? 'no_port' : 'no_protocol';
  }

  #deliverUdp(from: Interface, packet: Uint8Array): Ending {
    const reader = this.#host.readers.udp.get(socketKeyOf(packet, from));
    if (reader === undefined) return 'no_port';
    if (!isUdp4(packet, 0, packet.length)) return 'bad_checksum';
    return reader.push(packet) ? 'to_daemon' : 'queue_full';
  }

  /** A NAT has to see the ports of every packet that comes its way. */
  #assemble(from: Interface, packet: Uint8Array): Uint8Array | EventName {
    const { nat } = this.#host;
    if (nat === null || !isFragment(packet) || !nat.spans(from)) return packet;
    return nat.options.fragments === 'dropped' ? 'filtered' : (this.#whole(packet) ?? 'collected');
  }

  /** The datagram that a fragment completes, or the packet itself where it is none; null while others are missing. */
  #whole(packet: Uint8Array): Uint8Array | null {
    if (!isFragment(packet)) return packet;
    const { account, now } = this.#host;
    const whole = this.#reassembly.add(packet, 0, packet.length, now);
    if (whole === null) return null;
    account.note('collected');
    account.note('reassembled');
    return whole;
  }

  #deliverIcmp(from: Interface, packet: Uint8Array): Ending {
    const icmp = headerLen4(packet, 0);
    const end = packet.length;
    if (end - icmp < ECHO_LEN) return 'malformed';
    if (checksum(packet, icmp, end) !== 0) return 'bad_checksum';
    if (packet[icmp] === Icmp4.echoRequest) this.#reply(from, packet, icmp);
    else if (packet[icmp] === Icmp4.echoReply) this.#hear(packet, icmp, 'reply', end - icmp - ECHO_LEN);
    else if (isIcmp4Error(packet, icmp, end)) this.#hearError(packet, icmp);
    return 'delivered';
  }

  #hearError(packet: Uint8Array, icmp: number): void {
    const { account, readers } = this.#host;
    const echo = quotedEcho4(packet, quoted4(icmp), packet.length);
    if (echo >= 0) this.#hear(packet, echo, ANSWERS[packet[icmp]] ?? 'other_error', 0);
    if (readers.icmp4 === null) return;
    account.note('copied');
    account.note(readers.icmp4.push(packet) ? 'to_daemon' : 'queue_full');
  }

  #hear(packet: Uint8Array, echo: number, kind: EchoAnswer['kind'], size: number): void {
    const from = fromIpv4(src4(packet, 0));
    this.#host.heard(echoId(packet, echo), { sequence: echoSequence(packet, echo), kind, from, at: this.#host.now, size });
  }

  /** Answers an echo request that was sent to one address, RFC 1122 section 3.2.2.6. */
  #reply(from: Interface, request: Uint8Array, icmp: number): void {
    if (isBroadcast(request, from)) return;
    const reply = request.slice();
    copy(request, IPV4_SRC, reply, IPV4_DST, SIZE4);
    copy(request, IPV4_DST, reply, IPV4_SRC, SIZE4);
    put16(reply, 6, 0);
    reply[TTL] = DEFAULT_TTL;
    reply[icmp] = Icmp4.echoReply;
    put16(reply, icmp + 2, 0);
    put16(reply, icmp + 2, checksum(reply, icmp, reply.length));
    this.originate(reply);
  }

  /** Tells the source of `packet` how it ended, where there is an error for that and it is allowed, RFC 1122 section 3.2.2. */
  #tell(packet: Uint8Array, ending: EventName): void {
    const { routes4 } = this.#host;
    const error = ERRORS[ending];
    if (error === undefined || !this.#mayAnswer(packet)) return;
    const source = this.#host.sourceTowards(packet, IPV4_SRC, SIZE4, routes4);
    if (source === null) return;
    const mtu = ending === 'too_big' ? this.#narrowMtu : 0;
    const message = new Uint8Array(MAX_ERROR);
    const end = writeIcmp4Error(message, 0, u32(source, 0), error[0], error[1], mtu, packet, 0, totalLen4(packet, 0));
    this.originate(message.slice(0, end));
  }

  /** No error about an error, about a later fragment, or about what was sent to many. */
  #mayAnswer(packet: Uint8Array): boolean {
    if ((fragment4(packet, 0) & OFFSET_MASK) !== 0 || isBadSource(packet) || isMulticast(packet, IPV4_DST, SIZE4)) return false;
    for (const on of this.#host.interfaces.values()) if (isBroadcast(packet, on)) return false;
    if (protocol4(packet, 0) !== Protocol.icmp) return true;
    const type = packet[headerLen4(packet, 0)];
    return type === Icmp4.echoRequest || type === Icmp4.echoReply;
  }

  #isLocal(packet: Uint8Array, from: Interface): boolean {
    return this.#host.ownerOf(packet, IPV4_DST, SIZE4) !== null || isBroadcast(packet, from) || this.#isForGroup(packet, from);
  }

  /** Whether a socket has joined the group that it was sent to, where it came in. */
  #isForGroup(packet: Uint8Array, from: Interface): boolean {
    const isSent = isMulticast(packet, IPV4_DST, SIZE4) && protocol4(packet, 0) === Protocol.udp;
    return isSent && this.#host.readers.udp.has(socketKeyOf(packet, from));
  }
}

/** True when it is a part of a datagram. */
function isFragment(packet: Uint8Array): boolean {
  return (fragment4(packet, 0) & (MF | OFFSET_MASK)) !== 0;
}

/** True when the packet is for every host on the link of `on`. */
function isBroadcast(packet: Uint8Array, on: Interface): boolean {
  const addr = dst4(packet, 0);
  return addr === LIMITED_BROADCAST || on.broadcasts4.includes(addr);
}

/** True for sources that no host has: none, loopback, multicast, broadcast. As on Linux, the rest of 0.0.0.0/8 and reserved ones may be. */
function isBadSource(packet: Uint8Array): boolean {
  const addr = src4(packet, 0);
  return addr === 0 || addr === LIMITED_BROADCAST || isLoopback(packet, IPV4_SRC, SIZE4) || isMulticast(packet, IPV4_SRC, SIZE4);
}
