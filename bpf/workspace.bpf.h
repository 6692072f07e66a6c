/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Where a hit keeps what is too large for the BPF stack, which is 512 bytes for all functions that are under way: the key of
 * its series, the walk of its stack, the state of the evaluation machine, and the event that it fills. A program may be
 * preempted by another one on its CPU, so each CPU has a few workspaces, and a hit takes a free one. What lies here is
 * unknown to the verifier, which is why a loop over it converges.
 */
#ifndef GOSPECT_WORKSPACE_BPF_H
#define GOSPECT_WORKSPACE_BPF_H

#include "fetch.bpf.h"
#include "maps.bpf.h"
#include "walk.bpf.h"

#define NO_WORKSPACE 0xffffffff

#define PADDED(bytes) (((bytes) + 7) & ~7)
/* Of a captured part: its words and outcomes, and all of it. */
#define MAX_FIXED (GS_MAX_SLOTS * 8 + PADDED(GS_MAX_SLOTS))
#define MAX_PART (MAX_FIXED + GS_TAIL_BYTES)

/* A captured part while it is filled; offsets in the event's data. */
struct part {
	gs_u32 words;
	gs_u32 outcomes;
	gs_u32 tail;
	gs_u32 slots;
	gs_u32 kept;	/* bytes of the tail in use */
	gs_u32 room;	/* and how many there may be */
};

struct workspace {
	gs_u32 busy;
	gs_u32 number;

	struct gs_key series;	/* the key of the series that is looked for */
	struct walk_start start;	/* of the walk, which goes on in: */
	struct walk walk;

	/* The machine; see enum gs_opcode. */
	gs_u32 pc;
	gs_u32 handler;	/* where a failed read goes on; 0: nowhere */
	gs_u32 ended;	/* 1: the code came to its end */
	struct fetched f;
	gs_u64 variables[GS_VARIABLES];
	gs_s64 linear[3];
	gs_u64 text[GS_CONSTANT_BYTES / 8];	/* the string that is compared, or in which a word is looked for */
	struct {
		gs_u32 at;
		gs_u32 length;
	} word;
	gs_u64 registers[GS_REGISTERS];
	gs_u64 sp;
	gs_u32 no_frame;	/* 1: the call whose code this is did not return, the registers are another's */

	/* The call or place at hand, besides what `event` says of it. */
	gs_u32 flags;	/* enum gs_frame_flag */
	gs_u32 begun;	/* the probe whose hit began the call */
	struct gs_frame_key key;
	gs_u32 recycled;	/* 1: its goroutine has ended, g is another's */

	struct part part;
	struct gs_event event;
	gs_u8 data[2 * MAX_PART + GS_CHUNK_BYTES];	/* of the event; behind it, room to be sure of for the verifier */
};

_Static_assert(sizeof(struct workspace) <= GS_WORKSPACE_BYTES, "user space reckons with no more");

/* key: number; value: this CPU's workspace. Sized at load: GS_WORKSPACES where the run needs any. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, gs_u32);
	__type(value, struct workspace);
} workspaces SEC(".maps");

static __always_inline struct workspace *workspace_of(gs_u32 number)
{
	return bpf_map_lookup_elem(&workspaces, &number);
}

/* As the process's own tools number it, in its pid namespace. */
static __always_inline gs_u32 current_thread(void)
{
	struct bpf_pidns_info info;

	if (!config.pid_ns_inode)
		return bpf_get_current_pid_tgid();
	return bpf_get_ns_current_pid_tgid(config.pid_ns_device, config.pid_ns_inode, &info, sizeof(info)) ? 0 : info.pid;
}

/* The address of a site relative to the image. */
static __always_inline gs_u64 site_address(gs_u64 cookie)
{
	return cookie >> (GS_COOKIE_PROBE_BITS + GS_COOKIE_KIND_BITS);
}

/* Takes a workspace for a hit in `tgid`; its number, which the verifier is not to know: else it follows what comes for each. */
static __noinline gs_u32 claim_workspace(const struct pt_regs *ctx, gs_u64 cookie, gs_u32 tgid)
{
	struct workspace *w;

	for (gs_u32 number = 0; number < GS_WORKSPACES; number++) {
		w = workspace_of(number);
		if (!w || __sync_lock_test_and_set(&w->busy, 1))
			continue;
		w->number = number;
		if (!config.working)
			return *(volatile gs_u32 *)&w->number;
		if (config.codes) {
#pragma clang loop unroll(full)
			for (gs_u32 i = 0; i < GS_REGISTERS; i++)
				w->registers[i] = register_value(ctx, i);
			w->sp = ctx->sp;
		}
		w->no_frame = 0;
		w->recycled = 0;
		w->event.goid = 0;
		w->event.image = ctx->ip - site_address(cookie);
		w->event.tgid = tgid;
		w->event.tid = current_thread();
		w->event.site = site_address(cookie);
		return *(volatile gs_u32 *)&w->number;
	}
	return NO_WORKSPACE;
}

static __always_inline void release_workspace(gs_u32 number)
{
	struct workspace *w = workspace_of(number);

	/* Only programs on this CPU look at it, and a hit stays on its CPU. */
	if (w)
		*(volatile gs_u32 *)&w->busy = 0;
}

/* The codes of a probe; null without any. */
static __always_inline const volatile struct gs_codes *codes_of(gs_u32 probe)
{
	struct gs_probe *own;

	if (config.one_recipe)
		return &config.only.codes;
	own = bpf_map_lookup_elem(&probes, &probe);
	if (!own)
		return 0;
	/* The verifier takes no sum of a pointer that may still be null, so the compiler must not compute it before. */
	barrier_var(own);
	return &own->codes;
}

#endif
