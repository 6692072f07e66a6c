/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A hit of a site: where, of what, and by whom. */
#ifndef GOSPECT_HIT_BPF_H
#define GOSPECT_HIT_BPF_H

#include "goroutine.bpf.h"
#include "stack.bpf.h"

/* On the BPF stack while all else is done, and cleared at each hit: so it has nothing that can be found again. */
struct hit {
	gs_u64 image;	/* load bias plus the image's base */
	struct where at;	/* its process; the rest once the goroutine, or the nest, was found */
	gs_u64 curg;	/* the goroutine for which C code runs; 0: there is none, or it is not asked for */
	gs_u32 probe;
	gs_u32 kind;
	gs_u32 g_place;	/* of enum gs_site_kind: where g is */
	gs_u32 workspace;	/* its number */
};

static __always_inline struct hit hit_of(const struct pt_regs *ctx, gs_u64 cookie, gs_u32 tgid, gs_u32 workspace)
{
	gs_u32 kind = cookie >> GS_COOKIE_PROBE_BITS;
	struct hit hit = {
		.image = ctx->ip - site_address(cookie),
		.at.key.tgid = tgid,
		.probe = cookie & ((1 << GS_COOKIE_PROBE_BITS) - 1),
		.kind = kind & GS_SITE_KIND,
		.g_place = kind & GS_SITE_NO_G,
		.workspace = workspace,
	};
	return hit;
}

#endif
