/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Durations without probe time. A nest of open calls keeps account of what its hits have taken: of each the trap, whose price
 * is given, and the program, by the clock. An open call remembers the account at its beginning; what was added until its
 * end lies inside its time, and is taken off.
 *
 * Hits on other nests are not in the account: those of C functions and spans inside Go's calls, and the other way round; nor
 * are the traps by which the runtime's panics and exits are seen. Nor is the return that a program does itself: it follows the
 * program's last reading of the clock, and no price contains it.
 */
#ifndef GOSPECT_NET_BPF_H
#define GOSPECT_NET_BPF_H

#include "maps.bpf.h"

/* When the program began, where that is asked for. */
#define BEGUN (config.net ? bpf_ktime_get_ns() : 0)

/* key: series; value: the probe time that was taken off its durations, ns. Sized at load; with `net` alone. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, gs_u64);
} probe_times SEC(".maps");

static __always_inline struct gs_price price_of(gs_u32 probe)
{
	struct gs_price *price = bpf_map_lookup_elem(&prices, &probe), none = {};

	return price ? *price : none;
}

/* Enters a hit at which the program began then, and does no more than this. */
static __always_inline void pay(struct gs_goroutine *nest, gs_u32 price, gs_u64 begun)
{
	nest->spent += price + bpf_ktime_get_ns() - begun;
}

/* Enters the hit of a call that began at `start`. What the call remembers: what the hit took since then is in its time. */
static __always_inline gs_u64 pay_entry(struct gs_goroutine *nest, gs_u32 probe, gs_u64 start, gs_u64 begun)
{
	struct gs_price price = price_of(probe);
	gs_u64 now = bpf_ktime_get_ns();

	nest->spent += price.entry + now - begun;
	return nest->spent - price.own - (now - start);
}

static __always_inline void count_probe_time(gs_u32 series, gs_u64 ns)
{
	gs_u64 *sum = bpf_map_lookup_elem(&probe_times, &series);

	if (sum)
		__sync_fetch_and_add(sum, ns);
}

/* The probe time in that of a call that ends now; all of it where it took less. */
static __always_inline gs_u64 probe_time(const struct gs_goroutine *nest, const struct gs_frame *frame, gs_u64 now)
{
	struct gs_balance *counts = this_cpu_counts();
	gs_u64 lasted = now - frame->start, spent = nest->spent - frame->value;

	if (spent <= lasted)
		return spent;
	if (counts)
		count(&counts->below_zero);
	return lasted;
}

#endif
