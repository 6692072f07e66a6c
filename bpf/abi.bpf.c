// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Never loaded: one variable that mentions every type of abi.h, so that this object's BTF describes all of them.
 * `make generate` turns that into src/abi/generated.ts. A type missing here is a type TypeScript cannot see.
 */
#include "abi.h"

struct gs_everything {
	enum gs_limits limits;
	enum gs_histogram histogram;
	enum gs_cookie cookie;
	enum gs_parent parent;
	enum gs_site_kind site_kind;
	enum gs_opcode opcode;
	enum gs_relation relation;
	enum gs_special special;
	enum gs_register gs_register;
	enum gs_value_type value_type;
	enum gs_frame_place frame_place;
	enum gs_identity identity;
	enum gs_read_status read_status;
	enum gs_frame_flag frame_flag;
	enum gs_frame_decisions frame_decisions;
	enum gs_outcome outcome;
	enum gs_event_flag event_flag;
	enum gs_tail_place tail_place;
	enum gs_measuring measuring;
	struct gs_price price;
	struct gs_gap gap;
	enum gs_gap_calls gap_calls;
	enum gs_scope scope;
	enum gs_measure measure;
	struct gs_step step;
	struct gs_recipe recipe;
	struct gs_codes codes;
	struct gs_probe probe;
	struct gs_constant constant;
	struct gs_key key;
	struct gs_stats stats;
	struct gs_row_key row_key;
	struct gs_row row;
	struct gs_sample_key sample_key;
	struct gs_sample sample;
	struct gs_stack stack;
	struct gs_balance balance;
	struct gs_goroutine_key goroutine_key;
	struct gs_frame frame;
	struct gs_goroutine goroutine;
	struct gs_frame_key frame_key;
	struct gs_event event;
	struct gs_capture capture;
	struct gs_config config;
};

struct gs_everything gs_everything;
