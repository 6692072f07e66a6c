/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Walks a goroutine's stack by frame pointers and keeps each distinct stack once.
 *
 * At entry and exit sites the frame pointer is still the caller's: the direct caller is at [sp], the rest follows the
 * chain of saved frame pointers. (The kernel's own walk misses the direct caller.) In the middle of a function the probe
 * says how far from SP the return address is; the caller's frame pointer was saved below it. Frames are kept relative to
 * the image, so that processes of one program share them.
 *
 * C code need not keep frame pointers: its stack is walked as far as they lead. Where C code runs for a goroutine, the
 * goroutine's own stack goes on from where it called C.
 */
#ifndef GOSPECT_STACK_BPF_H
#define GOSPECT_STACK_BPF_H

#include "workspace.bpf.h"

/* Goes on with the goroutine's own stack: the next return address; 0 where there is none. */
static __always_inline gs_u64 go_on(struct walk *w)
{
	gs_u64 sp = w->go.sp, words[2] = {};
	gs_u32 saved = w->go.fp == sp;

	if (!NESTS || !sp)
		return 0;
	w->bottom = sp;
	w->limit = w->go.limit;
	w->go.sp = 0;
	if (read_user(words, sizeof(words), sp)) {
		w->fp = 0;
		w->truncated = 2;
		return 0;
	}
	w->fp = saved ? words[0] : w->go.fp;
	return (saved ? words[1] : words[0]) - w->image;
}

/* The next return address, relative to the image; 0 at the end of the walk. */
static __always_inline gs_u64 next_frame(struct walk *w)
{
	gs_u64 pair[2];	/* the caller's frame pointer, the return address */

	if (!w->fp)
		return go_on(w);
	/* Where C code keeps no frame pointers, the register may have anything. */
	if (NESTS && w->go.sp && (w->fp < w->bottom || w->fp >= w->limit))
		return go_on(w);
	/* A frame pointer outside the stack is assembly using the register for something else. */
	if (w->fp < w->bottom || w->fp >= w->limit || (w->fp & 7) || read_user(pair, sizeof(pair), w->fp)) {
		w->truncated = 2;
		return 0;
	}
	if (pair[0] && pair[0] <= w->fp) {
		w->truncated = 2;
		pair[0] = 0;
	}
	w->fp = pair[0];
	return pair[1] ? pair[1] - w->image : 0;
}

/* 64-bit mixing (the finalizer of MurmurHash3); two stacks share a number with a chance of 2^-64. */
static __always_inline gs_u64 mix(gs_u64 hash, gs_u64 value)
{
	hash ^= value;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;
	hash *= 0xc4ceb9fe1a85ec53ULL;
	hash ^= hash >> 33;
	return hash + 0x9e3779b97f4a7c15ULL;
}

/* Going through the frames of stacks that are not Go's alone: those have more turns than the verifier follows in a loop. */
struct going {
	struct walk *walk;
	gs_u64 hash;
	struct gs_stack *stack;	/* 0: the frames are not kept, only their hash is wanted */
	gs_u32 from;
};

static long go_to_frame(gs_u64 index, struct going *going)
{
	gs_u32 at = index + going->from;
	gs_u64 frame;

	if (at >= GS_STACK_FRAMES)
		return 1;
	frame = next_frame(going->walk);
	if (!frame)
		return 1;
	going->hash = mix(going->hash, frame);
	if (going->stack) {
		barrier_var(at);
		if (at >= GS_STACK_FRAMES)
			return 1;
		going->stack->frames[at] = frame;
		going->stack->depth = at + 1;
	}
	return 0;
}

static __always_inline gs_u64 hash_frames(struct walk *w, gs_u64 hash, gs_u32 from)
{
	if (NESTS && config.has_loop) {
		struct going going = { .walk = w, .hash = hash, .from = from };

		bpf_loop(GS_STACK_FRAMES, go_to_frame, &going, 0);
		return going.hash;
	}
	/* LIMIT: without bpf_loop, of other stacks than Go's the direct caller. */
	for (int i = 2; i < GS_STACK_FRAMES && !NESTS; i++) {
		gs_u64 frame = next_frame(w);

		if (!frame)
			break;
		hash = mix(hash, frame);
	}
	return hash;
}

static __always_inline void keep_frames(struct walk *w, struct gs_stack *stack, gs_u32 from)
{
	if (NESTS && config.has_loop) {
		struct going going = { .walk = w, .stack = stack, .from = from };

		bpf_loop(GS_STACK_FRAMES, go_to_frame, &going, 0);
		return;
	}
	for (int i = 2; i < GS_STACK_FRAMES && !NESTS; i++) {
		gs_u64 frame = next_frame(w);

		if (!frame)
			break;
		stack->frames[i] = frame;
		stack->depth = i + 1;
	}
}

/*
 * Begins the walk, by finding the direct caller, relative to the image; 0 where there is none. *from becomes the next frame's
 * number.
 */
static __always_inline gs_u64 begin_walk(struct walk *w, const struct walk_start *start, gs_u32 *from)
{
	gs_u64 caller = 0, top = start->sp + start->frame.return_address;

	w->fp = start->fp;
	w->bottom = start->sp;
	w->limit = start->limit;
	w->image = start->image;
	w->truncated = 0;
	w->go = start->go;
	*from = 2;
	if (NESTS && (start->caller || start->frame.return_address == GS_NO_RETURN_ADDRESS)) {
		*from = start->caller ? 2 : 1;
		return start->caller ? start->caller - start->image : 0;
	}
	if (start->frame.saved_frame_pointer && read_user(&w->fp, 8, top - 8))
		w->fp = 0;
	if (!read_user(&caller, 8, top))
		return caller - start->image;
	/* Without the direct caller the rest would seem to call the function itself. */
	w->fp = 0;
	w->truncated = 2;
	return 0;
}

/*
 * The number of the stack whose walk the workspace has the beginning of, never 0; or 0 when it could not be kept. Global, so
 * that the verifier follows its loops once, not at each call.
 */
__noinline gs_u64 keep_stack(gs_u32 workspace)
{
	struct gs_balance *counts = this_cpu_counts();
	struct workspace *space = workspace_of(workspace);
	gs_u64 caller, hash;
	gs_u32 from;
	struct gs_stack *stack;

	if (!config.stacks || !counts)
		return 0;
	if (!space) {
		count(&counts->stacks_dropped);
		return 0;
	}
	hash = mix(0, space->start.site);
	if (NESTS)
		hash = mix(hash, space->start.file);
	caller = begin_walk(&space->walk, &space->start, &from);
	hash = hash_frames(&space->walk, mix(hash, caller), from);
	if (!hash)
		hash = 1;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	if (bpf_map_update_elem(&stacks, &hash, &empty_stack, BPF_NOEXIST)) {
		if (bpf_map_lookup_elem(&stacks, &hash))
			return hash;
		count(&counts->stacks_dropped);
		return 0;
	}
	stack = bpf_map_lookup_elem(&stacks, &hash);
	if (!stack) {
		count(&counts->stacks_dropped);
		return 0;
	}
	/* Walked once more, for most stacks are known already and need no copy of their frames. */
	caller = begin_walk(&space->walk, &space->start, &from);
	stack->frames[0] = space->start.site;
	stack->frames[1] = caller;
	stack->file = space->start.file;
	stack->depth = caller ? 2 : 1;
	keep_frames(&space->walk, stack, from);
	stack->truncated = space->walk.fp && !space->walk.truncated ? 1 : space->walk.truncated;
	return hash;
}

#endif
