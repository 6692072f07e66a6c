/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Evaluates a recipe: a short list of steps over an accumulator pair, ending in a number or a string.
 *
 * Where every probe has the same recipes they are read-only constants: the verifier then follows their steps alone,
 * which makes loading several times faster.
 */
#ifndef GOSPECT_FETCH_BPF_H
#define GOSPECT_FETCH_BPF_H

#include "kernel.bpf.h"

struct fetched {
	gs_u64 a;
	gs_u64 b;
	gs_u32 status;	/* enum gs_read_status */
	gs_u32 done;
};

/* LIMIT: pointers below the first page are nil or an offset from nil. */
#define FIRST_PAGE 4096

/* The low `size` bytes (1..8), without branches: each one would multiply the paths the verifier walks. */
static __always_inline gs_u64 narrow(gs_u64 value, gs_u32 size, gs_u32 is_signed)
{
	gs_u32 shift = (64 - 8 * size) & 63;

	value <<= shift;
	return is_signed ? (gs_u64)((gs_s64)value >> shift) : value >> shift;
}

static __always_inline gs_u64 floor_log2(gs_u64 value)
{
	gs_u64 result = 0;

	if (value >> 32) { value >>= 32; result += 32; }
	if (value >> 16) { value >>= 16; result += 16; }
	if (value >> 8) { value >>= 8; result += 8; }
	if (value >> 4) { value >>= 4; result += 4; }
	if (value >> 2) { value >>= 2; result += 2; }
	if (value >> 1) result += 1;
	return result;
}

/* 0: below low; 1..count: the buckets; count + 1: at or above the end. */
static __always_inline gs_u64 linear_bucket(gs_s64 value, gs_u32 is_signed, gs_s64 low, gs_u64 width, gs_u64 count)
{
	gs_u64 bucket;

	/* Unsigned and beyond what a signed number holds: beyond every bucket. */
	if (!is_signed && value < 0)
		return count + 1;
	if (value < low)
		return 0;
	if (!width)
		return count + 1;
	bucket = (gs_u64)(value - low) / width;
	return bucket < count ? bucket + 1 : count + 1;
}

static __always_inline void load(struct fetched *f, gs_u32 size, gs_u32 is_signed, gs_s32 offset)
{
	gs_u64 value = 0;
	long failed;

	if (f->a < FIRST_PAGE) {
		f->status = GS_NIL;
		f->done = 1;
		return;
	}
	if (size > 8)
		size = 8;
	failed = read_user(&value, size, f->a + offset);
	if (failed) {
		f->status = GS_FAULT;
		f->done = 1;
		return;
	}
	f->a = narrow(value, size, is_signed);
}

/* A function of its own, so that its part of the BPF stack is in use only while it runs. */
static __noinline void load_pair(struct fetched *f, gs_s32 offset)
{
	gs_u64 pair[2] = {};

	if (f->a < FIRST_PAGE) {
		f->status = GS_NIL;
		f->done = 1;
	} else if (read_user(pair, sizeof(pair), f->a + offset)) {
		f->status = GS_FAULT;
		f->done = 1;
	} else {
		f->a = pair[0];
		f->b = pair[1];
	}
}

/*
 * One step that needs no register. `linear` are the operands of GS_LINEAR. `image` is the load bias plus the image's
 * base. A step after a failed one does nothing: its outcome is the first failure's.
 */
static __always_inline void value_step(struct fetched *f, gs_u64 image, const volatile struct gs_step *s,
				       const volatile gs_s64 *linear)
{
	switch (s->opcode) {
	case GS_IMAGE: f->a = image + (gs_u32)s->imm; break;
	case GS_LOAD: load(f, s->a, s->b, s->imm); break;
	case GS_LOAD_PAIR: load_pair(f, s->imm); break;
	case GS_ADD: f->a += s->imm; break;
	case GS_TAKE_B: f->a = f->b; break;
	case GS_LOG2: f->a = s->b && (gs_s64)f->a < 0 ? 64 : floor_log2(f->a); break;
	case GS_LINEAR: f->a = linear_bucket(f->a, s->b, linear[0], linear[1], linear[2]); break;
	case GS_TRUNCATE: f->a = narrow(f->a, s->a, s->b); break;
	case GS_NOT_ZERO: f->a = f->a != 0; break;
	case GS_GIVE_B: f->b = f->a; break;
	}
}

static __always_inline void step(struct fetched *f, const struct pt_regs *ctx, gs_u64 image,
				 const volatile struct gs_step *s, const volatile gs_s64 *linear)
{
	switch (s->opcode) {
	case GS_END: f->done = 1; break;
	case GS_REGISTER: f->a = register_value(ctx, s->a); break;
	case GS_REGISTER_B: f->b = register_value(ctx, s->a); break;
	case GS_STACK: f->a = ctx->sp + s->imm; break;
	case GS_ADD_REGISTER: f->a += register_value(ctx, s->a) << (s->b & 63); break;
	default: value_step(f, image, s, linear); break;
	}
}

static __always_inline void run_steps(struct fetched *f, const struct pt_regs *ctx, gs_u64 image,
				      const volatile struct gs_recipe *recipe)
{
	f->a = 0;
	f->b = 0;
	f->status = GS_READ;
	f->done = 0;
#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < GS_MAX_STEPS && !f->done; i++)
		step(f, ctx, image, &recipe->steps[i], recipe->linear);
}

#endif
