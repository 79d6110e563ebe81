// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * The fast path: packets between native IPv6 and an automatic tunnel, forwarded in front of the stack.
 *
 *   IPv6 from outside, to an address of a tunnel -> encapsulate -> IPv4
 *   protocol 41 from an end of a tunnel, to outside -> decapsulate -> IPv6
 *
 * It forwards what a packet thread and the kernel would forward together, octet for octet, and passes up everything
 * else unchanged: it answers nobody, drops nothing and never guesses. See docs/adr/0009-the-fast-path-passes-up.md.
 */
#include "route.h"
#include "address.h"
#include "teredo.h"
#include "samples.h"

/** MF, and where a fragment belongs. */
#define FRAGMENT_MASK 0x3fff

/** Congestion marks, RFC 3168 section 5. */
enum { NOT_ECT, ECT_1, ECT_0, CE };

/** The settings that hold. */
struct node {
	struct settings *settings;
	__u32 generation;
};

static __always_inline int pass_up(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&passed, &reason);

	if (count)
		++*count;
	return XDP_PASS;
}

static __always_inline int send(const struct way *way, const struct tunnel *tunnel, __u32 direction, __u32 octets)
{
	__u32 key = tunnel->slot * DIRECTION_COUNT + direction;
	struct counter *counter = bpf_map_lookup_elem(&counters, &key);

	if (counter) {
		counter->packets++;
		counter->octets += octets;
	}
	return bpf_redirect_map(&transmit, way->device, 0);
}

/** The sum of the 16-bit words of an IPv4 header without options; 0xffff when its checksum is right. */
static __always_inline __u32 header_sum(const struct iphdr *ip4)
{
	const __u16 *word = (const void *)ip4;
	__u32 sum = 0;

	for (__u32 i = 0; i < sizeof(*ip4) / 2; i++)
		sum += word[i];
	return folded(sum);
}

static __always_inline __u8 traffic_class(const struct ipv6hdr *ip6)
{
	return bpf_ntohl(*(const __be32 *)ip6) >> 20;
}

/** RFC 6040 figure 4: the mark of a packet whose outer header is taken off; negative when it must not go on. */
static __always_inline int merged_mark(__u8 inner, __u8 outer)
{
	if (inner == NOT_ECT)
		return outer == CE ? -1 : NOT_ECT;
	if (outer == CE || (inner == ECT_0 && outer == ECT_1))
		return outer;
	return inner;
}

/** What is wrong with the IPv6 packet of which header and upper layer are in reach, and `octets` there; PASSED_COUNT: nothing. */
static __always_inline __u32 inner_fault(const struct ipv6hdr *ip6, __u32 octets, const void *end)
{
	const __u8 *upper = (const void *)(ip6 + 1);
	__u32 payload = bpf_ntohs(ip6->payload_len);

	if (ip6->version != 6)
		return PASSED_INNER_HEADER;
	if (payload < UPPER_LEN || sizeof(*ip6) + payload > octets)
		return PASSED_TRUNCATED;
	if (ip6->nexthdr != IPPROTO_TCP && ip6->nexthdr != IPPROTO_UDP && ip6->nexthdr != IPPROTO_ICMPV6)
		return PASSED_INNER_HEADER;
	if (ip6->nexthdr == IPPROTO_ICMPV6 && upper[0] >= DISCOVERY_FIRST && upper[0] <= DISCOVERY_LAST)
		return PASSED_DISCOVERY;
	return ip6->hop_limit <= 1 ? PASSED_HOP_LIMIT : checksum_fault(ip6, end);
}

/** Where packets for an address of a tunnel go. */
struct remote {
	__be32 endpoint;
	__be16 port;
	struct flow *flow;
};

/** Finds it; PASSED_COUNT, or why the role has to. */
static __always_inline __u32 find_remote(const struct node *node, const struct tunnel *tunnel, const struct ipv6hdr *ip6,
					 const struct address *destination, struct remote *remote)
{
	remote->flow = NULL;
	remote->port = 0;
	if (tunnel->port == 0) {
		remote->endpoint = carried(&tunnel->pattern, destination);
		return is_endpoint(node->settings, node->generation, tunnel->policy, remote->endpoint) ? PASSED_COUNT : PASSED_ENDPOINT;
	}
	if (!has_checksum(ip6))
		return PASSED_INNER_HEADER;
	remote->flow = flow_of(tunnel, destination);
	if (!remote->flow)
		return PASSED_NO_FLOW;
	remote->endpoint = remote->flow->endpoint;
	remote->port = remote->flow->port;
	return PASSED_COUNT;
}

