/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The one header that the BPF programs and the TypeScript side share. Fixed-width fields only, no padding that is not
 * named. TypeScript's view (src/abi/generated.ts) is generated from the BTF of the compiled object: `make generate`.
 */
#ifndef GOSPECT_ABI_H
#define GOSPECT_ABI_H

typedef unsigned char gs_u8;
typedef unsigned short gs_u16;
typedef unsigned int gs_u32;
typedef unsigned long long gs_u64;
typedef int gs_s32;
typedef long long gs_s64;

/* Numbers both sides need are enumerators, not macros, so that BTF carries them. */
enum gs_limits {
	/* LIMIT: --by dimensions of one run, fetch steps of one expression, bytes kept of a string. */
	GS_MAX_DIMENSIONS = 4,
	GS_MAX_STEPS = 12,
	GS_STRING_BYTES = 64,
	/* A dimension's place in a key: 8 bytes for a number, 8 + GS_STRING_BYTES for a string. */
	GS_KEY_BYTES = GS_MAX_DIMENSIONS * (8 + GS_STRING_BYTES),
	/* LIMIT: frames of one stack. */
	GS_STACK_FRAMES = 127,
	/* LIMIT: nested open calls of one goroutine kept beside its record; deeper ones go to their own map. */
	GS_INLINE_FRAMES = 8,
	/* LIMIT: steps that one evaluation of a code may execute, loops included: enough for a search in a few thousand
	 * entries, a good millisecond. */
	GS_MAX_EXECUTED = 32768,
	/* LIMIT: bytes of a string that is compared with a literal, which is no longer. */
	GS_CONSTANT_BYTES = 128,
	/* LIMIT: values captured at one end of a call, bytes of strings and memory among them, bytes of one of those. */
	GS_MAX_SLOTS = 256,
	GS_TAIL_BYTES = 4096,
	GS_CHUNK_BYTES = 512,
	/* LIMIT: hits at the same time on one CPU that run codes or make events, each preempted by the next. */
	GS_WORKSPACES = 4,
	GS_WORKSPACE_BYTES = 16384,
	/* Variables of a code, which keep values between its steps. */
	GS_VARIABLES = 16,
	/* LIMIT: parts of a `--where` that are decided at the entry and asked for at the return. */
	GS_MAX_DECIDED = 8,
};

/*
 * Log-linear histogram: 8 linear buckets per power of two, so a bucket is at most 12.5 % wide relative to its low
 * bound. Values 0..7 have a bucket each (row 0). A row holds the 8 buckets of one power of two:
 * row r >= 1 covers [2^(r+2), 2^(r+3)).
 */
enum gs_histogram {
	GS_ROW_BUCKETS = 8,
	GS_ROWS = 62,
	/* Rows of negative values, by their magnitude, begin here. */
	GS_NEGATIVE_ROWS = 64,
};

/* What a site means; bits 20..27 of its cookie. Bits 0..19: probe number. Bits 28..63: the site's virtual address
 * minus the image's lowest one, from which the program knows the load bias. */
enum gs_site_kind {
	GS_SITE_ENTRY = 0,	/* at a Go function's entry */
	GS_SITE_ENTRY_CHECKED = 1,	/* at the stack check's jbe: drop the hit when CF or ZF says it jumps */
	GS_SITE_RETURN = 2,	/* at a ret */
	GS_SITE_TAIL_JUMP = 3,	/* at a jump that leaves the function: the call ends here, without results */
	GS_SITE_RECOVERY = 4,	/* runtime.recovery calls gogo: g.sched holds where the goroutine goes on */
	GS_SITE_GOEXIT = 5,	/* runtime.Goexit calls goexit1: every open call of the goroutine is over */
	GS_SITE_COUNT = 6,	/* a place without an end: each hit is counted by itself */
	GS_SITE_COUNT_CHECKED = 7,	/* the same at a stack check's jbe */
	GS_SITE_FUNCTION = 8,	/* where a C function is entered: SP is at its return address */
	GS_SITE_FUNCTION_RETURN = 9,	/* its uretprobe: SP is behind the return address, IP in the caller */
	GS_SITE_SPAN_BEGIN = 10,
	GS_SITE_SPAN_END = 11,	/* ends the innermost open span of its identity */
	GS_SITE_KIND = 0x3f,	/* mask of the above */
	/* Where g is; without either flag in its register. */
	GS_SITE_G_IN_TLS = 0x40,	/* no register holds g here (assembly), take it from thread-local storage */
	GS_SITE_G_BEHIND_C = 0x80,	/* C code of a Go program: that in thread-local storage is the thread's g0, go on to its m.curg */
	GS_SITE_NO_G = 0xc0,	/* there is no goroutine, or nobody asks for it */
};
enum gs_cookie {
	GS_COOKIE_PROBE_BITS = 20,
	GS_COOKIE_KIND_BITS = 8,
};

