/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Where a finished call is counted: its series' totals, its histogram row, and with stacks its sample.
 */
#ifndef GOSPECT_SERIES_BPF_H
#define GOSPECT_SERIES_BPF_H

#include "code.bpf.h"

/* The number of the series with this key, or the probe's own ("other") series and *other = 1 when there is no room. */
static __always_inline gs_u32 find_series(const struct gs_key *key, gs_u32 *other)
{
	gs_u32 *known = bpf_map_lookup_elem(&series, key);
	gs_u32 number;

	if (known)
		return *known;
	if (*(volatile gs_u32 *)&next_series < config.series_capacity) {
		number = __sync_fetch_and_add(&next_series, 1);
		if (number < config.series_capacity) {
			number += config.probes;
			if (!bpf_map_update_elem(&series, key, &number, BPF_NOEXIST))
				return number;
		}
	}
	/* Another CPU may have made it meanwhile. */
	known = bpf_map_lookup_elem(&series, key);
	if (known)
		return *known;
	*other = 1;
	return key->probe;
}

/*
 * Reads the NUL-terminated string at `address` to where a key keeps a string, which is zero-padded; how that went. Codes
 * aside, nothing else tells how long such a string is.
 */
static __always_inline gs_u32 read_c_string(gs_u8 *to, gs_u64 address)
{
	gs_u8 *bytes = to + 8, rest[3];
	long read;

	if (address < FIRST_PAGE)
		return GS_NIL;
	read = bpf_probe_read_user_str(bytes, GS_STRING_BYTES, (const void *)address);
	if (read <= 0)
		return GS_FAULT;
	if (read < GS_STRING_BYTES) {
		*(gs_u64 *)to = read - 1;
		return GS_READ;
	}
	/* Its last byte had to make room for a NUL: that byte, and whether there are more. */
	read = bpf_probe_read_user_str(rest, sizeof(rest), (const void *)(address + GS_STRING_BYTES - 1));
	if (read <= 0)
		return GS_FAULT;
	bytes[GS_STRING_BYTES - 1] = rest[0];
	*(gs_u64 *)to = read == 1 ? GS_STRING_BYTES - 1 : GS_STRING_BYTES;
	return read == sizeof(rest) ? GS_CUT : GS_READ;
}

/*
 * Writes one dimension into the key at `slot`, and how reading went into key->status. `slot` is a constant of the
 * run, the same for every probe.
 */
static __always_inline void fetch_into_key(struct gs_key *key, gs_u32 dimension, gs_u32 slot, const struct pt_regs *ctx,
					   gs_u64 image, gs_u32 workspace,
					   const volatile struct gs_recipe *recipe)
{
	struct fetched f;
	gs_u8 *to;

	if (slot > GS_KEY_BYTES - 8)
		return;
	to = key->bytes + slot;
	evaluate(&f, ctx, image, workspace, recipe);
	if (f.status == GS_READ && recipe->type == GS_STRING && slot <= GS_KEY_BYTES - 8 - GS_STRING_BYTES) {
		gs_u64 length = f.b;

		if (length > GS_STRING_BYTES) {
			length = GS_STRING_BYTES;
			f.status = GS_CUT;
		}
		if (length && read_user(to + 8, length, f.a)) {
			/* The helper zeroes what it could not fill. */
			f.status = GS_FAULT;
			length = 0;
		}
		*(gs_u64 *)to = length;
	} else if (f.status == GS_READ && NESTS && recipe->type == GS_C_STRING) {
		if (slot <= GS_KEY_BYTES - 8 - GS_STRING_BYTES)
			f.status = read_c_string(to, f.a);
	} else if (f.status == GS_READ) {
		*(gs_u64 *)to = f.a;
	}
	key->status |= f.status << (8 * dimension);
}

/* Zeroes what the run has of a key: the verifier takes out all that is after it. */
static __always_inline void clear_key(struct gs_key *key)
{
	gs_u32 used = config.key_bytes;

	key->status = 0;
#pragma clang loop unroll(full)
	for (gs_u32 at = 0; at < GS_KEY_BYTES; at += 8)
		if (at < used)
			*(gs_u64 *)(key->bytes + at) = 0;
}

