/** The nodes of the 6to4 vectors: configurations, and the addresses that belong to them. */

/** The documentation ranges play the Internet. */
const ALLOW = `[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

/** Roles, in the order of the configuration reference. */
export const ROLES = ['host', 'router', 'relay'] as const;
export type Role = (typeof ROLES)[number];

/** Source of the errors of a node that has an identity. */
export const IDENTITY = '2001:db8:b000::1';

/** A configuration of one tunnel at `local`, with further `lines` of it. */
export function config(role: Role, local: string, ...lines: string[]): string {
  return ['[node]', `identity = "${IDENTITY}"`, '', ...tunnelLines(role, local, lines), '', ALLOW].join('\n');
}

/** The same without a documentation range that is let through, and without an identity. */
export function strictConfig(role: Role, local: string, ...lines: string[]): string {
  return [...tunnelLines(role, local, lines), ''].join('\n');
}

/** A node with several tunnels. */
export function manyTunnels(...tunnels: readonly (readonly [role: Role, local: string, ...lines: string[]])[]): string {
  const tables = tunnels.flatMap(([role, local, ...lines], i) => [...tunnelLines(role, local, [`name = "${role}-${i}"`, ...lines]), '']);
  return ['[node]', `identity = "${IDENTITY}"`, '', ...tables, ALLOW].join('\n');
}

function tunnelLines(role: Role, local: string, lines: readonly string[]): string[] {
  return ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...lines];
}

/** 192.0.2.42: the site that the shared vectors speak of most. */
export const SITE = { v4: '192.0.2.42', v6: '2002:c000:22a::1' } as const;
/** 198.51.100.7: the node that the shared vectors check. */
export const PEER = { v4: '198.51.100.7', v6: '2002:c633:6407::1' } as const;
/** The anycast relay, RFC 3068, and its own address. */
export const RELAY = { v4: '192.88.99.1', v6: '2002:c058:6301::', unicast: '203.0.113.1', unicast6: '2002:cb00:7101::' } as const;
/** A server that is in no tunnel. */
export const WEB = '3fff:0:1::80';
/** A router on the way. */
export const HOP = '203.0.113.9';

/** The anycast relay with its unicast address beside it. */
export const ANYCAST = config('relay', RELAY.v4, `accept = ["${RELAY.unicast}"]`);
