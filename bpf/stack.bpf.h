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

#include "maps.bpf.h"

/* Where the callers' frames begin. */
struct frame_place {
	gs_u32 return_address;	/* from SP; GS_NO_RETURN_ADDRESS: not known */
	gs_u32 saved_frame_pointer;	/* 1: right below it; 0: still in its register */
};

/*
 * Of a goroutine that has called C, by asmcgocall. FACT(go1.19..go1.27): SP is at the return address, or where that function
 * has saved its caller's frame pointer below it, there; then it is the frame pointer too.
 */
struct go_stack {
	gs_u64 sp;	/* 0: there is none */
	gs_u64 fp;
	gs_u64 limit;
};

struct walk {
	gs_u64 fp;
	gs_u64 bottom;	/* SP: no caller's frame is below it */
	gs_u64 limit;	/* the stack's top */
	gs_u64 image;
	gs_u32 truncated;
	struct go_stack go;	/* that of the goroutine, once the C code's is walked */
};

/* Goes on with the goroutine's own stack: the next return address; 0 where there is none. */
static __always_inline gs_u64 go_on(struct walk *w)
{
	gs_u64 sp = w->go.sp, words[2] = {};
	gs_u32 saved = w->go.fp == sp;

	if (!config.nests || !sp)
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
	if (config.nests && w->go.sp && (w->fp < w->bottom || w->fp >= w->limit))
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

/* What a walk begins with. */
struct walk_start {
	gs_u64 site;	/* the probe's address in the image */
	gs_u64 image;
	gs_u64 fp;
	gs_u64 sp;
	gs_u64 limit;	/* the stack's top */
	struct frame_place frame;
	gs_u64 caller;	/* the direct caller where it is known; 0: `frame` tells where it is */
	struct go_stack go;
	gs_u32 file;	/* gs_probe.file */
};

/* Going through the frames of stacks that are not Go's alone: those have more turns than the verifier follows in a loop. */
struct going {
	struct walk walk;
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
	frame = next_frame(&going->walk);
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
	if (config.nests && config.has_loop) {
		struct going going = { .walk = *w, .hash = hash, .from = from };

		bpf_loop(GS_STACK_FRAMES, go_to_frame, &going, 0);
		return going.hash;
	}
	/* LIMIT: without bpf_loop, of other stacks than Go's the direct caller. */
	for (int i = 2; i < GS_STACK_FRAMES && !config.nests; i++) {
		gs_u64 frame = next_frame(w);

		if (!frame)
			break;
		hash = mix(hash, frame);
	}
	return hash;
}

static __always_inline void keep_frames(struct walk *w, struct gs_stack *stack, gs_u32 from)
{
	if (config.nests && config.has_loop) {
		struct going going = { .walk = *w, .stack = stack, .from = from };

		bpf_loop(GS_STACK_FRAMES, go_to_frame, &going, 0);
		*w = going.walk;
		return;
	}
	for (int i = 2; i < GS_STACK_FRAMES && !config.nests; i++) {
		gs_u64 frame = next_frame(w);

		if (!frame)
			break;
		stack->frames[i] = frame;
		stack->depth = i + 1;
	}
}

/*
 * The number of the current stack, never 0; or 0 when it could not be kept. Global, so that the verifier follows its
 * loops once, not at each call.
 */
__noinline gs_u64 keep_stack(const struct walk_start *start)
{
	struct gs_balance *counts = this_cpu_counts();
	gs_u64 caller = 0, hash, top;
	struct walk first, again;
	gs_u32 from = 2;
	struct gs_stack *stack;

	if (!config.stacks || !start || !counts)
		return 0;
	first.fp = start->fp;
	first.bottom = start->sp;
	first.limit = start->limit;
	first.image = start->image;
	first.truncated = 0;
	first.go = start->go;
	hash = mix(0, start->site);
	if (config.nests)
		hash = mix(hash, start->file);
	top = start->sp + start->frame.return_address;
	if (config.nests && (start->caller || start->frame.return_address == GS_NO_RETURN_ADDRESS)) {
		caller = start->caller ? start->caller - start->image : 0;
		from = caller ? 2 : 1;
		goto walk;
	}
	if (start->frame.saved_frame_pointer && read_user(&first.fp, 8, top - 8))
		first.fp = 0;
	if (read_user(&caller, 8, top)) {
		/* Without the direct caller the rest would seem to call the function itself. */
		caller = 0;
		first.fp = 0;
		first.truncated = 2;
	} else {
		caller -= start->image;
	}
walk:
	again = first;
	hash = hash_frames(&first, mix(hash, caller), from);
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
	stack->frames[0] = start->site;
	stack->frames[1] = caller;
	stack->file = start->file;
	stack->depth = caller ? 2 : 1;
	keep_frames(&again, stack, from);
	stack->truncated = again.fp && !again.truncated ? 1 : again.truncated;
	return hash;
}

#endif
