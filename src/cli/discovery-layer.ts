/** What a neighbor discovery message says, RFC 4861 and 4191: for `decode`. */
import { formatIpv6, formatPrefix6 } from '../wire/address.js';
import { Icmp6 } from '../wire/icmp6.js';
import { INFINITE_LIFETIME, isRouterSolicitation, type RouterPreference, readRouterAdvertisement } from '../wire/ndisc.js';
import { isNeighborAdvertisement, isNeighborSolicitation, isSolicited, TARGET } from '../wire/neighbor.js';

/** Keys stay as they are, they are read by programs. Times in seconds; `null` never ends. */
export interface DiscoveryFields {
  readonly routerLifetime?: number;
  readonly preference?: RouterPreference;
  readonly mtu?: number;
  readonly prefixes?: readonly {
    readonly prefix: string;
    readonly onLink: boolean;
    readonly autonomous: boolean;
    readonly validLifetime: number | null;
    readonly preferredLifetime: number | null;
  }[];
  readonly routes?: readonly { readonly prefix: string; readonly preference: RouterPreference; readonly lifetime: number | null }[];
  /** Whom a solicitation asks about, or who answers. */
  readonly target?: string;
  readonly solicited?: boolean;
}

/** Readers of whole IPv6 packets by ICMPv6 type; null: a receiver has to discard the message. */
const READERS: ReadonlyMap<number, (b: Uint8Array, off: number, end: number) => DiscoveryFields | null> = new Map([
  [Icmp6.routerSolicitation, (b, off, end) => (isRouterSolicitation(b, off, end) ? {} : null)],
  [Icmp6.routerAdvertisement, advertised],
  [Icmp6.neighborSolicitation, (b, off, end) => (isNeighborSolicitation(b, off, end) ? { target: formatIpv6(b, off + TARGET) } : null)],
  [
    Icmp6.neighborAdvertisement,
    (b, off, end) =>
      isNeighborAdvertisement(b, off, end) ? { target: formatIpv6(b, off + TARGET), solicited: isSolicited(b, off) } : null,
  ],
]);

/** The fields of the message of ICMPv6 type `type` in the IPv6 packet at `b[off..end)`; empty when it is of another kind. */
export function discoveryFields(b: Uint8Array, off: number, end: number, type: number): DiscoveryFields & { readonly malformed?: true } {
  const read = READERS.get(type);
  return read === undefined ? {} : (read(b, off, end) ?? { malformed: true });
}

/** The same for people, as words of one line. */
export function discoveryWords({ routerLifetime, preference, prefixes = [], routes = [], target, solicited }: DiscoveryFields): string[] {
  return [
    ...(routerLifetime === undefined ? [] : [routerLifetime === 0 ? 'no default router' : `for ${routerLifetime} s (${preference})`]),
    ...prefixes.map(({ prefix, onLink, autonomous, validLifetime, preferredLifetime }) => {
      const flags = `${onLink ? ' on-link' : ''}${autonomous ? ' autonomous' : ''}`;
      return `prefix ${prefix}${flags} for ${time(validLifetime)} (preferred ${time(preferredLifetime)})`;
    }),
    ...routes.map((route) => `route ${route.prefix} for ${time(route.lifetime)} (${route.preference})`),
    ...(target === undefined ? [] : [solicited === undefined ? `for ${target}` : `of ${target}`]),
    ...(solicited === true ? ['solicited'] : []),
  ];
}

function advertised(b: Uint8Array, off: number, end: number): DiscoveryFields | null {
  const ra = readRouterAdvertisement(b, off, end);
  if (ra === null) return null;
  return {
    routerLifetime: ra.routerLifetime,
    preference: ra.preference,
    ...(ra.mtu > 0 && { mtu: ra.mtu }),
    prefixes: ra.prefixes.map(({ prefix, onLink, autonomous, validLifetime, preferredLifetime }) => ({
      prefix: formatPrefix6(prefix),
      onLink,
      autonomous,
      validLifetime: finite(validLifetime),
      preferredLifetime: finite(preferredLifetime),
    })),
    routes: ra.routes.map(({ prefix, preference, lifetime }) => ({
      prefix: formatPrefix6(prefix),
      preference,
      lifetime: finite(lifetime),
    })),
  };
}

function finite(lifetime: number): number | null {
  return lifetime === INFINITE_LIFETIME ? null : lifetime;
}

function time(lifetime: number | null): string {
  return lifetime === null ? 'ever' : `${lifetime} s`;
}
