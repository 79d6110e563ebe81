/**
 * One tunnel: role, mapping, policy and carrier header behind one interface.
 *
 *   from v6:  whole? -> role.encapsulate -> routing header, hop limit, MTU -> push header
 *   from v4:  carrier -> whole? -> role.decapsulate -> routing header, hop limit, ECN -> pull header
 *
 * Both answer with a `Verdict` or a drop reason, and change the frame in place; they never throw
 * and never allocate. Nothing is counted here but ICMP: the caller counts what it was told.
 * What the tunnel originates itself is pulled with `pollTransmit`.
 */
import type { Millis } from '../core/clock.js';
import { type Counters, Direction, IcmpKind } from '../core/counters.js';
import { Drop } from '../core/drop.js';
import type { Frame } from '../core/frame.js';
import { Verdict } from '../core/verdict.js';
import { mergeEcn } from '../policy/ecn.js';
import { advertisedMtu, Fit, fitPath, PathMtu } from '../policy/path-mtu.js';
import { type Heritage, type Learned, Outer, type Role, type Speaker, TransmitTo } from '../role/role.js';
import { asksForSourceRouting } from '../wire/extension.js';
import { FRAGMENTATION_NEEDED, Icmp4, icmp4Code, icmp4Type, isIcmp4Error, nextHopMtu4, plateauMtu, quoted4 } from '../wire/icmp4.js';
import { Icmp6 } from '../wire/icmp6.js';
import { DF, dst4, fragment4, headerLen4, IPV4_LEN, IPV4_SRC, Protocol, protocol4, src4, totalLen4 } from '../wire/ipv4.js';
import { hopLimit6, IPV6_DST, IPV6_LEN, IPV6_SRC, isIpv6, setHopLimit6, totalLen6 } from '../wire/ipv6.js';
import { i32 } from '../wire/octets.js';
import { type Carrier, FRAGMENT_OFFSET, notIpv6, Protocol41, Udp } from './carrier.js';
import { IcmpErrors } from './icmp-errors.js';
import type { NodeContext } from './node.js';
import type { TunnelSpec } from './spec.js';
import { makeRole, socketsOf } from './technologies.js';
import type { RoleContext } from './technology.js';

/** Code of an ICMPv6 unreachable: address unreachable, RFC 4213 section 3.4. */
const ADDRESS_UNREACHABLE = 3;
/** Code of an ICMPv4 unreachable: a far end that refuses our packets may say so (RFC 4213 section 3.6); it is reachable. */
const PROTOCOL_UNREACHABLE = 2;
/** Octets of the upper layer without which nobody can tell whom an error concerns: ports are in them. */
const UPPER_LEN = 8;
/** An ICMPv4 error became an ICMPv6 error, or was to: that is counted where it is made. */
const TRANSLATED = -1;

/** A tunnel of this node. */
export class Tunnel {
  readonly spec: TunnelSpec;
  readonly #node: NodeContext;
  readonly #counters: Counters;
  readonly #role: Role;
  readonly #speaker: Speaker;
  /** `spec.local`, as `Endpoint.bits`. */
  readonly #local: Int32Array;
  readonly #outer = new Outer();
  readonly #errors: IcmpErrors;
  readonly #pathMtu: PathMtu | null;
  readonly #carrier: Carrier;
  readonly #flags: number;

  constructor(spec: TunnelSpec, counters: Counters, context: RoleContext) {
    this.spec = spec;
    this.#node = context.node;
    this.#counters = counters;
    this.#local = Int32Array.from(spec.local);
    this.#role = makeRole(spec, context);
    this.#speaker = this.#role.speaker;
    this.#errors = new IcmpErrors(spec.slot, spec.icmpRate, counters);
    this.#pathMtu = spec.pathMtuDiscovery ? new PathMtu() : null;
    const { sockets } = context;
    this.#carrier =
      sockets.length === 0
        ? new Protocol41(spec)
        : new Udp(
            Int32Array.from(socketsOf(spec), ({ local }) => local),
            sockets,
          );
    this.#flags = spec.dontFragment ? DF : 0;
  }