/* One step of a fetch: an accumulator machine with A (value or address) and B (length). */
enum gs_opcode {
	GS_END = 0,
	GS_REGISTER = 1,	/* A = integer argument register `a` (enum gs_register) */
	GS_REGISTER_B = 2,	/* B = the same */
	GS_STACK = 3,		/* A = sp + imm: an address */
	GS_IMAGE = 4,		/* A = load bias + image base + imm: an address */
	GS_LOAD = 5,		/* A = *(A + imm), `a` bytes, sign-extended if `b` */
	GS_LOAD_PAIR = 6,	/* A, B = two words at A + imm: a string or slice header in memory */
	GS_ADD = 7,		/* A += imm */
	GS_TAKE_B = 8,		/* A = B */
	GS_LOG2 = 9,		/* A = floor(log2(A)); 0 for 0; 64 for a negative A if `b` (signed) */
	GS_LINEAR = 10,		/* A = bucket of A, signed if `b`: 0 below low, 1..count, count + 1 from the end on */
	GS_TRUNCATE = 11,	/* keep the low `a` bytes of A, sign-extended if `b`: a narrow value in a register */
	GS_NOT_ZERO = 12,	/* A = A != 0 */
	GS_GIVE_B = 13,		/* B = A */
	GS_ADD_REGISTER = 14,	/* A += register `a` << `b` */

	/*
	 * The rest is for codes only: steps of the map `code`, run one after the other, with variables, jumps and captured
	 * values. Jumps count from the next step. A read that fails goes on where the last GS_TRY said, once, with A = 0 and
	 * its outcome kept for the next slot; without one it ends the code, which then has no value. Where a call did not
	 * return, GS_REGISTER, GS_REGISTER_B and GS_STACK fail: there is nothing of it to be read.
	 */
	GS_SET = 32,		/* A = imm, sign-extended */
	GS_SET_HIGH = 33,	/* the high 32 bits of A = imm */
	GS_GET = 34,		/* A = variable `a` */
	GS_PUT = 35,		/* variable `a` = A */
	GS_GET_B = 36,		/* B = variable `a` */
	GS_PUT_B = 37,		/* variable `a` = B */
	GS_ADD_VARIABLE = 38,	/* A += variable `a` */
	GS_MULTIPLY = 39,	/* A *= imm */
	GS_AND = 40,		/* A &= imm, sign-extended */
	GS_SHIFT_RIGHT = 41,	/* A >>= imm; arithmetic if `b` */
	GS_COMPARE = 42,	/* A = (A relation variable imm): enum gs_relation `a`, signed if `b` */
	GS_ORDER_FLOAT = 43,	/* A, the `a` bytes of a float, = an unsigned integer of the same order: the sign bit's value plus
				 * the magnitude's bits, or minus them if negative; goes on imm steps further on a NaN */
	GS_COMPARE_BYTES = 44,	/* A = -1, 0, 1: the B bytes at A against constant imm; `a`: against as many as it has, a prefix */
	GS_JUMP = 45,		/* go on imm steps further; backwards if negative */
	GS_JUMP_IF = 46,	/* the same if A is not 0 */
	GS_JUMP_UNLESS = 47,	/* the same if A is 0 */
	GS_SPECIAL = 48,	/* A = enum gs_special `a` */
	GS_DECIDED = 49,	/* A = whether decision imm of the condition was true at the entry; fails if that could not be told */
	GS_TRY = 50,		/* from here on a failed read goes on imm steps further */
	GS_FAIL = 51,		/* as a read that failed with outcome `a` */
	/* Both take the outcome of what was read for them, and end what GS_TRY began. */
	GS_KEEP = 52,		/* slot imm = A */
	GS_KEEP_BYTES = 53,	/* slot imm = a gs_tail_place, slot imm + 1 = B: the B bytes at A, at most 8 * `a` of them */
	GS_C_LENGTH = 54,	/* B = the length of the NUL-terminated string at A; imm + 1 if it is longer than imm, at most GS_CHUNK_BYTES */
	GS_WORD = 55,		/* A, B = the first word of the B bytes at A, [A-Za-z0-9_] and bytes from 0x80 on, over within the first GS_CONSTANT_BYTES of them */
};

