/** A BPF object of few lines, compiled here: what libbpf is tried with before our own program is. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } cells SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } flows SEC(".maps");

/* Counts a frame, notes where it came in, and turns its first octet over. */
SEC("xdp") int tiny_count(struct xdp_md *ctx)
{
	unsigned char *b = (void *)(long)ctx->data;
	__u32 zero = 0, *count = bpf_map_lookup_elem(&counts, &zero);
	__u64 index = ctx->ingress_ifindex;
	if (count) (*count)++;
	bpf_map_update_elem(&cells, &zero, &index, BPF_ANY);
	if ((void *)(b + 1) <= (void *)(long)ctx->data_end) b[0] ^= 0xff;
	return XDP_TX;
}

SEC("xdp") int tiny_pass(struct xdp_md *ctx) { return XDP_PASS; }

char _license[] SEC("license") = "Dual MIT/GPL";
`;

/** Reads the frame without a look at its end, which no verifier lets through. */
const UNSAFE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int tiny_unsafe(struct xdp_md *ctx) { return *(unsigned char *)(long)ctx->data; }
char _license[] SEC("license") = "Dual MIT/GPL";
`;

/** The two objects. Throws when there is no clang. */
export function compileTiny(): { readonly tiny: Uint8Array; readonly unsafe: Uint8Array } {
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-tiny-'));
  try {
    const [tiny, unsafe] = [SOURCE, UNSAFE].map((source, i) => {
      const object = join(folder, `${i}.o`);
      // Debian keeps <asm/types.h> where only its own compilers look.
      const include = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
      const args = ['-O2', '-g', '-target', 'bpf', `-I/usr/include/${include}-linux-gnu`, '-x', 'c', '-c', '-', '-o', object];
      execFileSync('clang', args, { input: source });
      return Uint8Array.from(readFileSync(object));
    });
    return { tiny, unsafe };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
