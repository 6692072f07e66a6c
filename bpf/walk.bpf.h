/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A walk of a stack: what it begins with, and how far it is; see stack.bpf.h. */
#ifndef GOSPECT_WALK_BPF_H
#define GOSPECT_WALK_BPF_H

#include "abi.h"

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

#endif
