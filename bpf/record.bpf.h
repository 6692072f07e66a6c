/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What becomes of a hit that counts: the series it belongs to, its value, its stack, and where all that is kept. */
#ifndef GOSPECT_RECORD_BPF_H
#define GOSPECT_RECORD_BPF_H

#include "nests.bpf.h"
#include "series.bpf.h"
#include "stack.bpf.h"

/*
 * The series of one half of a call: at entry its arguments, at return its results under the entry half's series.
 * *other becomes 1 when there is no room for it.
 */
static __noinline gs_u32 series_of(struct pt_regs *ctx, const struct hit *hit, gs_u32 parent, gs_u32 at_return, gs_u32 *other)
{
	gs_u32 number = hit->probe, unreadable = hit->kind == GS_SITE_TAIL_JUMP;
	struct workspace *w = workspace_of(hit->workspace);
	struct gs_key *key;

	if (!w) {
		*other = 1;
		return number;
	}
	key = &w->series;
	clear_key(key);
	key->probe = number;
	key->parent = parent;
	key->phase = at_return;
	if (config.one_recipe) {
		fill_key(key, ctx, hit->image, hit->workspace, at_return, unreadable, &config.only);
	} else {
		struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);

		if (probe)
			fill_key(key, ctx, hit->image, hit->workspace, at_return, unreadable, probe);
	}
	return find_series(key, other);
}

/* The value of a probe at one end of its calls: left alone when it is taken at the other; 0 when it could be read. */
static __noinline long value_of(struct pt_regs *ctx, const struct hit *hit, gs_u32 at_return, gs_u64 *value)
{
	gs_u32 number = hit->probe;
	struct fetched f = {};

	if (config.one_recipe) {
		if (config.only.value.at_return != at_return)
			return 0;
		evaluate(&f, ctx, hit->image, hit->workspace, &config.only.value);
	} else {
		struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);

		if (!probe || probe->value.at_return != at_return)
			return 0;
		evaluate(&f, ctx, hit->image, hit->workspace, &probe->value);
	}
	if (at_return && hit->kind == GS_SITE_TAIL_JUMP)
		return GS_FAULT;
	*value = f.a;
	return f.status;
}

/* LIMIT: C stack that is walked. */
#define C_STACK_BYTES (8ULL << 20)

/* What is different about the stack of C code. */
static __always_inline void start_in_c(const struct pt_regs *ctx, const struct hit *hit, struct walk_start *start)
{
	start->limit = ctx->sp + C_STACK_BYTES;
	/* A uretprobe sees where the call came back to; the stack has another address there. */
	if (hit->kind == GS_SITE_FUNCTION_RETURN)
		start->caller = ctx->ip;
	if (hit->curg && config.sched_bp_offset &&
	    (read_user(&start->go.sp, 8, hit->curg + config.sched_sp_offset) ||
	     read_user(&start->go.fp, 8, hit->curg + config.sched_bp_offset) ||
	     read_user(&start->go.limit, 8, hit->curg + G_STACK_HI)))
		start->go.sp = 0;
}

static __always_inline gs_u32 file_of(gs_u32 number)
{
	struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);

	return probe ? probe->file : 0;
}

/* Where the callers of a place's function begin; at the ends of calls SP is at the return address. */
static __always_inline struct frame_place frame_of(const struct hit *hit)
{
	struct frame_place frame = {};
	gs_u32 number = hit->probe;
	struct gs_probe *probe;

	if (hit->kind != GS_SITE_COUNT && hit->kind != GS_SITE_COUNT_CHECKED && !IS_SPAN(hit->kind))
		return frame;
	if (config.one_recipe) {
		frame.return_address = config.only.return_address;
		frame.saved_frame_pointer = config.only.saved_frame_pointer;
		return frame;
	}
	probe = bpf_map_lookup_elem(&probes, &number);
	if (probe) {
		frame.return_address = probe->return_address;
		frame.saved_frame_pointer = probe->saved_frame_pointer;
	}
	return frame;
}

static __always_inline void start_walk(const struct pt_regs *ctx, const struct hit *hit, struct walk_start *start)
{
	start->site = site_address(bpf_get_attach_cookie((void *)ctx));
	start->image = hit->image;
	start->fp = ctx->bp;
	start->sp = ctx->sp;
	start->limit = ctx->sp + hit->at.depth;
	start->frame = frame_of(hit);
	start->caller = 0;
	start->go.sp = 0;
	start->file = 0;
	if (NESTS) {
		start->file = file_of(hit->probe);
		if (hit->g_place & GS_SITE_G_BEHIND_C)
			start_in_c(ctx, hit, start);
	}
}

/* Counts a finished call, or a place that was passed, with its value and its stack; with events, it becomes one. */
static __noinline int record(struct pt_regs *ctx, const struct hit *hit, gs_u32 number, gs_u64 value, struct gs_balance *counts)
{
	struct workspace *w = config.stacks || config.events ? workspace_of(hit->workspace) : 0;
	gs_u64 stack = 0;

	count_value(number, value, counts);
	if (config.stacks) {
		if (w)
			start_walk(ctx, hit, &w->start);
		stack = keep_stack(hit->workspace);
	}
	if (config.events) {
		if (w)
			w->event.stack = stack;
		emit(hit->workspace, hit->probe);
	} else if (config.stacks) {
		count_sample(number, stack, value, counts);
	}
	return 0;
}

#endif