  /** Octets that its packets have in front when they leave. */
  get headerLen(): number {
    return this.#carrier.headerLen;
  }

  /** True when what is sent to the IPv4 address at `b[off..)` is for this tunnel. */
  isLocal(b: Uint8Array, off: number): boolean {
    const local = this.#local;
    const addr = i32(b, off);
    for (let i = 0; i < local.length; i++) if (local[i] === addr) return true;
    return false;
  }

  /** True when the inner packet of the outer packet in `frame` belongs to this tunnel's domain: it wins where tunnels share an address. */
  claims(frame: Frame): boolean {
    const inner = frame.off + headerLen4(frame.b, frame.off);
    return frame.end - inner >= IPV6_LEN && this.#role.claims(frame.b, inner);
  }

  /** Takes an IPv6 packet on its way into the tunnel. On `forward` the frame holds the outer packet, and `frame.remote` where it goes. */
  fromV6(frame: Frame, now: Millis): number {
    const { b, off } = frame;
    const { spec } = this;
    if (spec.local.length === 0) return Drop.tunnel_down;
    if (!isIpv6(b, off, frame.end)) return notIpv6(b, off, frame.end);
    const outer = this.#outer;
    const verdict = this.#role.encapsulate(b, off, outer, now);
    const innerLen = totalLen6(b, off);
    if (verdict === Drop.neighbor_unreachable) return this.#unreachable(b, off, off + innerLen, now);
    if (verdict !== Drop.none) return verdict;
    if (asksForSourceRouting(b, off, off + innerLen)) return Drop.source_routing;
    if (hopLimit6(b, off) === 0) return Drop.hop_limit;
    if (innerLen > spec.mtu) return this.#tooBig(b, off, off + innerLen, spec.mtu, now);
    let flags = this.#flags;
    if (this.#pathMtu !== null) {
      const pathMtu = this.#pathMtu.get(outer.remote, spec.mtu + IPV4_LEN, now);
      const fits = fitPath(innerLen, pathMtu);
      if (fits === Fit.tooBig) return this.#tooBig(b, off, off + innerLen, advertisedMtu(pathMtu), now);
      if (fits === Fit.setDf) flags = DF;
    }
    frame.end = off + innerLen;
    this.#carrier.push(frame, outer, flags);
    return Verdict.forward;
  }

  /** Takes what the carrier brought, whole and addressed to this tunnel: an outer packet, or the payload of UDP. On `forward` the frame holds the inner packet. */
  fromV4(frame: Frame, now: Millis): number {
    const { b } = frame;
    const outer = this.#outer;
    const fault = this.#carrier.read(frame, outer);
    if (fault !== Drop.none) return fault;
    const inner = outer.packet;
    const { tos } = outer;
    const verdict = this.#role.decapsulate(b, inner, outer, now);
    return verdict === Drop.none ? this.#take(frame, inner, tos, now) : verdict;
  }

  /**
   * Takes a whole IPv4 packet with an ICMPv4 error. Acted on only if it quotes a packet that this
   * tunnel would send: forged errors are counted and forgotten. Every thread learns path MTUs from
   * it; one of them `speaks`: it counts, and translates. `consumed`, always.
   */
  fromIcmp4(frame: Frame, now: Millis, speaks: boolean): number {
    const kind = this.#hearIcmp4(frame.b, frame.off, now, speaks);
    if (speaks && kind !== TRANSLATED) this.#counters.icmp(this.spec.slot, kind);
    return Verdict.consumed;
  }

  /** Takes a whole IPv6 packet from LAN `lan`. `Verdict.consumed` or a drop reason. */
  fromLan(lan: number, frame: Frame, now: Millis): number {
    return this.#speaker.fromLan(lan, frame, now);
  }

