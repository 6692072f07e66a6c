/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A hit of a site: where, of what, and by whom. */
#ifndef GOSPECT_HIT_BPF_H
#define GOSPECT_HIT_BPF_H

#include "goroutine.bpf.h"
#include "stack.bpf.h"

/* What is known of any hit before it is looked at. */
struct arrival {
	gs_u64 begun;	/* when the program began; with `net` */
	gs_u64 cookie;
	gs_u32 tgid;
	gs_u32 workspace;	/* its number */
};

struct hit {
	gs_u64 address;	/* of the site, relative to the image */
	gs_u64 image;	/* load bias plus the image's base */
	gs_u32 probe;
	gs_u32 kind;
	gs_u32 g_place;	/* of enum gs_site_kind: where g is */
	gs_u32 tgid;
	gs_u32 workspace;	/* its number */
	gs_u32 identity;	/* enum gs_identity, of calls that are not Go's */
	struct where at;	/* once the goroutine, or the nest, was found */
	struct frame_place frame;	/* zero where SP is at the return address: at the ends of calls */

	/* Where not all calls are Go's. */
	gs_u64 curg;	/* the goroutine for which C code runs; 0: there is none, or it is not asked for */
	gs_u64 sp;
	gs_u64 g;	/* what is in its register */
	gs_u64 value;	/* what tells spans apart */
	gs_u64 unmatched;	/* nonzero: that could not be read */
};

static __always_inline struct hit hit_of(const struct pt_regs *ctx, const struct arrival *arrival)
{
	gs_u64 cookie = arrival->cookie, address = cookie >> (GS_COOKIE_PROBE_BITS + GS_COOKIE_KIND_BITS);
	gs_u32 kind = cookie >> GS_COOKIE_PROBE_BITS;
	struct hit hit = {
		.address = address,
		.image = ctx->ip - address,
		.probe = cookie & ((1 << GS_COOKIE_PROBE_BITS) - 1),
		.kind = kind & GS_SITE_KIND,
		.g_place = kind & GS_SITE_NO_G,
		.tgid = arrival->tgid,
		.workspace = arrival->workspace,
	};
	return hit;
}

#endif
