/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What a call that does nothing seems to take: `begin` reads the clock last and `end` first, as the programs of a run do,
 * after as much work as they have before it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* key: the cookie of both sites; value: what lies between them. The one thread that calls has it to itself. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_gap);
} gaps SEC(".maps");

static __always_inline struct gs_gap *gap_of(void *ctx)
{
	gs_u32 number = bpf_get_attach_cookie(ctx);
	struct gs_gap *gap = bpf_map_lookup_elem(&gaps, &number);

	if (!gap || !bpf_get_current_pid_tgid())
		return 0;
	__sync_fetch_and_add(&gap->hits, 1);
	return gap;
}

SEC("uprobe")
int begin(void *ctx)
{
	struct gs_gap *gap = gap_of(ctx);

	if (gap)
		gap->begun = bpf_ktime_get_ns();
	return 0;
}

SEC("uprobe")
int end(void *ctx)
{
	struct gs_gap *gap = gap_of(ctx);

	if (gap)
		gap->sum += bpf_ktime_get_ns() - gap->begun;
	return 0;
}
