/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Made from src/xdp/layout.ts, where everything is explained: npx vitest run test/xdp/layout.test.ts -u */
#ifndef TSUNAGI_LAYOUT_H
#define TSUNAGI_LAYOUT_H

#include <linux/types.h>

enum {
	MAX_TUNNELS = 16,
	MAX_LOCAL = 8,
	MAX_OWN = 32,
	MAX_RULES = 16,
	MAX_INTERFACES = 64,
	MAX_SLOTS = 64,
	MAX_FLOWS = 131072,
	SAMPLE_OCTETS = 2048,
	GENERATIONS = 2,
	FLOW_SILENCE = 30,
};

enum {
	DIRECTION_ENCAPSULATE,
	DIRECTION_DECAPSULATE,
	DIRECTION_COUNT,
};

enum {
	POLICY_REGISTRY,
	POLICY_UNICAST,
	POLICY_GLOBAL,
	POLICY_COUNT,
};

enum {
	PASSED_IDLE,
	PASSED_OTHER_PROTOCOL,
	PASSED_TRUNCATED,
	PASSED_OUTER_HEADER,
	PASSED_OTHER_ADDRESSES,
	PASSED_OTHER_LINK,
	PASSED_INNER_HEADER,
	PASSED_DISCOVERY,
	PASSED_HOP_LIMIT,
	PASSED_CHECKSUM,
	PASSED_NO_FLOW,
	PASSED_NOT_NATIVE,
	PASSED_ENDPOINT,
	PASSED_ECN,
	PASSED_TOO_BIG,
	PASSED_ROUTE,
	PASSED_NEIGHBOR,
	PASSED_DEVICE,
	PASSED_ROOM,
	PASSED_COUNT,
};

struct address {
	__be32 word[4];
};
_Static_assert(sizeof(struct address) == 16, "address");
_Static_assert(__builtin_offsetof(struct address, word) == 0, "address.word");

struct pattern {
	__be32 bits[4];
	__be32 mask[4];
	__u32 word;
	__u32 shift;
	__u32 common_len;
	__u32 common;
};
_Static_assert(sizeof(struct pattern) == 48, "pattern");
_Static_assert(__builtin_offsetof(struct pattern, bits) == 0, "pattern.bits");
_Static_assert(__builtin_offsetof(struct pattern, mask) == 16, "pattern.mask");
_Static_assert(__builtin_offsetof(struct pattern, word) == 32, "pattern.word");
_Static_assert(__builtin_offsetof(struct pattern, shift) == 36, "pattern.shift");
_Static_assert(__builtin_offsetof(struct pattern, common_len) == 40, "pattern.common_len");
_Static_assert(__builtin_offsetof(struct pattern, common) == 44, "pattern.common");

struct tunnel {
	struct pattern pattern;
	__u32 slot;
	__u32 ifindex;
	__u32 policy;
	__u32 mtu;
	__u8 ttl;
	__u8 tos;
	__u8 tos_mask;
	__u8 local_count;
	__be16 flags;
	__be16 port;
	__u8 offloaded;
	__u8 reserved[3];
	__be32 local[8];
};
_Static_assert(sizeof(struct tunnel) == 108, "tunnel");
_Static_assert(__builtin_offsetof(struct tunnel, pattern) == 0, "tunnel.pattern");
_Static_assert(__builtin_offsetof(struct tunnel, slot) == 48, "tunnel.slot");
_Static_assert(__builtin_offsetof(struct tunnel, ifindex) == 52, "tunnel.ifindex");
_Static_assert(__builtin_offsetof(struct tunnel, policy) == 56, "tunnel.policy");
_Static_assert(__builtin_offsetof(struct tunnel, mtu) == 60, "tunnel.mtu");
_Static_assert(__builtin_offsetof(struct tunnel, ttl) == 64, "tunnel.ttl");
_Static_assert(__builtin_offsetof(struct tunnel, tos) == 65, "tunnel.tos");
_Static_assert(__builtin_offsetof(struct tunnel, tos_mask) == 66, "tunnel.tos_mask");
_Static_assert(__builtin_offsetof(struct tunnel, local_count) == 67, "tunnel.local_count");
_Static_assert(__builtin_offsetof(struct tunnel, flags) == 68, "tunnel.flags");
_Static_assert(__builtin_offsetof(struct tunnel, port) == 70, "tunnel.port");
_Static_assert(__builtin_offsetof(struct tunnel, offloaded) == 72, "tunnel.offloaded");
_Static_assert(__builtin_offsetof(struct tunnel, reserved) == 73, "tunnel.reserved");
_Static_assert(__builtin_offsetof(struct tunnel, local) == 76, "tunnel.local");