enum gs_relation {
	GS_EQUAL = 0, GS_NOT_EQUAL = 1, GS_LESS = 2, GS_LESS_OR_EQUAL = 3, GS_GREATER = 4, GS_GREATER_OR_EQUAL = 5,
};

/* GS_DURATION: ns since the entry, at a return. GS_GOID: 0 where the goroutine is not known. */
enum gs_special { GS_DURATION = 0, GS_GOID = 1, GS_TID = 2 };

/* Integer registers by the order of Go's ABIInternal on amd64; then the rest by name. */
enum gs_register {
	GS_AX = 0, GS_BX = 1, GS_CX = 2, GS_DI = 3, GS_SI = 4, GS_R8 = 5, GS_R9 = 6, GS_R10 = 7, GS_R11 = 8,
	GS_DX = 9, GS_R14 = 10, GS_R15 = 11, GS_BP = 12, GS_R12 = 13, GS_R13 = 14,
	GS_REGISTERS = 15,	/* how many there are */
};

struct gs_step {
	gs_u8 opcode;
	gs_u8 a;
	gs_u8 b;
	gs_u8 reserved;
	gs_s32 imm;
};

/* GS_C_STRING: A is the address of a NUL-terminated string, without a code. */
enum gs_value_type { GS_NONE = 0, GS_NUMBER = 1, GS_STRING = 2, GS_C_STRING = 3 };

/* Where and how one dimension of one probe is evaluated. */
struct gs_recipe {
	gs_u8 type;		/* enum gs_value_type */
	gs_u8 at_return;	/* 0: evaluated at entry; 1: at return */
	gs_u16 reserved;
	gs_u32 code;		/* first step in the map `code`, used instead of `steps`; 0: none */
	gs_s64 linear[3];	/* of GS_LINEAR: low, width, count */
	struct gs_step steps[GS_MAX_STEPS];
};

/* First steps in the map `code`; 0: none. */
struct gs_codes {
	gs_u32 decide[GS_MAX_DECIDED];	/* parts of the condition that only the entry knows; A != 0 is true */
	gs_u32 where_entry;	/* the call or place is of interest if A != 0 */
	gs_u32 where_return;
	gs_u32 capture_entry;
	gs_u32 capture_return;
	gs_u32 entry_slots;
	gs_u32 return_slots;
};

/*
 * The recipes of one probe: what its calls are told apart by, and what is measured of them instead of their duration;
 * its condition, and what is captured of a call.
 */
