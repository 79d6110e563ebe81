/** The configuration of 6rd, RFC 5969. Its parameters come from keys, from a DHCPv4 option as text, or from a DHCPv4 server. */
import * as z from 'zod';
import { formatIpv4, formatPrefix4, formatPrefix6, in4, in6 } from '../wire/address.js';
import type { SixRdConfig, SixRdParameters } from './config.js';
import { type Domain, domainFault } from './domains.js';
import { keyDocs, optional, tableDocs } from './keys.js';
import type { Read } from './read.js';
import { checkLans, checkOnce, describe, lanTable, type ReadLans, type Surroundings, tunnelKeys } from './tunnel-keys.js';
import * as value from './values.js';

/** As many border relays as one option 212 holds. */
const MOST_RELAYS = 59;

/** The ways to say what the domain is, by role. */
const WAYS = {
  'customer-edge': '"prefix", "ipv4-mask-length" and "border-relays"; or "option-212"; or "dhcp-interface"',
  'border-relay': '"prefix" and "ipv4-mask-length"; or "option-212"',
} as const;

const NOT_HERE = 'from `option-212` or `dhcp-interface`';

const table = z
  .strictObject({
    ...tunnelKeys,
    role: value.choice(['customer-edge', 'border-relay']).register(keyDocs, {
      about: '`customer-edge`: a site of the provider. `border-relay`: between the domain and the IPv6 Internet.',
    }),
    prefix: optional(value.globalPrefix6()).register(keyDocs, { about: 'The 6rd prefix of the provider.', absent: NOT_HERE }),
    'ipv4-mask-length': optional(value.whole(0, 32, 'RFC 5969 section 7.1.1')).register(keyDocs, {
      about:
        'Leading bits that the IPv4 addresses of all customer edges share. The others follow the prefix: both together are the delegated prefix.',
      absent: NOT_HERE,
    }),
    'ipv4-prefix': optional(value.prefix4()).register(keyDocs, {
      about:
        'The bits that they share, as a prefix of that length. To be named where `local` does not have them, as an anycast address may not.',
      absent: 'that of `local`',
    }),
    'border-relays': optional(value.list(value.ipv4(), 1, MOST_RELAYS)).register(keyDocs, {
      about: 'Border relays, the most wanted first. What comes from any of them may have any source.',
      absent: NOT_HERE,
      roles: ['customer-edge'],
    }),
    'option-212': optional(value.option212()).register(keyDocs, {
      about: 'Prefix, mask length and border relays as a DHCPv4 server would send them.',
      absent: 'the keys above, or `dhcp-interface`',
      replaces: ['prefix', 'ipv4-mask-length', 'border-relays'],
    }),
    'dhcp-interface': optional(value.interfaceName()).register(keyDocs, {
      about:
        'The interface on which a DHCPv4 server is asked for all of this. One without an IPv4 address gets it from there, with the default route; it becomes `local`.',
      absent: 'the keys above',
      roles: ['customer-edge'],
      replaces: ['local', 'prefix', 'ipv4-mask-length', 'ipv4-prefix', 'border-relays', 'option-212'],
    }),
    'hub-and-spoke': value
      .flag()
      .prefault(false)
      .register(keyDocs, {
        about: 'Sends what is for other customer edges to the border relay too (RFC 7084 6RD-3).',
        roles: ['customer-edge'],
      }),
    anycast: value
      .flag()
      .prefault(false)
      .register(keyDocs, {
        about:
          'Whether several border relays share `local`. DF is then set on every packet (RFC 5969 section 9.1), and the daemon brings the address with it where the host does not have it.',
        roles: ['border-relay'],
      }),
    dscp: value.dscp().prefault('copy').register(keyDocs, {
      about: 'DSCP of the outer header: a copy of the inner one (RFC 5969 section 9), or one value for all packets.',
    }),
    lan: z.array(lanTable).register(keyDocs, {
      about: 'The LANs behind the customer edge, each a /64 of its delegated prefix.',
      roles: ['customer-edge'],
    }),
  })
  .register(tableDocs, {
    about:
      '6rd, RFC 5969: a provider’s own prefix, followed by the IPv4 address of the customer. Exactly one of three ways says what the domain is: `prefix` with its companions, `option-212`, or `dhcp-interface`.',
  });

type ReadSixRd = Read<typeof table>;

