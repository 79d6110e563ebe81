/**
 * A NAT between two interfaces of a simulated router: RFC 3022, RFC 4787 (UDP), RFC 5508 (ICMP).
 *
 *   inside  --> outside        the source becomes one of the outside interface's addresses
 *   outside --> its addresses  the destination becomes the inside host's, if it lets the sender in
 *   inside  --> its addresses  both (hairpinning, RFC 4787 section 6), where it does that
 *
 * The stack asks `claims` of what arrives, before it takes for its own what is sent to the outside address; and
 * `translate` of what it forwards, after it has looked at the time to live. What other interfaces send, and what the
 * router itself sends and receives, is left alone. Packets are whole: the stack reassembles what arrives in fragments.
 */
import type { Millis } from '../core/clock.js';
import type { NatKind } from '../core/nat.js';
import { checksum, update16 } from '../wire/checksum.js';
import { Icmp4, isIcmp4Error, quoted4 } from '../wire/icmp4.js';
import { dst4, fragment4, headerLen4, IPV4_DST, IPV4_SRC, Protocol, protocol4, src4 } from '../wire/ipv4.js';
import { put16, put32, u16 } from '../wire/octets.js';
import { UDP_LEN } from '../wire/udp.js';
import { ECHO_LEN } from './echo.js';
import type { Host } from './host.js';
import type { Interface } from './interface.js';
import { Protocol41Gate, type Protocol41Mode } from './nat-protocol41.js';
import { type NatEndpoint, type NatMapping, NatTable } from './nat-table.js';
import type { EventName } from './trace.js';

/** How a NAT behaves. Times in milliseconds. */
export interface NatOptions extends NatKind {
  /** By how much the next outside port is larger, where they are sequential. Default 1. */
  readonly increment?: 1 | 2;
  /** Whether hosts inside reach one another by their outside endpoints. Default true. */
  readonly hairpin?: boolean;
  /** Life of an idle UDP session, RFC 4787 REQ-5. Default 300 000. */
  readonly timeout?: Millis;
  /** Whether what comes in keeps a session alive, RFC 4787 REQ-6. Default true. */
  readonly inboundRefresh?: boolean;
  /**
   * `filtered`: addresses stay as they are, a firewall that filters by `filtering`; `blocked`: none passes. RFC 3489
   * section 10.1. Default `translated`.
   */
  readonly udp?: 'translated' | 'filtered' | 'blocked';
  /** Default `blocked`. */
  readonly protocol41?: Protocol41Mode;
  /** Whether fragments pass, RFC 4787 REQ-14. Default `reassembled`. */
  readonly fragments?: 'reassembled' | 'dropped';
  /** Several outside addresses: a host inside has one for all its mappings, or any. RFC 4787 REQ-2. Default `paired`. */
  readonly pooling?: 'paired' | 'arbitrary';
  /** Sessions of each protocol at a time. Default 65 536. */
  readonly limit?: number;
}

const DEFAULTS: Required<Omit<NatOptions, keyof NatKind>> = {
  increment: 1,
  hairpin: true,
  timeout: 300_000,
  inboundRefresh: true,
  udp: 'translated',
  protocol41: 'blocked',
  fragments: 'reassembled',
  pooling: 'paired',
  limit: 0x10000,
};

/** Life of an ICMP query session, RFC 5508 REQ-2. */
const QUERY_TIMEOUT: Millis = 60_000;
const IPV4_CHECKSUM = 10;
const UDP_CHECKSUM = 6;
const ICMP_CHECKSUM = 2;
const ICMP_ID = 4;
const OFFSET_MASK = 0x1fff;

/** Offset in the IPv4 header of the address to be rewritten, and the offset of the port that goes with it in UDP. */
interface Side {
  readonly addr: number;
  readonly port: number;
}
const SOURCE: Side = { addr: IPV4_SRC, port: 0 };
const DESTINATION: Side = { addr: IPV4_DST, port: 2 };

/** The packet as it goes on; or how it ended. */
type Translation = Uint8Array | EventName;

/** One NAT. */
export class Nat {
  readonly options: Required<NatOptions>;
  readonly #host: Host;
  readonly #inside: Interface;
  readonly #outside: Interface;
  readonly #udp: NatTable;
  readonly #queries: NatTable;
  readonly #protocol41: Protocol41Gate;