  /** The port refused the outer packet in `frame` because its link is smaller: the next one as large is answered. */
  refusedAsTooBig(frame: Frame, now: Millis): void {
    if (this.#pathMtu !== null) this.#pathMtu.learn(frame.remote.addr, plateauMtu(frame.len), now);
  }

  /** What the tunnel of this name that comes after this one is to know. */
  heritage(now: Millis): Heritage {
    return this.#speaker.heritage(now);
  }

  /** What was learned from routers so far: the same object until it changes; null: nothing ever is. */
  get learned(): Learned | null {
    return this.#speaker.learned;
  }

  /** Peers that it keeps state of. */
  get peers(): number {
    return this.#speaker.peers;
  }

  /** The tunnel stops, except on the LANs named; drain `pollTransmit` afterwards. */
  withdraw(now: Millis, except: readonly string[]): void {
    this.#speaker.withdraw(now, except);
  }

  /** Call at or after `nextTimeout()`; calling early does nothing. */
  handleTimeout(now: Millis): void {
    this.#speaker.handleTimeout(now);
  }

  /** When `handleTimeout` is due; `Infinity` when nothing is awaited. */
  nextTimeout(): Millis {
    return this.#speaker.nextTimeout();
  }

  /**
   * Writes the next transmission into `out`, ready for its port, and says which (`TransmitTo`); `nowhere` when there is
   * none. `released` is a packet for the carrier that the tunnel had held, `admitted` one for the device: they are to be counted as forwarded.
   */
  pollTransmit(out: Frame, now: Millis): number {
    for (;;) {
      const error = this.#errors.poll(out);
      if (error !== TransmitTo.nowhere) return error;
      const to = this.#speaker.pollTransmit(out, now);
      if (to === TransmitTo.carrier) {
        this.#outer.local.bits = this.#local[0];
        this.#outer.remote.bits = out.remote.bits;
        this.#outer.remote.port = out.remote.port;
        this.#outer.socket = out.socket;
        this.#carrier.push(out, this.#outer, this.#flags);
        return to;
      }
      if (to === TransmitTo.released) {
        const verdict = this.fromV6(out, now);
        if (verdict === Verdict.forward) return to;
        if (verdict < Verdict.forward) this.#counters.dropped(this.spec.slot, Direction.encapsulate, verdict);
      } else if (to === TransmitTo.undeliverable) {
        this.#counters.dropped(this.spec.slot, Direction.encapsulate, this.#unreachable(out.b, out.off, out.end, now));
      } else if (to === TransmitTo.admitted) {
        const verdict = this.#take(out, out.off, 0, now);
        if (verdict === Verdict.forward) return to;
        this.#counters.dropped(this.spec.slot, Direction.decapsulate, verdict);
      } else if (to === TransmitTo.dismissed) {
        this.#counters.dropped(this.spec.slot, Direction.decapsulate, Drop.untrusted_peer);
      } else return to;
    }
  }

  /** Takes the inner packet at `inner` of `frame`, to which its role has no objection. On `forward` it is all that the frame holds. */
  #take(frame: Frame, inner: number, tos: number, now: Millis): number {
    const { b } = frame;
    // Our own packet came back, or a forger wants it to look so.
    if (this.#isOwn(b, inner + IPV6_SRC)) return Drop.loop;
    const innerEnd = inner + totalLen6(b, inner);
    if (asksForSourceRouting(b, inner, innerEnd)) return Drop.source_routing;
    const hops = hopLimit6(b, inner);
    if (hops <= 1 && !this.#isOwn(b, inner + IPV6_DST)) {
      const error = this.#errors.make(TransmitTo.carrier, Icmp6.timeExceeded, 0, 0, this.#role.carrierErrorSource, b, inner, innerEnd, now);
      if (error !== null && !this.#send(error, now)) this.#errors.takeBack();
      return Drop.hop_limit;
    }
    // Without a device the kernel does not forward it, but send it: this hop is counted here.
    if (this.spec.interface === null && hops > 1) setHopLimit6(b, inner, hops - 1);
    if (mergeEcn(b, inner, tos) !== Drop.none) return Drop.ecn_congestion;
    frame.off = inner;
    frame.end = innerEnd;
    return Verdict.forward;
  }

  /** Tells the source of a packet whose next hop does not answer, RFC 4861 section 7.2.2. */
  #unreachable(b: Uint8Array, off: number, end: number, now: Millis): number {
    this.#errors.make(TransmitTo.ipv6, Icmp6.unreachable, ADDRESS_UNREACHABLE, 0, this.#role.errorSource, b, off, end, now);
    return Drop.neighbor_unreachable;
  }

  #isOwn(b: Uint8Array, off: number): boolean {
    return this.#role.isOwn(b, off) || this.#node.own6.has(b, off);
  }

