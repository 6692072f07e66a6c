/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The evaluation machine: runs codes, the steps of the map `code`, one by one, on the state in a workspace. What
 * recipes can't say is a code: conditions, captured values, searches.
 *
 * Its entry point is a global function, which the verifier looks at once instead of at each of its calls; without codes
 * it is empty.
 */
#ifndef GOSPECT_CODE_BPF_H
#define GOSPECT_CODE_BPF_H

#include "workspace.bpf.h"

static __always_inline void fail(struct workspace *w, gs_u32 outcome)
{
	w->f.status = outcome;
	w->f.done = 1;
}

static __always_inline gs_u64 related(gs_u64 a, gs_u64 b, gs_u32 relation, gs_u32 is_signed)
{
	gs_u32 equal = a == b, less = is_signed ? (gs_s64)a < (gs_s64)b : a < b;

	switch (relation) {
	case GS_EQUAL: return equal;
	case GS_NOT_EQUAL: return !equal;
	case GS_LESS: return less;
	case GS_LESS_OR_EQUAL: return less | equal;
	case GS_GREATER: return !(less | equal);
	case GS_GREATER_OR_EQUAL: return !less;
	default: return 0;
	}
}

/* IEEE 754: magnitude and sign, so that negative numbers order the other way round. */
static __always_inline void order_float(struct workspace *w, gs_u32 size, gs_s32 on_nan)
{
	gs_u64 sign = size == 4 ? 1ULL << 31 : 1ULL << 63;
	gs_u64 infinity = size == 4 ? 0x7f800000ULL : 0x7ff0000000000000ULL;
	gs_u64 bits = size == 4 ? w->f.a & 0xffffffff : w->f.a;
	gs_u64 magnitude = bits & (sign - 1);

	if (magnitude > infinity)
		w->pc += on_nan;
	w->f.a = bits == magnitude || !magnitude ? sign + magnitude : sign - magnitude;
}

/*
 * Both sides are padded with zeros, so words decide the order of bytes, and lengths between strings that only zeros
 * tell apart.
 */
static __always_inline void compare_bytes(struct workspace *w, gs_u32 number, gs_u32 prefix)
{
	struct gs_constant *constant = bpf_map_lookup_elem(&constants, &number);
	gs_u64 length = w->f.b, address = w->f.a, kept;
	gs_s64 order = 0;

	if (!constant || (gs_s64)length < 0) {
		fail(w, GS_FAULT);
		return;
	}
	kept = prefix && length > constant->length ? constant->length : length;
	if (kept > GS_CONSTANT_BYTES)
		kept = GS_CONSTANT_BYTES;
#pragma clang loop unroll(full)
	for (gs_u32 i = 0; i < GS_CONSTANT_BYTES / 8; i++)
		w->text[i] = 0;
	if (kept && read_user(w->text, kept, address)) {
		fail(w, GS_FAULT);
		return;
	}
#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < GS_CONSTANT_BYTES / 8; i++) {
		gs_u64 ours = __builtin_bswap64(w->text[i]), theirs = __builtin_bswap64(((gs_u64 *)constant->bytes)[i]);

		if (ours != theirs) {
			order = ours < theirs ? -1 : 1;
			break;
		}
	}
	if (!order && length < constant->length)
		order = -1;
	if (!order && length > constant->length)
		order = !prefix;
	w->f.a = order;
}

static __always_inline void put_outcome(struct workspace *w, gs_u32 slot, gs_u32 outcome)
{
	gs_u32 at = w->part.outcomes + slot;

	if (slot < w->part.slots && at < sizeof(w->data))
		w->data[at] = 1 + outcome;
}

static __always_inline void put_word(struct workspace *w, gs_u32 slot, gs_u64 word)
{
	gs_u32 at = w->part.words + 8 * slot;

	if (slot < w->part.slots && at <= sizeof(w->data) - 8)
		*(gs_u64 *)(w->data + at) = word;
}

/* The value is kept, with what happened to it; the next one begins. */
static __always_inline void keep(struct workspace *w, gs_u32 slot)
{
	put_word(w, slot, w->f.a);
	put_outcome(w, slot, w->f.status);
	w->f.status = GS_READ;
	w->handler = 0;
}

/* How many of the bytes fit, read to the end of the tail; a length below zero is one that was never written. */
static __always_inline gs_u64 read_bytes(struct workspace *w, gs_u64 most)
{
	gs_u64 length = w->f.b, kept = length;
	gs_u32 room = w->part.room - w->part.kept, at = w->part.tail + w->part.kept;

	if ((gs_s64)length < 0) {
		w->f.status = GS_FAULT;
		return 0;
	}
	if (kept > most)
		kept = most;
	if (kept > room)
		kept = room;
	if (kept > GS_CHUNK_BYTES)
		kept = GS_CHUNK_BYTES;
	if (!kept) {
		if (length)
			w->f.status = most ? GS_NO_ROOM : GS_CUT;
		return 0;
	}
	if (at > sizeof(w->data) - GS_CHUNK_BYTES) {
		w->f.status = GS_NO_ROOM;
		return 0;
	}
	if (read_user(w->data + at, kept, w->f.a)) {
		w->f.status = GS_FAULT;
		return 0;
	}
	if (kept < length)
		w->f.status = GS_CUT;
	w->part.kept += kept;
	return kept;
}

