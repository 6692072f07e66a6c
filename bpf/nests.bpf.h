/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Calls that are not Go's, and spans: whose nest of open calls a hit belongs to, where that is no goroutine's.
 *
 * C functions nest on the stack of their thread, so the depth of a call tells which are over, as for Go's. Spans nest by
 * the order of their ends alone. Where a run has neither, everything here is behind a constant of it.
 */
#ifndef GOSPECT_NESTS_BPF_H
#define GOSPECT_NESTS_BPF_H

#include "hit.bpf.h"

/* Whether hits of these kinds begin and end calls that are not Go's. */
#define IN_NEST(kind) (NESTS && (kind) >= GS_SITE_FUNCTION)
#define IS_SPAN(kind) (NESTS && (kind) >= GS_SITE_SPAN_BEGIN)

/*
 * LIMIT: from a thread's first open call, C stack above it, and below. A call beyond is on another stack, whose depths do
 * not compare: that of a signal handler, say.
 */
#define STACK_ABOVE (1ULL << 30)
#define STACK_BELOW (1ULL << 31)

/* LIMIT: how often a hit tries to have a value's nest for itself, each time some 100 ns. */
#define MAX_TRIES 64

/* The nest of a hit's probe, which is its own also where probes share their recipes. */
struct nest {
	gs_u32 identity;	/* enum gs_identity */
	gs_u32 number;
};

static __always_inline struct nest nest_of_probe(gs_u32 number)
{
	struct gs_probe *probe = bpf_map_lookup_elem(&probes, &number);
	struct nest nest = {};

	if (probe) {
		nest.identity = probe->identity;
		nest.number = probe->nest;
	}
	return nest;
}

/*
 * Finds the goroutine for which the thread runs C code: that of its m, for thread-local storage has the thread's g0. Nonzero
 * when there is none: a thread that Go did not make.
 */
__noinline int find_goroutine_behind_c(struct hit *hit)
{
#ifdef GOSPECT_TLS
	gs_u64 g0, m = 0, g = 0, goid = 0;

	if (!NESTS || !hit)
		return -1;
	g0 = g_in_storage();
	if (g0 < FIRST_PAGE || read_user(&m, 8, g0 + config.m_offset) || read_user(&g, 8, m + config.curg_offset) ||
	    g < FIRST_PAGE || read_user(&goid, 8, g + config.goid_offset))
		return -1;
	hit->curg = g;
	hit->at.key.g = g;
	hit->at.key.tgid = hit->tgid;
	hit->at.goid = goid;
	return 0;
#else
	return -1;
#endif
}

/* The record of a nest, made when `create`. */
static __always_inline struct gs_goroutine *nest_record(const struct gs_goroutine_key *key, gs_u32 create)
{
	struct gs_goroutine *nest = bpf_map_lookup_elem(&goroutines, key);

	if (nest || !create)
		return nest;
	bpf_map_update_elem(&goroutines, key, &empty_goroutine, BPF_NOEXIST);
	return bpf_map_lookup_elem(&goroutines, key);
}

/*
 * The record of a value, which this hit has to itself until it lets go of it. Threads may be at the same value at the same
 * time, and the one that leaves the record empty deletes it while others wait for it. Its memory may be another record's
 * before they have it, so that it is theirs only if it still is what the key leads to: who has it is the only one to delete it.
 */
static __always_inline struct gs_goroutine *claim_value(const struct gs_goroutine_key *key, gs_u32 create)
{
#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < MAX_TRIES; i++) {
		struct gs_goroutine *nest = nest_record(key, create);

		if (!nest)
			return 0;
		if (__sync_lock_test_and_set(&nest->busy, 1))
			continue;
		if (bpf_map_lookup_elem(&goroutines, key) == nest)
			return nest;
		*(volatile gs_u32 *)&nest->busy = 0;
	}
	return 0;
}

/* The last that a hit does with a nest of a value: one without open spans is deleted, so busy for ever. */
static __always_inline void let_go(struct gs_goroutine *nest, const struct gs_goroutine_key *key)
{
	if (!nest->open)
		bpf_map_delete_elem(&goroutines, key);
	else
		*(volatile gs_u32 *)&nest->busy = 0;
}

