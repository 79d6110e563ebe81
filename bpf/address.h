/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What addresses say: to which tunnel one belongs, which IPv4 address it carries, and who may be an end.
 *
 * Functions that loop over the settings are global, so that the verifier looks at each of them once and
 * not on every way to it.
 */
#ifndef TSUNAGI_ADDRESS_H
#define TSUNAGI_ADDRESS_H

#include <linux/in6.h>

#include "maps.h"

/** No tunnel has the address. */
#define NO_TUNNEL (-1)
/** Whichever device it has. */
#define ANY_DEVICE 0

static __always_inline struct address address_of(const struct in6_addr *from)
{
	struct address address;

	__builtin_memcpy(&address, from, sizeof(address));
	return address;
}

/** The pattern of src/mapping/pattern.ts. */
static __always_inline bool matches(const struct pattern *pattern, const struct address *address)
{
	__be32 difference = 0;

	for (int i = 0; i < 4; i++)
		difference |= (address->word[i] ^ pattern->bits[i]) & pattern->mask[i];
	return difference == 0;
}

/** The IPv4 address in an address that matches. */
static __always_inline __be32 carried(const struct pattern *pattern, const struct address *address)
{
	/* The bits may begin in the last word, or behind it when all of them are common. */
	__u32 words[6] = {};
	__u32 word = pattern->word & 3;
	__u64 bits;

	for (int i = 0; i < 4; i++)
		words[i] = bpf_ntohl(address->word[i]);
	bits = (((__u64)words[word] << 32 | words[word + 1]) << (pattern->shift & 31)) >> 32;
	return bpf_htonl(pattern->common | bits >> (pattern->common_len & 63));
}

/** The first tunnel in whose pattern an address is, of those with the device `ifindex`; NO_TUNNEL when there is none. */
__noinline int tunnel_on(struct settings *settings, struct address *address, __u32 ifindex)
{
	if (!settings || !address)
		return NO_TUNNEL;
	for (__u32 i = 0; i < MAX_TUNNELS && i < settings->tunnel_count; i++) {
		const struct tunnel *tunnel = &settings->tunnel[i];

		if ((ifindex == ANY_DEVICE || tunnel->ifindex == ifindex) && matches(&tunnel->pattern, address))
			return i;
	}
	return NO_TUNNEL;
}

/**
 * The first tunnel in whose pattern an address is, of those that decapsulate at `local`: UDP to `port`, or, 0, protocol 41.
 * NO_TUNNEL when there is none.
 */
__noinline int tunnel_at(struct settings *settings, struct address *address, __be32 local, __be16 port)
{
	if (!settings || !address)
		return NO_TUNNEL;
	for (__u32 i = 0; i < MAX_TUNNELS && i < settings->tunnel_count; i++) {
		const struct tunnel *tunnel = &settings->tunnel[i];
		bool here = tunnel->local_count == 0;

		if (tunnel->port != port || !matches(&tunnel->pattern, address))
			continue;
		for (__u32 k = 0; k < MAX_LOCAL && k < tunnel->local_count; k++)
			here |= tunnel->local[k] == local;
		if (here)
			return i;
	}
	return NO_TUNNEL;
}

/** The tunnel that one of these found and that is offloaded; null: none. */
static __always_inline const struct tunnel *offloaded(const struct settings *settings, int found)
{
	/* The compiler knows what they return and would leave out the bounds, which the verifier wants to see. */
	barrier_var(found);
	if (found < 0 || found >= MAX_TUNNELS || !settings->tunnel[found].offloaded)
		return NULL;
	return &settings->tunnel[found];
}

/**
 * True for an address that no automatic tunnel has to do with: globally routed, and neither 6to4, Teredo nor ISATAP, nor in
 * a domain of this node. Special-purpose addresses and those that could lead back here (RFC 6324) are among the others.
 */
static __always_inline bool is_native(struct settings *settings, struct address *address)
{
	__u32 first = bpf_ntohl(address->word[0]);

	return first >> 29 == 1 && first >> 16 != 0x2002 && first != 0x20010000 &&
	       (address->word[2] & bpf_htonl(0xfdffffff)) != bpf_htonl(0x00005efe) &&
	       tunnel_on(settings, address, ANY_DEVICE) == NO_TUNNEL;
}

/** True when an IPv4 address may be the other end of a tunnel: by its policy, EndpointPolicy of src/policy, and none of the node's own. */
__noinline int is_endpoint(struct settings *settings, __u32 generation, __u32 policy, __be32 endpoint)
{
	__u32 key = (generation * POLICY_COUNT + policy) * OCTETS + (bpf_ntohl(endpoint) >> 24);
	const struct rules *found = bpf_map_lookup_elem(&rules, &key);

	if (!settings || !found || found->count > MAX_RULES)
		return false;
	for (__u32 i = 0; i < MAX_OWN && i < settings->own_count; i++)
		if (settings->own[i] == endpoint)
			return false;
	for (__u32 i = 0; i < MAX_RULES && i < found->count; i++)
		if (((endpoint ^ found->rule[i].bits) & found->rule[i].mask) == 0)
			return !found->rule[i].refused;
	return true;
}

#endif
