/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Frames and what became of them, for people who look at an interface: tcpdump does not see what is forwarded here. */
#ifndef TSUNAGI_SAMPLES_H
#define TSUNAGI_SAMPLES_H

#include "maps.h"

/** Octets between the kernel and who looks. What does not fit is lost: it bounds what looking costs. */
#define SAMPLES_ROOM (1 << 19)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watch);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLES_ROOM);
} samples SEC(".maps");

/** Shows a frame as it is now to who looks, if anybody does. */
static __always_inline void show(struct xdp_md *ctx, int verdict)
{
	__u32 first = 0;
	struct watch *watch = bpf_map_lookup_elem(&watched, &first);
	struct sample *sample;
	__u64 now, len, shown;

	if (!watch || watch->every == 0 || watch->ifindex != ctx->ingress_ifindex)
		return;
	if (__sync_fetch_and_add(&watch->seen, 1) % watch->every != 0)
		return;
	now = bpf_ktime_get_ns();
	if (now > watch->until)
		return;
	len = bpf_xdp_get_buff_len(ctx);
	shown = len < SAMPLE_OCTETS ? len : SAMPLE_OCTETS;
	if (shown == 0)
		return;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		__sync_fetch_and_add(&watch->lost, 1);
		return;
	}
	sample->time = now;
	sample->verdict = verdict;
	sample->len = len;
	if (bpf_xdp_load_bytes(ctx, 0, sample->frame, shown))
		bpf_ringbuf_discard(sample, 0);
	else
		bpf_ringbuf_submit(sample, 0);
}

#endif