/* A thread's record is for it alone: what another left open that had its id, or its program before an exec, is over. */
static __always_inline struct gs_goroutine *thread_record(const struct gs_goroutine_key *key, struct gs_balance *counts,
							  gs_u32 create, gs_u32 workspace)
{
	struct gs_goroutine *nest = nest_record(key, create);
	gs_u64 task = bpf_get_current_task();

	if (nest && nest->owner != task) {
		unwind(nest, key, 0, counts, LEFT, workspace);
		nest->skipped = 0;
		nest->owner = task;
	}
	return nest;
}

/* Where a C call is in the nest of its thread, what it proves to be over included. Nonzero when it is on another stack. */
static __always_inline long find_depth(struct hit *hit, struct gs_goroutine *nest, struct gs_balance *counts)
{
	gs_u32 returning = hit->kind == GS_SITE_FUNCTION_RETURN;
	gs_u64 sp = hit->sp, depth;

	if (returning) {
		struct workspace *w = workspace_of(hit->workspace);

		/* Behind the return address, and in the caller's code. */
		sp -= 8;
		hit->image = nest->image;
		if (w)
			w->event.image = nest->image;
	} else {
		if (nest->image != hit->image)
			unwind(nest, &hit->at.key, 0, counts, LEFT, hit->workspace);
		nest->image = hit->image;
		if (!nest->open)
			nest->stack_top = sp + STACK_ABOVE;
	}
	depth = nest->stack_top - sp;
	if (depth > STACK_ABOVE + STACK_BELOW)
		return -1;
	hit->at.depth = depth;
	unwind(nest, &hit->at.key, depth + returning, counts, LEFT, hit->workspace);
	return 0;
}

/*
 * With `net`: who keeps account of what hits take that are on this nest. C functions have a nest each, and call each other on
 * one thread, which keeps it for all of them.
 */
static __always_inline struct gs_goroutine *account_of(const struct hit *hit, struct gs_goroutine *nest, gs_u32 create)
{
	struct gs_goroutine_key key = { .g = hit->at.key.g, .tgid = hit->tgid, .scope = GS_SCOPE_ACCOUNT };
	struct gs_goroutine *account;

	if (!IN_NEST(hit->kind) || hit->identity != GS_BY_THREAD)
		return nest;
	account = nest_record(&key, create);
	return account ? account : nest;
}

/* An entry whose nest can't be told is lost; an end, nobody's. */
static __always_inline int homeless(struct gs_balance *counts, gs_u32 create)
{
	count(create ? &counts->lost : &counts->unmatched_returns);
	if (create)
		count(&counts->lost_homeless);
	return -1;
}

/*
 * Finds the nest of a hit that begins (`create`) or ends a call that is not Go's: its record has the key hit->at.key. Nonzero
 * where it can't be told; that is counted. Global, so that the verifier follows its turns once.
 */
__noinline int find_nest(struct hit *hit, gs_u32 create)
{
	struct gs_balance *counts = this_cpu_counts();
	struct gs_goroutine *nest = 0;
	struct nest of;

	if (!NESTS || !hit || !counts)
		return -1;
	of = nest_of_probe(hit->probe);
	hit->identity = of.identity;
	if (of.identity == GS_BY_GOROUTINE) {
		if (hit->g_place == GS_SITE_G_BEHIND_C
			    ? find_goroutine_behind_c(hit)
			    : read_goroutine(hit->g_place ? g_in_storage() : hit->g, hit->sp, hit->tgid, &hit->at)) {
			count(&counts->no_goroutine);
			return create ? homeless(counts, create) : -1;
		}
		hit->at.key.scope = 1 + of.number;
		nest = goroutine_of(&hit->at, counts, create, hit->workspace);
	} else {
		if (hit->g_place == GS_SITE_G_BEHIND_C)
			find_goroutine_behind_c(hit);
		hit->at.key.tgid = hit->tgid;
		hit->at.key.scope = 1 + of.number;
		if (of.identity == GS_BY_THREAD) {
			hit->at.key.g = current_thread();
			nest = thread_record(&hit->at.key, counts, create, hit->workspace);
			if (nest && !IS_SPAN(hit->kind) && find_depth(hit, nest, counts))
				return homeless(counts, create);
		} else if (hit->unmatched) {
			count(&counts->unreadable);
			return homeless(counts, create);
		} else {
			hit->at.key.g = hit->value;
			nest = claim_value(&hit->at.key, create);
		}
		if (nest)
			nest->goid = hit->at.goid;
	}
	if (nest)
		return 0;
	count(create ? &counts->lost : &counts->unmatched_returns);
	return -1;
}

#endif