struct gs_probe {
	struct gs_recipe recipes[GS_MAX_DIMENSIONS];
	struct gs_recipe value;
	/* What tells the spans of GS_BY_VALUE apart; a number. */
	struct gs_recipe match;
	struct gs_codes codes;
	gs_u32 identity;	/* enum gs_identity */
	/* Of spans and C functions: number of the first probe whose nest of open calls this one shares. */
	gs_u32 nest;
	gs_u32 file;	/* the file its sites are in; kept with stacks */
	gs_u32 reserved;
	/*
	 * At its entry site: from SP to the return address, GS_NO_RETURN_ADDRESS where that is not known, and whether the
	 * caller's frame pointer is saved right below it.
	 */
	gs_u32 return_address;
	gs_u32 saved_frame_pointer;
};

/* In gs_probe.return_address: the callers are those that the frame pointer leads to. */
enum gs_frame_place { GS_NO_RETURN_ADDRESS = 0xffffffff };

/* Whose nest of open calls a call belongs to. */
enum gs_identity {
	GS_BY_GOROUTINE = 0,	/* its goroutine's; of a span, that goroutine's spans alone */
	GS_BY_THREAD = 1,	/* its thread's calls of that function, or spans */
	GS_BY_VALUE = 2,	/* the spans in the process with that value of `match` */
};

/* A string literal of a condition, zero-padded. */
struct gs_constant {
	gs_u64 length;
	gs_u8 bytes[GS_CONSTANT_BYTES];
};

/* How reading went: of a dimension in gs_key.status, eight bits each, dimension 0 lowest; of a captured value. */
enum gs_read_status {
	GS_READ = 0,
	GS_FAULT = 1,	/* memory was not readable */
	GS_NIL = 2,	/* a nil pointer on the way */
	GS_CUT = 3,	/* a string longer than there is room for: its beginning is there */
	/* Of codes only. */
	GS_TOO_LARGE = 4,	/* a search that would take more than GS_MAX_EXECUTED steps, or of more text than is looked at */
	GS_NOT_FOUND = 5,	/* a map without that key, a context without that value, an index beyond the length */
	GS_OTHER_TYPE = 6,	/* an interface holds something that the plan does not know how to read */
	GS_NO_ROOM = 7,		/* the record was full, or no workspace was free */
};

/*
 * Identity of a series. A number's slot holds its 64 bits; a string's slot holds its kept length (u64) and its bytes,
 * zero-padded. The map's key_size is cut to the slots in use.
 */
struct gs_key {
	gs_u32 probe;
	gs_u32 status;
	gs_u32 parent;	/* series of the entry half when results are in the key; else GS_NO_PARENT */
	gs_u32 phase;	/* 0: made at entry, 1: at return */
	gs_u8 bytes[GS_KEY_BYTES];
} __attribute__((aligned(8)));	/* for the words in `bytes` */
enum gs_parent { GS_NO_PARENT = 0xffffffff };

/* Series 0..probes-1 are each probe's own: all its calls when nothing is asked by, the "other" series otherwise. */
struct gs_stats {
	gs_u64 count;
	gs_u64 sum;	/* modulo 2^64 */
	gs_u64 min;	/* stored as ~min, so that a zeroed row is empty */
	gs_u64 max;	/* signed values: both with the top bit flipped, so that they order as unsigned ones */
	gs_u64 panics;	/* of a probe's own row: its calls that ended so, whatever their series */
	gs_u64 goexits;
};

struct gs_row_key {
	gs_u32 series;
	gs_u32 row;
};

struct gs_row {
	gs_u64 buckets[GS_ROW_BUCKETS];
};

struct gs_sample_key {
	gs_u32 series;
	gs_u32 reserved;
	gs_u64 stack;	/* hash of the stack's frames; 0: the stack could not be kept */
};

struct gs_sample {
	gs_u64 count;
	gs_u64 sum;
};

/* Virtual addresses relative to the image base (return addresses as they are on the stack), innermost first. */
struct gs_stack {
	gs_u32 depth;
	gs_u16 truncated;	/* 1: longer than GS_STACK_FRAMES; 2: a frame could not be read */
	gs_u16 file;		/* gs_probe.file: to which image the frames are relative */
	gs_u64 frames[GS_STACK_FRAMES];
};

