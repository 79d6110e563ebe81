/** What tunnels of all types have in common, resolved: addresses, LANs, and what is handed through. */
import type { LanConfig, TunnelConfig } from '../config/config.js';
import type { LanSpec, TunnelCommon } from '../engine/spec.js';
import { formatIpv4 } from '../wire/address.js';
import type { Judge } from './judge.js';

/** What a type decides before the rest can be told. */
export interface Decisions {
  /** Outer source; null: there is none, and the tunnel is down. */
  readonly source: number | null;
  /** Whether the tunnel may have addresses that the host does not have: they come with its device. */
  readonly bringsAddresses: boolean;
  readonly dontFragment: boolean;
  readonly lans: readonly LanSpec[];
}

/** Resolves what all types share. The last to judge: a tunnel that is down by now has no addresses. */
export function commonOf(config: TunnelConfig, slot: number, decided: Decisions, judge: Judge): TunnelCommon {
  const { addresses } = judge.host;
  const { source, bringsAddresses, dontFragment, lans } = decided;
  if (source === null) judge.takeDown('no IPv4 default route');
  else if (!bringsAddresses && !addresses.has(source)) judge.takeDown(`${formatIpv4(source)} is on no interface`);
  const further = config.accept.filter((addr, i) => {
    if (bringsAddresses || addresses.has(addr)) return true;
    judge.warn(['accept', i], `${formatIpv4(addr)} is on no interface`, 'an address of this host');
    return false;
  });
  const local = source === null || judge.down !== null ? [] : [...new Set([source, ...further])];
  return {
    name: config.name,
    slot,
    interface: config.interface,
    local,
    assign: local.filter((addr) => !addresses.has(addr)),
    down: judge.down,
    configure: config.configure,
    mtu: config.mtu,
    ttl: config.ttl,
    dscp: config.dscp,
    ecn: config.ecn,
    pathMtuDiscovery: config.pathMtuDiscovery,
    dontFragment,
    icmpRate: config.icmpRate,
    lans,
    learned: judge.host.facts.found.learned.get(config.name) ?? null,
  };
}

/** The LANs that can be served now: advertisements need the link-local address of the interface (RFC 4861 section 4.2), and each a /64 of its own. */
export function lansOf(lans: readonly LanConfig[], subnets: number, judge: Judge): LanSpec[] {
  return lans.flatMap(({ interface: name, subnet }, i) => {
    const linkLocal = judge.host.facts.linkLocal.get(name);
    if (linkLocal === undefined) {
      judge.warn(['lan', i, 'interface'], `"${name}" is left out`, 'an interface that is up and has a link-local IPv6 address');
      return [];
    }
    if (subnet < subnets) return [{ interface: name, subnet, linkLocal }];
    const expected = subnets === 0 ? 'a delegated prefix of /64 or shorter (RFC 5969 section 4)' : `0 to ${subnets - 1}`;
    judge.warn(['lan', i, 'subnet'], `"${name}" is left out: the delegated prefix has no subnet ${subnet}`, expected);
    return [];
  });
}