static __always_inline void keep_bytes(struct workspace *w, gs_u32 slot, gs_u64 most)
{
	gs_u32 from = w->part.kept;
	gs_u64 kept = w->f.status == GS_READ ? read_bytes(w, most) : 0;

	w->f.a = from | kept << GS_TAIL_OFFSET_BITS;
	put_word(w, slot + 1, w->f.b);
	put_outcome(w, slot + 1, w->f.status);
	keep(w, slot);
}

static __always_inline gs_u64 special(const struct workspace *w, gs_u32 which)
{
	switch (which) {
	case GS_DURATION: return w->event.end - w->event.start;
	case GS_GOID: return w->event.goid;
	case GS_TID: return w->event.tid;
	default: return 0;
	}
}

/* Whether a part of the condition was true at the entry. */
static __always_inline void recall(struct workspace *w, gs_u32 decision)
{
	decision &= GS_MAX_DECIDED - 1;
	if (w->flags >> (GS_FRAME_UNKNOWN + decision) & 1)
		fail(w, GS_FAULT);
	else
		w->f.a = w->flags >> (GS_FRAME_TRUE + decision) & 1;
}

/* Of the call's own frame: nothing is left of it where it did not return. */
static __always_inline gs_u64 own_register(struct workspace *w, gs_u32 number)
{
	if (!w->no_frame && number < GS_REGISTERS)
		return w->registers[number];
	fail(w, GS_FAULT);
	return 0;
}

/*
 * Finds out the length of a NUL-terminated string, as far as `most`. What it reads of the string lies where no event's data
 * reaches.
 */
static __always_inline void c_length(struct workspace *w, gs_u32 most)
{
	gs_s64 read, length;

	if (w->f.a < FIRST_PAGE) {
		fail(w, GS_NIL);
		return;
	}
	read = bpf_probe_read_user_str(w->data + 2 * MAX_PART, GS_CHUNK_BYTES, (const void *)w->f.a);
	length = read - 1;
	/* Cut, or just as long as there is room for. */
	if (read == GS_CHUNK_BYTES) {
		read = bpf_probe_read_user_str(w->text, 3, (const void *)(w->f.a + GS_CHUNK_BYTES - 1));
		length = GS_CHUNK_BYTES - 1 + read - 1;
	}
	if (read <= 0) {
		fail(w, GS_FAULT);
		return;
	}
	w->f.b = length > most ? most + 1 : length;
}

struct scan {
	struct workspace *w;
};

static __always_inline gs_u32 is_of_word(gs_u8 byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte >= 'a' && byte <= 'z') ||
	       byte >= 0x80;
}

/* Looks at one byte of the text; 1 when the word is over. */
static long scan_byte(gs_u64 index, struct scan *scan)
{
	struct workspace *w = scan->w;
	gs_u32 at = index;

	/* The verifier must do the masking, see frame_at. */
	barrier_var(at);
	at &= GS_CONSTANT_BYTES - 1;
	if (is_of_word(((gs_u8 *)w->text)[at])) {
		if (!w->word.length)
			w->word.at = at;
		w->word.length++;
		return 0;
	}
	return w->word.length != 0;
}

/* A and B become the first word of the string they are; without one its length is 0. */
static __always_inline void find_word(struct workspace *w)
{
	struct scan scan = { .w = w };
	gs_u64 length = w->f.b;
	gs_u32 longer = length > GS_CONSTANT_BYTES;

	if ((gs_s64)length < 0) {
		fail(w, GS_FAULT);
		return;
	}
	if (longer)
		length = GS_CONSTANT_BYTES;
	if (length && read_user(w->text, length, w->f.a)) {
		fail(w, GS_FAULT);
		return;
	}
	w->word.at = 0;
	w->word.length = 0;
	bpf_loop(length, scan_byte, &scan, 0);
	/* Not over where the text is looked at no further, or not begun: what is there is not the word. */
	if (longer && (!w->word.length || w->word.at + w->word.length == GS_CONSTANT_BYTES)) {
		fail(w, GS_TOO_LARGE);
		return;
	}
	w->f.a += w->word.at;
	w->f.b = w->word.length;
}

