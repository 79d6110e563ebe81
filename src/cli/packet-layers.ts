/** What a packet is, layer by layer, from the network layer up: for `decode`. */
import { Endpoint } from '../core/endpoint.js';
import type { Mapping } from '../mapping/mapping.js';
import { recognise } from '../mapping/recognise.js';
import { formatIpv4, formatIpv6 } from '../wire/address.js';
import { upperLayer, upperProtocol } from '../wire/extension.js';
import { FRAGMENTATION_NEEDED, ICMP4_LEN, Icmp4, icmp4Code, icmp4Type, isIcmp4Error, nextHopMtu4, quoted4 } from '../wire/icmp4.js';
import { ICMP6_LEN, Icmp6 } from '../wire/icmp6.js';
import { dst4, fragment4, headerLen4, IPV4_LEN, isIpv4, MF, Protocol, protocol4, src4, totalLen4, ttl4 } from '../wire/ipv4.js';
import { hopLimit6, IPV6_DST, IPV6_LEN, IPV6_SRC, isIpv6, NextHeader, totalLen6 } from '../wire/ipv6.js';
import { u16, u32 } from '../wire/octets.js';
import { type CapturedPacket, EtherType } from '../wire/pcap.js';
import { type DhcpFields, dhcpLayer, dhcpWords } from './dhcp-layer.js';
import { type DiscoveryFields, discoveryFields, discoveryWords } from './discovery-layer.js';
import { type TeredoFields, teredoPart, teredoWords } from './teredo-layer.js';

/** One header; keys stay as they are, they are read by programs. */
export interface Layer extends DiscoveryFields, DhcpFields, TeredoFields {
  readonly protocol: string;
  /** Addresses; of an IPv6 one that carries an IPv4 endpoint, that too. */
  readonly source?: string;
  readonly sourceCarries?: string;
  readonly destination?: string;
  readonly destinationCarries?: string;
  /** Octets of the packet that begins here, by its header. */
  readonly octets?: number;
  readonly ttl?: number;
  readonly hopLimit?: number;
  /** Octets of the original payload before this fragment; there when it is one. */
  readonly fragmentOffset?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly type?: number;
  readonly code?: number;
  /** The packet that an ICMP error is about, as much of it as is quoted. */
  readonly about?: readonly Layer[];
  /** True when the header is cut, its lengths are wrong, or a receiver has to discard the message: nothing above it is read. */
  readonly malformed?: true;
}

/** IP packets within one another, at most: a carrier, what it carries, and what an error quotes. */
const MAX_DEPTH = 4;
const TCP = 6;

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [TCP, 'tcp'],
  [Protocol.udp, 'udp'],
  [47, 'gre'],
  [50, 'esp'],
  [89, 'ospf'],
  [NextHeader.none, 'none'],
  [NextHeader.fragment, 'fragment'],
  [132, 'sctp'],
]);

const ICMP4_NAMES: ReadonlyMap<number, string> = new Map([
  [Icmp4.echoReply, 'echo reply'],
  [Icmp4.unreachable, 'destination unreachable'],
  [Icmp4.echoRequest, 'echo request'],
  [Icmp4.timeExceeded, 'time exceeded'],
  [Icmp4.parameterProblem, 'parameter problem'],
]);

const ICMP6_NAMES: ReadonlyMap<number, string> = new Map([
  [Icmp6.unreachable, 'destination unreachable'],
  [Icmp6.tooBig, 'packet too big'],
  [Icmp6.timeExceeded, 'time exceeded'],
  [Icmp6.parameterProblem, 'parameter problem'],
  [Icmp6.echoRequest, 'echo request'],
  [Icmp6.echoReply, 'echo reply'],
  [Icmp6.routerSolicitation, 'router solicitation'],
  [Icmp6.routerAdvertisement, 'router advertisement'],
  [Icmp6.neighborSolicitation, 'neighbor solicitation'],
  [Icmp6.neighborAdvertisement, 'neighbor advertisement'],
  [Icmp6.redirect, 'redirect'],
  [143, 'multicast listener report'],
]);

