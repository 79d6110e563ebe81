/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* The kernel's own answer to where a packet goes: its routes, rules and neighbours are not known here, but asked for. */
#ifndef TSUNAGI_ROUTE_H
#define TSUNAGI_ROUTE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "frame.h"

/* linux/socket.h is not among the headers for programs. */
#define AF_INET 2
#define AF_INET6 10
/** Traffic class and flow label in the first word of an IPv6 header. */
#define FLOW_MASK 0x0fffffff
/** BPF_FIB_LOOKUP_SKIP_NEIGH: only the route is asked for. Linux 6.3; older headers do not name it. */
#define ROUTE_ONLY (1U << 2)

/** Why a packet that a lookup answers with `result` is passed up. */
static __always_inline int unrouted(long result)
{
	if (result == BPF_FIB_LKUP_RET_NO_NEIGH)
		return PASSED_NEIGHBOR;
	return result == BPF_FIB_LKUP_RET_FRAG_NEEDED ? PASSED_TOO_BIG : PASSED_ROUTE;
}

/** Looks up where the IPv6 packet, of `len` octets, goes that came in on `ifindex`. Of what is behind its header 4 octets are there. */
static __always_inline long route6(struct xdp_md *ctx, const struct ipv6hdr *ip6, __u32 ifindex, __u32 len, __u32 flags,
				   struct bpf_fib_lookup *fib)
{
	const __be16 *ports = (const void *)(ip6 + 1);

	fib->family = AF_INET6;
	fib->l4_protocol = ip6->nexthdr;
	if (ip6->nexthdr != IPPROTO_ICMPV6) {
		fib->sport = ports[0];
		fib->dport = ports[1];
	}
	fib->tot_len = len;
	fib->ifindex = ifindex;
	fib->flowinfo = *(const __be32 *)ip6 & bpf_htonl(FLOW_MASK);
	__builtin_memcpy(fib->ipv6_src, &ip6->saddr, sizeof(ip6->saddr));
	__builtin_memcpy(fib->ipv6_dst, &ip6->daddr, sizeof(ip6->daddr));
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), flags);
}

/**
 * The same for the outer packet. It comes from nowhere, but the kernel answers only for an interface that forwards IPv4:
 * the daemon has the TUN device do so, on which no IPv4 packet ever arrives, so that the host need not be a router.
 */
static __always_inline long route4(struct xdp_md *ctx, const struct iphdr *ip4, __be16 source, __be16 destination, __u32 ifindex,
				   struct bpf_fib_lookup *fib)
{
	fib->family = AF_INET;
	fib->l4_protocol = ip4->protocol;
	fib->sport = source;
	fib->dport = destination;
	fib->tos = ip4->tos;
	fib->tot_len = bpf_ntohs(ip4->tot_len);
	fib->ifindex = ifindex;
	fib->ipv4_src = ip4->saddr;
	fib->ipv4_dst = ip4->daddr;
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
}

/** How a frame leaves by the interface of a route; false: not by one that is attached. */
static __always_inline bool way_of(const struct bpf_fib_lookup *fib, struct way *way)
{
	__u32 key = fib->ifindex;
	const struct egress *found = bpf_map_lookup_elem(&egress, &key);

	if (!found)
		return false;
	__builtin_memcpy(way->to, fib->dmac, ETH_ALEN);
	__builtin_memcpy(way->from, fib->smac, ETH_ALEN);
	way->device = found->ifindex;
	way->vlan = found->vlan;
	return true;
}

#endif
