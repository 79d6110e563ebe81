/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What is behind the inner IPv6 header: TCP, UDP or ICMPv6, and its checksum. */
#ifndef TSUNAGI_UPPER_H
#define TSUNAGI_UPPER_H

#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "maps.h"

/* linux/icmpv6.h: neighbor discovery. */
#define DISCOVERY_FIRST 133
#define DISCOVERY_LAST 137
/** Octets of it that have to be there: ports, and the type of ICMPv6. */
#define UPPER_LEN 8

/** The sum of 16 bits and a carry, in ones' complement: never 0 where one term is not. */
static __always_inline __u32 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/** True when it has a checksum: over IPv6 UDP may do without, RFC 6935. */
static __always_inline bool has_checksum(const struct ipv6hdr *ip6)
{
	const struct udphdr *upper = (const void *)(ip6 + 1);

	return ip6->nexthdr != IPPROTO_UDP || upper->check != 0;
}

/** The sum over its pseudo header, RFC 8200 section 8.1. */
static __always_inline __u32 pseudo_header_sum(const struct ipv6hdr *ip6)
{
	const __u32 *word = (const void *)&ip6->saddr;
	__u64 sum = ip6->payload_len + bpf_htons(ip6->nexthdr);

	for (__u32 i = 0; i < 2 * sizeof(ip6->saddr) / sizeof(*word); i++)
		sum += word[i];
	return folded((sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32));
}

/**
 * What is wrong with its checksum; PASSED_COUNT: nothing. The stack leaves the rest of it to a driver and puts the sum over
 * the pseudo header in its place. On a cable of the kernel's own no driver does the rest, and nobody would for a frame that is
 * redirected. Of checksums that are right one in 65536 looks like that, too.
 */
static __always_inline __u32 checksum_fault(const struct ipv6hdr *ip6, const void *end)
{
	const struct tcphdr *tcp = (const void *)(ip6 + 1);
	const struct udphdr *udp = (const void *)(ip6 + 1);
	const struct icmp6hdr *icmp = (const void *)(ip6 + 1);
	__u16 check = ip6->nexthdr == IPPROTO_UDP ? udp->check : icmp->icmp6_cksum;

	if (ip6->nexthdr == IPPROTO_TCP) {
		if ((const void *)(tcp + 1) > end)
			return PASSED_TRUNCATED;
		check = tcp->check;
	}
	return check == pseudo_header_sum(ip6) ? PASSED_CHECKSUM : PASSED_COUNT;
}

#endif
