/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Times Go calls and aggregates them: one program at all sites of a run, which its cookie tells apart, so that all come
 * and go with one link. Every entry ends as a return, a panic, a goexit, still open, or lost; see struct gs_balance.
 *
 * The clock is read last at entry and first at return, so that our own work is not in the measured time.
 */
#include "goroutine.bpf.h"
#include "series.bpf.h"
#include "stack.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* A hit: where, of what, and by whom. */
struct hit {
	gs_u64 address;	/* of the site, relative to the image */
	gs_u64 image;	/* load bias plus the image's base */
	gs_u32 probe;
	gs_u32 kind;
	gs_u32 g_in_tls;
	gs_u32 tgid;
	gs_u32 workspace;	/* its number */
	struct where at;	/* once the goroutine was read */
	struct frame_place frame;	/* zero where SP is at the return address: at the ends of calls */
};

static __always_inline struct hit hit_of(const struct pt_regs *ctx, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	gs_u64 address = cookie >> (GS_COOKIE_PROBE_BITS + GS_COOKIE_KIND_BITS);
	gs_u32 kind = cookie >> GS_COOKIE_PROBE_BITS;
	struct hit hit = {
		.address = address,
		.image = ctx->ip - address,
		.probe = cookie & ((1 << GS_COOKIE_PROBE_BITS) - 1),
		.kind = kind & GS_SITE_KIND,
		.g_in_tls = kind & GS_SITE_G_IN_TLS,
		.tgid = tgid,
		.workspace = workspace,
	};
	return hit;
}

/* The process the thread belongs to, as the user's pid namespace numbers it; 0 when it is not a target. */
static __always_inline gs_u32 target_process(void)
{
	gs_u32 tgid;

	if (config.pid_ns_inode) {
		struct bpf_pidns_info info;

		if (bpf_get_ns_current_pid_tgid(config.pid_ns_device, config.pid_ns_inode, &info, sizeof(info)))
			return 0;
		tgid = info.tgid;
	} else {
		tgid = bpf_get_current_pid_tgid() >> 32;
	}
	return config.tgid && config.tgid != tgid ? 0 : tgid;
}

/*
 * The series of one half of a call: at entry its arguments, at return its results under the entry half's series.
 * *other becomes 1 when there is no room for it.
 */
static __noinline gs_u32 series_of(struct pt_regs *ctx, const struct hit *hit, gs_u32 parent, gs_u32 at_return, gs_u32 *other)
{
	gs_u32 number = hit->probe, unreadable = hit->kind == GS_SITE_TAIL_JUMP;
	struct gs_key key = {};

	key.probe = number;
	key.parent = parent;
	key.phase = at_return;
	if (config.one_recipe) {
		fill_key(&key, ctx, hit->image, hit->workspace, at_return, unreadable, &config.only);
	} else {
		struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);

		if (probe)
			fill_key(&key, ctx, hit->image, hit->workspace, at_return, unreadable, probe);
	}
	return find_series(&key, other);
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

/* Counts a finished call, or a place that was passed, with its value and its stack; with events, it becomes one. */
static __noinline int record(struct pt_regs *ctx, const struct hit *hit, gs_u32 number, gs_u64 value, struct gs_balance *counts)
{
	gs_u64 stack = 0;

	count_value(number, value, counts);
	if (config.stacks) {
		struct walk_start start = {
			.site = hit->address,
			.image = hit->image,
			.fp = ctx->bp,
			.sp = ctx->sp,
			.limit = ctx->sp + hit->at.depth,
			.frame = hit->frame,
		};

		stack = keep_stack(&start);
	}
	if (config.events) {
		struct workspace *w = workspace_of(hit->workspace);

		if (w)
			w->event.stack = stack;
		emit(hit->workspace, hit->probe);
	} else if (config.stacks) {
		count_sample(number, stack, value, counts);
	}
	return 0;
}

