/**
 * Special-purpose addresses, from IANA's registries (RFC 6890, as updated), as tables.
 *
 * IPv4: everything that the registry calls not globally reachable is refused as a tunnel endpoint,
 * with multicast (RFC 5771) and broadcast beside it; `policy.allow-ipv4` makes exceptions for labs
 * and carriers. 192.88.99.0/24 is the 6to4 relay anycast prefix and passes (RFC 7526 section 6), but for Teredo,
 * which has nobody there (RFC 4380 section 5.2.4).
 * IPv6: what RFC 3964 section 5.3.2 lists, and the discard-only block, may be neither source nor
 * destination of an inner packet. The other IPv6 rows are here to be named, not refused: a lab's
 * documentation prefix is as good as any.
 */
import { Endpoint } from '../core/endpoint.js';
import { in4, in6, mask4, type Prefix4, type Prefix6, parsePrefix4, parsePrefix6 } from '../wire/address.js';
import { u16, u32 } from '../wire/octets.js';

/** A row of a registry. */
export interface SpecialRange<P> {
  readonly prefix: P;
  /** IANA's name for it. */
  readonly name: string;
  readonly rfc: string;
  /** True: no tunnel endpoint (IPv4), no inner address (IPv6). */
  readonly refused: boolean;
}

type Row = readonly [prefix: string, name: string, rfc: string, refused: boolean];

const IPV4_ROWS: readonly Row[] = [
  ['0.0.0.0/8', 'this network', 'RFC 791', true],
  ['10.0.0.0/8', 'private use', 'RFC 1918', true],
  ['100.64.0.0/10', 'shared address space', 'RFC 6598', true],
  ['127.0.0.0/8', 'loopback', 'RFC 1122', true],
  ['169.254.0.0/16', 'link local', 'RFC 3927', true],
  ['172.16.0.0/12', 'private use', 'RFC 1918', true],
  ['192.0.0.9/32', 'port control protocol anycast', 'RFC 7723', false],
  ['192.0.0.10/32', 'TURN anycast', 'RFC 8155', false],
  ['192.0.0.0/24', 'IETF protocol assignments', 'RFC 6890', true],
  ['192.0.2.0/24', 'documentation (TEST-NET-1)', 'RFC 5737', true],
  ['192.31.196.0/24', 'AS112-v4', 'RFC 7535', false],
  ['192.52.193.0/24', 'AMT', 'RFC 7450', false],
  ['192.88.99.0/24', '6to4 relay anycast', 'RFC 7526', false],
  ['192.168.0.0/16', 'private use', 'RFC 1918', true],
  ['192.175.48.0/24', 'direct delegation AS112 service', 'RFC 7534', false],
  ['198.18.0.0/15', 'benchmarking', 'RFC 2544', true],
  ['198.51.100.0/24', 'documentation (TEST-NET-2)', 'RFC 5737', true],
  ['203.0.113.0/24', 'documentation (TEST-NET-3)', 'RFC 5737', true],
  ['224.0.0.0/4', 'multicast', 'RFC 5771', true],
  ['240.0.0.0/4', 'reserved, and limited broadcast', 'RFC 1112, RFC 919', true],
];

/** What is no endpoint of Teredo. */
const TEREDO_ROWS: readonly Row[] = [['192.88.99.0/24', '6to4 relay anycast', 'RFC 4380 section 5.2.4', true], ...IPV4_ROWS];

/** What is no endpoint in a domain that may have private addresses: no unicast addresses, and relays of another tunnel. */
const NO_UNICAST_ROWS: readonly Row[] = [
  ['0.0.0.0/8', 'this network', 'RFC 791', true],
  ['127.0.0.0/8', 'loopback', 'RFC 1122', true],
  ['192.88.99.0/24', '6to4 relay anycast', 'RFC 5969 section 12', true],
  ['224.0.0.0/4', 'multicast', 'RFC 5771', true],
  ['240.0.0.0/4', 'reserved, and limited broadcast', 'RFC 1112, RFC 919', true],
];

