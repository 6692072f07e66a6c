/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which call is this? A call is known by its goroutine and its depth: the distance from the stack's top, which survives
 * a move of the stack. Open calls of a goroutine form a nest of growing depth. A goroutine runs on one thread at a
 * time, so its record has one writer.
 */
#ifndef GOSPECT_GOROUTINE_BPF_H
#define GOSPECT_GOROUTINE_BPF_H

#include "events.bpf.h"
#include "net.bpf.h"

struct where {
	struct gs_goroutine_key key;
	gs_u64 goid;
	gs_u32 depth;
	gs_u32 over;	/* open calls of this depth or a larger one have ended */
};

/* In where.over: nothing tells. LIMIT: no call is as deep. */
#define NONE_OVER 0xffffffff

/* FACT(go1.2..go1.27): stack.hi is the second word of runtime.g. */
#define G_STACK_HI 8

/* Where the process is at; `over` as if a call began. Nonzero when g can't be read. */
static __always_inline long read_goroutine(gs_u64 g, gs_u64 sp, struct where *at)
{
	gs_u64 hi, goid;

	if (g < 4096 || read_user(&hi, 8, g + G_STACK_HI) || read_user(&goid, 8, g + config.goid_offset))
		return -1;
	/* sp above the stack's top: this is not the stack of that g (a signal or cgo stack). */
	if (hi <= sp || hi - sp >= NONE_OVER)
		return -1;
	at->key.g = g;
	at->goid = goid;
	at->depth = hi - sp;
	at->over = at->depth;
	return 0;
}

/*
 * What thread-local storage has for g; 0 where it can't be read. Only calls-tls.bpf.o can look there: it needs the kernel's
 * own type data at load, which takes longer than everything else together.
 */
static __always_inline gs_u64 g_in_storage(void)
{
#ifdef GOSPECT_TLS
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	gs_u64 g = 0;

	return read_user(&g, 8, BPF_CORE_READ(task, thread.fsbase) + config.tls_offset) ? 0 : g;
#else
	return 0;
#endif
}

/* g is in R14 in Go code; in assembly only thread-local storage is sure to hold it. */
static __always_inline gs_u64 current_g(const struct pt_regs *ctx, gs_u32 in_tls)
{
#ifdef GOSPECT_TLS
	if (in_tls)
		return g_in_storage();
#endif
	return ctx->r14;
}

/* Of calls past those in a record: rare, so functions of their own keep the key off the BPF stack of the usual ones. */
static __noinline struct gs_frame *deep_frame(const struct gs_goroutine_key *key, gs_u32 index)
{
	struct gs_frame_key deep = { .g = key->g, .tgid = key->tgid, .scope = key->scope, .index = index };

	return bpf_map_lookup_elem(&frames, &deep);
}

static __noinline int drop_deep_frame(const struct gs_goroutine_key *key, gs_u32 index)
{
	struct gs_frame_key deep = { .g = key->g, .tgid = key->tgid, .scope = key->scope, .index = index };

	return bpf_map_delete_elem(&frames, &deep);
}

static __always_inline struct gs_frame *frame_at(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, gs_u32 index)
{
	if (index < GS_INLINE_FRAMES) {
		/* The verifier can't follow the bound from what the compiler compares to what it uses: it must do the masking. */
		barrier_var(index);
		return &goroutine->frames[index & (GS_INLINE_FRAMES - 1)];
	}
	return deep_frame(key, index);
}

static __always_inline void drop_frame(struct gs_goroutine *goroutine, const struct gs_goroutine_key *key, gs_u32 index)
{
	if (index >= GS_INLINE_FRAMES)
		drop_deep_frame(key, index);
	goroutine->open = index;
}

/* LIMIT: calls ended by one unwinding. */
#define MAX_UNWOUND (1 << 20)
/* LIMIT: the same on kernels without bpf_loop. */
#define MAX_UNWOUND_UNROLLED 32

/* How an unwinding ends calls. */
enum ending { BY_PANIC, BY_GOEXIT, ABANDONED, LEFT, UNPAIRED };

/* Such calls are lost, and become no events. */
#define IS_LOST(ending) ((ending) >= ABANDONED)

struct unwinding {
	struct gs_goroutine *goroutine;
	const struct where *at;
	gs_u32 ended;
	enum ending ending;
	gs_u32 workspace;
	gs_u64 now;	/* with `net` */
};

/* Notes an ending in the totals of the probe whose call it was. */
static __always_inline void count_ending(gs_u32 probe, enum ending ending)
{
	struct gs_stats *totals = bpf_map_lookup_elem(&stats, &probe);

	if (totals && ending == BY_PANIC)
		count(&totals->panics);
	else if (totals && ending == BY_GOEXIT)
		count(&totals->goexits);
}