/** From native IPv6 into a tunnel, RFC 4213 section 3.5. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct node *node, const struct link *link)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6 = (void *)(long)ctx->data + link->len;
	struct address source, destination;
	struct bpf_fib_lookup fib = {};
	const struct tunnel *tunnel;
	struct remote remote;
	struct iphdr ip4 = {}, *outer;
	struct udphdr *udp;
	struct way way;
	__u32 fault, len, carrier, ifindex;
	int padding;
	long result;

	if ((void *)(ip6 + 1) + UPPER_LEN > end)
		return pass_up(PASSED_TRUNCATED);
	destination = address_of(&ip6->daddr);
	if (tunnel_on(node->settings, &destination, ANY_DEVICE) == NO_TUNNEL)
		return pass_up(PASSED_OTHER_ADDRESSES);
	ifindex = arrived_on(ctx, link);
	if (ifindex == 0)
		return pass_up(PASSED_OTHER_LINK);
	fault = inner_fault(ip6, end - (void *)ip6, end);
	if (fault != PASSED_COUNT)
		return pass_up(fault);
	source = address_of(&ip6->saddr);
	if (!is_native(node->settings, &source))
		return pass_up(PASSED_NOT_NATIVE);

	len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	padding = end - (void *)ip6 - len;
	result = route6(ctx, ip6, ifindex, len, ROUTE_ONLY, &fib);
	if (result)
		return pass_up(unrouted(result));
	tunnel = offloaded(node->settings, tunnel_on(node->settings, &destination, fib.ifindex));
	if (!tunnel)
		return pass_up(PASSED_ROUTE);
	fault = find_remote(node, tunnel, ip6, &destination, &remote);
	if (fault != PASSED_COUNT)
		return pass_up(fault);
	if (len > tunnel->mtu)
		return pass_up(PASSED_TOO_BIG);

	carrier = sizeof(ip4) + (tunnel->port == 0 ? 0 : sizeof(*udp));
	ip4.version = 4;
	ip4.ihl = sizeof(ip4) / 4;
	ip4.tos = tunnel->tos | (traffic_class(ip6) & tunnel->tos_mask);
	ip4.tot_len = bpf_htons(carrier + len);
	/* RFC 6864: a packet that nobody may fragment needs no name. */
	ip4.id = tunnel->flags ? 0 : bpf_get_prandom_u32();
	ip4.frag_off = tunnel->flags;
	ip4.ttl = tunnel->ttl;
	ip4.protocol = tunnel->port == 0 ? IPPROTO_IPV6 : IPPROTO_UDP;
	ip4.saddr = tunnel->local[0];
	ip4.daddr = remote.endpoint;
	ip4.check = ~header_sum(&ip4);
	__builtin_memset(&fib, 0, sizeof(fib));
	result = route4(ctx, &ip4, tunnel->port, remote.port, tunnel->ifindex, &fib);
	if (result)
		return pass_up(unrouted(result));
	if (!way_of(&fib, &way))
		return pass_up(PASSED_DEVICE);

	if (bpf_xdp_adjust_head(ctx, (int)(link->len - link_len(&way) - carrier)))
		return pass_up(PASSED_ROOM);
	outer = write_link(ctx, &way, bpf_htons(ETH_P_IP), sizeof(*outer) + sizeof(*udp) + sizeof(*ip6));
	if (!outer)
		return XDP_ABORTED;
	*outer = ip4;
	udp = (void *)(outer + 1);
	ip6 = tunnel->port == 0 ? (void *)udp : (void *)(udp + 1);
	ip6->hop_limit--;
	if (remote.flow) {
		udp->source = tunnel->port;
		udp->dest = remote.port;
		udp->len = bpf_htons(sizeof(*udp) + len);
		udp->check = 0;
		udp->check = ~datagram_sum(outer, udp, ip6);
		/* 0 would say that there is none. */
		if (udp->check == 0)
			udp->check = 0xffff;
		remote.flow->sent = bpf_ktime_get_ns();
	}
	/* Padding may stay when it cannot be cut. */
	bpf_xdp_adjust_tail(ctx, -padding);
	return send(&way, tunnel, DIRECTION_ENCAPSULATE, len);
}

