/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Frames of Ethernet: what is in front of a packet, before and after. */
#ifndef TSUNAGI_FRAME_H
#define TSUNAGI_FRAME_H

#include <linux/if_ether.h>

#include "maps.h"

/** Octets of an 802.1Q tag, and the bits of it that are the VLAN. */
#define TAG_LEN 4
#define VLAN_MASK 0x0fff

struct tag {
	__be16 control;
	__be16 protocol;
};

/** What a frame has in front of its packet. */
struct link {
	/** Octets: Ethernet, and a tag where there is one. */
	__u32 len;
	/** 0: none. */
	__u32 vlan;
	/** What the packet is. */
	__be16 protocol;
};

/** Where a packet goes on. */
struct way {
	__u8 to[ETH_ALEN];
	__u8 from[ETH_ALEN];
	__u32 device;
	__u32 vlan;
};

/** Reads the head of a frame. A priority tag names no VLAN: 802.1Q has it treated as none. False: it is cut off. */
static __always_inline bool read_link(void *data, void *end, struct link *link)
{
	const struct ethhdr *ethernet = data;
	const struct tag *tag = data + sizeof(*ethernet);

	if ((void *)(ethernet + 1) > end)
		return false;
	link->len = sizeof(*ethernet);
	link->vlan = 0;
	link->protocol = ethernet->h_proto;
	if (link->protocol != bpf_htons(ETH_P_8021Q))
		return true;
	if ((void *)(tag + 1) > end)
		return false;
	link->len += TAG_LEN;
	link->vlan = bpf_ntohs(tag->control) & VLAN_MASK;
	link->protocol = tag->protocol;
	return true;
}

/** The number of the interface that a frame is for; 0: none of those that are attached, or another station. */
static __always_inline __u32 arrived_on(struct xdp_md *ctx, const struct link *link)
{
	const struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct arrival key = { .ifindex = ctx->ingress_ifindex, .vlan = link->vlan };
	const struct ingress *found = bpf_map_lookup_elem(&ingress, &key);
	__u8 difference = 0;

	if (!found || (void *)(ethernet + 1) > (void *)(long)ctx->data_end)
		return 0;
	for (int i = 0; i < ETH_ALEN; i++)
		difference |= ethernet->h_dest[i] ^ found->mac[i];
	return difference == 0 ? found->ifindex : 0;
}

/** Octets that a frame on `way` has in front of its packet. */
static __always_inline __u32 link_len(const struct way *way)
{
	return sizeof(struct ethhdr) + (way->vlan == 0 ? 0 : TAG_LEN);
}

/**
 * Writes the head of a frame, and returns its packet, of which `len` octets are there; null when they are not.
 * `len` is a constant.
 */
static __always_inline void *write_link(struct xdp_md *ctx, const struct way *way, __be16 protocol, __u32 len)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct tag *tag = data + sizeof(*ethernet);
	void *packet = tag;

	if (packet + len > end)
		return NULL;
	__builtin_memcpy(ethernet->h_dest, way->to, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, way->from, ETH_ALEN);
	ethernet->h_proto = protocol;
	if (way->vlan == 0)
		return packet;
	packet += TAG_LEN;
	if (packet + len > end)
		return NULL;
	ethernet->h_proto = bpf_htons(ETH_P_8021Q);
	tag->control = bpf_htons(way->vlan);
	tag->protocol = protocol;
	return packet;
}

#endif