const IPV6_ROWS: readonly Row[] = [
  ['::/128', 'unspecified', 'RFC 4291', true],
  ['::1/128', 'loopback', 'RFC 4291', true],
  ['::ffff:0:0/96', 'IPv4-mapped', 'RFC 4291', true],
  ['::/16', 'IPv4-compatible and reserved', 'RFC 3964', true],
  ['64:ff9b::/96', 'IPv4-IPv6 translation', 'RFC 6052', false],
  ['64:ff9b:1::/48', 'local-use translation', 'RFC 8215', false],
  ['100::/64', 'discard only', 'RFC 6666', true],
  ['100:0:0:1::/64', 'dummy', 'RFC 9780', false],
  ['2001::/32', 'Teredo', 'RFC 4380', false],
  ['2001:1::1/128', 'port control protocol anycast', 'RFC 7723', false],
  ['2001:1::2/128', 'TURN anycast', 'RFC 8155', false],
  ['2001:1::3/128', 'DNS-SD service registration anycast', 'RFC 9665', false],
  ['2001:2::/48', 'benchmarking', 'RFC 5180', false],
  ['2001:3::/32', 'AMT', 'RFC 7450', false],
  ['2001:4:112::/48', 'AS112-v6', 'RFC 7535', false],
  ['2001:10::/28', 'ORCHID (deprecated)', 'RFC 4843', false],
  ['2001:20::/28', 'ORCHIDv2', 'RFC 7343', false],
  ['2001:30::/28', 'drone remote identification', 'RFC 9374', false],
  ['2001:db8::/32', 'documentation', 'RFC 3849', false],
  ['2001::/23', 'IETF protocol assignments', 'RFC 2928', false],
  ['2002::/16', '6to4', 'RFC 3056', false],
  ['2620:4f:8000::/48', 'direct delegation AS112 service', 'RFC 7534', false],
  ['3fff::/20', 'documentation', 'RFC 9637', false],
  ['5f00::/16', 'segment routing SIDs', 'RFC 9602', false],
  ['fc00::/7', 'unique local', 'RFC 4193', false],
  ['fe80::/10', 'link local', 'RFC 4291', true],
  ['fec0::/10', 'site local (deprecated)', 'RFC 3879', true],
  ['ff00::/8', 'multicast', 'RFC 4291', true],
];

/** IPv4 ranges, a more specific one before the one that holds it. */
export const SPECIAL_IPV4: readonly SpecialRange<Prefix4>[] = rows(IPV4_ROWS, parsePrefix4);
const NO_TEREDO: readonly SpecialRange<Prefix4>[] = rows(TEREDO_ROWS, parsePrefix4);
const NO_UNICAST: readonly SpecialRange<Prefix4>[] = rows(NO_UNICAST_ROWS, parsePrefix4);
/** IPv6 ranges, a more specific one before the one that holds it. */
export const SPECIAL_IPV6: readonly SpecialRange<Prefix6>[] = rows(IPV6_ROWS, parsePrefix6);

function rows<P>(from: readonly Row[], parse: (text: string) => P | null): SpecialRange<P>[] {
  return from.map(([text, name, rfc, refused]) => {
    const prefix = parse(text);
    if (prefix === null) throw new RangeError(`special range ${text}: no prefix`);
    return { prefix, name, rfc, refused };
  });
}

/** The row that names an IPv6 address; null for an ordinary one. */
export function describeIpv6(b: Uint8Array, off = 0): SpecialRange<Prefix6> | null {
  return SPECIAL_IPV6.find((range) => in6(b, off, range.prefix)) ?? null;
}

/** True when the address at `b[off..)` may be neither source nor destination of an inner packet. */
export function specialIpv6(b: Uint8Array, off: number): boolean {
  const top = u16(b, off);
  if (top >= 0x0200) return top >= 0xfe80;
  return top === 0 || (top === 0x0100 && u16(b, off + 2) === 0 && u32(b, off + 4) === 0);
}

/** A rule of a policy as three 32-bit numbers: the bits of a prefix, its mask, and whether it is refused. */
const RULE = 3;

/** A rule of a policy as data: what it says of the addresses that are `bits` under `mask`. */
export interface EndpointRule {
  readonly bits: number;
  readonly mask: number;
  readonly refused: boolean;
}

/** Which IPv4 addresses may be tunnel endpoints. The node's subnets may become others under those who ask. */
export class EndpointPolicy {
  readonly #allow: readonly Prefix4[];
  readonly #registry: readonly SpecialRange<Prefix4>[];
  /** For each first octet the rules that concern it; the first that fits decides: broadcasts, exceptions, the registry. */
  #rules = new Int32Array();
  /** Where in `#rules` those of each first octet begin, and of the last one end. */
  readonly #starts = new Int32Array(257);
  readonly #asked = new Endpoint();

