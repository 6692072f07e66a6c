/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The same programs, with calls that are not Go's, and spans, on a stack of the CPU: see keep_own_stack. */
#define GOSPECT_NESTS
#define GOSPECT_SHARED_STACK
#include "calls.bpf.c"