/* Where the callers of a place's function begin. */
static __always_inline struct frame_place frame_of(const struct hit *hit)
{
	struct frame_place frame = {};
	gs_u32 number = hit->probe;
	struct gs_probe *probe;

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

/* What codes and events say of a place: there is no frame, and its goroutine may be unknown. */
static __always_inline void describe_place(const struct hit *hit)
{
	struct workspace *w = workspace_of(hit->workspace);
	struct gs_goroutine *goroutine = 0;

	if (!w)
		return;
	if (config.events)
		goroutine = bpf_map_lookup_elem(&goroutines, &hit->at.key);
	w->flags = 0;
	w->key.g = hit->at.key.g;
	w->event.start = bpf_ktime_get_ns();
	w->event.end = w->event.start;
	w->event.goid = hit->at.goid;
	w->event.outcome = GS_PASSED;
	w->event.level = goroutine && goroutine->goid == hit->at.goid ? goroutine->open - goroutine->filtered : 0;
}

/* A place without an end. */
static __noinline int pass(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	gs_u32 number = hit.probe, other = 0;
	gs_u64 value = 0;

	if (hit.kind == GS_SITE_COUNT_CHECKED && (ctx->flags & (FLAG_CARRY | FLAG_ZERO)))
		return 0;
	count(&counts->counted);
	if (config.stacks)
		hit.frame = frame_of(&hit);
	/* Only the walk of the stack needs the goroutine, to know where the stack ends; the rest can do without. */
	if ((config.stacks || config.working) &&
	    read_goroutine(current_g(ctx, hit.g_in_tls), ctx->sp, tgid, &hit.at) && config.stacks)
		count(&counts->no_goroutine);
	if (config.working) {
		describe_place(&hit);
		if (config.conditions && judge_entry(workspace, hit.probe) & GS_FRAME_FILTERED)
			return 0;
	}
	if (config.entry_dimensions)
		number = series_of(ctx, &hit, GS_NO_PARENT, 0, &other);
	if (other)
		count(&counts->other);
	if (config.measure == GS_MEASURE_VALUE && value_of(ctx, &hit, 0, &value)) {
		count(&counts->unreadable);
		return 0;
	}
	return record(ctx, &hit, number, value, counts);
}

/* Whether anything asks when a call began. */
#define CLOCKED (config.measure == GS_MEASURE_DURATION || config.working)

/* Opens a call of the goroutine. Nonzero when there is no room for it. */
static __always_inline long push(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, struct gs_frame *frame)
{
	gs_u32 open = goroutine->open;

	if (open < GS_INLINE_FRAMES) {
		struct gs_frame *place = &goroutine->frames[open & (GS_INLINE_FRAMES - 1)];

		*place = *frame;
		goroutine->open = open + 1;
		if (CLOCKED)
			place->start = bpf_ktime_get_ns();
	} else {
		struct gs_frame_key deep = { .g = key->g, .tgid = key->tgid, .scope = key->scope, .index = open };

		if (CLOCKED)
			frame->start = bpf_ktime_get_ns();
		if (bpf_map_update_elem(&frames, &deep, frame, BPF_ANY))
			return -1;
		goroutine->open = open + 1;
	}
	return 0;
}

/* What the run asks of a call at its entry. */
static __always_inline void look_at_entry(struct pt_regs *ctx, const struct hit *hit, struct gs_goroutine *goroutine,
					  struct gs_frame *frame)
{
	gs_u32 other = 0;

	if (config.working) {
		struct workspace *w = workspace_of(hit->workspace);

		if (w)
			describe_call(w, frame, &hit->at.key, goroutine->open, goroutine);
		if (config.conditions)
			frame->flags = judge_entry(hit->workspace, hit->probe);
		if (frame->flags & GS_FRAME_FILTERED)
			return;
	}
	if (config.entry_dimensions)
		frame->series = series_of(ctx, hit, GS_NO_PARENT, 0, &other);
	if (other)
		frame->flags |= GS_FRAME_OTHER;
	if (config.measure == GS_MEASURE_VALUE && value_of(ctx, hit, 0, &frame->value))
		frame->flags |= GS_FRAME_UNREADABLE;
	if (config.capture_bytes)
		frame->flags |= keep_entry(hit->workspace, hit->probe);
}

/* The parts are functions of their own, so that each has the BPF stack to itself. */
static __noinline int enter(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	struct gs_goroutine *goroutine;
	struct gs_frame frame = {};

	/* The stack check is about to jump to morestack, which comes back to the function's start: not yet a call. */
	if (hit.kind == GS_SITE_ENTRY_CHECKED && (ctx->flags & (FLAG_CARRY | FLAG_ZERO)))
		return 0;
	count(&counts->entries);
	if (read_goroutine(current_g(ctx, hit.g_in_tls), ctx->sp, tgid, &hit.at)) {
		count(&counts->no_goroutine);
		count(&counts->lost);
		count(&counts->lost_homeless);
		return 0;
	}
	goroutine = goroutine_of(&hit.at, counts, 1, workspace);
	if (!goroutine) {
		count(&counts->lost);
		return 0;
	}
	unwind(goroutine, &hit.at.key, hit.at.depth, counts, BY_PANIC, workspace);
	frame.depth = hit.at.depth;
	frame.probe = hit.probe;
	frame.series = hit.probe;
	look_at_entry(ctx, &hit, goroutine, &frame);
	if (push(goroutine, &hit.at.key, &frame)) {
		count(&counts->lost);
		drop_capture(&hit.at.key, goroutine->open, frame.flags);
	} else if (frame.flags & GS_FRAME_FILTERED) {
		goroutine->filtered++;
	}
	return 0;
}

/* Whether the run asks for a call that has just returned, and is closed already. */
static __always_inline gs_u32 look_at_end(const struct hit *hit, struct gs_goroutine *goroutine,
					  const struct gs_frame *frame, gs_u64 now)
{
	struct workspace *w = workspace_of(hit->workspace);

	if (frame->flags & GS_FRAME_FILTERED) {
		goroutine->filtered--;
		return 0;
	}
	if (w) {
		describe_call(w, frame, &hit->at.key, goroutine->open, goroutine);
		w->no_frame = hit->kind == GS_SITE_TAIL_JUMP;
		w->event.end = now;
		w->event.outcome = w->no_frame ? GS_JUMPED : GS_RETURNED;
	} else {
		drop_capture(&hit->at.key, goroutine->open, frame->flags);
	}
	if (!config.conditions || judge_end(hit->workspace, hit->probe))
		return 1;
	drop_capture(&hit->at.key, goroutine->open, frame->flags);
	return 0;
}

static __noinline int leave(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	gs_u64 now = bpf_ktime_get_ns(), value;
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	struct gs_goroutine *goroutine;
	struct gs_frame *open, frame;
	gs_u32 number, other = 0;

	if (read_goroutine(current_g(ctx, hit.g_in_tls), ctx->sp, tgid, &hit.at)) {
		count(&counts->no_goroutine);
		return 0;
	}
	goroutine = goroutine_of(&hit.at, counts, 0, workspace);
	if (!goroutine) {
		count(&counts->unmatched_returns);
		return 0;
	}
	unwind(goroutine, &hit.at.key, hit.at.depth + 1, counts, BY_PANIC, workspace);
	open = goroutine->open ? frame_at(goroutine, &hit.at.key, goroutine->open - 1) : 0;
	if (!open || open->depth != hit.at.depth || open->probe != hit.probe) {
		count(&counts->unmatched_returns);
		return 0;
	}
	frame = *open;
	drop_frame(goroutine, &hit.at.key, goroutine->open - 1);
	count(&counts->returns);

	if (config.working && !look_at_end(&hit, goroutine, &frame, now))
		return 0;
	number = frame.series;
	other = frame.flags & GS_FRAME_OTHER;
	if (config.return_dimensions && !other)
		number = series_of(ctx, &hit, frame.series, 1, &other);
	if (other)
		count(&counts->other);
	value = config.measure == GS_MEASURE_DURATION ? now - frame.start : frame.value;
	if (config.measure == GS_MEASURE_VALUE && (frame.flags & GS_FRAME_UNREADABLE || value_of(ctx, &hit, 1, &value))) {
		count(&counts->unreadable);
		return 0;
	}
	return record(ctx, &hit, number, value, counts);
}

/* Ends open calls from outside: the goroutine is about to go on further out, or to end. */
static __noinline int runtime_end(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	gs_u64 g = current_g(ctx, hit.g_in_tls), m = 0, sp;
	struct gs_goroutine *goroutine;

	if (hit.kind == GS_SITE_RECOVERY) {
		/* runtime.recovery runs on the system stack for the goroutine in m.curg. */
		if (read_user(&m, 8, g + config.m_offset) || read_user(&g, 8, m + config.curg_offset) ||
		    read_user(&sp, 8, g + config.sched_sp_offset))
			goto unreadable;
	} else {
		sp = ctx->sp;
	}
	if (read_goroutine(g, sp, tgid, &hit.at))
		goto unreadable;
	goroutine = goroutine_of(&hit.at, counts, 0, workspace);
	if (!goroutine)
		return 0;
	if (hit.kind == GS_SITE_RECOVERY)
		unwind(goroutine, &hit.at.key, hit.at.depth + 1, counts, BY_PANIC, workspace);
	else
		unwind(goroutine, &hit.at.key, 0, counts, BY_GOEXIT, workspace);
	return 0;
unreadable:
	count(&counts->no_goroutine);
	return 0;
}

static __always_inline int dispatch(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	switch ((cookie >> GS_COOKIE_PROBE_BITS) & GS_SITE_KIND) {
	case GS_SITE_ENTRY:
	case GS_SITE_ENTRY_CHECKED:
		return enter(ctx, counts, cookie, tgid, workspace);
	case GS_SITE_RETURN:
	case GS_SITE_TAIL_JUMP:
		return leave(ctx, counts, cookie, tgid, workspace);
	case GS_SITE_COUNT:
	case GS_SITE_COUNT_CHECKED:
		return pass(ctx, counts, cookie, tgid, workspace);
	default:
		return runtime_end(ctx, counts, cookie, tgid, workspace);
	}
}

SEC("uprobe")
int site(struct pt_regs *ctx)
{
	gs_u64 cookie = bpf_get_attach_cookie(ctx), address = cookie >> (GS_COOKIE_PROBE_BITS + GS_COOKIE_KIND_BITS);
	struct gs_balance *counts = this_cpu_counts();
	gs_u32 tgid = target_process(), workspace;

	if (!*(volatile gs_u32 *)&measuring || !counts || !tgid)
		return 0;
	count(&counts->hits);
	if (!config.working)
		return dispatch(ctx, counts, cookie, tgid, NO_WORKSPACE);
	workspace = claim_workspace(ctx, tgid, ctx->ip - address, address);
	dispatch(ctx, counts, cookie, tgid, workspace);
	release_workspace(workspace);
	return 0;
}
