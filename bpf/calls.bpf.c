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

struct site {
	gs_u32 probe;
	gs_u32 kind;
	gs_u32 g_in_tls;
	gs_u64 address;	/* relative to the image */
};

static __always_inline struct site site_of(gs_u64 cookie)
{
	gs_u32 kind = cookie >> GS_COOKIE_PROBE_BITS;
	struct site site = {
		.probe = cookie & ((1 << GS_COOKIE_PROBE_BITS) - 1),
		.kind = kind & GS_SITE_KIND,
		.g_in_tls = kind & GS_SITE_G_IN_TLS,
		.address = cookie >> (GS_COOKIE_PROBE_BITS + GS_COOKIE_KIND_BITS),
	};
	return site;
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

static __always_inline struct gs_balance *this_cpu_counts(void)
{
	gs_u32 zero = 0;

	return bpf_map_lookup_elem(&balance, &zero);
}

/*
 * The series of one half of a call: at entry its arguments, at return its results under the entry half's series.
 * *other becomes 1 when there is no room for it.
 */
static __always_inline gs_u32 series_of(const struct pt_regs *ctx, gs_u64 image, gs_u32 number, gs_u32 parent, gs_u32 at_return,
					gs_u32 *other)
{
	struct gs_key key = {};

	key.probe = number;
	key.parent = parent;
	key.phase = at_return;
	if (config.one_recipe) {
		fill_key(&key, ctx, image, at_return, &config.only);
	} else {
		struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);

		if (probe)
			fill_key(&key, ctx, image, at_return, probe);
	}
	return find_series(&key, other);
}

/* Opens a call of the goroutine. Nonzero when there is no room for it. */
static __always_inline long push(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, struct gs_frame *frame)
{
	gs_u32 open = goroutine->open;

	if (open < GS_INLINE_FRAMES) {
		struct gs_frame *place = &goroutine->frames[open & (GS_INLINE_FRAMES - 1)];

		*place = *frame;
		goroutine->open = open + 1;
		place->start = bpf_ktime_get_ns();
	} else {
		struct gs_frame_key deep = { .g = key->g, .tgid = key->tgid, .index = open };

		frame->start = bpf_ktime_get_ns();
		if (bpf_map_update_elem(&frames, &deep, frame, BPF_ANY))
			return -1;
		goroutine->open = open + 1;
	}
	return 0;
}

/* The parts are functions of their own, so that each has the BPF stack to itself. */
static __noinline int enter(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid)
{
	struct site site = site_of(cookie);
	gs_u64 image = ctx->ip - site.address;
	gs_u32 other = 0;
	struct gs_goroutine *goroutine;
	struct gs_frame frame = {};
	struct where at;

	/* The stack check is about to jump to morestack, which comes back to the function's start: not yet a call. */
	if (site.kind == GS_SITE_ENTRY_CHECKED && (ctx->flags & (FLAG_CARRY | FLAG_ZERO)))
		return 0;
	count(&counts->entries);
	if (read_goroutine(current_g(ctx, site.g_in_tls), ctx->sp, tgid, &at)) {
		count(&counts->no_goroutine);
		count(&counts->lost);
		return 0;
	}
	goroutine = goroutine_of(&at, counts, 1);
	if (!goroutine) {
		count(&counts->lost);
		return 0;
	}
	unwind(goroutine, &at.key, at.depth, counts, &counts->panics);
	frame.depth = at.depth;
	frame.probe = site.probe;
	frame.series = site.probe;
	if (config.entry_dimensions) {
		frame.series = series_of(ctx, image, site.probe, GS_NO_PARENT, 0, &other);
		frame.flags = other ? GS_FRAME_OTHER : 0;
	}
	if (push(goroutine, &at.key, &frame))
		count(&counts->lost);
	return 0;
}

static __noinline int leave(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid)
{
	gs_u64 now = bpf_ktime_get_ns();
	struct site site = site_of(cookie);
	gs_u64 image = ctx->ip - site.address;
	gs_u32 number, other = 0;
	struct gs_goroutine *goroutine;
	struct gs_frame *open, frame;
	struct where at;

	if (read_goroutine(current_g(ctx, site.g_in_tls), ctx->sp, tgid, &at)) {
		count(&counts->no_goroutine);
		return 0;
	}
	goroutine = goroutine_of(&at, counts, 0);
	if (!goroutine) {
		count(&counts->unmatched_returns);
		return 0;
	}
	unwind(goroutine, &at.key, at.depth + 1, counts, &counts->panics);
	open = goroutine->open ? frame_at(goroutine, &at.key, goroutine->open - 1) : 0;
	if (!open || open->depth != at.depth || open->probe != site.probe) {
		count(&counts->unmatched_returns);
		return 0;
	}
	frame = *open;
	drop_frame(goroutine, &at.key, goroutine->open - 1);
	count(&counts->returns);

	number = frame.series;
	other = frame.flags & GS_FRAME_OTHER;
	if (config.return_dimensions && !other)
		number = series_of(ctx, image, site.probe, frame.series, 1, &other);
	if (other)
		count(&counts->other);
	count_value(number, now - frame.start, counts);
	if (config.stacks)
		count_sample(number, keep_stack(ctx, site.address, image, at.depth, counts), now - frame.start, counts);
	return 0;
}

/* Ends open calls from outside: the goroutine is about to go on further out, or to end. */
static __noinline int runtime_end(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid)
{
	struct site site = site_of(cookie);
	gs_u64 g = current_g(ctx, site.g_in_tls), m = 0, sp;
	struct gs_goroutine *goroutine;
	struct where at;

	if (site.kind == GS_SITE_RECOVERY) {
		/* runtime.recovery runs on the system stack for the goroutine in m.curg. */
		if (read_user(&m, 8, g + config.m_offset) || read_user(&g, 8, m + config.curg_offset) ||
		    read_user(&sp, 8, g + config.sched_sp_offset))
			goto unreadable;
	} else {
		sp = ctx->sp;
	}
	if (read_goroutine(g, sp, tgid, &at))
		goto unreadable;
	goroutine = goroutine_of(&at, counts, 0);
	if (!goroutine)
		return 0;
	if (site.kind == GS_SITE_RECOVERY)
		unwind(goroutine, &at.key, at.depth + 1, counts, &counts->panics);
	else
		unwind(goroutine, &at.key, 0, counts, &counts->goexits);
	return 0;
unreadable:
	count(&counts->no_goroutine);
	return 0;
}

SEC("uprobe")
int site(struct pt_regs *ctx)
{
	gs_u64 cookie = bpf_get_attach_cookie(ctx);
	struct gs_balance *counts = this_cpu_counts();
	gs_u32 tgid = target_process();

	if (!*(volatile gs_u32 *)&measuring || !counts || !tgid)
		return 0;
	count(&counts->hits);
	switch (site_of(cookie).kind) {
	case GS_SITE_ENTRY:
	case GS_SITE_ENTRY_CHECKED:
		return enter(ctx, counts, cookie, tgid);
	case GS_SITE_RETURN:
	case GS_SITE_TAIL_JUMP:
		return leave(ctx, counts, cookie, tgid);
	default:
		return runtime_end(ctx, counts, cookie, tgid);
	}
}