  /**
   * Of 6rd and ISATAP: any unicast address is an endpoint, private ones are their normal use (RFC 5969 section 7.1,
   * RFC 5214 section 6.1). Addresses of 6to4 relays are refused, since what comes from one is on its way in a loop.
   */
  static unicast(allow: readonly Prefix4[], broadcasts: readonly number[] = []): EndpointPolicy {
    return new EndpointPolicy(allow, broadcasts, NO_UNICAST);
  }

  /** Of Teredo: what RFC 4380 section 5.2.4 calls global unicast addresses, and IANA's registry too. */
  static teredo(allow: readonly Prefix4[], broadcasts: readonly number[] = []): EndpointPolicy {
    return new EndpointPolicy(allow, broadcasts, NO_TEREDO);
  }

  /** `allow`: ranges accepted all the same; `broadcasts`: directed broadcasts of the node's own subnets (RFC 3964 section 5.3.1). */
  constructor(allow: readonly Prefix4[], broadcasts: readonly number[] = [], ranges: readonly SpecialRange<Prefix4>[] = SPECIAL_IPV4) {
    this.#allow = allow;
    this.#registry = ranges;
    this.become(broadcasts);
  }

  /** The node has other subnets, with these directed broadcasts. */
  become(broadcasts: readonly number[]): void {
    const ordered: number[] = [];
    for (const addr of broadcasts) ordered.push(addr, mask4(32), 1);
    for (const { addr, len } of this.#allow) ordered.push(addr, mask4(len), 0);
    for (const { prefix, refused } of this.#registry) ordered.push(prefix.addr, mask4(prefix.len), Number(refused));

    const starts = this.#starts.fill(0);
    for (let i = 0; i < ordered.length; i += RULE)
      for (let octet = firstOctet(ordered, i); octet <= lastOctet(ordered, i); octet++) starts[octet + 1] += RULE;
    for (let octet = 0; octet < 256; octet++) starts[octet + 1] += starts[octet];
    this.#rules = new Int32Array(starts[256]);
    const next = starts.slice();
    for (let i = 0; i < ordered.length; i += RULE)
      for (let octet = firstOctet(ordered, i); octet <= lastOctet(ordered, i); octet++)
        for (let k = 0; k < RULE; k++) this.#rules[next[octet]++] = ordered[i + k];
  }

  /** True when `addr` must not be a tunnel endpoint. For cold paths. */
  special(addr: number): boolean {
    this.#asked.addr = addr;
    return this.refuses(this.#asked);
  }

  /** True when the address of `ep` must not be a tunnel endpoint. */
  refuses({ bits }: Endpoint): boolean {
    const rules = this.#rules;
    const octet = bits >>> 24;
    const end = this.#starts[octet + 1];
    for (let i = this.#starts[octet]; i < end; i += RULE) if (((bits ^ rules[i]) & rules[i + 1]) === 0) return rules[i + 2] !== 0;
    return false;
  }

  /** The rules for addresses with that first octet, the first that fits deciding; none accepts. For whoever judges without this code. */
  rulesFor(octet: number): readonly EndpointRule[] {
    const rules: EndpointRule[] = [];
    for (let i = this.#starts[octet]; i < this.#starts[octet + 1]; i += RULE) {
      const [bits, mask, refused] = this.#rules.subarray(i, i + RULE);
      rules.push({ bits: bits >>> 0, mask: mask >>> 0, refused: refused !== 0 });
    }
    return rules;
  }

  /** The range that refuses `addr`; null when it is accepted. A directed broadcast is refused without a range. */
  describe(addr: number): SpecialRange<Prefix4> | null {
    for (const prefix of this.#allow) if (in4(addr, prefix)) return null;
    const range = this.#registry.find(({ prefix }) => in4(addr, prefix));
    return range?.refused === true ? range : null;
  }
}

/** The first octets that the rule at `i` concerns: from this one ... */
function firstOctet(rules: readonly number[], i: number): number {
  return (rules[i] & rules[i + 1]) >>> 24;
}

/** ... to this one. */
function lastOctet(rules: readonly number[], i: number): number {
  return (rules[i] | ~rules[i + 1]) >>> 24;
}
