/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What hits take besides the programs at them: `begin` and `end` read the clock first and last, as the programs of a run do with
 * `net`, and at calls that do nothing there is nothing else between two readings.
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

	return bpf_map_lookup_elem(&gaps, &number);
}

SEC("uprobe")
int begin(void *ctx)
{
	gs_u64 now = bpf_ktime_get_ns();
	struct gs_gap *gap = gap_of(ctx);

	if (!gap)
		return 0;
	if (gap->calls >= GS_FIRST_CALLS)
		gap->between += now - gap->over;
	gap->calls++;
	gap->begun = bpf_ktime_get_ns();
	gap->over = gap->begun;
	return 0;
}

SEC("uprobe")
int end(void *ctx)
{
	gs_u64 now = bpf_ktime_get_ns();
	struct gs_gap *gap = gap_of(ctx);

	if (!gap)
		return 0;
	if (gap->calls > GS_FIRST_CALLS)
		gap->inside += now - gap->begun;
	gap->over = bpf_ktime_get_ns();
	return 0;
}