/* What the run counted; one row per CPU. entries = returns + panics + goexits + open + lost. */
struct gs_balance {
	gs_u64 entries;
	gs_u64 returns;
	gs_u64 panics;
	gs_u64 goexits;
	gs_u64 unmatched_returns;
	gs_u64 lost;		/* entries that found no room, or whose end could not be told */
	gs_u64 other_hits;	/* program runs in none of entries, returns, unmatched_returns and counted: rejected stack checks … */
	gs_u64 no_goroutine;	/* hits whose goroutine could not be read */
	gs_u64 lost_homeless;	/* part of lost: entries among those */
	gs_u64 lost_abandoned;	/* part of lost: calls on a system stack, which the scheduler leaves without returning */
	gs_u64 lost_left;	/* part of lost: C calls that were left without a return that was seen: longjmp, an exception,
				 * a thread's end, more calls within each other than the kernel follows */
	gs_u64 other;		/* calls that went to an "other" series for want of room */
	gs_u64 buckets_dropped;	/* calls whose histogram row found no room; count and sum still have them */
	gs_u64 stacks_dropped;	/* calls whose stack found no room */
	gs_u64 samples_dropped;	/* calls whose sample found no room */
	gs_u64 counted;		/* hits of places without an end; not among the entries */
	gs_u64 unreadable;	/* calls or places whose value could not be read: in no series */
	gs_u64 filtered;	/* calls or places that the condition left out; calls are among the entries */
	gs_u64 undecided;	/* the same for a condition that could not be evaluated */
	gs_u64 events;		/* given to the ring buffer */
	gs_u64 events_dropped;	/* that found no room there */
	gs_u64 captures_dropped;	/* calls whose values at the entry found no room: their event lacks them */
	gs_u64 below_zero;	/* calls that took less than the probe time that `net` takes off; they took 0 */
};

/*
 * Identity of a nest of open calls: of a goroutine by its g, which the runtime recycles but never frees; or, in a scope of
 * its own, of a thread by its id, or by a value.
 */
struct gs_goroutine_key {
	gs_u64 g;
	gs_u32 tgid;
	gs_u32 scope;	/* 0: the Go calls of a goroutine; else 1 + gs_probe.nest, or one of enum gs_scope */
};

enum gs_scope {
	GS_SCOPE_ACCOUNT = 0xffffffff,	/* of a thread: no calls, but what hits on all of its nests have taken (`spent`) */
};

/* One open call. */
struct gs_frame {
	gs_u64 start;	/* CLOCK_MONOTONIC, ns; 0 where nothing needs it */
	gs_u64 value;	/* taken at the entry, when a value is measured; with `net`, gs_goroutine.spent less gs_price.own */
	gs_u32 depth;	/* stack.hi - sp: survives a move of the stack. LIMIT: 4 GiB of stack */
	gs_u32 probe;
	gs_u32 series;
	gs_u32 flags;	/* enum gs_frame_flag */
};

enum gs_frame_flag {
	GS_FRAME_OTHER = 1,	/* the entry half of the key found no room: the call belongs to "other" */
	GS_FRAME_UNREADABLE = 2,	/* the value at entry could not be read */
	GS_FRAME_FILTERED = 4,	/* the condition left the call out */
	GS_FRAME_CAPTURED = 8,	/* `captures` holds what was captured at the entry */
};
/* The decisions of a condition, GS_MAX_DECIDED bits of the flags each from these on: true; could not be told. */
enum gs_frame_decisions { GS_FRAME_TRUE = 8, GS_FRAME_UNKNOWN = 16 };

