/**
 * What an ACK of DHCPv4 says about this host: RFC 2131 section 4.4.1 and RFC 2132, with the 6rd option of RFC 5969
 * section 7.1.1. Whether the ACK answers anything is the client's to know.
 */
import type { Millis } from '../core/clock.js';
import { isUnicast4, mask4 } from '../wire/address.js';
import { type DhcpMessage, DhcpOption, INFINITE_TIME, option32 } from '../wire/dhcp4.js';
import { u32 } from '../wire/octets.js';
import { OPTION_6RD, readOption212, type SixRdOption } from '../wire/option-212.js';

/** What a server said about this host. */
export interface Lease {
  /** IPv4 address of this host, unsigned. */
  readonly address: number;
  /** True when the server gave the address; false after INFORM, when the interface had it. */
  readonly assigned: boolean;
  /** Of its subnet, from option 1; 32 when the server does not say: classes of addresses are long gone. */
  readonly prefixLen: number;
  /** Option 3, the first; null: none. */
  readonly router: number | null;
  /** Option 54. */
  readonly server: number | null;
  /** Option 212; null when it is not there, or invalid. */
  readonly sixRd: SixRdOption | null;
  /** Why an option 212 that was there is ignored. */
  readonly sixRdFault: string | null;
  /** End of the lease; Infinity: none is known (an infinite lease, or INFORM). */
  readonly until: Millis;
}

/** Makes a lease of `address` until `until` from what `message` says beside. */
export function leaseOf(message: DhcpMessage, address: number, assigned: boolean, until: Millis): Lease {
  const payload = message.options.get(OPTION_6RD);
  const sixRd = payload === undefined ? null : readOption212(payload);
  const valid = sixRd === null || !('fault' in sixRd);
  return {
    address,
    assigned,
    prefixLen: prefixLenOf(option32(message, DhcpOption.subnetMask)),
    router: firstRouter(message),
    server: option32(message, DhcpOption.server),
    sixRd: valid ? sixRd : null,
    sixRdFault: valid ? null : sixRd.fault,
    until,
  };
}

/** True when nothing differs: leases hold numbers, octets and text only, always in one order. */
export function sameLease(a: Lease, b: Lease): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** How long the address in `message` is leased; null when it is no address of a host, or not leased. */
export function leaseDuration(message: DhcpMessage): Millis | null {
  const seconds = option32(message, DhcpOption.leaseTime);
  if (seconds === null || seconds === 0 || !isUnicast4(message.yiaddr)) return null;
  return seconds === INFINITE_TIME ? Number.POSITIVE_INFINITY : seconds * 1000;
}

/** T1 and T2 from the start of a lease of `duration`: the server's where they are in order, else those of RFC 2131 section 4.4.5. */
export function renewalTimes(message: DhcpMessage, duration: Millis): readonly [renewal: Millis, rebinding: Millis] {
  const renewal = (option32(message, DhcpOption.renewalTime) ?? duration / 2000) * 1000;
  const rebinding = (option32(message, DhcpOption.rebindingTime) ?? (duration * 0.875) / 1000) * 1000;
  const inOrder = renewal > 0 && renewal < rebinding && rebinding < duration;
  return inOrder && duration !== Number.POSITIVE_INFINITY ? [renewal, rebinding] : [duration / 2, duration * 0.875];
}

/** Leading bits of a subnet, at least: no network is larger than 10.0.0.0/8, and a link to half of IPv4 would be a default route that none loses to. */
const LEAST_PREFIX_LEN = 8;

/** Bits in a subnet mask. A mask with gaps, or with too few bits, is none: this host is then alone in its subnet. */
function prefixLenOf(mask: number | null): number {
  const len = mask === null ? 32 : Math.clz32(~mask);
  return len >= LEAST_PREFIX_LEN && mask === mask4(len) ? len : 32;
}

function firstRouter(message: DhcpMessage): number | null {
  const routers = message.options.get(DhcpOption.router);
  if (routers === undefined || routers.length === 0 || routers.length % 4 !== 0) return null;
  const first = u32(routers, 0);
  return isUnicast4(first) ? first : null;
}
