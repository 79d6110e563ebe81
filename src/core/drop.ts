/**
 * Why a packet was dropped: one append-only list for metrics, status, `decode`, docs and the fast path.
 *
 * Each reason names exactly one check; a dropped packet raises exactly one of them by one.
 * A code is an octet: policies answer with one, `Drop.none` (0) being "no objection".
 */

/** Drop codes by name. Append only: codes are shared with the fast path and with recorded vectors. */
export const Drop = {
  none: 0,
  truncated: 1,
  not_ipv6: 2,
  bad_ipv4_header: 3,
  not_local: 4,
  source_mismatch: 5,
  destination_mismatch: 6,
  special_ipv4: 7,
  special_ipv6: 8,
  no_endpoint: 9,
  loop: 10,
  hop_limit: 11,
  too_big: 12,
  ecn_congestion: 13,
  untrusted_peer: 14,
  not_potential_router: 15,
  rate_limit: 16,
  queue_full: 17,
  malformed_teredo: 18,
  nonce_mismatch: 19,
  source_routing: 20,
  no_route: 21,
  send_refused: 22,
  tunnel_down: 23,
  malformed_nd: 24,
  malformed_dhcp: 25,
  malformed_option_212: 26,
  neighbor_unreachable: 27,
  not_relayed: 28,
  unauthenticated: 29,
  foreign_server: 30,
} as const;

/** The name of a reason, as metrics and status print it. */
export type DropName = Exclude<keyof typeof Drop, 'none'>;

/** What one reason means and where it comes from. */
export interface DropReason {
  readonly code: number;
  readonly name: DropName;
  /** The check, in one sentence. */
  readonly meaning: string;
  /** RFC and section that asks for the check. */
  readonly rfc: string;
}

const MEANINGS: Record<DropName, readonly [meaning: string, rfc: string]> = {
  truncated: ['The packet is shorter than its headers say.', 'RFC 4213 3.6'],
  not_ipv6: ['What is inside is not an IPv6 packet: its version is not 6.', 'RFC 4213 3.6'],
  bad_ipv4_header: ['The outer IPv4 header is malformed: version, header length or total length.', 'RFC 791 3.1'],
  not_local: ['The outer destination is no address on which a tunnel decapsulates.', 'RFC 4213 3.6'],
  source_mismatch: ['The inner source does not carry the outer source.', 'RFC 3964 5.1, 5.2'],
  destination_mismatch: ['The inner destination is not one that this node serves through this tunnel.', 'RFC 3964 5.2'],
  special_ipv4: ['An IPv4 endpoint, outer or carried by an inner address, lies in a special-purpose range.', 'RFC 3964 5.3.1'],
  special_ipv6: ['An inner address is unspecified, loopback, mapped, link-local, site-local or multicast.', 'RFC 3964 5.3.2'],
  no_endpoint: ['The inner destination carries no IPv4 endpoint and the tunnel has no relay to send it to.', 'RFC 3056 5.3'],
  loop: ['The packet would come back to this node through a tunnel.', 'RFC 6324 3.3'],
  hop_limit: ['The hop limit is used up.', 'RFC 4213 3.3'],
  too_big: ['The packet is larger than the tunnel path takes.', 'RFC 4213 3.2'],
  ecn_congestion: ['The outer header says that congestion was experienced, the inner one cannot carry that.', 'RFC 6040 4.2'],
  untrusted_peer: ['The sender is not a trusted Teredo peer yet.', 'RFC 4380 5.2.3'],
  not_potential_router: ['The sender is not in the potential router list.', 'RFC 5214 7.3'],
  rate_limit: ['The sender is over its rate.', 'RFC 4443 2.4'],
  queue_full: ['The queue or socket that the packet had to enter is full.', 'RFC 4380 7.3.3'],
  malformed_teredo: ['A Teredo header or trailer is malformed.', 'RFC 4380 5.1.1'],
  nonce_mismatch: ['The nonce is not the one that was sent.', 'RFC 4380 5.2.2'],
  source_routing: ['The inner packet asks for source routing (type 0 routing header).', 'RFC 6169 2.3.3, RFC 5095'],
  no_route: ['The host has no route: to the tunnel endpoint, or, in a Teredo server, to the IPv6 destination.', 'RFC 4213 3.4'],
  send_refused: ['The kernel refused the packet, by firewall or policy.', 'RFC 4213 3.4'],
  tunnel_down: ['The tunnel has no usable IPv4 address, or its interface is down.', 'RFC 3056 3'],
  malformed_nd: ['A neighbor discovery message is malformed, or was not sent on the link.', 'RFC 4861 6.1.1'],
  malformed_dhcp: ['A DHCPv4 message is malformed, or answers nothing that was asked.', 'RFC 2131 4.1'],
  malformed_option_212: ['The 6rd option of a DHCPv4 lease is invalid, and ignored.', 'RFC 5969 7.1.1'],
  neighbor_unreachable: [
    'The next hop in the tunnel does not answer: neighbor solicitations, or a Teredo peer bubbles and the connectivity test.',
    'RFC 4861 7.2.2, RFC 4380 5.2.4',
  ],
  not_relayed: ['A Teredo server passes on bubbles and ICMPv6, for its own clients, and nothing else.', 'RFC 4380 5.3.1'],
  unauthenticated: ['The Teredo authentication is missing, or its value is not what the key makes of the message.', 'RFC 4380 5.2.2'],
  foreign_server: ['The router advertisement is not from the Teredo server that was asked, or not for its prefix.', 'RFC 4380 5.2.1'],
};

/** Every reason in order of its code. */
export const DROPS: readonly DropReason[] = (Object.keys(MEANINGS) as DropName[]).map((name) => ({
  code: Drop[name],
  name,
  meaning: MEANINGS[name][0],
  rfc: MEANINGS[name][1],
}));

/** Room for reasons in counter rows and shared structs; more than there are, so that the list can grow. */
export const DROP_SLOTS = 64;
