/** The nodes of the 6rd vectors: configurations, and the addresses that belong to them. */
import ipaddr from 'ipaddr.js';
import { address } from '../compose.js';

export type Role = 'customer-edge' | 'border-relay';

/** Source of the errors of a node that has an identity: outside every domain. */
export const IDENTITY = '3fff:0:b::1';

/** A domain: what its nodes have in their configuration, RFC 5969 section 7. */
export interface Domain {
  readonly prefix: string;
  readonly maskLen: number;
  /** The first border relay. */
  readonly relay: string;
}

/** The domain of RFC 5969 section 7.1.1. */
export const EXAMPLE: Domain = { prefix: '2001:db8::/32', maskLen: 8, relay: '10.0.0.1' };

/** 10.100.100.1: the customer edge that the shared vectors speak of, and the others around it. */
export const HOME = { v4: '10.100.100.1', v6: '2001:db8:6464:100::1', prefix: '2001:db8:6464:100::' } as const;
export const NEIGHBOR = { v4: '10.100.100.2', v6: '2001:db8:6464:200::1' } as const;
export const RELAY = { v4: '10.0.0.1', v6: '2001:db8:0:100::1', prefix: '2001:db8:0:100::' } as const;
/** A border relay whose address is a public one: its customers are in 10.0.0.0/8. */
export const PUBLIC = { v4: '203.0.113.1', hex: 'cb00:7101', inverted: '34ff:8efe' } as const;
/** A server that is in no tunnel. */
export const WEB = '3fff:0:1::80';

/** Lines of a `[[tunnel]]` in `domain`. */
export function tunnel(role: Role, local: string, domain: Domain, ...lines: string[]): string[] {
  return [
    ...tunnelBy(role, local),
    `prefix = "${domain.prefix}"`,
    `ipv4-mask-length = ${domain.maskLen}`,
    ...(role === 'customer-edge' && !lines.some((line) => line.startsWith('border-relays')) ? [`border-relays = ["${domain.relay}"]`] : []),
    ...lines,
  ];
}

/** The same without the parameters of a domain. */
export function tunnelBy(role: Role, local: string, ...lines: string[]): string[] {
  return ['[[tunnel]]', 'type = "6rd"', `role = "${role}"`, `local = "${local}"`, ...lines];
}

/** A node with an identity and these tunnels. */
export function node(...tunnels: readonly (readonly string[])[]): string {
  return ['[node]', `identity = "${IDENTITY}"`, '', ...tunnels.flatMap((lines) => [...lines, ''])].join('\n');
}

/** A customer edge of the example, with further lines. */
export const edge = (...lines: string[]): string => node(tunnel('customer-edge', HOME.v4, EXAMPLE, ...lines));
/** Its border relay. */
export const relay = (...lines: string[]): string => node(tunnel('border-relay', RELAY.v4, EXAMPLE, ...lines));
/** A border relay outside the customers' range. */
export const publicRelay = (...lines: string[]): string =>
  node(tunnel('border-relay', PUBLIC.v4, EXAMPLE, 'ipv4-prefix = "10.0.0.0/8"', ...lines));

/** The address of `v4` in a domain whose prefix ends anywhere: arithmetic on 128 bits. `low` is added: subnet and interface identifier. */
export function addressIn({ prefix, maskLen }: Omit<Domain, 'relay'>, v4: string, low = 1n): string {
  const [network, len] = prefix.split('/');
  const carried = toNumber(v4) & ((1n << BigInt(32 - maskLen)) - 1n);
  const value = toNumber(network) | (carried << BigInt(128 - Number(len) - (32 - maskLen))) | low;
  const octets = Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * (15 - i))) & 0xffn));
  return ipaddr.fromByteArray(octets).toString();
}

function toNumber(text: string): bigint {
  return address(text).reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}
