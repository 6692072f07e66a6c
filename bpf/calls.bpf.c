/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Times calls, and spans between places, and aggregates them: one program at all sites of a run, which its cookie tells apart.
 * Every entry ends as a return, a panic, a goexit, still open, or lost; see struct gs_balance.
 *
 * The clock is read last at entry and first at return, so that our own work is not in the measured time.
 */
#include "nests.bpf.h"
#include "record.bpf.h"
#include "target.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

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

/* What the run asks of a place that is passed. */
static __always_inline int look_at_place(struct pt_regs *ctx, struct hit *hit, struct gs_balance *counts)
{
	gs_u32 number = hit->probe, other = 0, workspace = hit->workspace;
	gs_u64 value = 0;

	/* Only the walk of Go's stack needs the goroutine, to know where it ends; the rest can do without. */
	if (NESTS && hit->g_place & GS_SITE_G_BEHIND_C) {
		if (hit->g_place != GS_SITE_NO_G && (config.stacks || config.working))
			find_goroutine_behind_c(hit);
	} else if ((config.stacks || config.working || config.net) &&
		   read_goroutine(current_g(ctx, hit->g_place), ctx->sp, &hit->at) && config.stacks) {
		count(&counts->no_goroutine);
	}
	if (config.working) {
		describe_place(hit);
		if (config.conditions && judge_entry(workspace, hit->probe) & GS_FRAME_FILTERED)
			return 0;
	}
	if (config.entry_dimensions)
		number = series_of(ctx, hit, GS_NO_PARENT, 0, &other);
	if (other)
		count(&counts->other);
	if (config.measure == GS_MEASURE_VALUE && value_of(ctx, hit, 0, &value)) {
		count(&counts->unreadable);
		return 0;
	}
	return record(ctx, hit, number, value, counts);
}

/*
 * What becomes of a hit, by its kind: functions of their own, so that each has the BPF stack to itself. They take a workspace
 * where something of such hits works in one.
 */
static __noinline int pass(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u64 begun)
{
	gs_u32 works = config.working || config.entry_dimensions || config.stacks;
	gs_u32 workspace = works ? claim_workspace(ctx, cookie, tgid) : NO_WORKSPACE;
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	struct gs_goroutine *goroutine;

	count(&counts->counted);
	look_at_place(ctx, &hit, counts);
	if (config.net) {
		/* Without a record no call is open around it. */
		goroutine = bpf_map_lookup_elem(&goroutines, &hit.at.key);
		if (goroutine)
			pay(goroutine, price_of(hit.probe).entry, begun);
	}
	if (works)
		release_workspace(workspace);
	return 0;
}

/* Whether anything asks when a call began. */
#define CLOCKED (config.measure == GS_MEASURE_DURATION || config.working)

/* As deep_frame. */
static __noinline long push_deep(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, struct gs_frame *frame,
				 gs_u64 begun)
{
	gs_u32 open = goroutine->open;
	struct gs_frame_key deep = { .g = key->g, .tgid = key->tgid, .scope = key->scope, .index = open };

	if (CLOCKED)
		frame->start = bpf_ktime_get_ns();
	if (config.net) {
		frame->value = pay_entry(goroutine, frame->probe, frame->start, begun);
		begun = bpf_ktime_get_ns();
	}
	if (bpf_map_update_elem(&frames, &deep, frame, BPF_ANY))
		return -1;
	goroutine->open = open + 1;
	/* The call has begun before there was room for it. */
	if (config.net)
		goroutine->spent += bpf_ktime_get_ns() - begun;
	return 0;
}

