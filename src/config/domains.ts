/**
 * IPv6 prefixes that a tunnel may have as its domain: global unicast ones that no other tunnel has.
 * Asked of what a file says, and of what a DHCPv4 server says.
 */
import { formatPrefix6, in6, type Prefix6, parsePrefix6 } from '../wire/address.js';

/** The domain of one tunnel, as its file says it. */
export interface Domain {
  readonly prefix: Prefix6;
  /** The key of the tunnel that says so. */
  readonly key: string;
  /** What is expected of one that overlaps another. */
  readonly expected: string;
}

/** Scopes without global unicast addresses, RFC 4291 section 2.4. */
const NO_GLOBAL_UNICAST = prefixes('::/8', 'fe80::/10', 'fec0::/10', 'ff00::/8');

/** Domains that everybody shares. */
const WELL_KNOWN = [
  { name: '6to4, RFC 3056 section 2', prefixes: prefixes('2002::/16') },
  { name: 'Teredo, RFC 4380 section 2.6', prefixes: prefixes('2001::/32') },
];

function prefixes(...texts: string[]): Prefix6[] {
  return texts.flatMap((text) => parsePrefix6(text) ?? []);
}

/** True when one of the two holds the other. */
export function overlap(a: Prefix6, b: Prefix6): boolean {
  return in6(a.addr, 0, { addr: b.addr, len: Math.min(a.len, b.len) });
}

/** True when every address of `prefix` is a global unicast one. */
export function isGlobalUnicast(prefix: Prefix6): boolean {
  return !NO_GLOBAL_UNICAST.some((other) => overlap(prefix, other));
}

/** Why `prefix` cannot be a domain of one provider: a clause that starts with it. null: it can. */
export function domainFault(prefix: Prefix6): string | null {
  const text = formatPrefix6(prefix);
  if (!isGlobalUnicast(prefix)) return `${text} is no prefix of global unicast addresses`;
  for (const { name, prefixes: taken } of WELL_KNOWN)
    for (const other of taken) if (overlap(prefix, other)) return `${text} overlaps ${formatPrefix6(other)} (${name})`;
  return null;
}