/* Fills the dimensions of one phase into a zeroed key; after a tail jump there are no results to be read. */
static __always_inline void fill_key(struct gs_key *key, const struct pt_regs *ctx, gs_u64 image, gs_u32 workspace,
				     gs_u32 at_return, gs_u32 unreadable, const volatile struct gs_probe *probe)
{
#pragma clang loop unroll(disable)
	for (gs_u32 i = 0; i < GS_MAX_DIMENSIONS; i++) {
		if (i >= config.dimensions)
			break;
		if (probe->recipes[i].type == GS_NONE || probe->recipes[i].at_return != at_return)
			continue;
		if (unreadable)
			key->status |= GS_FAULT << (8 * i);
		else
			fetch_into_key(key, i, config.slots[i], ctx, image, workspace,
				       &probe->recipes[i]);
	}
}

static __always_inline void raise(gs_u64 *to, gs_u64 value)
{
	gs_u64 old = *(volatile gs_u64 *)to;

	/* Bounded: each failure means another program on this CPU has just written. */
	for (int i = 0; i < 8 && value > old; i++) {
		gs_u64 seen = __sync_val_compare_and_swap(to, old, value);

		if (seen == old)
			break;
		old = seen;
	}
}

static __always_inline gs_u32 row_of(gs_u64 value)
{
	return value < GS_ROW_BUCKETS ? 0 : floor_log2(value) - 2;
}

static __always_inline gs_u32 bucket_of(gs_u64 value, gs_u32 row)
{
	return (row ? value >> (row - 1) : value) & (GS_ROW_BUCKETS - 1);
}

/* -E2BIG */
#define IS_FULL (-7)

/*
 * This CPU's value of a key, made if there is none. The kernel gives memory for every CPU from a store that a worker of its
 * refills: when many keys are new at once, or the CPUs are busy, it is empty. Then the key gets a value that all CPUs
 * share, from memory that is given at once. NULL when `own` is full, or there is no room for what is shared.
 */
static __always_inline void *own_or_shared(void *own, void *shared, const void *key, const void *empty)
{
	void *value = bpf_map_lookup_elem(own, key);
	long made;

	if (value)
		return value;
	made = bpf_map_update_elem(own, key, empty, BPF_NOEXIST);
	value = bpf_map_lookup_elem(own, key);
	if (value)
		return value;
	value = bpf_map_lookup_elem(shared, key);
	if (value || made == IS_FULL)
		return value;
	bpf_map_update_elem(shared, key, empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(shared, key);
}

static __always_inline void count_in_row(gs_u32 number, gs_u64 value, struct gs_balance *counts)
{
	struct gs_row_key key = { .series = number };
	gs_u32 negative = config.signed_value && (gs_s64)value < 0, within;
	struct gs_row *row;

	if (negative)
		value = -value;
	within = row_of(value);
	key.row = negative ? GS_NEGATIVE_ROWS + within : within;
	row = own_or_shared(&rows, &shared_rows, &key, &empty_row);
	if (row)
		count(&row->buckets[bucket_of(value, within) & (GS_ROW_BUCKETS - 1)]);
	else
		count(&counts->buckets_dropped);
}

static __always_inline void count_value(gs_u32 number, gs_u64 value, struct gs_balance *counts)
{
	struct gs_stats *totals = bpf_map_lookup_elem(&stats, &number);
	gs_u64 ordered = config.signed_value ? value ^ (1ULL << 63) : value;

	if (!totals)
		return;
	count(&totals->count);
	if (config.measure == GS_MEASURE_NOTHING)
		return;
	__sync_fetch_and_add(&totals->sum, value);
	raise(&totals->max, ordered);
	raise(&totals->min, ~ordered);
	if (config.histogram)
		count_in_row(number, value, counts);
}

static __always_inline void count_sample(gs_u32 number, gs_u64 stack, gs_u64 value, struct gs_balance *counts)
{
	struct gs_sample_key key = { .series = number, .stack = stack };
	struct gs_sample *sample = own_or_shared(&samples, &shared_samples, &key, &empty_sample);

	if (sample) {
		count(&sample->count);
		__sync_fetch_and_add(&sample->sum, value);
	} else {
		count(&counts->samples_dropped);
	}
}

#endif