/* Opens a call of the goroutine, by a hit that began then. Nonzero when there is no room for it. */
static __always_inline long push(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, struct gs_frame *frame,
				 gs_u64 begun)
{
	gs_u32 open = goroutine->open;
	struct gs_frame *place;

	if (open >= GS_INLINE_FRAMES)
		return push_deep(goroutine, key, frame, begun);
	place = &goroutine->frames[open & (GS_INLINE_FRAMES - 1)];
	*place = *frame;
	goroutine->open = open + 1;
	if (CLOCKED)
		place->start = bpf_ktime_get_ns();
	if (config.net)
		place->value = pay_entry(goroutine, frame->probe, place->start, begun);
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

/* How calls end that a hit proves to be over. */
static __always_inline enum ending ending_of(const struct hit *hit, const struct gs_goroutine *nest)
{
	if (!IN_NEST(hit->kind))
		return BY_PANIC;
	return config.values && nest->busy ? UNPAIRED : LEFT;
}

/* Nothing goes on with the nest after this. Busy are those of values alone, by this hit. */
static __always_inline void leave_nest(const struct hit *hit, struct gs_goroutine *nest)
{
	if (config.values && IS_SPAN(hit->kind) && nest->busy)
		let_go(nest, &hit->at.key);
}

/* Opens a call, or counts it as lost. */
static __always_inline void begin_call(struct pt_regs *ctx, struct hit *hit, struct gs_balance *counts, gs_u64 begun)
{
	struct gs_goroutine *goroutine, *account;
	struct gs_frame frame = {};

	if (IN_NEST(hit->kind)) {
		goroutine = find_nest(ctx, hit, 1);
		if (!goroutine)
			return;
	} else if (read_goroutine(current_g(ctx, hit->g_place), ctx->sp, &hit->at)) {
		count(&counts->no_goroutine);
		count(&counts->lost);
		count(&counts->lost_homeless);
		return;
	} else {
		goroutine = record_of(&hit->at.key, 1);
		if (!goroutine) {
			count(&counts->lost);
			return;
		}
	}
	settle(goroutine, &hit->at, ending_of(hit, goroutine), hit->workspace);
	account = config.net ? account_of(hit, goroutine, 1) : goroutine;
	if (config.net && account)
		goroutine->spent = account->spent;
	frame.depth = hit->at.depth;
	frame.probe = hit->probe;
	frame.series = hit->probe;
	look_at_entry(ctx, hit, goroutine, &frame);
	/* Nothing but the order tells which end is a span's, so within one that there was no room for no other is opened. */
	if (!account || (IS_SPAN(hit->kind) && goroutine->skipped) || push(goroutine, &hit->at.key, &frame, begun)) {
		if (IS_SPAN(hit->kind))
			goroutine->skipped++;
		count(&counts->lost);
		drop_capture(&hit->at.key, goroutine->open, frame.flags);
	} else if (frame.flags & GS_FRAME_FILTERED) {
		goroutine->filtered++;
	}
	if (config.net && account)
		account->spent = goroutine->spent;
	leave_nest(hit, goroutine);
}

static __noinline int enter(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u64 begun)
{
	gs_u32 works = config.working || config.entry_dimensions;
	gs_u32 workspace = works ? claim_workspace(ctx, cookie, tgid) : NO_WORKSPACE;
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);

	count(&counts->entries);
	begin_call(ctx, &hit, counts, begun);
	if (works)
		release_workspace(workspace);
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

/* Ends the innermost open call of the nest, if it is the hit's; else nothing tells of its beginning. */
static __always_inline int close_call(struct pt_regs *ctx, struct hit *hit, struct gs_goroutine *goroutine, gs_u64 now,
				      struct gs_balance *counts)
{
	struct gs_frame *open, frame;
	gs_u32 number, other = 0;
	gs_u64 value, probed = 0;

	if (IS_SPAN(hit->kind) && goroutine->skipped) {
		goroutine->skipped--;
		count_nobodys(counts);
		return 0;
	}
	open = goroutine->open ? frame_at(goroutine, &hit->at.key, goroutine->open - 1) : 0;
	if (!open || (!IS_SPAN(hit->kind) && (open->depth != hit->at.depth || open->probe != hit->probe))) {
		count_nobodys(counts);
		return 0;
	}
	frame = *open;
	drop_frame(goroutine, &hit->at.key, goroutine->open - 1);
	count(&counts->returns);

	if (config.net)
		probed = probe_time(goroutine, &frame, now);
	now -= probed;
	if (config.working && !look_at_end(hit, goroutine, &frame, now))
		return 0;
	number = frame.series;
	other = frame.flags & GS_FRAME_OTHER;
	if (config.return_dimensions && !other)
		number = series_of(ctx, hit, frame.series, 1, &other);
	if (other)
		count(&counts->other);
	value = config.measure == GS_MEASURE_DURATION ? now - frame.start : frame.value;
	if (config.measure == GS_MEASURE_VALUE && (frame.flags & GS_FRAME_UNREADABLE || value_of(ctx, hit, 1, &value))) {
		count(&counts->unreadable);
		return 0;
	}
	if (config.net)
		count_probe_time(number, probed);
	return record(ctx, hit, number, value, counts);
}

/* Closes a call, or counts an end that is nobody's. */
static __always_inline void finish_call(struct pt_regs *ctx, struct hit *hit, struct gs_balance *counts, gs_u64 now)
{
	struct gs_goroutine *goroutine, *account;

	if (IN_NEST(hit->kind)) {
		goroutine = find_nest(ctx, hit, 0);
		if (!goroutine)
			return;
	} else if (read_goroutine(current_g(ctx, hit->g_place), ctx->sp, &hit->at)) {
		count(&counts->no_goroutine);
		count(&counts->other_hits);
		return;
	} else {
		goroutine = record_of(&hit->at.key, 0);
		if (!goroutine) {
			count_nobodys(counts);
			return;
		}
		hit->at.over = hit->at.depth + 1;
	}
	settle(goroutine, &hit->at, ending_of(hit, goroutine), hit->workspace);
	account = config.net ? account_of(hit, goroutine, 0) : goroutine;
	if (config.net)
		goroutine->spent = account->spent;
	close_call(ctx, hit, goroutine, now, counts);
	if (config.net) {
		pay(goroutine, hit->kind == GS_SITE_TAIL_JUMP ? price_of(hit->probe).jump : price_of(hit->probe).exit, now);
		account->spent = goroutine->spent;
	}
	leave_nest(hit, goroutine);
}

static __noinline int leave(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u64 begun)
{
	gs_u64 now = config.net ? begun : bpf_ktime_get_ns();
	gs_u32 works = config.working || config.return_dimensions || config.stacks;
	gs_u32 workspace = works ? claim_workspace(ctx, cookie, tgid) : NO_WORKSPACE;
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);

	finish_call(ctx, &hit, counts, now);
	if (works)
		release_workspace(workspace);
	return 0;
}