  /** Readies an ICMPv6 error for the carrier; false when the role does not let it pass. */
  #send(error: Frame, now: Millis): boolean {
    if (this.#role.route(error.b, error.off, this.#outer, now) !== Drop.none) return false;
    this.#carrier.push(error, this.#outer, this.#flags);
    return true;
  }

  #tooBig(b: Uint8Array, off: number, end: number, mtu: number, now: Millis): number {
    this.#errors.make(TransmitTo.ipv6, Icmp6.tooBig, 0, mtu, this.#role.errorSource, b, off, end, now);
    return Drop.too_big;
  }

  /** Acts on the ICMPv4 packet at `b[off..)`. Says what it turned out to be: an `IcmpKind`, or `TRANSLATED`. */
  #hearIcmp4(b: Uint8Array, off: number, now: Millis, speaks: boolean): number {
    const icmp = off + headerLen4(b, off);
    const end = off + totalLen4(b, off);
    if (protocol4(b, off) !== Protocol.icmp || !isIcmp4Error(b, icmp, end)) return IcmpKind.received_unrelated;
    const quoted = quoted4(icmp);
    if (protocol4(b, quoted) !== Protocol.ipv6 || !this.isLocal(b, quoted + IPV4_SRC)) return IcmpKind.received_unrelated;
    const unreachableCode = icmp4Type(b, icmp) === Icmp4.unreachable ? icmp4Code(b, icmp) : -1;
    if (unreachableCode === FRAGMENTATION_NEEDED) {
      if (this.#pathMtu === null) return IcmpKind.received_unrelated;
      const mtu = nextHopMtu4(b, icmp);
      this.#pathMtu.learn(dst4(b, quoted), mtu === 0 ? plateauMtu(totalLen4(b, quoted)) : mtu, now);
      return IcmpKind.received_path_mtu;
    }
    const inner = quoted + headerLen4(b, quoted);
    // Behind the header of a later fragment stands the middle of a packet: whoever sent that chose what it looks like.
    const isWhole = (fragment4(b, quoted) & FRAGMENT_OFFSET) === 0 && end - inner >= IPV6_LEN + UPPER_LEN && b[inner] >>> 4 === 6;
    if (!isWhole || unreachableCode === PROTOCOL_UNREACHABLE) return IcmpKind.received_untranslatable;
    const outer = this.#outer;
    const sent = this.#role.route(b, inner, outer, now) === Drop.none;
    if (!sent || outer.remote.addr !== dst4(b, quoted) || outer.local.addr !== src4(b, quoted)) return IcmpKind.received_unrelated;
    const innerEnd = Math.min(end, inner + totalLen6(b, inner));
    this.#speaker.suspect(outer.remote);
    if (speaks)
      this.#errors.make(TransmitTo.ipv6, Icmp6.unreachable, ADDRESS_UNREACHABLE, 0, this.#role.errorSource, b, inner, innerEnd, now);
    return TRANSLATED;
  }
}
