/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Conditions and events: which calls are of interest, what is captured of them, and how each becomes a record of the
 * ring buffer. What is captured at a call's entry waits in the map `captures` for its end.
 *
 * The functions work on the workspace of the hit, by its number. Those that are global are looked at by the verifier
 * once, instead of at each of their calls. Before kernel 6.8 it looks at them though nothing calls them: so each asks
 * first whether the run has any use of it.
 */
#ifndef GOSPECT_EVENTS_BPF_H
#define GOSPECT_EVENTS_BPF_H

#include "code.bpf.h"

/* The end of calls that will not return, of the goroutine of that id. */
static __always_inline void stop_clock(gs_u32 workspace, gs_u64 goid)
{
	struct workspace *w = workspace_of(workspace);

	if (!w)
		return;
	w->event.end = bpf_ktime_get_ns();
	w->event.goid = goid;
}

/* The call that codes and events are about from here on, open or just ended, at `index` in the nest of its goroutine. */
static __always_inline void describe_call(struct workspace *w, const struct gs_frame *frame,
					  const struct gs_goroutine_key *key, gs_u32 index,
					  const struct gs_goroutine *goroutine)
{
	w->flags = frame->flags;
	w->begun = frame->probe;
	w->key.g = key->g;
	w->key.tgid = key->tgid;
	w->key.scope = key->scope;
	w->key.index = index;
	w->no_frame = 0;
	w->event.start = frame->start;
	w->event.goid = goroutine->goid;
	w->event.level = index - goroutine->filtered;
}

static const gs_u8 zeros[MAX_FIXED];

enum verdict { UNINTERESTING = 0, INTERESTING = 1, UNDECIDED = 2 };

static __always_inline enum verdict verdict_of(gs_u32 workspace, gs_u32 code)
{
	struct workspace *w = workspace_of(workspace);

	if (!w || run_code(workspace, code))
		return UNDECIDED;
	return w->f.a ? INTERESTING : UNINTERESTING;
}

/* Whether the call or place is of interest; counts it if not. */
static __always_inline gs_u32 passes(enum verdict verdict)
{
	struct gs_balance *counts = this_cpu_counts();

	if (counts && verdict == UNINTERESTING)
		count(&counts->filtered);
	else if (counts && verdict == UNDECIDED)
		count(&counts->undecided);
	return verdict == INTERESTING;
}

/* What the condition says when a call begins or a place is passed: flags of the frame. */
__noinline int judge_entry(gs_u32 workspace, gs_u32 probe)
{
	const volatile struct gs_codes *codes;
	gs_u32 flags = 0;

	if (!config.conditions)
		return 0;
	codes = codes_of(probe);
	if (!codes)
		return 0;
	if (codes->where_entry && !passes(verdict_of(workspace, codes->where_entry)))
		return GS_FRAME_FILTERED;
#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < GS_MAX_DECIDED; i++) {
		enum verdict verdict;

		if (!codes->decide[i])
			break;
		verdict = verdict_of(workspace, codes->decide[i]);
		if (verdict == INTERESTING)
			flags |= 1 << (GS_FRAME_TRUE + i);
		else if (verdict == UNDECIDED)
			flags |= 1 << (GS_FRAME_UNKNOWN + i);
	}
	return flags;
}

/* Whether a call that has ended is of interest; the workspace knows which. */
__noinline int judge_end(gs_u32 workspace, gs_u32 probe)
{
	const volatile struct gs_codes *codes;

	if (!config.conditions)
		return 1;
	codes = codes_of(probe);
	return !codes || !codes->where_return || passes(verdict_of(workspace, codes->where_return));
}

/* Fills a part at `at` in the event's data by a code. Its size; 0 without one. */
static __always_inline gs_u32 capture(struct workspace *w, gs_u32 workspace, gs_u32 code, gs_u32 slots, gs_u32 at,
				      gs_u32 room)
{
	gs_u32 fixed = 8 * slots + PADDED(slots);

	w->part.kept = 0;
	if (!code || slots > GS_MAX_SLOTS || fixed > MAX_FIXED)
		return 0;
	w->part.slots = slots;
	w->part.words = at;
	w->part.outcomes = at + 8 * slots;
	w->part.tail = at + fixed;
	w->part.room = room;
	/* Only here: kernels like 6.1 forget the bound when the compiler had put a copy aside before. */
	barrier_var(at);
	if (at > MAX_PART)
		return 0;
	bpf_probe_read_kernel(w->data + at, fixed, zeros);
	run_code(workspace, code);
	return fixed + PADDED(w->part.kept);
}

