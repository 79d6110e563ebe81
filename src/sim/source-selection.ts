/**
 * Which of its addresses a host sends from, RFC 6724 section 5, for both families: the candidates are
 * all addresses of interfaces that are up, and the first rule that tells two apart decides.
 *
 *   1 the destination itself   2 enough scope    3 not deprecated
 *   5 on the interface that the packet leaves by 6 the same label  8 more bits in common
 *
 * Rules 4 (home addresses) and 7 (temporary addresses) have nothing to decide here.
 */
import type { Millis } from '../core/clock.js';
import { type Address, commonBits, inSubnet, isLinkLocal, isMulticast, parseSubnet, SIZE4, type Subnet, sameAddress } from './address.js';
import type { Interface, InterfaceAddress } from './interface.js';

/** The policy table of RFC 6724 section 2.1, longest prefix first; its precedences are for destinations. */
const LABELS: readonly (readonly [Subnet, number])[] = [
  [parseSubnet('::1/128'), 0],
  [parseSubnet('::ffff:0:0/96'), 4],
  [parseSubnet('::/96'), 3],
  [parseSubnet('2001::/32'), 5],
  [parseSubnet('2002::/16'), 2],
  [parseSubnet('3ffe::/16'), 12],
  [parseSubnet('fec0::/10'), 11],
  [parseSubnet('fc00::/7'), 13],
  [parseSubnet('::/0'), 1],
];

/** The label of the IPv6 address at `b[off..)`. */
export function labelOf(b: Uint8Array, off: number): number {
  return LABELS.find(([prefix]) => inSubnet(prefix, b, off))?.[1] ?? 1;
}

/** The address to send from to the one at `b[off..off+size)` by the interface `out`; null when there is none. */
export function selectSource(
  interfaces: Iterable<Interface>,
  out: Interface,
  b: Uint8Array,
  off: number,
  size: number,
  now: Millis,
): Address | null {
  let best: InterfaceAddress | null = null;
  let bestRank: readonly number[] = [];
  for (const from of interfaces) {
    if (!from.isUp) continue;
    for (const address of from.addresses) {
      if (address.addr.length !== size || address.validUntil <= now) continue;
      const ranks = rank(address, from === out, b, off, now);
      if (ranks === null || (best !== null && compare(ranks, bestRank) <= 0)) continue;
      best = address;
      bestRank = ranks;
    }
  }
  return best?.addr ?? null;
}

/** What the rules say of one candidate, higher is better; null when its scope does not reach. */
function rank(address: InterfaceAddress, isOut: boolean, b: Uint8Array, off: number, now: Millis): readonly number[] | null {
  const { addr, preferredUntil } = address;
  const size = addr.length;
  const local = isLinkLocal(addr, 0, size);
  const needsLocal = isLinkLocal(b, off, size) || (isMulticast(b, off, size) && size !== SIZE4 && (b[off + 1] & 0x0f) <= 2);
  if (local && (!isOut || !needsLocal)) return null;
  return [
    Number(sameAddress(addr, b, off)),
    Number(local === needsLocal),
    Number(preferredUntil > now),
    Number(isOut),
    Number(size === SIZE4 || labelOf(addr, 0) === labelOf(b, off)),
    Math.min(commonBits(addr, b, off), address.len),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}
