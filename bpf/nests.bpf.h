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

/* In gs_goroutine.owner, of a value's nest. */
#define MISSED_A_HIT 1

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
	hit->at.goid = goid;
	return 0;
#else
	return -1;
#endif
}

/*
 * Finds the value that tells a span from others; nonzero when it can't be read. Global, so that the verifier follows its steps
 * once, not at each call.
 */
__noinline int match_of(struct pt_regs *ctx, struct hit *hit)
{
	struct gs_probe *probe;
	struct fetched f = {};
	gs_u32 number;

	if (!config.values || !hit)
		return GS_FAULT;
	number = hit->probe;
	if (config.one_recipe) {
		evaluate(&f, ctx, hit->image, hit->workspace, &config.only.match);
	} else {
		probe = bpf_map_lookup_elem(&probes, &number);
		if (!probe)
			return GS_FAULT;
		evaluate(&f, ctx, hit->image, hit->workspace, &probe->match);
	}
	hit->at.key.g = f.a;
	return f.status;
}

/*
 * The record of a value, which this hit has to itself until it lets go of it. Threads may be at the same value at the same
 * time, and the one that leaves the record empty deletes it while others wait for it. Its memory may be another record's
 * before they have it, so that it is theirs only if it still is what the key leads to: who has it is the only one to delete it.
 * A hit that has waited too long leaves word.
 */
static __always_inline struct gs_goroutine *claim_value(const struct gs_goroutine_key *key, gs_u32 create)
{
	struct gs_goroutine *nest;

#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < MAX_TRIES; i++) {
		nest = record_of(key, create);
		if (!nest)
			return 0;
		if (__sync_lock_test_and_set(&nest->busy, 1))
			continue;
		if (bpf_map_lookup_elem(&goroutines, key) == nest)
			return nest;
		*(volatile gs_u32 *)&nest->busy = 0;
	}
	nest = bpf_map_lookup_elem(&goroutines, key);
	if (nest)
		*(volatile gs_u64 *)&nest->owner = MISSED_A_HIT;
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

/* Whether nothing is known any more of what is open in a nest, which then is as good as over. */
static __always_inline gs_u32 is_forsaken(struct gs_goroutine *nest, gs_u64 owner)
{
	gs_u32 forsaken = nest->owner != owner;

	if (forsaken) {
		nest->skipped = 0;
		nest->owner = owner;
	}
	return forsaken;
}

/* Where a C call is in the nest of its thread. Nonzero when it is on another stack. */
static __always_inline long find_depth(const struct pt_regs *ctx, struct hit *hit, struct gs_goroutine *nest, gs_u32 forsaken)
{
	gs_u32 returning = hit->kind == GS_SITE_FUNCTION_RETURN;
	gs_u64 sp = ctx->sp, depth;

	if (returning) {
		struct workspace *w = config.working ? workspace_of(hit->workspace) : 0;

		/* Behind the return address, and in the caller's code. */
		sp -= 8;
		hit->image = nest->image;
		if (w)
			w->event.image = nest->image;
	} else {
		forsaken |= nest->image != hit->image;
		nest->image = hit->image;
	}
	if (forsaken || !nest->open)
		nest->stack_top = sp + STACK_ABOVE;
	depth = nest->stack_top - sp;
	if (depth > STACK_ABOVE + STACK_BELOW)
		return -1;
	hit->at.depth = depth;
	hit->at.over = forsaken ? 0 : depth + returning;
	return 0;
}

/*
 * With `net`: who keeps account of what hits take that are on this nest. C functions have a nest each, and call each other on
 * one thread, which keeps it for all of them. 0 when there is no room for one that is to be created; a nest without one has no
 * open calls.
 */
static __noinline struct gs_goroutine *account_of(const struct hit *hit, struct gs_goroutine *nest, gs_u32 create)
{
	struct gs_goroutine_key key = { .g = hit->at.key.g, .tgid = hit->at.key.tgid, .scope = GS_SCOPE_ACCOUNT };
	struct gs_goroutine *account;

	if (!IN_NEST(hit->kind) || !nest->owner)
		return nest;
	account = record_of(&key, create);
	return account || create ? account : nest;
}

/* An entry without a nest is lost; an end, nobody's. */
static __always_inline void count_unplaced(struct gs_balance *counts, gs_u32 create)
{
	if (create)
		count(&counts->lost);
	else
		count_nobodys(counts);
}

/* One whose nest can't be told. */
static __always_inline struct gs_goroutine *homeless(struct gs_balance *counts, gs_u32 create)
{
	count_unplaced(counts, create);
	if (create)
		count(&counts->lost_homeless);
	return 0;
}

/*
 * Finds the nest of a hit that begins (`create`) or ends a call that is not Go's: its record has the key hit->at.key. 0 where
 * it can't be told; that is counted.
 */
static __noinline struct gs_goroutine *find_nest(struct pt_regs *ctx, struct hit *hit, gs_u32 create)
{
	struct gs_balance *counts = this_cpu_counts();
	struct nest of = nest_of_probe(hit->probe);
	struct gs_goroutine *nest;
	gs_u32 forsaken;

	if (!counts)
		return 0;
	hit->at.key.scope = 1 + of.number;
	if (of.identity == GS_BY_GOROUTINE) {
		if (hit->g_place == GS_SITE_G_BEHIND_C
			    ? find_goroutine_behind_c(hit)
			    : read_goroutine(current_g(ctx, hit->g_place), ctx->sp, &hit->at)) {
			count(&counts->no_goroutine);
			if (create)
				return homeless(counts, create);
			count(&counts->other_hits);
			return 0;
		}
		hit->at.over = NONE_OVER;
		nest = record_of(&hit->at.key, create);
	} else {
		if (hit->g_place == GS_SITE_G_BEHIND_C)
			find_goroutine_behind_c(hit);
		hit->at.over = NONE_OVER;
		if (of.identity == GS_BY_THREAD) {
			hit->at.key.g = current_thread();
			nest = record_of(&hit->at.key, create);
		} else if (match_of(ctx, hit)) {
			count(&counts->unreadable);
			return homeless(counts, create);
		} else {
			nest = claim_value(&hit->at.key, create);
		}
		if (nest) {
			forsaken = is_forsaken(nest, of.identity == GS_BY_THREAD ? bpf_get_current_task() : 0);
			if (forsaken)
				hit->at.over = 0;
			if (!IS_SPAN(hit->kind) && find_depth(ctx, hit, nest, forsaken))
				return homeless(counts, create);
			nest->goid = hit->at.goid;
		}
	}
	if (!nest)
		count_unplaced(counts, create);
	return nest;
}

#endif