  /** A NAT on `host` between two of its interfaces. The IPv4 addresses of `outside` are its pool. */
  constructor(host: Host, inside: Interface, outside: Interface, options: NatOptions) {
    this.options = { ...DEFAULTS, ...options };
    this.#host = host;
    this.#inside = inside;
    this.#outside = outside;
    const isFirewall = this.options.udp === 'filtered';
    const identity = { mapping: 'endpoint-independent', ports: 'preserving' } as const;
    this.#udp = new NatTable(isFirewall ? { ...this.options, ...identity } : this.options, host.random.stream('nat udp'));
    const queries = { ...this.options, ...identity, filtering: 'address-dependent', timeout: QUERY_TIMEOUT } as const;
    this.#queries = new NatTable(queries, host.random.stream('nat icmp'));
    this.#protocol41 = new Protocol41Gate(this.options.protocol41, this.options.timeout, this.options.limit);
  }

  /** UDP mappings, oldest first. */
  mappings(): NatMapping[] {
    return this.#udp.mappings(this.#host.now);
  }

  /** As a gateway is asked by UPnP, AddPortMapping: what comes to `port` outside is led to `inside`, whoever sends it. Where that is; null: it is another's. */
  lead(port: number, inside: NatEndpoint): NatEndpoint | null {
    const outside = { addr: this.#pool(inside)[0], port };
    return this.#udp.lead(outside, inside, this.#host.now) ? outside : null;
  }

  /** DeletePortMapping. */
  unlead(outside: NatEndpoint): void {
    this.#udp.unlead(outside);
  }

  /** Restarts: every mapping is forgotten, and new ones have other ports. */
  forget(): void {
    for (const state of [this.#udp, this.#queries, this.#protocol41]) state.forget();
  }

  /** True when fragments that arrive on `from` are the NAT's to put together. */
  spans(from: Interface): boolean {
    return from === this.#inside || from === this.#outside;
  }

  /** True when a packet for an address of this router is to be forwarded all the same. */
  claims(from: Interface, packet: Uint8Array): boolean {
    if (this.options.udp === 'filtered' || !this.#isOwn(dst4(packet, 0))) return false;
    const protocol = protocol4(packet, 0);
    if (from === this.#inside) return protocol === Protocol.udp;
    if (from !== this.#outside) return false;
    if (protocol === Protocol.icmp) return this.#icmpOwner(packet) !== null;
    return protocol === Protocol.udp || (protocol === Protocol.ipv6 && this.#host.readers.protocol41 === null);
  }

  /** Translates a packet that came by `from` and is about to be forwarded: in place, it being the caller's own. */
  translate(from: Interface, packet: Uint8Array): Translation {
    const isOutbound = from === this.#inside && this.#leaves(packet);
    const isHairpin = from === this.#inside && this.#isOwn(dst4(packet, 0));
    if (!isOutbound && !isHairpin && from !== this.#outside) return packet;
    const protocol = protocol4(packet, 0);
    if (protocol === Protocol.ipv6) return this.#translate41(packet, isOutbound);
    if (protocol === Protocol.udp) return this.#translateUdp(packet, isOutbound, isHairpin);
    if (this.options.udp === 'filtered') return packet;
    if (protocol === Protocol.icmp) return isOutbound ? this.#icmpOut(packet) : this.#icmpIn(packet);
    return 'not_translated';
  }

  #translateUdp(packet: Uint8Array, isOutbound: boolean, isHairpin: boolean): Translation {
    const { now } = this.#host;
    const { udp, hairpin } = this.options;
    const at = headerLen4(packet, 0);
    if (packet.length - at < UDP_LEN) return 'malformed';
    if (udp === 'blocked' || (isHairpin && !hairpin)) return 'filtered';
    const source = endpointAt(packet, 0, SOURCE);
    const destination = endpointAt(packet, 0, DESTINATION);
    if (isOutbound) {
      const mapping = this.#udp.outbound(source, destination, this.#pool(source), now);
      return mapping === null ? 'nat_full' : rewritten(packet, SOURCE, mapping.outside);
    }
    if (!isHairpin) {
      const mapping = this.#udp.inbound(destination, source, now);
      return mapping === null ? 'filtered' : rewritten(packet, DESTINATION, mapping.inside);
    }
    // RFC 4787 REQ-9a: with the outside source. The sender has sent to that endpoint, whoever has it.
    const sender = this.#udp.outbound(source, destination, this.#pool(source), now);
    if (sender === null) return 'nat_full';
    const receiver = this.#udp.inbound(destination, sender.outside, now);
    return receiver === null ? 'filtered' : rewritten(rewritten(packet, SOURCE, sender.outside), DESTINATION, receiver.inside);
  }

  #translate41(packet: Uint8Array, isOutbound: boolean): Translation {
    const { now } = this.#host;
    if (isOutbound) {
      if (!this.#protocol41.admits(src4(packet, 0), dst4(packet, 0), now)) return 'filtered';
      return readdressed(packet, SOURCE, this.#pool({ addr: src4(packet, 0) })[0]);
    }
    const receiver = this.#protocol41.receiver(src4(packet, 0), now);
    if (receiver === null) return 'filtered';
    // A firewall knows which host it is for; it lets it in for that one only.
    if (this.options.udp === 'filtered') return dst4(packet, 0) === receiver ? packet : 'filtered';
    return readdressed(packet, DESTINATION, receiver);
  }

  /** Echo requests, and errors about what came in: RFC 5508 REQ-5. */
  #icmpOut(packet: Uint8Array): Translation {
    const { now } = this.#host;
    const icmp = headerLen4(packet, 0);
    if (packet.length - icmp < ECHO_LEN) return 'malformed';
    if (packet[icmp] === Icmp4.echoRequest) {
      const inside = { addr: src4(packet, 0), port: u16(packet, icmp + ICMP_ID) };
      const mapping = this.#queries.outbound(inside, { addr: dst4(packet, 0), port: 0 }, this.#pool(inside), now);
      return mapping === null ? 'nat_full' : identified(packet, SOURCE, mapping.outside);
    }
    const quoted = quotedUdp(packet, icmp);
    if (quoted < 0) return 'not_translated';
    const mapping = this.#udp.lookup(endpointAt(packet, quoted, DESTINATION), endpointAt(packet, quoted, SOURCE), now);
    if (mapping === null) return 'filtered';
    return requoted(readdressed(packet, SOURCE, mapping.outside.addr), icmp, quoted, DESTINATION, mapping.outside);
  }

  /** Echo replies, and errors about what went out, whoever sends them: RFC 5508 REQ-4. */
  #icmpIn(packet: Uint8Array): Translation {
    const mapping = this.#icmpOwner(packet);
    if (mapping === null) return 'filtered';
    const icmp = headerLen4(packet, 0);
    if (packet[icmp] === Icmp4.echoReply) return identified(packet, DESTINATION, mapping.inside);
    return requoted(readdressed(packet, DESTINATION, mapping.inside.addr), icmp, quoted4(icmp), SOURCE, mapping.inside);
  }

  /** The mapping that an ICMP message from outside is about; null when it is about none. */
  #icmpOwner(packet: Uint8Array): NatMapping | null {
    const { now } = this.#host;
    const icmp = headerLen4(packet, 0);
    if (packet.length - icmp < ECHO_LEN) return null;
    if (packet[icmp] === Icmp4.echoReply) {
      const outside = { addr: dst4(packet, 0), port: u16(packet, icmp + ICMP_ID) };
      return this.#queries.inbound(outside, { addr: src4(packet, 0), port: 0 }, now);
    }
    const udp = quotedUdp(packet, icmp);
    if (udp >= 0) return this.#udp.owner(endpointAt(packet, udp, SOURCE), now);
    const query = quotedQuery(packet, icmp);
    if (query < 0) return null;
    return this.#queries.owner({ addr: src4(packet, query), port: u16(packet, query + headerLen4(packet, query) + ICMP_ID) }, now);
  }

  /** True when the route of the packet leads out of the outside interface. */
  #leaves(packet: Uint8Array): boolean {
    return this.#host.routes4.lookup(packet, IPV4_DST, this.#host.now)?.interface === this.#outside && !this.#isOwn(dst4(packet, 0));
  }

  /** What the outside address of a mapping of `inside` may be; a firewall leaves it what it is. */
  #pool(inside: Pick<NatEndpoint, 'addr'>): readonly number[] {
    return this.options.udp === 'filtered' ? [inside.addr] : this.#outside.numbers4;
  }

  #isOwn(addr: number): boolean {
    return this.#outside.numbers4.includes(addr);
  }
}

/** Offset of the UDP packet that the ICMP error at `icmp` quotes with its ports; -1 when there is none. */
function quotedUdp(packet: Uint8Array, icmp: number): number {
  return quotedWith(packet, icmp, Protocol.udp);
}

/** Offset of the echo request that the ICMP error at `icmp` quotes with its identifier; -1 when there is none. */
function quotedQuery(packet: Uint8Array, icmp: number): number {
  const quoted = quotedWith(packet, icmp, Protocol.icmp);
  return quoted >= 0 && packet[quoted + headerLen4(packet, quoted)] === Icmp4.echoRequest ? quoted : -1;
}

function quotedWith(packet: Uint8Array, icmp: number, protocol: number): number {
  if (!isIcmp4Error(packet, icmp, packet.length)) return -1;
  const quoted = quoted4(icmp);
  const isWhole = quoted + headerLen4(packet, quoted) + UDP_LEN <= packet.length;
  return isWhole && protocol4(packet, quoted) === protocol && (fragment4(packet, quoted) & OFFSET_MASK) === 0 ? quoted : -1;
}

/** The endpoint of one side of the UDP packet at `ip`. */
function endpointAt(b: Uint8Array, ip: number, side: Side): NatEndpoint {
  return { addr: side === SOURCE ? src4(b, ip) : dst4(b, ip), port: u16(b, ip + headerLen4(b, ip) + side.port) };
}

/** Gives a packet another address. */
function readdressed(packet: Uint8Array, side: Side, addr: number): Uint8Array {
  readdress(packet, 0, side, addr);
  return packet;
}

/** Gives a UDP packet another endpoint. */
function rewritten(packet: Uint8Array, side: Side, endpoint: NatEndpoint): Uint8Array {
  rewrite(packet, 0, side, endpoint);
  return packet;
}

/** Gives an ICMP query, or its answer, another address and identifier. */
function identified(packet: Uint8Array, side: Side, { addr, port }: NatEndpoint): Uint8Array {
  identify(packet, headerLen4(packet, 0), port);
  return readdressed(packet, side, addr);
}

/** Rewrites what an ICMP error quotes, in place, and its checksum over that. */
function requoted(packet: Uint8Array, icmp: number, quoted: number, side: Side, endpoint: NatEndpoint): Uint8Array {
  if (protocol4(packet, quoted) === Protocol.udp) rewrite(packet, quoted, side, endpoint);
  else {
    readdress(packet, quoted, side, endpoint.addr);
    identify(packet, quoted + headerLen4(packet, quoted), endpoint.port);
  }
  put16(packet, icmp + ICMP_CHECKSUM, 0);
  put16(packet, icmp + ICMP_CHECKSUM, checksum(packet, icmp, packet.length));
  return packet;
}

function rewrite(b: Uint8Array, ip: number, side: Side, { addr, port }: NatEndpoint): void {
  const udp = ip + headerLen4(b, ip);
  const carried = u16(b, udp + UDP_CHECKSUM);
  if (carried !== 0) {
    const sum = update16(changed(carried, b, ip + side.addr, addr), u16(b, udp + side.port), port);
    put16(b, udp + UDP_CHECKSUM, sum === 0 ? 0xffff : sum); // 0 would say that there is none, RFC 768
  }
  put16(b, udp + side.port, port);
  readdress(b, ip, side, addr);
}

function readdress(b: Uint8Array, ip: number, side: Side, addr: number): void {
  put16(b, ip + IPV4_CHECKSUM, changed(u16(b, ip + IPV4_CHECKSUM), b, ip + side.addr, addr));
  put32(b, ip + side.addr, addr);
}

function identify(b: Uint8Array, icmp: number, id: number): void {
  put16(b, icmp + ICMP_CHECKSUM, update16(u16(b, icmp + ICMP_CHECKSUM), u16(b, icmp + ICMP_ID), id));
  put16(b, icmp + ICMP_ID, id);
}

/** The checksum `sum` after the address at `b[at..)` has become `addr`. */
function changed(sum: number, b: Uint8Array, at: number, addr: number): number {
  return update16(update16(sum, u16(b, at), addr >>> 16), u16(b, at + 2), addr & 0xffff);
}