struct gs_goroutine {
	gs_u64 goid;	/* whose frames these are; another goid on the same g means they are over */
	gs_u32 open;	/* open calls, outermost first; those past GS_INLINE_FRAMES are in `frames` */
	gs_u32 filtered;	/* those among them that the condition left out at the entry */
	/* Of a thread's nest: load bias plus the image's base, which a uretprobe can't tell; and what depths are counted from. */
	gs_u64 image;
	gs_u64 stack_top;
	gs_u64 owner;	/* of a thread's nest, its task, for thread ids are recycled; of a value's, not 0 when a hit there was missed */
	gs_u32 busy;	/* 1: a hit is at work here. Of values' nests alone: others have one writer at a time */
	gs_u32 skipped;	/* spans inside of the open ones that there was no room for, and whose ends are still to come */
	gs_u64 spent;	/* with `net`, ns: what hits on this nest have taken so far */
	struct gs_frame frames[GS_INLINE_FRAMES];
};

struct gs_frame_key {
	gs_u64 g;
	gs_u32 tgid;
	gs_u32 scope;
	gs_u32 index;
	gs_u32 reserved;
};

/*
 * A call that ended, or a place that was passed. What was captured follows: the entry's part, then the return's, each
 * `slots` words, `slots` bytes of outcomes (0: never reached; else 1 + enum gs_read_status) and `tail` bytes, each of
 * the three padded to 8 bytes.
 */
struct gs_event {
	gs_u64 start;	/* CLOCK_MONOTONIC, ns; of a place: when it was passed */
	gs_u64 end;
	gs_u64 goid;	/* 0: unknown */
	gs_u64 stack;	/* key in `stacks`; 0: none */
	gs_u64 image;	/* load bias plus the image's base: what addresses among the captured words are relative to */
	gs_u64 parent_goid;	/* 0: unknown, or not asked for */
	gs_u64 created_at;	/* address relative to the image of the `go` statement that made the goroutine; 0: the same */
	gs_u32 probe;
	gs_u32 tgid;
	gs_u32 tid;
	gs_u32 site;	/* relative to the image */
	gs_u16 outcome;	/* enum gs_outcome */
	gs_u16 flags;	/* enum gs_event_flag */
	gs_u32 level;	/* calls of interest that were open around it, or those that might still prove to be */
	gs_u16 entry_slots;
	gs_u16 return_slots;
	gs_u16 entry_tail;	/* bytes */
	gs_u16 return_tail;
};

enum gs_outcome { GS_RETURNED = 0, GS_PANICKED = 1, GS_EXITED = 2, GS_PASSED = 3, GS_JUMPED = 4 };

enum gs_event_flag {
	GS_EVENT_NO_ENTRY = 1,	/* what was captured at the entry found no room */
};

/* What a value of `captures` begins with; the part of the entry follows as in an event. */
struct gs_capture {
	gs_u64 image;	/* as in the event */
	gs_u16 slots;
	gs_u16 tail;
	gs_u32 reserved;
};

/* Word of a GS_KEEP_BYTES slot: where its bytes begin in the tail, and how many were kept. */
enum gs_tail_place { GS_TAIL_OFFSET_BITS = 32 };

/*
 * What the programs do. Sites come and go one after the other, and calls within calls are told from each other by their ends:
 * so what is counted begins and ends for all sites at once, and never while some are there and others not.
 */
enum gs_measuring {
	GS_OFF,
	GS_ON,
	GS_ENDING,	/* sites of beginnings are coming off: calls that are open may still end */
	GS_MOVING,	/* all sites are coming, or going: hits are paid for, and tell nothing */
	GS_RETURNING = 4,	/* beside one of these: programs do the returns */
};

/* What hits of a probe take of their goroutine's time beside the program at them, ns. */
struct gs_price {
	gs_u32 entry;	/* where calls begin; of a place, where it is passed */
	gs_u32 exit;
	gs_u32 jump;	/* where they end by a jump */
	gs_u32 own;	/* what of its two hits is in a call's own time: after the entry's clock, and before the end's */
};

/* What lies between the programs at calls that do nothing, ns. */
struct gs_gap {
	gs_u64 calls;
	gs_u64 begun;	/* when the last program at a beginning was over */
	gs_u64 over;	/* when the last program was */
	gs_u64 inside;	/* sums, without the first calls: from a beginning to its end */
	gs_u64 between;	/* from there to the next beginning */
};
/* Those that find nothing in the CPU's caches. */
enum gs_gap_calls { GS_FIRST_CALLS = 2 };