static __always_inline void execute_step(struct workspace *w, const struct gs_step *s)
{
	gs_u64 *variable = &w->variables[s->a & (GS_VARIABLES - 1)];
	gs_s32 imm = s->imm;

	switch (s->opcode) {
	case GS_END: w->ended = 1; w->f.done = 1; break;
	case GS_REGISTER: w->f.a = own_register(w, s->a); break;
	case GS_REGISTER_B: w->f.b = own_register(w, s->a); break;
	case GS_STACK:
		if (w->no_frame)
			fail(w, GS_FAULT);
		w->f.a = w->sp + imm;
		break;
	case GS_ADD_REGISTER: w->f.a += own_register(w, s->a) << (s->b & 63); break;
	case GS_SET: w->f.a = (gs_s64)imm; break;
	case GS_SET_HIGH: w->f.a = (w->f.a & 0xffffffff) | (gs_u64)(gs_u32)imm << 32; break;
	case GS_GET: w->f.a = *variable; break;
	case GS_PUT: *variable = w->f.a; break;
	case GS_GET_B: w->f.b = *variable; break;
	case GS_PUT_B: *variable = w->f.b; break;
	case GS_ADD_VARIABLE: w->f.a += *variable; break;
	case GS_MULTIPLY: w->f.a *= (gs_s64)imm; break;
	case GS_AND: w->f.a &= (gs_s64)imm; break;
	case GS_SHIFT_RIGHT:
		w->f.a = s->b ? (gs_u64)((gs_s64)w->f.a >> (imm & 63)) : w->f.a >> (imm & 63);
		break;
	case GS_COMPARE: w->f.a = related(w->f.a, w->variables[imm & (GS_VARIABLES - 1)], s->a, s->b); break;
	case GS_ORDER_FLOAT: order_float(w, s->a, imm); break;
	case GS_COMPARE_BYTES: compare_bytes(w, imm, s->a); break;
	case GS_JUMP: w->pc += imm; break;
	case GS_JUMP_IF:
		if (w->f.a)
			w->pc += imm;
		break;
	case GS_JUMP_UNLESS:
		if (!w->f.a)
			w->pc += imm;
		break;
	case GS_SPECIAL: w->f.a = special(w, s->a); break;
	case GS_DECIDED: recall(w, imm); break;
	case GS_TRY: w->handler = w->pc + imm; break;
	case GS_FAIL: fail(w, s->a); break;
	case GS_C_LENGTH: c_length(w, imm); break;
	case GS_WORD: find_word(w); break;
	case GS_KEEP: keep(w, imm); break;
	case GS_KEEP_BYTES: keep_bytes(w, imm, 8 * s->a); break;
	default: value_step(&w->f, w->event.image, s, w->linear); break;
	}
}

struct execution {
	struct workspace *w;
};

/* One step; 1 when the code has ended. */
static long execute(gs_u64 index, struct execution *e)
{
	struct workspace *w = e->w;
	gs_u32 pc = w->pc;
	struct gs_step *s = bpf_map_lookup_elem(&code, &pc);

	if (!s)
		return 1;
	w->pc = pc + 1;
	execute_step(w, s);
	if (!w->f.done)
		return 0;
	if (w->ended || !w->handler)
		return 1;
	w->f.done = 0;
	w->f.a = 0;
	w->pc = w->handler;
	w->handler = 0;
	return 0;
}

/* Runs the code that begins at `first`; 0 when it came to its end, else how it failed. The value is left in A and B. */
__noinline int run_code(gs_u32 workspace, gs_u32 first)
{
	struct execution e = { .w = workspace_of(workspace) };

	if (!config.codes || !config.has_loop || !e.w)
		return GS_NO_ROOM;
	e.w->pc = first;
	e.w->handler = 0;
	e.w->ended = 0;
	e.w->f.a = 0;
	e.w->f.b = 0;
	e.w->f.status = GS_READ;
	e.w->f.done = 0;
	bpf_loop(GS_MAX_EXECUTED, execute, &e, 0);
	if (e.w->ended)
		return GS_READ;
	/* Ended by a failed read, or by the number of its steps. */
	return e.w->f.done ? e.w->f.status : GS_TOO_LARGE;
}

/*
 * Evaluates a recipe: by its steps or, where the run has codes, by its code, which every recipe then has. Two ways side by
 * side are too many for the verifier.
 */
static __always_inline void evaluate(struct fetched *f, const struct pt_regs *ctx, gs_u64 image, gs_u32 workspace,
				     const volatile struct gs_recipe *recipe)
{
	struct workspace *w;

	if (!config.codes) {
		run_steps(f, ctx, image, recipe);
		return;
	}
	f->status = GS_NO_ROOM;
	w = workspace_of(workspace);
	if (!w)
		return;
	w->linear[0] = recipe->linear[0];
	w->linear[1] = recipe->linear[1];
	w->linear[2] = recipe->linear[2];
	f->status = run_code(workspace, recipe->code);
	f->a = w->f.a;
	f->b = w->f.b;
}

#endif
