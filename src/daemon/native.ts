/** Which IPv6 addresses of a host are native: nobody's tunnel made them. */
import { in6, type Prefix6, parsePrefix6 } from '../wire/address.js';

const GLOBAL_UNICAST = prefixes('2000::/3');
/** Teredo and 6to4. What 6rd and ISATAP make looks like any other address. */
const TUNNELS = prefixes('2001::/32', '2002::/16');

function prefixes(...texts: string[]): Prefix6[] {
  return texts.flatMap((text) => parsePrefix6(text) ?? []);
}

/** True for a global unicast address, sixteen octets, of neither Teredo nor 6to4. */
export function isNative(address: Uint8Array): boolean {
  const isIn = (prefix: Prefix6): boolean => in6(address, 0, prefix);
  return GLOBAL_UNICAST.some(isIn) && !TUNNELS.some(isIn);
}