/* Captures what a probe shows of its entry, until the call ends; a flag of the frame when it found room. */
__noinline int keep_entry(gs_u32 workspace, gs_u32 probe)
{
	struct workspace *w = workspace_of(workspace);
	struct gs_balance *counts = this_cpu_counts();
	const volatile struct gs_codes *codes;
	gs_u32 fixed, slots;

	if (!config.capture_bytes || !counts)
		return 0;
	codes = codes_of(probe);
	if (!codes || !codes->capture_entry)
		return 0;
	slots = codes->entry_slots;
	fixed = sizeof(struct gs_capture) + 8 * slots + PADDED(slots);
	if (w && fixed <= config.capture_bytes) {
		struct gs_capture *head = (struct gs_capture *)w->data;

		capture(w, workspace, codes->capture_entry, slots, sizeof(*head), config.capture_bytes - fixed);
		head->image = w->event.image;
		head->slots = slots;
		head->tail = w->part.kept;
		head->reserved = 0;
		if (!bpf_map_update_elem(&captures, &w->key, w->data, BPF_ANY))
			return GS_FRAME_CAPTURED;
	}
	count(&counts->captures_dropped);
	return 0;
}

/* Puts what was captured at the entry first among the event's data. Its size. */
static __always_inline gs_u32 take_entry(struct workspace *w)
{
	struct gs_capture *kept = bpf_map_lookup_elem(&captures, &w->key);
	gs_u32 size;

	if (!kept)
		return 0;
	size = 8 * kept->slots + PADDED(kept->slots) + PADDED(kept->tail);
	if (size > MAX_PART || bpf_probe_read_kernel(w->data, size, kept + 1))
		return 0;
	w->event.entry_slots = kept->slots;
	w->event.entry_tail = kept->tail;
	bpf_map_delete_elem(&captures, &w->key);
	return size;
}

/* Who made the goroutine, and where. */
static __always_inline void read_origin(struct workspace *w)
{
	gs_u64 word;

	w->event.parent_goid = 0;
	w->event.created_at = 0;
	if (!config.origins || !w->key.g || w->recycled)
		return;
	if (config.parent_goid_offset && !read_user(&word, 8, w->key.g + config.parent_goid_offset))
		w->event.parent_goid = word;
	if (config.gopc_offset && !read_user(&word, 8, w->key.g + config.gopc_offset) && word)
		w->event.created_at = word - w->event.image;
}

/* Hands over the event with `used` bytes of data. Nobody is woken: the reader comes by often enough. */
static __always_inline void submit(struct workspace *w, gs_u32 used, struct gs_balance *counts)
{
	if (used <= 2 * MAX_PART &&
	    !bpf_ringbuf_output(&events, &w->event, sizeof(struct gs_event) + used, BPF_RB_NO_WAKEUP))
		count(&counts->events);
	else
		count(&counts->events_dropped);
}

/* Makes an event of the call or place that the workspace describes. */
__noinline int emit(gs_u32 workspace, gs_u32 probe)
{
	struct workspace *w = workspace_of(workspace);
	struct gs_balance *counts = this_cpu_counts();
	const volatile struct gs_codes *codes, *begun;
	gs_u32 used = 0;

	if (!config.events || !counts)
		return 0;
	codes = codes_of(probe);
	/* A span's ends are probes of their own. */
	begun = NESTS && w && w->event.outcome != GS_PASSED ? codes_of(w->begun) : codes;
	if (!w || !codes || !begun) {
		count(&counts->events_dropped);
		return 0;
	}
	w->event.probe = probe;
	w->event.flags = begun->capture_entry ? GS_EVENT_NO_ENTRY : 0;
	w->event.entry_slots = 0;
	w->event.return_slots = 0;
	w->event.entry_tail = 0;
	w->event.return_tail = 0;
	if (w->event.outcome == GS_PASSED) {
		used = capture(w, workspace, codes->capture_entry, codes->entry_slots, 0, GS_TAIL_BYTES);
		w->event.entry_slots = used ? codes->entry_slots : 0;
		w->event.entry_tail = w->part.kept;
	} else if (w->flags & GS_FRAME_CAPTURED) {
		used = take_entry(w);
	}
	if (used)
		w->event.flags = 0;
	if (w->event.outcome == GS_RETURNED) {
		gs_u32 size = capture(w, workspace, codes->capture_return, codes->return_slots, used, GS_TAIL_BYTES);

		w->event.return_slots = size ? codes->return_slots : 0;
		w->event.return_tail = w->part.kept;
		used += size;
	}
	read_origin(w);
	submit(w, used, counts);
	return 0;
}

/* As deep_frame: apart for the sake of the BPF stack. */
static __noinline int forget_capture(const struct gs_goroutine_key *goroutine, gs_u32 index)
{
	struct gs_frame_key key = { .g = goroutine->g, .tgid = goroutine->tgid, .scope = goroutine->scope, .index = index };

	return bpf_map_delete_elem(&captures, &key);
}

/* Forgets what was captured at the entry of a call that becomes no event. */
static __always_inline void drop_capture(const struct gs_goroutine_key *goroutine, gs_u32 index, gs_u32 flags)
{
	if (config.capture_bytes && flags & GS_FRAME_CAPTURED)
		forget_capture(goroutine, index);
}

#endif