/** Prefix and mask length, and the key that says so; null when they are not in the file, or wrong. */
interface ReadDomain extends Omit<Domain, 'expected'> {
  readonly ipv4MaskLen: number;
}

function domainOf({ prefix, 'ipv4-mask-length': ipv4MaskLen, 'option-212': option }: ReadSixRd): ReadDomain | null {
  if (option != null) return { key: 'option-212', prefix: option.prefix, ipv4MaskLen: option.ipv4MaskLen };
  return prefix == null || ipv4MaskLen == null ? null : { key: 'prefix', prefix, ipv4MaskLen };
}

/** See {@link TunnelType}. */
export const sixRd = describe({
  table,

  examples: [
    `# A home whose provider tells everything by DHCPv4.
[[tunnel]]
type = "6rd"
role = "customer-edge"
dhcp-interface = "eth0"

[[tunnel.lan]]
interface = "br-lan"
subnet    = 0
`,
    `# The same, told by hand: 10.1.2.3 makes 2001:db8:102:300::/56.
[[tunnel]]
type  = "6rd"
role  = "customer-edge"
local = "10.1.2.3"
prefix           = "2001:db8::/32"
ipv4-mask-length = 8
border-relays    = ["10.0.0.1"]

[[tunnel.lan]]
interface = "br-lan"
subnet    = 0
`,
    `# One of the border relays that share 10.0.0.1.
[[tunnel]]
type    = "6rd"
role    = "border-relay"
local   = "10.0.0.1"
anycast = true
prefix           = "2001:db8::/32"
ipv4-mask-length = 8
`,
  ],

  check(values, surroundings) {
    const { path, findings } = surroundings;
    checkWays(values, surroundings);
    checkDhcpInterface(values, surroundings);
    checkOnce(values['border-relays'] ?? [], formatIpv4, [...path, 'border-relays'], findings);
    checkRelays(values, surroundings);
    checkLans(values.lan, surroundings);
    if (values.anycast === true && values['path-mtu-discovery'] === true) {
      const message = 'cannot work with an anycast address: what an ICMP error tells, another relay may hear';
      findings.error([...path, 'path-mtu-discovery'], message, 'false (RFC 5969 section 9.1)');
    }
    const domain = domainOf(values);
    if (domain === null) return;
    checkDomain(domain, surroundings);
    checkIpv4Prefix(domain, values, surroundings);
    checkSubnets(domain, values.lan, surroundings);
  },

  domain(values) {
    const domain = domainOf(values);
    return domain === null ? null : { prefix: domain.prefix, key: domain.key, expected: 'a domain of its own (RFC 5969 section 4)' };
  },

  udp: () => null,

  config(values, common): SixRdConfig {
    return {
      ...common,
      type: '6rd',
      role: values.role,
      parameters: parametersOf(values),
      dhcpInterface: values['dhcp-interface'],
      hubAndSpoke: values['hub-and-spoke'],
      anycast: values.anycast,
      lans: values.lan,
    };
  },
});

function parametersOf(values: z.output<typeof table>): SixRdParameters | null {
  const domain = domainOf(values);
  if (domain === null) return null;
  const { prefix, ipv4MaskLen } = domain;
  const relays = values['option-212']?.borderRelays ?? values['border-relays'] ?? [];
  const borderRelays = values.role === 'customer-edge' ? relays : [];
  return { prefix, ipv4MaskLen, common: values['ipv4-prefix']?.addr ?? null, borderRelays };
}

/** One of the ways is there, and whole; that two are not is said of the keys themselves. */
function checkWays(values: ReadSixRd, { path, findings }: Surroundings): void {
  if (values['option-212'] !== null || values['dhcp-interface'] !== null) return;
  const keys = ['prefix', 'ipv4-mask-length', 'border-relays'] as const;
  const way = values.role === 'customer-edge' ? keys : keys.slice(0, 2);
  const missing = way.filter((key) => values[key] === null);
  // Where all are missing, one complaint is enough.
  for (const key of missing.length === way.length ? missing.slice(0, 1) : missing) {
    findings.error([...path, key], 'is missing, and nothing else says it', WAYS[values.role ?? 'customer-edge']);
  }
}

function checkDhcpInterface({ 'dhcp-interface': name, lan }: ReadSixRd, { path, devices, findings }: Surroundings): void {
  if (name == null) return;
  const at = [...path, 'dhcp-interface'];
  if (devices.has(name)) findings.error(at, `"${name}" is the interface of a tunnel`, 'the interface towards the provider');
  if (lan?.some((one) => one?.interface === name))
    findings.error(at, `"${name}" is a LAN of the tunnel`, 'the interface towards the provider');
}

