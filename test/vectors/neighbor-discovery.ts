/** Neighbor discovery messages put together from their fields, RFC 4861 section 4 and RFC 4191 section 2, for vectors. */
import { address, be16, be32, type Ipv6Header, icmp6, join } from './compose.js';

/** What a message says beyond its own fields. */
export interface DiscoveryHeader extends Ipv6Header {
  /** Anything but 0 is wrong. */
  readonly code?: number;
  /** Added to the right checksum. */
  readonly spoil?: number;
  /** Octets that are left of the message, behind its IPv6 header. */
  readonly cut?: number;
}

/** A router solicitation, RFC 4861 section 4.1. */
export function routerSolicitation(header: DiscoveryHeader, ...options: readonly Uint8Array[]): Uint8Array {
  return message(header, 133, join(Uint8Array.of(...be32(0)), ...options));
}

/** The fields of a router advertisement, seconds and octets. */
export interface Advertisement {
  readonly hopLimit?: number;
  readonly flags?: number;
  readonly lifetime?: number;
}

/** A router advertisement, RFC 4861 section 4.2. */
export function routerAdvertisement(header: DiscoveryHeader, fields: Advertisement, ...options: readonly Uint8Array[]): Uint8Array {
  const { hopLimit = 0, flags = 0, lifetime = 1800 } = fields;
  return message(header, 134, join(Uint8Array.of(hopLimit, flags, ...be16(lifetime), ...be32(0), ...be32(0)), ...options));
}

/** A neighbor solicitation, RFC 4861 section 4.3. */
export function neighborSolicitation(header: DiscoveryHeader, target: string, ...options: readonly Uint8Array[]): Uint8Array {
  return message(header, 135, join(Uint8Array.of(...be32(0), ...address(target)), ...options));
}

/** Flags of a neighbor advertisement: from a router, and asked for. */
export const FROM_ROUTER = 0x80;
export const SOLICITED = 0x40;

/** A neighbor advertisement, RFC 4861 section 4.4. */
export function neighborAdvertisement(
  header: DiscoveryHeader,
  target: string,
  flags: number,
  ...options: readonly Uint8Array[]
): Uint8Array {
  return message(header, 136, join(Uint8Array.of(flags, 0, 0, 0, ...address(target)), ...options));
}

/** A redirect, RFC 4861 section 4.5. */
export function redirect(header: DiscoveryHeader, target: string, destination: string): Uint8Array {
  return message(header, 137, join(Uint8Array.of(...be32(0), ...address(target), ...address(destination))));
}

/** Flags of a prefix: on link, and hosts may have addresses under it. */
export const ON_LINK = 0x80;
export const AUTONOMOUS = 0x40;

/** A prefix information option, RFC 4861 section 4.6.2; lifetimes in seconds. */
export function prefixOption(prefix: string, flags: number, valid: number, preferred: number, len = 64): Uint8Array {
  return Uint8Array.of(3, 4, len, flags, ...be32(valid), ...be32(preferred), ...be32(0), ...address(prefix));
}

/** An MTU option, RFC 4861 section 4.6.4. */
export function mtuOption(mtu: number): Uint8Array {
  return Uint8Array.of(5, 1, 0, 0, ...be32(mtu));
}

/** A route information option of 24 octets, RFC 4191 section 2.3; preference 0 is medium. */
export function routeOption(prefix: string, len: number, lifetime: number, preference = 0): Uint8Array {
  return Uint8Array.of(24, 3, len, preference << 3, ...be32(lifetime), ...address(prefix));
}

/** A link-layer address option, RFC 4861 section 4.6.1: type 1 is the source's, 2 the target's. */
export function linkLayerOption(type: number): Uint8Array {
  return Uint8Array.of(type, 1, 2, 0, 0, 0, 0, 1);
}

/** An option that says that it has no octets. */
const EMPTY_OPTION = Uint8Array.of(14, 0, 0, 0, 0, 0, 0, 0);

/** Every way in which a message of its kind is none, RFC 4861 sections 6.1.1, 6.1.2, 7.1.1 and 7.1.2. */
export function malformations(
  fixedLen: number,
): readonly (readonly [name: string, header: Partial<DiscoveryHeader>, options: readonly Uint8Array[]])[] {
  return [
    ['a-hop-limit-of-254', { hopLimit: 254 }, []],
    ['a-wrong-checksum', { spoil: 1 }, []],
    ['a-code-of-1', { code: 1 }, []],
    ['an-octet-too-few', { cut: fixedLen - 1 }, []],
    ['an-option-without-octets', {}, [EMPTY_OPTION]],
    ['half-an-option', {}, [Uint8Array.of(14, 2, 0, 0, 0, 0, 0, 0)]],
  ];
}

/** Hop limit 255 unless it is said. */
function message({ code = 0, spoil = 0, cut, ...header }: DiscoveryHeader, type: number, body: Uint8Array): Uint8Array {
  const whole = icmp6({ hopLimit: 255, ...header }, type, code, cut === undefined ? body : body.slice(0, cut - 4));
  return whole.with(43, whole[43] + spoil);
}