/* What is measured of a call or a place. */
enum gs_measure {
	GS_MEASURE_DURATION = 0,
	GS_MEASURE_VALUE = 1,	/* gs_probe.value */
	GS_MEASURE_NOTHING = 2,	/* counted only */
};

/* Read-only data of the programs, set before load. */
struct gs_config {
	gs_u64 pid_ns_device;	/* with pid_ns_inode: tgid is read in that namespace; 0: the initial one */
	gs_u64 pid_ns_inode;
	gs_u32 tgid;		/* 0: any process */
	gs_u32 goid_offset;	/* in runtime.g */
	gs_u32 m_offset;
	gs_u32 curg_offset;	/* in runtime.m */
	gs_u32 sched_sp_offset;	/* in runtime.g */
	gs_s32 tls_offset;	/* of g, from the thread's FS base */
	gs_u32 probes;
	gs_u32 series_capacity;
	gs_u32 dimensions;
	gs_u32 key_bytes;	/* of gs_key.bytes in use */
	gs_u32 entry_dimensions;	/* 1: some dimension is evaluated at entry */
	gs_u32 return_dimensions;	/* 1: some at return */
	gs_u32 stacks;		/* 1: walk and keep stacks */
	gs_u32 histogram;	/* 1: keep histogram rows */
	gs_u32 has_loop;	/* 1: the kernel has bpf_loop (5.17) */
	gs_u32 one_recipe;	/* 1: every probe uses `only`, but for its nest and file: the verifier follows its steps alone */
	gs_u32 measure;		/* enum gs_measure */
	gs_u32 signed_value;	/* 1: values are signed */
	gs_u32 working;		/* 1: hits take a workspace: there are codes, or events */
	gs_u32 codes;		/* 1: some recipe, condition or capture is a code */
	gs_u32 conditions;	/* 1: some probe has a condition */
	gs_u32 events;		/* 1: every call and place of interest becomes an event */
	gs_u32 origins;		/* 1: with the goroutine's parent and the place where it was made */
	gs_u32 capture_bytes;	/* value_size of `captures`; 0: nothing is captured at entries */
	gs_u32 parent_goid_offset;	/* in runtime.g; 0: not there (go1.20 and before) */
	gs_u32 gopc_offset;	/* in runtime.g */
	gs_u32 sched_bp_offset;	/* in runtime.g, of a goroutine that has called C; 0: not known */
	gs_u32 nests;		/* 1: some probe is not of Go's calls and code alone: C functions, spans, places in C code */
	gs_u32 values;		/* 1: some spans are told apart by a value */
	gs_u32 net;		/* 1: durations are without probe time; of durations alone, and not with `values` */
	gs_u64 exe_inode;	/* of the program whose processes are measured; 0: any */
	gs_u64 exe_device;	/* as the kernel numbers it; 0: not compared */
	gs_u64 return_image;	/* of a program whose returns BPF programs may do: its load bias plus the image's base; 0: they may not */
	gs_u32 does_returns;	/* 1: those of this run do them */
	gs_u32 slots[GS_MAX_DIMENSIONS];	/* offset of each dimension in gs_key.bytes */
	struct gs_probe only;
};

_Static_assert(sizeof(struct gs_step) == 8, "gs_step");
_Static_assert(sizeof(struct gs_recipe) == 32 + 8 * GS_MAX_STEPS, "gs_recipe");
_Static_assert(sizeof(struct gs_key) == 16 + GS_KEY_BYTES, "gs_key");
_Static_assert(sizeof(struct gs_frame) == 32, "gs_frame");
_Static_assert(sizeof(struct gs_goroutine) == 56 + 32 * GS_INLINE_FRAMES, "gs_goroutine");
_Static_assert(sizeof(struct gs_event) % 8 == 0, "gs_event");
_Static_assert(sizeof(struct gs_capture) == 16, "gs_capture");

#endif