function checkRelays(
  { role, local, accept, 'border-relays': listed, 'option-212': option }: ReadSixRd,
  { path, findings }: Surroundings,
): void {
  if (role !== 'customer-edge') return;
  const isOwn = (relay: number): boolean => relay === local || accept?.includes(relay) === true;
  const expected = 'addresses of other nodes';
  listed?.forEach((relay, i) => {
    if (isOwn(relay)) findings.error([...path, 'border-relays', i], `${formatIpv4(relay)} is an address of the tunnel itself`, expected);
  });
  const own = option?.borderRelays.find(isOwn);
  if (own !== undefined) {
    findings.error([...path, 'option-212'], `its border relay ${formatIpv4(own)} is an address of the tunnel itself`, expected);
  }
}

/** What the option's own reader does not judge, and of keys what it does: RFC 5969 sections 4, 7.1.1 and 11. */
function checkDomain({ prefix, ipv4MaskLen, key }: ReadDomain, { path, identity, findings }: Surroundings): void {
  const carried = 32 - ipv4MaskLen;
  const delegatedLen = prefix.len + carried;
  const at = [...path, key];
  if (delegatedLen > 128) {
    const message = `${prefix.len} bits of prefix and ${carried} bits of IPv4 are ${delegatedLen}`;
    findings.error([...path, 'ipv4-mask-length'], message, 'at most 128 together (RFC 5969 section 7.1.1)');
  } else if (carried === 32 && prefix.len > 32) {
    findings.error(at, `a /${prefix.len} leaves no room for all 32 bits of IPv4`, 'a /32 or shorter (RFC 5969 section 11)');
  } else if (delegatedLen > 64) {
    findings.warning(
      at,
      `a customer edge gets a /${delegatedLen}, too long for a LAN`,
      'a delegated prefix of /64 or shorter (RFC 5969 section 4)',
    );
  }
  const fault = domainFault(prefix);
  if (fault !== null) findings.error(at, fault, 'a prefix of the provider (RFC 5969 section 4)');
  if (identity !== null && in6(identity, 0, prefix)) {
    const message = `is inside the 6rd prefix ${formatPrefix6(prefix)} of ${`tunnel[${path[1]}]`}: what is sent to it would go into the tunnel`;
    findings.error(['node', 'identity'], message, 'an address outside it (RFC 5969 section 12)');
  }
}

/** RFC 5969 section 4: the shared bits are as many as the mask length says, and a customer edge has them. */
function checkIpv4Prefix(
  { ipv4MaskLen }: ReadDomain,
  { role, local, 'ipv4-prefix': shared }: ReadSixRd,
  { path, findings }: Surroundings,
): void {
  if (shared == null) return;
  if (shared.len !== ipv4MaskLen) {
    findings.error(
      [...path, 'ipv4-prefix'],
      `${formatPrefix4(shared)} is no /${ipv4MaskLen}`,
      `the ${ipv4MaskLen} bits that all customer edges share`,
    );
  } else if (role === 'customer-edge' && local != null && !in4(local, shared)) {
    findings.error(
      [...path, 'local'],
      `${formatIpv4(local)} is outside ipv4-prefix ${formatPrefix4(shared)}`,
      'an address of the domain (RFC 5969 section 4)',
    );
  }
}

/** Each LAN has a /64 of the delegated prefix. */
function checkSubnets({ prefix, ipv4MaskLen }: ReadDomain, lans: ReadLans | undefined, { path, findings }: Surroundings): void {
  const delegatedLen = prefix.len + 32 - ipv4MaskLen;
  lans?.forEach((lan, i) => {
    if (lan?.subnet === undefined || lan.subnet < subnetsIn(delegatedLen)) return;
    const expected = delegatedLen > 64 ? 'no LAN' : `0 to ${subnetsIn(delegatedLen) - 1}`;
    findings.error(
      [...path, 'lan', i, 'subnet'],
      `a delegated prefix of /${delegatedLen} has no subnet ${lan.subnet}`,
      `${expected} (RFC 5969 section 4)`,
    );
  });
}

/** How many /64 a prefix of `len` bits, 0..128, has. */
export function subnetsIn(len: number): number {
  return len > 64 ? 0 : 2 ** (64 - len);
}
