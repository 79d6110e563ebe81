// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * The least with which XDP forwards: the kernel is asked where an IPv6 packet goes, and it goes there with a hop less. No
 * tunnel, no map, and no check that is not needed for that: the limit against which the fast path is measured. And less than
 * that, frames that are thrown away: the limit of their source.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* linux/socket.h is not among the headers for programs. */
#define AF_INET6 10
/** Traffic class and flow label in the first word of an IPv6 header. */
#define FLOW_MASK 0x0fffffff

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct ipv6hdr *ip6 = (void *)(ethernet + 1);
	struct bpf_fib_lookup fib = { .family = AF_INET6, .ifindex = ctx->ingress_ifindex };

	if ((void *)(ip6 + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IPV6) || ip6->hop_limit <= 1)
		return XDP_PASS;
	fib.l4_protocol = ip6->nexthdr;
	fib.tot_len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	fib.flowinfo = *(const __be32 *)ip6 & bpf_htonl(FLOW_MASK);
	__builtin_memcpy(fib.ipv6_src, &ip6->saddr, sizeof(ip6->saddr));
	__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, sizeof(ip6->daddr));
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	ip6->hop_limit--;
	__builtin_memcpy(ethernet->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, fib.smac, ETH_ALEN);
	return bpf_redirect(fib.ifindex, 0);
}

SEC("xdp")
int discard(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* bpf_fib_lookup is for programs under the GPL. */
char _license[] SEC("license") = "Dual MIT/GPL";