/** Reads the headers of a captured packet, the outermost first. `domains` recognise 6rd addresses, which look like any other. */
export function layersOf({ b, off, end, etherType }: CapturedPacket, domains: readonly Mapping[] = []): Layer[] {
  const reader = new LayerReader(b, domains);
  if (etherType === EtherType.ipv4) return reader.ipv4(off, end, MAX_DEPTH);
  if (etherType === EtherType.ipv6) return reader.ipv6(off, end, MAX_DEPTH);
  return [{ protocol: etherType === 0 ? 'unknown' : `ethertype 0x${etherType.toString(16).padStart(4, '0')}` }];
}

/** Layers in one line for people. */
export function layersText(layers: readonly Layer[]): string {
  return layers.map(layerText).join(' | ');
}

function layerText(layer: Layer): string {
  const { protocol, source, sourceCarries, destination, destinationCarries, sourcePort, destinationPort, name, type, mtu, fragmentOffset } =
    layer;
  const carrying = (ipv4: string | undefined) => (ipv4 === undefined ? '' : ` (${ipv4})`);
  const words = [
    ...(source === undefined ? [protocol] : [`${source}${carrying(sourceCarries)} > ${destination}${carrying(destinationCarries)}`]),
    ...(sourcePort === undefined ? [] : [`${sourcePort} > ${destinationPort}`]),
    ...(name === undefined && type === undefined ? [] : [name ?? `type ${type}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ...discoveryWords(layer),
    ...dhcpWords(layer),
    ...teredoWords(layer),
    ...(fragmentOffset === undefined ? [] : [`fragment at ${fragmentOffset}`]),
    ...(layer.malformed === true ? ['malformed'] : []),
    ...(layer.about === undefined ? [] : [`about [${layersText(layer.about)}]`]),
  ];
  return words.join(' ');
}

/** Reads headers within `b`. `depth` counts the IP packets within one another that may still come. */
class LayerReader {
  readonly #b: Uint8Array;
  readonly #domains: readonly Mapping[];
  readonly #endpoint = new Endpoint();

  constructor(b: Uint8Array, domains: readonly Mapping[]) {
    this.#b = b;
    this.#domains = domains;
  }

  ipv4(off: number, end: number, depth: number): Layer[] {
    const b = this.#b;
    // A quoted packet is cut on purpose: its header is whole, its total length says more than there is.
    if (end - off < IPV4_LEN || headerLen4(b, off) < IPV4_LEN || b[off] >>> 4 !== 4) return [{ protocol: 'ipv4', malformed: true }];
    const whole = isIpv4(b, off, end);
    const fragment = fragment4(b, off);
    const offset = (fragment & 0x1fff) << 3;
    const layer: Layer = {
      protocol: 'ipv4',
      source: formatIpv4(src4(b, off)),
      destination: formatIpv4(dst4(b, off)),
      octets: totalLen4(b, off),
      ttl: ttl4(b, off),
      ...((offset > 0 || (fragment & MF) !== 0) && { fragmentOffset: offset }),
      ...(!whole && depth === MAX_DEPTH && { malformed: true as const }),
    };
    if (offset > 0 || layer.malformed === true) return [layer];
    const upper = off + headerLen4(b, off);
    const upperEnd = whole ? off + totalLen4(b, off) : end;
    const dhcp = dhcpLayer(b, off, upperEnd);
    const teredo = depth > 1 ? teredoPart(b, off, upperEnd) : null;
    return [
      layer,
      ...this.#upper(off, upper, upperEnd, protocol4(b, off), depth - 1),
      ...(dhcp === null ? [] : [dhcp]),
      ...(teredo === null ? [] : [teredo.layer]),
      ...(teredo?.packet ? this.ipv6(teredo.packet.off, teredo.packet.end, depth - 1) : []),
    ];
  }

  ipv6(off: number, end: number, depth: number): Layer[] {
    const b = this.#b;
    if (end - off < IPV6_LEN || b[off] >>> 4 !== 6) return [{ protocol: 'ipv6', malformed: true }];
    const whole = isIpv6(b, off, end);
    const packetEnd = whole ? off + totalLen6(b, off) : end;
    const layer: Layer = {
      protocol: 'ipv6',
      ...this.#address('source', off + IPV6_SRC),
      ...this.#address('destination', off + IPV6_DST),
      octets: totalLen6(b, off),
      hopLimit: hopLimit6(b, off),
      ...(!whole && depth === MAX_DEPTH && { malformed: true as const }),
    };
    const upper = upperLayer(b, off, packetEnd);
    if (layer.malformed === true || upper < 0) return [{ ...layer, malformed: true }];
    return [layer, ...this.#upper(off, upper, packetEnd, upperProtocol(b, off, packetEnd), depth - 1)];
  }

  /** What the IP packet at `ip` carries, from `off` on. */
  #upper(ip: number, off: number, end: number, protocol: number, depth: number): Layer[] {
    const b = this.#b;
    if (depth > 0 && protocol === Protocol.ipv6) return this.ipv6(off, end, depth);
    if (depth > 0 && protocol === 4) return this.ipv4(off, end, depth);
    if (protocol === Protocol.icmp) return this.#icmp4(off, end, depth);
    if (protocol === NextHeader.icmp6) return this.#icmp6(ip, off, end, depth);
    const name = PROTOCOL_NAMES.get(protocol) ?? `protocol ${protocol}`;
    if (protocol !== TCP && protocol !== Protocol.udp) return [{ protocol: name }];
    if (end - off < 4) return [{ protocol: name, malformed: true }];
    return [{ protocol: name, sourcePort: u16(b, off), destinationPort: u16(b, off + 2) }];
  }

  #icmp4(off: number, end: number, depth: number): Layer[] {
    const b = this.#b;
    if (end - off < ICMP4_LEN) return [{ protocol: 'icmp', malformed: true }];
    const type = icmp4Type(b, off);
    const code = icmp4Code(b, off);
    const layer = { protocol: 'icmp', type, code, ...named(ICMP4_NAMES, type) };
    if (depth <= 0 || !isIcmp4Error(b, off, end)) return [layer];
    const mtu = type === Icmp4.unreachable && code === FRAGMENTATION_NEEDED ? { mtu: nextHopMtu4(b, off) } : {};
    return [{ ...layer, ...mtu, about: this.ipv4(quoted4(off), end, depth - 1) }];
  }

  #icmp6(ip: number, off: number, end: number, depth: number): Layer[] {
    const b = this.#b;
    if (end - off < 4) return [{ protocol: 'icmpv6', malformed: true }];
    const type = b[off];
    const layer = { protocol: 'icmpv6', type, code: b[off + 1], ...named(ICMP6_NAMES, type) };
    // Types below 128 are errors, and quote a packet (RFC 4443 section 2.1).
    if (type >= 128) return [{ ...layer, ...discoveryFields(b, ip, end, type) }];
    if (depth <= 0 || end - off < ICMP6_LEN) return [layer];
    const mtu = type === Icmp6.tooBig ? { mtu: u32(b, off + 4) } : {};
    return [{ ...layer, ...mtu, about: this.ipv6(off + ICMP6_LEN, end, depth - 1) }];
  }

  #address(key: 'source' | 'destination', off: number): Partial<Layer> {
    const b = this.#b;
    const endpoint = this.#endpoint;
    const carries = this.#domains.some((domain) => domain.endpointOf(b, off, endpoint)) || recognise(b, off, endpoint) !== null;
    return { [key]: formatIpv6(b, off), ...(carries && { [`${key}Carries`]: formatIpv4(endpoint.addr) }) };
  }
}

function named(names: ReadonlyMap<number, string>, type: number): { name?: string } {
  const name = names.get(type);
  return name === undefined ? {} : { name };
}
