/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The maps of a run. Sizes marked "set at load" depend on the plan; every map is bounded, none is preallocated but
 * the arrays. Programs may be preempted by programs on the same CPU, so per-CPU counters change by atomics too.
 */
#ifndef GOSPECT_MAPS_BPF_H
#define GOSPECT_MAPS_BPF_H

#include "kernel.bpf.h"

/* In a section of its own: it is written whole before load. */
const volatile struct gs_config config SEC(".rodata.config");

/* Whether the run has more than Go's calls and code, in the objects that can have it. */
#ifdef GOSPECT_NESTS
#define NESTS config.nests
#else
#define NESTS 0
#endif

/* Zeroed values to insert: too large for the BPF stack. */
static const struct gs_goroutine empty_goroutine;
static const struct gs_row empty_row;
static const struct gs_stack empty_stack;
static const struct gs_sample empty_sample;

/* Of enum gs_measuring. */
gs_u32 measuring SEC(".data.measuring");

static __always_inline gs_u32 measuring_now(void)
{
	return *(volatile gs_u32 *)&measuring & (GS_RETURNING - 1);
}

/* Empty: see keep_own_stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, gs_u32);
} nowhere SEC(".maps");

/*
 * Has the program use the thread's own stack. From kernel 6.13 on, programs of its kind get one stack per CPU, as if none could
 * be preempted by another run of itself. On a uprobe it can be: then both write to the same stack, and what was a pointer of
 * the first is anything. With a tail call in it, even one that is never made, a program gets no such stack, and is refused where
 * its functions within functions take more than 512 bytes.
 */
static __always_inline void keep_own_stack(void *ctx)
{
	if (*(volatile gs_u32 *)&measuring > (GS_MOVING | GS_RETURNING))
		bpf_tail_call(ctx, &nowhere, 0);
}

/* The next series to hand out, counted from 0; series number = probes + this. */
gs_u32 next_series;

/* key: 0; value: this CPU's share of the run's counts. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_balance);
} balance SEC(".maps");

/* key: g and process; value: its open calls. The runtime recycles g's, so there are as many as goroutines at the peak. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, struct gs_goroutine_key);
	__type(value, struct gs_goroutine);
} goroutines SEC(".maps");

/* key: g and place in its nest of open calls, from GS_INLINE_FRAMES on; deleted when the call ends. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct gs_frame_key);
	__type(value, struct gs_frame);
} frames SEC(".maps");

/* key: what the calls have in common (key_size set at load); value: series number. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct gs_key));
	__uint(value_size, sizeof(gs_u32));
} series SEC(".maps");

/* key: series number; value: this CPU's totals. Sized at load: probes + series capacity. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_stats);
} stats SEC(".maps");

/* key: series and power of two; value: this CPU's eight buckets. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct gs_row_key);
	__type(value, struct gs_row);
} rows SEC(".maps");

/* The same, one value for all CPUs: see own_or_shared(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct gs_row_key);
	__type(value, struct gs_row);
} shared_rows SEC(".maps");

/* key: hash of the frames; value: the frames. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, gs_u64);
	__type(value, struct gs_stack);
} stacks SEC(".maps");

/* key: series and stack; value: this CPU's totals. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct gs_sample_key);
	__type(value, struct gs_sample);
} samples SEC(".maps");

/* The same, one value for all CPUs: see own_or_shared(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct gs_sample_key);
	__type(value, struct gs_sample);
} shared_samples SEC(".maps");

/* key: probe; value: its recipes, where they differ. Sized and filled at load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_probe);
} probes SEC(".maps");

/* key: probe; value: what its hits take. Sized and filled at load; with `net` alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_price);
} prices SEC(".maps");

/* key: number; value: a step. Codes one after the other; the first step is a GS_END. Sized and filled at load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_step);
} code SEC(".maps");

/* key: number; value: a string literal of a condition. Sized and filled at load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct gs_constant);
} constants SEC(".maps");

/*
 * key: g and place in its nest of open calls; value: a gs_capture with what was captured at the entry (value_size set at
 * load). Deleted when the call ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct gs_frame_key));
	__uint(value_size, sizeof(struct gs_capture));
} captures SEC(".maps");

/* A gs_event with its data for each call or place of interest. Sized at load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __always_inline struct gs_balance *this_cpu_counts(void)
{
	gs_u32 zero = 0;

	return bpf_map_lookup_elem(&balance, &zero);
}

static __always_inline void count(gs_u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* An end whose call was not seen to begin; once no more are, that says nothing. */
static __always_inline void count_nobodys(struct gs_balance *counts)
{
	count(measuring_now() == GS_ON ? &counts->unmatched_returns : &counts->other_hits);
}

#endif