struct settings {
	__u32 own_count;
	__u32 tunnel_count;
	__be32 own[32];
	struct tunnel tunnel[16];
};
_Static_assert(sizeof(struct settings) == 1864, "settings");
_Static_assert(__builtin_offsetof(struct settings, own_count) == 0, "settings.own_count");
_Static_assert(__builtin_offsetof(struct settings, tunnel_count) == 4, "settings.tunnel_count");
_Static_assert(__builtin_offsetof(struct settings, own) == 8, "settings.own");
_Static_assert(__builtin_offsetof(struct settings, tunnel) == 136, "settings.tunnel");

struct rule {
	__be32 bits;
	__be32 mask;
	__u32 refused;
};
_Static_assert(sizeof(struct rule) == 12, "rule");
_Static_assert(__builtin_offsetof(struct rule, bits) == 0, "rule.bits");
_Static_assert(__builtin_offsetof(struct rule, mask) == 4, "rule.mask");
_Static_assert(__builtin_offsetof(struct rule, refused) == 8, "rule.refused");

struct rules {
	__u32 count;
	struct rule rule[16];
};
_Static_assert(sizeof(struct rules) == 196, "rules");
_Static_assert(__builtin_offsetof(struct rules, count) == 0, "rules.count");
_Static_assert(__builtin_offsetof(struct rules, rule) == 4, "rules.rule");

struct client {
	struct address address;
	__u32 slot;
};
_Static_assert(sizeof(struct client) == 20, "client");
_Static_assert(__builtin_offsetof(struct client, address) == 0, "client.address");
_Static_assert(__builtin_offsetof(struct client, slot) == 16, "client.slot");

struct flow {
	__u64 heard;
	__u64 sent;
	__be32 endpoint;
	__be16 port;
	__u16 reserved;
};
_Static_assert(sizeof(struct flow) == 24, "flow");
_Static_assert(__builtin_offsetof(struct flow, heard) == 0, "flow.heard");
_Static_assert(__builtin_offsetof(struct flow, sent) == 8, "flow.sent");
_Static_assert(__builtin_offsetof(struct flow, endpoint) == 16, "flow.endpoint");
_Static_assert(__builtin_offsetof(struct flow, port) == 20, "flow.port");
_Static_assert(__builtin_offsetof(struct flow, reserved) == 22, "flow.reserved");

struct arrival {
	__u32 ifindex;
	__u32 vlan;
};
_Static_assert(sizeof(struct arrival) == 8, "arrival");
_Static_assert(__builtin_offsetof(struct arrival, ifindex) == 0, "arrival.ifindex");
_Static_assert(__builtin_offsetof(struct arrival, vlan) == 4, "arrival.vlan");

struct ingress {
	__u32 ifindex;
	__u8 mac[6];
	__u16 reserved;
};
_Static_assert(sizeof(struct ingress) == 12, "ingress");
_Static_assert(__builtin_offsetof(struct ingress, ifindex) == 0, "ingress.ifindex");
_Static_assert(__builtin_offsetof(struct ingress, mac) == 4, "ingress.mac");
_Static_assert(__builtin_offsetof(struct ingress, reserved) == 10, "ingress.reserved");

struct egress {
	__u32 ifindex;
	__u32 vlan;
};
_Static_assert(sizeof(struct egress) == 8, "egress");
_Static_assert(__builtin_offsetof(struct egress, ifindex) == 0, "egress.ifindex");
_Static_assert(__builtin_offsetof(struct egress, vlan) == 4, "egress.vlan");

struct counter {
	__u64 packets;
	__u64 octets;
};
_Static_assert(sizeof(struct counter) == 16, "counter");
_Static_assert(__builtin_offsetof(struct counter, packets) == 0, "counter.packets");
_Static_assert(__builtin_offsetof(struct counter, octets) == 8, "counter.octets");

struct watch {
	__u64 seen;
	__u64 lost;
	__u64 until;
	__u32 ifindex;
	__u32 every;
};
_Static_assert(sizeof(struct watch) == 32, "watch");
_Static_assert(__builtin_offsetof(struct watch, seen) == 0, "watch.seen");
_Static_assert(__builtin_offsetof(struct watch, lost) == 8, "watch.lost");
_Static_assert(__builtin_offsetof(struct watch, until) == 16, "watch.until");
_Static_assert(__builtin_offsetof(struct watch, ifindex) == 24, "watch.ifindex");
_Static_assert(__builtin_offsetof(struct watch, every) == 28, "watch.every");

struct sample {
	__u64 time;
	__u32 verdict;
	__u32 len;
	__u8 frame[2048];
};
_Static_assert(sizeof(struct sample) == 2064, "sample");
_Static_assert(__builtin_offsetof(struct sample, time) == 0, "sample.time");
_Static_assert(__builtin_offsetof(struct sample, verdict) == 8, "sample.verdict");
_Static_assert(__builtin_offsetof(struct sample, len) == 12, "sample.len");
_Static_assert(__builtin_offsetof(struct sample, frame) == 16, "sample.frame");

#endif