/* Ends open calls from outside: the goroutine is about to go on further out, or to end. */
static __noinline int runtime_end(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid)
{
	gs_u32 workspace = config.working ? claim_workspace(ctx, cookie, tgid) : NO_WORKSPACE;
	struct hit hit = hit_of(ctx, cookie, tgid, workspace);
	gs_u64 g = current_g(ctx, hit.g_place), m = 0, sp = ctx->sp;
	gs_u32 recovered = hit.kind == GS_SITE_RECOVERY;
	struct gs_goroutine *goroutine;

	count(&counts->other_hits);
	/* runtime.recovery runs on the system stack for the goroutine in m.curg. */
	if ((recovered && (read_user(&m, 8, g + config.m_offset) || read_user(&g, 8, m + config.curg_offset) ||
			   read_user(&sp, 8, g + config.sched_sp_offset))) ||
	    read_goroutine(g, sp, &hit.at)) {
		count(&counts->no_goroutine);
	} else {
		goroutine = record_of(&hit.at.key, 0);
		hit.at.over = recovered ? hit.at.depth + 1 : 0;
		if (goroutine)
			settle(goroutine, &hit.at, recovered ? BY_PANIC : BY_GOEXIT, workspace);
	}
	if (config.working)
		release_workspace(workspace);
	return 0;
}

/* Whether the hit is where a call ends that is open, or may be. */
static __always_inline gs_u32 is_end(gs_u64 cookie)
{
	switch ((cookie >> GS_COOKIE_PROBE_BITS) & GS_SITE_KIND) {
	case GS_SITE_ENTRY:
	case GS_SITE_ENTRY_CHECKED:
	case GS_SITE_FUNCTION:
	case GS_SITE_SPAN_BEGIN:
	case GS_SITE_COUNT:
	case GS_SITE_COUNT_CHECKED:
		return 0;
	default:
		return 1;
	}
}

