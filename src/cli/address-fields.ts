/** Reads an IPv6 address: which automatic tunnel it belongs to, and every field it carries. */
import { Endpoint } from '../core/endpoint.js';
import { isUniversal } from '../mapping/isatap.js';
import { recognise, type ShownTunnel } from '../mapping/recognise.js';
import { type SixRd, sixToFour } from '../mapping/sixrd.js';
import { TEREDO_CONE, teredoFlags, teredoServer } from '../mapping/teredo.js';
import { formatIpv4, formatIpv6, formatPrefix6 } from '../wire/address.js';
import { ADDRESS_LEN } from '../wire/ipv6.js';
import { u32 } from '../wire/octets.js';

/** What an address says; keys stay as they are, they are read by programs. */
export type DecodedAddress = { readonly address: string } & (
  | SiteFields<'6rd'>
  | SiteFields<'6to4'>
  | TeredoFields
  | IsatapFields
  | { readonly type: 'native' }
);

interface SiteFields<T extends string> {
  readonly type: T;
  readonly ipv4: string;
  /** What the site has: the /48 of 6to4, the delegated prefix of 6rd. */
  readonly prefix: string;
  /** Number of the /64 in it; left out where the prefix is no shorter than a /64, or the number no longer exact. */
  readonly subnet?: number;
  /** As iproute2 writes one: `::1`. */
  readonly interfaceId: string;
}

interface TeredoFields {
  readonly type: 'teredo';
  readonly server: string;
  /** Sixteen bits, in hexadecimal. */
  readonly flags: string;
  readonly cone: boolean;
  readonly port: number;
  readonly ipv4: string;
}

interface IsatapFields {
  readonly type: 'isatap';
  readonly ipv4: string;
  /** The u bit. */
  readonly globalId: boolean;
  readonly prefix: string;
}

/** Bits of a whole number that a double holds exactly. */
const EXACT_BITS = 53;

const endpoint = new Endpoint();

const FIELDS: { readonly [T in ShownTunnel]: (b: Uint8Array) => SiteFields<'6to4'> | TeredoFields | IsatapFields } = {
  '6to4': (b) => site('6to4', sixToFour, b),
  teredo(b) {
    const flags = teredoFlags(b, 0);
    return {
      type: 'teredo',
      server: formatIpv4(teredoServer(b, 0)),
      flags: `0x${flags.toString(16).padStart(4, '0')}`,
      cone: (flags & TEREDO_CONE) !== 0,
      port: endpoint.port,
      ipv4: formatIpv4(endpoint.addr),
    };
  },
  isatap: (b) => ({
    type: 'isatap',
    ipv4: formatIpv4(endpoint.addr),
    globalId: isUniversal(b, 0),
    prefix: formatPrefix6({ addr: keep(b, 0, 64), len: 64 }),
  }),
};

/** Decodes sixteen octets. `domains` recognise 6rd addresses, which look like any other; they are asked first. */
export function decodeAddress(b: Uint8Array, domains: readonly SixRd[]): DecodedAddress {
  const address = formatIpv6(b);
  const domain = domains.find((one) => one.endpointOf(b, 0, endpoint));
  if (domain !== undefined) return { address, ...site('6rd', domain, b) };
  const tunnel = recognise(b, 0, endpoint);
  return tunnel === null ? { address, type: 'native' } : { address, ...FIELDS[tunnel](b) };
}

function site<T extends string>(type: T, domain: SixRd, b: Uint8Array): SiteFields<T> {
  const len = domain.delegatedLen;
  const subnetBits = 64 - len;
  return {
    type,
    ipv4: formatIpv4(endpoint.addr),
    prefix: formatPrefix6({ addr: keep(b, 0, len), len }),
    ...(subnetBits > 0 && subnetBits <= EXACT_BITS && { subnet: subnetNumber(b, len) }),
    interfaceId: formatIpv6(keep(b, 64, ADDRESS_LEN * 8)),
  };
}

/** The bits from `len` to 64, as a number. */
function subnetNumber(b: Uint8Array, len: number): number {
  const masked = keep(b, len, 64);
  return u32(masked, 0) * 2 ** 32 + u32(masked, 4);
}

/** A copy with the bits `[from, to)` of `b`, the rest zero. */
function keep(b: Uint8Array, from: number, to: number): Uint8Array {
  const kept = new Uint8Array(ADDRESS_LEN);
  for (let bit = from; bit < to; bit++) kept[bit >>> 3] |= b[bit >>> 3] & (0x80 >>> (bit & 7));
  return kept;
}