/** From a tunnel to native IPv6, RFC 4213 section 3.6; `carrier_len` is a constant. */
static __always_inline int decapsulate(struct xdp_md *ctx, const struct node *node, const struct link *link, const __u32 carrier_len)
{
	void *end = (void *)(long)ctx->data_end;
	const struct iphdr *ip4 = (void *)(long)ctx->data + link->len;
	const struct udphdr *udp = (const void *)(ip4 + 1);
	struct ipv6hdr *ip6 = (void *)ip4 + carrier_len;
	const bool is_udp = carrier_len > sizeof(*ip4);
	struct address source, destination;
	struct bpf_fib_lookup fib = {};
	const struct tunnel *tunnel;
	struct flow *flow = NULL;
	struct way way;
	__u32 fault, len, total;
	int mark, padding;
	long result;

	if ((void *)(ip6 + 1) + UPPER_LEN > end)
		return pass_up(PASSED_TRUNCATED);
	if (ip4->version != 4 || ip4->ihl != sizeof(*ip4) / 4 || (ip4->frag_off & bpf_htons(FRAGMENT_MASK)) || header_sum(ip4) != 0xffff)
		return pass_up(PASSED_OUTER_HEADER);
	source = address_of(&ip6->saddr);
	tunnel = offloaded(node->settings, tunnel_at(node->settings, &source, ip4->daddr, is_udp ? udp->dest : 0));
	if (!tunnel)
		return pass_up(PASSED_OTHER_ADDRESSES);
	if (arrived_on(ctx, link) == 0)
		return pass_up(PASSED_OTHER_LINK);
	total = bpf_ntohs(ip4->tot_len);
	if (total < carrier_len + sizeof(*ip6) || total > end - (void *)ip4)
		return pass_up(PASSED_TRUNCATED);
	fault = inner_fault(ip6, total - carrier_len, end);
	if (fault != PASSED_COUNT)
		return pass_up(fault);
	len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	if (is_udp) {
		/* Trailers are for the role, as is a datagram whose checksum the headers do not explain. */
		if (bpf_ntohs(udp->len) != sizeof(*udp) + len || (udp->check != 0 && datagram_sum(ip4, udp, ip6) != 0xffff))
			return pass_up(PASSED_OUTER_HEADER);
		flow = flow_of(tunnel, &source);
		if (!flow)
			return pass_up(PASSED_NO_FLOW);
		if (flow->endpoint != ip4->saddr || flow->port != udp->source)
			return pass_up(PASSED_ENDPOINT);
	} else if (carried(&tunnel->pattern, &source) != ip4->saddr ||
		   !is_endpoint(node->settings, node->generation, tunnel->policy, ip4->saddr)) {
		return pass_up(PASSED_ENDPOINT);
	}
	destination = address_of(&ip6->daddr);
	if (!is_native(node->settings, &destination))
		return pass_up(PASSED_NOT_NATIVE);
	/* Sockets of UDP tell no outer mark, so that there is none to be passed on: RFC 9601 section 6.1.3. */
	mark = merged_mark(traffic_class(ip6) & CE, is_udp ? NOT_ECT : ip4->tos & CE);
	if (mark < 0)
		return pass_up(PASSED_ECN);

	padding = end - (void *)ip6 - len;
	result = route6(ctx, ip6, tunnel->ifindex, len, 0, &fib);
	if (result)
		return pass_up(unrouted(result));
	if (!way_of(&fib, &way))
		return pass_up(PASSED_DEVICE);

	if (bpf_xdp_adjust_head(ctx, (int)(link->len + carrier_len - link_len(&way))))
		return pass_up(PASSED_ROOM);
	ip6 = write_link(ctx, &way, bpf_htons(ETH_P_IPV6), sizeof(*ip6));
	if (!ip6)
		return XDP_ABORTED;
	ip6->hop_limit--;
	ip6->flow_lbl[0] = (ip6->flow_lbl[0] & 0xcf) | mark << 4;
	if (flow)
		flow->heard = bpf_ktime_get_ns();
	bpf_xdp_adjust_tail(ctx, -padding);
	return send(&way, tunnel, DIRECTION_DECAPSULATE, len);
}

/** Protocol 41 and UDP go their own ways from the start, since a carrier's length has to be a constant. */
static __always_inline int from_ipv4(struct xdp_md *ctx, const struct node *node, const struct link *link)
{
	const struct iphdr *ip4 = (void *)(long)ctx->data + link->len;

	if ((void *)(ip4 + 1) > (void *)(long)ctx->data_end)
		return pass_up(PASSED_TRUNCATED);
	if (ip4->protocol == IPPROTO_IPV6)
		return decapsulate(ctx, node, link, sizeof(*ip4));
	if (ip4->protocol == IPPROTO_UDP)
		return decapsulate(ctx, node, link, sizeof(*ip4) + sizeof(struct udphdr));
	return pass_up(PASSED_OTHER_PROTOCOL);
}

static __always_inline int judge(struct xdp_md *ctx)
{
	struct node node = {};
	__u32 *generation, first = 0;
	struct link link;

	if (!read_link((void *)(long)ctx->data, (void *)(long)ctx->data_end, &link))
		return pass_up(PASSED_TRUNCATED);
	generation = bpf_map_lookup_elem(&active, &first);
	if (!generation)
		return pass_up(PASSED_IDLE);
	node.generation = *generation;
	node.settings = bpf_map_lookup_elem(&settings, &node.generation);
	if (!node.settings || node.settings->tunnel_count == 0)
		return pass_up(PASSED_IDLE);
	if (link.protocol == bpf_htons(ETH_P_IPV6))
		return encapsulate(ctx, &node, &link);
	if (link.protocol == bpf_htons(ETH_P_IP))
		return from_ipv4(ctx, &node, &link);
	return pass_up(PASSED_OTHER_PROTOCOL);
}

SEC("xdp")
int tsunagi(struct xdp_md *ctx)
{
	int verdict = judge(ctx);

	show(ctx, verdict);
	return verdict;
}

/* bpf_fib_lookup is for programs under the GPL. */
char _license[] SEC("license") = "Dual MIT/GPL";