/* Notes a call that an unwinding ends, in the totals of its probe and as an event, if it is of interest. */
static __always_inline void end_call(struct unwinding *u, const struct gs_frame *frame, gs_u32 index)
{
	struct workspace *w;

	if (!config.working) {
		if (!IS_LOST(u->ending))
			count_ending(frame->probe, u->ending);
		return;
	}
	if (frame->flags & GS_FRAME_FILTERED) {
		u->goroutine->filtered--;
	} else if (!IS_LOST(u->ending)) {
		w = workspace_of(u->workspace);
		if (w) {
			describe_call(w, frame, &u->at->key, index, u->goroutine);
			w->event.outcome = u->ending == BY_PANIC ? GS_PANICKED : GS_EXITED;
			w->event.stack = 0;
			if (config.net)
				w->event.end = u->now - probe_time(u->goroutine, frame, u->now);
			w->no_frame = 1;
		}
		if (!config.conditions || judge_end(u->workspace, frame->probe)) {
			count_ending(frame->probe, u->ending);
			if (config.events)
				emit(u->workspace, frame->probe);
		}
	}
	drop_capture(&u->at->key, index, frame->flags);
}

/* Ends the innermost open call if it is over; 1 when there is no more to end. */
static long unwind_one(gs_u64 index, struct unwinding *u)
{
	struct gs_goroutine *goroutine = u->goroutine;
	struct gs_frame *frame;
	gs_u32 open;

	if (!goroutine)
		return 1;
	open = goroutine->open;
	if (!open)
		return 1;
	frame = frame_at(goroutine, &u->at->key, open - 1);
	/* A frame that vanished (its map entry was never written) is over in any case. */
	if (frame && frame->depth < u->at->over)
		return 1;
	if (frame)
		end_call(u, frame, open - 1);
	drop_frame(goroutine, &u->at->key, open - 1);
	u->ended++;
	return 0;
}

/*
 * Ends every open call that is over. One of C ends so when its function was LEFT. Of Go's, a system stack (no goroutine
 * id) is left by the scheduler for another goroutine, again and again: what was called on it and did not return is abandoned,
 * no panic. UNPAIRED are spans of a value of which an end or another beginning was missed. Where not all could be ended at
 * once, which of the rest are over is not known: they are given up as lost.
 */
static __noinline int unwind_all(struct gs_goroutine *goroutine, const struct where *at, enum ending ending, gs_u32 workspace)
{
	struct gs_balance *counts = this_cpu_counts();
	struct unwinding u = { .goroutine = goroutine, .at = at, .workspace = workspace };
	struct gs_frame *innermost;
	gs_u32 open;

	if (!counts)
		return 0;
	u.ending = ending >= LEFT || goroutine->goid ? ending : ABANDONED;
	if (config.working)
		stop_clock(workspace, goroutine->goid);
	if (config.net)
		u.now = bpf_ktime_get_ns();
	if (config.has_loop) {
		bpf_loop(MAX_UNWOUND, unwind_one, &u, 0);
	} else {
		for (int i = 0; i < MAX_UNWOUND_UNROLLED; i++)
			if (unwind_one(i, &u))
				break;
	}
	if (u.ending == BY_PANIC) {
		__sync_fetch_and_add(&counts->panics, u.ended);
	} else if (u.ending == BY_GOEXIT) {
		__sync_fetch_and_add(&counts->goexits, u.ended);
	} else {
		__sync_fetch_and_add(&counts->lost, u.ended);
		if (u.ending != UNPAIRED)
			__sync_fetch_and_add(u.ending == LEFT ? &counts->lost_left : &counts->lost_abandoned, u.ended);
	}
	open = goroutine->open;
	innermost = open ? frame_at(goroutine, &at->key, open - 1) : 0;
	if (innermost && innermost->depth >= at->over) {
		__sync_fetch_and_add(&counts->lost, open);
		goroutine->open = 0;
		goroutine->filtered = 0;
	}
	return 0;
}

/*
 * Ends what a hit proves to be over, of which there is usually nothing. A g that carries another goid than its record was
 * recycled: whatever the former goroutine left open ended with it.
 */
static __always_inline void settle(struct gs_goroutine *goroutine, struct where *at, enum ending ending, gs_u32 workspace)
{
	gs_u32 open = goroutine->open, recycled = goroutine->goid != at->goid;
	struct workspace *w = recycled && config.origins ? workspace_of(workspace) : 0;
	struct gs_frame *innermost;

	if (recycled) {
		at->over = 0;
		ending = BY_GOEXIT;
	}
	if (w)
		w->recycled = 1;
	innermost = open ? frame_at(goroutine, &at->key, open - 1) : 0;
	if (open && (!innermost || innermost->depth >= at->over))
		unwind_all(goroutine, at, ending, workspace);
	if (w)
		w->recycled = 0;
	if (recycled) {
		goroutine->skipped = 0;
		goroutine->goid = at->goid;
	}
}

/* The record of a nest of open calls, made when `create`. */
static __always_inline struct gs_goroutine *record_of(const struct gs_goroutine_key *key, gs_u32 create)
{
	struct gs_goroutine *record = bpf_map_lookup_elem(&goroutines, key);

	if (record || !create)
		return record;
	bpf_map_update_elem(&goroutines, key, &empty_goroutine, BPF_NOEXIST);
	return bpf_map_lookup_elem(&goroutines, key);
}

#endif
