/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Teredo, RFC 4380: clients that a relay trusts, and UDP around their packets. */
#ifndef TSUNAGI_TEREDO_H
#define TSUNAGI_TEREDO_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "upper.h"

#define NANOSECONDS 1000000000ULL

/** The flow of the client with this address; null: it is not trusted, or silent for too long. */
static __always_inline struct flow *flow_of(const struct tunnel *tunnel, const struct address *address)
{
	struct client key = { .address = *address, .slot = tunnel->slot };
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);

	return flow && flow->heard + FLOW_SILENCE * NANOSECONDS > bpf_ktime_get_ns() ? flow : NULL;
}

/**
 * The sum over the datagram, its pseudo header and all that is in it, by the headers alone. The checksum of the upper layer
 * makes the sum over that the complement of its own pseudo header: addresses and length, which the IPv6 header has too, and
 * the next header. 0xffff when the checksum of UDP is right. A payload that was damaged on the way is found by the host for
 * which it is, as everywhere where UDP is without a checksum.
 */
static __always_inline __u32 datagram_sum(const struct iphdr *ip4, const struct udphdr *udp, const struct ipv6hdr *ip6)
{
	const __u16 *source = (const void *)&ip4->saddr;
	const __u16 *head = (const void *)ip6;
	__u32 sum = bpf_htons(IPPROTO_UDP) + udp->len;

	for (int i = 0; i < 4; i++)
		sum += source[i];
	sum += udp->source + udp->dest + udp->len + udp->check;
	/* Version, traffic class and flow label, then next header and hop limit, without the next header. */
	return folded(sum + head[0] + head[1] + head[3] + (0xffff ^ bpf_htons(ip6->nexthdr)));
}

#endif
