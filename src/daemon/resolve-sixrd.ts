/** 6rd on a host: its parameters from the file, or from the DHCPv4 lease that the host has now. */
import type { SixRdConfig } from '../config/config.js';
import { domainFault } from '../config/domains.js';
import { subnetsIn } from '../config/sixrd.js';
import type { Millis } from '../core/clock.js';
import type { SixRdDomain, SixRdSpec } from '../engine/spec.js';
import { formatIpv4, formatPrefix4, formatPrefix6, in4, in6, mask4, type Prefix6 } from '../wire/address.js';
import type { SixRdOption } from '../wire/option-212.js';
import type { Judge } from './judge.js';
import { commonOf, lansOf } from './tunnel-common.js';

/** What a tunnel is built on; what is not known yet is null, and takes it down. */
interface Basis {
  readonly source: number | null;
  readonly domain: SixRdDomain | null;
  readonly relays: readonly number[];
  readonly leaseUntil: Millis;
}

const NOTHING: Basis = { source: null, domain: null, relays: [], leaseUntil: Number.POSITIVE_INFINITY };

/** Resolves one tunnel; what type it is, is its caller's to say. */
export function resolveSixRd(config: SixRdConfig, slot: number, judge: Judge): Omit<SixRdSpec, 'type'> {
  const { host } = judge;
  const isCustomer = config.role === 'customer-edge';
  const { source, domain, relays, leaseUntil } =
    config.dhcpInterface === null ? written(config, judge) : leased(config.dhcpInterface, judge);
  judge.refuseOwn(config, source, isCustomer ? host.unicast : host.borderRelay);
  relays.forEach((relay, i) => {
    judge.refuse(relay, host.borderRelay, config.parameters === null ? null : ['border-relays', i]);
    if (host.own.has(relay)) judge.takeDown(`border relay ${formatIpv4(relay)} is this host itself`);
  });
  if (!isCustomer || config.lans.length > 0) judge.wantForwarding();
  const subnets = domain === null ? Number.POSITIVE_INFINITY : subnetsIn(domain.prefix.len + 32 - domain.ipv4MaskLen);
  const lans = lansOf(config.lans, subnets, judge);
  return {
    ...commonOf(config, slot, { source, bringsAddresses: config.anycast, dontFragment: config.anycast, lans }, judge),
    role: config.role,
    domain,
    relays,
    probesRelays: relays.length > 1 && host.config.workers === 1,
    hubAndSpoke: config.hubAndSpoke,
    leaseUntil,
  };
}

/** What the file says; `local` may be the host's. */
function written({ role, local, parameters }: SixRdConfig, judge: Judge): Basis {
  const source = local ?? judge.host.facts.defaultSource;
  if (parameters === null) return { ...NOTHING, source };
  const { prefix, ipv4MaskLen, borderRelays } = parameters;
  const common = parameters.common ?? source;
  if (common === null) return { ...NOTHING, relays: borderRelays };
  const shared = { addr: (common & mask4(ipv4MaskLen)) >>> 0, len: ipv4MaskLen };
  if (role === 'customer-edge' && source !== null && !in4(source, shared)) {
    judge.takeDown(`${formatIpv4(source)} is outside ipv4-prefix ${formatPrefix4(shared)}`);
  }
  return { ...NOTHING, source, domain: { prefix, ipv4MaskLen, common }, relays: borderRelays };
}

/** What the lease on `name` says. RFC 5969 section 7.1.1: an option that is no good is ignored, and without one there is no tunnel. */
function leased(name: string, judge: Judge): Basis {
  const { facts, leases } = judge.host;
  const lease = leases.get(name);
  if (lease === undefined) {
    judge.takeDown(facts.mac.has(name) ? `no DHCPv4 lease on ${name} yet` : `${name} is not there, or down`);
    return NOTHING;
  }
  const { address: source, until: leaseUntil } = lease;
  const fault = lease.sixRdFault ?? (lease.sixRd === null ? null : optionFault(lease.sixRd, judge));
  if (fault !== null) judge.takeDown(`the lease on ${name}: its 6rd option is invalid: ${fault}`);
  else if (lease.sixRd === null) judge.takeDown(`the lease on ${name} has no 6rd option`);
  if (fault !== null || lease.sixRd === null) return { ...NOTHING, source, leaseUntil };
  const { prefix, ipv4MaskLen, borderRelays: relays } = lease.sixRd;
  return { source, domain: { prefix, ipv4MaskLen, common: source }, relays, leaseUntil };
}

/** What is wrong with a well-formed option in this node; null: nothing. The same is an error in a file. */
function optionFault({ prefix }: SixRdOption, judge: Judge): string | null {
  return domainFault(prefix) ?? identityFault(prefix, judge.host.config.node.identity) ?? neighborFault(prefix, judge);
}

function identityFault(prefix: Prefix6, identity: Uint8Array | null): string | null {
  return identity !== null && in6(identity, 0, prefix) ? `${formatPrefix6(prefix)} has node.identity in it` : null;
}

function neighborFault(prefix: Prefix6, judge: Judge): string | null {
  const other = judge.claim(prefix);
  return other === null ? null : `${formatPrefix6(prefix)} overlaps the prefix of tunnel ${other}`;
}