/* Has the hit handled by its kind. */
static __always_inline void dispatch(struct pt_regs *ctx, struct gs_balance *counts, gs_u64 cookie, gs_u32 tgid, gs_u64 begun)
{
	switch ((cookie >> GS_COOKIE_PROBE_BITS) & GS_SITE_KIND) {
	case GS_SITE_ENTRY_CHECKED:
		/* The stack check is about to jump to morestack, which comes back to the function's start: not yet a call. */
		if (ctx->flags & (FLAG_CARRY | FLAG_ZERO)) {
			count(&counts->other_hits);
			break;
		}
		/* fall through */
	case GS_SITE_ENTRY:
	case GS_SITE_FUNCTION:
	case GS_SITE_SPAN_BEGIN:
		enter(ctx, counts, cookie, tgid, begun);
		break;
	case GS_SITE_RETURN:
	case GS_SITE_TAIL_JUMP:
	case GS_SITE_FUNCTION_RETURN:
	case GS_SITE_SPAN_END:
		leave(ctx, counts, cookie, tgid, begun);
		break;
	case GS_SITE_COUNT_CHECKED:
		if (ctx->flags & (FLAG_CARRY | FLAG_ZERO)) {
			count(&counts->other_hits);
			break;
		}
		/* fall through */
	case GS_SITE_COUNT:
		pass(ctx, counts, cookie, tgid, begun);
		break;
	default:
		runtime_end(ctx, counts, cookie, tgid);
	}
}

/* Where the thread is while the instruction under the probe is still to be done. */
static __always_inline gs_u64 place_of(gs_u64 cookie)
{
	return config.return_image + site_address(cookie);
}

/*
 * Programs on one site run in turn, those that came last first. Where another run's has done the return already, as it may when
 * its probes rested and came back, the registers become again what they are at the `ret`. A function of its own, as the next
 * one is, to keep the stack of `site` within 32 bytes: it is below all others.
 */
static __noinline int take_back_return(struct pt_regs *ctx, gs_u64 cookie)
{
	gs_u64 caller, place = place_of(cookie);
	gs_u8 there;

	if (ctx->ip == place || read_user(&caller, sizeof(caller), ctx->sp - sizeof(caller)) || caller != ctx->ip)
		return 0;
	/* Behind a call that is always so; and a process that has just become another program has nothing of ours at that place. */
	if (((cookie >> GS_COOKIE_PROBE_BITS) & GS_SITE_KIND) != GS_SITE_RETURN || read_user(&there, 1, place) || there != BREAKPOINT)
		return 0;
	ctx->ip = place;
	ctx->sp -= sizeof(caller);
	return 0;
}

/* Does the return, if the hit is on one. Not where a debugger steps, which would miss the step. */
static __noinline int do_return(struct pt_regs *ctx)
{
	gs_u64 cookie = bpf_get_attach_cookie(ctx);

	if (((cookie >> GS_COOKIE_PROBE_BITS) & GS_SITE_KIND) == GS_SITE_RETURN && ctx->ip == place_of(cookie) &&
	    !(ctx->flags & FLAG_TRAP))
		return_to_caller(ctx);
	return 0;
}

SEC("uprobe")
int site(struct pt_regs *ctx)
{
	gs_u64 begun = BEGUN, cookie = bpf_get_attach_cookie(ctx);
	struct gs_balance *counts = this_cpu_counts();
	gs_u32 tgid = target_process(), now = measuring_now();

	keep_own_stack(ctx);
	if (now == GS_OFF || !counts || !tgid)
		return 0;
	if (config.return_image)
		take_back_return(ctx, cookie);
	if (now == GS_ON || (now == GS_ENDING && is_end(cookie)))
		dispatch(ctx, counts, cookie, tgid, begun);
	else
		count(&counts->other_hits);
	if (config.does_returns && *(volatile gs_u32 *)&measuring & GS_RETURNING)
		do_return(ctx);
	return 0;
}
